"""What a list of models (``GET /models``) says of one of them, whoever's server it is.

OpenRouter's shape, and the context where vLLM, llama.cpp, LM Studio and Groq tell theirs. All of it
is foreign: what is not of the kind that it should be is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from ..pricing.offers import texts
from ..pricing.prices import ModelLimits, Price, amount
from ..settings.traits import EFFORTS as LEVELS
from ..text import one_line

Entry = Mapping[str, Any]
CONTEXTS = ("max_model_len", "context_length", "context_window", "max_context_length")
EFFORTS = ("none", *LEVELS[1:])  # as they are sent, the least first
# OpenRouter's variants of a model's slug: the list has the model without them.
VARIANTS = (":online", ":nitro", ":floor", ":exacto", ":extended", ":thinking")


def named(models: Sequence[Entry], model: str) -> Entry | None:
    """Return the entry of a model, None if the list lacks it."""
    names = {model, *(model.removesuffix(variant) for variant in VARIANTS)}
    return next((one for one in models if one.get("id") in names), None)


def within(limits: ModelLimits | None, models: Sequence[Entry], model: str) -> ModelLimits | None:
    """Return limits with the context, and the longest answer, that a server's list tells."""
    entry = named(models, model) or {}
    if not entry and len(models) == 1 and "meta" in models[0]:
        entry = models[0]  # llama.cpp has one model, and serves it under any name
    meta = entry.get("meta")
    details = meta if isinstance(meta, dict) else {}
    lengths = [*map(entry.get, CONTEXTS), details.get("n_ctx"), details.get("n_ctx_train")]
    context, most = next(filter(_count, lengths), None), entry.get("max_completion_tokens")
    if parameters := texts(entry.get("supported_parameters")):
        limits = replace(limits or ModelLimits(model, source="models"), parameters=parameters)
    if context is None:
        return limits
    known = limits or ModelLimits(model, source="models")
    return replace(
        known, context=context, max_output=known.max_output or (most if _count(most) else None)
    )


def thinking(entry: Entry | None, wish: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """Return the ``reasoning`` that a model can take in place of a wish, and what changed.

    A model that always thinks gets its least effort for ``none``; an effort that it does not have
    becomes the next one below, else above.
    """
    listed = (entry or {}).get("reasoning")
    listed = listed if isinstance(listed, dict) else {}
    efforts, effort = listed.get("supported_efforts"), wish.get("effort")
    known = [one for one in EFFORTS if isinstance(efforts, list) and one in efforts]
    always = listed.get("mandatory") is True
    if always:
        known = [one for one in known if one != "none"]
    if effort is None or (effort in known if known else not (always and effort == "none")):
        return wish, ""
    if effort == "none" and not always and isinstance(efforts, list):
        return wish, ""  # what a list of efforts leaves out is not thinking, which has no effort
    if not known:
        return None, "thinking cannot be switched off"
    below = [one for one in known if EFFORTS.index(one) < EFFORTS.index(effort)]
    nearest = below[-1] if below else known[0]
    return {**wish, "effort": nearest}, f"thinking {effort} → {nearest}, which the model has"


def state(models: Sequence[Entry], model: str, price: Price | None) -> tuple[bool, str]:
    """Return whether a model can be had, and what there is to know: its end, what took its place.

    Args:
        price: the model's own, for the ratio to that of what serves, or could serve, its place.
    """
    entry = named(models, model)
    if entry is None:
        renamed = next((one for one in models if one.get("canonical_slug") == model), None)
        if renamed:
            return True, f"{model} is {_described(renamed, price)}"
        gone = f"{model} is not in the list: gone, or misspelt"
        return False, f"{gone}; {_instead(models, model, price)}"
    served = entry.get("canonical_slug")
    other = next((one for one in models if one is not entry and one.get("id") == served), None)
    notes = [f"{model} is served by {_described(other, price)}"] if other else []
    if day := expires(entry):
        notes.append(f"{model} expires on {day}; {_instead(models, model, price)}")
    return True, "; ".join(notes)


def expires(entry: Entry) -> date | None:
    """Return the day on which a model ends, None while none is set."""
    with suppress(ValueError):
        return date.fromisoformat(str(entry.get("expiration_date"))[:10])
    return None


def _instead(models: Sequence[Entry], model: str, price: Price | None) -> str:
    """Return the newest model of the same maker, and how much dearer or cheaper it is."""
    maker, own = model.split("/")[0] + "/", named(models, model)
    others = [
        one for one in models
        if str(one.get("id")).startswith(maker) and ":" not in str(one["id"])
        and one is not own and not one.get("expiration_date")
    ]  # fmt: skip
    if not others:
        return "%m1 models lists others"
    newest = max(others, key=lambda one: one["created"] if _count(one.get("created")) else 0)
    return f"in its place: {_described(newest, price)}"


def _described(entry: Entry, price: Price | None) -> str:
    """Return a model's name and its price as a multiple of another one."""
    pricing = entry.get("pricing")
    pricing = pricing if isinstance(pricing, dict) else {}
    given, got = amount(pricing.get("prompt")), amount(pricing.get("completion"))
    ratio = "at a price that cannot be compared"
    if price and price.input and price.output and given is not None and got is not None:
        ratio = (
            f"at {_times(given / price.input)} × the price in, {_times(got / price.output)} × out"
        )
    return f"{one_line(entry.get('id'), 80)} {ratio}"


def _times(ratio: Decimal) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
