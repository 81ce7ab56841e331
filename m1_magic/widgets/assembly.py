"""One panel: the form, the call that runs in its thread, and what came of it.

What a click does here is done between cells, in the main thread; the call itself runs in a thread
and paints from there. One call at a time in a panel; any number of panels.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import suppress
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
from .actions import Exits
from .call_thread import Asking
from .counters import Counters
from .form import Form
from .history_list import Shelf, billed
from .live import Live
from .login import Login
from .send_keys import sending
from .static_output import Still
from .styles import STYLE, button, column, failure, gone, html, note, put, row, unfolding

SOON = 0.8  # seconds in which a call that is stopped ends, unless it is still connecting
PATIENCE = 5.0  # seconds in which it ends even then
_open: weakref.WeakSet[Panel] = weakref.WeakSet()


class Panel:
    """A form that asks, in ``box``.

    Args:
        prompt: what stands in it at first.
        options: what its fields begin with.
        given: tables by name, ticked at once.
    """

    def __init__(self, prompt: str, options: Options, given: Mapping[str, object]) -> None:
        self._session, self._shell = api.session(), shell.current()
        self._asking: Asking | None = None
        self._reply: Reply | None = None
        self._before = ""  # the call that the next question may go on from
        self._view: Live | None = None
        self._asked: dict[str, tuple[str, Options]] = {}
        self._still = Still(self._session.settings)
        self._closed = False
        self._place = "", ""
        settings = self._session.settings
        self._form = Form(settings, given)
        self._form.fill(prompt, options)
        self._login = Login(settings, lambda: self._say(note("The key is kept.")))
        self._counters = Counters(self._session, self._form.size)
        # Made when they are needed: each control is a message or three.
        self._exits: Exits | None = None
        self._past: Shelf | None = None
        self._way_out, self._shelf = column(), column()
        self._send = button("Send", self.send, "Send the prompt", button_style="primary")
        self._stop = button(
            "Stop", self.stop, "Stop the call; the text so far is kept", disabled=True
        )
        self._dry = button(
            "Dry run", self.dry_run, "What would leave, and its price; sends nothing"
        )
        self._told, self._answer = html(), column(name="m1-shown")
        history_ = unfolding("History", self._shelf, self._look_back)
        close = button("Close", self.close, "Close the panel; its last answer stays")
        enter = sending(self._entered)
        self.box = column(
            html(f"<style>{STYLE}</style>"),
            enter,
            self._login.box,
            self._form.prompt,
            row(self._send, self._stop, self._dry, self._form.unfold, history_, close),
            self._form.more,
            self._form.along,
            self._counters.box,
            self._told,
            self._answer,
            self._way_out,
            self._shelf,
            name="m1-panel",
        )
        self.refresh()
        self._shell.events.register("post_run_cell", self.refresh)
        self._session.settler.listeners.append(self._settled)
        _open.add(self)

    def _ipython_display_(self) -> None:
        """Show it: what a saved notebook keeps, and below it what is alive."""
        from IPython.display import display

        self._place = shell.place()
        for other in list(_open):  # the panel of an earlier run of this cell: its output is gone
            if other._place[0] == self._place[0] != "" and other._place[1] != self._place[1]:
                other.close()
        self._still.show()
        # Without the widgets' own text, which has all their values in it.
        live = self.box._repr_mimebundle_() | {"text/plain": ""}
        display(live, raw=True)

    def send(self) -> None:
        """Ask what stands in the form; the cells go on meanwhile."""
        if self._asking is not None:
            self._say(note("One call at a time in a panel: stop this one, or open another panel."))
            return
        prompt = self._form.prompt.value
        try:
            options = self._form.options()
            head = self._head(options)
            request = api.prepare(prompt, options, self._form.names(self._shell.user_ns), head)
            plan = self._session.dry_plan(request)
        except Exception as error:
            self._say(failure(error))
            return
        self._say("")
        self._busy(True)

        def opened() -> None:
            self._view = view
            self._replace([view.box])

        settings, keep = self._session.settings, self._still.keep
        view = Live(settings, self._counters, plan.tokens, plan.limits, opened, keep)

        def ended(reply: Reply | None, error: BaseException | None) -> None:
            if reply is not None:
                self._reply, self._before = reply, reply.id
                self._asked[reply.id] = (prompt, options)
                self._shell.user_ns["_m1"] = reply
                if view is not self._view and self._asking is asking:
                    opened()  # by itself it could not
                view.ensure(reply)
            if self._closed or view is not self._view:
                gone(view.box)  # with what it showed since
            if self._asking is asking and not self._closed:
                self._ended(error)

        self._asking = asking = Asking(lambda: api.send(request, options, view), ended)
        asking.start()

    def _entered(self, prompt: str) -> None:
        self._form.prompt.value = prompt
        self.send()

    def stop(self) -> None:
        """Stop the call that runs; the text so far is kept."""
        asking = self._asking
        if asking is None:
            return
        self._stop.disabled = True
        asking.stop()
        if not asking.wait(SOON) and self._asking is asking:
            # It still connects, which nothing wakes; it will send nothing, and ends by itself.
            self._asking = None
            self._say(note("Stopped, before the server answered. %m1 cost knows more."))
            self._busy(False)

    def dry_run(self) -> None:
        """Show what would leave and what it could cost; send nothing."""
        if self._asking is not None:
            self._say(note("A call is running; its answer stands below."))
            return
        names = self._form.names(self._shell.user_ns)
        try:
            prompt, options = self._form.prompt.value, self._form.options()
            plan = api.preview(prompt, options, names, self._head(options))
            shown = page.html(verbs.preview(plan))
        except Exception as error:
            self._say(failure(error))
            return
        self._say("")
        self._replace([html(shown)])

    def refresh(self, *_: object) -> None:
        """Look again at the tables that there are, and at the sums."""
        self._form.refresh(self._shell.user_ns)
        self._login.refresh()
        if self._past is not None:  # what was forgotten must not stand there
            self._past.refresh()
        if self._asking is None:
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
        asking = self._asking
        if asking is not None:
            asking.stop()
            asking.wait(PATIENCE)
        if self._exits is not None:
            self._exits.close()
        gone(self.box)
        self._still.close()

    def _ended(self, error: BaseException | None) -> None:
        """Show how the call ended; in its thread."""
        try:
            if error is not None:
                self._say(failure(error))
            if isinstance(error, KeyProblem):
                self._login.refresh(again=True)
            self._offer()
            put(self._form.follow, "disabled", not self._before)
            self._counters.refresh()
            if self._past is not None:
                self._past.refresh()
        finally:
            self._busy(False)
            self._asking = None  # the last: from here on another call may begin

    def _offer(self) -> None:
        """Offer what can be done with the reply."""
        if self._exits is None:
            self._exits = Exits(self._session, lambda: self._reply)
            self._way_out.children = (self._exits.box,)
        self._exits.offer()

    def _look_back(self) -> None:
        """List past calls."""
        if self._past is None:
            self._past = Shelf(self._session, edit=self._edit, resume=self._resume, show=self._show)
            self._shelf.children = (self._past.box,)
        self._past.refresh()

    def _settled(self) -> None:
        """Show prices that came after their calls; in the background."""
        reply = self._reply
        found = billed(self._session.ledger, reply) if reply and self._asking is None else None
        if found is not None:
            self._reply, seconds = found
            self._counters.done(self._reply, seconds)
            self._still.settle(self._reply)
        elif self._asking is None:
            self._counters.refresh()

    def _edit(self, past: Past, ask: bool) -> None:
        """Put a past question into the form; with ``ask``, send it."""
        prompt, options = self._asked.get(past.id, (past.prompt or "", None))
        self._form.fill(prompt, options)
        self._say("")
        if ask:
            self.send()
        if options is None and not self._told.value:
            self._say(note("Tables and options are as in the form: the ledger keeps none of them."))

    def _resume(self, past: Past) -> None:
        """Let the next question go on from a past call."""
        self._before = past.id
        put(self._form.follow, "disabled", False)
        put(self._form.follow, "value", True)
        put(self._form.prompt, "value", "")
        self._say(note(f"The next question goes on from: {one_line(past.prompt or '', 100)}"))

    def _head(self, options: Options) -> ChatHead | None:
        """Return the call that the question goes on from, if it is to."""
        if options.chat or not (self._form.follow.value and self._before):
            return None
        return api.chats().resume(self._before)

    def _show(self, parts: list[Any], told: str) -> None:
        if self._asking is not None:
            self._say(note("A call is running; its answer stands below."))
            gone(*parts)
            return
        self._say(note(told))
        self._replace([row(*parts)])

    def _replace(self, parts: list[Any]) -> None:
        """Show these widgets where answers stand, and free those that stood there."""
        before, self._answer.children = self._answer.children, tuple(parts)
        gone(*before)

    def _say(self, markup: str) -> None:
        put(self._told, "value", markup)

    def _busy(self, busy: bool) -> None:
        self._send.disabled, self._stop.disabled = busy, not busy


def close_all() -> None:
    """Close every panel of this process."""
    for one in list(_open):
        one.close()
