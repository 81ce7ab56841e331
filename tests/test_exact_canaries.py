"""Canaries in every cell of a table: none of them leaves by an exact answer, nor is one kept."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output
from traitlets.config import Config

from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api
from m1_magic.calls import RECORD
from m1_magic.errors import LedgerProblem
from m1_magic.ledger import Ledger
from m1_magic.ledger.store import Store

Cells = Callable[..., str]
CANARY = re.compile(r"Zqx[a-x] ?Wvj|918[ ,_.]?273|kkjq-[a-x]", re.IGNORECASE)
PEOPLE = pd.DataFrame(
    {
        "who": [f"Zqx{chr(97 + n)} Wvj" for n in range(24)],
        "amount": [918_273_000 + 7 * n for n in range(24)],
        "code": [f"kkjq-{chr(97 + n)}{n}" for n in range(24)],
    }
)
TEXT = """```sql who
SELECT who, amount, code FROM people ORDER BY amount
```
```sql bad
SELECT CAST(who AS INTEGER) AS n FROM people
```
```sql worse
SELECT strptime(code, '%Y-%m-%d') AS n FROM people
```
```sql odd
SELECT max(amount::TINYINT) AS n, max(code)::DOUBLE AS d FROM people
```
**{{who.who}}** has {{who.amount:,.0f}}, {{bad.n}}, {{worse.n}}, {{odd.n}}, {{who.amount[nobody]}}.

{{who}}

So {{who.code[-1]}}.
"""
REPAIR = """```sql bad
SELECT TRY_CAST(who AS INTEGER) AS n FROM people
```
```sql worse
SELECT CAST(code AS DATE) AS n FROM people
```
"""
FIXED = TEXT.replace("SELECT CAST(who", "SELECT TRY_CAST(who").replace(
    "strptime(code, '%Y-%m-%d')", "CAST(code AS DATE)"
)


@pytest.fixture
def shell(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[InteractiveShell]:
    """IPython's one shell, which keeps what its cells showed; a notebook with a tape."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "lesson.ipynb"))
    monkeypatch.setenv("M1_TAPE", "on")
    monkeypatch.delattr(sys, "last_value", raising=False)
    made = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("colors", "nocolor")
    with redirect_stdout(io.StringIO()):
        made.run_line_magic("load_ext", "m1_magic")
    made.history_manager.outputs.clear()
    made.user_ns["people"] = PEOPLE
    yield made
    made.run_line_magic("unload_ext", "m1_magic")
    made.history_manager = None
    InteractiveShell.clear_instance()


@pytest.fixture
def cells(shell: InteractiveShell) -> Cells:
    """Run cells as a notebook does; return what the last one showed."""

    def run(*sources: str) -> str:
        for source in sources:
            out = io.StringIO()
            with redirect_stdout(out), redirect_stderr(io.StringIO()):
                shell.run_cell(source, store_history=True)
        return out.getvalue()

    return run


def clean(server: OpenRouter, *files: Path) -> None:
    """Check that no canary left or lies in a file, nor a figure that was computed."""
    figures = {
        figure.text for one in api.chats().computed for figure in one.figures if figure.text[4:]
    }
    assert any(map(CANARY.search, figures)), "it was shown"
    texts = [str(chat.body) for chat in server.chats]
    texts += [file.read_bytes().decode("utf-8", "replace") for file in files]
    for text in texts:
        assert not (found := CANARY.search(text)), text[found.start() - 200 : found.end() + 100]
        assert not any(figure in text for figure in figures)


def kept(folder: Path) -> list[Path]:
    """Return the ledger's files and the tape."""
    files = [one for one in folder.rglob("*") if one.is_file() and one.suffix != ".ipynb"]
    assert {"ledger.db", "lesson.tape.jsonl"} <= {one.name for one in files}
    return files


def test_repairs_chats_again_and_continue(
    server: OpenRouter, cells: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m1_magic.session.failsafe.OFTEN", 0.0)
    meanwhile: list[tuple[str, ...]] = []
    monkeypatch.setattr(Ledger, "so_far", lambda _, *what: meanwhile.append(what))
    ask = "%%m1 -d people --exact -c eda\nWho?"
    server.say(Answer(TEXT), Answer(REPAIR))
    shown = cells(ask)
    assert "Zqxa Wvj** has 918,273,000, –, ?, ?" in shown and "the query worse failed" in shown
    assert api.chats().computed[-1].template == FIXED
    server.say(Answer(TEXT), Answer("None."), Answer(TEXT), Answer("None."))
    assert "Zqxa" in cells("%%m1 --exact -c eda\nAnd now?") and "Zqxa" in cells("%m1 again")
    cut = TEXT.index("amount:,.0f")
    server.say(Answer(TEXT[:cut], finish="length"), Answer("None."))
    server.say(Answer(TEXT[cut:]))
    cells("%%m1 -d people --exact\nWho else?")
    assert "918,273,000" in cells("%m1 continue")
    assert len(server.chats) == 9 and not server.pending
    clean(server, *kept(tmp_path))
    assert meanwhile and not CANARY.search(str(meanwhile))
    assert all(TEXT.startswith(what[2]) or TEXT[cut:].startswith(what[2]) for what in meanwhile), (
        "what is asked again does not replace the answer"
    )
    assert sum(what[2] == TEXT for what in meanwhile) >= 3
    ledger = api.session().ledger.path
    answers = [text for (text,) in rows(ledger, "SELECT answer FROM calls ORDER BY at")]
    assert answers[0] == FIXED and answers[-1] == TEXT[cut:]
    pages = [cells(f"%m1 log {id[0]}") for id in rows(ledger, "SELECT id FROM calls")]
    pages += [cells("%m1 log"), cells("%m1 sent"), cells("%m1 chats")]
    cells(f"%m1 export {tmp_path / 'chat.ipynb'} --chat eda")
    pages.append((tmp_path / "chat.ipynb").read_text())
    assert not CANARY.search("\n".join(pages)) and "{{who.amount:,.0f}}" in pages[-1]


def test_cells_errors_replies_and_saved_notebooks(
    server: OpenRouter, cells: Cells, shell: InteractiveShell, tmp_path: Path
) -> None:
    one = "```sql n\nSELECT amount AS n FROM people LIMIT 1\n```\n{{n.n}}\n"
    server.say(Answer(TEXT), Answer(REPAIR), Answer(one))
    cells("%%m1 -d people --exact -o r\nWho?", "%%m1 -d people --exact -o s\nHow many?", "r", "s")
    assert "918273000" in cells("s")
    cells("_ = r", "r.figures", "r.queries", "r.text")
    assert "raised" not in cells("%%m1 --cells 1\nWhat is this?")
    for number in range(2, 11):
        cells(f"%%m1 --cells {number}\nWhat is this?")
    cells("%%m1 --cells all\nWhat is this?", "%%m1 --cells last\nWhat is this?")
    for part in ("", ".text", ".template", ".queries", ".queries[0].rows", ".figures"):
        cells(f"%%m1\nWell: {{{{r{part}}}}}", f"%%m1\nWell: {{{{s{part}}}}}")
    assert "goes as M1 wrote it, figures as queries" in cells("%%m1\nWell: {{r.text}}")
    assert server.prompt.endswith(FIXED.rstrip())
    server.say(*(Answer(status=500) for _ in range(9)))
    cells("%%m1 -d people --exact\nWho?", "r.figures[0].nosuch", "%%m1 --error\nWhy?")
    figures = [{"query": f.query, "source": f.source, "text": f.text} for f in r_of(shell).figures]
    data = {RECORD: {"id": "x", "figures": figures}}
    outputs = [
        new_output("display_data", {"text/plain": r_of(shell).text, "text/html": "<b>x</b>"}),
        new_output("display_data", {"text/plain": "footer", **data}),
    ]
    book = new_notebook(cells=[new_code_cell("%%m1 --exact\nWho?", outputs=outputs)])
    nbformat.write(book, tmp_path / "saved.ipynb")
    cells(f"%%m1 -f {tmp_path / 'saved.ipynb'}\nWhat is this?")
    assert "left out at level stats" in server.prompt
    clean(server, *kept(tmp_path))


def r_of(shell: InteractiveShell) -> Any:
    """Return the reply that is bound to ``r``."""
    return shell.user_ns["r"]


def test_a_ledger_that_cannot_be_written_keeps_the_template(
    server: OpenRouter,
    cells: Cells,
    tmp_path: Path,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booked, unwritten = Store.book, list[str]()

    def fails(*_: object) -> None:
        raise LedgerProblem("It is locked.")

    def book(self: Store, writes: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "write", fails)
            with pytest.raises(LedgerProblem):
                booked(self, writes)
        unwritten.extend(file.read_text() for file in own_home.glob("ledger-unwritten-*.json"))

    monkeypatch.setattr(Store, "book", book)
    server.say(Answer(TEXT), Answer(REPAIR))
    assert "918,273,000" in cells("%%m1 -d people --exact\nWho?")
    assert any("TRY_CAST" in text for text in unwritten)
    assert not CANARY.search("".join(unwritten))
    clean(server, *kept(tmp_path))
