"""What a server's list of models says of a request: its context, and whether it can think so.

The list is asked for where something hangs on it, once an hour; where it cannot be had, nothing is
known and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from weakref import WeakKeyDictionary

from ..backends import Backend
from ..backends.model_list import Entry, named, thinking
from ..calls import Request
from ..errors import M1Error
from ..interrupts import check
from ..pricing.limits import FRESH


class ModelLists:
    """The lists of models, each of this hour.

    By backend, not by its name: two servers on one host are two.
    """

    def __init__(self) -> None:
        self._lists: WeakKeyDictionary[Backend, tuple[datetime, Sequence[Entry]]]
        self._lists = WeakKeyDictionary()

    def of(self, backend: Backend, now: datetime) -> Sequence[Entry]:
        """Return the server's list, an empty one if it cannot be had."""
        at, models = self._lists.get(backend, (now, None))
        if models is None or abs(now - at) >= FRESH:
            try:
                models = backend.models()
            except M1Error:
                models = []
            check()  # a look that was stopped says nothing of the models
            self._lists[backend] = (now, models)
        return models

    def suited(self, request: Request, backend: Backend, now: datetime) -> Request:
        """Return the request with thinking as its model can, and a note where that differs."""
        if not request.reasoning:
            return request
        entry = named(self.of(backend, now), request.model)
        reasoning, note = thinking(entry, request.reasoning)
        notes = (*request.notes, note) if note else request.notes
        return replace(request, reasoning=reasoning, notes=notes)
