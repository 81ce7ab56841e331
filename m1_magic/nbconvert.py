"""Answers for ``nbconvert --to latex`` and ``pdf``: from the saved notebook, without a call.

jupyter nbconvert --to pdf --Exporter.preprocessors=m1_magic.nbconvert.Answers talk.ipynb
"""

from __future__ import annotations

from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from .calls import RECORD
from .render.latex import escaped, latex


class Answers(Preprocessor):
    """Gives each saved answer, and each footer, a form in LaTeX; all else stays as it is."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Return one cell with LaTeX in the outputs that are ours."""
        outputs = [one for one in cell.get("outputs", ()) if "text/plain" in one.get("data", {})]
        ours = any(RECORD in one.data for one in outputs)
        for output in outputs:
            data = output.data
            if 'class="m1-answer' in _text(data.get("text/html", "")) or (
                ours and "text/markdown" in data
            ):
                data["text/latex"] = latex(_text(data["text/plain"]))
            elif RECORD in data:
                lines = "\\\\\n".join(map(escaped, _text(data["text/plain"]).splitlines()))
                data["text/latex"] = f"{{\\footnotesize\\color{{gray}}\\noindent {lines}\\par}}"
        return cell, resources


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
