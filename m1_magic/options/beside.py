"""Several answers at once: options that stand for several calls → one each, with what differs.

Models before temperatures before repetitions; ``-n 3 --seed 1`` asks with the seeds 1, 2 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from ..errors import UsageError
from ..text import one_line
from .fields import Options

MOST = 12  # answers at once


@dataclass(frozen=True, slots=True)
class Single:
    """One of several calls: its options, which of them ``differ``, and those in words."""

    options: Options
    differs: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


def each(options: Options) -> list[Single]:
    """Return the calls that options stand for, in order.

    Raises:
        UsageError: they are too many, or two of them are the same.
    """
    if options.code:
        what = "--code is for one answer, and these are several."
        raise UsageError(what, todo="Choose one with %m1 continue 2; %m1 code takes its code.")
    if options.tools:
        what = "--tools is for one answer at a time, not with -n, nor with a list of models or"
        what += " temperatures."
        raise UsageError(what, todo="Name one model and one temperature, and leave out -n.")
    models, temperatures = _several(options.model), _several(options.temperature)
    for flag, values in (("-m", models), ("-t", temperatures)):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            what = f"{flag} names {one_line(twice, 80)} twice."
            raise UsageError(what, todo="-n 2 asks the same twice.")
    count = len(models) * len(temperatures) * (options.n or 1)
    if count > MOST:
        raise UsageError(
            f"These are {count:,} answers at once, and {MOST} are the most.",
            todo="Name fewer models or temperatures, or a smaller -n.",
        )
    numbers = range(options.n or 1)
    return [_single(options, *one) for one in product(models, temperatures, numbers)]


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _single(options: Options, model: Any, temperature: Any, number: int) -> Single:
    differs: dict[str, Any] = {}
    labels = []
    if isinstance(options.model, tuple):
        differs["model"] = model
        labels += [one_line(model, 80)] if len(options.model) > 1 else []
    if isinstance(options.temperature, tuple):
        differs["temperature"] = temperature
        labels += [f"temperature {temperature:g}"] if len(options.temperature) > 1 else []
    if options.n and options.n > 1:
        labels.append(f"#{number + 1}")
        if options.seed is not None:
            differs["seed"] = options.seed + number
            labels[-1] = f"seed {options.seed + number}"
    return Single(replace(options, n=None, **differs), differs, " · ".join(labels))
