"""Our own pages: what comes from elsewhere stays text in them, rendered and plain."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.markdown import Markdown

from m1_magic.render import page

HOSTILE = (
    "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](http://evil.example/)",
    "a | b", "**bold** _i_ `c`", "$5 & <b> \\ # {x} ~", "\x1b[2J\u202e", "</td></table>",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_text(text: str) -> None:
    made = page.bundle(page.table(["a", "b"], [[text, 1]]))
    assert len(re.findall("<td>", made["text/html"])) == 2
    assert not re.search(r"<(img|a|b|em|strong|code)\b", made["text/html"])
    if text.isprintable():
        assert f"| {text} | 1 |" in made["text/plain"]
    assert "\x1b" not in made["text/html"] + made["text/plain"]


@given(st.text(max_size=60))
def test_a_code_block_cannot_be_left(text: str) -> None:
    shown = page.html("before\n\n" + page.code(text) + "\n\nafter")
    assert shown.count("<p>") == 2
    assert shown.endswith("<p>after</p></div>")


def test_money_needs_no_escape() -> None:
    made = page.html(page.table(["", "spent"], [["session", "$0.0021"]]))
    assert "<td>$0.0021</td>" in made
    assert "\\" not in made


def test_numbers_are_written_for_people_and_stand_to_the_right() -> None:
    rows = [["m1", 1_000_000, "$0.40", "≈$1.2", "0.93"], ["m2", 950, "?", "", "5 of 6"]]
    made = page.table(["model", "context", "in", "out", "share"], rows, aligned=True)
    _, marks, first, _ = made.splitlines()
    assert (marks, first) == (
        "|---|---:|---:|---:|---|",
        "| m1 | 1,000,000 | $0.40 | ≈$1.2 | 0.93 |",
    )
    html = page.html(made)
    assert '<td align="right">1,000,000</td>' in html and "<td>5 of 6</td>" in html
    console = Console(width=60, file=io.StringIO())
    console.print(Markdown(made))
    lines = console.file.getvalue().splitlines()
    shown = [(line, text) for line in lines for text in ("1,000,000", "950") if text in line]
    assert len({line.index(text) + len(text) for line, text in shown}) == 1 < len(shown)
    assert page.table(["a"], [], aligned=True) == "| a |\n|---|"
