"""What may be typed after ``%%m1`` and ``%m1``: options, verbs, and "did you mean".

Options stand on the first line, free text never shares an argument with them: leading options
are cut off the line token by token, the rest stays as it was typed, apostrophes and all.
"""

from __future__ import annotations

import argparse
import difflib
import keyword
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from os import PathLike
from typing import Any, NoReturn

from .calls import Options
from .config import send_level
from .errors import UsageError, plain
from .traits import dollars, short

RANGES = (
    ("temperature", 0, 2.0),
    ("top_p", 0, 1.0),
    ("max_tokens", 1, math.inf),
    ("df_tokens", 1, math.inf),
)
BRACED = re.compile(r"\s*(\{.*\})", re.DOTALL)
TOKEN = re.compile(r"""\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)""", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose errors are ours, without exit and without abbreviations."""

    def __init__(self, prog: str, **more: Any) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False, **more)

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process."""
        todo = (
            f"Usage: {self.usage_line()}"
            if self.prog.startswith("%m1 ")
            else "%m1 help lists the options."
        )
        raise UsageError(f"{self.prog}: {plain(message)}.", todo=todo)

    def usage_line(self) -> str:
        """Return the usage on one line."""
        return " ".join(self.format_usage().removeprefix("usage: ").split())

    @property
    def flags(self) -> dict[str, argparse.Action]:
        """Return each option string and its action."""
        return self._option_string_actions


def names(text: str) -> list[str]:
    """Split ``a,b`` into names."""
    return [name for part in text.split(",") if (name := part.strip())]


# Flags that may be repeated, each with several names.
MANY: dict[str, Any] = {"action": "extend", "type": names, "default": []}


def level(text: str) -> str:
    """Check a privacy level."""
    send_level(text)
    return text


def variable(text: str) -> str:
    """Check the name of a variable."""
    if not text.isidentifier() or keyword.iskeyword(text):
        raise UsageError(
            f"{plain(text, 40)!r} cannot be the name of a variable.", todo="Use --out NAME."
        )
    return text


def about_tables(parser: Parser) -> None:
    """Add the options that say what of a table may leave."""
    add = parser.add_argument
    add("--cols", metavar="COL[,COL]", help="only these columns; '!COL': all but these", **MANY)
    add(
        "--send",
        metavar="LEVEL",
        type=level,
        help="names, schema, stats, sample[:N]: what leaves of a table",
    )
    add("--df-tokens", metavar="N", type=int, help="most tokens of each table's summary (1500)")
    add("--allow", metavar="COL[,COL]", help="columns that look personal and may be sent", **MANY)
    add(
        "--diff",
        action="store_true",
        default=False,
        help="with two tables in --df: what changed between them",
    )


def table_options(prog: str, args: Sequence[str]) -> Options:
    """Return the options of a verb about tables, which it names without ``--df``.

    Raises:
        UsageError: an unknown option, a value that is missing or wrong.
    """
    parser = Parser(prog)
    parser.add_argument("df", metavar="NAME", nargs="*", help="a DataFrame, or a table file")
    about_tables(parser)
    given = vars(parser.parse_args(list(args)))
    given["df"] = [name for word in given["df"] for name in names(word)]
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return in_range(Options(**{**given, **lists}))


def table_flags() -> list[str]:
    """Return the options of `table_options`."""
    parser = Parser("%m1 df")
    about_tables(parser)
    return list(parser.flags)


def cell_options() -> Parser:
    """Return the parser of ``%%m1`` and ``%m1 ask``; each dest is a field of Options."""
    p = Parser("%%m1", argument_default=None)
    add = p.add_argument
    add("-d", "--df", metavar="NAME[,NAME]", help="attach a summary of these DataFrames", **MANY)
    about_tables(p)
    add(
        "-f",
        "--file",
        metavar="GLOB",
        action="append",
        default=[],
        help="attach text files, tables (their summaries), notebooks (their cells)",
    )
    add(
        "-c",
        "--chat",
        metavar="NAME",
        nargs="?",
        const="",
        type=short,
        help="continue this chat of the notebook; without a name, the last reply",
    )
    add("-m", "--model", metavar="SLUG", help="the model, for this call only")
    add("-s", "--system", metavar="TEXT", help="the system prompt, for this call only")
    add("-t", "--temperature", metavar="X", type=float, help="0 to 2, for this call only")
    add("--top-p", metavar="X", type=float, help="0 to 1, for this call only")
    add("--max-tokens", metavar="N", type=int, help="most output tokens, thinking included")
    add(
        "--seed",
        metavar="N",
        type=int,
        help="ask for the same answer again, where the provider can",
    )
    add(
        "--stop",
        metavar="TEXT",
        action="append",
        default=[],
        help="end the answer before this text",
    )
    add(
        "--think",
        metavar="LEVEL",
        help="off, low, medium, high, 40k, 80k or tokens; a hint to the model",
    )
    add(
        "--task",
        metavar="NAME",
        help="a ready system prompt with sampling: explain, debug, math, hint, …, or your own",
    )
    add("-o", "--out", metavar="NAME", type=variable, help="bind the Reply to this variable")
    add("--max-cost", metavar="USD", type=dollars, help="refuse the call if it could cost more")
    add(
        "--dry-run",
        action="store_true",
        default=False,
        help="show what would leave and its price; send nothing",
    )
    add("--quiet", action="store_true", default=False, help="display nothing but the record")
    add("--raw", action="store_true", default=False, help="plain text instead of rendered Markdown")
    return p


def options(line: str, *, text: bool = False) -> tuple[Options, str]:
    """Return the options at the start of ``line`` and the text after them, as typed.

    Before ``text``, a question, a value that may be left out needs ``=``.

    Raises:
        UsageError: an unknown option (with the nearest one), a value that is missing or wrong.
    """
    parser = cell_options()
    argv, rest = leading(line, parser, text=text)
    given = vars(parser.parse_args(argv))
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return in_range(Options(**{**given, **lists})), rest


def from_python(given: Mapping[str, Any], frames: tuple[str, ...]) -> Options:
    """Return the keyword arguments of ``ask()`` as Options.

    Raises:
        TypeError: an argument that there is not.
        UsageError: a value that cannot be.
    """
    allowed = {field.name for field in fields(Options)} - {"df", "out", "dry_run", "quiet", "raw"}
    for name in given:
        if name not in allowed:
            near = did_you_mean(name, allowed)
            raise TypeError(f"ask() got an unexpected keyword argument {name!r}.{near}")
    values = dict(given)
    stop = values.get("stop") or ()
    values["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    file = values.get("file") or ()
    values["file"] = tuple(map(str, (file,) if isinstance(file, (str, PathLike)) else file))
    for name in ("cols", "allow"):
        given_names = values.get(name) or ()
        values[name] = tuple(names(given_names) if isinstance(given_names, str) else given_names)
    if isinstance(values.get("chat"), bool):
        values["chat"] = "" if values["chat"] else None
    checks = (("chat", short), ("send", level), ("max_cost", dollars), ("think", str))
    for name, check in (*checks, ("task", str)):
        if values.get(name) is not None:
            values[name] = check(values[name])
    return in_range(Options(df=frames, **values))


def in_range(options: Options) -> Options:
    """Return the options, or raise UsageError for a number out of its range."""
    for name, least, most in RANGES:
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            shown = name.replace("_", "-")
            limit = f"goes from {least:g} to {most:g}" if math.isfinite(most) else "is at least 1"
            raise UsageError(f"--{shown} {limit}, not {value}.", todo="%m1 help lists the options.")
    return options


def leading(line: str, parser: Parser, *, text: bool = False) -> tuple[list[str], str]:
    """Cut the leading options, with their values, off ``line``."""
    argv: list[str] = []
    while line.strip() and line.lstrip().startswith("-"):
        word, after = token(line)
        if word == "--":
            return argv, after.strip()
        flag, equals, _ = word.partition("=")
        short = not word.startswith("--") and len(word) > 2 and word[:2] in parser.flags
        action = parser.flags.get(word[:2] if short else flag)
        if action is None:
            raise unknown_option(flag, parser)
        argv.append(word)
        follows = bool(after.strip()) and not after.lstrip().startswith("-")
        takes = action.nargs is None or (action.nargs == "?" and follows and not text)
        if takes and not equals and not short:
            if not after.strip():
                parser.error(f"{flag} needs a value")
            value, after = token(after)
            argv[-1] = f"{word}={value}" if word.startswith("--") else word + value
        line = after
    return argv, line.strip()


def token(line: str) -> tuple[str, str]:
    """Return the first word of ``line``, without its shell quotes, and what follows it."""
    match = TOKEN.match(line)
    if match is None or line[match.end() : match.end() + 1] in ('"', "'"):
        raise UsageError(
            f"A quote is not closed in {plain(line, 60)!r}.", todo='Close it, or write "it\'s".'
        )
    return shlex.split(match[1])[0] if match[1] else "", line[match.end() :]


def unknown_option(flag: str, parser: Parser) -> UsageError:
    """Return the error for an option that there is not, with the nearest one."""
    usage = "%m1 help lists them."
    return UsageError(
        f"There is no option {plain(flag, 40)!r}.{did_you_mean(flag, parser.flags)}", todo=usage
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean …?`` or nothing."""
    near = difflib.get_close_matches(word, list(known), n=2, cutoff=0.65)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def table(parser: Parser) -> str:
    """Return the parser's options as a Markdown table."""
    rows = ["| option | |", "|---|---|"]
    for action in dict.fromkeys(parser.flags.values()):
        value = f" {action.metavar}" if action.metavar else ""
        value = f" [{action.metavar}]" if action.nargs == "?" else value
        rows.append(f"| `{', '.join(action.option_strings)}{value}` | {action.help} |")
    return "\n".join(rows)


def words(line: str) -> Sequence[str]:
    """Split the arguments of a verb as a shell does; what stands in braces is one, as typed."""
    found = []
    while line.strip():
        if braced := BRACED.match(line):
            word, line = braced[1], line[braced.end() :]
        else:
            word, line = token(line)
        found.append(word)
    return found
