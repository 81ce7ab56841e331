"""What would leave, before it leaves: ``%m1 df`` and ``--dry-run``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..context import gather
from ..errors import UsageError
from ..options import flags
from ..pricing.dollars import money, money_at_most
from ..pricing.forecast import price_words
from ..pricing.prices import known_limits
from ..render import footer, page
from ..session.budget import say_price
from ..session.plan import Plan
from ..text import md_cell
from .overview import overview
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
        above = overview(attachment.text)
        parts.append(page.folded(above, "The page, as it would be sent", attachment.text))
        parts.append(md_cell(footer.attachment(attachment)) + price)
    return "\n\n".join(parts) + "; nothing was sent"


def preview(plan: Plan) -> str:
    """Return the page of ``--dry-run``: the exact messages, what is attached, tokens and price."""
    request = plan.request
    parts = [f"**dry run** · {md_cell(request.model)} · nothing was sent"]
    for message, text in zip(request.messages, request.texts, strict=True):
        parts += [f"*{message.role}*", page.code(text)]
    parts += [md_cell(footer.attachment(a)) for a in request.attachments]
    body = request.body()
    parts += sampling({k: v for k, v in body.items() if k not in ("model", "messages")})
    headers = [f"{name}: {md_cell(value)}" for name, value in (request.headers or {}).items()]
    parts += [f"headers {' · '.join(headers)}"] if headers else []
    if plan.kept is not None:
        when = f" of {plan.kept.at:%Y-%m-%d %H:%M} UTC" if plan.kept.at else ""
        return "\n\n".join([*parts, f"$0: the kept answer{when} is shown (--fresh asks anew)"])
    length = f"about {plan.tokens:,} tokens in, at most {request.max_tokens:,} out"
    parts.append(f"{length} · {price_range(plan)}")
    return "\n\n".join([*parts, *(md_cell(note) for note in request.notes)])


def sampling(given: Mapping[str, Any]) -> list[str]:
    """Return what leaves beside the messages, the functions that may be called by themselves."""
    rest = " · ".join(f"{k} {md_cell(v)}" for k, v in given.items() if k != "tools")
    if "tools" not in given:
        return [rest]
    described = json.dumps(given["tools"], ensure_ascii=False, indent=1)
    return ["*tools*", page.code(described), rest]


def preview_each(labels: Sequence[str], plans: Sequence[Plan]) -> str:
    """Return the page of ``--dry-run`` for several calls: what leaves with each, and the prices."""
    names = [label or f"#{number}" for number, label in enumerate(labels, 1)]
    prices = ["$0, kept" if one.kept else price_range(one) for one in plans]
    rows = [[name, one.request.model, p] for name, one, p in zip(names, plans, prices, strict=True)]
    holds = [Decimal(0) if one.kept else one.hold for one in plans]
    known = [hold for hold in holds if hold is not None]
    most = f"at most {money_at_most(sum(known, Decimal(0)))}"
    total = most if len(known) == len(holds) else "price not known"
    sums = f"{len(plans)} calls at the same time · {total}"
    return "\n\n".join([preview(plans[0]), page.table(["", "model", "price"], rows), sums])


def price_range(plan: Plan) -> str:
    """Return what a call likely costs and what it could cost at most, and by which list."""
    if plan.hold is None:
        return f"price not known ({md_cell(say_price(plan.request.model))})"
    if plan.limits is None:
        return price_words(plan.hold, plan.forecast)
    source = f"{plan.limits.source}, no list of the endpoint yet"
    if plan.limits.own:
        source = plan.limits.source
    if plan.limits.at is not None:
        source = f"the endpoint's list of {plan.limits.at:%Y-%m-%d %H:%M} UTC"
    return f"{price_words(plan.hold, plan.forecast)} ({source})"
