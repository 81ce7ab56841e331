"""A table → the page about it that may leave.

One road for every table: `tables` finds out where it lives, `describe` what may be said of each
column at the privacy level, `page` what of that fits the token budget. Below `sample` no value
leaves that fewer than ``min_group`` rows share. Names and values are untrusted text. The only
importer of narwhals and NumPy, and only once there is a table.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from ...errors import UsageError
from ...privacy.personal import personal_text
from ...privacy.redaction import masked_value
from ...text import one_line
from ..variables import public_names, resolve
from .lazy import reading
from .not_tables import no_table
from .summary import TOKENS, Summary, Wish
from .table_files import is_table_file
from .tables import Source, is_frame, is_tabular, shape_of, source

COMPARED = 20_000  # tokens of the summaries that a comparison is made from


def frame_named(name: str, namespace: Mapping[str, object]) -> object:
    """Return the table that ``name`` (``sales``, ``data.sales``, ``parts[0]``, a file) stands for.

    Raises:
        UsageError: no such name, or not a table; values are never shown.
    """
    if name in namespace and is_tabular(namespace[name]):
        return namespace[name]  # ask(df={"Sheet 1": …}): any text may be a name
    base = re.split(r"[.\[]", name, maxsplit=1)[0]
    if base not in namespace:
        if is_table_file(name):
            return Path(name).expanduser()
        names = public_names(namespace)
        frames = [known for known in names if is_frame(namespace[known])]
        matches = difflib.get_close_matches
        close = matches(base, frames, 1) or matches(base, names, 1)
        todo = f"Did you mean {one_line(close[0], 60)}?" if close else ""
        if not close and frames:
            todo = f"DataFrames here: {', '.join(one_line(known, 60) for known in frames[:5])}."
        raise UsageError(f"There is no DataFrame {one_line(name, 60)!r}.", todo=todo)
    value = resolve(name, namespace)
    if not is_tabular(value):
        raise no_table(value, name)
    return value


def named(df: object, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return frames by name: as given, or as the namespace calls each, or ``df``."""
    if df is None:
        return {}
    if isinstance(df, str):
        return {name.strip(): frame_named(name.strip(), namespace) for name in df.split(",")}
    if isinstance(df, (list, dict)) and is_tabular(df):
        return {"df": df}  # records, or a dict of columns: one table
    if isinstance(df, Mapping):
        return {str(name): frame for name, frame in df.items()}
    frames = list(df) if isinstance(df, (list, tuple)) else [df]
    by_name: dict[str, object] = {}
    for number, frame in enumerate(frames, 1):
        known_as = (n for n, value in namespace.items() if value is frame and not n.startswith("_"))
        by_name[next(known_as, "df" if len(frames) == 1 else f"df{number}")] = frame
    return by_name


def shapes(namespace: Mapping[str, object]) -> dict[str, tuple[int, int] | None]:
    """Return the frames among the user's variables: rows and columns, None where they are lazy."""
    named = [(name, value) for name, value in namespace.items() if not name.startswith("_")]
    return {name: shape_of(value) for name, value in named if is_frame(value)}


def summarise(
    frame: object,
    name: str = "df",
    *,
    level: str = "stats",
    rows: int = 0,
    min_group: int = 5,
    tokens: int = TOKENS,
    cols: Sequence[str] = (),
    allow: Sequence[str] = (),
) -> Summary:
    """Return what may leave of a table at a privacy level, in at most ``tokens`` tokens.

    Args:
        frame: anything that `is_tabular`; it is never changed.
        name: what the page calls it.
        cols: only these columns (``*`` stands for any characters), or with ``!`` in front of
            all of them, all but these.
        level, rows, min_group, tokens, allow: see `Wish`.

    Raises:
        UsageError: no such column; the table's engine cannot be asked; an array or records,
            and neither pandas nor Polars is installed.
    """
    table = opened(frame)
    known(allow, [table.names])
    check_columns(cols, [table.names])
    wish = Wish(level, rows, max(1, min_group), tokens, frozenset(allow))
    return summary(table, name, wish, cols)


def summary(table: Source, name: str, wish: Wish, cols: Sequence[str] = ()) -> Summary:
    """Return what may leave of the columns ``cols`` of a table that is opened."""
    from .table_summary import summarise_table

    with reading(one_line(name, 60)):
        return summarise_table(table, name, chosen(table.names, cols), wish)


def difference(
    tables: Sequence[Source], names: Sequence[str], wish: Wish, cols: Sequence[str] = ()
) -> Summary:
    """Return what changed from the first table to the second, in at most ``wish.tokens``."""
    from .diff import compared

    most = replace(wish, tokens=COMPARED)
    old, new = (summary(*pair, most, cols) for pair in zip(tables, names, strict=True))
    return compared([source.table for source in tables], old, new, wish)


def opened(frame: object) -> Source:
    """Return the table that ``frame`` is, ready to be asked."""
    with reading(one_line(type(frame).__name__, 60)):
        return source(frame)


def chosen(names: Sequence[str], cols: Sequence[str]) -> list[int]:
    """Return the places of the columns that those of ``cols`` ask for which this table has.

    Raises:
        UsageError: both ``a`` and ``!b``.
    """
    here = [column for column in cols if any(meant(column, name) for name in names)]
    unwanted = [column for column in here if column.startswith("!")]
    if 0 < len(unwanted) < len(here):
        raise UsageError(
            "--cols takes either columns or, with !, columns to leave out.",
            todo="Write --cols a,b or --cols '!a,!b'.",
        )
    fits = [any(meant(column, name) for column in here) != bool(unwanted) for name in names]
    return [i for i, fit in enumerate(fits) if fit or not here]


def meant(column: str, name: str) -> bool:
    """Is it what ``column`` of ``--cols`` stands for, whether wanted or not?"""
    pattern = column.removeprefix("!")
    return name == pattern or fnmatchcase(name, pattern)


def check_columns(cols: Iterable[str], names: Iterable[Sequence[str]]) -> None:
    """Raise UsageError for a name or pattern of ``--cols`` that no column of any table has."""
    every = [name for table in names for name in table]
    for column in cols:
        if not any(meant(column, name) for name in every):
            raise no_column(column.removeprefix("!"), every)


def known(allow: Iterable[str], names: Iterable[Sequence[str]]) -> None:
    """Raise UsageError if a column that may be sent is in no table; patterns are no names."""
    every = [name for table in names for name in table]
    for column in sorted(set(allow) - set(every)):
        raise no_column(column, every)


def no_column(column: str, names: Sequence[str]) -> UsageError:
    """Return the error for a name that no column has, with the nearest that is not personal."""
    impersonal = [name for name in names if not personal_text(name[:500])]
    close = difflib.get_close_matches(column, impersonal, 1)
    todo = f"Did you mean {masked_value(close[0])}?" if close else "%m1 df NAME lists them."
    return UsageError(f"There is no column {one_line(column, 60)!r}.", todo=todo)
