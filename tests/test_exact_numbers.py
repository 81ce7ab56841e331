"""The numbers that an answer wrote itself, in sentences as models write them; which were sent."""

from __future__ import annotations

import pytest

from m1_magic.exact import numbers

# An answer, and its figures as it writes them.
SENTENCES = [
    # Plain, signed, grouped
    ("There are 344 penguins, 152 of them Adelie.", ["344", "152"]),
    ("It fell by 3.5 to -12.", ["3.5", "-12"]),
    ("Down −7 points, from (–5) to +4.", ["−7", "–5", "4"]),
    ("Of 336,776 flights 8,255 were cancelled.", ["336,776", "8,255"]),
    ("Of 336 776 flights 27 004 left.", ["336 776", "27 004"]),
    ("Of 336\u202f776 and 12\u00a0345 rows.", ["336\u202f776", "12\u00a0345"]),
    ("Swiss 1'234'567.50 and ’t 5.", ["1'234'567.50", "5"]),
    ("German 1.234,56 and 3,5 and 0,456.", ["1.234,56", "3,5", "0,456"]),
    ("A total of 1.234.567 units.", ["1.234.567"]),
    ("Values 1, 2 and 3; also 4,5,6.", ["1", "2", "3", "4", "5", "6"]),
    ("Mean 43.92, sd 5.46.", ["43.92", "5.46"]),
    # Money, units, scales
    ("$1,234.50, €99, 12 €, £3.20 and USD 5.", ["1,234.50", "99", "12", "3.20", "5"]),
    ("$1.2M, 3.4k, 7 bn and 2 Mio.", ["1.2M", "3.4k", "7 bn", "2 Mio"]),
    ("1.2 million rows, 5 thousand labels.", ["1.2 million", "5 thousand"]),
    ("**1.2** million and **44.2** %", ["1.2** million", "44.2** %"]),
    ("It took 250 ms, 3 kg, 12h, 25 °C, 80px.", ["250", "3", "12", "25", "80"]),
    ("An area of 500 m² and 5 m deep.", ["500", "5"]),
    ("It is 3x as much, 2.5× more, 1.5 times.", ["3", "2.5", "1.5"]),
    ("A score of 4/5, 3/4 of them.", ["4/5", "3/4"]),
    # Percent
    ("44.2 % or 44.2% or 44 per cent", ["44.2 %", "44.2%", "44 per cent"]),
    ("up 3 percentage points, or 2.5 pp", ["3 percentage points", "2.5 pp"]),
    (r"In TeX 12\% and $p = 0.05$.", [r"12\%", "0.05"]),
    # Ranges
    ("5–7 days, 5-7 days, 5 to 7 days, 10–20 %.", ["5", "7", "5", "7", "5", "7", "10", "20 %"]),
    ("between 10 and 20 %, $5–7k", ["10", "20 %", "5", "7k"]),
    ("from -5 to -3", ["-5", "-3"]),
    # Years, dates, times
    ("In 2019 it rose, since 1999, by 2021.", []),
    ("2019–2021, 2019/20, FY 2019, the 1990s, 2020", []),
    ("Sales in 2013 and 2014, 2015 were good.", []),
    ("The 2019 season and this 2020 report.", []),
    ("Of 2019 rows, the 2019 penguins, $2019.", ["2019", "2019", "2019"]),
    ("In Q3 2019, in May 2019, H1 2020, 4Q19, 2H", []),
    ("On 2019-05-01, in 2019-05, at 14:02.", ["2019-05-01", "2019-05", "14:02"]),
    ("On 5 May 2019 and May 5, 2019 and 1 June.", ["5 May 2019", "May 5, 2019", "1 June"]),
    ("On 01.05.2019 or 5/1/19.", ["01.05.2019", "5/1/19"]),
    ("The summer of '19.", []),
    # Ordinals, lists, headings, notes
    ("The 1st, 2nd and 21st place.", []),
    ("1. North: 12\n2. South: 13\n", ["12", "13"]),
    ("- 12 rows\n* 13 rows\n+ 14 rows\n", ["12", "13", "14"]),
    ("2) A\n\n**3.** B\n\n**4. C**", []),
    ("## 1.2 Results\n### 3. More\n# 17 rows", ["17"]),
    ("There are two kinds: (1) small, (2) large, and (3) odd.", []),
    ("Adelie (152), Gentoo (124)", ["152", "124"]),
    ("As said[1], and[^2] see [3]. Table 4, step 5, Figure 6.", []),
    ("[^1]: A note of 12 words.", ["12"]),
    ("See page 7, line 12, section 3, #45, no. 8.", []),
    ("> 1. quoted 5\n> 2. quoted 6", ["5", "6"]),
    ("- [x] 3 done\n- [ ] 4 open", ["3", "4"]),
    # Names, versions, codes
    ("Python 3.11, pandas 2.2.3, v1.2, version 4, DuckDB 1.4", []),
    ("1.2.3 and v10.0.1 and 127.0.0.1", []),
    ("UTF-8, COVID-19, ISO-8601, GPT-4o, M1-80k, top-10", []),
    ("A320, N14228, R2D2, P95, x2, col_3, c1", []),
    ("0xFF, 3D, 2D, 4x4, 3f2a", []),
    ("Call +1 (555) 010-9999 or 555-0199 or 555-010-9999.", []),
    ("The file sales-2019.csv, data_17.csv.", []),
    ("[17](https://x.example/17?a=5) <https://x.example/6> http://x.example/7", ["17"]),
    ("&#8211; &#x27; &amp; 5", ["5"]),
    # Code, formulas, tables
    ("`5` and ``6`` but 7\n\n```python\n8\n```\n\n    9\n", ["7"]),
    ("$x_1 + x_2^2 = 3.14$ and $\\sum_{i=1}^{n}$", ["3.14"]),
    ("$\\bar x = \\frac{1}{n} \\sum x_i = 43{,}920$", ["43{,}920"]),
    ("$1.5 \\times 10^6$, 1.5×10⁶, 2e-3", ["1.5 \\times 10^6", "1.5×10⁶", "2e-3"]),
    ("10^6 and 10⁻³", ["10^6", "10⁻³"]),
    ("| n | share |\n|---|---:|\n| 152 | 44.2 % |\n| 124 | 36 |\n", ["152", "44.2 %", "124", "36"]),
    ("η² = 0.71, R² 0.5, m² 3, CO₂ 4", ["0.71", "0.5", "3", "4"]),
    # In words
    ("Half of them, a third, two of the twenty; ½.", []),
    ("Top 5 regions; the top 3 are.", []),
    ("It is ≈ 3,700, about 12, ~5 and <3.", ["3,700", "12", "5", "3"]),
    ("0 rows, 0.0 %, 00123", ["0", "0.0 %", "00123"]),
    ("12-month average, 5-fold, 95%-interval", ["12", "5", "95%"]),
    ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), SENTENCES, ids=range(len(SENTENCES)))
def test_the_figures_that_an_answer_wrote(answer: str, expected: list[str]) -> None:
    found = numbers.written(answer)
    assert [one.text for one in found] == expected
    assert [answer[one.start : one.end] for one in found] == expected


# A figure, what was sent, and does it stand there?
THERE = [
    *(("44 %", "44.2 %"), ("44 %", "share 0.442"), ("0.442", "44.2 %"), ("44.2", "44.2 %")),
    *(("44 per cent", "44.2%"), ("44.2** %", "44.2 %"), ("3.4k", "3,412"), ("3,412", "3.412k")),
    *(("$1.2M", "1,203,000"), ("1.2 million", "1203000"), ("5m", "5 m"), ("7 bn", "7,000,000,000")),
    *(("336,800", "336,776"), ("about 3,700", "3706"), ("≈ 3,700", "3,700.7"), ("337k", "336776")),
    *(("43.9", "43.92193"), ("44.0", "43.96"), ("17.0", "17"), ("17", "17.0"), ("5", "-5")),
    *(("fell by 12.5 %", "-12.5 %"), ("1.234,56", "1,234.56"), ("3,5", "3.5"), ("0,456", "0.456")),
    *(("12 345", "12345"), ("12345", "12 345"), ("1'234", "1234"), ("8{,}560", "8560")),
    *(("1.5 × 10^6", "1,500,000"), ("2e-3", "0.002"), ("10⁶", "1000000"), ("3/4", "3 and 4")),
    *(("75 %", "3/4 is 0.75"), ("2019-05", "2019-05-17"), ("5 May 2019", "2019-05-05")),
    *(("1 June", "2020-06-01"), ("May 5, 2019", "on 5 May 2019"), ("5/1/19", "2019-05-01")),
    *(("14:02", "at 14:02"), ("10–20 %", "10 % to 20 %"), ("between 5 and 7 %", "5 %, 7 %")),
    *(("152", '"Adelie": 152}'), ("152", "(152)"), ("152", "n=152"), ("3", "3 distinct")),
    *(("20 %", "above 20 %"), ("-5", "below −5"), ("0.5", ".5 or 0.50"), ("99", "€99")),
    *(("12 percentage points", "12 %"), ("1,000", "1000 rows"), ("5", "5 %"[:1])),
]  # fmt: skip
NOT_THERE = [
    *(("20 %", "20 rows"), ("20 rows", "20 %"), ("45 %", "44.2 %"), ("7", "6.9")),
    *(("38.7", "38.79"), ("-5", "5"), ("1,234", "1 and 234"), ("32", "INT32"), ("17", "q17")),
    *(("3.4k", "3,512"), ("337,000", "335,776"), ("1,000", "1,003"), ("3,700", "3,706")),
    *(("1.2M", "1.2"), ("2019-05-02", "2019-05-01"), ("5 June 2019", "5 May 2019")),
    *(("0.5", "50"), ("44", "43.6")),
    *(("3/4", "0.5"), ("14:03", "14:02"), ("2.5", "25"), ("160", "152")),
]  # fmt: skip


@pytest.mark.parametrize(("figure", "sent"), THERE)
def test_a_figure_that_stands_in_what_was_sent(figure: str, sent: str) -> None:
    assert numbers.written(f"It is {figure}.")
    assert not numbers.unchecked(f"It is {figure}.", (), ["What?", f"so {sent}, then"])


@pytest.mark.parametrize(("figure", "sent"), NOT_THERE)
def test_a_figure_that_does_not(figure: str, sent: str) -> None:
    assert numbers.unchecked(f"It is {figure}.", (), ["What?", f"so {sent}, then"])


def test_the_count() -> None:
    sent = ["In 2013?", "`origin`: EWR 35.9 %, JFK 33 %; 336,776 rows; mean 12.64"]
    answer = (
        "## 1. Delays\n\nOf **336,776** flights 36 % left EWR[^1], 33 % JFK, in 2013:\n\n"
        "1. on average 12.6 minutes late, `sd 5`\n2. at most 1,301\n\n[^1]: Newark"
    )
    assert numbers.count(answer, (), sent) == "4 of 5 figures stand in what was sent"
    assert numbers.count("17", (), sent) == "0 of 1 figure stands in what was sent"
    assert numbers.count("In 2013, half.", (), sent) == ""


@pytest.mark.parametrize(
    "part",
    ["1 ", "1,", "1.", "1'", "1-", "9" * 50, "-", "1e", "1 %", "May 5 ", "1/2", "(1) ", "$1_"],
)
def test_a_long_text_of_one_odd_thing_comes_to_an_end(part: str) -> None:
    # Were any step quadratic, this would take many minutes.
    known = part * (300_000 // len(part))
    answer = part * (30_000 // len(part)) + " 17.5"
    assert len(numbers.written(answer)) <= 30_000
    assert numbers.unchecked("It is 17.5.", (), [known])
