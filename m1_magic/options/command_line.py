"""A line → leading options, or words as a shell has them; and a parser whose errors are ours.

Free text never shares an argument with options: these are cut off the line token by token, the
rest stays as it was typed, apostrophes and all.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import NoReturn

from ..errors import HelpWanted, UsageError
from ..text import one_line
from .synonyms import nearest

BRACED = re.compile(r"\s*(\{.*\})", re.DOTALL)
HELP = ("--help", "-h")
BARE = re.compile(r"""[^\s"'\\]+""")
TOKEN = re.compile(r"""\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)""", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose errors are ours, without exit and without abbreviations."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process."""
        todo = "%m1 help lists the options."
        if self.prog.startswith("%m1 "):
            todo = f"Usage: {' '.join(self.format_usage().split()[1:])}"
        _, unknown, words = message.partition("unrecognized arguments: ")
        near = did_you_mean(words.split()[0].partition("=")[0], self.flags) if unknown else ""
        todo = f"{near} {todo}".strip()
        raise UsageError(f"{self.prog}: {one_line(message)}.", todo=todo)

    @property
    def flags(self) -> dict[str, argparse.Action]:
        """Return each option string and its action."""
        return self._option_string_actions


def leading(line: str, parser: Parser, *, text: bool = False) -> tuple[list[str], str]:
    """Cut the leading options, with their values, off ``line``."""
    argv: list[str] = []
    while line.strip() and line.lstrip().startswith("-"):
        word, after = token(line)
        if word == "--":
            return argv, after.strip()
        if word in HELP:
            raise HelpWanted("It is asked what options there are.", todo="%m1 help lists them.")
        flag, equals, value = word.partition("=")
        if flag not in parser.flags and not word.startswith("--"):  # -t0.3
            flag, equals, value = word[:2], "=", word[2:]
        action = parser.flags.get(flag)
        if action is None:
            raise no_such("option", word.partition("=")[0], parser.flags, "%m1 help lists them.")
        follows = bool(after.strip()) and not after.lstrip().startswith("-")
        takes = action.nargs is None or (action.nargs == "?" and follows and not text)
        if takes and not equals:
            if not after.strip():
                parser.error(f"{flag} needs a value")
            equals = "="
            value, after = token(after)
        if equals and action.nargs == 0 and callable(action.type):
            action.type(value)  # which refuses it: a switch takes none
        argv.append(f"{action.option_strings[-1]}{equals}{value}")
        line = after
    return argv, line.strip()


def token(line: str) -> tuple[str, str]:
    """Return the first word of ``line``, without its shell quotes, and what follows it."""
    match = TOKEN.match(line)
    if match is None or line[match.end() : match.end() + 1] in ('"', "'"):
        raise UsageError(
            f"A quote is not closed in {one_line(line, 60)!r}.", todo='Close it, or write "it\'s".'
        )
    return shlex.split(match[1])[0] if match[1] else "", line[match.end() :]


def quoted(word: str) -> str:
    """Return a word as it is written on a line: in quotes where it needs them."""
    if not word or BARE.fullmatch(word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


def no_such(noun: str, word: str, known: Iterable[str], todo: str, **more: str) -> UsageError:
    """Return the error for something that there is not, with the nearest that there is."""
    near = did_you_mean(word, map(one_line, known))
    return UsageError(f"There is no {noun} {one_line(word, 40)!r}.{near}", todo=todo, **more)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean …?`` or nothing."""
    near = nearest(word, known)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def words(line: str) -> Sequence[str]:
    """Split the arguments of a verb as a shell does; what stands in braces is one, as typed."""
    parts = []
    while line.strip():
        if braced := BRACED.match(line):
            word, line = braced[1], line[braced.end() :]
        else:
            word, line = token(line)
        parts.append(word)
    return parts
