"""Texts and categories → what they are, their shared labels, their length, their shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache
from string import ascii_letters, digits
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.personal import personal_text
from ...privacy.redaction import masked_value
from . import codes, contents, datetimes, forms, numeric, sentinels, written, written_dates
from .arrays import Array, moments, spread
from .in_process import array
from .kinds import Series
from .measures import Count, Measures, Span
from .rounding import mean_of
from .summary import Column, Draft
from .written import Reading

LABELS = 20  # at most; a line begins with `lines.SHOWN` of them
SEEN = 0.3  # of some texts are numbers or dates: all are looked at
ASKED = 12  # labels that are counted in all rows where there are more than `MANY`
MANY = 20  # labels from which figures of dates and numbers written as text are shown instead
TELLING = 0.01  # share from which a label tells something
SHAPED = 100  # texts whose shape is looked at
LONGEST = 24  # characters of a shape that is worth telling
KINDS = str.maketrans(digits + ascii_letters, "9" * 10 + "a" * 26 + "A" * 26)


def texts(known: Column, m: Measures, series: Series, dtype: Any, k: int) -> Draft:
    """Return what may be said of texts or categories."""
    plain = dtype == nw.String

    @cache
    def values() -> Series:  # of few labels they are not needed
        there = series.drop_nulls() if m.nulls else series
        return there if plain else there.cast(nw.String)

    if m.valid < max(k, 1) or (len(series) < m.rows and not len(values())):
        return replace(known, distinct=None, notes=(f"fewer than {k} values",) if m.valid else ())
    few = m.labels is not None and len(m.labels) <= MANY
    some = sorted(str(label) for label, _ in m.labels or ()) if few else forms.glance(values())
    reading = _reading(values, some, m, k) if plain else None
    if reading and not few and reading.type != known.type:
        return (yield from _written(known, m, reading, k))
    pairs, distinct = m.labels, m.distinct
    if pairs is None:
        labels = _asked_about(values(), distinct, k)
        pairs = tuple(zip(labels, (yield [Span(x, x) for x in labels]), strict=True))
        if sum(n for _, n in pairs) == m.valid:  # there are no others
            distinct = Count(len(pairs))
        distinct = distinct or Count(int(values().n_unique()), sample=len(values()))
    top = shared(pairs, m.valid, k)
    notes = [*reading.notes] if reading else contents.notes(values, some, m, k)
    if not plain:
        notes += _order(series, top)
    elif reading:
        pass
    elif not top or sum(top.values()) < 0.5:
        notes += _length(array(values().str.len_chars()), k)
        notes += [shape for shape in [common_shape(values(), k)] if shape]
    if reading:
        known = _read_as(known, reading)
    return replace(known, distinct=distinct, labels=top, notes=tuple(notes))


def _length(sizes: Array, k: int) -> list[str]:
    """Return how long texts are, in characters, if k rows cannot move that too far."""
    mean = mean_of(sizes, k)
    if mean is None or (k > 1 and 2 * int(sizes.max()) > int(sizes.sum())):  # one makes most of it
        return []
    same = int(sizes.min()) == int(sizes.max())
    return [f"{'' if same else 'about '}{mean.value:.0f} characters"]


def _asked_about(values: Series, distinct: Count | None, k: int) -> list[Any]:
    """Return the labels worth counting in all rows: all of them if few, else the frequent ones."""
    if distinct and distinct.sample and distinct.value + k > distinct.sample:
        return []
    rows = values.value_counts(sort=False, name="n").iter_rows()
    counts = sorted(rows, key=lambda row: (-row[1], row[0]))  # each library breaks ties its way
    if len(counts) <= MANY:
        return [label for label, _ in counts]
    return [label for label, n in counts if n >= k][:ASKED]


def _reading(
    values: Callable[[], Series], some: Sequence[str], m: Measures, k: int
) -> Reading | None:
    """Return what texts are, if they are numbers or dates; most are not, at the first glance."""
    first = forms.Texts(some, np.ones(len(some), int), 0)
    if not (written_dates.dates(first, SEEN) or written.numbers(first, SEEN)):
        return None
    texts = forms.texts_of(values, m.labels, k)
    return written_dates.dates(texts) or written.numbers(texts)


def _written(known: Column, m: Measures, reading: Reading, k: int) -> Draft:
    """Describe dates or numbers that are kept as text."""
    known, order = _read_as(known, reading), reading.order
    if order is None:
        return replace(known, notes=reading.notes)
    if order.dtype.kind == "f" and codes.named(known.name):
        return replace(known, notes=("identifier", *reading.notes), swaps=None)
    if order.dtype.kind == "f":
        measures = Measures(len(order), distinct=m.distinct, **moments(order).figures())
        dated = yield from codes.dates(known, measures, np.sort(order), k)
        if dated:
            return replace(dated, type="date as text", swaps=None)
        made = yield from numeric.numbers(known, measures, order, k)
        made = yield from sentinels.noted(made, measures, order, k)
    else:
        measures = m if m.labels is None else Measures(len(order))
        made = yield from datetimes.moments(known, measures, order, k, None)
        made = codes.by_month(made) if reading.type.startswith("month") else made
    return replace(made, notes=(*reading.notes, *made.notes))


def _read_as(known: Column, reading: Reading) -> Column:
    return replace(known, type=reading.type, formats=reading.formats, swaps=reading.swaps)


def _order(series: Series, labels: Collection[str]) -> list[str]:
    """Return the order of an ordered category's labels, those that are shown."""
    native = series.to_native()
    dtype = native.type if hasattr(native, "type") else native.dtype  # Arrow's, or any other
    if not bool(getattr(dtype, "ordered", series.dtype == nw.Enum)):
        return []
    ordered = [c for c in map(str, series.cat.get_categories().head(1000).to_list()) if c in labels]
    return ["ordered: " + " < ".join(map(masked_value, ordered))] if len(ordered) > 1 else []


def shared(counts: Iterable[tuple[Any, int]], total: int, k: int) -> dict[str, float]:
    """Return the labels that k rows share with their shares, the most frequent first."""
    labelled = [(label, n) for label, n in counts if n >= k or not isinstance(label, str)]
    merged: Counter[str] = Counter()
    for label, n in labelled:
        merged[str(label)] += n  # in a column of objects 97.29 and "97.29" are two
    pairs = sorted(merged.items(), key=lambda pair: (-pair[1], pair[0]))
    top: dict[str, float] = {}
    for label, n in pairs:
        if n < k or len(top) == LABELS:
            break
        if not personal_text(label[:500]):
            top[label] = n / total
    telling = {label: part for label, part in top.items() if part >= TELLING}
    return telling or dict([pair for pair in top.items() if pair[1] >= TELLING / 10][:2])


def shape(text: str) -> str:
    """Return ``AA-9999`` for ``KL-2041``: the kind of each character."""
    if text.isascii():
        return text[: LONGEST + 1].translate(KINDS)
    kinds = (
        "9" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c
        for c in text[: LONGEST + 1]
    )
    return "".join(kinds)


def common_shape(seen: Series, k: int) -> str:
    """Return the shape that most texts have, with its share, or ""; never a text itself."""
    sample = seen[spread(len(seen), SHAPED)] if len(seen) > SHAPED else seen
    texts = [str(text)[:500] for text in sample.to_list()]
    if len(texts) < 2 * k:
        return ""
    commonest, n = Counter(shape(text) for text in texts).most_common(1)[0]
    plain_words = re.fullmatch(r"[Aa ]*", commonest)
    if n < max(k, 0.6 * len(texts)) or plain_words or len(commonest) > LONGEST:
        return ""
    if bool((seen == commonest).any()):
        return ""
    about = "≈ " if len(texts) < len(seen) else ""
    return f'shape "{masked_value(commonest)}" in {about}{100 * n / len(texts):.0f} %'
