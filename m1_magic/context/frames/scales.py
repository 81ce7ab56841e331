"""Columns that belong together by what stands in them: one-hot sets, answers on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .arrays import Array
from .by_group import mean
from .facts import Fact
from .lines import figure
from .row_by_row import Rows

SET = 3  # columns from which they are one
NAMED = 6
LUCK = 7  # rows in which flags would overlap by chance
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
        if not two or not rows.is_number(place):
            return None
        values = rows.numbers(place)
    return values if bool(np.all((values == 0) | (values == 1))) else None


def _one_hot(rows: Rows) -> list[Fact]:
    """Return the sets of flags of which exactly one, or at most one, is set in each row."""
    flags = {p: f for p in rows.columns if (f := _flag(rows, p)) is not None}
    facts: list[Fact] = []
    for run in _runs(rows, list(flags)):
        used = {place for fact in facts for place in fact.columns}
        for places in _exclusive([p for p in run if p not in used], flags):
            none = rows.n - int(np.sum([flags[place] for place in places]))
            if 0 < none < max(rows.k, 1):
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


def _exclusive(places: Sequence[int], flags: Mapping[int, Array]) -> list[list[int]]:
    """Return the longest stretches of flags that exclude each other, if not by chance."""
    sets: list[list[int]] = []
    start = 0
    while len(places) - start >= SET:
        total, chance, end, shares = np.zeros(len(flags[places[0]])), 0.0, start, 0.0
        while end < len(places):
            flag = flags[places[end]]
            if np.any(total * flag):
                break
            part = float(flag.mean())
            chance, shares, total, end = (
                chance + shares * part,
                shares + part,
                total + flag,
                end + 1,
            )
        if end - start >= SET and (chance * len(total) > LUCK or total.all()):
            sets.append(list(places[start:end]))
            start = end
        else:
            start += 1
    return sets


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
    return [*sorted(named.values(), key=lambda run: (-len(run), run)), *runs]


def _likert(rows: Rows) -> list[Fact]:
    """Return the columns that have one scale, its steps in order, and where answers are highest."""
    runs: list[tuple[set[str], list[int]]] = []
    may = {place for place in rows.columns if _few(rows, place)}
    for place in rows.columns:
        near = range(place - SET, place + SET + 1)
        steps = _steps(rows, place) if len(may.intersection(near)) > SET else set()
        last, places = runs[-1] if runs else (set(), [])
        if steps and places and places[-1] == place - 1 and (steps <= last or last <= steps):
            places.append(place)
            last |= steps
        elif steps:
            runs.append((steps, [place]))
    facts = []
    for steps, places in runs:
        if len(places) > SET and (text := _scale(rows, _ordered(steps), places)):
            labels = len(steps) if rows.is_text(places[0]) else 0
            facts.append(Fact(text + rows.among, tuple(places), 4, labels))
            rows.spare.update(places)
    return facts[:3]


def _few(rows: Rows, place: int) -> bool:
    column = rows.columns[place]
    many = column.distinct.value if column.distinct else 0
    plain = rows.is_text(place) or column.type.startswith("whole")
    return plain and LEVELS[0] <= many <= LEVELS[1]


def _steps(rows: Rows, place: int) -> set[str]:
    """Return the labels of a column that may be a scale."""
    if not _few(rows, place):
        return set()
    text, groups = rows.is_text(place), rows.grouping(place)
    if len(groups.disclosed) < max(LEVELS[0], len(groups.labels) - 1):
        return set()
    labels = [groups.labels[g] for g in groups.disclosed]
    scale = text or (0 <= float(labels[0]) <= 1 and float(labels[-1]) <= 10)
    return set(labels) if scale else set()


def _rare(rows: Rows, place: int) -> bool:
    """Has it a label that may not be shown, of the scale or not?"""
    groups = rows.grouping(place)
    return len(groups.disclosed) < len(groups.labels)


def _ordered(steps: set[str]) -> tuple[list[str], bool]:
    """Return the steps of a scale in their order, and whether that is known."""
    plain = {step.strip('"').casefold(): step for step in steps}
    if not any(step.startswith('"') for step in steps):
        return sorted(steps, key=float), True
    for scale in SCALES:
        order = [step for step in scale.split(", ") if step in plain]
        if len(order) == len(plain):
            return [plain[step] for step in order], True
    return sorted(steps), False


def _scale(rows: Rows, scale: tuple[list[str], bool], places: Sequence[int]) -> str:
    """Return a scale as a line: the columns, its steps, the mean of the highest and lowest."""
    steps, ordered = scale
    number = not rows.is_text(places[0])
    names = [rows.name(place) for place in places]
    if len(names) > NAMED:
        names = [f"{names[0]} … {names[-1]}"]
    between = " < " if ordered else ", "
    steps_text = f"{steps[0]} to {steps[-1]}" if number else between.join(steps)
    head = f"{', '.join(names)} ({len(places)} columns): one scale, {steps_text}"
    if any(_rare(rows, place) for place in places):
        head += f", but for fewer than {rows.k} rows of a column"
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
    places = {step: n for n, step in enumerate(steps, 1)}
    table = np.array([places.get(label, np.nan) for label in groups.labels] + [np.nan])
    return table[groups.codes]
