"""A table and a wish → its `Summary`: which columns to look at, the page, and what to count."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import narwhals.stable.v2 as nw

from ...privacy.personal import named_personal, safe_name
from ...privacy.redaction import masked_value
from . import label_names
from .between_columns import between_columns
from .describe import described
from .facts import Described, Fact
from .in_process import Local, Table
from .kinds import is_moment, words
from .lines import size, stem_of
from .order import order
from .page import Fitted, Page, fit
from .prompted import labelled, prompted
from .relations import relations, repeated
from .sample_rows import pick
from .shape import shape
from .summary import Column, Columns, Summary, Wish
from .tables import Groups, Source
from .unnamed import Names

# What makes lines of the page below those of the columns.
FACTS = (shape, order, relations, repeated, between_columns)
LEAST_LINE = 25  # characters that a column in detail takes at least
USUAL = 60  # what most take
FLAG = 36  # what one that is true or false takes


def summarise_table(source: Source, name: str, places: Sequence[int], wish: Wish) -> Summary:
    """Return what may leave of the columns at ``places``, and the page that says it."""
    table, limit = source.table, max(0, wish.tokens * 12 // 5)
    judged = label_names.judged(table, source.labels, places, wish)
    table = label_names.without(table, judged.hidden)
    visible = tuple(place for place in places if place not in judged.hidden)
    names = _names(table, places, typed=wish.level != "names")
    levels = sum(place < source.levels for place in places)
    width = len(places) - levels
    notes = [source.note, judged.note, source.keys.words(table.names, judged.hidden)]
    if wish.level == "names":
        first_line = _first_line(name, None, width, levels, notes)
        return _names_alone(name, width, fit(Page(first_line, names), limit), names, visible)
    by_prompt = _prompted(table, places, names, wish)
    looked_at = preferred(table.names, names, limit, by_prompt)
    rows, columns, sample = described(table, looked_at, wish)
    by_place = dict(zip(looked_at, columns, strict=True))
    labels = labelled(wish.prompt, by_place)
    by_prompt = tuple(p for p in dict.fromkeys((*by_prompt, *labels)) if p in by_place)
    facts, cells = [], []
    if wish.level == "schema":
        notes.append("types and nulls only")
    elif rows:
        k = wish.shared_by
        notes += [_groups(source.groups, k), source.keys.repeated(rows)]
        notes += _reading(k, rows, sample.rows, columns)
        facts = _facts(Described(rows, by_place, sample, k, by_prompt))
        if wish.level == "sample":
            cells = pick(sample, by_place, wish.rows, rows, wish.allow)
    first_line = _first_line(name, rows, width, levels, notes)
    fitted = fit(Page(first_line, names, by_place, rows, by_prompt, labels, facts, cells), limit)
    in_detail = {p: column for line, _ in fitted.lines for p, column in line.columns.items()}
    return Summary(
        name=name,
        level=wish.level,
        rows=rows,
        width=width,
        columns=Columns(columns),
        relations=tuple(fact.text for fact in facts),
        cells=tuple({names.name(p): c for p, c in row.items()} for _, row in cells[: fitted.rows]),
        text=fitted.text,
        labels=_labels(fitted, facts),
        masked=sum(column.masked for column in in_detail.values()),
        places=visible,
    )


def _names_alone(
    name: str, width: int, fitted: Fitted, names: Names, visible: tuple[int, ...]
) -> Summary:
    """Return the summary of a table of which only the names of its columns leave."""
    bare = Columns(Column(names.name(place), "") for place in names.places)
    return Summary(name, "names", None, width, bare, text=fitted.text, places=visible)


def _names(table: Table, places: Sequence[int], *, typed: bool) -> Names:
    """Return what is shown of columns without a look at them; a wide table has many."""
    known: dict[object, str] = {}

    def kind(place: int) -> str:
        dtype = table.schema[place]
        if dtype not in known:
            if isinstance(table, Local) and dtype in (nw.Object, nw.Unknown):
                return table.type(place)
            known[dtype] = words(dtype)
        return known[dtype]

    return Names(
        places,
        cache(lambda place: safe_name(table.names[place])),
        cache(kind if typed else lambda place: ""),
        cache(lambda place: stem_of(table.names[place])),
    )


def _prompted(table: Table, places: Sequence[int], names: Names, wish: Wish) -> tuple[int, ...]:
    """Return the columns that the prompt names, but for those whose names are masked."""
    if not wish.prompt.strip():
        return ()
    raw = [table.names[place] for place in places]
    times = {dtype for dtype in set(table.schema) if is_moment(dtype)}
    moments = [n for n, place in enumerate(places) if table.schema[place] in times]
    prompted_places = [places[n] for n in prompted(wish.prompt, raw, moments)]
    return tuple(p for p in prompted_places if names.name(p) == table.names[p])


def preferred(
    names: Sequence[str], columns: Names, limit: int, named_first: Sequence[int] = ()
) -> list[int]:
    """Return the columns worth a look within ``limit`` characters, in the table's order.

    Those that the prompt names go first, of columns that look alike (q1, q2, …) the first ones;
    those whose names are personal go last.
    """
    places, first = columns.places, set(named_first)
    if len(places) <= 2 * limit // LEAST_LINE:
        return list(places)
    seen: dict[str, int] = {}
    turns = []
    for place in places:
        stem = columns.stem(place)
        seen[stem] = seen.get(stem, 0) + 1
        turns.append((place not in first, seen[stem] if stem else 1, place))
    chosen: list[int] = []
    personal: list[int] = []
    room = limit
    for named, _, place in sorted(turns):
        if named and named_personal(names[place]):
            personal.append(place)
            continue
        chosen.append(place)
        room -= FLAG if columns.kind(place) == "true/false" else USUAL
        if room < USUAL:
            break
    most = max(1, limit // USUAL)
    return sorted([*chosen, *personal[: max(0, most - len(chosen))]])


def _labels(fitted: Fitted, facts: Sequence[Fact]) -> int:
    """Return how many labels the page shows, each once: of columns, and where they group."""
    by_column = {next(iter(line.columns)): line.labels(form) for line, form in fitted.lines}
    for fact in facts:
        if fact.labels and f"- {fact.text}" in fitted.text:
            place = fact.columns[-1]
            by_column[place] = max(by_column.get(place, 0), fact.labels)
    return sum(by_column.values())


def _first_line(name: str, rows: int | None, width: int, levels: int, notes: Sequence[str]) -> str:
    """Return what the page begins with: the table's name and size, and notes on all of it."""
    shape = f"`{masked_value(name)}`: {size(rows, width)}{' and the index' if levels else ''}"
    return "; ".join(filter(None, [shape, *notes]))


def _facts(known: Described) -> list[Fact]:
    """Return what there is to say that is not about one column."""
    return [fact for make in FACTS for fact in make(known)]


def _groups(groups: Groups | None, k: int) -> str:
    """Return what the rows are grouped by, and how large the groups are, k rows or more."""
    if groups is None:
        return ""
    by = "grouped by " + ", ".join(f"`{masked_value(safe_name(key))}`" for key in groups.keys)
    if not groups.sizes:
        return f"{by}: no groups"
    low, middle, high = (groups.sizes[i] for i in (0, len(groups.sizes) // 2, -1))
    least, most = (f"{size:,}" if size >= k else f"fewer than {k}" for size in (low, high))
    spread = f"{least} rows each" if least == most else f"{least} to {most} rows each"
    spread += f", median {middle:,}" if middle >= k and least != most else ""
    return (
        f"{by}: {len(groups.sizes):,} {'group' if len(groups.sizes) == 1 else 'groups'}, {spread}"
    )


def _reading(k: int, rows: int, read: int, columns: Sequence[Column]) -> list[str]:
    """Return how the figures are to be read, and how many are left out."""
    left_out = sum(column.left_out for column in columns)
    notes = [f"no value that fewer than {k} rows share"] if k > 1 else []
    rest = f"{left_out:,} {'figure' if left_out == 1 else 'figures'} left out; " if left_out else ""
    notes += [f"{rest}exact figures: `--send sample:0`"] if k else ["exact figures"]
    if any("outlier" in column.counts for column in columns):
        notes.append("outliers by Tukey's 1.5 IQR")
    if read < rows:
        notes.append(f"quantiles and outliers ≈ from {read:,} rows")
    return notes
