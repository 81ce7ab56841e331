"""A run over rows that is killed (SIGKILL) at any line, and the next run in another process.

What had come is not asked again, and what the server billed stands in the ledger, to the last
nano-dollar: at once, or when it is asked for by the generation id that was written down. Each run
is a fork of this process.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emulator import Answer, OpenRouter
from ledgers import AtLine, die
from m1_magic import api
from m1_magic.backends import at_once  # noqa: F401 (not once for each process)
from m1_magic.ledger import ahead
from m1_magic.ledger.store import Store
from m1_magic.rows.job import Wish
from m1_magic.rows.mapping import from_python, mapped
from m1_magic.rows.running import Run
from m1_magic.session.bookkeeper import Bookkeeper

ROWS, PILOT, WORKERS, POINTS = 16, 4, 4, 20
SEEN = (
    "many.py", "bookkeeper.py", "ahead.py", "batches.py", "store.py", "at_once.py", "running.py",
    "job.py", "answers.py", "accumulator.py",
)  # fmt: skip
GOLD = ["yes"] * PILOT + [None] * (ROWS - PILOT)


def labelled() -> tuple[Any, Any]:
    table = pd.DataFrame({"text": [f"review {n}" for n in range(ROWS)]})
    wish = Wish(into="label", gold=GOLD, at_least=0.5, workers=WORKERS, quiet=True)
    found = mapped(table, "Sentiment of {{text}}?", from_python({"max_tokens": 50}), wish, {})
    assert found is not None
    return found


def forked(home: Path, work: Callable[[Callable[..., None]], None]) -> list[list[Any]]:
    """Do work in a process of its own; return what it told until it ended or was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # nothing here takes as long
        os.environ["M1_HOME"] = str(home)
        try:
            work(lambda *told: os.write(writing, json.dumps(told).encode() + b"\n") and None)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = [json.loads(line) for line in lines]
    os.waitpid(child, 0)
    return told


def killed(line: int) -> Callable[[Callable[..., None]], None]:
    """Return a run that is killed at that line, and tells what came before."""

    def work(tell: Callable[..., None]) -> None:
        take, started = Run._take, Bookkeeper.started

        def taking(run: Run, number: int, call: Any, error: Any) -> None:
            take(run, number, call, error)
            tell("came", number)

        def telling(books: Bookkeeper, attempt: str) -> Callable[[str | None], None]:
            def begun(id: str | None) -> None:
                started(books, attempt)(id)
                tell("id", id)

            return begun

        Run._take, Bookkeeper.started = taking, telling  # type: ignore[method-assign]
        at = AtLine(line, SEEN, die)
        threading.settrace(at)
        sys.settrace(at)
        labelled()
        sys.settrace(None)
        tell("lines", at.lines)

    return work


def again(tell: Callable[..., None]) -> None:
    """Run the same once more, ask for prices that are owed, and tell what stands in the ledger."""
    made, report = labelled()
    session = api.session()
    session.reconcile()
    spent, held, _ = session.ledger.spent(session.now())["day"]
    ids = session.ledger.rows("SELECT generation_id, hold_nano, state FROM attempts")
    tell(made.label.tolist(), report.asked, report.kept, str(spent), str(held), ids)
    api.end()


def bills(server: OpenRouter) -> Mapping[str, Decimal]:
    for chat in server.chats:
        assert chat.closed.wait(20)
    return {id: Decimal(str(one["total_cost"])) for id, one in server.generations.items()}


def asked(server: OpenRouter) -> Counter[int]:
    words = [chat.body["messages"][-1]["content"] for chat in server.chats if chat.body]
    return Counter(int(one.rpartition(" ")[2].rstrip("?")) for one in words)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_run_that_is_killed_anywhere_loses_nothing(server: OpenRouter, tmp_path: Path) -> None:
    server.default = Answer("yes", first_delay=0.002)
    *_, (_, lines) = forked(tmp_path / "whole", killed(-1))
    assert len(asked(server)) == ROWS
    seed, twice = random.Random(19), 0
    for point in range(POINTS):
        server.requests.clear()
        server.generations.clear()
        home = tmp_path / str(point)
        at = int((point + seed.random()) / POINTS * lines)
        told = forked(home, killed(at))
        came = {what for kind, what in told if kind == "came"}
        first = bills(server)
        [(labels, new, kept, spent, held, attempts)] = forked(home, again)
        assert labels == ["yes"] * ROWS, at
        times = asked(server)
        assert set(times) == set(range(ROWS)), at
        assert not {row for row in came if times[row] > 1}, at
        on_their_way = {row for row in times if times[row] > 1}
        assert len(on_their_way) <= WORKERS, at
        assert (new + kept, len(list(home.glob("*unwritten*")))) == (ROWS, 0), at
        assert kept >= len(came), at
        twice += len(on_their_way)
        # What was billed stands in the ledger; what no header named is a hold, and large enough.
        served, known = bills(server), {id for id, _, _ in attempts}
        assert {what for kind, what in told if kind == "id"} <= known, at
        unknown = [cost for id, cost in served.items() if id not in known]
        holds = [hold for id, hold, state in attempts if id is None and state == "pending"]
        assert Decimal(spent) == sum(served.values(), Decimal(0)) - sum(unknown, Decimal(0)), at
        assert Decimal(held) == Decimal(sum(holds)).scaleb(-9), at
        assert len(unknown) <= len(holds) <= WORKERS and first.keys() <= served.keys(), at
    assert twice, "it was never killed while an answer was on its way"


def test_what_another_process_may_still_write_is_left_to_it(path: Path) -> None:
    store = Store(path)
    lines = ahead.Ahead(path)
    assert lines.add(("finished", ("ok", "stop", None, 1.0, "m", None, "text", "a")))
    assert store.unwritten() == 0
    [file] = [one for one in path.parent.glob("*.jsonl") if one.read_text().count("\n")]
    assert file.stat().st_mode & 0o777 == 0o600
    gone = file.read_text().replace(f" {os.getpid()} ", " 4194305 ")
    half = path.with_name(f"{path.stem}-unwritten-0-1-0.jsonl")
    half.write_text(f'{gone}\n[["settled",["sett')
    assert [name for name, _ in ahead.read(half)] == ["finished"]
    assert store.unwritten() == 1
    store.take_in()
    assert (store.unwritten(), half.exists(), file.exists()) == (0, False, True)
    # Killed between the file and its first line: gone without a word.
    empty = path.with_name(f"{path.stem}-unwritten-0-4194305-0.jsonl")
    empty.touch()
    mine = path.with_name(f"{path.stem}-unwritten-0-{os.getpid()}-0.jsonl")
    mine.touch()
    store.take_in()
    assert (empty.exists(), mine.exists(), store.news()) == (False, True, ())
    mine.unlink()
    lines.turn()
    lines.done()
    assert ahead.read(file) == []
    lines.close()
    assert not list(path.parent.glob("*.jsonl"))
    assert not ahead.Ahead(None).add(("started", (None, "a")))
    store.close()
