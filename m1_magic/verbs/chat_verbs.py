"""Verbs on chats: ``continue`` and ``again``, which ask, ``chats``, and ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..calls import Reply
from ..chats.chats import RepeatableCall
from ..chats.turns import ChatHead
from ..errors import UsageError
from ..options import command_line, flags
from ..pricing.dollars import money
from ..privacy import redaction
from ..render import page
from ..settings.traits import short
from ..text import md_cell, one_line, plural
from .chat_export import Part, notebook, write
from .verb_context import VerbContext, none

WHOLE = "The answer is complete. `%%m1 -c` continues the chat, `%m1 again` asks again."


def continue_(context: VerbContext, rest: str) -> RepeatableCall | str:
    """Return what asks for the rest of the last answer, or that it is complete."""
    none(rest.split(), "continue")
    last, session = context.chats.last, context.session
    most = None
    if last is not None and last.reply is not None and last.reply.status == "truncated":
        limits = session.limits(session.backend(), last.options.model or context.settings.model)
        most = limits.max_output if limits else None
    return context.chats.rest(most) or WHOLE


def again(context: VerbContext, rest: str) -> RepeatableCall | str:
    """Return the last request with the options that are given."""
    given, text = flags.options(rest)
    if text:
        raise UsageError(
            f"%m1 again takes options only, not {one_line(text, 60)!r}.", todo="%m1 ask TEXT asks."
        )
    return context.chats.again(given)


ASKING = {"continue": continue_, "again": again}


def streams(context: VerbContext, args: Sequence[str]) -> str:
    """Stand in the list of verbs for those that ask, which a door does itself: they stream."""
    raise UsageError("This works only in a notebook or IPython.", cost="")


def first(reply: Reply) -> str:
    """Return the line above the answer that ``again`` is beside."""
    price = money(reply.cost, about=reply.cost_source == "estimated")
    parts = ["first answer", reply.model, price]
    return " · ".join(md_cell(part) for part in parts if part)


def chats(context: VerbContext, args: Sequence[str]) -> str:
    """List the chats of this notebook, the latest first."""
    none(args, "chats")
    listed = context.chats.listed()
    if not listed:
        return "No chats yet: `%%m1 -c NAME` begins one."
    rows: list[list[object]] = [[one.name, one.turns, f"{one.at:%Y-%m-%d %H:%M}"] for one in listed]
    how = "`%%m1 -c NAME` continues one, `%m1 forget NAME` wipes it."
    return f"{page.table(['chat', 'turns', 'last used, UTC'], rows)}\n\n{how}"


def export(context: VerbContext, args: Sequence[str]) -> str:
    """Write a chat, the last one if none is named, as a notebook; else this session's calls."""
    parser = command_line.Parser("%m1 export")
    parser.add_argument("path", nargs=1)
    parser.add_argument("--chat", metavar="NAME", type=short)
    given = parser.parse_args(list(args))
    head = chosen(context, given.chat)
    secrets = redaction.policy(context.settings)
    parts = []
    for turn in context.chats.turns(head):
        prompt, answer = (redaction.mask(text, secrets)[0] for text in (turn.prompt, turn.answer))
        named = tuple(one.name for one in turn.attachments)
        parts.append(Part(prompt, answer, named, turn.missing, turn.complete))
    if not parts:
        raise UsageError("There is nothing to export.", cost="", todo="%%m1 -c NAME begins a chat.")
    path = Path(given.path[0]).expanduser()
    write(path, notebook(head.name, parts))
    what = f"chat {md_cell(head.name)}" if head.name else "this session"
    return f"{plural(len(parts), 'turn')} of {what} written to {md_cell(path)}"


def chosen(context: VerbContext, name: str | None) -> ChatHead:
    """Return the chat of that name, or the last one, or the calls of this session.

    Raises:
        UsageError: there is no such chat.
    """
    listed = [one.name for one in context.chats.listed()]
    if name and name not in listed:
        near = command_line.did_you_mean(name, map(one_line, listed))
        raise UsageError(
            f"There is no chat {one_line(name, 60)!r}.{near}", cost="", todo="%m1 chats lists them."
        )
    if name or listed:
        return context.chats.head(name or listed[0])
    return context.chats.of_session()
