"""Foreign text made fit to be shown, each way of showing it with its own function.

| where it is shown | function |
|---|---|
| in a sentence, a message, a list: one line, cut | `one_line` |
| as it is, in a terminal, a log, a code block | `show_controls` |
| in HTML, text or attribute | `escape_html` |
| as a value of a table that M1 reads | `escape_value` |
| in our own Markdown, in a cell or a sentence | `md_cell` |
| our own Markdown where nothing renders it | `md_to_text` |
| in Markdown for any viewer, the model's own or a line | `render.inert_markdown` |
| what a cell printed, for M1 to read | `clean_output`, cut by `cut_middle` |

Standard library only. Numbers as text stand here, too.
"""

from __future__ import annotations

import html
import re

# C0/C1 controls (ESC among them), the bidi, invisible and tag characters that disguise text, and
# lone surrogates, which no terminal and no notebook file can take.
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, …
)
# Bidi embeddings and isolates, zero width space and the like, tag characters. Kept: the joiners
# and marks (U+200C to U+200F) that emoji, Persian and Arabic need.
HIDDEN = re.compile(
    r"[\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FOREIGN = re.compile(f"{HIDDEN.pattern}|{CONTROL.pattern}")
LOOKED_AT = 1_000_000  # characters of an output that are looked at at all
# What both the ``markdown`` package and CommonMark take a backslash before.
SPECIAL = re.compile(r"([\\`*_{}\[\]>#|])")
ESCAPED = re.compile(r"\\([\\`*_{}\[\]>#|])")


def one_line(text: object, limit: int = 300) -> str:
    """Return foreign text on one line, without control characters, at most ``limit`` long."""
    line = " ".join(INVISIBLE.sub(" ", str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def show_controls(text: str) -> str:
    """Return ``text`` without escape sequences, and with a sign for each hidden character."""
    if not _FOREIGN.search(text):  # nearly always
        return text
    text = ANSI.sub("", text.replace("\r\n", "\n").removeprefix("\ufeff"))
    return HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", CONTROL.sub(_sign, text))


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x0D:
        return "\n"
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"


def escape_html(text: str) -> str:
    """Return foreign text as HTML text that is fit for an attribute, too."""
    return html.escape(show_controls(text))


def escape_value(text: str, limit: int = 60) -> str:
    """Return foreign text on one line: escaped as in a repr, no backticks, cut at ``limit``."""
    raw = text[: limit + 1].replace("\\", "\\\\").replace("`", "\\x60")
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in raw)
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def md_cell(value: object) -> str:
    """Return foreign text as it may stand in a table or sentence of our Markdown."""
    text = " ".join(show_controls(str(value)).split()).replace("&", "&amp;").replace("<", "&lt;")
    return SPECIAL.sub(r"\\\1", text)


def md_to_text(markdown: str) -> str:
    """Return one of our pages as it is read without rendering."""
    return ESCAPED.sub(r"\1", markdown).replace("&lt;", "<").replace("&amp;", "&")


def clean_output(text: str) -> str:
    """Return text without colours, control and invisible characters, progress bars at their end."""
    text = ANSI.sub("", text[:LOOKED_AT]).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return INVISIBLE.sub("", "\n".join(lines)).strip("\n")


def cut_middle(text: str, most: int = 2_400) -> str:
    """Return the head and the tail of a long text, and between them how much is left out.

    Args:
        text: the text.
        most: characters of it that stay; the default is about 1,000 tokens.
    """
    if len(text) <= most:
        return text
    head, tail = text[: most * 2 // 3], text[-most // 3 :]
    return f"{head}\n[{len(text) - len(head) - len(tail):,} characters left out]\n{tail}"


def plural(number: int, noun: str) -> str:
    """Return ``1 row`` or ``1,204 rows``."""
    return f"{thousands(number)} {noun}{'' if number == 1 else 's'}"


def thousands(number: int) -> str:
    """Return a whole number with separators: ``1,204``."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """Return a whole number in about two digits: ``950``, ``1.1k``, ``12k``, ``1.2M``."""
    for size, sign in ((1_000_000, "M"), (1000, "k")):
        # 999,950 is 1.0M, and not 1,000k.
        if number >= size - size // 2000:
            tenths = (number * 10 + size // 2) // size
            text = str((tenths + 5) // 10) if tenths >= 100 else f"{tenths / 10:.1f}"
            return text.removesuffix(".0") + sign
    return str(number)
