"""One panel: the form, the call that runs in its thread, and what came of it.

What clicks do is done one after the other, while no cell ends; the call itself runs in a thread
and paints from there. One call at a time in a panel; any number of panels.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from .. import api, verbs
from ..calls import Reply
from ..chats.turns import ChatHead
from ..errors import KeyProblem
from ..jupyter import shell
from ..ledger.history import Past
from ..options.fields import Options
from ..render import page
from ..text import one_line
from .actions import Actions
from .call_thread import CallThread
from .counters import Counters
from .form import Form
from .history_list import ASK_AGAIN, HistoryList, billed
from .login import Login
from .panel_view import LiveView
from .scripts import Listener
from .static_output import StaticOutput
from .styles import ASKS, STYLE, button, column, dispose, failure, fold, html, in_turn, note, row

SOON = 0.8  # seconds in which a call that is stopped ends, unless it is still connecting
PATIENCE = 5.0  # seconds in which it ends even then
ONE_AT_A_TIME = note("One call at a time in a panel: stop this one, or open another panel.")
RUNNING = note("A call is running; its answer stands below.")
_open: weakref.WeakSet[Panel] = weakref.WeakSet()


class Panel:
    """A form that asks, in ``box``; at first with a prompt, options, and tables that are ticked."""

    def __init__(self, prompt: str, options: Options, given: Mapping[str, object]) -> None:
        self._session, self._shell = api.session(), shell.current()
        self._call: CallThread | None = None
        self._reply: Reply | None = None
        self._before = ""  # the call that the next question may go on from
        self._view: LiveView | None = None
        self._questions: dict[str, tuple[str, Options]] = {}
        self._closed = False
        self._place = "", ""
        settings, session = self._session.settings, self._session
        self._form = Form(settings, given)
        self._form.fill(prompt, options)
        self._static = StaticOutput(settings)
        self._login = Login(settings, lambda: self._say(note("The key is kept.")))
        self._counters = Counters(session, self._form.size)
        # Their controls are made when they are needed: each is a message or three.
        self._actions = Actions(session, lambda: self._reply)
        acts = (
            ("Edit", "Put it into the form", self._edit),
            (ASK_AGAIN, "Send it again", partial(self._edit, ask=True)),
            ("Continue", "Ask on, in the same conversation", self._resume),
        )
        self._history = HistoryList(session, acts, self._show_past)
        self._send = button("Send", self.send, "Send the prompt", button_style="primary")
        self._send.add_class(ASKS)
        self._listener = Listener(self._asked, lambda: self._say(ONE_AT_A_TIME))
        self._stop = button("Stop", self.stop, "Stop the call; its text is kept", disabled=True)
        self._dry = button("Dry run", self.dry_run, "What would leave and its price; sends nothing")
        self._message, self._answer = html(), column(name="m1-shown")
        self.box = self._laid_out()
        self.refresh()
        self._shell.events.register("post_run_cell", self.refresh)
        self._session.settler.listeners.append(self._settled)
        _open.add(self)

    def _laid_out(self) -> Any:
        """Return the parts, one below the other."""
        look_back = fold("History", self._history.box, self._history.open)
        close = button("Close", self.close, "Close the panel; its last answer stays")
        return column(
            html(f"<style>{STYLE}</style>"),
            self._listener,
            self._login.box,
            self._form.prompt,
            row(self._send, self._stop, self._dry, self._form.unfold, look_back, close),
            self._form.more,
            self._form.along,
            self._counters.box,
            self._message,
            self._answer,
            self._actions.box,
            self._history.box,
            name="m1-panel",
        )

    def _ipython_display_(self) -> None:
        """Show it: what a saved notebook keeps, and below it what is alive."""
        from IPython.display import display

        self._place = shell.place()
        for other in list(_open):  # the panel of an earlier run of this cell: its output is gone
            if other._place[0] == self._place[0] != "" and other._place[1] != self._place[1]:
                other.close()
        self._static.show()
        # Without the widgets' own text, which has all their values in it.
        display(self.box._repr_mimebundle_() | {"text/plain": ""}, raw=True)

    def send(self) -> None:
        """Ask what stands in the form; the cells go on meanwhile."""
        if self._call is not None:
            self._say(ONE_AT_A_TIME)
            return
        try:
            question = self._question()
            request = api.prepare(*question)
            plan = self._session.dry_plan(request)
        except Exception as error:
            self._say(failure(error))
            return
        prompt, options, names, _ = question
        self._say("")
        self._busy(True)

        def opened() -> None:
            self._view = view
            self._replace([view.box])

        view = LiveView(self._session.settings, self._counters, plan, opened, self._static.keep)

        def ended(reply: Reply | None, error: BaseException | None) -> None:
            if reply is not None:
                self._reply, self._before = reply, reply.id
                self._questions[reply.id] = (prompt, options)
                self._shell.user_ns["_m1"] = reply
                if view is not self._view and self._call is call:
                    opened()  # by itself it could not
                view.ensure(reply)
            if self._closed or view is not self._view:
                dispose(view.box)  # with what it showed since
            if self._call is call and not self._closed:
                self._ended(error)

        self._call = call = CallThread(lambda: api.send(request, options, view, names), ended)
        call.start()

    def _asked(self, name: str, prompt: str) -> None:
        """Do what the page heard, with the prompt that stood there."""
        self._form.prompt.value = prompt
        if name == ASK_AGAIN:
            self._history.ask_again()
        else:
            self.send()

    def stop(self) -> None:
        """Stop the call that runs; the text so far is kept."""
        call = self._call
        if call is None:
            return
        self._stop.disabled = True
        call.stop()
        if not call.wait(SOON) and self._call is call:
            # It still connects, which nothing wakes; it will send nothing, and ends by itself.
            self._call = None
            self._say(note("Stopped, before the server answered. %m1 cost knows more."))
            self._busy(False)

    def dry_run(self) -> None:
        """Show what would leave and what it could cost; send nothing."""
        if self._call is not None:
            self._say(RUNNING)
            return
        try:
            shown = page.html(verbs.preview(api.preview(*self._question())))
        except Exception as error:
            self._say(failure(error))
            return
        self._say("")
        self._replace([html(shown)])

    @in_turn()
    def refresh(self, *_: object) -> None:
        """Look again at the tables that there are, and at the sums."""
        self._form.refresh(self._shell.user_ns)
        self._login.refresh()
        self._history.refresh()  # what was forgotten must not stand there
        if self._call is None:
            self._counters.refresh()

    def close(self) -> None:
        """Stop what runs, and free everything; what a saved notebook keeps stays."""
        if self._closed:
            return
        self._closed = True
        _open.discard(self)
        self._shell.events.unregister("post_run_cell", self.refresh)
        with suppress(ValueError):  # the session was closed before
            self._session.settler.listeners.remove(self._settled)
        if (call := self._call) is not None:
            call.stop()
            call.wait(PATIENCE)
        self._actions.close()
        dispose(self.box)
        self._static.close()

    def _ended(self, error: BaseException | None) -> None:
        """Show how the call ended; in its thread."""
        try:
            if error is not None:
                self._say(failure(error))
            if isinstance(error, KeyProblem):
                self._login.refresh(again=True)
            self._actions.refresh()
            self._form.follow.disabled = not self._before
            self._counters.refresh()
            self._history.refresh()
        finally:
            self._busy(False)
            self._call = None  # the last: from here on another call may begin

    def _settled(self) -> None:
        """Show prices that came after their calls; in the background."""
        reply = self._reply
        bill = billed(self._session.ledger, reply) if reply and self._call is None else None
        if bill is not None:
            self._reply, seconds = bill
            self._counters.done(self._reply, seconds)
            self._static.settle(self._reply)
        elif self._call is None:
            self._counters.refresh()

    def _edit(self, past: Past, ask: bool = False) -> None:
        """Put a past question into the form; with ``ask``, send it."""
        prompt, options = self._questions.get(past.id, (past.prompt or "", None))
        self._form.fill(prompt, options)
        self._say("")
        if ask:
            self.send()
        if options is None and not self._message.value:
            self._say(note("Tables and options are as in the form: the ledger keeps none of them."))

    def _resume(self, past: Past) -> None:
        """Let the next question go on from a past call."""
        self._before = past.id
        self._form.follow.disabled = False
        self._form.follow.value = True
        self._form.prompt.value = ""
        self._say(note(f"The next question goes on from: {one_line(past.prompt or '', 100)}"))

    def _question(self) -> tuple[str, Options, dict[str, object], ChatHead | None]:
        """Return prompt, options and names, and the call that they go on from, if they are to."""
        options, head = self._form.options(), None
        if self._form.follow.value and self._before and not options.chat:
            head = api.chats().resume(self._before)
        return self._form.prompt.value, options, self._form.names(self._shell.user_ns), head

    def _show_past(self, parts: list[Any], message: str) -> None:
        if self._call is not None:
            self._say(RUNNING)
            dispose(*parts)
            return
        self._say(note(message))
        self._replace([row(*parts)])

    def _replace(self, parts: list[Any]) -> None:
        """Show these widgets where answers stand, and free those that stood there."""
        before, self._answer.children = self._answer.children, tuple(parts)
        dispose(*before)

    def _say(self, markup: str) -> None:
        self._message.value = markup

    def _busy(self, busy: bool) -> None:
        if not busy:
            self._listener.turn += 1
        self._send.disabled, self._stop.disabled = busy, not busy


def close_all() -> None:
    """Close every panel of this process."""
    for one in list(_open):
        one.close()
