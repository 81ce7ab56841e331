"""A few rows, for the level ``sample`` only; what looks personal in them stays masked."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .columns import Column
from .page import visible
from .personal import CARD, CONTENT, has_iban, luhn

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw


def pick(table: nw.DataFrame[Any], columns: list[Column], rows: int) -> list[list[str]]:
    """Return the cells of ``rows`` rows, spread evenly; masked columns stay masked."""
    if not rows or not columns:
        return []
    places = [i * len(table) // rows for i in range(rows)]
    picked = table[places]
    cells = [
        ["masked" if column.masked else _cell(value) for value in picked[str(i)].to_list()]
        for i, column in enumerate(columns)
    ]
    lines = zip(places, *cells, strict=True)
    return [[f"row {place + 1}: {row[0]}", *row[1:]] for place, *row in lines]


def _cell(value: object) -> str:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    known = (str, int, float, Decimal, date, time, timedelta, list, tuple, dict)
    try:
        text = str(value) if isinstance(value, known) else f"<{type(value).__name__}>"
    except Exception:  # an object inside a list prints itself with the user's code
        text = f"<{type(value).__name__}>"
    if CONTENT.search(text) or has_iban(text) or any(luhn(m[0]) for m in CARD.finditer(text)):
        return "masked"
    shown = visible("" if text == "nan" else text)
    return '"' + shown.replace('"', '""') + '"' if re.search(r'[",]', shown) else shown
