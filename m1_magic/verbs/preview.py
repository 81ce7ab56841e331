"""What would leave, before it leaves: ``%m1 df`` and ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence

from ..calls import Usage
from ..context import gather
from ..errors import UsageError
from ..options import flags
from ..pricing.dollars import money
from ..pricing.prices import estimate, known_limits
from ..render import footer, page
from ..session.plan import Plan
from ..text import md_cell
from .verb_context import VerbContext


def df(context: VerbContext, args: Sequence[str]) -> str:
    """Show what M1 would get of DataFrames or table files, free."""
    options = flags.table_options("%m1 df", args)
    if not options.df:
        raise UsageError("Which table?", todo="%m1 df NAME, or %m1 df data.csv.")
    gathered = gather(options, "", context.namespace, context.settings)
    limits = known_limits(context.settings.model)
    parts = []
    for attachment in gathered.attachments:
        price = ""
        if limits and limits.dearest:
            price = f", about {money(attachment.tokens * limits.dearest.input)} as input"
        parts += [page.code(attachment.text), md_cell(footer.attachment(attachment)) + price]
    return "\n\n".join(parts) + "; nothing was sent"


def preview(plan: Plan) -> str:
    """Return the page of ``--dry-run``: the exact messages, what is attached, tokens and price."""
    request = plan.request
    parts = [f"**dry run** · {md_cell(request.model)} · nothing was sent"]
    for message, text in zip(request.messages, request.texts, strict=True):
        parts += [f"*{message.role}*", page.code(text)]
    parts += [md_cell(footer.attachment(a)) for a in request.attachments]
    sampling = {k: v for k, v in request.body().items() if k not in ("model", "messages")}
    parts.append(" · ".join(f"{k} {md_cell(v)}" for k, v in sampling.items()))
    headers = [f"{name}: {md_cell(value)}" for name, value in (request.headers or {}).items()]
    parts += [f"headers {' · '.join(headers)}"] if headers else []
    length = f"about {plan.tokens:,} tokens in, at most {request.max_tokens:,} out"
    parts.append(f"{length} · {price_range(plan)}")
    return "\n\n".join([*parts, *(md_cell(note) for note in request.notes)])


def price_range(plan: Plan) -> str:
    """Return what a call would cost, from a short answer to the longest, and by which list."""
    if plan.limits is None or plan.limits.cheapest is None or plan.hold is None:
        return "price not known"
    least = estimate(Usage(input=plan.tokens), plan.limits.cheapest)
    source = f"{plan.limits.source}, no list of the endpoint yet"
    if plan.limits.at is not None:
        source = f"the endpoint's list of {plan.limits.at:%Y-%m-%d %H:%M} UTC"
    return f"from {money(least, about=True)} to at most {money(plan.hold)} ({source})"
