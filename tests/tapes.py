"""The tapes of the project's own notebooks: ``python tests/tapes.py --write`` makes them anew.

Their answers stand below. M1 wrote none of them, which the name of the model that answered says
in each footer; they cost nothing, and say so, too. Those of ``rows`` are not made up: the program
VADER 3.3.2 gave them (package ``vaderSentiment``, MIT), see `data/README.md`.
"""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import notebooks
import shells
from emulator import Answer, OpenRouter
from m1_magic import api

MODEL, VADER = "tests/made-up", "vaderSentiment-3.3.2"
TEXTS = {
    "quickstart": (
        "```sql species\n"
        "SELECT species, count(*) AS penguins, count(*) / sum(count(*)) OVER () AS share,\n"
        "  round(avg(body_mass_g)) AS grams\n"
        "FROM penguins GROUP BY species ORDER BY count(*) DESC\n"
        "```\n\n"
        "```sql heaviest\n"
        "SELECT species, avg(body_mass_g) AS grams\n"
        "FROM penguins GROUP BY species ORDER BY grams DESC\n"
        "```\n\n"
        "**{{species.species}}** is there most often: {{species.penguins}} penguins, "
        "{{species.share:.1%}} of all. The heaviest is **{{heaviest.species}}**: "
        "{{heaviest.grams:,.0f}} g on average, before {{heaviest.species[1]}} with "
        "{{heaviest.grams[1]:,.0f}} g.\n\n"
        "{{species:species,penguins,grams}}",
        "Dear Gentoo, what a splendid, solid bird you are!",
    ),
    "dataframes": (
        "`dep_delay`: a flight that leaves late mostly lands late. Then `carrier` and `origin`.",
    ),
    "exact": (
        "## Late departures, 2013\n\n"
        "```sql late\n"
        "SELECT count(*) AS n, count(*) FILTER (WHERE dep_delay > 15) AS late,\n"
        "  count(*) FILTER (WHERE dep_delay > 15) / count(dep_delay) AS share,\n"
        "  count(*) FILTER (WHERE dep_time IS NULL) AS cancelled\n"
        "FROM flights\n"
        "```\n\n"
        "**{{late.late:,d}}** of {{late.n:,d}} flights left more than 15 minutes late, "
        "{{late.share:.1%}} of those that left at all; {{late.cancelled:,d}} never did. "
        "That is one every 7.4 minutes of the year.\n\n"
        "- Most of them: **{{by_airline.name}}**, with {{by_airline.late:,d}}; one waits longest "
        "for {{worst.name}}: {{worst.minutes:.0f}} minutes on average.\n"
        "- The worst month is **{{by_month.month}}**, the best {{by_month.month[-1]}}: "
        "{{by_month.share:.0%}} and {{by_month.share[-1]:.0%}} late.\n\n"
        "{{by_airline:name,flights,late}}\n\n"
        "{{months:bar}}\n\n"
        "```sql by_airline\n"
        "SELECT name, count(*) AS flights, count(*) FILTER (WHERE dep_delay > 15) AS late\n"
        "FROM flights JOIN airlines USING (carrier)\n"
        "GROUP BY name ORDER BY late DESC LIMIT 5\n"
        "```\n\n"
        "```sql worst\n"
        "SELECT name, avg(dep_delay) AS minutes\n"
        "FROM flights JOIN airlines USING (carrier) GROUP BY name ORDER BY minutes DESC\n"
        "```\n\n"
        "```sql by_month\n"
        "SELECT monthname(make_date(2013, month, 1)) AS month,\n"
        "  count(*) FILTER (WHERE dep_delay > 15) / count(dep_delay) AS share\n"
        "FROM flights GROUP BY ALL ORDER BY share DESC\n"
        "```\n\n"
        "```sql months\n"
        "SELECT monthname(make_date(2013, month, 1)) AS month,\n"
        "  count(*) FILTER (WHERE dep_delay > 15) AS late\n"
        "FROM flights GROUP BY flights.month ORDER BY flights.month\n"
        "```\n",
    ),
    "fix-and-code": (
        'A text and a number cannot be added: `grams["Gentoo"]` is a number. An f-string writes '
        "it as text, rounded to whole grams.\n\n```python\n"
        'grams = penguins.groupby("species").body_mass_g.mean()\n'
        "print(f\"Gentoo: {grams['Gentoo']:,.0f} g\")\n```",
        "```python\ndef mean_mass(species):\n"
        "    return penguins[penguins.species == species].body_mass_g.mean()\n\n\n"
        'round(mean_mass("Adelie"))\n```',
        "The function keeps the rows of one species and averages `body_mass_g`; birds that were "
        "not weighed are left out by `mean()`. The call does so for Adelie, in whole grams.",
    ),
    "rows": (),
    "teaching": (
        "The **median** is the value in the middle: half of all values lie below it. The *mean* "
        "weighs each value, so that one very large value moves it, and the median hardly.",
        "```python\nfrom statistics import mean, median\n\nvalues = [1, 2, 3, 4, 100]\n"
        "mean(values), median(values)\n```\n\n"
        "| | value |\n|---|---:|\n| mean | 22 |\n| median | 3 |",
        "Mochi",
        "Dormouse",
        "$0.05.",
        "$0.05: the bat then costs $1.05, and $1.05 + $0.05 = $1.10.",
        "22 is what you get when you add up all five and divide by five. Which step of your "
        "function looks for the value in the *middle*, and what must be done to the values first?",
        "yes",
        "no",
    ),
}
# What the model thought before an answer, which no tape has, but for how many tokens that was.
THINKING = {
    "$0.05.": "Not ten cents.",
    "$0.05: the bat then costs $1.05, and $1.05 + $0.05 = $1.10.": (
        "Ten cents? Then the bat costs $1.10, together $1.20: too much. Let the ball cost x, so "
        "the bat costs x + 1, together 2x + 1 = 1.10, and x = 0.05. Check: 0.05 + 1.05 = 1.10."
    ),
}


def answers(name: str) -> list[Answer]:
    """Return what is answered to a notebook's questions, in order."""
    return [Answer(text, THINKING.get(text, ""), model=MODEL, cost=0) for text in TEXTS[name]]


def by_comment() -> dict[str, Answer]:
    """Return what VADER says of each comment of ``rows``, by its words in a question."""
    with (notebooks.FOLDER / "comments.csv").open(encoding="utf-8", newline="") as file:
        comments = [f'"{row["comment"]}"' for row in csv.DictReader(file)]
    said = (Path(__file__).parent / "data" / "comments_vader.txt").read_text("utf-8").split()
    each = zip(comments, said, strict=True)
    return {comment: Answer(word, model=VADER, cost=0) for comment, word in each}


def kept(name: str) -> Path:
    """Return where the tape of a notebook lies."""
    return notebooks.FOLDER / f"{name}.tape.jsonl"


def record(name: str, folder: Path) -> bytes:
    """Run a notebook in this process, in ``folder``, the emulator answering; return its tape."""
    path = notebooks.FOLDER / f"{name}.ipynb"
    with OpenRouter() as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for key, value in {
            "M1_HOME": str(folder / "home"),
            "M1_BASE_URL": server.base_url,
            "OPENROUTER_API_KEY": server.key,
            "M1_TAPE": f"{name}.tape.jsonl",
            "M1_MODE": "record",
        }.items():
            patch.setenv(key, value)
        server.say(*answers(name))
        if name == "rows":
            # What is no choice is asked for once more, without the comment: it stays at its word.
            server.by_words, server.default = by_comment(), Answer("neutral", model=VADER, cost=0)
            (folder / "comments.csv").write_bytes((notebooks.FOLDER / "comments.csv").read_bytes())
        run(path, in_turn)
        assert not server.pending
    return (folder / f"{name}.tape.jsonl").read_bytes()


def in_turn(source: str) -> str:
    """Return a cell that asks one after the other what is asked at once."""
    head, _, prompt = source.partition("\n")
    if "--each" in head:  # answers come in the order asked
        return f"{head} --workers 1\n{prompt}"
    if "-t 0,1" not in head:
        return source
    return (
        "names = []\nfor t in (0, 1):\n"
        f"    get_ipython().run_cell_magic('m1', f'-t {{t}}', {prompt + chr(10)!r})\n"
        "    names.append(_m1)"
    )


def run(path: Path, changed: Callable[[str], str] = str) -> str:
    """Run the code cells of a notebook in this process; return what they showed."""
    api.end()
    shown = []
    with shells.loaded() as shell, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell.history_manager, "enabled", True)
        patch.setattr(shell.history_manager, "outputs", defaultdict(list))  # all shells have one
        patch.setattr("m1_magic.jupyter.history.current", lambda: shell)
        # What several answers show before their end is a matter of time.
        patch.setattr("m1_magic.render.grid.Grid.paint", lambda _: None)
        for cell in notebooks.read(path).cells:
            if cell.cell_type == "code":
                ran = shells.runner(shell, history=True)(changed(cell.source))
                fails = "raises-exception" in cell.metadata.get("tags", ())
                assert (ran.error is not None) == fails, ran.text
                shown.append(ran.text)
    api.end()
    return "\n".join(shown)


if __name__ == "__main__":
    named = [one for one in sys.argv[1:] if one in TEXTS]
    for one in named or TEXTS if "--write" in sys.argv else ():
        with tempfile.TemporaryDirectory() as home, redirect_stdout(io.StringIO()):
            made = record(one, Path(home))
        kept(one).write_bytes(made)
