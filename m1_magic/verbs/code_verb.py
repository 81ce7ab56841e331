"""``%m1 code`` and ``--code``: a block of the last answer into the next cell, never run."""

from __future__ import annotations

from collections.abc import Sequence

from ..calls import Reply
from ..errors import UsageError
from ..jupyter import next_cell
from ..markdown.reading import Fence, fenced
from ..render import page
from ..text import md_cell, one_line, plural
from .verb_context import VerbContext

COPY = "This front end makes no cell of it. To copy:"


def code(context: VerbContext, args: Sequence[str]) -> str:
    """Put a block of the last answer into the next cell, the last Python block if none is named."""
    reply = context.namespace.get("_m1")
    if not isinstance(reply, Reply):
        what = "There is no answer yet." if reply is None else "_m1 is no answer (any more)."
        raise UsageError(what, cost="", todo="%m1 ask TEXT asks.")
    blocks = all_blocks(reply)
    if len(args) > 1:
        given = one_line(" ".join(args), 40)
        raise UsageError(f"%m1 code takes one number, not {given!r}.", cost="", todo=USAGE)
    block = numbered(blocks, args[0]) if args else usual(reply, blocks)
    if block is None:
        raise UsageError(none_in(blocks), cost="", todo="" if not blocks else USAGE)
    return into_next_cell(block, f"Block {place(blocks, block)}")


USAGE = "%m1 code takes the number of a block: 1 is the first, -1 the last."


def all_blocks(reply: Reply) -> list[Fence]:
    """Return the code blocks as ``Reply.code`` counts them, and after them the queries."""
    return fenced(reply.text) + [Fence("sql", query.sql) for query in reply.queries]


def usual(reply: Reply, blocks: Sequence[Fence]) -> Fence | None:
    """Return the last Python block; else the last one that a magic runs; queries are none."""
    written = [
        block for block in blocks[: len(blocks) - len(reply.queries)] if block.content.strip()
    ]
    named = [block for block in written if block.language in next_cell.PYTHON]
    nameless = [block for block in written if not block.language and next_cell.is_python(block)]
    runs = [block for block in written if block.language and next_cell.cell_code(block).runs]
    return next((some[-1] for some in (named, nameless, runs, written) if some), None)


def numbered(blocks: Sequence[Fence], typed: str) -> Fence:
    """Return block N, counted from 1, or from the end; raises UsageError where there is none."""
    try:
        number = int(typed)
    except ValueError:
        what = f"{one_line(typed, 40)!r} is no number of a block."
        raise UsageError(what, cost="", todo=USAGE) from None
    if not 1 <= abs(number) <= len(blocks):
        raise UsageError(f"There is no block {number}: {none_in(blocks)}", cost="", todo=USAGE)
    return blocks[number - 1 if number > 0 else number]


def none_in(blocks: Sequence[Fence]) -> str:
    """Return how many blocks there are, with their languages."""
    if not blocks:
        return "the last answer has no code block."
    languages = ", ".join(one_line(block.language or "text", 20) for block in blocks[:10])
    more = ", …" if len(blocks) > 10 else ""
    return f"the last answer has {plural(len(blocks), 'block')} ({languages}{more})."


def place(blocks: Sequence[Fence], block: Fence) -> str:
    """Return ``2 of 3``, or nothing of an only one."""
    number = next(n for n, one in enumerate(blocks, 1) if one is block)
    return f"{number} of {len(blocks)}"


def after(reply: Reply, *, quiet: bool = False) -> str:
    """Put the code of an answer with ``--code`` into the next cell; return what is told below."""
    notes = _after(reply)
    return "" if quiet else notes


def _after(reply: Reply) -> str:
    blocks = all_blocks(reply)
    block = usual(reply, blocks)
    if block is None:
        return "The answer has no code for a cell."
    if reply.cost_source == "replayed":  # it came into a cell when the notebook ran before
        return f"A kept answer: `%m1 code` puts block {place(blocks, block)} into the next cell."
    return into_next_cell(block, f"Block {place(blocks, block)}")


def into_next_cell(block: Fence, what: str, *notes: str) -> str:
    """Put a block into the next cell; return the page that tells it, or shows it to copy."""
    cell = next_cell.cell_code(block)
    lines = [*map(md_cell, cell.notes), *notes]
    if not cell.runs:
        language = md_cell(one_line(block.language or "no language", 40))
        why = f"{what} is {language}, which no cell magic here runs. To copy:"
        return "\n\n".join([why, page.code(cell.text), *lines])
    if not cell.text.strip():
        return f"{what} is empty."
    if not next_cell.put(cell.text):
        return "\n\n".join([f"{what}. {COPY}", page.code(cell.text), *lines])
    where = "cell" if next_cell.has_cells() else "prompt"
    return " ".join([f"{what} is in the next {where}; it was not run.", *lines])
