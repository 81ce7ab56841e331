# ruff: noqa: E501 (tables of queries)
"""The sandbox of `--exact`: what runs, what does not; and that no error has a value of a table."""

from __future__ import annotations

import datetime as dt
import math
import os
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m1_magic.errors import UsageError
from m1_magic.exact.sql import statements
from m1_magic.exact.sql.failures import failure
from m1_magic.exact.sql.sandbox import Sandbox
from m1_magic.interrupts import Stop

SALES = pd.DataFrame(
    {
        "region": ["North", "South", "North", None],
        "amount": [10.5, 20.0, float("nan"), 4.5],
        "n": [1, 2, 3, 4],
        "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", None]),
    }
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"sales": SALES}, timeout=100, memory=300_000_000) as made:
        yield made


def only(sandbox: Sandbox, sql: str) -> Any:
    """Return the one value of a query that runs."""
    query = sandbox.run("q", sql)
    assert not query.error, query.error
    ((value,),) = query.rows
    return value


# What is a SELECT, however it is written.
SELECTS = [
    ("SELECT sum(n) FROM sales", 10),
    ("FROM sales SELECT max(n)", 4),
    ("WITH a AS (SELECT n FROM sales) SELECT count(*) FROM a", 4),
    ("WITH a AS MATERIALIZED (FROM sales), b AS (FROM a) SELECT count(*) FROM b", 4),
    ("WITH RECURSIVE a AS (SELECT 1 x UNION ALL SELECT x+1 FROM a WHERE x<5) SELECT max(x) FROM a", 5),
    ("SELECT count(*) FROM (UNPIVOT (SELECT n, n AS m FROM sales) ON n, m)", 8),
    ("SELECT \"North\" FROM (PIVOT (SELECT region, n FROM sales) ON region IN ('North') USING sum(n))", 4),
    ("VALUES (7)", 7),
    ("(SELECT 7)", 7),
    ("SELECT 7; -- and no more", 7),
    ("/* ; DROP TABLE sales */ SELECT 7 ;; ", 7),
    ("SELECT ';--' AS \"a;b\"", ";--"),
    ("SELECT count(*) FROM main.sales", 4),
    ("SELECT count(*) FROM SALES AS s JOIN sales AS t USING (n)", 4),
    ("SELECT 1 UNION SELECT 1", 1),
    ("SELECT random() <= 1", True),
    ("SELECT sum(i) FROM range(5) t(i)", 10),
    ("SELECT list_sum(list_transform([1, 2], lambda x: x + 1))", 5),
    ("SELECT repeat('█', (n * 2)::int) FROM sales LIMIT 1", "██"),
    ("SELECT len(range(1, 10, 2))", 5),
    ("SELECT count(*) FROM (SELECT unnest(generate_series(min(day), max(day), INTERVAL 1 DAY)) FROM sales)", 3),
    ("SELECT lpad('7', 3, '0') || rpad('a', 2, 'b')", "007ab"),
    ("SELECT format('{:.1f}', 2.55::double)", "2.5"),
    ("SELECT extract(year FROM max(day)) FROM sales", 2024),
    ("SELECT {'k': 1}.k + [1, 2][2] + 7 // 2 + 2 ** 3", 14),
    ("SELECT trim(BOTH ' ' FROM ' a ') || substring('abc' FROM 2 FOR 1)", "ab"),
    ("SELECT (TIMESTAMP '2024-01-01' AT TIME ZONE 'UTC') IS NULL", False),
    ("SELECT sum(n) FILTER (WHERE n > 2) + median(n) + mode(n) * 0 FROM sales", 9.5),
    ("SELECT n FROM sales QUALIFY row_number() OVER (ORDER BY n DESC) = 1", 4),
    ("SELECT strftime(max(day), '%Y-%m') || dayname(max(day)) FROM sales", "2024-01Wednesday"),
    ("SELECT count(COLUMNS('^n$')) FROM sales", 4),
    ("SELECT coalesce(TRY_CAST('x' AS INT), 3)", 3),
    ("SELECT current_date > DATE '2020-01-01'", True),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "value"), SELECTS, ids=range(len(SELECTS)))
def test_a_select_runs_however_it_is_written(sandbox: Sandbox, sql: str, value: object) -> None:
    assert only(sandbox, sql) == value


def test_values_have_pythons_types(sandbox: Sandbox) -> None:
    sql = (
        "SELECT DATE '2024-02-29' d, 1.50::DECIMAL(9,2) c, NULL x, [1, NULL] l, 'nan'::DOUBLE nan,"
        " 'inf'::DOUBLE inf, 2::HUGEINT ** 100 AS p, (2::HUGEINT << 80) h, INTERVAL 90 MINUTE i,"
        " 'ab'::BLOB b, {'a': 1, 'b': [2]} s, MAP {'k': 1} m, TIME '10:00' t, uuid() IS NOT NULL u,"
        " TIMESTAMP '2024-01-01 10:00' ts, true AS yes"
    )
    query = sandbox.run("types", sql)
    assert not query.error
    row = dict(zip(query.columns, query.rows[0], strict=True))
    assert math.isnan(row.pop("nan"))
    assert row == {
        "d": dt.date(2024, 2, 29), "c": Decimal("1.50"), "x": None, "l": [1, None],
        "inf": math.inf, "p": 2.0**100, "h": 2 << 80, "i": dt.timedelta(minutes=90), "b": b"ab",
        "s": {"a": 1, "b": [2]}, "m": {"k": 1}, "t": dt.time(10), "u": True,
        "ts": dt.datetime(2024, 1, 1, 10), "yes": True,
    }  # fmt: skip


def test_a_long_result_is_counted_and_fetched_as_far_as_it_is_shown() -> None:
    with Sandbox({"sales": SALES}, timeout=60) as box:
        query = box.run("long", "SELECT 10000000 - range AS a, range AS b FROM range(10000000)")
        assert (query.count, len(query.rows)) == (10_000_000, 1_000)
        assert query.rows[0] == (10_000_000, 0)
        assert box.row(query, 7).rows == ((9_999_993, 7),)
        assert box.row(query, -1).rows == ((1, 9_999_999),)
        assert box.row(query, 5_000).rows == ((9_995_000, 5_000),)
        assert box.row(query, 10_000_000).rows == box.row(query, -10_000_001).rows == ()
        assert box.labelled(query, "9999999").rows == ((9_999_999, 1),)
        more = box.labelled(query, "77")
        assert (more.rows, more.columns, more.error) == (((77, 9_999_923),), ("a", "b"), "")
        assert box.labelled(query, "it's not there").rows == ()


def test_a_result_may_have_five_thousand_columns() -> None:
    with Sandbox({"wide": pa.table({f"c{i}": [i] for i in range(5_000)})}, timeout=100) as wide:
        query = wide.run("all", "FROM wide")
    assert (len(query.columns), query.rows[0][4_999]) == (5_000, 4_999)


def test_an_empty_result_has_its_columns(sandbox: Sandbox) -> None:
    query = sandbox.run("none", "SELECT n, region FROM sales WHERE n > 99")
    assert (query.columns, query.rows, query.count, query.error) == (("n", "region"), (), 0, "")
    assert sandbox.row(query, 0).rows == sandbox.row(query, -1).rows == ()


# What is no query over the named tables; {file} and {new} are a file that is there and one that
# is not. Each is also tried within a query, below.
STATEMENTS = """
CREATE TABLE x AS SELECT 1|CREATE VIEW sales AS SELECT 1|CREATE OR REPLACE VIEW sales AS SELECT 1
CREATE MACRO sum(a) AS 1|CREATE SEQUENCE s|CREATE SCHEMA s|CREATE TYPE t AS ENUM ('a')
CREATE SECRET s (TYPE s3)|CREATE TEMP TABLE x (a INT)|DROP VIEW sales|DROP TABLE sales
ALTER VIEW sales RENAME TO s|INSERT INTO sales VALUES (1)|UPDATE sales SET n = 0|DELETE FROM sales
TRUNCATE sales|MERGE INTO sales USING sales s ON true WHEN MATCHED THEN DELETE
PRAGMA database_list|PRAGMA show_tables|PRAGMA version|PRAGMA enable_profiling
CALL duckdb_settings()|CALL pragma_version()|CALL force_checkpoint()
COPY sales TO '{new}'|COPY (SELECT 1) TO '{new}' (FORMAT parquet)|COPY sales FROM '{file}'
ATTACH '{new}' AS x|ATTACH ':memory:' AS x|DETACH memory|USE memory|EXPORT DATABASE '{new}'
IMPORT DATABASE '{new}'|INSTALL httpfs|LOAD httpfs|FORCE INSTALL httpfs|UPDATE EXTENSIONS
SET memory_limit = '99GB'|SET GLOBAL threads = 1|RESET memory_limit|SET VARIABLE x = 1
SET enable_external_access = true|SET lock_configuration = false|BEGIN|COMMIT|ROLLBACK
CHECKPOINT|VACUUM|ANALYZE|EXPLAIN SELECT 1|EXPLAIN ANALYZE SELECT 1|DESCRIBE sales|SUMMARIZE sales
SHOW TABLES|SHOW ALL TABLES|SHOW sales|SUMMARIZE SELECT 1|PREPARE p AS SELECT 1|EXECUTE p
DEALLOCATE p|SELECT 1; SELECT 2|SELECT 1; DROP VIEW sales|SELECT 1 /* */; /* */ DROP VIEW sales
SELECT 1 -- x{line}; DROP VIEW sales|SELECT ';' ; SELECT 2|SELECT 1 AS "a;b"; SELECT 2|;;|-- SELECT 1
/* SELECT 1 */|PIVOT sales ON region|COMMENT ON VIEW sales IS 'x'|SELECT 1 INTO x
SELECT * INTO '{new}' FROM sales|hello|SELECT|SELECT FROM|SELECT (((|SELECT '|SELECT "|SELECT /*
WITH x AS (INSERT INTO sales VALUES (1) RETURNING *) FROM x
WITH x AS (DELETE FROM sales RETURNING *) FROM x|WITH x AS (UPDATE sales SET n = 0 RETURNING n) FROM x
WITH x AS (CREATE TABLE y (a INT)) SELECT 1|WITH x AS (COPY sales TO '{new}') SELECT 1
""".replace("\n", "|")

READS = """
'{file}'|"{file}"|'{new}'|'*.csv'|'/etc/passwd'|'https://example.com/a.csv'|'s3://b/a.parquet'
read_csv('{file}')|read_csv_auto('{file}')|read_text('{file}')|read_blob('{file}')|glob('*')
read_json('{file}')|read_json_auto('{file}')|read_ndjson('{file}')|read_parquet('{file}')
parquet_scan('{file}')|parquet_metadata('{file}')|parquet_schema('{file}')|sniff_csv('{file}')
read_duckdb('{file}')|read_text('/proc/self/environ')|read_csv('https://example.com/a.csv')
duckdb_settings()|duckdb_secrets()|duckdb_databases()|duckdb_functions()|duckdb_extensions()
duckdb_tables()|duckdb_views()|duckdb_columns()|duckdb_memory()|duckdb_temporary_files()
duckdb_variables()|duckdb_logs()|duckdb_optimizers()|duckdb_types()|duckdb_keywords()
duckdb_tables|duckdb_views|duckdb_columns|sqlite_master|pragma_database_list
information_schema.tables|information_schema.columns|pg_catalog.pg_class|pg_catalog.pg_settings
pg_class|system.main.duckdb_tables|memory.main.sales|temp.main.sales|pragma_version()
pragma_platform()|pragma_database_size()|pragma_table_info('sales')|pragma_storage_info('sales')
pragma_user_agent()|query('SELECT 1')|query('FROM duckdb_settings()')|query_table('sales')
query_table(['sales'])|json_execute_serialized_sql('x')|pandas_scan(1)|arrow_scan(1, 2, 3)
python_map_function(1)|seq_scan('sales')|test_all_types()|which_secret('x', 's3')
secret_frame|__m1_1|SALES_FRAME|os|"os.environ"|"sales;DROP VIEW sales"|"sales; --"|"sales"" "
(SHOW TABLES)|(DESCRIBE sales)|(SUMMARIZE sales)|(SHOW ALL TABLES)|checkpoint()|icu_calendar_names()
pg_timezone_names()|histogram_values('duckdb_settings', 'name')|summary('sales')|enable_logging()
WITH_NO_CTE|(FROM duckdb_settings())|(WITH a AS (FROM duckdb_tables) FROM a)
(WITH duckdb_tables AS (SELECT 1) SELECT 1), duckdb_tables|range(3) t, duckdb_settings()
sales, LATERAL (FROM duckdb_secrets())|sales JOIN duckdb_settings() ON true|sales SEMI JOIN 'x.csv' USING (n)
(PIVOT duckdb_settings() ON name IN ('threads') USING max(value))|(UNPIVOT pg_class ON oid)
""".replace("\n", "|")

CALLS = """
getenv('HOME')|system.main.getenv('HOME')|'HOME'.getenv()|GETENV('HOME')|"getenv"('HOME')
current_setting('memory_limit')|getvariable('x')|nextval('s')|currval('s')|pg_sleep(9)|sleep_ms(9000)
current_database()|current_schemas(true)|current_query()|version()|txid_current()|setseed(0.5)
write_log('x')|in_search_path('memory', 'main')|current_user()|session_user()|pg_my_temp_schema()
inet_client_addr()|has_table_privilege('sales', 'select')|pg_get_viewdef(1)|obj_description(1, 'x')
json_serialize_sql('SELECT 1')|json_deserialize_sql('x')|json_serialize_plan('SELECT 1')
current_connection_id()|current_transaction_id()|get_block_size('memory')|vector_type(n)|stats(n)
(SELECT value FROM duckdb_settings() LIMIT 1)|(SELECT content FROM read_text('{file}'))
CASE WHEN true THEN getenv('HOME') END|list_transform([1], lambda x: getenv('HOME'))
[getenv(x) FOR x IN ['HOME']]|max(getenv('HOME'))|coalesce(NULL, getenv('HOME'))
repeat('abcdefgh', 500000000)|len(range(3000000000))|len(range(0, 3000000000, 1))
len(generate_series(1, 3000000000))|lpad('a', 2000000000, 'b')|rpad('a', 2000000000, 'b')
len(generate_series(DATE '2000-01-01', DATE '2020-01-01', INTERVAL 1 SECOND))
format('{:1000000000}', 1)|printf('%1000000000d', 1)|format('{:{}}', 1, 1000000000)
printf('%*d', 1000000000, 1)|system.main.repeat('a', 2000000000)|'a'.repeat(2000000000)
main.repeat('a', 2000000000)|"repeat"('a', 2000000000)|REPEAT('a', 2000000000)
bitstring('1', 2000000000)|len(list_resize([1], 2000000000))
len(list_transform(range(1000000), lambda x: range(1000000)))|repeat(repeat('a', 1000000), 1000000)
""".replace("\n", "|")

ENDLESS = [
    "SELECT count(*) FROM range(10000000000) a, range(10000000000) b",
    "SELECT * FROM range(10000000000) a, range(10000000000) b ORDER BY a.range DESC",
    "WITH RECURSIVE x AS (SELECT 1 a UNION ALL SELECT a + 1 FROM x) SELECT count(*) FROM x",
    "WITH RECURSIVE x AS (SELECT 1 a UNION ALL SELECT a + 1 FROM x) FROM x",
    "SELECT list(a.n) FROM sales a, range(100000000000)",
    "SELECT count(DISTINCT hash(range)) FROM range(100000000000)",
    "SELECT string_agg(range::VARCHAR) FROM range(100000000000)",
    "SELECT " + "+".join(["1"] * 8_000),
    "SELECT " + "NOT " * 3_000 + "true",
    "SELECT 1 -- " + "x" * 20_000,
    "SELECT 1 \0 ; DROP VIEW sales",
    "SELECT $1",
    "SELECT ?",
]

HOSTILE = [
    *(one for one in STATEMENTS.split("|") if one),
    *(f"SELECT * FROM {one}" for one in READS.split("|") if one),
    *(f"SELECT {one} FROM sales" for one in CALLS.split("|") if one),
    *ENDLESS,
]


def rows_of_all(box: Sandbox) -> object:
    """Return the rows of the table, as soon as reading them takes no longer than its limit."""
    tries = (box.run("all", "FROM sales") for _ in range(100))
    return next(one.rows for one in tries if not one.error)


def test_none_of_200_hostile_queries_runs_reads_writes_or_changes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_frame = pd.DataFrame({"a": [1]})  # a variable that SQL must not see
    assert len(secret_frame) == 1
    assert len(set(HOSTILE)) >= 200
    monkeypatch.chdir(tmp_path)
    file, new = tmp_path / "there.csv", tmp_path / "new.out"
    file.write_text("secret\nCANARY\n")
    frame = SALES.copy(deep=True)
    with Sandbox({"sales": frame}, timeout=0.2, memory=200_000_000) as box:
        before = rows_of_all(box)
        ran, slow = [], []
        for sql in HOSTILE:
            sql = sql.replace("{file}", str(file)).replace("{new}", str(new))
            query = box.run("h", sql.replace("{line}", "\n"))
            if not query.error:
                ran.append((sql, query.rows))
            if query.seconds > 60:  # far more than the limit: only that it ends counts
                slow.append(sql[:80])
            assert "CANARY" not in query.error and "North" not in query.error
        assert (ran, slow) == ([], [])
        assert repr(rows_of_all(box)) == repr(before)
    pd.testing.assert_frame_equal(frame, SALES)
    assert [one.name for one in tmp_path.iterdir()] == ["there.csv"]


def test_a_query_ends_at_its_time_limit_and_the_next_one_runs() -> None:
    with Sandbox({"sales": SALES}, timeout=1) as box:
        query = box.run("q", ENDLESS[2])
        assert query.error == "It took longer than 1 s and was stopped."
        assert only(box, "SELECT 1") == 1


def test_a_query_that_needs_too_much_memory_is_told_so() -> None:
    with Sandbox({"sales": SALES}, timeout=200, memory=50_000_000) as box:
        query = box.run("q", "SELECT count(*) FROM (SELECT DISTINCT range FROM range(100000000))")
    assert query.error == "It needs more memory than a query may use (50MB)."


def test_stop_ends_a_query_in_a_thread_at_once() -> None:
    stop, ended = Stop(), []
    running = threading.Event()

    def run() -> None:
        with stop.listening(), Sandbox({"sales": SALES}, timeout=600) as box:
            running.set()
            try:
                box.run("q", ENDLESS[0])
            except KeyboardInterrupt:
                ended.append("stopped")

    thread = threading.Thread(target=run)
    thread.start()
    running.wait()
    stop.press()
    thread.join(60)
    assert ended == ["stopped"]


def test_ctrl_c_ends_a_query_in_the_main_thread() -> None:
    with Sandbox({"sales": SALES}, timeout=600) as box:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            box.run("q", ENDLESS[0])
        assert only(box, "SELECT 1") == 1


# Names as users write them, and their SQL.
NAMES = ["my table", 'a"b', "a.b", "{x}", "select", "größe", "a;b", "a'b", "<b>", "-- x", "Ünï"]


@pytest.mark.parametrize("name", NAMES)
def test_tables_and_columns_keep_their_names(name: str) -> None:
    frame = pd.DataFrame({name: [1, 2], name.upper() + "_": [3, 4]})
    quoted = '"' + name.replace('"', '""') + '"'
    with Sandbox({name: frame}) as box:
        query = box.run("q", f"SELECT sum({quoted}) AS {quoted} FROM {quoted}")
    assert (query.columns, query.rows) == ((name,), ((3,),))


def test_names_that_sql_does_not_tell_apart_are_numbered() -> None:
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=["a", "a", "A", ""])
    with Sandbox({"t": frame}) as box:
        assert box.run("q", 'SELECT a, a_1, "A_2", "column" FROM t').rows == ((1, 2, 3, 4),)
    with pytest.raises(UsageError, match="tell apart"):
        Sandbox({"t": frame, "T": frame})


def test_an_index_with_names_is_columns() -> None:
    frame = SALES.dropna().set_index("region")[["n"]]
    with Sandbox({"t": frame}) as box:
        assert [name for name, _ in box.tables[0].columns] == ["region (index)", "n"]


KINDS = {
    "numbers beside text": (pd.Series([1, "a", None], dtype=object), ["1", "a", None]),
    "categories": (pd.Series(["a", "b", "a"], dtype="category"), ["a", "b", "a"]),
    "categories of numbers": (pd.Series([1, 2, 1], dtype="category"), [1, 2, 1]),
    "time zone": (
        pd.Series(pd.date_range("2020-06-01", periods=3, tz="Europe/Berlin")),
        [dt.datetime(2020, 6, day) for day in (1, 2, 3)],
    ),
    "periods": (
        pd.Series(pd.period_range("2020-01", periods=3, freq="M")),
        [dt.datetime(2020, month, 1) for month in (1, 2, 3)],
    ),
    "sparse": (pd.Series([0, 0, 1], dtype="Sparse[int]"), [0, 0, 1]),
    "nullable": (pd.Series([1, None, 2], dtype="Int64"), [1, None, 2]),
    "decimals": (pd.Series([Decimal("1.5")] * 3, dtype=object), [Decimal("1.5")] * 3),
    "dates": (pd.Series([dt.date(2020, 1, 1)] * 3, dtype=object), [dt.date(2020, 1, 1)] * 3),
    "lists": (pd.Series([[1], [2, 3], None], dtype=object), [[1], [2, 3], None]),
    "dicts": (pd.Series([{"a": 1}] * 3, dtype=object), [{"a": 1}] * 3),
    "bytes": (pd.Series([b"a"] * 3, dtype=object), [b"a"] * 3),
    "all missing": (pd.Series([None] * 3, dtype=object), [None] * 3),
    "objects": (pd.Series([object()] * 3, dtype=object), None),
    "classes": (pd.Series([int] * 3, dtype=object), None),
    "intervals": (pd.Series(pd.interval_range(0, 3)), None),
    "complex": (pd.Series([1j] * 3), None),
}


def test_columns_of_any_kind_are_read_or_left_out_by_name() -> None:
    frame = pd.DataFrame({"n": [1, 2, 3]} | {name: one for name, (one, _) in KINDS.items()})
    with Sandbox({"t": frame}) as box:
        (table,) = box.tables
        assert table.left_out == tuple(name for name, (_, wanted) in KINDS.items() if not wanted)
        for name, (_, wanted) in KINDS.items():
            if wanted:
                query = box.run("q", f'SELECT "{name}" FROM t')
                assert [row[0] for row in query.rows] == wanted, (name, query.error)


def test_polars_arrow_duckdb_and_files_are_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pl.Series(["p", "q"], dtype=pl.Enum(["p", "q"]))})  # fmt: skip
    with_objects = pl.DataFrame({"a": [3], "o": [object()]})
    arrow = pa.table({"a": [4], "when": pa.array([0], pa.timestamp("us", "Asia/Tokyo"))})
    (tmp_path / "it's.csv").write_text("a;b\n5,5;x\n6,5;y\n")
    (tmp_path / "other.csv").write_bytes("a,b\n7,ä\n".encode("latin-1"))
    pq.write_table(pa.table({"a": [8]}), tmp_path / "t.parquet")
    user = duckdb.connect()
    relation = user.sql("SELECT range AS a FROM range(5) WHERE range > 2")
    tables = {
        "polars": frame, "lazy": frame.lazy(), "objects": with_objects, "arrow": arrow,
        "relation": relation, "csv": tmp_path / "it's.csv", "latin": tmp_path / "other.csv",
        "parquet": tmp_path / "t.parquet", "records": [{"a": 9}, {"a": 1}],
    }  # fmt: skip
    with Sandbox(tables) as box:
        sums = {name: only(box, f"SELECT sum(a) FROM {name}") for name in tables}
        assert only(box, 'SELECT "when" FROM arrow') == dt.datetime(1970, 1, 1, 9)
        assert only(box, "SELECT b FROM latin") == "ä"
        assert only(box, "SELECT count(*) FROM relation r, relation s, polars") == 8
        assert only(box, "SELECT c FROM polars WHERE c = 'p' OR c = 'zz'") == "p"
        assert box.tables[2].left_out == ("o",)
        inside = box.run("q", f"FROM read_csv('{tmp_path}/other.csv')")
        assert "read_csv" in inside.error
    assert sums == {
        "polars": 3, "lazy": 3, "objects": 3, "arrow": 4, "relation": 7, "csv": 12.0, "latin": 7,
        "parquet": 8, "records": 10,
    }  # fmt: skip


# A canary in every cell; queries that fail while they read them, or when names are looked up.
CANARY = {
    "t": ["Qx7canary", "Zz9canary"],
    "n": [918273645546, 192837465],
    "f": [1234567.875, -7654321.125],
    "d": ["2024-13-77", "1999-99-99"],
    "c": pd.Categorical(["Katcanary", "Katzcanary"]),
    "l": [["Listcanary"], ["Listcanary2"]],
    "s": [{"Keycanary": "Valcanary"}, {"Keycanary": "Valcanary"}],
    "w": pd.to_datetime(["1911-11-11 11:11:11", "1922-02-22 00:00:00"]),
}
PLANTED = (
    "canary", "918273645546", "192837465", "1234567", "7654321", "2024-13", "1999-99", "1911", "1922",
)  # fmt: skip
FAILING = """
SELECT t::INT FROM t|SELECT CAST(t AS DATE) FROM t|SELECT d::DATE FROM t|SELECT d::TIMESTAMP FROM t
SELECT t::DOUBLE FROM t|SELECT t::BOOLEAN FROM t|SELECT t::UUID FROM t|SELECT t::INTERVAL FROM t
SELECT t::JSON FROM t|SELECT t::TIME FROM t|SELECT t::INT[] FROM t|SELECT t::STRUCT(a INT) FROM t
SELECT t::DECIMAL(3,1) FROM t|SELECT f::DECIMAL(3,1) FROM t|SELECT n::INT FROM t|SELECT n::TINYINT FROM t
SELECT n::HUGEINT::SMALLINT FROM t|SELECT n * n * n * 1000000000 FROM t|SELECT f::TINYINT FROM t
SELECT strptime(t, '%Y-%m-%d') FROM t|SELECT strptime(d, '%d.%m.%Y') FROM t|SELECT error(t) FROM t
SELECT date_trunc(t, w) FROM t|SELECT date_part(t, w) FROM t|SELECT regexp_matches('a', t || '(') FROM t
SELECT sum(t) FROM t|SELECT sum(c) FROM t|SELECT avg(l) FROM t|SELECT c + 1 FROM t|SELECT s + 1 FROM t
SELECT s::INT FROM t|SELECT l::INT FROM t|SELECT s.x FROM t|SELECT sqrt(s) FROM t|SELECT t + 1 FROM t
SELECT c::ENUM('a', 'b') FROM t|SELECT t::ENUM('a', 'b') FROM t|SELECT w::INT FROM t|SELECT l[1]::INT FROM t
SELECT (SELECT t FROM t) FROM t|SELECT tt FROM t|FROM tt|SELECT summ(n) FROM t|SELECT t, sum(n) FROM t
SELECT Qx FROM (PIVOT t ON t IN ('Qx7canar') USING sum(n))|SELECT make_date(n, n, n) FROM t
SELECT to_timestamp(f * 1e15) FROM t|SELECT chr(n::INT) FROM t|SELECT t::BLOB::BIT FROM t|SELECT t::BIT FROM t
SELECT json_extract(t, '$.a') FROM t|SELECT unhex(t) FROM t|SELECT from_base64(t) FROM t|SELECT CASE WHEN t THEN 1 END FROM t
SELECT t FROM t WHERE t|SELECT t > 5 FROM t|SELECT w > t FROM t|SELECT n = t FROM t|SELECT list_extract(s, t) FROM t
SELECT factorial(n::INT) FROM t|SELECT ln(t) FROM t|SELECT strftime(w, t || '%') + 1 FROM t|SELECT sum(t::INT) OVER () FROM t
SELECT * FROM t JOIN t u ON t.t::INT = u.n|SELECT decode(encode(t) || '\\xFF'::BLOB) FROM t|SELECT assert_true(false, t) FROM t
""".replace("\n", "|")  # fmt: skip


def test_no_error_has_a_value_of_a_table() -> None:
    failed = 0
    with Sandbox({"t": pd.DataFrame(CANARY)}) as box:
        for sql in filter(None, FAILING.split("|")):
            error = box.run("q", sql).error
            failed += bool(error)
            own = error.replace("Qx7canar", "")
            assert not [word for word in PLANTED if word in own], (sql, error)
            assert len(error) < 300 and "\n" not in error
    assert failed >= 50


ERRORS = [
    ("SELECT t::INT FROM t", "converted to INT32"),
    ("SELECT t::DATE FROM t", "TRY_CAST"),
    ("SELECT sum(tt)\n  , foo FROM t", 'a column that does not exist in line 1, column 12, near "tt"'),
    ("SELECT n\n  , foo FROM t", "in line 2, column 5"),
    ("SELECT nn FROM t", 'Did you mean "'),
    ("SELECT summ(n) FROM t", 'a function that does not exist'),
    ("SELECT n, FRM t WHERE", "a syntax error"),
    ("SELECT t, sum(n) FROM t", "neither aggregated nor in GROUP BY"),
    ("SELECT sum(t) FROM t", "arguments of these types"),
    ("FROM salez", 'There is no table "salez" here.'),
    ("FROM tt", 'Did you mean "t"?'),
    ("SELECT " + "1 + " * 60 + "foo FROM t", 'column 248, near "foo"'),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "words"), ERRORS, ids=range(len(ERRORS)))
def test_an_error_says_what_where_and_which_names_are_meant(sql: str, words: str) -> None:
    with Sandbox({"t": pd.DataFrame(CANARY)}) as box:
        assert words in box.run("q", sql).error


def test_names_that_are_none_of_the_tables_are_not_suggested() -> None:
    said = 'Binder Error: Referenced column "a" not found in FROM clause!\nCandidate bindings: "Secret", "b"'
    assert failure(duckdb.BinderException(said), "SELECT a", {"B"}).endswith('Did you mean "b"?')


def test_what_a_newer_duckdb_may_do_is_refused_until_it_is_known(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    tree = [{"node": {"type": "VACUUM_NODE", "cte_map": {"map": []}}}]
    monkeypatch.setattr(statements, "parsed", lambda connection, sql: tree)
    assert "VACUUM_NODE" in sandbox.run("q", "SELECT 1").error
    tree = [{"type": "FILE_REF", "sample": None}]
    assert "FILE_REF" in sandbox.run("q", "SELECT 1").error


def test_other_engines_and_what_is_no_table_are_refused_in_one_paragraph() -> None:
    with pytest.raises(UsageError):
        Sandbox({"t": 5})
    with pytest.raises(UsageError):
        Sandbox({"t": Path("not there.csv")})


def test_a_query_of_a_call_that_was_stopped_before_does_not_begin(sandbox: Sandbox) -> None:
    stop = Stop()
    stop.press()
    with stop.listening(), pytest.raises(KeyboardInterrupt):
        sandbox.run("q", "SELECT 1")
    assert only(sandbox, "SELECT 1") == 1


def test_a_query_runs_where_there_are_no_threads(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fails)
    assert only(sandbox, "SELECT max(n) FROM sales") == 4
