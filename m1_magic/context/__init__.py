"""What goes along with a prompt: tables, files, earlier cells, and values put in its place.

Every route to a table ends in `frames.summarise`, at one privacy level for the whole call; what
comes of it is an attachment with secrets masked, wherever it will stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..calls import Attachment
from ..errors import UsageError
from ..options.fields import Options
from ..privacy import redaction
from ..settings.config import M1, send_level
from . import cells, files, globs, last_error
from .aggregated import aggregate, repeats
from .cells import Cell
from .frames import check_columns, difference, frame_named, known, opened, summary
from .frames.summary import TOKENS, Summary, Wish
from .frames.tables import Source, shape_of
from .last_error import Failure
from .values import Gathered, insert

SCREEN = 20  # rows of a table that a cell showed whole, and that go whole at level sample


def gather(
    options: Options,
    prompt: str,
    namespace: Mapping[str, object],
    settings: M1,
    ran: Sequence[Cell] = (),
    failure: Failure | None = None,
) -> Gathered:
    """Return the prompt as typed with its values, and the summaries and texts that a call sends.

    Args:
        options: ``df`` names tables, ``file`` files; ``cells`` chooses of those that ``ran``,
            ``error`` means the last ``failure``. The other options say what of them may leave.
        namespace: the notebook's variables.
        settings: ``send`` where the call says none, and ``min_group``.

    Raises:
        UsageError: no such level, table, file, column, value or cell, or no error.
    """
    wish, secrets = replace(wished(options, settings), prompt=prompt), redaction.policy(settings)
    named = {name: opened(frame_named(name, namespace)) for name in options.df}
    matches = globs.matching(options.file, secrets, named)
    named |= files.tables(matches.files)
    summaries = Summaries(named, {one.name: one for one in described(named, options, wish)})
    beside = tuple(masked(one.attachment(), secrets) for one in summaries.by_name.values())
    beside += files.attached(matches.files, wish.level, secrets, named)
    cell_tables = CellTables(options, wish, bare(options, settings), namespace, summaries.add)
    past, left_out = earlier(options, ran, failure, cell_tables, secrets)
    beside += tuple(masked(one, secrets) for one in past)
    gathered = insert(
        prompt,
        namespace,
        lambda value, name: masked(summaries.add(wish, value, name), secrets),
        wish.level,
    )
    known(wish.allow, summaries.headings)
    # A table that stands in the prompt is not sent twice.
    beside = tuple(one for one in beside if one not in gathered.inserted)
    notes = (*gathered.notes, *matches.notes, *left_out)
    return replace(gathered, attachments=beside, notes=notes, summaries=summaries.by_name)


class Summaries:
    """The summaries of a call's tables by name, and the columns that there are in any of them."""

    def __init__(self, tables: Mapping[str, Source], by_name: dict[str, Summary]) -> None:
        self.by_name = by_name
        self.headings = [table.names for table in tables.values()]

    def add(self, wish: Wish, value: object, name: str) -> Attachment:
        """Return the attachment of one table more."""
        table = opened(value)
        self.headings.append(table.names)
        made = summary(table, name, wish)
        self.by_name.setdefault(name, made)
        return made.attachment()


@dataclass(frozen=True, slots=True)
class CellTables:
    """What goes along of tables that cells showed: summaries shorter than of those with names.

    ``bare``: the level says no number of rows. ``summarised`` makes an attachment.
    """

    options: Options
    wish: Wish
    bare: bool
    namespace: Mapping[str, object]
    summarised: Callable[[Wish, object, str], Attachment]

    def summary(self, value: object, name: str, source: str) -> Attachment:
        """Return the attachment of a table that was shown; no figures where its rows are none."""
        level = self.wish.level
        level = "schema" if level == "stats" and repeats(source, value) else level
        return self.summarised(self._wish(value, level), value, name)

    def figures(self, source: str, value: object) -> Attachment | None:
        """Return the figures of the table that a cell aggregated to this value, if it did."""
        made = aggregate(source, value, self.namespace) if self.wish.level == "stats" else None
        if made is None or made.fewest < self.wish.min_group:
            return None
        wish = self._wish(value, "stats")
        named = replace(wish, prompt=f"{wish.prompt} {' '.join(made.columns)}")
        return self.summarised(named, made.part, made.name)

    def rows(self, value: object) -> int:
        """Return how many rows of a table ``--send sample`` would send."""
        if (shape_of(value) or (SCREEN + 1, 0))[0] > SCREEN:
            return 0  # not all of them, and that is what is asked
        wish = replace(self._wish(value, "sample"), earlier=[])
        with suppress(UsageError):  # its engine cannot be asked any more
            return len(summary(opened(value), "", wish).cells)
        return 0

    def _wish(self, value: object, level: str) -> Wish:
        """Return the wish for a table; with room for all rows of one that fits a screen."""
        few = (shape_of(value) or (SCREEN + 1, 0))[0] <= SCREEN
        all_rows = level == "sample" and few and (self.bare or self.wish.level != level)
        rows = SCREEN if all_rows else self.wish.rows
        most = self.wish.tokens if all_rows or self.options.df_tokens else cells.TABLE
        tokens = min(self.wish.tokens, most)
        return replace(self.wish, level=level, rows=rows, tokens=tokens)


def earlier(
    options: Options,
    ran: Sequence[Cell],
    failure: Failure | None,
    cell_tables: CellTables,
    secrets: redaction.Policy,
) -> tuple[list[Attachment], list[str]]:
    """Return the attachments of ``--cells`` and ``--error``, and what to mention."""
    attachments, notes, level = [], [], cell_tables.wish.level
    if options.cells:
        choice = cells.chosen(options.cells, ran)
        along = cells.attachment(choice, level, cell_tables.summary, secrets, cell_tables.figures)
        attachments.append(along)
        ours = choice.passed_over
        notes += [f"%%m1: {cells.named(ours)} left out"] if ours else []
        notes += cells.withheld(choice, cell_tables.rows) if level != "sample" else []
    if options.error:
        if failure is None:
            raise UsageError("There is no error to attach.", todo="Run the cell that fails first.")
        attachments.append(last_error.attachment(failure, level, secrets))
    return attachments, notes


def bare(options: Options, settings: M1) -> bool:
    """Does the level in force say no number of rows?"""
    return ":" not in (options.send or settings.send)


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


def described(tables: Mapping[str, Source], options: Options, wish: Wish) -> tuple[Summary, ...]:
    """Return the summaries of the tables, or what changed from the first of two to the second.

    Raises:
        UsageError: ``diff`` without two tables; a column that no table has.
    """
    if options.diff and len(tables) != 2:
        raise UsageError("--diff compares two tables.", todo="Name both: --df before,after --diff.")
    if tables:
        check_columns(options.cols, [table.names for table in tables.values()])
    if options.diff:
        return (difference([*tables.values()], [*tables], wish, options.cols),)
    return tuple(summary(table, name, wish, options.cols) for name, table in tables.items())
