"""``%m1 verify`` and ``m1-magic verify``: which figures are others on the tables of today."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output

from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api, ask, cli
from m1_magic.app import PROCESS
from m1_magic.calls import RECORD, Call, Figure, Receipt
from m1_magic.exact.verifying import Given, differences
from m1_magic.kept.tape import Tape
from m1_magic.ledger.store import now_utc
from m1_magic.render import footer
from m1_magic.verbs import verifying
from m1_magic.verbs.notebook_runs import ON_TAPE, Ran
from shells import Run, sales

TEXT = """```sql top
SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total DESC
```
**{{top.region}}** leads with {{top.total:,.0f}}, before {{top.region[1]}}; about 17 rows.

{{top}}
"""
ASK = "%%m1 -d sales --exact\nWho leads?"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, in which a notebook is at work."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "work" / "lesson.ipynb"))
    return tmp_path / "work"


def record(given: Given) -> dict[str, object]:
    """Return what the footer of an answer saves for it, as far as it is looked at."""
    figures = [{"query": f.query, "source": f.source, "text": f.text} for f in given.figures]
    return {"id": given.id, "figures": figures, "tables": list(given.tables)}


def saved(run: Run, *sources: str) -> bytes:
    """Run cells, and save them with the records of their answers as this folder's notebook."""
    cells = []
    for source in sources:
        before = len(api.chats().computed)
        assert (ran := run(source)).error is None, ran.text
        records = map(record, api.chats().computed[before:])
        outputs = [new_output("display_data", {RECORD: one}) for one in records]
        cells.append(new_code_cell(source, outputs=outputs))
    nbformat.write(new_notebook(cells=cells), "lesson.ipynb")
    return Path("lesson.ipynb").read_bytes()


def checked(capsys: pytest.CaptureFixture[str], *names: str) -> tuple[int, str]:
    """Return what ``m1-magic verify`` exits with and says."""
    capsys.readouterr()
    status = cli.main(["verify", *(names or ("lesson.ipynb",))])
    out, err = capsys.readouterr()
    return status, out + err


# --- m1-magic verify ------------------------------------------------------------------------------


def figures(table: str, first: int) -> str:
    """Return an answer with 50 figures of a table, each in a row of its own."""
    query = f"```sql {table}\nSELECT n, amount FROM {table} ORDER BY n\n```\n"
    return query + "\n".join(f"- {n}: {{{{{table}.amount[{n}]:.1f}}}}" for n in range(first, 50))


def write(name: str, add: float = 0.0) -> None:
    """Write a table of 50 amounts, all of them higher by so much."""
    pd.DataFrame({"n": range(50), "amount": [n + 0.5 + add for n in range(50)]}).to_csv(
        f"{name}.csv", index=False
    )


def test_fifty_figures_that_drifted_are_found_and_fifty_others_are_silent(
    server: OpenRouter, run: Run, capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    names = ("moved", "still", "other")
    for name in names:
        write(name)
    load = "import pandas as pd\n%load_ext m1_magic\nmoved, still, other = (\n"
    load += f"    pd.read_csv(name + '.csv') for name in {names})"
    asks = [f"%%m1 -d {name} --exact\nWhat is in {name}?" for name in names]
    server.say(*(Answer(figures(name, 0)) for name in names))
    before = saved(run, load, *asks)
    api.end()
    write("moved", 1.0)
    Path("other.csv").write_text("n,amount,more\n1,0.5,a\n")
    calls = rows(own_home / "ledger.db", "SELECT * FROM calls")
    asked, files = len(server.requests), sorted(Path().iterdir())
    status, out = checked(capsys)
    assert status == 1
    assert out.count(" → ") - 1 == 50 and out.count("| 2 | moved |") == 50, out
    assert "| 2 | moved | {{moved.amount[7]:.1f}} | 7.5 → 8.5 |" in out
    assert "| 3 |" not in out and "columns of other differ" in out
    assert "50 figures changed, 1 cell not verified, 50 figures unchanged." in out
    assert Path("lesson.ipynb").read_bytes() == before and sorted(Path().iterdir()) == files
    assert len(server.requests) == asked
    assert rows(own_home / "ledger.db", "SELECT * FROM calls") == calls


def test_exit_and_page_by_what_came_of_the_run(
    server: OpenRouter, run: Run, shell: InteractiveShell, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    server.say(Answer(TEXT), Answer(TEXT))
    saved(
        run,
        "1 + 1",
        ASK,
        "import m1_magic\nr = m1_magic.ask('And?', df={'sales': sales}, exact=True)",
    )
    first, second = (one.figures for one in api.chats().computed)
    failed = (*first[:3], Figure(0, 0, "top", "top", "?", "the query top failed: It has it."))

    def page(*ran: Ran) -> tuple[int, str]:
        monkeypatch.setattr(verifying, "run", lambda *_, **__: list(ran))
        return checked(capsys)

    one, two = Ran("2", "", ON_TAPE, (first,)), Ran("3", "", ON_TAPE, (second,))
    assert page(Ran("1", "", ""), one, two) == (
        0, "**lesson.ipynb**\n\n8 figures unchanged.\n",
    )  # fmt: skip
    assert page(one, Ran("3", "", ON_TAPE, (second, second)))[0] == 0
    assert "cell 3: no figures are saved beside it" in page(one, Ran("3", "", "", (second,) * 2))[1]
    for cell, says in {
        Ran("2", "", ON_TAPE, (failed,)): "1 figure could not be computed, 7 figures unchanged.",
        Ran("2", "", "TapeProblem: It is not there."): "| 2 |  |  | It is not there. |",
        Ran("2", "", "NameError: x"): "1 cell not verified, 4 figures unchanged.",
        Ran("2", "", ""): "it was not asked again",
        Ran("2", "", ON_TAPE, (first[1:],)): "is another one than the one that was shown",
    }.items():
        status, out = page(cell, two)
        assert status == 1 and says in out, out


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nbformat": 4, "cells": 3}', None])
def test_what_is_no_notebook_is_one_line(
    text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("lesson.ipynb").write_text(text)
    status, out = checked(capsys)
    assert status == 1 and ("there is no such notebook" in out) == (text is None)
    assert "not verified" in out


def test_the_answers_that_are_shown_go_first(
    server: OpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(*(Answer(f"{n} {TEXT}") for n in range(4)))
    monkeypatch.setenv("M1_TAPE", "on")
    api.end()
    assert run(ASK).error is None
    monkeypatch.setenv("M1_TAPE", "off")
    api.end()
    for _ in range(3):
        assert run(ASK + "!").error is None
    ids = [id for (id,) in rows(PROCESS.session().ledger.path, "SELECT id FROM calls ORDER BY at")]
    context = verifying.VerbContext(api.session(), {}, lambda _: "")
    lines = list(verifying.kept_lines(context, Path("lesson.ipynb"), [ids[3], "none", ids[0]]))
    assert [(one.text[0], n) for one, n in lines] == [("0", 1), ("3", 1), ("1", 2), ("2", 3)]
    Tape(Path("other.jsonl")).extend(lines)


# --- %m1 verify -----------------------------------------------------------------------------------


def test_in_the_kernel_what_changed_is_listed(
    server: OpenRouter, run: Run, shell: InteractiveShell
) -> None:
    assert "No answer with computed figures yet" in run("%m1 verify").text
    server.say(Answer(TEXT))
    run(ASK)
    asked = len(server.requests)
    assert run("%m1 verify").text == "4 figures unchanged.\n"
    shell.user_ns["sales"] = sales().assign(amount=range(20, 0, -1))
    out = run("%m1 verify").text
    assert "| Who leads? | top | {{top.total:,.0f}} | 100 → 110 |" in out
    assert "| Who leads? | top | {{top}} | s, 100, n → n, 110, s, 1 more cell |" in out, out
    assert "4 figures changed." in out
    shell.user_ns["sales"] = pd.DataFrame({"region": ["s"] * 20, "amount": range(20)})
    assert "| top | {{top}} | 2 rows → 1 row |" in run("%m1 verify").text
    del shell.user_ns["sales"]
    out = run("%m1 verify").text
    assert "4 figures could not be computed." in out and 'no table "sales" here' in out
    assert len(server.requests) == asked


def test_in_a_new_kernel_the_saved_notebook_and_the_ledger_tell(
    server: OpenRouter, run: Run, shell: InteractiveShell
) -> None:
    server.say(Answer(TEXT[:150], finish="length"), Answer(TEXT[150:]), Answer("No figure."))
    saved(run, "1 + 1", ASK, "%m1 continue", "%%m1\nWell?")
    asked = len(server.requests)
    PROCESS.end()
    assert "4 figures unchanged." in run("%m1 verify").text
    shell.user_ns["sales"] = sales().assign(amount=range(20, 0, -1))
    out = run("%m1 verify").text
    assert "| Who leads? | top | {{top.region}} | s → n |" in out
    assert "4 figures changed." in out
    run("%m1 forget --all")
    assert "2 answers not verified" in (out := run("%m1 verify").text)
    assert "| cell 2 |  |  | what M1 wrote is not kept" in out
    assert len(server.requests) == asked


def test_in_a_new_kernel_a_tape_tells(
    server: OpenRouter, run: Run, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M1_TAPE", "on")
    api.end()
    server.say(Answer(TEXT))
    run(ASK)
    monkeypatch.setenv("M1_HOME", str(Path("another home").resolve()))
    monkeypatch.setenv("M1_MODE", "replay")
    api.end()
    saved(run, ASK)
    api.end()
    server.close()
    shell.user_ns["sales"] = sales().assign(amount=range(20, 0, -1))
    assert "4 figures changed." in run("%m1 verify").text


def test_the_record_of_an_answer_has_its_figures_and_tables(server: OpenRouter) -> None:
    server.say(Answer(TEXT), Answer("No table."))
    reply = ask("Who leads?", df={"sales": sales()}, exact=True)
    (given,) = api.chats().computed
    request = api.prepare("Who leads?", api.Options(df=("sales",), exact=True), {"sales": sales()})
    call = Call(reply.id, now_utc(), request, reply)
    made = footer.record(Receipt(call), api.settings())
    assert {name: made[name] for name in ("id", "figures", "tables")} == record(given)
    assert [one["text"] for one in made["figures"]][:3] == ["s", "100", "n"]
    assert made["tables"] == ["sales"] and Decimal(made["cost_usd"]) > 0
    plain = Call("x", now_utc(), request, ask("Well?"))
    assert not {"figures", "tables"} & footer.record(Receipt(plain), api.settings()).keys()


def test_figures_are_compared_by_place() -> None:
    def table(*rows: str) -> str:
        return "\n".join(("| a | b |", "| --- | ---: |", *rows))

    def one(text: str, source: str = "q", reason: str = "") -> Figure:
        return Figure(0, 0, "q", source, text, reason)

    def said(old: str, new: str) -> str:
        (found,) = differences([one(old)], [one(new)])
        return f"{found.old} → {found.new}"

    assert not differences([one("8,560"), one("x")], [one("8,560"), one("x")])
    assert said("8,560", "8,712") == "8,560 → 8,712"
    assert said("?", "17") == "? → 17"
    assert said(table("| x | 1 |"), table("| x | 2 |")) == "1 → 2"
    assert said(table("| x \\| y | 1 |"), table("| x \\| z | 1 |")) == "x \\| y → x \\| z"
    assert said(table("| x | 1 |"), table()) == "1 row → 0 rows"
    x, y = "| x | 1 |", "| y | 2 |"
    assert not differences([one(table(x, y))], [one(table(y, x))]), "in another order"
    assert said(table("| x | 1 |"), "–") == f"{table('| x | 1 |')} → –"
    (found,) = differences([one("1")], [one("?", reason="it failed")])
    assert (found.old, found.reason) == ("1", "it failed")
    assert [f.reason[:10] for f in differences([one("1")], [one("1"), one("2")])] == ["the answer"]
    assert differences([one("1", "a")], [one("1", "b")])[0].reason
