"""Which of the values that are allowed a text names: a choice, an enumeration's value.

A sign is part of a name (``-1``, ``C#``, ``A-``, ``>50K``) as it is written; only quotes, stars and
the like in pairs, a full stop at the end, and case do not count. Behind a choice may stand a reason
that names no other one and takes nothing back (``neg (it broke)``). Where two values are left, it
is none of them.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence

from .node import literal

_WORDS = (
    r"(?:(?:(?:the|my|final|best|correct)\s+)*(?:answer|choice|option|label|class|category|sentiment"
    r"|result|classification|verdict|output)\b(?:\s+(?:of|for)\s+(?:this|that|the)\s+\w+)?"
    r"|(?:it|this|that|the (?:statement|claim))(?=\s+is\b)|final(?=\s*:))"
)
_ELSEWHERE = (
    r"(?:(?:答案|结果|回答|答え|정답)(?:是|为|は)?|ответ|(?:(?:la|die|a)\s+)?(?:réponse|respuesta"
    r"|risposta|resposta|antwort)(?:\s+(?:est|es|è|é|ist|lautet)\b)?)"
)
_LABEL = re.compile(
    rf"(?:{_WORDS}[*_]*(?:\s+is\b:?|\s*(?::|=(?=\s)))?|{_ELSEWHERE}[*_]*(?:\s*[:：])?)\s*(\S.*)",
    re.I,
)
# What a value may be called, where a text is nothing else than the two; and what makes it none.
_CALLED = (
    r"(?:topic|categor(?:y|ie)|rating|scores?|severity|priority|emotion|mood|tone|stance|language|type"
    r"|kind|intent|level|grade|class|group|genre|polarity|urgency|risk|quality|verdict|decision|theme"
    r"|predict(?:ion|ed)|judge?ment|plan|stimmung|kategorie|sprache|priorität|thema|bewertung"
    r"|catégorie|priorité|sujet|langue|categoría|prioridad|tema|idioma|категория|приоритет|тональность"
    r"|оценка|тема|情感|类别|分类|类型|主题|优先级|评分|等级|标签)"
)
_COUNTED = (
    r"(?:total|sum|count|number|amount|price|cost|value|quantity|qty|size|length|age|year|date|day"
    r"|deadline|time|distance|weight|height|similarity|population|duration|rate|ratio|rank|difference"
    r"|product|median|valid|nombre|prix|anzahl|preis|summe|precio|número|цена|количество|сумма|всего"
    r"|总数|总计|数量|价格|合计)"
)
_NAME = r"[^\W\d_]+(?:[ _/'’-][^\W\d_]+){0,5}"
_NOTED = re.compile(rf"[*_#>`\s]*(?P<name>{_NAME})[*_`]*\s*(?:[:：]|=(?!=))[*_]*\s*(?P<value>\S.*)")
_SAID = re.compile(
    rf"(?:the (?P<name>{_NAME}) (?:is|are|=|equals)|(?:[a-z] )?=|there (?:is|are)) (?P<value>\S.*)",
    re.I,
)
_TITLE = re.compile(
    rf"(?:(?:the|overall|predicted|primary|main|text|customer|user|review) )*{_CALLED}"
    r"(?: (?:level|label|score|rating|class|type))?",
    re.I,
)
_QUANTITY = re.compile(rf"\b(?:{_CALLED}|{_COUNTED})\b", re.I)
_UNLIKE = re.compile(
    r"n['’]t\b|\b(?:not?|nor|never|but|only|if|or|than|min\w*|max\w*|least|most|limits?|bounds?|lower"
    r"|upper|estimat\w*|guess\w*|expect\w*|approx\w*|about|around|roughly|nearly|almost|range|maybe"
    r"|perhaps|prob\w*|possibl[ey]|likely|could|may|might|would|should|unsure|unclear|example|draft"
    r"|sample|wrong|incorrect|mistake|first|second|next|last|previous|former|old|new|other"
    r"|alternative|options?|choices|steps?|questions?|inputs?|errors?|fail\w*|excl\w*|un\w+ed|from"
    r"|instead|rather|was|were|without|before|after|invalid|false|percent\w*|cut\w*|current|today"
    r"|(?:hundred|thousand|million|billion)s?|unless|except)\b|[不非没未]|可能|错",
    re.I,
)
# Behind a value: it is not so.
_TAKEN_BACK = re.compile(
    r"\b(?:(?:wait|actually|hmm|sorry)\W+(?:no\b|that|it)|no\W+wait|scratch that"
    r"|not (?:right|correct)\b"
    r"|(?:that|this|it|which)(?:['’]s| is| was) (?:wrong|incorrect|false|a mistake)"
    r"|i (?:was|am) (?:wrong|mistaken)|i made an? (?:mistake|error))",
    re.I,
)
_WITHIN = re.compile(r"(?<=[.;,:!?)]\s)" + _WORDS + r"[*_]*(?:\s*[:=]|\s+is\b:?)\s*(\S.*)", re.I)
_BOXED = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]*)\}?\}")
_PAIRS = {
    '"': '"', "'": "'", "`": "`", "*": "*", "_": "_", "“": "”", "‘": "’", "«": "»", "$": "$",
    "(": ")", "[": "]",
}  # fmt: skip
_TAG = re.compile(r"<(\w+)>(.*)</\1>")
_NUMBER = re.compile(r"\d+[.)]\s+")
# Behind a choice, the reason for it; and what makes a reason none.
_REASON = re.compile(
    r"(?P<value>.+?)(?:(?:\s+[-–—]\s+|\s+\(|\s*（|:\s+|(?<=[^\W\d][^\W\d])\.\s+(?=(?-i:[A-Z][a-z])))"
    r"(?P<why>\w+(?:['’]\w+)?\s+\w.*|[\d.]+\s*%?\)?|\w*[\u3400-\u9fff].*)"
    r"|,\s+(?P<since>(?:it|this|that|the|there|he|she|they|we|i|you|because|as|since)\b.*))",
    re.I,
)
HEDGE = re.compile(
    r"n['’]t\b|\b(?:not?|nor|never|but|however|though|although|unless|except|maybe|perhaps|probably"
    r"|possibly|likely|could|may|might|would|unclear|unsure|sure|or|else|wait|actually|rather|instead"
    r"|hmm|partly|almost|nearly|both)\b|[不非没未或]|可能|也许",
    re.I,
)
_MARKS = re.compile(r"(?:(?:[-*•–>→#]|#{2,6}|[-=]>)\s+)+")
_STOP = re.compile(r"[^\s.!?,][.!,。！]\Z")
AGAIN = re.compile(
    r"\b(?:wait|actually|correction|corrected|second thoughts?|scratch that|instead|rather|revised"
    r"|(?:edit|update)(?=\s*:)|final(?:ly)?|chang(?:e|ed)|but no|sorry)\b",
    re.I,
)
_LETTER = re.compile(r"\w\)")  # B)
LONGEST = 2_000  # characters of a line that may name a choice


def same(word: str, values: Sequence[object]) -> object | None:
    """Return the value that a word is; None where it is none, or could be several."""
    texts = [one for one in values if isinstance(one, str)]
    numbered = any(str(one)[:1].isdigit() for one in values)
    signed = any(_marked(str(one)) for one in values)
    written = list(forms(word, signed, numbered))
    for form in written:
        if form in texts:
            return form
    for form in written:
        near = [one for one in texts if _folded(one) == _folded(form)]
        if near:
            return near[0] if len(near) == 1 else None
    numbers = [one for one in values if not isinstance(one, str)]
    plain = [literal(form.replace("\u2212", "-")) for form in written]
    equal = [one for one in numbers if json.dumps(one) in plain]
    return equal[0] if len(equal) == 1 else None


def reasoned(text: str, values: Sequence[object]) -> object | None:
    """Return the choice with which a text begins that gives a reason for it."""
    parts = _REASON.fullmatch(text.strip("*_.!` ")) if len(text) <= LONGEST else None
    if not parts or any(_signed(str(one)) for one in values):
        return None
    why = parts["why"] or parts["since"]
    value = same(parts["value"].strip("*_`"), values)
    if value is None or HEDGE.search(why) or any(_holds(why, o) for o in values if o != value):
        return None
    number = str(value)[-1:].isdigit() and why[:1].isdigit()  # 1 - 5
    return None if number else value


def _holds(text: str, value: object) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", text, re.I))


def whole(text: str, values: Sequence[object]) -> bool:
    """Is a text that was cut off one of the values already, and no beginning of another?"""
    value = same(text, values)
    longer = (_folded(str(one)) for one in values if one != value)
    return value is not None and not any(o.startswith(_folded(str(value))) for o in longer)


def named(text: str, values: Sequence[object]) -> list[tuple[object, bool]]:
    """Return the choices that lines of an answer are, each with whether it is written exactly so.

    A line that names one in a sentence counts only where it changes what another line said.
    """
    found: dict[str, tuple[object, bool]] = {}
    others = list[str]()
    joined = " ".join(text.split()) if "\n" in text and len(text) <= LONGEST else ""
    if joined and (value := same(joined, values)) is not None:
        return [(value, text == value)]
    names = any(re.search(r"[:：=]", str(one)) for one in values)  # the name may be of a choice
    titled = "" if names else _titled(text)
    if titled and (value := same(titled, values)) is not None:
        return [(value, False)]
    for line in [*_BOXED.findall(text), *text.splitlines()]:
        line = line.strip()[:LONGEST]
        word, value = next(
            (
                (one, made)
                for read in (same, reasoned)
                for one in labelled(line)
                if (made := read(one, values)) is not None
            ),
            (line, None),
        )
        if value is None:
            others.append(line)
            continue
        found.setdefault(json.dumps(value), (value, word == value))
        before = line[: -len(word)] if line.endswith(word) else ""
        found |= {json.dumps(one): (one, False) for one in values if _holds(before, one)}
    rest = "\n".join(others)
    if found and _TAKEN_BACK.search(rest):
        return []
    if len(found) == 1 and AGAIN.search(rest):
        (chosen, _), *_ = found.values()
        found |= {
            json.dumps(one): (one, False) for one in values if one != chosen and _holds(rest, one)
        }
    return list(found.values())


def noted(text: str) -> str | None:
    """Return what stands behind the name of a quantity, where a line is all: ``Total: 42``."""
    text = text.strip()[:LONGEST]
    said = _SAID.fullmatch(text) or _NOTED.fullmatch(text)
    if not said or (said["name"] and not _QUANTITY.search(said["name"])):
        return None
    return None if _UNLIKE.search(said["name"] or "") else said["value"]


def _titled(text: str) -> str:
    """Return what stands behind the name of a choice, where a line is all: ``Rating: 4``."""
    said = _NOTED.fullmatch(text.strip()[:LONGEST])
    return said["value"] if said and _TITLE.fullmatch(said["name"]) else ""


def labelled(line: str) -> Iterator[str]:
    """Yield what a line may name: all of it, and what stands behind "The answer is"."""
    yield line
    begin = line.lstrip("*_#> ")
    bold = line[: len(line) - len(begin)].rstrip()[-2:]
    if bold in ("**", "__") and begin.count(bold) == 1:
        begin = begin.removesuffix(bold)
    if label := _LABEL.fullmatch(begin):
        yield label[1].removeprefix(bold).lstrip() if bold else label[1]
    for label in _WITHIN.finditer(line):
        yield label[1]


def forms(word: str, signed: bool, numbered: bool) -> Iterator[str]:
    """Yield a word as it is written, and without more and more of what stands around it."""
    word = html.unescape(word.strip()).replace("\\_", "_")
    yield word
    if not signed:
        word = word[mark.end() :] if (mark := _MARKS.match(word)) else word
        yield word
        if (number := _NUMBER.match(word)) and not numbered:
            word = word[number.end() :]
            yield word
    for _ in range(4):
        before = word
        if _STOP.search(word):
            word = word[:-1].rstrip()
        elif len(word) > 2 and _PAIRS.get(word[0]) == word[-1]:
            word = word[1:-1].strip()
        elif not signed and _LETTER.fullmatch(word):
            word = word[0]
        elif tag := _TAG.fullmatch(word):
            word = tag[2].strip()
        if word == before:
            return
        yield word


def _marked(value: str) -> bool:
    """Does a value begin with a sign, as an item of a list does?"""
    return not value.strip()[:1].isalnum()


def _signed(value: str) -> bool:
    """Does a value begin or end with a sign?"""
    text = value.strip()
    return bool(text) and not (text[0].isalnum() and text[-1].isalnum())


def _folded(word: str) -> str:
    """Return a name without case, and with nothing but a space between its words."""
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", word.replace("\u2212", "-")).casefold()
