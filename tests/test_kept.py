"""Kept answers: asked once, shown again after a restart, and why a cell asks anew."""

from __future__ import annotations

import json
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api, ask
from m1_magic.app import PROCESS
from m1_magic.calls import RECORD, TextDelta
from m1_magic.errors import M1Error
from m1_magic.kept import replaying
from m1_magic.options.fields import Options
from m1_magic.render.throttled import Progress
from scripted import Seen
from shells import Cell, Run

pytestmark = pytest.mark.usefixtures("in_a_notebook")


def restart() -> None:
    """As a new kernel of the same notebook begins."""
    PROCESS.end()


def test_run_all_after_a_restart_asks_nothing_and_shows_the_same(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(Answer("one"), Answer("two"))
    assert "one" in cell("%%m1\nq1", "a") and "two" in cell("%%m1\nq2", "b")
    spent = api.session().totals()
    restart()
    asked = len(server.requests)
    first = cell("%%m1\nq1", "a")
    assert "one" in first and "two" in cell("%%m1\nq2", "b")
    assert len(server.requests) == asked
    assert "kept from " in first and "$0 (was $" in first and "--fresh asks anew" in first
    assert api.session().totals().session == 0 and spent.session > 0
    assert len(rows(PROCESS.session().ledger.path, "SELECT id FROM calls")) == 2
    assert "kept answers today: 2, " in cell("%m1 cost")


def test_the_nth_time_the_nth_answer_else_it_is_asked(server: OpenRouter, cell: Cell) -> None:
    server.say(*map(Answer, "123456"))
    loop = "from m1_magic import ask\nfor _ in range(3): print(ask('q').text)"
    assert cell(loop).split() == ["1", "2", "3"]
    assert "4" in cell("%%m1\nq")
    restart()
    assert cell(loop).split() == ["1", "2", "3"] and len(server.chats) == 4
    assert "4" in cell("%%m1\nq") and len(server.chats) == 4
    assert "5" in cell("%%m1\nq") and len(server.chats) == 5


@pytest.mark.parametrize(
    "how",
    [
        "%%m1 --fresh\nq",
        "%m1 again",
        "import m1_magic\nm1_magic.api.settings().keep = False\n%m1 ask q",
    ],
)
def test_fresh_again_and_the_setting_ask_anyway(server: OpenRouter, cell: Cell, how: str) -> None:
    server.say(Answer("1"), Answer("2"))
    cell("%%m1\nq")
    if "again" not in how:
        restart()
    cell("import m1_magic" if how.startswith("m1") else "")
    cell(how)
    assert len(server.chats) == 2


def test_outside_of_a_notebook_only_who_asks_for_it_gets_a_kept_answer(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME")
    server.say(Answer("a joke"), Answer("another"), Answer("a third"))
    assert ask("q").text == "a joke"
    restart()
    assert ask("q", keep=True).text == "a joke" and len(server.chats) == 1
    restart()
    assert ask("q").text == "another"


def test_what_was_cut_forgotten_or_is_of_another_notebook_is_not_shown(
    server: OpenRouter, cell: Cell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.say(Answer("cut", finish="length"), *map(Answer, ("two", "three", "four")))
    cell("%%m1\nq")
    restart()
    assert "two" in cell("%%m1\nq")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "other.ipynb"))
    restart()
    assert "three" in cell("%%m1\nq")
    cell("%m1 forget --all")
    restart()
    assert "four" in cell("%%m1\nq")


def test_a_notebook_that_is_renamed_keeps_its_answers_and_a_copy_has_none(
    server: OpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(*map(Answer, ("one", "two", "of a copy")))
    first, second = ask("q"), ask("q")
    found = {"usage": {"input": 1}, "cost_usd": None, "id": second.id}
    for record in (found, dict(sorted(found.items()))):  # as front ends write it
        restart()
        output = new_output("display_data", {RECORD: record, "text/plain": ""})
        names = [tmp_path / f"{name}.ipynb" for name in ("lesson", "renamed", "copy")]
        cells = [new_code_cell("q", outputs=[output])]
        names[0].write_text(json.dumps(new_notebook(cells=cells), indent=1), "utf-8")
    shutil.copy(names[0], names[2])
    monkeypatch.setenv("JPY_SESSION_NAME", str(names[2]))
    assert ask("q").text == "of a copy"
    names[0].rename(names[1])
    monkeypatch.setenv("JPY_SESSION_NAME", str(names[1]))
    restart()
    assert (ask("q").id, ask("q").id) == (first.id, second.id)


def test_a_replay_needs_no_key_no_network_and_no_budget(
    server: OpenRouter, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(Answer("one"))
    cell("%%m1\nq")
    restart()
    monkeypatch.delenv("OPENROUTER_API_KEY")
    monkeypatch.setenv("M1_BUDGET", "0")
    server.close()
    assert "one" in cell("%%m1\nq")
    assert "the kept answer" not in cell("%%m1 --dry-run\nq")
    restart()
    assert "the kept answer of" in cell("%%m1 --dry-run\nq")
    assert "one" in cell("%%m1\nq")


def test_its_record_costs_nothing_and_names_the_first_call(server: OpenRouter) -> None:
    server.say(Answer("one"))
    first = ask("q")
    restart()
    again = ask("q")
    assert (again.text, again.cost, again.cost_source) == ("one", Decimal(0), "replayed")
    assert again.id == first.id and again.usage == first.usage


def test_threads_that_ask_the_same_each_get_another_answer(server: OpenRouter) -> None:
    server.say(*(Answer(str(n)) for n in range(9)))
    for _ in range(2):
        with ThreadPoolExecutor(8) as pool:
            texts = sorted(reply.text for reply in pool.map(ask, ["q"] * 8))
        assert texts == list("01234567") and len(server.chats) == 8
        restart()


def test_what_another_kernel_asks_meanwhile_is_not_shown_twice(server: OpenRouter) -> None:
    server.say(*map(Answer, ("one", "of another kernel", "two", "three")))
    assert ask("q").text == "one"
    path = PROCESS.session().ledger.path
    with closing(sqlite3.connect(path)) as db, db:
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(calls)")]
        others = {"id": "'other'", "at": "'2026-01-01T00:00:00+00:00'", "answer": "'earlier'"}
        values = ", ".join(others.get(name, name) for name in columns)
        db.execute(f"INSERT INTO calls SELECT {values} FROM calls")
        db.execute(
            "INSERT INTO attempts (id, call_id, at, session, pid, endpoint, state)"
            " SELECT 'o', 'other', at, session, pid, endpoint, state FROM attempts"
        )
    assert ask("q").text == "earlier"
    assert ask("q").text == "of another kernel"


def test_a_price_that_was_estimated_says_so_until_it_is_billed(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(Answer("one"))
    cell("%%m1\nq")
    path = PROCESS.session().ledger.path
    for change, was in (
        ("cost_nano = NULL, cost_source = 'unknown'", "$0 ·"),
        ("cost_nano = 5400000, cost_source = 'estimated'", "$0 (was ≈$0.0054)"),
        ("cost_nano = 5400000, cost_source = 'billed'", "$0 (was $0.0054)"),
    ):
        restart()
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(f"UPDATE attempts SET {change}")
        assert was in cell("%%m1\nq")


def test_what_brought_no_answer_does_not_count(
    server: OpenRouter, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(Answer("one"), Answer("two"), Answer.http_error(400, "no"), Answer("ONE"))
    assert [ask("q").text for _ in range(2)] == ["one", "two"]
    monkeypatch.setenv("M1_PACE", "40")
    restart()
    with monkeypatch.context() as patch:
        patch.setattr(replaying, "pause", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ask("q")
    monkeypatch.setattr(replaying, "pause", lambda _: None)
    assert ask("q").text == "one" and len(server.chats) == 2
    monkeypatch.setenv("M1_MODE", "record")
    restart()
    with pytest.raises(M1Error):
        ask("q")
    ask("q")
    kept = [json.loads(one).get("text") for one in tape.read_text("utf-8").splitlines()]
    assert kept == [None, "ONE", "two"]


def test_a_replay_that_is_stopped_is_shown_in_full_by_continue(
    server: OpenRouter, cell: Cell, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(Answer("one two three"))
    cell("%%m1 -c x\nq")
    monkeypatch.setenv("M1_PACE", "40")
    restart()
    with monkeypatch.context() as patch:
        patch.setattr(replaying, "pause", Mock(side_effect=[None, None, KeyboardInterrupt]))
        stopped = run("%%m1 -c x\nq").text
    monkeypatch.setattr(replaying, "pause", lambda _: None)
    assert "--fresh asks anew · stopped\n" in stopped and "%m1 continue shows all" in stopped
    whole = cell("%m1 continue")
    assert "one two three" in whole and "kept from" in whole and len(server.chats) == 1


def test_while_a_kept_answer_is_shown_nobody_is_said_to_be_asked(server: OpenRouter) -> None:
    server.say(Answer("one"))
    for said in (f"asking {api.settings().model} · 0 s · at most ", "showing a kept answer · 0 s"):
        view, progress = Seen(), Progress(lambda: 0.0)
        api.run("q", Options(), {}, view)
        restart()
        progress.open(*view.opened[0], *view.replays)
        assert progress.line().startswith(said)
        progress.feed(TextDelta("one"))
        assert ("answering" in progress.line()) == ("asking" in said)
    assert len(server.chats) == 1 and "$" not in said


def test_another_server_or_other_headers_are_asked(
    server: OpenRouter, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(*map(Answer, ("one", "of another", "with headers")))
    here, there = server.base_url, server.base_url.replace("127.0.0.1", "localhost")
    for _ in range(2):
        assert "one" in cell("%%m1\nq")
        api.settings().base_url = there
        assert "of another" in cell("%%m1\nq")
        api.settings().base_url, api.settings().extra_headers = here, {"X-Team": "b"}
        assert "with headers" in cell("%%m1\nq")
        restart()
    assert len(server.chats) == 3
    api.settings().extra_headers = {"X-Team": "c"}
    server.say(Answer("two"))
    assert "asked anew: the headers" in cell("%%m1\nq")


@pytest.mark.parametrize("how", ["keep", "mode", "both"])
def test_who_wants_no_kept_answers_gets_none(
    server: OpenRouter, tape: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    server.say(Answer("one"), Answer("two"))
    ask("q")
    restart()
    if how == "mode":
        monkeypatch.delenv("M1_TAPE")
    if how != "keep":
        monkeypatch.setenv("M1_MODE", "record")
    api.settings().keep = how == "mode"
    assert ask("q").text == "two"


@pytest.mark.parametrize(
    "edit",
    [
        "calls SET sent = '{oops'",
        "calls SET sent = '[]'",
        "calls SET at = 'yesterday'",
        "calls SET answer = x'ff00'",
        "calls SET parts = '{oops', key = ''",
        "calls SET parts = '[1]', key = ''",
        "calls SET parts = '{\"typed\": 1}', key = ''",
        "attempts SET input = 'a lot'",
        "attempts SET cost_nano = 'much'",
    ],
)
def test_a_ledger_that_was_edited_is_no_traceback(
    server: OpenRouter, cell: Cell, edit: str
) -> None:
    server.say(Answer("one"), Answer("two"))
    cell("%%m1 -c x\nq")
    path = PROCESS.session().ledger.path
    restart()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE {edit}")
    assert "two" in cell("%%m1 -c x\nq")
    cell("%m1 log")


# --- chats --------------------------------------------------------------------------------------

TALK = ("%%m1 -c eda\nq1", "%%m1 -c eda\nq2", "%%m1 -c eda -d t\nq3")


def talk(cell: Cell, *changes: str) -> list[str]:
    """Run the cells of a chat, one after the other; those that are given instead of the first."""
    cell("import pandas as pd\nt = pd.DataFrame({'n': range(100)})", "s")
    cells = [*changes, *TALK[len(changes) :]]
    return [cell(source, f"c{n}") for n, source in enumerate(cells)]


@pytest.mark.parametrize("ids", [True, False])
def test_a_chat_that_is_run_again_replays(server: OpenRouter, cell: Cell, ids: bool) -> None:
    server.say(*map(Answer, ("one", "two", "three")))
    go = cell if ids else lambda source, _: cell(source, "")
    first = talk(go)
    for _ in range(3):
        restart()
        again = talk(go)
        assert [text.split()[0] for text in again] == [text.split()[0] for text in first]
        assert "sent again" in first[1] and "sent again" not in again[1]
        assert len(server.chats) == 3


def test_a_cell_of_a_chat_that_is_run_again_takes_its_own_place(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(*map(Answer, ("one", "two", "three", "ONE", "TWO", "THREE", "four")))
    talk(cell)
    for n, source in enumerate(TALK):
        cell(source, f"c{n}")
    assert [len(one.body["messages"]) for one in server.chats] == [2, 4, 6, 2, 4, 6]
    cell("%%m1 -c eda\nq4", "c3")
    assert len(server.chats[-1].body["messages"]) == 8
    restart()
    texts = [*talk(cell), cell("%%m1 -c eda\nq4", "c3")]
    assert [text.split()[0] for text in texts] == ["ONE", "TWO", "THREE", "four"]
    assert len(server.chats) == 7
    assert "No call" not in cell("%m1 log one", "l")  # the branch is still there


def test_what_follows_a_changed_turn_is_asked_anew_and_says_so(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(*map(Answer, ("one", "two", "three", "TWO", "THREE")))
    talk(cell)
    restart()
    one, two, three = talk(cell, TALK[0], "%%m1 -c eda\nq2, briefly")
    assert "kept from" in one and "asked anew: the prompt" in two
    assert "asked anew: chat eda" in three and len(server.chats) == 5
    restart()
    talk(cell, TALK[0], "%%m1 -c eda\nq2, briefly")
    assert len(server.chats) == 5


def test_a_loop_in_one_cell_goes_on_and_replays(server: OpenRouter, cell: Cell) -> None:
    loop = "from m1_magic import ask\nfor q in 'abca': print(ask(q, chat='x').text)"
    server.say(*map(Answer, "1234"))
    assert cell(loop).split() == ["1", "2", "3", "4"]
    assert len(server.chats[-1].body["messages"]) == 8
    restart()
    assert cell(loop).split() == ["1", "2", "3", "4"] and len(server.chats) == 4


def test_a_chat_is_taken_up_by_a_new_cell_of_the_next_kernel(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(*map(Answer, ("one", "two", "three", "four")))
    talk(cell)
    restart()
    assert "four" in cell("%%m1 -c eda\nq4", "new")
    assert len(server.chats[-1].body["messages"]) == 8


def test_a_cell_that_is_run_twice_after_a_restart_has_no_answer_twice(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(*map(Answer, ("one", "two", "three")))
    cell(TALK[0])
    cell(TALK[0])
    restart()
    first = cell(TALK[0])
    assert "two" in first and "Did you mean" not in first
    assert "one" in cell(TALK[0]) and "three" in cell(TALK[0])


def test_chats_that_begin_alike_replay_in_any_order(server: OpenRouter, cell: Cell) -> None:
    cells = {f"{q}{chat}": f"%%m1 -c {chat}\n{q}" for q in "pq" for chat in "ab"}
    server.say(*map(Answer, cells))
    for order in (cells, ("pb", "pa", "qa", "qb")):
        for name in order:
            assert name in cell(cells[name], name)
        restart()
    assert len(server.chats) == 4


# --- why it is asked anew ----------------------------------------------------------------------

CHANGES: dict[str, tuple[str, str, str]] = {
    "the prompt": ("%%m1\nq", "%%m1\nr", "the prompt"),
    "a value": ("%%m1\nq {{x}}", "x = 2\n", "a value in the prompt"),
    "temperature": ("%%m1 -t 1\nq", "%%m1 -t 0.2\nq", "temperature 0.2 (1.0)"),
    "temperature unset": ("%%m1 -t 0.2\nq", "%%m1\nq", "temperature 1.0 (0.2)"),
    "model": (
        "%%m1\nq",
        "%%m1 -m minimax/minimax-m2.5\nq",
        "model minimax/minimax-m2.5 (minimax/minimax-m1)",
    ),
    "system": ("%%m1\nq", "%%m1 -s 'Be brief.'\nq", "the system prompt"),
    "rows": ("%%m1 -d t\nq", "t = t.iloc[:90]", "t has 90 rows (100 before)"),
    "values": ("%%m1 -d t\nq", "t = t * 3", "table t"),
    "level": ("%%m1 -d t\nq", "%%m1 -d t --send schema\nq", "table t at schema (stats)"),
    "one more": ("%%m1\nq", "%%m1 -d t\nq", "table t added"),
    "one less": ("%%m1 -d t\nq", "%%m1\nq", "without table t"),
    "order": ("%%m1 -d t -d u\nq", "%%m1 -d u -d t\nq", "the order of tables and files"),
    "seed": ("%%m1\nq", "%%m1 --seed 3\nq", "seed 3 (not set)"),
    "max tokens": ("%%m1\nq", "%%m1 --max-tokens 500\nq", "max_tokens 500 ("),
}


def test_a_cell_that_asks_several_questions_says_of_each_what_changed(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(*map(Answer, "123"))
    assert "asked anew" not in cell("%m1 ask p\n%m1 ask q")
    restart()
    text = cell("%m1 ask -t 0.2 p\n%m1 ask q")
    assert "asked anew: temperature 0.2 (1.0)\n2" in text and len(server.chats) == 3


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_cell_asks_anew_and_says_why(server: OpenRouter, cell: Cell, what: str) -> None:
    before, after, why = CHANGES[what]
    setup = "import pandas as pd\nx = 1\nt = pd.DataFrame({'n': range(100)})\nu = t + 1"
    server.say(Answer("one"), Answer("two"))
    cell(setup, "s")
    cell(before, "a")
    restart()
    cell(setup, "s")
    if not after.startswith("%"):
        cell(after, "s")
        after = before
    text = cell(after, "a")
    assert len(server.chats) == 2, text
    assert f"asked anew: {why}" in text


# --- the tape ----------------------------------------------------------------------------------


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("M1_TAPE", str(tmp_path / "t.tape.jsonl"))
    restart()
    return tmp_path / "t.tape.jsonl"


def replay(server: OpenRouter, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Another machine: nothing but the tape, no key, no network."""
    server.close()
    monkeypatch.setenv("M1_HOME", str(home))
    monkeypatch.setenv("M1_MODE", "replay")
    monkeypatch.delenv("OPENROUTER_API_KEY")
    restart()


def test_a_tape_replays_on_another_machine(
    server: OpenRouter, cell: Cell, tape: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.say(*map(Answer, ("one", "two", "three", "a", "b")))
    talk(cell)
    loop = "for _ in range(2): print(m1_magic.ask('again').text)"
    cell("import m1_magic")
    assert cell(loop).split() == ["a", "b"]
    written = tape.read_bytes()
    assert len(written.splitlines()) == 6
    replay(server, monkeypatch, tmp_path / "other home")
    texts = talk(cell)
    assert [text.split()[0] for text in texts] == ["one", "two", "three"]
    assert "kept on t.tape.jsonl · $0 (was $" in texts[0]
    assert cell(loop).split() == ["a", "b"]
    assert tape.read_bytes() == written


def test_recording_again_gives_the_same_bytes_in_place(
    server: OpenRouter, cell: Cell, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(*map(Answer, ("one", "two", "three") * 2), Answer("TWO"))
    talk(cell)
    written = tape.read_bytes()
    monkeypatch.setenv("M1_MODE", "record")
    restart()
    talk(cell)
    assert tape.read_bytes() == written and len(server.chats) == 6
    first = written.decode().splitlines()[1]
    for word in (server.key, str(tape.parent), "helpful assistant", '"at"'):
        assert word not in written.decode()
    assert first.startswith('{"fingerprint": "') and '"prompt": "q1' in first


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ("%%m1 -c eda\nWhich region grew most?", 'the prompt differs: "…grew?" / "…grew most?"'),
        ("%%m1 -t 0.2\nWhich region grew?", "temperature differs: 1.0 / 0.2"),
        ("t = t * 3\n%m1 ask -d t by month?", "table t differs"),
        ("t = t[:50]\n%m1 ask -d t by month?", "table t differs"),
        ("%m1 ask -d t --send schema by month?", "table t differs: stats / schema"),
        ("m1_magic.ask('twice')\nm1_magic.ask('twice')", "1 answer to this request, asked 2 times"),
    ],
)
def test_a_miss_is_one_error_that_names_what_differs(
    server: OpenRouter,
    cell: Cell,
    run: Run,
    tape: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    now: str,
    says: str,
) -> None:
    server.say(*map(Answer, "12345"))
    for source in ("Which region grew?", "-d t by month?", "twice", "something else altogether"):
        cell("import pandas as pd, m1_magic\nt = pd.DataFrame({'n': range(100)})")
        cell(f"%m1 ask {source}")
    replay(server, monkeypatch, tmp_path / "other")
    ran = run(now)
    assert ran.error is not None and says in str(ran.error)
    assert "Nothing was sent" in str(ran.error)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello\n", "not of our format"),
        (b'{"m1_magic_tape": 99}\n', "newer version"),
        (b"\xff\xfe\x00", "not of our format"),
        (None, "no file"),
    ],
)
def test_a_tape_that_cannot_be_used_is_left_as_it_is(
    server: OpenRouter, cell: Cell, run: Run, tape: Path, content: bytes | None, says: str
) -> None:
    server.say(Answer("one"))
    if content is None:
        tape.symlink_to("/dev/zero")
    else:
        tape.write_bytes(content)
    ran = run("%%m1\nq")
    assert ran.error is not None and says in str(ran.error)
    assert content is None or tape.read_bytes() == content
    assert not server.chats


def test_lines_that_are_cut_or_of_another_request_are_misses_and_not_lost(
    server: OpenRouter, cell: Cell, tape: Path
) -> None:
    server.say(*map(Answer, ("one", "two", "three")))
    cell("%%m1\nq")
    head, first = tape.read_text("utf-8").splitlines()
    other = first.replace('"typed": "', '"typed": "0').replace("one", "of another")
    tape.write_text("\n".join([head, other, first[:-9]]), "utf-8")
    restart()
    api.settings().keep = False
    assert "two" in cell("%%m1\nq")
    kept = tape.read_text("utf-8").splitlines()
    assert kept[2] == first[:-9] and '"two"' in kept[1]


def test_an_answer_on_a_tape_is_untrusted(server: OpenRouter, cell: Cell, tape: Path) -> None:
    server.say(Answer("one"))
    cell("%%m1\nq")
    text = tape.read_text("utf-8").replace('"one"', r'"\u001b]8;;http://x\u0007<script>"')
    tape.write_text(text, "utf-8")
    restart()
    assert "\x1b]8" not in cell("%%m1\nq")


def test_a_lecture_has_a_pace(
    server: OpenRouter, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    server.say(Answer("a few words"))
    ask("q")
    monkeypatch.setattr(replaying, "pause", waits.append)
    monkeypatch.setenv("M1_PACE", "40")
    restart()
    assert ask("q").text == "a few words"
    assert sum(waits) == pytest.approx(11 / 4 / 40)


def book(path: Path, *cells: str) -> Path:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    made = new_notebook(cells=[new_code_cell(source) for source in cells])
    nbformat.write(made, path)
    return path


def test_notebooks_run_on_their_tapes_and_cells_that_cannot_are_named(
    server: OpenRouter, cell: Cell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from m1_magic.cli import main

    server.say(Answer("one"), Answer("two"))
    cell("%%m1\nq1")
    cell("import m1_magic\nr = m1_magic.ask('q2')")
    lesson = book(
        tmp_path / "lesson.ipynb",
        "%load_ext m1_magic",
        "%%m1 -o a\nq1",
        "import m1_magic\nr = m1_magic.ask('q2')",
        "assert (a.text, r.text) == ('one', 'two')",
    )
    assert main(["tape", "--make", str(lesson)]) == 0
    assert "2 answers written" in capsys.readouterr().out
    server.close()
    assert main(["tape", str(lesson)]) == 0
    assert "all on the tape" in capsys.readouterr().out
    book(
        lesson,
        "%load_ext m1_magic",
        "%%m1\nq1!",
        "import urllib.request as u\nu.urlopen('http://127.0.0.1')",
    )
    assert main(["tape", str(lesson)]) == 1
    told = capsys.readouterr().out
    assert "2 cells not on the tape, or failed" in told
    assert 'the prompt differs: "q1" / "q1!"' in told and "without a network" in told


def test_the_verb_puts_a_tape_beside_the_notebook(
    server: OpenRouter, cell: Cell, tmp_path: Path
) -> None:
    server.say(Answer("one"))
    assert "No tape" in cell("%m1 tape")
    assert "lesson.tape.jsonl" in cell("%m1 tape on")
    cell("%%m1\nq")
    assert "1 answer" in cell("%m1 tape") and (tmp_path / "lesson.tape.jsonl").exists()
    assert "No tape" in cell("%m1 tape off")


def test_a_report_counts_the_first_call_once_and_a_kept_answer_at_nothing(
    server: OpenRouter, tmp_path: Path
) -> None:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    from m1_magic import verbs
    from m1_magic.calls import RECORD
    from m1_magic.render import footer
    from m1_magic.session.view import View
    from shells import sales  # noqa: F401

    records: list[dict[str, Any]] = []

    class Seen(View):
        def close(self, receipt: Any) -> None:
            records.append(footer.record(receipt, api.settings()))

    server.say(Answer("one"))
    from m1_magic.options.fields import Options

    for _ in range(2):
        api.run("q", Options(), {}, Seen())
        restart()
    assert records[1]["replays"] == records[0]["id"]
    outputs = [new_output("display_data", {RECORD: one, "text/plain": ""}) for one in records]
    nbformat.write(new_notebook(cells=[new_code_cell("q", outputs=outputs)]), tmp_path / "a.ipynb")
    page = verbs.report([str(tmp_path / "a.ipynb")])
    assert "1 kept answer besides, at $0" in page and "$0.000012" in page
