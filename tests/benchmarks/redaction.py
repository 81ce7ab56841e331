"""CPU of looking for secrets and personal data in 1 MB of text, beside one pass over it.

    python tests/benchmarks/redaction.py [--write]      # --write: the table into the page beside it

Each figure is the median of CPU milliseconds in one process, all of a row taken in turns. The
floor is one ``str.translate`` over the same text; the other peer one regex of all key types
without the literals that are looked for first, as scanners that are lists of patterns have it.
"""

from __future__ import annotations

import hashlib
import random
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
import readme
from m1_magic.privacy import redaction
from m1_magic.privacy.personal_text import personal

RUNS = 7
MEGABYTE = 1_000_000
TABLE = {ord("\0"): None}
ALL = re.compile("|".join(redaction.pattern_of(*rule).pattern for rule in redaction.RULES))


def prose() -> str:
    """Return English-like words."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    draw = random.Random(7)
    words = ["".join(draw.choices(letters, k=draw.randint(2, 10))) for _ in range(5000)]
    return " ".join(draw.choices(words, k=MEGABYTE // 7))


def csv() -> str:
    """Return rows of an id, a float, a digest and a large number."""
    draw = random.Random(7)
    rows = (
        f"{n},{draw.random()},{hashlib.md5(draw.randbytes(8)).hexdigest()},{draw.randrange(10**16)}"
        for n in range(MEGABYTE // 70)
    )
    return "\n".join(rows)


def repeated(unit: str) -> str:
    """Return a near miss, again and again."""
    return unit * (MEGABYTE // len(unit))


TEXTS: dict[str, Callable[[], str]] = {
    "prose": prose,
    "CSV with md5": csv,
    "`sk-proj-a-` repeated": lambda: repeated("sk-proj-a-"),
    "`glpat-a-` repeated": lambda: repeated("glpat-a-"),
    "`-eyJ` repeated": lambda: repeated("-eyJ"),
    "`1 ` repeated": lambda: repeated("1 "),
    "`4111 ` repeated": lambda: repeated("4111 "),
    "`a@a.` repeated": lambda: repeated("a@a."),
}
SCANS: dict[str, Callable[[str], object]] = {
    "one `translate`": lambda text: text.translate(TABLE),
    "one regex": lambda text: sum(1 for _ in ALL.finditer(text)),
    "keys": redaction.find,
    "personal data": personal,
}


def measure(text: str) -> list[float]:
    """Return the median CPU milliseconds of each scan."""
    taken: dict[str, list[float]] = {name: [] for name in SCANS}
    for _ in range(RUNS):
        for name, scan in SCANS.items():
            start = time.process_time()
            scan(text)
            taken[name].append((time.process_time() - start) * 1000)
    return [statistics.median(times) for times in taken.values()]


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    rows = [
        "| 1 MB of | " + " | ".join(SCANS) + " | both |",
        "|---|" + "---:|" * (len(SCANS) + 1),
    ]
    for label, make in TEXTS.items():
        figures = measure(make())
        both = figures[-1] + figures[-2]
        rows.append(f"| {label} | " + " | ".join(f"{f:,.1f}" for f in (*figures, both)) + " |")
    table = "\n".join(rows)
    print(table)
    if "--write" in sys.argv:
        readme.write_measured("redaction", table)


if __name__ == "__main__":
    main()
