"""What a user sees: ``%%m1`` in JupyterLab and Notebook 7, looked at in Chromium."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from browser.front import Jupyter, Page
from browser.shared import LOAD, RECORD, ROOT, SHOTS, check_paragraph, shoot
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

TEXT = """Gentoo is the **heaviest** of the three species.

| species | mean mass (g) |
|:--|--:|
| Gentoo | 5,076 |
| Chinstrap | 3,733 |

To see it yourself:

```python
penguins.groupby("species").body_mass_g.mean()  # grams
```

1. Group by `species`.
2. Take the mean $\\bar{m} = \\frac{1}{n}\\sum_i m_i$; it costs $5, not $6.
"""
THINKING = "The user has a table of penguins.\n\nI compare the means: **Gentoo** leads."
USAGE = {
    "prompt_tokens": 1204,
    "completion_tokens": 2345,
    "total_tokens": 3549,
    "cost": 0.0054,
    "prompt_tokens_details": {"cached_tokens": 312},
    "completion_tokens_details": {"reasoning_tokens": 1900},
}
FIRST_CALL = [
    LOAD,
    "from palmerpenguins import load_penguins\n\npenguins = load_penguins()\npenguins.head(3)",
    "%%m1 --df penguins -o r\nWhich species is the heaviest?",
    f"print(r.text == {TEXT!r}, r.usage, r.cost)",
]


def test_first_call(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    openrouter.say(Answer(thinking=THINKING, text=TEXT, usage=USAGE))
    page.open(jupyter.write("first.ipynb", FIRST_CALL))
    assert page.run_all()

    answer, foot = page.outputs(2)
    assert page.js(LOOK, 2) == {
        "folded": [True],
        "summary": ["thought 1,900 tokens"],
        "bold": ["heaviest"],
        "cells": ["species", "mean mass (g)", "Gentoo", "5,076", "Chinstrap", "3,733"],
        "code": ['penguins.groupby("species").body_mass_g.mean()  # grams\n', "species"],
        "coloured": True,
        "formulas": 1,
    }
    assert "it costs $5, not $6." in answer.text
    assert "I compare the means" in answer.html
    assert re.fullmatch(
        r"minimax/minimax-m1 · 1,204 in \(312 cached\) · 2,345 out \(1,900 thinking\) · \$0\.0054"
        r" · session \$0\.0054 · \d+\.\d s\n"
        r"penguins 344 × 8 → stats, [\d,.k]+ tokens, 0 rows, \d+ labels\n"
        r"1 of 4 figures stand in what was sent",
        foot.text.strip(),
    )
    used = "Usage(input=1204, output=2345, cached=312, reasoning=1900)"
    assert page.outputs(3)[0].raw["text"] == f"True {used} 0.0054\n"
    check_saved(page.save(), openrouter)

    shoot(page, "first")
    assert page.unrest() == []


LOOK = """cell => {
  const [answer] = front.nodes(cell);
  const all = selector => [...answer.querySelectorAll(selector)];
  const colour = one => one && getComputedStyle(one).color;
  const outside = one => !one.closest('details');
  return {
    folded: all('details').map(one => !one.open),
    summary: all('summary').map(one => one.innerText),
    bold: all('strong').filter(outside).map(one => one.innerText),
    cells: all('th, td').map(one => one.innerText),
    code: all('code').map(one => one.textContent),
    coloured: all('pre span').some(one => colour(one) !== colour(all('pre')[0])),
    formulas: all('mjx-container').length,
  };
}"""


def check_saved(file: str, openrouter: OpenRouter) -> None:
    assert openrouter.key not in file
    outputs = json.loads(file)["cells"][2]["outputs"]
    assert [sorted(one["data"]) for one in outputs] == [
        ["text/html", "text/plain"],
        [RECORD, "text/html", "text/plain"],
    ]
    record = outputs[1]["data"][RECORD]
    assert record["usage"] == {"input": 1204, "output": 2345, "reasoning": 1900, "cached": 312}
    assert (record["cost_usd"], record["cost_source"]) == (0.0054, "billed")
    assert (record["status"], record["finish"]) == ("ok", "stop")
    assert record["generation_id"] in openrouter.generations


def test_thinking_is_shown_where_it_is_wanted(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    openrouter.say(Answer(thinking=THINKING, text=TEXT, usage=USAGE))
    show = f"{LOAD}\n%config M1.thinking = 'show'"
    page.open(jupyter.write("thinking.ipynb", [show, "%%m1\nWhich species is the heaviest?"]))
    assert page.run_all()
    text = page.outputs(1)[0].text
    assert text.index("thought 1,900 tokens") < text.index("Gentoo leads") < text.index("heaviest")
    assert page.js("() => document.querySelector('.m1-answer').closest('details').open")
    shoot(page, "thinking")
    assert page.unrest() == []


# -- when it fails -----------------------------------------------------------------------------
def test_an_error_is_one_paragraph(page: Page, jupyter: Jupyter) -> None:
    wrong = "import os\n\nos.environ['OPENROUTER_API_KEY'] = 'sk-or-v1-' + 'cd' * 32"
    page.open(jupyter.write("error.ipynb", [wrong, LOAD, "%%m1\nTell me a story."]))
    assert not page.run_all()
    check_paragraph(page.outputs(2)[-1], "KeyRefused")
    assert "cd" * 32 not in page.save()
    shoot(page, "error")
    assert page.unrest() == []


# -- the project's own notebook ----------------------------------------------------------------
def test_quickstart(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    answers = ["**Adelie**, then Gentoo.\n\n```sql q\nSELECT 1\n```", "Dear Gentoo!"]
    openrouter.say(*(Answer(text=text, thinking="Hm.") for text in answers))
    shutil.copy(ROOT / "notebooks" / "quickstart.ipynb", jupyter.root)
    page.open("quickstart.ipynb")
    assert page.run_all()
    assert None not in page.counts()
    outputs = page.all_outputs()
    assert "error" not in {one.kind for one in outputs}
    seen = "\n".join(one.text for one in outputs)
    for text in ("Adelie, then Gentoo.", "Dear Gentoo!"):
        assert text in seen
    assert "\\" not in seen
    assert sum(RECORD in one.mimes for one in outputs) == len(answers)
    page.shot(SHOTS / f"quickstart-{jupyter.app}.png")
    assert page.unrest() == []
