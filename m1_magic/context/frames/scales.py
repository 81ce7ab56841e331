"""Columns that belong together by what stands in them: one-hot sets, answers on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Array
from .by_group import mean
from .facts import Fact
from .kinds import is_number, is_text
from .lines import figure
from .row_by_row import Rows

SET = 3  # columns from which they are one
NAMED = 6
LEVELS = 3, 11  # steps of a scale
SCALES = (
    "strongly disagree, disagree, somewhat disagree, neither agree nor disagree, neutral, "
    "undecided, somewhat agree, agree, strongly agree",
    "very dissatisfied, dissatisfied, neutral, satisfied, very satisfied",
    "very unlikely, unlikely, neutral, likely, very likely",
    "not at all, a little, slightly, somewhat, moderately, quite a bit, very, very much, extremely",
    "never, rarely, seldom, sometimes, often, usually, very often, always",
    "very poor, poor, bad, fair, average, good, very good, excellent",
    "very low, low, medium, moderate, high, very high",
    "none, mild, moderate, severe, very severe",
    "strongly oppose, oppose, neutral, support, strongly support",
    "trifft nicht zu, trifft eher nicht zu, teils/teils, trifft eher zu, trifft zu",
)


def scales(rows: Rows) -> list[Fact]:
    """Return the one-hot sets and the scales of a table."""
    if rows.n < max(4 * rows.k, 8):
        return []
    return [*_one_hot(rows), *_likert(rows)]


def _flag(rows: Rows, place: int) -> Array | None:
    """Return a column of nothing but 0 and 1, true and false."""
    if place in rows.flags:
        values = rows.numbers(place)
    else:
        column = rows.columns[place]
        two = column.distinct and column.distinct.value == 2
        if not two or not is_number(rows.series(place).dtype):
            return None
        values = rows.numbers(place)
    return values if bool(np.all((values == 0) | (values == 1))) else None


def _one_hot(rows: Rows) -> list[Fact]:
    """Return the sets of flags of which exactly one, or at most one, is set in each row."""
    flags = {p: f for p in rows.columns if (f := _flag(rows, p)) is not None}
    facts: list[Fact] = []
    for places in _runs(rows, list(flags)):
        told = {place for fact in facts for place in fact.columns}
        if len(places) < SET or told & set(places):
            continue
        total = np.sum([flags[place] for place in places], axis=0)
        none = int(np.count_nonzero(total == 0))
        if total.max() > 1 or 0 < none < max(rows.k, 1) or none > 0.9 * rows.n:
            continue
        names = [rows.name(place) for place in places]
        if len(names) > NAMED:
            names = [names[0], "…", f"{names[-1]} ({len(names)} columns)"]
        how = "at most one" if none else "exactly one"
        word = "true" if places[0] in rows.flags else "1"
        text = f"{', '.join(names).replace(', …, ', ' … ')}: {how} is {word} in each row"
        facts.append(Fact(text + rows.among, tuple(places), 3))
        rows.spare.update(places)
    return facts[:4]


def _runs(rows: Rows, places: Sequence[int]) -> list[list[int]]:
    """Return flags that may be a set: those that begin alike, and those that stand together."""
    named: dict[str, list[int]] = {}
    runs: list[list[int]] = []
    for place in places:
        name = rows.columns[place].name
        for mark in ("_", "=", " ", ".", "-"):
            stem = name.rpartition(mark)[0]
            if stem:
                named.setdefault(stem + mark, []).append(place)
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return [*sorted(named.values(), key=lambda found: (-len(found), found)), *runs]


def _likert(rows: Rows) -> list[Fact]:
    """Return the columns that have one scale, its steps in order, and where answers are highest."""
    sets: dict[tuple[str, ...], list[int]] = {}
    for place, column in rows.columns.items():
        steps = _steps(rows, place) if column.distinct and not column.follows else ()
        if steps:
            sets.setdefault(steps, []).append(place)
    facts = []
    for steps, places in _joined(sets):
        if len(places) >= SET + 1 and (text := _scale(rows, steps, places)):
            facts.append(Fact(text + rows.among, tuple(places), 4))
            rows.spare.update(places)
    return facts[:3]


def _steps(rows: Rows, place: int) -> tuple[str, ...]:
    """Return the labels of a column that may be a scale, in order if that is known."""
    column, series = rows.columns[place], rows.series(place)
    many = column.distinct.value if column.distinct else 0
    if not LEVELS[0] <= many <= LEVELS[1]:
        return ()
    if not is_text(series.dtype) and not column.type.startswith("whole"):
        return ()
    groups = rows.grouping(place)
    if groups is None or len(groups.told) < LEVELS[0]:
        return ()
    labels = [groups.labels[g] for g in groups.told]
    if not is_text(series.dtype):
        values = [int(label) for label in labels]
        return tuple(labels) if 0 <= values[0] <= 1 and values[-1] <= 10 else ()
    plain = {label.strip('"').casefold(): label for label in labels}
    for scale in SCALES:
        order = [step for step in scale.split(", ") if step in plain]
        if len(order) == len(plain):
            return tuple(plain[step] for step in order)
    return tuple(sorted(labels))


def _joined(sets: dict[tuple[str, ...], list[int]]) -> list[tuple[tuple[str, ...], list[int]]]:
    """Return the sets of columns, those whose steps are a part of others' with them."""
    made: list[tuple[tuple[str, ...], list[int]]] = []
    for steps, places in sorted(sets.items(), key=lambda pair: (-len(pair[0]), pair[1])):
        for known, others in made:
            if set(steps) <= set(known):
                others.extend(places)
                break
        else:
            made.append((steps, list(places)))
    return [(steps, sorted(places)) for steps, places in made]


def _scale(rows: Rows, steps: Sequence[str], places: Sequence[int]) -> str:
    """Return a scale as a line: the columns, its steps, the mean of the highest and lowest."""
    number = not is_text(rows.series(places[0]).dtype)
    plain = [step.strip('"').casefold() for step in steps]
    ordered = number or any(set(plain) <= set(scale.split(", ")) for scale in SCALES)
    names = [rows.name(place) for place in places]
    if len(names) > NAMED:
        names = [f"{names[0]} … {names[-1]}"]
    between = " < " if ordered else ", "
    shown = f"{steps[0]} to {steps[-1]}" if number else between.join(steps)
    head = f"{', '.join(names)} ({len(places)} columns): one scale, {shown}"
    if not ordered:
        return head
    figures = []
    for place in places:
        values = rows.numbers(place) if number else _positions(rows, place, steps)
        made = mean(values[np.isfinite(values)], rows)
        if made is not None:
            figures.append((made.value, -place, made))
    if len(figures) < SET:
        return head
    ends = [max(figures), min(figures)]
    words = [
        f"{word} {rows.name(-place)} {'≈ ' if one.rounded else ''}{figure(one.value)}"
        for word, (_, place, one) in zip(("highest mean", "lowest"), ends, strict=True)
    ]
    counted = "" if number else f" (1 to {len(steps)})"
    return f"{head}, {', '.join(words)}{counted}" if ends[0][0] > ends[1][0] else head


def _positions(rows: Rows, place: int, steps: Sequence[str]) -> Array:
    """Return answers as the places of their steps, from 1; NaN where there is none."""
    groups = rows.grouping(place)
    assert groups is not None
    places = {step: n for n, step in enumerate(steps, 1)}
    table = np.array([places.get(label, np.nan) for label in groups.labels] + [np.nan])
    return table[groups.codes]
