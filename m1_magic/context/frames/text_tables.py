"""CSV and NDJSON files → DuckDB relations whose columns have the types of all their values."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...text import escape_value
from . import csv_dialect, encodings
from .csv_dialect import HEAD, Dialect
from .csv_types import MISSING, Types, typed
from .duckdb_sandbox import connected, quoted
from .encodings import TextFile

WIDE = 1 << 24  # bytes of a row
# What DuckDB says of a file → how it reads it all the same, more slowly. Rows that are too short
# end with nulls, as in pandas.
AGAIN = {
    "Expected Number of Columns": {"null_padding": "true", "parallel": "false"},
    "aximum line size": {"max_line_size": str(WIDE)},
}
DATES = re.compile(r"\b(?:DATE|TIMESTAMP(?:_NS|_MS|_S| WITH TIME ZONE)?|TIME|UUID)\b")


@dataclass(frozen=True, slots=True)
class Scanned:
    """A table in a file: an Arrow table, or a DuckDB relation with its columns' real names.

    Args:
        note: how the file is written, where that is not as usual: what pandas has to be told.
        connection: DuckDB's, which has to live as long as the relation.
        copy: a file of ours that is read in its place, to be deleted after.
        zones: places of columns with a time zone that DuckDB does not keep.
    """

    value: Any
    names: tuple[str, ...] = ()
    note: str = ""
    connection: Any = None
    copy: Path | None = None
    zones: tuple[tuple[int, str], ...] = ()

    def end(self) -> None:
        """Let go of what it was read by."""
        if self.connection is not None:
            self.connection.close()
        if self.copy:
            self.copy.unlink(missing_ok=True)


def delimited(path: Path, usual: str) -> Scanned:
    """Return the table in a file of separated values.

    Args:
        usual: the separator that its name lets expect.

    Raises:
        UsageError: it is no table, in words that name the line.
    """
    text = encodings.readable(path)
    try:
        head, complete = _head(text.path)
        dialect = csv_dialect.dialect(head, usual, complete=complete)
        connection = connected(text.path)
        raw, types = _typed(connection, text.path, dialect)
        forms = [f"{form} AS c{i}" for i, form in enumerate(types.expressions)]
        note = _note(dialect, types, text, usual)
        copy = text.path if text.copy else None
        return Scanned(raw.project(", ".join(forms)), dialect.names, note, connection, copy)
    except BaseException:
        if text.copy:
            text.path.unlink(missing_ok=True)
        raise


def _head(path: Path) -> tuple[str, bool]:
    """Return the beginning of a text, whole lines of it, and whether it is all."""
    with encodings.opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        head = text.read(HEAD)
        while head and "\n" not in head[-HEAD:] and len(head) < WIDE and (more := text.read(HEAD)):
            head += more
        return head, not text.read(1)


def _typed(connection: Any, path: Path, dialect: Dialect) -> tuple[Any, Types]:
    """Return a file's columns, numbers as such where that is sure, and their types."""
    import duckdb

    width, more = len(dialect.names), dict[str, str]()
    while True:
        try:
            raw = _read(connection, path, dialect, more, ["VARCHAR"] * width)
            sign, rows = dialect.separator, dialect.rows
            types = typed(raw, width, rows, sign, complete=dialect.complete)
            return _read(connection, path, dialect, more, types.read_as), types
        except duckdb.Error as error:
            known = {message: how for message, how in AGAIN.items() if message in str(error)}
            if not known or more.keys() >= set().union(*known.values()):
                raise _why(path, dialect) from None
            for how in known.values():
                more |= how


def _read(
    connection: Any, path: Path, dialect: Dialect, more: Mapping[str, str], types: Sequence[str]
) -> Any:
    """Return the columns ``c0`` … of a file, read with these types."""
    columns = ", ".join(f"c{i}: '{kind}'" for i, kind in enumerate(types))
    missing = ", ".join(map(quoted, MISSING))
    if len(types) == 1:  # a blank line is no row there, but an empty text in quotes is one
        more = {**more, "nullstr": "['']", "allow_quoted_nulls": "false"}
    how = {
        "columns": f"{{{columns}}}",
        "auto_detect": "false",
        "header": "false",
        "skip": str(dialect.skip),
        "delim": quoted(dialect.separator),
        "quote": quoted('"'),
        "escape": quoted(dialect.escape),
        "nullstr": f"[{missing}]",
        "hive_partitioning": "false",
        "compression": quoted("gzip" if encodings.is_packed(path) else "none"),
        **more,
    }
    options = ", ".join(f"{name} = {value}" for name, value in how.items())
    read = f"FROM read_csv({quoted(str(path))}, {options})"
    if len(types) > 1:
        return connection.sql(f"SELECT * {read}")
    one = f"CASE WHEN c0 NOT IN ({missing}) THEN c0 END"
    return connection.sql(f"SELECT {one} AS c0 {read} WHERE c0 IS NOT NULL")


def _why(path: Path, dialect: Dialect) -> UsageError:
    """Return what is wrong with a file that DuckDB does not read, by its first such line."""
    fix = "Mend the file, or load it yourself and name the DataFrame."
    width, line = len(dialect.names), 0
    with encodings.opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        how = csv_dialect.reading(dialect.escape)
        reader = csv.reader(text, delimiter=dialect.separator, strict=True, **how)
        try:
            for fields in reader:
                if line >= dialect.lines and any(fields[width:]):
                    more = f"has {len(fields):,} fields, the header {width:,} columns"
                    sign = escape_value(dialect.separator)
                    what = f'Line {line + 1:,} {more} (parted by "{sign}").'
                    return UsageError(what, todo=fix)
                line = reader.line_num
        except csv.Error:
            what = (
                f"Line {line + 1:,} has a quotation mark that is not closed, or a field too long."
            )
            return UsageError(what, todo=fix)
    return UsageError("It cannot be read as a table.", todo=fix)


def _note(dialect: Dialect, types: Types, text: TextFile, usual: str) -> str:
    """Return what `pandas.read_csv` has to be told to read the same, "" if nothing."""
    arguments: list[str] = []
    if dialect.separator != ",":
        arguments.append(f'sep="{escape_value(dialect.separator)}"')
    if dialect.escape == "\\":
        arguments.append('escapechar="\\\\"')
    if types.decimal:
        arguments.append(f'decimal="{types.decimal}"')
    if types.thousands:
        arguments.append(f'thousands="{types.thousands}"')
    if text.encoding:
        arguments.append(f'encoding="{text.encoding}"')
    if dialect.above:
        arguments.append(f"skiprows={dialect.above}")
    if not dialect.header:
        arguments.append("header=None")
    return f"`read_csv` with `{', '.join(arguments)}`" if arguments else ""


def ndjson(path: Path) -> Scanned:
    """Return the table in a file of JSON objects, one a line.

    Raises:
        UsageError: a line is no JSON object.
    """
    import duckdb

    text = encodings.readable(path, marked=False)
    how: dict[str, Any] = {"format": "newline_delimited", "hive_partitioning": False}
    try:
        connection = connected(text.path)
        relation = connection.read_json(str(text.path), sample_size=-1, **how)
        names, kinds = (
            relation.columns,
            [DATES.sub("VARCHAR", str(kind)) for kind in relation.types],
        )
        if names == ["json"] and kinds == ["JSON"]:
            raise _no_json(text.path)
        columns = dict(zip(names, kinds, strict=True))
        relation = connection.read_json(str(text.path), columns=columns, **how)
        relation.aggregate("count(*)").fetchall()
        note = f'`encoding="{text.encoding}"`' if text.encoding else ""
        copy = text.path if text.copy else None
        return Scanned(relation, tuple(names), note, connection, copy)
    except BaseException as error:
        if text.copy:
            text.path.unlink(missing_ok=True)
        if isinstance(error, duckdb.Error):
            raise _no_json(text.path) from None
        raise


def _no_json(path: Path) -> UsageError:
    """Return which line of a file is no JSON object."""
    fix = "Mend the line, or load it yourself and name the DataFrame."
    with encodings.opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    return UsageError(f"Line {number:,} is no JSON object.", todo=fix)
            except ValueError:
                return UsageError(f"Line {number:,} is no JSON.", todo=fix)
    return UsageError("It cannot be read as JSON lines.", todo=fix)
