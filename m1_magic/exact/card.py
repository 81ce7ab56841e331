"""What M1 is told, so that it writes queries in the place of figures.

`form` says how, once a call. `columns` stands below the summary of each table: names and types as
SQL has them, and how to read dates and numbers that are kept as something else (`formats`), which
is what a guess breaks first. Both are short, whatever the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..context.frames.duckdb_sandbox import identifier, quoted
from ..context.frames.lines import stem_of
from ..context.frames.summary import Column, Summary
from .sql.sql_tables import SqlTable, fit_name

SIZE = 1_000  # bytes of a table's columns, which are 500 tokens at most
HINTS = 450  # of them for dates and numbers that are kept as something else
FEW, SHORT = 3, 20  # columns, and characters of their names, that stand for many of one type
ALIKE = 4  # columns named q1, q2, … from which they are told as one
BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
# What SQL does not take, or takes for something else, where a name is written without quotes.
SQL_WORDS = """
all analyse analyze and anti any array as asc asof asymmetric at authorization between bigint binary
bit boolean both by case cast char character check coalesce collate collation column columns
concurrently constraint create cross current_catalog current_date current_role current_schema
current_time current_timestamp current_user date dec decimal default deferrable desc describe
distinct do else end except exists extract false fetch float for foreign freeze from full generated
glob grant group grouping grouping_id having ilike in initially inner inout int integer intersect
interval into is isnull join lambda lateral leading left like limit localtime localtimestamp map
minus national natural nchar none not notnull null nullif numeric of offset on only or order out
outer over overlaps overlay pivot pivot_longer pivot_wider placing position positional precision
primary qualify real references returning right row rowid select semi session_user set setof show
similar smallint some struct substring summarize symmetric table tablesample then time timestamp to
trailing treat trim true try_cast tuple union unique unpack unpivot user using values varchar
variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
WORDS = frozenset(SQL_WORDS.split())
BACKTICKS = ("spark", "databricks", "mysql", "bigquery", "hive", "clickhouse")

EPOCHS = {
    "epoch in seconds": "make_timestamp(({} * 1000000)::BIGINT)",
    "epoch in ms": "epoch_ms(({})::BIGINT)",
    "epoch in µs": "make_timestamp(({})::BIGINT)",
    "Excel's days since 1899-12-30": "DATE '1899-12-30' + ({})::INTEGER",
}

FORM = """\
You see no rows and no results. Write a place for each figure of the data; a query fills it here \
after you have answered, so write once, and right:

```sql top
SELECT grp, sum(x) AS total FROM tbl GROUP BY grp ORDER BY total DESC
```
**{{top.grp}}** leads with {{top.total:,.0f}}, before {{top.grp[1]}}.

{{top}}

- {{NAME.COLUMN}} is the first row's value; [1] after it the second row's, [-1] the last row's, \
[Label] that of the row whose first column is Label; then :FORMAT as in Python (:,.1f, :.1% of a \
fraction). Alone on a line, {{NAME}} is the table, {{NAME:a,b}} two of its columns, {{NAME:bar}} \
bars of a label and a number.
- A query is one SELECT, complete in itself, over the tables given as "SQL table", joined as you \
like; no files. Alias what you compute.
- No other numbers, guessed or from a summary: only the question's and attached texts'. Sentences \
must hold whatever comes out: let CASE choose words like "higher". Nothing found shows as –.
- Task, language, length: as asked. Queries of earlier answers are gone: write them again. {{…}} \
of other languages only in code."""

DIALECTS = {
    "duckdb": """\
DuckDB: "name", 'text'; / gives DOUBLE, // whole numbers; QUALIFY, FILTER (WHERE …), median, \
quantile_cont(x, 0.9), corr, date_trunc('month', d); TRY_CAST, try_strptime(text, '%d.%m.%Y').""",
    "spark": """\
The SQL is Spark's: `name`, 'text'; / gives DOUBLE, div whole numbers; median, percentile(x, 0.9), \
corr, date_trunc('month', d); try_cast, try_to_timestamp(text, 'dd.MM.yyyy').""",
}
OTHER = "The SQL is that of {}: standard functions, TRY_CAST only where it has it."


def form(dialect: str = "duckdb") -> str:
    """Return how an answer with figures is to be written, in the SQL of an engine."""
    return f"{FORM}\n- {DIALECTS.get(dialect) or OTHER.format(dialect)}"


def columns(table: SqlTable, formats: Mapping[str, str], typed: bool = True) -> str:
    """Return a table as SQL sees it.

    Args:
        formats: column → how it is read, `{}` for its name, as from `formats`.
        typed: say types, too.
    """
    names = {name: written(name, table.dialect) for name, _ in table.columns}
    hints = _within(HINTS, _hints(table, names, formats)) if typed else ""
    gone = ", ".join(written(name, table.dialect) for name in table.left_out[:5])
    more = f" and {len(table.left_out) - 5:,} more" if len(table.left_out) > 5 else ""
    out = f"; not in SQL: {gone}{more}" if gone else ""
    head = f"SQL table {written(table.name, table.dialect)}: "
    room = SIZE - _bytes(head + hints + out)
    listed = _listed(table.columns, names, room, typed=typed)
    return head + (listed or "no columns") + out + hints


def formats(summary: Summary, dialect: str = "duckdb") -> dict[str, str]:
    """Return how dates and numbers that are kept as something else are read, by column.

    Nothing is said that the summary does not say: so nothing at ``names`` and ``schema``.
    """
    made = {}
    for column in reversed(summary.columns):
        if hint := _duckdb(column) if dialect == "duckdb" else _plainly(column):
            made[fit_name(column.name)] = hint
    return made


def written(name: str, dialect: str = "duckdb") -> str:
    """Return a name as SQL has to write it, with quotes only where it needs some."""
    plain = BARE.issuperset(name) and not name[:1].isdigit() and name.lower() not in WORDS
    if plain and name:
        return name
    return f"`{name.replace('`', '``')}`" if dialect in BACKTICKS else identifier(name)


def _duckdb(column: Column) -> str:
    """Return DuckDB's expression for what a column stands for, "" if it is what it is."""
    text = column.type.endswith(" as text")
    if column.formats and column.formats[0] in EPOCHS:
        return EPOCHS[column.formats[0]]
    if column.formats:
        value = "{}" if text else "({})::BIGINT::VARCHAR"
        kind = "::TIME" if column.type.startswith("time") else "::DATE"
        parts = [quoted(one.replace("%f", "%n")) for one in column.formats]
        known = parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
        timed = kind == "::DATE" and any("%H" in one or "%I" in one for one in parts)
        return f"try_strptime({value}, {known}){'' if timed else kind}"
    if column.swaps is None:
        return ""
    value = "{}"
    for old, new in column.swaps.items():
        value = f"replace({value}, {_literal(old)}, {_literal(new)})"
    return f"TRY_CAST({value} AS DOUBLE)"


def _literal(text: str) -> str:
    """Return a text as SQL, blanks that nobody sees by their number."""
    if text.isprintable():
        return quoted(text)
    return " || ".join(quoted(c) if c.isprintable() else f"chr({ord(c)})" for c in text)


def _plainly(column: Column) -> str:
    """Return the same in words, for other engines."""
    if column.formats:
        return f"{{}} holds dates written as {', '.join(column.formats)}"
    if column.swaps is None:
        return ""
    swaps = [f"{_literal(old)} → {_literal(new)}" for old, new in column.swaps.items()]
    return "{} holds numbers as text" + (f": replace {', '.join(swaps)}" if swaps else "")


def _hints(table: SqlTable, names: Mapping[str, str], formats: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for all columns that are read in one way."""
    ways: dict[str, list[str]] = {}
    for name, kind in table.columns:
        if name in formats and not kind.startswith(("DATE", "TIME")):
            ways.setdefault(formats[name], []).append(names[name])
    for way, members in ways.items():
        first, *others = members
        also = f" (also {', '.join(others)})" if others else ""
        yield "\n- " + way.replace("{}", first, 1) + also


def _within(limit: int, lines: Iterable[str]) -> str:
    """Return as many lines as fit."""
    made = ""
    for line in lines:
        if _bytes(made + line) > limit:
            return made + "\n- others as the summary says"
        made += line
    return made


def _listed(
    every: Sequence[tuple[str, str]], names: Mapping[str, str], room: int, *, typed: bool
) -> str:
    """Return columns by type; what does not fit by number, the commonest type first."""
    kinds: dict[str, list[str]] = {}
    for name, kind in every:
        kinds.setdefault(_type(kind) if typed else "", []).append(name)
    runs = {kind: list(_runs(members, names)) for kind, members in kinds.items()}
    parts = {kind: ", ".join(run) for kind, run in runs.items()}
    cut: list[str] = []
    for kind in sorted(parts, key=lambda kind: -len(parts[kind])):
        if _bytes("; ".join(parts.values())) <= room:
            break
        cut.append(kind)
        some = [one for one in runs[kind] if len(one) <= SHORT][:FEW]
        parts[kind] = f"{', '.join([*some, '…'])} ({len(kinds[kind]):,})"
    if len(cut) == 1:
        parts[cut[0]] = f"all {len(kinds[cut[0]]):,}{' others' if len(kinds) > 1 else ''}"
    return "; ".join(f"{kind}: {listed}" if kind else listed for kind, listed in parts.items())


def _runs(members: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    """Yield names, those that differ by a number as one."""
    stems: dict[object, list[str]] = {}
    for place, name in enumerate(members):
        stems.setdefault(stem_of(name) or place, []).append(name)
    for alike in stems.values():
        if len(alike) < ALIKE:
            yield from (names[name] for name in alike)
        else:
            yield f"{names[alike[0]]} … {names[alike[-1]]} ({len(alike):,})"


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _type(kind: str) -> str:
    """Return a type without what data or libraries made of it: fields, digits, units of time."""
    base = kind.partition("(")[0].replace(" WITH TIME ZONE", "TZ")
    for unit in ("_NS", "_MS", "_S"):
        base = base.replace(f"TIMESTAMP{unit}", "TIMESTAMP")
    return base + ("[]" if kind.endswith("[]") and not base.endswith("[]") else "")
