"""``--task``: what is sent, which wish wins, own tasks, and that ``hint`` keeps no thinking."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import notebooks
from emulator import Answer, OpenRouter
from m1_magic import api, ask, verbs
from m1_magic.calls import Event, Finish, ReasoningDelta, Started, TextDelta
from m1_magic.errors import SecretInPrompt, UsageError
from m1_magic.options import command_line
from m1_magic.options.fields import Options
from m1_magic.options.tasks import BUILT_IN, Task, chosen, known
from m1_magic.pricing.tokens import ANSWER_TOKENS
from m1_magic.privacy.redaction import policy
from m1_magic.render.terminal_view import TerminalView
from m1_magic.settings import config
from m1_magic.settings.config import M1
from m1_magic.verbs.verb_context import VerbContext
from m1_magic.widgets.panel_view import PanelView
from scripted import USAGE, Scripted, Seen, request, session
from test_views import Recorder

LOAD = "%load_ext m1_magic"
CANARY = "the secret path runs past the quokka"
TUTOR = "You ask back before you answer; don't say \"it's easy\"."


def sent(server: OpenRouter) -> dict[str, Any]:
    return dict(server.chats[-1].body)


def listed() -> str:
    return verbs.VERBS["tasks"].run(VerbContext(api.session(), {}, lambda _: ""), ())


# -- what is sent ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_task_is_a_system_prompt_with_its_sampling(server: OpenRouter, name: str) -> None:
    api.settings().temperature, api.settings().top_p = 0.1, 0.2
    assert ask("why?", task=name).status == "ok"
    task, body = BUILT_IN[name], sent(server)
    assert body["messages"] == [
        {"role": "system", "content": task.options.system},
        {"role": "user", "content": "why?"},
    ]
    assert (body["temperature"], body["top_p"]) == (task.options.temperature, task.options.top_p)
    assert "task" not in body and "thinking" not in body


def test_the_tasks_of_the_contract_are_there() -> None:
    names = {"explain", "debug", "summarize", "code", "math", "web", "hint", "quiz"}
    assert names <= set(BUILT_IN)
    assert [name for name, task in BUILT_IN.items() if not task.keep_thinking] == ["hint"]


def test_the_prompts_that_minimax_recommends_are_sent_word_for_word() -> None:
    wish = r"Please reason step by step, and put your final answer within \boxed{}."
    for name, system in (("math", wish), ("general", "You are a helpful assistant.")):
        request = api.prepare("why?", Options(task=name), {})
        assert request.texts[0] == system
        assert (request.temperature, request.top_p) == (1.0, 0.95)


WISHES: dict[str, st.SearchStrategy[Any]] = {
    "system": st.sampled_from(["", "Be kind.", "{{x}}"]),
    "temperature": st.sampled_from([0.0, 0.7, 2.0]),
    "top_p": st.sampled_from([0.0, 0.5]),
    "max_tokens": st.integers(1, 20_000),
    "think": st.sampled_from(["off", "low", "40k", "500"]),
}


def some(**fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fixed, optional=WISHES)


@given(flags=some(), task=some())
def test_a_flag_wins_over_the_task_and_the_task_over_the_settings(
    flags: dict[str, Any], task: dict[str, Any]
) -> None:
    filled = Task("mine", options=Options(**task)).under(Options(task="mine", **flags))
    for name in WISHES:
        if name == "max_tokens" and name in task and name not in flags:
            assert filled.max_tokens is not None and filled.max_tokens >= task[name]
            continue
        assert getattr(filled, name) == flags.get(name, task.get(name))
    assert replace(filled, **dict.fromkeys(WISHES)) == Options(task="mine")


def test_flags_win_on_the_wire(server: OpenRouter) -> None:
    ask("why?", task="math", system="Be brief.", temperature=0, think="low")
    body = sent(server)
    assert body["messages"][0]["content"] == "Be brief."
    assert (body["temperature"], body["top_p"]) == (0, 0.95)
    assert body["reasoning"] == {"effort": "low"}


def test_room_for_the_answer_is_kept_beside_the_thinking_of_a_task() -> None:
    api.settings().tasks = {"deep": {"think": "20000", "max_tokens": 500}}
    assert api.prepare("?", Options(task="deep"), {}).max_tokens == 20_000 + ANSWER_TOKENS
    assert api.prepare("?", Options(task="deep", think="low"), {}).max_tokens == 500
    assert api.prepare("?", Options(task="deep", max_tokens=7), {}).max_tokens == 7


def test_the_tokens_that_a_task_wishes_are_clamped_visibly(server: OpenRouter) -> None:
    api.settings().tasks = {"long": {"max_tokens": 80_000}}
    view = Seen()
    api.run("why?", Options(task="long"), {}, view)
    assert sent(server)["max_tokens"] == 40_000
    assert view.receipt.notes == ("task long", "max_tokens 80,000 → 40,000, the endpoint's limit")


@pytest.mark.parametrize(
    ("name", "near"),
    [("sumarize", "Did you mean summarize?"), ("tutr", "Did you mean tutor?"), ("", "no task ''")],
)
def test_an_unknown_task_is_named_and_nothing_is_sent(
    server: OpenRouter, name: str, near: str
) -> None:
    api.settings().tasks = {"tutor": TUTOR}
    with pytest.raises(UsageError) as caught:
        ask("why?", task=name)
    told = str(caught.value)
    assert near in told and "Nothing was sent" in told and "%m1 tasks" in told
    assert server.requests == []


# -- own tasks ------------------------------------------------------------------------------


def test_own_tasks_are_sent_and_may_replace_built_in_ones(server: OpenRouter) -> None:
    api.settings().tasks = {
        "tutor": {"system": TUTOR, "temperature": 0.2, "think": 2000, "max_tokens": 9000},
        "math": "Show no steps.",
    }
    ask("why?", task="tutor")
    body = sent(server)
    assert body["messages"][0]["content"] == TUTOR
    assert (body["temperature"], body["max_tokens"]) == (0.2, 9000)
    assert body["reasoning"] == {"max_tokens": 2000}
    api.settings().temperature = 0.5
    ask("why?", task="math")
    assert sent(server)["messages"][0]["content"] == "Show no steps."
    assert sent(server)["temperature"] == 0.5
    del api.settings().tasks["math"]
    assert chosen(Options(task="math"), api.settings()) is BUILT_IN["math"]


def test_a_task_of_sampling_alone_keeps_the_system_prompt_of_the_settings() -> None:
    api.settings().tasks = {"cold": {"temperature": 0}}
    made = api.prepare("why?", Options(task="cold"), {})
    assert made.texts[0] == api.settings().system
    assert made.temperature == 0


WRONG: list[tuple[object, str]] = [
    (5, "dict"),
    ({"two words": "x"}, "'two words' cannot be the name"),
    ({"": "x"}, "'' cannot be the name"),
    ({"\x1b[2J": "x"}, "cannot be the name"),
    ({1: "x"}, "1 cannot be the name"),
    ({"a": 5}, "The task a cannot have this system."),
    ({"a": ""}, "have this system"),
    ({"a": " \n"}, "have this system"),
    ({"a": {}}, "The task a cannot be empty."),
    ({"ok": "x", "a": {"sytem": "x"}}, "have this sytem"),
    ({"a": {"temperature": 2.5, "top_p": 0.5}}, "have this temperature."),
    ({"a": {"temperature": None}}, "have this temperature"),
    ({"a": {"top_p": float("nan")}}, "have this top_p"),
    ({"a": {"max_tokens": 0, "think": "hard"}}, "have this max_tokens, think."),
    ({"a": {"think": ""}}, "have this think"),
    ({"a": {"thinking": "fold"}}, "have this thinking"),
    ({"a": {"model": "x"}}, "have this model"),
    ({"a": {"\x1b[2J": 1}}, "have this [2J"),
]


@pytest.mark.parametrize(("value", "why"), WRONG)
def test_own_tasks_are_checked_when_they_are_set(value: object, why: str) -> None:
    settings = M1()
    settings.tasks = {"kept": "as it was"}
    with pytest.raises(Exception) as caught:
        settings.tasks = value
    assert why in str(caught.value) and str(caught.value).isprintable()
    assert settings.tasks == {"kept": "as it was"}


def test_what_was_checked_stays_as_it_was() -> None:
    mine = {"tutor": TUTOR}
    api.settings().tasks = mine
    mine["tutor"] = 5  # type: ignore[assignment]
    assert known(api.settings())["tutor"].options.system == TUTOR
    assert M1().tasks == {}


def test_a_key_in_a_task_is_refused(server: OpenRouter) -> None:
    api.settings().tasks = {"tutor": f"The key is sk-or-v1-{'0123456789abcdef' * 4}."}
    with pytest.raises(SecretInPrompt, match="The system prompt contains a secret"):
        ask("why?", task="tutor")
    assert server.requests == []


def test_the_list_names_what_each_is_for_its_sampling_and_its_source() -> None:
    api.settings().tasks = {
        "tutor": {"system": "Ask <b>back</b> | *now*", "think": "low", "thinking": "drop"},
        "math": "Show no steps.",
    }
    rows = {line.split(" | ")[0].strip("| "): line for line in listed().splitlines()}
    assert set(known(api.settings())) <= set(rows)
    assert "the next step, never the solution" in rows["hint"]
    assert "thinking dropped" in rows["hint"] and rows["hint"].endswith("| built in |")
    assert "temperature 0.3" in rows["summarize"]
    assert "in place of the built-in one" in rows["math"] and "Show no steps." in rows["math"]
    assert r"Ask &lt;b>back" in rows["tutor"].replace("\\>", ">")
    assert "think low, thinking dropped | M1.tasks |" in rows["tutor"]
    with pytest.raises(UsageError, match="takes no arguments"):
        verbs.VERBS["tasks"].run(VerbContext(api.session(), {}, lambda _: ""), ("math",))


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20), min_size=1, max_size=3))
def test_a_value_in_braces_is_one_word_as_typed(value: dict[str, str]) -> None:
    for typed in (json.dumps(value), repr(value)):
        assert command_line.words(f"tasks  {typed} --save") == ["tasks", typed, "--save"]
        assert command_line.words(f"--save 'a b' {typed}") == ["--save", "a b", typed]
        assert config.literal(typed) == value


def test_tasks_in_a_notebook(server: OpenRouter, own_home: Path) -> None:
    book = notebooks.run(
        LOAD,
        f"%m1 set tasks {json.dumps({'tutor': TUTOR})} --save",
        r"%m1 set own_secrets {'case number': r'CASE-\d{6}'}",
        "%%m1 --task tutor -t 0.3\nwhy?",
        "%%m1 --task tutor --dry-run\nwhy?",
        "%%m1\nabout CASE-123456",
        "r = 1",
        "%%m1 --task tuttor -o r\nwhy?",
        "%m1 tasks",
        "%config M1.tasks = {'tutor': {'system': 'Other.', 'thinking': 'drop'}}",
        "%m1 ask --task tutor why?",
        "%m1 set tasks {'tutor': 5}",
        "%m1 set tasks {'tutor': ",
    )
    secret, unknown, wrong, broken = notebooks.errors(book)
    assert secret.startswith("SecretInPrompt") and "case number" in secret
    assert unknown.startswith("UsageError: There is no task 'tuttor'. Did you mean tutor?")
    assert "The task tutor cannot have this system." in wrong
    assert broken.startswith("BadSetting")
    first, second = [chat.body for chat in server.chats]
    assert first["messages"][0]["content"] == TUTOR and first["temperature"] == 0.3
    assert second["messages"][0]["content"] == "Other."
    assert "\ntask tutor" in notebooks.displays(book, 3)[1].data["text/plain"]
    dry = notebooks.displays(book, 4)[0].data["text/plain"]
    assert TUTOR in dry and "\ntask tutor" in dry
    assert "tutor" in notebooks.displays(book, 8)[0].data["text/plain"]
    assert "\ntask tutor, thinking dropped" in notebooks.displays(book, 10)[1].data["text/plain"]
    saved = json.loads((own_home / "settings.json").read_text("utf-8"))
    assert saved == {"tasks": {"tutor": TUTOR}}
    assert api.settings().tasks == {"tutor": TUTOR}
    assert not policy(api.settings()).own


def test_a_bad_task_in_the_saved_settings_is_told(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "settings.json").write_text('{"tasks": {"tutor": 5}}')
    with pytest.warns(UserWarning, match="The task tutor cannot have this system"):
        assert api.settings().tasks == {}


# -- hint -----------------------------------------------------------------------------------


@pytest.mark.parametrize("render", ["html", "markdown", "text"])
def test_the_thinking_of_a_hint_is_nowhere(server: OpenRouter, own_home: Path, render: str) -> None:
    thinking = f"{CANARY}. " * 200
    server.say(
        Answer(text="Look at the loop.", thinking=thinking, rate=2000),
        Answer(text="<p>ok", thinking=thinking, think_tags=True, reasoning_in="details"),
        Answer.broken("", thinking=thinking),
        Answer.broken("Half", thinking=thinking),
    )
    book = notebooks.run(
        LOAD,
        f"%config M1.render = {render!r}\n%config M1.thinking = 'show'",
        "%%m1 --task hint -o r\nwhere is the fault?",
        "print(repr(_m1.thinking), repr(r.thinking), r)\nr",
        "%m1 ask --task hint where is the fault?",
        "%%m1 --task hint\nwhere?",
        "%%m1 --task hint --raw\nwhere?",
        "%m1 log where",
        "from m1_magic import api, ask\nask('where?', task='hint').thinking",
    )
    cut, half = notebooks.errors(book)
    assert cut.startswith("CutOff") and half.startswith("CutOff")
    assert "Look at the loop." in notebooks.saved(book)
    assert notebooks.printed(book, 3).startswith("'' ''")
    assert len(server.chats) == 5
    assert all("quokka" not in text for text in (notebooks.saved(book), *notebooks.errors(book)))
    files = [path for path in own_home.parent.rglob("*") if path.is_file()]
    assert own_home / "ledger.db" in files
    assert not [path for path in files if b"quokka" in path.read_bytes()]
    assert [path for path in files if b"Look at the loop." in path.read_bytes()]


def test_else_the_thinking_is_kept(server: OpenRouter, own_home: Path) -> None:
    server.say(Answer(text="Look.", thinking=CANARY))
    book = notebooks.run(LOAD, "%%m1 --task math\nwhere?", "print(_m1.thinking)")
    assert CANARY in notebooks.saved(book) and CANARY in notebooks.printed(book, 2)
    assert CANARY.encode() in b"".join(path.read_bytes() for path in own_home.iterdir())


def test_what_came_so_far_of_a_hint_is_kept_without_its_thinking(tmp_path: Path) -> None:
    time, seen = [0.0], []

    def look() -> None:
        seen.append(b"".join(path.read_bytes() for path in tmp_path.glob("home/*")))

    script = [
        Started("gen-1"), ReasoningDelta(CANARY), lambda: time.__setitem__(0, 2.0),
        TextDelta("so far"), look,
        Finish("stop", USAGE, Decimal("0.0025")),
    ]  # fmt: skip
    asking = session(tmp_path / "home", Scripted(script), clock=lambda: time[0])
    reply = asking.ask(request(keep_thinking=False), Seen())
    assert reply.thinking == "" and asking.last == reply
    (written,) = seen
    assert b"so far" in written and b"quokka" not in written


class Widgets(PanelView):
    """A panel that lists what its widgets held."""

    seen = ""

    def _paint(self) -> None:
        super()._paint()
        self.seen += "".join(str(child.value) for child in self.box.children)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("kind", ["notebook", "panel", "terminal"])
def test_no_view_shows_the_thinking_of_a_hint(tmp_path: Path, kind: str, keep: bool) -> None:
    settings, screen = M1(), io.StringIO()
    settings.thinking = "show"
    shell = type("Shell", (), {"display_pub": Recorder(), "user_ns": {}})()
    clock = itertools.chain(range(100), itertools.count(100, 0.02))  # slow while it thinks

    def now() -> float:
        return float(next(clock))

    if kind == "notebook":
        from m1_magic.render.notebook_view import NotebookView

        view: Any = NotebookView(shell, settings, now)
    else:
        view = Widgets(settings, now) if kind == "panel" else TerminalView(settings, screen, now)
    thoughts: list[Event] = [ReasoningDelta(f"{word} ") for word in CANARY.split()]
    answer = [TextDelta("A sentence of the answer.\n\n")] * 150
    script = [Started("g"), *thoughts, *answer, Finish("stop", USAGE, Decimal(0))]
    asking = session(tmp_path / "home", Scripted(script))
    asking.ask(request(keep_thinking=keep), view)
    shown = {
        "notebook": lambda: json.dumps(shell.display_pub.sent),
        "panel": lambda: view.seen + "".join(str(child.value) for child in view.box.children),
        "terminal": screen.getvalue,
    }[kind]()
    assert "A sentence of the answer." in shown
    assert ("quokka" in shown) == keep
