"""A table → the few lines about it that may leave.

One road for pandas, Polars, Arrow, arrays and records: named "0", "1", … so that narwhals takes
every table, then each column becomes one line until the token budget is used. Below `sample` no
value leaves that fewer than ``min_group`` rows share; a quantile is the mean of ``min_group``
neighbours in order, and no number is shown that is itself such a rare value. Names and values
are untrusted text. The only importer of narwhals, and only once there is a table.
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..calls import Attachment
from ..errors import UsageError, plain

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

    Series = nw.Series[Any]

LIBRARIES = {"pandas", "polars", "pyarrow", "modin", "cudf", "narwhals"}
SAMPLE = 50_000  # rows that quantiles and labels of long columns are read from
FEW = 1_000  # distinct values in the sample up to which all rows are counted
HEAD = 1_000  # values that are searched for personal content
LABELS = 6
PERSONAL = re.compile(
    r"_(e?_?mail|(tele)?phone|telefon|tel|mobile|fax|ssn|social_security|iban|bic"
    r"|(credit_?)?card|cvv|cvc|account_?(no|nr|number)|address|addr|adresse|street|strasse"
    r"|(customer|client|patient|person|employee|contact|passenger|student|guest)_name"
    r"|(first|last|full|given|family|middle|maiden|sur|user|fore|nick)_?name|vorname|nachname|prenom"
    r"|login|password|passwort|passwd|pwd|secret|token|api_?key|credentials?|dob|birth_?(day|date)"
    r"|date_of_birth|geburtsdatum|passport|licen[cs]e_?(no|number|plate)|tax_?id|ip|ip_?addr)(e?s)?_"
)
HARMLESS = re.compile(
    r"^_(n|num|number_of|is|has)_|_(tokens|counts?|length|len|type|flag|rate|share)_$"
)
CONTENT = re.compile(
    r"[\w.+-]+@[\w-]+\.[A-Za-z]{2,}|\b\d{3}-\d{2}-\d{4}\b|^\s*\+\d[\d ()./-]{7,}$"
    r"|\b(sk|pk|ghp|gho|xox[bap])[-_][\w-]{16,}|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{10,}\.[\w-]+\."
)
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
CARD = re.compile(r"(?<!\d)[2-6](?:[ -]?\d){12,18}(?!\d)")


@dataclass(frozen=True, slots=True)
class Column:
    """One column's line, and what a receipt has to say about it."""

    text: str
    labels: int = 0
    masked: bool = False


def is_frame(value: object) -> bool:
    """Say whether ``value`` is an eager DataFrame or Series of a library that narwhals takes."""
    kind = type(value)
    roots = {str(getattr(base, "__module__", "")).partition(".")[0] for base in kind.__mro__}
    if not (roots & LIBRARIES or hasattr(kind, "__narwhals_dataframe__")):
        return False
    import narwhals.stable.v2 as nw

    try:
        native = nw.from_native(value, eager_only=True, allow_series=True, pass_through=True)
    except Exception:  # a MultiIndex or doubled names: a frame all the same
        return hasattr(value, "columns") and hasattr(value, "shape")
    return isinstance(native, (nw.DataFrame, nw.Series))


def is_tabular(value: object) -> bool:
    """Say whether `summarise` takes ``value``: a frame, an array, records, a dict of columns."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(row, dict) for row in value)
    if isinstance(value, dict):
        columns = list(value.values())
        lists = bool(columns) and all(isinstance(column, (list, tuple)) for column in columns)
        return lists and len({len(column) for column in columns}) == 1
    return _is_array(value) or is_frame(value)


def frame_named(name: str, namespace: Mapping[str, object]) -> object:
    """Return the table that ``name`` (``sales``, ``data.sales``, ``parts[0]``) stands for.

    Raises:
        UsageError: no such name, or not a table; values are never shown.
    """
    from .values import public_names, resolve  # values.py imports this module

    base = re.split(r"[.\[]", name, maxsplit=1)[0]
    if base not in namespace:
        names = public_names(namespace)
        frames = [known for known in names if is_frame(namespace[known])]
        matches = difflib.get_close_matches
        close = matches(base, frames, 1) or matches(base, names, 1)
        todo = f"Did you mean {close[0]}?" if close else ""
        if not close and frames:
            todo = f"DataFrames here: {', '.join(frames[:5])}."
        raise UsageError(f"There is no DataFrame {plain(name, 60)!r}.", todo=todo)
    value = resolve(name, namespace)
    if not is_tabular(value):
        kind = plain(type(value).__name__, 60)
        raise UsageError(f"{plain(name, 60)} is no DataFrame; it is of type {kind}.")
    return value


def summarise(
    frame: object,
    name: str,
    *,
    level: str = "stats",
    rows: int = 0,
    min_group: int = 5,
    tokens: int = 1500,
) -> Attachment:
    """Return what may leave of a table at a privacy level, in at most ``tokens`` tokens.

    Args:
        frame: anything that `is_tabular`.
        level: ``names`` · ``schema`` (types, counts, nulls) · ``stats`` · ``sample``.
        rows: rows of the table to show, at level ``sample`` only.
        min_group: a label or extreme leaves only if so many rows share it.
        tokens: upper bound, at 2.4 characters a token (measured on such summaries).

    Raises:
        UsageError: an array or records, and neither pandas nor Polars is installed.
    """
    table, names, levels = _table(frame)
    count, limit = len(table), max(0, tokens * 12 // 5)
    columns = [] if level == "names" else list(_columns(table, names, level, min_group, limit))
    picked = _pick(table, columns, min(rows, count)) if level == "sample" else []
    width = len(names) - levels
    head = f"`{visible(name)}`: {count:,} rows × {width:,} columns"
    head += " and the index" if levels else ""
    if level == "names":
        head = f"`{visible(name)}`: {width:,} columns"
    elif level != "schema" and min_group > 1:
        head += f"; aggregates without values that fewer than {min_group} rows share"
    if level in ("stats", "sample") and count > 2 * SAMPLE:
        head += "; quantiles and ≈ from a sample of rows"
    text, detailed, shown = _fit(_Page(head, columns, names, picked), limit)
    return Attachment(
        kind="frame",
        name=name,
        text=text,
        level=level,
        shape=(count, width),
        rows=shown,
        labels=sum(column.labels for column in columns[:detailed]),
        masked=sum(column.masked for column in columns[:detailed]),
        tokens=-(-len(text) * 5 // 12),
    )


def visible(value: object, limit: int = 60) -> str:
    """Return foreign text on one line: escaped as in a repr, no backticks, cut at ``limit``."""
    raw = str(value)[: limit + 1].replace("\\", "\\\\").replace("`", "\\x60")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in raw)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray) and value.ndim in (1, 2)


def _table(value: object) -> tuple[nw.DataFrame[Any], list[str], int]:
    """Return the table with columns "0", "1", …, its names, how many of them are its index's."""
    import narwhals.stable.v2 as nw

    if _is_array(value) or not is_frame(value):
        value = _converted(value)
    native, levels = nw.to_native(value, pass_through=True), 0
    if hasattr(native, "set_axis") and hasattr(native, "index"):
        native = native.to_frame() if not hasattr(native, "columns") else native
        names = [_joined(name) for name in native.columns]
        index = native.index
        native = native.set_axis([str(i) for i in range(len(names))], axis=1)
        counted = (
            index.nlevels == 1 and index.name is None and str(index.dtype)[:3] in ("int", "uin")
        )
        if not counted:
            levels = index.nlevels
            for level in range(levels):
                native.insert(level, f"index{level}", index.get_level_values(level))
            labels = ["" if name is None else f"{_joined(name)} " for name in index.names]
            names = [f"{label}(index)" for label in labels] + names
            native = native.set_axis([str(i) for i in range(len(names))], axis=1)
    elif hasattr(native, "rename_columns"):  # Arrow takes doubled names, narwhals does not
        names = [str(name) for name in native.column_names]
        native = native.rename_columns([str(i) for i in range(len(names))])
    taken = nw.from_native(native, eager_only=True, allow_series=True)
    table = taken.to_frame() if isinstance(taken, nw.Series) else taken
    if not (hasattr(native, "set_axis") or hasattr(native, "rename_columns")):
        names = list(table.columns)
        table = table.rename({name: str(i) for i, name in enumerate(names)})
    return table, names, levels


def _joined(name: object) -> str:
    return " / ".join(str(part) for part in name) if isinstance(name, tuple) else str(name)


def _converted(value: Any) -> Any:
    """Return an array, records or a dict of columns as a frame of the library that is there."""
    for library in sorted(("pandas", "polars"), key=lambda known: known not in sys.modules):
        try:
            module = __import__(library)
        except ImportError:
            continue
        strict = {"strict": False} if library == "polars" else {}
        if isinstance(value, dict):
            value = {str(key): list(column) for key, column in value.items()}
        elif isinstance(value, tuple):
            value = list(value)
        return module.DataFrame(value, **strict)
    raise UsageError(
        f"A summary of a {plain(type(value).__name__, 60)} needs pandas or Polars.",
        todo="Install one of them, or insert the text of your choice.",
    )


def _columns(
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
    if words != "true/false" and (_named_personal(name) or _holds_personal(sample, words)):
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


def _named_personal(name: str) -> bool:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    key = "_" + re.sub(r"[\W\d_]+", "_", spaced).strip("_").lower() + "_"
    return not HARMLESS.search(key) and bool(PERSONAL.search(key))


def _holds_personal(sample: Series, words: str) -> bool:
    if words not in ("text", "category", "whole number"):
        return False
    texts = [str(value) for value in sample.head(HEAD).to_list()]
    if words != "whole number" and any(CONTENT.search(text) or _has_iban(text) for text in texts):
        return True
    cards = [match[0] for text in texts if (match := CARD.search(text))]
    return 2 * sum(map(_luhn, cards)) > len(cards)


def _has_iban(text: str) -> bool:
    return any(
        int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1
        for code in (match[0].replace(" ", "") for match in IBAN.finditer(text))
    )


def _luhn(card: str) -> bool:
    digits = [int(c) for c in reversed(card) if c.isdigit()]
    return sum(d if i % 2 == 0 else d // 5 + d * 2 % 10 for i, d in enumerate(digits)) % 10 == 0


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


def _pick(table: nw.DataFrame[Any], columns: list[Column], rows: int) -> list[list[str]]:
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
    if CONTENT.search(text) or _has_iban(text) or any(_luhn(m[0]) for m in CARD.finditer(text)):
        return "masked"
    shown = visible("" if text == "nan" else text)
    return '"' + shown.replace('"', '""') + '"' if re.search(r'[",]', shown) else shown


@dataclass(frozen=True, slots=True)
class _Page:
    """What a summary could say; `text` says a part of it."""

    head: str
    columns: list[Column]
    names: list[str]
    cells: list[list[str]]

    def text(self, detailed: int, named: int, rows: int) -> str:
        """Return the first columns in detail, the names of the next, the number of the rest."""
        total = len(self.names)
        rest = self.names[detailed : detailed + named]
        left = total - detailed - len(rest)
        part = f"; {detailed:,} of {total:,} columns in detail"
        lines = [self.head + (part if self.columns and detailed < total else "")]
        lines += [column.text for column in self.columns[:detailed]]
        if rest:
            listed = ", ".join(f"`{visible(name)}`" for name in rest)
            lines.append(f"- {'other ' if self.columns else ''}columns: {listed}")
        if left:
            lines.append(f"- {left:,} more columns")
        lines += [", ".join(row[:detailed]) for row in self.cells[:rows] if detailed]
        return "\n".join(lines)


def _fit(page: _Page, limit: int) -> tuple[str, int, int]:
    """Return the text within ``limit`` characters, its columns in detail and its rows."""
    total, rows = len(page.names), len(page.cells)
    if len(page.columns) == total and len(text := page.text(total, 0, rows)) <= limit:
        return text, total, rows
    # All names only if they leave half of the room for detail.
    all_named = len(page.text(0, total, 0)) * 2 <= limit
    named, room = (total, limit) if all_named else (0, limit // 2)
    detailed = _detailed(page, named, rows, room)
    while rows and detailed < min(5, total):
        rows //= 2
        detailed = _detailed(page, named, rows, room)
    named = _most(total - detailed, lambda n: len(page.text(detailed, n, rows)) <= limit)
    return page.text(detailed, named, rows)[:limit], detailed, rows if detailed else 0


def _detailed(page: _Page, named: int, rows: int, room: int) -> int:
    return _most(len(page.columns), lambda count: len(page.text(count, named, rows)) <= room)


def _most(top: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number up to ``top`` that fits, else 0."""
    low = 0
    while low < top:
        middle = (low + top + 1) // 2
        low, top = (middle, top) if fits(middle) else (low, middle - 1)
    return low
