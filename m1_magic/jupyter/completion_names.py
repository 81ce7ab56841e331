"""The names that a line of ours may hold: tables, columns, models, functions, ``{{names}}``.

Only what is at hand: no table is computed, no server asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType, ModuleType

from traitlets import Bool, CaselessStrEnum

from ..context.frames.column_names import column_names, text_keys
from ..context.frames.tables import is_frame
from ..context.variables import public_names
from ..ledger.sums import KEYS
from ..options import tasks
from ..settings.config import LEVELS, M1, MODEL, PERIODS, Level
from .completion_place import Known

AS_ATTRIBUTES = {"pandas", "modin", "dask"}  # libraries whose tables have columns as attributes
NAME = re.compile(r"[^\W\d]\w*")
STEP = re.compile(r"([^\W\d]\w*)([.\[])")


def of_option(source: str, line: str, known: Known) -> Iterable[str]:
    """Return what there is of a kind that an option takes; ``line`` may name tables."""
    sources: Mapping[str, Callable[[], Iterable[str]]] = {
        "tables": lambda: _where(_is_table, known),
        "columns": lambda: columns(line, known),
        "chats": lambda: known.chats().names(),
        "tasks": lambda: tasks.known(known.settings),
        "functions": lambda: ["sql", *_where(_is_function, known)],
        "types": lambda: _where(lambda value: hasattr(value, "model_fields"), known),
    }
    return sources[source]() if source in sources else ()


def of_slot(slot: str, after: str, last: str, known: Known) -> Iterable[str]:
    """Return what a word in capitals stands for in how a verb is used; others are themselves.

    ``after`` is the verb, or the flag, that it belongs to, ``last`` the word before.
    """
    if slot.islower():
        return [slot]
    verbs, named = known.verbs(), {"set": "SETTING", "--chat": "CHAT", "df": "TABLE"}
    slot = named.get(after, "") if slot == "NAME" else slot
    sources: Mapping[str, Callable[[], Iterable[str]]] = {
        "TOPIC": verbs.topics,
        "VERB": lambda: verbs.VERBS,
        "SETTING": verbs.settings_names,
        "CHAT": lambda: known.chats().names(),
        "TABLE": lambda: _where(_is_table, known),
        "VALUE": lambda: of_setting(last),
        "PERIOD": lambda: PERIODS,
        "KEY": lambda: KEYS,
        "N": lambda: map(str, range(1, _count(after, known) + 1)),
    }
    return sources[slot]() if slot in sources else ()


def of_setting(name: str) -> Sequence[str]:
    """Return the values that a setting may have, where they can be listed."""
    trait = M1.class_traits(config=True).get(name)
    words: Sequence[str] = ()
    if isinstance(trait, CaselessStrEnum):
        words = [str(value) for value in trait.values or ()]
    elif isinstance(trait, Bool):
        words = ("on", "off")
    elif isinstance(trait, Level):
        words = LEVELS
    return (*words, "none") if trait is not None and trait.allow_none else words


def _count(verb: str, known: Known) -> int:
    """Return how many answers side by side, or blocks of code, a verb may name by number."""
    chats = known.chats()
    if verb == "continue":
        return len(chats.beside.answers)
    return len(chats.last.reply.code) if verb == "code" and chats.last and chats.last.reply else 0


def columns(line: str, known: Known) -> list[str]:
    """Return the names of the columns of the tables that a line names."""
    values = (known.namespace.get(name) for name in dict.fromkeys(NAME.findall(line)))
    tables = (value for value in values if _is_table(value))
    return list(dict.fromkeys(name for table in tables for name in column_names(table)))


def models(settings: M1) -> list[str]:
    """Return the models that are named in the settings."""
    prices = settings.prices if isinstance(settings.prices, dict) else {}
    priced = [name for name, price in prices.items() if not isinstance(price, int | float)]
    return list(dict.fromkeys([MODEL, settings.model, *settings.fallbacks, *priced]))


def in_braces(typed: str, row: Iterable[str], known: Known) -> list[str]:
    """Return what may stand in ``{{…}}`` that begins so; ``row``: the columns of each row."""
    if step := STEP.match(typed):
        return _with_columns(step[1], step[2], known)
    named = [name for name in row if not re.search(r"[{}]", name)]
    return [*named, *_where(lambda value: not (callable(value) or _is_module(value)), known)]


def _with_columns(name: str, sign: str, known: Known) -> list[str]:
    """Return a table with each of its columns, as ``{{…}}`` takes them."""
    table = known.namespace.get(name)
    if not _is_table(table):
        return []
    names, kind = text_keys(table), type(table)
    if sign == "[":
        quotes = [(one, "'" if "'" not in one else '"') for one in names if "\\" not in one]
        return [f"{name}[{quote}{one}{quote}]" for one, quote in quotes if quote not in one]
    if kind.__module__.partition(".")[0] not in AS_ATTRIBUTES:
        return []
    own = [one for one in names if NAME.fullmatch(one) and not one.startswith("_")]
    return [f"{name}.{one}" for one in own if not hasattr(kind, one)]


def _is_table(value: object) -> bool:
    """Is it a table? Of what cannot be one by its type, nothing is asked that takes a look."""
    kind = type(value)
    may_be = hasattr(kind, "columns") or kind.__name__.endswith(("Series", "GroupBy"))
    return may_be and is_frame(value)


def _is_function(value: object) -> bool:
    return isinstance(value, FunctionType)


def _is_module(value: object) -> bool:
    return isinstance(value, ModuleType)


def _where(fits: Callable[[object], bool], known: Known) -> list[str]:
    """Return the user's variables whose values fit."""
    names = public_names(known.namespace)
    return [name for name in names if _safely(fits, known.namespace[name])]


def _safely(fits: Callable[[object], bool], value: object) -> bool:
    try:
        return bool(fits(value))
    except Exception:  # an object of the user's may do anything when it is asked
        return False
