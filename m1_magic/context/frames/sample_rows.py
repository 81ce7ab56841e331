"""A few rows, for the level ``sample`` only; what looks personal in them stays masked."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ...privacy.personal import personal_text
from ...privacy.redaction import masked_value
from .summary import Column

if TYPE_CHECKING:
    from .in_process import Local
    from .kinds import Series

FAR = "outside of the years 1 to 9999"


def pick(
    sample: Local,
    columns: Mapping[int, Column],
    rows: int,
    total: int,
    allow: frozenset[str],
) -> list[tuple[str, dict[int, str]]]:
    """Return the cells of ``rows`` rows of the sample, spread evenly; what is masked stays masked.

    A row has its number only if the sample has all ``total`` rows.
    """
    rows = min(rows, length := sample.rows)
    if not rows or not columns:
        return []
    places = [i * length // rows for i in range(rows)]
    cells = {
        i: ["masked"] * rows
        if column.masked
        else [_cell(value, column.name in allow) for value in _values(sample, i, places)]
        for i, column in columns.items()
    }
    labels = [
        f"row {place + 1}" if length == total else f"sample {n}"
        for n, place in enumerate(places, 1)
    ]
    return [(label, {i: cells[i][n] for i in cells}) for n, label in enumerate(labels)]


def _values(sample: Local, column: int, places: list[int]) -> list[object]:
    """Return some cells as Python's own objects: pandas' print themselves in another way."""
    chosen = sample.series(column)[places]
    cells = [cell for place in range(len(places)) for cell in _listed(chosen[place : place + 1])]
    if column in sample.dates:
        return [cell.date() if cell == cell else None for cell in cells]
    return [_plain(cell) for cell in cells]


def _listed(chosen: Series) -> list[Any]:
    """Return cells as Python's own objects, of moments that these cannot hold a text."""
    try:
        return chosen.to_list()
    except (ValueError, OverflowError):
        return [FAR]


def _plain(cell: object) -> object:
    for convert in ("to_pytimedelta", "to_pydatetime"):
        if hasattr(cell, convert) and cell == cell:  # NaT is not itself
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on nanoseconds, which are left out
                try:
                    return getattr(cell, convert)()
                except (ValueError, OverflowError):
                    return FAR
    return cell


def _cell(value: object, allowed: bool) -> str:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    numbers = (int, float, complex, Decimal, Fraction)
    known = (str, *numbers, date, time, timedelta, UUID, PurePath, list, tuple, dict)
    try:
        text = str(value)[:10_000] if isinstance(value, known) else f"<{type(value).__name__}>"
    except Exception:  # an object inside a list prints itself with the user's code
        text = f"<{type(value).__name__}>"
    if not allowed and personal_text(text):
        return "masked"
    displayed = masked_value("" if text == "nan" else text)
    return '"' + displayed.replace('"', '""') + '"' if re.search(r'[",]', displayed) else displayed
