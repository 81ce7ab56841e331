"""Every setting, where it comes from and where files are kept.

Precedence: flag > ``%config M1.…`` and ``%m1 set`` > environment > saved and IPython config
files > default. Environment values are merged into the traitlets config, so that a later
``%config`` reload cannot bring an older value back.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from traitlets import (
    Bool,
    CaselessStrEnum,
    Dict,
    Float,
    Int,
    List,
    TraitError,
    TraitType,
    Unicode,
)
from traitlets.config import Config, Configurable

from ..errors import BadSetting, LedgerProblem, UsageError
from ..text import one_line
from .endpoints import OPENROUTER, endpoint
from .traits import Dollars, Patterns, Real, Tasks

MODEL = "minimax/minimax-m1"
LEVELS = ("names", "schema", "stats", "sample")
PERIODS = ("session", "day", "month")
SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
WRITABLE = "Set M1_HOME to a folder that you may write."
ENVIRONMENT = {"M1_BASE_URL": "base_url", "M1_MODEL": "model", "M1_BUDGET": "budget"}


class M1(Configurable):
    """Settings of m1-magic; ``%config M1`` lists them."""

    model = Unicode(MODEL, help="Any OpenRouter slug, or a model of the server at base_url.").tag(
        config=True
    )
    base_url = Unicode(
        OPENROUTER, help="OpenRouter, any OpenAI-compatible server, or the word offline."
    ).tag(config=True)
    temperature = Real(1.0, min=0.0, max=2.0, allow_none=True, help="Sampling; M1's own: 1.0.").tag(
        config=True
    )
    top_p = Real(0.95, min=0.0, max=1.0, allow_none=True, help="Sampling; M1's own: 0.95.").tag(
        config=True
    )
    max_tokens = Int(16000, min=1, help="Most output tokens of a call, thinking included.").tag(
        config=True
    )
    system = Unicode("You are a helpful assistant.", help="The system prompt.").tag(config=True)
    send = Unicode("stats", help="Privacy level: names, schema, stats, sample or sample:N.").tag(
        config=True
    )
    min_group = Int(
        5, min=1, help="Below sample, a value leaves only if so many rows share it."
    ).tag(config=True)
    budget = Dollars(None, help="US dollars that a period may cost; none: no budget.").tag(
        config=True
    )
    budget_period = CaselessStrEnum(PERIODS, "session", help="What the budget is for (UTC).").tag(
        config=True
    )
    max_cost = Dollars(Decimal("0.25"), help="US dollars that one call could cost at most.").tag(
        config=True
    )
    data_collection = CaselessStrEnum(
        ("allow", "deny"), None, allow_none=True, help="OpenRouter: may providers keep prompts?"
    ).tag(config=True)
    zdr = Bool(None, allow_none=True, help="OpenRouter: only endpoints without retention.").tag(
        config=True
    )
    max_price = Dict(
        default_value=None,
        allow_none=True,
        help="OpenRouter: dearest price, {'prompt': 0.5, 'completion': 2.5}.",
    ).tag(config=True)
    tasks = Tasks(
        help="Own tasks: {'tutor': 'You are …'}, or {'tutor': {'system': …, 'temperature': 0.3}}."
    ).tag(config=True)
    own_secrets = Patterns(
        help="Secrets of your own: {'case number': r'CASE-[0-9]{6}'}; refused or masked as keys."
    ).tag(config=True)
    allowed_secrets = List(
        Unicode(), help="Hashes of strings that look like secrets and may be sent."
    ).tag(config=True)
    connect_timeout = Real(5.0, min=0.01, help="Seconds to connect.").tag(config=True)
    first_token_timeout = Real(300.0, min=0.01, help="Seconds to the first data event.").tag(
        config=True
    )
    token_timeout = Real(60.0, min=0.01, help="Seconds between data events.").tag(config=True)
    deadline = Real(1800.0, min=0.01, help="Seconds for the whole call.").tag(config=True)
    max_retries = Int(2, min=0, help="Visible retries: nothing sent, 429 or 503.").tag(config=True)
    thinking = CaselessStrEnum(
        ("fold", "show", "hide", "drop"), "fold", help="The model's thinking; drop: not saved."
    ).tag(config=True)
    render = CaselessStrEnum(
        ("auto", "html", "markdown", "text"), "auto", help="What an answer is displayed as."
    ).tag(config=True)
    keep_text = Bool(True, help="Keep prompts and answers in the ledger.").tag(config=True)
    keep_days = Int(30, min=0, help="Days until kept text is purged; numbers stay.").tag(
        config=True
    )
    traceback = Bool(False, help="Show full tracebacks of this package's errors.").tag(config=True)
    footer = CaselessStrEnum(
        ("full", "stable"), "full", help="stable: no seconds and sums in the saved file."
    ).tag(config=True)


def send_level(text: str) -> tuple[str, int]:
    """Return the privacy level and the number of sample rows of ``stats`` or ``sample:3``.

    Raises:
        UsageError: no such level.
    """
    level, _, count = text.strip().lower().partition(":")
    if level not in LEVELS or (
        count and (level != "sample" or not count.isdigit() or not int(count))
    ):
        raise UsageError(
            f"There is no privacy level {one_line(text, 40)!r}.",
            todo="Use names, schema, stats, sample or sample:N.",
        )
    return level, (int(count or 5) if level == "sample" else 0)


def home() -> Path:
    """Return ``M1_HOME`` (default: the platform's data folder), made with mode 0700.

    Raises:
        LedgerProblem: the folder cannot be made.
    """
    named = os.environ.get("M1_HOME")
    if named:
        path = Path(os.path.expanduser(named))
    else:
        from platformdirs import user_data_path

        path = user_data_path("m1-magic", appauthor=False)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerProblem(
            f"The folder {path} cannot be made ({error.strerror}).", todo=WRITABLE
        ) from None
    return path


def load(ipython: Config | None = None, environ: Mapping[str, str] | None = None) -> M1:
    """Return the settings: defaults, IPython's config, saved settings, then the environment.

    Raises:
        BadSetting: a value in a file or in the environment that cannot be.
    """
    merged = Config(ipython.get("M1", {})) if ipython else Config()
    merged.merge(saved())
    variables = os.environ if environ is None else environ
    for variable, name in ENVIRONMENT.items():
        if variables.get(variable):
            merged[name] = checked(name, variables[variable], variable)
    try:
        return M1(config=Config({"M1": merged}))
    except TraitError as error:
        raise BadSetting(
            one_line(error), todo="Mend it in IPython's config, or in settings.json of M1_HOME."
        ) from None


def saved() -> dict[str, Any]:
    """Return what ``%m1 set … --save`` kept."""
    path = home() / "settings.json"
    try:
        kept = dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise BadSetting(
            f"{path} cannot be read: {one_line(error)}.", todo="Mend or delete it."
        ) from None
    names = M1.class_trait_names(config=True)
    return {name: value for name, value in kept.items() if name in names}


def save(name: str, value: object) -> None:
    """Keep one setting for good, in ``M1_HOME/settings.json`` (0600).

    Raises:
        BadSetting: the file cannot be read or written.
    """
    kept = saved() | {name: str(value) if isinstance(value, Decimal) else value}
    path = home() / "settings.json"
    fresh = path.with_suffix(".new")
    try:
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(number, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
        fresh.replace(path)
    except OSError as error:
        raise BadSetting(
            f"{path} cannot be written ({error.strerror}); {name} holds for this kernel.",
            todo=WRITABLE,
        ) from None


def change(settings: M1, name: str, text: str) -> Any:
    """Set one setting from plain text (``none`` for None) and return its value.

    Raises:
        BadSetting: no such setting, or not a value of it.
    """
    value = checked(name, text, f"%m1 set {name}")
    settings.update_config(Config({"M1": {name: value}}))
    return getattr(settings, name)


def checked(name: str, text: str, source: str) -> Any:
    """Return ``text`` as a value of the setting ``name``, or raise BadSetting."""
    trait = M1.class_traits(config=True).get(name)
    if trait is None:
        raise BadSetting(
            f"There is no setting {one_line(name, 40)!r}.", todo="%config M1 lists them."
        )
    try:
        value = (
            None
            if text.strip().lower() in ("none", "") and trait.allow_none
            else parsed(trait, text)
        )
        setattr(M1(), name, value)
        if name == "send":
            send_level(text)
        elif name == "base_url":
            endpoint(text)
        elif name == "model" and not value:
            raise UsageError("It needs a slug.")
    except (TraitError, ValueError, UsageError) as error:
        detail = error.what if isinstance(error, UsageError) else one_line(trait.help)
        raise BadSetting(f"{source}: {one_line(text, 60)!r} does not fit. {detail}") from None
    return str(value) if isinstance(value, Decimal) else value


def parsed(trait: TraitType[Any, Any], text: str) -> Any:
    """Read ``text`` the way the trait's own type is written."""
    if isinstance(trait, Bool):
        return SWITCH.get(text.strip().lower(), text)
    if isinstance(trait, Int):
        return int(text.replace(",", "").replace("_", ""))
    if isinstance(trait, Float):
        return float(text)
    if isinstance(trait, List):
        return [word.strip() for word in text.split(",") if word.strip()]
    if isinstance(trait, (Dict, Patterns)):
        return literal(text)
    return text.strip()


def literal(text: str) -> Any:
    """Read data that is written as in JSON or as in Python; ValueError if it is neither."""
    try:
        return json.loads(text)
    except (RecursionError, ValueError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (MemoryError, RecursionError, SyntaxError, TypeError) as error:
        raise ValueError(str(error)) from None
