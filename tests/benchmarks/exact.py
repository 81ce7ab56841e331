"""What ``--exact`` costs beside its queries: CPU a figure, opened tables, a group-by, loading.

    python tests/benchmarks/exact.py [--write]      # --write: the table into the page beside it

Medians of CPU milliseconds, what is compared taken in turns. The bare query is DuckDB's own over
the same frame, registered on a connection without any limit, its rows fetched.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
import duckdb
import numpy as np
import pandas as pd

import readme
from m1_magic.calls import Message, Reply, Request, Text, TextDelta
from m1_magic.exact.answer import ExactAnswer
from m1_magic.exact.sql.sandbox import Sandbox
from m1_magic.session.view import Silent

RUNS = 9
ROWS = 1_000_000
FIGURES = 50
GROUP_BY = "SELECT label, avg(n0) AS mean, sum(n1) AS total FROM t GROUP BY label ORDER BY total"
LOADED = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "m1_magic")
shell.run_line_magic("m1", "ask --dry-run Hello")
print("\\n", "duckdb" in sys.modules)
"""


def table() -> pd.DataFrame:
    """Return 1M × 20: numbers, whole numbers, labels, moments."""
    draw = np.random.default_rng(7)
    numbers = {f"n{at}": draw.normal(size=ROWS) for at in range(10)}
    whole = {f"i{at}": draw.integers(0, 1000, ROWS) for at in range(6)}
    labels = draw.choice(["north", "south", "east", "west"], ROWS)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(draw.integers(0, 900, ROWS), "D")
    return pd.DataFrame(
        {**numbers, **whole, "label": labels, "other": labels, "d": days, "e": days}
    )


def medians(*work: Callable[[], object]) -> list[float]:
    """Return the median CPU milliseconds of each, all of them taken in turns."""
    taken: list[list[float]] = [[] for _ in work]
    for _ in range(RUNS):
        for at, one in enumerate(work):
            start = time.process_time()
            one()
            taken[at].append((time.process_time() - start) * 1000)
    return [statistics.median(times) for times in taken]


def answered(box: Sandbox, text: str) -> Reply:
    """Return an answer as a call would, whose text comes in deltas of four characters."""

    class Kept:
        run, row, labelled = box.run, box.row, box.labelled

        def close(self) -> None: ...

    answer = ExactAnswer(Silent(), Kept, ["What?"], 0)
    request = Request("m", (Message("user", (Text("What?"),)),), 100)
    answer.open(request, Decimal(0), "")
    for start in range(0, len(text), 4):
        answer.feed(TextDelta(text[start : start + 4]))
    reply = Reply(text=text)
    answer.next_request(request, reply)
    return answer.finished(reply, None)[0]


def figures(box: Sandbox) -> float:
    """Return CPU milliseconds a figure beyond the queries and the same text without figures."""
    sql = GROUP_BY.replace("t GROUP", "small GROUP")
    queries = "".join(f"```sql q{n}\n{sql}\n```\n\n" for n in range(5))
    form = "- In **{}** it is {} of 1,234, the mean.\n"
    with_figures = "".join(
        form.format(f"{{{{q{n % 5}.label[{n % 4}]}}}}", f"{{{{q{n % 5}.mean:,.3f}}}}")
        for n in range(FIGURES // 2)
    )
    whole, bare = medians(
        lambda: answered(box, queries + with_figures),
        lambda: [box.run("q", sql) for _ in range(5)],
    )
    return (whole - bare) / FIGURES


def lazy() -> str:
    """Return whether ``duckdb`` is imported by loading us and by an ordinary call."""
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    return ran.stdout.split()[-1]


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    frame = table()
    small = frame.head(1_000)
    Sandbox({"small": small}).close()  # DuckDB is loaded, its functions are known
    opened, connected = medians(
        lambda: Sandbox({"t": frame}).close(), lambda: duckdb.connect().close()
    )
    registered = opened - connected
    with duckdb.connect() as plain, Sandbox({"t": frame}, timeout=100) as box:
        plain.register("t", frame)
        ours, bare = medians(
            lambda: box.run("q", GROUP_BY), lambda: plain.execute(GROUP_BY).fetchall()
        )
    with Sandbox({"small": small}, timeout=100) as box:
        each = figures(box)
    loaded = "yes" if lazy() == "True" else "no"
    rows = [
        "| `--exact` | CPU ms | goal |",
        "|---|---:|---|",
        f"| a figure, beyond its query | {each:.2f} | < 5 ms |",
        f"| pandas, 1M × 20, registered, beyond connecting | {registered:.1f} | < 50 ms |",
        f"| a group-by over 1M × 20 | {ours:.1f} | ≤ 1.2 times the bare query: {ours / bare:.2f} |",
        f"| `duckdb` loaded by `%load_ext` or an ordinary call | {loaded} | no |",
    ]
    text = "\n".join(rows)
    print(text)
    if "--write" in sys.argv:
        readme.write_measured("exact", text)


if __name__ == "__main__":
    main()
