"""``m1-magic class`` and ``report --by student``: one key a student, whatever breaks."""

from __future__ import annotations

import csv
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import OpenRouter
from emulator.account import Odd, cut, page, redirect, refused
from emulator.exchange import Exchange
from m1_magic import files, keys
from m1_magic.cli import main
from m1_magic.verbs import classes, issuing
from m1_magic.verbs.students import same, students
from test_report import book, put, record

LIST = "name,email\nAna,ana@x.org\nBen,ben@x.org\nZoë,zoe@x.org\n"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRouter]:
    """The management API, and a folder with a list of three."""
    monkeypatch.setattr(issuing, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.chdir(tmp_path)
    Path("s.csv").write_text(LIST, "utf-8")
    with OpenRouter() as emulator:
        monkeypatch.setenv("M1_BASE_URL", emulator.base_url)
        monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", emulator.account.management_key)
        yield emulator
        assert emulator.crashes == []


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(line: str) -> tuple[int, str, str]:
        status = main(line.split())
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


KEYS = "class keys s.csv --each 0.66 --out keys.csv"


def kept(path: str = "keys.csv") -> dict[str, str]:
    """Return student → key of the file, with its exact columns."""
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == ["student", "key", "limit_usd", "expires", "hash", "class"]
        return {row["student"]: row["key"] for row in reader}


def each_has_one(school: OpenRouter, *names: str) -> None:
    """Every student has one key at the server, and the file has its text."""
    held = kept()
    there = {school.account.texts[key["hash"]]: key for key in school.account.keys}
    assert sorted(held) == sorted(names)
    assert {text: there[text]["name"].split(" (")[0] for text in held.values()} == {
        text: f"m1-magic class: {name}" for name, text in held.items()
    }
    assert len(there) == len(names)


def posts(school: OpenRouter) -> list[Any]:
    return [r.body for r in school.requests if r.method == "POST"]


# -- keys ------------------------------------------------------------------------------
def test_a_key_for_each_student(school: OpenRouter, cli: Cli) -> None:
    status, out, err = cli(f"{KEYS} --expires 2099-01-31")
    assert (status, err) == (0, "")
    each_has_one(school, "Ana", "Ben", "Zoë")
    for name, text in kept().items():
        assert f"| {name} | {text[:12]}…{text[-4:]} | $0.66 | 2099-01-31 23:59 | made |" in out
        assert text not in out
    assert "3 keys made, each with a limit of $0.66 until 2099-01-31 23:59 UTC" in out
    assert "at most $1.98" in out
    assert stat.S_IMODE(os.stat("keys.csv").st_mode) == 0o600
    sent = posts(school)[0]
    assert sent.pop("name").startswith("m1-magic class: Ana (")
    assert sent == {
        "limit": 0.66, "include_byok_in_limit": True, "expires_at": "2099-01-31T23:59:59Z",
    }  # fmt: skip


def test_a_second_run_makes_none_and_a_new_student_gets_one(school: OpenRouter, cli: Cli) -> None:
    cli(KEYS)
    before = kept()
    assert "no key made" in cli(KEYS)[1] and kept() == before
    other = cli(KEYS.replace("0.66", "2"))[1]
    assert other.count("| $0.66 |  | has one, its limit stays |") == 3 and kept() == before
    with open("s.csv", "a", encoding="utf-8") as file:
        file.write("Uli,uli@x.org\nZOE\N{COMBINING DIAERESIS}2,x\n")
    assert "| Uli |" in cli(KEYS)[1] and len(posts(school)) == 5
    assert kept().items() >= before.items()


def test_nothing_is_kept_but_in_the_file(school: OpenRouter, cli: Cli, tmp_path: Path) -> None:
    cli(KEYS)
    texts = [text.encode() for text in school.account.texts.values()]
    texts.append(school.account.management_key.encode())
    found = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "keys.csv"]
    assert not any(text in p.read_bytes() for p in found for text in texts)
    assert school.account.management_key not in Path("keys.csv").read_text("utf-8")


def test_without_a_file_the_keys_stand_in_the_table(school: OpenRouter, cli: Cli) -> None:
    status, out, _ = cli("class keys s.csv --each 0.66")
    assert status == 0 and all(text in out for text in school.account.texts.values())
    assert "no file keeps these keys" in out
    assert sorted(os.listdir()) == ["m1 home", "s.csv"]
    status, out, _ = cli(KEYS)  # theirs stay, though their text is not known any more
    assert out.count("has one, whose text is not kept here") == 3 and len(posts(school)) == 3


def test_a_dry_run_makes_nothing(school: OpenRouter, cli: Cli) -> None:
    school.account.make({"name": "m1-magic class: ana (00000000)", "limit": 1})
    status, out, _ = cli(f"{KEYS} --dry-run")
    assert status == 0 and "3 students (column name) · 2 keys would be made" in out
    assert "at most $1.32 could be spent with them · 1 has one · nothing was made" in out
    assert {r.method for r in school.requests} == {"GET"} and not os.path.exists("keys.csv")


def test_a_dry_run_needs_no_key(school: OpenRouter, cli: Cli, monkeypatch: Any) -> None:
    monkeypatch.delenv("OPENROUTER_MANAGEMENT_KEY")
    status, out, _ = cli(f"{KEYS} --dry-run")
    assert status == 0 and "3 keys would be made" in out and "not known" in out
    status, out, err = cli(KEYS)
    assert (status, out) == (1, "") and "OPENROUTER_MANAGEMENT_KEY" in err
    assert school.requests == []


def test_no_child_gets_the_management_key() -> None:
    both = {"OPENROUTER_MANAGEMENT_KEY": "a", "OPENROUTER_PROVISIONING_KEY": "b"}
    assert keys.without({"HOME": "h", **both}) == {"HOME": "h"}


def test_the_students_own_key_is_never_sent(
    school: OpenRouter, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", school.key)
    cli(KEYS)
    sent = {r.headers["authorization"] for r in school.requests}
    assert sent == {f"Bearer {school.account.management_key}"}


@pytest.mark.parametrize("url", ["offline", "https://example.org/v1", "http://127.0.0.1:9/v1"])
def test_the_key_goes_to_openrouter_only(school: OpenRouter, cli: Cli, url: str) -> None:
    os.environ["M1_BASE_URL"] = url
    status, out, err = cli(KEYS)
    assert (status, out) == (1, "") and "Only OpenRouter makes keys" in err
    assert school.requests == [] and not os.path.exists("keys.csv")


@pytest.mark.parametrize(
    "each", ["0", "-0", "-1", "nan", "inf", "a", "", "1e9", "100.01", "1_0", "٣", "1e99"]
)
def test_a_limit_that_is_none_is_refused(school: OpenRouter, each: str) -> None:
    assert main(["class", "keys", "s.csv", f"--each={each}", "--out", "keys.csv"]) == 1
    assert school.requests == []


def test_a_large_limit_is_confirmed(school: OpenRouter, cli: Cli) -> None:
    assert cli("class keys s.csv --each 500 --out keys.csv --yes")[0] == 0
    assert posts(school)[0]["limit"] == 500


@pytest.mark.parametrize("when", ["0d", "2020-01-01", "soon", "2027-13-01", "99999d", "-3d", ""])
def test_an_end_that_is_none_is_refused(school: OpenRouter, when: str) -> None:
    assert main([*KEYS.split(), f"--expires={when}"]) == 1
    assert school.requests == []


def test_a_key_without_its_limit_is_taken_back(school: OpenRouter, cli: Cli) -> None:
    def unlimited(x: Exchange) -> None:
        key, text = school.account.make(x.received.body | {"limit": None})
        x.json(201, {"data": key, "key": text})

    school.account.odd.append(Odd("POST", unlimited))
    status, _, err = cli(KEYS)
    assert status == 1 and "made a key with no limit" in err
    assert school.account.keys == []


# -- cuts ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "odd",
    [cut, page(b"{", "application/json", 201), page(b'{"data": {}}', "application/json", 201),
     refused(500), refused(503)],
    ids=["cut", "no JSON", "no key", "500", "503"],
)  # fmt: skip
@pytest.mark.parametrize("done", [True, False], ids=["made", "not made"])
def test_a_lost_answer_makes_no_second_key(
    school: OpenRouter, cli: Cli, odd: Any, done: bool
) -> None:
    school.account.odd.append(Odd("POST", odd, done=done))
    status, out, err = cli(KEYS)
    assert status == 0 and "Looking whether the key was made" in err
    each_has_one(school, "Ana", "Ben", "Zoë")
    assert ("that key is deleted" in out) == done


def test_after_two_lost_answers_the_next_run_goes_on(school: OpenRouter, cli: Cli) -> None:
    cli(KEYS)
    cli("class revoke Zoë --yes")
    school.account.odd.extend([Odd("POST", cut, done=True)] * 2)
    status, out, err = cli(KEYS)
    assert status == 1 and "| Zoë |  |  |  | not made |" in out and "goes on from here" in err
    assert "made anew" in cli(KEYS)[1]
    each_has_one(school, "Ana", "Ben", "Zoë")


def process() -> int:
    """Start the command in a process of its own; a fork has the imports already."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(main(KEYS.split()))
        finally:
            os._exit(99)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_kill_9_between_the_key_and_the_file(school: OpenRouter, cli: Cli) -> None:
    def healthy(x: Exchange) -> None:
        key = school.account.keys[0]
        x.json(201, {"data": key, "key": school.account.texts[key["hash"]]})

    def silent(x: Exchange) -> None:
        os.kill(running, signal.SIGKILL)
        x.hang()

    school.account.odd += [Odd("POST", healthy, done=True), Odd("POST", silent, done=True)]
    running = process()
    assert ended(running) == -signal.SIGKILL
    assert len(school.account.keys) == 2 and list(kept().values()).count("") == 2
    before = kept()["Ana"]
    status, out, _ = cli(KEYS)
    assert status == 0 and out.count("made anew") == 1
    each_has_one(school, "Ana", "Ben", "Zoë")
    assert kept()["Ana"] == before


def test_what_a_killed_run_left_is_deleted(school: OpenRouter, cli: Cli) -> None:
    cli(KEYS)
    Path(".m1-abc").write_bytes(Path("keys.csv").read_bytes()[:-40])
    Path(".m1-other").write_text("student,of,another,kind\n", "utf-8")
    cli(KEYS)
    assert sorted(os.listdir()) == [".m1-other", "keys.csv", "m1 home", "s.csv"]


def test_two_processes_at_once(school: OpenRouter) -> None:
    assert [ended(child) for child in (process(), process())] == [0, 0]
    each_has_one(school, "Ana", "Ben", "Zoë")
    assert len(posts(school)) == 3


def test_nothing_is_done_beside_a_run_that_does_not_end(
    school: OpenRouter, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classes, "PATIENCE", 0.0)
    with files.locked(Path()):
        status, out, err = cli(KEYS)
    assert (status, out) == (1, "") and "Another m1-magic class is at work" in err
    assert school.requests == [] and not os.path.exists("keys.csv")


@pytest.mark.parametrize("first", [True, False], ids=["theirs is older", "ours is older"])
def test_another_machine_at_once(school: OpenRouter, cli: Cli, first: bool) -> None:
    def both(x: Exchange) -> None:
        rival = {"name": "m1-magic class: ANA (ffffffff)", "limit": 0.66}
        if first:
            school.account.make(rival)
        key, text = school.account.make(x.received.body)
        if not first:
            school.account.make(rival)
        x.json(201, {"data": key, "key": text})

    school.account.odd.append(Odd("POST", both))
    status, out, _ = cli(KEYS)
    assert status == 0 and ("another run made one at the same time" in out) == first
    of_ana = [key for key in school.account.keys if "ana" in key["name"].lower()]
    assert len(of_ana) == 2 - first  # theirs is theirs to delete
    assert bool(kept()["Ana"]) != first


def test_a_key_of_another_file_is_left_alone(school: OpenRouter, cli: Cli) -> None:
    cli(KEYS)
    os.rename("keys.csv", "lost.csv")
    cli(KEYS)
    assert len(school.account.keys) == 3 and kept() == {}


def test_a_key_that_cannot_be_written_down_is_deleted(
    school: OpenRouter, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = files.replace

    def full(path: Path, text: str, **how: Any) -> None:
        if "sk-or-v1" in text:
            raise OSError(28, "No space left on device")
        replace(path, text, **how)

    monkeypatch.setattr(files, "replace", full)
    status, _, err = cli(KEYS)
    assert status == 1 and "No space left on device" in err
    assert school.account.keys == []


def test_a_path_that_is_empty_is_none(school: OpenRouter) -> None:
    assert main(["class", "keys", "s.csv", "--each", "1", "--out", ""]) == 1
    assert school.requests == []


def test_ctrl_c_shows_what_was_made(school: OpenRouter, cli: Cli) -> None:
    def stopped(x: Exchange) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        x.hang()

    def first(x: Exchange) -> None:
        school.account.odd.append(Odd("POST", stopped, done=True))
        key, text = school.account.make(x.received.body)
        x.json(201, {"data": key, "key": text})

    school.account.odd.append(Odd("POST", first))
    status, out, _ = cli(KEYS)
    assert status == 130 and out.count("made |") == 2 + 1  # one made, two not made
    assert "made anew" in cli(KEYS)[1]
    each_has_one(school, "Ana", "Ben", "Zoë")


@pytest.mark.parametrize("what", ["other,columns\n1,2\n", LIST, "", "link", "folder"])
def test_no_other_file_is_overwritten(school: OpenRouter, cli: Cli, what: str) -> None:
    out = Path("keys.csv")
    if what == "link":
        out.symlink_to("s.csv")
    elif what == "folder":
        out.mkdir()
    else:
        out.write_text(what, "utf-8")
    status, _, err = cli(KEYS)
    assert status == 1 and "was not overwritten" in err
    assert posts(school) == [] and Path("s.csv").read_text("utf-8") == LIST


# -- refusals --------------------------------------------------------------------------
REFUSALS = {
    "401": (refused(401), "does not accept the key from OPENROUTER_MANAGEMENT_KEY"),
    "402": (refused(402), "out of credit"),
    "403": (refused(403, "Only management keys can perform this operation"), "management key"),
    "404": (refused(404), "no list of keys at this address"),
    "429 for long": (refused(429, retry_after=900), "900 s"),
    "500": (refused(500), "127.0.0.1 failed (HTTP 500)"),
    "HTML": (page(b"<html><script>alert(1)</script>"), "A web page answered"),
    "redirect": (redirect, "not followed, for the key would go along"),
    "no JSON": (page(b"{", "application/json"), "cannot be read"),
    "no list": (page(b'{"data": null}', "application/json"), "no list of keys"),
    "error in 200": (page(b'{"error": {"message": "no", "code": 401}}', "application/json"), "key"),
    "cut": (cut, "gave no answer"),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("command", [KEYS, "class usage", "class revoke --all --yes"])
def test_a_refusal_is_one_paragraph(school: OpenRouter, cli: Cli, name: str, command: str) -> None:
    odd, words = REFUSALS[name]
    school.account.make({"name": "m1-magic class: Uli (00000000)", "limit": 1})
    school.account.odd.append(Odd("GET", odd))
    status, out, err = cli(command)
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert words in err and school.account.management_key not in err
    assert "<script>" not in err and "model" not in err and "prompt" not in err
    assert {r.method for r in school.requests} == {"GET"}
    assert school._other is None or school._other.requests == []


def test_busy_is_waited_for(school: OpenRouter, cli: Cli) -> None:
    said = refused(429, retry_after=0)
    school.account.odd += [Odd("GET", said), Odd("POST", said), Odd("POST", said)]
    status, _, err = cli(KEYS)
    assert status == 0 and err.count("Trying again in 0 s.") == 3
    each_has_one(school, "Ana", "Ben", "Zoë")


def test_what_was_made_is_shown_when_it_breaks_off(school: OpenRouter, cli: Cli) -> None:
    def later(x: Exchange) -> None:
        school.account.odd.append(Odd("POST", refused(402)))
        key, text = school.account.make(x.received.body)
        x.json(201, {"data": key, "key": text})

    school.account.odd.append(Odd("POST", later))
    status, out, err = cli("class keys s.csv --each 0.66")
    assert status == 1 and "out of credit" in err and err.count("\n") == 1
    (text,) = school.account.texts.values()
    assert f"| Ana | {text} | $0.66 |  | made |" in out and "| Ben |  |  |  | not made |" in out


# -- usage and revoke ------------------------------------------------------------------
def test_usage_adds_up(school: OpenRouter, cli: Cli) -> None:
    assert cli("class usage") == (0, "No student has a key.\n", "")
    cli(KEYS)
    school.account.make({"name": "the teacher's own", "limit": None})
    school.account.spend("Ben", 0.25)
    school.account.keys[-1]["disabled"] = True
    out = cli("class usage")[1]
    assert "| student | limit | used | left | last used | expires |  |" in out
    assert "| Ana | $0.66 | $0 | $0.6600 | never |  | disabled |" in out
    assert "| Ben | $0.66 | $0.2500 | $0.4100 | 2026-11-20 10:00 |  |  |" in out
    assert "| all | $1.9800 | $0.2500 | $1.7300 |" in out and "teacher" not in out


def test_revoked_is_gone_and_can_be_made_anew(school: OpenRouter, cli: Cli) -> None:
    cli(KEYS)
    own, _ = school.account.make({"name": "Ana", "limit": None})
    before = kept()
    status, _, err = cli("class revoke ana")
    assert status == 1 and "Revoke 1 key (Ana)?" in err and len(school.account.keys) == 4
    assert "| Ana | $0 | revoked |" in cli("class revoke ana --yes")[1]
    assert "| ana |  | has no key |" in cli("class revoke ana --yes")[1]
    assert cli(KEYS)[0] == 0 and kept()["Ana"] != before["Ana"]
    assert kept()["Ben"] == before["Ben"]
    assert cli("class revoke --all --yes")[1].count("revoked") == 3
    assert cli("class revoke --all --yes")[1] == "No key to revoke.\n"
    assert school.account.keys == [own]
    assert cli("class revoke --yes")[0] == cli("class revoke Ana --all --yes")[0] == 1


def test_more_keys_than_a_page(school: OpenRouter, cli: Cli) -> None:
    for number in range(250):
        school.account.make({"name": f"m1-magic class: s{number} (00000000)", "limit": 1})
    Path("s.csv").write_text("\n".join(f"s{number}" for number in range(250)), "utf-8")
    assert "no key made" in cli(KEYS)[1]
    assert "| all | $250.0000 |" in cli("class usage")[1]


def test_names_from_the_server_are_text(school: OpenRouter, cli: Cli) -> None:
    school.account.make({"name": "m1-magic class: <b>\x1b[31m|\nx (00000000)", "limit": 1})
    out = cli("class usage")[1]
    assert "\x1b" not in out and out.count("\n") == 3


# -- the list of students --------------------------------------------------------------
LISTS = {
    "one column": (b"Ana\nBen\n", ["Ana", "Ben"]),
    "header": (b"Student\nAna\nBen\n", ["Ana", "Ben"]),
    "BOM, CRLF, semicolons": (b"\xef\xbb\xbfname;id\r\nAna;1\r\nBen;2\r\n", ["Ana", "Ben"]),
    "by id": (b"id,group\n7,a\n8,a\n", ["7", "8"]),
    "e-mail before id": (b"id,E-Mail\n7,a@x\n8,b@x\n", ["a@x", "b@x"]),
    "unknown header": (b"Wer,Wohin\nAna,a@x\nBen,b@x\n", ["Ana", "Ben"]),
    "no header": (b"Ana,a@x\nBen,b@x\n", ["Ana", "Ben"]),
    "tabs": (b"group\tname\n1\tAna\n", ["Ana"]),
    "commas in names": (b'"Silva, Ana"\n"Silva, Rui"\n', ["Silva, Ana", "Silva, Rui"]),
    "empty lines": (b"\n\nname\n\nAna\n ,\n\nBen\n\n", ["Ana", "Ben"]),
    "Windows": ("name\nJosé\n".encode("cp1252"), ["José"]),
    "UTF-16": ("name\nZoë\n".encode("utf-16"), ["Zoë"]),
    "blanks": (b"  Ana   Maria \n", ["Ana Maria"]),
    "formulas": (b"=cmd()\n@x\n", ["=cmd()", "@x"]),
    "many": (b"\n".join(b"s%d" % n for n in range(10_000)), [f"s{n}" for n in range(10_000)]),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_any_origin(tmp_path: Path, name: str) -> None:
    data, names = LISTS[name]
    path = tmp_path / "s.csv"
    path.write_bytes(data)
    assert list(students(path).names) == names


BAD = {
    "twice": ("name\nAna\nBen\nAna\n", "has Ana twice: lines 2 and 4."),
    "another case": ("Ana\nANA\n", "twice: lines 1 and 2, as ANA."),
    "another form": ("Zoë\nZoe\u0308\n", "twice: lines 1 and 2."),
    "a joiner": ("Ana\nAn\u200da\n", "twice: lines 1 and 2"),
    "control": ("Ana\nB\x1b[31men\n", "line 2"),
    "zero width": ("Ana\nB\u200ben\n", "line 2"),
    "direction": ("Ana\n\u202eneB\n", "line 2"),
    "two lines": ('Ana\n"B\nen"\n', "line 3"),
    "no name": ("name,id\nAna,1\n,2\n", "no name in line 3"),
    "long": ("a" * 101, "over 100 characters in line 1"),
    "empty": ("\n \n", "lists no student"),
    "only a header": ("name,id\n", "below its header"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_list_that_is_wrong_names_its_lines(school: OpenRouter, cli: Cli, name: str) -> None:
    text, words = BAD[name]
    Path("s.csv").write_text(text, "utf-8", newline="")
    status, out, err = cli(KEYS)
    assert (status, out) == (1, "") and words in err and err.count("\n") == 1
    assert "\x1b" not in err and school.requests == []


@pytest.mark.parametrize("path", ["none.csv", ".", "/dev/zero"])
def test_a_list_that_is_no_file(school: OpenRouter, cli: Cli, path: str) -> None:
    status, _, err = cli(f"class keys {path} --each 1")
    assert status == 1 and "is no file" in err


def test_formulas_are_no_formulas_in_the_file(school: OpenRouter, cli: Cli) -> None:
    Path("s.csv").write_text("=cmd()\n'=cmd()\n+1\n<b>\n", "utf-8")
    assert cli(KEYS)[0] == 0
    assert list(kept()) == ["'=cmd()", "''=cmd()", "'+1", "<b>"]
    assert "no key made" in cli(KEYS)[1]
    names = {key["name"].removeprefix("m1-magic class: ")[:-11] for key in school.account.keys}
    assert names == {"=cmd()", "'=cmd()", "+1", "<b>"}


def test_spellings_of_one_name() -> None:
    assert len({same(name) for name in ("Zoë", "ZOE\u0308", " zoë ", "Zo\u200cë")}) == 1
    assert same("Ana") != same("Anna")


# -- report --by student ---------------------------------------------------------------
def test_what_each_student_cost(tmp_path: Path, cli: Cli) -> None:
    root = tmp_path / "submitted"
    put(root / "ana" / "ps1" / "a.ipynb", book(record("1", 0.25), record("2", 0.5)))
    put(root / "ana" / "ps2" / "b.ipynb", book(record("2", 0.5), record("3", 1)))
    put(root / "ben" / "ps1" / "a.ipynb", book(record("2", 0.5), record("4", None)))
    put(root / "=uli" / "ps1" / "a.ipynb", book(record("5", 0, replays="1")))
    status, out, _ = cli(f"report {tmp_path} --by student --csv {tmp_path / 'out.csv'}")
    assert status == 0 and "1 kept answer besides, at $0" in out
    assert "| ana | 3 | 3,612 | 7,035 | $1.7500 | 1 |" in out
    assert "| ben | 2 | 2,408 | 4,690 | $0.5000 + 1 unknown | 1 |" in out
    assert "| all, each call once | 4 | 4,816 | 9,380 | $1.7500 + 1 unknown |" in out
    a, b = (root / name / "ps1" / "a.ipynb" for name in ("ana", "ben"))
    assert f"| 1 | {a} | {b} |" in out
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert rows["ana"] == {
        "student": "ana", "notebooks": "2", "calls": "3", "tokens_in": "3612",
        "tokens_out": "7035", "cost_usd": "1.75", "estimated": "no", "cost_unknown": "0",
        "kept": "0", "shared": "1", "shares_with": "ben",
    }  # fmt: skip
    assert rows["'=uli"]["kept"] == "1" and rows["'=uli"]["cost_usd"] == "0"


@pytest.mark.parametrize(
    ("files_", "named", "who"),
    [
        (["c/ana.ipynb", "c/ben.ipynb"], ["c"], "ana ben"),
        (["c/ana/x.ipynb", "c/ben/deep/x.ipynb"], ["c"], "ana ben"),
        (["c/ana/x.ipynb", "c/ben/x.ipynb"], ["c/ana", "c/ben"], "ana ben"),
        (["c/ana.ipynb", "c/ben.ipynb"], ["c/ana.ipynb", "c/ben.ipynb"], "ana ben"),
        (["ana/x.ipynb", "ben/x.ipynb"], ["ana/x.ipynb", "ben/x.ipynb"], "ana ben"),
        (["submitted/ana/ps/x.ipynb"], ["submitted/ana/ps/x.ipynb"], "ana"),
        (["autograded/ana/ps/x.ipynb", "submitted/ana/ps/x.ipynb"], ["."], "ana"),
        (["submitted/ana.ipynb"], ["submitted"], "ana"),
    ],
)
def test_who_a_student_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Cli,
    files_: list[str],
    named: list[str],
    who: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, path in enumerate(files_):
        put(Path(path), book(record(str(number), 0)))
    out = cli(f"report --by student {' '.join(named)}")[1]
    table = [line.split(" | ")[0].strip("| ") for line in out.splitlines()[2:]]
    assert [name for name in table if name != "all, each call once"] == who.split()


def test_what_was_handed_out_is_told_in_a_line(tmp_path: Path, cli: Cli) -> None:
    for number in range(30):
        put(tmp_path / f"s{number:02}.ipynb", book(record("t"), record(f"own {number}")))
    out = cli(f"report {tmp_path} --by student")[1]
    assert "1 call stand in the notebooks of 30 students each: handed out" in out
    assert "calls shared" not in out.replace("shared calls", "")


def test_a_table_of_students_overwrites_no_other_file(tmp_path: Path, cli: Cli) -> None:
    put(tmp_path / "ana.ipynb", book(record("1")))
    target = tmp_path / "notes.csv"
    target.write_text("mine", "utf-8")
    status, _, err = cli(f"report {tmp_path} --by student --csv {target}")
    assert status == 1 and "was not overwritten" in err and target.read_text("utf-8") == "mine"
    assert cli(f"report {tmp_path} --csv {tmp_path / 'x.csv'}")[0] == 1
