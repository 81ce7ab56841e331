"""The model's Markdown made inert for any Markdown viewer, without a parser."""

from __future__ import annotations

import html
import re

from ..text import HIDDEN, show_controls

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});")

# U+2060, the word joiner: invisible, and neither "<" nor "![" before it means anything any more.
JOINER = "\u2060"
TEX_DANGER = re.compile(
    r"\\(?:href|url|style|class|cssId|data|includegraphics|require|unicode|mmlToken|csname|catcode"
    r"|(?:re|provide)?newcommand|(?:re)?newenvironment|[egx]?def|let|futurelet|DeclareMathOperator"
    r"|DeclarePairedDelimiters\w*|html\w*|htmlmathml|action|toggle|texttip|mathtip|tooltip"
    r"|loadextension|begingroupSandbox|special|input|write|read)(?![a-zA-Z])"
)

_FENCE = re.compile(r"(`{3,}|~{3,})[\w+#.-]*")
_DEFINITION = re.compile(r"\]:|\$\$")  # link definitions, display formulas
_PICTURE = re.compile(r"!\[([^\[\]\n]*)\]\((https?://[^\s()<>]+)[^()\n]*\)")
_INSIDE = r"((?:[^\\]|\\[^()\[\]])+)"
_PART = r"(?:[^\s()<>\"$\\&@]|&(?![#\w]+;)|@(?!@))*"
_ADDRESS = rf"(?:https?://|mailto:){_PART}(?:\({_PART}\){_PART})?"
# JupyterLab puts formulas back into the finished HTML, where one in an attribute closes it, and
# does not escape a fence's language: so addresses without TeX or title, and plain languages.
_OTHER_LINK = re.compile(
    rf"\](?=\((?!{_ADDRESS}\))|:(?!\s*{_ADDRESS}[ \t]*(?:\n(?!\s*[\"'(])|\Z)))"
)
_BARE_LINK = re.compile(r"(?<!\]\()(?:https?:|ftp:|www\.)(?=\S*(?:[$\\]|@@))", re.IGNORECASE)
_DIAGRAM = re.compile(r"(?<=```|~~~)[ \t]*mermaid\b", re.IGNORECASE)
_OTHER_FENCE = re.compile(r"(``|~~)(?=[`~][^\n]*[\"$\\@&])")
_TEX = re.compile(rf"\\\({_INSIDE}\\\)|\\\[{_INSIDE}\\\]")


def _sign(entity: re.Match[str]) -> str:
    """Return the sign of a hidden character for its entity (``&#x202e;``), else the entity."""
    character = html.unescape(entity[0])
    return show_controls(character) if HIDDEN.search(character) else entity[0]


def inert(markdown: str, *, quoted: bool = False) -> str:
    """Return the model's Markdown such that no viewer finds a live tag, picture or script in it.

    Raw tags are broken by a word joiner, pictures become their address, links keep only http(s)
    and mailto. A fenced block is left to the letter where every parser agrees on its extent; one
    of Mermaid's is plain text, for a diagram can load pictures. What is to be ``quoted`` has none:
    JupyterLab's formulas reach into code there.
    """
    source = _DIAGRAM.sub("text", show_controls(markdown))
    parts = None if quoted else _split(source)
    if parts is None:
        return _broken(source)
    out: list[str] = []
    for verbatim, part in parts:
        if not part:
            continue
        # Only a blank line keeps JupyterLab's formulas from swallowing a fence.
        if out and not out[-1].endswith("\n\n") and not part.startswith("\n"):
            out.append("\n")
        out.append(part if verbatim else _broken(part))
    return "".join(out)


def literal(line: str) -> str:
    """Return one line of text as Markdown that any viewer shows as it is."""
    return inert(line).replace("*", "\\*").replace("_", "\\_").replace("`", "\\`")


def _broken(text: str) -> str:
    text = _ENTITY.sub(_sign, text)
    text = _TEX.sub(lambda m: f"${m[1].strip()}$" if m[1] else f"$${m[2]}$$", text)
    text = TEX_DANGER.sub(lambda m: "\\" + JOINER + m[0][1:], text)
    text = _PICTURE.sub(lambda m: f"picture: {m[1]} ({m[2]})", text)
    text = re.sub(r"<(?=[A-Za-z/!?])", "<" + JOINER, text)
    text = text.replace("![", "!" + JOINER + "[")
    text = _OTHER_LINK.sub("]" + JOINER, text)
    text = _BARE_LINK.sub(lambda m: m[0] + JOINER, text)
    return _OTHER_FENCE.sub(lambda m: m[0] + JOINER, text)


def _split(text: str) -> list[tuple[bool, str]] | None:
    """Return (is a fenced block, text) in order; None where parsers may differ on what is one."""
    parts: list[tuple[bool, str]] = []
    pending: list[str] = []
    marker = ""
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        opener = None if marker else _FENCE.fullmatch(bare)
        if marker and bare == marker:
            parts.append((True, "".join([*pending, line])))
            pending, marker = [], ""
        elif opener:
            parts.append((False, "".join(pending)))
            pending, marker = [line], opener[1]
        elif bare.lstrip(" \t>").startswith(marker if marker else ("```", "~~~")):
            return None
        else:
            pending.append(line)
    parts.append((bool(marker), "".join(pending)))
    outside = "".join(part for verbatim, part in parts if not verbatim)
    return None if _DEFINITION.search(outside) else parts
