"""The folder of a run whose tasks ask: their leave to go on, what each was given and has done.

A task asks as long as the folder is there and the kernel that made it lives. It is asked once: what
an engine tries again, or runs twice to be quicker, gets the result of the first.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import files
from ..ledger import new_id, processes

FOLDERS = "rows-"
SECRETS = "run.json"
LOOK = 0.1  # seconds between looks at what another task does


class Lease:
    """A folder in ``M1_HOME``, of one run; ``driver`` is the kernel's process that made it."""

    def __init__(self, folder: Path, driver: str) -> None:
        self._folder, self._driver = folder, driver

    def make(self, headers: Mapping[str, Any]) -> None:
        """Make the folder, and delete those of kernels that have ended."""
        for other in self._folder.parent.glob(f"{FOLDERS}*"):
            with suppress(OSError, ValueError):
                if processes.ended(json.loads((other / SECRETS).read_text("utf-8"))["driver"]):
                    shutil.rmtree(other)
        self._folder.mkdir(mode=0o700)
        self._write({"driver": self._driver, "headers": headers, "key": None})

    def give(self, key: str) -> None:
        """Let tasks of this machine have a key that they did not find themselves."""
        self._write(self.given() | {"key": key})

    def given(self) -> dict[str, Any]:
        """Return what tasks get that is in none of their arguments; raises OSError, ValueError."""
        return dict(json.loads((self._folder / SECRETS).read_text("utf-8")))

    def holds(self) -> bool:
        """May tasks ask?"""
        return self._folder.is_dir() and processes.ended(self._driver) is not True

    def turn(self, number: int) -> tuple[bytes | None, bool]:
        """Return the result that a task has already, or None and whether it was begun before.

        Where it is under way somewhere else, its result is waited for.
        """
        claim, again = self._folder / f"{number}.claim", False
        while self.holds():
            try:
                with claim.open("x", encoding="utf-8") as file:
                    file.write(processes.me())
                return None, again
            except FileExistsError:
                with suppress(OSError):
                    return (self._folder / f"{number}.done").read_bytes(), True
            with suppress(OSError, ValueError):  # it is being written, or another took it over
                if processes.ended(claim.read_text("utf-8")):
                    claim.rename(claim.with_suffix(f".{new_id()}"))
                    again = True
                    continue
            time.sleep(LOOK)
        return None, again

    def done(self, number: int, result: bytes) -> None:
        """Keep the result of a task, for whoever does it again."""
        part = self._folder / f"{number}.{new_id()}"
        with suppress(OSError):
            part.write_bytes(result)
            part.replace(self._folder / f"{number}.done")

    def end(self) -> None:
        """Let no task ask any more."""
        gone = self._folder.with_name(f"{self._folder.name}-{new_id()}")
        with suppress(OSError):
            os.rename(self._folder, gone)  # all at once
            shutil.rmtree(gone, ignore_errors=True)

    def _write(self, values: Mapping[str, Any]) -> None:
        files.replace(self._folder / SECRETS, json.dumps(values))
