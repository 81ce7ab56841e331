"""Two hundred calls with faults, interrupts and kills at random: nothing is lost or counted twice.

Each request that reached the server is a row of the ledger; each character that was shown is in a
reply, or, where the process was killed, in the ledger, but for what came in its last second.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import kernels
from emulator import FAULTS, Answer, OpenRouter
from ledgers import rows
from m1_magic.ledger import open_ledger

CALLS = 200
PATIENCE = 120  # seconds, for what a busy machine does late
# Those that need a deadline to end would take minutes.
SLOW = {"never_answers", "stall_mid", "comments_forever"}
QUICK = sorted(FAULTS.keys() - SLOW)
assert len(QUICK) + len(SLOW) == len(FAULTS)
WORDS = [f"word{number} " for number in range(30)]


@dataclass
class Plan:
    """What the server says, and at which held answer the process is stopped or killed."""

    answers: list[Answer] = field(default_factory=list)
    signals: dict[int, signal.Signals] = field(default_factory=dict)


def plan(seed: int) -> Plan:
    dice, made = random.Random(seed), Plan()
    for number in range(CALLS * 3):
        kind = dice.choices(["ok", "fault", "refused", "signal"], [40, 35, 10, 15])[0]
        if kind == "fault":
            made.answers.append(Answer(text=WORDS, fault=dice.choice(QUICK)))
        elif kind == "refused":
            status = dice.choice([400, 401, 402, 429, 500, 503])
            made.answers.append(Answer.http_error(status, retry_after=0))
        elif kind == "signal":
            made.signals[number] = dice.choice([signal.SIGINT, signal.SIGKILL])
            hold = threading.Event()
            after = dice.randrange(1, len(WORDS))
            made.answers.append(Answer(text=WORDS, hold=hold, hold_after=after))
        else:
            made.answers.append(Answer(text=WORDS))
    return made


class Worker:
    """The process that makes the calls; begun anew after each kill."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        code = "import chaos; chaos.main()"
        self._stem = subprocess.Popen(
            [*kernels.python(), "-c", code, str(notes), str(CALLS)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._begin(0)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._id, number)
        if number == signal.SIGKILL:
            assert self.ended(20) == -number
            begun = [note["call"] for note in notes(self._notes) if "begin" in note]
            self._begin(max(begun) + 1)

    def ended(self, patience: float) -> int | None:
        """Return how it ended, or None if it goes on for so many seconds."""
        if not select.select([self._stem.stdout], [], [], patience)[0]:
            return None
        return self._said()

    def close(self) -> None:
        """End it, wherever it is."""
        with suppress(ProcessLookupError):
            os.kill(self._id, signal.SIGKILL)
        with self._stem:
            self._stem.kill()

    def _begin(self, first: int) -> None:
        assert self._stem.stdin
        self._stem.stdin.write(f"{first}\n")
        self._stem.stdin.flush()
        self._id = self._said()

    def _said(self) -> int:
        assert self._stem.stdout
        return int(self._stem.stdout.readline())


def notes(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def drive(server: OpenRouter, worker: Worker, made: Plan) -> int:
    """Send each signal when the process waits in the answer that it is meant for; see it end."""
    seen = 0
    while True:
        if server.wait_chats(seen + 1, 0.2):
            chat, number = server.chats[seen], made.signals.get(seen)
            seen += 1
            if number is not None and chat.held.wait(20):
                worker.signal(number)
                assert chat.closed.wait(60)
        elif (ended := worker.ended(0)) is not None:
            return ended


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_and_nothing_counted_twice(
    server: OpenRouter, own_home: Path, tmp_path: Path, seed: int
) -> None:
    made, file = plan(seed), tmp_path / "notes"
    server.say(*made.answers)
    worker = Worker(file)
    try:
        assert drive(server, worker, made) == 0
    finally:
        worker.close()

    shown: dict[int, str] = defaultdict(str)
    ended: dict[int, dict[str, Any]] = {}
    for note in notes(file):
        shown[note["call"]] += note.get("text", "")
        if "status" in note:
            ended[note["call"]] = note
    assert set(shown) == set(range(CALLS))
    assert Counter(note["status"] for note in ended.values()).keys() == {"ok", "failed", "stopped"}
    kills = list(made.signals.values())[: sum(n < len(server.chats) for n in made.signals)]
    assert len(ended) == CALLS - kills.count(signal.SIGKILL)
    assert min(Counter(kills).values()) > 5

    open_ledger(own_home).close()  # what kernels left that have ended is taken over
    kept = own_home / "ledger.db"
    calls = {
        asked: (id, answer or "")
        for id, asked, answer in rows(kept, "SELECT id, prompt, answer FROM calls")
    }
    assert rows(kept, "PRAGMA integrity_check") == [("ok",)]
    assert rows(kept, "SELECT count(*) FROM attempts") == [(len(server.chats),)]
    for call, note in ended.items():
        assert note["reply"].startswith(shown[call])  # an interrupt may come before it is noted
        assert calls[f"call {call}"] == (note["id"], note["reply"])
    for call in shown.keys() - ended.keys():
        assert shown[call].startswith(calls[f"call {call}"][1])


def test_i04_each_of_many_interrupts_stops_its_call(
    server: OpenRouter, own_home: Path, tmp_path: Path
) -> None:
    """Python may look for signals just before a read blocks; a destructor may swallow one."""
    dice = random.Random(3)
    for _ in range(CALLS):
        after = dice.randrange(1, len(WORDS))
        server.say(Answer(text=WORDS, hold=threading.Event(), hold_after=after))
    worker = Worker(tmp_path / "notes")
    try:
        for number in range(CALLS):
            assert server.wait_chats(number + 1, PATIENCE)
            chat = server.chats[number]
            assert chat.held.wait(PATIENCE)
            worker.signal(signal.SIGINT)
            assert chat.closed.wait(PATIENCE)
        assert worker.ended(PATIENCE) == 0
    finally:
        worker.close()
    ended = [note["status"] for note in notes(tmp_path / "notes") if "status" in note]
    assert ended == ["stopped"] * CALLS
