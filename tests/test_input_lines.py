"""What IPython would misread: question marks, assignments, ``--help``, what cannot be seen."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import OpenRouter
from shells import Run


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ("r = %m1 ask why?", "%m1 ask -o r why?"),
        ("r=%m1 ask -t 0.2 why", "%m1 ask -o r -t 0.2 why"),
        ("r = %m1 again", "%m1 again -o r"),
        ("def f():\n    x = %m1 ask why?\n    return x\nf()", "%m1 ask -o x why?"),
        ("o.x = %m1 ask why?", 'o.x = m1_magic.ask("…")'),
        ("d['{a'] = %m1 ask {{x}}?", "`%m1 ask -o NAME {{x}}?`"),
        ("r: object = %m1 ask why?", "%m1 ask -o r why?"),
        ("a = b = %m1 ask why?", "m1_magic.ask"),
        ("r = %m1 ask one \\\n two?", "%m1 ask -o r one two?"),
        ("if True:\n    r = %m1 ask why?", "%m1 ask -o r why?"),
    ],
)
def test_an_assignment_is_refused_before_it_is_paid(
    server: OpenRouter, run: Run, shell: Any, cell: str, named: str
) -> None:
    told = run(cell).told
    assert named in told and "Nothing was sent" in told
    assert server.requests == [] and "r" not in shell.user_ns


def test_what_does_not_ask_may_be_assigned(server: OpenRouter, run: Run, shell: Any) -> None:
    assert run("x = %m1 version").error is None
    assert run('text = """\nr = %m1 ask why?\n"""').error is None
    assert run("m1, ask = 5, 3\nx = {'a': 7 % m1}\ny = 7 \\\n  % m1").error is None
    assert server.requests == [] and shell.user_ns["y"] == 2


HELPED = {
    "%%m1 --help": "%m1 log", "%%m1 -d sales --help\nwhy?": "%m1 log", "%m1 --help": "%m1 log",
    "%m1 -h": "%m1 log", "%%m1 -h\nwhy?": "%m1 log", "%m1 ask --help": "--temperature",
    "%m1 ask -t 0.2 --help why?": "--temperature", "%m1 again --help": "--temperature",
    "%m1 cost --help": "--csv PATH", "%m1 cost --by day -h": "--csv PATH",
    "%m1 help --help": "help [", "%m1 continue --help": "the rest of an answer",
    "%m1 panel -h": "the panel", "%m1 df sales --help": "df NAME", "%m1 log --help": "NUMBER",
}  # fmt: skip


@pytest.mark.parametrize("cell", HELPED)
def test_help_where_options_stand_is_shown_and_nothing_sent(
    server: OpenRouter, run: Run, cell: str
) -> None:
    ran = run(cell)
    assert ran.error is None and HELPED[cell] in ran.text
    assert server.requests == []


def test_help_in_a_question_is_a_question(server: OpenRouter, run: Run) -> None:
    for text in ("what does --help do?", "why does ls -h fail?"):
        assert run(f"%m1 ask {text}").error is None
        assert server.prompt == text


@pytest.mark.parametrize(
    ("cell", "sent"),
    [
        ("\ufeff%%m1\nwhy?", "why?"),
        ("\u200b\ufeff %%m1\nwhy?", "why?"),
        ("\u00a0%%m1\nwhy?", "why?"),
        ("  %%m1\nwhy?", "why?"),
        ("# note\n\u2060%%m1\nwhy?", "why?"),
        ("%%m1\u00a0-t 0.2\nwhy?", "why?"),
        ("%%m1\u200b\nwhy?", "why?"),
        ("%%m1\t-t\u00a00.2\u200b\nwhy?", "why?"),
        ("%%m1 \ufeff-t 0.2\nwhy?", "why?"),
        ("%%m1\r\nwhy\r\nso?\r\n", "why\nso?"),
        ("%%m1 -t 0.2\rwhy\rso?", "why\nso?"),
        ("%%m1\u3000why so?", "why so?"),
        ("\u2028%%m1\u2028why so?", "why so?"),
        ("\u180e\u3164\u2063%%m1\ufe0f\nwhy?", "why?"),
        ("\ufeff%m1 ask why?", "why?"),
        ("\u00a0%m1 ask why", "why"),
        ("%m1\u00a0ask why?", "why?"),
        ("%m1\u200b ask why", "why"),
        ("x = 1\n%m1\u00a0ask why\r\n", "why"),
        ("%m1 ask why\r\n", "why"),
        ("%m1 ask why?\r\nx = 1\r\n", "why?"),
        ("%%m1\nfamily 👩\u200d💻 می\u200cخواهم?", "family 👩\u200d💻 می\u200cخواهم?"),
        ("%%m1 I ❤\ufe0f it, שלום\u200f .", "I ❤\ufe0f it, שלום\u200f ."),
        ("%%m1 family 👩\u200d💻?", "family 👩\u200d💻?"),
        ("%m1 ask one \\\n two?", "one   two?"),
    ],
)
def test_what_cannot_be_seen_does_not_matter(
    server: OpenRouter, run: Run, cell: str, sent: str
) -> None:
    ran = run(cell)
    assert ran.error is None, ran.text
    assert server.prompt.strip("\n") == sent


def test_a_string_keeps_what_cannot_be_seen(run: Run, shell: Any) -> None:
    assert run("x = '''\n\ufeff%m1\u00a0ask'''").error is None
    assert shell.user_ns["x"] == "\n\ufeff%m1\u00a0ask"


@pytest.mark.parametrize(
    ("cell", "sent"),
    [
        ("%load_ext m1_magic\n%m1 ask why?", ["why?"]),
        (
            "\n\n# here\n%load_ext m1_magic\nx = 3\n%m1 ask {{x}} why?\n%m1 ask so?",
            ["3 why?", "so?"],
        ),
        ("%load_ext m1_magic\nfor x in (1, 2):\n    %m1 ask {{x}} why?", ["1 why?", "2 why?"]),
        ("%load_ext m1_magic\ndef f(x):\n    %m1 ask {{x}} why?\nf(5)", ["5 why?"]),
        ("%load_ext m1_magic\n%m1 ask why\n%m1 ask is it a*?", ["why", "is it a*?"]),
        ("%load_ext m1_magic\nlen?\n%m1 ask why??", ["why??"]),
    ],
)
def test_a_question_may_follow_load_ext_in_one_cell(
    server: OpenRouter, run: Run, cell: str, sent: list[str]
) -> None:
    run("%unload_ext m1_magic")
    ran = run(cell)
    assert ran.error is None and "not found" not in ran.text, ran.text
    assert [str(chat.body["messages"][-1]["content"]) for chat in server.chats] == sent
    assert ("Return the number of items" in ran.text) is ("len?" in cell)
    assert "Return the number of items" in run("len?").text  # help is help again


def test_an_assignment_below_load_ext_is_refused(server: OpenRouter, run: Run) -> None:
    run("%unload_ext m1_magic")
    assert "-o r why?" in run("%load_ext m1_magic\nr = %m1 ask why?").told
    assert server.requests == []
