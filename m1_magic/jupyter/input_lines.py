"""What IPython would misread of a ``%%m1`` cell or a ``%m1`` line, put right before it reads it.

A question mark at the end is no help, comments and invisible characters above a magic do not hide
it, and ``r = %m1 ask …``, whose value is None, is refused before anything is sent.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from tokenize import TokenInfo
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import (
    TokenTransformBase,
    assemble_continued_line,
    find_end_of_continued_line,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# Byte order marks and spaces without width mean nothing at the ends of a word.
NOTHING = "\ufeff\u200b\u2060-\u2064"
# The same of all that cannot be seen beside a magic: marks of direction, joiners, fillers.
UNSEEN = (
    rf"{NOTHING}\u00ad\u034f\u061c\u115f\u1160\u180e\u200c-\u200f\u202a-\u202e\u2066-\u206f\u3164"
    r"\ufe00-\ufe0f\uffa0"
)
GAP = rf"[\s{UNSEEN}]*"
MAGIC = re.compile(rf"({GAP})(%%?m1)(?!\w)({GAP})(.*)", re.DOTALL)
# Inside a word they may be meant, or are to be told of.
BESIDE = re.compile(rf"(?<=\s)[{NOTHING}]+|[{NOTHING}]+(?=\s|$)")
COMMENT = re.compile(r"\s*(#.*)?$")
ASKING = ("ask", "again", "continue", "fix", "explain")
HELP = ("pinfo", "pinfo2", "psearch")


class AskLine(TokenTransformBase):
    """Keeps ``%m1 ask why?`` a line of ours: IPython would take the ``?`` for its help."""

    priority = 1

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> AskLine | None:
        """Return the first ``%m1 …`` that needs it; one inside a string is no statement."""
        for line in tokens_by_line:
            words = [token for token in line if token.string.strip()]
            if len(words) > 3 and _magic(words[:2]) and words[2].string != "?":
                text = words[0].line
                after = text[words[1].end[1] :][:1]
                if text.rstrip().endswith(("?", "\\")) or after not in (" ", "\n", ""):
                    return cls(words[0].start)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Replace the line by the call of the magic."""
        call = "get_ipython().run_line_magic('m1', "
        return _replaced(lines, self.start_line, self.start_col, call)


class AssignedLine(TokenTransformBase):
    """Lets ``r = %m1 ask …`` be refused: a line magic of ours has no value."""

    priority = 1

    def __init__(self, start: tuple[int, int], column: int) -> None:
        super().__init__(start)  # the statement's: help would be found there, too
        self.column = column

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> AssignedLine | None:
        """Return the first ``… = %m1`` with a verb that asks."""
        for line in tokens_by_line:
            depth = 0
            for place, token in enumerate(line[:-3]):
                depth += (token.string in "([{") - (token.string in ")]}") if token.string else 0
                asks = _magic(line[place + 1 : place + 3]) and line[place + 3].string in ASKING
                if depth == 0 and token.string == "=" and asks:
                    first = next(one for one in line if one.string.strip())
                    return cls(first.start, line[place + 1].start[1])
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Replace the magic by what raises the refusal."""
        name = lines[self.start_line][: self.column].strip()
        name = name.removesuffix("=").partition(":")[0].strip()
        refusal = f"__import__('m1_magic.magics').magics.no_value({name!r}, "
        return _replaced(lines, self.start_line, self.column, refusal)


def _magic(tokens: list[TokenInfo]) -> bool:
    return [token.string for token in tokens] == ["%", "m1"]


def _replaced(lines: list[str], start: int, column: int, call: str) -> list[str]:
    """Return the lines with a call that begins so in the place of ``%m1`` and what follows it."""
    end = find_end_of_continued_line(lines, start)
    text = assemble_continued_line(lines, (start, column), end)
    rest = tidy(text).strip().removeprefix("%m1").strip()
    made = f"{lines[start][:column]}{call}{rest!r})\n"
    return [*lines[:start], made, *lines[end + 1 :]]


def tidy(line: str) -> str:
    """Return a line of ours without what cannot be seen around its magic and at its end."""
    match = MAGIC.match(line)
    if match is None:
        return line
    rest = BESIDE.sub("", match[4])
    gap = " " if rest[:1] not in ("", "?") else "\n" if "\n" in match[3] else ""
    return f"{match[2]}{gap}{rest}"


def readable(lines: list[str]) -> list[str]:
    """Return a cell of ours from its magic on, as it would have been typed here."""
    for number, line in enumerate(lines):
        match = MAGIC.match(line)
        if match and match[2] == "%%m1":
            body = (re.sub(r"\r\n?$", "\n", text) for text in lines[number + 1 :])
            return [tidy(line).rstrip() + "\n", *body]
        if match and re.search(f"[{UNSEEN}\u00a0]", match[1]):
            return [*lines[:number], tidy(line), *lines[number + 1 :]]
        if not COMMENT.match(line):
            break
    return lines


def with_body(lines: list[str]) -> list[str]:
    """Give ``%%m1 why?`` the body without which IPython refuses a cell magic."""
    alone = len(lines) == 1 and re.match(r"%%m1(?!\w)", lines[0]) is not None
    return [lines[0].rstrip("\n") + "\n", "\n"] if alone else lines


# Not while a terminal asks whether the cell is complete: there, Enter goes on to the body.
with_body.has_side_effects = True  # type: ignore[attr-defined]


def watch(shell: InteractiveShell) -> None:
    """Begin to read cells this way, the one that is running included."""
    manager = shell.input_transformer_manager
    frame = _cell_frame(shell)
    result = shell.displayhook.exec_result
    source = result.info.raw_cell if frame is not None and result is not None else ""
    before = manager.transform_cell(source).splitlines()
    manager.cleanup_transforms[:0] = [readable, with_body]
    manager.token_transformers[:0] = [AskLine, AssignedLine]
    after = manager.transform_cell(source).splitlines()
    both = enumerate(zip(before, after, strict=False), 1)
    missed = {number: new.strip() for number, (old, new) in both if old != new}
    if frame is not None and missed and len(before) == len(after):
        _catch_up(shell, frame.f_code.co_filename, missed)


def unwatch(shell: InteractiveShell) -> None:
    """Undo ``watch``."""
    manager = shell.input_transformer_manager
    for items in (manager.cleanup_transforms, manager.token_transformers):
        ours = (readable, with_body, AskLine, AssignedLine)
        items[:] = [item for item in items if item not in ours]


def _cell_frame(shell: Any) -> FrameType | None:
    """Return the frame of the user's code that called us, if any did."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals is not shell.user_ns:
        frame = frame.f_back
    return frame


def _catch_up(shell: Any, filename: str, missed: dict[int, str]) -> None:
    """Ask what stands below ``%load_ext`` in its cell, which IPython took for a call of help.

    Args:
        missed: what each such line should have become, by its number.
    """
    helpers = {name: shell.find_line_magic(name) for name in HELP}

    def run(name: str, line: str) -> object:
        frame = _cell_frame(shell)
        if frame is None or frame.f_code.co_filename != filename or frame.f_lineno not in missed:
            return helpers[name](line)
        # The user's own line, as it would have been read in the next cell.
        exec(missed[frame.f_lineno], frame.f_globals, frame.f_locals)  # noqa: S102
        return None

    def restore(*_: object) -> None:
        for name, helper in helpers.items():
            shell.register_magic_function(helper, magic_name=name)
        shell.events.unregister("post_run_cell", restore)

    for name in HELP:
        shell.register_magic_function(partial(run, name), magic_name=name)
    shell.events.register("post_run_cell", restore)
