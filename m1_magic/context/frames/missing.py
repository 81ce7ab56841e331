"""Where values are missing: in the same rows of several columns, or where a label holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np

from .arrays import Array
from .facts import Fact
from .grouping import Grouping
from .row_by_row import Rows

NAMED = 5  # columns of which the names are shown
SETS, MOST = 3, 16
MOSTLY = 0.8  # of the rows in which either of two columns is null, both are
LUCK = 0.001  # that nulls are in few groups by
LABELS = 3  # where a label holds: so many lines


def missing(rows: Rows) -> list[Fact]:
    """Return which columns are null together, and where a label says when they are."""
    masks = {place: mask for place in rows.columns if (mask := _mask(rows, place)) is not None}
    sets: dict[bytes, list[int]] = {}
    for place, mask in masks.items():
        sets.setdefault(np.packbits(mask).tobytes(), []).append(place)
    groups = sorted(sets.values(), key=lambda places: (-len(places), places))
    first = {places[0]: masks[places[0]] for places in groups}
    labelled = _labelled(rows, first, {places[0]: places for places in groups})
    known = {fact.columns[0] for fact in labelled}
    rest = {place: mask for place, mask in first.items() if place not in known}
    together = [places for places in groups if places[1:] and places[0] not in known]
    return [
        *(_together(rows, places, masks[places[0]]) for places in together[:SETS]),
        *labelled,
        *_within(rows, rest),
        *_mostly(rows, rest),
    ]


def _mask(rows: Rows, place: int) -> Array | None:
    """Return where a column is null, None where that is in too few rows, or in all but too few."""
    column = rows.columns[place]
    if not (column.nulls or column.counts.get("NaN")):
        return None
    if rows.is_number(place):
        mask = np.isnan(rows.numbers(place))
    else:
        mask = np.asarray(rows.series(place).is_null().to_numpy(), dtype=bool)
    count, least = int(np.count_nonzero(mask)), max(rows.k, 2)
    return mask if least <= count <= rows.n - least else None


def _names(rows: Rows, places: Sequence[int]) -> str:
    names = [rows.name(place) for place in places]
    if len(names) > NAMED:
        return ", ".join(names[: NAMED - 1]) + f" and {len(names) - NAMED + 1:,} more columns"
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _count(rows: Rows, mask: Array) -> str:
    return f"{int(np.count_nonzero(mask)):,} rows" if rows.table.complete else "rows"


def _together(rows: Rows, places: Sequence[int], mask: Array) -> Fact:
    text = f"{_names(rows, places)} are null in the same {_count(rows, mask)}{rows.among}"
    return Fact(text, tuple(places), 4)


def _within(rows: Rows, masks: dict[int, Array]) -> list[Fact]:
    """Return the columns that are null wherever another one is, and in k rows besides."""
    sizes = {place: int(np.count_nonzero(mask)) for place, mask in masks.items()}
    inside = {
        (one, other)
        for one, other in permutations(list(masks)[:MOST], 2)
        if sizes[other] - sizes[one] >= max(rows.k, 1) and not np.any(masks[one] & ~masks[other])
    }
    next_to = [
        (one, other)
        for one, other in sorted(inside)
        if not any((one, mid) in inside and (mid, other) in inside for mid in masks)
    ]
    return [
        Fact(f"wherever {rows.name(one)} is null, {rows.name(other)} is, too{rows.among}", pair, 6)
        for pair in next_to[:2]
        for one, other in [pair]
    ]


def _mostly(rows: Rows, masks: dict[int, Array]) -> list[Fact]:
    """Return pairs of columns that are null in nearly the same rows."""
    facts = []
    for one, other in combinations(list(masks)[:MOST], 2):
        both = int(np.count_nonzero(masks[one] & masks[other]))
        either = int(np.count_nonzero(masks[one] | masks[other]))
        if both >= max(rows.k, MOSTLY * either) and all(
            np.any(masks[a] & ~masks[b]) for a, b in ((one, other), (other, one))
        ):
            names = _names(rows, (one, other))
            facts.append(Fact(f"{names} are mostly null in the same rows", (one, other), 5))
    return facts[:2]


def _labelled(rows: Rows, masks: dict[int, Array], alike: dict[int, list[int]]) -> list[Fact]:
    """Return the columns that are null only, or always, where a label holds."""
    facts: list[Fact] = []
    for place, mask in list(masks.items())[:12]:
        for by in rows.categories if len(facts) < LABELS else ():
            if by in alike[place]:
                continue
            text, labels = _where(rows, mask, by, rows.grouping(by))
            if text:
                verb = "are" if len(alike[place]) > 1 else "is"
                names = _names(rows, alike[place]) if len(alike[place]) > 1 else rows.name(place)
                line = f"{names} {verb} null {text}{rows.among}"
                facts.append(Fact(line, (place, by), 4, labels))
                break
    return facts


def _where(rows: Rows, mask: Array, by: int, groups: Grouping) -> tuple[str, int]:
    """Return in which groups a column is null, if in whole groups, or in few of them only."""
    if np.any(mask & (groups.codes < 0)):
        return "", 0
    least, many = max(rows.k, 2), len(groups.labels)
    nulls = np.bincount(groups.codes[mask], minlength=many)
    hit = np.flatnonzero(nulls)
    if len(hit) > max(1, many // 2) or many < 2 or set(hit) - set(groups.disclosed):
        return "", 0
    if rows.n - groups.sizes[hit].sum() < least or len(hit) > NAMED or min(nulls[hit]) < least:
        return "", 0
    labels = " or ".join(groups.labels[g] for g in groups.disclosed if g in hit)
    where = f"where {rows.name(by)} is {labels}"
    full = int(groups.sizes[hit].sum() - nulls.sum())
    if not full:
        return f"{where}, and only there", len(hit)
    chance = groups.sizes[hit].sum() / mask.size
    telling = nulls.sum() * math.log(chance) < math.log(LUCK)
    return (f"only {where}", len(hit)) if full >= least and telling else ("", 0)
