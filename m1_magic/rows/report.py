"""What a run was and did, in words: before, in the footer, and the failures by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from ..calls import Usage
from ..errors import UserFacingError
from ..pricing.dollars import money
from ..render.page import code
from ..text import md_cell, one_line, plural, show_controls, thousands

MOST = 8  # reasons that are listed
CUT = 600  # characters of a filled question that a preview shows
AGAIN = "Running it again asks only those that have no answer."


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did; costs in US dollars, None where one is not known yet.

    ``failed`` are rows, ``reasons`` by how many rows; ``asked`` and ``kept`` are questions; ``id``,
    ``model`` and ``usage`` are those of the calls together.
    """

    rows: int
    asked: int
    kept: int
    failed: int
    cost: Decimal | None
    seconds: float
    reasons: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    known: Decimal = Decimal(0)
    unknown: int = 0
    estimated: int = 0
    id: str = ""
    model: str = ""
    usage: Usage | None = None
    stopped: bool = False

    def __str__(self) -> str:
        price = price_so_far(self.known, self.unknown, about=bool(self.estimated))
        parts = [
            plural(self.rows, "row"),
            f"{thousands(self.asked)} asked",
            f"{thousands(self.kept)} kept" if self.kept else "",
            f"{thousands(self.failed)} failed" if self.failed else "",
            price,
            f"{self.seconds:.0f} s" if self.seconds >= 10 else f"{self.seconds:.1f} s",
        ]
        return " · ".join(part for part in parts if part)

    @property
    def cost_source(self) -> str:
        """Where the price is from, as of one call."""
        return "unknown" if self.cost is None else "estimated" if self.estimated else "billed"

    def record(self, *, stable: bool) -> dict[str, Any]:
        """Return what a notebook keeps of it, as of one call; see `render.footer.record`."""
        counts = self.usage and asdict(self.usage)
        return {
            "id": self.id,
            "generation_id": None,
            "model": show_controls(self.model),
            "usage": counts and {k: v for k, v in counts.items() if v is not False},
            "cost_usd": None if self.cost is None else float(self.cost),
            "cost_source": self.cost_source,
            "seconds": None if stable else round(self.seconds, 3),
            "status": "stopped" if self.stopped else "ok",
            "finish": None,
            "rows": self.rows,
            "questions": self.asked,
            "failed": self.failed,
        }

    def page(self) -> str:
        """Return the footer, notes and the failures by reason, as Markdown."""
        lines = [md_cell(line) for line in (str(self), *self.notes)]
        if self.failed:
            rows = [
                f"| {number:,} | {md_cell(one_line(why, 160))} |"
                for why, number in self.reasons[:MOST]
            ]
            more = len(self.reasons) - MOST
            rows += [f"| | {more} more reasons |"] if more > 0 else []
            lines += ["\n".join(["| rows | no answer, because |", "|--:|---|", *rows]), AGAIN]
        return "\n\n".join(lines)


def price_so_far(known: Decimal, unknown: int, *, about: bool = False) -> str:
    """Return what is known of a price, or estimated of it, and how many are still to come."""
    return money(known, about=about) + (f" + {plural(unknown, 'price')} to come" if unknown else "")


def stopped_early(error: BaseException, answers: int, price: str) -> str:
    """Return what stopped a run, what it had cost by then, and what to do."""
    what, todo = f"{type(error).__name__}: {error}", ""
    if isinstance(error, UserFacingError):
        what, todo = error.what, error.todo
    return (
        f"Stopped early: {what} {plural(answers, 'answer')} had come, for {price}. {todo}".strip()
    )


def by_reason(reasons: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return each reason with how often it is one, the most frequent first."""
    return tuple(Counter(reasons).most_common())


def preview(says: str, filled: Sequence[str], model: str, refused: str = "") -> str:
    """Return what a dry run shows: what a run would be, and some questions as they would leave.

    ``refused``: why it would not be.
    """
    lines = [md_cell(f"{says} · {one_line(model, 80)} · nothing was sent")]
    lines += [md_cell(refused)] if refused else []
    for number, words in enumerate(filled, 1):
        more = f"\n… {plural(len(words) - CUT, 'character')} more" if len(words) > CUT else ""
        lines.append(f"Question {number}:\n\n{code(words[:CUT] + more)}")
    return "\n\n".join(lines)
