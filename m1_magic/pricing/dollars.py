"""US dollars as text, where no sum is shown as zero that is not, and as whole nano-dollars."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal

NANO = Decimal(1_000_000_000)
_EXACT = Context(prec=60)


def to_nano(dollars: Decimal, rounding: str = ROUND_HALF_EVEN) -> int:
    """Return whole nano-dollars, rounded once."""
    return int((dollars * NANO).to_integral_value(rounding))


def from_nano(nano: int) -> Decimal:
    """Return dollars, without trailing zeros."""
    dollars = Decimal(nano) / NANO
    return dollars.quantize(Decimal(1)) if dollars == dollars.to_integral() else dollars.normalize()


def money(amount: Decimal | None, *, about: bool = False) -> str:
    """Return US dollars with at least four decimals and two significant digits; None: ``$?``.

    An estimate (``about``) is marked: ``≈$0.0054``.
    """
    if amount is None:
        return "$?"
    sign = "≈" if about else ""
    if not amount:
        return f"{sign}$0"
    places = max(4, 1 - amount.adjusted())
    return sign + _dollars(amount.quantize(Decimal(1).scaleb(-places), context=_EXACT))


def money_at_most(amount: Decimal | None) -> str:
    """Return an upper bound in US dollars, rounded up to two significant digits: ``$0.018``."""
    if amount is None:
        return "$?"
    places = max(2, 1 - amount.adjusted()) if amount else 2
    up = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_UP, context=_EXACT)
    return _dollars(_short(up))


def money_about(amount: Decimal) -> str:
    """Return a guess in US dollars, rounded to two significant digits: ``$0.004``."""
    places = max(2, 1 - amount.adjusted()) if amount else 2
    return _dollars(_short(amount.quantize(Decimal(1).scaleb(-places), context=_EXACT)))


def money_limit(amount: Decimal) -> str:
    """Return a budget in US dollars as it was set, with at least two decimals: ``$1.00``."""
    return _dollars(_short(amount))


def _short(amount: Decimal) -> Decimal:
    """Return the same number without trailing zeros beyond the cents."""
    bare = amount.normalize(_EXACT)
    exponent = bare.as_tuple().exponent
    few = isinstance(exponent, int) and exponent > -2
    return bare.quantize(Decimal("0.01"), context=_EXACT) if few else bare


def _dollars(amount: Decimal) -> str:
    return f"-${-amount:,f}" if amount < 0 else f"${amount:,f}"
