"""A question as typed → the request that it is, asked and remembered: what all doors do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..calls import Reply, Request
from ..context import gather
from ..errors import UserFacingError
from ..jupyter import history
from ..options import tasks
from ..options.fields import Options
from ..privacy import redaction
from ..privacy.personal_text import personal
from ..prompt import build
from ..session.view import View
from .chats import Chats, RepeatableCall
from .turns import ChatHead


def ask(
    chats: Chats,
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    view: View,
    head: ChatHead | None = None,
) -> Reply:
    """Return the reply to a prompt, shown in ``view``; see `prepare` and `send`."""
    return send(chats, prepare(chats, prompt, options, namespace, head), options, view)


def prepare(
    chats: Chats,
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    head: ChatHead | None = None,
) -> Request:
    """Return the request for a prompt: values inserted, tables summarised, secrets looked for.

    Args:
        chats: where earlier turns are.
        prompt: the question as typed.
        options: of the call.
        namespace: the user's variables.
        head: where in a chat it is asked; None: where the options say.

    Raises:
        UsageError, SecretInPrompt: nothing was sent.
    """
    settings = chats.session.settings
    secrets, task = redaction.policy(settings), tasks.chosen(options, settings)
    if head is None and options.chat is not None:
        head = chats.head(options.chat, prompt)
    options = task.under(options)
    if head is not None and options.system is None:
        options = replace(options, system=chats.system(head))
    ran = history.cells() if options.cells else ()
    failure = history.failure() if options.error else None
    gathered = gather(options, prompt, namespace, settings, ran, failure)
    notes = (*gathered.notes, *task.notes)
    beside, inserted = gathered.attachments, gathered.inserted
    request = build(options, gathered.parts, settings, beside, inserted, notes)
    request = replace(request, prompt=prompt, keep_thinking=task.keep_thinking)
    if head is not None:
        request = chats.continued(request, head, secrets)
    redaction.check(request, secrets)
    return replace(request, notes=(*request.notes, *personal(request.text)))


def send(chats: Chats, request: Request, options: Options, view: View) -> Reply:
    """Ask what `prepare` made of these options, and remember it; may be called in any thread.

    Raises:
        UserFacingError: with ``reply`` holding what came.
    """
    reply = None
    try:
        reply = chats.session.ask(request, view)
    except UserFacingError as error:
        reply = error.reply
        raise
    finally:
        chats.remember(RepeatableCall(request.prompt, options), request, reply)
    return reply
