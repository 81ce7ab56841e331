"""A call whose figures are computed: what the model is told, and which tables its queries read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..calls import Attachment, Request
from ..context import masked
from ..context.frames import frame_named
from ..errors import UsageError
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


def tables(request: Request) -> tuple[Attachment, ...]:
    """Return the attachments that are tables of which queries may be made."""
    return tuple(one for one in request.attachments if one.lasting)


def gone(request: Request, namespace: Mapping[str, object]) -> UsageError | None:
    """Return the error for a table of a request that is there no more, None if all are."""
    try:
        for one in tables(request):
            frame_named(one.name, namespace)
    except UsageError as problem:
        return problem
    return None


def opening(
    tables: Sequence[Attachment], namespace: Mapping[str, object], settings: M1
) -> Callable[[], Sandbox]:
    """Return what opens the tables that these attachments are of."""

    def opened() -> Sandbox:
        named = {one.name: frame_named(one.name, namespace) for one in tables}
        return Sandbox(named, timeout=settings.query_timeout)

    return opened


def answer(
    view: View,
    request: Request,
    options: Options,
    namespace: Mapping[str, object],
    settings: M1,
    before: str = "",
) -> ExactAnswer:
    """Return what shows an answer in ``view`` with its figures, from the tables of a request.

    Args:
        before: what M1 wrote of the answer whose rest is asked for.

    Raises:
        UsageError: there is none.
    """
    along = tables(request)
    if not along:
        raise UsageError(NO_TABLE, todo="Name one: --df NAME.")
    opened = opening(along, namespace, settings)
    sent = [text.replace(card.form(), "") for text in request.texts]
    return ExactAnswer(view, opened, sent, settings.repairs, before)
