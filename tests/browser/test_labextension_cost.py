"""The cost that the front end shows is the one of ``m1-magic report``, whatever is saved."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from browser.shared import RECORD, bare
from m1_magic.verbs import cost_report

pytestmark = pytest.mark.browser

LISTS, LONGEST = 400, 8
ODD: list[Any] = [None, True, "0.5", -1, [], {}, 1e300, 10**30]
IDS = [*ODD, "a", "b", "c", "d", "None", "null", "undefined", "[]", "", "1", 1]
REPLAYS = [*ODD, "", "a", 0, False, {"a": 1}, [0]]
COSTS = [*ODD, 0, 5, 1e9, 1e9 + 1, 1e-13, 4e-13, 5e-10, 2**-10, 5e-324]
TIES = [0.00005, 0.00015, 0.00025, 0.20005, 1234.56785, 0.1, 0.2, 2.5e-9, 1.5e-9]
COUNTS = [*ODD, 0, 1.5, 2.999, 1e9, 1e9 + 1, 999999999.9999999]
SOURCES = ["estimated", "billed", None, 5, ["estimated"]]

# The extension in an empty page, with a shell of which the test says what is in it.
COUNTED = """async ([record, lists]) => {
  const widgets = {Widget: class { constructor({node}) { this.node = node; } }};
  const {init, get} = window._JUPYTERLAB["m1-magic"];
  init({"@lumino/widgets": {"2.0.0": {get: async () => () => widgets}}});
  const [{activate}] = (await get())().default;
  let cost, count;
  const currentChanged = {connect: slot => { count = slot; }};
  const shell = {currentChanged, add: one => { cost = one.node; }};
  activate({shell, docRegistry: {addWidgetExtension() {}}}, null);
  return lists.map(text => {
    const all = JSON.parse(text);
    const outputs = {length: all.length, get: at => ({data: {[record]: all[at]}})};
    shell.currentWidget = {content: {model: {cells: [{}, {outputs}]}}};
    count();
    return [cost.hidden, cost.textContent, document.querySelector(".m1-details").textContent];
  });
}"""


def made(chance: random.Random) -> Any:
    """Make one record, or what stands in the place of one."""
    if chance.random() < 0.08:
        return chance.choice([None, 7, "x", [], {}, True, [1]])
    cost = [
        chance.choice(COSTS),
        chance.choice(TIES),
        chance.random() * 10.0 ** chance.randrange(-12, 9),
        chance.randrange(10**10) / 1e9,
    ]
    count = [chance.choice(COUNTS), chance.randrange(5000), chance.randrange(10**6)]
    usage = {name: chance.choice(count) for name in ("input", "output")}
    fields = {
        "id": (0.9, chance.choice(IDS)),
        "usage": (0.9, chance.choice([usage, usage, usage, usage, *ODD])),
        "cost_usd": (0.9, chance.choice(cost)),
        "cost_source": (0.3, chance.choice(SOURCES)),
        "replays": (0.2, chance.choice(REPLAYS)),
        "questions": (0.2, chance.choice(count)),
    }
    return {name: value for name, (often, value) in fields.items() if chance.random() < often}


def saved(chance: random.Random) -> list[Any]:
    """Make the records of a notebook: of cells, and lists of panels."""
    one = [made(chance) for _ in range(chance.randrange(LONGEST))]
    return [[made(chance), one[:2]] if chance.random() < 0.1 else record for record in one]


def test_the_sum_is_that_of_the_report_whatever_is_saved(
    browser: BrowserContext, tmp_path: Path
) -> None:
    chance = random.Random(20)
    lists = [saved(chance) for _ in range(LISTS)]
    tab = bare(browser)
    shown = tab.evaluate(COUNTED, [RECORD, [json.dumps(one) for one in lists]])
    tab.close()
    seen = 0
    for records, (hidden, line, details) in zip(lists, shown, strict=True):
        calls, into, out, dollars, notes = reported(records, tmp_path / "a.ipynb")
        noun = "call" if calls == "1" else "calls"
        told = f"M1: {calls} {noun} · {into} in · {out} out · {dollars}"
        assert hidden == (line == "") == (calls == "0" and "kept" not in notes), records
        if not hidden:
            assert line == told, records
            assert first_words(details.splitlines()[5:]) == first_words(notes.splitlines())
            seen += 1
    assert seen > LISTS / 2


def first_words(lines: list[str]) -> list[str]:
    """Return how many there are of what each line tells of."""
    return [" ".join(line.split()[:2]) for line in lines]


def reported(records: list[Any], path: Path) -> list[str]:
    """Return the figures of a notebook as ``m1-magic report`` has them, and its notes."""
    outputs = [
        {"output_type": "display_data", "data": {RECORD: one}, "metadata": {}} for one in records
    ]
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]}))
    table, *more = cost_report.report([str(path)]).split("\n\n")
    cells = [cell.strip() for cell in table.splitlines()[2].split("|")]
    return [*cells[-5:-1], "\n".join(part for part in more if not part.startswith("|"))]
