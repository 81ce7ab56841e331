"""Bold beside the punctuation of Chinese, Japanese and Korean, which write no blanks.

CommonMark takes ``**注意：**请`` for plain asterisks, since punctuation stands before the closing
ones and no blank behind them. The usual remedy ("CJK-friendly emphasis") is: their punctuation
counts as a letter, and their letters as a blank where other punctuation is beside the marks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# Blocks of Unicode: Hangul, radicals to CJK symbols, kana, ideographs, and full-width forms.
CJK = re.compile(
    "[\u1100-\u11ff\u20a9\u2e80-\u303f\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe6f\uff00-\uffef\U00016fe0-\U00018cff"
    "\U0001aff0-\U0001b2ff\U0001f200-\U0001f2ff\U00020000-\U0003ffff]"
)


def emphasis(md: MarkdownIt) -> None:
    """Teach ``md`` this; its inline rules are to be switched on after it."""
    from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
    from markdown_it.parser_inline import ParserInline
    from markdown_it.rules_inline import StateInline
    from markdown_it.rules_inline.state_inline import Scanned

    def punctuation(character: str) -> bool:
        return isMdAsciiPunct(ord(character)) or isPunctChar(character)

    class State(StateInline):
        def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803
            plain = super().scanDelims(start, canSplitWord)
            end = start + plain.length
            before = self.src[start - 1] if start else " "
            after = self.src[end] if end < self.posMax else " "
            wide, then_wide = bool(CJK.match(before)), bool(CJK.match(after))
            if not wide and not then_wide:
                return plain
            marks, then_marks = punctuation(before), punctuation(after)
            blank, then_blank = isWhiteSpace(ord(before)), isWhiteSpace(ord(after))
            left = not then_blank and (not then_marks or then_wide or blank or marks or wide)
            right = not blank and (not marks or wide or then_blank or then_marks or then_wide)
            opens = left and (canSplitWord or not right or marks)
            closes = right and (canSplitWord or not left or then_marks)
            return Scanned(opens, closes, plain.length)

    class Inline(ParserInline):
        def parse(self, src: str, md: MarkdownIt, env: Any, tokens: list[Any]) -> list[Any]:
            state = State(src, md, env, tokens)
            self.tokenize(state)
            for rule in self.ruler2.getRules(""):
                rule(state)
            return state.tokens

    md.inline = Inline()
