"""From answer to cell: ``%m1 code``, ``--code``, ``%m1 fix``, ``%m1 explain``. Nothing is run."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

import shells
from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.calls import Query, Reply
from m1_magic.verbs import fixing
from m1_magic.verbs.verb_context import VerbContext

Run = Callable[..., str]
NAMES = "zqxwvj"  # a value of one row


@pytest.fixture
def shell(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """IPython's one shell, with a history and a table."""
    kinds = [NAMES, *(f"item {number}" for number in range(19))]
    orders = pd.DataFrame({"kind": kinds, "amount": range(20)})
    with shells.the_one(monkeypatch, orders=orders, pd=pd) as made:
        made.rl_next_input = None
        yield made


@pytest.fixture
def run(shell: InteractiveShell) -> Run:
    """Run cells; return what the last one printed, with its error."""

    def run_cells(*sources: str) -> str:
        for source in sources:
            out = io.StringIO()
            with redirect_stdout(out), redirect_stderr(io.StringIO()):
                result = shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        return out.getvalue() + (f"{type(error).__name__}: {error}" if error else "")

    return run_cells


def block(code: str, language: str = "python") -> str:
    return f"````{language}\n{code}\n````\n"


def answered(shell: InteractiveShell, *blocks: str, **more: Any) -> None:
    shell.user_ns["_m1"] = Reply("Words.\n\n" + "\n".join(blocks), **more)


# --- code -------------------------------------------------------------------------------------

THREE = (block("a = 1"), block("b = 2", "py"), block("ls", "bash"))
CHOSEN = {
    "": "b = 2",
    "1": "a = 1",
    "2": "b = 2",
    "3": "%%bash\nls",
    "-1": "%%bash\nls",
    "-3": "a = 1",
}


@pytest.mark.parametrize("number", CHOSEN)
def test_a_block_goes_into_the_next_cell(shell: InteractiveShell, run: Run, number: str) -> None:
    answered(shell, *THREE)
    run(f"%m1 code {number}")
    assert shell.rl_next_input == CHOSEN[number]
    assert "a" not in shell.user_ns and "b" not in shell.user_ns


@pytest.mark.parametrize("number", ["0", "4", "-4", "last", "1 2", "1.0"])
def test_what_is_no_block_is_refused_with_how_many_there_are(
    shell: InteractiveShell, run: Run, number: str
) -> None:
    answered(shell, *THREE)
    told = run(f"%m1 code {number}")
    assert "UsageError" in told
    if number in ("0", "4", "-4"):
        assert "the last answer has 3 blocks (python, py, bash)" in told
    assert shell.rl_next_input is None


def test_without_an_answer_or_without_code_it_says_so(shell: InteractiveShell, run: Run) -> None:
    assert "There is no answer yet" in run("%m1 code")
    answered(shell)
    assert "no code block" in run("%m1 code")


AS_CELL = {
    "a magic first": ("%matplotlib inline\n!pip list", "ipython", "%matplotlib inline\n!pip list"),
    "a cell magic": ("%%time\nx = 1", "python", "%%time\nx = 1"),
    "one of ours": ("%%m1\nwhy?", "python", "%%m1\nwhy?"),
    "await": ("await thing()", "python", "await thing()"),
    "no language": ("x = 1", "", "x = 1"),
    "html": ("<b>x</b>", "html", "%%html\n<b>x</b>"),
    "js": ("alert(1)", "JavaScript", "%%javascript\nalert(1)"),
    "attributes": ("x = 1", '{.python title="a.py"}', "x = 1"),
    "outside of a function": ("return x", "python", "# return x"),
    "no parse": ("for x in y\n\n  z(", "python", "# for x in y\n#\n#   z("),
    "bidi": ("ok = 1  # \u202e\u2066", "python", "ok = 1  # ⟨U+202E⟩⟨U+2066⟩"),
    "zero width": ("a\u200bb = 1", "python", "# a⟨U+200B⟩b = 1"),
    "nul": ("x = '\x01'", "python", "x = '\u2401'"),
}


@pytest.mark.parametrize("name", AS_CELL)
def test_a_block_as_a_cell(shell: InteractiveShell, run: Run, name: str) -> None:
    code, language, cell = AS_CELL[name]
    answered(shell, block(code, language))
    told = run("%m1 code")
    assert shell.rl_next_input == cell
    assert ("does not parse as Python" in told) == cell.startswith("# ")
    assert ("Hidden characters" in told) == ("⟨" in cell or "\u2401" in cell)


@pytest.mark.parametrize("language", ["sql", "m1", "rust", "writefile", "text"])
def test_what_no_magic_here_runs_is_shown_to_copy(
    shell: InteractiveShell, run: Run, language: str
) -> None:
    answered(shell, block("SELECT 1", language))
    told = run("%m1 code")
    assert shell.rl_next_input is None
    assert "To copy:" in told
    assert "    SELECT 1" in told


def test_a_language_whose_magic_is_loaded_gets_it(shell: InteractiveShell, run: Run) -> None:
    shell.register_magic_function(lambda line, cell: None, "cell", "sql")
    answered(shell, block("SELECT 1", "SQL"))
    run("%m1 code")
    assert shell.rl_next_input == "%%sql\nSELECT 1"


def test_queries_of_an_exact_answer_are_code_by_their_number_only(
    shell: InteractiveShell, run: Run
) -> None:
    answered(shell, queries=(Query("top", "SELECT 1"),), template="x")
    assert "UsageError" in run("%m1 code")
    assert "    SELECT 1" in run("%m1 code 1")


def test_blocks_of_one_cell_come_as_one(shell: InteractiveShell, run: Run) -> None:
    answered(shell, *THREE)
    run("%m1 code 1\n%m1 code 2")
    assert shell.rl_next_input == "a = 1\n\nb = 2"
    run("%m1 code 1")
    assert shell.rl_next_input == "a = 1"


@pytest.mark.parametrize("ask", ["%%m1 --code\nwrite", "%m1 ask --code write"])
def test_code_by_itself_after_the_answer(
    server: OpenRouter, shell: InteractiveShell, run: Run, ask: str
) -> None:
    server.say(Answer(text=f"So:\n\n{block('total = 1')}"), Answer(text="No code."))
    assert "total = 1" in run(ask)
    assert shell.rl_next_input == "total = 1"
    assert "total" not in shell.user_ns
    assert "no code for a cell" in run(ask)


def test_code_of_several_answers_is_refused_before_they_are_asked(
    server: OpenRouter, run: Run
) -> None:
    assert "--code is for one answer" in run("%m1 ask -n 2 --code write")
    assert not server.chats


# --- fix --------------------------------------------------------------------------------------

FAILING = "total = orders['amuont'].sum()\nprint(total)"
MENDED = FAILING.replace("amuont", "amount")


def test_a_fix_sends_what_it_says_and_puts_the_corrected_cell_below(
    server: OpenRouter, shell: InteractiveShell, run: Run
) -> None:
    run(FAILING)
    server.say(Answer(text=f"The column is misspelt.\n\n{block(MENDED)}"))
    told = run("%m1 fix")
    assert shell.rl_next_input == MENDED
    assert "-total = orders['amuont'].sum()\n+total = orders['amount'].sum()\n" in told
    assert "--send sample" in told
    sent = server.prompt
    assert "amuont" in sent and "KeyError" in sent
    assert f"pandas {pd.__version__}" in sent
    assert '"kind"' in sent or "`kind`" in sent
    assert NAMES not in sent
    assert server.chats[0].body["temperature"] == 1.0
    run("%m1 fix -t 0.2 --max-tokens 900 -o mended it is about money")
    assert server.chats[1].body["temperature"] == 0.2
    assert server.prompt.count("it is about money") == 1
    assert isinstance(shell.user_ns["mended"], Reply)
    assert "nothing was sent" in run("%m1 fix --dry-run")
    assert len(server.chats) == 2


CORRECTED = {
    "the only block": (FAILING, [MENDED], 0),
    "after an example": (FAILING, ["orders = pd.DataFrame({'amount': [1]})", MENDED], 1),
    "after an installation": (FAILING, ["!pip install pandas", MENDED], 1),
    "after the cell itself": (FAILING, [FAILING, MENDED], 1),
    "after the cell with a comment": (FAILING, [f"# before\n{FAILING}", MENDED], 1),
    "before usage": (FAILING, [MENDED, "print(total)"], 0),
    "only a part": (
        f"{FAILING}\nshow(total)\nmore(orders)\nx = 1\ny = 2",
        ["orders['amount']"],
        None,
    ),
    "only the cell": (FAILING, [FAILING], None),
    "nothing": (FAILING, [], None),
    "another thing": (FAILING, ["import numpy as np\nnp.zeros(3)"], None),
    "wrapped": ("1/0", ["try:\n    1/0\nexcept ZeroDivisionError:\n    pass"], 0),
    "a syntax error": ("for x in [1]\n    print(x)", ["for x in [1]:\n    print(x)"], 0),
}


@pytest.mark.parametrize("name", CORRECTED)
def test_which_block_is_the_fix(
    server: OpenRouter, shell: InteractiveShell, run: Run, name: str
) -> None:
    failing, blocks, which = CORRECTED[name]
    run(failing)
    server.say(Answer(text="Because.\n\n" + "\n".join(map(block, blocks))))
    told = run("%m1 fix")
    if which is None:
        assert shell.rl_next_input is None
        assert "No block of the answer is the corrected cell" in told
        assert "@@" not in told
    else:
        assert shell.rl_next_input == blocks[which]
        assert "@@" in told


def test_a_cell_magic_stays_on_the_corrected_cell(
    server: OpenRouter, shell: InteractiveShell, run: Run
) -> None:
    run(f"%%time\n{FAILING}")
    server.say(Answer(text=block(MENDED)))
    told = run("%m1 fix")
    assert shell.rl_next_input == f"%%time\n{MENDED}", told


def test_a_fix_that_was_cut_off_is_not_put(
    server: OpenRouter, shell: InteractiveShell, run: Run
) -> None:
    run(FAILING)
    server.say(Answer(text=f"```python\n{MENDED}", finish="length"))
    assert "%m1 continue" in run("%m1 fix")
    assert shell.rl_next_input is None


def test_the_cell_of_a_function_that_failed_goes_along(
    server: OpenRouter, shell: InteractiveShell, run: Run
) -> None:
    run("def half(frame):\n    secretly = 2\n    return frame['nope'] / secretly", "half(orders)")
    run("%m1 fix")
    assert "secretly = 2" in server.prompt


def test_a_file_of_the_user_is_named_and_not_sent(
    server: OpenRouter, shell: InteractiveShell, run: Run, tmp_path: Any
) -> None:
    (tmp_path / "helpers_of_mine.py").write_text("def f():\n    other = 1\n    raise KeyError(3)\n")
    shell.user_ns["sys"] = sys
    run(f"sys.path.insert(0, {str(tmp_path)!r})", "import helpers_of_mine\nhelpers_of_mine.f()")
    told = run("%m1 fix")
    assert "helpers_of_mine.py, which was not sent" in told.replace("\\", "")
    assert "other = 1" not in server.prompt


def test_what_cannot_be_fixed_is_said(server: OpenRouter, run: Run) -> None:
    assert "There is no error to fix" in run("%m1 fix")
    run("raise KeyboardInterrupt")
    assert "was stopped" in run("%m1 fix")
    assert not server.chats
    run("%m1 fix it takes too long")
    assert "it takes too long" in server.prompt


def test_an_error_of_ours_hides_none_of_theirs(server: OpenRouter, run: Run) -> None:
    run(FAILING, "%%m1 --temperature hot\nwhy?")
    run("%m1 fix")
    assert "amuont" in server.prompt


def test_a_table_that_cannot_be_read_does_not_stop_a_fix(
    server: OpenRouter, shell: InteractiveShell, run: Run
) -> None:
    import polars as pl

    shell.user_ns["lazy"] = pl.DataFrame({"a": [1]}).lazy().select("nope")
    run("lazy.collect()")
    assert "Could not be read" in run("%m1 fix")
    assert len(server.chats) == 1


def test_a_table_that_may_tell_of_one_row_stays_here_unless_it_is_named(
    server: OpenRouter, shell: InteractiveShell, run: Run
) -> None:
    shell.user_ns["one"] = pd.DataFrame({"pay": [73_913.0]}).describe()
    run("one['paid']")
    assert "Not sent: one; -d NAME sends one." in run("%m1 fix").replace("`", "")
    assert "one['paid']" in server.prompt and 'frame="one"' not in server.prompt
    run("%m1 fix -d one")
    assert 'frame="one"' in server.prompt


def test_a_diff_is_text_whatever_is_in_it(
    server: OpenRouter, shell: InteractiveShell, run: Run
) -> None:
    run(f"x = '```'\n{FAILING}")
    server.say(Answer(text=block(f"x = '```'\n# \u202e<img src=x>\n{MENDED}")))
    told = run("%m1 fix")
    assert "````diff\n--- In [1]\n+++ corrected\n" in told
    assert "+# ⟨U+202E⟩<img src=x>" in told


# --- explain ----------------------------------------------------------------------------------


def test_a_cell_and_what_it_showed_are_explained(server: OpenRouter, run: Run) -> None:
    run("first = 1", "second = orders.head()\nsecond")
    run("%m1 explain")
    assert "second = orders.head()" in server.prompt
    assert "first = 1" not in server.prompt
    assert NAMES not in server.prompt
    run("%m1 explain 1")
    assert "first = 1" in server.prompt
    run("%m1 explain --send sample last why five rows")
    assert server.prompt.count("why five rows") == 1
    assert NAMES in server.prompt, server.prompt
    assert "no such cell ran" in run("%m1 explain 99")
    server.say(Answer(text="Half of", finish="length"), Answer(text=" it."))
    run("%m1 explain", "%m1 continue")
    assert len(server.chats) == 5


def test_a_tape_with_a_fix_outlives_other_versions(
    shell: InteractiveShell, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("total = orders['amount'].sum()\nprint(totl)")
    context = VerbContext(api.session(), shell.user_ns, str)
    prints = []
    for version in (pd.__version__, "99.1"):
        monkeypatch.setattr(pd, "__version__", version)
        asked = fixing.question(context, "")
        call = asked.call
        request = api.prepare(call.prompt, call.options, shell.user_ns, None, asked.beside)
        assert f"pandas {version}" in request.text
        prints.append(request.fingerprint())
    assert prints[0] == prints[1]
