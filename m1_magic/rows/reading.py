"""A reply → the value of a row, or why it has none: text, one of the choices, or data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..calls import Reply
from ..options.fields import Options
from ..session.processor import Processor
from ..session.view import Silent
from ..settings.config import M1
from ..text import one_line
from ..typed.answer import NO_DATA, UNREADABLE, TypedAnswer
from ..typed.schema import wanted

CUT_OFF = "cut off: it needs more tokens (max_tokens)"
FILTERED = "cut off by the provider's content filter"


class Reading:
    """What the answers are wanted as; ``fields`` are those of data that is an object."""

    def __init__(self, options: Options, names: Mapping[str, object], settings: M1) -> None:
        self._kind, self._repairs = wanted(options, names), settings.repairs
        self._choices = options.choices
        shape = self._kind.shape if self._kind and not self._choices else None
        plain = shape is not None and shape.types == {"object"}
        self.fields = tuple(shape.properties) if shape is not None and plain else ()

    def processor(self) -> Processor | None:
        """Return what works with one answer, and asks again for what does not fit."""
        return TypedAnswer(Silent(), self._kind, self._repairs) if self._kind else None

    def kept(self, reply: Reply) -> Reply:
        """Return a reply that was kept, as it was read when it came."""
        processor = self.processor()
        return reply if processor is None else processor.finished(reply, None)[0]

    def value(self, reply: Reply) -> tuple[Any, str]:
        """Return the value, or None, and why there is none; of a text that was cut off, both."""
        cut = CUT_OFF if reply.status == "truncated" else ""
        if cut and reply.finish == "content_filter":
            cut = FILTERED
        if self._kind is None:
            return reply.text.strip() or None, cut
        if reply.data is not None:
            if self.fields:
                return self._kind.adapter.dump_python(reply.data, by_alias=True), ""
            return reply.data, ""
        if cut:
            return None, cut
        if self._choices:
            *_, last = reply.text.strip().splitlines() or [""]
            return None, f"none of the choices: {one_line(last, 60)}"
        why = [note for note in reply.notes if note.startswith((NO_DATA, UNREADABLE))]
        if not why and reply.text.strip():
            return None, ""  # null, which the type allows
        return None, one_line(why[-1] if why else f"{NO_DATA}no words", 300)
