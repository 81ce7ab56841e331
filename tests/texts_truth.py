"""What is true of texts, codes and the shape of a table, found with plain pandas.

``NOTES`` and ``FACTS``: a pattern of what a page says → what is wrong about it, "" if nothing.
``values_of``: the numbers or moments that a column of texts or codes stands for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from m1_magic.context.frames.summary import Column, Summary

READ_AS = ("number as text", "date as text", "month as text", "date as number")
MISSING = {"", "?", "-", "n/a", "na", "nan", "null", "unknown", "missing"}
CODES = re.compile(r"identifier.*|running number.*|consecutive numbers, each once")
SHARE = r"(?:≈ )?[<>]? ?[\d.]+ %"
QUOTED = r'"(?:[^"\\]|\\.)*"'


def near(told: str, true: float, k: int = 0, rows: int = 1) -> str:
    """Return what is wrong about a share in words."""
    about = 0.03 if "≈" in told else 0.0
    number = float(re.search(r"[\d.]+", told)[0]) / 100
    if "<" in told or ">" in told:
        right = true < number if "<" in told else true > number
    else:
        digits = len(told.partition(".")[2].partition(" ")[0])
        right = abs(true - number) <= about + 0.5 * 10.0 ** (-digits - 2) + 1e-9 + 5e-4 * (
            number > 0.1
        )
        right = right or abs(true - number) <= 0.005 * max(number, true)
    few = 0 < round(true * rows) < k
    return "" if right and not few else f"{told}, not {100 * true:.2f} %"


def unquoted(text: str) -> str:
    plain = re.sub(r"\\u\{?([0-9a-fA-F]+)\}?|\\x(..)", _character, text[1:-1])
    signs = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
    return re.sub(r"\\(.)", lambda match: signs.get(match[1], match[1]), plain)


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))


def texts(series: pd.Series) -> pd.Series:
    return series.dropna().astype(str)


def numbers(series: pd.Series, removed: list[str], comma: bool = False) -> pd.Series:
    """Return texts as numbers after removing some parts of them, NaN where they are none."""
    made = texts(series).str.replace(r"[\u00a0\u202f]", " ", regex=True).str.strip()
    for part in removed:
        made = made.str.replace(part.strip(), "", regex=False) if part.strip() else made
        made = made.str.replace(part, "", regex=False)
    made = made.str.replace(r"^[(](.*)[)]$", r"-\1", regex=True)
    made = made.str.replace(r"^(.*)[-−]$", r"-\1", regex=True).str.replace("−", "-", regex=False)
    made = made.str.replace(",", ".", regex=False) if comma else made
    return pd.to_numeric(made.str.strip(), errors="coerce")


def removed(column: Column) -> list[str]:
    found = [
        re.search(r"after removing ((?:" + QUOTED + r"(?:, )?)+)", note) for note in column.notes
    ]
    return [unquoted(one) for match in found if match for one in re.findall(QUOTED, match[1])]


def as_numbers(column: Column, series: pd.Series) -> pd.Series:
    comma = any("with decimal comma" in note for note in column.notes)
    blanks = [" "] if any("no-break spaces" in note for note in column.notes) else []
    return numbers(series, [*removed(column), *blanks], comma)


def formats(column: Column) -> list[str]:
    """Return the formats that the notes of a column tell."""
    notes = [re.sub(r" in [\d,]+ rows$", "", note) for note in column.notes if note[:1] == "%"]
    return [
        form.strip()
        for note in notes
        for form in re.split(rf" {SHARE}(?:, |$)", note)
        if form.strip()
    ]


def dated(series: pd.Series, form: str) -> pd.Series:
    """Return texts in one format as moments, NaT where they are in another."""
    if "German" in form:
        form = form.replace(" (German months)", "").replace("%b", "%B")
        german = ("Januar", "Februar", "März", "Mai", "Juni", "Juli", "Oktober", "Dezember")
        english = ("January", "February", "March", "May", "June", "July", "October", "December")
        words = dict(zip(german, english, strict=True))
        series = texts(series).replace({rf"\b{a}\b": b for a, b in words.items()}, regex=True)
    plain = form.replace("Z", "").replace("%z", "").strip()
    some = texts(series).str.strip().str.replace(r"(?:Z| ?UTC|[+-]\d\d:?\d\d)$", "", regex=True)
    if plain == form:
        some = texts(series).str.strip()
    return pd.to_datetime(some, format=plain, errors="coerce")


def values_of(series: pd.Series, column: Column) -> pd.Series:
    """Return the numbers or moments that a column stands for, those that can be read."""
    if column.type == "number as text":
        return as_numbers(column, series).dropna()
    epoch = any(note.startswith("epoch") for note in column.notes)
    if column.type == "date as number" or epoch:
        whole = series.dropna().astype("float64").round(6)
        for note in column.notes:
            if found := re.match(r"epoch in (seconds|ms|µs)", note):
                return pd.to_datetime(
                    whole, unit={"seconds": "s", "ms": "ms", "µs": "us"}[found[1]]
                )
        if any(note.startswith("Excel") for note in column.notes):
            return pd.to_datetime(whole, unit="D", origin="1899-12-30")
        form = "%Y%m%d" if any(n.startswith("%Y%m%d") for n in column.notes) else "%Y%m"
        return pd.to_datetime(whole.astype("int64").astype(str), format=form)
    made = [dated(series, form).dropna() for form in formats(column)]
    return pd.concat(made) if made else pd.Series([], dtype="datetime64[ns]")


# --- Notes: (column, series without nulls, k, groups) → what is wrong ---------------------------


def read_as_numbers(c: Column, s: pd.Series, k: int, amount: str, *rest: str) -> str:
    part = as_numbers(c, s).notna().mean()
    if amount == "all":
        return "" if part == 1 else f"{part:.3%} read"
    if "fewer than" in amount:
        tokens = sum(
            float(x)
            for n in c.notes
            if n.endswith("as missing")
            for x in re.findall(r"([\d.]+) %", n)
        )
        left = len(s) * (1 - part - tokens / 100)
        return "" if left < k + 0.002 * len(s) else f"{left} do not read"
    return near(amount, part, k, len(s))


def ends(c: Column, s: pd.Series, k: int, share: str, end: str) -> str:
    return near(share, texts(s).str.strip().str.endswith(unquoted(end).strip()).mean(), k, len(s))


def begins(c: Column, s: pd.Series, k: int, share: str, end: str) -> str:
    return near(share, texts(s).str.strip().str.startswith(unquoted(end).strip()).mean(), k, len(s))


def bare(c: Column, s: pd.Series, k: int, share: str) -> str:
    return near(share, numbers(s, [","]).notna().mean(), k, len(s))


def labelled(c: Column, s: pd.Series, k: int, parts: str, *rest: str) -> str:
    wrong = []
    for label, share in re.findall(rf"({QUOTED}) ({SHARE})", parts):
        wrong.append(near(share, (texts(s) == unquoted(label)).mean(), k, len(s)))
    return "; ".join(filter(None, wrong))


def in_formats(c: Column, s: pd.Series, k: int, parts: str) -> str:
    if c.type == "date as number":
        return "" if len(values_of(s, c)) == len(s) else "no dates"
    told = re.findall(rf"(%.+?) ({SHARE})(?:, (?=%)| in [\d,]+ rows|$)", parts)
    if not told:
        form = re.sub(r" in [\d,]+ rows$", "", parts)
        n = int(dated(s, form).notna().sum())
        return "" if n >= 0.4 * len(s) else f"{n} of {len(s)} in {form}"
    some = "≈ " if any("not decidable in" in note for note in c.notes) else ""
    shares = ((form, share, dated(s, form).notna().mean()) for form, share in told)
    wrong = [near(some + share, part) for _, share, part in shares]
    return "" if some else "; ".join(filter(None, wrong))


def undecidable(c: Column, s: pd.Series, k: int, *rest: str) -> str:
    parts = texts(s).str.strip().str.extract(r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{2,4})").dropna()
    both = (parts[[0, 1]].astype(int) > 12).any()
    return "" if rest[0] or not (both[0] ^ both[1]) else "it is"


def leading_zeros(c: Column, s: pd.Series, k: int, *rest: str) -> str:
    right = texts(s).str.fullmatch(r"\d+").all() and texts(s).str.match("0").sum() >= k
    return "" if right else "no such codes"


def yes_no(c: Column, s: pd.Series, k: int, spellings: str | None) -> str:
    kinds = {one for one in texts(s) if one.strip().lower() not in MISSING}
    right = len({kind.strip().lower() for kind in kinds}) <= 8 and len(kinds) == int(spellings or 2)
    return "" if right else f"{sorted(kinds)}"


def cleaned(c: Column, s: pd.Series, k: int, many: str, kinds: str) -> str:
    clean = texts(s).str.split().str.join(" ").map(str.casefold)
    true = texts(s).nunique(), clean.nunique()
    return "" if (int(many.replace(",", "")), int(kinds.replace(",", ""))) == true else f"{true}"


def is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False


def content(holds: Callable[[str], object]) -> Callable[..., str]:
    def check(c: Column, s: pd.Series, k: int, *rest: str) -> str:
        part = texts(s).map(lambda text: bool(holds(text))).mean()
        return "" if part > 0.85 else f"{part:.1%} are"

    return check


def lists(c: Column, s: pd.Series, k: int, sign: str, many: str, parts: str) -> str:
    split = texts(s).str.split(unquoted(sign), regex=False)
    rows = split.map(lambda one: list({part.strip() for part in one})).explode()
    wrong = [] if rows.nunique() == int(many.replace(",", "")) else [f"{rows.nunique()} labels"]
    for label, share in re.findall(rf"({QUOTED}) in ({SHARE})", parts):
        wrong.append(near(share, (rows == unquoted(label)).sum() / len(s), k, len(s)))
    return "; ".join(filter(None, wrong))


def identifier(c: Column, s: pd.Series, k: int, digits: str | None) -> str:
    if set(c.figures) - {"min", "max"}:
        return "figures of identifiers"
    ends = {"min": s.min(), "max": s.max()}
    if any(value != ends[name] or (s == value).sum() < k for name, value in c.figures.items()):
        return "an end that is none, or rare"
    long = texts(pd.to_numeric(s)).str.replace(r"\.0$", "", regex=True).str.len()
    return "" if digits is None or (long == int(digits)).all() else f"not {digits} digits"


def running(c: Column, s: pd.Series, k: int, step: str | None) -> str:
    return "" if (np.diff(s.to_numpy("float64")) == int(step or 1)).all() else "does not run"


def each_once(c: Column, s: pd.Series, k: int) -> str:
    values = np.sort(s.to_numpy("float64"))
    return "" if (np.diff(values) == 1).all() else "are not"


def sentinel(c: Column, s: pd.Series, k: int, found: str, share: str, mean: str | None) -> str:
    dates = pd.api.types.is_datetime64_any_dtype(s)
    values = [pd.Timestamp(x) if dates else float(x) for x in found.split(", ")]
    rest = s if dates else s[np.isfinite(s.to_numpy("float64"))]
    n, rest = len(rest), rest[~rest.isin(values)]
    wrong = [near(share, 1 - len(rest) / n, k, n)]
    inside = [v for v in values if rest.min() <= v <= rest.max() or (s == v).sum() < k]
    wrong += [f"{inside} are no codes"] if inside else []
    if mean:
        told, true = float(mean.replace("≈ ", "")), float(rest.mean())
        moves = max(k * rest.std(), (rest - true).abs().max()) / len(rest)
        wrong += (
            []
            if abs(told - true) <= 1.26 * moves + 0.006 * abs(true)
            else [f"mean {mean}, not {true}"]
        )
    return "; ".join(filter(None, wrong))


def without(c: Column, s: pd.Series, k: int, mean: str) -> str:
    """The mean without codes, where the page's line is split at ";"."""
    found = next((n for n in c.notes if re.search(r"looks? like .* for missing", n)), "")
    match = re.match(rf"(\S+(?:, \S+)*) in ({SHARE}) looks?", found)
    return sentinel(c, s, k, *match.groups(), mean) if match else "without what?"


def impossible(c: Column, s: pd.Series, k: int, of: str, parts: str) -> str:
    wrong = []
    for way, limit, share in re.findall(rf"(above|below) (\d+)(?: %)? in ({SHARE})", parts):
        true = (s > int(limit)) if way == "above" else (s < int(limit))
        wrong.append("" if true.sum() >= k else near(share, true.mean(), k, len(s)))
    return "; ".join(filter(None, wrong))


def fine(*_: object) -> str:
    return ""


AMOUNT = rf"(all|(?:of the others )?all but fewer than \d+ rows|{SHARE})"
NOTES: dict[str, Callable[..., str]] = {
    rf"{AMOUNT} read as numbers(.*)": read_as_numbers,
    rf"({SHARE}) end in ({QUOTED})": ends,
    rf"({SHARE}) begin with ({QUOTED})": begins,
    rf"({SHARE}) are bare numbers": bare,
    rf"((?:{QUOTED} {SHARE}(?:, )?)+)(?: reads? as missing)?( in [\d,]+ rows)?": labelled,
    r"day or month first is not decidable( in .*)?": undecidable,
    rf"({SHARE}) read as none( in [\d,]+ rows)?": fine,
    r"fewer than \d+ rows read as none": fine,
    r"codes of (.+) digits with leading zeros( in [\d,]+ rows)?": leading_zeros,
    r"yes/no in words(?:, (\d+) spellings)?": yes_no,
    r"([\d,]+) labels, ([\d,]+) after trim and case-fold": cleaned,
    r"JSON(.*)": content(is_json),
    r"URLs(.*)": content(re.compile(r"\s*[A-Za-z0-9]+://").match),
    r"HTML(.*)": content(re.compile(r"<[/A-Za-z]").search),
    r"file paths(.*)": content(re.compile(r"[/\\]").search),
    r"hierarchical codes, in the form of ICD-10(.*)": content(re.compile(r"\s*[A-Z]\d").match),
    rf"lists separated by ({QUOTED}) of ([\d,]+) labels: (.*)": lists,
    r"identifier(?:, (\d+) digits)?": identifier,
    r"running number(?:, step ([\d,]+))?": running,
    r"consecutive numbers, each once": each_once,
    rf"(\S+(?:, \S+)*) in ({SHARE}) looks? like (?:a code|codes) for missing"
    r"(?:; without (?:it|them) mean (.+))?": sentinel,
    r"without (?:it|them) mean (.+)": without,
    rf"(ages|values) ((?:(?:above|below) \d+(?: %)? in {SHARE}(?:, )?)+)": impossible,
    r"(epoch in (?:seconds|ms|µs)|Excel's days since 1899-12-30)( in [\d,]+ rows)?": fine,
    r"(%.+)": in_formats,
    r"((?:YYYY.*q|Qq.*YYYY).*)": fine,
}  # fmt: skip


def wrong_note(note: str, column: Column, series: pd.Series, k: int) -> str | None:
    """Return what is wrong about a note, "" if nothing, None if it is none of these."""
    for form, check in NOTES.items():
        if found := re.fullmatch(form, note):
            return check(column, series.dropna(), k, *found.groups())
    return None


# --- Facts: (frame, summary, groups) → what is wrong --------------------------------------------


def fields(frame: pd.DataFrame, name: str, many: str, sign: str) -> str:
    split = texts(frame[name]).str.split("\t" if sign == "\\t" else sign, regex=False).str.len()
    return "" if (split == int(many)).all() and frame.shape[1] == 1 else "no such fields"


def header(frame: pd.DataFrame) -> str:
    rest = frame.iloc[1:].apply(lambda s: numbers(s, ["$", "%", ","]).notna().mean() > 0.5)
    first = pd.to_numeric(frame.iloc[0], errors="coerce").isna().all()
    return "" if first and rest.any() else "no header"


def totals(frame: pd.DataFrame, end: str, name: str) -> str:
    row = frame.iloc[0 if end == "first" else -1]
    rest = frame.iloc[1:] if end == "first" else frame.iloc[:-1]
    sums = rest.sum(numeric_only=True)
    hits = [
        math.isclose(row[c], sums[c], rel_tol=1e-6)
        for c in sums.index
        if not isinstance(row[c], bool)
    ]
    return "" if sum(hits) * 2 > len(hits) - 2 and sum(hits) else "no totals"


def subtotals(frame: pd.DataFrame, name: str, label: str, by: str) -> str:
    total = frame[name].astype(str) == unquoted(label)
    own = frame[total].set_index(by).sum(numeric_only=True, axis=1)
    rest = frame[~total].groupby(by).sum(numeric_only=True).sum(axis=1)
    return "" if np.isclose(own, rest.reindex(own.index)).mean() > 0.8 else "no totals"


def key(frame: pd.DataFrame, a: str, b: str, much: str) -> str:
    if frame.duplicated([a, b]).any():
        return "is none"
    sizes = frame[a].nunique(), frame[b].nunique()
    of = f"{sizes[0]:,} × {sizes[1]:,}"
    if much == f"balanced, {of}":
        return "" if sizes[0] * sizes[1] == len(frame) else "is not balanced"
    return near(much.partition(" of ")[0], len(frame) / (sizes[0] * sizes[1])) or (
        "" if much.endswith(of) else f"not {of}"
    )


def within(frame: pd.DataFrame, time: str, of: str, step: str, gaps: str) -> str:
    number, unit = re.fullmatch(r"(?:([\d,]+) )?(\w+?)s?", step).groups()
    wanted = int((number or "1").replace(",", "")) * pd.Timedelta(**{f"{unit}s": 1})
    steps = frame.sort_values([of, time]).groupby(of)[time].diff().dropna()
    many = int((steps != wanted).sum())
    if gaps.startswith("fewer than"):
        return "" if 0 < many < int(gaps.split()[-1]) else f"{many} gaps"
    return "" if many == (0 if gaps == "no" else int(gaps.replace(",", ""))) else f"{many} gaps"


def is_sorted(frame: pd.DataFrame, parts: str) -> str:
    by = re.findall(r"`((?:[^`])+)`(, descending)?", parts)
    first = frame[by[0][0]]
    way = first.is_monotonic_decreasing if by[0][1] else first.is_monotonic_increasing
    if not way:
        return "is not sorted"
    if (
        len(by) > 1
        and not frame.groupby(by[0][0], sort=False)[by[1][0]]
        .apply(lambda s: s.is_monotonic_increasing)
        .all()
    ):
        return f"{by[1][0]} is not"
    return ""


def trend(frame: pd.DataFrame, y: str, way: str, x: str, told: str) -> str:
    true = frame[[x, y]].dropna().rank().corr().iloc[0, 1]
    off = abs(float(told.replace("≈ ", "")) - true)
    limit = 0.05 if "≈" in told else 0.0051
    return "" if off <= limit and (true > 0) == (way == "rises") else f"{true:.3f}"


NAME = r"`((?:[^`])+)`"
RANKS = r"rank correlation ((?:≈ )?-?[\d.]+)(?: in [\d,]+ rows)?"
FACTS: dict[str, Callable[..., str]] = {
    rf'{NAME} holds (\d+) fields a row: read with sep="(.+)"': fields,
    r"the first row looks like the names of the columns: read .*": header,
    rf"the (first|last) row holds totals of the others, by {NAME}: leave it out": totals,
    rf"rows where {NAME} is ({QUOTED}) hold totals of the others, by {NAME}: .*": subtotals,
    rf"{NAME} and {NAME} are a key: each pair once, (.*)": key,
    rf"{NAME} within each {NAME}: every (.+), (no|fewer than \d+|[\d,]+) gaps": within,
    r"rows are sorted by (.*)": is_sorted,
    rf"{NAME} (rises|falls) over {NAME}: {RANKS}": trend,
}  # fmt: skip


def wrong_fact(fact: str, frame: pd.DataFrame, summary: Summary) -> str | None:
    """Return what is wrong about a line below the columns, "" if nothing, None if it is none."""
    for form, check in FACTS.items():
        if found := re.fullmatch(form, fact):
            if "(index)" in fact:
                frame = frame.rename_axis("(index)").reset_index()
            return check(frame, *found.groups())
    return None
