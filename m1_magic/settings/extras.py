"""What a user adds to each request: fields, headers, provider preferences.

Never what is the package's own: a field that would replace the prompt or pass a limit, a header
that holds a key, or one that the transport writes. Said without the value, which may be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from traitlets import Dict, List

from ..errors import BadSetting
from ..text import one_line

# Fields of a request that have a place of their own, and which.
OURS = {
    "messages": "the prompt is what you type",
    "prompt": "the prompt is what you type",
    "input": "the prompt is what you type",
    "stream": "answers are always streamed",
    "stream_options": "answers are always streamed",
    "n": "a call has one answer",
    "best_of": "a call has one answer",
    "model": "use M1.model",
    "models": "use M1.fallbacks",
    "provider": "use M1.provider",
    "max_tokens": "use M1.max_tokens",
    "max_new_tokens": "use M1.max_tokens",
    "max_output_tokens": "use M1.max_tokens",
    "max_tokens_to_sample": "use M1.max_tokens",
    "n_predict": "use M1.max_tokens",
    "api_key": "keys are stored with %m1 login",
    "authorization": "keys are stored with %m1 login",
    "temperature": "use M1.temperature",
    "top_p": "use M1.top_p",
    "seed": "use --seed",
    "stop": "use --stop",
    "reasoning": "use --think",
}
# What some servers call the most output tokens: with it, that name is sent, and no ``max_tokens``.
COMPLETION = "max_completion_tokens"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
# Headers that hold a key, under any gateway's name for it; and those that are the transport's.
CREDENTIAL = re.compile(
    r"(^|[-_.])(auth|authentication|authorization|bearer|cookies?\d?|(api)?keys?|(auth)?tokens?"
    r"|secrets?|pass(word|wd|phrase)?|credentials?|signature|jwt)($|[-_.])"
)
TRANSPORT = re.compile(
    r"host|content-.*|transfer-encoding|te|trailer|connection|keep-alive|upgrade|expect"
    r"|accept(-encoding)?|proxy-.*|:.*"
)
# OpenRouter's preferences whose kind is known (OpenRouter docs, features/provider-routing).
SLUGS = ("order", "only", "ignore", "quantizations")
SWITCHES = ("allow_fallbacks", "require_parameters", "zdr", "enforce_distillable_text")


class Fields(Dict):
    """JSON fields that go along with each request, none of them ours."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the fields, or raise BadSetting, which names the field."""
        return value and fields(value)


class Headers(Dict):
    """HTTP headers that go along with each request, without credentials."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the headers, or raise BadSetting, which names the header."""
        return value and headers(value)


class Preferences(Dict):
    """OpenRouter's provider preferences."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the preferences, or raise BadSetting, which names the one that cannot be."""
        return value and preferences(value)


class Slugs(List[Any]):
    """Names of models, none of them empty."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the names, or raise BadSetting."""
        given = [value] if isinstance(value, str) else value
        given = given if isinstance(given, (list, tuple)) else [given]
        # traitlets makes a list of "a,b"
        names = [part for one in given if _word(one) for part in one.split(",")]
        if not all(map(_word, [*given, *names])):
            raise BadSetting("fallbacks is a list of models.", todo="['minimax/minimax-m2.5']")
        return [name.strip() for name in names]


def fields(given: object) -> dict[str, Any]:
    """Return what ``M1.extra_body`` adds to a request, checked."""
    made = _json("extra_body", given)
    for name, value in made.items():
        ours = OURS.get(name.strip().lower())
        if ours:
            raise BadSetting(f"extra_body cannot set {name.strip()}: {ours}.")
        if name == COMPLETION and (type(value) is not int or value < 1):
            raise BadSetting(f"extra_body: {COMPLETION} is a whole number of tokens.")
    return made


def headers(given: object) -> dict[str, str]:
    """Return what ``M1.extra_headers`` adds to a request, checked."""
    made = _dict("extra_headers", given)
    for name, value in made.items():
        displayed, key = one_line(name, 40), name.lower()
        if not TOKEN.fullmatch(name):
            raise BadSetting("extra_headers: that cannot be the name of a header.")
        if CREDENTIAL.search(key) or str(value).lower().startswith(("bearer ", "basic ")):
            todo = "Keys are stored with %m1 login, or stand in M1_API_KEY."
            raise BadSetting(f"extra_headers cannot set {displayed}: it holds a key.", todo=todo)
        if TRANSPORT.fullmatch(key):
            raise BadSetting(f"extra_headers cannot set {displayed}: the connection writes it.")
        if not isinstance(value, str) or not VALUE.fullmatch(value):
            raise BadSetting(f"extra_headers: {displayed} is no line of plain ASCII text.")
    return made


def preferences(given: object) -> dict[str, Any]:
    """Return what ``M1.provider`` prefers, checked as far as its kind is known."""
    made = _json("provider", given)
    for name, value in made.items():
        wrong = (
            (name in SLUGS and not (isinstance(value, list) and all(map(_word, value))))
            or (name in SWITCHES and not isinstance(value, bool))
            or (name == "sort" and not (_word(value) or isinstance(value, dict)))
            or (name == "data_collection" and value not in ("allow", "deny"))
            or (name == "max_price" and not isinstance(value, dict))
        )
        if wrong:
            kind = "a list of names" if name in SLUGS else "what OpenRouter takes there"
            kind = "True or False" if name in SWITCHES else kind
            raise BadSetting(f"provider: {name} is not {kind}.", todo="%m1 help set")
    return made


def _word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _dict(setting: str, given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise BadSetting(f"{setting} is a dict of names and values.")
    return dict(given)


def _json(setting: str, given: object) -> dict[str, Any]:
    made = _dict(setting, given)
    try:
        return dict(json.loads(json.dumps(made, allow_nan=False)))
    except (RecursionError, TypeError, ValueError):
        raise BadSetting(f"{setting} holds something that JSON cannot.") from None
