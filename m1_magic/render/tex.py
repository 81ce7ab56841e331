"""TeX that is not typeset: what makes links, styles and macros, and what would be of any size."""

from __future__ import annotations

import re

from ..markdown.mathematics import PLAIN, STARRED

DANGER = re.compile(
    r"\\(?:href|url|style|class|cssId|data|includegraphics|require|unicode|mmlToken|csname|catcode"
    r"|(?:re|provide)?newcommand|(?:re)?newenvironment|[egx]?def|let|futurelet|DeclareMathOperator"
    r"|DeclarePairedDelimiters\w*|html\w*|htmlmathml|action|toggle|texttip|mathtip|tooltip"
    r"|loadextension|begingroupSandbox|special|input|write|read"
    r"|bbox|enclose|definecolor|f?colorbox|pagecolor|(?:eq)?ref|NewDocumentCommand|newmathmacro"
    r"|hdotsfor|(?:scale|resize|rotate)box)(?![a-zA-Z])"
)
ENVIRONMENTS = {*STARRED, *PLAIN, "subarray"}  # that may stand in a formula
LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
LARGEST, ALL = 20.0, 60.0  # em: of one measure in a formula, of all of them
DEEPEST, COLOURS, SIZES = 60, 20, 2  # braces in braces; commands of these kinds in a formula
_EM = {
    "em": 1.0, "ex": 0.45, "mu": 1 / 18, "px": 1 / 16, "pt": 0.1, "pc": 1.2, "in": 7.2,
    "cm": 2.85, "mm": 0.285, "bp": 0.1, "dd": 0.107, "cc": 1.28, "sp": 0.1,
}  # fmt: skip
MEASURES = re.compile(
    r"\\(?:[rR]ule|[hvm]space\*?|Space|kern|mkern|[hvm]skip|raisebox|raise|lower|move(?:left|right)"
    r"|strut|above\w*|genfrac|newline|cr|hfil|smash|(?:math)?[lr]lap|vphantom|arraystretch)"
    r"(?![a-zA-Z])|\\\\\*?\s*\[|\*\s*\{?\s*\d{3}|\\begin\s*\{(?:array|alignat|alignedat)"
)
_MEASURE = re.compile(rf"(\d+(?:[.,]\d*)?|[.,]\d+)\s*({'|'.join(_EM)})(?![a-zA-Z])")
_REPEATED = re.compile(r"\*\s*\{?\s*\d{3,}|\\begin\s*\{align(?:ed)?at\*?\}\s*\{\s*\d{3,}")
_COLOUR = re.compile(r"\\(?:text)?color(?![a-zA-Z])")
_SIZE = re.compile(r"\\(?:tiny|Tiny|scriptsize|small|large|Large|LARGE|huge|Huge)(?![a-zA-Z])")


def typesettable(tex: str) -> bool:
    """May this formula be drawn by a page's MathJax, which may not be the safe one?"""
    return not DANGER.search(tex) and bounded(tex)


def bounded(tex: str) -> bool:
    """Is what this draws about as large as its text?"""
    if len(_COLOUR.findall(tex)) > COLOURS or len(_SIZE.findall(tex)) > SIZES:
        return False
    if _deep(tex):
        return False
    if not MEASURES.search(tex):
        return True
    sizes = [_em(number, unit) for number, unit in _MEASURE.findall(tex)]
    small = all(size <= LARGEST for size in sizes) and sum(sizes) <= ALL
    return small and not _REPEATED.search(tex)


def largest(tex: str) -> float:
    """Return the largest measure in a text whose TeX has any, in em."""
    measures = _MEASURE.findall(tex) if MEASURES.search(tex) else []
    return max((_em(*one) for one in measures), default=0.0)


def _em(number: str, unit: str) -> float:
    digits = number.replace(",", ".")
    return float(digits[:12]) * _EM[unit] if len(digits) <= 12 else LARGEST + 1


def _deep(tex: str) -> bool:
    depth = 0
    for mark in re.findall(r"\\.|[{}]", tex):
        depth += (mark == "{") - (mark == "}")
        if depth > DEEPEST:
            return True
    return False
