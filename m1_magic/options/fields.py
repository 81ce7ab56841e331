"""The table of options: one field of ``Options`` each, with all that the doors need to know of it.

The parsers of ``%%m1``, ``%m1 ask`` and ``%m1 df``, the keywords of ``ask()`` and their checks, the
panel's fields, completion, help and the README are made from this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any, Literal

from ..errors import UsageError
from ..settings.config import LEVELS, MODEL
from .kinds import (
    CELLS,
    CHAT,
    CHOICES,
    COLUMN,
    DOLLARS,
    MODELS,
    NAMES,
    PATHS,
    RETURNS,
    SEND,
    SWITCH,
    TEXT,
    TEXTS,
    THINK,
    THINKING,
    TOOLS,
    VARIABLE,
    Kind,
    number,
    one_or_more,
    whole_number,
    written,
)

# tables: what of a table may leave. context: what is sent beside the question. sampling: how it is
# answered. display and result: what is done with the answer; in Python, that is the caller's.
# rows: one question a row of a table; in Python, map() does it.
Group = Literal["tables", "context", "sampling", "display", "result", "rows"]
# Values that are looked up when they are completed.
Source = Literal["tables", "columns", "files", "chats", "tasks", "functions", "types"]


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of one option.

    ``bare`` is what it means without a value, where it may have one. ``values`` are offered by
    Tab and in the panel. ``label`` is its name in the panel, if it has a field there, and ``hint``
    what stands in the empty field, else the setting of the same name.
    """

    metavar: str
    help: str
    kind: Kind
    group: Group
    short: str = ""
    bare: str | None = None
    values: Sequence[str] | Source = ()
    label: str = ""
    hint: str = ""
    name: str = ""

    @property
    def flag(self) -> str:
        """Its long flag."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that it has."""
        return (self.short, self.flag) if self.short else (self.flag,)

    @property
    def usage(self) -> str:
        """Its flags and value, as help shows them."""
        value = f"[{self.metavar}]" if self.bare is not None else self.metavar
        return f"{', '.join(self.flags)} {value}".strip()

    @property
    def switch(self) -> bool:
        """Is it on or off?"""
        return self.kind is SWITCH

    @property
    def default(self) -> Any:
        """What it is if it is not given."""
        return () if self.kind.split else False if self.switch else None

    def read(self, value: Any) -> Any:
        """Return a value of a line (text) or of Python as in `Options`; raises UsageError."""
        if self.kind.split is None:
            return self._one(value)
        if isinstance(value, str):
            value = self.kind.split(value)
        elif not isinstance(value, Iterable):
            value = (value,)
        made = tuple(map(self._one, value))
        if self.kind is CHOICES and not made:  # none at all would be any answer
            todo = "Name at least two, each once: --choices pos,neg."
            raise UsageError(f"{self.flag} takes {CHOICES.takes}, and there are none.", todo=todo)
        return made

    def _one(self, value: Any) -> Any:
        try:
            return self.kind.read(value)
        except (ArithmeticError, TypeError, ValueError):
            takes = f"{self.flag} takes {self.kind.takes}, not {written(value)}."
            raise UsageError(takes, todo="%m1 help lists the options.") from None


def option(metavar: str, help: str, kind: Kind, group: Group, short: str = "", **more: Any) -> Any:
    """Return a field of `Options`; the arguments are those of `Option`."""
    made = Option(metavar, help, kind, group, short, **more)
    return field(default=made.default, metadata={"option": made})


@dataclass(frozen=True, slots=True)
class Options:
    """What one call asks for, beyond the settings; None is "as in the settings"."""

    # fmt: off
    df: tuple[str, ...] = option(
        "NAME[,NAME]", "attach a summary of these DataFrames", NAMES, "context", "-d",
        values="tables"
    )
    cols: tuple[str, ...] = option(
        "COL[,COL]", "only these columns; '!COL': all but these", NAMES, "tables", values="columns"
    )
    send: str | None = option(
        "LEVEL", "names, schema, stats, sample[:N]: what leaves of a table", SEND, "tables",
        values=LEVELS, label="tables as"
    )
    df_tokens: int | None = option(
        "N", "most tokens of each table's summary (1500)", whole_number(1), "tables"
    )
    allow: tuple[str, ...] = option(
        "COL[,COL]", "columns that look personal and may be sent", NAMES, "tables",
        values="columns"
    )
    diff: bool = option("", "with two tables in --df: what changed between them", SWITCH, "tables")
    exact: bool = option(
        "", "figures are computed here, by queries that M1 writes over the tables", SWITCH,
        "context", label="exact figures"
    )
    returns: Any = option(  # noqa: RUF009
        "TYPE", "data: 'name: str, price: float', list[…] of such, or a pydantic model", RETURNS,
        "sampling", values="types"
    )
    choices: tuple[str | int | float, ...] = option(
        "A,B", "the answer is one of these", CHOICES, "sampling"
    )
    tools: tuple[Any, ...] = option(
        "F,G", "functions that M1 may call; sql: queries over the tables", TOOLS, "sampling",
        values="functions", label="tools", hint="functions that M1 may call: f, g, sql"
    )
    yes: bool = option("", "call the functions of --tools without asking", SWITCH, "sampling")
    file: tuple[str, ...] = option(
        "GLOB", "attach text files, tables (their summaries), notebooks (their cells)", PATHS,
        "context", "-f", values="files", label="files", hint="*.md  data.csv"
    )
    chat: str | None = option(
        "NAME", "continue this chat of the notebook; without a name, the last reply", CHAT,
        "context", "-c", bare="", values="chats", label="chat",
        hint="a name: one question after the other"
    )
    cells: str | None = option(
        "SPEC", "earlier cells: 3, 3-7, 3,5-7, last, all", CELLS, "context",
        values=("last", "all"), label="cells", hint="last, 3, 5-7, all"
    )
    error: bool = option("", "the last error and its cell", SWITCH, "context", label="last error")
    model: str | tuple[str, ...] | None = option(
        "SLUG[,SLUG]", "the model, for this call only; several answer side by side",
        MODELS, "sampling", "-m", values=(MODEL,), label="model"
    )
    system: str | None = option(
        "TEXT", "the system prompt, for this call only", TEXT, "context", "-s"
    )
    temperature: float | tuple[float, ...] | None = option(
        "X[,X]", "0 to 2, for this call only; several side by side", one_or_more(number(0, 2)),
        "sampling", "-t", label="temperature"
    )
    n: int | None = option(
        "N", "ask so many times at once; the answers stand side by side", whole_number(1),
        "sampling", "-n"
    )
    top_p: float | None = option("X", "0 to 1, for this call only", number(0, 1), "sampling")
    max_tokens: int | None = option(
        "N", "most output tokens, thinking included", whole_number(1), "sampling",
        label="max tokens"
    )
    seed: int | None = option(
        "N", "ask for the same answer again, where the provider can", whole_number(), "sampling"
    )
    stop: tuple[str, ...] = option("TEXT", "end the answer before this text", TEXTS, "sampling")
    think: str | None = option(
        "LEVEL", f"{', '.join(THINK)} or tokens; a hint to the model", THINKING, "sampling",
        values=THINK, label="thinking", hint="as the model likes"
    )
    task: str | None = option(
        "NAME", "a ready system prompt with sampling: explain, debug, math, hint, …, or your own",
        TEXT, "sampling", values="tasks", label="task"
    )
    keep: bool = option(
        "", "show a kept answer to this request, outside of notebooks, too", SWITCH, "sampling"
    )
    fresh: bool = option("", "ask anew, though an answer is kept", SWITCH, "sampling")
    out: str | None = option("NAME", "bind the Reply to this variable", VARIABLE, "result", "-o")
    force_out: bool = option("", "--out may replace what is no Reply", SWITCH, "result")
    max_cost: Decimal | None = option(  # noqa: RUF009
        "USD", "refuse the call if it could cost more", DOLLARS, "sampling"
    )
    dry_run: bool = option(
        "", "show what would leave and its price; send nothing", SWITCH, "result"
    )
    each: str | None = option(
        "NAME", "ask one question a row of this table; {{column}} is the row's value", TEXT, "rows",
        values="tables"
    )
    into: str | None = option(
        "COL", "with --each: the new column (answer)", COLUMN, "rows", values="columns"
    )
    gold: str | None = option(
        "COL", "with --each: the column with known answers, 30 of which are asked first", TEXT,
        "rows", values="columns"
    )
    at_least: float | None = option(
        "X", "with --gold: the share of these that must be right, 0 to 1", number(0, 1), "rows"
    )
    workers: int | None = option(
        "N", "with --each: calls at the same time (64)", whole_number(1), "rows"
    )
    code: bool = option(
        "", "put the answer's code into the next cell; it is not run", SWITCH, "result"
    )
    quiet: bool = option("", "display nothing but the record", SWITCH, "display")
    raw: bool = option("", "plain text instead of rendered Markdown", SWITCH, "display")
    # fmt: on

    @property
    def several(self) -> bool:
        """Do they ask for several answers at once, be it for a list of one?"""
        values = self.model, self.temperature
        return self.n is not None or any(isinstance(value, tuple) for value in values)

    @property
    def by_row(self) -> bool:
        """Are they about rows of a table?"""
        about = self.each, self.into, self.gold, self.at_least, self.workers
        return any(value is not None for value in about)


OPTIONS = {one.name: replace(one.metadata["option"], name=one.name) for one in fields(Options)}


def in_groups(*groups: Group) -> dict[str, Option]:
    """Return the options of these groups, by name."""
    return {name: option for name, option in OPTIONS.items() if option.group in groups}


# What ask() takes by name; its tables are objects, so ``df`` is an argument of its own.
KEYWORDS = {n: o for n, o in in_groups("tables", "context", "sampling").items() if n != "df"}


def tables(options: Options) -> tuple[str, ...]:
    """Return the names of the tables that options are about."""
    named = (getattr(options, name) for name, one in OPTIONS.items() if one.values == "tables")
    return tuple(name for one in named if one for name in ((one,) if isinstance(one, str) else one))


def changed(options: Options) -> dict[str, Any]:
    """Return the options that are not at their defaults, by name."""
    given = {name: getattr(options, name) for name in OPTIONS}
    return {name: value for name, value in given.items() if value != OPTIONS[name].default}
