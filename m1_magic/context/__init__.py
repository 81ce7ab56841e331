"""What goes along with a prompt: tables that were named, and values put in its place.

Every route to a table ends in `frames.summarise`, at one privacy level for the whole call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..calls import Attachment, Options
from ..config import M1, send_level
from .frames import frame_named, summarise
from .values import insert

__all__ = ["Gathered", "gather"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """A prompt with values in place, the tables beside it (``--df``) and inside it, and notes."""

    prompt: str
    attachments: tuple[Attachment, ...] = ()
    inserted: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()


def gather(
    options: Options, prompt: str, namespace: Mapping[str, object], settings: M1
) -> Gathered:
    """Return the prompt and the summaries that a call sends.

    Args:
        options: ``df`` names the tables, ``send`` the level of this call.
        prompt: the text as typed.
        namespace: the notebook's variables.
        settings: ``send`` where the call says none, and ``min_group``.

    Raises:
        UsageError: no such level, table or value.
    """
    level, rows = send_level(options.send or settings.send)

    def summary(value: object, name: str) -> Attachment:
        return summarise(value, name, level=level, rows=rows, min_group=settings.min_group)

    attachments = tuple(
        summary(frame_named(name, namespace), name) for name in dict.fromkeys(options.df)
    )
    inserted = insert(prompt, namespace, summary)
    return Gathered(inserted.text, attachments, inserted.attachments, inserted.notes)
