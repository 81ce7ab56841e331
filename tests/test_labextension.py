"""The extension's files: named by what is in them, of the package's version."""

from __future__ import annotations

import json

import labextension
import m1_magic


def test_names_say_what_is_in_the_files() -> None:
    for path, text in labextension.named().items():
        assert path.read_text("utf-8") == text, "python tests/labextension.py --write"
    served = {labextension.script(), labextension.STYLE}
    assert set((labextension.FOLDER / "static").iterdir()) == served


def test_what_jupyterlab_reads_is_of_this_version() -> None:
    package = json.loads((labextension.FOLDER / "package.json").read_text("utf-8"))
    assert (package["name"], package["version"]) == ("m1-magic", m1_magic.__version__)
    install = json.loads((labextension.FOLDER / "install.json").read_text("utf-8"))
    assert install["packageName"] == package["name"]
