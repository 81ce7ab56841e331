"""Names of columns that are data: of a pivot, a crosstab, dummies, a transposed table.

pandas often says whose values they are; else it is seen by many columns of one type that are
mostly empty or zero, or more than there are rows. Such a name is a label as any other: below
``sample`` it leaves only if enough rows have a value there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw

from ...privacy.personal import column_reason, safe_name
from ...privacy.redaction import masked_value
from .counting import there
from .in_process import Local, Table
from .kinds import kind
from .lines import stem_of
from .measures import Measures
from .summary import Wish

MASKED = "[masked name]"
MANY = 6  # columns of one type
LOOKED_AT, HEAD = 500, 64  # columns and rows of them that are looked at for zeros
FLAGS = 3  # columns that begin alike, each true or false
OWN_WORDS = {"is", "has", "was", "can", "had", "num", "n"}  # with which names of flags begin
STATISTICS = {"count", "size", "nunique", "mean", "median", "sum", "min", "max", "std", "var",
              "sem", "prod", "first", "last", "any", "all", "idxmin", "idxmax", "<lambda>",
              "<lambda_0>", "<lambda_1>", "25%", "50%", "75%"}  # fmt: skip
DESCRIBED = {"count", "unique", "mean", "std", "min", "50%", "max", "top"}  # by describe()


@dataclass(frozen=True, slots=True)
class Labels:
    """Which columns are named by values, of what, and whether each stands for a single row.

    None at all: it was looked at, and there are none.
    """

    places: frozenset[int]
    of: str = ""
    of_rows: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """The places of the names that may not leave, and what the page says of such names."""

    hidden: frozenset[int] = frozenset()
    note: str = ""


def in_pandas(native: Any, levels: int) -> Labels | None:
    """Return which names of a pandas table or Series are labels, as far as it says so.

    Args:
        native: before its columns were renamed.
        levels: columns of its index that stand before its own.
    """
    index = native.index
    # Labels of other types may be the user's own, which run code when they are compared.
    texts = index.nlevels == 1 and index.inferred_type == "string" and len(index) > 1
    keys = texts and index.name is None and index.is_unique
    if not hasattr(native, "columns"):
        return Labels(frozenset({levels}), of_rows=True) if keys and native.name else None
    columns = native.columns
    places = frozenset(range(levels, levels + len(columns)))
    named = [name for name in columns.names if isinstance(name, str) and name]
    if named:
        return Labels(places, " / ".join(named), of_rows=bool(keys))
    if columns.nlevels > 1 and not STATISTICS.issuperset(columns.get_level_values(-1)):
        return Labels(places)
    counted = columns.dtype.kind in "iu" or not len(columns)
    if not keys or counted:
        return None
    if DESCRIBED & set(index[:20]):
        return Labels(frozenset())
    mixed = all(str(dtype) == "object" for dtype in native.dtypes)
    if (mixed and len(columns) > 1) or len(columns) > len(index):
        return Labels(places, of_rows=True)
    return Labels(frozenset())  # figures by name, as from agg() or corr()


def by_form(table: Table, places: Sequence[int]) -> Labels | None:
    """Return which names are labels by what stands below them, where nothing else says so."""
    typed: dict[str, list[int]] = {}
    fit = {dtype for dtype in set(table.schema) if _fit(dtype)}  # comparing types is slow
    for place in places:
        dtype = table.schema[place]
        if dtype in fit:
            typed.setdefault(str(dtype), []).append(place)
            continue
        if dtype == nw.Object and isinstance(table, Local):
            dtype = table.series(place).dtype  # what records are made of
        if _fit(dtype):
            typed.setdefault(str(dtype), []).append(place)
    flags = [*typed.get("Boolean", []), *typed.get("UInt8", [])]
    starts = Counter(table.names[place].partition("_")[0] for place in flags)
    dummies = {one for one, n in starts.items() if n >= FLAGS and one.lower() not in OWN_WORDS}
    label_places = {p for p in flags if table.names[p].partition("_")[0] in dummies}
    turned = table.names[places[0]] == "column" if places else False  # Polars' transpose()
    many = max(typed.values(), key=len, default=[])
    many = [place for place in many if turned or not stem_of(table.names[place])]
    if len(many) >= MANY and 10 * len(many) >= 6 * len(places) and isinstance(table, Local):
        empty = sum(m.nulls + m.nan for m in table.measure(many, nulls_only=True))
        if len(places) > table.rows or 2 * empty > table.rows * len(many):
            label_places |= set(many)
    for same in typed.values():
        alike = [place for place in same if not stem_of(table.names[place])]
        if len(alike) >= MANY and isinstance(table, Local):
            label_places |= _one_of_many(table, alike)
    return (
        Labels(frozenset(label_places - {0} if turned else label_places), of_rows=turned)
        if label_places
        else None
    )


def _fit(dtype: Any) -> bool:
    """Is it a type of which there are many columns that are named by values?"""
    return bool(dtype.is_numeric() or dtype in (nw.Boolean, nw.String))


def _one_of_many(table: Local, places: Sequence[int]) -> set[int]:
    """Return the columns of which each row has one alone, all others zero: dummies, and pivots."""
    filled = {
        place: [there(x) and bool(x) for x in table.first(place, HEAD)]
        for place in places[:LOOKED_AT]
        if kind(table.dtype(place)) in ("boolean", "integer", "real")
    }
    sparse = {place: row for place, row in filled.items() if 2 * sum(row) < len(row)}
    counts = {sum(row) for row in zip(*sparse.values(), strict=True)}
    alone = len(sparse) >= MANY and len(counts - {0}) == 1
    return {*sparse, *places[LOOKED_AT:]} if alone else set()


def judged(table: Table, labels: Labels | None, places: Sequence[int], wish: Wish) -> Names:
    """Return which names of a table may not leave, and what to say of those that are values."""
    texts = [table.names[place] for place in places]
    if len(texts) > 2 and column_reason("", texts):
        hidden = frozenset(p for p in places if table.names[p] not in wish.allow)
        return Names(hidden, "the names of columns look like personal data: masked")
    labels = by_form(table, places) if labels is None else labels
    if labels is None:
        return Names()
    here = [place for place in places if place in labels.places]
    rare: frozenset[int] = frozenset()
    if wish.level != "sample" and here:
        measured = dict(zip(here, table.measure(here), strict=True))
        rare = frozenset(
            p for p, m in measured.items() if labels.of_rows or _filled(m) < wish.min_group
        )
    if not here:
        return Names()
    whose = f"values of `{masked_value(safe_name(labels.of))}`" if labels.of else "values"
    note = f"{len(here):,} {'names look' if len(here) > 1 else 'name looks'} like {whose}"
    if rare:
        note += f", {len(rare):,} of them masked: fewer than {wish.min_group} rows each"
    return Names(rare, note)


def without(table: Table, hidden: frozenset[int]) -> Table:
    """Return the table under names without those that may not leave."""
    if not hidden:
        return table
    made = copy(table)
    made.names = [MASKED if place in hidden else name for place, name in enumerate(table.names)]
    return made


def _filled(m: Measures) -> int:
    """Return in how many rows something stands: no null, no zero, no false."""
    return m.valid - m.zeros if m.trues is None else m.trues
