"""How large a Parquet file is when it is read, by its footer alone (Thrift's compact protocol).

Readers believe the footer, and fill memory with what a few bytes stand for. So it is looked at
before any of them: the same for Polars and DuckDB, and without either.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

MAGIC = b"PAR1"
FOOTER = 64_000_000  # bytes of one that is looked at
DEPTH = 20
LEAST = 2_000_000_000  # bytes; what decodes to less does no harm
WIDTH = 8  # bytes of one value in memory
# Field numbers of the format's parquet.thrift.
ROWS, GROUPS = 3, 4
COLUMNS, GROUP_SIZE, GROUP_ROWS = 1, 2, 3
CHUNK_META, VALUES, UNCOMPRESSED, SIZES, TEXT_SIZE = 3, 5, 6, 16, 1


def decoded_size(path: Path) -> int:
    """Return the bytes that all columns come to in memory, 0 if that is little or not shown."""
    try:
        footer = _footer(path)
    except (OSError, ValueError, IndexError, struct.error, RecursionError):
        return 0  # what reads it will say what is wrong with it
    size = 0
    for group in _structs(footer.get(GROUPS)):
        columns = _structs(group.get(COLUMNS))
        metas = [meta for one in columns if isinstance(meta := one.get(CHUNK_META), dict)]
        by_rows = WIDTH * _int(group.get(GROUP_ROWS)) * len(metas)
        size += max(sum(map(_column_size, metas)), _int(group.get(GROUP_SIZE)), by_rows)
    size = max(size, WIDTH * _int(footer.get(ROWS)))
    return size if size > LEAST else 0


def _column_size(meta: dict[int, Any]) -> int:
    """Return the bytes of a column's part; text that a dictionary repeats has its size apart."""
    sizes = meta.get(SIZES)
    text = _int(sizes.get(TEXT_SIZE)) if isinstance(sizes, dict) else 0
    return max(_int(meta.get(UNCOMPRESSED)), WIDTH * _int(meta.get(VALUES)), text)


def _footer(path: Path) -> dict[int, Any]:
    with path.open("rb") as file:
        end = file.seek(0, io.SEEK_END)
        file.seek(max(end - 8, 0))
        length, magic = struct.unpack("<I4s", file.read(8))
        if magic != MAGIC or not 0 < length <= min(end - 8, FOOTER):
            raise ValueError("no footer")
        file.seek(end - 8 - length)
        return _Reader(file.read(length)).struct()


def _structs(value: object) -> list[dict[int, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _int(value: object) -> int:
    return max(value, 0) if isinstance(value, int) else 0


class _Reader:
    """Reads structs as field number → value; of what is not needed, the value is None."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > DEPTH:
            raise ValueError("too deep")
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._signed()
            fields[number] = self._value(kind, depth, field=True)
        return fields

    def _value(self, kind: int, depth: int, field: bool = False) -> Any:
        if kind in (1, 2):  # a boolean: in a field, its kind says it
            return None if field else self._skip(1)
        if kind == 3:
            return self._skip(1)
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._number())
        if kind in (9, 10):
            return self._list(depth)
        if kind == 11:
            return self._map(depth)
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError("no such kind")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._number()
        if count > len(self._data):
            raise ValueError("longer than the footer")
        return [self._value(head & 15, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> None:
        count = self._number()
        kinds = self._byte() if count else 0
        for _ in range(min(count, len(self._data))):
            self._value(kinds >> 4, depth + 1)
            self._value(kinds & 15, depth + 1)

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _skip(self, count: int) -> None:
        self._at += count

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _signed(self) -> int:
        value = self._number()
        return (value >> 1) ^ -(value & 1)
