"""How an answer that is data looks: it streams as it comes, and ends as a table or as JSON."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from m1_magic.calls import Receipt, TextDelta
from m1_magic.options.fields import Options
from m1_magic.render.notebook_view import CapturedView, NotebookView
from m1_magic.render.plain_view import PlainView
from m1_magic.render.terminal_view import TerminalView
from m1_magic.settings.config import M1
from m1_magic.typed.answer import TypedAnswer
from m1_magic.typed.schema import wanted
from m1_magic.widgets.panel_view import PanelView
from test_views import REQUEST, Hand, receipt, shell  # noqa: F401

ROWS = ",\n\n".join(f'{{"name": "n{n}", "qty": {n}}}' for n in range(300))
TEXT = f"Here:\n\n[{ROWS},]\n\nThat is all."


def streamed(view: Any, text: str = TEXT, returns: Any = "list[name: str, qty: int]") -> Receipt:
    """Feed an answer through what reads its data to a view; return how it ended."""
    kind = wanted(Options(returns=returns), {})
    assert kind
    typed, end = TypedAnswer(view, kind, 1), receipt(text)
    typed.open(REQUEST, None, "")
    for at in range(0, len(text), 50):
        typed.feed(TextDelta(text[at : at + 50]))
    assert typed.next_request(REQUEST, end.call.reply) is None
    reply, error = typed.finished(end.call.reply, None)
    assert error is None
    end = replace(end, call=replace(end.call, reply=reply))
    typed.close(end)
    return end


@pytest.mark.parametrize("pure", [True, False])
def test_in_a_notebook_the_table_takes_the_place_of_the_text(
    shell: Any,  # noqa: F811
    pure: bool,
) -> None:
    clock = Hand()
    view = NotebookView(shell, M1(render="html"), now=clock, pure=pure)
    growing = view.feed

    def feed(event: Any) -> None:
        clock.time += 0.2
        growing(event)

    view.feed = feed  # type: ignore[method-assign]
    end = streamed(view)
    outputs = shell.display_pub.outputs()
    shown = "".join(one.get("text/html", "") for one in outputs)
    assert shown.count("<td") == 40 and "280 more rows" in shown
    assert shown.count("That is all.") == 1 and "<summary>the answer as it came" in shown
    assert "1 field mended here, $0" in outputs[-1]["text/plain"]
    plain = [one["text/plain"] for one in outputs if one.get("text/plain")]
    assert plain[0].startswith("| name | qty |\n| --- | ---: |\n| n0 | 0 |")
    sent = [one["data"].get("text/html", "") for one in shell.display_pub.sent]
    assert any("n3" in one and "That is all" not in one for one in sent), "it streams"
    assert end.call.reply.text == TEXT and len(end.call.reply.data) == 300


def test_elsewhere_the_same(capsys: pytest.CaptureFixture[str], shell: Any) -> None:  # noqa: F811
    out = io.StringIO()
    streamed(TerminalView(M1(), out))
    assert "n19" in out.getvalue() and "280 more rows" in out.getvalue()
    streamed(PlainView(M1()))
    printed = capsys.readouterr().out
    assert printed.startswith(TEXT) and "1 field mended here, $0" in printed
    streamed(CapturedView(shell, M1(render="markdown")))
    (captured,) = shell.display_pub.outputs()
    assert "| n0 | 0 |" in captured["text/markdown"] and "1 field mended" in captured["text/plain"]
    panel = PanelView(M1(), now=Hand())
    streamed(panel)
    shown = [getattr(one, "value", "") for one in panel.box.children]
    assert sum("280 more rows" in one for one in shown) == 1


def test_what_is_no_flat_list_is_shown_as_json(shell: Any) -> None:  # noqa: F811
    text = '{"a": "`````", "tags": ["x"]}'
    streamed(
        NotebookView(shell, M1(render="html"), now=Hand(), pure=True),
        text,
        {"a": str, "tags": list[str]},
    )
    answer, _ = shell.display_pub.outputs()
    assert answer["text/plain"].startswith('``````json\n{\n  "a": "`````",\n')
    assert "<pre>" in answer["text/html"]
