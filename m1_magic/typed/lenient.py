"""JSON as models write it → a tree that keeps what was written, and what of it is not sure.

What JSON allows is read by Python's own reader. Of the rest only spellings are forgiven that have
one meaning: other quotes, quotes in quotes, bare words, comments, commas too many or too few,
brackets that are missing where the text goes on. Nothing is guessed: a value that was cut, or that
could be two, stays in the tree as one that is not ``sure``; a list or an object of which a part may
be missing is not ``complete``.
"""

from __future__ import annotations

import re

from .node import LITERALS, Node, elided, literal, put
from .quoted import QUOTES, SPLIT, TEX, paired, unescaped

DEEPEST, LONGEST_KEY = 100, 300  # containers in each other, characters
COLONS, COMMAS = ":：", ",，;；、"
WIDTHLESS = "\u200b\u200c\u200d\u2060\ufeff"
_COMMENTS = r"//[^\n]*|/\*.*?(?:\*/|\Z)|#[^\n]*|<!--.*?(?:-->|\Z)"
_SPACE = re.compile(rf"(?:[\s{WIDTHLESS}]+|{_COMMENTS})*", re.S)
# Where the line ends of the form, too, were escaped.
_ESCAPED_SPACE = re.compile(rf"(?:[\s{WIDTHLESS}]+|\\[nrt]|{_COMMENTS})*", re.S)
_ESCAPED_LINES = re.compile(r"[{\[](?:\\r)?\\n[\s\"'{\[]")
_BARE_END = re.compile(r"[,，;；}\])\n]|\s(?://|/\*|#|<!--)|```")
_BARE_KEY = re.compile(r"[^\W\d][\w$.-]*(?: [\w$.-]+){0,3}(?=\s*:)")
_HALF_KEY = re.compile(r"[\"'“„]([^\W\d]\w*)(?=\s*:\s)|([^\W\d]\w*)[\"'”“](?=\s*:)")
_NEXT_KEY = re.compile(
    r"\s*(?:\"(?:[^\"\\\n]|\\.)*[\"”]|'(?:[^'\\\n]|\\.)*'|[“„‘«][^\n“”\"‘’«»]*[”“\"’»]|`[^`\n]*`"
    r"|[^\W\d][\w$.-]*[\"”]?|\"[^\W\d]\w*(?=\s*:\s))\s*[:：]"
)
_CURLY_END = re.compile(r"(?<!\d”)\s*(?:,\s*[\"“]\w+[\"”]\s*:|[}\]][\s}\]]*(?:[,`]|\Z))")
# A number or literal that a key follows.
_ALONE = re.compile(
    r"(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|True|False|None)"
    r"(?=\s+(?:\"[^\"\\\n]*\"|'[^'\\\n]*')\s*:)"
)
_VALUE = re.compile(r"\s*(?:[\"'“„‘«`{\[(]|-?\.?\d|(?:true|false|null|True|False|None)\b)")
# Within a bare word: two values, or a part of a program; and an address, a number, a time.
_MARKED = re.compile(r"[\"'“”{\[(:;`+|]|[,，；]\Z")
_QUOTED_KEY = re.compile(r"[\"'”]\s*[:：]\s*\Z")
_HALF_TEXT = re.compile(r"[^\W\d][^\"'“”`\\:{}\[\]]*[^\s\d\"'“”`\\:{}\[\],.(]\"")  # Desk"
_ONE_WORD = re.compile(r"[+-]?[\w.]+(?:[-+:/][\w.?&=%~@#:/+-]*)?")
_ELISION = re.compile(r"\.{3}|…|etc\b")
_DOTS = re.compile(r"(?:\.{3}|…)\s*}")  # the rest of an object is left out
_LEFT_OUT = re.compile(
    r"(?://|/\*|#|<!--)[^\n]*?(?:\.{3}|…|\b(?:etc|and so on|more|remaining|rest|omitted|others?"
    r"|continued?s?)\b)",
    re.I,
)


class Reader:
    """Reads one container that is not JSON, from its bracket on."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at
        self.work = 0  # characters of texts that were looked at
        self.open: list[str] = []
        self.space = _ESCAPED_SPACE if _ESCAPED_LINES.match(text, at) else _SPACE

    def _space(self) -> None:
        self.at = self._after(self.at)

    def _after(self, at: int) -> int:
        """Return where the spaces and comments end that begin at a place."""
        match = self.space.match(self.text, at)
        return match.end() if match else at

    @property
    def _here(self) -> str:
        """The character that is next; none at the end of the text, or of the fence."""
        if self.text.startswith("```", self.at):
            return ""
        return self.text[self.at : self.at + 1]

    def container(self, depth: int) -> Node:
        """Return the list or object that begins here."""
        bracket = self._here
        self.at += 1
        self.open.append(bracket)
        made = self._object(depth) if bracket == "{" else self._list(depth)
        self.open.pop()
        made.mended = True
        return made

    def _object(self, depth: int) -> Node:
        made, last = Node("object"), None
        while True:
            self._space()
            here = self._here
            if here and here in COMMAS:
                last, self.at = None, self.at + 1
                continue
            if here == "}":
                self.at += 1
                return made
            if here in "]){" and here and "[" in self.open[:-1]:
                made.complete = here != "{"
                return made  # its own bracket is missing, and the list goes on
            key = self._key()
            if key is None or depth > DEEPEST:
                made.complete = False
                if last and here and here not in "])":
                    last.sure = False  # [1, 2] + [3]
                self.at = len(self.text) if self._here else self.at
                return made
            self._space()
            value = last = self._value(depth, True)
            put(made, key, value)
            if value.kind == "text" and not value.sure:
                made.complete = False  # it may have another field in it
            if not value.sure and value.kind == "bare" and value.text == "":
                made.complete = False
                return made

    def _key(self) -> str | None:
        """Return the key that begins here, after its colon; None: there is none."""
        start, key = self.at, None
        if self._here in QUOTES and self._here and (made := self._string("key")):
            key = made.text if made.sure else None
        elif match := _BARE_KEY.match(self.text, start):
            key, self.at = match[0], match.end()
        if key is None and (match := _HALF_KEY.match(self.text, start)):
            key, self.at = match[1] or match[2], match.end()  # one of its quotes is missing
        self._space()
        if key is None or not self._here or self._here not in COLONS:
            return None
        self.at += 1
        return key

    def _list(self, depth: int) -> Node:
        made = Node("list")
        comma = True
        while True:
            before = self.at
            self._space()
            made.sure &= not _LEFT_OUT.search(self.text, before, self.at)
            here = self._here
            if here and here in COMMAS:
                made.sure &= not comma  # two of them: is something missing?
                comma, self.at = True, self.at + 1
                continue
            if here and here in ("])" if self.open[-1] == "(" else "]"):
                self.at += 1
                return elided(made)
            if here == "}" and "{" in self.open[:-1]:
                return elided(made)  # its own bracket is missing
            if not here or here in "}:" or depth > DEEPEST:
                made.complete = False
                made.sure &= here != ":"  # fields of an object that was closed too early
                self.at = len(self.text) if here else self.at
                return made
            if dots := _ELISION.match(self.text, self.at):
                made.sure, self.at = False, dots.end()
                continue
            gap = self.text[before - 2 : self.at + 2]  # a space at an end: one text in two pieces?
            lines = here in QUOTES and "\n" in gap and not (gap[0].isspace() or gap[-1].isspace())
            if not (comma or lines or (here in "{[" and made.items[-1].kind in ("object", "list"))):
                made.sure = False  # two values, or one?
            value = self._value(depth, False)
            made.items.append(value)
            made.sure &= value.sure or value.kind in ("list", "object")
            comma = False
            if value.kind == "bare" and not value.text and not value.sure:
                made.complete = False
                return made

    def _value(self, depth: int, in_object: bool) -> Node:
        here = self._here
        if here and here in "{[":
            return self.container(depth + 1)
        if here == "(" and _VALUE.match(self.text, self.at + 1):
            return self.container(depth + 1)
        if here and here in QUOTES:
            start = self.at
            if made := self._string("value" if in_object else "item"):
                return made
            self.at = start if start < 0 else len(self.text)
            return Node("bare", sure=False, mended=True)
        return self._word(in_object)

    def _word(self, in_object: bool) -> Node:
        """Return the bare word, number or words up to the end of the value."""
        start = at = self.at
        if in_object and (alone := _ALONE.match(self.text, at)):
            self.at = alone.end()
            return Node("bare", alone[0])
        while True:
            match = _BARE_END.search(self.text, at)
            end = match.start() if match else len(self.text)
            comma = match[0] if match and match[0] in COMMAS else ""
            if not comma or (self._ends(end + 1) if in_object else comma == ","):
                break
            at = end + 1  # 1,234.5
        self.at = end
        word = self.text[start:end].strip().strip(WIDTHLESS).strip()
        if self.space is _ESCAPED_SPACE:
            word = re.sub(r"(?:\\[nrt]\s*)+\Z", "", word).strip()
        ended = match is not None and not match[0].startswith("`")
        if ended and self.text[end] == "\n":
            ended = self._after_line(end, in_object)
        made = Node("bare", word, sure=ended or word in LITERALS, mended=literal(word) != word)
        if _HALF_TEXT.fullmatch(word) and _QUOTED_KEY.search(self.text[max(0, start - 9) : start]):
            return Node("text", word[:-1], sure=made.sure, mended=True)
        if word[:1] in ("", "<") or (_MARKED.search(word[1:]) and not _ONE_WORD.fullmatch(word)):
            made.sure = False
        return made

    def _after_line(self, end: int, in_object: bool) -> bool:
        """Does a value end with its line?"""
        at = self._after(end)
        here = self.text[at : at + 1]
        if here in ",}]" and here:
            return True
        fence = self.text.startswith("```", at)
        return in_object and (fence or bool(_NEXT_KEY.match(self.text, at)))

    def _ends(self, at: int) -> bool:
        """Does a value of an object end before what stands here, behind its comma?"""
        at = self._after(at)
        here = self.text[at : at + 1]
        return not here or here in ",}]{" or any(e.match(self.text, at) for e in (_DOTS, _NEXT_KEY))

    def _closes(self, at: int, role: str) -> bool:
        """Can a quote before this place be the end of a text?"""
        at, begin = self._after(at), at
        here = self.text[at : at + 1]
        if role == "key":
            return bool(here) and here in COLONS
        ends = "}])" if "(" in self.open else "}]"
        if not here or here in ends or self.text.startswith("```", at):
            return True
        if here in ";；":
            found = (_NEXT_KEY if role == "value" else _VALUE).match(self.text, at + 1)
            return found is not None and found[0].lstrip()[:1] in QUOTES
        if here in COMMAS:
            if role == "value":
                return self._ends(at + 1)
            behind = self._after(at + 1)
            follows = self.text[behind : behind + 1]
            return not follows or follows in ends + "." or bool(_VALUE.match(self.text, behind))
        lines = "\n" in self.text[begin:at]
        quoted = here in QUOTES
        if role == "item":
            return lines and quoted  # a comma is missing
        return (quoted or lines) and bool(_NEXT_KEY.match(self.text, at))

    def _string(self, role: str) -> Node | None:
        """Return the text that begins here; None: it has no end."""
        opener = self._here
        if self.text.startswith(opener * 3, self.at) and opener in "\"'":
            return self._triple(opener * 3)
        closers, start = QUOTES[opener], self.at + 1
        at, inner, inches, sure = start, 0, 0, True
        curly = opener == '"'  # may a curly quote end it? Not where one began within it
        end = min(len(self.text), start + LONGEST_KEY) if role == "key" else len(self.text)
        while at < end:
            char = self.text[at]
            if char == "\\":
                at += 2
                continue
            if curly and char == "”" and at > start:
                keyed = role == "key" and self._closes(at + 1, role)
                if keyed or (role != "key" and _CURLY_END.match(self.text, at + 1)):
                    break
                curly = False
            if char in closers:
                if self._closes(at + 1, role):
                    break
                if role == "key" and not {":", ","}.isdisjoint(self.text[start:at]):
                    return None  # rather a value, and the end of its key is missing
                inner += 1
                inches += self.text[at - 1].isdigit()  # 32" display
                before = self.text[max(start, at - 9) : at].rstrip()[-1:]
                sure &= role == "key" or not SPLIT[role].match(self.text, at + 1)
                sure &= not before or before not in ":,{["  # it begins a text rather
            curly &= char not in '"“„'
            at += 1
        self.work += at - start
        if at >= end:
            return None
        self.at = at + 1
        raw = self.text[start:at]
        value = unescaped(raw.replace("\\_", "_") if role == "key" else raw, opener)
        if opener == '"':
            sure &= paired(raw, inner, inches)
        if not self.text[self.at :].strip() and (at == start or self.text[at - 1] in " (\n"):
            sure = False  # the text was cut at a quote within a text
        plain = opener == '"' and not inner and "\n" not in self.text[start:at]
        sure &= value is not None and not TEX.search(value)
        return Node("text", value or "", sure=sure, mended=not plain)

    def _triple(self, mark: str) -> Node | None:
        end = self.text.find(mark, self.at + 3)
        if end < 0:
            return None
        raw = self.text[self.at + 3 : end]
        self.at = end + 3
        return Node("text", raw, sure="\\" not in raw, mended=True)
