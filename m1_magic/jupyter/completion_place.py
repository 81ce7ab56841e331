"""Where in a cell of ours the cursor is: in its options, in a value of one, in its text.

Read as the line will be read: words as a shell has them, options at the start, then text.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..options.fields import OPTIONS, Option
from ..settings.config import M1
from .input_lines import COMMENT, MAGIC

# As in a whole line (`command_line.TOKEN`), but the last quote may still be open.
WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*(?:"|\\?$)|'[^']*(?:'|$)|\\.|\\$|[^\s"'\\])+""", re.DOTALL)
PLAIN = re.compile(r"""[^"'\\]*""")
BRACES = re.compile(r"(?<!\{)\{\{([^{}\n]*)$")
# Cells whose lines are Python all the same, with lines of ours among them.
OF_PYTHON = re.compile(r"\s*%%(?:time|timeit|capture|prun)\b")
AUTOMAGIC = re.compile(r"\s*m1\s+(.*)")
FLAGS = {flag: option for option in OPTIONS.values() for flag in option.flags}


@dataclass(frozen=True, slots=True)
class Known:
    """What a line may name; ``verbs`` returns their module, ``chats`` those of the process."""

    namespace: Mapping[str, object]
    settings: M1
    verbs: Callable[[], Any]
    chats: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Place:
    """The line's magic (empty in the text of a cell), the line from there on, and what is typed.

    ``words`` are those before the one at the cursor, without quotes; ``typed`` is that one as it
    is typed; ``braces`` what of a ``{{name}}`` is there, None outside of one; ``closed``: it has
    its end.
    """

    magic: str
    line: str
    words: tuple[str, ...] = ()
    typed: str = ""
    braces: str | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What is written at the cursor: the value of an option, else an option, else text."""

    option: Option | None = None
    flag: bool = False
    typed: str = ""


def find(text: str, row: int, column: int, *, automagic: bool = False) -> Place | None:
    """Return where the cursor is; None in code that is not ours."""
    lines = text.split("\n")
    head = next((n for n, line in enumerate(lines) if not COMMENT.match(line)), len(lines))
    first = MAGIC.match(lines[head]) if head <= row else None
    if first is not None and first[2] == "%%m1":
        if row == head:
            return _in_line(first, lines[row], column)
        return _in_text(lines[row], column, first[4])
    if head <= row and re.match(r"\s*%%", lines[head]) and not OF_PYTHON.match(lines[head]):
        return None
    match = MAGIC.match(lines[row])
    if match is not None and match[2] == "%m1":
        return _in_line(match, lines[row], column)
    if automagic and len(lines) == 1 and (call := AUTOMAGIC.match(text)):
        return _place("%m1", call[1], column - call.start(1), text[column:])
    return None


def _in_line(match: re.Match[str], line: str, column: int) -> Place | None:
    """Return the place in a line that begins with a magic; None at the magic itself."""
    start = match.start(4)
    if column < start or not match[3]:
        return None
    return _place(match[2], match[4], column - start, line[column:])


def _place(magic: str, line: str, column: int, after: str) -> Place:
    before = line[:column]
    braces = BRACES.search(before)
    words = list(WORD.finditer(before))
    typed = words.pop()[0] if words and words[-1].end() == len(before) else ""
    inside = braces[1] if braces else None
    earlier = tuple(unquoted(word[0]) for word in words)
    return Place(magic, line, earlier, typed, inside, after.startswith("}}"))


def _in_text(line: str, column: int, options: str) -> Place | None:
    braces = BRACES.search(line[:column])
    if braces is None:
        return None
    return Place("", options, braces=braces[1], closed=line[column:].startswith("}}"))


def expected(words: Sequence[str], typed: str, *, text: bool) -> Expected:
    """Return what is written after these words of a line that begins with options.

    As `command_line.leading` reads it: before ``text``, a question, a value that may be left out
    needs ``=``.
    """
    waiting: Option | None = None
    for word in words:
        if waiting is not None and not (waiting.bare is not None and word.startswith("-")):
            waiting = None
            continue
        waiting = None
        if word == "--" or not word.startswith("-"):
            return Expected(typed=typed)
        flag, equals, _ = word.partition("=")
        option = FLAGS.get(flag)
        if option is None:
            if word.startswith("--") or word[:2] not in FLAGS:
                return Expected(typed=typed)
        elif not (equals or option.switch or (option.bare is not None and text)):
            waiting = option
    if waiting is not None and not (waiting.bare is not None and typed.startswith("-")):
        return Expected(waiting, typed=typed)
    flag, equals, value = typed.partition("=")
    if equals and flag in FLAGS:
        return Expected(FLAGS[flag], typed=value)
    return Expected(flag=typed.startswith("-") or not typed, typed=typed)


def unquoted(word: str) -> str:
    """Return a word without its quotes, the last of which may still be open."""
    if PLAIN.fullmatch(word):
        return word
    for end in ("", '"', "'", "\\"):
        try:
            return "".join(shlex.split(word + end))
        except ValueError:
            continue
    return word


def last_of_list(typed: str) -> str:
    """Return what stands after the last comma that is not in quotes."""
    start = 0
    for part in re.finditer(r'"(?:\\.|[^"\\])*"?|\'[^\']*\'?|\\.|(,)', typed, re.DOTALL):
        start = part.end() if part[1] else start
    return typed[start:]
