"""A view whose receipt says what ``%m1 continue`` would do about an answer that is not whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from ..calls import Event, Receipt, Request
from ..errors import M1Error
from ..pricing.prices import Offer, hold
from ..render import View
from ..render.footer import at_most, count
from ..session.loop import Session
from .chats import NO_MORE, doubled


class Advised:
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
            offer = None
            with suppress(M1Error):  # asked for before the call, so at hand
                offer = self._session.offer(self._session.backend(), receipt.call.request.model)
            receipt = replace(receipt, notes=(*receipt.notes, advice(receipt, offer)))
        self._view.close(receipt)


def advice(receipt: Receipt, offer: Offer | None) -> str:
    """Return what to do about an answer that met the limit of its length, or was cut off."""
    request = receipt.call.request
    if receipt.call.reply.text.strip():
        return "%m1 continue asks for the rest"
    wider = doubled(request.max_tokens, offer.max_output if offer else None)
    if not wider:
        return f"{NO_MORE}; ask for less at once"
    price = ""
    if offer and offer.dearest:
        most = hold(replace(request, max_tokens=wider), offer.dearest)
        price = f" (at most {at_most(most)})"
    return f"%m1 continue asks again with {count(wider)}{price}"
