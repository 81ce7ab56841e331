"""``ask()``, and what all doors share: a question as typed → its request, asked and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .app import PROCESS
from .calls import AnswerForm, Reply, Request
from .chats.chats import CONTINUE, RepeatableCall
from .chats.turns import ChatHead
from .context import gather
from .context.frames import frame_named
from .context.frames.tables import is_tabular
from .context.values import Gathered
from .errors import MissingPackage, UserFacingError
from .jupyter import history, shell
from .options import flags, tasks
from .options.fields import Options
from .privacy import redaction
from .privacy.personal_text import personal
from .prompt import build, uncompressed
from .session.plan import Plan
from .session.processor import Processor
from .session.view import Silent, View

settings, session, chats, end = PROCESS.settings, PROCESS.session, PROCESS.chats, PROCESS.end


def prepare(
    prompt: str, options: Options, namespace: Mapping[str, object], head: ChatHead | None = None
) -> Request:
    """Return the request for a prompt: values inserted, tables summarised, secrets looked for.

    Asked at a ``head`` of a chat, else where the options say. UsageError, SecretInPrompt: nothing
    was sent.
    """
    secrets, task = redaction.policy(settings()), tasks.chosen(options, settings())
    cell, ran = shell.place()
    if head is None and options.chat is not None:
        head = chats().head(options.chat, prompt, cell, ran)
    options = task.under(options)
    if head is not None and options.system is None:
        options = replace(options, system=chats().system(head))
    earlier = history.cells() if options.cells else ()
    failure = history.failure() if options.error else None
    gathered = gather(options, prompt, namespace, settings(), earlier, failure)
    gathered = replace(gathered, notes=(*gathered.notes, *task.notes))
    form, data = "", _form(options, namespace, prompt)
    if data is None and (options.exact or _exact(gathered, head)):
        from .exact import calling

        gathered, form = calling.told(gathered, namespace, options, settings())
    beside, inserted, notes = gathered.attachments, gathered.inserted, gathered.notes
    request = build(options, gathered.parts, settings(), beside, inserted, notes, form, data)
    keep = False if options.fresh else options.keep or None
    request = replace(
        request,
        prompt=prompt,
        keep_thinking=task.keep_thinking,
        task=task.name,
        keep=keep,
        cell=cell,
        run=ran,
    )
    if head is not None:
        request = uncompressed(chats().continued(request, head, secrets), settings())
    if request.exact:
        from .exact import calling

        calling.names(request)
    redaction.check(request, secrets)
    return replace(request, notes=(*request.notes, *personal(request.text)))


def _form(options: Options, namespace: Mapping[str, object], prompt: str) -> AnswerForm | None:
    """Return how an answer that is data is to be written; of its rest nothing is said again."""
    if options.returns is None and not options.choices:
        return None
    from .typed.schema import wanted

    kind = wanted(options, namespace)
    assert kind is not None
    return replace(kind.form, words="") if prompt == CONTINUE else kind.form


def _exact(gathered: Gathered, head: ChatHead | None) -> bool:
    """Are figures computed: by the setting where a table goes along, or as earlier in a chat?"""
    along = (*gathered.attachments, *gathered.inserted)
    turns = chats().turns(head) if head else ()
    return (settings().exact and any(one.kind == "frame" for one in along)) or any(
        one.lasting for turn in turns for one in turn.attachments
    )


def send(request: Request, options: Options, view: View, namespace: Mapping[str, object]) -> Reply:
    """Ask what `prepare` made of these options, and remember it; may be called in any thread."""
    turns, reply = chats(), None
    answer: Processor | None = None
    before = turns.before(request.prompt, request.after)
    if request.form is not None:
        from .typed.answer import answer as typed

        view = answer = typed(view, options, namespace, settings(), before)
    elif request.exact:
        from .exact import calling

        # A kept answer is shown all the same: nobody is asked, and nothing is paid.
        gone = calling.gone(request, namespace)
        if gone and not turns.session.dry_plan(request).kept:
            raise gone
        view = answer = calling.answer(view, request, namespace, settings(), before)
    try:
        reply = turns.session.ask(request, view, answer)
    except UserFacingError as error:
        reply = error.reply
        raise
    finally:
        turns.remember(RepeatableCall(request.prompt, options), request, reply)
    return reply


def run(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    view: View,
    head: ChatHead | None = None,
) -> Reply:
    """Ask in ``view``: what ``%%m1``, ``%m1 ask`` and ``ask()`` have in common."""
    return send(prepare(prompt, options, namespace, head), options, view, namespace)


def preview(
    prompt: str, options: Options, namespace: Mapping[str, object], head: ChatHead | None = None
) -> Plan:
    """Return the plan of a call as it is known without asking a server; nothing is sent."""
    return session().dry_plan(prepare(prompt, options, namespace, head))


def ask(
    prompt: str, *, df: object = None, namespace: Mapping[str, object] | None = None, **options: Any
) -> Reply:
    """Ask the model and return its reply; nothing is displayed until the reply is shown.

    Args:
        prompt: the question; ``{{name}}`` is replaced by a value of ``namespace``.
        df: a DataFrame, a list of them, or a mapping of name to DataFrame, to send a summary of.
        namespace: variables for ``{{name}}``; in IPython, the user's own if None.
        **options: the options of ``%%m1`` by name, such as ``temperature=0.3``, ``file="*.md"`` or
            ``chat="eda"`` (True: the last reply); they are read as on a line, None is "not given".
            Those about what is displayed, ``out`` and ``dry_run`` are no keywords.

    Raises:
        M1Error: with the partial answer as ``.reply`` where some of it came.
        Stopped: a ``KeyboardInterrupt``; the same.
    """
    try:
        variables = dict(shell.namespace() if namespace is None else namespace)
        frames = named(df, variables)
        shell.show_replies(shell.current(), settings())
        chosen = flags.from_python(options, tuple(frames))
        return run(prompt, chosen, {**variables, **frames}, Silent())
    except UserFacingError as error:
        error.frames = "users"
        raise
    except ModuleNotFoundError as error:
        raise MissingPackage.named(error) from None


def named(df: object, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return frames by name: as given, or as the namespace calls each, or ``df``."""
    if df is None:
        return {}
    if isinstance(df, str):
        return {name.strip(): frame_named(name.strip(), namespace) for name in df.split(",")}
    if isinstance(df, (list, dict)) and is_tabular(df):
        return {"df": df}  # records, or a dict of columns: one table
    if isinstance(df, Mapping):
        return {str(name): frame for name, frame in df.items()}
    frames = list(df) if isinstance(df, (list, tuple)) else [df]
    found: dict[str, object] = {}
    for number, frame in enumerate(frames, 1):
        known_as = (n for n, value in namespace.items() if value is frame and not n.startswith("_"))
        found[next(known_as, "df" if len(frames) == 1 else f"df{number}")] = frame
    return found
