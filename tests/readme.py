"""The parts of the README that are made from the code: ``python tests/readme.py --write``."""

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
from m1_magic.verbs import VERBS

README = Path(__file__).parent.parent / "README.md"


def options() -> str:
    return flags.table()


def verbs() -> str:
    rows = ["| verb | |", "|---|---|", "| `%m1` | the status |"]
    for verb in VERBS.values():
        usage = verb.usage.replace("|", r"\|")
        rows.append(f"| `%m1 {usage}` | {verb.help} |")
    return "\n".join(rows)


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


PARTS: dict[str, Callable[[], str]] = {
    "options": options,
    "verbs": verbs,
    "settings": settings,
    "summary": summary,
}


def replaced(text: str, part: str, content: str) -> str:
    """Return ``text`` with what stands between ``<!-- part -->`` and its end renewed."""
    pattern = re.compile(rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
    assert pattern.search(text), part
    return pattern.sub(lambda m: f"{m[1]}{content}\n{m[2]}", text)


def renewed(text: str) -> str:
    for part, make in PARTS.items():
        text = replaced(text, part, make())
    return text


if __name__ == "__main__" and "--write" in sys.argv:
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
