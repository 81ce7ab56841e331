"""Run All of a long notebook in which users' own outputs stand between ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from browser.front import Jupyter, Page
from browser.shared import LOAD, RECORD, SHOTS, only_lab
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

ROUNDS = 6
PROSE = (
    "The penguins of round {n} differ mostly in **body mass**: Gentoo leads by about 1.3 kg, and "
    "the other two species can hardly be told apart by it alone. Flipper length says nearly the "
    "same, so one of the two columns will do in a first model; the bills tell the rest, for "
    "*Chinstrap* has longer ones than *Adelie* at the same depth.\n\n"
)
CODE = (
    "```python\n"
    "means = penguins.groupby('species')['body_mass_g'].agg(['mean', 'std', 'count'])\n"
    "means['error'] = means['std'] / means['count'] ** 0.5\n"
    "print(means.sort_values('mean', ascending=False).round({n}))\n"
    "```\n\n"
)
TABLE = (
    "| species | mean (g) | sd (g) | n |\n|:--|--:|--:|--:|\n"
    "| Adelie | 3,700.7 | 458.6 | 151 |\n| Chinstrap | 3,733.1 | 384.3 | 68 |\n"
    "| Gentoo | 5,076.0 | 504.1 | 123 |\n\n"
)
MATH = (
    "The error of a mean is $s / \\sqrt{n}$, and of a difference\n\n"
    "$$\n\\sqrt{\\frac{s_1^2}{n_1} + \\frac{s_2^2}{n_2}}\n$$\n\n"
)
LIST = (
    "1. Look at the missing values first: two rows have none of the four measures.\n"
    "2. Compare the sexes within each species, not over all of them.\n"
    "3. Only then fit a model, with `island` left out.\n\n"
)
PICTURE = (
    "from IPython.display import HTML, SVG, display\n\n"
    'display(SVG(\'<svg xmlns="http://www.w3.org/2000/svg" height="20"><circle r="9"/></svg>\'))\n'
)


def answer(n: int, blocks: int) -> str:
    """Return a realistic answer: about 1.6 kB of prose, code, tables and mathematics a block."""
    block = f"## Step {{n}}\n\n{PROSE}{CODE}{PROSE}{TABLE}{MATH}{LIST}"
    return "".join(block.replace("{n}", f"{n}{part}") for part in range(blocks))


def cells(n: int) -> list[str]:
    """Return five cells: ours, the user's, ours, mixed, and a user's one that asks."""
    return [
        f"%%m1\nquestion {n}",
        f"print('print {n}')\n{PICTURE}display(HTML('<b>own {n}</b>'))\nframe",
        f"%%m1 --df frame -o r{n}\nquestion {n}",
        f"print('before {n}')\n%m1 ask question {n}\nprint('after {n}')\n{PICTURE}",
        f"for part in range(2):\n    print('part', part)\n    reply = ask('question {n}')\n"
        "    print(len(reply.text))\ndisplay(frame)\nreply",
    ]


def kinds(outputs: list[dict[str, Any]]) -> list[str]:
    return [
        "".join(one["text"]) if one["output_type"] == "stream" else
        "footer" if RECORD in one["data"] else
        next(kind for kind in ("image/svg+xml", "text/html", "text/plain") if kind in one["data"])
        for one in outputs
    ]  # fmt: skip


@only_lab
def test_nothing_foreign_is_cleared_or_moved(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    said: list[str] = []
    for n in range(ROUNDS):
        # One of them is long enough to stream in several outputs.
        said += [answer(n, 12 if n == 3 else 2), answer(n, 4), answer(n, 3), *["Short."] * 2]
    openrouter.say(*(Answer(text=text, piece=40) for text in said))
    own = "import pandas\nfrom m1_magic import ask\nframe = pandas.DataFrame({'a': range(40)})"
    sources = [f"{LOAD}\n{own}", *(cell for n in range(ROUNDS) for cell in cells(n))]
    page.open(jupyter.write("thirty.ipynb", sources))
    assert page.run_all()
    book = json.loads(page.save())
    outputs = [cell["outputs"] for cell in book["cells"]]
    for n in range(ROUNDS):
        first, user, second, mixed, loop = outputs[1 + 5 * n : 6 + 5 * n]
        assert kinds(first) == kinds(second) == ["text/html", "footer"]
        assert kinds(user) == [f"print {n}\n", "image/svg+xml", "text/html", "text/html"]
        before, *blocks, foot, after, drawn = kinds(mixed)
        assert (before, foot, after) == (f"before {n}\n", "footer", f"after {n}\n")
        assert set(blocks) == {"text/html"} and drawn == "image/svg+xml"
        assert kinds(loop) == ["part 0\n6\npart 1\n6\n", "text/html", "text/html"]
        assert "<b>own" in "".join(user[2]["data"]["text/html"])
        texts = ["".join(one[at]["data"]["text/plain"]) for one, at in ((first, 0), (second, 0))]
        parts = ["".join(one["data"]["text/plain"]) for one in mixed[1:-3]]
        assert [*texts, "".join(parts)] == said[5 * n : 5 * n + 3]
    # As the file holds them: all outputs of the pure cells, answer and footer of the mixed ones.
    ours = [one for n in range(ROUNDS) for at in (1, 3) for one in outputs[at + 5 * n]]
    ours += [one for n in range(ROUNDS) for one in outputs[4 + 5 * n][1:-2]]
    size = len(json.dumps(ours, ensure_ascii=False, indent=1).encode())
    answers = sum(len(said[5 * n + part].encode()) for n in range(ROUNDS) for part in range(3))
    assert size <= 4 * answers, size / answers
    assert None not in page.counts()
    page.shot(SHOTS / "thirty.png")
    assert page.unrest() == []
