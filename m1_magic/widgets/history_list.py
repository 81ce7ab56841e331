"""Past calls, from the ledger: found by a word, shown again side by side, free; prompt again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import ipywidgets

from ..calls import Reply
from ..errors import LedgerProblem
from ..ledger import Ledger, history
from ..ledger.history import Past
from ..render.answer import bundle, quiet
from ..session.loop import Session
from ..settings.config import M1
from ..text import escape_html, one_line
from ..verbs.history import TEMPLATE, opening, price, when
from .static_output import shortened
from .styles import (
    ASKS,
    button,
    column,
    html,
    in_turn,
    named,
    note,
    rendered,
    row,
    set_choices,
    text,
)
from .transcript import question_markup

SHOWN = 50
ASK_AGAIN = "Ask again"


class HistoryList:
    """The list of past calls, its search, and what may be done with them.

    ``acts`` are what may be done with one of them: labels, explanations, functions; ``show`` shows
    widgets where answers stand, with a remark.
    """

    def __init__(
        self,
        session: Session,
        acts: Sequence[tuple[str, str, Callable[[Past], None]]],
        show: Callable[[list[Any], str], None],
    ) -> None:
        self._session, self._acts, self._show = session, acts, show
        self._list: Any = None

    def open(self) -> Any:
        """Return the controls; they are made when they are first needed."""
        self._search = text("search", "a word of the question or the answer")
        self._search.observe(in_turn()(lambda _: self.refresh()), "value")
        calls = ipywidgets.SelectMultiple(options=[], rows=7, description="Past calls")
        self._list, self._message = named(calls, "m1-list"), html()
        buttons = [button("Show", self._again, "Show the answer again, free; several side by side")]
        for label, tip, act in self._acts:
            made = button(label, partial(self._one, act), tip)
            buttons.append(named(made, ASKS if label == ASK_AGAIN else ""))
        self.refresh()
        return column(self._search, self._list, row(*buttons), self._message, name="m1-more")

    def refresh(self) -> None:
        """List the latest calls, those with the word that is searched for, once it was opened."""
        if self._list is None:
            return
        try:
            calls = history.latest(self._session.ledger, SHOWN, self._search.value.strip())
        except LedgerProblem as problem:
            self._message.value = note(str(problem))
            return
        set_choices(self._list, [(line(past), past.id) for past in calls])
        self._message.value = "" if calls else note("No calls yet, or none with that word.")

    def ask_again(self) -> None:
        """Do what the button of that name does."""
        acts = {label: act for label, _, act in self._acts}
        self._one(acts[ASK_AGAIN])

    def _chosen(self) -> list[Past]:
        with suppress(LedgerProblem):
            calls = (history.called(self._session.ledger, id) for id in self._list.value)
            return [past for past in calls if past is not None]
        return []

    def _one(self, act: Callable[[Past], None]) -> None:
        chosen = self._chosen()
        if len(chosen) != 1:
            self._message.value = note("Choose one call in the list.")
            return
        if chosen[0].prompt is None:
            self._message.value = note("Its text is not kept: purged, forgotten, or never was.")
            return
        self._message.value = ""
        act(chosen[0])

    def _again(self) -> None:
        chosen = self._chosen()
        if not chosen:
            self._message.value = note("Choose one call in the list; several to compare them.")
            return
        self._message.value = ""
        settings = self._session.settings
        parts = [column(*again(past, settings), name="m1-side") for past in chosen]
        self._show(parts, "Shown again from the ledger, free.")


def billed(ledger: Ledger, reply: Reply) -> tuple[Reply, float] | None:
    """Return a reply with the price billed for it since, and its seconds; None: nothing new."""
    unsettled = reply.cost_source in ("unknown", "estimated")
    past = history.called(ledger, reply.id) if unsettled else None
    if past is None or past.cost is None or past.estimated:
        return None
    paid = replace(reply, cost=past.cost, cost_source="billed", usage=past.usage)
    return paid, past.seconds or 0.0


def line(past: Past) -> str:
    """Return a past call as one line of the list."""
    status = "" if past.status == "ok" else f" · {past.status or 'under way'}"
    return f"{past.at:%m-%d %H:%M} · {price(past)}{status} · {opening(past, 70)}"


def again(past: Past, settings: M1) -> list[Any]:
    """Return a past call as widgets: question, answer, and its line."""
    reply, more = shortened(past.reply)
    answer = rendered(bundle(reply, settings, "html")["text/html"], ipywidgets.HTMLMath)
    parts = [past.model, f"{when(past)} UTC", price(past)]
    if past.usage:
        parts.insert(1, f"{past.usage.input:,} in · {past.usage.output:,} out")
    if past.status != "ok":
        parts.append(past.status or "under way")
    template = TEMPLATE if past.sent and past.sent.exact else ""
    lines = filter(None, (" · ".join(parts), template, more, past.error))
    foot = "<br>".join(escape_html(one_line(part)) for part in lines)
    return [html(question_markup(past.prompt or "(not kept)")), answer, html(quiet(foot))]
