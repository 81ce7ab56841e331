"""A table and a wish → its `Summary`: which columns to look at, the page, and what to count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...privacy.personal import named_personal, safe_name
from ...privacy.redaction import masked_value
from . import label_names
from .between_columns import between_columns
from .describe import described
from .facts import Described, Fact
from .in_process import Local, Table
from .kinds import words
from .lines import Line, alike, size, stem_of
from .page import Fitted, Page, fit
from .prompted import prompted
from .relations import relations, repeated, thinned
from .sample_rows import pick
from .summary import Column, Columns, Summary, Wish
from .tables import Groups, Source

MANY = 8  # columns that look alike of which a wide table's summary looks at
FACTS = (
    relations,
    repeated,
    between_columns,
)  # what makes lines of the page below those of the columns
LEAST_LINE = 25  # characters that a column in detail takes at least


def summarise_table(source: Source, name: str, places: Sequence[int], wish: Wish) -> Summary:
    """Return what may leave of the columns at ``places``, and the page that says it."""
    table, limit = source.table, max(0, wish.tokens * 12 // 5)
    told = label_names.judged(table, source.labels, places, wish)
    table = label_names.without(table, told.hidden)
    names = [safe_name(table.names[place]) for place in places]
    levels = sum(place < source.levels for place in places)
    width = len(places) - levels
    if wish.level == "names":
        named = {place: (n, "") for place, n in zip(places, names, strict=True)}
        first_line = "; ".join(filter(None, [_size(name, None, width, levels), told.note]))
        page = Page(first_line, named, [])
        bare = Columns(Column(n, "") for n in names)
        return Summary(name, wish.level, None, width, bare, text=fit([page], limit).text)
    looked_at = preferred(table.names, places, limit)
    rows, columns, sample = described(table, looked_at, wish)
    by_place = dict(zip(looked_at, columns, strict=True))
    head = [_size(name, rows, width, levels), told.note]
    facts: list[Fact] = []
    cells: list[tuple[str, dict[int, str]]] = []
    if wish.level != "schema" and rows:
        k = wish.shared_by
        head.append(_groups(source.groups, k))
        head += _reading(k, rows, sample.rows, sum(column.left_out for column in columns))
        prompted_for = prompted(wish.prompt, table.names)
        known = Described(rows, by_place, sample, k, prompted_for)
        facts = [fact for make in FACTS for fact in make(known)]
        if wish.level == "sample":
            cells = pick(sample, by_place, wish.rows, rows, wish.allow)
    typed = {place: (n, _type(table, place)) for place, n in zip(places, names, strict=True)}
    singly = [Line({place: column}, rows) for place, column in by_place.items()]
    first = Page("; ".join(filter(None, head)), typed, singly, facts, cells)
    fitted = fit([first, replace(first, lines=alike(by_place, rows))], limit)
    shown = [column for line in fitted.lines for column in line.columns.values()]
    return Summary(
        name=name,
        level=wish.level,
        rows=rows,
        width=width,
        columns=Columns(columns),
        relations=tuple(fact.text for fact in facts),
        cells=tuple(
            {typed[place][0]: cell for place, cell in row.items()}
            for _, row in cells[: fitted.rows]
        ),
        text=fitted.text,
        labels=_labels(fitted, facts),
        masked=sum(column.masked for column in shown),
    )


def _type(table: Table, place: int) -> str:
    return table.type(place) if isinstance(table, Local) else words(table.schema[place])


def preferred(names: Sequence[str], places: Sequence[int], limit: int) -> list[int]:
    """Return the columns worth a look within ``limit`` characters, in the table's order.

    Of columns that look alike (q1, q2, …) the first one goes first; those whose names are
    personal go last.
    """
    most = max(1, limit // LEAST_LINE)
    if len(places) <= most:
        return list(places)
    seen: dict[str, int] = {}
    ranks = []
    for place in places:
        stem = stem_of(names[place])
        seen[stem] = seen.get(stem, 0) + 1
        turn = seen[stem] if stem else 1
        ranks.append((turn > MANY, bool(named_personal(names[place])), turn, place))
    chosen = [rank for rank in sorted(ranks)[:most] if not rank[0]]
    return sorted(place for *_, place in chosen)


def _labels(fitted: Fitted, facts: Sequence[Fact]) -> int:
    """Return how many labels the page shows, each once: of columns, and where they group."""
    shown = {
        next(iter(line.columns)): line.labels(n < fitted.full)
        for n, line in enumerate(fitted.lines)
    }
    for fact in facts:
        if fact.labels and f"- {fact.text}" in fitted.text:
            place = fact.columns[-1]
            shown[place] = max(shown.get(place, 0), fact.labels)
    return sum(shown.values())


def _size(name: str, rows: int | None, width: int, levels: int) -> str:
    return f"`{masked_value(name)}`: {size(rows, width)}{' and the index' if levels else ''}"


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


def _reading(k: int, rows: int, read: int, left_out: int) -> list[str]:
    """Return how the figures are to be read, and how many are left out."""
    notes = [f"no value that fewer than {k} rows share"] if k > 1 else []
    rest = f"{left_out:,} {'figure' if left_out == 1 else 'figures'} left out; " if left_out else ""
    notes += [f"{rest}exact figures: `--send sample:0`"] if k else ["exact figures"]
    if read < rows:
        notes.append(f"quantiles and outliers ≈ from {read:,} rows")
    if rows > (compared := read // thinned(read)):
        notes.append(f"relations ≈ from {compared:,}")
    return notes
