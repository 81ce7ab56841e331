"""A text that is one value without a bracket: a number, a day, true or false, a choice, words."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from .choosing import AGAIN, HEDGE, forms, labelled, named, noted, whole
from .fitting import CUT, Fitted, fit, nothing
from .mending import SPACED, TRUTHS
from .node import Node, literal
from .schema import Wanted

SEVERAL = "several answers that differ"
LONGEST = 20_000  # characters of a text that may tell a value in words
_HEAD = re.compile(
    r"\A[*_#\s]*(?:(?:(?:my|the)\s+)?final\s+(?=answer|result)|(?:the\s+)?answer\s*:[*_\s]*\n)",
    re.I,
)
# Before a value, on a line of its own; and behind it, a kind word.
_INTRO = re.compile(
    r"(?:(?!.*\b(?:examples?|drafts?|errors?|options?|choices|inputs?|if|step|two"
    r"|three|few|several|some|candidates)\b).*[:：][*_]*"
    r"|[*_#\s]*(?:final )?(?:answer|result)[*_]*)",
    re.I,
)
_COURTESY = re.compile(
    r"(?:let me know|(?:i )?hope (?:this|that|it) helps|feel free|is there anything)\b\D*"
    r"|(?:sure|certainly|of course)[!.,]?",
    re.I,
)
_SURE = re.compile(r"(?:sure|certainly|of course)[!.,]\s+(?=\S)", re.I)
_BOX = re.compile(
    r"^(?P<before>[^\n]*?)\\boxed\{(?:\\(?:text|textbf|mathrm)\{)?(?P<value>[^{}]*)\}?\}(?P<after>.*)",
    re.M,
)
_BEFORE_BOX = re.compile(r"(?:.*(?:\bis|[:：是]|(?<![<>≤≥!~≈])=))?[\s$*]*(?:\\[(\[])?[\s*]*", re.I)
_AFTER_BOX = re.compile(r"(?:[\s$*.。]|\\[)\]])*")
_FENCED = re.compile(r"\s*```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*(?:```)?\s*", re.S)
_NOTE = re.compile(r"\[[^\[\]{}\"']*\](?:\(|\s*[^\W\d])")  # words behind a bracket: [1] see there


def unfenced(text: str) -> str:
    """Return what stands in the one fence that a text is."""
    fenced = _FENCED.fullmatch(text)
    return fenced[1].strip() if fenced else text


def scalar(text: str, wanted: Wanted, cut: bool) -> Fitted | None:
    """Return a text that is one value without a bracket; None where that is not wanted."""
    types, values = wanted.shape.types, _values(wanted)
    if types and types <= {"object", "array"} and not wanted.shape.values:
        return None
    inner = unfenced(text)
    made = _chosen(inner, values, wanted) if values else _plain(inner, wanted)
    if made and cut and text[:1] != '"' and not whole(text, values):
        return nothing(CUT)
    free = "string" in types and not wanted.shape.formats
    if made and made.misfits and not (values or free or types & {"object", "array"}):
        return _told(inner, wanted) or made
    return made


def _values(wanted: Wanted) -> Sequence[object]:
    """Return the values of which the answer is one, where they are listed."""
    listed = all({"enum", "const"} & one.keys() for one in wanted.shape.schemas)
    return wanted.choices or (wanted.shape.values if listed else ())


def _chosen(text: str, values: Sequence[object], wanted: Wanted) -> Fitted | None:
    """Return the choice that an answer is, or names on a line of its own."""
    found = named(text, values)
    if len(found) != 1:
        return nothing(SEVERAL) if found else None
    (value, exact), *_ = found
    node = Node("text", value) if isinstance(value, str) else Node("bare", json.dumps(value))
    return replace(fit(node, wanted), mended=0 if exact else 1)


def _plain(text: str, wanted: Wanted) -> Fitted | None:
    """Return a text as one value, all of it."""
    node, types = Node("bare", text), wanted.shape.types
    if text.startswith('"'):
        with suppress(ValueError):
            node = Node("text", json.loads(text))
    if node.kind == "bare" and literal(text)[:1] == '"' and types <= {"string", "null"}:
        node = Node("text", text)
    words = text[:1] not in "{[" or (types == {"string"} and _NOTE.match(text))
    return fit(node, wanted) if text and words else None


def _told(text: str, wanted: Wanted) -> Fitted | None:
    """Return the one value that a text tells in words: ``**42**``, ``The answer is 42.``."""
    if len(text) > LONGEST:
        return None
    boxed = list(_BOX.finditer(text))
    behind = text[boxed[-1].end() :] if boxed else text
    text = _HEAD.sub("", text)
    if AGAIN.search(behind if boxed else text):
        return None
    if boxed:
        made = _boxed(boxed, wanted) if not re.search(r"\d", behind) else []
        return made[0] if len({one.node.json() for one in made}) == 1 else None
    if wanted.shape.types == {"boolean"}:
        truths = {TRUTHS[str(one)] for one, _ in named(noted(text) or text, tuple(TRUTHS))}
        told = [Node("bare", str(one).lower(), mended=True) for one in truths]
        made = [fit(one, wanted) for one in told]
    else:
        made = _parts(text, wanted)
    return made[0] if len({one.node.json() for one in made}) == 1 else None


def _parts(text: str, wanted: Wanted) -> list[Fitted]:
    """Return the values behind "The answer is", or the one that the only line is; all, or none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [one for one in lines if not _COURTESY.fullmatch(one) and one[:3] != "```"]
    intro = _SURE.sub("", lines[0]) if len(lines) == 2 else ""
    if intro and _INTRO.fullmatch(intro) and not HEDGE.search(intro):
        del lines[0]
    if len(lines) == 1 and (said := noted(lines[0])) and (only := _form(said, wanted)):
        return [only]
    made = list[Fitted | None]()
    for line in lines:
        _, *behind = labelled(line)
        if not behind and len(lines) > 1 and HEDGE.search(line) and re.search(r"\d", line):
            return []  # but it could be 43
        told = behind or [line] * (len(lines) == 1)
        made += [_form(one, wanted) for one in told]
    return [] if None in made else [one for one in made if one]


def _boxed(boxed: list[re.Match[str]], wanted: Wanted) -> list[Fitted]:
    """Return the values in boxes, as TeX marks an answer; all, or none."""
    alone = all(
        _BEFORE_BOX.fullmatch(one["before"])
        and _AFTER_BOX.fullmatch(one["after"])
        and not HEDGE.search(one["before"])
        for one in boxed
    )
    made = [_form(one["value"], wanted) for one in boxed] if alone else []
    return [] if None in made else [one for one in made if one]


def _form(text: str, wanted: Wanted) -> Fitted | None:
    """Return a value without more and more of the signs around it; None: it is none."""
    for form in forms(text, signed=True, numbered=True):
        if form.startswith("("):
            return None  # (42) may be -42
        made = fit(Node("text" if SPACED.fullmatch(form) else "bare", form, mended=True), wanted)
        if not made.misfits:
            return made
    return None
