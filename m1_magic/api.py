"""``ask()``, and what all doors share: how a call is prepared, previewed and sent.

Imports are inside the functions: ``%load_ext`` needs the settings only, and must not pay for the
rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .app import PROCESS

if TYPE_CHECKING:
    from .calls import Reply, Request
    from .chats.turns import ChatHead
    from .options.fields import Options
    from .session.plan import Plan
    from .session.view import View

settings, session, chats, end = PROCESS.settings, PROCESS.session, PROCESS.chats, PROCESS.end


def prepare(
    prompt: str, options: Options, namespace: Mapping[str, object], head: ChatHead | None = None
) -> Request:
    """Return the request for a prompt; see `chats.question.prepare`."""
    from .chats import question

    return question.prepare(chats(), prompt, options, namespace, head)


def run(
    prompt: str,
    options: Options,
    namespace: Mapping[str, object],
    view: View,
    head: ChatHead | None = None,
) -> Reply:
    """Ask in ``view``: what ``%%m1``, ``%m1 ask`` and ``ask()`` have in common."""
    from .chats import question

    return question.ask(chats(), prompt, options, namespace, view, head)


def send(request: Request, options: Options, view: View) -> Reply:
    """Ask what `prepare` made of these options; may be called in any thread."""
    from .chats import question

    return question.send(chats(), request, options, view)


def preview(
    prompt: str, options: Options, namespace: Mapping[str, object], head: ChatHead | None = None
) -> Plan:
    """Return the plan of a call as it is known without asking a server; nothing is sent."""
    return session().dry_plan(prepare(prompt, options, namespace, head))


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
    from .context.frames.tables import is_tabular

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
