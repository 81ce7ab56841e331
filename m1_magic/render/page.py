"""Our own pages (help, tables, previews): Markdown by the ``markdown`` package, cleaned after.

The text is ours, but names of models, columns and hosts in it come from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..text import escape_html, md_cell, md_to_text, show_controls, thousands


def table(head: Sequence[str], rows: Iterable[Iterable[object]], *, aligned: bool = False) -> str:
    """Return a Markdown table; every cell but the head is taken as foreign text.

    Args:
        aligned: columns of numbers stand to the right.
    """
    cells = [[thousands(c) if type(c) is int else str(c) for c in row] for row in rows]
    right = [aligned and _numbers([row[n] for row in cells]) for n in range(len(head))]
    marks = "".join("---:|" if one else "---|" for one in right)
    lines = ["| " + " | ".join(head) + " |", f"|{marks}"]
    return "\n".join([*lines, *("| " + " | ".join(map(md_cell, row)) + " |" for row in cells)])


def _numbers(column: Sequence[str]) -> bool:
    """Are all of these numbers or sums of money, but for empty ones?"""
    return any(column) and all(NUMBER.fullmatch(cell) for cell in column if cell)


def code(text: str) -> str:
    """Return foreign text as a code block that it cannot close."""
    return "\n".join("    " + line for line in show_controls(text).split("\n"))


def folded(above: str, title: str, text: str) -> str:
    """Return foreign text below what it says in another form.

    Where Markdown is rendered the text is folded; where it is not, only the text is shown.
    """
    return f"{RENDERED}\n\n{above}\n\n{ALWAYS}\n\n#### {title}\n\n{code(text)}"


def unfolded(markdown: str) -> str:
    """Return one of our pages as it is shown where nothing can be folded."""
    return ONLY_RENDERED.sub("", markdown)


def html(markdown: str) -> str:
    """Return one of our pages as HTML without anything live in it."""
    try:
        import nh3
        from markdown import markdown as convert
    except ImportError:  # Pyodide has only what was fetched
        return f"<pre>{escape_html(md_to_text(unfolded(markdown)))}</pre>"
    raw = convert(
        markdown,
        extensions=["tables", "sane_lists"],
        extension_configs={"tables": {"use_align_attribute": True}},  # styles are not let through
        output_format="html",
    )
    clean = nh3.clean(raw, tags=TAGS, attributes=ATTRIBUTES, url_schemes={"https", "http"})
    # JupyterLab breaks preformatted lines inside words; after nh3, for it takes styles away.
    wrapped = FOLDED.sub(r"<details><summary>\1</summary>\2</details>", clean)
    wrapped = wrapped.replace("<pre>", f'<pre style="{WRAPPED}">')
    return f'{ALIGNED}<div class="jp-RenderedHTMLCommon m1-page mathjax_ignore">{wrapped}</div>'


def bundle(markdown: str) -> dict[str, Any]:
    """Return the MIME bundle of one of our pages."""
    return {"text/html": html(markdown), "text/plain": md_to_text(unfolded(markdown))}


# Between these lines, which no reader of Markdown shows, stands what is for rendered pages only;
# foreign text never has them: `md_cell` escapes brackets, and code is indented.
RENDERED, ALWAYS = "[//]: # (rendered)", "[//]: # (always)"
ONLY_RENDERED = re.compile(
    rf"^{re.escape(RENDERED)}$.*?^{re.escape(ALWAYS)}\n\n#### [^\n]*\n\n", re.M | re.S
)
FOLDED = re.compile(r"<h4>([^<]*)</h4>\s*(<pre>.*?</pre>)", re.S)
# JupyterLab aligns the cells of HTML tables to the right.
ALIGNED = (
    "<style>.m1-page th,.m1-page td{text-align:left!important}"
    ".m1-page [align=right]{text-align:right!important;font-variant-numeric:tabular-nums}</style>"
)
WRAPPED = "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere"
NUMBER = re.compile(r"[≈-]{0,2}\$?\d[\d,]*(?:\.\d+)?(?: %)?(?: \+ \d+ unknown)?|\$?\?|–")
ATTRIBUTES = {"a": {"href"}, "th": {"align"}, "td": {"align"}}
TAGS = {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "ul", "ol", "li", "pre", "code", "em", "strong",
    "a", "table", "thead", "tbody", "tr", "th", "td", "blockquote",
}  # fmt: skip
