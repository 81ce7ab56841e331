"""A call whose figures are computed: what the model is told, and which tables its queries read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ..calls import Attachment, Request
from ..context import masked
from ..context.frames import frame_named
from ..errors import UsageError
from ..messages import Text
from ..options.fields import Options
from ..pricing.tokens import likely_tokens
from ..privacy import redaction
from ..session.view import View
from ..settings.config import M1, send_level
from . import card
from .answer import ExactAnswer
from .sandbox import Sandbox

TABLE = "frame"  # the kind of attachments that are tables
NO_TABLE = "--exact computes figures from tables, and none goes along."


def form() -> str:
    """Return how the model is to write its answer."""
    return card.form()


def told(
    attachments: Sequence[Attachment],
    namespace: Mapping[str, object],
    options: Options,
    settings: M1,
) -> tuple[Attachment, ...]:
    """Return the attachments; to tables what SQL knows of their columns is added.

    Raises:
        UsageError: a table that no query can read.
    """
    names = [one.name for one in attachments if one.kind == TABLE]
    tables = {name: frame_named(name, namespace) for name in names}
    if not tables:
        return tuple(attachments)
    level, _ = send_level(options.send or settings.send)
    secrets = redaction.policy(settings)
    with Sandbox(tables) as sandbox:
        known = {table.name: table for table in sandbox.tables}
    return tuple(
        masked(_with_columns(one, card.columns(known[one.name], {}, level != "names")), secrets)
        if one.name in known
        else one
        for one in attachments
    )


def _with_columns(attachment: Attachment, columns: str) -> Attachment:
    return replace(
        attachment,
        text=f"{attachment.text}\n\n{columns}",
        lasting=columns,
        tokens=attachment.tokens + likely_tokens(columns),
    )


def answer(
    view: View,
    request: Request,
    options: Options,
    namespace: Mapping[str, object],
    settings: M1,
) -> ExactAnswer:
    """Return what shows an answer in ``view`` with its figures, from the tables of a request.

    Raises:
        UsageError: there is none.
    """
    names = [one.name for one in request.attachments if one.lasting]
    if not names:
        raise UsageError(NO_TABLE, todo="Name one: --df NAME.")

    tables: dict[str, object] = {}
    for name in names:
        with suppress(UsageError):  # deleted since; a query over it says so
            tables[name] = frame_named(name, namespace)
    repairs = settings.repairs if len(tables) == len(names) else 0

    def opened_tables() -> Sandbox:
        return Sandbox(tables, timeout=settings.query_timeout)

    return ExactAnswer(view, opened_tables, known(request), repairs)


def known(request: Request) -> list[str]:
    """Return the texts whose numbers are not the model's own: what was typed and went along."""
    form = card.form()
    typed = (
        part.text.replace(form, "")
        for message in request.messages
        if message.role != "assistant"
        for part in message.parts
        if isinstance(part, Text)
    )
    return [*typed, *(one.text for one in request.attachments)]
