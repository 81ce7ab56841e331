"""How far a run is: counted while it runs, as one line, in a notebook, a terminal, or nowhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..calls import RECORD
from ..jupyter import shell
from ..render import page
from ..render.footer import STYLE
from ..render.front_end import in_notebook, updates
from ..text import escape_html, md_to_text, plural, show_controls, thousands
from .report import price_so_far

EVERY = 0.25  # seconds between two looks
WIDTH = 20  # of the bar


@dataclass(slots=True)
class Progress:
    """Questions that are done of those that are asked, what they cost, and how many failed.

    ``unknown`` prices are to come, ``estimated`` ones are not billed; ``pilot`` says how often the
    first ones were right.
    """

    total: int
    rows: int
    done: int = 0
    failed: int = 0
    cost: Decimal = Decimal(0)
    unknown: int = 0
    estimated: int = 0
    pilot: str = ""
    now: Callable[[], float] = time.monotonic
    began: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.began = self.now()

    @property
    def seconds(self) -> float:
        """How long it takes up to now."""
        return self.now() - self.began

    def line(self, waiting: tuple[float, str] | None = None) -> str:
        """Return the line as it stands now; ``waiting``: until when nothing is asked, and why."""
        filled = WIDTH * self.done // max(self.total, 1)
        parts = [
            f"{'█' * filled}{'░' * (WIDTH - filled)} {thousands(self.done)}/{thousands(self.total)}"
            f" for {plural(self.rows, 'row')}",
            price_so_far(self.cost, self.unknown, about=bool(self.estimated)),
            self.pilot,
        ]
        if self.done and self.seconds >= 1:
            rate = self.done / self.seconds
            left = round((self.total - self.done) / rate)
            parts += [f"{rate:.3g}/s", f"{left // 60} min {left % 60} s left" * (left >= 60)]
            parts += [f"{left} s left"] if 0 < left < 60 else []
        parts.append(f"{thousands(self.failed)} failed" if self.failed else "")
        if waiting and (seconds := waiting[0] - self.now()) > 0:
            parts.append(f"{waiting[1]} Going on in {seconds:.0f} s.")
        return show_controls(" · ".join(part for part in parts if part))


class Display:
    """One line that changes: one display in a notebook, one line of a terminal, else nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._line, self._handle, self._quiet = "", None, quiet
        self._where: Any = None
        if not quiet:
            self._where = "notebook" if in_notebook(shell.current()) else "terminal"
        if self._where == "notebook" and not updates(shell.current()):
            self._where = "still"  # only the last page is shown
        if self._where == "terminal" and not _seen():
            self._where = None

    def show(self, line: str) -> None:
        """Show a line in place of the one before."""
        if self._where in (None, "still") or line == self._line:
            return
        before, self._line = self._line, line
        with suppress(Exception):  # a display that fails does not stop what is paid
            if self._where == "terminal":
                width = max(len(before), len(line))
                sys.stderr.write(f"\r{line:<{width}}")
                sys.stderr.flush()
            else:
                self._publish(line)

    def close(self) -> None:
        """Take the line of a terminal away."""
        with suppress(Exception):
            if self._where == "terminal" and self._line:
                sys.stderr.write(f"\r{' ' * len(self._line)}\r")
                sys.stderr.flush()
                self._line = ""

    def end(self, markdown: str, record: Mapping[str, object]) -> None:
        """Show the last page, in a notebook in the line's place, with the record of the run."""
        self.close()
        beside = {RECORD: record} if record else {}
        with suppress(Exception):  # the table is there all the same
            if in_notebook(shell.current()):
                bundle = {"text/plain": ""} if self._where is None else page.bundle(markdown)
                if record or self._where is not None:
                    self._show({**bundle, **beside})
            elif not self._quiet:
                sys.stderr.write(md_to_text(markdown) + "\n")

    def _publish(self, line: str) -> None:
        html = f'<span style="{STYLE}">{escape_html(line)}</span>'
        self._show({"text/plain": line, "text/html": html})

    def _show(self, bundle: Mapping[str, object]) -> None:
        if self._handle is None:
            self._handle = shell.handle(bundle)
        else:
            self._handle.update(dict(bundle), raw=True)


def _seen() -> bool:
    """Is stderr a terminal? A program may have closed it, or have none."""
    with suppress(Exception):
        return sys.stderr.isatty()
    return False
