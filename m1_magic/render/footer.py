"""What a call used and cost, in one calm line, and as the record that a notebook keeps.

Pure functions of the receipt. A sum that is not zero is never shown as zero; what is not known
is ``$?``, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..calls import FREE, RECORD, Attachment, Call, Receipt, Replay, Reply, Totals, Usage
from ..exact.numbers import count
from ..pricing.dollars import money, money_limit
from ..text import escape_html, one_line, plural, short_count, show_controls, thousands
from . import tools

if TYPE_CHECKING:
    from ..settings.config import M1

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STYLE = "opacity:.7;font-size:.9em"  # small, and quiet in every theme


# What OpenRouter and others add to a model's name without making it another one.
VARIANT = re.compile(
    r":(?:free|online|nitro|floor|exacto|extended|thinking|beta|batch|latest|self-moderated)$"
    r"|[-@:]20\d{2}(?:-\d{2}-\d{2}|\d{4})$"
)


def line(receipt: Receipt, settings: M1) -> str:
    """Return the footer's first line: model, tokens, price, sums, seconds, and how it ended."""
    reply, stable = receipt.call.reply, settings.footer == "stable"
    if receipt.call.replay is not None:
        from_kept = _replayed(receipt.call.replay, stable, receipt.call.request.exact)
        return " · ".join([_model(receipt), *from_kept, *_ending(reply)])
    parts = [
        _model(receipt),
        *_tokens(reply),
        *_price(reply),
        *([] if stable or receipt.beside else [_sums(receipt.totals)]),
        *([] if stable else [f"{receipt.call.seconds:.1f} s"]),
        *_ending(reply),
    ]
    return " · ".join(parts)


def _replayed(replay: Replay, stable: bool, exact: bool) -> list[str]:
    """Return from when a kept answer is, what it did cost, and how to get another."""
    since = replay.at and replay.at.astimezone()
    when = f"kept on {one_line(replay.tape, 60)}" if replay.tape else "kept"
    if since and not stable:
        clock = "" if exact else f" {since:%H:%M}"
        when = f"kept from {since.day} {MONTHS[since.month - 1]}{clock}"
    if exact:
        when = f"text {when.removeprefix('kept ')}, figures computed now"
    was = "" if replay.cost is None else f" (was {money(replay.cost, about=replay.estimated)})"
    return [when, f"$0{was}", "--fresh asks anew"]


def same_model(one: str, other: str) -> bool:
    """Are these names of one model, whatever author, date and variant they come with?"""
    return _base(one) == _base(other)


def _base(name: str) -> str:
    base, shorter = "", name.lower().rpartition("/")[2]
    while base != shorter:
        base, shorter = shorter, VARIANT.sub("", shorter)
    return base


def _requested_model(receipt: Receipt) -> str:
    """Return the model that was asked for, where another one answered."""
    reply, requested = receipt.call.reply, receipt.call.request.model
    other = reply.cost_source != "offline" and not same_model(reply.model or requested, requested)
    return requested if other else ""


def _model(receipt: Receipt) -> str:
    answered = one_line(receipt.call.reply.model or receipt.call.request.model, 100)
    requested = _requested_model(receipt).rpartition("/")[2]
    return f"asked {one_line(requested, 100)}, answered {answered}" if requested else answered


def _tokens(reply: Reply) -> list[str]:
    usage = reply.usage
    if usage is None or reply.cost_source == "cached":
        return []
    about = "≈ " if usage.estimated else ""
    cached = f" ({thousands(usage.cached)} cached)" if usage.cached else ""
    thinking = f" ({thousands(usage.reasoning)} thinking)" if usage.reasoning else ""
    return [
        f"{about}{thousands(usage.input)} in{cached}",
        f"{about}{thousands(usage.output)} out{thinking}",
    ]


def _price(reply: Reply) -> list[str]:
    if reply.cost_source in FREE:
        return ["offline"] if reply.cost_source == "offline" else ["replayed", "$0"]
    if reply.cost_source == "cached" and not reply.cost:
        return ["cached, $0"]
    return [money(reply.cost, about=reply.cost_source == "estimated")]


def _sums(totals: Totals) -> str:
    if totals.budget is None:
        text = f"session {money(totals.session)}"
    else:
        text = f"{totals.period} {money(totals.spent)} of {money_limit(totals.budget)}"
    return text + (f" + {totals.unknown} unknown" if totals.unknown else "")


def _ending(reply: Reply) -> list[str]:
    if reply.finish == "refusal":
        return ["the model refused"]
    if reply.finish == "content_filter":
        return ["ended by the provider's content filter"]
    if reply.status == "truncated":
        spent = reply.usage.reasoning if reply.usage else 0
        if spent and not reply.text:
            return [f"truncated: all {thousands(spent)} tokens went into thinking"]
        over = reply.finish == "tool_calls"
        return ["truncated: no more rounds" if over else "truncated: length limit"]
    if reply.status == "failed":
        return ["cut off" if reply.text or reply.thinking else "failed"]
    return ["stopped"] if reply.status == "stopped" else []


def attachment(item: Attachment) -> str:
    """Return what left of one attachment: ``sales 336,776 × 19 → stats, 1.1k tokens, 0 rows``."""
    tokens = f"{short_count(item.tokens)} tokens"
    hidden = "column" if item.shape else "value"
    parts = [one_line(item.level or item.kind, 40), tokens]
    if item.shape or item.rows or item.labels:
        parts += [plural(item.rows, "row"), plural(item.labels, "label")]
    if item.masked:
        more = " (to send values: --send sample)" if item.kind == "error" else ""
        parts.append(plural(item.masked, hidden) + " masked" + more * (item.level != "sample"))
    if item.dropped:
        left = "table" if item.kind == "file" else "output"
        more = "" if item.level == "sample" else " (to send text: --send sample)"
        parts.append(f"{plural(item.dropped, left)} left out{more}")
    size = f" {thousands(item.shape[0])} × {thousands(item.shape[1])}" if item.shape else ""
    return f"{one_line(item.name, 80)}{size} → {', '.join(parts)}"


def lines(receipt: Receipt, settings: M1) -> list[str]:
    """Return the whole footer: the line, one for each attachment, one for each note."""
    along = () if receipt.beside else receipt.call.request.attachments
    texts = [
        line(receipt, settings),
        *map(attachment, along),
        *figures(receipt),
        *tools.summary(receipt.call, settings.footer == "stable"),
        *(one_line(note, 500) for note in (*receipt.call.reply.notes, *receipt.notes)),
    ]
    return [show_controls(text) for text in texts]


def of_one(receipt: Receipt, number: int) -> Receipt:
    """Return what the ``number``-th of several answers says by itself."""
    common = receipt.call.request.notes
    notes = (note for note in receipt.notes if note not in common)
    own = (note.replace("%m1 continue", f"%m1 continue {number}") for note in notes)
    return replace(receipt, notes=tuple(own), beside=True)


def of_all(
    replies: Sequence[Reply],
    receipts: Sequence[Receipt],
    totals: Totals,
    seconds: float,
    settings: M1,
) -> list[str]:
    """Return the footer below several answers: their sums, and what they have in common."""
    costs = [reply.cost for reply in replies if reply.cost is not None]
    about = any(reply.cost_source == "estimated" for reply in replies)
    price = money(sum(costs, Decimal(0)) if costs else None, about=about)
    unknown = len(replies) - len(costs)
    sums = f"{price} + {unknown} unknown" if unknown and costs else price
    parts = [plural(len(replies), "answer"), sums]
    # As below one answer: one that was kept tells neither sums nor seconds.
    if settings.footer != "stable" and any(one.call.replay is None for one in receipts):
        parts += [_sums(totals), f"{seconds:.1f} s"]
    requests = [receipt.call.request for receipt in receipts]
    along = dict.fromkeys(attachment(item) for one in requests for item in one.attachments)
    notes = dict.fromkeys(
        note for one in receipts for note in one.call.request.notes if note in one.notes
    )
    return [show_controls(one) for one in (" · ".join(parts), *along, *notes)]


def figures(receipt: Receipt) -> list[str]:
    """Return how many figures were computed; of other answers, how many stand in what was sent."""
    request, reply = receipt.call.request, receipt.call.reply
    if request.exact:
        return _computed(reply) if reply.figures else []
    if not any(one.kind == "frame" for one in request.attachments):
        return []
    # Of a chat without what M1 wrote itself: that makes no figure of its own a known one.
    pairs = zip(request.messages, request.texts, strict=True)
    sent = tuple(text for message, text in pairs if message.role != "assistant")
    counted = _counted(reply.text, (*sent, *(one.text for one in reply.tools)))
    return [counted] if counted else []


def _computed(reply: Reply) -> list[str]:
    failed = sum(bool(one.query and one.reason) for one in reply.figures)
    unchecked = sum(not one.query for one in reply.figures)
    parts = [f"{plural(len(reply.figures) - failed - unchecked, 'figure')} computed here"]
    parts += [f"{thousands(unchecked)} unchecked"] if unchecked else []
    parts += [f"{thousands(failed)} could not be computed"] if failed else []
    return [", ".join(parts)]


@lru_cache(1)  # a footer is made in several forms, one after the other
def _counted(text: str, sent: tuple[str, ...]) -> str:
    return count(text, (), sent)


def html_footer(receipt: Receipt, settings: M1) -> str:
    """Return the footer as small HTML in the theme's own second colour."""
    return as_html(lines(receipt, settings))


def as_html(texts: Sequence[str]) -> str:
    """Return lines of a footer as HTML."""
    body = "<br>".join(map(escape_html, texts))
    return f'<div class="m1-footer mathjax_ignore tex2jax_ignore" style="{STYLE}">{body}</div>'


def record(receipt: Receipt, settings: M1) -> dict[str, Any]:
    """Return the machine-readable record of a call that is saved with the notebook.

    ``cost_usd`` is a JSON number that reads back to the ledger's last digit (nano-dollars), null
    while unknown; ``seconds`` is null where the saved file has to be stable. ``asked`` is there
    where another model answered, ``estimated`` where tokens were not all counted.
    """
    call, reply = receipt.call, receipt.call.reply
    requested = _requested_model(receipt)
    return {
        "id": call.id,
        "generation_id": call.attempts[-1].generation_id if call.attempts else None,
        "model": show_controls(reply.model or call.request.model),
        **({"asked": show_controls(requested)} if requested else {}),
        "usage": reply.usage and _counts(reply.usage),
        "cost_usd": None if reply.cost is None else float(reply.cost),
        "cost_source": reply.cost_source,
        **({"replays": call.replay.id} if call.replay else {}),
        "seconds": None if settings.footer == "stable" else round(call.seconds, 3),
        "status": reply.status,
        "finish": reply.finish,
        **_to_verify(call),
    }


def _to_verify(call: Call) -> dict[str, Any]:
    """Return the figures that were computed and the tables that they are of, to be verified."""
    if not call.reply.template:
        return {}
    figures = [one for one in call.reply.figures if one.query]
    return {
        "figures": [
            {"query": f.query, "source": _saved(f.source), "text": _saved(f.text)} for f in figures
        ],
        "tables": list(dict.fromkeys(n for a in call.request.attachments for n in a.tables)),
    }


def _saved(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # no file has lone surrogates


def _counts(usage: Usage) -> dict[str, Any]:
    return {name: count for name, count in asdict(usage).items() if count is not False}


def bundle(receipt: Receipt, settings: M1, *, html: bool = True) -> dict[str, Any]:
    """Return the footer's output: the line for people, the record for programs."""
    page_form = {"text/html": html_footer(receipt, settings)} if html else {}
    text = "\n".join(lines(receipt, settings))
    return {**page_form, "text/plain": text, RECORD: record(receipt, settings)}
