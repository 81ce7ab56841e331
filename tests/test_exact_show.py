"""How an answer of ``--exact`` looks: its figures marked, its queries below it, both counted."""

from __future__ import annotations

import io
import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import ipywidgets
import pytest

from m1_magic.calls import (
    RECORD,
    Attached,
    Attachment,
    Figure,
    Message,
    Query,
    Receipt,
    Replay,
    Reply,
    Text,
    TextDelta,
    Unsettled,
)
from m1_magic.exact.answer import ExactAnswer
from m1_magic.exact.filling import fill
from m1_magic.exact.numbers import unchecked
from m1_magic.exact.template import pieces_of
from m1_magic.options.fields import Options
from m1_magic.render import footer, queries
from m1_magic.render.answer import bundle
from m1_magic.render.marks import Marks
from m1_magic.render.markup import html
from m1_magic.render.notebook_view import CapturedView, NotebookView
from m1_magic.render.plain_view import PlainView
from m1_magic.render.terminal_view import TerminalView
from m1_magic.render.viewers import live
from m1_magic.settings.config import M1
from m1_magic.widgets.form import Form
from m1_magic.widgets.panel_view import PanelView
from test_views import REQUEST, Hand, receipt, shell  # noqa: F401

SQL = "SELECT region, sum(amount) AS total FROM sales GROUP BY region"
ROWS = (("North", 9900.5), ("East", 5050), ("South", None))
TOP = Query("top", SQL, ("region", "total"), ROWS, 0.123, "", 3)
ODD = Query("odd", "SELECT ammount FROM sales", error="It has a column that does not exist.")
BY = f"computed here by top: {SQL}"
ABBR = re.compile(r'<abbr class="m1-(\w+)" title="([^"<>]*)">(.*?)</abbr>')


def filled(template: str, *results: Query, sent: str = "") -> Reply:
    """Return an answer as it ends, with its figures."""
    made = fill(pieces_of(template), {one.name: one for one in results})
    own = [
        Figure(one.start, one.end, "", one.text, one.text)
        for one in unchecked(made.text, made.figures, [sent])
    ]
    figures = tuple(sorted((*made.figures, *own), key=lambda one: one.start))
    return Reply(made.text, template=template, queries=results, figures=figures, cost=Decimal(0))


def asked(**names: str) -> str:
    """Return queries as M1 writes them."""
    return "".join(f"```sql {name}\n{sql}\n```\n" for name, sql in names.items())


def page(reply: Reply, **settings: Any) -> str:
    return bundle(reply, M1(**settings), "html")["text/html"]


def titled(markup: str) -> list[tuple[str, str, str]]:
    """Return the figures of a page: what kind, which title, what they show."""
    return [(kind, unescape(title), unescape(text)) for kind, title, text in ABBR.findall(markup)]


@pytest.mark.parametrize(
    ("template", "around"),
    [
        ("So {{top.region}}.", "<p>So %s.</p>"),
        ("**{{top.region}}**s", "<p><strong>%s</strong>s</p>"),
        ("# {{top.region}} x", "<h1>%s x</h1>"),
        ("- {{top.region}}", "<ul><li>%s</li></ul>"),
        ("`a {{top.region}}`", "<p><code>a %s</code></p>"),
        ("|a|\n|---|\n|{{top.region}}|", "<td>%s</td>"),
        ("[{{top.region}}](https://a.example/{{top.region}})", 'nofollow">%s</a>'),
        ("x[^1]\n\n[^1]: {{top.region}}", "<li><p>%s</p></li>"),
        ("${{top.region}} and $x", "<p>$%s and $x</p>"),
    ],
)
def test_a_figure_is_marked_where_it_stands(template: str, around: str) -> None:
    shown = html("", marks=(made := marks(filled(asked(top=SQL) + template, TOP))))
    assert made
    mark = f'<abbr class="m1-computed" title="North · {BY}">North</abbr>'
    assert around % mark in shown


def marks(reply: Reply) -> Marks:
    return Marks(reply.text, reply.figures, reply.queries)


def test_what_is_not_sure_is_marked_otherwise_and_formulas_and_code_are_left_alone() -> None:
    template = asked(top=SQL, odd=ODD.sql) + (
        "{{odd.n}} of {{top.total}}, about 17.\n\n$x = {{top.total}}$\n\n"
        "```python\nx = {{top.total}}\n```\n\n{{top}}\n"
    )
    shown = page(filled(template, TOP, ODD))
    (failed, right) = titled(shown)
    assert failed[0] == "unknown" and failed[2] == "?"
    assert "not computed: the query odd failed: It has a column" in failed[1]
    assert right[:2] == ("computed", f"9900 · {BY}") or right[2] == "9900"
    title = "unchecked: written by M1, not computed"
    assert f'<span class="m1-unchecked" title="{title}">17</span>' in shown
    assert shown.count(f'<table class="m1-computed" title="{BY}">') == 1
    assert r"\(x = 9900\)" in shown and "x = {{top.total}}" in unescape(re.sub("<.*?>", "", shown))


def test_a_table_of_the_models_own_is_not_marked() -> None:
    text = "| a |\n|---|\n| 1 |\n\nno | table\nof it"
    made = Marks(text, [Figure(text.index("no"), len(text), "top", "top", "")], [TOP])
    assert made and html(text, marks=made) == html(text)


HOSTILE = (
    '<img src=x onerror="top.pwned=1">',
    '"><script>top.pwned=1</script>',
    "**bold** `code` $x$ [a](javascript:x) ![b](https://a.example/c)",
    "{{top.region}} &lt;b&gt; &#x202e; \\",
    "\x1b[31m\x00\u202e\U00100000\U000f0000",
    '<!-- --> </abbr></td></table> class="m1-0"',
)


@pytest.mark.parametrize("value", HOSTILE)
def test_values_names_and_sql_are_text_everywhere(value: str) -> None:
    query = Query("top", f"SELECT '{value}'", ("a", value), ((value, value),), 0.1, "", 1)
    template = asked(top="SELECT 1") + "{{top.a}} **{{top.a}}** `{{top.a}}` {{top.zz}}\n\n{{top}}\n"
    reply = filled(template, query, replace(ODD, error=value))
    assert not re.search(r"<(?:img|script|!--|b>)|\x1b|\x00|\u202e|</abbr></td>", page(reply))
    assert not live(bundle(reply, M1(), "markdown")["text/markdown"])
    assert len(titled(page(reply))) == 4
    for line in queries.lines(reply, True):
        assert line.isprintable() or value[0] == "\x1b"
        assert not re.search("[\x00-\x1f\u202e]", line)


def test_the_model_cannot_mark_its_own_numbers() -> None:
    own = "9\U000f00009 9\U00100000x\U001000009 &#x100000;9&#x100000; 9&#983040;9 "
    own += '<https://a.example/%F4%80%80%80> <abbr class="m1-0" title="x">9</abbr> class="m1-0"'
    shown = page(filled(f"{asked(top=SQL)}{{{{top.region}}}} {own}", TOP))
    assert [text for kind, _, text in titled(shown)] == ["North"]


PARTS = (
    *(
        "Hello ",
        "{{top.region}}",
        "{{top.total}}",
        "{{top.total}}",
        "**",
        "*",
        "_",
        "~~",
        "`",
        "``",
    ),
    *("$", "\n", "\n\n", "- ", "> ", "# ", "\n{{top}}\n", "\\", "(", ")", "[", "](", "![", " "),
    *("[^1]", "\n\n[^1]: note {{top.region}}\n\n", "<br>", "<sub>", "</sub>", "&", "12 %", "17 "),
    *("> [!NOTE]\n> ", "- [ ] ", "1. ", "    ", "```\n", "|", "北京", "。", ".", "\\(", "\\)", "^"),
    *(
        "](https://a.example/",
        "| a | b |\n|---|---|\n| {{top.region}} | {{top.total}} |\n",
        "{",
        "}",
    ),
)
FIGURES = (
    "North",
    5,
    -5.25,
    "x*|y`z",
    "```a\nb``",
    "``",
    "<b>",
    "google.com",
    "$5",
    "a_b_",
    "[x](y)",
    "#",
    "。",
)


def test_marks_change_nothing_else_of_a_page() -> None:
    chosen = random.Random(17)
    for _ in range(200):
        text = "".join(chosen.choices(PARTS, k=chosen.randint(2, 12)))
        values = tuple(chosen.choices(FIGURES, k=2))
        query = replace(TOP, rows=(values,), count=1)
        made = filled(asked(top=SQL) + text, query)
        bare = ABBR.sub(r"\3", html(made.text, marks=marks(made)))
        bare = re.sub(r'<span class="m1-unchecked" title="[^"]*">(.*?)</span>', r"\1", bare)
        bare = re.sub(r'(<table.*?) class="m1-computed" title="[^"]*"', r"\1", bare)
        assert bare == html(made.text), text
        assert marks(made).bare(marks(made).text) == made.text


# -- below the answer --------------------------------------------------------------------------
BRIEF = asked(top=SQL, odd=ODD.sql) + "{{top.region}}: {{top.total:,.0f}}, {{odd.n}}.\n"


def test_the_queries_are_folded_below_the_answer() -> None:
    reply = filled(BRIEF, replace(TOP, rows=ROWS * 20, count=60), ODD)
    shown = page(reply)
    assert "2 queries · 2 figures</summary>" in shown and shown.count("<details>") == 1
    assert "<p>top · 60 rows · 123 ms</p>" in shown and "<p>… 55 more rows</p>" in shown
    assert '<td align="right">5050</td>' in shown and "<td>–</td>" in shown
    assert '<span class="k">SELECT</span> region' in shown
    assert "odd · failed: It has a column that does not exist." in shown
    assert "123 ms" not in page(reply, footer="stable") and "60 rows" in page(
        reply, footer="stable"
    )
    assert bundle(reply, M1(), "html")["text/plain"] == "North: 9,900, ?.\n"
    assert page(Reply("North: 9,900.")) == page(Reply("North: 9,900.", figures=(), queries=()))


def test_markdown_has_them_as_code_without_raw_html() -> None:
    reply = filled(BRIEF, replace(TOP, sql="SELECT '````' -- <b>x</b>"), ODD)
    shown = bundle(reply, M1(), "markdown")["text/markdown"]
    assert "*2 queries · 2 figures*\n\n*top · 3 rows · 123 ms*\n\n`````sql\nSELECT '````'" in shown
    assert "<" not in shown.partition("`````sql")[0]


def test_a_terminal_has_a_line_for_each() -> None:
    assert queries.lines(filled(BRIEF, TOP, ODD), False) == [
        "2 queries · 2 figures",
        f"  top · 3 rows · {SQL}",
        f"  odd · failed: {ODD.error} · {ODD.sql}",
    ]


# -- while it comes ----------------------------------------------------------------------------
class Engine:
    """Gives the same result to each query."""

    def run(self, name: str, sql: str) -> Query:
        return replace(TOP, name=name, sql=sql)

    def close(self) -> None:
        pass


EXACT = replace(
    REQUEST, exact=True, attachments=(replace(REQUEST.attachments[0], tables=("sales",)),)
)
LONG = asked(top=SQL) + "**{{top.region}}** has {{top.total:,.0f}}, and 17 more.\n\n" * 400


def stream(view: Any, template: str, clock: Hand | None = None) -> Reply:
    """Let an answer come to a view as the session does; return the reply that it ends with."""
    shown = ExactAnswer(view, Engine, (), 0)
    shown.open(EXACT, Decimal("0.0177"), "sales → stats")
    for at in range(0, len(template), 40):
        if clock:
            clock.time += 0.005
        shown._next = 0.0
        shown.feed(TextDelta(template[at : at + 40]))
        if at == 120:
            shown._running.wait()
    came = replace(receipt(template).call.reply)
    assert shown.next_request(EXACT, came) is None
    reply, _ = shown.finished(came, None)
    one = receipt()
    shown.close(replace(one, call=replace(one.call, request=EXACT, reply=reply)))
    return reply


@pytest.mark.parametrize("pure", [True, False])
def test_blocks_that_stay_end_with_their_marks_and_one_fold(
    shell: Any,  # noqa: F811
    pure: bool,
) -> None:
    clock = Hand()
    reply = stream(NotebookView(shell, M1(render="html"), now=clock, pure=pure), LONG, clock)
    *blocks, foot = shell.display_pub.outputs()
    assert (len(blocks) == 1) == pure
    assert "".join(one["text/plain"] for one in blocks) == reply.text
    shown = "".join(one["text/html"] for one in blocks)
    expected = [("computed", f"{text} · {BY}", text) for text in ("North", "9,900")] * 400
    assert titled(shown) == expected
    assert shown.count('class="m1-unchecked"') == 400
    assert shown.count("1 query · 800 figures") == 1 == shown.count("<details>")
    assert foot[RECORD]["figures"][1] == {
        "query": "top",
        "source": "top.total:,.0f",
        "text": "9,900",
    }
    assert shell.display_pub.bytes() <= 45 * len(reply.text)
    growing = [one["data"].get("text/html", "") for one in shell.display_pub.sent]
    assert any("m1-computed" in one and "<details" not in one for one in growing)


def test_widgets_hold_the_same() -> None:
    clock = Hand()
    view = PanelView(M1(), now=clock)
    reply = stream(view, LONG, clock)
    *blocks, rest, line = (child.value for child in view.box.children)
    shown = "".join(blocks)
    assert len(blocks) > 1 and not rest and len(titled(shown)) == 800
    assert shown.count("1 query · 800 figures") == 1
    assert shown.count("17</span>") == 400 and "800 figures computed here, 400 unchecked" in line
    assert len(reply.figures) == 1200


def test_what_is_painted_otherwise_at_the_end_is_shown_whole(
    shell: Any,  # noqa: F811
) -> None:
    view = NotebookView(shell, M1(render="html"), now=Hand(), pure=False)
    view.open(EXACT, None, "")
    view.feed(TextDelta("A sentence with 5.\n\n" * 400))
    end = receipt()
    reply = replace(filled(BRIEF, TOP, ODD), text="All otherwise.", figures=())
    view.close(replace(end, call=replace(end.call, reply=reply)))
    shown = "".join(one.get("text/html", "") for one in shell.display_pub.outputs())
    assert "All otherwise." in shown and "A sentence" not in shown


def test_the_line_says_what_is_computed(shell: Any) -> None:  # noqa: F811
    view = NotebookView(shell, M1(render="html"), now=Hand())
    view.open(EXACT, None, "")
    view.feed(Unsettled("So …", 40, "computing 2 queries"))
    answer, line = shell.display_pub.outputs()
    assert "So …" in answer["text/html"] and "computing 2 queries · 0 s" in line["text/html"]


@pytest.mark.parametrize("raw", [False, True])
def test_plain_text_is_complete_with_its_figures(
    capsys: pytest.CaptureFixture[str], raw: bool
) -> None:
    reply = stream(PlainView(M1(), raw=raw), LONG + "{{top}}\n\nThe end: {{top.region[1]}}.")
    out = capsys.readouterr().out
    assert out.startswith(reply.text) and out.count("The end: East.") == 1
    assert ("  top · 3 rows · 123 ms · SELECT" in out) is not raw
    assert "802 figures computed here, 400 unchecked" in out


def test_a_terminal_underlines_figures() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    stream(TerminalView(M1(), file=out, now=Hand()), BRIEF)
    end = out.getvalue().rpartition("\x1b[2K")[2]
    assert re.search(r"\x1b\[4mNorth\x1b\[0m: \x1b\[4m9,900\x1b\[0m", end)
    assert "2 queries · " in end and "2 figures computed here, 1 could not be computed" in end


def test_a_captured_cell_has_all_of_it_in_one(shell: Any) -> None:  # noqa: F811
    stream(CapturedView(shell, M1(render="html")), BRIEF)
    (one,) = shell.display_pub.outputs()
    assert "m1-computed" in one["text/html"] and "<details>" in one["text/html"]
    assert one["text/plain"].startswith("North: 9,900, ?.\n\n\nminimax/minimax-m1 · ")
    assert one[RECORD]["tables"] == ["sales"]


# -- the footer --------------------------------------------------------------------------------
def told(text: str, table: str = "", **more: Any) -> list[str]:
    """Return the footer's lines about figures of an answer to a question with a table."""
    along = (Attachment(more.pop("kind", "frame"), "sales", table),)
    before = Message("user", (Text("And?"),)), Message("assistant", (Text("17.25, or so."),))
    message = Message("user", (Text("above 20 %? "), Attached(0, "<", ">")))
    request = replace(REQUEST, messages=(*before, message), attachments=along)
    end = receipt(text)
    return footer.figures(Receipt(replace(end.call, request=request, **more)))


def test_every_answer_with_a_table_counts_what_stands_in_what_was_sent() -> None:
    text = "Of 344 birds 44 % are Adelie, above 20 %, and 17.25 something; by 2026."
    sent = "344 rows; Adelie 0.442"
    assert told(text, sent) == ["3 of 4 figures stand in what was sent"]
    assert told("No figure at all.", sent) == [] == told(text, sent, kind="file")
    assert told("One: 7.", sent) == ["0 of 1 figure stands in what was sent"]


def test_an_exact_answer_counts_its_own() -> None:
    end = receipt()

    def line(reply: Reply) -> list[str]:
        return footer.figures(replace(end, call=replace(end.call, request=EXACT, reply=reply)))

    assert line(filled(BRIEF + "About 17.", TOP, ODD)) == [
        "2 figures computed here, 1 unchecked, 1 could not be computed"
    ]
    assert line(filled("It is 4.")) == ["0 figures computed here, 1 unchecked"]
    assert line(Reply("No figure.")) == []


def test_a_kept_answer_says_that_its_figures_are_of_now() -> None:
    at = datetime(2026, 11, 28, 14, 2, tzinfo=UTC)
    end = receipt()
    call = replace(end.call, request=EXACT, replay=Replay("c", at, Decimal("0.0054")))
    one = replace(end, call=call)
    day = "text from 28 Nov, figures computed now · $0 (was $0.0054) · --fresh asks anew"
    assert footer.line(one, M1()) == f"minimax/minimax-m1 · {day}"
    stable = footer.line(one, M1(footer="stable"))
    assert " · text kept, figures computed now · $0 (was" in stable


def test_the_record_has_what_a_second_computation_needs() -> None:
    end = receipt()
    reply = filled(BRIEF + "About 17.", TOP, ODD)
    call = replace(end.call, request=EXACT, reply=reply)
    record = footer.record(replace(end, call=call), M1())
    assert record["tables"] == ["sales"] and record["figures"] == [
        {"query": "top", "source": "top.region", "text": "North"},
        {"query": "top", "source": "top.total:,.0f", "text": "9,900"},
        {"query": "odd", "source": "odd.n", "text": "?"},
    ]
    assert "figures" not in footer.record(end, M1())


def test_the_panel_has_a_tick_for_it() -> None:
    form = Form(M1(), {})
    form.add.value = True
    tick = form._fields["exact"]
    assert isinstance(tick, ipywidgets.Checkbox) and tick.description == "exact figures"
    assert not form.options().exact
    tick.value = True
    assert form.options().exact
    form.fill("", Options())
    assert not tick.value
