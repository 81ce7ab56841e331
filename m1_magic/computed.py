"""What the queries of an answer gave, and where its figures stand.

Frozen data, standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A query of an answer, and its result.

    Args:
        rows: the first ones, with Python's types: date, Decimal, list, …; None is NULL.
        seconds: that it took.
        error: why there is no result, "" if there is one; in it stands no value of a table.
        count: rows of the whole result.
    """

    name: str
    sql: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    seconds: float = 0.0
    error: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of an answer: where it stands, what it shows, and of which query.

    ``query`` "" means that M1 wrote it itself, and that it stands nowhere in what was sent.
    ``source`` is what M1 wrote in its place; ``reason`` says why it is ``?``, ``note`` what else
    there is to say.
    """

    start: int
    end: int
    query: str
    source: str
    text: str
    reason: str = ""
    note: str = ""
