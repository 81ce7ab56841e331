"""An answer without what is not of it: thinking, and the signs that a server left in its text.

A tag that stands within a value (``{"text": "write <think> first"}``) belongs to the value.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator

from .node import Node
from .values import nodes

NAMES = r"(?:\w+:)?(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis)"
_TAG = re.compile(rf"[<◁]\s*(?P<close>/?)\s*{NAMES}\s*[>▷]", re.I)
_FINAL = re.compile(r"<\|channel\|>\s*final\s*(?:<\|constrain\|>\w*)?\s*<\|message\|>")
_END = re.compile(
    r"(?:\s*(?:<[|｜][\w▁ ]+[|｜]>|</?s>|\[/?INST\]|<(?:beginning|start|end)_of_\w+>|\[e~\[))+\s*"
)
_ROLE = re.compile(r"(?:assistant|model)\b(?:<\|\w+\|>)?\s*")  # behind <|im_start|>
_ANSWER = re.compile(
    r"<(answer|final_answer|final|output|result|response|label|json)>((?:(?!<\1>).)*)</\1>",
    re.I | re.S,
)
LONGEST = 100_000  # characters of a text whose tags may stand within its values


def without_thought(text: str) -> str:
    """Return the text of an answer without thinking."""
    if text.lstrip().startswith("[THINK]"):
        text = text.replace("[THINK]", "<think>", 1).replace("[/THINK]", "</think>", 1)
    if final := list(_outside(_FINAL, text)):
        text = text[final[-1].end() :]
    tags = list(_outside(_TAG, text))
    if not tags:
        return _trimmed(text)
    kept, begin, thinking = list[str](), 0, False
    for tag, following in zip(tags, [*tags[1:], None], strict=True):
        if not tag["close"]:
            if not thinking:
                kept.append(text[begin : tag.start()])
            thinking = True
            continue
        if following is not None and following["close"]:
            continue  # a thought within a thought: the last end counts
        if not thinking:
            kept = []  # its beginning was left out
        begin, thinking = tag.end(), False
    return _trimmed("".join(kept) + ("" if thinking else text[begin:]))


def answer_part(text: str, names: Collection[str]) -> str:
    """Return what stands in the one ``<answer>`` of a text, else all of it.

    Args:
        names: of fields, which tags may have as well.
    """
    found = [one for one in _outside(_ANSWER, text, whole=False) if one[1].lower() not in names]
    return found[0][2].strip() if len(found) == 1 else text


def _trimmed(text: str) -> str:
    begin = match.end() if (match := _END.match(text)) else 0
    begin = role.end() if begin and (role := _ROLE.match(text, begin)) else begin
    end = len(text)
    for match in _END.finditer(text[-200:]):
        if match.end() == len(text[-200:]):
            end = len(text) - len(text[-200:]) + match.start()
    return text[begin:end].strip().strip("\ufeff\u200b\u2060\0").strip()


def _outside(sign: re.Pattern[str], text: str, whole: bool = True) -> Iterator[re.Match[str]]:
    """Yield the matches that stand in no value.

    A beginning counts as within a value that is not ``whole`` too; an end does not, for a bracket
    may stand in what was thought.
    """
    found = list(sign.finditer(text))
    if not found:
        return
    placed = nodes(text) if len(text) <= LONGEST else []
    starts = [start for _, start, _ in placed]
    for one in found:
        last = bisect_left(starts, one.start()) - 1
        node, _, end = placed[last] if last >= 0 else (None, 0, 0)
        needs_sure = whole and one.groupdict().get("close") != ""
        if node is None or one.start() >= end or (needs_sure and not _sure(node)):
            yield one


def _sure(node: Node) -> bool:
    return node.complete and node.sure and all(one.sure for _, one in node.parts)
