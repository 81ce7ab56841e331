"""A view whose receipt says what ``%m1 continue`` would do about an answer that is not whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from ..calls import Event, Receipt, Request
from ..errors import M1Error
from ..pricing.dollars import money_at_most
from ..pricing.prices import ModelLimits, hold
from ..session.loop import Session
from ..session.view import View
from ..text import thousands
from .chats import NO_MORE, doubled


class ContinueHint:
    """Passes everything on to a view.

    Args:
        view: the view that shows the call.
        session: knows limits and prices.
    """

    def __init__(self, view: View, session: Session) -> None:
        self._view, self._session = view, session

    def open(self, request: Request, most: Decimal | None, sent: str) -> None:
        """See View.open."""
        self._view.open(request, most, sent)

    def feed(self, event: Event) -> None:
        """See View.feed."""
        self._view.feed(event)

    def tick(self) -> float | None:
        """See View.tick."""
        return self._view.tick()

    def close(self, receipt: Receipt) -> None:
        """See View.close."""
        reply = receipt.call.reply
        if reply.finish == "length" or (reply.status in ("failed", "stopped") and reply.text):
            limits = None
            with suppress(M1Error):  # asked for before the call, so at hand
                limits = self._session.limits(self._session.backend(), receipt.call.request.model)
            receipt = replace(receipt, notes=(*receipt.notes, advice(receipt, limits)))
        self._view.close(receipt)


def advice(receipt: Receipt, limits: ModelLimits | None) -> str:
    """Return what to do about an answer that met the limit of its length, or was cut off."""
    request = receipt.call.request
    if receipt.call.reply.text.strip():
        return "%m1 continue asks for the rest"
    wider = doubled(request.max_tokens, limits.max_output if limits else None)
    if not wider:
        return f"{NO_MORE}; ask for less at once"
    price = ""
    if limits and limits.dearest:
        most = hold(replace(request, max_tokens=wider), limits.dearest)
        price = f" (at most {money_at_most(most)})"
    return f"%m1 continue asks again with {thousands(wider)}{price}"
