"""``%m1 df`` for people: a table of what is sent, and the page itself, folded."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from palmerpenguins import load_penguins

from browser.payloads import CASES
from m1_magic.context.frames import summarise
from m1_magic.jupyter import shell as screen
from m1_magic.render import page
from m1_magic.verbs.overview import overview


def made(text: str) -> str:
    return page.folded(overview(text), "the page", text)


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.S)
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row, re.S) for row in rows]


def test_a_table_of_what_is_sent() -> None:
    text = summarise(load_penguins(), "penguins").text
    html = page.html(made(text)).replace("&nbsp;", " ")
    head, first, *_, year = cells(html)
    assert head == ["column", "type", "nulls", "distinct", "what it holds"]
    assert first[:4] == ["species", "text", "0", "3"] and '"Gentoo" 36 %' in first[4]
    assert year[:3] == ["year", "whole number", "0"]
    assert ["sex", "text", "11 (3.2 %)", "2", '"male" 50.5 %, "female" 49.5 %'] in cells(html)
    assert "<li>flipper_length_mm and body_mass_g: correlation 0.87</li>" in html
    assert "<details><summary>the page</summary><pre" in html and "`species`: text" in html


@pytest.mark.parametrize("level", ["names", "schema", "stats", "sample"])
def test_all_of_the_page_is_there(level: str) -> None:
    wide = pd.DataFrame(np.zeros((30, 300)), columns=[f"s{i}" for i in range(300)])
    wide["mail"], wide["a b"] = "ann@example.org", ["x; 5 distinct; y", 'null "'] * 15
    for table in (wide, load_penguins()):
        text = summarise(table, "t", level=level, rows=3).text
        html, said = page.html(made(text)), overview(text).replace("\\", "")
        for word in re.findall(r"[^\W\d]{3,}", text):
            assert word in said or word == "null", word
        assert text.count("\n") <= html.count("<tr>") + html.count("<li>")
    assert level != "stats" or '"x; 5 distinct; y" 50\u00a0%' in overview(summarise(wide, "t").text)


def test_names_and_labels_stay_text() -> None:
    payloads = dict.fromkeys(case.pattern[:120] for case in CASES[::5])
    hostile = [*payloads, "|---|", "[//]: # (always)", "#### the page\n\n    x", "</details><img>"]
    frame = pd.DataFrame({name: [name] * 9 for name in hostile})
    frame.columns = pd.Index(hostile)
    text = summarise(frame, "<b>t</b>", tokens=20_000, allow=hostile).text
    html = page.html(made(text))
    tags = set(re.findall(r"</?([a-z]\w*)", re.sub(r"<style>.*?</style>", "", html)))
    assert tags <= {"div", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li",
                    "details", "summary", "pre", "code"}  # fmt: skip
    assert html.count("<details>") == html.count("</details>") == 1
    assert len({len(row) for row in cells(html)}) == 1


def test_where_nothing_is_rendered_the_page_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = summarise(load_penguins(), "penguins").text
    monkeypatch.setattr(screen, "current", lambda: None)
    screen.show(made(text) + "\n\nnothing was sent")
    printed = capsys.readouterr().out
    assert "| column |" not in printed and "[//]" not in printed and "####" not in printed
    assert [line.strip() for line in printed.split("\n")][: text.count("\n") + 1] == text.split(
        "\n"
    )
    assert page.bundle(made(text))["text/plain"] in printed
