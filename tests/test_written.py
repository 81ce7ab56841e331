"""What the model wrote is what is seen: bold, formulas, money, tables, tags, links, sizes."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from m1_magic.render.inert_markdown import inert
from m1_magic.render.markup import html
from m1_magic.render.tex import typesettable
from test_markup import Walk, formulas, links, live, text

VIEWER = MarkdownIt("commonmark", {"html": True}).enable("table")


@pytest.mark.parametrize(
    "markdown",
    [
        "**注意：**请先检查。",
        "这是**我想做的事。**所以",
        "これは**「重要」**です。",
        "**평균(mean)**은 3",
        "他说**“好”**了",
        "**Python（3.12）**以上",
        "使用**`df`**吧",
        "a**「重要」**b",
        "**50%**的",
    ],
)
def test_bold_beside_punctuation_without_blanks(markdown: str) -> None:
    assert html(markdown).count("<strong>") == 1 and "*" not in text(markdown)
    assert VIEWER.render(inert(markdown)).count("<strong>") == 1 or "`" in markdown


@pytest.mark.parametrize(
    "markdown", ["2 * 3 * 4", "a ** b ** c", "**a", "\\*\\*注意：\\*\\*请", "** 注意 **请"]
)
def test_what_is_no_bold(markdown: str) -> None:
    assert "<strong>" not in html(markdown) and "<em>" not in html(markdown)


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("costs $\\$5 + x$ now", [r"\(\$5 + x\)"]),
        ("$\\text{if $a$ then}$", [r"\(\text{if $a$ then}\)"]),
        (
            "$ \\mu = 3 $, $ x_i^2 $, $ x $ and $ n = 3 $",
            [r"\(\mu = 3\)", r"\(x_i^2\)", r"\(x\)", r"\(n = 3\)"],
        ),
        ("costs $ 5 and $ 6, or $ a lot $ of it", []),
        ("$100 in the US, 130$ in Canada, $20 (in USD$), $5 million or 6$", []),
        ("$100 美元，130$ 加元", []),
        (
            "$5$, $95\\%$, $3 \\times 4$, $1, 2, 3$, $n=5$",
            [r"\(5\)", r"\(95\%\)", r"\(3 \times 4\)", r"\(1, 2, 3\)", r"\(n=5\)"],
        ),
        (
            "so\n\\begin{align*}\na &= b \\\\\nc\n\\end{align*}\n\nand",
            ["\\[\\begin{align*}\na &amp;= b \\\\\nc\n\\end{align*}\\]"],
        ),
        (
            "- a\n\n  \\begin{cases}\n  1 \\\\\n  2\n  \\end{cases}",
            ["\\[\\begin{cases}\n1 \\\\\n2\n\\end{cases}\\]"],
        ),
        ("\\begin{itemize}\n\\item a\n\\end{itemize}", []),
        (
            "\\begin{equation}\\label{eq:a} x = 1 \\end{equation}",
            ["\\[\\begin{equation} x = 1 \\end{equation}\\]"],
        ),
    ],
)
def test_formulas(markdown: str, expected: list[str]) -> None:
    assert formulas(markdown) == expected and live(html(markdown)) == []


@pytest.mark.parametrize(
    ("markdown", "cells"),
    [
        (
            "| f | n |\n|---|---|\n| $P(A|B)$ | 3 |\n| \\(|x|\\) | 4 |",
            ["f", "n", "\\(P(A|B)\\)", "3", "\\(|x|\\)", "4"],
        ),
        ("> | $a|b$ | n |\n> |---|---|\n> | 1 | $|q|$ |", ["\\(a|b\\)", "n", "1", "\\(|q|\\)"]),
        ("| a | b |\n|---|---|\n| $5 | $6 |", ["a", "b", "$5", "$6"]),
        (
            "| a | b |\n|---|---|\n| load<br>clean<br/>join | H<sub>2</sub>O |",
            ["a", "b", "load\ncleanjoin", "H2O"],
        ),
    ],
)
def test_cells(markdown: str, cells: list[str]) -> None:
    page = html(markdown)
    found = [
        Walk(cell).text.strip()
        for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, re.DOTALL)
    ]
    assert [one.replace("\n", "") for one in found] == [one.replace("\n", "") for one in cells]


def test_bars_in_code_are_left_alone() -> None:
    code = "| $a|b$ | c | d |\n|---|---|\n| $|q|$ | $x|y$ | 3 |\n"
    assert code in Walk(html(f"```\n{code}```")).text


def test_the_three_tags_and_no_other() -> None:
    page = html("x<sup>2</sup> <SUB>*a*</SUB><br />b <sub> <br class=x> <b>c</b> </sup>")
    assert Walk(page).tags == ["div", "p", "sup", "sub", "em", "br"] and live(page) == []
    assert inert("x<sup>2</sup> a<br>b <b>") == "x<sup>2</sup> a<br>b <\u2060b>"
    assert "<br>" not in inert("<br>\n`<img>`") and "<sub>" not in inert("a <sub>")


def test_a_task_has_a_box_and_a_style_that_takes_the_bullet() -> None:
    page = html("- [ ] a\n- [x] b\n- c\n\n1. [ ] d")
    assert page.count('<li><span class="tk">') == 2 and "<li>☐ d" in page


@pytest.mark.parametrize(
    "label",
    [
        "google.com",
        "10.0.0.1",
        "localhost:8888",
        "google\u2024com",
        "google\uff0ecom",
        "g\uff4fogle.com",
        "google\u3002com",
        "http://google.com/a",
        "google&#46;com",
        "**google**.com",
        "a.example:8080",
    ],
)
def test_a_link_says_where_it_leads_if_its_words_name_another_host(label: str) -> None:
    assert "(a.example)" in text(f"[{label}](https://a.example/x)")
    assert "https://a.example/x) (a.example)" in inert(f"[{label}](https://a.example/x)")
    assert "]\u2060:" in inert(f"[{label}][r]\n\n[r]: https://a.example/")


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8888/a",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://[::1]:8888/",
        "http://[::ffff:127.0.0.1]/",
        "http://a.localhost/",
        "http://0.0.0.0/",
        "https://google.com@a.example/",
        "/lab",
        "#main",
        "//a.example",
        "http:/lab",
    ],
)
def test_no_link_leads_to_this_machine(address: str) -> None:
    shown = unquote(text(f"[x]({address})"))  # older parsers write brackets as %5B
    assert links(f"[x]({address})") == [] and address.partition("%")[0] in shown
    assert "<a" not in VIEWER.render(inert(f"[x]({address})"))


@pytest.mark.parametrize(
    "label", ["the docs", "a.example", "https://a.example/", "10 rows", "v1.2.3"]
)
def test_an_honest_link_has_no_hint(label: str) -> None:
    assert inert(f"[{label}](https://a.example/x)") == f"[{label}](https://a.example/x)"
    assert "(a.example)" not in text(f"[{label}](https://a.example/x)")


BOMBS = (
    r"\rule{100000px}{100000px}",
    r"\rule{1px}{3000 pt}",
    r"a\hspace{99999em}b",
    r"\kern 1e5em\kern400em",
    r"\\[9999em] x",
    r"\raisebox{90000pt}{x}",
    r"\hspace{10em}" * 9,
    r"\def\a{xx}",
    r"\newcommand{\x}{1}",
    r"\href{https://a.example}{x}",
    r"\includegraphics{x}",
    r"\class{x}{y}",
    r"\style{top:0}{x}",
    r"\bbox[red]{x}",
    r"\color{red}{x}" * 30,
    r"\Huge{\Huge{\Huge{x}}}",
    r"\hdotsfor{9999}",
    r"\begin{array}{*{99999}{c}}x\end{array}",
    r"\eqref{x}",
    "{" * 90 + "}" * 90,
)


@pytest.mark.parametrize("tex", BOMBS)
def test_tex_that_would_be_of_any_size_or_more_is_text(tex: str) -> None:
    assert not typesettable(tex)
    assert "mathjax_process" not in html(f"So ${tex}$ and\n\n$$x = {tex}$$")
    assert tex not in inert(f"So ${tex}$") or "{{{" in tex


@pytest.mark.parametrize(
    "tex",
    [
        r"a \\[4pt] b",
        r"\hspace{1em}",
        r"\rule{2em}{0.4pt}",
        r"\color{red} x",
        r"\text{100 cm} = 1\,\text{m}",
        r"\kern-3mu",
        r"\begin{array}{cc} 1 & 2 \\ 3 & 4 \end{array}",
        r"\large x",
        r"1000 in + 5000 px",
    ],
)
def test_tex_of_a_common_size_is_typeset(tex: str) -> None:
    assert typesettable(tex) and inert(f"So ${tex}$.") == f"So ${tex}$."
