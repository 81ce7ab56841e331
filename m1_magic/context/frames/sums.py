"""Columns that are computed from others: a total, a difference, a product, a ratio, shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .arrays import Array, spread
from .facts import Fact
from .row_by_row import Rows

WIDEST = 24  # columns that are compared
HEAD = 64  # rows by which most identities are refuted
GLANCE = 12  # rows by which most of these are
NEARLY = 0.95  # of the rows: from which an identity is shown with its exceptions
LEAST = 20  # rows
SHOWN = 4
EXACT = 1e-6  # relative: what floats of 32 bits may be off by
CENT = 0.005  # half of what prices are rounded to


class Identity(NamedTuple):
    """``total`` is made of ``parts`` by an operation, or their sum is the number ``always``."""

    parts: tuple[int, ...]
    total: int = -1
    sign: str = "+"
    scale: float = 1.0
    always: float = 0.0


@np.errstate(all="ignore")
def sums(rows: Rows) -> list[Fact]:
    """Return the identities that hold in all rows, or in nearly all."""
    places = sorted(rows.telling(rows.numeric))[:WIDEST]
    if len(places) < 3 or rows.n < max(LEAST, 4 * rows.k):
        return []
    values = [rows.numbers(place) for place in places]
    chosen = spread(rows.n, HEAD) if rows.n > HEAD else np.arange(rows.n)
    head = np.vstack([column[chosen] for column in values])
    facts: list[Fact] = []
    used: list[set[int]] = []
    for identity in _candidates(head):
        columns = {*identity.parts, *([identity.total] if identity.total >= 0 else [])}
        if len(facts) == SHOWN or any(columns <= one for one in used):
            continue
        if how := _held(identity, values, rows):
            used.append(columns)
            columns_used = tuple(places[i] for i in sorted(columns))
            facts.append(Fact(_words(identity, places, rows) + how, columns_used, 3))
    return facts


def _candidates(head: Array) -> Iterator[Identity]:
    """Yield the identities that some rows do not refute, the longest sums first."""
    m, there = len(head), np.isfinite(head)
    vary = [i for i in range(m) if len(set(head[i][there[i]].tolist())) > 2]
    filled = np.concatenate([np.zeros((1, head.shape[1])), np.cumsum(head, axis=0)])
    spans = [(i, i + size) for size in range(m, 2, -1) for i in range(m - size + 1)]
    totals = np.array([filled[j] - filled[i] for i, j in spans])
    for run, c in _alike(totals, head):
        i, j = spans[run]
        if c in vary and not i <= c < j:
            yield Identity(tuple(range(i, j)), c)
    for always in (1.0, 100.0):
        for run, _ in _alike(totals, np.full((1, head.shape[1]), always)):
            yield Identity(tuple(range(*spans[run])), always=always)
    pairs = [*combinations(vary, 2)]
    if not pairs:
        return
    left, right = head[[a for a, _ in pairs]], head[[b for _, b in pairs]]
    for pair, c in _alike(left + right, head):
        if c in vary and c not in pairs[pair]:
            yield Identity(pairs[pair], c)
    for scale in (1.0, 100.0):
        for pair, c in _alike(left * right, head * scale, CENT * scale):
            if c in vary and c not in pairs[pair]:
                yield Identity(pairs[pair], c, "×", scale)


@np.errstate(all="ignore")
def _alike(made: Array, columns: Array, slack: float = 0.0) -> list[tuple[int, int]]:
    """Return which of the rows of ``made`` are which column, by few values, then by all."""
    few = slice(0, len(made[0]), max(1, len(made[0]) // GLANCE)) if len(made) else slice(0)
    x, y = made[:, None, few], columns[None, :, few]
    both = np.isfinite(x) & np.isfinite(y)
    near = np.count_nonzero(_near(x, y, slack) & both, axis=2)
    places = np.argwhere((near >= 0.8 * both.sum(axis=2)) & (near > 0)).tolist()
    return [(i, j) for i, j in places if _same(made[i], columns[j], slack)]


@np.errstate(all="ignore")
def _same(x: Array, y: Array, slack: float = 0.0) -> bool:
    """Are two columns the same in nearly all rows that have both, and in enough of them?"""
    both = np.isfinite(x) & np.isfinite(y)
    n = int(both.sum())
    return n >= min(LEAST, len(x)) // 2 and bool(
        np.count_nonzero(_near(x[both], y[both], slack)) >= 0.9 * n
    )


def _near(x: Array, y: Array, slack: float = 0.0) -> Array:
    near: Array = np.abs(x - y) <= EXACT * np.maximum(np.abs(x), np.abs(y)) + slack + 1e-12
    return near


@np.errstate(all="ignore")
def _held(identity: Identity, values: Sequence[Array], rows: Rows) -> str:
    """Return in which rows an identity holds, as words; "" where it does not, or is no news."""
    parts = [values[i] for i in identity.parts]
    made = np.sum(parts, axis=0) if identity.sign == "+" else np.prod(parts, axis=0)
    made = made / identity.scale
    expected = values[identity.total] if identity.total >= 0 else np.full(rows.n, identity.always)
    both = np.isfinite(made) & np.isfinite(expected)
    made, expected = made[both], expected[both]
    n = len(made)
    # Of zeros and ones anything is a sum or a product.
    neutral = 0.0 if identity.sign == "+" else 1.0
    plain = [part[both] for part in parts]
    trivial = np.any([(p == neutral) | (p == 0) for p in plain], axis=0) if len(parts) == 2 else [0]
    if n < max(LEAST, 4 * rows.k, rows.n // 10) or np.mean(trivial) > 0.9:
        return ""
    off, rounded = int(np.count_nonzero(~_near(made, expected))), ""
    if off > (1 - NEARLY) * n and identity.sign == "×":
        cents = (
            bool(np.all(_near(np.rint(expected * 100), expected * 100))) and np.ptp(expected) > 1
        )
        off = int(np.count_nonzero(~_near(made, expected, CENT * (1 + 1e-6)))) if cents else n
        rounded = ", rounded"
    if off > (1 - NEARLY) * n:
        return ""
    rounded += rows.among
    if not off:
        return f" in each row{rounded}" if n == rows.n else f" where none is null{rounded}"
    if off < rows.k or not rows.table.complete:
        few = f"fewer than {rows.k}" if rows.table.complete and rows.k else "few"
        return f"{rounded}, but for {few} rows"
    return f"{rounded}, but for {off:,} rows"


def _words(identity: Identity, places: Sequence[int], rows: Rows) -> str:
    names = [rows.name(places[i]) for i in identity.parts]
    if len(names) > 5 and identity.parts[-1] - identity.parts[0] == len(names) - 1:
        sum_of = f"the sum of {names[0]} … {names[-1]} ({len(names)} columns)"
    else:
        sum_of = f" {identity.sign} ".join(names)
    if identity.total < 0:
        return f"{sum_of} = {identity.always:g}"
    scale = f" / {identity.scale:g}" if identity.scale != 1 else ""
    if identity.sign == "×":
        integral = [_is_integral(rows, places[i]) for i in (*identity.parts, identity.total)]
        if integral in ([True, False, True], [False, True, True]):  # a ratio of whole numbers
            ratio, base = (names[i] for i in (integral.index(False), integral.index(True)))
            times = f"{identity.scale:g} × " if scale else ""
            return f"{ratio} = {times}{rows.name(places[identity.total])} / {base}"
    return f"{rows.name(places[identity.total])} = {sum_of}{scale}"


def _is_integral(rows: Rows, place: int) -> bool:
    return rows.columns[place].type.startswith("whole")
