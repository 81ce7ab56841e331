"""Our own pages: what comes from elsewhere stays text in them, rendered and plain."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
