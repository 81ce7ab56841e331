"""Tapes as files: bad ones, foreign ones, two writers; and those of the project's own notebooks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbformat
import pytest

import kernels
import notebooks
import tapes
from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api, ask
from m1_magic.errors import TapeProblem
from m1_magic.kept.tape import HEAD, Tape
from shells import Run

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def tape(server: OpenRouter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A tape of three answers, made by this notebook's questions."""
    monkeypatch.setenv("M1_TAPE", str(tmp_path / "t.tape.jsonl"))
    api.end()
    server.say(*map(Answer, ("one", "two", "three")))
    assert [ask(q).text for q in ("q1", "q2", "q1")] == ["one", "two", "three"]
    api.end()
    return tmp_path / "t.tape.jsonl"


@pytest.fixture
def replays(tape: Path, server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where nobody may be asked."""
    server.close()
    monkeypatch.setenv("M1_MODE", "replay")
    monkeypatch.delenv("OPENROUTER_API_KEY")
    return tape


def edited(path: Path, change: Change, number: int = 1) -> None:
    """Change the JSON of one line of a tape."""
    lines = path.read_text("utf-8").split("\n")
    values = json.loads(lines[number])
    change(values)
    lines[number] = json.dumps(values)
    path.write_text("\n".join(lines), "utf-8")


# --- what is on disk ----------------------------------------------------------------------------

REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "line ends of Windows": lambda raw: raw.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "no line end at its end": bytes.rstrip,
    "empty lines": lambda raw: raw.replace(b"\n", b"\n\n"),
    "written by another program": lambda raw: b"".join(
        json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")).encode() + b"\n"
        for line in raw.splitlines()
    ),
}


@pytest.mark.parametrize("how", REWRITTEN)
def test_a_tape_that_was_rewritten_is_the_same(
    server: OpenRouter, tape: Path, how: str, tmp_path: Path
) -> None:
    before = tape.read_bytes()
    tape.write_bytes(REWRITTEN[how](before))
    assert [ask(q).text for q in ("q1", "q2", "q1")] == ["one", "two", "three"]
    assert len(server.chats) == 3
    server.say(Answer("four"))
    assert ask("q3").text == "four"
    assert [one.text for one in Tape(tape).lines()] == ["one", "two", "three", "four"]
    assert b"\r" not in tape.read_bytes()


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_a_tape(server: OpenRouter, tape: Path, content: bytes) -> None:
    tape.write_bytes(content)
    server.say(Answer("four"))
    assert ask("q1", fresh=True).text == "four"
    assert [one.text for one in Tape(tape).lines()] == ["four"]


def test_cut_anywhere_it_keeps_what_is_whole(replays: Path) -> None:
    raw = replays.read_bytes().replace(b'"three"', '"drei – 三"'.encode())
    ends = [n for n, byte in enumerate(raw) if byte == 10]
    inside = [n for n, byte in enumerate(raw) if byte > 127]  # a character
    for at in (*range(ends[-2], len(raw), 5), *inside, *ends):
        replays.write_bytes(raw[:at])
        whole = sum(at >= end for end in ends[1:])
        texts = [one.text for one in Tape(replays).lines()]
        assert texts == ["one", "two", "drei – 三"][: max(whole, len(texts))]
        assert len(texts) in (whole, whole + 1)


FOREIGN: dict[str, tuple[bytes, str]] = {
    "text": (b"hello\n{}", "not of our format"),
    "other JSON lines": (b'{"a": 1}\n{"fingerprint": "x"}\n', "not of our format"),
    "a list": (b"[1]\n", "not of our format"),
    "UTF-16": (HEAD.encode("utf-16"), "not of our format"),
    "zeros": (b"\0" * 5_000, "not of our format"),
    "deep": (b"[" * 100_000, "not of our format"),
    "a version that is none": (b'{"m1_magic_tape": "1"}\n', "not of our format"),
    "a newer version": (b'{"m1_magic_tape": 2}\n{"new": 1}\n', "newer version of m1-magic"),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("mode", ["replay", "record"])
def test_a_foreign_file_is_refused_and_left(
    server: OpenRouter, tape: Path, kind: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, says = FOREIGN[kind]
    monkeypatch.setenv("M1_MODE", mode)
    tape.write_bytes(content)
    server.say(Answer("paid"))
    with pytest.raises(TapeProblem, match=says):
        ask("q1")
    assert len(server.chats) == 3, "nothing is paid that could not be recorded"
    assert tape.read_bytes() == content


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def foldered(path: Path) -> None:
    path.unlink()
    path.mkdir()


def circular(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def huge(path: Path) -> None:
    os.truncate(path, 600_000_000)  # sparse


@pytest.mark.parametrize("made", [linked, piped, foldered, circular, huge])
def test_what_is_no_file_is_refused_at_once(replays: Path, made: Callable[[Path], None]) -> None:
    made(replays)
    with pytest.raises(TapeProblem, match="no tape that can be used"):
        ask("q1")


def test_a_tape_that_is_not_there_is_said_so(replays: Path) -> None:
    replays.unlink()
    with pytest.raises(TapeProblem, match=r"The tape t\.tape\.jsonl is not there"):
        ask("q1")


def test_a_read_only_tape_stays(server: OpenRouter, tape: Path, run: Run) -> None:
    tape.chmod(0o444)
    before = tape.read_bytes()
    server.say(Answer("new"))
    ran = run("%m1 ask q9")
    assert "new" in ran.text and "not on the tape: " in ran.text and "read-only" in ran.text
    assert tape.read_bytes() == before
    assert ask("q1").text == "one", "it is read all the same"


def test_a_folder_that_is_not_there(server: OpenRouter, tape: Path, run: Run) -> None:
    api.settings().tape = str(tape.parent / "nowhere" / "t.jsonl")
    server.say(Answer("new"))
    ran = run("%m1 ask q9")
    assert "new" in ran.text and "cannot be written (No such file or directory)" in ran.text


def test_100_mb_are_read(replays: Path) -> None:
    lines = replays.read_text("utf-8").splitlines()
    other = json.loads(lines[1]) | {"fingerprint": "0" * 64, "text": "x" * 1_000_000}
    replays.write_text("\n".join([lines[0], *[json.dumps(other)] * 100, *lines[1:]]), "utf-8")
    assert replays.stat().st_size > 100_000_000
    assert [ask(q).text for q in ("q1", "q2", "q1")] == ["one", "two", "three"]


WRITER = """
import json, sys
from pathlib import Path
from m1_magic.kept.tape import Line, Tape
tape, who = Tape(Path(sys.argv[1])), sys.argv[2]
parts = dict.fromkeys(("typed", "words", "system", "chat", "along", "sampling"), "")
for n in range(20):
    key = (who + format(n, "x")).rjust(64, "0")
    tape.extend([(Line(key, "q", "m", parts, f"{who}{n}"), 1)])
    tape.extend([(Line("f" * 64, "q", "m", parts, f"both {who}"), 1)])
"""


def test_two_kernels_write_one_tape(tape: Path) -> None:
    command = [*kernels.python(), "-c", WRITER, str(tape)]
    both = [subprocess.Popen([*command, who]) for who in "ab"]
    assert [one.wait() for one in both] == [0, 0]
    texts = [one.text for one in Tape(tape).lines()]
    assert texts[:3] == ["one", "two", "three"] and len(texts) == 3 + 40 + 1
    assert {f"{who}{n}" for who in "ab" for n in range(20)} < set(texts)
    assert not [one.name for one in tape.parent.iterdir() if one.name.startswith(".m1-")]


# --- what is in a line -------------------------------------------------------------------------

OTHERS: dict[str, Change] = {
    "another question": lambda line: line["parts"].update(typed="0" * 16),
    "another model": lambda line: line["parts"]["sampling"].update(model="other/model"),
    "no parts": lambda line: line.pop("parts"),
    "parts of another kind": lambda line: line.update(parts=["typed", "words"]),
    "parts that are broken inside": lambda line: line["parts"].update(along=7, chat=None),
    "no text": lambda line: line.pop("text"),
    "blank text": lambda line: line.update(text=" \n"),
    "text of another kind": lambda line: line.update(text={"a": 1}),
    "usage of another kind": lambda line: line.update(usage=[1]),
    "usage below nothing": lambda line: line.update(usage={"input": -1}),
    "usage without end": lambda line: line.update(usage={"input": 10**30}),
    "cost of another kind": lambda line: line.update(cost=0.1),
    "cost without end": lambda line: line.update(cost="1e-99999999"),
    "cost that is none": lambda line: line.update(cost="NaN"),
    "cost that is a gain": lambda line: line.update(cost="-1"),
    "finish of another kind": lambda line: line.update(finish={"a": 1}),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_line_that_is_not_of_this_request_is_a_miss(replays: Path, kind: str) -> None:
    edited(replays, OTHERS[kind], 2)
    with pytest.raises(TapeProblem, match=r"is not on|1 answer to this request"):
        ask("q2")
    api.end()
    assert ask("q1").text == "one"


def test_a_miss_names_the_nearest_line_that_is_whole(replays: Path) -> None:
    edited(replays, OTHERS["parts that are broken inside"], 2)
    with pytest.raises(TapeProblem, match='"q1" / "q7"'):
        ask("q7")


FOUL = "\x1b]8;;http://evil.example\x07click\x1b[31m‮ <img src=x onerror=alert(1)>"


def test_whatever_stands_in_a_line_is_shown_inert(
    replays: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    foul = {"text": FOUL, "model": FOUL, "finish": FOUL, "prompt": FOUL, "thinking": FOUL}
    edited(replays, lambda line: line.update(foul))
    ran = run("%m1 ask q1")
    assert "\x1b" not in ran.text and "‮" not in ran.text and "click" in ran.text
    reply = api.session().last
    assert reply is not None and reply.cost == Decimal(0)
    html = reply._repr_mimebundle_()["text/html"] if hasattr(reply, "_repr_mimebundle_") else ""
    assert "<img" not in html
    with pytest.raises(TapeProblem) as miss:
        ask("something else")
    assert "\x1b" not in str(miss.value) and "‮" not in str(miss.value)


def test_a_key_in_a_line_is_text_as_any(replays: Path, run: Run) -> None:
    edited(replays, lambda line: line.update(text="use sk-or-v1-" + "ab" * 32))
    assert "use sk-or-v1-" in run("%m1 ask q1").text


def test_halves_of_characters_do_not_break_a_page(replays: Path, run: Run) -> None:
    edited(replays, lambda line: line.update(text="a\ud800b", thinking="\udfff"))
    run("%m1 ask q1").text.encode()
    reply = api.session().last
    assert reply is not None and reply.text == "a?b"


def test_halves_of_characters_are_recorded(server: OpenRouter, tape: Path) -> None:
    server.say(Answer("a\ud800b"))
    assert "a" in ask("q9").text
    assert tape.read_text("utf-8").count("\n") == 5


def test_a_dry_run_asks_nobody_on_a_tape_either(replays: Path, run: Run) -> None:
    ran = run("%m1 ask --dry-run something else")
    assert ran.error is None and "dry run" in ran.text
    assert "This request is not on t.tape.jsonl" in ran.text


# --- the project's own notebooks -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["teaching", "quickstart", "fix-and-code"])
def test_the_tape_in_the_tree_is_what_the_notebook_records(name: str, tmp_path: Path) -> None:
    made = tapes.record(name, tmp_path)
    assert made == tapes.kept(name).read_bytes(), "python tests/tapes.py --write"
    assert str(tmp_path).encode() not in made and b"127.0.0.1" not in made


def test_recorded_again_it_is_the_same_bytes(tmp_path: Path) -> None:
    tape = Path(shutil.copy(tapes.kept("teaching"), tmp_path))
    before, number = tape.read_bytes(), tape.stat().st_ino
    assert tapes.record("teaching", tmp_path) == before and tape.stat().st_ino != number


@pytest.mark.parametrize("name", ["teaching", "quickstart", "fix-and-code"])
def test_the_projects_notebooks_run_on_their_tapes_and_say_whose_answers_those_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M1_MODE", "replay")
    monkeypatch.setenv("M1_TAPE", str(tapes.kept(name)))
    monkeypatch.chdir(notebooks.FOLDER)
    shown = tapes.run(notebooks.FOLDER / f"{name}.ipynb")
    for text in tapes.TEXTS[name]:
        assert text in shown or "{{" in text  # filled in: tests/test_exact_proof.py
    exact = sum("{{" in text for text in tapes.TEXTS[name])
    for words, count in (
        ("kept on {}", shown.count(" · kept on ")),
        ("text on {}, figures", exact),
    ):
        footer = f"answered {tapes.MODEL} · {words.format(f'{name}.tape.jsonl')}"
        assert shown.count(footer) == count
    assert shown.count(" · $0 (was $0)") == shown.count("asked minimax-m1, ") > exact


def test_two_students_one_teachers_tape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, socket_disabled: None
) -> None:
    """As nbgrader runs a submission: in its folder, all files read-only, no key, no socket."""
    tape = Path(shutil.copy(tapes.kept("teaching"), tmp_path))
    tape.chmod(0o444)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("M1_TAPE", tape.name)
    monkeypatch.setenv("M1_MODE", "replay")
    pages = []
    for student in ("ada", "bob"):
        monkeypatch.setenv("M1_HOME", str(tmp_path / student))
        pages.append(tapes.run(notebooks.FOLDER / "teaching.ipynb"))
        assert rows(tmp_path / student / "ledger.db", "SELECT id FROM calls") == []
    assert pages[0] == pages[1] and tapes.TEXTS["teaching"][0] in pages[0]


def test_no_answer_in_the_tree_passes_for_m1s() -> None:
    found = [line for name in tapes.TEXTS for line in Tape(tapes.kept(name)).lines()]
    made_up = [one for one in found if one.model != tapes.VADER]
    assert len(made_up) == sum(map(len, tapes.TEXTS.values()))
    assert {(one.model, one.cost) for one in made_up} == {(tapes.MODEL, "0")}
    said = [answer.text for answer in tapes.by_comment().values()]
    ran = Tape(tapes.kept("rows")).lines()
    assert [one.text.partition("\n")[0] for one in ran] == said
    assert len(found) == len(made_up) + len(ran) == len(made_up) + 300
    assert set(map(tapes.kept, tapes.TEXTS)) == set(notebooks.FOLDER.glob("*.tape.jsonl"))


def test_a_notebook_that_ends_its_process_is_not_well_and_has_the_modules_beside_it(
    replays: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from m1_magic.cli import main

    book = replays.with_name("t.ipynb")
    (replays.parent / "helper.py").write_text("WORD = 'q1'")
    ends = "import os\nos._exit(0)"
    notebooks.write(
        book, "1 / 0", "import helper\nimport m1_magic\nm1_magic.ask(helper.WORD)", ends
    )
    made = notebooks.read(book)
    made.cells[0].metadata["tags"] = ["raises-exception"]  # so it may
    nbformat.write(made, book)
    assert main(["tape", str(book)]) == 1
    page = capsys.readouterr().out
    assert page.count("on the tape |") == 1 and "not run to its end" in page
    assert "ZeroDivisionError" not in page
    assert main(["tape", "--make", str(replays.with_name("other.ipynb"))]) == 1
    assert "keeps no answers of it" in capsys.readouterr().out
