"""Code comes out to the letter, in every mode and view, whatever stands around it."""

from __future__ import annotations

import html as entities
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from m1_magic.calls import Reply
from m1_magic.render.answer import bundle
from m1_magic.render.inert_markdown import inert
from m1_magic.render.markup import html
from m1_magic.render.viewers import live
from m1_magic.settings.config import M1
from test_markup import Walk
from test_rich_markdown import on_screen

VIEWER = MarkdownIt("commonmark", {"html": False}).enable("table")
LINES = (
    'find . \\( -name "*.py" -o -name "*.md" \\) -print', "if n<m: print(1)", "<b>x</b> ![a](b)",
    "echo $$ $HOME", "  a $x$", "\\begin{x} \\end{x}", "x = `a` ``b``", "\tt", "", "  y  ", "~~~",
    "[a]: b", "[^1]: c", "$$", "* a", "> b", "# c", "- [ ] x", "&lt;&#x3c;", "::: x", "a | b",
    "/* <img src=x onerror=y> */ https://a.example", "\\[ x \\]", "x = 1  # ü 求解",
)  # fmt: skip
WORDS = (
    "Some **text** $x_1$ costs $5.", "$$\na\n$$", "A note[^1].\n\n[^1]: The note.", "# T", "> q",
    "| a | b |\n|---|---|\n| `x` | 2 |", "\\[ y = 1 \\]", "<b>tag</b> and `a<b`", "- item\n- two",
    "costs $5 and `$HOME`", "[x]: https://a.example", "\\begin{align}a\\end{align}", "**注意：**请",
)  # fmt: skip
INFOS = ("", "python", "bash -x", "c++", "\u00a0mermaid", "Mermaid x", "{r}", 'js title="a.js"')


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """Return a fenced block, alone or in a list or quotation."""
    mark = draw(st.sampled_from(("````", "~~~~")))
    lines = draw(st.lists(st.sampled_from(LINES), max_size=4))
    rows = [mark + draw(st.sampled_from(INFOS)), *lines, mark]
    around = draw(st.sampled_from(("", "1. ", "- a\n\n  ", "- a\n  ", "> ", "> - ")))
    first = around.rpartition("\n")[2]
    other = re.sub(r"[^\s>]", " ", first)
    return around + ("\n" + other).join(rows)


def codes(markdown: str) -> list[str]:
    return [token.content for token in VIEWER.parse(markdown) if token.type == "fence"]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.sampled_from(WORDS), blocks()), max_size=6).map("\n\n".join))
def test_each_block_is_there_as_it_was_written(markdown: str) -> None:
    written = codes(markdown)
    shown = inert(markdown)
    assert codes(shown) == written and not live(shown)
    assert Reply(text=markdown).code == written
    pres = re.findall(r"<pre>(.*?)</pre>", html(markdown), re.DOTALL)
    read = [entities.unescape(re.sub("<[^>]*>", "", one)) for one in pres]
    assert [one for one in read if one in written] == written


@pytest.mark.parametrize(
    "markdown",
    [
        '1. Find:\n\n   ```bash\n   find . \\( -name "*.py" \\) -print\n   ```\n\n2. Next',
        "> ```python\n> if n<m: print(1)\n> ```",
        "It costs $$ and[^1]:\n\n```html\n<b>x</b> ![a](b)\n```\n\n[^1]: Note.",
        '```js title="a.js"\nlet a = b<c\n```',
        "```markdown\n# T\n\n```python\nif a<b: pass\n```\n\nend\n```\n\nafter",
    ],
)
def test_code_beside_what_front_ends_read_otherwise(markdown: str) -> None:
    for mode in ("html", "markdown"):
        shown = bundle(Reply(text=markdown), M1(), mode)
        kind = f"text/{mode}"
        assert "\u2060" not in "".join(codes(shown["text/markdown"]) if mode == "markdown" else "")
        page = shown[kind] if mode == "html" else VIEWER.render(shown[kind])
        assert all(code in Walk(page).text for code in Reply(text=markdown).code)
    on = re.sub(r"\s+", "", on_screen(markdown))
    assert all(re.sub(r"\s+", "", code) in on for code in Reply(text=markdown).code)


def test_inline_code_is_left_to_the_letter() -> None:
    kept = '`a<b`, `re.sub(r"\\(x\\)", "")`, `[x](y)`, ``a`<b>`` and `\\[ x \\]`'
    assert inert(kept) == kept
    table = "| a | b |\n|---|---|\n| `x<y>` | `![a](b)` |"
    assert inert(table) == table


@pytest.mark.parametrize("info", ["\u00a0mermaid", "\u3000Mermaid", "MERMAID x", "{mermaid}",
                                  "mer&#109;aid", "mermaidx", "geojson", "math", "{image} x",
                                  "\u2003ＭERMAID", "x\u00a0mermaid", "vega-lite"])  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "- a\n\n  {}", "> {}", "1. {}", "a\n{}"])
@pytest.mark.parametrize("mark", ["```", "~~~"])
def test_no_language_is_drawn(info: str, around: str, mark: str) -> None:
    opener = around.replace("{}", f"{mark}{info}")
    pad = re.sub(r"[^\s>]", " ", around.replace("{}", "").rpartition("\n")[2])
    shown = inert(f"{opener}\n{pad}graph TD\n{pad}{mark}")
    infos = [token.info for token in VIEWER.parse(shown) if token.type == "fence"]
    assert infos in (["text"], ["x"]) and codes(shown) == ["graph TD\n"]
