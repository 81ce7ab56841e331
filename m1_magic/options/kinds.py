"""What options take: each kind in words, and the function that reads it.

A reader is given what stands on a line, as text, or what was passed from Python; what it cannot
read is a TypeError or ValueError, or a UsageError that says more.
"""

from __future__ import annotations

import ast
import keyword
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, TypeVar, get_origin

from ..errors import UsageError
from ..pricing.tokens import ANSWER_TOKENS
from ..settings.config import LEVELS, send_level
from ..settings.traits import BUDGETS, EFFORTS, dollars, effort
from ..text import one_line

THINK = (*EFFORTS, *BUDGETS)
CELL_SPEC = re.compile(r"last|all|\d{1,9}(?:-\d{1,9})?")
THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind:
    """What an option takes, in words, and its reader; several values, if a text can be split."""

    takes: str
    read: Callable[[Any], Any]
    split: Callable[[str], list[str]] | None = None


def number(least: float, most: float) -> Kind:
    """Return the kind of a number in a range."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
            raise TypeError
        amount = float(value)
        if not least <= amount <= most:  # nor is NaN
            raise ValueError
        return amount

    return Kind(f"a number from {least:g} to {most:g}", read)


def whole_number(least: int | None = None) -> Kind:
    """Return the kind of an integer, written ``16000`` or ``16,000``."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, str | Integral):
            raise TypeError
        amount = int(THOUSANDS.sub("", value) if isinstance(value, str) else value)
        if least is not None and amount < least:
            raise ValueError
        return amount

    return Kind("a whole number" + ("" if least is None else f" of at least {least}"), read)


def text(value: object) -> str:
    """Return text as it is."""
    if not isinstance(value, str):
        raise TypeError
    return value


def column(value: object) -> str:
    """Return the name of a column."""
    if not text(value).strip():
        raise ValueError
    return text(value)


def switch(value: object) -> bool:
    """Return True or False."""
    if value not in (True, False):
        raise ValueError
    return bool(value)


def path(value: Any) -> str:
    """Return a path or a pattern as text."""
    return text(os.fspath(value))


def level(value: object) -> str:
    """Return a privacy level, checked."""
    send_level(text(value))
    return text(value)


def thinking(value: object) -> str:
    """Return a thinking level, checked; from Python, tokens may be a number."""
    text = value if isinstance(value, str) else str(whole_number(1).read(value))
    effort(text)
    return text


def cells(value: object) -> str:
    """Return which cells are meant, in its one way of writing; one may be a number."""
    spec = value if isinstance(value, str) else str(whole_number().read(value))
    parts = [part.strip() for part in spec.split(",") if part.strip()]
    for part in parts or [""]:
        first, _, last = part.partition("-")
        if not CELL_SPEC.fullmatch(part) or (last and int(first) > int(last)):
            raise UsageError(
                f"--cells does not take {one_line(part, 40)!r}.",
                todo="Write execution counts: 3, 3-7, 3,5-7, last or all.",
            )
    return ",".join(parts)


def chat(value: object) -> str | None:
    """Return a chat's name; empty (from Python: True) is the last reply, False is none."""
    if isinstance(value, bool):
        return "" if value else None
    name = " ".join(text(value).split())
    if name != one_line(name, 60):
        # Not quoted: it could be a key that was pasted.
        raise UsageError("That cannot be a name.", todo="Use up to 60 visible characters.")
    return name


def amount(value: object) -> Decimal:
    """Return US dollars."""
    if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
        raise TypeError
    return dollars(value)


def variable(value: object) -> str:
    """Return the name of a variable, checked, in the form in which Python reads it."""
    name = unicodedata.normalize("NFKC", text(value))
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(
            f"{one_line(name, 40)!r} cannot be the name of a variable.", todo="Use --out NAME."
        )
    return name


def answer_type(value: object) -> object:
    """Return a type, or fields and their types, as text or as Python has them."""
    if isinstance(value, str):
        try:
            ast.parse(f"_[{value.strip()}\n]", mode="eval")
        except (SyntaxError, RecursionError, MemoryError):
            raise ValueError from None
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            answer_type(one)
        if not value:
            raise ValueError
    elif not isinstance(value, type | None) and get_origin(value) is None:
        raise TypeError
    return value


def tool(value: object) -> object:
    """Return a function, or the name of one."""
    if not isinstance(value, str) and not callable(value):
        raise TypeError
    if isinstance(value, str) and not value.strip():
        raise ValueError
    return value.strip() if isinstance(value, str) else value


def choice(value: object) -> str | int | float:
    """Return a value that an answer may be; whole numbers of NumPy as Python's."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    if value != value or not str(value).strip() or "\n" in str(value):
        raise ValueError
    return value.strip() if isinstance(value, str) else value


def names(value: str) -> list[str]:
    """Split ``a,b`` into names."""
    return [name for part in value.split(",") if (name := part.strip())]


def alone(value: str) -> list[str]:
    """Return a text as the only one; an empty one is none."""
    return [value] if value else []


def one_or_more(kind: Kind) -> Kind:
    """Return the kind of a value that may be several: ``0,1`` on a line, a list in Python."""

    def read(value: Any) -> Any:
        if isinstance(value, list | tuple) and value:
            return tuple(map(kind.read, value))
        several = names(value) if isinstance(value, str) and "," in value else []
        if len(several) > 1:
            return tuple(map(kind.read, several))
        return kind.read(several[0] if several else value)

    return Kind(kind.takes, read)


def only(value: T | tuple[T, ...] | None) -> T | None:
    """Return the value of one call; raises UsageError where it is for several."""
    if isinstance(value, tuple):
        raise one_at_a_time()
    return value


def one_at_a_time() -> UsageError:
    """Return the refusal of several answers at once."""
    todo = "In a cell: %%m1 -m a,b, -t 0,1 or -n 3; in Python: ask()."
    return UsageError("Here one answer at a time can be asked for.", todo=todo)


TEXT = Kind("text", text)
TEXTS = Kind("text", text, alone)
MODELS = one_or_more(TEXT)
SWITCH = Kind("no value on a line, and True or False in Python", switch)
NAMES = Kind("names", text, names)
RETURNS = Kind(
    "'name: type, …', a pydantic model, a dict of name to type or a list of such", answer_type
)
TOOLS = Kind("functions, or their names, and sql", tool, names)
CHOICES = Kind("values, such as pos,neg", choice, names)
PATHS = Kind("a path or a pattern", path, alone)
SEND = Kind(f"{', '.join(LEVELS)} or sample:N", level)
THINKING = Kind(f"{', '.join(THINK)} or a number of tokens", thinking)
CELLS = Kind("execution counts (3, 3-7, 3,5-7), last or all", cells)
CHAT = Kind("a chat's name, or True in Python", chat)
DOLLARS = Kind("US dollars, such as 0.50", amount)
COLUMN = Kind("the name of a column", column)
VARIABLE = Kind("the name of a variable", variable)


def written(value: object) -> str:
    """Return a value that was refused as a message quotes it: the same from a line as from Python.

    Of what is no text and no number only the type is named: a table may be large, or private.
    """
    if isinstance(value, str):
        text = one_line(value, 40)
        with_digits = re.fullmatch(r"[-+]?([\d.,]+(e[-+]?\d+)?|nan|inf)", text, re.IGNORECASE)
        return text if with_digits else repr(text)
    if value is None or isinstance(value, bool | Real | Decimal):
        return one_line(value, 40)
    return f"a value of type {type(value).__name__}"


def reasoning(level: str | None) -> tuple[Mapping[str, Any] | None, int]:
    """Return OpenRouter's ``reasoning`` for a thinking level, and the ``max_tokens`` it needs."""
    if level is None:
        return None, 0
    wish = effort(level)
    if isinstance(wish, str):
        return {"effort": "none" if wish == "off" else wish}, 0
    return {"max_tokens": wish}, wish + ANSWER_TOKENS
