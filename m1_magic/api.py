"""``ask()`` and the default session: one a process, shared by all doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from traitlets.config import Config

from . import config, redact
from .backends import Chooser
from .calls import Options, Reply, Request
from .config import M1
from .context import gather
from .endpoints import OFFLINE, endpoint
from .errors import Told, UsageError
from .ledger import open_ledger
from .prices import Offer, known
from .prompt import build, fitted
from .render import Silent, View, shell
from .session import Session

_session: Session | None = None


def session(ipython: Config | None = None) -> Session:
    """Return the process's session, composed at the first call.

    Args:
        ipython: IPython's config, for ``c.M1.…`` in its files.

    Raises:
        BadSetting: a setting in a file or in the environment cannot be.
    """
    global _session
    if _session is None:
        chooser = Chooser(progress=shell.progress("fetching the local model"))
        _session = Session(config.load(ipython), lambda: open_ledger(config.home()), chooser)
    return _session


def end() -> None:
    """Close the process's session; the next call composes a new one."""
    global _session
    if _session is not None:
        _session.close()
    _session = None


def prepare(
    settings: M1, prompt: str, options: Options, namespace: Mapping[str, object]
) -> Request:
    """Return the request for a prompt: values inserted, tables summarised, secrets looked for.

    Raises:
        UsageError, SecretInPrompt: nothing was sent.
    """
    gathered = gather(options, prompt, namespace, settings)
    redact.refuse(gathered.prompt)
    attachments = []
    for attachment in gathered.attachments:
        text, count = redact.mask(attachment.text)
        attachments.append(replace(attachment, text=text, masked=attachment.masked + count))
    return build(options, gathered.prompt, settings, attachments, gathered.inserted, gathered.notes)


def run(
    this: Session, prompt: str, options: Options, namespace: Mapping[str, object], view: View
) -> Reply:
    """Ask in ``view``: what ``%%m1``, ``%m1 ask`` and ``ask()`` have in common."""
    request = prepare(this.settings, prompt, options, namespace)
    return this.ask(request, view, options.max_cost, asked=wished(this.settings, options))


def preview(
    this: Session, prompt: str, options: Options, namespace: Mapping[str, object]
) -> tuple[Request, Offer | None]:
    """Return what a call would send and the prices that are known without asking a server."""
    request = prepare(this.settings, prompt, options, namespace)
    place = endpoint(this.settings.base_url)
    offer = known(request.model) if place.openrouter and place.host != OFFLINE else None
    return fitted(request, offer, wished(this.settings, options)), offer


def wished(settings: M1, options: Options) -> bool:
    """Is the number of output tokens the user's own wish?"""
    default = M1.max_tokens.default_value
    return bool(options.max_tokens or options.think) or settings.max_tokens != default


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
        **options: the options of ``%%m1`` by name: ``send``, ``model``, ``system``,
            ``temperature``, ``top_p``, ``max_tokens``, ``seed``, ``stop``, ``think``, ``max_cost``.

    Raises:
        M1Error: with the partial answer as ``.reply`` where some of it came.
        Stopped: a ``KeyboardInterrupt``; the same.
    """
    try:
        variables = dict(shell.namespace() if namespace is None else namespace)
        frames = named(df, variables)
        chosen = _options(options, tuple(frames))
        return run(session(), prompt, chosen, {**variables, **frames}, Silent())
    except Told as error:
        error.frames = "users"
        raise


def named(df: object, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return frames by name: as given, or as the namespace calls each, or ``df``."""
    if df is None:
        return {}
    if isinstance(df, str):
        return {name: namespace[name] for name in df.split(",") if name in namespace} or _no_frame(
            df
        )
    if isinstance(df, Mapping):
        return {str(name): frame for name, frame in df.items()}
    frames = list(df) if isinstance(df, (list, tuple)) else [df]
    found: dict[str, object] = {}
    for number, frame in enumerate(frames, 1):
        known_as = (n for n, value in namespace.items() if value is frame and not n.startswith("_"))
        found[next(known_as, "df" if len(frames) == 1 else f"df{number}")] = frame
    return found


def _no_frame(name: str) -> dict[str, object]:
    raise UsageError(
        f"There is no DataFrame {name!r}.", todo="Pass the frame itself: ask(…, df=frame)."
    )


def _options(given: Mapping[str, Any], frames: tuple[str, ...]) -> Options:
    """Return keyword arguments as Options."""
    allowed = {field.name for field in fields(Options)} - {"df", "out", "dry_run", "quiet", "raw"}
    unknown = sorted(set(given) - allowed)
    if unknown:
        raise TypeError(f"ask() got an unexpected keyword argument {unknown[0]!r}")
    values = dict(given)
    stop: str | Sequence[str] = values.get("stop") or ()
    values["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    if values.get("max_cost") is not None:
        values["max_cost"] = Decimal(str(values["max_cost"]))
    return Options(df=frames, **values)
