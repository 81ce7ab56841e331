"""README, help pages and CONTRIBUTING say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

import readme
from m1_magic.options import flags
from m1_magic.render import page
from m1_magic.text import md_to_text
from m1_magic.verbs import VERBS, help_pages

ROOT = Path(__file__).parent.parent
NAMES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "notebooks/README.md")
TEXTS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (
        *(ROOT / name for name in NAMES),
        *readme.HELP.glob("*.md"),
        *readme.BENCHMARKS.glob("*.md"),
    )
}
FENCED = re.compile(r"^(`{3,}).*?^\1$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("part", readme.PARTS)
def test_the_tables_of_the_help_pages_are_those_of_the_code(part: str) -> None:
    path, _ = readme.PARTS[part]
    assert readme.renewed(part) == path.read_text("utf-8"), "run: python tests/readme.py --write"


@pytest.mark.parametrize("name", help_pages.topics())
def test_a_page_of_help_is_shown_in_notebook_and_terminal(name: str) -> None:
    made = page.bundle(help_pages.about(name, VERBS))
    title = help_pages.topics()[name]
    assert f"<h1>{title}" in made["text/html"].replace("<code>", "").replace("</code>", "")
    assert title in made["text/plain"]
    for shown in made.values():
        assert "<!--" not in shown and "](" not in shown
    assert "<p>```" not in made["text/html"] and "\n```" not in made["text/plain"]
    heads = re.findall(r"^\|(?:-+:?\|)+$|^\|(?:---:?\|)+$", help_pages.topic(name), re.MULTILINE)
    assert made["text/html"].count("<table>") == len(heads)


def test_the_readme_leads_to_each_page() -> None:
    linked = set(re.findall(r"m1_magic/help/(\w+)\.md", TEXTS["README.md"]))
    assert linked == set(help_pages.topics())


def test_every_option_verb_and_setting_is_on_its_page() -> None:
    for flag in flags.cell_options().flags:
        assert flag in help_pages.topic("options")
        assert flag in help_pages.about(flag, VERBS)
    for verb in VERBS.values():
        assert f"%m1 {verb.usage}" in md_to_text(help_pages.topic("verbs"))
    assert "| `max_cost` | 0.25 |" in help_pages.about("M1.max_cost", VERBS)
    assert "`%m1 help money`" in help_pages.about("cost", VERBS)


def test_the_tables_of_all_texts_have_one_head_and_as_many_cells_in_each_row() -> None:
    for name, text in TEXTS.items():
        lines = FENCED.sub("", text).splitlines()
        for above, line, below in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
            if re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", line):
                assert above.startswith("|") and not re.fullmatch(r"\|[-:|]+", below), name
            if line.startswith("|") and above.startswith("|"):
                assert cells(line) == cells(above), (name, line)


def cells(row: str) -> int:
    return len(
        re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", lambda code: code[0].replace("\\|", ""), row))
    )


def test_the_page_of_speed_says_what_was_measured() -> None:
    rows = re.findall(r"^\| .*?benchmarks/(\w+)\.md\)(.*)$", TEXTS["m1_magic/help/speed.md"], re.M)
    assert len(rows) > 5
    for benchmark, row in rows:
        for figure in re.findall(r"\d[\d,]*\.?\d*(?= (?:ms|s|times|messages))", row):
            assert re.search(rf"(?<!\d){re.escape(figure)}(?!\d)", readme.measured(benchmark)), row


def test_the_map_names_every_module_and_no_other() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawn = re.search(r"<!-- map -->(.*?)<!-- /map -->", text, re.DOTALL)
    assert drawn
    named = set(re.findall(r"\b([a-z_]+\.py|[a-z]+/)", drawn[1]))
    package = ROOT / "m1_magic"
    modules = {p.name for p in package.glob("*.py")} - {"__init__.py"}
    folders = {f"{p.name}/" for p in package.iterdir() if (p / "__init__.py").exists()}
    assert modules | folders <= named
    inner = {p.name for p in package.rglob("*.py")} | {
        f"{p.name}/" for p in package.rglob("*") if p.is_dir()
    }
    assert named <= inner
    for folder in ("render", "backends", "context", "ledger"):
        parts = {p.name for p in (package / folder).glob("*.py")} - {"__init__.py", "shell.py"}
        assert parts <= named, folder


def test_every_picture_and_link_of_the_docs_is_there() -> None:
    for name, text in TEXTS.items():
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", FENCED.sub("", text)):
            path = (ROOT / name).parent / target if target else ROOT / name
            assert path.exists(), f"{name}: {target}"
            if anchor:
                heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
                assert anchor in {slug(head) for head in heads}, f"{name}: {target}#{anchor}"


def slug(head: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


def test_no_module_is_long() -> None:
    for path in (ROOT / "m1_magic").rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 300, path


def test_notebooks_are_saved_without_outputs() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
        assert all(not c.outputs for c in book.cells if c.cell_type == "code")


def test_the_catalogue_names_files_that_have_its_ids() -> None:
    text = (ROOT / "tests" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| ([IL])(\d+)(?:–[IL](\d+))? \|(.*)$", text, re.MULTILINE)
    covered = {"I": set(), "L": set()}
    for letter, first, last, rest in rows:
        numbers = range(int(first), int(last or first) + 1)
        covered[letter] |= set(numbers)
        for name in re.findall(r"`(test_\w+\.py)`", rest):
            source = (ROOT / "tests" / name).read_text("utf-8")
            assert any(f"{letter.lower()}{n:02}_" in source for n in numbers), (letter, first, name)
        assert "test_" in rest or "left out" in rest, rest
    assert covered == {"I": set(range(1, 21)), "L": set(range(1, 27))}
