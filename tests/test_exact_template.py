"""An answer of ``--exact``: read while it comes, filled in; numbers that it wrote itself."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import unescape

import palmerpenguins
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m1_magic.exact import numbers
from m1_magic.exact.figures import value_text
from m1_magic.exact.filling import Filled, fill
from m1_magic.exact.template import Code, Place, Template, Written, joined, pieces_of
from m1_magic.render.inert_markdown import inert
from m1_magic.render.markup import html
from m1_magic.text import show_controls


@dataclass(frozen=True)
class Rows:
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    error: str = ""

    @property
    def count(self) -> int:
        return len(self.rows)


TOP = Rows(("region", "total"), (("East", 8560.0), ("West", None), ("Furniture", 17.5)))
SQL = "```sql top\nSELECT region\n```\n"


def filled(answer: str, *values: object, **results: Rows) -> Filled:
    """Fill an answer with ``top``, and ``v.x``, which has the values."""
    known = {"top": TOP, "v": Rows(("x",), tuple((one,) for one in values)), **results}
    written = "".join(f"```sql {name}\nSELECT 1\n```\n" for name in known)
    return fill(pieces_of(f"{written}\n{answer}"), known)


def text(answer: str, *values: object, **results: Rows) -> str:
    return filled(answer, *values, **results).text


# Reading


@pytest.mark.parametrize(
    ("answer", "name", "sql", "rest"),
    [
        (SQL, "top", "SELECT region", ""),
        ("~~~~sql a\nx\n~~~\ny\n~~~~\n", "a", "x\n~~~\ny", ""),
        ("````sql a\r\nx\r\n`````\r\nB\r\n", "a", "x", "B\r\n"),
        ("   ```sql \t a  \n    x\n  ```", "a", " x", ""),
        ("- A\n  ```sql a\n  x\n    y\n  ```\n- B", "a", "x\n  y", "- A\n- B"),
        ("1. ```sql a\n   x\n   ```\n\n   B\n", "a", "x", "1. B\n"),
        ("- A\n  - B\n    ```sql a\n    x\n```\nC", "a", "x", "- A\n  - B\n\nC"),
        ("> A\n> ```sql a\n> x\n> ```\n> B\n", "a", "x", "> A\n>\n> B\n"),
        ("A\n```sql a\nx\n```\nB\n", "a", "x", "A\n\nB\n"),
        ("A\n\n```sql a\nx\n```\n\nB\n", "a", "x", "A\n\nB\n"),
    ],
)
def test_a_query_is_taken_out_wherever_it_stands(
    answer: str, name: str, sql: str, rest: str
) -> None:
    pieces = pieces_of(answer)
    assert [p for p in pieces if isinstance(p, Written)] == [Written(name, sql)]
    assert fill(pieces, {name: TOP}).text == rest


@pytest.mark.parametrize(
    "answer",
    [
        "```sql\nSELECT {{top.total}}\n```\n",
        "```python\n{{top.total}}\n```\n",
        "```SQL top\nx\n```\n",
        "```sql top more\nx\n```\n",
        "```sql 1a\nx\n```\n",
        "```sql a.b\nx\n```\n",
        "A\n\n    ```sql a\n    {{top.total}}\n    ```\n",
        "````\n```sql a\nx\n```\n````\n",
        "```markdown\n```sql a\nx\n```\n{{top.total}}\n```\n",
        "> ```\n> {{top.total}}\n\n",
        "```sql a\nSELECT {{top.total}}",
        "Jinja has {{ user.name }} and {{user}}, LaTeX {{{a.b}}}, an f-string {{1}}.",
    ],
)
def test_what_is_not_of_the_form_stays_to_the_letter(answer: str) -> None:
    assert fill(pieces_of(answer), {}).text == answer
    assert text(f"A\n\n{answer}").endswith(answer)


def test_a_query_is_there_as_soon_as_its_fence_closes_and_words_before_their_line_ends() -> None:
    template = Template()
    assert template.feed("It grew by {{to") == pieces_of("It grew by ")
    assert template.feed("p.total}} in") == [Place("top.total"), *pieces_of(" in")]
    template.feed("\n```sql top\nSELECT region\n``")
    assert template.feed("`\n") == [Written("top", "SELECT region")]


def test_a_fence_that_does_not_end_and_a_name_used_twice_are_not_run() -> None:
    pieces = pieces_of("{{a.x}}\n\n```sql a\nSELECT 1\n")
    assert isinstance(pieces[-2], Code) and isinstance(pieces[-1], Written)
    assert "does not end" in pieces[-1].problem
    assert fill(pieces, {}).figures[0].reason == "the query a does not end: it was not run"
    pieces = pieces_of(f"{SQL}{SQL}{SQL.replace('region', 'total')}{{{{top.total}}}}")
    assert [bool(p.problem) for p in pieces if isinstance(p, Written)] == [False, True]
    (figure,) = fill(pieces, {"top": TOP}).figures
    assert figure.text == "?" and "another query is named top" in figure.reason


PARTS = st.sampled_from(
    [
        *("```", "```sql a", "~~~", "````", "\n", "\n\n", "\r\n", "- ", "1. ", "> ", "    ", "{"),
        *(
            "{{",
            "}}",
            "{{a.x}}",
            "{{a}}",
            "a.x",
            '{{a."',
            '"',
            "`",
            "|",
            "$",
            "word ",
            "*",
            "#",
            "-",
        ),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=25).map("".join), st.data())
def test_however_a_text_is_cut_its_pieces_are_the_same(answer: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(answer)), max_size=6).map(sorted))
    template, out = Template(), []
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        out += template.feed(answer[start:end])
    assert joined([*out, *template.finish()]) == pieces_of(answer)


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS.filter(lambda part: "sql" not in part), max_size=25).map("".join))
def test_an_answer_without_a_query_is_unchanged(answer: str) -> None:
    assert fill(pieces_of(answer), {}).text == answer


@pytest.mark.parametrize(
    "part", ["{{", '{{a."', "{{a{", "```\n", "* ", "> ", "`` ` ", "$$ x ", "\t", "]("]
)
def test_a_long_answer_of_one_odd_thing_is_unchanged_and_comes_to_an_end(part: str) -> None:
    # Were any step quadratic, this would take minutes.
    answer = part * 20_000
    template, out = Template(), []
    for start in range(0, len(answer), 40):
        out += template.feed(answer[start : start + 40])
    assert fill([*out, *template.finish()], {}).text == answer
    assert not numbers.written(answer)


# Values


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        *((17.0, "", "17"), (8560, "", "8560"), (Decimal("12.50"), "", "12.5"), (-0.0, "", "0")),
        *((0.345678, "", "0.3457"), (43.92193, "", "43.92"), (12345.678, "", "12350")),
        *((0.0000012345, "", "1.234e-6"), (1e300, "", "1.000e+300"), (float("inf"), "", "∞")),
        *((None, "", "–"), (None, ",.0f", "–"), (True, "", "true"), ("", "", '""')),
        *((date(2019, 5, 1), "", "2019-05-01"), (datetime(2019, 5, 1), "", "2019-05-01")),
        (datetime(2019, 5, 1, 14, 2), "", "2019-05-01 14:02"),
        *((date(2019, 5, 1), "%B %Y", "May 2019"), ([1.0, None], "", "[1, –]")),
        *((8560.4, ",.0f", "8,560"), (0.442, ".1%", "44.2%"), (17.0, ",d", "17")),
        *((Decimal("8560"), ",.1f", "8,560.0"), ("East", ">6", "  East"), (b"ab", "", "2 bytes")),
    ],
)
def test_a_value_as_text(value: object, spec: str, expected: str) -> None:
    assert (value_text(value, spec).text, value_text(value, spec).note) == (expected, "")


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        *(
            (17.5, "d"),
            ("East", ",.0f"),
            (1, "999999999d"),
            (1, ".999999999f"),
            (1, "{}"),
            (5, "c"),
        ),
        *((1, "{w}"), (date(2019, 5, 1), ",.0f"), (date(2019, 5, 1), "%999999999d"), (True, "d")),
        *((10**400, ",d"), (1e300, ",.0f"), ([1], "d"), (1, "zz")),
    ],
)
def test_a_format_that_does_not_fit_falls_back_with_a_note(value: object, spec: str) -> None:
    assert value_text(value, spec).text == value_text(value).text
    assert "does not fit" in value_text(value, spec).note


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        *(("top.region", "East"), ("top.total:,.0f", "8,560"), ("top.region[1]", "West")),
        *(("top.region[-1]", "Furniture"), ("top.total[Furniture]:.2f", "17.50")),
        *(("top.total[furniture]", "17.5"), ('top."total"[0]', "8560"), ("top.TOTAL", "8560")),
        *(("top.total[1]:,.0f", "–"), ("top.total[9]", "–"), ("top.total[Desk]", "–")),
        *(
            (" top.region ", "East"),
            ("odd.a b[0]:.1f", "1.0"),
            ('odd."c:d"', "2"),
            ("odd.c:d", "2"),
        ),
        *(('odd."e""f"', "3"), ("odd.count(*)", "4"), ("odd.x[1]", "5"), ("none.x", "–")),
        *(("year.n[2019]", "7"), ("one", "336776"), ("one:,d", "336,776")),
    ],
)
def test_what_a_place_names(place: str, expected: str) -> None:
    results = {
        "odd": Rows(("a b", "c:d", 'e"f', "count(*)", "x[1]"), ((1, 2, 3, 4, 5),)),
        "none": Rows(("x",), ()),
        "year": Rows(("y", "n"), ((2018, 6), (2019, 7))),
        "one": Rows(("count_star()",), ((336776,),)),
    }
    assert text(f"So {{{{{place}}}}} it is.", **results) == f"So {expected} it is."


def test_what_is_not_there_is_a_question_mark_with_the_nearest_name() -> None:
    answer = filled("A {{tpo.total}}, {{top.totl}}, {{bad.x}}, {{top.total[Furnitur]}}.")
    assert answer.text == "A ?, ?, ?, –."
    assert "nearest is top" in answer.notes[0] and "nearest is total" in answer.notes[1]
    assert "nearest is Furniture" in answer.notes[3]
    failed = filled("A {{bad.x}}.", bad=Rows((), (), "Binder Error"))
    assert failed.figures[0].reason == "the query bad failed: Binder Error"
    running = fill(pieces_of(SQL + "A {{top.total}}"), {"top": None}, done=False)
    assert running.text == "A …"


# Showing

HOSTILE = [
    *(
        "*x*",
        "_x_",
        "__init__",
        "**x**",
        "`x`",
        "a`b``c",
        "# x",
        "> x",
        "- x",
        "+ x",
        "1. x",
        "2) x",
    ),
    *("---", "===", "a|b", "\\", "a\\|b", "[x](https://evil.example)", "![x](http://e.example/p)"),
    *(
        "<script>alert(1)</script>",
        "<b>",
        "&lt;b&gt;",
        "{{top.total}}",
        "{{v.x}}",
        "$x^2$",
        "~~x~~",
    ),
    *("a\nb", "a\r\n\r\n# b", "x\x1b[31m", "\u202ex", "https://evil.example", "a@b.example", "x!"),
    *(
        "[a_b]",
        "[x=1] \\\\(y\\\\)",
        "C:\\dir\\",
        "```\nx",
        "[^1]",
        "| a |",
        "\\(x\\)",
        "www.evil.example",
        "snake_case",
        "1986.",
        "C#",
        "-5",
    ),
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_shown_and_never_obeyed(value: str) -> None:
    plain = " ".join(shown_words(value).split())
    escaped = functools.partial(text, v=Rows(("x",), ((value,),)))
    for around, tag in (
        ("# A {{v.x}}", "h1"),
        ("{{v.x}}", "p"),
        ("- {{v.x}}\n", "li"),
        ("A\n{{v.x}}\n", "p"),
        ("**{{v.x}}** B", "p"),
        ("| A | B |\n|---|---|\n| {{v.x}} | c |\n|{{v.x}}|c|\n", "td"),
        ("A `{{v.x}}` B", "code"),
        ("| A | B |\n|---|---|\n| `{{v.x}}` | c |\n", "td"),
        ("{{v}}\n", "td"),
    ):
        page = html(escaped(around))
        before = html(text(around, "Q"))
        # The page of a harmless value with this one put in its place is the page of this one.
        assert words_of(page) == words_of(before).replace("Q", plain), (around, page)
        assert tags_of(page) == tags_of(before) and tag in tags_of(page), (around, page)
        assert inert(escaped(around))


def shown_words(value: str) -> str:
    return show_controls(value.replace("\r", " "))


def words_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def tags_of(page: str) -> list[str]:
    return re.findall(r"<([a-z0-9]+)", page)


def test_places_of_figures_are_where_they_stand() -> None:
    answer = filled(
        "- **{{top.region}}** `{{v.x}}` ${{top.total}}$\n\n{{top}}\n\nEnd {{top.x}}", "a`b"
    )
    stands = [answer.text[figure.start : figure.end] for figure in answer.figures]
    assert stands[:3] == ["East", "a`b", "8560"] and stands[4] == "?"
    assert "``a`b``" in answer.text and stands[3].startswith("| region | total |\n| --- | ---: |")
    assert [figure.query for figure in answer.figures] == ["top", "v", "top", "top", "top"]


def test_formulas_and_addresses() -> None:
    got = text("$n = {{top.total:,.0f}}$, $\\frac{{{top.total}}}{2}$, $r={{top.region}}$")
    assert got == "$n = 8{,}560$, $\\frac{8560}{2}$, $r=\\text{East}$"
    assert text("$x_{\\text{in {{top.region}}}}$") == "$x_{\\text{in East}}$"
    assert text("${{top.total:,.0f}} and ${{top.total}}") == "$8,560 and $8560"
    assert text("[x](https://a.example/{{v.x}})", "b) ![c](//d") == (
        "[x](https://a.example/b%29%20%21%5Bc%5D%28%2F%2Fd)"
    )
    assert "\\evil" not in text("$x = {{v.x}}$", "\\evil{}")


def test_a_result_as_table_and_as_bars() -> None:
    many = Rows(("n", "a|b"), tuple((n, f"x{n}") for n in range(344)))
    table = text("See:\n{{many}}\nEnd", many=many)
    assert table.startswith("See:\n\n| n | a\\|b |\n| ---: | --- |\n| 0 | x0 |\n")
    assert table.endswith("| 19 | x19 |\n\n… 324 more rows\n\nEnd")
    assert text("> - {{top:total,region}}\n") == (
        "> - | total | region |\n>   | ---: | --- |\n>   | 8560 | East |\n"
        ">   | – | West |\n>   | 17.5 | Furniture |\n"
    )
    bars = text("{{top:bar}}")
    assert "| East | 8560 | ████████████████████ |" in bars and "| 17.5 | ▏ |" in bars
    assert text("{{e}}", e=Rows(("x",), ())) == "| x |\n| --- |\n| – |"
    assert filled("{{many:bar}}", many=Rows(("a",), ((1,),))).notes
    assert filled("{{top:totl}}").text == "?" and "total" in filled("{{top:totl}}").notes[0]


# Numbers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It has 1,234.5 of 12 %, 3.4k and -5.", ["1,234.5", "12 %", "3.4k", "-5"]),
        ("From 10–20 % on 2019-05-01.", ["10", "20 %", "2019-05-01"]),
        ("1. In 2019 the 2nd of May\n2. since 1999, Q1, v1.2, [1]", []),
        ("## 1.2 Results\n\n`5` and\n\n```\n6\n```\n\n    7\n", []),
        ("## 68 Chinstrap penguins", ["68"]),
        ("Sold 2,019 and 2019 units for $1999", ["2,019", "2019", "$1999"[1:]]),
        ("[a](https://x.example/5) $x_1 = 8{,}560$", ["8{,}560"]),
    ],
)
def test_numbers_that_an_answer_wrote(answer: str, expected: list[str]) -> None:
    found = numbers.written(answer)
    assert [one.text for one in found] == expected
    assert [answer[one.start : one.end] for one in found] == expected


@pytest.mark.parametrize(
    ("number", "sent", "there"),
    [
        *(("44 %", "44.2 %", True), ("44.2%", "0.442", True), ("20 %", "above 20 %", True)),
        *(("20 %", "20 rows", False), ("3.4k", "3412", True), ("1,234", "1234.4", True)),
        *(("5", "-5", True), ("-5", "5", False), ("7", "6.9", False), ("38.8", "38.79", True)),
        *(("38.7", "38.79", False), ("2019-05", "2019-05-01", True), ("17.0", "17", True)),
        *(("1.2 million", "1,203,000", True), ("45", "44.2 %", False)),
    ],
)
def test_numbers_that_stand_in_what_was_sent(number: str, sent: str, there: bool) -> None:
    assert (not numbers.unchecked(f"It is {number}.", (), [sent])) is there


def test_the_count_and_what_stands_beside_a_figure() -> None:
    answer = filled("{{top.total:,.0f}}000 of 5, 6 and 7, -{{v.x}}", 12)
    assert [one.text for one in numbers.unchecked(answer.text, answer.figures, ["5"])] == [
        *("000", "6", "7"),
    ]
    assert numbers.count("1.5, 2.5, 3.5, 4 and 5", (), ["1.5 2.5", "5"]) == (
        "3 of 5 figures stand in what was sent"
    )
    assert numbers.count("No figure.", (), ["5"]) == ""


def penguins() -> dict[str, tuple[float, ...]]:
    """Return 168 statistics of groups."""
    table = palmerpenguins.load_penguins()
    measures = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    out: dict[str, tuple[float, ...]] = {}
    for by in ("species", "island", "sex"):
        for group, rows in table.groupby(by):
            for measure in measures[: 4 if by != "sex" else 2]:
                found = rows[measure].agg(["count", "mean", "median", "min", "max", "std"])
                for what, value in found.items():
                    out[f"{group}_{measure}_{what}"] = (float(value),)
    return out


def test_false_figures_of_the_penguins_never_carry_the_mark_of_a_computed_one() -> None:
    statistics = penguins()
    assert len(statistics) == 168
    row = tuple(value for (value,) in statistics.values())
    results = {"q": Rows(tuple(statistics), (row,))}
    places = "".join(f"- {name}: {{{{q.{name}:.2f}}}}\n" for name in statistics)
    right = filled(places, **results)
    assert [f.text for f in right.figures] == [f"{v:.2f}" for (v,) in statistics.values()]
    assert not numbers.unchecked(right.text, right.figures, [])
    bare = "".join(
        f"- the {name.replace('_', ' ')} is {value * (1.07 if at % 2 else 1):.2f}\n"
        for at, (name, (value,)) in enumerate(statistics.items())
    )
    wrong = filled(bare)
    assert not wrong.figures
    assert len(numbers.unchecked(wrong.text, (), ["How do the penguins differ?"])) == 168
