"""The ledger's file, whatever happens to it: broken, foreign, read-only, moved, old, on a network.

The names are those of the catalogue in tests/README.md.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import kernels
from killed import forks, migrate
from ledgers import (
    CENT,
    HOST,
    NOW,
    call,
    ordinary_user,
    race,
    reserve,
    rows,
    settle,
    spend,
    sums,
)  # fmt: skip
from m1_magic.calls import Reply
from m1_magic.chats import turns
from m1_magic.errors import BudgetExceeded, LedgerProblem
from m1_magic.ledger import Ledger, answers, disk, history, open_ledger, schema
from m1_magic.ledger.leases import claim, sweep

VERSION_1 = Path(__file__).parent / "golden" / "ledger-1.sql"
LATEST = len(schema.SCHEMA)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m1 höme" / "ledger.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A ledger of some pages: 50 calls of a dollar, with text."""
    with closing(Ledger(path, "old")) as ledger:
        for _ in range(50):
            asked = call(text="why? " * 50)
            settle(ledger, reserve(ledger, of=asked), "1")
    return path


def news(ledger: Ledger) -> str:
    return " ".join(ledger.news())


# -- private, anywhere ------------------------------------------------------------------------


def test_l23_the_file_is_private_in_a_private_folder(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(Ledger(path)) as ledger:
            reserve(ledger)
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    assert rows(path, "PRAGMA user_version") == [(LATEST,)]


def test_an_old_file_is_used_as_it_is(path: Path) -> None:
    with closing(Ledger(path, "s1")) as ledger:
        spend(ledger, "0.5")
    with closing(Ledger(path, "s1")) as ledger:
        assert sums(ledger) == (Decimal("0.5"), 0)
        assert ledger.check() == "ok"
        assert ledger.news() == ()


@pytest.mark.parametrize(
    "name", ["with space", "日本 😀", "x" * 200, "a%20b?c=d#e", "/".join(["y" * 50] * 7)]
)
def test_l20_any_folder(tmp_path: Path, name: str) -> None:
    with closing(open_ledger(tmp_path / name)) as ledger:
        spend(ledger, "0.5")
        assert ledger.path.parent == tmp_path / name
        assert not ledger.in_memory
    assert rows(tmp_path / name / "ledger.db", "SELECT sum(cost_nano) FROM attempts") == [
        (500_000_000,)
    ]


def test_l20_a_path_longer_than_sqlite_takes_is_told(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path / "/".join(["y" * 50] * 12))) as ledger:
        assert ledger.in_memory and "memory only" in news(ledger)
        spend(ledger, "0.5")
        assert sums(ledger) == (Decimal("0.5"), 0)


# -- broken -----------------------------------------------------------------------------------


def garble(path: Path, at: int, length: int = 64) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * length)


def break_header(path: Path) -> None:
    garble(path, 0)


def break_page(path: Path) -> None:
    for page in range(1, path.stat().st_size // 4096):
        garble(path, page * 4096)


def cut(path: Path) -> None:
    os.truncate(path, 6000)


def replace_by_prose(path: Path) -> None:
    path.write_bytes(b"This is no database, it is prose. " * 100)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(break_header, id="l06_header"),
        pytest.param(break_page, id="l07_page"),
        pytest.param(cut, id="l08_truncated"),
        pytest.param(replace_by_prose, id="prose"),
    ],
)
def test_a_broken_file_is_set_aside_and_never_deleted(
    filled: Path, damage: Callable[[Path], None]
) -> None:
    damage(filled)
    kept = filled.read_bytes()
    with closing(Ledger(filled, "s1", lambda: NOW)) as ledger:
        spend(ledger, "2")
        assert sums(ledger, "month") == (2, 0)
        told = news(ledger)
    (aside,) = filled.parent.glob("*broken*.db")
    assert aside.read_bytes() == kept
    assert str(aside) in told and "begins anew" in told
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600
    with closing(Ledger(filled, "s2")) as ledger:
        assert ledger.news() == ()
        assert sums(ledger, "month") == (2, 0)


def test_l09_an_empty_file_is_a_new_one(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with closing(Ledger(path)) as ledger:
        spend(ledger, "0.5")
        assert ledger.news() == ()
    assert list(path.parent.glob("*broken*")) == []


def test_broken_files_do_not_overwrite_each_other(path: Path) -> None:
    for number in range(3):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d no database" % number * 100)
        Ledger(path, now=lambda: NOW).close()
    found = [p.read_bytes()[:1] for p in path.parent.glob("*broken*.db")]
    assert sorted(found) == [b"0", b"1", b"2"]


def test_a_file_that_breaks_while_it_is_open_costs_no_row(filled: Path) -> None:
    with closing(Ledger(filled, "s1", lambda: NOW)) as ledger:
        asked = call()
        attempt = reserve(ledger, of=asked)
        with closing(sqlite3.connect(filled)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        break_header(filled)
        break_page(filled)
        settle(ledger, attempt, "0.25")
        assert sums(ledger, "month") == (Decimal("0.25"), 0)
        assert "begins anew" in news(ledger)
    assert rows(filled, "SELECT call_id, cost_nano FROM attempts") == [(asked.id, 250_000_000)]
    assert rows(filled, "SELECT id FROM calls") == [(asked.id,)]


def test_two_kernels_set_a_broken_file_aside_once(filled: Path) -> None:
    """The second one must not take the new file for the broken one."""
    with closing(Ledger(filled, "a")) as one, closing(Ledger(filled, "b")) as two:
        with closing(sqlite3.connect(filled)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        break_header(filled)
        break_page(filled)
        spend(one, "1")
        spend(two, "1")
        assert sums(one, "month") == sums(two, "month") == (2, 0)
    assert len(list(filled.parent.glob("*broken*.db"))) == 1


WRITER = """
import os, sys
from pathlib import Path
from ledgers import spend
from m1_magic.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), "killed")
for _ in range(20):
    spend(ledger, "1")
os.kill(os.getpid(), 9)
"""


def killed_while_writing(path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([*kernels.python(), "-c", WRITER, path], env=env, check=False)
    assert ran.returncode == -signal.SIGKILL


@pytest.mark.parametrize("damage", ["l10_missing", "l10_garbled", "l10_shm_garbled", "l10_cut"])
def test_a_log_that_a_killed_kernel_left_may_be_damaged(path: Path, damage: str) -> None:
    killed_while_writing(path)
    wal, shm = (path.with_name(f"ledger.db-{end}") for end in ("wal", "shm"))
    assert wal.stat().st_size > 0
    if damage == "l10_missing":
        wal.unlink()
    elif damage == "l10_garbled":
        garble(wal, wal.stat().st_size // 2, 5000)
    elif damage == "l10_shm_garbled":
        garble(shm, 0, 200)
    else:
        os.truncate(wal, wal.stat().st_size * 2 // 3)
    with closing(Ledger(path, "s1")) as ledger:
        assert ledger.check() == "ok"
        spent = sums(ledger, "month")[0]
        assert spent == 20 if damage == "l10_shm_garbled" else 0 <= spent <= 20
        spend(ledger, "1")
        assert sums(ledger, "month")[0] == spent + 1


@pytest.mark.parametrize("late", [False, True], ids=["the first time", "the next day"])
def test_l24_the_whole_file_is_looked_through_once_a_day(filled: Path, late: bool) -> None:
    """Damage that a call would not meet is found, and not looked for at each opening."""
    with closing(Ledger(filled, "s1", lambda: NOW)) as ledger:
        settle(ledger, reserve(ledger, of=call(text="x" * 200_000)), "1")
    page = filled.read_bytes().rindex(b"x" * 4000) // 4096
    garble(filled, page * 4096, 4096)  # a page of that text
    with closing(sqlite3.connect(filled)) as db:
        assert db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)
    with closing(Ledger(filled, "s2", lambda: NOW + timedelta(days=late))) as ledger:
        assert ("begins anew" in news(ledger)) is late


def test_l24_a_file_too_large_to_look_through_is_used(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "CHECK", -1.0)
    with closing(sqlite3.connect(filled)) as db:
        db.execute(
            "CREATE TABLE big AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1"
            " FROM n WHERE i < 200000) SELECT i, randomblob(20) AS b FROM n"
        )
    with closing(Ledger(filled, "s1", lambda: NOW + timedelta(days=1))) as ledger:
        assert ledger.news() == ()
        spend(ledger, "1")
    assert rows(filled, "SELECT value FROM facts WHERE name = 'checked'") == [("2026-03-16",)]


# -- not ours, newer --------------------------------------------------------------------------


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE history (line TEXT)")


def foreign_with_a_version(path: Path) -> None:
    foreign(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "says", "todo"),
    [
        pytest.param(newer, "newer m1-magic", "Upgrade", id="l14_newer"),
        pytest.param(foreign, "another program", "M1_HOME", id="foreign"),
        pytest.param(foreign_with_a_version, "another program", "M1_HOME", id="foreign version"),
        pytest.param(Path.mkdir, "is a folder", "M1_HOME", id="folder"),
    ],
)
def test_a_file_that_is_not_ours_to_write_is_left_alone(
    path: Path, make: Callable[[Path], None], says: str, todo: str
) -> None:
    path.parent.mkdir()
    make(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(LedgerProblem, match=says) as caught:
        Ledger(path)
    told = str(caught.value)
    assert str(path) in told and todo in told and "Nothing was sent" in told and "\n" not in told
    assert before is None or path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# -- read-only --------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "file"])
def test_l11_a_ledger_that_may_not_be_written_is_kept_in_memory(what: str) -> None:
    with ordinary_user() as home:
        path = home / "ledger.db"
        with closing(Ledger(path, "old", lambda: NOW)) as ledger:
            spend(ledger, "0.75")
        before = path.read_bytes()
        (home if what == "folder" else path).chmod(0o500 if what == "folder" else 0o400)
        with closing(Ledger(path, "s1", lambda: NOW)) as ledger:
            assert ledger.in_memory
            told = news(ledger)
            assert str(path) in told and "memory only" in told and "M1_HOME" in told
            assert sums(ledger, "month") == (Decimal("0.75"), 0)  # what the file knows counts
            spend(ledger, "0.1")
            reserve(ledger, CENT, Decimal("0.86"), "month")
            with pytest.raises(BudgetExceeded):
                reserve(ledger, CENT, Decimal("0.86"), "month")
            with pytest.raises(BudgetExceeded):
                reserve(ledger, CENT, Decimal("0.115"), "session")
        assert path.read_bytes() == before


def test_l11_an_empty_folder_that_may_not_be_written() -> None:
    with ordinary_user() as home:
        home.chmod(0o500)
        with closing(Ledger(home / "ledger.db", "s1")) as ledger:
            assert ledger.in_memory
            spend(ledger, "0.1")
            assert sums(ledger) == (Decimal("0.1"), 0)
        assert list(home.iterdir()) == []


def test_l11_a_ledger_that_turns_read_only_while_it_is_open() -> None:
    with ordinary_user() as home:
        path = home / "ledger.db"
        with closing(Ledger(path, "s1", lambda: NOW)) as ledger:
            attempt = reserve(ledger)
            ledger.close()
            path.chmod(0o400)
            with closing(Ledger(path, "s1", lambda: NOW)) as again:
                assert sums(again) == (0, CENT)
                settle(again, attempt, "0.005")
                assert sums(again) == (Decimal("0.005"), 0)


# -- moved ------------------------------------------------------------------------------------


def replaced(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    Ledger(path, "other").close()


MOVES: dict[str, Callable[[Path], object]] = {
    "moved": lambda path: path.rename(path.with_name("elsewhere.db")),
    "deleted": Path.unlink,
    "replaced": replaced,
    "folder moved": lambda path: path.parent.rename(path.parent.with_name("gone")),
}


@pytest.mark.parametrize("how", MOVES)
def test_l19_a_file_that_moves_while_it_is_open_costs_no_row(path: Path, how: str) -> None:
    with closing(Ledger(path, "s1")) as ledger:
        spend(ledger, "1")
        asked = call()
        attempt = reserve(ledger, of=asked)
        MOVES[how](path)
        settle(ledger, attempt, "0.25")
        assert "moved away" in news(ledger)
        spend(ledger, "0.5")
        assert sums(ledger) == (Decimal("0.75"), 0)
        assert ledger.check() == "ok"
    assert rows(path, "SELECT count(*), sum(cost_nano) FROM attempts") == [(2, 750_000_000)]
    for left in (path.with_name("elsewhere.db"), path.parent.with_name("gone") / "ledger.db"):
        if left.exists():  # whole, with what was in its log
            assert rows(left, "SELECT sum(cost_nano), count(*) FROM attempts") == [(10**9, 2)]
            assert rows(left, "PRAGMA quick_check") == [("ok",)]


def test_l19_the_log_of_a_file_that_was_taken_away_is_not_for_the_next_one(path: Path) -> None:
    killed_while_writing(path)
    path.unlink()
    with closing(Ledger(path, "s1")) as ledger:
        spend(ledger, "1")
        assert sums(ledger, "month") == (1, 0)
        assert ledger.check() == "ok"
    assert list(path.parent.glob("*-left-*-wal"))


def test_l19_a_symbolic_link_is_followed_and_may_be_turned(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    path.symlink_to(tmp_path / "one" / "real.db")
    (tmp_path / "one" / "real.db").touch()
    (tmp_path / "two" / "real.db").touch()
    with closing(Ledger(path, "s1")) as ledger:
        spend(ledger, "1")
        path.unlink()
        path.symlink_to(tmp_path / "two" / "real.db")
        spend(ledger, "2")
    for name, nano in (("one", 10**9), ("two", 2 * 10**9)):
        real = tmp_path / name / "real.db"
        assert rows(real, "SELECT sum(cost_nano) FROM attempts") == [(nano,)]


# -- old versions -----------------------------------------------------------------------------


def make_old(path: Path) -> None:
    """Lay down a ledger as version 1 left it: 4 calls, in every state."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(VERSION_1.read_text("utf-8"))


def test_l15_an_old_file_is_brought_up_to_date_beside_a_copy(path: Path) -> None:
    make_old(path)
    with closing(Ledger(path, "old", lambda: NOW)) as ledger:
        assert sums(ledger) == (Decimal("0.0025"), Decimal("0.09"))
        assert sums(ledger, "month") == (Decimal("0.0125"), Decimal("0.09"))
        assert ledger.totals(None, "day", NOW).unknown == 2
        assert ledger.spent(NOW)["month"][2] == 4
        spend(ledger, "1")
        assert sums(ledger) == (Decimal("1.0025"), Decimal("0.09"))
    assert rows(path, "PRAGMA user_version") == [(LATEST,)]
    assert rows(path, "SELECT prompt, answer FROM calls WHERE id = 'c1'") == [("why?", "because")]
    (copy,) = path.parent.glob("ledger-version-1-*.db")
    assert rows(copy, "PRAGMA user_version") == [(1,)]
    assert rows(copy, "SELECT count(*) FROM calls") == [(4,)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(path.parent.glob("*.part")) == []


def of_version(number: int, path: Path, **more: str) -> None:
    """Lay down a ledger of that version, with one call."""
    path.parent.mkdir(exist_ok=True)
    row = {"id": "c1234", "at": "2026-03-15T11:00:00+00:00", "session": "old", "model": "m"}
    row |= {"fingerprint": "f", **more}
    with closing(sqlite3.connect(path)) as db, db:
        for script in schema.SCHEMA[:number]:
            for statement in schema.statements(script):
                db.execute(statement)
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO calls ({', '.join(row)}) VALUES ({marks})", [*row.values()])
        db.execute(f"PRAGMA user_version = {number}")


def test_l15_a_new_file_is_as_one_that_went_through_all_versions(path: Path) -> None:
    everything = "SELECT type, name, sql FROM sqlite_master ORDER BY rowid"
    with closing(sqlite3.connect(":memory:")) as old:
        for script in schema.SCHEMA:
            for statement in schema.statements(script):
                old.execute(statement)
        Ledger(path, "new").close()
        assert rows(path, everything) == old.execute(everything).fetchall()
    assert rows(path, "PRAGMA user_version") == [(LATEST,)]


def test_l15_a_file_of_version_2_gets_chats(path: Path) -> None:
    of_version(2, path, prompt="why?")
    with closing(Ledger(path, "old", lambda: NOW)) as ledger:
        spend(ledger, "1")
        assert sums(ledger) == (Decimal("1"), Decimal("0"))
    assert rows(path, "PRAGMA user_version") == [(LATEST,)]
    assert rows(path, "SELECT prompt, chat FROM calls WHERE id = 'c1234'") == [("why?", None)]
    assert list(path.parent.glob("ledger-version-2-*.db"))


def test_l15_what_version_3_kept_of_requests_stays_readable(path: Path) -> None:
    line = "[t 3 × 4, level stats, 9 characters, not kept]"
    question = f'why?\n\n<data-1 table="t">\n{line}\n</data-1>'
    stored = {
        "messages": [["system", "Be brief."], ["user", question]],
        "sampling": {"max_tokens": 5},
        "after": ["c0"],
        "attached": 1,
    }
    of_version(3, path, prompt="?", status="ok", answer="So.", sent=json.dumps(stored))
    with closing(Ledger(path, "old", lambda: NOW)) as ledger:
        past = history.called(ledger, "c1234")
    assert past is not None and past.sent is not None
    assert past.sent.texts == (("system", "Be brief."), ("user", question))
    assert (past.sent.sampling, past.sent.after) == ({"max_tokens": 5}, ("c0",))
    turn = turns.stored_turn(past)
    assert (turn.system, turn.answer, turn.missing, turn.attachments) == ("Be brief.", "So.", 1, ())
    assert turn.question.content() == question
    assert rows(path, "PRAGMA user_version") == [(LATEST,)]
    assert list(path.parent.glob("ledger-version-3-*.db"))


def test_l16_a_kernel_that_is_killed_in_any_line_of_migrating_leaves_a_whole_file(
    path: Path,
) -> None:
    died = 0
    make_old(path)
    old = path.read_bytes()
    with forks(migrate) as killed:
        for line in range(1, 5000, 7):
            for file in path.parent.glob("*"):
                file.unlink()
            path.write_bytes(old)
            died += (once := killed(path.parent, line))
            assert rows(path, "PRAGMA user_version") in ([(1,)], [(LATEST,)]), line
            with closing(Ledger(path, "s1", lambda: NOW)) as ledger:
                assert sums(ledger, "month") == (Decimal("0.0125"), Decimal("0.09")), line
                assert ledger.news() == (), line
            if not once:
                break
    assert died > 30


def migrating(folder: Path, barrier: Any) -> None:
    for number in range(8):
        barrier.wait(300)
        with closing(Ledger(folder / str(number) / "ledger.db", "old")) as ledger:
            spend(ledger, "1")


def test_l17_kernels_that_migrate_at_the_same_time(tmp_path: Path) -> None:
    for number in range(8):
        make_old(tmp_path / str(number) / "ledger.db")
    assert race(migrating, tmp_path, kernels=4) == [None] * 4
    for number in range(8):
        file = tmp_path / str(number) / "ledger.db"
        sql = "SELECT spent FROM totals WHERE kind = 'session' AND name = 'old'"
        assert rows(file, sql) == [(4_002_500_000,)]
        assert rows(file, "PRAGMA user_version") == [(LATEST,)]
        assert len(list(file.parent.glob("ledger-version-1-*.db"))) >= 1


# -- on a network -----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "mode"), [
    ("nfs4", "delete"), ("nfs", "delete"), ("cifs", "delete"), ("fuse.sshfs", "delete"),
    ("9p", "delete"), ("ext4", "wal"), ("tmpfs", "wal"), ("overlay", "wal"), ("fuseblk", "wal"),
])  # fmt: skip
def test_l18_the_journal_goes_by_the_file_system(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, mode: str
) -> None:
    mounts = path.parents[1] / "mounts"
    home = str(path.parent).replace(" ", "\\040")
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {home} {kind} rw 0 0\n")
    monkeypatch.setattr(disk, "MOUNTS", mounts)
    with closing(Ledger(path, "s1")) as ledger, closing(Ledger(path, "s2")) as other:
        assert ledger.read(lambda db: db.execute("PRAGMA journal_mode").fetchone()) == (mode,)
        spend(ledger, "1")
        spend(other, "1")
        assert sums(ledger, "month") == sums(other, "month") == (2, 0)
    assert (path.with_name("ledger.db-wal").exists()) is False
    assert rows(path, "PRAGMA journal_mode") == [(mode,)]


@pytest.mark.parametrize("mounts", ["", "nonsense\n\n", "a /other nfs rw\nb /o nfs\n"])
def test_l18_mounts_that_say_nothing_mean_a_disk_of_this_machine(
    path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str
) -> None:
    listed = path.parents[1] / "mounts"
    if mounts:
        listed.write_text(mounts)
    monkeypatch.setattr(disk, "MOUNTS", listed)
    assert disk.local(path)


def test_l18_a_ledger_in_wal_mode_may_come_to_a_network(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "local", lambda path: False)
    with closing(Ledger(filled, "s1")) as ledger:
        assert sums(ledger, "month") == (50, 0)
    assert rows(filled, "PRAGMA journal_mode") == [("delete",)]


# -- forked -----------------------------------------------------------------------------------


def test_l25_a_forked_child_opens_the_file_anew(path: Path) -> None:
    with closing(Ledger(path, "s1")) as ledger:
        spend(ledger, "1")
        parents = ledger.read(lambda db: db)
        for _ in range(3):
            child = os.fork()
            if not child:
                signal.alarm(120)  # a deadlock ends here
                code = 1
                try:
                    spend(ledger, "1")
                    code = int(ledger.read(lambda db: db) is parents)
                    ledger.close()
                finally:
                    os._exit(code)
            spend(ledger, "1")
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sums(ledger) == (7, 0)  # a child's calls are its session's
        assert ledger.check() == "ok"
    assert rows(path, "SELECT count(DISTINCT pid) FROM attempts") == [(4,)]


def test_l25_a_fork_waits_for_the_transactions_of_other_threads(path: Path) -> None:
    """SQLite in the child would count their locks as its own, and wait for them for ever."""
    with closing(Ledger(path, "s1")) as ledger:
        inside = threading.Event()

        def slow(db: sqlite3.Connection) -> None:
            db.execute("UPDATE facts SET value = value")
            inside.set()
            threading.Event().wait(0.5)

        thread = threading.Thread(target=lambda: ledger.write(slow))
        thread.start()
        assert inside.wait(60)
        child = os.fork()
        if not child:
            signal.alarm(120)  # a deadlock ends here
            code = 1
            try:
                spend(ledger, "1")
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        thread.join(60)
        spend(ledger, "1")
        assert sums(ledger) == (2, 0)


# -- how it writes ----------------------------------------------------------------------------


def traced(ledger: Ledger) -> list[str]:
    statements: list[str] = []
    ledger.read(lambda db: db.set_trace_callback(statements.append))
    return statements


@pytest.fixture
def every_use() -> Callable[[Ledger], None]:
    def use(ledger: Ledger) -> None:
        asked = call()
        attempt = reserve(ledger, CENT, Decimal(1), "month", of=asked)
        ledger.started(attempt.id, "gen-1")
        settle(ledger, attempt, None, generation_id="gen-1")
        ended = replace(asked, reply=Reply("text"), attempts=(attempt,))
        ledger.finish(ended, True)
        claim(ledger, HOST, NOW)
        ledger.correct(attempt.id, CENT)
        sweep(ledger, NOW)
        ledger.totals(Decimal(1), "day", NOW)
        ledger.spent(NOW)
        history.latest(ledger, 5, "text")
        history.called(ledger, asked.id)
        history.purge(ledger, NOW)
        history.forget(ledger)

    return use


WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP")


def test_l03_everything_is_written_in_immediate_transactions(
    path: Path, every_use: Callable[[Ledger], None]
) -> None:
    """A transaction that begins with reading cannot wait for a lock: SQLite fails it at once."""
    with closing(Ledger(path, "s1")) as ledger:
        statements = traced(ledger)
        every_use(ledger)
    inside, written = False, 0
    for statement in statements:
        word = statement.split(maxsplit=1)[0]
        if word == "BEGIN":
            assert statement == "BEGIN IMMEDIATE"
            inside = True
        elif word in ("COMMIT", "ROLLBACK"):
            inside = False
        elif word in WRITES:
            assert inside, statement
            written += 1
    assert written > 10


def test_kept_answers_are_found_by_their_index(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []
    read = Ledger.rows

    def explained(ledger: Ledger, sql: str, *values: object) -> list[Any]:
        plans.append(str(read(ledger, f"EXPLAIN QUERY PLAN {sql}", *values)))
        return read(ledger, sql, *values)

    monkeypatch.setattr(Ledger, "rows", explained)
    lookup = answers.Lookup("a" * 64, "host", "")
    with closing(Ledger(path)) as ledger:
        plans.clear()
        for notebook in (None, "lesson.ipynb"):
            assert answers.nth(ledger, lookup, notebook, 1) is None
            assert answers.of_rows(ledger, [lookup], notebook) == {}
    assert len(plans) == 4
    assert all("USING INDEX calls_key" in one for one in plans), plans
