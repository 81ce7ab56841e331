"""Calls of tools in an answer: shown as they come and where they stand, and asked about."""

from __future__ import annotations

import builtins
import io
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

import test_views as views
from browser.payloads import CASES
from m1_magic.calls import (
    Finish,
    ReasoningDelta,
    Receipt,
    Reply,
    Started,
    TextDelta,
    ThinkingEnded,
    ToolEnded,
)
from m1_magic.events import ToolAsked, ToolCallDelta
from m1_magic.interrupts import Stop
from m1_magic.messages import ToolCall
from m1_magic.render import choose, footer, tools
from m1_magic.render.answer import bundle
from m1_magic.render.approval import ByButtons, Nobody, Prompted, approver
from m1_magic.render.front_end import Mode
from m1_magic.render.grid import Column
from m1_magic.render.notebook_view import NotebookView
from m1_magic.render.plain_view import PlainView
from m1_magic.render.terminal_view import TerminalView
from m1_magic.render.viewers import live
from m1_magic.settings.config import M1
from m1_magic.tools.answer import CUT_OFF, SAID_NO
from m1_magic.widgets import question
from test_views import shell as shell  # the fixture

Round = tuple[str, list[ToolEnded]]
BEST = ToolCall("c1", "best", '{"city": "Paris", "top": 3}')
SQL = ToolCall("c2", "sql", json.dumps({"query": "SELECT 1 < 2"}))
FAR = ToolCall("c3", "weather", '{"place": "Lyon"}')
ROUNDS: list[Round] = [
    ("First **I** look.\n", [ToolEnded(BEST, "Septime\nLe Procope")]),
    ("", [ToolEnded(SQL, "true"), ToolEnded(FAR, "ValueError: no <b>such</b> place", "failed")]),
    ("So: *Septime*.", []),
]


def answered(rounds: list[Round], **more: Any) -> Receipt:
    """The receipt of a call that had these rounds."""
    text, ended = "", []
    for words, calls in rounds:
        text += words
        ended += [replace(one, at=len(text)) for one in calls]
    receipt = views.receipt(text, **more)
    reply = replace(receipt.call.reply, tools=tuple(ended))
    return replace(receipt, call=replace(receipt.call, reply=reply))


def feed(view: Any, rounds: list[Round], clock: views.Hand | None = None, size: int = 4) -> None:
    """Tell a view of rounds as the session would."""
    view.open(views.REQUEST, None, "")
    for number, (words, calls) in enumerate(rounds):
        view.feed(Started(f"gen-{number}"))
        for event in (*text(words, size), *pieces(calls, size)):
            if clock:
                clock.time += size / 8000
            view.feed(event)
        view.feed(Finish("tool_calls" if calls else "stop"))
        for one in calls:
            view.feed(ToolAsked(one.call))
            view.tick()
            view.feed(one)


def text(words: str, size: int) -> Iterator[TextDelta]:
    return (TextDelta(words[at : at + size]) for at in range(0, len(words), size))


def pieces(calls: list[ToolEnded], size: int) -> Iterator[ToolCallDelta]:
    for index, one in enumerate(calls):
        yield ToolCallDelta(index, "", one.call.id, one.call.name)
        given = one.call.arguments
        for at in range(0, len(given), size):
            yield ToolCallDelta(index, given[at : at + size])


def in_order(shown: str, *words: str) -> bool:
    places = [shown.find(one) for one in words]
    return -1 not in places and places == sorted(places)


def words_of(shown: str, mode: str = "html") -> str:
    """What a reader sees of it."""
    tags = r"<style>.*?</style>|<[^>]*>" if mode == "html" else r"[\\\u2060*]"
    return re.sub(tags, "", shown)


ORDER = ("look", "best(", "Septime Le Procope", "sql(", "weather(", "failed: ", "So:")


@views.RENDERS
@pytest.mark.parametrize("pure", [True, False])
def test_rounds_stand_in_order_and_as_when_they_are_shown_again(
    shell: InteractiveShell, render: str, pure: bool
) -> None:
    settings, receipt = M1(render=render), answered(ROUNDS)
    view = NotebookView(shell, settings, now=views.Clock(0.2), pure=pure)
    feed(view, ROUNDS)
    view.close(receipt)
    kind = {"html": "text/html", "markdown": "text/markdown", "text": "text/plain"}[render]
    *answer, foot = shell.display_pub.outputs()
    shown = "".join(one.get(kind, "") for one in answer)
    words = words_of(shown, render)
    assert in_order(words, *ORDER), words
    assert words.count("best(") == 1 and "such" in words
    assert "3 calls of tools, 1 failed, 2 requests" in foot["text/plain"]
    again = bundle(receipt.call.reply, settings, render)  # type: ignore[arg-type]
    letters = ["".join(words_of(one, render).split()) for one in (again[kind], shown)]
    assert letters[0] == letters[1]
    assert not any("clear" in message for message in shell.display_pub.sent)  # what it printed
    if render == "html":
        assert shown.count("<details>") == 3 and "no &lt;b&gt;such&lt;/b&gt; place" in shown
        assert "<strong>I</strong>" in shown and "<em>Septime</em>" in shown


def test_arguments_are_shown_as_they_come(shell: InteractiveShell) -> None:
    view = NotebookView(shell, M1(), now=views.Clock(0.2))
    view.open(views.REQUEST, None, "")
    view.feed(ToolCallDelta(0, "", "c1", "be<b>st"))
    view.feed(ToolCallDelta(0, '{"city": "<i>Par'))
    shown = re.sub("</?span[^>]*>", "", str(shell.display_pub.outputs()))
    assert "be&lt;b&gt;st({&quot;city&quot;: &quot;&lt;i&gt;Par" in shown and "<i>" not in shown
    view.feed(ToolAsked(ToolCall("c1", "be<b>st", '{"city": "<i>Paris"}')))
    last = str(shell.display_pub.outputs())
    assert "calling be&lt;b&gt;st" in last and "Paris" in last


def test_a_try_that_failed_leaves_no_call(shell: InteractiveShell) -> None:
    view = NotebookView(shell, M1(), now=views.Clock(0.2))
    view.open(views.REQUEST, None, "")
    view.feed(ToolCallDelta(0, '{"a": 1', "c0", "lost"))
    view.feed(Started("gen-2"))
    feed(view, ROUNDS)
    view.close(answered(ROUNDS))
    assert "lost" not in str(shell.display_pub.outputs())


@pytest.mark.parametrize(("render", "many"), [("html", 60), ("markdown", 20)])
def test_many_rounds_cost_the_page_little_more_than_their_text(
    shell: InteractiveShell, render: str, many: int
) -> None:
    rounds: list[Round] = []
    for number in range(many):
        call = ToolCall(f"c{number}", "look", json.dumps({"query": f"word {number} " * 150}))
        rounds.append((f"Round {number}: {'words ' * 100}\n", [ToolEnded(call, "row\n" * 500)]))
    clock = views.Hand()
    view = NotebookView(shell, M1(render=render), now=clock, pure=False)
    feed(view, rounds, clock)
    view.close(answered(rounds))
    assert len(shell.display_pub.outputs()) < 50
    size = sum(len(words) + len(c.call.arguments) + len(c.text) for words, (c,) in rounds)
    assert shell.display_pub.bytes() <= 10 * size


def test_one_endless_call_is_painted_within_its_bytes_and_cut(shell: InteractiveShell) -> None:
    given = json.dumps({"code": "x = [1, 2, 3]\n" * 8000})
    rounds: list[Round] = [("", [ToolEnded(ToolCall("c", "run", given), "9" * 500_000)])]
    clock = views.Hand()
    view = NotebookView(shell, M1(), now=clock)
    feed(view, rounds, clock)
    view.close(answered(rounds))
    assert shell.display_pub.bytes() <= 10 * len(given)
    assert "495,000 characters more" in shell.display_pub.outputs()[0]["text/html"]


def test_thinking_of_a_later_round_takes_no_earlier_call_away(shell: InteractiveShell) -> None:
    for pure in (True, False):
        shell.display_pub.sent.clear()
        view = NotebookView(shell, M1(), now=views.Clock(0.2), pure=pure)
        feed(view, ROUNDS[:2])
        for piece in text("Hm, " * 2000 + "\n\nno.\n", 200):
            view.feed(piece)
        view.feed(ThinkingEnded())
        view.feed(TextDelta("So: *Septime*."))
        assert "Hm" not in str(shell.display_pub.outputs())
        view.close(answered(ROUNDS))
        shown = "".join(one.get("text/plain", "") for one in shell.display_pub.outputs())
        assert in_order(shown, *ORDER) and shown.count("best(") == 1


def test_the_thinking_of_all_rounds_is_folded_above(shell: InteractiveShell) -> None:
    view = NotebookView(shell, M1(), now=views.Clock(0.2))
    feed(view, ROUNDS[:1])
    view.feed(TextDelta("So."))
    view.feed(ReasoningDelta("And now <b>the rest</b>."))
    said = answered([ROUNDS[0], ("So.", [])], thinking="Hm.\n\nAnd now <b>the rest</b>.")
    view.close(said)
    first = shell.display_pub.outputs()[0]["text/html"]
    assert "thought 1,900 tokens" in first and "now &lt;b&gt;the rest" in first


def test_columns_side_by_side_show_calls_too() -> None:
    column = Column(M1(), views.Clock(0.2), 1, "a")
    feed(column, ROUNDS)
    modes: tuple[Mode, ...] = ("html", "markdown", "text")
    for mode in modes:
        column.stale = True
        shown = words_of(column.growing(mode), mode)
        assert in_order(shown, *ORDER), shown


def test_plain_text_says_each_call_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for raw in (False, True):
        view = PlainView(M1(), raw=raw)
        feed(view, ROUNDS)
        view.close(answered(ROUNDS))
        said = capsys.readouterr().out
        first = "First **I** look.\n" + "best(city='Paris', top=3) → Septime Le Procope\n" * (
            not raw
        )
        assert said.startswith(first), said
        assert ("weather(place='Lyon') failed: " in said) is not raw
        assert "\nSo: *Septime*.\n" in said


def test_a_terminal_shows_rounds_once_and_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    file = io.StringIO()
    view = TerminalView(M1(), file)
    feed(view, ROUNDS)
    view.close(answered(ROUNDS))
    shown = file.getvalue()
    assert in_order(shown, *ORDER), shown
    assert [shown.count(one) for one in ("look.", "best(", "sql(", "So:")] == [1, 1, 1, 1]


def test_a_terminal_writes_nothing_between_question_and_end() -> None:
    terminal = views.Terminal()
    try:
        view = TerminalView(M1(), terminal, now=views.Clock(0.5))  # type: ignore[arg-type]
        view.open(views.REQUEST, None, "")
        view.feed(TextDelta("I look."))
        view.feed(ToolAsked(BEST))
        before = len(terminal.got)
        view.tick()
        view.tick()
        assert len(terminal.got) == before
        view.feed(ToolEnded(BEST, "Septime"))
        view.close(answered(ROUNDS))
    finally:
        os.close(terminal.slave)
        os.close(terminal.master)


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


SAFE = {
    *("style", "details", "summary", "pre", "code", "div", "span", "p", "div class", "div style"),
    *("span class", "span style", "pre style", "pre class"),
}


def test_nothing_of_a_call_is_alive() -> None:
    hostile = [case.text("http://evil.example") for case in CASES]
    hostile += ["</pre></details>```\n<img src=x onerror=1>", "\x1b]0;x\x07\u202e\x00\ud800"]
    for number, text in enumerate(hostile):
        given = text if number % 2 else json.dumps({"a": text, "b": [text]})
        ended = ToolEnded(ToolCall("c", text, given), text, "failed")
        coming = tools.Coming("c", text, given, complete=bool(number % 4 // 2))
        page = tools.html([ended], [coming])
        assert Tags(page).found <= SAFE, page
        assert "\x1b" not in page and "\u202e" not in page
        assert not live(tools.markdown([ended], [coming])), text
        for line in (*tools.lines([ended], [coming]), footer.as_html([tools.line(ended)])):
            assert "\n" not in line and "\x1b" not in line and "\ud800" not in line
        json.dumps(bundle(Reply("a", tools=(ended,)), M1())).encode()


def test_the_footer_says_what_became_of_calls() -> None:
    no = ToolEnded(BEST, SAID_NO, "refused")
    ended = [no, ROUNDS[1][1][1], ToolEnded(FAR, "", "refused")]
    receipt = answered([("", ended)])
    refused = "3 calls of tools, 1 failed, 1 refused (--yes calls without asking), 1 not made"
    assert footer.lines(receipt, M1())[-1] == f"{refused}, 2 requests"
    assert footer.lines(receipt, M1(footer="stable"))[-1] == refused
    one = answered([("", ROUNDS[0][1])])
    one = replace(one, call=replace(one.call, attempts=one.call.attempts[:1]))
    assert footer.lines(one, M1())[-1] == "1 call of tools"
    cut = answered([("", [ToolEnded(BEST, CUT_OFF, "refused")])])
    assert footer.lines(cut, M1(footer="stable"))[-1] == "1 call of tools, 1 refused"
    assert "tools" not in str(footer.lines(answered([("a", [])]), M1()))


def test_odd_arguments_stay_as_they_came() -> None:
    for given in (
        "",
        "{}",
        '{"a": 1',
        "[1]",
        '{"a b": 1}',
        "[" * 90_000,
        '{"a": ' + "9" * 9000 + "}",
    ):
        shown = ToolCall("c", "f", given).python
        assert shown == (f"f({given})" if given not in ("", "{}") else "f()")
    assert ToolCall("c", "f", '{"a": null, "b": true}').python == "f(a=None, b=True)"


# -- asking ------------------------------------------------------------------------------------


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str | BaseException) -> list[str]:
    """Let these be typed; return the prompts."""
    prompts: list[str] = []
    left = list(lines)

    def answer(prompt: str = "") -> str:
        prompts.append(prompt)
        line = left.pop(0)
        if isinstance(line, BaseException):
            raise line
        return line

    monkeypatch.setattr(builtins, "input", answer)
    return prompts


@pytest.mark.parametrize(
    ("lines", "decision"),
    [
        (["y"], "yes"), ([" YES "], "yes"), (["n"], "no"), (["No"], "no"), (["a"], "always"),
        (["Always"], "always"), (["", "yes please", "1", "ja", "y\x00", "n"], "no"),
        ([EOFError()], "no"), (["maybe", EOFError()], "no"), ([OSError()], "no"),
        ([RuntimeError("lost sys.stdin")], "no"),
    ],
)  # fmt: skip
def test_a_line_of_input_is_asked_for_until_it_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, lines: list[Any], decision: str
) -> None:
    prompts = typed(monkeypatch, *lines)
    assert Prompted().decide(BEST, "best(city='Paris')") == decision
    assert len(prompts) == len(lines) and set(prompts) == {"Call best? y/n/always: "}


def test_ctrl_c_ends_the_call_and_what_is_asked_is_no_sequence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = typed(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Prompted().decide(ToolCall("c", "x\x1b]0;\x07\ny", "{}"), "f('\x1b[2J\u202e" + "9" * 9000)
    said = capsys.readouterr().out + "".join(prompts)
    assert "\x1b" not in said and "\u202e" not in said and len(said) < 3000
    assert "characters left out" in said


def test_nobody_is_asked_where_nobody_is(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(approver(None), Nobody)  # pytest's streams are no terminal
    said = {"content": {"allow_stdin": False}, "metadata": {"cellId": "a"}}
    monkeypatch.setattr(shell, "get_parent", lambda: said, raising=False)
    assert isinstance(approver(shell), Nobody)
    said["content"] = {"allow_stdin": True}
    assert isinstance(approver(shell), ByButtons)
    monkeypatch.setenv("VSCODE_PID", "1")
    assert isinstance(approver(shell), Prompted)
    shell.display_pub = CapturingDisplayPublisher()
    assert isinstance(approver(shell), Nobody)
    decisions: list[str] = []
    for one in (Prompted(), ByButtons(shell)):  # in a thread
        thread = threading.Thread(target=lambda one=one: decisions.append(one.decide(BEST, "")))
        thread.start()
        thread.join()
    assert decisions == ["no", "no"] and Nobody().decide(BEST, "") == "no"


def test_where_a_widget_is_not_heard_a_line_is_asked_for(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = typed(monkeypatch, "n", "y")
    one = ByButtons(shell)
    assert [one.decide(BEST, "best()"), one.decide(BEST, "best()")] == ["no", "yes"]
    assert len(prompts) == 2 and shell.display_pub.sent == []


def test_ipykernel_asks_a_comm_which_thread_is_to_have_its_message() -> None:
    from ipykernel.comm.comm import BaseComm

    assert BaseComm._reply_subshell_for(BaseComm(primary=False), {}, "x") == "x"


def test_the_panel_asks_in_its_place_and_stop_ends_it() -> None:
    import ipywidgets

    place = ipywidgets.VBox()
    asked, stop = question.InPanel(place), Stop()
    decisions: list[object] = []

    def call() -> None:
        with stop.listening():
            for _ in range(2):
                try:
                    decisions.append(asked.decide(BEST, "best('<b>')"))
                except KeyboardInterrupt:
                    decisions.append("stopped")

    thread = threading.Thread(target=call)
    thread.start()
    while not place.children:
        thread.join(0.01)
    (shown,) = place.children
    assert shown.call == "best('<b>')"
    shown._handle_custom_msg({"shown": True}, [])
    shown._handle_custom_msg({"answer": "maybe"}, [])
    shown._handle_custom_msg({"answer": "always"}, [])
    while not (place.children and place.children[0] is not shown):
        thread.join(0.01)
    stop.press()
    thread.join()
    assert decisions == ["always", "stopped"] and place.children == ()


def test_the_first_view_that_fits_shows_calls(shell: InteractiveShell) -> None:
    view = choose(shell, M1(), pure=True)
    feed(view, ROUNDS)
    view.close(answered(ROUNDS))
    assert shell.display_pub.outputs()[0]["text/html"].count("<details>") == 3
