"""pandas columns of types of their own → numbers or moments, and a word for what they are.

Periods are moments (their starts), sparse columns and physical quantities numbers, fractions and
measurements, too. They are described as those are, with a note on what is more to them. Nothing
is imported: a column of a library's type brings the library along.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.redaction import masked_value
from .kinds import Series, words
from .lines import share
from .measures import SAMPLE
from .rounding import quantile

Notes = Callable[[int], tuple[str, ...]]
FREQUENCIES = {
    "Y": "year", "A": "year", "Q": "quarter", "M": "month", "W": "week", "D": "day",
    "B": "business day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond",
}  # fmt: skip
STEADY = 0.9  # of the periods between the first and the last are there: no gaps but some


@dataclass(frozen=True, slots=True)
class Form:
    """What a column is, beyond its values: a type in plain words, and notes that k rows share."""

    type: str
    notes: Notes = lambda k: ()
    steps: bool = False  # its notes say how regular it is


def taken(series: Series) -> tuple[Series, Form] | None:
    """Return a column of an opaque type as what can be measured, and its form; None of others."""
    native = series.to_native()
    dtype = getattr(native, "dtype", None)
    make = TYPES.get(type(dtype).__name__)
    if make is None and str(dtype) == "object" and hasattr(native, "infer_objects"):
        make = _of_objects(native)
    if make is None:
        return None
    try:
        made, form = make(native)
        return nw.from_native(made.reset_index(drop=True), series_only=True), form
    except Exception:  # a value far down that is of another kind
        return None


def _of_objects(native: Any) -> Any:
    """Return what takes a column of objects that are all of one class."""
    some = native.head(SAMPLE).dropna()
    some = some if len(some) else native.dropna()
    kind = type(some.iloc[0]) if len(some) else None
    for base in kind.__mro__[:-1] if kind else ():
        make = CLASSES.get(f"{base.__module__.partition('.')[0]}.{base.__name__}")
        if make and all(isinstance(cell, base) for cell in some):
            return make
    return None


def _numbers(native: Any, read: Callable[[Any], Any]) -> Any:
    """Return objects as 64-bit floats."""
    import pandas as pd

    return pd.Series([np.nan if _missing(x) else float(read(x)) for x in native], dtype="float64")


def _missing(cell: Any) -> bool:
    return cell is None or cell is np.nan or type(cell).__name__ in ("NAType", "NaTType")


def _periods(native: Any) -> tuple[Any, Form]:
    import pandas as pd

    if str(native.dtype) == "object":
        native = pd.Series(pd.PeriodIndex(native))
    ordinals = native.dropna().array.asi8
    count, known = re.findall(r"\[(\d*)(\w+)", str(native.dtype))[0]
    word, count = FREQUENCIES.get(known, masked_value(known, 20)), int(count or 1)
    word = word if count == 1 else f"{count} {word}s"

    def notes(k: int) -> tuple[str, ...]:
        there = np.unique(ordinals // count)
        if len(there) < 10:
            return ()
        span = int(there[-1] - there[0]) + 1
        if len(there) < STEADY * span:
            return ()
        gaps = int(np.count_nonzero(np.diff(there) > 1))
        return (f"every {word}, {f'{gaps:,}' if gaps else 'no'} {'gap' if gaps == 1 else 'gaps'}",)

    return native.dt.to_timestamp(), Form(f"period by {word}", notes, steps=True)


def _sparse(native: Any) -> tuple[Any, Form]:
    fill, rows = native.dtype.fill_value, len(native)
    filled = int(native.array.sp_index.npoints)
    dense = native.sparse.to_dense()
    kind = words(nw.from_native(dense, series_only=True).dtype)

    def notes(k: int) -> tuple[str, ...]:
        few = 0 < filled < k or 0 < rows - filled < k
        density = "" if few else f"density {share(filled / rows)}, "
        return (f"sparse: {density}fill {masked_value(str(fill))}",)

    return dense, Form(kind, notes)


def _pint(native: Any) -> tuple[Any, Form]:
    unit = str(native.dtype.units)
    return native.astype("object").map(_magnitude).astype("float64"), _in(unit)


def _magnitude(cell: Any) -> Any:
    return getattr(cell, "magnitude", cell)


def _in(unit: str) -> Form:
    return Form(f"number in {masked_value(unit, 40)}")


def _quantities(native: Any) -> tuple[Any, Form]:
    """Return quantities as numbers if all are in one unit; else they are not taken."""
    units = {str(cell.units) for cell in native if not _missing(cell)}
    if len(units) > 1:
        raise ValueError
    return _numbers(native, _magnitude), _in(units.pop())


def _uncertain(native: Any) -> tuple[Any, Form]:
    spread = np.sort([float(cell.std_dev) for cell in native if not _missing(cell)])

    def notes(k: int) -> tuple[str, ...]:
        middle = quantile(spread, 50, k) if len(spread) >= max(k, 1) else None
        about = f": median {'≈ ' if middle.rounded else ''}{middle.value}" if middle else ""
        return (f"each with its own uncertainty (sd){about}",)

    return _numbers(native, lambda cell: cell.nominal_value), Form("number ± uncertainty", notes)


def _fractions(native: Any) -> tuple[Any, Form]:
    return _numbers(native, float), Form("number as Fraction")


TYPES = {
    "PeriodDtype": _periods,
    "SparseDtype": _sparse,
    "PintType": _pint,
}
CLASSES = {
    "pandas.Period": _periods,
    "fractions.Fraction": _fractions,
    "pint.Quantity": _quantities,
    "pint.PlainQuantity": _quantities,
    "uncertainties.AffineScalarFunc": _uncertain,
}
