"""Words of Markdown, without its code, broken where they could be more than words.

Each thing that a viewer could find alive is broken by a word joiner (U+2060), which nobody sees,
and which ends what it stands in.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from ..markdown.emphasis import CJK
from ..text import HIDDEN, show_controls
from .links import host, misleads, named, plain_authority
from .tex import DANGER, LARGEST, MEASURES, bounded, largest
from .viewers import language_is_plain

JOINER = "\u2060"
LABEL = 500  # characters of a link's words that are looked at
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});")
_PICTURE = re.compile(r"!\[([^\[\]\n]*)\]\((https?://[^\s()<>]+)[^()\n]*\)")
_BARE_LINK = re.compile(r"(?<!\]\()(https?:|ftp:|www\.)(?=(\S{0,2000}))", re.IGNORECASE)
_TAG = re.compile(r"(<br ?/?>|<(su[bp])>[^<>\n]{1,200}</\2>)|<(?=[A-Za-z/!?])", re.IGNORECASE)
_IN_LINE = re.compile(r"[^\W\d_]|\|")  # before a tag, so that it begins no block of raw HTML
_FENCE = re.compile(r"^([ \t>*+\-\d.)]*)(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
MORE = re.compile(r"[\"'<>$\\&@/=]")  # than a language, in an info string
_COLONS = re.compile(r"^([ \t>*+\-\d.)]*:)(?=::)", re.MULTILINE)
_BOLD = re.compile(r"(?<![*\\])(\*{1,3})(?![\s*])([^*\n]+?)(?<![\s\\])\1(?!\*)")
_FORMULA = re.compile(
    r"\$\$.{,4000}?\$\$|\$[^$\n]{1,4000}\$|\\begin\{(\w+\*?)\}.{,4000}?\\end\{\1\}", re.DOTALL
)


def broken(text: str, mark: str = "\x00", with_spans: Callable[[str], str] = str) -> str:
    """Return words of Markdown with nothing in them that could be alive.

    Args:
        text: the words; a number between two of ``mark`` stands for a code span.
        mark: that character.
        with_spans: puts the code spans of a text back, for what is only looked at.
    """
    inside = rf"((?:[^\\{mark}]|\\[^()\[\]])+)"
    text = _ENTITY.sub(_sign, text)
    text = re.sub(
        rf"\\\({inside}\\\)|\\\[{inside}\\\]",
        lambda m: f"${m[1].strip()}$" if m[1] else f"$${m[2]}$$",
        text,
    )
    text = _without_bombs(DANGER.sub(lambda m: "\\" + JOINER + m[0][1:], text))
    text = _PICTURE.sub(lambda m: f"picture: {m[1]} ({m[2]})", text)
    text = _TAG.sub(_tag, text).replace("![", f"!{JOINER}[")
    text = _links(text, mark, with_spans)
    text = _BARE_LINK.sub(_bare, text)
    text = _COLONS.sub(rf"\1{JOINER}", text)
    text = _FENCE.sub(_fence, text)
    return _BOLD.sub(_bold, text) if CJK.search(text) else text


def _sign(entity: re.Match[str]) -> str:
    """Return the sign of a hidden character for its entity (``&#x202e;``), else the entity."""
    character = html.unescape(entity[0])
    return show_controls(character) if HIDDEN.search(character) else entity[0]


def _tag(match: re.Match[str]) -> str:
    line = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
    if match[1] and _IN_LINE.search(line):
        return match[1]
    return f"<{JOINER}{match[0][1:]}".replace("</", f"<{JOINER}/")


def _fence(match: re.Match[str]) -> str:
    info = match[3]
    no_fence = match[2][0] == "`" and "`" in info
    plain = language_is_plain(info.strip(" \t"))
    if plain or no_fence:
        return match[0]
    if MORE.search(info):  # no fence any more, so that it is seen
        return f"{match[1]}{match[2][:2]}{JOINER}{match[2][2:]}{info}"
    return f"{match[1]}{match[2]}text"


def _without_bombs(text: str) -> str:
    """Return text whose formulas are about as large as they look."""
    if largest(text) > LARGEST:
        text = MEASURES.sub(_stopped, text)
    return _FORMULA.sub(
        lambda m: m[0] if bounded(m[0]) else re.sub(r"\\(?=[A-Za-z\\])", rf"\\{JOINER}", m[0]), text
    )


def _stopped(command: re.Match[str]) -> str:
    return command[0][0] + JOINER + command[0][1:]


def _links(text: str, mark: str, with_spans: Callable[[str], str]) -> str:
    """Return text whose links all lead away, and say where if their words say something else.

    JupyterLab puts formulas back into the finished HTML, where one in an attribute closes it: so
    addresses without TeX or title.
    """
    part = rf"(?:[^\s()<>\"$\\&@{mark}]|&(?![#\w]+;)|@(?!@))*"
    address = rf"(?:https?://|mailto:){part}(?:\({part}\){part})?"
    brackets = (
        "\n".join(re.findall(r"\[([^\]]*)", _plain(with_spans(text)))) if "]:" in text else ""
    )

    def link(match: re.Match[str]) -> str:
        goal = match[1]
        if not goal or not _leads_away(goal):
            return f"]{JOINER}{match[0][1:]}"
        misleading = misleads(
            _plain(with_spans(_label(match.string[max(0, match.start() - LABEL) : match.start()]))),
            goal,
        )
        return f"{match[0]} ({host(goal)})" if misleading else match[0]

    def definition(match: re.Match[str]) -> str:
        goal = match[1]
        honest = goal and _leads_away(goal) and not misleads("\n".join(named(brackets)), goal)
        return match[0] if honest else f"]{JOINER}:"

    text = re.sub(rf"\](?=:(?!\s*{address}[ \t]*(?:\n(?!\s*[\"'(])|\Z)))", f"]{JOINER}", text)
    text = re.sub(rf"\]:(?=\s*({address}))", definition, text)
    return re.sub(rf"\]\((?:({address})\))?", link, text)


def _label(before: str) -> str:
    """Return the words of the link that ends here."""
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        depth += (before[at] == "]") - (before[at] == "[")
        if depth < 0:
            return before[at + 1 :]
    return before


def _plain(label: str) -> str:
    return re.sub(r"[\\*_`~\u2060]", "", html.unescape(label))


def _leads_away(goal: str) -> bool:
    return goal.lower().startswith("mailto:") or plain_authority(goal)


def _bare(match: re.Match[str]) -> str:
    scheme, rest = match[1].lower(), match[2]
    if scheme != "www." and not rest.startswith("//"):
        return match[0]
    goal = f"http://www.{rest}" if scheme == "www." else scheme + rest
    if re.search(r"[$\\]|@@", rest) or not plain_authority(goal):
        return match[0] + JOINER
    return match[0]


def _bold(match: re.Match[str]) -> str:
    """Help bold that ends in punctuation beside a letter, as Chinese has it."""
    marks, inner, text = match[1], match[2], match.string
    before, after = text[: match.start()][-1:], text[match.end() : match.end() + 1]
    if not CJK.search(before + inner[0] + inner[-1] + after):
        return match[0]
    left = JOINER if _punctuation(inner[0]) and _letter(before) else ""
    right = JOINER if _punctuation(inner[-1]) and _letter(after) else ""
    return f"{marks}{left}{inner}{right}{marks}"


def _punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _letter(character: str) -> bool:
    return bool(character) and not character.isspace() and not _punctuation(character)
