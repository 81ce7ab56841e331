"""The process that ``test_chaos.py`` stops and kills: calls one after another, noted down.

    python chaos.py NOTES LAST

For each number that it reads, a process is forked that calls from there to LAST; the process's id
is printed, and how it ended. Each piece of text that the view gets is a line of NOTES before
anything else happens.
"""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal
from pathlib import Path

from m1_magic import api
from m1_magic.backends import openrouter  # noqa: F401 (not once for each process)
from m1_magic.calls import Event, Receipt, Replay, Request, TextDelta
from m1_magic.errors import UserFacingError
from m1_magic.options.fields import Options


class Noting:
    """A view that writes down what it is shown."""

    def __init__(self, notes: Path, call: int) -> None:
        self._file = notes.open("a", encoding="utf-8")
        self._call = call

    def note(self, **what: object) -> None:
        self._file.write(json.dumps({"call": self._call, **what}) + "\n")
        self._file.flush()

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        pass

    def feed(self, event: Event) -> None:
        if isinstance(event, TextDelta):
            self.note(text=event.text)

    def tick(self) -> float | None:
        return None

    def close(self, receipt: Receipt) -> None:
        pass


def main() -> None:
    """Fork those that make the calls: what they import is imported once."""
    notes, last = Path(sys.argv[1]), int(sys.argv[2])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            make_calls(notes, range(int(line), last))
            return
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def make_calls(notes: Path, numbers: range) -> None:
    """Make the calls."""
    for call in numbers:
        view = Noting(notes, call)
        view.note(begin=True)
        try:
            reply = api.run(f"call {call}", Options(), {}, view)
        except UserFacingError as error:
            reply = error.reply
        if reply is not None:
            view.note(id=reply.id, reply=reply.text, status=reply.status)
    api.end()


if __name__ == "__main__":
    main()
