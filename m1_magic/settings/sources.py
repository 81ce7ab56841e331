"""Where settings come from, and where ``%m1 set … --save`` keeps them.

Precedence: flag > ``%config M1.…`` and ``%m1 set`` > environment > saved and IPython config
files > default. Environment values are merged into the traitlets config, so that a later
``%config`` reload cannot bring an older value back. A file that cannot be read costs what is in
it, never the extension.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from traitlets import TraitError
from traitlets.config import Config

from .. import files
from ..errors import BadSetting, LedgerProblem
from ..text import one_line
from .config import M1, checked
from .home import WRITABLE, distrusted, home, place, unwritable

FILE = "settings.json"
ENVIRONMENT = {
    "M1_BASE_URL": "base_url",
    "M1_MODEL": "model",
    "M1_BUDGET": "budget",
    "M1_TAPE": "tape",
    "M1_MODE": "mode",
    "M1_PACE": "pace",
}


def load(ipython: Config | None = None) -> M1:
    """Return the settings: defaults, IPython's config, saved settings, then the environment.

    What cannot be used of ``settings.json`` is left out, and stands in ``problems``; what cannot be
    in IPython's config or in the environment is a BadSetting.
    """
    values, problems = _sources(ipython)
    with _named():
        settings = M1(config=Config({"M1": values}))
    settings.problems, settings.sources = problems, values
    settings.loaded = _values(settings)
    return settings


def renew(settings: M1, ipython: Config | None = None) -> None:
    """Apply what IPython's config, saved settings and the environment newly say.

    What was set by hand since stays, and so does what a source no longer says: a budget is never
    dropped because its variable is gone. After a BadSetting nothing has changed.
    """
    values, problems = _sources(ipython)
    now = _values(settings)
    fresh = {
        name: value
        for name, value in values.items()
        if settings.sources.get(name, ...) != value and now[name] == settings.loaded[name]
    }
    with _named():
        M1(config=Config({"M1": fresh}))
        settings.update_config(Config({"M1": fresh}))
    settings.problems, settings.sources = problems, Config({**settings.sources, **values})
    settings.loaded |= {name: getattr(settings, name) for name in fresh}


def saved() -> dict[str, Any]:
    """Return what ``%m1 set … --save`` kept, as far as it can be used."""
    return _saved()[0]


def save(name: str, value: object) -> str:
    """Keep one setting for good, in ``M1_HOME/settings.json`` (0600); raises BadSetting.

    Returns a sentence on what became of a file that could not be read, "" if it could.
    """
    addition = {name: str(value) if isinstance(value, Decimal) else value}
    json.dumps(addition)  # raises before anything has changed
    path = place() / FILE
    if why := distrusted(path):
        raise BadSetting(f"{path} is not obeyed ({why}); {name} holds for this kernel.")
    try:
        with files.locked(home()):
            values, problem = _read(path)
            aside = files.set_aside(path) if problem else None
            files.replace(path, json.dumps(values | addition, indent=1), sync=True)
    except (LedgerProblem, OSError) as error:
        reason = error.what if isinstance(error, LedgerProblem) else error.strerror
        raise BadSetting(
            f"{path} cannot be written ({reason}); {name} holds for this kernel.", todo=WRITABLE
        ) from None
    return f"The old file could not be read ({problem}) and is kept as {aside}." if aside else ""


def _sources(ipython: Config | None) -> tuple[Config, tuple[str, ...]]:
    """Return what all sources say together, and one line on each that cannot be used."""
    values = Config(ipython.get("M1", {})) if ipython else Config()
    saved_values, problem = _saved()
    values.merge(saved_values)
    for variable, name in ENVIRONMENT.items():
        if os.environ.get(variable):
            values[name] = checked(name, os.environ[variable], variable)
    return values, tuple(line for line in (problem, unwritable()) if line)


def _saved() -> tuple[dict[str, Any], str]:
    """Return the saved settings that can be used, and one line on what cannot."""
    path = place() / FILE
    if why := distrusted(path):
        return {}, f"{path} is not obeyed: {why}."
    values, problem = _read(path)
    if problem:
        return {}, f"{path} cannot be read ({problem}): all in it is left out. Mend or delete it."
    wrong = {name: why for name, value in values.items() if (why := _refused(name, value))}
    if wrong:
        listed = [f"{one_line(name, 40)} ({why})" for name, why in wrong.items()]
        more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
        problem = f"Of {path} is left out: {', '.join(listed[:5])}{more}. Mend or delete it."
    return {name: value for name, value in values.items() if name not in wrong}, problem


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """Return all that a settings file holds, and why it cannot be read; "" if it can."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except (OSError, ValueError, RecursionError) as error:
        return {}, one_line(getattr(error, "strerror", None) or error, 80)
    return (values, "") if isinstance(values, dict) else ({}, "not a JSON object")


def _refused(name: str, value: object) -> str:
    """Return why a saved setting cannot be used, "" if it can."""
    if name not in M1.class_trait_names(config=True):
        return "no setting of this version"
    try:
        setattr(M1(), name, value)
    except BadSetting as error:
        return one_line(error.what, 120)
    except Exception as error:  # whatever stands in that file, the extension must load
        return one_line(error, 120)
    return ""


def _values(settings: M1) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in M1.class_trait_names(config=True)}


@contextmanager
def _named() -> Iterator[None]:
    """Say where a value stands that traitlets refuses: saved and environment's are checked."""
    try:
        yield
    except TraitError as error:
        raise BadSetting(one_line(error), todo="Mend it in IPython's config.") from None
