"""What goes along with a prompt: tables, files, earlier cells, and values put in its place.


Every route to a table ends in `frames.summarise`, at one privacy level for the whole call; what
comes of it is an attachment with secrets masked, wherever it will stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..calls import Attachment, Message
from ..errors import UsageError
from ..messages import Part
from ..options.fields import Options
from ..privacy import redaction
from ..privacy.outputs import Output
from ..privacy.personal_text import personal
from ..settings.config import M1, send_level
from . import cells, files, globs, last_error
from .cells import Cell
from .frames import check_columns, difference, frame_named, known, opened, summary
from .frames.summary import TOKENS, Wish
from .frames.tables import Source
from .last_error import Failure
from .values import insert

__all__ = ["Gathered", "attached", "gather", "personal", "wished"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """A prompt with values in place, what is beside it and the tables inside it, and notes."""

    parts: tuple[Part, ...]
    attachments: tuple[Attachment, ...] = ()
    inserted: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        """The prompt as it leaves."""
        return Message("user", self.parts).content(self.inserted)


class History(Protocol):
    """Where earlier cells and the last error come from: ``jupyter.history``."""

    def cells(self) -> list[Cell]:
        """Return the cells that ran, without outputs."""
        ...

    def outputs(self, number: int) -> tuple[Output, ...]:
        """Return the outputs of one of them."""
        ...

    def failure(self) -> Failure | None:
        """Return the last error that was not one of ours."""
        ...


def gather(
    options: Options,
    prompt: str,
    namespace: Mapping[str, object],
    settings: M1,
    history: History | None = None,
) -> Gathered:
    """Return the prompt, and the summaries and texts that a call sends.

    Args:
        options: ``df`` names tables, ``file`` files; ``send``, ``cols``, ``allow``,
            ``df_tokens`` and ``diff`` say what of tables may leave.
        prompt: the text as typed.
        namespace: the notebook's variables.
        settings: ``send`` where the call says none, and ``min_group``.
        history: where ``cells`` and ``error`` are looked up.

    Raises:
        UsageError: no such level, table, file, column, value or cell, or no error.
    """
    wish, secrets = wished(options, settings), redaction.policy(settings)
    named = {name: opened(frame_named(name, namespace)) for name in options.df}
    matches = globs.matching(options.file, secrets, named)
    named |= files.tables(matches.files)
    beside = attached(named, wish, diff=options.diff, cols=options.cols, secrets=secrets)
    beside += files.attached(matches.files, wish.level, secrets)
    headings = [table.names for table in named.values()]

    def summarised(value: object, name: str) -> Attachment:
        table = opened(value)
        headings.append(table.names)
        return masked(summary(table, name, wish).attachment(), secrets)

    attachments, notes = earlier(options, history, wish, secrets, headings)
    beside += attachments
    inserted = insert(prompt, namespace, summarised, "\n".join(one.text for one in beside))
    known(wish.allow, headings)
    # A table that stands in the prompt is not sent twice.
    beside = tuple(one for one in beside if one not in inserted.attachments)
    notes = (*inserted.notes, *matches.notes, *notes)
    return Gathered(inserted.parts, beside, inserted.attachments, notes)


def earlier(
    options: Options,
    history: History | None,
    wish: Wish,
    secrets: redaction.Policy,
    headings: list[list[str]],
) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    """Return the attachments of ``--cells`` and ``--error``, and what to mention.

    Args:
        headings: the names of columns that may be allowed; those of tables shown are added.

    Raises:
        UsageError: no such cell, no error.
    """
    attachments: list[Attachment] = []
    notes: tuple[str, ...] = ()
    small_wish = cells.tabled(wish, options.df_tokens)

    def summarised(value: object, name: str) -> Attachment:
        table = opened(value)
        headings.append(table.names)
        return summary(table, name, small_wish).attachment()

    if options.cells:
        ran, ours = cells.chosen(options.cells, history.cells() if history else ())
        with_outputs = [replace(one, outputs=history.outputs(one.number)) for one in ran if history]
        attachments.append(cells.attachment(with_outputs, small_wish, summarised, secrets))
        notes = (f"%%m1: {cells.named(ours)} left out",) if ours else ()
    if options.error:
        failure = history.failure() if history else None
        if failure is None:
            raise UsageError("There is no error to attach.", todo="Run the cell that fails first.")
        attachments.append(last_error.attachment(failure, wish, secrets))
    return tuple(masked(one, secrets) for one in attachments), notes


def wished(options: Options, settings: M1) -> Wish:
    """Return what may leave of each table of a call."""
    level, rows = send_level(options.send or settings.send)
    return Wish(
        level=level,
        rows=rows,
        min_group=settings.min_group,
        tokens=options.df_tokens or TOKENS,
        allow=frozenset(options.allow),
    )


def masked(attachment: Attachment, secrets: redaction.Policy) -> Attachment:
    """Return the attachment with its secrets masked and counted."""
    text, _ = redaction.mask(attachment.text, secrets)
    # Some are masked already: those in values that were cut, which would not be known any more.
    return replace(attachment, text=text, masked=attachment.masked + text.count(redaction.MASK))


def attached(
    tables: Mapping[str, Source],
    wish: Wish,
    *,
    cols: Sequence[str] = (),
    diff: bool = False,
    secrets: redaction.Policy = redaction.ISSUERS,
) -> tuple[Attachment, ...]:
    """Return the summaries of the tables, or what changed from the first of two to the second.

    Args:
        tables: by name.
        wish: what may leave of each.
        cols: columns of any of them: only these, or with ``!`` all but these.
        diff: only what changed.
        secrets: what is masked.

    Raises:
        UsageError: ``diff`` without two tables; a column that no table has.
    """
    if diff and len(tables) != 2:
        raise UsageError("--diff compares two tables.", todo="Name both: --df before,after --diff.")
    if tables:
        check_columns(cols, [table.names for table in tables.values()])
    if diff:
        summaries = [difference([*tables.values()], [*tables], wish, cols)]
    else:
        summaries = [summary(table, name, wish, cols) for name, table in tables.items()]
    return tuple(masked(one.attachment(), secrets) for one in summaries)
