"""The tables of the help pages that are made from the code: ``python tests/readme.py --write``.

``write_measured`` is for the benchmarks, whose tables lie beside them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from palmerpenguins import load_penguins
from traitlets import Enum

from m1_magic import summarise
from m1_magic.options import flags
from m1_magic.settings.config import M1
from m1_magic.verbs import VERBS, help_pages

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
HELP = ROOT / "m1_magic" / "help"
BENCHMARKS = ROOT / "tests" / "benchmarks"


def options() -> str:
    return flags.table()


def verbs() -> str:
    return help_pages.verb_table(VERBS)


def settings() -> str:
    rows = ["| `M1.…` | default | |", "|---|---|---|"]
    for name, trait in M1.class_traits(config=True).items():
        default = getattr(M1(), name)
        shown = "none" if default is None else str(default)
        choices = (
            f" One of: {', '.join(map(str, trait.values))}." if isinstance(trait, Enum) else ""
        )
        rows.append(f"| `{name}` | {shown} | {trait.help}{choices} |")
    return "\n".join(rows)


def summary() -> str:
    page = summarise(load_penguins(), "penguins").to_markdown()
    # What it takes in memory differs between versions of pandas.
    return f"````\n{re.sub('; [0-9.]+ kB', '', page, count=1)}\n````"


PARTS: dict[str, tuple[Path, Callable[[], str]]] = {
    "options": (HELP / "options.md", options),
    "verbs": (HELP / "verbs.md", verbs),
    "settings": (HELP / "settings.md", settings),
    "summary": (HELP / "tables.md", summary),
}


def replaced(text: str, part: str, content: str) -> str:
    """Return ``text`` with what stands between ``<!-- part -->`` and its end renewed."""
    pattern = re.compile(rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
    assert pattern.search(text), part
    return pattern.sub(lambda m: f"{m[1]}{content}\n{m[2]}", text)


def renewed(part: str) -> str:
    """Return the text of the page that has this part, with the part made anew."""
    path, make = PARTS[part]
    return replaced(path.read_text("utf-8"), part, make())


def write_measured(benchmark: str, content: str) -> None:
    """Put what a benchmark measured into the page beside it."""
    path = BENCHMARKS / f"{benchmark}.md"
    path.write_text(replaced(path.read_text("utf-8"), benchmark, content), "utf-8")


def write_speed(benchmark: str, line: str) -> None:
    """Put a benchmark's line into the page of speed, in place of the one before, else last."""
    path = HELP / "speed.md"
    lines = path.read_text("utf-8").splitlines()
    rows = [n for n, one in enumerate(lines) if one.startswith("| [")]
    there = [n for n in rows if f"benchmarks/{benchmark}.md" in lines[n]]
    at = there[0] if there else rows[-1] + 1
    lines[at : at + len(there)] = [line]
    path.write_text("\n".join([*lines, ""]), "utf-8")


def measured(benchmark: str) -> str:
    """Return what stands on the page beside a benchmark."""
    text = (BENCHMARKS / f"{benchmark}.md").read_text("utf-8")
    return text.partition(f"<!-- {benchmark} -->\n")[2].partition(f"\n<!-- /{benchmark} -->")[0]


if __name__ == "__main__" and "--write" in sys.argv:
    for one, (path, _) in PARTS.items():
        path.write_text(renewed(one), "utf-8")
