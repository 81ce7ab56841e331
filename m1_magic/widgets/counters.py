"""What the call and the session cost, as it stands: live while a call runs, then as billed.

One line that opens. Sums are the ledger's own, the same that ``%m1 cost`` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import ipywidgets

from ..calls import FREE, Reply, Totals, Usage
from ..errors import LedgerProblem
from ..ledger.store import now_utc
from ..pricing.dollars import money, money_at_most, money_limit
from ..pricing.prices import amount, estimate
from ..render.progress import Progress
from ..session.loop import Session
from ..session.plan import Plan
from ..text import escape_html, thousands
from .styles import column, fold, html, named, row, set_visible

# Of the budget, from which on the bar warns; it is red when the next call may be refused.
HIGH = Decimal("0.8")
NAMES = {"session": "session", "day": "today", "month": "month"}


class Counters:
    """The ``line`` of a session, which opens its tiles and the budget bar in ``place``.

    ``size`` returns the model and the most tokens of the next call's answer.
    """

    def __init__(self, session: Session, size: Callable[[], tuple[str, int]], place: Any) -> None:
        self._session, self._size = session, size
        self._now = self._spent = ""  # the two halves of the line
        self.price = ""  # of the call, as it is shown
        self._tiles: dict[str, str] = {}
        self._parts: Any = None  # what was opened
        self.line = named(fold("", place, self._open, self._turned, rank=1), "m1-counts")
        self.refresh()

    def _open(self) -> Any:
        self._bar = named(ipywidgets.FloatProgress(0.0, min=0.0, max=1.0), "m1-bar")
        call, sums, words = self._parts = html(), html(), html()
        return column(row(call, sums), self._bar, words, name="m1-more")

    def _turned(self, _: bool) -> None:
        self._paint()
        self.refresh()

    def live(self, progress: Progress, plan: Plan) -> None:
        """Show a call that runs, by characters and the clock."""
        usage = Usage(plan.tokens, progress.tokens, 0, progress.thought_tokens)
        most = progress.at_most
        price = f"at most {money_at_most(most)}" if most is not None else ""
        if plan.limits and plan.limits.dearest:
            so_far = amount(estimate(usage, plan.limits.dearest))
            price = " · ".join(p for p in (money(so_far, about=True), price) if p)
        self._show(
            usage, progress.speed, progress.seconds, price or "$?", "≈ ", str(plan.forecast or "")
        )

    def done(self, reply: Reply, seconds: float) -> None:
        """Show a call that has ended, as the server counted it, or as it was billed since."""
        speed = round(reply.usage.output / seconds) if reply.usage and seconds else 0
        price = money(reply.cost, about=reply.cost_source == "estimated")
        if reply.cost_source in FREE:
            price = f"$0 ({reply.cost_source})"
        elif reply.cost_source == "cached" and not reply.cost:
            price = "$0 (cached)"
        about = "≈ " if reply.usage and reply.usage.estimated else ""
        self._show(reply.usage, speed, seconds, price, about)
        self.refresh()

    def refresh(self) -> None:
        """Show the sums and the budget as the ledger has them now."""
        with suppress(LedgerProblem):  # a call would say so
            spent, totals = self._session.ledger.spent(now_utc()), self._session.totals()
            sums = {NAMES[name]: money(one[0]) + _held(one[1]) for name, one in spent.items()}
            self._budget(totals)
            self._spent = f"session {sums[NAMES['session']]}"
            if totals.budget is not None:
                of_budget = f"{money(totals.spent)} of {money_limit(totals.budget)}"
                self._spent = f"{totals.period} {of_budget}"
                self._spent += " · nearly spent" if self._tight(totals) else ""
            if self._parts is not None:
                self._parts[1].value = _tiles(sums)
            self._paint()

    def _show(
        self,
        usage: Usage | None,
        speed: int,
        seconds: float,
        price: str,
        about: str = "",
        forecast: str = "",
    ) -> None:
        tiles = {}
        if usage:
            tiles = {
                "tokens in": about + thousands(usage.input),
                "cached": thousands(usage.cached) if not about else "–",
                "out": about + thousands(usage.output),
                "thinking": about + thousands(usage.reasoning),
            }
        tiles |= {
            "tokens/s": thousands(speed) if speed else "–",
            "elapsed": f"{seconds:.1f} s",
            "this call": price,
        }
        if forecast:
            tiles["calls like it"] = forecast
        self._tiles, self.price, self._now = tiles, price, f"{price} · {seconds:.1f} s"
        self._paint()

    def _paint(self) -> None:
        """Show the line, and the tiles of the call where they are in sight."""
        self.line.description = " · ".join(part for part in (self._now, self._spent) if part)
        if self._parts is not None and self.line.value:
            self._parts[0].value = _tiles(self._tiles)

    def _tight(self, totals: Totals) -> bool:
        """May the next call be refused?"""
        most = totals.budget
        return most is not None and totals.spent + totals.held + self._longest() > most

    def _budget(self, totals: Totals) -> None:
        if self._parts is None:
            return
        words = self._parts[2]
        set_visible(self._bar, totals.budget is not None)
        if totals.budget is None:
            words.value = _small("no budget: %m1 budget 1 --per day")
            return
        used = totals.spent + totals.held
        part = used / totals.budget if totals.budget else Decimal(1)
        tight = self._tight(totals)
        self._bar.value = float(min(part, Decimal(1)))
        self._bar.bar_style = "danger" if tight else "warning" if part >= HIGH else ""
        text = (
            f"{totals.period} budget: {money(totals.spent)}{_held(totals.held)}"
            f" of {money_limit(totals.budget)}"
        )
        if tight:
            text += " · a call of full length would not fit any more"
        words.value = _small(text)

    def _longest(self) -> Decimal:
        """Return what the next answer could cost at most, as far as prices are known."""
        model, tokens = self._size()
        limits = self._session.known_limits(model)
        if limits is None or limits.dearest is None:
            return Decimal(0)
        return amount(estimate(Usage(output=tokens), limits.dearest)) or Decimal(0)


def _held(amount: Decimal) -> str:
    return f" + {money(amount)} held" if amount else ""


def _tiles(tiles: Mapping[str, str]) -> str:
    """Return numbers with their names above."""
    parts = (
        f'<div><span class="m1-name">{name}</span> <span>{escape_html(value)}</span></div>'
        for name, value in tiles.items()
    )
    return f'<div class="m1-tiles mathjax_ignore">{"".join(parts)}</div>'


def _small(words: str) -> str:
    return f'<span class="m1-note mathjax_ignore">{escape_html(words)}</span>'
