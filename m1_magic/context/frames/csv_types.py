"""Columns of a CSV file, all text → whole numbers, numbers, true/false, or text as it is.

A column is of a type if all of its values are, wherever in the file they stand: one pass counts
them. What pandas reads as missing is null. Dates stay text, as pandas and Polars leave them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# As in pandas' read_csv.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
WHOLE = r"\s*[-+]?\d+\s*"
REAL = r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*|[-+]?(inf|Inf|INF|infinity|Infinity)"
TRUTH = r"true|false|True|False|TRUE|FALSE"
# Numbers with a decimal comma, and what cannot be thousands in them; the other way round.
COMMA = r"\s*[-+]?([1-9]\d{0,2}(\.\d{3})+|\d+)(,\d+)?\s*"
COMMA_ONLY = r"\s*[-+]?([\d.]+,(\d{1,2}|\d{4,})|0+,\d+|[\d.]*\.\d{3},\d+)\s*"
POINT = r"\s*[-+]?([1-9]\d{0,2}(,\d{3})+|\d+)(\.\d+)?\s*"
POINT_ONLY = r"\s*[-+]?([\d,]+\.(\d{1,2}|\d{4,})|0+\.\d+|[\d,]*,\d{3}\.\d+|\d+(,\d{3}){2,})\s*"
TESTS = {
    "whole": WHOLE, "real": REAL, "truth": TRUTH, "comma": COMMA, "comma_only": COMMA_ONLY,
    "point": POINT, "point_only": POINT_ONLY,
}  # fmt: skip
DIGIT = re.compile(r"[-+\s.]*\d|[-+]?inf|true|false", re.I)


@dataclass(frozen=True, slots=True)
class Types:
    """The expressions that make columns of texts what they are, and how their numbers are written.

    ``decimal`` and ``thousands`` are "" where they are as usual.
    """

    expressions: tuple[str, ...]
    decimal: str = ""
    thousands: str = ""


def typed(raw: Any, width: int, head: Sequence[Sequence[str]], separator: str) -> Types:
    """Return the types of columns ``c0`` … of a relation of texts; reads it once.

    Args:
        head: the first rows; a column that begins with other text needs no test.
        separator: where it is a comma, commas in fields part thousands.
    """
    likely = [place for place in range(width) if _likely(head, place)]
    conditions = [f"regexp_full_match(#, '{form}')" for form in TESTS.values()]
    conditions += [f"contains(#, '{sign}')" for sign in ".,"]
    conditions += [f"TRY_CAST(trim(#) AS {kind}) IS NOT NULL" for kind in ("BIGINT", "UBIGINT")]
    aggregates = ["count(*)"]
    for place in likely:
        name = f"c{place}"
        aggregates.append(f"count({name})")
        aggregates += [f"count(CASE WHEN {c.replace('#', name)} THEN 1 END)" for c in conditions]
    answers = iter(raw.aggregate(", ".join(aggregates)).fetchall()[0][1:])
    names = ("valid", *TESTS, "points", "commas", "small", "natural")
    counts = {place: {name: next(answers) for name in names} for place in likely}
    decimal, thousands = _marks([*counts.values()], separator)
    columns = [_column(f"c{i}", counts.get(i), decimal, thousands) for i in range(width)]
    parted = any(parts for _, parts in columns)
    return Types(tuple(form for form, _ in columns), decimal, thousands if parted else "")


def _likely(head: Sequence[Sequence[str]], place: int) -> bool:
    """May a column be of another type than text?"""
    cells = (row[place] for row in head if place < len(row))
    return all(DIGIT.match(cell) or cell in MISSING for cell in cells)


def _marks(counts: Sequence[Mapping[str, int]], separator: str) -> tuple[str, str]:
    """Return what marks decimals and parts thousands in a file, "" where that cannot be told.

    ``1,234`` alone may be both; a number elsewhere that can be read in one way only decides.
    """
    commas = any(0 < c["valid"] == c["comma"] and c["comma_only"] for c in counts)
    points = any(0 < c["valid"] == c["point"] and c["point_only"] for c in counts)
    if commas and not points:
        return ",", "."
    return "", "," if points or separator == "," else ""


def _column(
    name: str, count: Mapping[str, int] | None, decimal: str, thousands: str
) -> tuple[str, bool]:
    """Return the expression of a column, and whether signs part its thousands."""
    if count is None or not (valid := count["valid"]):
        return name, False
    if count["whole"] == valid:
        if count["small"] == valid:
            return f"TRY_CAST(trim({name}) AS BIGINT)", False
        return (f"TRY_CAST(trim({name}) AS UBIGINT)" if count["natural"] == valid else name), False
    if decimal and count["comma"] == valid:
        bare = f"replace(replace(trim({name}), '.', ''), ',', '.')"
        kind = "DOUBLE" if count["commas"] else "BIGINT"
        return f"TRY_CAST({bare} AS {kind})", count["points"] > 0
    if count["real"] == valid:
        return f"TRY_CAST(trim({name}) AS DOUBLE)", False
    if thousands == "," and count["point"] == valid:
        kind = "DOUBLE" if count["points"] else "BIGINT"
        return f"TRY_CAST(replace(trim({name}), ',', '') AS {kind})", True
    return (f"lower({name}) = 'true'" if count["truth"] == valid else name), False
