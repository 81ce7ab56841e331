"""What an answer says of its own values: an example, a draft, corrected further down, wrong."""

from __future__ import annotations

import re
from itertools import islice

from .fitting import Fitted, fit
from .lines import told
from .node import Node
from .schema import Wanted
from .shape import Shape
from .values import nodes

_NOUN = r"(?: (?:answer|version|json|output|result|object|list|data|one))?"
_CORRECTED = rf"correction\b|(?:final|corrected|correct|revised|fixed){_NOUN}(?=\W*:)"
_WAIT = r"wait(?=\s*[,.!:…—–-]|\s+(?:no|that|actually)\b)"
_CORRECTS = {
    "list": re.compile(rf"\b(?:{_CORRECTED})", re.I),
    "object": re.compile(rf"\b(?:{_WAIT}|i made an? (?:mistake|error)|{_CORRECTED})", re.I),
}
# Before a value that is none of the answer's.
_ASIDE = re.compile(
    r"\b(?:e\.g\.|example|for instance|such as|sample|template|draft|first attempt"
    r"|typical \w+|(?:could|would|might) look like(?: this)?"
    r"|initial(?: (?:answer|version|attempt))?)[^\w{\[]*(?:```\w*\s*)?\Z",
    re.I,
)
# Before a value that is not said to be the answer.
_HEDGED = re.compile(
    r"(?:\b(?:maybe|perhaps|possibly|probably|wrong|incorrect|not (?:say|be|sure)"
    r"|(?:format|structure|form) (?:would|could|might|should) be)|n['’]t (?:say|be))\b[\s:,*]*\Z",
    re.I,
)
# Behind a value: it is not so; there is more of it.
_NOT_SO = re.compile(
    r"\b(?:(?:that|this|it|which)(?:['’]s| is| was) (?:wrong|incorrect|not correct)|not right\b)",
    re.I,
)
_ALSO = re.compile(
    r"[\s`.,;]*(?:but\s+)?(?:and|plus|also|as well as)\s+"
    r"(?:[\"“\d{]|(?-i:[A-Z])\w+\s+(?:for|at|with|is)\b)",
    re.I,
)
MOST = 50  # fields in words that are looked at
KINDS = {"object": {"object"}, "list": {"array"}}
_OR = re.compile(r"\b(?:alternativ\w*|options?|or|otherwise|another)\b", re.I)
_MISTAKEN = re.compile(r"\b(?:wait,|scratch that|i made an? (?:mistake|error)|correction:)", re.I)
_RATHER = re.compile(r"\b(?:actually|should (?:be|have been) [-\d\"'“$€£]|sorry)", re.I)


Placed = list[tuple[Node, int, int]]


def meant(text: str, placed: Placed, wanted: Shape) -> Placed:
    """Return the values of a text that are not set aside, nor taken back by one further down."""
    ends = [0, *(end for _, _, end in placed)]
    gaps = [text[end:start] for (_, start, _), end in zip(placed, ends, strict=False)]
    answers = [one for one, gap in zip(placed, gaps, strict=True) if not _ASIDE.search(gap)]
    if answers and not any(map(_OR.search, gaps)):
        placed = answers
    return placed[_corrected(text, placed, wanted) :]


def _corrected(text: str, placed: Placed, wanted: Shape) -> int:
    """Return which value is the first that counts: one that is said to correct all before it.

    A part of a value, or of a list, corrects that part alone.
    """
    for n in range(len(placed) - 1, 0, -1):
        (_, _, end), (node, start, _) = placed[n - 1], placed[n]
        if wanted.types == KINDS[node.kind] and _CORRECTS[node.kind].search(text, end, start):
            before = [one for one, _, _ in placed[:n]]
            all_there = all(
                one.kind == node.kind
                and one.fields.keys() <= node.fields.keys()
                and len(one.items) <= len(node.items)
                for one in before
            )
            return n if all_there else 0
    return 0


def unmeant(text: str, placed: Placed, wanted: Shape) -> bool:
    """Is no value the answer, but each an example or doubted, or is there more behind a list?"""
    ends = [0, *(end for _, _, end in placed)]
    if "array" in wanted.types and any(_ALSO.match(text, end) for end in ends[1:]):
        return True
    gaps = [text[end:start] for (_, start, _), end in zip(placed, ends, strict=False)]
    return all(_ASIDE.search(gap) or _HEDGED.search(gap) for gap in gaps)


def doubted(behind: str, wanted: Shape) -> bool:
    """Do the words behind the last value say that it, or a field of it, is another one?"""
    if _MISTAKEN.search(behind) or _NOT_SO.search(behind):
        return True
    names = "|".join(map(re.escape, wanted.properties))
    named = names and re.search(rf"\b(?:{names})\b", behind, re.I)
    return bool(named and _RATHER.search(behind))


def taken_back(good: Fitted, made: list[Fitted], text: str, wanted: Wanted) -> bool:
    """Does a part of such a value, further down, or do words say something else, or more?"""
    behind = made[made.index(good) + 1 :]
    fields = {key: one.json(by_name=True) for key, one in good.node.fields.items()}
    return _told_otherwise(text, good, wanted) or any(
        key in wanted.shape.properties and part.json(by_name=True) != fields.get(key)
        for one in behind
        if one.misfits
        for key, part in one.node.fields.items()
    )


def _told_otherwise(text: str, good: Fitted, wanted: Wanted) -> bool:
    """Do the words around a record tell another value of a field?"""
    if good.node.kind != "object" or not text or text[0] + text[-1] == "{}":
        return False
    at, around = 0, ""
    for _, start, end in nodes(text):
        around, at = around + text[at:start] + "\n", end
    for name, value in islice(told(around + text[at:], wanted.shape), MOST if at else 0):
        node = good.node.copy()
        node.fields[name] = value
        made = fit(node, wanted)
        if not made.misfits and made.data != good.data:
            return True
    return False
