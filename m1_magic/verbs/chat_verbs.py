"""Verbs on chats: ``continue`` and ``again``, which ask, ``chats``, and ``export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..calls import Reply
from ..chats.chats import Asked
from ..chats.turns import Point
from ..errors import UsageError, plain
from ..options import command_line, flags
from ..privacy import redaction
from ..render import footer, page
from ..settings.traits import short
from .chat_export import Part, notebook, write
from .verb_context import Desk, none

WHOLE = "The answer is complete. `%%m1 -c` goes on talking, `%m1 again` asks anew."


def continue_(desk: Desk, rest: str) -> Asked | str:
    """Return what asks for the rest of the last answer, or that it is complete."""
    none(rest.split(), "continue")
    last, session = desk.chats.last, desk.session
    most = None
    if last is not None and last.reply is not None and last.reply.status == "truncated":
        offer = session.offer(session.backend(), last.options.model or desk.settings.model)
        most = offer.max_output if offer else None
    return desk.chats.rest(most) or WHOLE


def again(desk: Desk, rest: str) -> Asked | str:
    """Return the last request with the options that are given."""
    given, text = flags.options(rest)
    if text:
        raise UsageError(
            f"%m1 again takes options only, not {plain(text, 60)!r}.", todo="%m1 ask TEXT asks."
        )
    return desk.chats.again(given)


ASKING = {"continue": continue_, "again": again}


def streams(desk: Desk, args: Sequence[str]) -> str:
    """Stand in the list of verbs for those that ask, which a door does itself: they stream."""
    raise UsageError("Only in a notebook or IPython.", cost="")


def first(reply: Reply) -> str:
    """Return the line above the answer that ``again`` is beside."""
    sign = "≈" if reply.cost_source == "estimated" and reply.cost is not None else ""
    parts = ["first answer", reply.model, sign + footer.money(reply.cost)]
    return " · ".join(page.cell(part) for part in parts if part)


def chats(desk: Desk, args: Sequence[str]) -> str:
    """List the chats of this notebook, the latest first."""
    none(args, "chats")
    found = desk.chats.listed()
    if not found:
        return "No chats yet: `%%m1 -c NAME` begins one."
    rows: list[list[object]] = [[one.name, one.turns, f"{one.at:%Y-%m-%d %H:%M}"] for one in found]
    how = "`%%m1 -c NAME` continues one, `%m1 forget NAME` wipes it."
    return f"{page.table(['chat', 'turns', 'last used, UTC'], rows)}\n\n{how}"


def export(desk: Desk, args: Sequence[str]) -> str:
    """Write a chat, the last one if none is named, as a notebook; else this session's calls."""
    parser = command_line.Parser("%m1 export")
    parser.add_argument("path", nargs=1)
    parser.add_argument("--chat", metavar="NAME", type=short)
    given = parser.parse_args(list(args))
    point = chosen(desk, given.chat)
    secrets = redaction.policy(desk.settings)
    parts = []
    for turn in desk.chats.turns(point):
        asked, answer = (redaction.mask(text, secrets)[0] for text in (turn.asked, turn.answer))
        named = tuple(one.name for one in turn.attachments)
        parts.append(Part(asked, answer, named, turn.missing, turn.whole))
    if not parts:
        raise UsageError("There is nothing to export.", cost="", todo="%%m1 -c NAME begins a chat.")
    path = Path(given.path[0]).expanduser()
    write(path, notebook(point.name, parts))
    what = f"chat {page.cell(point.name)}" if point.name else "this session"
    return f"{footer.many(len(parts), 'turn')} of {what} written to {page.cell(path)}"


def chosen(desk: Desk, name: str | None) -> Point:
    """Return the chat of that name, or the last one, or the calls of this session.

    Raises:
        UsageError: there is no such chat.
    """
    listed = [one.name for one in desk.chats.listed()]
    if name and name not in listed:
        near = command_line.did_you_mean(name, map(plain, listed))
        raise UsageError(
            f"There is no chat {plain(name, 60)!r}.{near}", cost="", todo="%m1 chats lists them."
        )
    if name or listed:
        return desk.chats.point(name or listed[0])
    return desk.chats.of_session()
