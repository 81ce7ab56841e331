"""Verbs on past calls, all of them free: ``log``, ``sent``, ``forget``."""

from __future__ import annotations

from collections.abc import Sequence

from ..calls import ToolEnded
from ..errors import UsageError
from ..events import rounds
from ..ledger import Ledger, history
from ..ledger.history import Past
from ..options import command_line, flags
from ..options.fields import OPTIONS
from ..pricing.dollars import money
from ..privacy import redaction
from ..render import page
from ..text import md_cell, one_line, plural
from .preview import sampling
from .verb_context import VerbContext

SHOWN = 20
TEMPLATE = "as M1 wrote it: each figure is a query, computed when it is shown; none is kept"
GONE = "not kept: purged, forgotten, or M1.keep_text was off"


def log(context: VerbContext, args: Sequence[str]) -> str:
    """List the last calls, those with a word in them, or show one again, or bind its reply."""
    parser = command_line.Parser("%m1 log")
    parser.add_argument("word", nargs="*", metavar="WORD")
    for name in ("out", "force_out"):
        flags.add(parser, OPTIONS[name])
    given = parser.parse_args(list(args))
    ledger, word = context.session.ledger, " ".join(given.word)
    call = named(ledger, given.word[0]) if len(given.word) == 1 else None
    if given.out:
        return bound(context, call, given.out, given.force_out)
    if call is not None:
        return one(call)
    calls = history.latest(ledger, SHOWN + 1, word)
    if not calls:
        return f"No call with {md_cell(repr(word))} in it." if word else "No calls yet."
    older = f" The last {SHOWN}: `%m1 log WORD` finds older ones." if len(calls) > SHOWN else ""
    how = "`%m1 log 1` shows the newest again, `%m1 log 1 -o r` binds it, `%m1 sent 1` what left."
    return f"{listed(ledger, calls[:SHOWN], word)}\n\n{how}{older}"


def listed(ledger: Ledger, calls: Sequence[Past], word: str) -> str:
    """Return calls as a table; what is the same in all of them stands below it, once."""
    columns: dict[str, list[object]] = {
        "#": [history.number(ledger, past) if word else at for at, past in enumerate(calls, 1)],
        "id": [past.id for past in calls],
        "time": [local(past) for past in calls],
        "model": [past.model for past in calls],
        "chat": [past.chat or "" for past in calls],
        "status": [past.status or "under way" for past in calls],
        "cost": [price(past) for past in calls],
        "prompt": [opening(past) for past in calls],
    }
    same = {name for name, values in columns.items() if len(calls) > 1 and len(set(values)) == 1}
    if not any(columns["chat"]):
        same.add("chat")
    differing = {name: values for name, values in columns.items() if name not in same}
    alike = [f"{name} {columns[name][0]}" for name in columns if name in same and columns[name][0]]
    table = page.table([*differing], zip(*differing.values(), strict=True))
    return "\n\n".join([table, *([f"All: {md_cell(' · '.join(alike))}"] if alike else [])])


def bound(context: VerbContext, call: Past | None, name: str, force: bool) -> str:
    """Bind the reply of a past call."""
    if call is None:
        what = "There is no such call, or more than one."
        raise UsageError(what, cost="", todo=f"Name one: %m1 log 1 -o {name}.")
    if context.bind is None:
        raise UsageError("There are no variables here.", cost="", todo="%m1 log works in IPython.")
    context.bind(name, force, call.reply)
    return f"`{name}` is the Reply of {md_cell(call.id)}: {md_cell(opening(call))}"


def named(ledger: Ledger, word: str) -> Past | None:
    """Return the call of that id, or of that number in the list; None if there is none."""
    call = history.called(ledger, word)
    if call is None and word.isdecimal() and word.isascii() and len(word) < 8:
        call = history.numbered(ledger, int(word))
    return call


def one(call: Past) -> str:
    """Return the page of one call: the question, the answer, and what it cost."""
    parts = [f"**{md_cell(call.id)}** · {local(call)}", "*prompt*", body(call.prompt)]
    if call.thinking:
        parts += ["*thinking*", page.code(call.thinking)]
    template = (
        f" ({TEMPLATE})" if call.sent and call.sent.exact and "{{" in (call.answer or "") else ""
    )
    parts += [f"*answer*{template}", body(call.answer)]
    parts += ["*tools*", page.code("\n\n".join(map(ran, call.tools)))] if call.tools else []
    line = [call.model, call.status or "under way"]
    if call.usage:
        line.append(f"{call.usage.input:,} in · {call.usage.output:,} out")
    line.append(price(call))
    line += [
        f"estimated {money(bill.estimate)}, then billed"
        for bill in call.bills
        if bill.source == "billed" and bill.estimate not in (None, bill.cost)
    ]
    if call.seconds is not None:
        line.append(f"{call.seconds:.1f} s")
    parts.append(" · ".join(map(md_cell, line)))
    return "\n\n".join([*parts, *([md_cell(one_line(call.error))] if call.error else [])])


def sent(context: VerbContext, args: Sequence[str]) -> str:
    """Show the exact messages that left; attached tables by name, level and size."""
    if len(args) > 1:
        raise UsageError("Give one call.", cost="", todo="%m1 sent, or %m1 sent ID.")
    ledger = context.session.ledger
    call = named(ledger, args[0]) if args else history.numbered(ledger, 1)
    if call is None and args:
        what = f"No call, or more than one, has the id {one_line(args[0], 40)!r}."
        raise UsageError(what, cost="", todo="%m1 log lists them.")
    if call is None:
        return "No calls yet."
    parts = [f"**{md_cell(call.id)}** · {local(call)} · {md_cell(call.model)}"]
    if call.sent is None:
        return "\n\n".join([*parts, f"The messages are {GONE}."])
    *first, question = call.sent.texts
    parts += [part for role, text in first for part in message_lines(role, text)]
    parts += [part for id in call.sent.after for part in earlier(context, id)]
    parts += message_lines(*question)
    return "\n\n".join([*parts, *sampling(call.sent.sampling)])


def forget(context: VerbContext, args: Sequence[str]) -> str:
    """Wipe the text of a call, or of all calls, from the ledger; numbers stay."""
    parser = command_line.Parser("%m1 forget")
    parser.add_argument("id", nargs="*")
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args(list(args))
    if bool(given.id) == given.all:
        todo = "%m1 forget ID, CHAT, or --all."
        raise UsageError("There is nothing named to forget.", cost="", todo=todo)
    ledger = context.session.ledger
    ids = None if given.all else [id for word in given.id for id in meant(context, word)]
    count = history.forget(ledger, ids)
    context.chats.forget(ids)
    message = f"The text of {plural(count, 'call')} is wiped from the ledger; numbers stay."
    unreadable = history.aside(ledger.path) if given.all else []
    if unreadable:
        names = ", ".join(md_cell(path) for path in unreadable)
        message += f" Files that cannot be read may hold text, too; delete them yourself: {names}."
    return message


def meant(context: VerbContext, word: str) -> list[str]:
    """Return the calls of the chat of that name, else the call of that id; UsageError: neither."""
    if calls := context.chats.calls(word):
        return calls
    if call := history.called(context.session.ledger, word):
        return [call.id]
    noun = "chat, and not exactly one call, of the name"
    names = [one.name for one in context.chats.listed()]
    raise command_line.no_such(noun, word, names, "%m1 chats and %m1 log list them.", cost="")


def earlier(context: VerbContext, id: str) -> list[str]:
    """Return the messages of an earlier turn, as they were sent again."""
    call, secrets = history.called(context.session.ledger, id), redaction.policy(context.settings)
    if call is None or call.sent is None or call.answer is None:
        return [f"*call {md_cell(id)}*", f"({GONE})"]
    answers = [(one.role, one.text()) for one in rounds(call.answer, call.tools)]
    texts = call.sent.texts[-1], *answers
    return [
        part
        for role, text in texts
        for part in message_lines(role, redaction.mask(text, secrets)[0])
    ]


def message_lines(role: str, text: str) -> list[str]:
    """Return one message."""
    return [f"*{md_cell(role)}*", page.code(text)]


def ran(one: ToolEnded) -> str:
    """Return a call of a tool and what M1 was told of it."""
    return f"{one.call.name}({one.call.arguments}) {one.outcome}:\n{one.text}"


def when(call: Past) -> str:
    """Return the minute of a call, in UTC."""
    return f"{call.at:%Y-%m-%d %H:%M}"


def local(call: Past) -> str:
    """Return the minute of a call, in the time of this machine."""
    return f"{call.at.astimezone():%Y-%m-%d %H:%M}"


def price(call: Past) -> str:
    """Return what a call cost, marked where that is an estimate."""
    return money(call.cost, about=call.estimated)


def opening(call: Past, length: int = 60) -> str:
    """Return how the prompt begins, at most so many characters."""
    return one_line(call.prompt, length) if call.prompt is not None else "(not kept)"


def body(text: str | None) -> str:
    """Return foreign text as it came, or that it is gone."""
    return page.code(text) if text is not None else f"({GONE})"
