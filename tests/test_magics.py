"""The grammar of ``%%m1`` and ``%m1`` in a real IPython: options, verbs, errors, completion."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api
from m1_magic.calls import Reply
from m1_magic.errors import MissingPackage, UsageError
from m1_magic.jupyter import binding
from m1_magic.options import flags
from m1_magic.options.fields import Options
from m1_magic.settings.config import LEVELS
from m1_magic.verbs import VERBS
from shells import Run


def test_every_option_arrives_on_the_wire(server: OpenRouter, run: Run, shell: Any) -> None:
    ran = run(
        '%%m1 -m openai/gpt-4o-mini -s "Be brief." -t 0.3 --top-p 0.5 --max-tokens 77 --seed 7 '
        "--stop END --stop=STOP --think low -o mine --max-cost 0.5\nIt's a question: {x} {{'a': 1}}"
    )
    assert ran.error is None
    body = server.chats[0].body
    assert body["model"] == "openai/gpt-4o-mini"
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "It's a question: {x} {{'a': 1}}"},
    ]
    sampling = {k: body[k] for k in ("temperature", "top_p", "max_tokens", "seed", "stop")}
    assert sampling == {
        "temperature": 0.3,
        "top_p": 0.5,
        "max_tokens": 77,
        "seed": 7,
        "stop": ["END", "STOP"],
    }
    assert body["reasoning"] == {"effort": "low"}
    assert isinstance(shell.user_ns["mine"], Reply)
    assert shell.user_ns["mine"] is shell.user_ns["_m1"]


def test_the_defaults_are_those_of_the_model(server: OpenRouter, run: Run) -> None:
    run("%%m1\nwhy?")
    body = server.chats[0].body
    assert body["model"] == "minimax/minimax-m1"
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (1.0, 0.95, 16000)
    assert body["messages"][0]["content"] == "You are a helpful assistant."
    assert not {"seed", "stop", "reasoning", "provider"} & set(body)


@pytest.mark.parametrize(
    ("cell", "sent"),
    [
        ("%m1 ask why?", "why?"),
        ("%m1 ask -t 0.1 what's {this} $HOME?", "what's {this} $HOME?"),
        ("%%m1 one line, isn't it?", "one line, isn't it?"),
        ("# a comment\n\n%%m1\nwhy?", "why?"),
        ("%%m1\n# a heading, not a comment\nwhy?", "# a heading, not a comment\nwhy?"),
        ("if True:\n    %m1 ask indented?", "indented?"),
        ("%m1 ask -- -t is an option?", "-t is an option?"),
        ("%%m1\n%m1 ask inside?", "%m1 ask inside?"),
        ("%m1 ask a; b", "a; b"),
    ],
)
def test_text_arrives_as_typed(server: OpenRouter, run: Run, cell: str, sent: str) -> None:
    assert run(cell).error is None
    assert server.prompt.strip("\n") == sent


def test_a_question_mark_inside_a_string_is_left_alone(run: Run, shell: Any) -> None:
    assert run("x = '''\n%m1 ask why?\n'''").error is None
    assert shell.user_ns["x"] == "\n%m1 ask why?\n"


def test_help_of_ipython_still_works(run: Run) -> None:
    assert "Ask MiniMax M1" in run("%m1?").text


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_are_attached_and_inserted(
    server: OpenRouter, run: Run, shell: Any, frame: Any
) -> None:
    shell.user_ns["table"] = frame({"kind": ["a"] * 6 + ["b"] * 6, "n": list(range(12))})
    shell.user_ns["limit"] = 3
    ran = run("%%m1 --df table,sales\nMore than {{limit}}? {{table}} {{nosuch}}")
    assert ran.error is None
    sent = server.prompt
    assert sent.startswith("More than 3? \n<data-")
    assert sent.count("`table`: 12 rows × 2 columns") == 1
    assert '"a" 50 %' in sent
    assert "{{nosuch}}" in sent
    assert sent.count('frame="table"') == sent.count('frame="sales"') == 1
    assert "table 12 × 2 → stats" in ran.text
    assert "sales 20 × 2 → stats" in ran.text
    assert "{{nosuch}} left as typed" in ran.text


def test_the_ledger_keeps_the_question_and_no_table(
    server: OpenRouter, run: Run, own_home: Path
) -> None:
    server.say(Answer(text="because"))
    assert run("%%m1 --df sales\nwhy {{sales}}?").error is None
    kept = rows(own_home / "ledger.db", "SELECT prompt, answer FROM calls")
    assert kept == [("why {{sales}}?\n", "because")]
    assert b"distinct" not in b"".join(path.read_bytes() for path in own_home.iterdir())


BAD = {
    "%%m1\n": "The prompt is empty.",
    "%%m1": "The prompt is empty.",
    "%m1 ask": "There is nothing to ask.",
    "%%m1 --tempreture 1\nx": "Did you mean --temperature?",
    "%%m1 -t hot\nx": "--temperature takes a number from 0 to 2, not 'hot'.",
    "%%m1 -t 3\nx": "--temperature takes a number from 0 to 2, not 3.",
    "%%m1 --max-tokens 0\nx": "--max-tokens takes a whole number of at least 1, not 0.",
    "%%m1 --max-cost cheap\nx": "is no amount in US dollars",
    "%%m1 -o 2x\nx": "cannot be the name of a variable",
    "%%m1 -o class\nx": "cannot be the name of a variable",
    '%%m1 -s "open\nx': "A quote is not closed",
    "%%m1 -t\nx": "-t needs a value",
    "%%m1 words here\nand a body": "On the first line stand options only, not 'words here'.",
    "%%m1 --think hard\nx": "There is no thinking level 'hard'.",
    "%%m1 --task sumarize\nx": "Did you mean summarize?",
    "%m1 set tasks {'a': ''}": "The task a cannot have this system.",
    "%m1 tasks math": "takes no arguments",
    "%%m1 --send everything\nx": "There is no privacy level 'everything'.",
    "%%m1 --df slaes\nx": "Did you mean sales?",
    "%%m1 --df run_me\nx": "There is no DataFrame 'run_me'.",
    "%%m1 --df number\nx": "number is no DataFrame; it is of type int.",
    "%%m1\nabout {{slaes}}": "Did you mean",
    "%%m1\n\x89PNG\x00\x1a": "Line 1 of the prompt holds binary data",
    "%m1 budgte": "Did you mean budget?",
    "%m1 why is the sky blue?": "To ask it: %m1 ask why is the sky blue?",
    "%m1 set tempratur 1": "Did you mean temperature?",
    "%m1 set temperature 9": "'9' does not fit",
    "%m1 set base_url foo": "'foo' is not an http(s) URL",
    "%m1 set base_url http://example.com/v1": "is plain http",
    "%m1 use offlin": "Did you mean offline?",
    "%m1 use https://me:secret@example.com/v1": "holds a password",
    "%m1 budget lots": "'lots' does not fit",
    "%m1 budget 1 --per year": "invalid choice: 'year'",
    "%m1 cost now": "unrecognized arguments: now",
    "%m1 cost --bi day": "Did you mean --by?",
    "%m1 df sales --colz region": "Did you mean --cols?",
    "%m1 df": "Which table?",
    "%m1 df nothing": "There is no DataFrame 'nothing'.",
    "%m1 help budgte": "Did you mean budget?",
}


@pytest.mark.parametrize("cell", BAD)
def test_bad_input_is_one_paragraph_and_sends_nothing(
    server: OpenRouter, run: Run, shell: Any, cell: str
) -> None:
    shell.user_ns["number"] = 5
    assert BAD[cell] in run(cell).told
    assert server.requests == []


def test_a_prompt_of_5_mb_is_refused_before_it_is_sent(server: OpenRouter, run: Run) -> None:
    told = run("%%m1\n" + "word " * 1_000_000).told
    assert told.startswith("PromptTooLarge: The prompt has 5,000,029 characters")
    assert "Nothing was sent" in told
    assert server.chats == []


def test_s111_r08_no_key_says_what_to_do_and_what_needs_none(
    server: OpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    run("%m1 use openrouter")
    told = run("%%m1\nwhy?").told
    assert told.startswith("NoKey: There is no key for openrouter.ai.")
    for way in ("Nothing was sent", "%m1 login", "%m1 use offline", "--dry-run"):
        assert way in told
    for cell in ("%m1", "%m1 help", "%m1 cost", "%m1 df sales", "%%m1 --dry-run\nwhy?"):
        assert run(cell).error is None, cell


def test_out_is_bound_after_an_answer_or_a_part_of_one(
    server: OpenRouter, run: Run, shell: Any
) -> None:
    assert run("%%m1 -o r\nwhy?").error is None
    first = shell.user_ns["r"]
    run("%%m1 -o r --df nothing\nwhy?")
    server.say(Answer.http_error(402))
    run("%%m1 -o r\nwhy so?")
    assert shell.user_ns["r"] is first
    server.say(Answer.broken("Half"))
    run("%%m1 -o r\nwhy?")
    assert (shell.user_ns["r"].text, shell.user_ns["r"].status) == ("Half", "failed")


@pytest.mark.parametrize(
    "line",
    [
        "%%m1 -o {}\nwhy?", "%m1 ask -o {} why?", "%%m1 --out={} --dry-run\nwhy?",
        "%m1 ask --dry-run -o {} why?", "%m1 again -o {}", "%m1 log 1 -o {}",
    ],
)  # fmt: skip
def test_out_never_takes_the_place_of_what_the_user_made(
    server: OpenRouter, run: Run, shell: Any, line: str
) -> None:
    run("%%m1\nfirst")
    mine = {"text": "a text", "none": None, "empty": [], "mixed": [Reply("a"), 1], "run_me": print}
    shell.user_ns |= mine
    for name in ("sales", "In", *mine):
        before, asked = shell.user_ns[name], len(server.chats)
        told = run(line.format(name)).told
        assert f"{name} is there already and is no Reply" in told and "--force-out" in told
        assert "Nothing was sent" in told and len(server.chats) == asked
        assert shell.user_ns[name] is before


def test_out_takes_the_place_of_an_answer_or_by_force(
    server: OpenRouter, run: Run, shell: Any
) -> None:
    shell.user_ns |= {"r": Reply("old"), "several": [Reply("a"), Reply("b")], "mine": 1}
    for name in ("r", "several", "new"):
        assert run(f"%%m1 -o {name}\nwhy?").error is None
        assert shell.user_ns[name] is shell.user_ns["_m1"]
    assert "sales is a table of this call" in run("%%m1 -d sales -o sales\nwhy?").told
    assert run("%%m1 -o mine --force-out\nwhy?").error is None
    shell.user_ns["mine"] = 2
    assert "mine is there already" in run("%m1 again").told  # not by the force of another call
    assert run("%m1 again --force-out").error is None
    assert shell.user_ns["mine"] is shell.user_ns["_m1"]


def test_what_was_bound_here_may_be_bound_again(shell: Any) -> None:
    table = pd.DataFrame({"a": [1]})
    binding.bind(shell, "made", table)
    binding.check("made", shell.user_ns)
    shell.user_ns["made"] = table.copy()
    with pytest.raises(UsageError, match="DataFrame"):
        binding.check("made", shell.user_ns)


IN_FUNCTIONS = {
    "def f(region):\n    %m1 ask in {{region}}\nf('Vigo')": "in Vigo",
    "def f(region):\n    return ask('in {{region}}')\nf('Vigo')": "in Vigo",
    "class A:\n    def f(self):\n        self.x = 'Vigo'\n        %m1 ask in {{self.x}}\n"
    "A().f()": "in Vigo",
    "def f(region):\n    return [ask('in {{region}} {{n}}') for n in [1]]\nf('Vigo')": "in Vigo 1",
    "def f(region):\n    g = lambda n: ask('in {{region}} {{n}}')\n    return list(map(g, [1]))\n"
    "f('Vigo')": "in Vigo 1",
    "def f(region):\n    def g():\n        region = 'it'\n        %m1 ask in {{region}}\n    g()\n"
    "f('Vigo')": "in it",
    "x = [ask('in {{r}}') for r in ['Vigo']]": "in Vigo",
    "region = 'out'\ndef f(region):\n    %m1 ask in {{region}}\nf('Vigo')": "in Vigo",
    "region = 'Vigo'\ndef f():\n    %m1 ask in {{region}}\nf()": "in Vigo",
    "def other():\n    secret = 'Vigo'\n    f()\ndef f():\n    %m1 ask in {{secret}}\nother()": (
        "in {{secret}}"
    ),
    "from concurrent.futures import ThreadPoolExecutor as P\nwith P(1) as p:\n"
    "    p.submit(ask, 'in {{self}} {{args}}').result()": "in {{self}} {{args}}",
    "from concurrent.futures import ThreadPoolExecutor as P\nwith P(1) as p:\n"
    "    p.submit(lambda r: ask('in {{r}}'), 'Vigo').result()": "in Vigo",
    "import types\nm = types.ModuleType('m')\nm.ask = ask\ncode = 'G = 5\\ndef h(x):\\n  return "
    "ask(\"in {{x}} {{G}}\")'\nexec(code, m.__dict__)\nm.h('Vigo')": "in Vigo 5",
    "async def f(region):\n    %m1 ask in {{region}}\nawait f('Vigo')": "in Vigo",
}


@pytest.mark.parametrize("cell", IN_FUNCTIONS)
def test_names_of_the_function_that_asks_are_found(
    server: OpenRouter, run: Run, shell: Any, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    monkeypatch.setattr("m1_magic.jupyter.shell.current", lambda: shell)
    shell.user_ns["ask"] = api.ask
    assert run(cell).error is None
    assert server.prompt == IN_FUNCTIONS[cell]


def test_a_table_of_the_function_that_asks_is_found(
    server: OpenRouter, run: Run, shell: Any
) -> None:
    shell.user_ns["pd"] = pd
    frame = "def f():\n    mine = pd.DataFrame({'a': range(20)})\n"
    assert "20 rows" in run(f"{frame}    %m1 df mine\nf()").text
    for line in ("%m1 ask -d mine why?", "get_ipython().run_cell_magic('m1', '-d mine', 'why?')"):
        assert run(f"{frame}    {line}\nf()").error is None
        assert "`mine`: 20 rows" in server.prompt


def test_verbs_without_a_server(run: Run, own_home: Any) -> None:
    assert "minimax/minimax-m1 at 127.0.0.1" in run("%m1").text
    assert "providers may keep prompts" in run("%m1").text
    assert "m1-magic" in run("%m1 version").text
    assert "no price known" not in run("%m1 doctor").text
    assert "temperature = 0.2" in run("%m1 set temperature 0.2").text
    assert "saved for good" in run("%m1 set max_tokens 500 --save").text
    assert '"max_tokens": 500' in (own_home / "settings.json").read_text()
    assert "Budget $2.00 per month" in run("%m1 budget 2 --per month").text
    assert "budget $2.00 per month" in run("%m1").text
    assert "20 rows × 2 columns" in run("%m1 df sales").text
    assert "nothing was sent" in run("%m1 df sales").text


def test_help_names_every_option_and_verb(run: Run) -> None:
    text = run("%m1 help").text
    for flag in flags.cell_options().flags:
        assert flag in text
    for verb in VERBS.values():
        assert verb.usage.split()[0] in text


def test_verbs_with_a_server(server: OpenRouter, run: Run) -> None:
    assert "$8.7500 left of $10.00" in run("%m1 key").text
    assert "| minimax/minimax-m1 | 1,000,000 | $0.40 | $2.20 |" in run("%m1 models m1").text
    run("%%m1\nwhy?")
    (generation,) = server.generations.values()
    assert str(generation["total_cost"])[:4] in run("%m1 cost").text or Decimal(
        str(generation["total_cost"])
    ) < Decimal("0.0001")
    assert "| session |" in run("%m1 cost").text


def test_login_needs_somebody_to_ask(run: Run) -> None:
    told = run("%m1 login").told
    assert told.startswith("NoKey: There is no terminal here to ask for a key.")


def test_parser_matches_options() -> None:
    dests = {action.dest for action in flags.cell_options().flags.values()}
    assert dests == {field.name for field in fields(Options)}


def test_completion(shell: Any, run: Run) -> None:
    def complete(line: str) -> list[str]:
        return list(shell.complete(line.rpartition(" ")[2], line, len(line))[1])

    assert "--df" in complete("%%m1 --d")
    assert complete("%%m1 --df ") == ["sales"]
    assert "budget" in complete("%m1 bu")
    assert complete("%m1 help priv") == ["privacy"] and "budget" in complete("%m1 help ")
    assert "schema" in complete("%%m1 --send ")
    assert complete("%%m1 --df sales --cols ") == ["region", "amount"]
    assert "high" in complete("%%m1 --think ")
    assert "--send" in complete("%m1 df sales --s")
    run("%config M1.tasks = {'tutor': 'Ask back.'}")
    assert {"tutor", "math"} <= set(complete("%%m1 --task "))
    assert "temperature" in complete("%m1 set te")
    assert "offline" in complete("%m1 use ")
    assert "--csv" in complete("%m1 cost --c")
    assert complete("%m1 cost --by m") == ["model"]
    assert complete("%m1 budget 1 --per d") == ["day"]


def test_unload_undoes_it_all(run: Run, shell: Any) -> None:
    manager = shell.input_transformer_manager
    run("%%m1\nwhy?")
    assert run("_m1").text
    assert run("%unload_ext m1_magic").error is None
    assert "m1" not in shell.magics_manager.magics["cell"]
    assert run("%m1").error is not None
    assert "M1" not in [type(c).__name__ for c in shell.configurables]
    for one in (*manager.token_transformers, *manager.cleanup_transforms):
        assert "m1_magic" not in getattr(one, "__module__", "")
    assert not [r for r in shell.strdispatchers["complete_command"].regexs if "m1" in r.pattern]
    run("%load_ext m1_magic")
    assert run("%m1").error is None


def test_config_sets_and_lists(server: OpenRouter, run: Run) -> None:
    assert "M1.temperature=" in run("%config M1").text
    run("%config M1.temperature = 0.7")
    run("%config M1.zdr = True")
    run("%%m1\nwhy?")
    assert server.chats[0].body["temperature"] == 0.7
    assert server.chats[0].body["provider"] == {"zdr": True}
    run("%config M1.base_url = 'nowhere'")
    assert run("%%m1\nwhy?").told.startswith("BadSetting: base_url 'nowhere'")


def test_a_value_that_cannot_be_is_refused_when_it_is_set(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """By ``%config`` as by ``%m1 set``; both say which values fit."""
    settings = api.settings()
    wrong = {"send": "everything", "thinking": "maybe", "mode": "x", "render": "pdf"}
    wrong |= {"footer": "small", "budget_period": "year", "data_collection": "perhaps"}
    for name, value in wrong.items():
        before, trait = getattr(settings, name), settings.traits()[name]
        fitting = trait.values if hasattr(trait, "values") else LEVELS
        caplog.clear()
        run(f"%config M1.{name} = {value!r}")
        told = run(f"%m1 set {name} {value}").told
        assert getattr(settings, name) == before
        for fits in fitting:
            assert str(fits) in caplog.text and str(fits) in told, name
    for level in ("sample:3", "Sample", "names"):
        run(f"%config M1.send = {level!r}")
        assert settings.send == level
    for line, takes in (
        ("temperature 3", "a number from 0 to 2 or none"),
        ("max_tokens many", "a whole number of at least 1"),
        ("exact maybe", "on or off"),
        ("zdr perhaps", "on, off or none"),
        ("pace -1", "a number of at least 0"),
    ):
        assert f"It takes {takes}." in run(f"%m1 set {line}").told


def test_tracebacks_on_demand(run: Run) -> None:
    run("%config M1.traceback = True")
    shown = run("%%m1 --nope\nx").text
    assert "Traceback" in shown
    assert "flags.py" in shown


@pytest.mark.parametrize("name", ["httpx2", "sqlite3", "_sqlite3", "openai.types"])
def test_a_package_that_is_missing_is_named_in_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def missing(*_: object) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(api, "prepare", missing)
    package = name.strip("_").partition(".")[0]
    ran = run("%%m1\nq")
    assert ran.told == (
        f"MissingPackage: Python has no package {package} here, which this needs."
        f" %pip install {package}"
    )
    with pytest.raises(MissingPackage):
        api.ask("q")


def test_a_module_of_our_own_that_is_missing_is_a_bug(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'm1_magic.x'", name="m1_magic.x")

    monkeypatch.setattr(api, "prepare", missing)
    assert isinstance(run("%%m1\nq").error, ModuleNotFoundError)
