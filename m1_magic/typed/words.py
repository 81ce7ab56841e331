"""A schema in words, for models that take none: the form, an example, and what else holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..text import one_line
from .shape import Path, Shape, shown

DEEPEST = 6
NAMES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}
FORMATS = {"date": "YYYY-MM-DD", "date-time": "YYYY-MM-DDThh:mm:ss", "time": "hh:mm:ss"}
SAMPLES = {"string": "…", "integer": 3, "number": 1.5, "boolean": True, "null": None}
DATES = {"date": "2024-05-31", "date-time": "2024-05-31T12:00:00", "time": "12:00:00"}
LIMITS = {
    "minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most",
    "exclusiveMaximum": "less than", "minLength": "characters, at least",
    "maxLength": "characters, at most", "minItems": "items, at least", "maxItems": "items, at most",
    "pattern": "matches",
}  # fmt: skip
MOST = 40  # lines of what else holds


def words(wanted: Shape, choices: Iterable[object] = ()) -> str:
    """Return what tells a model how its answer is to be written."""
    if choices:
        return f"Answer with one of these and nothing else: {' | '.join(map(str, choices))}"
    lines = [
        "Answer with JSON only, in this form, without any other words:",
        form(wanted),
        f"Example: {json.dumps(example(wanted), ensure_ascii=False)}",
        *list(_limits(wanted, (), 0))[:MOST],
    ]
    return "\n".join(lines)


def form(wanted: Shape, depth: int = 0) -> str:
    """Return the form of a value: ``{"name": text, "price": number or null}``."""
    if depth > DEEPEST:
        return "…"
    return " or ".join(dict.fromkeys(_form(one, wanted, depth) for one in wanted.schemas))


def _form(one: Any, wanted: Shape, depth: int) -> str:
    if "enum" in one or "const" in one:
        return " or ".join(_json(value) for value in one.get("enum", [one.get("const")]))
    kind, alone = one.get("type"), Shape((one,), wanted.defs)
    if kind == "object" and "properties" in one:
        pairs = (f"{_json(name)}: {form(alone.at(name), depth + 1)}" for name in one["properties"])
        return f"{{{', '.join(pairs)}}}"
    if kind == "object":
        return f'{{"a name": {form(alone.at(""), depth + 1) or "value"}, …}}'
    if kind == "array" and one.get("prefixItems"):
        parts = (form(alone.at(n), depth + 1) for n in range(len(one["prefixItems"])))
        return f"[{', '.join(parts)}]"
    if kind == "array":
        return f"[{form(alone.at(0), depth + 1) or 'value'}, …]"
    if kind == "null":
        return "null"
    return FORMATS.get(one.get("format", ""), NAMES.get(kind or "", "value"))


def example(wanted: Shape, depth: int = 0) -> Any:
    """Return a value of this form, which says nothing."""
    schemas = [one for one in wanted.schemas if one.get("type") != "null"]
    if not schemas or depth > DEEPEST:
        return None
    one = schemas[0]
    if "enum" in one or "const" in one:
        return one.get("enum", [one.get("const")])[0]
    kind, alone = one.get("type"), Shape((one,), wanted.defs)
    if kind == "object":
        names = one.get("properties", {})
        return {name: example(alone.at(name), depth + 1) for name in names}
    if kind == "array":
        number = len(one.get("prefixItems", ())) or 1
        return [example(alone.at(place), depth + 1) for place in range(number)]
    return DATES.get(one.get("format", ""), SAMPLES.get(kind or "", "…"))


def _limits(wanted: Shape, path: Path, depth: int) -> Iterable[str]:
    """Yield a line for each place of which the schema says more than its type."""
    if depth > DEEPEST:
        return
    for one in wanted.schemas:
        notes = [one_line(one["description"], 200)] if path and one.get("description") else []
        notes += [
            f"{text} {_number(one[key])}" for key, text in LIMITS.items() if key in one and path
        ]
        if notes:
            yield f"- {shown(path).replace('[0]', '[]')}: {'; '.join(notes)}"
    for name in wanted.properties:
        inner = wanted.at(name)
        for one in wanted.schemas:
            about = one.get("properties", {}).get(name, {}).get("description")
            if about and not any(s.get("description") == about for s in inner.schemas):
                yield f"- {shown((*path, name)).replace('[0]', '[]')}: {one_line(about, 200)}"
        yield from _limits(inner, (*path, name), depth + 1)
    if "array" in wanted.types:
        yield from _limits(wanted.at(0), (*path, 0), depth + 1)


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else one_line(value, 80)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
