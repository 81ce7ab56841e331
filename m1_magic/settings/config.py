"""Every setting: its kind, its default, and how its value is written as plain text."""

from __future__ import annotations

import ast
import json
from decimal import Decimal
from typing import Any

from traitlets import Bool, CaselessStrEnum, Dict, Float, Int, List, TraitError, TraitType, Unicode
from traitlets.config import Config, Configurable

from ..errors import BadSetting, UsageError
from ..text import one_line
from .endpoints import OPENROUTER, endpoint
from .extras import Fields, Headers, Preferences, Slugs, preferences
from .traits import Dollars, Patterns, Prices, Real, Tasks

MODEL = "minimax/minimax-m1"
LEVELS = ("names", "schema", "stats", "sample")
PERIODS = ("session", "day", "month")
SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def send_level(text: str) -> tuple[str, int]:
    """Return the privacy level and the number of sample rows of ``stats`` or ``sample:3``."""
    level, _, count = text.strip().lower().partition(":")
    if level not in LEVELS or (count and (level != "sample" or not count.isdigit())):
        raise UsageError(
            f"There is no privacy level {one_line(text, 40)!r}.",
            todo="Use names, schema, stats, sample or sample:N.",
        )
    return level, (int(count or 5) if level == "sample" else 0)


class Level(Unicode[Any, Any]):
    """A privacy level, checked when it is set."""

    info_text = "names, schema, stats, sample or sample:N"

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the level, or raise TraitError."""
        text = super().validate(obj, value)
        try:
            send_level(text)
        except UsageError:
            self.error(obj, value)
        return text


class M1(Configurable):
    """Settings of m1-magic; ``%config M1`` lists them.

    ``problems`` says what could not be used when they were read, a line each; ``sources`` and
    ``loaded`` are what files and environment said then, and the values that came of it.
    """

    problems: tuple[str, ...] = ()
    sources = Config()
    loaded: dict[str, Any]

    model = Unicode(MODEL, help="Any OpenRouter slug, or a model of the server at base_url.")
    base_url = Unicode(
        OPENROUTER, help="OpenRouter, any OpenAI-compatible server, or the word offline."
    )
    temperature = Real(1.0, min=0.0, max=2.0, allow_none=True, help="Sampling; M1's own: 1.0.")
    top_p = Real(0.95, min=0.0, max=1.0, allow_none=True, help="Sampling; M1's own: 0.95.")
    max_tokens = Int(16000, min=1, help="Most output tokens of a call, thinking included.")
    system = Unicode("You are a helpful assistant.", help="The system prompt.")
    send = Level("stats", help="Privacy level: names, schema, stats, sample or sample:N.")
    min_group = Int(5, min=1, help="Below sample, a value leaves only if so many rows share it.")
    budget = Dollars(None, help="US dollars that a period may cost; none: no budget.")
    budget_period = CaselessStrEnum(PERIODS, "session", help="What the budget is for (UTC).")
    max_cost = Dollars(Decimal("0.25"), help="US dollars that one call could cost at most.")
    data_collection = CaselessStrEnum(
        ("allow", "deny"), None, allow_none=True, help="OpenRouter: may providers keep prompts?"
    )
    zdr = Bool(None, allow_none=True, help="OpenRouter: only endpoints without retention.")
    max_price = Dict(
        default_value=None,
        allow_none=True,
        help="OpenRouter: dearest price, {'prompt': 0.5, 'completion': 2.5}.",
    )
    prices = Prices(
        help="Where no list tells: 'free', or US dollars per million tokens, also by model:"
        " {'m': {'prompt': 0.4, 'completion': 2.2}}."
    )
    provider = Preferences(
        default_value=None,
        allow_none=True,
        help="OpenRouter: who serves, {'sort': 'price', 'ignore': ['novita']}; also order, only.",
    )
    fallbacks = Slugs(Unicode(), help="OpenRouter: models to try where the first cannot be had.")
    extra_body = Fields(
        default_value=None,
        allow_none=True,
        help="JSON fields that a server wants besides ours: {'top_k': 40}.",
    )
    extra_headers = Headers(
        default_value=None,
        allow_none=True,
        help="HTTP headers that a gateway wants, never a key: {'X-Team': 'data'}.",
    )
    tasks = Tasks(
        help="Own tasks: {'tutor': 'You are …'}, or {'tutor': {'system': …, 'temperature': 0.3}}."
    )
    own_secrets = Patterns(
        help="Secrets of your own: {'case number': r'CASE-[0-9]{6}'}; refused or masked as keys."
    )
    allowed_secrets = List(
        Unicode(), help="Hashes of strings that look like secrets and may be sent."
    )
    exact = Bool(False, help="Figures are computed here, by queries over the tables of a call.")
    repairs = Int(1, min=0, help="How often queries of --exact that failed are asked for again.")
    query_timeout = Real(10.0, min=0.01, help="Seconds of a query of --exact or --tools sql.")
    rounds = Int(8, min=1, help="Requests of one call with --tools at most.")
    connect_timeout = Real(5.0, min=0.01, help="Seconds to connect.")
    first_token_timeout = Real(300.0, min=0.01, help="Seconds to the first text or thinking.")
    token_timeout = Real(60.0, min=0.01, help="Seconds between data events.")
    deadline = Real(1800.0, min=0.01, help="Seconds for the whole call.")
    max_retries = Int(
        2, min=0, help="Visible retries: nothing sent, 429, 503, money held in flight."
    )
    thinking = CaselessStrEnum(
        ("fold", "show", "hide", "drop"), "fold", help="The model's thinking; drop: not saved."
    )
    render = CaselessStrEnum(
        ("auto", "html", "markdown", "text"), "auto", help="What an answer is displayed as."
    )
    keep_text = Bool(True, help="Keep prompts and answers in the ledger.")
    keep = Bool(True, help="Show a notebook's kept answers when it asks the same after a restart.")
    tape = Unicode(
        "", help="A file of answers that a notebook runs on: a path, or on: beside the notebook."
    )
    mode = CaselessStrEnum(
        ("auto", "replay", "record", "live"),
        "auto",
        help="auto: the tape, else ask and record; replay: nothing else; record: ask always.",
    )
    tape_thinking = Bool(False, help="Record the model's thinking, too.")
    pace = Real(0.0, min=0.0, help="Tokens a second at which kept answers come; 0: at once.")
    keep_days = Int(30, min=0, help="Days until kept text is purged; numbers stay.")
    traceback = Bool(False, help="Show full tracebacks of this package's errors.")
    footer = CaselessStrEnum(
        ("full", "stable"), "full", help="stable: no seconds and sums in the saved file."
    )

    @property
    def own_max_cost(self) -> bool:
        """Was ``max_cost`` set by anyone? A value that was set is another object."""
        return self.max_cost is not M1.max_cost.default_value

    def routing(self) -> dict[str, Any]:
        """Return OpenRouter's provider preferences that are set; a setting of its own goes first.

        See OpenRouter docs, features/provider-routing.
        """
        own = {name: getattr(self, name) for name in ("data_collection", "zdr", "max_price")}
        chosen = {name: value for name, value in own.items() if value not in (None, {})}
        return {**preferences(self.provider or {}), **chosen}


for trait in M1.class_own_traits().values():  # each is a setting
    trait.tag(config=True)


def change(settings: M1, name: str, text: str) -> Any:
    """Set one setting from plain text (``none`` for None) and return it; raises BadSetting."""
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
        if name == "base_url":
            endpoint(text)
        elif name == "model" and not value:
            raise UsageError("It needs a slug.")
    except (TraitError, ValueError, UsageError) as error:
        detail = error.what if isinstance(error, UsageError) else fitting(trait)
        # A header may be given with a key in it, which is not to be shown.
        quoted_text = "that" if name == "extra_headers" else repr(one_line(text, 60))
        raise BadSetting(f"{source}: {quoted_text} does not fit. {detail}") from None
    return str(value) if isinstance(value, Decimal) else value


def fitting(trait: TraitType[Any, Any]) -> str:
    """Return which values a setting takes, and what it is."""
    values: list[str] = []
    if isinstance(trait, CaselessStrEnum):
        values = [str(value) for value in trait.values or ()]
    elif isinstance(trait, Bool):
        values = ["on", "off"]
    elif isinstance(trait, (Int, Float)):
        kind = "a whole number" if isinstance(trait, Int) else "a number"
        top = trait.max is not None and trait.max < float("inf")
        limits = f"from {trait.min:g} to {trait.max:g}" if top else f"of at least {trait.min:g}"
        values = [f"{kind} {limits}"]
    values += ["none"] if values and trait.allow_none else []
    listed = " or ".join([", ".join(values[:-1]), values[-1]] if values[1:] else values)
    return f"It takes {listed}. {trait.help}" if values else trait.help


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
    if isinstance(trait, (Dict, Patterns)) or (isinstance(trait, Prices) and "{" in text):
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
