"""Template questions about five public tables: does the answer stand in the summary?

    python tests/benchmarks/questions.py [--write]    # --write: the table into the page beside it

Asked are rows and columns; of each column nulls and distinct values; of each number mean, median,
minimum, maximum, sd and quartiles; of each category (texts of at most 20 labels) the share of the
most frequent one; and, of the first three numbers, the mean in each group of the first two
categories. The budget is the default one.

The rule: the page is parsed, and an answer counts only if the line of that very column (or the
line of the means of that very number by that very category) has that very statistic under its
name, with a figure that

- without a mark is the truth to the digits shown (to 4 significant ones at least);
- with ``≈`` is within what the mark allows: a mean or sd half of the unit by which five rows could
  move it (1, 2 or 5 × 10ⁿ, at least 5 · sd / n or what the outermost row moves), a quantile
  between its fifth neighbours on both sides.

A number that stands elsewhere does not count: not ``P1`` for the minimum, not a share that could
be counted from other shares. ``always V`` is minimum, median, mean and quartile at once.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pandas as pd
import vega_datasets
from palmerpenguins import load_penguins

from m1_magic.context import gather
from m1_magic.options.fields import Options
from m1_magic.settings.config import M1

TABLES = ("barley", "cars", "iowa_electricity", "seattle_weather", "penguins")
K = 5
LABELS = 20
STATISTICS = {
    "mean": "mean",
    "median": "median",
    "minimum": "min",
    "maximum": "max",
    "standard deviation": "sd",
    "first quartile": "P25",
    "third quartile": "P75",
}
NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
QUOTED = r'"(?:[^"\\]|\\.)*"'


@dataclass(frozen=True)
class Question:
    """A question, where its answer must stand, and the answer."""

    kind: str
    text: str
    answer: float
    column: str = ""
    statistic: str = ""
    by: str = ""
    group: str = ""
    values: np.ndarray = field(default_factory=lambda: np.empty(0), compare=False)


def table(name: str) -> pd.DataFrame:
    return load_penguins() if name == "penguins" else getattr(vega_datasets.data, name)()


def questions(frame: pd.DataFrame, name: str) -> Iterator[Question]:
    """Yield all questions about a table."""
    yield Question("rows", f"How many rows does {name} have?", len(frame))
    yield Question("columns", f"How many columns does {name} have?", frame.shape[1])
    for column in frame:
        yield Question(
            "nulls", f"How many values of {column} are missing?", frame[column].isna().sum(), column
        )
        yield Question(
            "distinct", f"How many distinct {column} are there?", frame[column].nunique(), column
        )
    numbers = [c for c in frame if pd.api.types.is_numeric_dtype(frame[c])]
    texts = [c for c in frame if frame[c].dtype == object or str(frame[c].dtype).startswith("str")]
    categories = [c for c in texts if 1 < frame[c].nunique() <= LABELS]
    for column in numbers:
        values = np.sort(frame[column].dropna().to_numpy(dtype=float))
        truths = (values.mean(), np.median(values), values[0], values[-1], values.std(ddof=1))
        truths += tuple(np.percentile(values, (25, 75)))
        for (words, statistic), truth in zip(STATISTICS.items(), truths, strict=True):
            text = f"What is the {words} of {column}?"
            yield Question(words, text, truth, column, statistic, values=values)
    for column in categories:
        share = 100 * frame[column].value_counts(normalize=True).iloc[0]
        text = f"What share of rows has the most frequent {column}, in percent?"
        yield Question("top share", text, share, column)
    for by in categories[:2]:
        for column in numbers[:3]:
            for group, part in frame.groupby(by)[column]:
                values = np.sort(part.dropna().to_numpy(dtype=float))
                text = f"What is the mean {column} where {by} is {group}?"
                yield Question(
                    "mean by group", text, values.mean(), column, "mean", by, str(group), values
                )


def answered(page: str, asked: Question) -> bool:
    """Does the answer stand on the page, by the rule above?"""
    lines = page.split("\n")
    if asked.kind in ("rows", "columns"):
        found = re.match(r"`[^`]*`: ([\d,]+) rows × ([\d,]+) columns", lines[0])
        return bool(found) and _number(found[1 + (asked.kind == "columns")]) == asked.answer
    if asked.by:
        start = f"- mean `{asked.column}` by `{asked.by}`"
        texts = [line[len(start) :] for line in lines if line.startswith(start)]
        return any(_of_group(text, asked) for text in texts)
    start = f"- `{asked.column}`: "
    texts = [line[len(start) :] for line in lines if line.startswith(start)]
    return any(_of_column(text, asked) for text in texts)


def _of_column(text: str, asked: Question) -> bool:
    bare = re.sub(QUOTED, '""', text)
    if asked.kind == "nulls":
        found = re.search(r", (?:no nulls|([\d,]+) null \()", bare)
        return bool(found) and _number(found[1] or "0") == asked.answer
    if asked.kind == "distinct":
        found = re.search(r"(?:^|; )([\d,]+) distinct(?:;|$)", bare)
        return bool(found) and _number(found[1]) == asked.answer
    if asked.kind == "top share":
        found = re.search(rf"(?:^|; )(?:always )?(≈ )?{QUOTED} ([\d.]+) %", text)
        return bool(found) and _exact(found[2], asked.answer)
    found = re.search(rf"(?:^|; )always (≈ )?({NUMBER})(?:;|$)", bare)
    if not found or asked.statistic == "sd":
        found = re.search(rf"(?:; | · ){asked.statistic} (≈ )?({NUMBER})(?=;| |$)", bare)
    return bool(found) and _right(found[2], bool(found[1]), asked)


def _of_group(text: str, asked: Question) -> bool:
    head, _, means = text.partition(": ")
    if ":" in head or (head and not head.startswith(" (")):
        return False
    if found := re.match(rf"(≈ )?({NUMBER}) in each of \d+ groups$", means):
        return _right(found[2], bool(found[1]), asked)
    item = re.compile(rf"({QUOTED}|[^\s,]+) (≈ )?({NUMBER})(?=,|;| |$)")
    for label, about, figure in item.findall(means):
        if label.strip('"').replace('\\"', '"') == asked.group:
            return _right(figure, bool(about), asked)
    return False


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _right(figure: str, about: bool, asked: Question) -> bool:
    """Is a figure the answer, to the digits shown or within what its mark allows?"""
    if not about:
        return _exact(figure, asked.answer)
    told, values, last = _number(figure), asked.values, len(asked.values) - 1
    if asked.statistic in ("mean", "sd"):
        sd, most = values.std(ddof=1), float(np.abs(values - values.mean()).max())
        least = max(K * sd, most if asked.statistic == "mean" else most * most / sd / 2) / (
            last + 1
        )
        return abs(told - asked.answer) <= _unit(least) / 2 * (1 + 1e-9)
    percent = 50 if asked.statistic == "median" else int(asked.statistic.strip("P") or 0)
    place = percent * last / 100
    below, above = math.ceil(place) - K, math.floor(place) + K
    return 0 <= below and above <= last and values[below] <= told <= values[above]


def _exact(figure: str, answer: float) -> bool:
    mantissa, _, power = figure.replace(",", "").partition("e")
    digits = mantissa.lstrip("+-").replace(".", "").lstrip("0")
    places = len(mantissa.partition(".")[2])
    step = 10.0 ** (int(power or 0) - places)
    if not places and len(digits) > 4:  # zeros may stand for digits that were rounded away
        step *= 10 ** min(len(digits) - len(digits.rstrip("0")), len(digits) - 4)
    return abs(float(figure.replace(",", "")) - answer) <= step / 2 * (1 + 1e-9)


def _unit(least: float) -> float:
    """Return the smallest of 1, 2 or 5 × 10ⁿ that is at least ``least``."""
    ladder = (
        step * 10.0 ** (math.floor(math.log10(least)) + n) for n in (0, 1) for step in (1, 2, 5)
    )
    return next(one for one in ladder if one >= least * (1 - 1e-9))


def page(frame: pd.DataFrame, name: str, prompt: str, send: str) -> tuple[str, int]:
    """Return what a cell with this prompt sends of the table, and its tokens."""
    made = gather(Options(df=(name,), send=send), prompt, {name: frame}, M1()).attachments[0]
    return made.text, made.tokens


@dataclass
class Result:
    """How many of the questions were answered, by kind; tokens of the pages."""

    asked: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    tokens: float = 0.0
    missed: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.right.total() / self.asked.total()


def measured(send: str, *, prompted: bool) -> Result:
    """Ask all questions of pages at a level, made for each question if ``prompted``."""
    result = Result()
    for name in TABLES:
        frame = table(name)
        every = list(questions(frame, name))
        pages = [page(frame, name, q.text, send) for q in every] if prompted else []
        pages = pages or [page(frame, name, "", send)] * len(every)
        result.tokens += sum(tokens for _, tokens in pages) / len(pages)
        for asked, (text, _) in zip(every, pages, strict=True):
            right = answered(text, asked)
            result.asked[asked.kind] += 1
            result.right[asked.kind] += right
            if not right:
                result.missed.append(f"{name}: {asked.text} {asked.answer:.6g}")
    return result


CASES = {
    "`stats`": ("stats", False),
    "`stats`, the question in the prompt": ("stats", True),
    "`sample:0`": ("sample:0", False),
}


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    import readme

    results = {name: measured(send, prompted=asked) for name, (send, asked) in CASES.items()}
    asked = next(iter(results.values())).asked
    rows = [
        f"| {asked.total()} questions about {len(TABLES)} tables | answers in the text | tokens |",
        "|---|---:|---:|",
    ]
    for name, result in results.items():
        right = f"{result.right.total()}, {100 * result.share:.0f} %"
        rows.append(f"| {name} | {right} | {result.tokens:,.0f} |")
    made = "\n".join(rows)
    print(made)
    for kind, count in asked.items():
        print(
            f"{kind:20}", *(f"{result.right[kind]:4}" for result in results.values()), f"of {count}"
        )
    if "--missed" in sys.argv:
        for name, result in results.items():
            print(name, *result.missed, sep="\n  ")
    if "--write" in sys.argv:
        readme.write_measured("questions", made)


if __name__ == "__main__":
    main()
