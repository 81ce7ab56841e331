"""What M1 is told of `--exact`: all of it runs, it is short, and says no more than is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from palmerpenguins import load_penguins

from m1_magic.context import gather
from m1_magic.context.frames import summarise
from m1_magic.exact import card
from m1_magic.exact.sql.sandbox import Sandbox
from m1_magic.exact.sql.sql_tables import SqlTable
from m1_magic.options.fields import Options
from m1_magic.pricing.tokens import likely_tokens
from m1_magic.settings.config import M1

GOLDEN = Path(__file__).parent / "golden"
N = range(60)


def dates() -> pd.DataFrame:
    """Dates and numbers as text, and names as nobody should give them."""
    return pd.DataFrame(
        {
            "order date": [f"{i % 28 + 1:02d}/{i % 9 + 1:02d}/2024" for i in N],
            "Shipped": [f"{i % 28 + 1:02d}/{i % 9 + 1:02d}/2024" if i % 9 else "n/a" for i in N],
            "when": [f"2024-0{i % 9 + 1}-11 10:{i:02d}:00.{i:03d}" for i in N],
            "mixed": [f"{'Jan May Jun'.split()[i % 3]} {i % 28 + 1}, 2024" if i % 2
                      else f"2024-05-{i % 28 + 1:02d}" for i in N],
            "clock": [f"{i % 12 + 1}:{i:02d} pm" for i in N],
            "€/kg": [f"€\u00a0{1000 + i},5".replace("1", "1.", 1) for i in N],
            "day": [20240101 + i % 28 for i in N],
            "ts": [1_700_000_000_000 + i * i * 60_000 for i in N],
            "unclear": [f"0{i % 9 + 1}/0{(i + 3) % 9 + 1}/2024" for i in N],
            "select": N,
            'say "hi" {{x}} <b>`': ["x"] * 60,
            "two\nlines\u202e": N,
            "x" * 300: N,
            "mail": [f"person{i}@example.org" for i in N],
            "odd": [{"secret key": i} for i in N],
            "thing": [object() for _ in N],
        }
    )  # fmt: skip


def wide() -> pd.DataFrame:
    letters = product("abcdefghijklm", "nopqrstuvwxyz", "abcdefghijkl")
    rates = {f"{''.join(three)}_rate": [i / 7 for i in N] for three in letters}
    few = {name: rates[name] for name in list(rates)[:1_998]}
    return pd.DataFrame({**few, "at": pd.Timestamp("2024-01-01"), "who": "m"})


def orders() -> dict[str, object]:
    sold = pd.DataFrame({"customer": [i % 20 for i in N], "amount": [i / 4 for i in N], "q1": N})
    return {
        "orders": sold.assign(q2=1, q3=2, q4=3),
        "data.customers": pd.DataFrame({"customer": range(20), "Region": ["N", "S"] * 10}),
    }


CALLS: dict[str, tuple[Mapping[str, object], dict[str, str]]] = {
    "penguins": ({"penguins": load_penguins()}, {}),
    "join": (orders(), {}),
    "wide": ({"t": wide()}, {}),
    "dates": ({"t": dates()}, {}),
    "names": ({"t": dates()}, {"send": "names"}),
}


def told(tables: Mapping[str, object], **options: str) -> tuple[list[str], list[SqlTable]]:
    """Return what stands below the summary of each table, and the tables as SQL sees them."""
    space = {name.replace(".", "_"): table for name, table in tables.items()}
    gathered = gather(Options(df=tuple(space), **options), "?", space, M1())  # type: ignore[arg-type]
    summaries = [gathered.summaries[name] for name in space]
    seen = {name: one.places for name, one in zip(tables, summaries, strict=True)}
    with Sandbox(tables, columns=seen) as box:
        texts = [
            card.columns(table, card.formats(summary), typed="send" not in options)
            for table, summary in zip(box.tables, summaries, strict=True)
        ]
        for table, text in zip(box.tables, texts, strict=True):
            for column, _ in table.columns if len(table.columns) < 100 else table.columns[-2:]:
                name = card.written(column)
                assert name in text or column[:1] == "q"
                query = box.run("q", f"SELECT {name} FROM {card.written(table.name)}")
                assert not query.error and query.columns == (column,), (name, query.error)
        return texts, list(box.tables)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_told_is_the_golden_text_and_its_names_run(name: str) -> None:
    tables, options = CALLS[name]
    texts, _ = told(tables, **options)
    whole = "\n\n".join([card.form(), *texts])
    assert whole + "\n" == (GOLDEN / f"exact-{name}.md").read_text("utf-8")
    if name in ("penguins", "join", "wide"):
        assert likely_tokens(whole) <= 500 * len(tables)
    for text in texts:
        assert likely_tokens(text) <= 500
        assert all(line.isprintable() for line in text.split("\n"))


def test_what_the_summary_hides_is_told_neither_here_nor_by_an_error() -> None:
    texts, _ = told({"t": dates()})
    assert "secret" not in texts[0] and "not in SQL: thing" in texts[0]
    texts, _ = told({"t": dates().rename(columns={"ts": "jane.doe@example.org"})})
    assert texts == ["SQL table t: no columns"]
    pivot = load_penguins().pivot_table(index="year", columns="species", values="body_mass_g")
    texts, _ = told({"t": pivot.assign(Rare=[None, None, 1.0])})
    assert "Gentoo" not in texts[0]
    seen = summarise(load_penguins(), "t", cols=["!species", "!sex"]).places
    with Sandbox({"t": load_penguins()}, columns={"t": seen}) as box:
        assert "species" not in box.run("q", "SELECT specie FROM t").error.partition("near")[2][9:]
        assert box.run("q", "SELECT species FROM t").error
        assert box.run("q", "SELECT max(year), count(*) FROM t").rows == ((2009, 344),)
    with Sandbox({"t": load_penguins()}, columns={"t": []}) as box:
        assert card.columns(box.tables[0], {}) == "SQL table t: no columns"
        assert box.run("q", "SELECT count(*) FROM t").rows == ((344,),)


@pytest.mark.parametrize("level", ["names", "schema"])
def test_formats_are_told_at_stats_only(level: str) -> None:
    made = gather(Options(df=("t",), send=level), "?", {"t": dates()}, M1()).summaries
    assert card.formats(made["t"]) == {}


def test_a_format_that_few_rows_have_is_not_told() -> None:
    day = [f"2024-05-{i % 28 + 1:02d}" for i in N]
    frame = pd.DataFrame({"d": ["3.4.2024", *day[1:]], "n": ["€ 5", *[f"{i}.5" for i in N[1:]]]})
    texts, _ = told({"t": frame})
    assert "%d" in texts[0] and "." not in texts[0] and "€" not in texts[0]


# Column of `dates` → how pandas reads it.
READ: dict[str, Callable[[Any], Any]] = {
    "order date": lambda s: pd.to_datetime(s, format="%d/%m/%Y"),
    "Shipped": lambda s: pd.to_datetime(s, format="%d/%m/%Y", errors="coerce"),
    "when": lambda s: pd.to_datetime(s, format="%Y-%m-%d %H:%M:%S.%f"),
    "mixed": lambda s: pd.to_datetime(s, format="mixed"),
    "clock": lambda s: pd.to_datetime(s, format="%I:%M %p").dt.time,
    "€/kg": lambda s: s.str[2:].str.replace(".", "").str.replace(",", ".").astype(float),
    "day": lambda s: pd.to_datetime(s.astype(str), format="%Y%m%d"),
    "ts": lambda s: pd.to_datetime(s, unit="ms"),
}


def test_what_is_told_reads_all_the_values_that_it_claims() -> None:
    frame = dates()
    known = card.formats(gather(Options(df=("t",)), "?", {"t": frame}, M1()).summaries["t"])
    assert set(known) == set(READ)
    with Sandbox({"t": frame}) as box:
        for column, read in READ.items():
            sql = known[column].format(card.written(column))
            query = box.run("q", f"SELECT {sql} FROM t")
            wanted = read(frame[column]).tolist()
            got = [row[0] for row in query.rows]
            if isinstance(wanted[1], pd.Timestamp):
                got = [pd.NaT if value is None else pd.Timestamp(value) for value in got]
            assert [*map(str, got)] == [*map(str, wanted)], (column, query.error, got[:3])


def test_every_word_of_sql_can_be_a_name() -> None:
    with duckdb.connect() as known:
        words = known.execute("SELECT DISTINCT keyword_name FROM duckdb_keywords()").fetchall()
    names = [*(word for (word,) in words), *card.WORDS, "rowid", "today", "Größe", "1a", "a b", "_"]
    frame = pd.DataFrame({name: [name] for name in dict.fromkeys(names)})
    with Sandbox({"t": frame}) as box:
        listed = ", ".join(card.written(name) for name in frame)
        query = box.run("q", f"SELECT {listed} FROM t")
    assert (query.columns, query.rows) == (tuple(frame), (tuple(frame),)), query.error
    for name in frame:
        assert duckdb.extract_statements(f"SELECT 1 FROM {card.written(name)}"), name


def test_5000_columns_are_told_in_a_few_words() -> None:
    names = (f"{'x' * (i % 90)}{chr(0x4E00 + i)}" for i in range(5_000))
    kinds = tuple((name, ("DOUBLE", "VARCHAR", "DATE")[i % 3]) for i, name in enumerate(names))
    for typed, wanted in ((True, "… (1,667)"), (False, "all 5,000")):
        text = card.columns(SqlTable("t", kinds), {}, typed=typed)
        assert wanted in text and likely_tokens(text) <= 500


def test_other_engines_have_their_own_words() -> None:
    assert "Spark" in card.form("spark") and "`name`" in card.form("spark")
    assert "postgres" in card.form("postgres") and "DuckDB" not in card.form("postgres")
    table = SqlTable("my table", (("a b", "STRING"), ("c`", "BIGINT")), dialect="spark")
    hint = "{} holds dates written as %d/%m/%Y"
    text = card.columns(table, {"a b": hint})
    told = "SQL table `my table`: STRING: `a b`; BIGINT: `c```"
    assert text == f"{told}\n- {hint.format('`a b`')}"
