"""``{{value}}``: rows in whatever clothes stay below ``sample``; what is typed goes in as it is."""

from __future__ import annotations

import array
import json
import random
import re
import string
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from IPython.core.interactiveshell import InteractiveShell
from pydantic import BaseModel

import shells
from emulator import OpenRouter
from m1_magic import api, ask
from m1_magic.calls import Reply
from m1_magic.context.frames.containers import is_scalar
from m1_magic.context.variables import resolve
from m1_magic.errors import UsageError
from m1_magic.options.fields import Options

BELOW = ("names", "schema", "stats")
OPEN: list[Any] = []  # before DuckDB 1.5 a relation dies with its connection
Row = namedtuple("Row", "who pay city")
Made = make_dataclass("Made", ["who", "pay", "city"])


class Model(BaseModel):
    who: str
    pay: float
    city: str


@dataclass(slots=True)
class Slotted:
    who: str
    pay: float


class Printed:
    """Its repr is a table."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def secret(seeded: random.Random) -> str:
    return "".join(seeded.choices(string.ascii_lowercase, k=9)).title()


@cache
def frame(rows: int, seed: int) -> pd.DataFrame:
    """A table in which each value of two columns is a canary."""
    seeded = random.Random(seed)
    return pd.DataFrame(
        {
            "who": [f"Zq{secret(seeded)}" for _ in range(rows)],
            "pay": [float(seeded.randrange(10**8, 10**9)) + 0.25 for _ in range(rows)],
            "city": [("Bern", "Basel")[i % 2] for i in range(rows)],
        }
    )


@cache
def shapes(rows: int) -> dict[str, Any]:
    """A table in every clothes that Python and its libraries have for one."""
    from sklearn.utils import Bunch  # a second, for every worker that collects this

    df = frame(rows, rows)
    return made(df) | {"Bunch": Bunch(data=df.to_numpy(), target=df.who, DESCR="d")}


@cache
def texts(rows: int) -> dict[str, str]:
    """A table as text."""
    return written(frame(rows, rows))


def made(df: pd.DataFrame) -> dict[str, Any]:
    rows = df.to_dict("records")
    tuples = [*df.itertuples(index=False, name=None)]
    keyed = df.set_index("who")
    optional = {f"id{i}": {**row, **({"note": row["who"]} if i % 2 else {})}
                for i, row in enumerate(rows)}  # fmt: skip
    connection = duckdb.connect()
    OPEN.append(connection)
    return {
        **{f"to_dict {how}": df.to_dict(how) for how in ("dict", "list", "split", "tight",
                                                         "records", "index", "series")},
        **{f"keyed {how}": keyed.to_dict(how) for how in ("dict", "split", "tight", "index",
                                                          "records", "list")},
        "keyed numbers": keyed[["pay"]].assign(more=keyed.pay * 2).to_dict("index"),
        "keyed numbers turned": keyed[["pay"]].assign(more=keyed.pay * 2).to_dict(),
        "turned": keyed.T.to_dict("list"),
        "set of tuples": set(tuples), "frozenset": frozenset(tuples), "tuple": tuple(tuples),
        "list of lists": [list(row) for row in tuples],
        "lists of lists of lists": [[[cell] for cell in row] for row in tuples],
        "unequal": [list(row)[: 1 + i % 3] for i, row in enumerate(tuples)],
        "unequal tuples": tuple(row[: 1 + i % 3] for i, row in enumerate(tuples)),
        "with a header": [["who", "pay", "city"], *tuples],
        "optional fields": optional, "optional list": [*optional.values()],
        "mixed": [rows[0], None, *tuples], "nested records": {"all": rows, "n": len(rows)},
        "deep": {"a": {"b": {"c": tuples}}}, "deep list": [[[[row]]] for row in tuples],
        "namedtuples": [Row(*row) for row in tuples], "one namedtuple": [Row(*tuples[0])] * 2,
        "dataclasses": [Made(*row) for row in tuples],
        "slotted": [Slotted(*row[:2]) for row in tuples],
        "models": [Model(**row) for row in rows],
        "namespaces": [SimpleNamespace(**row) for row in rows],
        "namespace": SimpleNamespace(rows=rows), "models by id": {i: Model(**r)
                                                                  for i, r in enumerate(rows)},
        "groups": {"a": [r["who"] for r in rows[:-1]], "b": [rows[-1]["who"]]},
        "groups by canary": {row["who"]: [1] * (1 + i % 3) for i, row in enumerate(rows)},
        "groups of rows": {"a": tuples[:-1], "b": tuples[-1:]},
        "equal groups": {row["who"]: [1, 2] for row in rows},
        "default dict": defaultdict(list, {"a": [r["who"] for r in rows], "b": []}),
        "counts": df.who.value_counts().to_dict(), "pay by who": keyed.pay.to_dict(),
        "two levels": df.set_index(["who", "city"]).pay.to_dict(),
        "by number": df.who.to_dict(), "Counter": Counter(df.who),
        "flags by name": dict.fromkeys(df.who, True), "nothing by name": dict.fromkeys(df.who),
        "ages by name": {who: 30 + i for i, who in enumerate(df.who)},
        "one key each": [{row["who"]: row["pay"]} for row in rows],
        "few rare": {"common": 57, df.who[0]: 3},
        "ordered": OrderedDict(keyed.pay), "proxy": MappingProxyType(keyed.pay.to_dict()),
        "chained": ChainMap(keyed.pay.to_dict(), {"x": 1}),
        "column": df.who.tolist(), "numbers": df.pay.tolist(), "one number": df.pay.tolist()[:1],
        "tuple column": tuple(df.who), "set column": set(df.who), "deque": deque(df.who),
        "deque of rows": deque(tuples), "generator": (row for row in tuples), "map": map(str, rows),
        "keys": keyed.pay.to_dict().keys(), "values": keyed.pay.to_dict().values(),
        "items": keyed.pay.to_dict().items(), "array": array.array("d", df.pay),
        "Series": df.who, "Index": pd.Index(df.who), "MultiIndex": pd.MultiIndex.from_frame(df),
        "numpy": df.pay.to_numpy(), "objects": df.to_numpy(), "structured": df.to_records(),
        "void": df.to_records()[0], "dicts": np.array(rows), "3-D": np.full((2, 2, 2), df.pay[0]),
        "Styler": df.style, "grouped": df.groupby("city"), "one group": df.groupby("who"),
        "polars": pl.from_pandas(df), "lazy": pl.from_pandas(df).lazy(),
        "polars Series": pl.Series("x", df.who.tolist()), "rows": pl.from_pandas(df).rows(),
        "named rows": pl.from_pandas(df).rows(named=True),
        "arrow": pa.Table.from_pandas(df), "arrow array": pa.array(df.who),
        "chunked": pa.chunked_array([df.who.tolist()]), "pylist": pa.array(df.who).to_pylist(),
        "batch": pa.RecordBatch.from_pandas(df), "scalar list": [*pa.array(df.who)],
        "pydict": pa.Table.from_pandas(df).to_pydict(),
        "relation": connection.from_arrow(pa.Table.from_pandas(df)),
        "fetched": connection.from_arrow(pa.Table.from_pandas(df)).fetchall(),
        "frames": [df, df], "frames by name": {"a": df}, "masked array": np.ma.array(df.pay),
        "bytes": df.to_csv().encode(), "json bytes": bytearray(df.to_json(), "utf-8"),
        "printed": Printed(df.to_string()),
    }  # fmt: skip


def written(df: pd.DataFrame) -> dict[str, str]:
    """The table as text, in every form in which tables are written."""
    keyed, polars = df.set_index("who"), pl.from_pandas(df)
    rows = df.to_dict("records")
    markdown = "\n".join(["| who | pay |", "|:---|---:|",
                          *(f"| {row['who']} | {row['pay']} |" for row in rows)])  # fmt: skip
    grid = "\n".join(f"+------+\n| {row['who']} |" for row in rows)
    return {
        **{f"csv {sign!r}": df.to_csv(sep=sign, index=False) for sign in ",;\t|"},
        "index": df.to_csv(), "no header": df.to_csv(header=False), "words": df[["who", "city"]]
        .to_csv(index=False), "CRLF": df.to_csv().replace("\n", "\r\n"),
        "quoted": df.to_csv(quoting=1), "blank lines": "\n\n" + df.to_csv() + "\n\n",
        **{f"json {how}": df.to_json(orient=how) for how in ("records", "split", "index", "columns",
                                                             "values", "table")},
        "json lines": df.to_json(orient="records", lines=True),
        "indented": json.dumps(rows, indent=2), "envelope": json.dumps({"results": rows, "n": 1}),
        "keyed json": keyed.to_json(orient="index"), "repr": repr(rows), "tuples": repr(
            [*df.itertuples(index=False, name=None)]), "named": repr([*df.itertuples()]),
        "dict": str(df.to_dict()), "split": str(df.to_dict("split")),
        "printed": df.to_string(), "no index": df.to_string(index=False), "str": str(df),
        "printed column": str(df.who), "printed keyed": str(keyed), "wide": df.T.to_string(),
        "polars": str(polars), "polars column": str(polars["who"]), "arrow": str(
            pa.Table.from_pandas(df)), "array": str(df.pay.to_numpy()),
        "objects": str(df.to_numpy()), "markdown": markdown, "grid": grid,
        "html": df.to_html(), "styler": df.style.to_html(), "latex": "\\begin{tabular}{l}\n" +
        "\\\\\n".join(df.who) + "\n\\end{tabular}", "xml": "<data>" + "".join(
            f"<row>\n<who>{row['who']}</who>\n<pay>{row['pay']}</pay>\n</row>\n" for row in rows),
        "sql": "\n".join(f"INSERT INTO t VALUES ('{row['who']}', {row['pay']});" for row in rows),
        "in words": f"Here is the table:\n\n{df.to_html()}\n\nWhat does it say?",
        "numbers": " ".join(map(str, [*df.pay] * 9)), "few numbers": ", ".join(map(str, df.pay)),
        "a column": df[["pay"]].to_csv(index=False), "quoted json": json.dumps(df.to_json()),
        **{f"csv {sign!r}": df.to_csv(sep=sign, index=False) for sign in "^~\x01"},
        "exported": "# by me\n# today\n" + df.to_csv(index=False),
        "fenced": f"```csv\n{df.loc[[*df.index] * 2].to_csv(index=False)}```",
        "in prose": f"See:\n{df.loc[[*df.index] * 2].to_csv(index=False)}\nWhat is the mean?",
        "assigned": f"data = {rows!r}", "frame in code": f"df = pd.DataFrame({df.to_dict('list')})",
        "script": f"const rows = {json.dumps(rows)};",
        "yaml": "people:\n" + each(rows, "  - who: {who}\n    pay: {pay}\n    city: {city}"),
        "yaml by id": each(rows, "{who}:\n  pay: {pay}\n  city: {city}"),
        "toml": each(rows, "[[row]]\nwho = '{who}'\npay = {pay}"),
        "ini": each(rows, "[{who}]\npay = {pay}\ncity = {city}"),
        "name and value": each(rows, "{who}={pay}"), "bullets": each(rows, "* {who} ({pay})"),
        "vertical": each(rows, "***** row *****\n who: {who}\n pay: {pay}"),
        "vcards": each(rows, "BEGIN:VCARD\nFN:{who}\nNOTE:{pay}\nEND:VCARD"),
        "attributes": "<rows>" + each(rows, "<row who='{who}' pay='{pay}'/>") + "</rows>",
        "one insert": "INSERT INTO t VALUES " + ", ".join(f"('{r['who']}', {r['pay']})"
                                                          for r in rows) + ";",
        "wiki": "{|\n" + each(rows, "|-\n| {who} || {pay}") + "\n|}",
    }  # fmt: skip


def each(rows: list[dict[str, Any]], form: str) -> str:
    return "\n".join(form.format(**row) for row in rows)


def found(df: pd.DataFrame, text: str) -> list[str]:
    """Return the canaries in a text, numbers in any notation."""
    plain = text.replace(",", "").casefold()
    names = [name for name in df.who if name.casefold() in plain]
    return names + [str(pay) for pay in df.pay if str(int(pay))[:7] in plain]


SHAPES = [*made(frame(3, 3)), "Bunch"]
TEXTS = [*texts(5)]
# Of so few nobody can say whether they were typed.
SHORT = (
    "flags by name",
    "nothing by name",
    "ages by name",
    "column",
    "tuple column",
    "set column",
    "pylist",
    "groups by canary",
)


@pytest.mark.parametrize("kind", SHAPES)
def test_no_value_leaves_of_a_container(kind: str) -> None:
    for rows in (3, 12) if kind not in SHORT else (12,):
        df = frame(rows, rows)
        value = shapes(rows)[kind]
        try:
            request = api.prepare("why {{v}}?", Options(), {"v": value})
        except UsageError as error:
            assert not found(df, str(error)) and "v" in str(error)
            continue
        assert not found(df, request.text), request.text
        assert not found(df, " ".join(request.notes))
        if not request.attachments:
            assert any("(to send it: --send sample)" in note for note in request.notes)
            assert "withheld at level stats" in request.text


@pytest.mark.parametrize("kind", TEXTS)
def test_no_value_leaves_of_a_table_in_text(kind: str) -> None:
    for rows in (5, 30):
        request = api.prepare("why {{v}}?", Options(), {"v": texts(rows)[kind]})
        assert not found(frame(rows, rows), request.text), request.text


PARTS = ("v[0]", "v['data'][0]", "v['data']", "v['a']", "v['who']", "v['id1']", "v[1]", "v.rows",
         "v.rows[0]")  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_no_row_leaves_as_a_part(part: str) -> None:
    df, checked = frame(12, 12), 0
    for kind, value in shapes(12).items():
        try:
            request = api.prepare(f"why {{{{{part}}}}}?", Options(), {"v": value})
            one = resolve(part, {"v": value})
        except UsageError:
            continue
        if not is_scalar(one):  # a single value that is named leaves
            checked += 1
            assert not found(df, request.text), (kind, part, request.text)
    assert checked


def test_what_reaches_the_server_and_the_screen(
    server: OpenRouter, shell: InteractiveShell, own_home: Path
) -> None:
    df = frame(12, 12)
    shell.user_ns |= {f"v{i}": value for i, value in enumerate(shapes(12).values())}
    shell.user_ns |= {f"t{i}": value for i, value in enumerate(texts(12).values())}
    taken = []
    for name in [n for n in shell.user_ns if re.fullmatch(r"[vt]\d+", n)]:
        try:
            api.prepare(f"{{{{{name}}}}}", Options(), shell.user_ns)
            taken.append(f"{{{{{name}}}}}")
        except UsageError:
            continue
    assert len(taken) > 90
    shown = shells.runner(shell)(f"%%m1 --dry-run\nwhy {' '.join(taken)}?").text
    assert not found(df, shown)
    assert "to send it: --send sample" in shown
    for third, level in enumerate(BELOW):
        ask("why " + " ".join(taken[third::3]), namespace=shell.user_ns, send=level)
    assert len(server.chats) == len(BELOW)
    for chat in server.chats:
        assert not found(df, chat.raw.decode())
    files = b"".join(p.read_bytes() for p in own_home.rglob("*") if p.is_file())
    assert not found(df, files.decode("utf-8", "replace"))


PROSE = "A line, with commas, and more.\nA second, like it, too.\nAnd a third, of course, one."
CODE = "def f(a, b):\n    return a, b\n\n\ndef g(a, b):\n    x = [1, 2]\n    return a, x"
LIST = "# Title\n\nText | with a bar\n\n- one\n- two\n\n1. one\n2. two\n3. three"
TALK = "user: hi\nyou: hello\nuser: how are you?\nyou: fine\nuser: good\nyou: bye"
STEPS = "".join(f"- name: step {c}\n  run: {c}\n" for c in "ab") + "- uses: checkout\n- uses: setup"
TYPED: list[tuple[Any, str]] = [
    ("Berlin", "Berlin"),
    (987654321.25, "987654321.25"),
    (["north", "south", "east"], '["north", "south", "east"]'),
    ([1, 2, 3, 5, 8], "[1, 2, 3, 5, 8]"),
    ([0.1, 0.01, 1e-05], "[0.1, 0.01, 1e-05]"),
    (("red", 3), '["red", 3]'),
    ({"b", "a"}, '["a", "b"]'),
    ([], "[]"),
    ({}, "{}"),
    ([True, None], "[true, null]"),
    ({"lr": 0.01, "epochs": 10, "optimizer": "adam"},
     '{"lr": 0.01, "epochs": 10, "optimizer": "adam"}'),
    ({"width": 800, "height": 600}, '{"width": 800, "height": 600}'),
    ({"model": {"depth": 3, "kind": "tree"}, "seed": 1, "cols": ["a", "b"]},
     '{"model": {"depth": 3, "kind": "tree"}, "seed": 1, "cols": ["a", "b"]}'),
    ({"model": {"depth": 3}, "train": {"lr": 0.1}},
     '{"model": {"depth": 3}, "train": {"lr": 0.1}}'),
    ({"old_name": "new_name", "x": "y"}, '{"old_name": "new_name", "x": "y"}'),
    ('{"a": 1, "b": [1, 2]}', '{"a": 1, "b": [1, 2]}'),
    (PROSE, PROSE), (CODE, CODE), (LIST, LIST),
    ("name: x\nkind: y\nsize: 3\n", "name: x\nkind: y\nsize: 3\n"),
    ("WIDTH = 800\nHEIGHT = 600\nDPI = 100", "WIDTH = 800\nHEIGHT = 600\nDPI = 100"),
    ("flour: 500 g\nwater: 300 g\nsalt: 10 g", "flour: 500 g\nwater: 300 g\nsalt: 10 g"),
    (TALK, TALK), (STEPS, STEPS), ("x = [1, 2, 3]", "x = [1, 2, 3]"),
    ({"Precision": 0.91, "Recall": 0.8}, '{"Precision": 0.91, "Recall": 0.8}'),
    ("[section]\na = 1\nb = 2\nc = 3\n", "[section]\na = 1\nb = 2\nc = 3\n"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), TYPED)
def test_what_is_typed_goes_in_as_it_is(value: Any, text: str) -> None:
    request = api.prepare("see {{v}}", Options(), {"v": value})
    assert request.texts[-1] == f"see {text}".rstrip("\n")
    assert not [note for note in request.notes if "withheld" in note]


def test_what_is_withheld_is_told_and_leaves_at_sample() -> None:
    value = [[["zqxwvj", "jo@example.org"]], [["b"], ["c"]]]
    request = api.prepare("see {{v}}", Options(), {"v": value})
    assert request.texts[-1] == "see (list of 2 items, withheld at level stats)"
    assert "{{v}}: list of 2 items, withheld (to send it: --send sample)" in request.notes
    request = api.prepare("see {{v}}", Options(send="sample"), {"v": value})
    assert "zqxwvj" in request.text and "jo@example" not in request.text
    text = pd.DataFrame({"a": ["zqxwvj"] * 3}).to_html()
    request = api.prepare("see {{v}}", Options(), {"v": text})
    assert re.fullmatch(
        r"see \(text of \d+ lines that holds a table, withheld at level stats\)", request.texts[-1]
    )


def test_our_answers_go_in_as_they_are() -> None:
    answer = "| a | b |\n|---|---|\n| 1 | 2 |"
    for text in (answer, "<table><tr><td>1</td></tr></table>"):
        request = api.prepare("see {{r.text}}", Options(), {"r": Reply(text=text)})
        assert request.texts[-1] == f"see {text}"


def test_containers_without_end_come_to_one() -> None:
    loop: list[Any] = []
    loop.extend([loop, 1] * 50)
    with pytest.raises(UsageError):
        api.prepare("see {{v}}", Options(), {"v": loop})


def told(value: Any) -> str:
    request = api.prepare("{{v}}", Options(), {"v": value})
    assert len(request.attachments) == 1
    return request.text


def test_tables_in_other_clothes_are_summarised() -> None:
    df = pd.DataFrame({"city": ["Bern", "Basel"] * 10, "pay": range(20)})
    makers: list[Callable[[], Any]] = [
        lambda: df.to_dict("split"), lambda: df.to_dict("tight"), lambda: df.to_dict("index"),
        lambda: df.to_dict(), lambda: df.to_csv(index=False), lambda: df.to_json(orient="records"),
        lambda: {f"id{i}": row for i, row in enumerate(df.to_dict("records"))},
        lambda: [Made(None, *reversed(row)) for row in df.itertuples(index=False, name=None)],
        lambda: df.to_json(orient="records", lines=True), lambda: df.to_string(),
        lambda: df.to_csv(sep="|", index=False),
        lambda: "|city|pay|\n|---|---|\n" + "\n".join(f"|{c}|{p}|" for c, p in df.to_numpy()),
    ]  # fmt: skip
    for make in makers:
        text = told(make())
        assert "20 rows" in text and "`city`" in text and "Bern" in text, text
    assert "Basel" in told({"Bern": [1] * 9, "Basel": [2] * 12})
    assert "`value`" in told([*range(20)])
