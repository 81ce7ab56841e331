"""A small process that forks itself, and whose forks are killed (SIGKILL) at a line of ours.

The larger a process is, the longer takes a fork: that of a worker of the tests 20 ms.

    python killed.py WORK

For each line that it reads, a folder and a number as JSON, a fork does the work there until it
comes to that line; it prints whether the fork was killed.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ledgers import AtLine, call, die, reserve, settle
from m1_magic.calls import Reply, ToolEnded
from m1_magic.ledger import Ledger
from m1_magic.messages import ToolCall
from scripted import Scripted, Seen, answer, request, session

ASKING = (
    "loop.py", "rounds.py", "ledger/__init__.py", "store.py", "journal.py", "failsafe.py",
    "accumulator.py",
)  # fmt: skip


def ask(folder: Path, line: int) -> None:
    asking = session(folder, Scripted(answer("all", cost="0.01")))
    asking.ledger  # noqa: B018
    sys.settrace(AtLine(line, ASKING, die))
    asking.ask(request(), Seen())


def migrate(folder: Path, line: int) -> None:
    sys.settrace(AtLine(line, ("schema.py", "disk.py"), die))
    Ledger(folder / "ledger.db", "killed")


def finish(folder: Path, line: int) -> None:
    """Write down what was answered with a call of a tool."""
    tools = (ToolEnded(ToolCall("call_0", "add", "{}"), "3"),)
    reply = Reply(text="I add.", tools=tools, status="ok")
    ledger, asked = Ledger(folder / "ledger.db", "killed"), call()
    attempt = reserve(ledger, of=asked)
    settle(ledger, attempt, "0.25")
    sys.settrace(AtLine(line, ("ledger/__init__.py", "store.py", "journal.py"), die))
    ledger.finish(replace(asked, reply=reply, attempts=(attempt,)), True)


def write(folder: Path, line: int) -> None:
    """Write calls, for ever where ``told`` is a pipe; say there which of them is there for sure."""
    ledger, told = Ledger(folder / "ledger.db", "killed"), folder / "told"
    with told.open("w", buffering=1) as pipe:
        pipe.write(f"{os.getpid()}\n")
        while True:
            attempt = reserve(ledger)
            pipe.write(f"r{attempt.id}\n")
            settle(ledger, attempt, "0.003")
            pipe.write(f"s{attempt.id}\n")
            if not told.is_fifo():
                return


WORKS = {work.__name__: work for work in (ask, migrate, finish, write)}


@contextmanager
def forks(work: Callable[[Path, int], None]) -> Iterator[Callable[[Path, int], bool]]:
    """Give a function that does the work in a fork: was it killed at that line?"""
    with subprocess.Popen(
        [sys.executable, __file__, work.__name__],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as stem:

        def killed(folder: Path, line: int) -> bool:
            assert stem.stdin and stem.stdout
            stem.stdin.write(json.dumps([str(folder), line]) + "\n")
            stem.stdin.flush()
            return bool(json.loads(stem.stdout.readline()))

        yield killed


def main() -> None:
    work = WORKS[sys.argv[1]]
    with TemporaryDirectory() as folder:  # what is done at the first time is not done in each fork
        work(Path(folder), 0)
        sys.settrace(None)
    gc.freeze()
    for asked in sys.stdin:
        folder, line = json.loads(asked)
        child = os.fork()
        if not child:
            signal.alarm(60)  # nothing here takes as long
            work(Path(folder), line)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps(killed), flush=True)


if __name__ == "__main__":
    main()
