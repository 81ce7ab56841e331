"""What a function gave, or raised → the text that the model is told, by the level in force.

Tables in whatever clothes go through their summary, as attachments do; of other containers below
``sample`` only type and size leave. Text is cut, secrets and personal data in it are masked.
"""

from __future__ import annotations

import linecache
import re
import sys
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from ..calls import Attachment, Message
from ..context import masked, wished
from ..context.aggregated import repeats
from ..context.frames import opened, summary
from ..context.frames.containers import TEXTS, builtin, is_scalar
from ..context.frames.summary import Wish
from ..context.frames.tables import is_frame, is_tabular
from ..context.last_error import read
from ..context.values import insert
from ..errors import UserFacingError
from ..options.fields import Options
from ..privacy import redaction
from ..privacy.error_messages import OF_PYTHON, message, words
from ..privacy.paths import is_library, relative_path
from ..privacy.personal_text import hidden
from ..settings.config import M1
from ..text import clean_output, one_line, thousands

PLAIN = {str, int, float, bool, type(None)}
# Whose numbers and dates say what they are, and nothing else.
SCALARS = {"builtins", "datetime", "decimal", "fractions", "numpy", "pandas", "pyarrow"}
DEEPEST = 20  # containers in each other
SEVERAL = 10  # frames that a function may give together
LONGEST = 20_000  # characters of a result that leave
BEYOND = 4_000  # characters behind these in which a secret may end that begins before
ITEMS = 1_000  # of a generator that are taken
# What M1 may have written as an argument: code, which could give one row many times.
CODE = re.compile(r"\w\(|\bselect\b.*\bfrom\b|\bfrom\b.*\bselect\b", re.I | re.S)
BULLET = re.compile(r"(?:[-*•]|\d{1,4}[.)])\s+")
VALUE = re.compile(r"(?=.{1,60}\Z)[^\s,;]+(?: [^\s,;]+){0,2}(?<![.!?:])")
# A folder of this machine, up to a file's own name.
FOLDERS = re.compile(r"(?:~|[A-Za-z]:)?(?:[\\/][^\\/\s'\"<>|:*?]+)+[\\/](?=[^\\/\s'\"]*)")


@dataclass(frozen=True)
class Page:
    """What leaves of a result, made by the level already."""

    text: str


@dataclass
class Results:
    """What leaves of results in one call; ``wish`` remembers the tables of earlier ones.

    Args:
        shown: the tables that went along with the question, of these columns (``cols``).
    """

    wish: Wish
    secrets: redaction.Policy
    shown: dict[str, object] = field(default_factory=dict)
    cols: Sequence[str] = ()

    @classmethod
    def of(cls, options: Options, settings: M1, shown: Mapping[str, object]) -> Results:
        """Return what the options and settings of a call say."""
        wish, secrets = wished(options, settings), redaction.policy(settings)
        return cls(wish, secrets, dict(shown) if wish.level == "stats" else {}, options.cols)

    def begin(self) -> None:
        """Remember the tables that were shown, before a function may change them.

        A result that differs from one of them in a few rows would tell of these.
        """
        shown, self.shown = self.shown, {}
        for name, table in shown.items():
            with suppress(UserFacingError):  # its engine cannot be asked any more
                summary(opened(table), name, self.wish, self.cols)

    def told(self, value: object, source: str = "", arguments: str = "") -> str:
        """Return what leaves of a value.

        Args:
            source: the code that made it.
            arguments: what M1 gave to that code.
        """
        if self.wish.level == "stats" and CODE.search(arguments):
            return replace(self, wish=replace(self.wish, level="schema")).told(value, source)
        if isinstance(value, Page):
            return value.text
        more = ""
        if isinstance(value, Iterator) and not is_tabular(value):
            items = list(islice(value, ITEMS + 1))
            value, more = items[:ITEMS], ""
            if len(items) > ITEMS:
                more = f"\n[only the first {thousands(ITEMS)} items were taken]"
        if value is None:
            return "None"
        if isinstance(value, str) and self.wish.level != "sample":
            value = _listed(value) or value
        if (several := _several(value)) is not None:
            return "\n\n".join(self._one(n, one, source) for n, one in enumerate(several, 1))
        return self._text(_plain(value, DEEPEST), source) + more

    def raised(self, error: BaseException, known: str) -> str:
        """Return what leaves of an error: one line, no folder of this machine.

        Args:
            known: what M1 wrote itself, so that it may be quoted.
        """
        (problem, *_) = read(error, lambda file: None).problems
        said, _ = redaction.mask(FOLDERS.sub("", problem.message), self.secrets)
        text, _ = message(said, self.wish.level, known, _raiser(error, problem.raiser))
        kind = problem.kind if self.wish.level == "sample" else _kind(type(error))
        return one_line(self.clean(f"It raised {kind}{': ' if text else ''}{text}"), 400)

    def clean(self, text: str) -> str:
        """Return text as it may leave: masked, and cut."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        over = len(text) - LONGEST
        made, _ = redaction.mask(clean_output(text[: LONGEST + BEYOND]), self.secrets)
        made = hidden(made)
        if over <= 0:
            return made
        # What the cut went through, and was not known for a secret any more, is not in it.
        end = min(LONGEST, len(made) - BEYOND // 2)
        return f"{made[:end]}\n[cut: {thousands(over)} characters more]"

    def table(self, value: object, name: str, source: str = "") -> Attachment:
        """Return the summary of a table; no figures where many rows may repeat one."""
        wish = self.wish
        if wish.level == "stats" and repeats(source, value):
            wish = replace(wish, level="schema")
        return masked(summary(opened(value), name, wish).attachment(), self.secrets)

    def _one(self, number: int, value: object, source: str) -> str:
        """Return what leaves of one of several results: of a frame, its summary."""
        if is_frame(value):
            return self.table(value, f"result {number}", source).text
        return f"result {number}: {self._text(_plain(value, DEEPEST), source)}"

    def _text(self, value: object, source: str) -> str:
        try:
            made = insert(
                "{{result}}",
                {"result": value},
                lambda table, name: self.table(table, name, source),
                self.wish.level,
            )
        except UserFacingError:
            kind = one_line(type(value).__name__, 60)
            return f"(a value of type {kind}, of which nothing can be told)"
        if made.inserted:  # masked by its columns
            return "\n\n".join(one.text for one in made.inserted)
        return self.clean(Message("user", made.parts).content())


def _listed(text: str) -> list[str] | None:
    """Return the values of a column that is written as a text: many, no words of a sentence."""
    heading, _, below = text.partition(":\n")
    text = below if below and "\n" not in heading else text
    for sign in ("\n", ";", ","):
        values = [BULLET.sub("", one.strip()) for one in text.strip(" \n.,;").split(sign)]
        if len(values) > TEXTS and all(map(VALUE.fullmatch, values)):
            return values
    return None


def _root(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _kind(error: type[BaseException]) -> str:
    """Return the name of an error as a class statement has it: one made of a value may be that."""
    for kind in error.__mro__:
        name, module = kind.__name__, sys.modules.get(getattr(kind, "__module__", ""))
        if name != kind.__qualname__ or getattr(module, name, None) is kind:
            return one_line(name, 100)
    return "an error"


def _raiser(error: BaseException, known: frozenset[str] | None) -> frozenset[str] | None:
    """Return which words of a message stand in texts of the function that raised it.

    The rest of a cell or file of the user's may hold the table itself, and is not sent. Of code
    whose file is not there nobody knows who made the message: Python's own words leave, too.
    """
    steps = [*traceback.walk_tb(error.__traceback__)]
    if not steps or is_library(steps[-1][0].f_code.co_filename):
        return known
    frame, _ = steps[-1]
    if known is None and linecache.getlines(frame.f_code.co_filename, frame.f_globals):
        return None
    codes, texts = [frame.f_code], list[str]()
    for code in codes:  # which grows
        codes += [one for one in code.co_consts if isinstance(one, types.CodeType)]
        texts += [one for one in code.co_consts if isinstance(one, str)]
    written = words("\n".join(texts))
    return OF_PYTHON | written if known is None else known & written


def _several(value: object) -> list[object] | None:
    """Return the values of a small tuple, list or dict that has frames in it, None of all else.

    Keys are not told: they may be values of a column.
    """
    if not isinstance(value, tuple | list | dict) or len(value) > SEVERAL:
        return None
    values = [*value.values()] if isinstance(value, dict) else [*value]
    return values if any(map(is_frame, values)) else None


def _plain(value: Any, depth: int) -> Any:
    """Return dataclasses, models and the like as plain data, all else as it is."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return relative_path(value)
    if isinstance(value, UUID):
        return str(value)
    if is_scalar(value) and not isinstance(value, str):
        return value if _root(value) in SCALARS else str(value)  # which may say anything
    if isinstance(value, type | str) or is_frame(value) or not depth:
        return value
    if type(value) not in (list, dict):
        few = isinstance(value, range) and len(value) <= ITEMS
        value = builtin([*value] if few else value)
    if isinstance(value, dict):
        if all(type(one) in PLAIN for one in value.values()):
            return value  # nothing is copied of what may be long
        return {key: _plain(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list) and not all(type(one) in PLAIN for one in value):
        return [_plain(one, depth - 1) for one in value]
    return value
