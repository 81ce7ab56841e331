"""A call among widgets: what they hold while it comes and when it is over."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from m1_magic.calls import ReasoningDelta, TextDelta, ThinkingEnded
from m1_magic.settings.config import M1
from m1_magic.widgets.panel_view import PanelView
from panels import Comm, Wire
from test_views import REQUEST, Hand, receipt


def values(view: PanelView) -> list[str]:
    return [str(child.value) for child in view.box.children]


def stream(view: PanelView, clock: Hand, text: str) -> None:
    view.open(REQUEST, Decimal("0.0177"), "sales → stats")
    for at in range(0, len(text), 4):
        clock.time += 1 / 2000
        view.feed(TextDelta(text[at : at + 4]))


def test_blocks_stay_and_the_rest_grows() -> None:
    clock, text = Hand(), "A sentence with $x$ of an answer.\n\n" * 900
    view = PanelView(M1(), now=clock)
    seen: list[tuple[str, ...]] = []
    view.box.observe(lambda change: seen.append(tuple(values(view)[:-2])), "children")
    stream(view, clock, text)
    assert 3 < len(seen) < 8
    for before, after in pairwise(seen):
        assert after[: len(before)] == before
    *blocks, rest, line = values(view)
    assert all("mathjax_process" in block for block in blocks) and "mathjax_process" not in rest
    assert "answering… ≈ " in line
    view.close(receipt(text))
    *blocks, rest, line = values(view)
    assert "".join(blocks).count("A sentence") == 900 and rest == "" and "$0.0054" in line


def test_what_came_before_a_stall_is_seen_in_it() -> None:
    clock = Hand()
    view = PanelView(M1(), now=clock)
    view.open(REQUEST, None, "")
    view.feed(TextDelta("first "))
    view.feed(TextDelta("second"))
    assert "second" not in "".join(values(view))
    clock.time = 0.2
    assert view.tick() is not None
    assert "first second" in "".join(values(view))


def test_thinking_is_folded_above_the_answer_once() -> None:
    clock, text = Hand(), "A sentence of an answer.\n\n" * 600
    view = PanelView(M1(), now=clock)
    view.open(REQUEST, None, "")
    view.feed(ReasoningDelta("hmm <script>"))
    stream(view, clock, text)
    view.close(receipt(text, thinking="hmm <script>"))
    first, *others = values(view)
    assert "<details><summary>thought" in first and "hmm &lt;script&gt;" in first
    assert not any("<details" in other for other in others)


def test_blocks_that_were_thinking_are_taken_back() -> None:
    clock, text = Hand(), "A sentence of a thought.\n\n" * 600
    view = PanelView(M1(), now=clock)
    stream(view, clock, text)
    assert len(values(view)) > 3
    view.feed(ThinkingEnded())
    view.feed(TextDelta("Thirty."))
    view.close(receipt("Thirty.", thinking=text.strip()))
    answer, rest, line = values(view)
    assert "Thirty." in answer and "<details>" in answer and rest == "" and "$0.0054" in line


def test_a_widget_gets_no_more_than_a_few_bytes_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    monkeypatch.setattr("comm.create_comm", lambda **opening: Comm(wire, **opening))
    clock, text = Hand(), "A sentence with **weight** and $x$ of an answer.\n\n" * 2_000
    view = PanelView(M1(), now=clock)
    stream(view, clock, text)
    view.close(receipt(text))
    assert 50 < len(wire.sent) and sum(map(len, wire.sent)) <= 10 * len(text)
