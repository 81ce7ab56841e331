"""A call whose figures are computed: what the model is told, and which tables its queries read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..calls import Attachment, Request
from ..context import masked, wished
from ..context.frames import frame_named, opened, summary
from ..context.values import Gathered
from ..errors import UsageError
from ..messages import Text
from ..options.fields import Options
from ..pricing.tokens import likely_tokens
from ..privacy import redaction
from ..session.view import View
from ..settings.config import M1
from ..text import one_line
from . import card
from .answer import ExactAnswer
from .sql.engine import Engine
from .sql.engines import sandbox_of

TABLE = "frame"  # the kind of attachments that are tables
NO_TABLE = "--exact computes figures from tables, and none goes along."


def with_instructions(
    gathered: Gathered, namespace: Mapping[str, object], options: Options, settings: M1
) -> tuple[Gathered, str]:
    """Return what goes along, tables with what SQL knows of them, and how to write the answer.

    Raises:
        UsageError: a table that no query can read.
    """
    along = (*gathered.attachments, *gathered.inserted)
    of = {one.name: _tables(one, options) for one in along if one.kind == TABLE}
    tables = {name: _table(name, namespace) for names in of.values() for name in names}
    if not tables:
        return gathered, card.form()
    wish, summaries = wished(options, settings), dict(gathered.summaries)
    for name in tables.keys() - summaries.keys():  # two that are compared
        summaries[name] = summary(opened(tables[name]), name, wish, options.cols)
    engine = sandbox_of(tables, columns={name: summaries[name].places for name in tables})
    engine.close()
    known = {table.name: table for table in engine.tables}
    dialect = engine.tables[0].dialect
    secrets = redaction.policy(settings)

    def with_columns(one: Attachment) -> Attachment:
        columns = "\n\n".join(
            card.columns(known[name], card.formats(summaries[name], dialect), wish.level != "names")
            for name in of.get(one.name, ())
        )
        return masked(_with_columns(one, columns, of[one.name]), secrets) if columns else one

    return replace(
        gathered,
        attachments=tuple(map(with_columns, gathered.attachments)),
        inserted=tuple(map(with_columns, gathered.inserted)),
    ), card.form(dialect)


def _table(name: str, namespace: Mapping[str, object]) -> object:
    """Return the table that an attachment of this name is about."""
    try:
        return frame_named(name, namespace)
    except UsageError:
        if not Path(name).expanduser().is_file():
            raise
        label = one_line(name, 60)
        raise UsageError(
            f"Queries cannot read {label}: it is no CSV, Parquet, Arrow or JSON-lines file.",
            todo="Load it, and name the DataFrame: --df NAME.",
        ) from None


def _tables(attachment: Attachment, options: Options) -> tuple[str, ...]:
    """Return the tables that an attachment is about."""
    compared = options.diff and attachment.name not in options.df
    return options.df if compared else (attachment.name,)


def _with_columns(attachment: Attachment, columns: str, tables: tuple[str, ...]) -> Attachment:
    return replace(
        attachment,
        text=f"{attachment.text}\n\n{columns}",
        lasting=columns,
        tables=tables,
        tokens=attachment.tokens + likely_tokens(columns),
    )


def names(request: Request) -> tuple[str, ...]:
    """Return the tables that queries may read; raises UsageError where there is none."""
    tables = tuple(dict.fromkeys(name for one in request.attachments for name in one.tables))
    if not tables:
        raise UsageError(NO_TABLE, todo="Name one: --df NAME.")
    return tables


def gone(request: Request, namespace: Mapping[str, object]) -> UsageError | None:
    """Return the error for a table of a request that is there no more, None if all are."""
    try:
        for name in names(request):
            frame_named(name, namespace)
    except UsageError as problem:
        return problem
    return None


def opening(
    tables: Sequence[str], namespace: Mapping[str, object], settings: M1
) -> Callable[[], Engine]:
    """Return what opens the tables that these names stand for now."""
    frames: dict[str, object] = {}
    for name in tables:
        with suppress(UsageError):  # deleted since; a query over it says so
            frames[name] = frame_named(name, namespace)
    return lambda: sandbox_of(frames, timeout=settings.query_timeout)


def answer(
    view: View,
    request: Request,
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
    opened_tables = opening(names(request), namespace, settings)
    repairs = 0 if gone(request, namespace) else settings.repairs
    return ExactAnswer(view, opened_tables, known(request), repairs, before)


def known(request: Request) -> list[str]:
    """Return the texts whose numbers are not the model's own: what was typed and went along."""
    typed = (
        part.text.partition(card.FORM)[0]
        for message in request.messages
        if message.role != "assistant"
        for part in message.parts
        if isinstance(part, Text)
    )
    return [*typed, *(one.text for one in request.attachments)]
