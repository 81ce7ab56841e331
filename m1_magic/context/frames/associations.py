"""How strongly columns go together where `relations` does not say so.

Correlations (Pearson's) below those that are shown there; ranks (Spearman's) and curves where a
line does not fit; labels with labels (Cramér's V, corrected for chance).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from .arrays import Array
from .by_group import totals
from .correlations import LEAST, average_ranks, correlations, of_pair
from .facts import Fact
from .grouping import FEW
from .rounding import STRONG, Figure, correlation
from .row_by_row import Rows

WEAKER = 0.3  # a correlation, or Cramér's V, that is worth telling
CHANCE = 10  # among so many tables without any, one has a correlation that is shown
BENT = 0.25  # by how much a curve must explain more of the variance than a line
HALF = 0.5  # of the variance: what a curve must explain
PAIRS = 5
COMPARED = 20  # columns between which curves are looked for
PARTS = 10  # into which a column is cut for that
RANKED = 10_000  # rows that are ranked for the figure that is shown
SAME = 0.9995


def associations(rows: Rows) -> list[Fact]:
    """Return what is worth telling of correlations, curves and labels."""
    return [*numbers(rows), *labels(rows)] if rows.n >= max(4 * rows.k, LEAST) else []


@np.errstate(all="ignore")
def numbers(rows: Rows) -> list[Fact]:
    """Return how numbers go together."""
    places = rows.telling(rows.numeric)
    if len(places) < 2:
        return []
    values = np.vstack([rows.numbers(place)[:: rows.step] for place in places])
    values = np.where(np.isfinite(values), values, np.nan)
    r, ranks = _matrix(values), _matrix(_ranked(values[:COMPARED]))
    facts = [*_monotone(rows, places, r, ranks), *_curves(rows, places, values, r, ranks)]
    bent = {frozenset(fact.columns) for fact in facts}
    return [*_weaker(rows, places, r, bent), *facts]


def _matrix(values: Array) -> Array:
    """Return the correlations of rows of numbers, those of enough rows."""
    made, both = correlations(values)
    return np.where(both >= LEAST, np.round(made, 6), np.nan)


def _ranked(values: Array) -> Array:
    return np.vstack([average_ranks(row) for row in values])


def _displayed(made: Figure, rows: Rows, *, every: bool = True) -> str:
    about = made.rounded or not rows.table.complete or not every
    return f"{'≈ ' if about else ''}{made.value:.2f}"


def _weaker(rows: Rows, places: Sequence[int], r: Array, bent: set[frozenset[int]]) -> list[Fact]:
    """Return for each column the one that it goes with most, where that is below the strong."""
    strength = np.abs(np.nan_to_num(r))
    np.fill_diagonal(strength, 0)
    many = len(places) * (len(places) - 1) / 2
    least = max(WEAKER, float(np.sqrt(2 * np.log(CHANCE * many) / rows.n)))
    pairs = set()
    for i in range(len(places)):
        j = int(strength[i].argmax())
        if least <= strength[i, j] < STRONG and strength[i].max() < STRONG:
            pairs.add((min(i, j), max(i, j)))
    parts, columns = [], []
    for i, j in sorted(pairs, key=lambda pair: (-strength[pair], pair)):
        pair = places[i], places[j]
        made = of_pair(rows.numbers(pair[0]), rows.numbers(pair[1]), rows.k)[1]
        if (
            made is None
            or frozenset(pair) in bent | rows.covered_pairs
            or not WEAKER <= abs(made.value) < STRONG
        ):
            continue
        parts.append(f"{rows.name(pair[0])} and {rows.name(pair[1])} {_displayed(made, rows)}")
        columns += [place for place in pair if place not in columns]
        if len(parts) == PAIRS:
            break
    if not parts:
        return []
    return [Fact(f"weaker correlations{rows.among}: {', '.join(parts)}", tuple(columns), 7)]


def _monotone(rows: Rows, places: Sequence[int], r: Array, ranks: Array) -> list[Fact]:
    """Return pairs of which one rises (or falls) with the other, but not in a line."""
    m = len(ranks)
    pairs = [
        (i, j)
        for i, j in combinations(range(m), 2)
        if abs(ranks[i, j]) >= STRONG and ranks[i, j] ** 2 - r[i, j] ** 2 >= BENT
    ]
    pairs.sort(key=lambda pair: (-abs(ranks[pair]), pair))
    facts, step = [], max(1, rows.n // RANKED)
    for i, j in pairs[:2]:
        x, y = (rows.numbers(places[n])[::step] for n in (i, j))
        both = np.isfinite(x) & np.isfinite(y)
        _, made = of_pair(average_ranks(x[both]), average_ranks(y[both]), rows.k)
        _, line = of_pair(x, y, rows.k)
        if made is None or abs(made.value) < STRONG:
            continue
        least = "" if line is None else f", correlation {_displayed(line, rows, every=step == 1)}"
        names = f"{rows.name(places[j])} {'rises' if made.value > 0 else 'falls'} with "
        names += f"{rows.name(places[i])}, not in a line"
        figure = _displayed(made, rows, every=step == 1)
        facts.append(
            Fact(f"{names}: Spearman {figure}{least}{rows.among}", (places[i], places[j]), 5)
        )
    return facts


def _curves(rows: Rows, places: Sequence[int], values: Array, r: Array, ranks: Array) -> list[Fact]:
    """Return pairs of which one follows the other in a curve that turns."""
    candidates = []
    for i in range(len(ranks)):
        distinct = rows.columns[places[i]].distinct
        if distinct and distinct.value <= FEW:
            continue  # shown as groups
        shares = _explained(values[i], values[: len(ranks)])
        straight = np.maximum(np.nan_to_num(r[i, : len(ranks)]) ** 2, np.nan_to_num(ranks[i]) ** 2)
        for j, share in enumerate(shares.tolist()):
            if i != j and share >= HALF and share - straight[j] >= BENT:
                candidates.append((-round(share, 6), i, j))
    facts: list[Fact] = []
    known: list[tuple[int, int]] = []
    for _, i, j in sorted(candidates):
        pair = places[i], places[j]
        if len(facts) == 2 or any(j in one for one in known):
            continue
        known.append((i, j))
        text = _curve(rows, *pair)
        facts += [Fact(text, pair, 5)] if text else []
    return facts


@np.errstate(all="ignore")
def _explained(x: Array, columns: Array) -> Array:
    """Return how much of each column's variance the tenths of ``x`` explain, corrected."""
    codes = _tenths(x)
    parts = int(codes.max()) + 1
    if parts < 5:
        return np.zeros(len(columns))
    there = np.isfinite(columns) & (codes >= 0)
    n = there.sum(axis=1)
    filled = np.where(there, columns, 0.0)
    centred = np.where(there, filled - (filled.sum(axis=1) / n)[:, None], 0.0)
    counts, sums = totals(codes, there, parts), totals(codes, centred, parts)
    between = np.where(counts > 0, sums**2 / counts, 0).sum(axis=1)
    total = (centred**2).sum(axis=1)
    made = 1 - (total - between) / (n - parts) / (total / (n - 1))
    return np.where((n >= 3 * parts) & ~np.isnan(made), made, 0.0)


def _tenths(x: Array) -> Array:
    """Return in which tenth of its values each one is, -1 where there is none."""
    there = np.isfinite(x)
    if np.count_nonzero(there) < 3 * PARTS:
        return np.full(len(x), -1)
    edges = sorted(set(_quantiles(np.sort(x[there]))))
    return np.where(there, np.searchsorted(edges, x, side="right"), -1)


def _quantiles(order: Array) -> list[float]:
    """Return the tenths of values in order, as NumPy interpolates them."""
    made = []
    for part in range(1, PARTS):
        place = part / PARTS * (len(order) - 1)
        below = int(place)
        low, high, rest = float(order[below]), float(order[below + 1]), place - below
        step = high - low
        made.append(low + step * rest if rest < 0.5 else high - step * (1 - rest))
    return made


def _curve(rows: Rows, one: int, other: int) -> str:
    """Return that a column follows another in a curve, how well, and how it bends."""
    x, y = rows.numbers(one), rows.numbers(other)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    codes = _tenths(x)
    sizes = np.bincount(codes)
    means = np.bincount(codes, y) / np.maximum(sizes, 1)
    z, inside = (y - y.mean()) / y.std(), (means[codes] - y.mean()) / y.std()
    share = float((inside * inside).mean())
    made = correlation(share, (1 - share) * z * z - (z - inside) ** 2, rows.k)
    _, line = of_pair(x, y, rows.k)
    if made is None or made.value < HALF:
        return ""
    least = "" if line is None else f", correlation {_displayed(line, rows)}"
    return (
        f"{rows.name(other)} follows {rows.name(one)} in a curve{_bend(means)}: "
        f"η² {_displayed(made, rows)} over tenths of it{least}{rows.among}"
    )


def _bend(means: Array) -> str:
    """Return where a curve has its only turn, if that is inside."""
    for turn, word in ((means.argmin(), "lowest"), (means.argmax(), "highest")):
        if 2 <= turn < len(means) - 2:
            return f", {word} in the middle"
    return ""


def labels(rows: Rows) -> list[Fact]:
    """Return which columns of labels go together, of those that do not decide each other."""
    candidates = []
    for one, other in combinations(rows.telling(rows.categories), 2):
        pair = frozenset((one, other))
        made = None if pair in rows.covered_pairs else cramer(rows, one, other, rows.step)
        if made is not None and WEAKER <= made[0] < SAME:
            candidates.append((-round(made[0], 6), one, other, made))
    parts: list[str] = []
    columns: list[int] = []
    for _, one, other, some in sorted(candidates)[: 2 * PAIRS]:
        made = some if rows.step == 1 else cramer(rows, one, other, 1)
        if made is None or not WEAKER <= made[0] < SAME or len(parts) == PAIRS:
            continue
        figure = correlation(made[0], made[1](), rows.k)
        if figure is not None:
            parts.append(f"{rows.name(one)} and {rows.name(other)} {_displayed(figure, rows)}")
            columns += [place for place in (one, other) if place not in columns]
    if not parts:
        return []
    return [Fact(f"Cramér's V{rows.among}: {', '.join(parts)}", tuple(columns), 7)]


@np.errstate(all="ignore")
def cramer(rows: Rows, one: int, other: int, step: int) -> tuple[float, Callable[[], Array]] | None:
    """Return Cramér's V corrected for chance, and what returns what each row adds to it, times n.

    None where one column decides the other.
    """
    a, b = rows.grouping(one, step), rows.grouping(other, step)
    both = (a.codes >= 0) & (b.codes >= 0)
    n, wide = int(np.count_nonzero(both)), len(b.labels)
    if n < LEAST:
        return None
    cells = a.codes[both] * wide + b.codes[both]
    table = np.bincount(cells, minlength=len(a.labels) * wide).reshape(-1, wide) / n
    table = table[table.sum(axis=1) > 0]
    table = table[:, table.sum(axis=0) > 0]
    height, width = table.shape
    decided = min((table > 0).sum(axis=axis).max() for axis in (0, 1))
    if min(height, width) < 2 or decided == 1:
        return None
    rows_of, columns_of = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    share = table * table / (rows_of * columns_of)
    square = float(share.sum()) - 1
    bias = (height - 1) * (width - 1) / (n - 1)
    least = min(height - (height - 1) ** 2 / (n - 1), width - (width - 1) ** 2 / (n - 1)) - 1
    v = float(np.sqrt(max(0.0, square - bias) / least)) if least > 0 else 0.0

    def moves() -> Array:
        each = 2 * table / (rows_of * columns_of)
        each = each - share.sum(axis=1, keepdims=True) / rows_of
        each = each - share.sum(axis=0, keepdims=True) / columns_of
        weights = np.rint(table * n).astype(np.int64).ravel()
        made: Array = np.repeat(each.ravel(), weights) / (2 * max(v, 0.05) * least)
        return made

    return v, moves
