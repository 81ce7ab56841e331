"""Columns of a CSV file, all text → whole numbers, numbers, true/false, or text as it is.

A column is of a type if all of its values are, wherever in the file they stand: one pass counts
them. What pandas reads as missing is null. Dates stay text, as pandas and Polars leave them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
FORMS = {name: re.compile(form) for name, form in TESTS.items()}
SIGNS = {"points": ".", "commas": ","}
NAMES = ("valid", *TESTS, *SIGNS, "small", "natural")
PORTION = 300  # columns that one query asks about
DIGIT = re.compile(r"[-+\s.]*\d|[-+]?inf|true|false", re.I)


@dataclass(frozen=True, slots=True)
class Types:
    """What makes columns of texts what they are, and how their numbers are written.

    Args:
        expressions: of each column; ``read_as``: the types that they may be read with at once.
        decimal, thousands: "" where they are as usual.
    """

    expressions: tuple[str, ...]
    read_as: tuple[str, ...]
    decimal: str = ""
    thousands: str = ""


def typed(
    raw: Any, width: int, head: Sequence[Sequence[str]], separator: str, *, complete: bool
) -> Types:
    """Return the types of columns ``c0`` … of a relation of texts; reads it once.

    Columns that go on as they begin are confirmed by a cast; only others are tested at length.

    Args:
        head: the first rows; a column that begins with other text needs no test.
        separator: where it is a comma, commas in fields part thousands.
        complete: are these all rows?

    Raises:
        duckdb.Error: the relation cannot be read.
    """
    begun = {i: counted for i in range(width) if (counted := _in_head(head, i))["likely"]}
    if complete:
        raw.aggregate(f"count(c{width - 1})").fetchall()
        confirmed, counts = dict[int, Mapping[str, int]](), dict(begun)
    else:
        confirmed = dict(_confirmed(raw, begun))
        counts = confirmed | dict(_counted(raw, [i for i in begun if i not in confirmed]))
    decimal, thousands = _marks([*counts.values()], separator)
    columns = [_column(f"c{i}", counts.get(i), decimal, thousands) for i in range(width)]
    read_as = ["VARCHAR"] * width
    for place, counted in confirmed.items():
        if counted["real"] and width > 1:
            columns[place] = f"c{place}", False
            read_as[place] = "BIGINT" if counted["whole"] else "DOUBLE"
    parted = thousands if any(parts for _, parts in columns) else ""
    return Types(tuple(form for form, _ in columns), tuple(read_as), decimal, parted)


def _in_head(head: Sequence[Sequence[str]], place: int) -> Mapping[str, int]:
    """Return the counts of a column's first values, and whether it may be anything but text."""
    cells = [row[place] for row in head if place < len(row) and row[place] not in MISSING]
    if not all(map(DIGIT.match, cells)):
        return {"likely": 0}
    counts = {name: sum(map(bool, map(form.fullmatch, cells))) for name, form in FORMS.items()}
    for name, sign in SIGNS.items():
        counts[name] = sum(sign in cell for cell in cells)
    if counts["whole"] == len(cells):
        numbers = [int(cell) for cell in cells]
        counts["small"] = sum(-(2**63) <= number < 2**63 for number in numbers)
        counts["natural"] = sum(0 <= number < 2**64 for number in numbers)
    return {**counts, "valid": len(cells), "likely": 1}


def _confirmed(
    raw: Any, begun: Mapping[int, Mapping[str, int]]
) -> Iterator[tuple[int, Mapping[str, int]]]:
    """Yield the counts of columns that are whole numbers, numbers or true/false all through."""
    tests = {}
    for place, counts in begun.items():
        name, valid = f"c{place}", counts["valid"]
        if 0 < valid == counts["whole"]:
            tests[place] = "whole", f"CAST(TRY_CAST({name} AS BIGINT) AS VARCHAR) = {name}"
        elif 0 < valid == counts["real"]:
            number = f"TRY_CAST({name} AS DOUBLE) IS NOT NULL"
            tests[place] = "real", f"{number} AND NOT contains({name}, '_')"
        elif 0 < valid == counts["truth"]:
            tests[place] = "truth", f"regexp_full_match({name}, '{TRUTH}')"
    for some in _parts([*tests]):
        expressions = [f"count(c{i}), count(CASE WHEN {tests[i][1]} THEN 1 END)" for i in some]
        answers = raw.aggregate(", ".join(expressions)).fetchall()[0]
        for place, valid, passed in zip(some, answers[::2], answers[1::2], strict=True):
            if valid == passed:
                kind = tests[place][0]
                same = {"whole": ("whole", "real", "small"), "real": ("real",)}.get(kind, (kind,))
                points = {"point": valid, "point_only": begun[place]["point_only"]}
                known = {**dict.fromkeys(NAMES, 0), **dict.fromkeys(same, valid)}
                yield place, {**known, **(points if kind == "real" else {}), "valid": valid}


def _counted(raw: Any, places: Sequence[int]) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield the counts of all values of columns."""
    conditions = [f"regexp_full_match(#, '{form}')" for form in TESTS.values()]
    conditions += [f"contains(#, '{sign}')" for sign in SIGNS.values()]
    conditions += [f"TRY_CAST(trim(#) AS {kind}) IS NOT NULL" for kind in ("BIGINT", "UBIGINT")]
    for some in _parts(places):
        expressions = []
        for name in (f"c{place}" for place in some):
            expressions.append(f"count({name})")
            expressions += [
                f"count(CASE WHEN {c.replace('#', name)} THEN 1 END)" for c in conditions
            ]
        answers = iter(raw.aggregate(", ".join(expressions)).fetchall()[0])
        for place in some:
            yield place, {name: next(answers) for name in NAMES}


def _parts(places: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield columns in portions that a query can be planned for; at least one, that reads."""
    for start in range(0, len(places), PORTION):
        yield places[start : start + PORTION]


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
