"""One panel: the conversation, the form, and the call that runs in its thread.

What clicks do is done one after the other, while no cell ends; the call itself runs in a thread
and paints from there. One call at a time in a panel; any number of panels.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from .. import api
from ..errors import KeyProblem, UserFacingError
from ..jupyter import shell
from ..ledger.history import Past
from ..options.fields import Options
from ..session.plan import Plan
from ..text import one_line, plural
from .actions import Actions
from .asking import ONE_AT_A_TIME, RUNNING, Asking
from .conversation import Conversation
from .counters import Counters
from .form import Form
from .history_list import ASK_AGAIN, HistoryList, billed
from .login import Login
from .panel_view import LiveView
from .scripts import Listener
from .static_output import StaticOutput
from .styles import (
    ASKS,
    STYLE,
    button,
    column,
    dispose,
    failure,
    fold,
    html,
    in_common,
    in_turn,
    named,
    note,
    row,
)

PATIENCE = 5.0  # seconds in which a call that is stopped ends, when a panel is closed
DRY_RUN = "Dry run"
FIRST = "Ask MiniMax M1 (Ctrl+Enter). {{name}} inserts a value."
NEXT = "Ask on (Ctrl+Enter): {} before it {} along."
_open: weakref.WeakSet[Panel] = weakref.WeakSet()


class Panel:
    """A conversation in ``box``; at first with a prompt, options, and tables that are ticked."""

    def __init__(self, prompt: str, options: Options, given: Mapping[str, object]) -> None:
        self._session, self._shell = api.session(), shell.current()
        self._closed = False
        self._place = "", ""
        self._history: HistoryList | None = None
        self._common: dict[str, Any] = {}
        with in_common(self._common):
            self._build(given)
        self._form.fill(prompt, options)
        self.refresh()
        self._shell.events.register("post_run_cell", self.refresh)
        self._session.settler.listeners.append(self._settled)
        _open.add(self)

    def _build(self, given: Mapping[str, object]) -> None:
        """Make the controls that are always there, one below the other."""
        session, settings = self._session, self._session.settings
        late = partial(self.show_message, ONE_AT_A_TIME)
        self._listener = Listener(self._heard, late, lambda n: self._actions.inserted(n))
        folds = column()
        self._form: Form = Form(settings, given, folds, self._listener.knows)
        self._static = StaticOutput(settings)
        self._chat = Conversation(session, lambda: self._form.options().chat)
        self._asking = Asking(session, self._form, self._chat, self)
        self._login = Login(settings, lambda: self.show_message(note("The key is kept.")))
        self._counters = Counters(session, self._form.size, folds)
        self._actions = Actions(session, lambda: self._asking.reply, lambda: self._chat.name)
        self._message = html()
        self._send = button("Send", self.send, "Send the prompt", button_style="primary")
        self._send.add_class(ASKS)
        self._stop = button("Stop", self.stop, "Stop the call; its text is kept", disabled=True)
        self._stop.add_class("m1-stop")  # in sight while it can be pressed
        anew = named(button("New chat", self._anew, "Begin anew"), "m1-quiet")
        more = fold("More", folds, self._open_more, rank=2)
        self.box = column(
            html(f"<style>{STYLE}</style>"),
            self._login.box,
            self._chat.transcript.box,
            self._listener,
            self._message,
            self._actions.box,
            row(self._form.prompt, self._send, self._stop, name="m1-entry"),
            row(self._form.add, self._form.chips, anew, self._counters.line, more, name="m1-tools"),
            folds,
            name="m1-panel",
        )

    def _open_more(self) -> Any:
        """Return what is seldom needed."""
        tip = "What would leave and its price; sends nothing"
        dry = named(button(DRY_RUN, self.dry_run, tip), ASKS)
        acts = (
            ("Edit", "Put it into the form", self._edit),
            (ASK_AGAIN, "Send it again", partial(self._edit, ask=True)),
            ("Continue", "Ask on, in the same conversation", self._resume),
        )
        self._history, place = HistoryList(self._session, acts, self._show_past), column()
        past = fold("History", place, self._history.open, lambda _: self._refresh_history())
        close = button("Close", self.close, "Close the panel; its last answer stays")
        buttons, exits = row(dry, past, close), self._actions.open()
        return column(self._form.open(), buttons, place, exits, name="m1-more")

    def _ipython_display_(self) -> None:
        """Show it: what a saved notebook keeps, and below it what is alive."""
        from IPython.display import display

        self._place = shell.place()
        for other in list(_open):  # the panel of an earlier run of this cell: its output is gone
            if other._place[0] == self._place[0] != "" and other._place[1] != self._place[1]:
                other.close()
        with suppress(UserFacingError):  # a question would say so
            self._chat.show(self._chat.head())
        self._invite()
        self._static.show()
        # Without the widgets' own text, which has all their values in it.
        display(self.box._repr_mimebundle_() | {"text/plain": ""}, raw=True)

    # -- asking ------------------------------------------------------------------
    def send(self, prompt: str | None = None) -> bool:
        """Ask what stands in the form, or was heard in the page; tell whether it is under way."""
        return self._asking.send(self._shell.user_ns, prompt)

    def dry_run(self, prompt: str | None = None) -> None:
        """Show what would leave and what it could cost; send nothing."""
        self._asking.dry_run(self._shell.user_ns, prompt)

    def stop(self) -> None:
        """Stop the call that runs; the text so far is kept."""
        self._stop.disabled = True
        self._asking.stop()

    def _heard(self, name: str, prompt: str) -> bool:
        """Do what the page heard, with the prompt that stood there; tell whether it was taken."""
        if name == "Send":
            return self.send(prompt)
        if name == ASK_AGAIN and self._history:
            self._history.ask_again()
        elif name == DRY_RUN:
            self.dry_run(prompt)
        return True

    def show_message(self, markup: str) -> None:
        self._message.value = markup

    def give_back(self, prompt: str) -> None:
        self._listener.give_back(prompt)

    def begun(self, plan: Plan) -> LiveView:
        self._actions.hide()
        settings = self._session.settings
        return LiveView(settings, self._counters, plan, self._static.keep, self._speak)

    def ended(self, error: BaseException | None) -> None:
        if error is not None:
            self.show_message(failure(error))
        if isinstance(error, KeyProblem):
            self._login.refresh(again=True)
        self._invite()
        self._actions.refresh()
        self._counters.refresh()
        self._refresh_history()

    def free(self) -> None:
        self._listener.turn += 1
        self.busy(False)

    def busy(self, busy: bool) -> None:
        self._send.disabled, self._stop.disabled = busy, not busy

    def _speak(self, milestone: str) -> None:
        self._listener.said = milestone

    # -- as it stands ------------------------------------------------------------
    @in_turn()
    def refresh(self, *_: object) -> None:
        """Look again at the tables that there are, and at the sums."""
        self._form.refresh(self._shell.user_ns)
        self._login.refresh()
        self._refresh_history()
        if self._asking.free:
            self._chat.refresh()
            self._counters.refresh()

    def _refresh_history(self) -> None:
        """List past calls anew: what was forgotten must not stand there."""
        if self._history is not None:
            self._history.refresh()

    def close(self) -> None:
        """Stop what runs, and free everything; what a saved notebook keeps stays."""
        if self._closed:
            return
        self._closed = True
        _open.discard(self)
        self._shell.events.unregister("post_run_cell", self.refresh)
        with suppress(ValueError):  # the session was closed before
            self._session.settler.listeners.remove(self._settled)
        self._asking.close(PATIENCE)
        self._chat.close()
        dispose(self.box, *self._common.values())
        self._static.close()

    def _settled(self) -> None:
        """Show prices that came after their calls; in the background."""
        if not self._asking.free:
            return
        reply = self._asking.reply
        bill = billed(self._session.ledger, reply) if reply else None
        if bill is None:
            self._counters.refresh()
            return
        self._asking.reply, seconds = bill
        self._counters.done(bill[0], seconds)
        self._static.settle(bill[0])

    # -- conversations -----------------------------------------------------------
    def _anew(self) -> None:
        """Begin another conversation, without what was said in this one."""
        if not self._asking.free:
            self.show_message(RUNNING)
            return
        self.show_message("")
        self._chat.begin_anew()
        self._invite()

    def _resume(self, past: Past) -> None:
        """Let the next question go on from a past call."""
        if not self._asking.free:
            self.show_message(RUNNING)
            return
        try:
            self._chat.resume(past)
        except UserFacingError as error:
            self.show_message(failure(error))
            return
        self._invite()
        self.show_message(
            note(f"The next question goes on from: {one_line(past.prompt or '', 100)}")
        )

    def _invite(self) -> None:
        """Say in the empty field what the next question goes on from."""
        count = len(self._chat.transcript.calls)
        words = NEXT.format(plural(count, "turn"), "goes" if count == 1 else "go")
        self._form.prompt.placeholder = words if count else FIRST

    def _edit(self, past: Past, ask: bool = False) -> None:
        """Put a past question into the form; with ``ask``, send it, in its own place."""
        prompt, options = self._asking.questions.get(past.id, (past.prompt or "", None))
        self._form.fill(prompt, options)
        self.show_message("")
        if ask:
            self._chat.ask_again(past)
            self.send()
        if options is None and not self._message.value:
            self.show_message(
                note("Tables and options are as in the form: the ledger keeps none of them.")
            )

    def _show_past(self, parts: list[Any], message: str) -> None:
        if not self._asking.free:
            self.show_message(RUNNING)
            dispose(*parts)
            return
        self.show_message(note(message))
        self._chat.transcript.aside(row(*parts))


def close_all() -> None:
    """Close every panel of this process."""
    for one in list(_open):
        one.close()
