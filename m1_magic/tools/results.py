"""What a function gave, or raised → the text that the model is told, by the level in force.

Tables in whatever clothes go through their summary, as attachments do; of other containers below
``sample`` only type and size leave. Text is cut, secrets and personal data in it are masked.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..calls import Attachment, Message
from ..context import masked, wished
from ..context.frames import opened, summary
from ..context.frames.summary import Wish
from ..context.frames.tables import is_tabular
from ..context.last_error import read
from ..context.values import insert
from ..errors import UserFacingError
from ..options.fields import Options
from ..privacy import redaction
from ..privacy.error_messages import message
from ..privacy.personal_text import hidden
from ..settings.config import M1
from ..text import one_line, thousands

LONGEST = 20_000  # characters of a result that leave
ITEMS = 1_000  # of a generator that are taken
# A folder of this machine, up to a file's own name.
FOLDERS = re.compile(r"(?:~|[A-Za-z]:)?(?:[\\/][^\\/\s'\"<>|:*?]+)+[\\/](?=[^\\/\s'\"]*)")


@dataclass(frozen=True)
class Page:
    """What leaves of a result, made by the level already."""

    text: str


@dataclass
class Results:
    """What leaves of results in one call; ``wish`` remembers the tables of earlier ones."""

    wish: Wish
    secrets: redaction.Policy
    masked: int = field(default=0)

    @classmethod
    def of(cls, options: Options, settings: M1) -> Results:
        """Return what the options and settings of a call say."""
        return cls(wished(options, settings), redaction.policy(settings))

    def told(self, value: object) -> str:
        """Return what leaves of a value."""
        if isinstance(value, Page):
            return value.text
        more = ""
        if isinstance(value, Iterator) and not is_tabular(value):
            items = list(islice(value, ITEMS + 1))
            value, more = items[:ITEMS], ""
            if len(items) > ITEMS:
                more = f"\n[only the first {thousands(ITEMS)} items were taken]"
        if value is None:
            return "None"
        return self.clean(self._text(_plain(value))) + more

    def raised(self, error: BaseException, known: str) -> str:
        """Return what leaves of an error: one line, no folder of this machine.

        Args:
            known: what M1 wrote itself, so that it may be quoted.
        """
        (problem, *_) = read(error, lambda file: None).problems
        said = FOLDERS.sub("", problem.message)
        text, _ = message(said, self.wish.level, known, problem.raiser)
        return one_line(self.clean(f"It raised {problem.kind}{': ' if text else ''}{text}"), 400)

    def clean(self, text: str) -> str:
        """Return text as it may leave: masked, and cut."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        over = len(text) - LONGEST
        # A secret that the cut would go through is masked before it.
        made, count = redaction.mask(text[: LONGEST + 4_000], self.secrets)
        made = hidden(made)
        self.masked += count
        if over <= 0:
            return made
        return f"{made[:LONGEST]}\n[cut: {thousands(over)} characters more]"

    def table(self, value: object, name: str) -> Attachment:
        """Return the summary of a table."""
        return masked(summary(opened(value), name, self.wish).attachment(), self.secrets)

    def _text(self, value: object) -> str:
        try:
            made = insert(
                "{{result}}",
                {"result": value},
                self.table,
                self.wish.level,
            )
        except UserFacingError:
            kind = one_line(type(value).__name__, 60)
            return f"(a value of type {kind}, of which nothing can be told)"
        parts = Message("user", made.parts).parts
        texts = (made.inserted[p.index].text if hasattr(p, "index") else p.text for p in parts)  # type: ignore[union-attr]
        return "".join(texts).strip("\n")


def _plain(value: Any) -> Any:
    """Return a model, dataclass or named tuple as plain data, all else as it is."""
    if isinstance(value, type):
        return value
    if hasattr(value, "model_dump") and hasattr(type(value), "model_fields"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, list) and value and all(type(one) is type(value[0]) for one in value):
        made = [_plain(one) for one in value[:1]]
        return value if made[0] is value[0] else [_plain(one) for one in value]
    return value
