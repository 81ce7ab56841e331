"""Answers in a terminal: all of the text is there, and nothing of it steers the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from m1_magic.render.terminal_view import to_rich
from m1_magic.text import HIDDEN
from test_markup import ATTACKS
from test_markup_corpora import NAUGHTY


def on_screen(markdown: str, colours: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=colours, legacy_windows=False)
    console.print(to_rich(markdown))
    return file.getvalue()


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("use <b>tags</b> & <script>", "use <b>tags</b> & <script>"),
        ("so \\(a\\,b_1*c*\\) is", "so $a\\,b_1*c*$ is"),
        ("\\[\n\\frac{a}{b}\\\\\n\\]", "$$\\frac{a}{b}\\\\$$"),
        ("$$\nx = 1", "$$\nx = 1"),
        ("- [x] done\n- [ ] open", "• ☑ done\n • ☐ open"),
        ("a[^1]\n\n[^1]: The note.", "a[1]\n\n 1 The note."),
        ("> [!WARNING]\n> Mind.", "▌ Warning\n▌ Mind."),
        ("![alt](http://a.example/x.png)", "picture: alt (a.example) http://a.example/x.png"),
        ("[b.example](https://a.example)", "b.example (https://a.example) (a.example)"),
        ("[go](javascript:alert)", "[go](javascript:alert)"),
        ("a&#x202e;b", "a⟨U+202E⟩b"),
        ("a&shy;b&ZeroWidthSpace;c", "a⟨U+00AD⟩b⟨U+200B⟩c"),
    ],
)
def test_what_is_read(markdown: str, shown: str) -> None:
    rows = [row.rstrip() for row in on_screen(markdown).splitlines()]
    assert "\n".join(rows).strip() == shown


@pytest.mark.parametrize("part", range(4))
def test_nothing_steers_the_terminal(part: int) -> None:
    for foreign in (ATTACKS + NAUGHTY)[part::4]:
        shown = on_screen(foreign, colours=True)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)  # rich's own colours
        assert "\x1b" not in plain and not HIDDEN.search(plain), foreign
        assert not any(ord(c) < 32 and c != "\n" for c in plain), foreign
