"""What a saved notebook has of an answer: how many bytes, and what nbconvert makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import nbconvert
import nbformat
import pytest
from nbformat import NotebookNode

from m1_magic.calls import Call, Message, Receipt, Reply, Request, Text, Usage
from m1_magic.render import footer
from m1_magic.render.answer import bundle
from m1_magic.render.front_end import Mode
from m1_magic.render.latex import latex
from m1_magic.settings.config import M1

v4: Any = nbformat.v4
LatexExporter: Any = nbconvert.LatexExporter
PART = """## A finding

The **mean** of `amount` in group *a* is 4.2, which is larger than in any other group, and the
difference does not go away when the two largest rows are left out of the table.

- It grew in each year that the table has, and most in the last one.
- It is highest where `region` is empty, which may be a fault of the data.

The effect is $\\beta = 0.3$ for each year.

```python
sales.groupby("region")["amount"].mean().sort_values(ascending=False)
```

| region | mean |
|---|--:|
| north | 4.2 |
| south | 3.1 |

"""


def outputs(text: str, thinking: str = "", mode: Mode = "html") -> list[NotebookNode]:
    """Return the outputs of an answer as a notebook has them."""
    usage = Usage(1204, 2345, 312, 1900 if thinking else 0)
    reply = Reply(text, thinking, usage, Decimal("0.0054"), "billed", "minimax/minimax-m1", "stop")
    request = Request("minimax/minimax-m1", (Message("user", (Text("?"),)),), 16000)
    call = Call("c-0123456789abcdef", datetime.now(UTC), request, reply, seconds=14.2)
    foot = footer.bundle(Receipt(call), M1(), html=mode == "html")
    shown: list[dict[str, Any]] = [bundle(reply, M1(), mode), foot]
    return [v4.new_output("display_data", data) for data in shown]


@pytest.mark.parametrize(
    ("text", "times", "more"),
    [
        (PART * 40, 2.5, 0),
        (PART.replace("4.2", "求解方程的平均值") * 40, 2.5, 0),
        (("Words of an answer, and more of them. " * 9 + "\n\n") * 60, 2.5, 0),
        ("Yes.", 2, 1500),
        ("It is `4`:\n\n```python\ndf.mean()\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |", 2, 1500),
    ],
    ids=["long", "long Chinese", "long prose", "short", "short with all"],
)  # fmt: skip
def test_size(text: str, times: float, more: int) -> None:
    saved = json.dumps(outputs(text), ensure_ascii=False)
    assert len(saved.encode()) <= times * len(text.encode()) + more


def test_a_large_answer_loses_colours_but_no_words() -> None:
    page = bundle(Reply(text=PART * 40), M1(), "html")["text/html"]
    assert page.count("<td") == 160 and page.count("groupby") == 40
    short = bundle(Reply(text="```python\ndef f(): 1\n```"), M1(), "html")["text/html"]
    assert '<span class="nf">' in short


BAD = (
    "```\n\\end{Verbatim}\\input{/etc/passwd}\n```\n\n\\input{/etc/passwd} $\\input{/etc/passwd}$ "
    "`\\input{/etc/passwd}` $^^5cinput{/etc/passwd}$ [x](https://a.example/\\input{/etc/passwd}) "
    "$\\end{document}$ $\\begin{filecontents}x\\end{filecontents}$ "
    "| $}\\input{x}{$ # 100 % \\immediate"
)


@pytest.mark.parametrize("mode", ["html", "markdown"])
def test_nbconvert_makes_clean_latex(mode: Mode) -> None:
    text = (
        "## Findings & more\n\n**Bold**, *so*, 50% of `a_b`, $x_1^2$ and [d](https://a.example/x_y#z)."
        "\n\n"
        "- one\n  1. two\n- [x] done\n\n| a | b |\n|---|--:|\n| [1] | $P(A|B)$ |\n\n"
        "```python\nx = {}  # \\n\n```\n\n\\begin{align*}\na &= b \\\\\n\\end{align*}\n\n" + BAD
    )
    cell = v4.new_code_cell("%%m1\nwhy?", outputs=outputs(text, "Hm.", mode))
    exporter = LatexExporter(preprocessors=["m1_magic.nbconvert.Answers"])
    made, _ = exporter.from_notebook_node(v4.new_notebook(cells=[cell]))
    for part in (
        "\\subsubsection*{Findings \\& more}",
        "\\textbf{Bold}, \\emph{so}, 50\\% of \\texttt{a\\_b}",
        "\\(x_1^2\\)", "\\href{https://a.example/x\\_y\\#z}{d}", "\\begin{enumerate}",
        "a & b \\tabularnewline", "[1] & \\(P(A|B)\\)", "\nx = \\textbraceleft{}\\textbraceright{}",
        "\n\\begin{align*}\na &= b", "\\$0.0054",
    ):  # fmt: skip
        assert part in made, part
    assert "## Findings" not in made and "**" not in made
    for live in ("\\input{/", "^^5c", "filecontents}x", "\\immediate", "\\end{Verbatim}\\"):
        assert live not in made, live
    assert made.count("\\end{document}") == 1


def test_deep_lists_do_not_stop_latex() -> None:
    made = latex("".join("  " * depth + f"- item {depth}\n" for depth in range(8)))
    assert made.count("\\begin{itemize}") == made.count("\\end{itemize}") == 4
    assert all(f"item {depth}" in made for depth in range(8))


FORMULAS = {
    "x_1_2": False, "x^a^b": False, "\\left(x": False, "x & y": False, "a#b": False,
    "\\iftrue": False, "\\par x": False, "\\section{x}": False, "\\verb|x|": False,
    "\\left(x\\right.": True, "\\substack{a \\\\ b}": True, "x_{1}^2": True,
    "\\begin{cases} a & b \\end{cases}": True, "\\leftarrow": True, "\\parallel": True,
}  # fmt: skip


@pytest.mark.parametrize("tex", FORMULAS)
def test_a_formula_that_would_stop_tex_is_shown(tex: str) -> None:
    assert (f"\\({tex}\\)" in latex(f"see ${tex}$")) is FORMULAS[tex]


def test_cells_of_tables_hold_no_breaks_and_links_lead_where_they_did() -> None:
    made = latex("| a |\n|---|\n| $$x$$ |\n| 1<br>2 |\n\n[b](https://a.example/~u)")
    assert "\\(x\\)" in made and "\\[" not in made and "\\newline" not in made
    assert "\\href{https://a.example/\\%7Eu}{b}" in made
