"""What a run over rows takes of memory: by row hardly more than the new columns themselves."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Generator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from m1_magic import api
from m1_magic.calls import Event, Finish, Request, Started, TextDelta, Usage
from m1_magic.rows.job import Wish
from m1_magic.rows.mapping import from_python, mapped
from scripted import MODEL, Scripted, session

FEW, MANY = 1_000, 2_000  # rows; below, what is looked up 500 at a time counts
MOST = 150  # bytes for each row more; the columns of values and of reasons are 16 of them


class Answering(Scripted):
    """A backend whose answers each have a price, tokens and an id of their own; it keeps none."""

    numbers = itertools.count(1)

    def stream(self, request: Request) -> Generator[Event]:
        n = next(self.numbers)
        cost = Decimal(f"0.00{n:07}")
        yield Started(f"gen-{n}")
        yield TextDelta("yes")
        yield Finish("stop", Usage(input=n, output=n), cost, MODEL, "Minimax")


@pytest.fixture
def collected() -> Iterator[None]:
    """Garbage is collected, as in a kernel."""
    gc.enable()
    yield
    gc.disable()


def peak(rows: int) -> int:
    """Return how many bytes more a run over so many rows takes at most."""
    texts = [f"review {n} of {rows}" for n in range(rows)]
    gc.collect()
    tracemalloc.start()
    try:
        wish = Wish(workers=8, quiet=True)
        done = mapped(texts, "Is {{text}} good?", from_python({"max_tokens": 50}), wish, {})
        assert done is not None
        assert (done[0], done[1].asked) == (["yes"] * rows, rows)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_row_takes_little_more_than_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collected: None
) -> None:
    one = session(tmp_path / "home", Answering())
    monkeypatch.setattr(api, "session", lambda: one)
    peak(50)  # what is made once
    few, many = peak(FEW), peak(MANY)
    each = (many - few) / (MANY - FEW)
    assert each < MOST, f"{each:.0f} bytes a row"
