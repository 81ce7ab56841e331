"""Kinds of values that traitlets does not have: finite numbers, US dollars, patterns, names."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from traitlets import Float, TraitType

from .errors import UsageError, plain

# Dollars: what the ledger's 64 bits of nano-dollars hold. What claims to be more is no price.
MOST = Decimal(1_000_000_000)


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


class Dollars(TraitType[Any, Any]):
    """US dollars as ``Decimal``, or None; takes numbers and strings such as ``"0.50"``."""

    info_text = "US dollars (a number that is not negative) or None"
    default_value = None
    allow_none = True

    def validate(self, obj: Any, value: Any) -> Decimal:
        """Return the amount, or raise TraitError."""
        try:
            return dollars(value)
        except UsageError:
            self.error(obj, value)


def dollars(value: object) -> Decimal:
    """Return ``value`` (a number or ``"0.50"``, ``"$0.50"``) as exact US dollars.

    Raises:
        UsageError: not a number, below zero, or over ``MOST``.
    """
    try:
        amount = Decimal(str(value).strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= MOST:
        raise UsageError(f"{plain(value, 40)!r} is no amount in US dollars.", todo="Write 0.50.")
    return amount


def short(text: str) -> str:
    """Return a name for people on one line, or raise UsageError; it may be empty."""
    name = " ".join(text.split())
    if name != plain(name, 60):
        # Not quoted: it could be a key that was pasted.
        raise UsageError("That cannot be a name.", todo="Use up to 60 visible characters.")
    return name
