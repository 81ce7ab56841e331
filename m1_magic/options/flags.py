"""The options of ``%%m1``, ``%m1 ask`` and ``ask()``, and those that verbs share with them."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from os import PathLike
from typing import Any

from ..calls import Options
from ..errors import UsageError
from ..settings.config import send_level
from ..settings.traits import dollars, short
from ..text import one_line
from .command_line import Parser, did_you_mean, leading
from .specs import cell_spec

RANGES = (
    ("temperature", 0, 2.0),
    ("top_p", 0, 1.0),
    ("max_tokens", 1, math.inf),
    ("df_tokens", 1, math.inf),
)


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
            f"{one_line(text, 40)!r} cannot be the name of a variable.", todo="Use --out NAME."
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
    add("--cells", metavar="SPEC", type=cell_spec, help="earlier cells: 3, 3-7, 3,5-7, last, all")
    add("--error", action="store_true", default=False, help="the last error and its cell")
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
    for name, check in (*checks, ("task", str), ("cells", cell_spec)):
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
