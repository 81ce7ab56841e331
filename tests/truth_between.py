"""What `between_columns` says, checked line by line against the raw table with plain pandas."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from m1_magic.privacy.personal import safe_name
from m1_magic.privacy.redaction import masked_value

NAME = r"`(?:[^`]|``)+`"
LABEL = r'(?:"(?:[^"\\]|\\.)*"|[^\s",:]+(?: \d\d:\d\d:\d\d)?)'
NUMBER = r"-?[\d.]+(?:e[+-]?\d+)?"
AMONG = r"(?: \(≈ in ([\d,]+) rows\))?"
NOISE = 1e-9


class Table:
    """A table as the checks read it."""

    def __init__(self, frame: pd.DataFrame, k: int, sampled: int = 0) -> None:
        self.frame, self.k, self.sampled = frame, max(k, 1), sampled
        self.exact, self.which = k == 0, (frame, k, sampled)
        self.right: set[str] = set()  # lines, which come again where a table has several forms
        self._labels: dict[tuple[str, int], pd.Series] = {}
        self._codes: dict[tuple[str, int], tuple[np.ndarray, list[str]]] = {}
        self._numbers: dict[str, pd.Series] = {}
        self.names = {f"`{masked_value(safe_name(str(name)))}`": name for name in frame}

    def series(self, name: str) -> pd.Series:
        return self.frame[self.names[name]]

    def numbers(self, name: str) -> pd.Series:
        if name not in self._numbers:
            self._numbers[name] = self._numbered(self.series(name))
        return self._numbers[name]

    def _numbered(self, made: pd.Series) -> pd.Series:
        if pd.api.types.is_timedelta64_dtype(made):
            made = made.dt.total_seconds()
        made = made.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        return pd.Series(np.where(np.isfinite(made), made, np.nan))

    def labels(self, name: str, shown: list[str] | None = None) -> pd.Series:
        """Each row's label as the page would show it, None where there is none."""
        size = len(shown[0]) if shown else 19
        if (name, size) not in self._labels:
            self._labels[name, size] = self._labelled(self.series(name), size)
        return self._labels[name, size]

    def codes(self, name: str, shown: list[str] | None = None) -> tuple[np.ndarray, list[str]]:
        """Each row's label as its place among those that there are, -1 where there is none."""
        which = (name, len(shown[0]) if shown else 19)
        if which not in self._codes:
            places, labels = pd.factorize(self.labels(name, shown))
            self._codes[which] = places, labels.tolist()
        return self._codes[which]

    def _labelled(self, series: pd.Series, size: int) -> pd.Series:
        places, values = pd.factorize(series)
        if pd.api.types.is_bool_dtype(series.dropna().infer_objects().dtype):
            texts = [str(bool(x)).lower() for x in values]
        elif pd.api.types.is_numeric_dtype(series.dtype):
            texts = [f"{x:.15g}" for x in values]
        elif pd.api.types.is_datetime64_any_dtype(series.dtype):
            texts = [str(x)[:size] for x in values]
        else:
            texts = ['"' + masked_value(str(x)).replace('"', '\\"') + '"' for x in values]
        return pd.Series(np.array([*texts, None], dtype=object)[places], dtype=object)


_last: list[Table] = []  # the lines of a page come one after the other


def _table(*which: Any) -> Table:
    """Return the table as it was made for the line before, with what was worked out then."""
    if not _last or any(a is not b for a, b in zip(_last[0].which, which, strict=True)):
        _last[:] = [Table(*which)]
    return _last[0]


def wrong(fact: str, frame: pd.DataFrame, k: int, sampled: int = 0) -> str | None:
    """Return what is wrong about a line, "" if nothing is, None if no check knows its form."""
    table = _table(frame, k, sampled)
    if fact in table.right:
        return ""
    for form, check in CHECKS.items():
        if found := re.fullmatch(form, fact):
            said = check(table, *found.groups())
            table.right |= set() if said else {fact}
            return f"{fact}: {said}" if said else ""
    return None


def half_unit(shown: str) -> float:
    """Return half a unit in the last place that is shown; 2930 shows tens."""
    mantissa, _, exponent = shown.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    places = len(fraction) or len(whole.rstrip("0")) - len(whole)
    return 0.5000001 * 10.0 ** (int(exponent or 0) - places)


def parts(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield label, mark and figure of a list of them."""
    at = 0
    form = re.compile(rf"({LABEL}):? (≈ )?({NUMBER})(?: %)?(?:, |$)")
    more = re.compile(r"[\d,]+ more not told$")
    while at < len(text) and not more.match(text, at):
        found = form.match(text, at)
        assert found, text[at:]
        yield found[1], found[2] or "", found[3]
        at = found.end()


def close(table: Table, values: pd.Series, shown: str, mark: str, scale: float = 1.0) -> str:
    """Check a mean against the values that it is of."""
    each = values.to_numpy(dtype=float)
    each = each[~np.isnan(each)] * scale
    n = len(each)
    if n < table.k:
        return f"told of {n} rows"
    mean, sd = float(each.mean()), float(each.std(ddof=1)) if n > 1 else 0.0
    most = float(np.abs(each - mean).max())
    off = abs(float(shown) - mean)
    noise = NOISE * float(np.abs(each).mean())
    if table.sampled:
        rows = max(1.0, n * table.sampled / len(table.frame))
        # 4.5 standard errors, and the rounding.
        near = 7 * max(sd / math.sqrt(rows), most / rows)
        return "" if off <= near + noise else f"{shown}, not {mean} ± {near:.3g}"
    near = 1.2500001 * max(table.k * sd, most) / n + 0.006 * abs(mean) * (not table.exact)
    if scale == 100:
        rare = min(mean, 100 - mean) * n / 100
        near = max(near, 100.0 * table.k / n if rare < table.k else 0.0)
    if mark and off > near + noise:
        return f"{shown}, not {mean} ± {near:.3g}"
    if not mark and off > half_unit(shown) + noise:
        return f"{shown} is not marked, and is {mean}"
    return ""


def explained(table: Table, values: pd.Series, groups: np.ndarray, about: str, shown: str) -> str:
    y = values.to_numpy(dtype=float)
    both = ~np.isnan(y) & (groups >= 0)
    y, groups = y[both] - y[both].mean(), groups[both]
    sizes, sums = np.bincount(groups), np.bincount(groups, y)
    eta = float((sums[sizes > 0] ** 2 / sizes[sizes > 0]).sum() / (y**2).sum())
    near = (0.05 if table.sampled else 0.11 if len(y) < 500 else 0.06) if about else 0.00501
    return "" if abs(eta - float(shown)) <= near else f"η² {shown}, not {eta:.4f}"


def mean_by(
    table: Table, y: str, g: str, about: str, eta: str, among: str, text: str, label: str = ""
) -> str:
    each = re.fullmatch(rf"(≈ )?({NUMBER}) in each of (\d+) groups", text)
    told = [] if each else [*parts(text)]
    groups, labels = table.codes(g, [one[0] for one in told])
    if label in ("true", ""):
        values = table.numbers(y)
    else:
        own, texts = table.codes(y)
        place = texts.index(label) if label in texts else len(texts)
        values = pd.Series(np.where(own < 0, np.nan, own == place))
    if each:
        told = [(one, each[1] or "", each[2]) for one in labels]
        if len(told) != int(each[3]):
            return f"{len(told)} groups"
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(labels) + 1))
    rows = {one: order[starts[i] : starts[i + 1]] for i, one in enumerate(labels)}
    scale = 100.0 if label else 1.0
    said = [
        f"{one}: {bad}"
        for one, mark, shown in told
        if (bad := close(table, values.iloc[rows.get(one, [])], shown, mark, scale))
    ]
    if eta and (bad := explained(table, values, groups, about, eta)):
        said.append(bad)
    rest = re.search(r"([\d,]+) more not told", text)
    many = len(labels) - len(told)
    if not table.sampled and many != (int(rest[1].replace(",", "")) if rest else 0):
        said.append(f"{many} more")
    return "; ".join(said)


def share_of(table: Table, y: str, label: str, g: str, *more: str) -> str:
    return mean_by(table, y, g, *more, label=label)


def decides(table: Table, g: str, words: str, y: str, each: str, text: str) -> str:
    shown = [*parts(text.replace(" = ", " "))] if " = " not in text else []
    labels = table.labels(g, [one[0] for one in shown])
    values = table.labels(y)
    pair = pd.DataFrame({"g": labels, "y": values})
    pair = pair[pair.g.notna()]
    if pair.groupby("g").y.nunique(dropna=False).max() != 1:
        return "one has several"
    if each and pair.groupby("y").g.nunique().max() != 1:
        return "one is of several"
    said = []
    for one, _, figure in shown:
        true = table.numbers(y)[labels == one]
        if len(true) < table.k or abs(true.iloc[0] - float(figure)) > 0.005 * abs(true.iloc[0]):
            said.append(f"{one} is {true.iloc[0]} in {len(true)} rows")
    for one, other in re.findall(rf"({LABEL}) = ({LABEL})", text):
        own = values[labels == one] if labels.eq(one).any() else values[values == other]
        if len(own) < table.k or set(own) != {other}:
            said.append(f"{one} is {set(own)}")
    return "; ".join(said)


def pairs_of(text: str) -> list[tuple[str, str, str, str]]:
    return re.findall(rf"({NAME}) and ({NAME}) (≈ )?({NUMBER})(?:, |$)", text)


def near_r(table: Table, x: pd.Series, y: pd.Series, mark: str, shown: str) -> str:
    both = x.notna() & y.notna()
    true = float(np.corrcoef(x[both], y[both])[0, 1])
    n = int(both.sum())
    near = 0.00501
    if mark:
        near = max(0.05, 6 / math.sqrt(table.sampled) if table.sampled else 0, min(0.13, 13 / n))
    return "" if abs(true - float(shown)) <= near else f"{shown}, not {true:.4f}"


def weaker(table: Table, among: str, text: str) -> str:
    found = pairs_of(text)
    said = [
        f"{x}, {y}: {bad}"
        for x, y, mark, shown in found
        if (bad := near_r(table, table.numbers(x), table.numbers(y), mark, shown))
    ]
    return "; ".join(said) if found else "no pairs"


def cramer(table: Table, among: str, text: str) -> str:
    said = []
    for x, y, mark, shown in pairs_of(text):
        (a, texts), (b, others) = table.codes(x), table.codes(y)
        both = (a >= 0) & (b >= 0)
        cells = a[both] * len(others) + b[both]
        counts = np.bincount(cells, minlength=len(texts) * len(others)).astype(float)
        counts = counts.reshape(len(texts), len(others))
        counts = counts[counts.any(1)][:, counts.any(0)]
        n = counts.sum()
        expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / n
        phi = float(((counts - expected) ** 2 / expected).sum() / n)
        r, c = counts.shape
        phi = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
        r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
        true = math.sqrt(phi / (min(r, c) - 1))
        near = max(0.11, 6 / math.sqrt(n)) if mark else 0.00501
        said += [f"{x}, {y}: {shown}, not {true:.4f}"] if abs(true - float(shown)) > near else []
    return "; ".join(said)


def monotone(
    table: Table, y: str, way: str, x: str, mark: str, rho: str, about: str, r: str, among: str
) -> str:
    a, b = table.numbers(x), table.numbers(y)
    both = a.notna() & b.notna()
    said = near_r(table, a[both].rank(), b[both].rank(), mark, rho)
    if (float(rho) > 0) != (way == "rises"):
        said += " other way"
    return said + (near_r(table, a, b, about, r) if r else "")


def curve(
    table: Table, y: str, x: str, bend: str, mark: str, eta: str, about: str, r: str, among: str
) -> str:
    a, b = table.numbers(x), table.numbers(y)
    both = a.notna() & b.notna()
    a, b = a[both].reset_index(drop=True), b[both].reset_index(drop=True)
    cuts = np.unique(np.quantile(a, np.arange(1, 10) / 10))
    tenths = np.searchsorted(cuts, a, side="right")
    said = explained(table, b, tenths, mark, eta)
    said += near_r(table, a, b, about, r) if r else ""
    means = b.groupby(tenths).mean().to_numpy()
    turn = means.argmin() if "lowest" in (bend or "") else means.argmax()
    return said + (" no turn" if bend and not 2 <= turn < len(means) - 2 else "")


def nulls(table: Table, name: str) -> pd.Series:
    return table.series(name).isna().reset_index(drop=True)


def null_together(table: Table, names: str, rest: str, count: str, among: str) -> str:
    masks = [nulls(table, name) for name in re.findall(NAME, names)]
    rows = int(masks[0].sum())
    if any((mask != masks[0]).any() for mask in masks) and not table.sampled:
        return "not the same rows"
    if count and int(count.replace(",", "")) != rows:
        return f"{rows} rows"
    return "" if rows >= table.k else "few rows"


def null_mostly(table: Table, x: str, y: str) -> str:
    a, b = nulls(table, x), nulls(table, y)
    return "" if (a & b).sum() >= 0.75 * (a | b).sum() else "not mostly"


def null_within(table: Table, x: str, y: str, among: str) -> str:
    few, many = nulls(table, x), nulls(table, y)
    return "not within" if (few & ~many).any() and not table.sampled else ""


def null_where(
    table: Table, names: str, only: str, g: str, shown: str, alone: str, among: str
) -> str:
    labels = re.findall(LABEL, shown.replace(" or ", " "))
    own = table.labels(g, labels)
    inside = own.isin(labels)
    for name in re.findall(NAME, names):
        mask = nulls(table, name)
        if not table.sampled and (mask & ~inside).any():
            return "null elsewhere, too"
        if not table.sampled and alone and (inside & ~mask).any():
            return "not null in all of them"
        if mask.sum() < table.k or (~inside).sum() < table.k:
            return "too few rows"
    return ""


def identity(table: Table, formula: str, how: str) -> str:
    left, _, right = formula.partition(" = ")
    if "`" not in right:
        left, right = right, left
    whole = table.numbers(left) if "`" in left else float(left)
    run = re.fullmatch(rf"the sum of ({NAME}) … ({NAME}) \((\d+) columns\)", right)
    if run:
        numeric = [
            name for name in table.names if pd.api.types.is_numeric_dtype(table.series(name))
        ]
        start, end = numeric.index(run[1]), numeric.index(run[2])
        made = sum(table.numbers(name) for name in numeric[start : end + 1])
    else:
        names = re.findall(NAME, right)
        code = right.replace("×", "*")
        for i, name in enumerate(names):
            code = code.replace(name, f"v[{i}]")
        made = eval(code, {"v": [table.numbers(name) for name in names]})
    off = (made - whole).abs()
    known = off.notna()
    slack = 0.00501 if "rounded" in how else 0.0
    size = made.abs()
    bad = int((off[known] > 1e-6 * size[known] + slack + 1e-9).sum())
    if table.sampled:
        return "" if bad <= 0.06 * known.sum() else f"not in {bad} rows"
    if few := re.search(r"but for fewer than (\d+) rows", how):
        return "" if 0 < bad < int(few[1]) else f"not in {bad} rows"
    if some := re.search(r"but for ([\d,]+) rows", how):
        return "" if bad == int(some[1].replace(",", "")) >= table.k else f"not in {bad} rows"
    return "" if not bad and ("each row" not in how or known.all()) else f"not in {bad} rows"


def one_hot(table: Table, names: str, many: str, how: str, word: str, among: str) -> str:
    shown = re.findall(NAME, names)
    if many:
        every = [*table.names]
        stem = re.sub(r"[_=. -][^_=. -]*`$", "", shown[0])
        inside = every[every.index(shown[0]) : every.index(shown[-1]) + 1]
        shown = [name for name in inside if name.startswith(stem)]
        shown = shown if len(shown) == int(many) else inside
    total = sum(table.numbers(name) for name in shown)
    least = 1 if how == "exactly" else 0
    return "" if total.max() == 1 and total.min() == least else f"{total.min()} to {total.max()}"


def scale(table: Table, names: str, many: str, steps: str, few: str, rest: str, among: str) -> str:
    shown = re.findall(NAME, names)
    if "…" in names:
        every = [*table.names]
        shown = every[every.index(shown[0]) : every.index(shown[1]) + 1]
    said = [] if len(shown) >= int(many) else [f"{len(shown)} columns"]
    levels = re.split(' < |, (?=")', steps)
    between = re.fullmatch(r"(\d+) to (\d+)", steps)
    if between:
        levels = [str(i) for i in range(int(between[1]), int(between[2]) + 1)]
    places = {level: i for i, level in enumerate(levels, 1 if not between else int(between[1]))}
    values = {name: table.labels(name).dropna() for name in shown}
    odd = {name: int((~own.isin(places)).sum()) for name, own in values.items()}
    inside = [name for name in shown if not odd[name] or odd[name] < int(few or 0)]
    said += [] if len(inside) == int(many) else [f"{len(inside)} columns have it"]
    ends = re.findall(rf"({NAME}) (≈ )?({NUMBER})", rest or "")
    means = {name: table.labels(name).map(places).astype(float) for name in inside}
    for (name, mark, figure), most in zip(ends, (max, min), strict=False):
        if bad := close(table, means[name], figure, mark or "≈" * bool(table.sampled)):
            said.append(f"{name} {bad}")
        best = most(float(values.mean()) for values in means.values())
        if abs(float(means[name].mean()) - best) > 0.3:
            said.append(f"{name} is not the end")
    return "; ".join(said)


def as_text(table: Table, text: str, number: str, among: str) -> str:
    own = table.series(text).map(lambda x: np.nan if pd.isna(x) else float(x)).to_numpy(float)
    return "" if np.array_equal(own, table.numbers(number), equal_nan=True) else "differs"


def copy_of(table: Table, one: str, other: str, among: str) -> str:
    same = np.array_equal(table.numbers(one), table.numbers(other), equal_nan=True)
    return "" if same else "differs"


def before(table: Table, end: str, start: str, how: str) -> str:
    first, second = (pd.to_datetime(table.series(name), format="ISO8601") for name in (start, end))
    bad = int((second < first).sum())
    if how == "never":
        return "" if bad == 0 else f"in {bad} rows"
    if few := re.search(r"fewer than (\d+)", how):
        return "" if 0 < bad < int(few[1]) else f"in {bad} rows"
    if some := re.fullmatch(r"([\d,]+) rows", how):
        return "" if bad == int(some[1].replace(",", "")) >= table.k else f"in {bad} rows"
    return ""


def never(table: Table, end: str, start: str) -> str:
    return before(table, end, start, "never")


def degrees(table: Table, lat: str, lon: str, zeros: str) -> str:
    x, y = table.numbers(lat), table.numbers(lon)
    if x.abs().max() > 90 or y.abs().max() > 180:
        return "no degrees"
    rows = int(((x == 0) & (y == 0)).sum())
    return "" if not zeros or rows == int(zeros.replace(",", "")) >= table.k else f"{rows} rows"


def two_modes(table: Table, name: str, among: str, text: str) -> str:
    order = np.sort(table.numbers(name).dropna().to_numpy())
    n, found = len(order), re.findall(rf"(≈ )?([\d.]+) % about ({NUMBER})", text)
    cuts = range(math.ceil(0.1 * n), int(0.9 * n) + 1)
    sums, total = np.cumsum(order), order.sum()
    between = [(sums[c - 1] - c * total / n) ** 2 / (c * (n - c)) for c in cuts]
    cut = cuts[int(np.argmax(between))]
    said = [] if max(between) > 0.8 * order.var() else ["one mode"]
    for (mark, part, middle), side in zip(found, (order[:cut], order[cut:]), strict=True):
        off = abs(100 * len(side) / n - float(part))
        said += [f"{part} %, not {len(side)} of {n}"] if off > (3 if mark else 0.0501) else []
        said += [close(table, pd.Series(side), middle, "≈")]
    return "; ".join(filter(None, said))


def season(
    table: Table, y: str, t: str, among: str, unit: str, mark: str, eta: str, high: str, low: str
) -> str:
    when, values = pd.to_datetime(table.series(t)).reset_index(drop=True), table.numbers(y)
    x = (when - when.min()).dt.total_seconds()
    there = values.notna()
    slope, least = np.polyfit(x[there] / x.max(), values[there], 1)
    rest = values - slope * x / x.max() - least
    names = {"month": when.dt.month_name(), "weekday": when.dt.day_name()}
    labels = names.get(unit, when.dt.hour.astype(str) + ":00")
    said = explained(table, rest, pd.factorize(labels)[0], mark, eta)
    means = rest.groupby(labels).mean()
    slack = 0.1 * float(np.ptp(means))
    if means[high] < means.max() - slack or means[low] > means.min() + slack:
        said += f" highest {means.idxmax()}, lowest {means.idxmin()}"
    return said


ETA = rf"(?: \(η² (≈ )?({NUMBER})\))?"
CHECKS: dict[str, Callable[..., str]] = {
    rf"mean ({NAME}) by ({NAME}){ETA}{AMONG}: (.+)": mean_by,
    rf'share of ({NAME}) (true|"(?:[^"\\]|\\.)*") by ({NAME}){ETA}{AMONG}: (.+)': share_of,
    rf"({NAME}) (decides) ({NAME})(): (.+)": decides,
    rf"({NAME}) (and) ({NAME})( decide each other): (.+)": decides,
    rf"weaker correlations{AMONG}: (.+)": weaker,
    rf"Cramér's V{AMONG}: (.+)": cramer,
    rf"({NAME}) (rises|falls) with ({NAME}), not in a line: Spearman (≈ )?({NUMBER})"
    rf"(?:, correlation (≈ )?({NUMBER}))?{AMONG}": monotone,
    rf"({NAME}) follows ({NAME}) in a curve(, (?:low|high)est in the middle)?: "
    rf"η² (≈ )?({NUMBER}) over tenths of it(?:, correlation (≈ )?({NUMBER}))?{AMONG}": curve,
    rf"((?:{NAME}(?:, | and )?)+)(\d+ more columns)? ?are null in the same (?:([\d,]+) )?rows"
    rf"{AMONG}": null_together,
    rf"({NAME}) and ({NAME}) are mostly null in the same rows": null_mostly,
    rf"wherever ({NAME}) is null, ({NAME}) is, too{AMONG}": null_within,
    rf"((?:{NAME}(?:, | and )?)+)(?:\d+ more columns)? ?(?:is|are) null (only )?where ({NAME}) is "
    rf"({LABEL}(?: or {LABEL})*)(, and only there)?{AMONG}": null_where,
    r"(.+ = .+?)((?: in each row| where none is null|, rounded|, but for).*)": identity,
    rf"((?:{NAME}(?:, | … )?)+)(?: \((\d+) columns\))?: (exactly|at most) one is (1|true) "
    rf"in each row{AMONG}": one_hot,
    rf"((?:{NAME}(?:, | … )?)+) \((\d+) columns\): one scale, (.+?)"
    r"(?:, but for fewer than (\d+) rows of a column)?"
    rf"((?:, highest mean .+)?)(?: \(1 to \d+\))?{AMONG}": scale,
    rf"({NAME}) is ({NAME}) as text{AMONG}": as_text,
    rf"({NAME}) is a copy of ({NAME}){AMONG}": copy_of,
    rf"({NAME}) is bimodal{AMONG}: (.+)": two_modes,
    rf"({NAME}) has a season over ({NAME}){AMONG}: by (month|weekday|hour) η² (≈ )?({NUMBER}) "
    r"about its trend, highest (?:in|on|at) (\S+), lowest (?:in|on|at) (\S+)": season,
    rf"({NAME}) is never before ({NAME})": never,
    rf"({NAME}) is before ({NAME}) in (.+)": before,
    rf"({NAME}) and ({NAME}): latitude and longitude in degrees"
    r"(?:, 0 and 0 in ([\d,]+) rows)?": degrees,
}
