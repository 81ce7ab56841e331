"""``ask()``, and what all doors share: a question as typed → its request, asked and remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, overload

from .app import PROCESS
from .calls import AnswerForm, Attachment, Reply, Request
from .chats.chats import CONTINUE, RepeatableCall
from .chats.together import apart, ask_together
from .chats.turns import ChatHead
from .context import gather
from .context.frames import named
from .context.values import Gathered
from .errors import UserFacingError, packages_named
from .jupyter import binding, history, names, shell
from .options import flags, tasks
from .options.beside import Single, each
from .options.fields import Options
from .options.kinds import one_at_a_time
from .privacy import redaction
from .privacy.personal_text import personal
from .prompt import build, uncompressed
from .render.approval import approver
from .session.beside import Job, dry_plans
from .session.outcomes import first
from .session.plan import Plan
from .session.view import Board, Silent, Unseen, View

settings, session, chats, end = PROCESS.settings, PROCESS.session, PROCESS.chats, PROCESS.end


def prepare(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    head: ChatHead | None = None,
    beside: tuple[Attachment, ...] = (),
) -> Request:
    """Return the request for a prompt: values inserted, tables summarised, secrets looked for.

    Asked at a ``head`` of a chat, else where the options say; ``beside`` goes along with what the
    options name. UsageError, SecretInPrompt: nothing was sent.
    """
    if options.several:
        raise one_at_a_time()
    secrets, task = redaction.policy(settings()), tasks.chosen(options, settings())
    cell, ran = shell.place()
    if head is None and options.chat is not None:
        head = chats().head(options.chat, prompt, cell, ran)
    options = task.under(options)
    if head is not None and options.system is None:
        options = replace(options, system=chats().system(head))
    gathered = _gathered(prompt, options, namespace)
    along, notes = (*gathered.attachments, *beside), (*gathered.notes, *task.notes)
    gathered = replace(gathered, attachments=along, notes=notes)
    form, data = "", _form(options, namespace, prompt)
    functions = _tools(prompt, options, namespace)
    offered = [tool.spec for tool in functions.values()]
    if data is None and (options.exact or _exact(gathered, head)):
        from .exact import calling

        gathered, form = calling.with_instructions(gathered, namespace, options, settings())
    given = gathered.attachments, gathered.inserted, gathered.notes
    request = build(options, gathered.parts, settings(), *given, form, data, offered)
    keep = False if options.fresh else options.keep or None
    request = replace(request, prompt=prompt, keep=keep, cell=cell, run=ran)
    request = replace(request, keep_thinking=task.keep_thinking, task=task.name)
    if head is not None:
        request = chats().continued(request, head, secrets)
        request = request if request.alone else uncompressed(request, settings())
    if request.exact:
        from .exact import calling

        calling.names(request)
    redaction.check(request, secrets)
    _check_tools(request, functions)
    return replace(request, notes=(*request.notes, *personal(request.text)))


def _gathered(prompt: str, options: Options, namespace: Mapping[str, object]) -> Gathered:
    """Return a prompt with its values, and what the options name of tables, files and cells."""
    earlier = history.cells() if options.cells else ()
    failure = history.failure() if options.error else None
    return gather(options, prompt, namespace, settings(), earlier, failure)


def _form(options: Options, namespace: Mapping[str, object], prompt: str) -> AnswerForm | None:
    """Return how an answer that is data is to be written; of its rest nothing is said again."""
    if options.returns is None and not options.choices:
        return None
    from .typed.schema import wanted

    kind = wanted(options, namespace)
    assert kind is not None
    return replace(kind.form, words="") if prompt == CONTINUE else kind.form


def _tools(prompt: str, options: Options, namespace: Mapping[str, object]) -> dict[str, Any]:
    """Return the functions that M1 may call, by name."""
    if options.tools or options.yes:
        from .tools import calling

        kept = partial(session().keeper.offered, prompt)
        return calling.tools(options, namespace, settings(), kept)
    return {}


def _check_tools(request: Request, functions: Mapping[str, Any]) -> None:
    """Raise UsageError where a function is not there, and no kept answer to be shown without it."""
    if not request.tools or settings().mode == "replay":
        return
    from .tools import calling

    lost = calling.gone(functions)
    if lost and not session().dry_plan(request).kept:
        raise lost


def _exact(gathered: Gathered, head: ChatHead | None) -> bool:
    """Are figures computed: by the setting where a table goes along, or as earlier in a chat?"""
    along = (*gathered.attachments, *gathered.inserted)
    turns = chats().turns(head) if head else ()
    return (settings().exact and any(one.kind == "frame" for one in along)) or any(
        one.tables for turn in turns for one in turn.attachments
    )


def send(request: Request, options: Options, view: View, namespace: Mapping[str, object]) -> Reply:
    """Ask what `prepare` made of these options, and remember it; may be called in any thread."""
    turns, reply, job = chats(), None, _job(request, options, view, namespace)
    try:
        reply = turns.session.ask(request, job.view, job.processor)
    except UserFacingError as error:
        reply = error.reply
        raise
    finally:
        turns.remember(RepeatableCall(request.prompt, options), request, reply)
    return reply


def _job(request: Request, options: Options, view: View, namespace: Mapping[str, object]) -> Job:
    """Return a request with who shows its answer, and what else is done with it."""
    job = _read(request, options, view, namespace)
    if not request.tools:
        return job
    from .tools import calling

    asks = partial(getattr(view, "approver", None) or approver, shell.current())  # a panel's own
    functions = _tools(request.prompt, options, namespace)
    runs = calling.answer(job, functions, options, settings(), asks, namespace)
    return replace(job, view=runs, processor=runs)


def _read(request: Request, options: Options, view: View, namespace: Mapping[str, object]) -> Job:
    """Return a request with who shows its answer, and computes its figures or reads its data."""
    if not (request.exact or request.form):
        return Job(request, view)
    before = chats().before(request.prompt, request.after)
    if request.form is not None:
        from .typed.answer import answer as typed

        reader = typed(view, options, namespace, settings(), before)
        return Job(request, reader, reader)
    from .exact import calling

    # A kept answer is shown all the same: nobody is asked, and nothing is paid.
    gone = calling.gone(request, namespace)
    if gone and not session().dry_plan(request).kept:
        raise gone
    answer = calling.answer(view, request, namespace, settings(), before)
    return Job(request, answer, answer)


def run(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    view: View,
    head: ChatHead | None = None,
) -> Reply:
    """Ask in ``view``: what ``%%m1``, ``%m1 ask`` and ``ask()`` have in common."""
    return send(prepare(prompt, options, namespace, head), options, view, namespace)


def prepare_each(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    head: ChatHead | None = None,
    beside: tuple[Attachment, ...] = (),
) -> list[tuple[Single, Request]]:
    """Return the calls that options for several stand for; they differ by these alone."""
    singles = each(options)
    request = prepare(prompt, singles[0].options, namespace, head, beside)
    return [(one, replace(request, **one.differs)) for one in singles]


def run_each(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    board_for: Callable[[Sequence[str]], Board],
    head: ChatHead | None = None,
    beside: tuple[Attachment, ...] = (),
) -> list[Reply]:
    """Ask several questions at the same time, on the board that ``board_for`` makes of labels.

    UserFacingError: with ``replies``, where some were asked.
    """
    singles = prepare_each(prompt, options, namespace, head, beside)
    board = board_for([one.label for one, _ in singles])

    def job_of(request: Request, view: View) -> Job:
        return _job(request, options, view, namespace)

    return ask_together(chats(), RepeatableCall(prompt, options), singles, job_of, board)


def preview(
    prompt: str, options: Options, namespace: Mapping[str, object], head: ChatHead | None = None
) -> Plan:
    """Return the plan of a call as it is known without asking a server; nothing is sent."""
    return session().dry_plan(prepare(prompt, options, namespace, head))


def preview_each(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    head: ChatHead | None = None,
    beside: tuple[Attachment, ...] = (),
) -> tuple[list[str], list[Plan]]:
    """Return labels and plans of several calls as `preview` does of one."""
    singles = prepare_each(prompt, options, namespace, head, beside)
    plans = dry_plans(session(), apart(singles))
    return [one.label for one, _ in singles], plans


@overload
def ask(prompt: str, *, n: int, **options: Any) -> list[Reply]: ...
@overload
def ask(prompt: str, *, model: list[str] | tuple[str, ...], **options: Any) -> list[Reply]: ...
@overload
def ask(prompt: str, *, temperature: Sequence[float], **options: Any) -> list[Reply]: ...
@overload
def ask(
    prompt: str, *, df: object = ..., namespace: Mapping[str, object] | None = ..., **options: Any
) -> Reply: ...
def ask(
    prompt: str, *, df: object = None, namespace: Mapping[str, object] | None = None, **options: Any
) -> Reply | list[Reply]:
    """Ask the model and return its reply; nothing is displayed until the reply is shown.

    Args:
        prompt: the question; ``{{name}}`` is replaced by a value of ``namespace``.
        df: a DataFrame, a list of them, or a mapping of name to DataFrame, to send a summary of.
        namespace: variables for ``{{name}}``; in IPython, if None, the user's own and
            those of the function that asks.
        **options: the options of ``%%m1`` by name, such as ``temperature=0.3``, ``file="*.md"`` or
            ``chat="eda"`` (True: the last reply); they are read as on a line, None is "not given".
            Those about what is displayed, ``out`` and ``dry_run`` are no keywords.

    Returns:
        The reply; a list of them, in order, where several are asked for at the same time: ``n=3``,
        or a list as ``model`` or ``temperature`` (or ``"a,b"``, which type checkers cannot know).

    Raises:
        M1Error: with the partial answer as ``.reply`` where some of it came; where several were
            asked for, with all of them as ``.replies``.
        Stopped: a ``KeyboardInterrupt``; the same.
    """
    with packages_named():
        try:
            variables = shell.namespace() if namespace is None else namespace
            seen = names.visible(variables) if namespace is None and shell.current() else variables
            frames = named(df, variables if not isinstance(df, str) else seen)
            shell.show_replies(shell.current(), settings())
            chosen = flags.from_python(options, tuple(frames), several=True)
            return _replies(prompt, chosen, {**seen, **frames})
        except UserFacingError as error:
            error.frames = "users"
            if error.reply is not None:
                binding.bind_last(shell.current(), error.reply)
            raise


def _replies(prompt: str, options: Options, namespace: Mapping[str, object]) -> Reply | list[Reply]:
    """Ask unseen, and bind the reply; the first of several, which are returned as a list."""
    if options.several:
        replies = run_each(prompt, options, namespace, lambda labels: Unseen(len(labels)))
        binding.bind_last(shell.current(), first(replies))
        return replies
    reply = run(prompt, options, namespace, Silent())
    binding.bind_last(shell.current(), reply)
    return reply
