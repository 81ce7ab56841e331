"""Cells that are no numbers, texts or moments → notes on them: sizes, shapes, bounds, units.

Intervals, geometries, complex numbers, times of day, arrays and images, maps, bytes. A figure of
theirs is rounded as any other (`rounding`), and what a note names is shared by k rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import time
from typing import Any

import numpy as np

from ...privacy.personal import safe_name
from ...privacy.redaction import masked_value
from . import strings
from .arrays import between
from .kinds import Series
from .lines import share
from .measures import Measures, Span
from .rounding import in_digits, mean_of, quantile, to_unit, unit
from .summary import Column

TAILS = (1, 2, 5, 10)  # per cent: the first of these quantiles that may leave
SHAPES = 3


def foreign(known: Column, m: Measures, seen: Series, k: int) -> Column | None:
    """Return what may be said of a column of cells of one foreign kind, None of any other."""
    native = seen.to_native()
    describe = TYPES.get(type(getattr(native, "dtype", None)).__name__)
    if describe is None and np.dtype(complex) == getattr(native, "dtype", None):
        describe = _complex
    cells = native
    if describe is None and seen.dtype.is_nested():
        return None  # Python's lists and dicts
    if describe is None:
        cells = [cell for cell in seen.to_list() if cell is not None]
        describe = _of_class(cells)
    return describe(known, cells, m, k) if describe else None


def _of_class(cells: Sequence[Any]) -> Any:
    kinds = {type(cell) for cell in cells}
    for base in next(iter(kinds)).__mro__[:-1] if kinds else ():
        name = f"{base.__module__.partition('.')[0]}.{base.__name__}"
        if name in CLASSES and all(issubclass(kind, base) for kind in kinds):
            return CLASSES[name]
    return None


def _figures(values: Iterable[float], m: Measures, k: int, form: Callable[[Any], str]) -> str:
    """Return the ends and the middle of some numbers as they may leave, in words."""
    order = np.sort(np.fromiter(values, dtype=np.float64))
    order = order[np.isfinite(order)]
    if len(order) < max(k, 1):
        return ""
    complete, parts = len(order) == m.valid, []
    if order[0] == order[-1]:
        return f"always {form(in_digits(order[0].item(), order, k))}"
    ends = [(100 - p for p in TAILS), TAILS]
    for percents in (TAILS, (50,), tuple(ends[0])):
        if complete and percents != (50,):
            end = order[0 if percents is TAILS else -1].item()
            if between(order, Span(end, end)) >= k:
                name = "min" if percents is TAILS else "max"
                parts.append(f"{name} {form(in_digits(end, order, k))}")
                continue
        for percent in percents:
            if made := quantile(order, percent, k, complete=complete):
                name = "median" if percent == 50 else f"P{percent}"
                parts.append(f"{name} {'≈ ' if made.rounded else ''}{form(made.value)}")
                break
    if mean := mean_of(order, k):
        parts.append(f"mean {'≈ ' if mean.rounded else ''}{form(mean.value)}")
    return " · ".join(parts)


def _plain(value: Any) -> str:
    return f"{value:.15g}"


def _complex(known: Column, cells: Any, m: Measures, k: int) -> Column:
    magnitudes = _figures(np.abs(np.asarray(cells, dtype=complex)), m, k, _plain)
    return replace(
        known,
        type="complex number",
        distinct=None,
        notes=(f"magnitude: {magnitudes}",) if magnitudes else (),
    )


def _times(known: Column, cells: Sequence[time], m: Measures, k: int) -> Column:
    """Return times of day in the coarsest unit that all of them are in."""
    seconds = [c.hour * 3600 + c.minute * 60 + c.second + c.microsecond / 1e6 for c in cells]
    step = next((s for s in (3600, 60, 1) if not any(x % s for x in seconds)), 1)

    def written(value: Any) -> str:
        hours, rest = divmod(round(value * step), 3600)
        minutes, rest = divmod(rest, 60)
        return f"{hours:02}:{minutes:02}" + (f":{rest:02}" if rest else "")

    times = _figures((x / step for x in seconds), m, k, written)
    every = {3600: "whole hours", 60: "whole minutes"}.get(step, "")
    notes = (times, every if len(seconds) >= max(k, 1) else "")
    return replace(known, type="time of day", notes=tuple(filter(None, notes)))


def _intervals(known: Column, cells: Any, m: Measures, k: int) -> Column:
    index = cells.array if hasattr(cells, "array") else _interval_array(cells)
    cells = list(index)
    counts = Counter(map(str, cells))
    labels = strings.shared(counts.items(), len(cells), k)
    notes = [f"closed {index.closed}"]
    widths = Counter((index.right - index.left).tolist())
    if len(widths) == 1 and len(cells) >= k:
        notes.append(f"width always {_bound(next(iter(widths)))}")
    if not labels and index.left.dtype.kind in "if":
        low, high = _about(index.left, k, low=True), _about(index.right, k, low=False)
        notes += [f"from {low} to {high}"] if low and high else []
    return replace(known, type="interval", labels=labels, notes=tuple(notes))


def _interval_array(cells: Sequence[Any]) -> Any:
    import pandas as pd

    return pd.arrays.IntervalArray(cells)


def _bound(value: Any) -> str:
    return _plain(float(f"{value:.6g}")) if isinstance(value, (int, float)) else str(value)


def _geometries(known: Column, cells: Any, m: Measures, k: int) -> Column:
    frame = cells if hasattr(cells, "geom_type") else _geo_series(cells)
    notes = _shares(frame.geom_type.dropna(), k)
    reference = frame.crs
    if reference is not None:
        authority = reference.to_authority()
        name = ":".join(authority) if authority else str(reference.name)
    notes.append(f"CRS {masked_value(name, 40)}" if reference is not None else "no CRS")
    bounds = frame.bounds
    for axis in "xy":
        low = _about(bounds[f"min{axis}"], k, low=True)
        high = _about(bounds[f"max{axis}"], k, low=False)
        notes += [f"{axis} {low} to {high}"] if low and high else []
    return replace(known, type="geometry", notes=tuple(notes))


def _geo_series(cells: Any) -> Any:
    import geopandas  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return geopandas.GeoSeries(cells)


def _about(values: Any, k: int, *, low: bool) -> str:
    """Return about where some numbers begin or end: the k-th of them, no finer than the next k."""
    order = np.sort(np.asarray(values, dtype=np.float64))
    order = order[np.isfinite(order)]
    if len(order) < max(4 * k, 1):
        return ""
    order = order if low else order[::-1]
    end = order[0].item()
    if between(np.sort(order), Span(end, end)) >= k:
        return _plain(in_digits(end, order, k))
    first, next_ones = order[k - 1].item(), order[2 * k - 1].item()
    if first == next_ones:
        return f"≈ {_plain(in_digits(first, order, k))}"
    return f"≈ {_plain(to_unit(first, unit(abs(next_ones - first))))}"


def _shares(kinds: Iterable[Any], k: int) -> list[str]:
    """Return the kinds that k rows share, with their shares."""
    counts = Counter(map(str, kinds))
    total = sum(counts.values())
    order = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    top = [(kind, n) for kind, n in order if n >= max(k, 1)][:SHAPES]
    if len(counts) == 1 and top:
        return [masked_value(top[0][0], 40)]
    return [f"{masked_value(kind, 40)} {share(n / total)}" for kind, n in top]


def _quantities(known: Column, cells: Sequence[Any], m: Measures, k: int) -> Column:
    units = _shares((cell.units for cell in cells), k)
    return replace(known, type="quantity", notes=("in several units", *units))


def _arrays(known: Column, cells: Sequence[Any], m: Measures, k: int) -> Column:
    if len(cells) < k:
        return known
    shapes = Counter(" × ".join(map(str, cell.shape)) or "0 dimensions" for cell in cells)
    sizes = _shares(shapes.elements(), k)
    kinds = _shares((cell.dtype for cell in cells if hasattr(cell, "dtype")), k)
    one_sized = {len(cell.shape) for cell in cells} == {1} and len(shapes) > 1
    if one_sized:
        long = _figures((len(cell) for cell in cells), m, k, _plain)
        sizes = [f"length {long}"] if long else []
    elif sizes:
        sizes[0] = f"shape {sizes[0]}"
    name = masked_value(type(cells[0]).__name__, 30)
    return replace(known, type=name, notes=(*sizes, *kinds))


def _images(known: Column, cells: Sequence[Any], m: Measures, k: int) -> Column:
    sizes = _shares((" × ".join(map(str, cell.size)) for cell in cells), k)
    modes = _shares((cell.mode for cell in cells), k)
    return replace(known, type="image", notes=(*sizes, *modes))


def _bytes(known: Column, cells: Sequence[bytes], m: Measures, k: int) -> Column:
    return bytes_of(known, map(len, cells), m, k)


def bytes_of(known: Column, lengths: Iterable[float], m: Measures, k: int) -> Column:
    """Return what may be said of bytes by their lengths."""
    sizes = _figures(lengths, m, k, _plain)
    return replace(known, type="bytes", notes=(f"length {sizes}",) if sizes else ())


TYPES = {"IntervalDtype": _intervals, "GeometryDtype": _geometries}
CLASSES: dict[str, Any] = {
    "builtins.complex": _complex,
    "datetime.time": _times,
    "numpy.ndarray": _arrays,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "pandas.Interval": _intervals,
    "numpy.complexfloating": _complex,
    "pandas.DataFrame": _arrays,
    "pandas.Series": _arrays,
    "polars.DataFrame": _arrays,
    "PIL.Image": _images,
    "pint.Quantity": _quantities,
    "pint.PlainQuantity": _quantities,
    "shapely.BaseGeometry": _geometries,
    "xarray.DataArray": _arrays,
}


def keys_shared(cells: Sequence[Any], k: int) -> tuple[str, ...]:
    """Return the keys that k dicts have a value of, as of a struct its fields."""
    pairs = (pair for cell in cells for pair in cell.items())
    counts = Counter(key for key, value in pairs if isinstance(key, str) and value is not None)
    keys = [safe_name(key) for key, n in counts.items() if n >= max(k, 1)]
    if not keys:
        return ()
    more = f" and {len(keys) - 10:,} more" if len(keys) > 10 else ""
    return (f"keys {', '.join(f'`{masked_value(key)}`' for key in keys[:10])}{more}",)
