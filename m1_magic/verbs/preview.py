"""What would leave, before it leaves: ``%m1 df`` and ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence

from ..calls import Request, Usage
from ..context import attached, wished
from ..context.frames import frame_named, opened
from ..context.frames import known as known_columns
from ..errors import UsageError
from ..options import flags
from ..pricing.prices import Offer, estimate, hold, known
from ..privacy import redaction
from ..render import footer, page
from .verb_context import Desk


def df(desk: Desk, args: Sequence[str]) -> str:
    """Show what M1 would get of DataFrames or table files, free."""
    options = flags.table_options("%m1 df", args)
    if not options.df:
        raise UsageError("Which table?", todo="%m1 df NAME, or %m1 df data.csv.")
    named = {name: opened(frame_named(name, desk.namespace)) for name in options.df}
    known_columns(options.allow, [table.names for table in named.values()])
    wish = wished(options, desk.settings)
    secrets = redaction.policy(desk.settings)
    made = attached(named, wish, cols=options.cols, diff=options.diff, secrets=secrets)
    offer = known(desk.settings.model)
    parts = []
    for attachment in made:
        price = ""
        if offer and offer.dearest:
            price = f", about {footer.money(attachment.tokens * offer.dearest.input)} as input"
        parts += [page.code(attachment.text), page.cell(footer.attachment(attachment)) + price]
    return "\n\n".join(parts) + "; nothing was sent"


def preview(request: Request, offer: Offer | None, tokens: int) -> str:
    """Return the page of ``--dry-run``: the exact messages, what is attached, tokens and price."""
    parts = [f"**dry run** · {page.cell(request.model)} · nothing was sent"]
    for message in request.messages:
        parts += [f"*{message.role}*", page.code(message.content)]
    parts += [page.cell(footer.attachment(a)) for a in request.attachments]
    sampling = {k: v for k, v in request.body().items() if k not in ("model", "messages")}
    parts.append(" · ".join(f"{k} {page.cell(v)}" for k, v in sampling.items()))
    length = f"about {tokens:,} tokens in, at most {request.max_tokens:,} out"
    parts.append(f"{length} · {price_range(request, offer, tokens)}")
    return "\n\n".join([*parts, *(page.cell(note) for note in request.notes)])


def price_range(request: Request, offer: Offer | None, tokens: int) -> str:
    """Return what a call would cost, from a short answer to the longest, and by which list."""
    if offer is None or offer.dearest is None or offer.cheapest is None:
        return "price not known"
    least = estimate(Usage(input=tokens), offer.cheapest)
    most = hold(request, offer.dearest)
    return f"from ≈{footer.money(least)} to at most {footer.money(most)} ({dated(offer)})"


def dated(offer: Offer) -> str:
    """Return whose price list an offer is from, and of when."""
    if offer.at is None:
        return f"{offer.source}, no list of the endpoint yet"
    return f"the endpoint's list of {offer.at:%Y-%m-%d %H:%M} UTC"
