"""One column → its line: type, nulls, distinct values, figures or labels.

No value leaves that fewer than ``k`` rows share; a quantile is the mean of ``k`` neighbours in
order, and no figure is shown that is itself such a rare value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .page import visible
from .personal import CONTENT, holds_personal, named_personal

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

    Series = nw.Series[Any]

SAMPLE = 50_000  # rows that quantiles and labels of long columns are read from
FEW = 1_000  # distinct values in the sample up to which all rows are counted
LABELS = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column's line, and what a receipt has to say about it."""

    text: str
    labels: int = 0
    masked: bool = False


def profiled(
    table: nw.DataFrame[Any], names: list[str], level: str, k: int, limit: int
) -> Iterator[Column]:
    """Yield the columns' lines, the first ones only if they alone fill ``limit`` characters."""
    used = 0
    for position, name in enumerate(names):
        series, words = table[str(position)], "unknown type"
        try:
            words = _words(series)
            column = _column(series, name, words, level, k)
        except Exception as error:  # foreign types fail in foreign ways: the type is still known
            reason = "" if words == "unknown type" else f", {type(error).__name__}"
            column = Column(f"- `{visible(name)}`: {words}, not summarised{visible(reason)}")
        yield column
        used += len(column.text) + 1
        if used > limit:
            return


def _words(series: Series) -> str:
    """Return the column's type in plain words."""
    kind = series.dtype
    if kind.is_integer():
        return "whole number"
    if kind.is_numeric():
        return "number"
    word = re.split(r"[\[(]", str(kind), maxsplit=1)[0]
    if word == "Unknown":
        word = re.split(r"\W", str(getattr(series.to_native(), "dtype", word)), maxsplit=1)[0]
    zone = getattr(kind, "time_zone", None)
    plain_words = {
        "Boolean": "true/false",
        "String": "text",
        "Categorical": "category",
        "Enum": "category",
        "Date": "date",
        "Datetime": "date and time" + (f" ({visible(zone)})" if zone else ""),
        "Duration": "duration in seconds",
        "Time": "time of day",
        "List": "list",
        "Object": "mixed objects",
    }
    return plain_words.get(word, visible(word.lower(), 30))


def _column(series: Series, name: str, words: str, level: str, k: int) -> Column:
    if series.dtype.is_float():
        series = series.fill_nan(None)
    total, nulls = len(series), series.null_count()
    valid = series.drop_nulls() if nulls else series
    sample = valid.gather_every(max(1, -(-len(valid) // SAMPLE))) if len(valid) else valid
    head = f"- `{visible(name)}`: {words}"
    if words != "true/false" and (named_personal(name) or holds_personal(sample, words)):
        return Column(f"{head}, masked: looks personal", masked=True)
    head += f", {nulls:,} null ({_share(nulls, total)})" if nulls else ", no nulls"
    about = {
        "whole number": _numbers,
        "number": _numbers,
        "duration in seconds": _numbers,
        "true/false": _booleans,
        "text": _labels,
        "category": _labels,
    }.get(words, _dates if words.startswith("date") else None)
    if level == "schema" or about is None or not len(valid):
        return Column(head)
    if len(valid) < k:
        return Column(f"{head}, fewer than {k} values: no aggregates")
    parts, labels = about(valid, sample, k)
    return Column("; ".join((head, *parts)), labels)


def _numbers(valid: Series, sample: Series, k: int) -> tuple[list[str], int]:
    if str(valid.dtype).startswith("Duration"):
        valid, sample = valid.dt.total_seconds(), sample.dt.total_seconds()
    whole = valid.dtype.is_integer()
    parts = [_distinct(valid, sample)] if whole else []
    if not whole:
        import narwhals.stable.v2 as nw

        valid, sample = valid.cast(nw.Float64()), sample.cast(nw.Float64())
        if not math.isfinite(valid.min()) or not math.isfinite(valid.max()):
            infinite = len(valid) - len(valid := valid.filter(valid.is_finite()))
            parts, sample = [f"{infinite:,} infinite"], sample.filter(sample.is_finite())
            if len(sample) < k:
                return parts, 0
    low, high, mean = valid.min(), valid.max(), valid.mean()
    shared = {end: int((valid == end).sum()) >= k for end in (low, high)}
    if low == high:
        return [*parts, f"always {_exact(low)}"], 0
    order = sample.sort()
    stats = [("min", _exact(low))] if shared[low] else [_tail(order, valid, k, 0.01)]
    stats += [_quartile(order, valid, k, q) for q in (0.25, 0.5, 0.75)]
    stats += [("max", _exact(high))] if shared[high] else [_tail(order, valid, k, 0.99)]
    biggest = max(low, high, key=abs)
    weight = abs(mean) if low >= 0 or high <= 0 else valid.abs().mean()
    if shared[biggest] or 2 * abs(biggest) <= weight * len(valid):
        stats += [("mean", _safe(mean, valid, k, (4, 3, 2)))]
        stats += [("sd", _safe(valid.std() if len(valid) > 1 else None, valid, k, (4, 3, 2)))]
    else:  # one row's value could be computed back from a mean that it dominates
        parts.append("mean withheld: one value dominates")
    told = " · ".join(f"{label} {figure}" for label, figure in stats if figure)
    return [*parts, told or f"no figure that {k} rows share"], 0


def _quartile(order: Series, valid: Series, k: int, q: float) -> tuple[str, str]:
    """Return the mean of the k neighbours around a quartile, if k rows lie on both sides."""
    label = "median" if q == 0.5 else f"P{q * 100:.0f}"
    if len(order) * min(q, 1 - q) < k:
        return label, ""
    start = max(0, min(round(q * (len(order) - 1)) - k // 2, len(order) - k))
    return label, _safe(order[start : start + k].mean(), valid, k, (4, 3, 2))


def _tail(order: Series, valid: Series, k: int, q: float) -> tuple[str, str]:
    """Return the 1 % or 99 % quantile, further in where too few rows lie beyond it."""
    last = len(order) - 1
    inset = max(round(0.01 * last), 2 * (k // 2))
    if inset > 0.1 * last:
        return "", ""
    place = inset if q < 0.5 else last - inset
    start = place - k // 2
    figure = _safe(order[start : start + k].mean(), valid, k, (3, 4, 2))
    return f"P{100 * place / last:.0f}", figure


def _safe(value: Any, valid: Series, k: int, digits: tuple[int, ...]) -> str:
    """Return ``value`` rounded so that it is no value that fewer than k rows have, else ""."""
    if value is None or not math.isfinite(value):
        return ""
    for count in digits:
        figure = _figure(float(value), count)
        shown = float(figure)
        slack = abs(shown) * 1e-7  # 39.1 as a 32-bit float is 39.099998
        if not 0 < int(valid.is_between(shown - slack, shown + slack).sum()) < k:
            return figure
    return ""


def _figure(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if not 1e-4 <= abs(rounded) < 1e15:
        return f"{rounded:.{digits - 1}e}"
    text = f"{rounded:.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _exact(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"{value + 0.0:.15g}"


def _distinct(valid: Series, sample: Series) -> str:
    seen = sample.n_unique()
    if len(sample) == len(valid) or seen <= FEW:
        return f"{valid.n_unique():,} distinct"
    if seen > 0.95 * len(sample):
        return f"nearly all distinct in a sample of {len(sample):,}"
    return f"at least {seen:,} distinct"


def _booleans(valid: Series, _: Series, k: int) -> tuple[list[str], int]:
    true = int(valid.sum())
    rare = min(true, len(valid) - true)
    if 0 < rare < k:
        return [f"{'true' if true > rare else 'false'} in all but fewer than {k} rows"], 0
    return [f"true {_share(true, len(valid))}"], 0


def _labels(valid: Series, sample: Series, k: int) -> tuple[list[str], int]:
    import narwhals.stable.v2 as nw

    counts = sample.value_counts(sort=False, name="n").filter(nw.col("n") > 0)
    if len(sample) < len(valid) and len(counts) <= FEW:
        sample, counts = valid, valid.value_counts(sort=False, name="n").filter(nw.col("n") > 0)
    shared = sorted(counts.filter(nw.col("n") >= k).rows(), key=lambda row: (-row[1], str(row[0])))
    top = [(str(label), n) for label, n in shared[:LABELS] if not CONTENT.search(str(label))]
    about = "" if len(sample) == len(valid) else "≈ "
    told = [
        '"' + visible(label).replace('"', '\\"') + f'" {about}{_share(n, len(sample))}'
        for label, n in top
    ]
    others = len(sample) - sum(n for _, n in top)
    if told and others:
        told.append(f"others {about}{_share(others, len(sample))}")
    parts = [_distinct(valid, sample) if about else f"{len(counts):,} distinct"]
    parts.append(", ".join(told) or f"no value that {k} rows share")
    if sample.dtype == nw.String and not told:
        parts.append(f"about {sample.str.len_chars().mean():.0f} characters")
    return parts, len(top)


def _dates(valid: Series, sample: Series, k: int) -> tuple[list[str], int]:
    import narwhals.stable.v2 as nw

    if sample.dtype == nw.Datetime and sample.dtype.time_zone:  # type: ignore[attr-defined]
        sample = sample.dt.replace_time_zone(None)
    order = sample.cast(nw.Datetime("us")).sort()
    inset = max(round(0.01 * (len(order) - 1)), min(k // 2, (len(order) - 1) // 2))
    ends = []
    for end, place in ((valid.min(), inset), (valid.max(), len(order) - 1 - inset)):
        if int((valid == end).sum()) >= k:
            ends.append(str(end).removesuffix(" 00:00:00"))
        else:
            ends.append(_cut(order[place], order, k))
    if not all(ends):
        return [f"no range that {k} rows share"], 0
    return [f"always {ends[0]}" if ends[0] == ends[1] else f"from {ends[0]} to {ends[1]}"], 0


def _cut(moment: datetime, order: Series, k: int) -> str:
    """Return the day, else the month, else the year of ``moment`` that k rows share, else ""."""
    day = datetime(moment.year, moment.month, moment.day)
    month, year = day.replace(day=1), day.replace(month=1, day=1)
    spans = (
        (10, day, day + timedelta(days=1)),
        (7, month, (month + timedelta(days=31)).replace(day=1)),
        (4, year, (year + timedelta(days=366)).replace(month=1, day=1)),
    )
    for length, start, end in spans:
        if int(order.is_between(start, end, closed="left").sum()) >= k:
            return start.isoformat()[:length]
    return ""


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.3g} %"
