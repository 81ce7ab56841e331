"""A function → what of it the model is told, and what checks the arguments that it sends.

pydantic makes the schema of the type hints; the docstring goes along as it is. What cannot be
described is refused by name, before anything is sent.
"""

from __future__ import annotations

import functools
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ..context.frames.containers import plainly_none
from ..errors import UsageError
from ..text import cut_middle, one_line
from ..typed import fitting as typed_fitting
from ..typed.fitting import fit
from ..typed.reading import read
from ..typed.schema import LEFT_OUT, Wanted
from ..typed.shape import DECIMAL, shown
from .arguments import strict, unwrapped
from .identity import identity

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LONGEST = 4_000  # characters of a docstring
SETTING = 200  # of a default value
MISFITS = 5  # places that are told
MOST = 100  # fields that it has not, of which each is looked at
EMPTY = inspect.Parameter.empty
VALUES = {"default", "enum", "const"}  # of a schema: no schemas themselves
MANY = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
TYPES = (
    "Take text, numbers, lists, models or dataclasses; a table by its name, or bound:"
    " functools.partial(f, table=df)."
)
TYPED_DICT = "Import TypedDict from typing_extensions: pydantic cannot read this Python's own."
HINTS = "Write it with type hints: def {name}(city: str, days: int = 3): …"


class Misfit(Exception):
    """Arguments that do not fit; its text says why, in one line that may be told to the model."""


@dataclass(frozen=True)
class Tool:
    """A function that may be called.

    Args:
        spec: how the wire describes it.
        read: arguments as they came → those to call it with, and as JSON; raises `Misfit`.
        run: the arguments → what it gives; None: it is described here, and cannot be run.
        key: what "always" is remembered by.
        source: the function's code, if it can be read.
    """

    name: str
    spec: Mapping[str, Any]
    read: Callable[[str], tuple[Any, str]]
    run: Callable[[Any], Any] | None
    key: object = None
    source: str = ""


def _why(one: typed_fitting.Misfit) -> str:
    """Return what does not fit, without the words of a check of the user's."""
    why = "not accepted" if one.own else one.why
    return one_line(f"{shown(one.path)}: {why}" if one.path else why, 120)


@dataclass(frozen=True)
class _Arguments:
    """The parameters of a function, those without a default ``needed``."""

    name: str
    wanted: Wanted
    parameters: tuple[inspect.Parameter, ...]
    defaults: Mapping[str, Any]

    def read(self, text: str) -> tuple[dict[str, Any], str]:
        """Return arguments, read leniently: a value is that which was written, or there is none."""
        if text.strip() in ("", "null", "None", "[]"):
            text = "{}"
        names = self.wanted.shape.properties
        exact = unwrapped(strict(text), self.name, names)
        if exact and len(exact.fields.keys() - names) > MOST:
            raise Misfit(f"{len(exact.fields):,} fields, and {self.name} has {len(names)}")
        found = fit(exact, self.wanted) if exact else read(text, self.wanted)
        if found.misfits:
            raise Misfit("; ".join(map(_why, found.misfits[:MISFITS])))
        return {**self.defaults, **found.data}, found.node.json()

    def checked(self, text: str) -> tuple[dict[str, Any], str]:
        """Return the same; what code of the types raises is a misfit, too."""
        try:
            return self.read(text)
        except (Misfit, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit, too
            raise Misfit(f"their types raised {one_line(type(error).__name__, 60)}") from None

    def call(self, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """Call a function as people do: the first arguments by their places, the rest by name."""
        alone, either = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
        first = [p for p in self.parameters if p.kind is alone]
        last = max((n for n, p in enumerate(first, 1) if p.name in given), default=0)
        placed = first[:last]
        if last == len(first):
            others = (p for p in self.parameters[last:] if p.kind is either)
            placed += takewhile(lambda p: p.name in given, others)
        values = [given.get(p.name, p.default) for p in placed]
        names = {p.name for p in (*first, *placed)}
        return function(*values, **{name: given[name] for name in given if name not in names})


def described(function: Callable[..., Any], name: str) -> Tool:
    """Return a function as a tool of this name; raises UsageError where it cannot be one."""
    if isinstance(function, type):
        what = f"{name} is a class, and tools are functions."
        raise UsageError(what, todo="Write a function that makes one.")
    arguments = _arguments(function, name)
    schema = dict(_plain(arguments.wanted.schema))
    properties = schema.setdefault("properties", {})
    for parameter in arguments.parameters:
        if parameter.name in properties and parameter.default is not EMPTY:
            with suppress(TypeError, ValueError):  # no JSON, which says nothing of it
                default = json.loads(json.dumps(_default(parameter), allow_nan=False))
                if _is_setting(default):
                    properties[parameter.name] = {**properties[parameter.name], "default": default}
    doc = inspect.getdoc(function) if not isinstance(function, functools.partial) else None
    doc = doc or inspect.getdoc(_inner(function)) or ""
    doc = "" if doc == type.__call__.__doc__ else doc  # which says nothing of this one
    spec = {"name": name, "description": cut_middle(doc.strip(), LONGEST), "parameters": schema}
    return Tool(
        name,
        {"type": "function", "function": {key: one for key, one in spec.items() if one}},
        arguments.checked,
        functools.partial(arguments.call, function),
        identity(function, name),
        _source(function),
    )


def _arguments(function: Callable[..., Any], name: str) -> _Arguments:
    try:
        signature = inspect.signature(function)
        hints = _hints(_inner(function))
    except Exception as error:  # also of code that makes them
        what = f"{name} cannot be described: {one_line(error, 120) or type(error).__name__}."
        raise UsageError(what, todo=HINTS.format(name=name)) from None
    bound = function.keywords if isinstance(function, functools.partial) else {}
    parameters = tuple(p for p in signature.parameters.values() if p.name not in bound)
    fields: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for one in parameters:
        shown = one_line(one.name, 60)
        if one.kind in MANY:
            what = f"{name} takes {MANY[one.kind]}{shown}, of which no schema can be made."
            raise UsageError(what, todo="Write a function with a parameter for each value.")
        if one.name not in hints:
            what = f"{name}: its parameter {shown} has no type hint."
            raise UsageError(what, todo=HINTS.format(name=name))
        kind = hints[one.name]
        if _is_field(one.default):
            kind = typing.Annotated[kind, one.default]
            if not one.default.is_required():
                defaults[one.name] = _default(one)
        if one.default is None:  # of a type that may not say so
            kind = typing.Optional[kind]  # noqa: UP045 - it is a value
        _adapter(kind, name, shown)
        needed = one.default is EMPTY or (_is_field(one.default) and one.default.is_required())
        fields[one.name] = kind if needed else _not_required(kind)
    wanted = Wanted(_adapter(_typed_dict(fields), name, ""), nan=True)
    return _Arguments(name, wanted, parameters, defaults)


def _hints(function: Any) -> dict[str, Any]:
    """Return the type hints of the parameters: that of the result need not be there."""
    given = {**getattr(function, "__annotations__", {})}
    given.pop("return", None)
    holder = types.SimpleNamespace(__annotations__=given)
    space = getattr(function, "__globals__", {})
    return typing.get_type_hints(holder, globalns=space, include_extras=True)


def _inner(function: Callable[..., Any]) -> Any:
    """Return what has the type hints and the docstring of something that can be called."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return inspect.unwrap(function)
    return type(function).__call__


def _source(function: Callable[..., Any]) -> str:
    with suppress(Exception):  # there is none, or it is asked of foreign code
        return inspect.getsource(_inner(function))
    return ""


def _is_field(value: object) -> Any:
    from pydantic.fields import FieldInfo

    return isinstance(value, FieldInfo)


def _default(parameter: inspect.Parameter) -> Any:
    default = parameter.default
    return default.get_default(call_default_factory=True) if _is_field(default) else default


def _not_required(kind: Any) -> Any:
    from typing import NotRequired

    return NotRequired[kind]


def _typed_dict(fields: Mapping[str, Any]) -> Any:
    from typing_extensions import TypedDict

    make: Any = TypedDict
    made = make("Arguments", dict(fields))
    made.__pydantic_config__ = {"extra": "forbid"}
    return made


def _adapter(kind: Any, name: str, parameter: str) -> TypeAdapter[Any]:
    """Return what checks a type; raises UsageError where no schema of it can be made."""
    from pydantic import TypeAdapter

    try:
        made: TypeAdapter[Any] = TypeAdapter(kind)
        json.dumps(made.json_schema())
    except Exception as error:  # also of code of the types
        of = f"of its parameter {parameter}" if parameter else "of its parameters"
        hint = getattr(kind, "__name__", None) or str(kind)
        what = f"{name}: no schema can be made {of} ({one_line(hint, 60)})"
        what += "." if parameter else f": {one_line(error, 120)}."
        old = getattr(error, "code", "") == "typed-dict-version"
        raise UsageError(what, todo=TYPED_DICT if old else TYPES) from None
    return made


def _plain(schema: Any) -> Any:
    """Return a schema without titles and examples, which say nothing of values."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    decimal = {"format"} if schema.get("format") == DECIMAL else set()
    left_out = (LEFT_OUT | decimal) - {"default"}
    if not _is_setting(schema.get("default")):
        left_out |= {"default"}
    given = {key: one for key, one in schema.items() if key not in left_out}
    made = {key: one if key in VALUES else _plain(one) for key, one in given.items()}
    for key in ("properties", "$defs"):  # whose names are no words of a schema
        if key in schema:
            made[key] = {name: _plain(one) for name, one in schema[key].items()}
    return made


def _is_setting(default: object) -> bool:
    """Is a default value JSON, and none that holds data?"""
    if isinstance(default, str):
        return len(default) <= SETTING and "\n" not in default
    with suppress(TypeError, ValueError):
        return plainly_none(default) and bool(json.dumps(default, allow_nan=False))
    return False


def missing(spec: Mapping[str, Any]) -> Tool:
    """Return a tool that is only described: a kept answer is shown, and nothing is run."""

    def read_nothing(text: str) -> tuple[Any, str]:
        raise Misfit("the function is not there")

    return Tool(str(spec["function"]["name"]), spec, read_nothing, None)


def renamed(tool: Tool, name: str) -> Tool:
    """Return a tool by another name."""
    inner = {**tool.spec["function"], "name": name}
    return replace(tool, name=name, spec={**tool.spec, "function": inner})
