"""Chats in a real IPython and in real kernels: what is sent again, kept, wiped, written."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import notebooks
from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api, ask
from m1_magic.calls import Attachment, Message, Text
from m1_magic.chats.chats import CONTINUE
from m1_magic.chats.turns import ChatHead, Turn
from m1_magic.errors import SecretInPrompt, UsageError
from m1_magic.options import flags
from m1_magic.verbs.chat_verbs import notebook
from shells import Run

KEY = "sk-or-v1-" + "0123456789abcdef" * 4
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
pytestmark = pytest.mark.usefixtures("in_a_notebook")


def says(*texts: str) -> list[dict[str, str]]:
    """Messages of user and assistant in turn."""
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def sent_last(server: OpenRouter) -> list[dict[str, str]]:
    """What left last, after the one system prompt."""
    first, *others = server.chats[-1].body["messages"]
    assert first == SYSTEM
    assert all(message["role"] != "system" for message in others)
    return list(others)


# --- what is sent -----------------------------------------------------------------------------


def test_without_c_each_cell_stands_alone_with_it_the_last_reply_goes_on(
    server: OpenRouter, run: Run
) -> None:
    server.say(*map(Answer, ("1", "2", "3")), Answer("4", thinking="CANARY"), Answer("5"))
    run("%%m1\na")
    run("%%m1\nb")
    assert sent_last(server) == says("b")
    assert "the last reply: 1 earlier turn sent again" in run("%%m1 -c\nc").text
    assert sent_last(server) == says("b", "2", "c")
    run("%m1 ask -c d")
    assert sent_last(server) == says("b", "2", "c", "3", "d")
    run("%m1 ask --chat e?")
    assert sent_last(server) == says("b", "2", "c", "3", "d", "4", "e?")
    assert "CANARY" not in str(server.chats[-1].body)


def test_named_chats_are_apart_and_c_alone_goes_on_with_the_last(
    server: OpenRouter, run: Run
) -> None:
    server.say(*map(Answer, "12345"))
    assert "chat eda begins here" in run("%%m1 -c eda\na").text
    run("%m1 ask --chat='other one' b")
    assert "chat eda: 1 earlier turn sent again" in run("%%m1 --chat=eda\nc").text
    assert sent_last(server) == says("a", "1", "c")
    run("%m1 ask -cother d")
    assert sent_last(server) == says("d")
    assert ask("e", chat="eda").text == "5"
    assert sent_last(server) == says("a", "1", "c", "3", "e")
    ask("f", chat=True)
    assert sent_last(server) == says("a", "1", "c", "3", "e", "5", "f")
    listed = run("%m1 chats").text
    for row in ("| eda | 4 |", "| other | 1 |", "| other one | 1 |"):
        assert row in listed
    assert listed.index("| eda") < listed.index("| other |") < listed.index("| other one |")


def test_a_name_that_is_nearly_one_is_told(run: Run) -> None:
    run("%%m1 -c penguins\na")
    assert "chat penguin begins here. Did you mean penguins?" in run("%%m1 -c penguin\nb").text


@pytest.mark.parametrize(
    ("line", "text", "chat", "rest"),
    [
        ("-c", False, "", ""),
        ("-c eda", False, "eda", ""),
        ("-c -t 0.5", False, "", ""),
        ("--chat eda -t 0.5", False, "eda", ""),
        ("-c 'my  chat'", False, "my chat", ""),
        ("--chat=a=b", False, "a=b", ""),
        ("-c why so?", True, "", "why so?"),
        ("--chat why?", True, "", "why?"),
        ("--chat=eda why?", True, "eda", "why?"),
        ("-ceda -t 0.5 why?", True, "eda", "why?"),
        ("-t 0.5 why -c?", True, None, "why -c?"),
    ],
)
def test_where_a_name_may_stand(line: str, text: bool, chat: str | None, rest: str) -> None:
    options, left = flags.options(line, text=text)
    assert (options.chat, left) == (chat, rest)


def test_wrong_names_and_nothing_to_continue_send_nothing(server: OpenRouter, run: Run) -> None:
    assert "no reply in this session" in run("%%m1 -c\na").told
    assert "cannot be a name" in run(f"%%m1 -c {'x' * 61}\na").told
    assert "cannot be a name" in run("%%m1 -c 'a\u202eb'\na").told
    assert "Did you mean --chat?" in run("%%m1 --chats x\na").told
    assert run("%m1 again").told.startswith("UsageError: There is no request yet")
    assert run("%m1 continue").told.startswith("UsageError: There is no answer yet")
    assert run("%m1 again why?").told.startswith("UsageError: %m1 again takes options only")
    assert server.chats == []
    with pytest.raises(UsageError, match="cannot be a name") as told:
        ask("a", chat=KEY)
    assert KEY[:12] not in str(told.value)
    with pytest.raises(SecretInPrompt):
        ask("a", chat=f"AKIA{'ABCD' * 4}")
    assert "SecretInPrompt" in run(f"%%m1 -c {KEY[:50]}\na").told
    assert server.chats == []


def test_a_chat_keeps_the_system_prompt_it_began_with(server: OpenRouter, run: Run) -> None:
    run("%%m1 -c eda -s 'Be brief.'\na")
    run("%%m1 -c eda\nb")
    assert server.chats[-1].body["messages"][0] == {"role": "system", "content": "Be brief."}
    run("%%m1 -c eda -s 'Be long.'\nc")
    run("%%m1 -c eda -m openai/gpt-4o-mini\nd")
    body = server.chats[-1].body
    assert [m["content"] for m in body["messages"] if m["role"] == "system"] == ["Be long."]
    assert body["model"] == "openai/gpt-4o-mini"


def test_what_was_attached_goes_again_is_told_and_is_not_kept_in_the_ledger(
    server: OpenRouter, run: Run, own_home: Path
) -> None:
    run("%%m1 -c eda --df sales\na")
    first = sent_last(server)[0]["content"]
    assert "`sales`: 20 rows" in first
    dry = run("%%m1 -c eda --dry-run\nb").text
    assert "`sales`: 20 rows" in dry
    assert len(server.chats) == 1
    shown = run("%%m1 -c eda\nb").text
    assert sent_last(server)[0]["content"] == first
    assert sent_last(server)[-1]["content"] == "b"
    assert "sales 20 × 2 → stats" in shown
    kept = "".join(text for (text,) in rows(own_home / "ledger.db", "SELECT sent FROM calls"))
    assert "20 rows" not in kept
    assert kept.count("sales 20 × 2") == 1
    assert "sales 20 × 2, level stats" in run("%m1 sent").text


def test_the_hold_counts_all_turns(server: OpenRouter, run: Run) -> None:
    server.say(Answer(["x" * 1000] * 100))
    run("%%m1 -c eda\na")
    told = run("%%m1 -c eda --max-cost 0.05\nb").told
    assert told.startswith("BudgetExceeded")
    assert run("%%m1 --max-cost 0.05\nb").error is None


def test_a_chat_beyond_the_context_is_refused(server: OpenRouter, run: Run) -> None:
    server.say(Answer(["y" * 1_000_000] * 3), Answer(["z" * 1_000_000] * 3))
    run("%%m1 -c eda\na")
    told = run("%%m1 -c eda --max-cost 9\n" + "b" * 2_000_000).told
    assert told.startswith("PromptTooLarge")
    assert "Earlier turns of the chat count, too (1): begin a new one" in told
    assert len(server.chats) == 1


def test_secrets_in_earlier_answers_are_masked_and_counted(
    server: OpenRouter, run: Run, shell: Any
) -> None:
    server.say(Answer(f"Take {KEY}, as in the manual."))
    run("%%m1 -c eda\na")
    assert "1 secret in earlier turns masked" in run("%%m1 -c eda\nb").text
    assert "Take [masked: OpenRouter key], as" in sent_last(server)[1]["content"]
    assert KEY not in str(server.chats[-1].body)
    assert KEY not in run("%m1 sent").text


# --- answers that are not whole ---------------------------------------------------------------


def test_partial_answers_are_part_of_a_chat_and_told(server: OpenRouter, run: Run) -> None:
    server.say(Answer.broken("Half"), Answer("Good."))
    assert run("%%m1 -c eda\na").error is not None
    assert "1 earlier answer in part only" in run("%%m1 -c eda\nb").text
    assert sent_last(server) == says("a", "Half", "b")


def test_a_cell_run_again_after_it_was_cut_off_takes_its_own_place(
    server: OpenRouter, run: Run
) -> None:
    server.say(Answer("1"), Answer.broken("Half"), Answer("Whole"))
    run("%%m1 -c eda\na")
    run("%%m1 -c eda\nb")
    run("%%m1 -c eda\nb")
    assert sent_last(server) == says("a", "1", "b")
    run("%%m1 -c eda\nc")
    assert sent_last(server) == says("a", "1", "b", "Whole", "c")


def test_what_brought_no_text_is_no_turn(server: OpenRouter, run: Run) -> None:
    server.say(Answer("1"), Answer.http_error(402), Answer("", thinking="Hm."), Answer("2"))
    for question in "abc":
        run(f"%%m1 -c eda\n{question}")
    run("%%m1 -c eda\nd")
    assert sent_last(server) == says("a", "1", "d")


def test_continue_asks_for_the_rest_in_the_same_chat(
    server: OpenRouter, run: Run, shell: Any
) -> None:
    server.say(Answer("One, tw", finish="length"), Answer("o, three."))
    ran = run("%%m1 --df sales -t 0.3 -o r\nCount.")
    assert "truncated: length limit" in ran.text
    assert "%m1 continue asks for the rest" in ran.text
    first = sent_last(server)
    assert run("%m1 continue").error is None
    assert sent_last(server) == [*first, *says("x", "One, tw", CONTINUE)[1:]]
    assert server.chats[-1].body["temperature"] == 0.3
    assert shell.user_ns["_m1"].text == "o, three."
    assert shell.user_ns["r"].text == "One, tw"
    assert "The answer is complete" in run("%m1 continue").text
    assert len(server.chats) == 2


def test_continue_twice_goes_on_twice(server: OpenRouter, run: Run) -> None:
    server.say(Answer("1", finish="length"), Answer.broken("2"), Answer("3"))
    run("%%m1 -c eda\na")
    run("%m1 continue")
    run("%m1 continue")
    assert sent_last(server) == says("a", "1", CONTINUE, "2", CONTINUE)


def test_when_thinking_took_all_tokens_continue_asks_again_with_twice_as_many(
    server: OpenRouter, run: Run
) -> None:
    usage = {
        "prompt_tokens": 9, "completion_tokens": 16000, "total_tokens": 16009, "cost": 0.035,
        "completion_tokens_details": {"reasoning_tokens": 16000},
    }  # fmt: skip
    spent = Answer("", thinking="Hm.", finish="length", usage=usage)
    server.say(Answer("1"), spent, spent, spent, Answer("2"))
    run("%%m1 -c eda\na")
    shown = run("%%m1 -c eda -o r\nb").text
    assert "truncated: all 16,000 tokens went into thinking" in shown
    assert "%m1 continue asks again with 32,000 (at most $0.07" in shown
    assert "asks again with 40,000" in run("%m1 continue").text
    assert "all the tokens that the endpoint gives" in run("%m1 continue").text
    assert [chat.body["max_tokens"] for chat in server.chats] == [16000, 16000, 32000, 40000]
    assert sent_last(server) == says("a", "1", "b")
    told = run("%m1 continue").told
    assert "all the tokens that the endpoint gives, and all of them went into thinking" in told
    assert len(server.chats) == 4


def test_again_makes_the_last_request_with_changes_beside_the_first(
    server: OpenRouter, run: Run, shell: Any
) -> None:
    server.say(Answer("1"), Answer("FIRST", cost=0.0042), Answer("SECOND", cost=0.0011))
    shell.user_ns["n"] = 5
    run("%%m1 -c eda\na")
    run("%%m1 -c eda -t 0.3 --seed 7\n{{n}}?")
    shell.user_ns["n"] = 6
    shown = run("%m1 again -t 0 -m openai/gpt-4o-mini").text
    assert shown.index("first answer · minimax/minimax-m1 · $0.0042") < shown.index("FIRST")
    assert shown.index("FIRST") < shown.index("SECOND") < shown.index("$0.0011")
    body = server.chats[-1].body
    assert (body["temperature"], body["seed"], body["model"]) == (0, 7, "openai/gpt-4o-mini")
    assert sent_last(server) == says("a", "1", "6?")
    run("%%m1 -c eda\nb")
    assert sent_last(server) == says("a", "1", "6?", "SECOND", "b")


def test_again_after_a_refusal_and_as_a_dry_run(server: OpenRouter, run: Run) -> None:
    assert run("%%m1 --max-cost 0.001\na").error is not None
    assert "nothing was sent" in run("%m1 again --max-cost 1 --dry-run").text
    assert server.chats == []
    assert run("%m1 again --max-cost 1").error is None
    assert sent_last(server) == says("a")


# --- the ledger -------------------------------------------------------------------------------


def test_a_named_chat_is_taken_up_by_the_next_kernel_of_its_notebook(
    server: OpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(Answer("1"), Answer("2", thinking="CANARY"), Answer("3"))
    run("%%m1 -c eda --df sales -s 'Be brief.'\na")
    run("%%m1 -c eda\nb")
    api.end()  # a new kernel: the ledger stays
    assert "| eda | 2 |" in run("%m1 chats").text
    shown = run("%%m1 -c eda\nc").text
    assert "chat eda: 2 earlier turns sent again" in shown
    assert "1 attachment of earlier turns not sent again" in shown
    (system, first, *others) = server.chats[-1].body["messages"]
    assert system["content"] == "Be brief."
    assert first["content"].startswith("a\n\n<data-")
    assert "[sales 20 × 2, level stats" in first["content"]
    assert "20 rows" not in str(server.chats[-1].body)
    assert "CANARY" not in str(server.chats[-1].body)
    assert others == says("", "1", "b", "2", "c")[1:]
    api.end()
    monkeypatch.setenv("JPY_SESSION_NAME", "/elsewhere/other.ipynb")
    assert "No chats yet" in run("%m1 chats").text
    assert "begins here" in run("%%m1 -c eda\nd").text


def test_without_a_notebook_chats_are_the_sessions(
    server: OpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME")
    api.end()
    run("%%m1 -c eda\na")
    assert "| eda | 1 |" in run("%m1 chats").text
    api.end()
    assert "No chats yet" in run("%m1 chats").text
    run("%%m1 -c eda\nb")
    assert sent_last(server) == says("b")


def test_text_that_is_not_kept_cannot_be_taken_up_but_counted(
    server: OpenRouter, run: Run, own_home: Path
) -> None:
    run("%config M1.keep_text = False")
    run("%%m1 -c eda\nCANARY")
    run("%%m1 -c eda\nb")
    assert sent_last(server)[0]["content"] == "CANARY"
    assert b"CANARY" not in b"".join(f.read_bytes() for f in own_home.iterdir())
    assert "| eda |" in run("%m1 cost --by chat").text
    api.end()
    run("%%m1 -c eda\nc")
    assert sent_last(server) == says("c")


def test_two_kernels_in_turn(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    server.say(Answer("1"), Answer("2"), Answer("3"))
    notebooks.run("%load_ext m1_magic", "%%m1 -c eda\na", "%%m1 -c\nb")
    book = notebooks.run("%load_ext m1_magic", "%%m1 -c eda\nc", "%m1 again -t 0")
    assert notebooks.errors(book) == []
    assert sent_last(server) == says("a", "1", "b", "2", "c")
    shown = [o.data.get("text/plain", "") for o in notebooks.displays(book, 2)]
    assert shown[0].startswith("first answer")
    assert shown[1] == "3"
    assert notebooks.record(book, 2)["status"] == "ok"


def test_sums_by_chat(server: OpenRouter, run: Run) -> None:
    server.say(*(Answer("x", cost=cost) for cost in (0.01, 0.02, 0.04)))
    run("%%m1 -c eda\na")
    run("%%m1 -c eda\nb")
    run("%%m1\nc")
    text = run("%m1 cost --by chat").text
    assert "| eda | $0.0300 |" in text
    assert "| (no chat) | $0.0400 |" in text


def test_forgetting_a_chat_wipes_it_from_ledger_and_process(
    server: OpenRouter, run: Run, own_home: Path
) -> None:
    server.say(Answer("CANARY-1"), Answer("kept"), Answer("CANARY-2"))
    run("%%m1 -c CANARY-name\nCANARY-a")
    run("%%m1 -c other\nb")
    run("%%m1 -c CANARY-name\nCANARY-c")
    assert "The text of 2 calls is wiped" in run("%m1 forget CANARY-name").text
    assert b"CANARY" not in b"".join(f.read_bytes() for f in own_home.iterdir())
    assert "CANARY" not in run("%m1 chats").text
    assert "no reply in this session" in run("%%m1 -c\nd").told
    run("%%m1 -c CANARY-name\ne")
    assert sent_last(server) == says("e")
    run("%%m1 -c other\nf")
    assert sent_last(server) == says("b", "kept", "f")
    assert "Did you mean other?" in run("%m1 forget othre").told
    run("%m1 forget --all")
    run("%%m1 -c other\ng")
    assert sent_last(server) == says("g")


def test_a_turn_that_was_forgotten_leaves_its_chat(
    server: OpenRouter, run: Run, shell: Any, own_home: Path
) -> None:
    server.say(Answer("1"), Answer("CANARY"), Answer("3"), Answer("4"))
    run("%%m1 -c eda\na")
    run("%%m1 -c eda -o r\nCANARY?")
    run("%%m1 -c eda\nc")
    run(f"%m1 forget {shell.user_ns['r'].id}")
    assert b"CANARY" not in b"".join(f.read_bytes() for f in own_home.iterdir())
    assert "not kept" in run("%m1 sent").text
    shown = run("%%m1 -c eda\nd").text
    assert "1 earlier turn forgotten or purged" in shown
    assert sent_last(server) == says("a", "1", "c", "3", "d")


def test_a_past_call_can_be_gone_on_from(server: OpenRouter, run: Run, shell: Any) -> None:
    server.say(*map(Answer, "12345"))
    run("%%m1 -c eda\na")
    run("%%m1 -c eda -o r\nb")
    run("%%m1 -c eda\nc")
    api.end()
    assert api.chats().resume(shell.user_ns["r"].id).name is None
    ask("d", chat=True)
    assert sent_last(server) == says("a", "1", "b", "2", "d")
    ask("e", chat="eda")
    assert sent_last(server) == says("a", "1", "b", "2", "c", "3", "e")
    with pytest.raises(UsageError, match="no text is kept"):
        api.chats().resume("feedbeef")


def test_the_process_keeps_only_turns_that_can_be_gone_on_from(server: OpenRouter) -> None:
    named, first, last = ask("a", chat="eda"), ask("b"), [ask("c"), ask("d")][1]
    ids = (named.id, first.id, last.id)
    assert [one.prompt for one in api.chats().turns(ChatHead(None, ids))] == ["a", "d"]


def test_sent_shows_the_turns_that_left_again(server: OpenRouter, run: Run) -> None:
    server.say(Answer("The first answer."), Answer("2"))
    run("%%m1 -c eda\nThe first question?")
    run("%%m1 -c eda\nThe second question?")
    text = run("%m1 sent").text
    places = [text.index(m["content"]) for m in server.chats[-1].body["messages"]]
    assert places == sorted(places)


def test_completion_names_chats(run: Run, shell: Any) -> None:
    def complete(line: str) -> list[str]:
        return list(shell.complete(line.rpartition(" ")[2], line, len(line))[1])

    run("%%m1 -c eda\na")
    run("%%m1 -c 'two words'\na")
    assert complete("%%m1 -c ") == ["eda"]
    assert complete("%m1 forget ") == ["--all", "eda"]
    assert complete("%m1 export x.ipynb --chat e") == ["eda"]
    assert "--temperature" in complete("%m1 again --te")
    assert {"continue", "again", "chats", "export"} <= set(complete("%m1 "))


# --- export -----------------------------------------------------------------------------------

FOUL = "<img src=x onerror=alert(1)> ![p](http://evil.example/p.png) <script>alert(2)</script>"


def test_export_writes_a_chat_as_an_inert_notebook(
    server: OpenRouter, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "talk.ipynb"
    server.say(
        Answer(f"Use {KEY}.\n\n```python\n1 / 0\n```\n", thinking="CANARY"),
        Answer(FOUL, finish="length"),
        Answer("The end."),
    )
    run("%%m1 -c <b>eda --df sales\nWhy *so*?")
    run("%%m1 -c <b>eda\nb")
    run("%m1 continue")
    assert "3 turns of chat <b>eda written to" in run(f"%m1 export '{path}'").text
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert {cell.cell_type for cell in book.cells} == {"markdown"}
    texts = [cell.source for cell in book.cells]
    assert texts[1] == "**Question**\n\nWhy *so*?\n\n*with sales*"
    assert "```python\n1 / 0\n```" in texts[2]
    assert texts[5] == "The end."
    whole = path.read_text("utf-8")
    for never in (KEY, "CANARY", "<img", "<script", "![p]", "<b>", "20 rows"):
        assert never not in whole
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_export_never_writes_over_what_is_not_its_own(run: Run, shell: Any, tmp_path: Path) -> None:
    run("%%m1 -c eda\na")
    path = tmp_path / "talk.ipynb"
    assert run(f"%m1 export '{path}'").error is None
    assert run(f"%m1 export '{path}'").error is None
    book = json.loads(path.read_text("utf-8"))
    book["cells"][1]["source"] = "my own words"
    for content in (json.dumps(book), "[]", "no JSON", "{}", ""):
        path.write_text(content)
        assert "it was not overwritten" in run(f"%m1 export '{path}'").told
        assert path.read_text() == content
    assert "Add .ipynb" in run(f"%m1 export '{tmp_path / 'talk.py'}'").told
    assert "cannot be written" in run(f"%m1 export '{tmp_path / 'no' / 'talk.ipynb'}'").told
    assert "Did you mean eda?" in run(f"%m1 export '{tmp_path / 'x.ipynb'}' --chat edaa").told
    assert list(tmp_path.glob(".m1-*")) == []
    assert not (tmp_path / "x.ipynb").exists()


def test_export_without_a_chat_has_the_sessions_calls_in_order(
    server: OpenRouter, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "all.ipynb"
    assert "nothing to export" in run(f"%m1 export '{path}'").told
    server.say(Answer("1"), Answer.http_error(402), Answer.broken("2"))
    for question in "abc":
        run(f"%%m1\n{question}")
    assert "2 turns of this session" in run(f"%m1 export '{path}'").text
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    assert texts[1:] == [
        "**Question**\n\na", "1", "**Question**\n\nc", "2\n\n*(in part only)*",
    ]  # fmt: skip


def test_export_by_name(server: OpenRouter, run: Run, tmp_path: Path) -> None:
    run("%%m1 -c one\nfirst")
    run("%%m1 -c two\nsecond")
    api.end()
    run(f"%m1 export '{tmp_path / 'one.ipynb'}' --chat one")
    run(f"%m1 export '{tmp_path / 'last.ipynb'}'")
    assert "first" in (tmp_path / "one.ipynb").read_text()
    assert "second" in (tmp_path / "last.ipynb").read_text()


@given(st.text(max_size=80), st.text(max_size=200), st.text(max_size=20))
@example(FOUL, FOUL, FOUL)
@example("", "```", "`")
def test_whatever_is_exported_is_a_notebook_without_live_tags(
    asked: str, answer: str, name: str
) -> None:
    question, attached = Message("user", (Text(asked),)), (Attachment("frame", name, "…"),)
    made = notebook(name, [Turn(asked, "", question, answer, "stopped", attached, 1)])
    nbformat.validate(nbformat.from_dict(made))
    for cell in made["cells"]:
        assert "<script" not in cell["source"]
        assert "<img" not in cell["source"]
