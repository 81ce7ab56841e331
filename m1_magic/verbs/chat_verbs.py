"""Verbs on chats: ``continue`` and ``again``, which ask, ``chats``, and ``export``.

An exported chat is a notebook of Markdown without anything live in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..calls import Reply
from ..chats.beside import Alternative
from ..chats.chats import CONTINUE, RepeatableCall
from ..chats.turns import ChatHead, Turn
from ..errors import UsageError
from ..options import command_line, flags, kinds
from ..pricing.dollars import money
from ..privacy import redaction
from ..render import page
from ..render.inert_markdown import inert
from ..text import md_cell, one_line, plural
from .history import TEMPLATE
from .verb_context import VerbContext, none, written

MARK = "m1_magic_export"
WHOLE = "The answer is complete. `%%m1 -c` continues the chat, `%m1 again` asks again."


def continue_(context: VerbContext, rest: str) -> RepeatableCall | str:
    """Return what asks for the rest of the last answer, or that it is complete.

    Of several side by side, it is the one of that number, which chats go on from now.
    """
    number = rest.strip()
    if not number.isdecimal():
        none(rest.split(), "continue")
    chosen = context.chats.choose(int(number[:6])) if number else None
    last, session = context.chats.last, context.session
    most = None
    if last is not None and last.reply is not None and last.reply.status == "truncated":
        model = kinds.only(last.options.model) or context.settings.model
        limits = session.limits(session.backend(), model)
        most = limits.max_output if limits else None
    asking = context.chats.rest(most)
    if asking or chosen is None:
        return asking or WHOLE
    name = md_cell(chosen.label or f"answer {number}")
    chat = f"chat {md_cell(chosen.request.chat)} goes" if chosen.request.chat else "`%%m1 -c` goes"
    return f"From here on, {chat} on from {name}."


def again(context: VerbContext, rest: str) -> RepeatableCall | str:
    """Return the last request with the options that are given."""
    given, text = flags.options(rest)
    beside = context.chats.beside
    if text:
        what = f"%m1 again takes options only, not {one_line(text, 60)!r}."
        chooses = bool(beside.answers) and text.isdecimal()
        todo = f"%m1 continue {text[:6]} goes on from it." if chooses else "%m1 ask TEXT asks."
        raise UsageError(what, todo=todo)
    if beside.open and not rest.strip():
        return choice(beside.answers)
    return context.chats.again(given)


def choice(answers: Sequence[Alternative]) -> str:
    """Return a page of the answers that stand side by side, and how one is chosen."""
    rows = [
        [
            number,
            one.label or one.reply.model,
            one_line(one.reply.text, 60),
            money(one.reply.cost, about=one.reply.cost_source == "estimated"),
        ]
        for number, one in enumerate(answers, 1)
    ]
    how = "`%m1 continue 2` goes on from the second, free; `%m1 again --fresh` asks all anew."
    return f"{page.table(['', 'answer', 'begins', 'price'], rows)}\n\n{how}"


ASKING = {"continue": continue_, "again": again}


def first(reply: Reply) -> str:
    """Return the line above the answer that ``again`` is beside."""
    price = money(reply.cost, about=reply.cost_source == "estimated")
    return " · ".join(md_cell(part) for part in ("first answer", reply.model, price) if part)


def chats(context: VerbContext, args: Sequence[str]) -> str:
    """List the chats of this notebook, the latest first."""
    none(args, "chats")
    listed = context.chats.listed()
    if not listed:
        return "No chats yet: `%%m1 -c NAME` begins one."
    rows = [[one.name, one.turns, f"{one.at:%Y-%m-%d %H:%M}"] for one in listed]
    how = "`%%m1 -c NAME` continues one, `%m1 forget NAME` wipes it."
    return f"{page.table(['chat', 'turns', 'last used, UTC'], rows)}\n\n{how}"


def export(context: VerbContext, args: Sequence[str]) -> str:
    """Write a chat, the last one if none is named, as a notebook; else this session's calls."""
    parser = command_line.Parser("%m1 export")
    parser.add_argument("path", nargs=1)
    parser.add_argument("--chat", metavar="NAME", type=kinds.chat)
    given = parser.parse_args(list(args))
    head, secrets = chosen(context, given.chat), redaction.policy(context.settings)
    mask = redaction.mask
    turns = [
        replace(turn, prompt=mask(turn.prompt, secrets)[0], answer=mask(turn.answer, secrets)[0])
        for turn in context.chats.turns(head)
    ]
    if not turns:
        raise UsageError("There is nothing to export.", cost="", todo="%%m1 -c NAME begins a chat.")
    path = Path(given.path[0]).expanduser()
    if path.suffix != ".ipynb":
        what = f"{one_line(path, 200)} is not the name of a notebook."
        raise UsageError(what, cost="", todo="Add .ipynb to it.")
    with written(path, exported, ", and is not as %m1 export wrote it") as file:
        json.dump(notebook(head.name, turns), file, ensure_ascii=False, indent=1)
    what = f"chat {md_cell(head.name)}" if head.name else "this session"
    return f"{plural(len(turns), 'turn')} of {what} written to {md_cell(path)}"


def chosen(context: VerbContext, name: str | None) -> ChatHead:
    """Return the chat of that name, or the last one, or the calls of this session."""
    listed = [one.name for one in context.chats.listed()]
    if name and name not in listed:
        raise command_line.no_such("chat", name, listed, "%m1 chats lists them.", cost="")
    if name or listed:
        return context.chats.head(name or listed[0])
    return context.chats.of_session()


def notebook(name: str | None, turns: Iterable[Turn]) -> dict[str, Any]:
    """Return the notebook of these turns; what only continues an answer follows it."""
    from nbformat.v4 import new_markdown_cell, new_notebook

    texts = [f"# {md_cell(name or 'Questions and answers')}"]
    for turn in turns:
        if turn.prompt != CONTINUE:
            question = ["**Question**", inert(turn.prompt.strip("\n"))]
            attached = [md_cell(one.name) for one in turn.attachments]
            if turn.missing:
                attached.append(plural(turn.missing, "attachment"))
            if attached:
                question.append(f"*with {', '.join(attached)}*")
            texts.append("\n\n".join(question))
        notes = ["in part only"] if turn.status != "ok" else []
        notes += [TEMPLATE] if turn.exact and "{{" in turn.answer else []
        texts.append("\n\n".join([inert(turn.answer), *(f"*({note})*" for note in notes)]))
    book = new_notebook(cells=[new_markdown_cell(text) for text in texts])
    book.metadata[MARK] = digest(texts)
    return dict(book)


def digest(texts: Iterable[str]) -> str:
    """Return the name of these cells, by which one is known that nobody has edited since."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()


def exported(path: Path) -> bool:
    """Is this a notebook that was exported, and not edited since?"""
    try:
        book = json.loads(path.read_text("utf-8"))
        texts = ["".join(cell["source"]) for cell in book["cells"]]
        return bool(book["metadata"][MARK] == digest(texts))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
