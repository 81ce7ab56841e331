"""A chat as a notebook: Markdown without anything live in it, written in one step."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..chats.chats import CONTINUE
from ..errors import UsageError
from ..render.inert_markdown import inert
from ..text import md_cell, one_line, plural
from .verb_context import written

MARK = "m1_magic_export"


@dataclass(frozen=True, slots=True)
class Part:
    """A turn, with secrets masked: what was attached by name, and how many that are not known."""

    prompt: str
    answer: str
    attached: tuple[str, ...] = ()
    missing: int = 0
    whole: bool = True


def notebook(name: str | None, parts: Iterable[Part]) -> dict[str, Any]:
    """Return the notebook of these turns; what only continues an answer follows it."""
    from nbformat.v4 import new_markdown_cell, new_notebook

    texts = [f"# {md_cell(name or 'Questions and answers')}"]
    for part in parts:
        if part.prompt != CONTINUE:
            texts.append(
                "\n\n".join(["**Question**", inert(part.prompt.strip("\n")), *about(part)])
            )
        texts.append(inert(part.answer) + ("" if part.whole else "\n\n*(in part only)*"))
    book = new_notebook(cells=[new_markdown_cell(text) for text in texts])
    book.metadata[MARK] = digest(texts)
    return dict(book)


def about(part: Part) -> list[str]:
    """Return the line on what was attached."""
    named = [md_cell(name) for name in part.attached]
    if part.missing:
        named.append(plural(part.missing, "attachment"))
    return [f"*with {', '.join(named)}*"] if named else []


def digest(texts: Iterable[str]) -> str:
    """Return the name of these cells, by which one is known that nobody has edited since."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()


def write(path: Path, book: dict[str, Any]) -> None:
    """Write a notebook, in one step.

    Raises:
        UsageError: another file stands there, or it cannot be written.
    """
    if path.suffix != ".ipynb":
        raise UsageError(
            f"{one_line(path, 200)} is not the name of a notebook.",
            cost="",
            todo="Add .ipynb to it.",
        )
    with written(path) as file:
        if os.path.lexists(path) and not ours(path):
            raise UsageError(
                f"{one_line(path, 200)} exists, and is not as %m1 export wrote it; it was not"
                " overwritten.",
                cost="",
                todo="Give another path.",
            )
        json.dump(book, file, ensure_ascii=False, indent=1)


def ours(path: Path) -> bool:
    """Is this a notebook that was exported, and not edited since?"""
    try:
        book = json.loads(path.read_text("utf-8"))
        texts = ["".join(cell["source"]) for cell in book["cells"]]
        return bool(book["metadata"][MARK] == digest(texts))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
