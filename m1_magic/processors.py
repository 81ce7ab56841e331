"""Who works with an answer besides showing it: figures computed of it, or data read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .app import PROCESS
from .calls import AnswerForm, Request
from .chats.chats import CONTINUE
from .chats.turns import ChatHead
from .context.values import Gathered
from .options.fields import Options
from .session.beside import Asked
from .session.view import View

settings, session, chats = PROCESS.settings, PROCESS.session, PROCESS.chats


def form(options: Options, namespace: Mapping[str, object], prompt: str) -> AnswerForm | None:
    """Return how an answer that is data is to be written; of its rest nothing is said again."""
    if options.returns is None and not options.choices:
        return None
    from .typed.schema import wanted

    kind = wanted(options, namespace)
    assert kind is not None
    return replace(kind.form, words="") if prompt == CONTINUE else kind.form


def exact(gathered: Gathered, head: ChatHead | None) -> bool:
    """Are figures computed: by the setting where a table goes along, or as earlier in a chat?"""
    along = (*gathered.attachments, *gathered.inserted)
    turns = chats().turns(head) if head else ()
    return (settings().exact and any(one.kind == "frame" for one in along)) or any(
        one.lasting for turn in turns for one in turn.attachments
    )


def asked(request: Request, options: Options, view: View, namespace: Mapping[str, object]) -> Asked:
    """Return a request with who shows its answer, and computes its figures or reads its data."""
    if not (request.exact or request.form):
        return Asked(request, view)
    before = chats().before(request.prompt, request.after)
    if request.form is not None:
        from .typed.answer import answer as typed

        reader = typed(view, options, namespace, settings(), before)
        return Asked(request, reader, reader)
    from .exact import calling

    # A kept answer is shown all the same: nobody is asked, and nothing is paid.
    gone = calling.gone(request, namespace)
    if gone and not session().dry_plan(request).kept:
        raise gone
    answer = calling.answer(view, request, namespace, settings(), before)
    return Asked(request, answer, answer)
