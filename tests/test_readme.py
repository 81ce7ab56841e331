"""Each recipe of the README is run as it stands, and what one sees is compared with it.

M1's words come from the emulator; all else in the blocks that show something is the package's own.
Of lines with tokens, sums and seconds the numbers may differ.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from palmerpenguins import load_penguins

import notebooks
import readme
import shells
from emulator import Answer, OpenRouter
from m1_magic.cli import main
from panels import Page

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARYING = re.compile(r"[\d,.]*\d")
FIRST, FIX, PANEL = "Ask about a table", "Fix an error", "The panel"
ANSWERS = {
    FIRST: ("Gentoo; all of them live on Biscoe.",),
    "Exact figures": (
        "```sql q\nSELECT avg(body_mass_g) FILTER (WHERE species = 'Gentoo') AS gentoo,\n"
        "  avg(body_mass_g) FILTER (WHERE species = 'Adelie') AS adelie, gentoo - adelie AS more\n"
        "FROM penguins\n```\n"
        "By {{q.more:,.0f}} g on average: {{q.gentoo:,.0f}} g against {{q.adelie:,.0f}} g.",
    ),
    FIX: (
        "The column is called `body_mass_g`.\n\n"
        '```python\npenguins.groupby("species").body_mass_g.mean()\n```',
    ),
    "Code into a cell": (
        '```python\npenguins.groupby("species").body_mass_g.mean().plot.bar()\n```',
    ),
    "A DataFrame from an answer": (
        '[{"item": "desk lamp", "count": 2, "price": 49.90},'
        ' {"item": "cable", "count": 1, "price": 4.50}]',
    ),
    "A function that M1 calls": (
        '<tool_calls>\n{"name": "price", "arguments": {"item": "desk lamp", "count": 2}}\n'
        "</tool_calls>",
        "They cost 99.80 euros.",
    ),
    "Chat": (
        "Gentoo.",
        "Adelie, but Chinstrap is hardly heavier.",
    ),
    "A class without keys": ("Half of all values lie below it.",),
}


LABELS = {"Works at once": "pos", "Broken after a day": "neg", "Would buy again": "pos"}


@dataclass(frozen=True)
class Recipe:
    """A recipe: its name, and its blocks of code and of what one sees, in order."""

    name: str
    blocks: tuple[tuple[str, str], ...]

    def cells(self) -> list[str]:
        return [text.rstrip("\n") for kind, text in self.blocks if kind == "python"]


def recipes() -> dict[str, Recipe]:
    text = readme.README.read_text("utf-8").partition("## Recipes\n")[2].partition("\n## ")[0]
    parts = re.split(r"^### (.*)\n", text, flags=re.MULTILINE)[1:]
    made = zip(parts[::2], parts[1::2], strict=True)
    return {name: Recipe(name, tuple(BLOCK.findall(body))) for name, body in made}


@pytest.mark.parametrize("name", [name for name in recipes() if name != PANEL])
def test_a_recipe_does_what_stands_below_it(
    name: str,
    server: OpenRouter,
    shell: InteractiveShell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shell.history_manager, "enabled", True)
    run = shells.runner(shell, history=True)
    recipe, first = recipes()[name], recipes()[FIRST]
    if recipe != first:
        server.say(Answer(*ANSWERS[FIRST]))
        for cell in first.cells():
            assert run(cell).error is None
    server.say(*map(Answer, ANSWERS.get(name, ())))
    server.by_words = {words: Answer(label) for words, label in LABELS.items()}
    seen = ""
    for kind, text in recipe.blocks:
        if kind == "python":
            ran = run(text.rstrip("\n"))
            assert (ran.error is not None) == (name == FIX and not seen), ran.text
            seen += ran.text
        elif kind == "sh":
            notebooks.write(tmp_path / "lesson.ipynb", "%load_ext m1_magic", *recipe.cells())
            assert main(shlex.split(text)[1:]) == 0
            seen += capsys.readouterr().out
        else:
            assert kind == "text"
            shown = [plain(line) for line in seen.splitlines()]
            assert [line for line in text.splitlines() if plain(line) not in shown] == [], seen
    assert not server.pending


def test_the_panel_opens(page: Page) -> None:
    for cell in recipes()[PANEL].cells():
        assert "Error" not in page.run(cell)
    assert any("application/vnd.jupyter.widget-view+json" in one for one in page.outputs)


def plain(line: str) -> str:
    """Return a line as it is rendered, without numbers that differ from call to call."""
    line = re.sub(r"[*`]", "", line).strip()
    return VARYING.sub("N", line) if re.search(r" · | → |spent \$", line) else line


def test_what_the_readme_says_of_the_penguins_is_so() -> None:
    penguins = load_penguins()
    grams = penguins.groupby("species").body_mass_g.mean().sort_values()
    assert list(grams.index) == ["Adelie", "Chinstrap", "Gentoo"]
    assert grams["Chinstrap"] - grams["Adelie"] < 50 < grams["Gentoo"] - grams["Chinstrap"]
    assert set(penguins[penguins.species == "Gentoo"].island) == {"Biscoe"}
    more = grams["Gentoo"] - grams["Adelie"]
    said = (
        f"By {more:,.0f} g on average: {grams['Gentoo']:,.0f} g against {grams['Adelie']:,.0f} g."
    )
    assert said in readme.README.read_text("utf-8")


def test_the_readme_is_short() -> None:
    text = readme.README.read_text("utf-8")
    assert len(text.split()) <= 1200
    assert len(recipes()) >= 7 and all(recipe.blocks for recipe in recipes().values())
