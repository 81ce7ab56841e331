"""Tables whose cells hold formulas: ``|`` in ``$P(A|B)$`` ends no cell.

GFM would end one, and drop what is too much of the row. So in a row with more cells than the head
has, bars inside of formulas become another character of the same length while blocks are found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .mathematics import formula_end

BAR = "\ue07c"  # of the private use area; what a text has of it itself is left alone
_DELIMITER = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def guarded(source: str) -> str:
    """Return the text with the bars of formulas in tables' rows made another character."""
    if BAR in source or "|" not in source or not re.search(r"\$|\\\(", source):
        return source
    lines = source.split("\n")
    columns = 0  # of the table that we are in
    for at, line in enumerate(lines):
        if "|" in line and _DELIMITER.fullmatch(line) and at:
            columns = _cells(line)
            lines[at - 1] = _row(lines[at - 1], columns)
        elif columns and "|" in line:
            lines[at] = _row(line, columns)
        else:
            columns = 0
    return "\n".join(lines)


def restored(text: str) -> str:
    """Return a text of such a source as it was."""
    return text.replace(BAR, "|")


def _row(line: str, columns: int) -> str:
    if _cells(line) <= columns:
        return line
    out, last = [], 0
    for start, end in _formulas(line):
        out += [line[last:start], line[start:end].replace("|", BAR)]
        last = end
    changed = "".join([*out, line[last:]])
    return changed if _cells(changed) >= columns else line


def _cells(line: str) -> int:
    bare = line.strip(" \t>")
    bare = bare.removeprefix("|").removesuffix("|") if len(bare) > 1 else bare
    return len(re.findall(r"(?<!\\)\|", bare)) + 1


def _formulas(line: str) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(line):
        if line[at] == "`" and (code := _CODE.match(line, at)):
            at = code.end()
        elif (end := formula_end(line, at, len(line))) > 0:
            yield at, end
            at = end
        else:
            at += 2 if line[at] == "\\" else 1
