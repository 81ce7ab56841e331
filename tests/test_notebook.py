"""``%%m1`` in a real kernel, through nbclient: what a notebook shows, saves and accounts."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

import local_model
import notebooks
import tapes
from emulator import Answer, OpenRouter
from m1_magic.pricing.dollars import money

LOAD = "%load_ext m1_magic"
PENGUINS = "from palmerpenguins import load_penguins\npenguins = load_penguins()"
ANSWER = "## Species\n\n| species | n |\n|---|---|\n| Adelie | 152 |\n\n`x < 1` costs $5 and $6.\n"


def test_the_main_job(server: OpenRouter, own_home: Path) -> None:
    server.say(Answer(text=ANSWER, thinking="Let me count <b>them</b>.", cached=12))
    book = notebooks.run(
        LOAD,
        PENGUINS,
        "# a comment above\n%%m1 --df penguins -o r\nWhich species is most frequent?",
        "print(r.text); print(r.thinking); print(r.usage); print(r.cost); print(_m1 is r)",
        "r",
    )
    assert notebooks.errors(book) == []
    answer, footer = notebooks.displays(book, 2)
    assert "<td>Adelie</td>" in answer.data["text/html"].replace(' style="text-align:left"', "")
    assert "<details" in answer.data["text/html"]
    assert "&lt;b&gt;them&lt;/b&gt;" in answer.data["text/html"]
    assert answer.data["text/plain"] == ANSWER
    assert "text/markdown" not in answer.data

    (sent,) = server.generations.values()
    chat = server.chats[0]
    assert "penguins`: 344 rows × 8 columns" in chat.body["messages"][-1]["content"]
    record = notebooks.record(book, 2)
    assert record["generation_id"] == sent["id"]
    assert record["usage"] == {
        "input": sent["native_tokens_prompt"],
        "output": sent["native_tokens_completion"],
        "reasoning": sent["native_tokens_reasoning"],
        "cached": 12,
    }
    assert record["status"] == "ok"
    assert record["finish"] == "stop"
    assert record["cost_source"] == "billed"
    price = Decimal(str(sent["total_cost"]))
    assert Decimal(str(record["cost_usd"])) == price
    shown = notebooks.printed(book, 3).splitlines()
    assert Decimal(shown[-2]) == price
    assert shown[-1] == "True"
    assert notebooks.printed(book, 3).startswith(ANSWER)
    assert "penguins 344 × 8 → stats" in footer.data["text/plain"]
    assert notebooks.displays(book, 4)[0].data["text/html"] == answer.data["text/html"]

    with sqlite3.connect(own_home / "ledger.db") as ledger:
        ((total, states),) = ledger.execute(
            "SELECT sum(cost_nano), group_concat(state) FROM attempts"
        ).fetchall()
    assert (Decimal(total) / 10**9, states) == (price, "settled")


def test_a_failed_call_keeps_its_text_and_fails_the_cell(server: OpenRouter) -> None:
    server.say(Answer.broken("Half an ans"))
    book = notebooks.run(LOAD, "x = 1", "%%m1 -o r\nwhy?", "print(r.text, r.status, _m1.finish)")
    (error,) = notebooks.errors(book)
    assert error.startswith("CutOff: ")
    assert "Provider disconnected" in error
    assert "File" not in error
    assert notebooks.printed(book, 3).strip() == "Half an ans failed error"
    assert "Half an ans" in notebooks.displays(book, 2)[0].data["text/plain"]
    assert notebooks.record(book, 2)["status"] == "failed"


def test_i20_a_cell_timeout_stops_the_call_and_keeps_the_text(server: OpenRouter) -> None:
    import threading

    server.say(Answer(text="Slowly, slowly", hold=threading.Event(), hold_after=2))
    book = notebooks.run(LOAD, "%%m1\nwhy?", "print(_m1.status)", timeout=15, interrupts=True)
    (error,) = notebooks.errors(book)
    assert error.startswith("Stopped: Stopped by you; the text so far is kept.")
    assert notebooks.printed(book, 2).strip() == "stopped"
    assert notebooks.displays(book, 1)[0].data["text/plain"]
    assert server.wait_closed()


def test_magics_leave_out_alone_and_clear_nothing(server: OpenRouter) -> None:
    server.say(Answer(text="one"), Answer(text="two"))
    book = notebooks.run(
        LOAD,
        "41 + 1",
        "from IPython.display import display\nfor q in ('a', 'b'):\n"
        "    display(q)\n    get_ipython().run_cell_magic('m1', '', q)",
        "print(_, sorted(Out))",
        "%%m1 --quiet\nx",
        "%%m1 --raw\nx",
    )
    assert notebooks.errors(book) == []
    assert [o.data["text/plain"] for o in notebooks.displays(book, 2)][::3] == ["'a'", "'b'"]
    assert notebooks.printed(book, 3).strip() == "42 [2]"
    (quiet,) = notebooks.displays(book, 4)
    assert quiet.data["text/plain"] == ""
    assert notebooks.printed(book, 5).strip().startswith("Hello from the emulator")
    assert notebooks.record(book, 5)["status"] == "ok"


def test_capture_gets_the_whole_answer_once(server: OpenRouter) -> None:
    server.say(Answer(text="All of it, " * 50))
    book = notebooks.run(
        LOAD,
        "%%capture held\nget_ipython().run_cell_magic('m1', '', 'why?')",
        "print([sorted(o.data) for o in held.outputs])\n"
        "print(held.outputs[0].data['text/plain'].startswith(_m1.text))",
    )
    assert notebooks.errors(book) == []
    lines = notebooks.printed(book, 2).splitlines()
    assert lines[0].count("text/html") == 1 == lines[0].count("call+json")
    assert lines[1] == "True"


def test_ask_displays_nothing_until_shown(server: OpenRouter) -> None:
    server.say(Answer(text="**bold**"))
    book = notebooks.run(
        PENGUINS + "\nfrom m1_magic import ask, Reply\nreply = ask('why?', df=penguins)",
        "reply",
        "print(reply)",
        "ask('why?', modle='x')",
        "def mine():\n    return ask('', df=penguins)\nmine()",
    )
    assert notebooks.displays(book, 0) == []
    assert "<strong>bold</strong>" in notebooks.displays(book, 1)[0].data["text/html"]
    assert notebooks.printed(book, 2) == "**bold**\n"
    wrong, empty = notebooks.errors(book)
    assert "Did you mean model?" in wrong
    assert "mine()" in empty, "the user's own frames stay"
    assert "m1_magic/api.py" not in empty
    assert "The prompt is empty." in empty


@pytest.mark.offline
def test_cells_run_with_the_local_model(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_model.give(own_home)
    monkeypatch.setenv("M1_BASE_URL", "offline")
    asked = "%%m1 --max-tokens 16 --df penguins --send names\nWhat is a flipper for?"
    book = notebooks.run(LOAD, PENGUINS, asked)
    assert notebooks.errors(book) == []
    for cell in book.cells[2:]:
        assert len(cell.outputs) == 2
        footer = cell.outputs[1]
        record = footer.data[notebooks.RECORD]
        assert record["model"] == "SmolLM2-135M-Instruct"
        assert (record["cost_usd"], record["cost_source"]) == (0, "offline")
        assert record["usage"]["output"] > 0
        assert "MiniMax" not in footer.data["text/plain"]


def test_the_quickstart_runs_against_openrouter_unchanged(server: OpenRouter) -> None:
    book = notebooks.execute(notebooks.read(notebooks.QUICKSTART))
    assert notebooks.errors(book) == []
    assert len(server.chats) == 2
    assert "Gentoo" in server.chats[1].body["messages"][-1]["content"]
    spent = sum(Decimal(str(g["total_cost"])) for g in server.generations.values())
    session = next(o.data["text/plain"] for o in book.cells[-1].outputs)
    assert f"| session | {money(spent)} | $0 | 2 |" in session


def test_the_dataframes_notebook_runs_and_masks(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("M1_TAPE", str(tmp_path / "made.tape.jsonl"))
    server.say(*tapes.answers("dataframes"))
    book = notebooks.execute(notebooks.read(notebooks.DATAFRAMES))
    assert notebooks.errors(book) == []
    assert len(server.chats) == 1
    sent = server.chats[0].body["messages"][-1]["content"]
    assert "`flights`: 336,776 rows × 4 columns" in sent
    assert "`arr_delay`" in sent and "tailnum" not in sent
    text = notebooks.saved(book)
    assert text.count("crew0@example.org") == 3  # where it is allowed: table, page, text
    assert "by_carrier" in text and "16 groups, " in text and "january → july" in text
    made = (tmp_path / "made.tape.jsonl").read_bytes()
    assert made == tapes.kept("dataframes").read_bytes(), "python tests/tapes.py --write"
