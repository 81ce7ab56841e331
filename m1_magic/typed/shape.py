"""What a JSON schema says of one place: which types it has, and what may stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
Path = tuple[str | int, ...]
DECIMAL = "decimal"  # the format of numbers all of whose digits count


@dataclass(frozen=True, slots=True)
class Shape:
    """The schemas that one place may have; none: nothing is wanted there."""

    schemas: tuple[Schema, ...]
    defs: Schema

    @property
    def types(self) -> set[str]:
        """The JSON types of the place."""
        return {one["type"] for one in self.schemas if isinstance(one.get("type"), str)}

    @property
    def formats(self) -> set[str]:
        """Its formats: ``date``, ``uuid``."""
        return {one["format"] for one in self.schemas if "format" in one}

    @property
    def values(self) -> list[Any]:
        """The values that are allowed, where they are listed."""
        listed = (one.get("enum", [one["const"]] if "const" in one else []) for one in self.schemas)
        return [value for values in listed for value in values]

    @property
    def properties(self) -> dict[str, Schema]:
        """The fields of an object, by name."""
        return {k: v for one in self.schemas for k, v in one.get("properties", {}).items()}

    @property
    def open(self) -> bool:
        """May an object have any names?"""
        return any(one.get("additionalProperties") or _any(one, "object") for one in self.schemas)

    def at(self, key: str | int) -> Shape:
        """Return what is said of a value in it, by key or place."""
        inner: list[Any] = []
        for one in self.schemas:
            if _any(one, "object" if isinstance(key, str) else "array"):
                inner.append({})
            elif isinstance(key, str):
                known = one.get("properties", {}).get(key)
                inner.append(one.get("additionalProperties") if known is None else known)
            else:
                first = one.get("prefixItems", [])
                inner.append(first[key] if key < len(first) else one.get("items"))
        inner = [{} if one is True else one for one in inner]
        flat_schemas = [
            flat for one in inner if isinstance(one, dict) for flat in _flat(one, self.defs)
        ]
        return Shape(tuple(flat_schemas), self.defs)

    def __bool__(self) -> bool:
        return bool(self.schemas)


def _any(schema: Schema, kind: str) -> bool:
    """May anything stand in an object or list of this schema?"""
    limiting = {"properties", "additionalProperties", "items", "prefixItems", "enum", "const"}
    return schema.get("type", kind) == kind and not limiting & schema.keys()


def shape(schema: Schema) -> Shape:
    """Return the shape of what a JSON schema describes."""
    return Shape(tuple(_flat(schema, schema.get("$defs", {}))), schema.get("$defs", {}))


def _flat(schema: Schema, defs: Schema, depth: int = 0) -> Iterator[Schema]:
    """Yield the alternatives of a schema, references followed."""
    if depth > 20:
        return
    if "$ref" in schema:
        yield from _flat(defs.get(schema["$ref"].rpartition("/")[2], {}), defs, depth + 1)
        return
    either = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    for one in either:
        yield from _flat(one, defs, depth + 1)
    if not either:
        yield schema


def shown(path: Path) -> str:
    """Return a path as text: ``items[2].qty``."""
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)
    return text.removeprefix(".")
