"""Kinds of values that traitlets does not have: numbers, dollars, prices, patterns, tasks."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from traitlets import Dict, Float, TraitError, TraitType

from ..errors import BadSetting, UsageError
from ..text import one_line

# Dollars: what the ledger's 64 bits of nano-dollars hold. What claims to be more is no price.
MOST = Decimal(1_000_000_000)
# OpenRouter's efforts (OpenRouter docs, best-practices/reasoning-tokens), and M1's two budgets.
EFFORTS = ("off", "minimal", "low", "medium", "high", "xhigh", "max")
BUDGETS = {"40k": 40_000, "80k": 80_000}
# A thinking budget beyond any model's context is a slip of the finger.
MOST_DIGITS = 7
# What a task may say: a system prompt, sampling as in the settings of that name, and thinking.
PARTS = ("system", "temperature", "top_p", "max_tokens", "think", "thinking")
NAME = re.compile(r"\w[\w-]{0,39}")
# A number in plain ASCII: ``Decimal`` alone takes ``1_0`` and the digits of any script.
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
FREE = "free"


class Real(Float[Any, Any]):
    """A number that is one: every limit below lets NaN through."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the number, or raise TraitError."""
        number = super().validate(obj, value)
        if number is not None and not math.isfinite(number):
            self.error(obj, value)
        return number


class Patterns(TraitType[Any, Any]):
    """Names and regular expressions that compile."""

    info_text = "a dict of names and regular expressions"
    default_value = None
    allow_none = True

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the patterns, or raise TraitError."""
        try:
            for name, pattern in value.items():
                re.compile(str.strip(pattern) and str.strip(name) and pattern)
        except (AttributeError, re.error, TypeError):
            self.error(obj, value)
        return value


class Tasks(Dict):
    """Own tasks: a name, and its system prompt or a dict of ``PARTS``."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the tasks, or raise TraitError; BadSetting where it can say which one."""
        given = dict(super().validate(obj, value) or {})
        for name, task in given.items():
            if not (isinstance(name, str) and NAME.fullmatch(name)):
                raise BadSetting(
                    f"{one_line(repr(name), 60)} cannot be the name of a task.",
                    todo="One word: letters, digits, - and _.",
                )
            parts = task if isinstance(task, dict) else {"system": task}
            wrong = [str(part) for part, wish in parts.items() if not _fits(obj, part, wish)]
            if wrong or not parts:
                cannot = f"have this {one_line(', '.join(wrong), 60)}" if wrong else "be empty"
                raise BadSetting(
                    f"The task {name} cannot {cannot}. A task is a system prompt, or a dict of"
                    f" {', '.join(PARTS[:-1])}, and 'thinking': 'drop'."
                )
        return given


def _fits(obj: Any, part: object, wish: object) -> bool:
    """Is this a part that a task may have?"""
    try:
        if part == "think":
            return bool(effort(str(wish)))
        if part == "thinking":
            return wish == "drop"
        return part in PARTS and bool(str(obj.traits()[part].validate(obj, wish)).strip())
    except (TraitError, UsageError):
        return False


class Dollars(TraitType[Any, Any]):
    """US dollars as ``Decimal``, or None; takes numbers and strings such as ``"0.50"``."""

    info_text = "US dollars (a number that is not negative) or None"
    default_value = None
    allow_none = True

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the amount, or raise TraitError."""
        try:
            return value if value is self.default_value else dollars(value)
        except UsageError:
            self.error(obj, value)


class Prices(TraitType[Any, Any]):
    """``"free"``, US dollars per million tokens, or either of them by model."""

    info_text = "'free', {'prompt': 0.4, 'completion': 2.2}, or {model: either of these}"
    default_value = None
    allow_none = True

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the prices, or raise TraitError."""
        by_model = value.items() if isinstance(value, dict) and value else [("", value)]
        if not per_million(value) and not all(
            isinstance(name, str) and name and per_million(price) for name, price in by_model
        ):
            self.error(obj, value)
        return FREE if isinstance(value, str) else value


def per_million(price: object) -> tuple[Decimal, Decimal] | None:
    """Return US dollars per million tokens of prompt and completion; None for what is no price."""
    if isinstance(price, str) and price.strip().lower() == FREE:
        return Decimal(0), Decimal(0)
    if not isinstance(price, dict) or set(price) != {"prompt", "completion"}:
        return None
    given, got = dollars_or_none(price["prompt"]), dollars_or_none(price["completion"])
    return None if given is None or got is None else (given, got)


def dollars_or_none(value: object) -> Decimal | None:
    """Return a number, or text that is one, as US dollars; None for anything else."""
    text = str(value)
    if not NUMBER.fullmatch(text):  # as True, None and lists
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= MOST else None


def dollars(value: object) -> Decimal:
    """Return a number, ``"0.50"`` or ``"$0.50"`` as exact US dollars; raises UsageError."""
    amount = dollars_or_none(str(value).strip().removeprefix("$"))
    if amount is None:
        raise UsageError(f"{one_line(value, 40)!r} is no amount in US dollars.", todo="Write 0.50.")
    return amount


def effort(level: str) -> str | int:
    """Return one of ``EFFORTS``, or the tokens that a thinking level stands for."""
    if level in EFFORTS or level == "none":
        return level
    number = level.isdecimal() and len(level) <= MOST_DIGITS
    budget = BUDGETS.get(level) or (int(level) if number else 0)
    if not budget:
        raise UsageError(
            f"There is no thinking level {one_line(level, 40)!r}.",
            todo=f"Use {', '.join((*EFFORTS, *BUDGETS))} or a number of tokens.",
        )
    return budget
