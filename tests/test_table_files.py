"""Files of tables: read as an analyst would read them, or the reason named, with the line."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from palmerpenguins import load_penguins

from m1_magic.context.frames import duckdb_sandbox, summarise
from m1_magic.context.frames.measures import WHOLE
from m1_magic.errors import UsageError

CANARY = "zqxwvj"


def rows(form: str, n: int = 40, ends: str = "\n") -> str:
    """Return lines in which `{i}` counts, `{three}` has three values and `{two}` has two."""
    return ends.join(form.format(i=i, three=i % 3, two=i % 2, day=i % 28 + 1) for i in range(n))


def page(at: Path, name: str, data: str | bytes) -> str:
    path = at / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    text = summarise(path, "t").text
    assert CANARY not in text
    return text


READ = {
    "semicolons": ("a.csv", "id;city;n\n" + rows("{i};x{three};{two}"),
                   "40 rows × 3 columns; `read_csv` with `sep=\";\"`;"),
    "decimal commas": ("a.csv", "id;price\n" + rows("{i};{three},5"),
                       "0.5 35 %, 1.5 32.5 %, 2.5 32.5 %"),
    "said so": ("a.csv", "id;price\n" + rows("{i};{three},5"), 'sep=";", decimal=","`'),
    "thousands and decimal commas": (
        "a.csv", "d;price\n" + rows("{day:02}.01.2024;1.00{three},50"),
        'sep=";", decimal=",", thousands="."`'),
    "thousands": ("a.csv", "a,n\n" + rows('x,"1,00{three}"'),
                  "1000 35 %, 1001 32.5 %, 1002 32.5 %"),
    "1,234 may be both: left as text": ("a.csv", "a;n\n" + rows("x;1{i},{i:03}"),
                  "- `n`: number as text"),
    "one column of decimal commas": ("a.csv", "x\n" + rows("{three},5"),
                                     "40 rows × 1 columns; `read_csv` with `sep=\";\", decimal"),
    "tabs": ("a.csv", "a\tb\n" + rows("{three}\t{two}"), 'sep="\\t"`'),
    "bars": ("a.csv", "a|b\n" + rows("{three}|{two}"), 'sep="|"`'),
    "tsv": ("a.tsv", "a\tb;c\n" + rows("{three}\t{two};1"), "40 rows × 2 columns"),
    "byte order mark": ("a.csv", ("ä,b\n" + rows("{three},{two}")).encode("utf-8-sig"), "- `ä`:"),
    "cp1252": ("a.csv", ("who,v\n" + rows("Müller “{three}” €,{i}")).encode("cp1252"),
               '`encoding="cp1252"`'),
    "its letters": ("a.csv", ("who,v\n" + rows("Müller “{three}” €,{i}")).encode("cp1252"),
                    '"Müller “0” €" 35 %'),
    "utf-16": ("a.csv", ("who,v\n" + rows("é{three},{i}")).encode("utf-16"), '"é0" 35 %'),
    "utf-16 without a mark": ("a.csv", ("a,v\n" + rows("e{three},{i}")).encode("utf-16-le"),
                              '`encoding="utf-16-le"`'),
    "late number": ("a.csv", "a,b\n" + rows("{i},{two}", 20_000) + "\n12.5,1\nn/a,0\n",
                    "- `a`: number, 1 null"),
    "late text": ("a.csv", "a,b\n" + rows("{i},{two}", 20_000) + "\nnone yet,1\n",
                  "- `a`: number as text"),
    "short rows": ("a.csv", "a,b\n1\n" + rows("{three},{two}"), "- `b`: whole number, 1 null"),
    "short rows, quoted lines": ("a.csv", "a,b\n1\n" + rows('{three},"x\ny"'), 'always "x\\ny"'),
    "quoted lines": ("a.csv", "a,b\r\n" + rows('{three},"x\ny"', ends="\r\n"), "40 rows"),
    "a name on two lines": ("a.csv", '"a\nb",c\n' + rows("{three},{two}"), "40 rows × 2 columns"),
    "marks after a backslash": ("a.csv", 'a,say\n' + rows('{three},"so \\"hi, {two}\\" ok"'),
                               '40 rows × 2 columns; `read_csv` with `escapechar="\\\\"`'),
    "its texts": ("a.csv", 'a,say\n' + rows('{three},"so \\"hi, {two}\\" ok"'),
                  r'"so \"hi, 0\" ok" 50 %'),
    "a backslash at the end": ("a.csv", 'a,dir\n' + rows('{three},"C:\\x{two}\\"'),
                               "40 rows × 2 columns; no value"),
    "old line ends": ("a.csv", "a,b\r" + rows("{three},{two}", ends="\r"), "40 rows × 2 columns"),
    "a title": ("a.csv", f"Sales of {CANARY}\n\nregion,n\n" + rows("r{three},{two}"),
                "40 rows × 2 columns; `read_csv` with `skiprows=2`"),
    "a title with its commas": ("a.csv", f"{CANARY},,\nregion,n,m\n" + rows("r{three},{two},1"),
                                "skiprows=1"),
    "comments": ("a.csv", f"# {CANARY}\n# a, b\nregion,n\n" + rows("r{three},{two}"), "skiprows=2"),
    "sep=": ("a.csv", "sep=;\nregion;n\n" + rows("r{three};{two}"), "- `region`: text"),
    "no header": ("a.csv", f"{CANARY},1,2024-01-01\n" + rows("r{three},{two},2024-01-{day:02}"),
                  "41 rows × 3 columns; `read_csv` with `header=None`"),
    "years are names": ("a.csv", "land,2019,2020\n" + rows("r{three},{two},{i}"), "- `2019`:"),
    "any years are names": ("a.csv", "land,1990,2000,2015\n" + rows("r{three},{two},{i},7"),
                            "- `1990`:"),
    "dates are names": ("a.csv", "land,2019-01,2019-02\n" + rows("r{three},{two},{i}.5"),
                        "- `2019-01`:"),
    "only a header": ("a.csv", "a,b,c", "0 rows × 3 columns"),
    "doubled and blank names": ("a.csv", "a,a,\n" + rows("{three},{two},1"), "- `Unnamed: 2`:"),
    "names of rows": ("a.csv", "a,b\n" + rows('"r{i}",{three},{two}'), "- `(index)`: text"),
    "separators at the end": ("a.csv", "a,b,\n" + rows("{three},{two},"), "40 rows × 2 columns"),
    "a very wide row": ("a.csv", "a,b\n1," + "x" * 3_000_000 + "\n" + rows("{three},{two}"),
                        "41 rows × 2 columns"),
    "what pandas reads as missing": ("a.csv", "a,b\n" + rows("{i},NA"), "- `b`: empty, 40 null"),
    "one column with gaps": ("a.csv", "a\n" + rows('{i}') + '\n""\nNA\n\n\n', "42 rows × 1"),
    "its nulls": ("a.csv", "a\n" + rows('{i}') + '\n""\nNA\n\n\n', "whole number, 2 null"),
    "true/false": ("a.csv", "a,b\n" + rows("{i},TRUE"), "- `b`: true/false, no nulls; always true"),
    "long whole numbers": ("a.csv", "a\n" + rows("{i}99999999999999999999"), "- `a`: text"),
    "gzip": ("a.csv.gz", gzip.compress(("a,b\n" + rows("{three},{two}")).encode()), "40 rows"),
    "gzip by content": ("a.csv", gzip.compress(("a,b\n" + rows("{three},1")).encode()), "40 rows"),
    "JSON lines": ("a.ndjson", rows('{{"a": {three}, "d": "2024-01-{day:02}", "l": [1, 2]}}'),
                   "- `d`: date as text, no nulls; "),
    "JSON lines with a mark": ("a.jsonl", b"\xef\xbb\xbf" + rows('{{"a": {three}}}').encode(),
                               "40 rows × 1 columns"),
    "late JSON": ("a.jsonl", rows('{{"a": {i}}}', 25_000) + '\n{"a": "x"}',
                  "- `a`: number as text"),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_a_file_is_read(tmp_path: Path, kind: str) -> None:
    name, data, line = READ[kind]
    assert line in page(tmp_path, name, data)


REFUSED = {
    "empty": ("a.csv", "", "a.csv is empty."),
    "blank": ("a.csv", "\n \n\n", "a.csv is empty."),
    "ragged": ("a.csv", f"a,b\n1,2\n3,{CANARY},5\n", "Line 3 has 3 fields, the header 2 columns"),
    "ragged far down": ("a.csv", "a;b\n" + rows("1;2", 30_000) + "\n1;2;3\n",
                        'Line 30,002 has 3 fields, the header 2 columns (parted by ";")'),
    "an open quotation": ("a.csv", "a,b\n1,2\n1,\"x\n" + rows("1,2"),
                          "Line 3 has a quotation mark"),
    "NUL bytes": ("a.csv", "a,b\n1,2\n3,\0\n", "Line 3 has NUL bytes"),
    "Cyrillic": ("a.csv", ("a,b\n" + rows("Москва,1")).encode("cp1251"), "encoding cannot be told"),
    "Polish": ("a.csv", ("a,b\n" + rows("żółw wąski,1")).encode("cp1250"), "cannot be told"),
    "old Mac": ("a.csv", ("a,b\n" + rows("Müller,1")).encode("mac-roman"), "cannot be told"),
    "DOS": ("a.csv", ("a,b\n" + rows("Café {i},1")).encode("cp437"), "cannot be told"),
    "no JSON": ("a.ndjson", rows('{{"a": {three}}}') + f'\n{{"a": {CANARY}', "Line 41 is no JSON."),
    "half a gzip": ("a.csv.gz", gzip.compress(rows("{i},2", 400).encode())[:-20], "EOFError"),
    "no Parquet": ("a.parquet", CANARY, "cannot be read as a table"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_told_in_one_paragraph(tmp_path: Path, kind: str) -> None:
    name, data, said = REFUSED[kind]
    with pytest.raises(UsageError) as refused:
        page(tmp_path, name, data)
    told = str(refused.value)
    assert said in told and CANARY not in told and "\n" not in told


def test_a_file_is_told_as_its_frame(tmp_path: Path) -> None:
    frame = load_penguins()
    texts = pd.DataFrame(
        {
            "a": ["x, y", 'say "no"', None, "z"] * 20,
            "b": [1, 2.5, 3, 4] * 20,
            "c": [True, False] * 40,
        }
    )
    for table in (frame.dropna().astype({"flipper_length_mm": int, "body_mass_g": int}), texts):
        table.to_csv(tmp_path / "t.csv", index=False)
        read = pd.read_csv(tmp_path / "t.csv")
        for level in ("schema", "stats", "sample"):
            pages = [
                summarise(x, "t", level=level, rows=3).text for x in (tmp_path / "t.csv", read)
            ]
            assert pages[0] == pages[1]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    moments = pd.date_range("2024-01-01", periods=60, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"at": moments, "c": pd.Categorical(["a", "b"] * 30), "n": range(60)})
    frame.to_parquet(tmp_path / "t.parquet")
    pl.DataFrame({"c": ["a", "b"] * 30}).write_ipc(tmp_path / "t.arrow")
    short = summarise(tmp_path / "t.parquet", "t").text
    assert short == summarise(frame, "t").text and "date and time (Europe/Berlin)" in short
    assert '"a" 50 %' in summarise(tmp_path / "t.arrow", "t").text
    long = pa.Table.from_pandas(pd.concat([frame] * (WHOLE // 60 + 1)), preserve_index=False)
    pa.parquet.write_table(long, tmp_path / "long.parquet")
    with pa.ipc.new_file(tmp_path / "long.arrow", long.schema) as file:
        file.write_table(long)
    for name in ("long.parquet", "long.arrow"):
        text = summarise(tmp_path / name, "t").text
        assert "100,020 rows × 3 columns" in text and "(Europe/Berlin)" in text


def test_only_the_named_file_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "it's.csv").write_text("a,b\n" + rows("{i},2"))
    (tmp_path / "other.csv").write_text("a\n1\n")
    assert "40 rows" in summarise(tmp_path / "it's.csv", "t").text
    connection = duckdb_sandbox.connected(tmp_path / "it's.csv")
    secret = pd.DataFrame({"a": [CANARY]})
    assert len(secret)
    for query in (
        f"FROM read_csv('{tmp_path}/other.csv')", "FROM secret", "INSTALL httpfs", "LOAD httpfs",
        f"COPY (SELECT 1) TO '{tmp_path}/new.csv'", "FROM glob('*')", "SET threads = 1",
        "FROM read_csv('https://example.org/a.csv')", f"ATTACH '{tmp_path}/x.db'",
    ):  # fmt: skip
        with pytest.raises(Exception, match=r"(?i)permission|disabled|locked|exist|cannot"):
            connection.sql(query).fetchall()


def test_a_copy_goes_with_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(copies))
    assert "é" in page(tmp_path, "a.csv", ("a,b\n" + rows("é,1")).encode("utf-16"))
    for bad in (b"a\n1,2,\xe9\n", "a\n1\n1,é\n".encode("utf-16")):
        with pytest.raises(UsageError):
            page(tmp_path, "a.csv", bad)
    assert not list(copies.iterdir())


BARE = """
import sys
from importlib.abc import MetaPathFinder
class No(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "polars"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, No())
from pathlib import Path
import json
import numpy
from m1_magic.context.frames import summarise
tables = [*map(Path, sys.argv[1:]), numpy.arange(40.0).reshape(20, 2), [{"a": 1, "b": "x"}] * 9]
print(json.dumps([summarise(table, "t").text for table in tables]))
"""


def test_neither_pandas_nor_polars_is_needed(tmp_path: Path) -> None:
    load_penguins().to_csv(tmp_path / "t.csv", index=False)
    load_penguins().to_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.ndjson").write_text(rows('{{"a": {three}, "b": "x{two}"}}'))
    paths = [tmp_path / f"t.{ending}" for ending in ("csv", "parquet", "ndjson")]
    done = subprocess.run(
        [sys.executable, "-c", BARE, *map(str, paths)], capture_output=True, text=True, check=True
    )
    array, records = np.arange(40.0).reshape(20, 2), [{"a": 1, "b": "x"}] * 9
    tables = [*paths, array, records]
    assert json.loads(done.stdout) == [summarise(table, "t").text for table in tables]
