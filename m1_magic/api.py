"""``ask()``, and what all doors share: how a call is prepared, previewed and sent.

Imports are inside the functions: ``%load_ext`` needs the settings only, and must not pay for the
rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .app import PROCESS
from .settings import config

if TYPE_CHECKING:
    from .calls import Reply, Request
    from .chats.turns import ChatHead
    from .options.fields import Options
    from .pricing.prices import ModelLimits
    from .session.view import View

settings, session, chats, end = PROCESS.settings, PROCESS.session, PROCESS.chats, PROCESS.end


def prepare(
    prompt: str, options: Options, namespace: Mapping[str, object], head: ChatHead | None = None
) -> Request:
    """Return the request for a prompt: values inserted, tables summarised, secrets looked for.

    Args:
        prompt: the question as typed.
        options: of the call.
        namespace: the user's variables.
        head: where in a chat it is asked; None: where the options say.

    Raises:
        UsageError, SecretInPrompt: nothing was sent.
    """
    from dataclasses import replace

    from .context import gather, personal
    from .jupyter import history
    from .options import tasks
    from .privacy import redaction
    from .prompt import build

    s, secrets, task = settings(), redaction.policy(settings()), tasks.chosen(options, settings())
    if head is None and options.chat is not None:
        head = chats().head(options.chat, prompt)
    options = task.under(options)
    if head is not None and options.system is None:
        options = replace(options, system=chats().system(head))
    gathered = gather(options, prompt, namespace, s, history)
    made = build(
        options,
        gathered.parts,
        s,
        gathered.attachments,
        gathered.inserted,
        (*gathered.notes, *task.notes),
    )
    made = replace(made, prompt=prompt, keep_thinking=task.keep_thinking)
    if head is not None:
        made = chats().continued(made, head, secrets)
    redaction.check(made, secrets)
    return replace(made, notes=(*made.notes, *personal(made.text)))


def run(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    view: View,
    head: ChatHead | None = None,
) -> Reply:
    """Ask in ``view``: what ``%%m1``, ``%m1 ask`` and ``ask()`` have in common."""
    return send(prepare(prompt, options, namespace, head), options, view)


def send(request: Request, options: Options, view: View) -> Reply:
    """Ask what `prepare` made of these options; may be called in any thread."""
    from .chats.chats import RepeatableCall
    from .chats.continue_hint import ContinueHint
    from .errors import UserFacingError

    reply = None
    try:
        shown = ContinueHint(view, session())
        reply = session().ask(
            request, shown, options.max_cost, max_tokens_explicit=max_tokens_explicit(options)
        )
    except UserFacingError as error:
        reply = error.reply
        raise
    finally:
        chats().remember(RepeatableCall(request.prompt, options), request, reply)
    return reply


def preview(
    prompt: str, options: Options, namespace: Mapping[str, object], head: ChatHead | None = None
) -> tuple[Request, ModelLimits | None, int]:
    """Return what a call would send, the prices known without asking a server, and its tokens."""
    from .prompt import fitted

    request = prepare(prompt, options, namespace, head)
    limits = price_list(request.model)
    request = fitted(request, limits, max_tokens_explicit(options))
    return request, limits, session().likely_tokens(request)


def price_list(model: str) -> ModelLimits | None:
    """Return limits and prices of a model as they are known without asking a server."""
    from .ledger.store import now_utc
    from .pricing import price_lists
    from .pricing.prices import known_limits
    from .settings.endpoints import OFFLINE, endpoint

    place = endpoint(settings().base_url)
    if not place.openrouter or place.host == OFFLINE:
        return None
    return price_lists.kept(place.host, model, settings().max_price, now_utc()) or known_limits(
        model
    )


def max_tokens_explicit(options: Options) -> bool:
    """Is the number of output tokens the user's own wish?"""
    from .options import tasks

    default = config.M1.max_tokens.default_value
    options = tasks.chosen(options, settings()).under(options)
    return bool(options.max_tokens or options.think) or settings().max_tokens != default


def ask(
    prompt: str,
    *,
    df: object = None,
    namespace: Mapping[str, object] | None = None,
    **options: Any,
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
    from .errors import UserFacingError
    from .jupyter import shell
    from .session.view import Silent

    try:
        variables = dict(shell.namespace() if namespace is None else namespace)
        frames = named(df, variables)
        shell.show_replies(shell.current(), settings())
        return run(prompt, chosen(options, tuple(frames)), {**variables, **frames}, Silent())
    except UserFacingError as error:
        error.frames = "users"
        raise


def named(df: object, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return frames by name: as given, or as the namespace calls each, or ``df``."""
    if df is None:
        return {}
    if isinstance(df, str):
        from .context.frames import frame_named

        return {name.strip(): frame_named(name.strip(), namespace) for name in df.split(",")}
    from .context.frames import is_tabular

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


def chosen(given: Mapping[str, Any], frames: tuple[str, ...]) -> Options:
    """Return keyword arguments as Options, checked as on a ``%%m1`` line."""
    from .options import flags

    return flags.from_python(given, frames)
