"""From a line, or from keyword arguments of Python, to `Options`, by one table and one check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from .command_line import Parser, did_you_mean, leading
from .fields import KEYWORDS, OPTIONS, Option, Options, in_groups
from .kinds import one_at_a_time


def parser(prog: str, options: Iterable[Option]) -> Parser:
    """Return a parser of these options; each dest is a field of Options."""
    made = Parser(prog)
    for one in options:
        add(made, one)
    return made


def add(to: Parser, one: Option) -> None:
    """Add an option to a parser."""
    if one.switch:
        to.add_argument(*one.flags, action="store_true").type = one.read
        return
    to.add_argument(
        *one.flags,
        metavar=one.metavar,
        type=one.read,
        action="extend" if one.kind.split else "store",
        default=[] if one.kind.split else None,
        nargs=None if one.bare is None else "?",
        const=one.bare,
    )


@cache
def cell_options() -> Parser:
    """Return the parser of ``%%m1`` and ``%m1 ask``."""
    return parser("%%m1", OPTIONS.values())


def options(line: str, *, text: bool = False) -> tuple[Options, str]:
    """Return the options at the start of ``line`` and the text after them, as typed.

    Before ``text``, a question, a value that may be left out needs ``=``.
    """
    known = cell_options()
    argv, rest = leading(line, known, text=text)
    return made(vars(known.parse_args(argv))), rest


def table_options(prog: str, args: Sequence[str]) -> Options:
    """Return the options of a verb about tables, which it names without ``--df``."""
    known = parser(prog, in_groups("tables").values())
    known.add_argument("df", metavar="NAME", nargs="*", type=OPTIONS["df"].read)
    given = vars(known.parse_args(list(args)))
    return made({**given, "df": [name for names in given["df"] for name in names]})


def from_python(
    given: Mapping[str, Any], frames: tuple[str, ...], *, several: bool = False
) -> Options:
    """Return the keyword arguments of ``ask()`` as Options; None is "not given".

    Only where it says so may they ask for ``several`` answers at once.
    """
    for name in given:
        if name not in KEYWORDS:
            near = did_you_mean(name, (*KEYWORDS, "df"))
            raise TypeError(f"ask() got an unexpected keyword argument {name!r}.{near}")
    read = {n: KEYWORDS[n].read(value) for n, value in given.items() if value is not None}
    options = Options(df=frames, **read)
    if options.several and not several:
        raise one_at_a_time()
    return options


def made(given: Mapping[str, Any]) -> Options:
    """Return what a parser gave as Options."""
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
    return Options(**values)


def table() -> str:
    """Return the options of ``%%m1`` as a Markdown table, for help and README."""
    rows = [f"| `{one.usage}` | {one.help} |" for one in OPTIONS.values()]
    return "\n".join(["| option | |", "|---|---|", *rows])
