"""Answers against what others collected: CommonMark's examples, naughty strings, mixtures.

The specification's examples must read as it says, except where safety is meant to win, and those
are listed one by one. Nothing else here is about looks: no string, no mixture and no prefix of a
stream may leave a page with anything on it that is not in the list below.
"""

from __future__ import annotations

import json
import random
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import markdown_it
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from m1_magic.render.blocks import settled
from m1_magic.render.markup import _clean, html
from m1_magic.text import HIDDEN, show_controls
from test_markup import ATTACKS, LINK, PAGE, Event, Walk, live, seen

DATA = Path(__file__).parent / "data"
NAUGHTY: list[str] = json.loads((DATA / "blns.json").read_text())
DOUBTFUL = re.compile(r"\s*(javascript|vbscript|data|command|file):", re.I)


def problems(markdown: str, *, typeset: bool = True) -> list[object]:
    """Return all that is wrong with how untrusted Markdown is shown."""
    page = html(markdown, typeset=typeset)
    once = _clean(page)
    found = live(page)
    if show_controls(page) != page:
        found.append("hidden characters")
    if _clean(once) != once:
        found.append("cleaning again changes it")
    if page != f'<div class="m1-answer mathjax_ignore tex2jax_ignore">{inside(page)}</div>':
        found.append("not one div")
    return found


def raw_problems(markup: str) -> list[object]:
    """Return what is wrong with foreign HTML after nh3 alone, as if no parser stood before it."""
    once = _clean(show_controls(markup))
    found = live(once)
    if Walk(_clean(once)).events != Walk(once).events:  # but for the order of attributes
        found.append("cleaning again changes it")
    return found


def inside(page: str) -> str:
    return page[page.index(">") + 1 : page.rindex("<")]


# --- CommonMark's examples ------------------------------------------------------------------

BLOCKS = {
    *("blockquote", "br", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"),
    *("table", "tbody", "td", "th", "thead", "tr", "ul"),
}


class Example(NamedTuple):
    markdown: str
    html: str


@cache
def examples() -> dict[int, Example]:
    rows = json.loads((DATA / "commonmark-spec.json").read_text())
    return {row["example"]: Example(row["markdown"], row["html"]) for row in rows}


def normal(events: list[Event]) -> list[Event]:
    """Return a page's events without what no reader sees: white space, empty ends, ``rel``."""
    plain = [
        event._replace(attributes=tuple(a for a in event.attributes if a[0] not in OURS))
        for event in events
        if event.what != "div" and not (event.kind == ">" and event.what in ("br", "hr"))
    ]
    return _spaced(_joined(plain))


OURS = ("rel", "target")


def _joined(events: list[Event]) -> list[Event]:
    out: list[Event] = []
    for event in events:
        if event.kind == "#" and out and out[-1].kind == "#":
            out[-1] = Event("#", out[-1].what + event.what)
        else:
            out.append(event)
    return out


def _spaced(events: list[Event]) -> list[Event]:
    out: list[Event] = []
    preformatted = 0
    for at, event in enumerate(events):
        if event.what == "pre" and event.kind != "#":
            preformatted += 1 if event.kind == "<" else -1
        if event.kind == "#" and not preformatted:
            text = re.sub(r"[ \t\n]+", " ", event.what)
            if not at or events[at - 1].what in BLOCKS:
                text = text.lstrip(" ")
            if at + 1 == len(events) or events[at + 1].what in BLOCKS:
                text = text.rstrip(" ")
            event = Event("#", text)
        if event.what or event.kind != "#":
            out.append(event)
    return out


def shown(markdown: str) -> list[Event]:
    return normal(Walk(html(markdown)).events)


def said(page: str) -> list[Event]:
    return normal(Walk(page).events)


def uncoloured(events: list[Event]) -> list[Event]:
    return normal([event for event in events if event.kind == "#" or event.what != "span"])


def defused(events: list[Event]) -> list[Event]:
    """Return a foreign page as we promise to show it: pictures and doubtful links as text."""
    out: list[Event] = []
    start, address, safe = 0, "", None
    for event in events:
        named = dict(event.attributes)
        if (event.kind, event.what) == ("<", "img"):
            host = urlsplit(named["src"]).hostname
            label = f"picture: {named['alt']} " + (f"({host}) " if host else "")
            code = [Event("<", "code"), Event("#", named["src"]), Event(">", "code")]
            out += [Event("#", label), *code]
        elif (event.kind, event.what) == ("<", "a"):
            start, address = len(out), named["href"]
            safe = re.fullmatch(LINK, address, re.I) and ".." not in address
            if safe:
                out.append(Event("<", "a", (("href", address),)))
        elif (event.kind, event.what) == (">", "a"):
            label = "".join(inner.what for inner in out[start:] if inner.kind == "#")
            if safe:
                out.append(event)
            elif label != address:
                out.append(Event("#", f" ({address})"))
        else:
            out.append(event)
    return normal(out)


def test_every_example_reads_as_the_specification_says_or_is_listed() -> None:
    assert len(examples()) == 652
    differing = {
        number for number, example in examples().items()
        if shown(example.markdown) != said(example.html)
    }  # fmt: skip
    # markdown-it-py 3 follows specification 0.30, to which symbols are no punctuation.
    differing -= {354} if markdown_it.__version__ < "4" else set()
    listed = [number for numbers in DIFFERENT.values() for number in numbers]
    assert len(listed) == len(set(listed))
    assert differing - set(listed) == set(), "differ and are not listed"
    assert set(listed) - differing == set(), "are listed and differ no more"


@pytest.mark.parametrize("reason", ["links", "pictures", "colours"])
def test_examples_differ_by_no_more_than_their_reason(reason: str) -> None:
    mark = {"links": "<a href", "pictures": "<img", "colours": "language-"}[reason]
    for number in DIFFERENT[reason]:
        example = examples()[number]
        assert mark in example.html, number
        assert uncoloured(shown(example.markdown)) == defused(said(example.html)), number


def test_raw_html_is_shown_as_the_text_that_it_is() -> None:
    escaping = MarkdownIt("commonmark", {"html": False})
    for number in DIFFERENT["raw HTML"]:
        example = examples()[number]
        expected = said(escaping.render(example.markdown))
        assert expected != said(example.html), number
        assert uncoloured(shown(example.markdown)) == defused(expected), number


def test_escaped_brackets_are_formulas() -> None:
    closed, unclosed = (html(examples()[number].markdown) for number in DIFFERENT["formulas"])
    assert '<span class="mathjax_process tex2jax_process">\\[\\\\\\]</span>' in closed
    assert "<pre>\\[not a link](/foo)\n" in unclosed


def test_a_language_that_is_no_class_is_left_out() -> None:
    for number in DIFFERENT["languages"]:
        expected = re.sub(' class="[^"]*"', "", examples()[number].html)
        assert shown(examples()[number].markdown) == said(expected), number


def test_no_example_is_live() -> None:
    found = {number: problems(example.markdown) for number, example in examples().items()}
    assert {number: wrong for number, wrong in found.items() if wrong} == {}


def test_an_honest_mail_address_needs_no_note() -> None:
    for address in ("<john.smith@a.example>", "<MAILTO:John.Smith@A.example>", "<a@B.example>"):
        assert "(" not in inside(html(address)), address
    assert "(john@evil.example)" in html("[john@a.example](mailto:john@evil.example)")


@pytest.mark.parametrize("spelt", ["&#x202e;", "&#8238;", "&ZeroWidthSpace;", "&shy;", "&#xE0041;"])
@pytest.mark.parametrize(
    "around", ["a{}b", "[a{}b](https://c.example)", "![a{}b](x)", "| {} |\n|-|"]
)
def test_hidden_characters_are_shown_though_spelt_as_entities(spelt: str, around: str) -> None:
    assert "⟨U+" in html(around.replace("{}", spelt))
    assert problems(around.replace("{}", spelt)) == []
    careless = seen(f"a{spelt}b").text
    assert "⟨U+" in careless and not HIDDEN.search(careless)


# --- the Big List of Naughty Strings --------------------------------------------------------


def test_the_checker_sees_what_is_live() -> None:
    careless = MarkdownIt("commonmark", {"html": True})
    assert len(NAUGHTY) == 485
    assert sum(bool(live(careless.render(naughty))) for naughty in NAUGHTY) > 150
    for page in (
        "<p onclick=x>", "<p style=x>", "<p id=x>", "<img>", "<script></script>", "<!-- x -->",
        "<a href=javascript:x rel='noopener noreferrer nofollow' target=_blank>",
        "<a href=data:x rel='noopener noreferrer nofollow' target=_blank>",
        "<a href=https://x.example>", "<span class='jp-Dialog'>", "<form>", "<object>",
    ):  # fmt: skip
        assert live(page), page


def test_no_naughty_string_is_live() -> None:
    found = {naughty: problems(naughty) for naughty in NAUGHTY}
    assert {naughty: wrong for naughty, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("around", ["# {}", "- {}", "> {}", "*{}*", "[{}](https://a.example)",
                                    "[x]({})", "[x](<{}>)", "![{}](x)", "![x]({})", "<{}>",
                                    "`{}`", "```{}\nx\n```", "```html\n{}\n```", "${}$",
                                    "\\[{}\\]", "| {} |\n|---|\n| {} |", "x[^1]\n\n[^1]: {}",
                                    "[x]: {}\n\n[x]", "~~{}~~", "- [ ] {}"])  # fmt: skip
def test_no_naughty_string_is_live_inside_of_markdown(around: str) -> None:
    found = {naughty: problems(around.replace("{}", naughty)) for naughty in NAUGHTY}
    assert {naughty: wrong for naughty, wrong in found.items() if wrong} == {}


def test_the_last_word_alone_makes_naughty_html_harmless() -> None:
    for naughty in NAUGHTY:
        assert raw_problems(naughty) == [], naughty


def test_naughty_strings_are_inert_in_a_careless_viewer() -> None:
    for naughty in NAUGHTY:
        for kind, what, attributes in seen(naughty).events:
            assert kind != "!" and (kind == "#" or what in PAGE), naughty
            assert {name for name, _ in attributes} <= {"href", "title", "class", "start"}, naughty


# --- mixtures and streams -------------------------------------------------------------------

FRAGMENTS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>", "<style>@import url(//e.example);</style>",
    "<form action=//e.example><input>", "<object data=//e.example>", "<a href=javascript:x>",
    "<p style='background:url(//e.example)'>", "<div id=x class=jp-Dialog>", "</div></div>",
    "<math><mtext><mglyph><style></math><img src onerror=x>", "<noscript><p title='</noscript>",
    "<span class=mathjax_process>", "<!--", "-->", "<![CDATA[", "]]>", "<?x", "<base href=//e>",
    "![x](//e.example/x.png)", "![x](http://e.example/x.png)", "![x][r]", "[r]: //e.example\n",
    "[x](javascript:alert(1))", "[x](data:text/html,x)", "[x](&#106;avascript:x)", "<data:x>",
    "[b.example](https://e.example)", "<https://e.example/a>", "<a.b@e.example>", "[r]: <x>\n",
    "$\\href{javascript:x}{y}$", "\\[\n\\style{x}{y}\n\\]", "$x_1$", "$$\n", "\\(", "\\)", "\\[",
    "\\]", "$", "\n```html\n", "\n```\n", "\n~~~&quot;><img>\n", "`", "``", "    ", "\t",
    "\n| a | b |\n|:--|--:|\n| 1 | ", " | ", "\n- [ ] ", "\n1. ", "\n> ", "\n# ", "\n---\n",
    "\n> [!NOTE]\n> ", "> [!tip]\n", "שלום", "\n- مرحبا", "\n[^2]: ",
    "[^1]", "\n[^1]: ", "*", "**", "_", "~~", "[", "](", ")", "]", "<", ">", '"', "'", "\\",
    "&lt;", "&#60;", "&#x202e;", "&ZeroWidthSpace;", "&quot;", "&", "\x1b]8;;http://e\x07",
    "\x1b[2J", "\u202e", "\u2028", "\ud800", "\x00", "\r", "\n", "\n\n", " ", "求解", "a",
]  # fmt: skip


@settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    st.lists(
        st.one_of(*map(st.sampled_from, (FRAGMENTS, NAUGHTY, ATTACKS)), st.text(max_size=6)),
        max_size=14,
    ).map("".join)
)
def test_no_mixture_is_live(markdown: str) -> None:
    assert problems(markdown) == []
    assert problems(markdown, typeset=False) == []
    assert raw_problems(markdown) == []
    careless = seen(markdown)
    assert not set(careless.tags) & {"img", "script", "iframe", "svg", "style", "form", "input"}
    assert not any(name.startswith("on") for _, name, _ in careless.found)
    assert not any(name == "href" and DOUBTFUL.match(value) for _, name, value in careless.found)


def sample() -> list[str]:
    """Return 100 texts of up to 90 characters, the same in every run."""
    dice = random.Random(4)
    spec = [example.markdown for example in examples().values()]
    texts = []
    for _ in range(100):
        parts = dice.choices(FRAGMENTS, k=4) + dice.choices(spec, k=1) + dice.choices(NAUGHTY, k=1)
        dice.shuffle(parts)
        texts.append("".join(parts)[:90])
    return texts


@pytest.mark.parametrize("part", range(5))
def test_no_prefix_of_a_stream_and_no_rest_is_live(part: int) -> None:
    for text in sample()[part::5]:
        for size in range(len(text) + 1):
            prefix, rest = text[:size], text[size:]
            assert problems(prefix) == [], prefix
            assert problems(settled(prefix), typeset=False) == [], prefix
            assert problems(rest) == [], rest  # what is frozen is rendered without what follows


# --- the list -------------------------------------------------------------------------------


def numbers(ranges: str) -> list[int]:
    """Return the numbers of "3 5-7"."""
    spans = [[int(end) for end in span.split("-")] for span in ranges.split()]
    return [number for span in spans for number in range(span[0], span[-1] + 1)]


# Examples of CommonMark 0.31.2 that we show otherwise, and why.
DIFFERENT: dict[str, list[int]] = {
    # Raw HTML is off: it is shown as text.
    "raw HTML": numbers(
        "21 31 148-191 201 308-309 344 475-477 491 494 524 536 613-617 623 625-631 642-643"
    ),
    # Only http, https and mailto make links, without a title; other addresses follow as text.
    "links": numbers(
        "22-23 32-33 192-196 198 200 202-206 214-218 346 404 419 422 433 473-474 482-487 489 "
        "492 495-496 498-507 509-510 512 514-516 518-519 521-522 527-530 532-535 539-544 "
        "549-550 553-562 564-571 593 596 598-601"
    ),
    # A picture is a text with its address: nothing is loaded.
    "pictures": numbers("517 520 531 572-589 591"),
    # Code in a known language is coloured.
    "colours": numbers("142-143"),
    # "\[" opens a formula: a model means one by it more often than an escaped bracket.
    "formulas": numbers("12 14"),
    # A language that is no plain class name is not told to the page.
    "languages": numbers("144"),
}
