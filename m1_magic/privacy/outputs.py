"""What a cell printed, showed or raised → what of it may leave at a privacy level.

The one rule for cells that ran here and for cells of a saved notebook. Printed text has no
columns that could be looked at, so below ``sample`` only what the user's own code says leaves:
names and schema no output at all; stats one line of words that stand in the code of the cell,
with two numbers at most. Pictures leave as their kind and size, errors as their type and what
`error_messages` lets through; widgets and tracebacks never. At ``sample`` text leaves, cut, with
personal data masked as far as its form shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..text import clean_output, cut_middle, one_line, plural
from . import redaction
from .each_run import constant
from .error_messages import ALWAYS, OF_PYTHON, message, words
from .personal_text import hidden

NUMBER = re.compile(r"\d+(?:[.,:_]\d+)*(?:[eE][+-]?\d+)?j?")
# What Python and NumPy write around a number.
CONSTRUCTOR = re.compile(
    r"\b(?:np\.(?:u?int|float|complex|longdouble)\d*|Decimal|Fraction)(?=\()|\bnp\.(?=True_|False_)"
)
CLASS = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
LONGEST = 200  # characters of a line that may leave below sample
NUMBERS = 2
TEXTS = ("text/markdown", "text/plain", "text/latex")
EMBEDDED = re.compile(
    r"data:([a-z]{1,20}/[\w.+-]{1,60})(?:;[\w=-]{1,60})*;base64,\s?[A-Za-z0-9+/=_%-]+"
    r"(?:\s+[A-Za-z0-9+/=]{60,})*",
    re.IGNORECASE,
)
# What a SyntaxError calls the code of a cell, before the line.
CODE_NAME = re.compile(r"(?<=\()[^()\s]+, (?=line \d+\)$)")


@dataclass(frozen=True, slots=True)
class Output:
    """Something that a cell wrote or showed.

    Args:
        kind: ``stdout``, ``stderr``, ``shown`` by ``display()``, ``value`` of its last line, or
            ``raised``, an error.
        bundle: MIME type → text or bytes; printed text is ``text/plain``, and so is an error's
            message, beside its type as ``error``.
        value: the object itself, None if it is not there any more.
    """

    kind: str
    bundle: Mapping[str, object]
    value: object = None


def streams_joined(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Return a cell's outputs as they are judged: each stream in one piece, before the others."""
    printed: dict[str, list[str]] = {}
    others = []
    for output in outputs:
        if output.kind in ("stdout", "stderr"):
            printed.setdefault(output.kind, []).append(str(output.bundle["text/plain"]))
        else:
            others.append(output)
    streams = (Output(kind, {"text/plain": "".join(text)}) for kind, text in printed.items())
    return (*streams, *others)


def leaving(
    output: Output, source: str, level: str, secrets: redaction.Policy, *, alone: bool
) -> str | None:
    """Return what may leave of one of a cell's outputs, None where nothing may.

    Args:
        output: a stream in one piece, or what was shown or raised.
        source: the cell's code, which leaves along.
        secrets: what is masked, before a text is cut.
        alone: is it the only one of its kind? Many short outputs are the rows of a table.
    """
    if pictures := _pictures(output):
        return pictures
    text = constant(plain_text(output))
    if output.kind == "raised":
        name = CLASS.match(str(output.bundle.get("error")))  # a file may hold anything there
        kind = one_line(name[0], 100) if name else "Error"
        safe, _ = message(redaction.mask(text, secrets)[0], level, source, OF_PYTHON)
        return f"{kind}: {safe}" if safe else kind
    table = "<table" in str(output.bundle.get("text/html", "")).lower()
    if not text or _is_widget(output) or (level != "sample" and (table or not alone)):
        return None
    if not leaves(text, words(source), level):
        return None
    return cut_middle(hidden(redaction.mask(text, secrets)[0]))


def answer(output: Output, secrets: redaction.Policy) -> str | None:
    """Return an answer of ours: its Markdown is its plain text."""
    return redaction.mask(plain_text(output, ("text/plain",)), secrets)[0] or None


def leaves(text: str, code: frozenset[str], level: str) -> bool:
    """May a text that was printed or shown leave, beside code of these words?"""
    if level != "stats":
        return level == "sample"
    if "\n" in text or len(text) > LONGEST:
        return False
    text = CONSTRUCTOR.sub(" ", text)
    return len(NUMBER.findall(text)) <= NUMBERS and words(NUMBER.sub(" ", text)) <= code | ALWAYS


def left_out(output: Output, level: str) -> str:
    """Return what stands in the place of an output that may not leave."""
    text = plain_text(output)
    if not text or _is_widget(output):
        return "[an output without text left out]"
    return f"[{plural(text.count(chr(10)) + 1, 'line')} left out at level {level}]"


def plain_text(output: Output, kinds: Sequence[str] = TEXTS) -> str:
    """Return the text of an output, of the first MIME type that it has; "" if it has none."""
    texts = (output.bundle.get(kind) for kind in kinds)
    text = clean_output(next((text for text in texts if isinstance(text, str)), ""))
    text = without_embedded(text)
    return CODE_NAME.sub("", text) if output.kind == "raised" else text


def without_embedded(text: str) -> str:
    """Return text without the files that are embedded in it."""
    return EMBEDDED.sub(lambda match: f"(left out: {match[1]})", text)


def _is_widget(output: Output) -> bool:
    return any("widget" in kind for kind in output.bundle)


def _pictures(output: Output) -> str:
    """Return kind and size of the pictures of an output, one a line."""
    lines = []
    for kind, data in output.bundle.items():
        if kind.startswith("image/"):
            size = len(data if isinstance(data, bytes) else str(data))
            if not isinstance(data, bytes) and "svg" not in kind:
                size = size * 3 // 4  # base64
            lines.append(f"[picture, {one_line(kind, 40)}, {max(1, round(size / 1000)):,} kB]")
    return "\n".join(lines)
