"""README and CONTRIBUTING say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

import readme

ROOT = Path(__file__).parent.parent


def test_the_readmes_tables_are_those_of_the_code() -> None:
    text = readme.README.read_text("utf-8")
    assert readme.renewed(text) == text, "run: python tests/readme.py --write"


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
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / target).exists(), f"{name}: {target}"


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
