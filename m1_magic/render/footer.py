"""What a call used and cost, in one calm line, and as the record that a notebook keeps.

Pure functions of the receipt. A sum that is not zero is never shown as zero; what is not known
is ``$?``, never 0.
"""

from __future__ import annotations

from decimal import ROUND_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

from ..calls import Attachment, Receipt, Reply
from ..errors import plain
from .text import escape, visible

if TYPE_CHECKING:
    from ..settings.config import M1

RECORD = "application/vnd.m1-magic.call+json"
STYLE = (
    "color:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,gray));"
    "font-size:var(--jp-ui-font-size1,13px);line-height:1.5"
)
_EXACT = Context(prec=60)


def money(amount: Decimal | None) -> str:
    """Return US dollars with at least four decimals and two significant digits; None: ``$?``."""
    if amount is None:
        return "$?"
    if not amount:
        return "$0"
    places = max(4, 1 - amount.adjusted())
    return _dollars(amount.quantize(Decimal(1).scaleb(-places), context=_EXACT))


def at_most(amount: Decimal | None) -> str:
    """Return an upper bound in US dollars, rounded up to two significant digits: ``$0.018``."""
    if amount is None:
        return "$?"
    places = max(2, 1 - amount.adjusted()) if amount else 2
    up = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_UP, context=_EXACT)
    return _dollars(_short(up))


def limit(amount: Decimal) -> str:
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


def count(number: int) -> str:
    """Return a whole number with separators: ``1,204``."""
    return f"{number:,}"


def short(number: int) -> str:
    """Return a whole number in about two digits: ``950``, ``1.1k``, ``12k``, ``1.2M``."""
    for size, sign in ((1_000_000, "M"), (1000, "k")):
        # 999,950 is 1.0M, and not 1,000k.
        if number >= size - size // 2000:
            tenths = (number * 10 + size // 2) // size
            text = str((tenths + 5) // 10) if tenths >= 100 else f"{tenths / 10:.1f}"
            return text.removesuffix(".0") + sign
    return str(number)


def line(receipt: Receipt, settings: M1) -> str:
    """Return the footer's first line: model, tokens, price, sums, seconds, and how it ended."""
    reply, stable = receipt.call.reply, settings.footer == "stable"
    parts = [
        plain(reply.model or receipt.call.request.model, 100),
        *_tokens(reply),
        *_price(reply),
        *([] if stable else [_sums(receipt)]),
        *([] if stable else [f"{receipt.call.seconds:.1f} s"]),
        *_ending(reply),
    ]
    return " · ".join(parts)


def _tokens(reply: Reply) -> list[str]:
    usage = reply.usage
    if usage is None:
        return []
    cached = f" ({count(usage.cached)} cached)" if usage.cached else ""
    thinking = f" ({count(usage.reasoning)} thinking)" if usage.reasoning else ""
    return [f"{count(usage.input)} in{cached}", f"{count(usage.output)} out{thinking}"]


def _price(reply: Reply) -> list[str]:
    if reply.cost_source == "offline":
        return ["offline"]
    if reply.cost_source == "replayed":
        return ["replayed", "$0"]
    sign = "≈" if reply.cost_source == "estimated" and reply.cost is not None else ""
    return [sign + money(reply.cost)]


def _sums(receipt: Receipt) -> str:
    totals = receipt.totals
    if totals.budget is None:
        text = f"session {money(totals.session)}"
    else:
        text = f"{totals.period} {money(totals.spent)} of {limit(totals.budget)}"
    return text + (f" + {totals.unknown} unknown" if totals.unknown else "")


def _ending(reply: Reply) -> list[str]:
    if reply.status == "truncated":
        spent = reply.usage.reasoning if reply.usage else 0
        if spent and not reply.text:
            return [f"truncated: all {count(spent)} tokens went into thinking"]
        return ["truncated: length limit"]
    if reply.status == "failed":
        return ["cut off" if reply.text or reply.thinking else "failed"]
    return ["stopped"] if reply.status == "stopped" else []


def attachment(item: Attachment) -> str:
    """Return what left of one attachment: ``sales 336,776 × 19 → stats, 1.1k tokens, 0 rows``."""
    tokens = f"{short(item.tokens)} tokens"
    hidden = "column" if item.shape else "value"
    parts = [plain(item.level or item.kind, 40), tokens]
    if item.shape or item.rows or item.labels:
        parts += [many(item.rows, "row"), many(item.labels, "label")]
    if item.masked:
        parts.append(many(item.masked, hidden) + " masked")
    if item.dropped:
        parts.append(many(item.dropped, "output") + " left out")
    size = f" {count(item.shape[0])} × {count(item.shape[1])}" if item.shape else ""
    return f"{plain(item.name, 80)}{size} → {', '.join(parts)}"


def many(number: int, noun: str) -> str:
    """Return ``1 row`` or ``1,204 rows``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def lines(receipt: Receipt, settings: M1) -> list[str]:
    """Return the whole footer: the line, one for each attachment, one for each note."""
    texts = [
        line(receipt, settings),
        *(attachment(item) for item in receipt.call.request.attachments),
        *(plain(note, 500) for note in receipt.notes),
    ]
    return [visible(text) for text in texts]


def html_footer(receipt: Receipt, settings: M1) -> str:
    """Return the footer as small HTML in the theme's own second colour."""
    body = "<br>".join(escape(text) for text in lines(receipt, settings))
    return f'<div class="m1-footer mathjax_ignore tex2jax_ignore" style="{STYLE}">{body}</div>'


def record(receipt: Receipt, *, stable: bool = False) -> dict[str, Any]:
    """Return the machine-readable record of a call that is saved with the notebook.

    ``cost_usd`` is a JSON number that reads back to the ledger's last digit (nano-dollars), null
    while unknown; ``seconds`` is null where the saved file has to be stable.
    """
    call, reply = receipt.call, receipt.call.reply
    usage = reply.usage
    return {
        "id": call.id,
        "generation_id": call.attempts[-1].generation_id if call.attempts else None,
        "model": visible(reply.model or call.request.model),
        "usage": usage
        and {
            "input": usage.input,
            "output": usage.output,
            "reasoning": usage.reasoning,
            "cached": usage.cached,
        },
        "cost_usd": None if reply.cost is None else float(reply.cost),
        "cost_source": reply.cost_source,
        "seconds": None if stable else round(call.seconds, 3),
        "status": reply.status,
        "finish": reply.finish,
    }


def bundle(receipt: Receipt, settings: M1, *, html: bool = True) -> dict[str, Any]:
    """Return the footer's output: the line for people, the record for programs."""
    shown = {"text/html": html_footer(receipt, settings)} if html else {}
    kept = record(receipt, stable=settings.footer == "stable")
    text = "\n".join(lines(receipt, settings))
    return {**shown, "text/plain": text, RECORD: kept}
