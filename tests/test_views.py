"""What a call looks like: in a notebook, in a terminal, in the footer and in its record."""

from __future__ import annotations

import io
import itertools
import json
import os
import pty
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.displaypub import CapturingDisplayPublisher, DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from traitlets import List
from traitlets.config import Config

from m1_magic.calls import (
    Attachment,
    Attempt,
    Call,
    CostSource,
    Finish,
    Message,
    ReasoningDelta,
    Receipt,
    Reply,
    Request,
    Started,
    Status,
    Text,
    TextDelta,
    ThinkingEnded,
    Totals,
    Usage,
    Waiting,
)
from m1_magic.jupyter.shell import hide_replies, show_replies
from m1_magic.pricing.dollars import money, money_at_most, money_limit
from m1_magic.render import choose, footer
from m1_magic.render.answer import bundle
from m1_magic.render.front_end import mode
from m1_magic.render.notebook_view import NotebookView, RecordView
from m1_magic.render.plain_view import PlainView
from m1_magic.render.terminal_view import TerminalView
from m1_magic.session.view import Silent
from m1_magic.settings.config import M1
from m1_magic.text import short_count, thousands

RECORD = footer.RECORD
SALES = Attachment("frame", "sales", "…", "stats", (336776, 19), 0, 14, 2, 1100)
REQUEST = Request(
    "minimax/minimax-m1", (Message("user", (Text("hi"),)),), 16000, attachments=(SALES,)
)
USAGE = Usage(1204, 2345, 312, 1900)


def receipt(
    text: str = "It is **4**.",
    *,
    thinking: str = "",
    status: Status = "ok",
    finish: str | None = "stop",
    usage: Usage | None = USAGE,
    cost: Decimal | None = Decimal("0.0054"),
    source: CostSource = "billed",
    totals: Totals | None = None,
    notes: tuple[str, ...] = (),
) -> Receipt:
    reply = Reply(
        text, thinking, usage, cost, source, "minimax/minimax-m1", finish, status, "call-1"
    )
    attempts = (Attempt("a"), Attempt("b", generation_id="gen-2"))
    at = datetime(2026, 1, 2, tzinfo=UTC)
    call = Call("call-1", at, REQUEST, reply, attempts, 14.2)
    return Receipt(call, totals or Totals(session=Decimal("0.0213")), notes)


class Recorder(DisplayPublisher):
    """Keeps what was published, as a front end would get it."""

    sent: List[dict[str, Any]] = List()

    def publish(self, data: Any, metadata: Any = None, **more: Any) -> None:  # type: ignore[override]
        json.dumps(data)
        self.sent.append({"data": data, **more})

    def clear_output(self, wait: bool = False) -> None:
        self.sent.append({"data": {}, "clear": wait})

    def outputs(self) -> list[dict[str, Any]]:
        """The cell's outputs, with updates and clearing applied."""
        shown: dict[Any, dict[str, Any]] = {}
        for number, message in enumerate(self.sent):
            if "clear" in message:
                shown.clear()
                continue
            key = (message.get("transient") or {}).get("display_id", number)
            assert (key in shown) == bool(message.get("update")), "an update without its display"
            shown[key] = message["data"]
        return list(shown.values())

    def bytes(self) -> int:
        return sum(len(json.dumps(message["data"]).encode()) for message in self.sent)


@pytest.fixture
def shell() -> InteractiveShell:
    made = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    made.display_pub = Recorder()
    return made


class Clock:
    """Seconds that pass by themselves, a little at each look."""

    def __init__(self, step: float) -> None:
        self.time, self.step = 0.0, step

    def __call__(self) -> float:
        self.time += self.step
        return self.time


def play(view: Any, answer: Receipt, size: int = 4) -> None:
    view.open(REQUEST, Decimal("0.0177"), "sales 344 × 8 → stats")
    view.feed(Started("gen-2"))
    reply = answer.call.reply
    for kind, text in ((ReasoningDelta, reply.thinking), (TextDelta, reply.text)):
        for at in range(0, len(text), size):
            view.feed(kind(text[at : at + size]))
    view.feed(Finish(reply.finish, reply.usage, reply.cost))
    view.close(answer)


def test_two_outputs_the_answer_and_the_footer(shell: InteractiveShell) -> None:
    play(NotebookView(shell, M1()), receipt(thinking="Two and two."))
    answer, foot = shell.display_pub.outputs()
    assert set(answer) == {"text/html", "text/plain"}
    assert answer["text/plain"] == "It is **4**."
    assert "<strong>4</strong>" in answer["text/html"]
    assert "<details><summary>thought 1,900 tokens</summary>" in answer["text/html"]
    assert set(foot) == {"text/html", "text/plain", RECORD}
    assert "asking" not in answer["text/html"]


RENDERS = pytest.mark.parametrize("render", ["html", "markdown", "text"])


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def last(shell: Any) -> str:
    """The text of the last output on the page."""
    return str(shell.display_pub.outputs()[-1]["text/html"])


def waiting(shell: Any, **settings: Any) -> tuple[NotebookView, Hand]:
    clock = Hand()
    view = NotebookView(shell, M1(**settings), now=clock)
    view.open(REQUEST, Decimal("0.0177"), "<b>sales</b> 344 × 8 → stats")
    return view, clock


def test_while_waiting_it_says_what_was_sent_how_long_ago_and_the_highest_price(
    shell: InteractiveShell,
) -> None:
    view, clock = waiting(shell)
    asking = "asking minimax/minimax-m1 · 0 s · &lt;b&gt;sales&lt;/b&gt; 344 × 8 → stats · at most"
    assert f"{asking} $0.018" in last(shell)
    clock.time = 75
    view.tick()
    assert "asking minimax/minimax-m1 · 1 min 15 s · " in last(shell)


def test_a_retry_counts_down(shell: InteractiveShell) -> None:
    view, clock = waiting(shell)
    view.feed(Waiting(12, "Too many requests <b>."))
    assert "Too many requests &lt;b&gt;. Trying again in 12 s." in last(shell)
    clock.time = 8.5
    view.tick()
    assert "Trying again in 4 s." in last(shell)
    clock.time = 13
    view.tick()
    assert "Trying again.<" in last(shell)
    view.feed(Started("gen-2"))
    clock.time = 14
    view.tick()
    assert "asking minimax/minimax-m1 · 14 s" in last(shell)


def test_the_line_tells_tokens_and_their_speed(shell: InteractiveShell) -> None:
    view, clock = waiting(shell)
    clock.time = 2
    view.feed(ReasoningDelta("hmm <i> " * 75))
    clock.time = 12
    view.feed(ReasoningDelta("so"))
    assert "thinking… ≈ 201 tokens · 20 tokens/s · 12 s" in last(shell)
    assert "hmm &lt;i&gt; so<" in last(shell) and last(shell).count("hmm") < 40
    view.feed(TextDelta("x" * 300))
    clock.time = 22
    view.tick()
    assert "answering… ≈ 301 tokens · 15 tokens/s · 22 s" in last(shell)
    answer, _ = shell.display_pub.outputs()
    assert "thought ≈ 201 tokens" in answer["text/html"] and "hmm" not in str(answer)


@pytest.mark.parametrize("thinking", ["hide", "drop"])
def test_thinking_that_is_not_wanted_is_counted_only(
    shell: InteractiveShell, thinking: str
) -> None:
    view, _ = waiting(shell, thinking=thinking)
    view.feed(ReasoningDelta("hmm"))
    view.tick()
    assert "hmm" not in str(shell.display_pub.sent)


@RENDERS
def test_what_came_before_a_stall_is_seen_in_it(shell: InteractiveShell, render: str) -> None:
    view, clock = waiting(shell, render=render)
    view.feed(TextDelta("first "))
    view.feed(TextDelta("second"))  # within a tenth of a second
    assert "second" not in str(shell.display_pub.outputs())
    clock.time = 0.2
    assert view.tick() is not None
    assert "first second" in str(shell.display_pub.outputs())


def test_the_line_ends_as_the_footer_and_nothing_is_cleared(shell: InteractiveShell) -> None:
    view, _ = waiting(shell)
    view.feed(TextDelta("It"))
    (_, line) = shell.display_pub.sent[-1]["transient"].values(), shell.display_pub.sent[-1]
    view.close(receipt("It is"))
    foot = shell.display_pub.sent[-1]
    assert foot["update"] and foot["transient"] == line["transient"] and RECORD in foot["data"]
    assert not any("clear" in message for message in shell.display_pub.sent)


def test_the_answer_grows_and_is_whole_at_the_end(shell: InteractiveShell) -> None:
    text = "Line of *text* with $x_1$.\n\n" * 40
    play(NotebookView(shell, M1(), now=Clock(0.05)), receipt(text))
    publisher = shell.display_pub
    pages = [message["data"].get("text/html", "") for message in publisher.sent]
    *growing, whole = [page for page in pages if "m1-answer" in page]
    sizes = [len(page) for page in growing]
    assert len(sizes) > 20 and sizes == sorted(sizes)
    assert not any("mathjax_process" in page for page in growing)
    answer, _ = publisher.outputs()
    assert answer["text/html"] == whole
    assert whole.count(r"\(x_1\)") == 40 == whole.count("_process te")
    assert answer["text/plain"] == text


SENTENCE = "A sentence of an answer, forty characters.\n\n"


def streamed(
    shell: Any, text: str, render: str = "html", *, pure: bool = True, size: int = 4
) -> Any:
    """8,000 characters a second, in deltas of so many."""
    clock = Hand()
    view = NotebookView(shell, M1(render=render), now=clock, pure=pure)
    view.open(REQUEST, Decimal("0.0177"), "")
    for at in range(0, len(text), size):
        clock.time += size / 8000
        view.feed(TextDelta(text[at : at + size]))
    view.close(receipt(text))
    return shell.display_pub


@RENDERS
def test_a_long_answer_ends_as_two_outputs_in_a_cell_of_ours(
    shell: InteractiveShell, render: str
) -> None:
    text = SENTENCE * 2200  # 97 kB
    publisher = streamed(shell, text, render)
    assert publisher.bytes() <= 10 * len(text)
    answer, foot = publisher.outputs()
    assert answer["text/plain"] == text and foot[RECORD]["status"] == "ok"


@RENDERS
@pytest.mark.parametrize(("sentences", "pure"), [(2200, False), (2400, True)])
def test_else_its_blocks_stay_and_nothing_is_cleared(
    shell: InteractiveShell, render: str, sentences: int, pure: bool
) -> None:
    text = SENTENCE * sentences
    publisher = streamed(shell, text, render, pure=pure)
    assert not any("clear" in message for message in publisher.sent)
    *blocks, foot = publisher.outputs()
    assert "".join(block["text/plain"] for block in blocks) == text
    assert 2 < len(blocks) < 49 and RECORD in foot
    assert publisher.bytes() <= 10 * len(text)


def test_a_megabyte_makes_fewer_than_fifty_outputs(shell: InteractiveShell) -> None:
    text = SENTENCE * 23_000
    publisher = streamed(shell, text, size=100)
    assert len(publisher.outputs()) < 50
    assert publisher.bytes() <= 14 * len(text)


@pytest.mark.parametrize("pure", [True, False])
@RENDERS
def test_blocks_that_were_thinking_are_taken_back(
    shell: InteractiveShell, pure: bool, render: Any
) -> None:
    clock, thought = Hand(), "A thought of several words.\n\n" * 300
    view = NotebookView(shell, M1(render=render, thinking="show"), now=clock, pure=pure)
    view.open(REQUEST, None, "")
    for at in range(0, len(thought), 40):
        clock.time += 0.1
        view.feed(TextDelta(thought[at : at + 40]))
    assert len(shell.display_pub.outputs()) > 3  # blocks that would have stayed
    view.feed(ThinkingEnded())
    assert view._progress.thinking == thought.strip("\n")
    view.feed(TextDelta("Thirty."))
    view.close(receipt("Thirty.", thinking=thought.strip("\n")))
    *before, answer, foot = shell.display_pub.outputs()
    assert answer["text/plain"] == "Thirty." and RECORD in foot
    assert all(one == {"text/plain": ""} for one in before) and bool(before) is not pure


@pytest.mark.parametrize("block", [1_900, 2_050, 3_900, 4_100, 90_000])
def test_no_size_of_paragraphs_makes_fifty_outputs(shell: InteractiveShell, block: int) -> None:
    text = (f"{'word ' * (block // 5)}\n\n") * (2_000_000 // block)
    clock = Hand()
    view = NotebookView(shell, M1(render="text"), now=clock)
    for at in range(0, len(text), 900):
        clock.time += 0.2
        view.feed(TextDelta(text[at : at + 900]))
    view.close(receipt(text))
    assert 2 < len(shell.display_pub.outputs()) < 50


def test_one_endless_block_is_painted_within_its_bytes(shell: InteractiveShell) -> None:
    text = "```python\n" + "x = [1, 2, 3]  # a line\n" * 4000
    publisher = streamed(shell, text)
    assert len(publisher.outputs()) == 2
    assert publisher.bytes() <= 10 * len(text)


FAR = (
    "Look[^1] at [the manual][doc].\n\n" + SENTENCE * 150 + "And[^n] again[^1].\n\n"
    "[^1]: The *first* note.\n\n[^n]: Another.\n\n[^l]: A loose one.\n\n"
    "[doc]: https://docs.example/a\n"
)


def test_blocks_that_stay_show_what_is_defined_far_below_them(shell: InteractiveShell) -> None:
    publisher = streamed(shell, FAR, pure=False)
    *blocks, _ = publisher.outputs()
    pages = [block["text/html"] for block in blocks]
    assert len(pages) > 2
    assert "Look<sup>[1]</sup> at <a href" in pages[0] and "<em>first</em> note" in pages[0]
    assert "And<sup>[1]</sup> again<sup>[2]</sup>" in pages[-1] and "Another" in pages[-1]
    assert "[^l]: A loose one." in pages[-1] and "A loose one" not in pages[0]
    assert "".join(block["text/plain"] for block in blocks) == FAR
    again = [m for m in publisher.sent if m.get("update") and "Look<sup>" in str(m["data"])]
    assert len(again) == 1  # once, at the end


def test_blocks_are_cut_where_nothing_can_change_them(shell: InteractiveShell) -> None:
    code = "```python\nx = 1\n\ny = 2\n```"
    part = f"# Head\n\n- a\n- b\n\n  c\n\n{code}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    publisher = streamed(shell, part * 400, pure=False)
    *blocks, _ = publisher.outputs()
    assert len(blocks) > 2
    for block in blocks:
        assert block["text/plain"].lstrip().startswith(("# Head", "- a", "```python", "| a"))
        assert block["text/plain"].count("```") % 2 == 0


def test_thinking_is_folded_once_above_a_long_answer(shell: InteractiveShell) -> None:
    text = SENTENCE * 400
    view = NotebookView(shell, M1(), now=Clock(1 / 2000))
    play(view, receipt(text, thinking="hmm " * 50))
    *blocks, _ = shell.display_pub.outputs()
    assert len(blocks) > 1
    assert ["<details" in block["text/html"] for block in blocks] == [True] + [False] * (
        len(blocks) - 1
    )


def test_a_call_that_fails_without_a_word_leaves_only_its_footer(shell: InteractiveShell) -> None:
    view = NotebookView(shell, M1(), now=Clock(0), pure=True)
    view.open(REQUEST, None, "")
    view.close(receipt("", status="failed", finish=None, cost=None, source="unknown", usage=None))
    (foot,) = shell.display_pub.outputs()
    assert foot[RECORD]["status"] == "failed"


def test_s116_at_most_ten_paintings_a_second(shell: InteractiveShell) -> None:
    clock = Clock(0.01)
    play(NotebookView(shell, M1(), now=clock), receipt("x" * 4000))
    assert 5 < len(shell.display_pub.sent) <= clock.time * 10 + 4


def test_under_capture_one_bundle_is_sent(shell: InteractiveShell) -> None:
    shell.display_pub = CapturingDisplayPublisher()
    play(choose(shell, M1()), receipt("x" * 400))
    (only,) = shell.display_pub.outputs
    assert only["data"]["text/plain"].startswith("x" * 400 + "\n\n") and not only["update"]
    assert only["data"]["text/html"].count("x" * 400) == 1
    assert only["data"][RECORD]["status"] == "ok"


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_a_partial_answer_is_painted(shell: InteractiveShell, status: Status) -> None:
    view = NotebookView(shell, M1(), now=Clock(0))
    view.open(REQUEST, None, "")
    view.feed(TextDelta("half of"))
    view.close(receipt("half of it", status=status, finish=None, cost=None, source="unknown"))
    answer, foot = shell.display_pub.outputs()
    assert "half of it" in answer["text/html"]
    assert ("stopped" if status == "stopped" else "cut off") in foot["text/plain"]
    assert "$?" in foot["text/plain"] and foot[RECORD]["cost_usd"] is None


def test_close_without_open_and_text_shows_what_was_thought_and_the_footer(
    shell: InteractiveShell,
) -> None:
    NotebookView(shell, M1()).close(receipt("", status="failed", finish=None))
    thought, foot = shell.display_pub.outputs()
    assert "thought 1,900 tokens" in thought["text/html"] and RECORD in foot


@pytest.mark.parametrize(
    ("thinking", "shown", "saved"),
    [("fold", "<details><summary>", True), ("show", "<details open>", True),
     ("hide", "thought 1,900 tokens", False), ("drop", "", False)],
)  # fmt: skip
@pytest.mark.parametrize("render", ["html", "markdown"])
def test_thinking(
    shell: InteractiveShell, thinking: str, shown: str, saved: bool, render: str
) -> None:
    chosen = M1(thinking=thinking, render=render)
    play(NotebookView(shell, chosen, now=Clock(1)), receipt(thinking="because <b>of</b> it"))
    answer, _ = shell.display_pub.outputs()
    assert "because" not in answer["text/plain"]
    if render == "html":
        page = answer["text/html"]
        assert shown in page and ("because" in page) == saved
        assert "<b>" not in page and ("thought" in page) == (thinking != "drop")
    if thinking == "drop":
        assert not any("because" in json.dumps(message) for message in shell.display_pub.sent)


def test_markdown_mode_is_inert(shell: InteractiveShell) -> None:
    play(NotebookView(shell, M1(render="markdown")), receipt("a <img src=x onerror=1> $x$"))
    answer, _ = shell.display_pub.outputs()
    assert set(answer) == {"text/markdown", "text/plain"}
    assert "<img" not in answer["text/markdown"] and "$x$" in answer["text/markdown"]


def test_mode_follows_the_front_end(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mode(M1(), shell) == "html"
    monkeypatch.setenv("VSCODE_PID", "1")
    assert mode(M1(), shell) == "markdown" and mode(M1(render="html"), shell) == "html"
    monkeypatch.delenv("VSCODE_PID")
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert mode(M1(), shell) == "markdown"


def test_choose(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(choose(shell, M1()), NotebookView)
    assert isinstance(choose(shell, M1(), quiet=True), RecordView)
    assert isinstance(choose(shell, M1(), raw=True), PlainView)
    assert isinstance(choose(None, M1()), PlainView)  # captured stdout is no terminal
    assert isinstance(choose(None, M1(), quiet=True), Silent)
    terminal = object.__new__(TerminalInteractiveShell)
    assert isinstance(choose(terminal, M1(), quiet=True), Silent)
    assert isinstance(choose(terminal, M1()), PlainView)


def test_quiet_keeps_the_record_alone(shell: InteractiveShell) -> None:
    play(choose(shell, M1(), quiet=True), receipt())
    (only,) = shell.display_pub.outputs()
    assert only.pop("text/plain") == "" and only[RECORD]["cost_usd"] == 0.0054


def test_raw_streams_text_and_then_the_footer(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    play(choose(shell, M1(), raw=True), receipt("It \x1b[31mis **4**.", thinking="hm"))
    assert capsys.readouterr().out == "It ␛[31mis **4**.\n"
    (foot,) = shell.display_pub.outputs()
    assert foot[RECORD]["id"] == "call-1"


@pytest.mark.parametrize("keep", [True, False])
def test_what_was_thinking_is_printed_only_where_it_may_be_seen(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], keep: bool
) -> None:
    """What is printed cannot be taken back."""
    view = choose(shell, M1(), raw=True)
    view.open(replace(REQUEST, keep_thinking=keep), None, "")
    for event in (TextDelta("Ho"), TextDelta("hum."), ThinkingEnded(), TextDelta("Ye")):
        view.feed(event)
    hint = "Hohum.\n\n(Up to here it was thinking. The answer:)\n\n" if keep else ""
    assert capsys.readouterr().out == f"{hint}Ye"
    view.feed(TextDelta("s."))
    view.close(receipt("Yes."))
    assert capsys.readouterr().out == "s.\n"


@pytest.mark.parametrize("apart", [True, False])
def test_an_answer_without_thinking_in_it_is_printed(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], apart: bool
) -> None:
    view = choose(shell, M1(), raw=True)
    view.open(replace(REQUEST, keep_thinking=False), None, "")
    if apart:
        view.feed(ReasoningDelta("hm"))
    view.feed(TextDelta("Yes."))
    assert capsys.readouterr().out == ("Yes." if apart else "")
    view.close(receipt("Yes."))
    assert capsys.readouterr().out == ("\n" if apart else "Yes.\n")


def test_plain_text_where_stdout_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    play(choose(None, M1()), receipt(thinking="hm"))
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["It is **4**.", "thought 1,900 tokens"]
    assert out[2].startswith("minimax/minimax-m1 · 1,204 in") and out[3].startswith("sales")


ATTACK = "# T\n\n\x1b]8;;http://evil.example\x07[x](http://evil.example)\x1b[2J ![p](http://e.example/p)\n"


class Terminal(io.TextIOBase):
    """A real pseudo-terminal that keeps what it is sent."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.got = b""

    def isatty(self) -> bool:
        return os.isatty(self.slave)

    def fileno(self) -> int:
        return self.slave

    def write(self, text: str) -> int:
        data = text.encode()
        for at in range(0, len(data), 500):  # less than the terminal's own buffer
            os.write(self.slave, data[at : at + 500] + b"\x00")
            while not self.got.endswith(b"\x00"):
                self.got += os.read(self.master, 65536)
            self.got = self.got[:-1]
        return len(text)


def on_terminal(settings: M1, answer: Receipt, step: float = 0.05) -> str:
    """Play a call on a pseudo-terminal and return what it got."""
    terminal = Terminal()
    try:
        play(TerminalView(settings, file=terminal, now=Clock(step)), answer)  # type: ignore[arg-type]
    finally:
        os.close(terminal.slave)
        os.close(terminal.master)
    return terminal.got.decode("utf-8", "replace")


def test_a_terminal_shows_all_of_a_long_answer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    text = "".join(f"- item {number:04}\n" for number in range(300))
    got = on_terminal(M1(), receipt(text, thinking="hm"), step=0.004)
    final = got[got.rindex("thought 1,900 tokens") :]
    assert all(final.count(f"item {number:04}") == 1 for number in range(300))
    assert "\x1b[2mminimax/minimax-m1 · 1,204 in" in final
    assert "asking minimax/minimax-m1" in got


def test_a_terminal_aligns_columns_as_they_are_written() -> None:
    file = io.StringIO()
    view = TerminalView(M1(), file)
    view.close(receipt("| name | n |\n|---|---:|\n| a | 5 |\n| b | 12345 |\n"))
    rows = [line.rstrip() for line in file.getvalue().splitlines()]
    assert len(next(row for row in rows if row.endswith(" 5"))) == len(
        next(row for row in rows if row.endswith("12345"))
    )


def test_a_terminal_gets_no_sequence_from_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    got = on_terminal(M1(), receipt(ATTACK))
    assert "\x1b]" not in got and "\x1b[2J" not in got
    assert "http://evil.example" in got


FOOTER = (
    "minimax/minimax-m1 · 1,204 in (312 cached) · 2,345 out (1,900 thinking) · $0.0054 · "
    "session $0.0213 of $1.00 · 14.2 s"
)


def test_footer_line_as_the_manual_shows_it() -> None:
    totals = Totals(Decimal("0.0213"), Decimal("0.0213"), budget=Decimal(1))
    assert footer.lines(receipt(totals=totals, notes=("a\x1b[1m note",)), M1()) == [
        FOOTER,
        "sales 336,776 × 19 → stats, 1.1k tokens, 0 rows, 14 labels, 2 columns masked",
        "0 of 1 figure stands in what was sent",
        "a [1m note",
    ]


@pytest.mark.parametrize(
    ("case", "part"),
    [
        ({"totals": Totals(Decimal(1), Decimal("0.02"), budget=Decimal("0.5"), period="day")},
         " · day $0.0200 of $0.50 · "),
        ({"totals": Totals(Decimal("0.1"), unknown=2)}, " · session $0.1000 + 2 unknown · "),
        ({"usage": Usage(5, 7)}, " · 5 in · 7 out · "),
        ({"usage": Usage(5, 7, estimated=True)}, " · ≈ 5 in · ≈ 7 out · "),
        ({"usage": Usage(), "source": "cached", "cost": Decimal(0)}, "-m1 · cached, $0 · "),
        ({"usage": None}, "minimax/minimax-m1 · $0.0054 · "),
        ({"source": "estimated"}, " · ≈$0.0054 · "),
        ({"source": "unknown", "cost": None}, " · $? · "),
        ({"source": "replayed", "cost": Decimal(0)}, " · replayed · $0 · "),
        ({"source": "offline", "cost": Decimal(0)}, " · offline · "),
        ({"status": "truncated"}, " · 14.2 s · truncated: length limit"),
        ({"status": "truncated", "text": ""}, "truncated: all 1,900 tokens went into thinking"),
        ({"status": "stopped"}, " · stopped"),
        ({"status": "failed"}, " · cut off"),
        ({"status": "failed", "text": ""}, " · failed"),
    ],
)  # fmt: skip
def test_footer_line_variants(case: dict[str, Any], part: str) -> None:
    assert part in footer.line(receipt(**case), M1())


def test_a_stable_footer_has_no_seconds_and_sums() -> None:
    made = footer.bundle(receipt(), M1(footer="stable"))
    assert made["text/plain"].splitlines()[0].endswith("(1,900 thinking) · $0.0054")
    assert made[RECORD]["seconds"] is None and "14.2" not in json.dumps(made)


def test_the_record_is_exact() -> None:
    assert footer.record(receipt(), M1()) == {
        "id": "call-1",
        "generation_id": "gen-2",
        "model": "minimax/minimax-m1",
        "usage": {"input": 1204, "output": 2345, "reasoning": 1900, "cached": 312},
        "cost_usd": 0.0054,
        "cost_source": "billed",
        "seconds": 14.2,
        "status": "ok",
        "finish": "stop",
    }
    bare = receipt(usage=None, cost=None, source="unknown")
    unsent = footer.record(replace(bare, call=replace(bare.call, attempts=())), M1())
    assert unsent["usage"] is None and unsent["cost_usd"] is None
    assert unsent["generation_id"] is None


def test_footer_html_escapes_what_others_named() -> None:
    hostile = Attachment("file", '<img src="x">.md', "…", tokens=10)
    call = replace(receipt().call, request=replace(REQUEST, attachments=(hostile,)))
    page = footer.html_footer(Receipt(call, notes=("<script>",)), M1())
    assert "<img" not in page and "<script" not in page and "&lt;img" in page
    assert "mathjax_ignore" in page


NANO = st.integers(0, 10**14).map(lambda nano: Decimal(nano).scaleb(-9))


@given(NANO)
def test_m20_money_is_never_zero_unless_it_is(amount: Decimal) -> None:
    text = money(amount)
    value = Decimal(text.removeprefix("$").replace(",", ""))
    assert (value == 0) == (amount == 0)
    if not amount:
        return
    decimals = text.partition(".")[2]
    assert len(decimals) >= 4
    assert len(text.replace("$", "").replace(",", "").replace(".", "").lstrip("0")) >= 2
    assert abs(value - amount) <= Decimal(1).scaleb(-len(decimals)) / 2
    assert len(decimals) == 4 or amount < Decimal("0.001")


@given(NANO)
def test_the_record_reads_back_to_the_last_digit(amount: Decimal) -> None:
    wire = json.dumps(footer.record(receipt(cost=amount), M1()))
    assert json.loads(wire, parse_float=Decimal)["cost_usd"] == amount


@given(NANO)
def test_an_upper_bound_is_never_shown_too_low(amount: Decimal) -> None:
    value = Decimal(money_at_most(amount).removeprefix("$").replace(",", ""))
    assert amount <= value <= amount * Decimal("1.1") + Decimal("1e-9")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.00000042", "$0.00000042"), ("0.000421", "$0.00042"), ("0.0054", "$0.0054"),
     ("1.5", "$1.5000"), ("1234.5", "$1,234.5000"), ("0", "$0"), ("0.00009999", "$0.000100")],
)  # fmt: skip
def test_money(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text
    assert money(None) == "$?"


def test_counts_limits_and_bounds() -> None:
    assert [short_count(n) for n in (0, 950, 999, 1100, 9949, 12_345, 999_949, 1_200_000)] == [
        "0", "950", "999", "1.1k", "9.9k", "12k", "1M", "1.2M",
    ]  # fmt: skip
    assert thousands(1204) == "1,204"
    assert [money_limit(Decimal(t)) for t in ("1", "0.5", "0.001")] == ["$1.00", "$0.50", "$0.001"]
    assert [money_at_most(Decimal(t)) for t in ("0.07", "0.0177", "1.231")] == [
        "$0.07", "$0.018", "$1.24",
    ]  # fmt: skip


def test_a_reply_shown_again_displays_itself(shell: InteractiveShell) -> None:
    reply = receipt("a <b> **c**", thinking="hm").call.reply
    before, _ = shell.display_formatter.format(reply)
    show_replies(shell, M1())
    data, _ = shell.display_formatter.format(reply)
    assert data == bundle(reply, M1()) and data["text/plain"] == "a <b> **c**"
    assert "<strong>c</strong>" in data["text/html"] and "<b>" not in data["text/html"]
    hide_replies(shell)
    after, _ = shell.display_formatter.format(reply)
    assert after == before and "<b>" not in after["text/html"]  # by itself, as in marimo


def test_display_ids_differ(shell: InteractiveShell) -> None:
    for _ in itertools.repeat(None, 2):
        play(NotebookView(shell, M1()), receipt())
    assert len(shell.display_pub.outputs()) == 4
