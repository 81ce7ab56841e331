# ruff: noqa: E501 (tables of queries)
"""Queries in other engines: which one runs them, what it runs, and what it says when it fails."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from palmerpenguins import load_penguins

from m1_magic.errors import UsageError
from m1_magic.exact import card
from m1_magic.exact.sql import other_sql
from m1_magic.exact.sql.engine import Engine, Refused
from m1_magic.exact.sql.engines import sandbox_of
from m1_magic.exact.sql.other_sql import checked
from m1_magic.exact.sql.sandbox import Sandbox
from m1_magic.interrupts import Stop

ibis = pytest.importorskip("ibis")

TABLES = {"sales": "SELECT `a` AS `n` FROM `__m1_0`", "My Table": "SELECT 1 AS `x`"}
OWN = frozenset({"percentile", "now", "range", "reflect", "stack", "try_to_timestamp"})

RUNS = """
SELECT sum(n) FROM sales|FROM sales SELECT n|(SELECT n FROM sales)|WITH a AS (FROM sales) FROM a
WITH a AS (SELECT n FROM sales), b AS (SELECT * FROM a) SELECT * FROM b JOIN a USING (n)
SELECT n FROM sales UNION ALL SELECT n FROM Sales ORDER BY 1|SELECT x FROM `My Table`|SELECT 1;
SELECT * FROM range(3)|SELECT * FROM VALUES (1), (2) AS t(a)|SELECT n FROM sales LATERAL VIEW explode(array(1)) e AS y
SELECT percentile(n, 0.5), median(n), corr(n, n), now(), current_date(), current_timestamp() FROM sales
SELECT date_trunc('month', d), try_cast(n AS INT), n div 2, sequence(1, 5), lpad('a', 5, 'b') FROM sales
SELECT transform(array(1), x -> x + 1)|SELECT count(*) FILTER (WHERE n > 1) FROM sales -- DROP
SELECT * FROM (WITH a AS (SELECT 1 AS k) SELECT * FROM a) JOIN sales ON true|SELECT sales.n FROM sales
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT max(n) FROM t
SELECT n, rank() OVER (ORDER BY n DESC) FROM sales WHERE n IN (SELECT n FROM sales)|SELECT CASE WHEN n > 1 THEN 'higher' END FROM sales
""".replace("\n", "|")  # fmt: skip

REFUSED = """
CREATE TABLE x AS SELECT 1|CREATE TEMPORARY VIEW sales AS SELECT 1|DROP TABLE sales|DROP VIEW sales
INSERT INTO sales SELECT 1|INSERT OVERWRITE DIRECTORY '/tmp/x' SELECT 1|UPDATE sales SET n = 0
DELETE FROM sales|MERGE INTO sales USING sales s ON true WHEN MATCHED THEN DELETE|TRUNCATE TABLE sales
SHOW TABLES|DESCRIBE sales|EXPLAIN SELECT 1|SET x = 1|RESET|USE other|CACHE TABLE sales|REFRESH TABLE sales
ADD JAR '/tmp/x.jar'|LOAD DATA INPATH '/x' INTO TABLE sales|ANALYZE TABLE sales COMPUTE STATISTICS|TABLE sales
SELECT 1; SELECT 2|SELECT 1; DROP TABLE sales|;;|-- SELECT 1|hello|SELECT|SELECT (((|SELECT sum(|SELECT '
WITH x AS (INSERT INTO sales SELECT 1) SELECT 1|WITH x AS (SELECT 1) INSERT INTO sales SELECT * FROM x
FROM sales INSERT INTO x SELECT *|SELECT n INTO x FROM sales|SELECT TRANSFORM(n) USING 'cat' AS (x) FROM sales
SELECT * FROM parquet.`/etc/passwd`|SELECT * FROM csv.`/etc/passwd`|SELECT * FROM `/etc/passwd`|SELECT * FROM text.`x`
SELECT * FROM other|SELECT * FROM default.sales|SELECT * FROM spark_catalog.default.sales|SELECT * FROM global_temp.x
SELECT * FROM __m1_0|SELECT * FROM `__m1_0`|SELECT * FROM sales VERSION AS OF 1|SELECT * FROM sales TIMESTAMP AS OF '2020-01-01'
SELECT * FROM IDENTIFIER('other')|SELECT * FROM (SHOW TABLES)|SELECT * FROM STREAM sales|SELECT * FROM sql_keywords()
SELECT * FROM (WITH other AS (SELECT 1) SELECT * FROM other) JOIN other|SELECT (SELECT max(x) FROM other)
WITH a AS (SELECT * FROM other), other AS (SELECT 1) SELECT * FROM a|WITH sales AS (SELECT 1) SELECT * FROM sales
WITH `Other` AS (SELECT 1) SELECT * FROM other|SELECT n FROM sales WHERE EXISTS (SELECT 1 FROM other)
SELECT reflect('java.lang.System', 'getenv', 'HOME')|SELECT java_method('java.lang.System', 'exit', 1)
SELECT input_file_name()|SELECT current_user()|SELECT current_user|SELECT user()|SELECT user|SELECT session_user
SELECT current_database()|SELECT current_catalog()|SELECT current_catalog|SELECT current_timezone()|SELECT version()
SELECT my_udf(n) FROM sales|SELECT a.b.f(n) FROM sales|SELECT python_worker_logs()|SELECT ai_query('x', 'y')
SELECT from_avro(n, 'x') FROM sales|SELECT from_xml(n, 'x') FROM sales|SELECT xpath(n, 'x') FROM sales
SELECT '${env:HOME}'|SELECT ${spark.app.name}|SELECT :x|SELECT ?|SELECT /*+ BROADCAST(sales) */ * FROM sales
SELECT repeat('a', 500000000)|SELECT lpad('a', 2000000000, 'b')|SELECT space(2000000000)|SELECT sequence(1, 3000000000)
SELECT * FROM read_files('/etc')|SELECT * FROM my_table_function(1)|SELECT * FROM current_user()
""".replace("\n", "|")  # fmt: skip


def test_what_only_reads_the_tables_is_run_as_it_was_looked_at() -> None:
    for sql in filter(None, RUNS.split("|")):
        made = checked(sql, "spark", TABLES, lambda: OWN)
        first = "WITH RECURSIVE" if "RECURSIVE" in sql else "WITH"
        assert made.startswith(f"{first} `sales` AS (SELECT `a` AS `n` FROM `__m1_0`), "), made
        assert "--" not in made and ";" not in made


def test_what_is_no_query_over_the_tables_is_refused() -> None:
    ran = []
    for sql in filter(None, REFUSED.split("|")):
        try:
            ran.append((sql, checked(sql, "spark", TABLES, lambda: OWN)))
        except Refused as why:
            assert str(why).endswith((".", "?")) and "\n" not in str(why)
    assert ran == []
    assert len(set(REFUSED.split("|"))) > 90


def test_names_are_those_of_the_tables_whatever_an_engine_makes_of_their_case() -> None:
    made = checked(
        'SELECT Sales.n FROM Sales JOIN "sales" s ON true',
        "postgres",
        {"Sales": "SELECT 1 AS n"},
        tuple,
    )
    assert made == (
        'WITH "Sales" AS (SELECT 1 AS n) SELECT Sales.n FROM "Sales" AS Sales JOIN "Sales" AS s ON TRUE'
    )  # fmt: skip
    with pytest.raises(Refused):
        checked('WITH "Other" AS (SELECT 1) SELECT * FROM other', "postgres", TABLES, tuple)


def statistics(key: str, *functions: str) -> str:
    """Return the query for statistics of all measures of the penguins by a column."""
    measures = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    listed = ", ".join(f"{one}({measure})" for measure in measures for one in functions)
    return f"SELECT {key}, {listed} FROM penguins GROUP BY {key} ORDER BY {key}"


def same_figures(engine: Engine, *functions: str) -> None:
    """Check statistics against those of DuckDB's own sandbox."""
    with Sandbox({"penguins": load_penguins().dropna()}) as box:
        for key in ("species", "island", "sex"):
            sql = statistics(key, *functions)
            here, there = box.run("q", sql), engine.run("q", sql)
            assert not there.error, there.error
            assert len(here.rows) == there.count
            for wanted, got in zip(here.rows, there.rows, strict=True):
                assert got[0] == wanted[0] and got[1:] == pytest.approx(wanted[1:], rel=1e-9)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "p.db"
    with sqlite3.connect(path, check_same_thread=False) as connection:
        load_penguins().dropna().to_sql("stored", connection, index=False)
        connection.execute("CREATE TABLE other AS SELECT 'Qx7canary' AS canary")
    yield ibis.sqlite.from_connection(connection)
    connection.close()


def test_ibis_tables_are_asked_in_their_own_backend(sqlite: Any) -> None:
    table = sqlite.table("stored")
    tables = {"penguins": table, "late": table.filter(table.year > 2008)}
    engine = sandbox_of(tables, columns={"late": [0, 7]})
    assert engine.tables[0].dialect == "sqlite"
    assert engine.tables[1].columns == (("species", "STRING"), ("year", "INT64"))
    same_figures(engine, "count", "avg", "min", "max")
    query = engine.run(
        "q", "SELECT p.sex, l.year FROM penguins p JOIN late l ON p.species = l.species"
    )
    assert (query.columns, len(query.rows), query.error) == (("sex", "year"), 1_000, "")
    assert engine.row(query, -1).rows == engine.row(query, query.count - 1).rows != ()
    assert engine.labelled(query, "nobody").rows == ()
    assert 'Did you mean "species"?' in engine.run("q", "SELECT speci FROM late").error
    assert "no table" in engine.run("q", "SELECT * FROM other").error
    assert "load_extension" in engine.run("q", "SELECT load_extension('x')").error
    failing = engine.run("q", "SELECT json_extract(species, '$.a') FROM penguins")
    assert not any(word in failing.error for word in ("Adelie", "Gentoo", "Chinstrap"))


ENDLESS = "WITH RECURSIVE x AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM x) SELECT count(*) FROM x"


def test_a_query_elsewhere_ends_at_its_time_limit_and_at_stop(sqlite: Any) -> None:
    engine = sandbox_of({"penguins": sqlite.table("stored")}, timeout=0.3)
    assert engine.run("q", ENDLESS).error == "It took longer than 0.3 s and was stopped."
    assert engine.run("q", "SELECT count(*) FROM penguins").rows == ((333,),)
    patient, stop, ended = sandbox_of({"p": sqlite.table("stored")}, timeout=600), Stop(), []

    def run() -> None:
        with stop.listening():
            try:
                patient.run("q", ENDLESS)
            except KeyboardInterrupt:
                ended.append("stopped")

    thread = threading.Thread(target=run)
    thread.start()
    stop.press()
    thread.join(60)
    assert ended == ["stopped"]


def test_ibis_tables_of_this_machine_are_asked_in_duckdb() -> None:
    with duckdb.connect() as connection:
        connection.register("frame", load_penguins().dropna())
        connection.execute("CREATE TABLE stored AS FROM frame")
        table = ibis.duckdb.from_connection(connection).table("stored")
        frame = pl.DataFrame({"species": ["Adelie", "Gentoo"], "legs": [2, 2]})
        engine = sandbox_of({"penguins": table, "memory": ibis.memtable(frame), "legs": frame})
        assert engine.tables[0].dialect == "duckdb"
        same_figures(engine, "count", "avg", "median", "min", "max", "stddev")
        joined = "SELECT sum(l.legs) FROM penguins JOIN legs l USING (species) JOIN memory USING (species)"
        assert engine.run("q", joined).rows == ((530,),)
        engine.close()


def test_tables_of_several_engines_are_refused_in_one_paragraph(sqlite: Any) -> None:
    here, away = load_penguins(), sqlite.table("stored")
    with pytest.raises(UsageError, match="several") as refused:
        sandbox_of({"here": here, "away": away})
    assert "away" in str(refused.value) and ".to_pandas()" in str(refused.value)
    assert isinstance(sandbox_of({"here": here}), Sandbox)


def test_who_is_told_of_another_engine_is_told_its_sql(sqlite: Any) -> None:
    engine = sandbox_of({"My Penguins": sqlite.table("stored")}, columns={"My Penguins": [0, 7]})
    told = card.columns(engine.tables[0], {"year": "{} holds dates written as %Y"})
    assert told == (
        'SQL table "My Penguins": STRING: species; INT64: year\n- year holds dates written as %Y'
    )
    assert "that of sqlite" in card.form(engine.tables[0].dialect)


def test_a_library_that_knows_too_little_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_sql, "version", lambda name: "26.33.0")
    with pytest.raises(UsageError, match=r"need sqlglot 30\.21, not 26\.33") as refused:
        other_sql.sqlglot()
    assert "m1-magic[spark]" in str(refused.value)
