"""What an answer is to be: from ``returns=`` or ``choices=`` to what checks it and asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..calls import AnswerForm
from ..errors import UsageError
from ..options.fields import Options
from ..text import one_line
from .annotation import NAME, as_type, fields_of
from .shape import DECIMAL, Shape, shape
from .words import words

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema
    from pydantic_core.core_schema import DecimalSchema

LEFT_OUT = {"default", "title", "examples"}
BOUNDS = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
}  # fmt: skip
TODO = "It takes pydantic models, dicts of name to type, and lists of them."


@dataclass(frozen=True)
class Wanted:
    """The type of an answer; ``nan``: that is a number in it."""

    adapter: TypeAdapter[Any]
    choices: tuple[str | int | float, ...] = ()
    nan: bool = False

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        return self.adapter.json_schema(schema_generator=_generator())

    @cached_property
    def shape(self) -> Shape:
        """What the schema says."""
        return shape(self.schema)

    @cached_property
    def form(self) -> AnswerForm:
        """How the answer is to be written: in words, and as a server takes it."""
        return AnswerForm(words(self.shape, self.choices), response_format(self.schema))


def wanted(options: Options, namespace: Mapping[str, object]) -> Wanted | None:
    """Return the type of the answer that the options ask for, None where they ask for none.

    Raises:
        UsageError: there is no such type, or another option does not go with it.
    """
    returns, choices = options.returns, options.choices
    if returns is None and not choices:
        return None
    flag = "--choices" if choices else "--returns"
    if returns is not None and choices:
        raise UsageError("--returns and --choices do not go together.", todo="Leave one out.")
    if options.exact:
        what = f"--exact and {flag} do not go together: figures stand in text, data has none."
        raise UsageError(what, todo="Leave one out.")
    if choices:
        if len(set(choices)) < max(2, len(choices)):
            todo = "Name at least two, each once: --choices pos,neg."
            raise UsageError("--choices takes several values, each another one.", todo=todo)
        return Wanted(_adapter(Literal[tuple(choices)]), tuple(choices))
    kind = fields_of(returns, namespace) if isinstance(returns, str) else returns
    return Wanted(_adapter(kind))


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what checks a type, and can describe it."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        made: TypeAdapter[Any] = TypeAdapter(as_type(kind))
        made.json_schema(schema_generator=_generator())
    except (PydanticUserError, TypeError, NameError, AttributeError, RecursionError) as error:
        what = f"--returns cannot be made a schema: {one_line(error, 120)}"
        raise UsageError(what.rstrip(".") + ".", todo=TODO) from None
    return made


@cache
def _generator() -> type[GenerateJsonSchema]:
    """Return what makes a schema, in which a ``Decimal`` is a number of a format of its own."""
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        def decimal_schema(self, schema: DecimalSchema) -> dict[str, Any]:
            given: dict[str, Any] = {**schema}
            limits = {name: float(given[key]) for key, name in BOUNDS.items() if key in given}
            return {"type": "number", "format": DECIMAL, **limits}

    return Generator


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema as ``response_format`` takes it: an object, and strict if it can be."""
    root = dict(schema)
    defs = root.pop("$defs", {})
    if "$ref" in root:  # a model that holds itself
        root = dict(defs.get(root["$ref"].rpartition("/")[2], {}))
    if root.get("type") != "object":
        root = {"type": "object", "properties": {NAME: root}, "required": [NAME]}
    if defs:
        root["$defs"] = defs
    strict = not _open(root)
    body = {"name": NAME, "strict": strict, "schema": _plain(root, strict)}
    return {"type": "json_schema", "json_schema": body}


def _plain(schema: Any, strict: bool) -> Any:
    """Return a schema without what says nothing of values; strict: objects have all fields."""
    if isinstance(schema, list):
        return [_plain(one, strict) for one in schema]
    if not isinstance(schema, dict):
        return schema
    left_out = LEFT_OUT | ({"format"} if schema.get("format") == DECIMAL else set())
    made = {key: _plain(one, strict) for key, one in schema.items() if key not in left_out}
    if "properties" in schema:  # whose names are no words of a schema
        made["properties"] = {k: _plain(one, strict) for k, one in schema["properties"].items()}
        if strict:
            made |= {"required": list(schema["properties"]), "additionalProperties": False}
    return made


def _open(schema: Any) -> bool:
    """Has a schema objects with any names, which no strict one may have?"""
    if isinstance(schema, dict):
        own = schema.get("type") == "object" and "properties" not in schema
        return own or any(map(_open, schema.values()))
    return isinstance(schema, list) and any(map(_open, schema))
