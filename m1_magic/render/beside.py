"""Several answers where they do not stand side by side: one below the other, in order.

The first that has not ended streams, in the view that it would have alone; what the others are
buffered meanwhile is kept, and shown when their turn comes.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ..calls import Event, Receipt, Replay, Reply, Request, Totals
from ..session.view import Board, Unseen, View
from ..text import one_line, show_controls
from . import choose, footer
from .front_end import in_notebook

if TYPE_CHECKING:
    from ..settings.config import M1


def board(
    shell: object,
    settings: M1,
    labels: Sequence[str],
    *,
    quiet: bool = False,
    raw: bool = False,
    pure: bool = False,
) -> Board:
    """Return the board that fits where the code runs; see `choose`."""
    notebook = in_notebook(shell)
    if quiet and not notebook:
        return Unseen(len(labels))
    if notebook and not quiet and not raw:
        from IPython.core.displaypub import CapturingDisplayPublisher

        from .grid import Grid

        captured = isinstance(getattr(shell, "display_pub", None), CapturingDisplayPublisher)
        return Grid(shell, settings, labels, pure=pure, live=not captured)
    views = [choose(shell, settings, quiet=quiet, raw=raw) for _ in labels]
    return InTurn(views, labels, settings, quiet=quiet)


class BufferedView:
    """A view that keeps what it is buffered, for the thread that paints."""

    def __init__(self, view: View, number: int) -> None:
        self._view, self._number = view, number
        self._waiting: deque[Callable[[View], object]] = deque()
        self.receipt: Receipt | None = None

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self._waiting.append(lambda view: view.open(request, at_most, sent, replay))

    def feed(self, event: Event) -> None:
        self._waiting.append(lambda view: view.feed(event))

    def tick(self) -> float | None:
        return None

    def close(self, receipt: Receipt) -> None:
        self.receipt = footer.of_one(receipt, self._number)

    def show(self) -> bool:
        """Show what it was buffered since, and tell whether that was all."""
        receipt = self.receipt
        while self._waiting:  # a Ctrl-C may come in between
            self._waiting.popleft()(self._view)
        if receipt is None:
            self._view.tick()
            return False
        self._view.close(receipt)
        return True


class InTurn:
    """Shows several calls one after the other."""

    def __init__(
        self, views: Sequence[View], labels: Sequence[str], settings: M1, *, quiet: bool
    ) -> None:
        self.views = [BufferedView(view, number) for number, view in enumerate(views, 1)]
        self._labels, self._settings, self._quiet = labels, settings, quiet
        self._displayed, self._headed = 0, -1
        self._began = time.monotonic()

    def paint(self) -> None:
        while self._displayed < len(self.views) and self._advance(self._displayed):
            self._displayed += 1

    def _advance(self, number: int) -> bool:
        """Show what is new of an answer; tell whether it has ended."""
        buffered, label = self.views[number], self._labels[number]
        if self._headed < number:
            self._headed = number
            self._write(f"── {label} ──\n" if label else "")
        ended = buffered.show()
        if ended and buffered.receipt and buffered.receipt.call.error:
            self._write(f"{one_line(buffered.receipt.call.error, 600)}\n")
        self._write("\n" if ended else "")
        return ended

    def close(self, replies: Sequence[Reply], totals: Totals, notes: Sequence[str]) -> None:
        for number in range(self._displayed, len(self.views)):  # one may still be connecting
            self._advance(number)
        receipts = [one.receipt for one in self.views if one.receipt is not None]
        seconds = time.monotonic() - self._began
        lines = footer.of_all(replies, receipts, totals, seconds, self._settings)
        self._write("".join(f"{one}\n" for one in (*lines, *notes)))

    def _write(self, text: str) -> None:
        if not self._quiet:
            sys.stdout.write(show_controls(text))
            sys.stdout.flush()
