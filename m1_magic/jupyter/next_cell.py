"""Code for the cell below: looked at, put there by the front end, never run.

IPython sends the text of a next cell with the end of the cell that runs (``set_next_input``).
JupyterLab, Notebook and VS Code make a cell of it, a terminal and ``jupyter console`` the next
prompt. Where nobody is asked for input either (nbclient, papermill), nobody makes a cell.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import Any

from ..markdown.reading import Fence
from ..text import one_line, show_controls
from .shell import current, parent

PYTHON = {"python", "python3", "py", "py3", "ipython", "ipython3", "pycon", "sage"}
# The cell magics that run a language, the first that is loaded is taken. Nothing else of an answer
# becomes a magic: a fence may be called anything.
MAGICS = {
    "bash": ("bash", "sh"), "sh": ("sh", "bash"), "shell": ("bash", "sh"), "zsh": ("bash", "sh"),
    "sql": ("sql",), "postgresql": ("sql",), "mysql": ("sql",), "sqlite": ("sql",),
    "duckdb": ("sql",), "bigquery": ("bigquery",),
    "html": ("html",), "svg": ("svg",), "latex": ("latex",), "tex": ("latex",),
    "markdown": ("markdown",), "md": ("markdown",),
    "javascript": ("javascript", "js"), "js": ("javascript", "js"),
    "r": ("R",), "julia": ("julia",), "cython": ("cython",), "perl": ("perl",),
    "ruby": ("ruby",), "rb": ("ruby",), "pypy": ("pypy",),
}  # fmt: skip
_put: tuple[object, str] | None = None  # the cell that ran when something was put, and the text


@dataclass(frozen=True, slots=True)
class CellCode:
    """A block of an answer as a cell; ``notes`` say what was changed in it.

    ``runs`` is False where nothing here runs its language.
    """

    text: str
    notes: tuple[str, ...] = ()
    runs: bool = True


def cell_code(block: Fence) -> CellCode:
    """Return a block as the code of a cell: with its magic, or as comments if it does not parse."""
    code = show_controls(block.content).rstrip("\n")
    notes: tuple[str, ...] = ()
    if code != block.content.rstrip("\n"):
        notes = ("Hidden characters in it are shown as signs, such as ⟨U+202E⟩.",)
    if not is_python(block) and not code.startswith("%%"):
        known = MAGICS.get(block.language, ())
        magic = next((name for name in known if current().find_cell_magic(name)), None)
        if magic is None:
            return CellCode(code, notes, runs=False)
        return CellCode(f"%%{magic}\n{code}", notes)
    if wrong := problem(code):
        commented = "\n".join(f"# {line}".rstrip() for line in code.split("\n"))
        why = f"It does not parse as Python ({wrong}), so it stands there as comments."
        return CellCode(commented, (*notes, why))
    return CellCode(code, notes)


def is_python(block: Fence) -> bool:
    """Is a block meant to be Python: by its name, or without one as it parses as such?"""
    if block.language:
        return block.language in PYTHON
    return not problem(show_controls(block.content))


def problem(code: str) -> str:
    """Return why IPython cannot read some code, with the line; nothing if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(transformed(code))
    except SyntaxError as error:
        return one_line(f"line {error.lineno}: {error.msg}", 100)
    except (ValueError, RecursionError, MemoryError) as error:
        return type(error).__name__
    return ""


def transformed(code: str) -> str:
    """Return IPython's code as the Python that it stands for; raises SyntaxError."""
    shell = current()
    return str(shell.transform_cell(code)) if shell is not None else code


def put(text: str) -> bool:
    """Make ``text`` the next cell; return whether the front end is one that makes it.

    Of several texts of one cell only the last would come: they become one cell, where they can.
    """
    global _put
    shell = current()
    if shell is None:
        return False
    running = getattr(shell.displayhook, "exec_result", None)
    before = _put[1] if _put and running is not None and _put[0] is running else ""
    if before and before != text and not before.startswith("%%") and not text.startswith("%%"):
        text = f"{before}\n\n{text}"
    _put = (running, text)
    shell.set_next_input(text)
    return taken(shell)


def has_cells() -> bool:
    """Does the front end have cells, or only a prompt?"""
    return hasattr(current(), "kernel")


def taken(shell: Any) -> bool:
    """Does the front end take the text of a next cell?"""
    if not hasattr(shell, "kernel"):
        return hasattr(shell, "simple_prompt") and not shell.simple_prompt
    asking = parent()
    executes = asking.get("header", {}).get("msg_type") == "execute_request"
    return executes and bool(asking.get("content", {}).get("allow_stdin", True))
