"""The model's Markdown as LaTeX for nbconvert, with nothing of it left to run.

TeX reads files and writes them: so all words are escaped, code is typed with its backslashes
named, and a formula that holds more than mathematics is shown as the text that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..markdown.mathematics import STARRED
from ..text import show_controls
from .markup import parser
from .tex import ENVIRONMENTS, typesettable

if TYPE_CHECKING:
    from markdown_it.token import Token

NAMED = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "$": "\\$", "&": "\\&", "#": "\\#",
    "^": "\\textasciicircum{}", "_": "\\_", "~": "\\textasciitilde{}", "%": "\\%",
    "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}", '"': "\\textquotedbl{}",
    "☐": "[~]", "☑": "[x]",
}  # fmt: skip
TYPED = {"\\": "\\textbackslash{}", "{": "\\textbraceleft{}", "}": "\\textbraceright{}"}
HEADINGS = ("subsection*", "subsubsection*", "paragraph", "paragraph", "paragraph", "paragraph")
AROUND = {
    "em_open": "\\emph{", "strong_open": "\\textbf{", "s_open": "\\sout{",
    "sub_open": "\\textsubscript{", "sup_open": "\\textsuperscript{",
    **dict.fromkeys(("em_close", "strong_close", "s_close", "sub_close", "sup_close"), "}"),
    "link_close": "}", "softbreak": "\n", "hardbreak": "\\newline{}\n",
    "paragraph_close": "\n\n", "heading_close": "}\n\n",
    "hr": "\n\n\\noindent\\rule{\\linewidth}{.4pt}\n\n",
    "list_item_open": "\\item{} ", "list_item_close": "\n", "footnote_open": "\\item{} ",
    "footnote_close": "\n", "table_close": "\\bottomrule\n\\end{tabular}\n\n",
    "thead_close": "\\midrule\n", "tr_close": " \\tabularnewline\n",
}  # fmt: skip
LISTS = {"bullet_list": "itemize", "ordered_list": "enumerate", "blockquote": "quote",
         "footnote_block": "enumerate"}  # fmt: skip
DEEPEST = 4  # LaTeX stops at the fifth list in lists of its kind
_OPENED = re.compile(r"\\(?:begin|end)\s*\{([^{}]*)\}")
_LEFT, _RIGHT = re.compile(r"\\left(?![a-zA-Z])"), re.compile(r"\\right(?![a-zA-Z])")
_STRAY = re.compile(r"#|([_^])\w\1|([_^])\s*$")
_ROWS = re.compile(r"\\(?:substack|matrix|pmatrix|cases)\s*\{")
_DISPLAYED = re.compile(rf"\\begin\{{(?:{'|'.join(STARRED)})\*?\}}")
# What MathJax does not know, and TeX does: files, packages, other engines.
_READS = re.compile(
    r"\^\^|(?<!\\)%|\\(?:include|open(?:in|out)|immediate|directlua|lua\w*|usepackage|RequirePackage"
    r"|\w*input\w*|make\w*|expandafter|afterassignment|aftergroup|loop|shipout|output|every\w+"
    r"|jobname|batchmode|errmessage|message|show\w*|font|char|active|the|usebox|newwrite|newread"
    r"|ShellEscape|pdf\w+|XeTeX\w*|if\w*|fi|else|or|par|item|footnote|(?:sub)*section|(?:clear)?page"
    r"|newpage|cleardoublepage|chapter|caption|verb|global|long|outer|noexpand|uppercase|lowercase)(?![a-zA-Z])"
)


def latex(markdown: str) -> str:
    """Return untrusted Markdown as LaTeX that fits nbconvert's template."""
    tokens = parser().parse(show_controls(markdown), {"typeset": False})
    return "".join(_blocks(tokens)).strip() + "\n"


def escaped(text: str) -> str:
    """Return foreign text as LaTeX that says the same."""
    return "".join(NAMED.get(character, character) for character in show_controls(text))


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    depth = cells = 0
    for at, token in enumerate(tokens):
        kind = token.type
        name = LISTS.get(kind.removesuffix("_open").removesuffix("_close"))
        if name:
            depth += token.nesting if token.nesting > 0 else 0
            if depth <= DEEPEST:
                yield _list(token, name)
            depth += token.nesting if token.nesting < 0 else 0
        elif depth > DEEPEST and kind == "list_item_open":
            yield "\n\n"
        elif kind == "inline":
            yield "".join(_inline(one, bool(cells)) for one in token.children or ())
        elif kind in ("fence", "code_block", "math_open_end"):
            yield _code(token.content)
        elif kind == "math":
            yield _formula(token) + "\n\n"
        elif kind == "heading_open":
            yield f"\\{HEADINGS[int(token.tag[1]) - 1]}{{"
        elif kind == "table_open":
            yield _table_head(tokens[at:])
        elif kind == "tr_open":
            cells = 0
        elif kind in ("td_open", "th_open"):
            yield " & " if cells else ""
            cells += 1
        elif kind == "table_close":
            cells = 0
            yield AROUND[kind]
        elif not token.hidden or kind != "paragraph_close":
            yield AROUND.get(kind, "")


def _list(token: Token, name: str) -> str:
    if token.nesting < 0:
        return f"\\end{{{name}}}\n\n"
    rule = AROUND["hr"] if token.type == "footnote_block_open" else ""
    first = int(token.attrs.get("start", 1))
    start = f"\\addtocounter{{enumi}}{{{first - 1}}}" if name == "enumerate" and first > 1 else ""
    return f"{rule}\\begin{{{name}}}{start}\n"


def _table_head(tokens: Sequence[Token]) -> str:
    columns = []
    for token in tokens:
        if token.type == "th_open":
            columns.append(str(token.attrs.get("align", "left"))[0])
        if token.type == "thead_close":
            break
    return f"\\begin{{tabular}}{{{''.join(columns)}}}\n\\toprule\n"


def _inline(token: Token, in_table: bool = False) -> str:
    if token.type == "math":
        return _formula(token, in_table)
    if token.type == "hardbreak" and in_table:
        return " "
    if token.type == "code_inline":
        return f"\\texttt{{{escaped(token.content)}}}"
    if token.type == "link_open":
        goal = re.sub(r"[\\{}^~ ]", lambda one: f"%{ord(one[0]):02X}", str(token.attrs["href"]))
        return f"\\href{{{re.sub('([%#&_$])', chr(92) * 2 + chr(92) + '1', goal)}}}{{"
    if token.type == "footnote_ref":
        return f"\\textsuperscript{{[{token.meta['id'] + 1}]}}"
    return AROUND.get(token.type, escaped(token.content))


def _code(code: str) -> str:
    typed = "".join(TYPED.get(character, character) for character in code.rstrip("\n"))
    return f"\\begin{{Verbatim}}[commandchars=\\\\\\{{\\}}]\n{typed}\n\\end{{Verbatim}}\n\n"


def _formula(token: Token, in_table: bool = False) -> str:
    tex = token.content
    displayed = _DISPLAYED.match(tex)
    if not _mathematics(tex) or (in_table and displayed):
        return f"\\texttt{{{escaped(tex)}}}"
    tex = re.sub(r"\n\s*\n", "\n", tex)  # an empty line ends a paragraph, and so the formula
    if displayed:
        return f"\n{tex}\n"
    return f"\\[{tex}\\]" if token.markup == "\\[" and not in_table else f"\\({tex}\\)"


def _mathematics(tex: str) -> bool:
    """Is this a whole formula of mathematics, and no more?"""
    names = [name.strip() for name in _OPENED.findall(tex)]
    bare = re.sub(r"\\.", "", tex, flags=re.DOTALL)
    dollars = bare.count("$") % 2 == 0 and ("$" not in bare or "\\text" in tex)
    ends = tex.count("\\begin") == tex.count("\\end")
    balanced = bare.count("{") == bare.count("}") and ends and dollars
    # What stops TeX: signs out of their place, halves of pairs.
    paired = len(_LEFT.findall(tex)) == len(_RIGHT.findall(tex)) and not _STRAY.search(bare)
    aligned = "&" not in bare or bool(names) or _ROWS.search(tex) is not None
    known = paired and aligned and all(name.rstrip("*") in ENVIRONMENTS for name in names)
    return typesettable(tex) and balanced and known and not _READS.search(tex)
