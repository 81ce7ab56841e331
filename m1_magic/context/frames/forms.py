"""The texts of a column by their form, in which every digit is a 9: most columns have few forms.

What texts are is judged by form, so that a long column costs little more than a short one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...privacy.personal import personal_text
from .arrays import Array, spread
from .kinds import Series
from .lines import quoted, share

DIGITS = bytes.maketrans(b"012345678", b"9" * 9)
LONGEST = 60  # characters that are looked at
FORMS = 500  # in more of them texts are no numbers and no dates
TOKENS = 6  # texts for missing values that are shown
DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z"
)
ZONE = re.compile(r"(?<=\d\d)(?:Z|(?<=:\d\d)[+-]\d{2}:?\d{2})\Z")
NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?\Z")
GLANCE = 100  # rows by which most columns are seen to be something else
SURE = "n/a na nan #n/a #na n.a. null <na> (null) nat missing unknown undefined - -- --- – — ? ??"
MISSING = {*SURE.split(), "", "not available", "not known", "unbekannt", "keine angabe", "k.a."}
NO_NUMBER = {"none", "nil", "nd", "n.d.", "tbd", ".", "..", "*", "not applicable", "no data",
             "#value!", "#div/0!", "#ref!", "error"}  # fmt: skip


@dataclass(frozen=True)
class Texts:
    """The distinct texts of a column, the rows of each, and how many rows must share what leaves.

    ``complete``: these are the texts of all rows.
    """

    raw: Sequence[str]
    rows: Array
    k: int
    complete: bool = True
    bare: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bare", [text[:LONGEST].strip() for text in self.raw])

    @cached_property
    def total(self) -> int:
        """The rows."""
        return int(self.rows.sum())

    @cached_property
    def forms(self) -> dict[str, Array]:
        """The places of the texts of each form; none if they are too many."""
        joined = "\0".join(self.bare).encode("utf-8", "surrogatepass")
        forms = joined.translate(DIGITS).split(b"\0")
        kinds = dict.fromkeys(forms)
        if len(forms) != len(self.bare) or len(kinds) > FORMS:
            return {}
        groups: dict[bytes, list[int]] = {form: [] for form in kinds}
        for place, form in enumerate(forms):
            groups[form].append(place)
        return {f.decode("utf-8", "replace"): np.array(places) for f, places in groups.items()}

    def characters(self, form: str) -> Array:
        """Return the characters of the texts of one form, a row each."""
        made: Array = np.array([self.bare[place] for place in self.forms[form]]).view(np.uint32)
        return made.reshape(len(self.forms[form]), -1)

    def missing(self, *, strictly: bool) -> list[int]:
        """Return the places of texts that stand for nothing; ``strictly`` not of words as none."""
        words = MISSING if strictly else MISSING | NO_NUMBER
        return [place for place, text in enumerate(self.bare) if text.casefold() in words]

    def of(self, places: Iterable[int]) -> int:
        """Return the rows of the texts at some places."""
        chosen = np.fromiter(places, dtype=np.int64)
        return int(self.rows[chosen].sum()) if len(chosen) else 0

    def part(self, rows: int, total: int = 0) -> str:
        """Return so many rows as a share, with ``≈`` where not all of them were read."""
        return ("" if self.complete else "≈ ") + share(rows / (total or self.total))

    @property
    def read(self) -> str:
        """What a statement ends in that is true of the rows that were read."""
        return "" if self.complete else f" in {self.total:,} rows"

    def common(self, places: Iterable[int], most: int, part: float = 0.0) -> list[int]:
        """Return the places of those texts that may leave, the most frequent first."""
        least = max(self.k, 1, part * self.total)
        allowed = [
            p for p in places if self.rows[p] >= least and not personal_text(self.raw[p][:500])
        ]
        return sorted(allowed, key=lambda p: (-self.rows[p], self.raw[p]))[:most]


def digits(characters: Array, columns: Sequence[int]) -> Array:
    """Return the whole numbers that the digits in some columns make, a row each."""
    matrix = characters[:, columns].astype(np.int64) - 48
    numbers: Array = matrix @ 10 ** np.arange(len(columns) - 1, -1, -1)
    return numbers


def texts_of(
    values: Callable[[], Series], labels: Sequence[tuple[Any, int]] | None, k: int
) -> Texts:
    """Return the texts of a column: its labels, else those in the rows that were read."""
    if labels is None:
        by_text = Counter(map(str, values().to_list()))
        return Texts(
            list(by_text), np.fromiter(by_text.values(), dtype=np.int64), k, complete=False
        )
    counts = np.fromiter((n for _, n in labels), dtype=np.int64, count=len(labels))
    return Texts([str(label) for label, _ in labels], counts, k)


def glance(values: Series) -> list[str]:
    """Return some texts, the same for the same rows."""
    some = values[spread(len(values), GLANCE)] if len(values) > GLANCE else values
    return [str(text) for text in some.to_list()]


def mostly(texts: Sequence[str], holds: Callable[[str], object], least: float = 0.5) -> bool:
    """Does something hold for at least such a share of texts? Most often the first ones tell."""
    if len(texts) > 20 and not any(map(holds, texts[: 4 if least > 0.5 else 20])):
        return False
    return bool(texts) and sum(map(bool, map(holds, texts))) >= least * len(texts)


def without_value(texts: Texts, places: Sequence[int]) -> str:
    """Return that texts stand for missing values, those that enough rows share."""
    tokens = texts.common(places, TOKENS)
    words = ", ".join(f"{quoted(texts.raw[p])} {texts.part(int(texts.rows[p]))}" for p in tokens)
    verb = "reads" if len(tokens) == 1 else "read"
    return f"{words} {verb} as missing{texts.read}" if tokens else ""
