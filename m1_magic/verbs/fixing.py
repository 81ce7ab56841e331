"""``%m1 fix``: what is sent of a cell that failed, and which block of the answer mends it.

The cell is sent as it ran. A fix is a block that resembles it without being the same code: what
else an answer shows (the cell again, a command to install something, an example) is none.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .. import api
from ..calls import Attachment, Reply
from ..chats.chats import RepeatableCall
from ..context import gather
from ..context.aggregated import repeats
from ..context.cells import SOURCE, Cell
from ..context.frames.tables import is_frame, shape_of
from ..context.last_error import Failure
from ..errors import UsageError, UserFacingError
from ..jupyter import cell_names, history, next_cell
from ..markdown.reading import Fence, fenced
from ..options import after_text, flags
from ..options.fields import Options
from ..pricing.forecast import price_words
from ..settings.config import send_level
from ..text import md_cell, one_line, show_controls
from .code_verb import into_next_cell
from .verb_context import VerbContext

PROMPT = (
    "Cell A of my notebook raised the attached error. Tell the cause in a few sentences. Then give"
    " the whole corrected cell in one code block that can replace it: as it stands, without line"
    " numbers, with the smallest change that mends it."
)
TABLES = 8
RESEMBLES = 0.5  # of the words and numbers of the cell stand in a block that is its fix
WORD = re.compile(r"\w+|[^\w\s()\[\]{},.:'\"#]")
# Asks and shows the answer, which it returns; none of a dry run, and of several.
Asks = Callable[..., Reply | None]
CHOOSE = "Choose one: `%m1 continue 2`; then `%m1 code` puts its code into the next cell."
STOPPED = "KeyboardInterrupt"
AT_ONCE = 2_000_000  # cells of a table that is summarised while somebody waits for a button
LATER = "its price depends on a table that is summarised first: %m1 fix --dry-run"


@dataclass(frozen=True, slots=True)
class Fix:
    """What asks for a fix: the call, the cell that failed, tables named in it, what to mention."""

    call: RepeatableCall
    cell: Cell
    beside: tuple[Attachment, ...]
    tables: tuple[str, ...]
    notes: tuple[str, ...]

    def by(self, ask: Asks) -> Reply | None:
        """Ask it."""
        return ask(self.call.options, self.call.prompt, beside=self.beside)

    def without(self, tables: tuple[str, ...]) -> Fix:
        """Return the fix without some of its tables."""
        options = self.call.options
        left = tuple(name for name in options.df if name not in tables)
        note = f"Could not be read, and was not sent: {', '.join(map(md_cell, tables))}."
        call = replace(self.call, options=replace(options, df=left))
        return replace(self, call=call, tables=(), notes=(*self.notes, note))


def fix(context: VerbContext, rest: str, ask: Asks) -> tuple[str, str]:
    """Ask for a fix of the last error, by ``[options] [words]``; put the corrected cell below.

    Returns:
        What it changes, as Markdown, and a page of ours; empty where nothing is to be told.
    """
    repair = question(context, rest)
    try:
        reply = repair.by(ask)
    except UsageError:
        broken = unreadable(repair.tables, context)
        if not broken:
            raise
        repair = repair.without(broken)
        reply = repair.by(ask)
    options = repair.call.options
    if reply is None:
        several = options.several and not options.dry_run
        return "", CHOOSE if several else ""
    pages = outcome(reply, repair)
    return ("", "") if options.quiet else pages


def question(context: VerbContext, rest: str) -> Fix:
    """Return what asks for a fix of the last error."""
    options, words = flags.options(rest, text=True)
    after_text.check("%m1 fix", rest, words, context.namespace)
    failure = history.failure()
    if failure is None:
        raise UsageError("There is no error to fix.", todo="Run the cell that fails first.")
    kind, cell = failure.problems[0].kind, failure.cell
    if kind == STOPPED and not words:
        what = "The last error is a KeyboardInterrupt: the cell was stopped, nothing failed in it."
        raise UsageError(what, todo="If it is too slow: %m1 fix it takes too long")
    if cell is None:
        what = f"Which cell raised the last error ({one_line(kind, 60)}) is not known."
        raise UsageError(what, todo="%m1 ask --error why? sends the error by itself.")
    named = _tables(cell.source, context.namespace, options)
    # Nobody asked for them: what may tell of one row of another table stays here.
    sent = [name for name in named if not repeats("", context.namespace[name])][:TABLES]
    called = _called(failure, cell)
    options = replace(
        options,
        error=True,
        df=(*options.df, *sent),
        cells=",".join([*([options.cells] if options.cells else []), *map(str, called)]) or None,
        task=options.task or "debug",
        code=False,
    )
    prompt = f"{PROMPT}\n\n{words}" if words else PROMPT
    call = RepeatableCall(prompt, options)
    beside = (_versions(cell.source, context.namespace),)
    left = [name for name in named if name not in sent]
    return Fix(call, cell, beside, tuple(sent), _notes(context, options, failure, left))


def forecast(context: VerbContext) -> str | None:
    """Return what a fix of the last error would cost, as it is known without asking anybody.

    Nothing of the error or its cell is in it. None: there is nothing to mend. Where a table is
    large, or would have to be computed, it is not summarised for this.
    """
    try:
        repair = question(context, "")
    except UsageError:
        return None
    if any(_slow(context.namespace[name]) for name in repair.tables):
        return LATER
    options, prompt = repair.call.options, repair.call.prompt
    try:
        request = api.prepare(prompt, options, context.namespace, None, repair.beside)
        plan = context.session.dry_plan(request)
    except UserFacingError:
        return price_words(None, None)  # the verb says why
    return "$0, a kept answer" if plan.kept else price_words(plan.hold, plan.forecast)


def _slow(table: object) -> bool:
    """Would a summary of the table take longer than a look at a button?"""
    rows, columns = shape_of(table) or (AT_ONCE, 1)
    return rows * columns >= AT_ONCE


def _tables(source: str, namespace: Mapping[str, object], options: Options) -> tuple[str, ...]:
    """Return the tables that a cell names."""
    used = (name for name in cell_names.used(source) if not name.startswith("_"))
    known = [name for name in used if name in namespace and name not in options.df]
    return tuple(name for name in known if is_frame(namespace[name]))


def _called(failure: Failure, cell: Cell) -> list[int]:
    """Return the earlier cells, by number, whose functions the error came through."""
    frames = (frame.cell for problem in failure.problems for frame in problem.frames)
    ran = {one.number for one in history.cells()}
    return [n for n in dict.fromkeys(frames) if n is not None and n in ran and n != cell.number]


def _versions(source: str, namespace: Mapping[str, object]) -> Attachment:
    """Return the versions of Python and of the packages in a cell; a kept answer outlives them."""
    text = "\n".join(cell_names.versions(source, namespace))
    return Attachment("text", "versions", text, tokens=-(-len(text) // 3), lasting="versions")


def _notes(
    context: VerbContext, options: Options, failure: Failure, left: list[str]
) -> tuple[str, ...]:
    """Return what is to be said of the error, and of what was not sent."""
    notes = []
    level, _ = send_level(options.send or context.settings.send)
    if options.df and level != "sample":
        tables = ", ".join(map(md_cell, options.df))
        notes.append(f"Level {level}: no rows of {tables} were sent; `--send sample` sends some.")
    if left:
        notes.append(f"Not sent: {', '.join(map(md_cell, left))}; `-d NAME` sends one.")
    steps = [step for step in failure.problems[0].frames if step.cell is not None or step.code]
    if steps and steps[-1].cell is None and not options.file:
        place = md_cell(one_line(steps[-1].place, 100))
        notes.append(f"It was raised in {place}, which was not sent: `-f {place}` sends it.")
    cell = failure.cell
    if cell and len(cell.source) > SOURCE:
        notes.append("The cell is too long to be sent whole.")
    later = [one for one in history.cells() if cell and cell.id and one.id == cell.id]
    if later and cell and later[-1].number > cell.number:
        notes.append(f"The cell ran again since; this is of its run as In [{cell.number}].")
    return tuple(notes)


def unreadable(tables: tuple[str, ...], context: VerbContext) -> tuple[str, ...]:
    """Return those of the tables that cannot be summarised."""
    broken = []
    for name in tables:
        try:
            gather(Options(df=(name,)), "", context.namespace, context.settings)
        except UsageError:
            broken.append(name)
    return tuple(broken)


def corrected(reply: Reply, cell: Cell) -> Fence | None:
    """Return the block of an answer that is the corrected cell, with its magic, if there is one."""
    magic = _magic(cell.source)
    own_words = not magic or magic.split()[0] in ("%%time", "%%timeit", "%%capture", "%%prun")
    best, most = None, 0.0
    for block in fenced(reply.text):
        if own_words and not (next_cell.is_python(block) or block.content.startswith("%%")):
            continue
        code = block.content
        if magic and not code.lstrip().startswith("%%"):
            code = f"{magic}\n{code}"
        if not _same(code, cell.source) and (alike := _alike(cell.source, code)) >= most:
            best, most = Fence("python", code.strip("\n"), block.closed), alike
    return best if most else None


def _magic(source: str) -> str:
    first = source.lstrip("\n").partition("\n")[0]
    return first.rstrip() if first.startswith("%%") else ""


def _alike(cell: str, block: str) -> float:
    """Return how alike a block is to a cell, 0 where most of the cell is not in it."""
    ours, theirs = (Counter(WORD.findall(show_controls(code))) for code in (cell, block))
    common = (ours & theirs).total()
    if not common or common < RESEMBLES * ours.total():
        return 0.0
    return 2 * common / (ours.total() + theirs.total())


def _same(one: str, other: str) -> bool:
    """Is this the same code, whatever its comments and blank lines?"""
    try:
        trees = [ast.dump(ast.parse(next_cell.transformed(code))) for code in (one, other)]
        return trees[0] == trees[1]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        lines = [[s for line in code.split("\n") if (s := line.strip())] for code in (one, other)]
        return lines[0] == lines[1]


def outcome(reply: Reply, fix: Fix) -> tuple[str, str]:
    """Return the difference as Markdown, and our page below it; the cell is put below."""
    block = corrected(reply, fix.cell)
    notes = " ".join(fix.notes)
    if block is None:
        none = "No block of the answer is the corrected cell"
        more = "; `%m1 code N` puts block N into the next cell." if reply.code else "."
        return "", f"{none}{more} {notes}".strip()
    if not block.closed and reply.status != "ok":
        page = "The answer was cut off inside of the corrected cell: `%m1 continue` goes on."
        return "", f"{page} {notes}".strip()
    return diff(fix.cell, block), into_next_cell(block, "The corrected code", *fix.notes)


def diff(cell: Cell, block: Fence) -> str:
    """Return what changes in a cell as a block of Markdown that nothing in it closes."""
    before, after = (
        show_controls(code).strip("\n").split("\n") for code in (cell.source, block.content)
    )
    lines = difflib.unified_diff(before, after, f"In [{cell.number}]", "corrected", lineterm="")
    text = "\n".join(lines)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"{fence}diff\n{text}\n{fence}"
