"""Dollars as the ledger stores them: whole nano-dollars, rounded once."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

NANO = Decimal(1_000_000_000)


def to_nano(dollars: Decimal, rounding: str = ROUND_HALF_EVEN) -> int:
    """Return whole nano-dollars, rounded once."""
    return int((dollars * NANO).to_integral_value(rounding=rounding))


def from_nano(nano: int) -> Decimal:
    """Return dollars, without trailing zeros."""
    dollars = Decimal(nano) / NANO
    return dollars.quantize(Decimal(1)) if dollars == dollars.to_integral() else dollars.normalize()
