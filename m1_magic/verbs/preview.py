"""What would leave, before it leaves: ``%m1 df`` and ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence

from .. import grammar, redact
from ..calls import Request, Usage
from ..context import attached, wished
from ..context.frames import frame_named, opened
from ..context.frames import known as known_columns
from ..errors import UsageError
from ..prices import Offer, estimate, hold, known, likely_tokens
from ..render import footer, page
from .desk import Desk


def df(desk: Desk, args: Sequence[str]) -> str:
    """Show what M1 would get of DataFrames or table files, free."""
    options = grammar.table_options("%m1 df", args)
    if not options.df:
        raise UsageError("Which table?", todo="%m1 df NAME, or %m1 df data.csv.")
    named = {name: opened(frame_named(name, desk.namespace)) for name in options.df}
    known_columns(options.allow, [table.names for table in named.values()])
    wish = wished(options, desk.settings)
    secrets = redact.policy(desk.settings)
    made = attached(named, wish, cols=options.cols, diff=options.diff, secrets=secrets)
    offer = known(desk.settings.model)
    parts = []
    for attachment in made:
        price = ""
        if offer and offer.dearest:
            price = f", about {footer.money(attachment.tokens * offer.dearest.input)} as input"
        parts += [page.code(attachment.text), page.cell(footer.attachment(attachment)) + price]
    return "\n\n".join(parts) + "; nothing was sent"


def preview(request: Request, offer: Offer | None) -> str:
    """Return the page of ``--dry-run``: the exact messages, what is attached, tokens and price."""
    parts = [f"**dry run** · {page.cell(request.model)} · nothing was sent"]
    for message in request.messages:
        parts += [f"*{message.role}*", page.code(message.content)]
    parts += [page.cell(footer.attachment(a)) for a in request.attachments]
    sampling = {k: v for k, v in request.body().items() if k not in ("model", "messages")}
    parts.append(" · ".join(f"{k} {page.cell(v)}" for k, v in sampling.items()))
    tokens = likely_tokens(request.text)
    length = f"about {tokens:,} tokens in, at most {request.max_tokens:,} out"
    parts.append(f"{length} · {price_range(request, offer)}")
    return "\n\n".join([*parts, *(page.cell(note) for note in request.notes)])


def price_range(request: Request, offer: Offer | None) -> str:
    """Return what a call would cost, from a short answer to the longest."""
    if offer is None or offer.dearest is None or offer.cheapest is None:
        return "price not known"
    least = estimate(Usage(input=likely_tokens(request.text)), offer.cheapest)
    return f"from ≈{footer.money(least)} to at most {footer.money(hold(request, offer.dearest))}"
