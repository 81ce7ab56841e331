"""Past calls: ``%m1 log``, ``sent`` and ``forget``; what is kept, and what is gone for good."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import notebooks
from emulator import Answer, OpenRouter
from ledgers import NOW, call, reserve, rows, settle
from m1_magic import api, verbs
from m1_magic.calls import Attached, Attachment, Message, Reply, Request, Text, Usage
from m1_magic.errors import UsageError
from m1_magic.ledger import Ledger, history, sent
from m1_magic.ledger.leases import claim, sweep
from m1_magic.options.fields import Options
from m1_magic.prompt import marks
from m1_magic.session.view import Silent
from m1_magic.text import md_to_text
from m1_magic.verbs.verb_context import VerbContext
from scripted import MODEL


def page(*words: str) -> str:
    """What ``%m1 WORDS`` shows."""
    context = VerbContext(api.session(), {}, lambda question: "")
    return md_to_text(verbs.verb_named(words[0]).run(context, words[1:]))


def ask(prompt: str, options: Options | None = None, **namespace: object) -> Reply:
    return api.run(prompt, options or Options(), namespace, Silent())


def files(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.iterdir())


# -- log ---------------------------------------------------------------------------------------


def test_log_lists_finds_and_shows_again_without_a_call(server: OpenRouter) -> None:
    assert page("log") == "No calls yet."
    server.say(Answer(text="Im **Süden**.", thinking="Hm.", cost=0.0042), Answer(text="Nothing."))
    first, second = ask("Wo wächst der GRÖẞTE Markt?"), ask("Tell me | nothing")
    listed = page("log")
    assert listed.index(second.id) < listed.index(first.id)  # the newest first
    assert f"| 2 | {first.id} | $0.0042 | Wo wächst der GRÖẞTE Markt? |" in listed
    for word in ("wächst", "WÄCHST", "größte markt", "süden"):
        assert first.id in page("log", *word.split()) and second.id not in page("log", word)
    assert first.id in page("log", "minimax-m1")
    assert page("log", "nosuchword") == "No call with 'nosuchword' in it."
    for name in (first.id, first.id[:8], first.id.upper()):
        again = page("log", name)
        assert "    Im **Süden**." in again and "    Hm." in again
        assert "    Wo wächst der GRÖẞTE Markt?" in again and "$0.0042" in again
    assert len(server.chats) == 2


def test_log_tells_how_a_call_failed(server: OpenRouter) -> None:
    server.say(Answer.broken("Half an ans"))
    with pytest.raises(Exception, match="Provider disconnected"):
        ask("why?")
    ((past,),) = [history.latest(api.session().ledger, 5)]
    shown = page("log", past.id)
    assert "failed" in page("log") and "$?" in page("log")
    assert "Half an ans" in shown and "Provider disconnected" in shown


def test_log_shows_no_live_markup(server: OpenRouter) -> None:
    from m1_magic.render.page import html

    evil = "<img src=x onerror=alert(1)> [x](javascript:1)\n\n# Not ours"
    server.say(Answer(text=evil))
    reply = ask("a | b <script>\x1b[31m")
    context = VerbContext(api.session(), {}, lambda question: "")
    for words in ([], [reply.id]):
        made = html(verbs.VERBS["log"].run(context, words))
        assert "<img" not in made and "<script" not in made and "<h1" not in made
        assert "href" not in made and "\x1b" not in made
    assert "<script" not in html(verbs.VERBS["sent"].run(context, []))


def test_a_word_that_could_be_an_id_is_searched_for(server: OpenRouter) -> None:
    reply = ask("what is decade in hex?")
    assert reply.id in page("log", "decade")
    assert "No call with" in page("log", "deadbeef")
    assert "No call with" in page("log", reply.id[:3])  # too short to name one


def test_an_id_that_begins_two_calls_names_none(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        for end in ("1", "2"):
            reserve(ledger, of=replace(call(), id=f"abcdef{end}"))
        assert history.called(ledger, "abcdef") is None
        found = history.called(ledger, "abcdef1")
        assert found is not None and found.id == "abcdef1"


def test_log_lists_the_last_twenty(path: Path, server: OpenRouter) -> None:
    ledger = api.session().ledger
    for number in range(25):
        reserve(ledger, of=replace(call(NOW + timedelta(seconds=number)), id=f"call{number:02}"))
    listed = page("log")
    assert listed.count("| call") == 20 and "call24" in listed and "call04" not in listed
    assert "finds older ones" in listed


def test_i16_an_estimate_that_was_corrected_leaves_a_trace(path: Path, server: OpenRouter) -> None:
    """The ledger has both what was thought and what was billed."""
    ledger, asked = api.session().ledger, call()
    attempt = replace(reserve(ledger, of=asked), generation_id="gen-1", state="settled")
    about = replace(attempt, cost=Decimal("0.004"), cost_source="estimated", usage=Usage(12, 5))
    ledger.settle(about)
    assert "≈$0.0040" in page("log", asked.id)
    ledger.correct(attempt.id, Decimal("0.0031"))
    shown = page("log", asked.id)
    assert "$0.0031" in shown and "estimated $0.0040, then billed" in shown and "≈" not in shown
    assert "12 in · 5 out" in shown


# -- sent --------------------------------------------------------------------------------------


def test_sent_shows_the_exact_messages_without_tables(server: OpenRouter, own_home: Path) -> None:
    sales = pd.DataFrame({"region": ["nord", "sued"] * 10, "amount": range(20)})
    reply = ask("In {{place}}: {{sales}} why?", Options(df=("sales",)), sales=sales, place="Lübeck")
    body = server.chats[0].body["messages"]
    assert "nord" in body[-1]["content"]
    shown = page("sent", reply.id)
    assert page("sent") == shown
    assert "You are a helpful assistant." in shown and "In Lübeck:" in shown
    assert "[sales 20 × 2, level stats, " in shown and "characters, not kept]" in shown
    assert "nord" not in shown and b"nord" not in files(own_home)
    assert "temperature 1.0" in shown and "max_tokens" in shown
    # All that is not the table's is word for word what left, the marks of the table, too.
    said = [line for line in shown.splitlines() if line.startswith("    ")]
    left = [f"    {line}" for message in body for line in message["content"].splitlines()]
    assert [line for line in said if "not kept" not in line] == [x for x in left if x in said]
    assert len([line for line in said if "not kept" in line]) == 1


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=80),
    st.text(max_size=60),
    st.text(max_size=60),
)
def test_no_attachment_is_in_what_is_kept(secret: str, before: str, after: str) -> None:
    secret = f"QQ{secret}QQ"
    one = Attachment("table", "t", secret, "stats", (3, 4))
    place = Attached(0, *marks(one, before + after))
    words = (Text(text.replace("QQ", "")) for text in (f"{before}\n\n", f"\n{after}"))
    parts = (next(words), place, next(words))
    request = Request(MODEL, (Message("user", parts),), 10, attachments=(one,))
    stored = sent.kept(request)
    ((_, text),) = sent.read(stored).texts
    assert secret in request.text and secret not in text
    assert text == request.text.replace(secret, sent.line(one))
    assert json.loads(stored).get("attachments") == [
        ["table", "t", sent.line(one), "stats", [3, 4]]
    ]


def test_sent_of_nothing(server: OpenRouter) -> None:
    assert page("sent") == "No calls yet."
    with pytest.raises(UsageError, match="No call, or more than one, has the id 'abcd1234'"):
        page("sent", "abcd1234")
    with pytest.raises(UsageError):
        page("sent", "a", "b")


def test_without_keep_text_there_is_nothing_to_show(server: OpenRouter, own_home: Path) -> None:
    api.settings().keep_text = False
    server.say(Answer(text="a secret answer"))
    reply = ask("a secret plan", Options(system="a secret role"))
    assert b"secret" not in files(own_home)
    assert "not kept" in page("sent") and "not kept" in page("log", reply.id)
    assert "No call with" in page("log", "secret")


# -- forget ------------------------------------------------------------------------------------


def test_forget_wipes_one_call_or_all_and_keeps_the_numbers(
    server: OpenRouter, own_home: Path
) -> None:
    server.say(*(Answer(text=f"answer-{n} " * 2000, thinking=f"thought-{n}") for n in (1, 2, 3)))
    replies = [ask(f"question-{n} {'long ' * 2000}") for n in (1, 2, 3)]
    before = page("cost")
    assert "The text of 1 call is wiped" in page("forget", replies[0].id)
    stored = files(own_home)
    for word in (b"question-1", b"answer-1", b"thought-1"):
        assert word not in stored
    assert b"question-2" in stored and "not kept" in page("log", replies[0].id)
    assert "The text of 2 calls is wiped" in page("forget", "--all")
    stored = files(own_home)
    assert not any(word in stored for word in (b"question-", b"answer-", b"thought-"))
    assert page("cost") == before
    assert "The text of 0 calls" in page("forget", "--all")


@pytest.mark.parametrize("words", [[], ["--al"], ["abcd", "--all"], ["nosuchid"]])
def test_forget_takes_an_id_or_all(server: OpenRouter, words: list[str]) -> None:
    ask("why?")
    with pytest.raises(UsageError):
        page("forget", *words)
    assert rows(api.session().ledger.path, "SELECT prompt FROM calls") == [("why?",)]


def test_forget_deletes_old_copies_and_names_what_it_cannot_wipe(
    server: OpenRouter, own_home: Path
) -> None:
    ask("why?")
    copy, broken = own_home / "ledger-version-1-x.db", own_home / "ledger-broken-x.db"
    copy.write_text("why?")
    broken.write_text("why?")
    assert str(broken) in page("forget", "--all")
    assert not copy.exists() and broken.exists()


def test_purge_deletes_text_and_copies_as_old(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        for days in (40, 20):
            asked = call(NOW - timedelta(days=days), text=f"{days} days old")
            settle(ledger, reserve(ledger, of=asked), "0.1", usage=Usage(1, 2))
            ledger.finish(replace(asked, reply=Reply("answer", "thought")), True)
        copy = path.with_name("ledger-version-1-x.db")
        copy.touch()
        history.purge(ledger, NOW - timedelta(days=30))
        assert copy.exists()
        assert rows(path, "SELECT prompt, sent IS NULL FROM calls ORDER BY at") == [
            (None, 1),
            ("20 days old", 0),
        ]
        assert b"40 days old" not in files(path.parent)
        history.purge(ledger, NOW + timedelta(days=365_000 // 10))
        assert not copy.exists()
    assert rows(path, "SELECT sum(cost_nano), sum(output) FROM attempts") == [(200_000_000, 4)]


# -- many calls --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 50,000 calls."""
    path = tmp_path_factory.mktemp("many") / "ledger.db"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
            " INSERT INTO calls (id, at, session, model, fingerprint, status, prompt, answer)"
            " SELECT printf('%08x', i), printf('20%02d-%02d-%02dT%02d:%02d:00+00:00', i / 12000,"
            " i / 1000 % 12 + 1, i / 50 % 20 + 1, i % 24, i % 60), 's' || i % 100, 'm', 'f', 'ok',"
            " 'question ' || i, 'answer' FROM n"
        )
        db.execute(
            "INSERT INTO attempts (id, call_id, at, session, pid, endpoint, state, cost_nano,"
            " cost_source) SELECT id, id, at, session, 1, 'h', 'settled', 5, 'billed' FROM calls"
        )
        db.commit()
    return path


def steps(ledger: Ledger, work: object) -> int:
    """Hundreds of steps of SQLite's machine that ``work`` takes: the same on any computer."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    ledger.read(lambda db: db.set_progress_handler(tick, 100))
    work()  # type: ignore[operator]
    ledger.read(lambda db: db.set_progress_handler(None, 0))
    return count


def test_l22_looking_back_takes_no_longer_with_fifty_thousand_calls(many: Path) -> None:

    with closing(Ledger(many, "s1")) as ledger:
        everything = steps(ledger, lambda: history.latest(ledger, 5, "nosuchword"))
        assert everything > 5000  # a search reads all of them; nothing else does
        for number, work in enumerate(
            (
                lambda: history.latest(ledger, 20),
                lambda: history.called(ledger, "00001f40"),
                lambda: ledger.totals(Decimal(1), "month", NOW),
                lambda: ledger.spent(NOW),
                lambda: ledger.pending("h"),
                lambda: sweep(ledger, NOW),
                lambda: claim(ledger, "h", NOW),
                lambda: reserve(ledger, budget=Decimal(1000), period="month"),
            )
        ):
            assert steps(ledger, work) < 60, number
        past = history.called(ledger, "00001f40")
        assert past is not None and past.prompt == "question 8000"


# -- in a kernel -------------------------------------------------------------------------------


def test_the_verbs_in_a_notebook(server: OpenRouter) -> None:
    server.say(Answer(text="because"))
    book = notebooks.run(
        "%load_ext m1_magic",
        "%%m1 -o r\nwhy so?",
        "get_ipython().run_line_magic('m1', f'log {r.id}')",
        "%m1 sent",
        "%m1 log so",
        "%m1 forget --all",
        "%m1 log so",
    )
    assert notebooks.errors(book) == []
    shown = [notebooks.displays(book, cell)[-1].data["text/plain"] for cell in range(2, 7)]
    assert "because" in shown[0] and "why so?" in shown[1] and "| why so? |" in shown[2]
    assert "The text of 1 call is wiped" in shown[3]
    assert shown[4] == "No call with 'so' in it."
    assert len(server.chats) == 1


def test_forget_reaches_what_waits_beside_the_ledger(server: OpenRouter, own_home: Path) -> None:
    """A kernel that ended could not write its answer down; it must not come back."""
    reply = ask("why?")
    file = own_home / "ledger-unwritten-1-1.json"
    values = ["ok", "stop", None, 1.0, "m", "late thought", "late answer", reply.id]
    file.write_text(json.dumps([["finished", values]]))
    page("forget", "--all")
    assert b"late" not in files(own_home) and not file.exists()
    file.with_suffix(".unreadable").write_text("text")
    assert "unwritten-1-1.unreadable" in page("forget", "--all")
