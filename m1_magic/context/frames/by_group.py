"""Numbers by category: their means in groups of k rows or more, and how much the groups explain.

Each mean is rounded by its own group (`rounding`), so that neither it nor what a total less the
groups leaves over tells of fewer than k rows. Where few rows make up a group's mean it is left
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from .arrays import Array, mean_sd
from .facts import Fact
from .grouping import Grouping
from .lines import figure, quoted
from .numeric import decide
from .rounding import Figure, average, correlation
from .row_by_row import Rows

FIRST = 2, 3  # categories and numbers that are always shown of
MORE = 2  # other pairs that are, if they are strong
MOST = 10
LARGE, MEDIUM = 0.14, 0.06  # of the variance: Cohen's effects of numbers, and of shares
WORTH = 0.02  # from which the share of the variance is shown
ERRORS = 1  # standard errors by which a mean of a sample is rounded


@dataclass(frozen=True)
class Target:
    """What is averaged: the numbers of a column, or whether its label is ``label``, as shown."""

    place: int
    label: str = ""


def by_group(rows: Rows) -> list[Fact]:
    """Return the means of the numbers that matter by the categories that matter."""
    if rows.n < max(4 * rows.k, 8) or not rows.categories:
        return []
    facts: list[Fact] = []
    for rank, target, place in chosen(rows):
        pair = frozenset((target.place, place))
        groups = (
            rows.grouping(place) if pair not in rows.covered_pairs and len(facts) < MOST else None
        )
        if groups and (fact := _line(rows, target, place, groups, rank)):
            facts.append(fact)
            rows.covered_pairs.add(pair)
    return facts


def chosen(rows: Rows) -> list[tuple[int, Target, int]]:
    """Return what to average by which category: what the prompt names, the first, the strong."""
    named, weight = set(rows.table.prompted), _strengths(rows)
    strong = sorted(weight, key=lambda pair: -weight[pair])
    numbers = [Target(place) for place in rows.telling(rows.numeric)[: FIRST[1]]]
    usual = [place for place in rows.telling(rows.categories) if _usual(rows, place)][: FIRST[0]]
    first = [(target, place) for place in usual for target in numbers]
    groups = [place for place in rows.categories if place in named]
    prompted = [target for target in _targets(rows) if target.place in named]
    by_named = product([*prompted, *numbers], groups)
    near = [pair for pair in [*first, *strong] if pair[0].place in named]

    def least(pair: tuple[Target, int]) -> float:
        return MEDIUM if pair[0].label else LARGE

    pairs: dict[tuple[Target, int], int] = {}
    ranked = (
        (1, [*product(prompted, groups)][: MOST // 2]),
        (2, [*[*by_named][: len(prompted) * len(groups) + FIRST[1]], *near[: FIRST[1]]]),
        (6, [pair for pair in first if weight.get(pair, 0.0) >= WORTH]),
        (7, [pair for pair in _others(strong, first) if weight[pair] >= least(pair)][:MORE]),
        (8, first),
    )
    for rank, candidates in ranked:
        for pair in candidates:
            if pair[0].place != pair[1]:
                pairs.setdefault(pair, rank)
    return [(rank, *pair) for pair, rank in pairs.items()]


def _others(
    pairs: Sequence[tuple[Target, int]], first: Sequence[tuple[Target, int]]
) -> list[tuple[Target, int]]:
    """Return pairs that the first ones lack, each two columns once."""
    known = {frozenset((target.place, place)) for target, place in first}
    made = {frozenset((target.place, place)): (target, place) for target, place in pairs[::-1]}
    return [pair for columns, pair in [*made.items()][::-1] if columns not in known]


def _usual(rows: Rows, place: int) -> bool:
    return rows.grouping(place, rows.step).covered >= 0.5


def _targets(rows: Rows) -> list[Target]:
    """Return what can be averaged: numbers, and labels of columns that have two."""
    made = [Target(place) for place in rows.telling(rows.numeric)]
    made += [Target(place, "true") for place in rows.telling(rows.flags)]
    for place in rows.telling([*rows.columns]):
        column = rows.columns[place]
        text = rows.is_text(place) and len(column.labels) == 2
        if text and column.distinct and column.distinct.value == 2:
            made.append(Target(place, quoted(next(iter(column.labels)))))
    return made


def _values(rows: Rows, target: Target, step: int = 1) -> Array:
    """Return what is averaged row by row, NaN where there is nothing."""
    if not target.label or target.place in rows.flags:
        return rows.numbers(target.place)[::step]
    groups = rows.grouping(target.place, step)
    place = next(
        (i for i in groups.disclosed if groups.labels[i] == target.label), len(groups.labels)
    )
    return np.where(groups.codes < 0, np.nan, groups.codes == place)


@np.errstate(all="ignore")
def _strengths(rows: Rows) -> dict[tuple[Target, int], float]:
    """Return how much of each number's variance each category explains, corrected for chance."""
    targets = _targets(rows)
    if not targets:
        return {}
    matrix = np.vstack([_values(rows, target, rows.step) for target in targets])
    there = np.isfinite(matrix)
    n = there.sum(axis=1)
    matrix = np.where(there, matrix, 0.0)
    centred = np.where(there, matrix - (matrix.sum(axis=1) / np.maximum(n, 1))[:, None], 0.0)
    total = (centred**2).sum(axis=1)
    made = {}
    for place in rows.telling(rows.categories):
        if not _usual(rows, place):
            continue
        grouping = rows.grouping(place, rows.step)
        sums, counts = (totals(grouping.codes, x, len(grouping.labels)) for x in (centred, there))
        between = np.where(counts > 0, sums**2 / np.maximum(counts, 1), 0).sum(axis=1)
        groups = (counts > 0).sum(axis=1)
        inside = (total - between) / (n - groups)
        share = 1 - inside / (total / (n - 1))
        for target, explained, many in zip(targets, share.tolist(), n.tolist(), strict=True):
            if np.isfinite(explained) and many >= 20 and target.place != place:
                made[target, place] = round(explained, 6)
    return made


def totals(codes: Array, matrix: Array, groups: int) -> Array:
    """Return each row's sums by group; -1 is in none."""
    shift = (groups + 1) * np.arange(len(matrix))[:, None]
    flat = np.bincount((shift + codes + 1).ravel(), matrix.ravel(), shift.size * (groups + 1))
    return flat.reshape(len(matrix), groups + 1)[:, 1:]


def _line(rows: Rows, target: Target, place: int, groups: Grouping, rank: int) -> Fact | None:
    """Return a number's means by group as a line, None where fewer than two may be shown."""
    values, share = _values(rows, target), bool(target.label)
    inside = {g: own[np.isfinite(own)] for g, own in groups.split(values).items()}
    means = {g: made for g, own in inside.items() if (made := mean(own, rows, share=share))}
    alike = len({(made.value, made.rounded) for made in means.values()}) == 1
    rest, complete = len(groups.labels) - len(means), rows.table.complete
    constant = not any(len(x) < groups.sizes[g] or np.ptp(x) for g, x in inside.items())
    if len(means) < 2 or (alike and (share or constant)):
        return None
    by = rows.name(place)
    if constant and complete and not rest and not share:
        head = _decided(by, rows.name(target.place), [made.value for made in means.values()])
    else:
        name = rows.name(target.place)
        what = f"share of {name} {target.label}" if share else f"mean {name}"
        head = f"{what} by {by}{_explained(rows, values, groups)}{rows.among}"
    figures = {
        g: f"{'≈ ' if made.rounded and complete else ''}{figure(made.value)}{' %' if share else ''}"
        for g, made in means.items()
    }
    if alike and not rest:
        same = f"{head}: {next(iter(figures.values()))} in each of {len(means)} groups"
        return Fact(same, (target.place, place), rank)
    mark = "" if rows.is_text(place) else ":"
    parts = [f"{groups.labels[g]}{mark} {text}" for g, text in figures.items()]
    parts += [f"{rest:,} more not told"] if rest else []
    labels = 0 if place in rows.flags else len(means)
    return Fact(f"{head}: {', '.join(parts)}", (target.place, place), rank, labels)


def _decided(by: str, name: str, values: Sequence[int | float]) -> str:
    mutual = len(set(values)) == len(values)
    return f"{by} and {name} decide each other" if mutual else f"{by} decides {name}"


def mean(values: Array, rows: Rows, *, share: bool = False) -> Figure | None:
    """Return the mean of a group's values as it may leave, of shares in per cent."""
    n, k = len(values), rows.k
    if n < max(k, 1):
        return None
    scale = 100.0 if share else 1.0
    middle = float(values.sum()) / n
    away = np.abs(values - middle)
    sd = float(np.sqrt(np.einsum("i,i", away, away) / (n - 1))) if n > 1 else 0.0
    most = float(away.max())
    if share and min(middle, 1 - middle) * n < k - 0.5:
        return Figure(0 if middle < 0.5 else 100)  # fewer than k such rows are shown as none
    if not share and k > 1 and sd and dominated(values, k, sd, away, most):
        return None
    if not rows.table.complete:
        most = max(most, ERRORS * sd * np.sqrt(n))
        k = max(k, 1)
    return average(middle * scale, n, sd * scale, most * scale, k)


def dominated(values: Array, k: int, sd: float, away: Array, most: float) -> bool:
    """Do fewer than k values make up nearly all of the distances from the median, one of them
    most of it, or one most of the sum?"""
    n, mean_away = len(values), float(away.sum())
    low, high = float(values.min()), float(values.max())
    if low >= 0 and 2 * high > values.sum() and np.count_nonzero(values == high) < k:
        return True
    if 2 * (k - 1) * (most + sd) < 0.45 * mean_away:  # whatever the median is
        return False
    away = np.abs(values - np.partition(values, n // 2)[n // 2])
    outermost = np.partition(away, n - min(k - 1, n))[n - min(k - 1, n) :]
    return decide(float(outermost.sum()), float(outermost.max()), float(away.sum()))


@np.errstate(all="ignore")
def explained(rows: Rows, values: Array, codes: Array, groups: int) -> Figure | None:
    """Return the share of the variance that groups explain (η²) as it may leave."""
    middle, spread = mean_sd(values) if len(values) else (0.0, 0.0)
    if not spread or 4 * groups > len(values):
        return None
    z = (values - middle) / spread
    sizes = np.bincount(codes, minlength=groups)
    own = (np.bincount(codes, z, minlength=groups) / np.maximum(sizes, 1))[codes]
    share = float((own * own).sum()) / len(own)
    return correlation(share, (1 - share) * z * z - (z - own) ** 2, rows.k)


def _explained(rows: Rows, values: Array, groups: Grouping) -> str:
    """Return the share of the variance that the groups explain (η²), if it is worth telling."""
    there = np.isfinite(values) & (groups.codes >= 0)
    z, codes = values[there], groups.codes[there]
    made = explained(rows, z, codes, len(groups.labels))
    if made is None or made.value < WORTH:
        return ""
    about = "≈ " if made.rounded or not rows.table.complete else ""
    return f" (η² {about}{made.value:.2f})"
