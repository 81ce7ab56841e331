"""What may leave of a table, as data: the same facts as a dict, or as the page the model reads."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...calls import Attachment
from .measures import Count, Span

Value = int | float | str
TOKENS = 1_500  # of a summary, unless --df-tokens says otherwise
UNIQUE = "every value distinct"  # a note on a column
ALL_BUT = "in all but fewer than"  # of rows: a note on true/false
LABELS = "labels"  # among what is approximate: all shares of labels
KEPT = ("name", "type", "nulls")


@dataclass(frozen=True, slots=True)
class Wish:
    """How much may be said of a table.

    Args:
        level: ``names`` · ``schema`` (types, counts, nulls) · ``stats`` · ``sample``.
        rows: rows of the table to show, at level ``sample`` only.
        min_group: a label or extreme leaves only if so many rows share it.
        tokens: upper bound of the page, at 2.4 characters a token (measured on such pages).
        allow: columns that look personal and may leave all the same.
        prompt: what is asked; columns that it names come first.
        earlier: holds what was shown of the call's other tables (`near_copies.Earlier`).
    """

    level: str = "stats"
    rows: int = 0
    min_group: int = 5
    tokens: int = TOKENS
    allow: frozenset[str] = frozenset()
    prompt: str = ""
    earlier: list[Any] = field(default_factory=list, compare=False)

    @property
    def shared_by(self) -> int:
        """How many rows must share what leaves: 0 at level ``sample``, where all may."""
        return 0 if self.level == "sample" else self.min_group


@dataclass(frozen=True, slots=True)
class Column:
    """What may leave of one column.

    Args:
        name: its name, as text.
        type: its type in plain words.
        nulls: rows without a value; None at level ``names``.
        counts: rows that are ``NaN``, ``infinite``, ``zero``, ``negative``, ``true``, an
            ``outlier`` (beyond 1.5 interquartile ranges, ≈ where read from a sample); only if any.
        distinct: how many distinct values, None where that was not counted.
        figures: ``min``, ``P25``, ``mean``, … → number, or a date as text; already rounded.
        approximate: the figures and counts that carry ``≈``: rounded by what k rows could move,
            or read from a sample.
        left_out: how many figures would have needed more rounding than that.
        labels: label → share of the rows with a value, 0 to 1, the most frequent first.
        notes: what else there is to say, in words.
        formats: of dates that are kept as text or as numbers, for `strptime`, if it reads them.
        swaps: of numbers that are kept as text: what stands for what, before they can be cast.
        masked: it looks personal, so nothing of it is said but its type.
        follows: its figures are those of a column that it differs from in too few rows.
    """

    name: str
    type: str
    nulls: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    distinct: Count | None = None
    figures: Mapping[str, Value] = field(default_factory=dict)
    approximate: tuple[str, ...] = ()
    left_out: int = 0
    labels: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    swaps: Mapping[str, str] | None = None
    masked: bool = False
    follows: bool = False


# A column that is being described: it asks how many rows lie in spans of it.
Draft = Generator[list[Span], list[int], Column]


class Columns(tuple[Column, ...]):
    """The columns in order; ``columns["price"]`` and ``columns[0]`` both work."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return {column.name: column for column in reversed(self)}[key]
        return super().__getitem__(key)


@dataclass(frozen=True, slots=True)
class Summary:
    """What may leave of a table at one privacy level, within one token budget.

    Args:
        name: what the user calls it.
        level: ``names`` · ``schema`` · ``stats`` · ``sample``.
        rows: its rows, None at level ``names``.
        columns: those that were looked at, the most telling first if not all were.
        relations: what holds between columns, in words.
        cells: rows of the table, at level ``sample`` only.
        text: the page, within the budget.
        labels: category labels on the page; ``masked``: columns that are hidden.
        places: of the columns that it is about, but for those whose names are values.
    """

    name: str
    level: str
    rows: int | None
    width: int
    columns: Columns
    relations: tuple[str, ...] = ()
    cells: tuple[Mapping[str, str], ...] = ()
    text: str = ""
    labels: int = 0
    masked: int = 0
    places: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of the page, at 2.4 characters a token."""
        return -(-len(self.text) * 5 // 12)

    def to_markdown(self) -> str:
        """Return the page that the model reads."""
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """Return the same facts as plain data, ready for JSON; empty ones left out."""
        made = asdict(replace(self, places=()))
        del made["places"]
        made["columns"] = [
            {key: value for key, value in asdict(column).items() if value or key in KEPT}
            for column in self.columns
        ]
        return {**made, "tokens": self.tokens}

    def attachment(self) -> Attachment:
        """Return what goes along with a prompt."""
        return Attachment(
            kind="frame",
            name=self.name,
            text=self.text,
            level=self.level,
            shape=None if self.rows is None else (self.rows, self.width),
            rows=len(self.cells),
            labels=self.labels,
            masked=self.masked,
            tokens=self.tokens,
        )

    def __str__(self) -> str:
        return self.text
