"""Numbers that come back with the time of the year, the week or the day.

A pattern counts only if it is the same in most years (weeks, days): a number that wanders has one
in each of them, too, but never the same. It is looked for about the straight line through time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .arrays import Array, mean_sd, spread
from .by_group import explained, mean
from .facts import Fact
from .in_process import array
from .kinds import is_moment
from .row_by_row import Rows

LEAST = 0.14  # of the variance about the trend: Cohen's large effect
AGAIN = 0.3, 1.5  # of the variance of the means by cycle: at the least, and over their number
SMALL = 0.1  # of the sd: what is left about a trend is not worth a look
CYCLES = 3
SEEN = 10_000  # rows in which patterns are looked for
COLUMNS, SHOWN = 12, 2
HOUR = 3_600_000_000
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMES = {"month": MONTHS, "weekday": DAYS, "hour": tuple(f"{h}:00" for h in range(24))}


@dataclass(frozen=True)
class Phases:
    """Row by row the cycle (years, …) and the phase in it (months, …)."""

    name: str
    cycles: Array
    phases: Array

    @cached_property
    def seen(self) -> Array:
        """The cycles in order, each once."""
        return np.unique(self.cycles)

    @property
    def many(self) -> int:
        """How many phases there are."""
        return int(np.count_nonzero(np.bincount(self.phases)))


def season(rows: Rows) -> list[Fact]:
    """Return which numbers have a season, and where it is highest and lowest."""
    times = [p for p, c in rows.columns.items() if is_moment(rows.dtype(p)) and not c.nulls]
    numbers = [p for p in rows.telling(rows.numeric) if p not in times][:COLUMNS]
    if not times or not numbers or rows.n < max(40, 8 * rows.k):
        return []
    series = rows.series(times[0])
    zone = getattr(series.dtype, "time_zone", None)
    when = array(series.dt.replace_time_zone(None) if zone else series)
    chosen = spread(rows.n, SEEN) if rows.n > SEEN else np.arange(rows.n)
    few = when[chosen]
    units = [one for one in _units(few) if len(one.seen) >= CYCLES and one.many >= 5]
    straight = {p: _about_trend(few, rows.numbers(p)[chosen]) for p in numbers if units}
    candidates = [
        (-round(strength, 6), place, unit.name)
        for unit in units
        for place in numbers
        if (strength := _strength(straight[place], unit))
    ]
    every = {unit.name: unit for unit in _units(when)} if candidates else {}
    facts = [
        _line(rows, place, every[name], when, times[0]) for _, place, name in sorted(candidates)
    ]
    return [fact for fact in facts if fact][:SHOWN]


def _units(when: Array) -> list[Phases]:
    """Return the units in which moments may have a pattern."""
    stamps = when.view("datetime64[us]")
    months, day = (stamps.astype(f"datetime64[{unit}]").astype(int) for unit in "MD")
    return [
        Phases("month", months // 12, months % 12),
        Phases("weekday", (day + 3) // 7, (day + 3) % 7),
        Phases("hour", day, when // HOUR % 24),
    ]


@np.errstate(all="ignore")
def _about_trend(when: Array, values: Array) -> Array:
    """Return numbers less the straight line that fits them best over time."""
    there = np.isfinite(values)
    x = (when - when.min()) / max(float(np.ptp(when)), 1.0)
    if np.count_nonzero(there) < 3:
        return values - values
    x0, y0 = x - x[there].mean(), values - values[there].mean()
    slope = float((x0[there] * y0[there]).sum() / (x0[there] ** 2).sum())
    made: Array = y0 - (slope if np.isfinite(slope) else 0.0) * x0
    small = mean_sd(made[there])[1] < SMALL * mean_sd(values[there])[1]
    return made - made if small else made


@np.errstate(all="ignore")
def _strength(values: Array, unit: Phases) -> float:
    """Return the share of the variance that the phases explain; 0 if they do not come again."""
    there = np.isfinite(values)
    z, phases = values[there], unit.phases[there]
    sd = mean_sd(z)[1] if len(z) >= 40 else 0.0
    if not sd:
        return 0.0
    z = z / sd
    share = _explained(phases, z)
    if not share >= LEAST:
        return 0.0
    number = np.searchsorted(unit.seen, unit.cycles[there])
    counts, sums = (np.bincount(number * 24 + phases, weights) for weights in (None, z))
    cells = np.flatnonzero(counts)
    means, cycle = sums[cells] / counts[cells], cells // 24
    many = np.bincount(cycle)
    about = means - (np.bincount(cycle, means) / many)[cycle]
    many_cycles = int(np.count_nonzero(many))
    least = max(AGAIN[0], AGAIN[1] / many_cycles)
    return share if many_cycles >= CYCLES and _explained(cells % 24, about) >= least else 0.0


def _explained(codes: Array, values: Array) -> float:
    """Return how much of the variance of numbers their groups explain, corrected for chance."""
    values = values - values.mean()
    counts = np.bincount(codes)
    between = float((np.bincount(codes, values)[counts > 0] ** 2 / counts[counts > 0]).sum())
    total, n, groups = float((values**2).sum()), len(values), int(np.count_nonzero(counts))
    return 1 - (total - between) / (n - groups) / (total / (n - 1)) if n > groups else 0.0


def _line(rows: Rows, place: int, unit: Phases, when: Array, time: int) -> Fact | None:
    """Return a season as a line, None where fewer than k rows could decide it."""
    values = _about_trend(when, rows.numbers(place))
    there = np.isfinite(values)
    made = explained(rows, values[there], unit.phases[there], 24)
    groups = {p: values[(unit.phases == p) & np.isfinite(values)] for p in np.unique(unit.phases)}
    means = {int(p): one.value for p, own in groups.items() if (one := mean(own, rows))}
    if made is None or made.value < LEAST or len(means) < 5:
        return None
    high, low = (pick(means, key=means.__getitem__) for pick in (max, min))
    about = "≈ " if made.rounded or not rows.table.complete else ""
    names = NAMES[unit.name]
    head = f"{rows.name(place)} has a season over {rows.name(time)}{rows.among}: by {unit.name}"
    much = f"η² {about}{made.value:.2f} about its trend"
    word = {"month": "in", "weekday": "on", "hour": "at"}[unit.name]
    text = f"{head} {much}, highest {word} {names[high]}, lowest {word} {names[low]}"
    return Fact(text, (time, place), 3)
