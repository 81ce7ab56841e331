"""CPU of a summary beside ``describe()`` of the same table, in the same process.

    python tests/benchmarks/frames.py [--write]    # --write: the table into the page beside it

The table: whole numbers, floats with nulls, texts with few and with many distinct values, dates,
booleans, a category, a column of lists. Each case runs in a process of its own, the measured
calls in turn; figures are CPU seconds (medians), memory the growth of the process's peak.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pandas as pd
import polars as pl

MILLION = 1_000_000
RUNS = 5


def table(rows: int) -> pd.DataFrame:
    """Return the table of 20 columns that all cases measure."""
    draw = np.random.default_rng(0)
    start = pd.Timestamp("2020-01-01")
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "user": draw.integers(0, rows // 10, rows),
            "small": draw.integers(0, 10, rows),
            "year": draw.integers(2000, 2025, rows),
            "normal": draw.normal(size=rows),
            "skewed": np.where(draw.random(rows) < 0.05, np.nan, draw.lognormal(size=rows)),
            "even": draw.random(rows),
            "tenths": draw.normal(100, 5, rows).round(1),
            "wait": draw.exponential(size=rows),
            "gaps": np.where(draw.random(rows) < 0.2, np.nan, draw.normal(size=rows)),
            "city": draw.choice(["Bern", "Basel", "Zürich", "Genf"], rows),
            "code": draw.choice([f"c{i:03}" for i in range(300)], rows),
            "session": [f"u{i:09x}" for i in draw.integers(0, 2**36, rows)],
            "digest": [f"{i:032x}" for i in draw.integers(0, 2**62, rows)],
            "day": start + pd.to_timedelta(draw.integers(0, 1000, rows), unit="D"),
            "moment": start + pd.to_timedelta(draw.integers(0, 10**8, rows), unit="s"),
            "flag": draw.random(rows) < 0.3,
            "rare": draw.random(rows) < 0.01,
            "level": pd.Categorical(draw.choice(["low", "mid", "high"], rows)),
            "items": pd.Series([[1, 2, 3]] * rows),
        }
    )


def cpu(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def peak() -> int:
    """Return the process's peak memory in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def side_by_side(frame: Any, peer: Callable[[], Any], runs: int = RUNS) -> dict[str, float]:
    """Return CPU seconds of both, in turn, after one run of each that does not count."""
    from m1_magic.context.frames import summarise

    ours, theirs = [], []
    for turn in range(runs + 1):
        mine, other = cpu(lambda: summarise(frame, "table")), cpu(peer)
        if turn:
            ours.append(mine)
            theirs.append(other)
    return {"ours": statistics.median(ours), "peer": statistics.median(theirs)}


def pandas_case(rows: int = MILLION) -> dict[str, float]:
    frame = table(rows)
    return side_by_side(frame, lambda: frame.describe(include="all"), 3)


def small_case() -> dict[str, float]:
    from palmerpenguins import load_penguins

    frame = load_penguins()
    return side_by_side(frame, lambda: frame.describe(include="all"), 25)


def polars_case(rows: int = MILLION) -> dict[str, float]:
    frame = pl.from_pandas(table(rows))
    return side_by_side(frame, frame.describe)


def large_case() -> dict[str, float]:
    """Ten times the rows, beside the same columns of a tenth of them."""
    from m1_magic.context.frames import summarise

    frame = table(10 * MILLION)
    part = frame.iloc[:MILLION].reset_index(drop=True)
    return side_by_side(frame, lambda: summarise(part, "table"), 3)


def wide_case() -> dict[str, float]:
    frame = pd.DataFrame(np.random.default_rng(0).random((1000, 5000))).add_prefix("c")
    from m1_magic.context.frames import summarise

    measured = side_by_side(frame, lambda: frame.describe(include="all"), 1)
    return {**measured, "tokens": summarise(frame, "wide").tokens}


def memory_case() -> dict[str, float]:
    from m1_magic.context.frames import summarise

    frame = table(MILLION)
    summarise(table(1000), "warm")
    # What the table itself needed while it was made must not hide what the summary needs.
    held = np.ones(max(0, peak() - now()) // 8 + 1)
    size, before = float(frame.memory_usage(deep=False).sum()), peak()
    summarise(frame, "table")
    return {"ours": peak() - before, "peer": size, "held": float(held[0])}


def now() -> int:
    """Return the memory that the process holds, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


CASES: dict[str, tuple[str, str, Callable[[], dict[str, float]]]] = {
    "pandas": ("pandas, 1M × 20", '`describe(include="all")`', pandas_case),
    "polars": ("Polars, 1M × 20", "`describe()`", polars_case),
    "small": ("pandas, 344 × 8, the penguins", '`describe(include="all")`', small_case),
    "wide": ("pandas, 1,000 × 5,000", '`describe(include="all")`', wide_case),
    "large": ("pandas, 10M × 20", "ours of 1M × 20", large_case),
    "memory": ("memory, 1M × 20", "the table itself", memory_case),
}


def row(name: str) -> str:
    """Measure one case in a process of its own and return its line of the table."""
    command = [sys.executable, __file__, name]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout.splitlines()[-1])
    what, peer, _ = CASES[name]
    ours, theirs = found["ours"], found["peer"]
    if name == "memory":
        share = f"{100 * ours / theirs:.0f} %"
        return f"| {what} | +{ours / 1e6:,.0f} MB | {peer}: {theirs / 1e6:,.0f} MB | {share} |"
    if name == "small":
        ratio = "goal: ≤ 20 ms"
        return f"| {what} | {1e3 * ours:.0f} ms | {peer}: {1e3 * theirs:.0f} ms | {ratio} |"
    ratio = f"{ours / theirs:.1f} times" if name == "large" else f"1/{theirs / ours:.1f}"
    return f"| {what} | {ours:.2f} s | {peer}: {theirs:.2f} s | {ratio} |"


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    import readme

    rows = ["| summary | CPU | beside | |", "|---|---:|---|---:|", *map(row, CASES)]
    made = "\n".join(rows)
    print(made)
    if "--write" in sys.argv:
        readme.write_measured("frames", made)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in CASES:
        print(json.dumps(CASES[sys.argv[1]][2]()))
    else:
        main()
