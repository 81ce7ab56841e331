"""A table and its measures → what may leave of each column.

Each kind of column has its own description; all of them ask their questions about all rows at
once, so that a table is read three times at most. What fails to be described is named all the
same: foreign types fail in foreign ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...errors import M1Error
from ...privacy.personal import column_reason, named_personal, safe_name
from . import codes, datetimes, numeric, sentinels, strings
from .arrays import infinities
from .counting import present
from .foreign_cells import bytes_of
from .in_process import Local, Table, array
from .kinds import EMPTY, Series, is_moment, is_number, is_text
from .measures import Count, Measures, Span
from .near_copies import Earlier
from .nested import nested
from .summary import ALL_BUT, UNIQUE, Column, Draft, Wish

HEAD = 400  # values that are searched for personal content
FIELDS = 50  # of structs that are looked at
STEPS = ("every ", "one moment")  # notes on how regular moments are
# What no column of floats holds, whatever its name; phones and cards with nulls are floats.
FRACTIONS = ("e-mail", "IP address", "address", "name")


def described(table: Table, columns: Sequence[int], wish: Wish) -> tuple[int, list[Column], Local]:
    """Return the rows, what may leave of the columns, and the sample it was read from.

    At level ``schema`` that is names, types and nulls; nothing of columns that look personal.
    """
    bare = wish.level == "schema"
    measured = table.measure(columns, nulls_only=bare)
    sample = table.sample(columns)
    rows = measured[0].rows if measured else sample.rows
    if sample is not table and sample.rows == rows and not bare:
        # All of it came: from here on it is described like any table in this process.
        table, measured = sample, sample.measure(columns)
    drafts = {
        column: _draft(column, m, sample, wish) for column, m in zip(columns, measured, strict=True)
    }
    made = _made(table, drafts, sample)
    if sample.rows == rows and not bare:
        wish.earlier[:] = wish.earlier or [Earlier()]
        made = {column: made[column] for column in columns}
        made = wish.earlier[0].alike(made, sample, wish.shared_by)
    return rows, [made[column] for column in columns], sample


def _made(table: Table, drafts: dict[int, Draft], sample: Local) -> dict[int, Column]:
    """Return what each draft comes to, name and type where a foreign type fails.

    The questions of all drafts are asked together, as often as any draft has some.
    """
    columns: dict[int, Column] = {}
    answers: Mapping[int, list[int] | None] = dict.fromkeys(drafts)
    while answers:
        questions: dict[int, list[Span]] = {}
        for column, answer in answers.items():
            try:
                # A generator starts with None.
                questions[column] = drafts[column].send(answer)  # type: ignore[arg-type]
            except StopIteration as end:
                columns[column] = end.value
            except M1Error:
                raise
            except Exception:
                name, kind = safe_name(table.names[column]), sample.type(column)
                columns[column] = Column(name, kind, notes=("not summarised",))
        answers = table.count(questions)
    return columns


def _draft(column: int, m: Measures, sample: Local, wish: Wish) -> Draft:
    """Yield the questions about one column, return what may be said of it."""
    described = yield from _plain_draft(column, m, sample, wish)
    form = sample.forms.get(column)
    if form is None or described.masked or described.nulls is None or wish.level == "schema":
        return described
    notes = form.notes(wish.shared_by) if m.valid >= max(wish.shared_by, 1) else ()
    own = [note for note in described.notes if not (form.steps and note.startswith(STEPS))]
    return replace(described, notes=(*notes, *own))


def _plain_draft(column: int, m: Measures, sample: Local, wish: Wish) -> Draft:
    """Do the same for what the column is measured as."""
    name, series, kind = sample.names[column], sample.series(column), sample.type(column)
    if m.nulls == m.rows > 0:  # each library has its own type for these
        kind = EMPTY
    known = Column(safe_name(name), kind, m.nulls, numeric.nonzero({"NaN": m.nan}), m.distinct)
    if name not in wish.allow and _reason(name, column, sample):
        return Column(known.name, kind, masked=True)
    if kind == EMPTY or wish.level == "schema":
        return replace(known, distinct=None)
    k = wish.shared_by
    dtype = sample.dtype(column)
    if is_number(dtype):
        return (yield from _number(known, m, sample, column, k))
    if is_moment(dtype):
        return (yield from _moment(known, m, series, k))
    if is_text(dtype):
        return (yield from _text(known, m, series, dtype, k))
    if dtype == nw.Boolean:
        return _boolean(known, m, k)
    if column in sample.lengths:
        return bytes_of(known, sample.lengths[column], m, k)
    return nested(known, m, series.drop_nulls(), k)


def _number(known: Column, m: Measures, sample: Local, column: int, k: int) -> Draft:
    values, dtype = sample.values(column), sample.dtype(column)
    order = np.sort(values[np.isfinite(values)] if values.dtype.kind == "f" else values)
    if m.integral and values.dtype.kind == "f" and known.type == "number":
        known = replace(known, type="whole number as float")
    is_integral = m.integral and known.type.startswith("whole number")
    if dtype.is_numeric() and (dated := (yield from codes.dates(known, m, order, k))):
        return replace(dated, notes=(*dated.notes, *_key(m, m.distinct)))
    distinct = m.distinct or numeric.distinct_in(
        order, sample.rows == m.rows, infinities(values) if m.infinite else 0
    )
    described = yield from numeric.numbers(known, m, order, k)
    identifiers = codes.identifiers(described, m, values, order) if is_integral else None
    if identifiers:
        described = identifiers
    else:
        described = yield from sentinels.noted(described, m, order, k)
    notes = (*described.notes, *_key(m, known.distinct))
    return replace(described, distinct=distinct, notes=notes)


def _moment(known: Column, m: Measures, series: Series, k: int) -> Draft:
    zone = getattr(series.dtype, "time_zone", None)
    ticks = np.sort(array(series))
    order = np.sort(array(series.dt.replace_time_zone(None))) if zone else ticks
    described = yield from datetimes.moments(known, m, order, k, zone, ticks if zone else None)
    if len(order) == m.valid:
        described = sentinels.noted_dates(described, order, k)
    distinct = m.distinct or numeric.distinct_in(order, len(series) == m.rows)
    return replace(described, distinct=distinct, notes=(*described.notes, *_key(m, distinct)))


def _text(known: Column, m: Measures, series: Series, dtype: Any, k: int) -> Draft:
    described = yield from strings.texts(known, m, series, dtype, k)
    return replace(described, notes=(*described.notes, *_key(m, described.distinct)))


def _boolean(known: Column, m: Measures, k: int) -> Column:
    if m.valid < max(k, 1) or m.trues is None:
        note = (f"fewer than {k} values",) if m.valid else ()
        return replace(known, notes=note)
    rare = min(m.trues, m.valid - m.trues)
    if m.trues in (0, m.valid):
        return replace(known, figures={"always": "true" if m.trues else "false"})
    if rare < k:
        most = "true" if m.trues > rare else "false"
        return replace(known, notes=(f"{most} {ALL_BUT} {k} rows",))
    return replace(known, labels={"true": m.trues / m.valid})


def _key(m: Measures, distinct: Count | None) -> tuple[str, ...]:
    """Return a note where no two rows share a value."""
    if not distinct or m.nulls or m.nan or distinct.value < max(2, distinct.sample or m.rows):
        return ()
    return (UNIQUE,) if distinct.exact else ("nearly all distinct",)


def _reason(name: str, column: int, sample: Local) -> str:
    """Return why a column looks personal, "" if it does not."""
    dtype = sample.dtype(column)
    if dtype == nw.Boolean:
        return ""
    if dtype.is_float() and (reason := named_personal(name)):
        numbers = [v for v in _first(column, sample) if np.isfinite(v)]
        if reason in FRACTIONS or any(v % 1 for v in numbers):
            return ""  # answers of a scale, a measure
        return column_reason(name, [int(v) for v in numbers], whole_numbers=True)
    is_integer = bool(dtype.is_integer())
    looked_at = is_integer or is_text(dtype) or dtype in (nw.Object, nw.Unknown)
    if not looked_at and not dtype.is_nested():
        return column_reason(name, [])
    values = _first(column, sample)
    return column_reason(name, values, whole_numbers=is_integer) or _in_fields(values)


def _in_fields(values: Sequence[Any]) -> str:
    """Return why a field of structs, also of those in lists, looks personal."""
    parts = (part for one in values for part in (one if isinstance(one, list) else (one,)))
    rows = [part for part in parts if isinstance(part, dict)]
    names = islice(dict.fromkeys(name for row in rows for name in row), FIELDS)
    present_in = ((n, [row[n] for row in rows if row.get(n) is not None]) for n in names)
    return next(filter(None, (column_reason(str(n), cells) for n, cells in present_in)), "")


def _first(column: int, sample: Local) -> list[Any]:
    """Return the first values that are there."""
    first = present(sample.first(column, HEAD))
    if 2 * len(first) > HEAD or sample.rows <= HEAD:
        return first
    return sample.series(column).drop_nulls().head(HEAD).to_list()
