"""A panel's questions, one at a time: from the form, in the chat, each call in its own thread.

Nothing is lost on the way: a question that was not sent goes back to where it was typed, and one
that was sent stands in the transcript, however its call ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .. import api, verbs
from ..calls import Reply, Request
from ..chats.turns import ChatHead
from ..jupyter import binding, shell
from ..options.fields import Options
from ..render import page
from ..session.loop import Session
from ..session.plan import Plan
from .call_thread import CallThread
from .conversation import Conversation
from .form import Form
from .panel_view import LiveView
from .styles import failure, html, note
from .transcript import ShownTurn

SOON = 0.8  # seconds in which a call that is stopped ends, unless it is still connecting
ONE_AT_A_TIME = note("One call at a time in a panel: stop this one, or open another panel.")
RUNNING = note("A call is running; its answer stands above.")
STOPPED = note("Stopped, before the server answered. %m1 cost knows more.")


class Shows(Protocol):
    """What shows how a question fares."""

    def show_message(self, markup: str) -> None:
        """Show a remark or an error, in the place of the one before."""

    def busy(self, busy: bool) -> None:
        """Show that a question is on its way, or that another may be asked."""

    def begun(self, plan: Plan) -> LiveView:
        """Return the view for a call that is about to run."""

    def give_back(self, prompt: str) -> None:
        """Put a question back that was not sent."""

    def ended(self, error: BaseException | None) -> None:
        """Show how it ended; in its thread."""

    def free(self) -> None:
        """Let another question be asked, but by nobody who does not know of this one's end."""


@dataclass(frozen=True)
class Question:
    """What is asked, with what names in it stand for, and where in its chat."""

    prompt: str
    options: Options
    names: dict[str, object]
    head: ChatHead

    def request(self) -> Request:
        """Return the request that it is; raises what refuses it."""
        return api.prepare(self.prompt, self.options, self.names, self.head)


class Asking:
    """What sends what stands in a form, and stops it; ``reply`` is the last one that came."""

    def __init__(self, session: Session, form: Form, chat: Conversation, shows: Shows) -> None:
        self._session, self._form, self._chat, self._shows = session, form, chat, shows
        self._call: CallThread | None = None
        self._closed = False
        self.reply: Reply | None = None
        self.questions: dict[str, tuple[str, Options]] = {}  # by the call that it was

    @property
    def free(self) -> bool:
        """May another question be asked?"""
        return self._call is None

    def send(self, namespace: Mapping[str, object], prompt: str | None = None) -> bool:
        """Ask what stands in the form, or was heard in the page; tell whether it is under way."""
        if self._call is not None:
            self._shows.show_message(ONE_AT_A_TIME)
            return False
        self._shows.show_message("")
        self._shows.busy(True)
        turn: ShownTurn | None = None
        try:
            question = self._question(namespace, prompt)
            self._chat.show(question.head)
            # Before anything is loaded that takes its time.
            turn = self._chat.transcript.begin(question.prompt)
            request = question.request()
            plan = self._session.dry_plan(request)
        except Exception as error:
            if turn is not None:
                self._chat.transcript.drop(turn)
            self._shows.show_message(failure(error))
            self._shows.busy(False)
            return False
        self._chat.went_on()
        self._start(question, request, self._shows.begun(plan), turn)
        return True

    def _start(self, question: Question, request: Request, view: LiveView, turn: ShownTurn) -> None:
        """Set the call going; the cells go on meanwhile."""
        transcript = self._chat.transcript
        transcript.answer(turn, view.box)

        def ended(reply: Reply | None, error: BaseException | None) -> None:
            sent = view.opened or bool(reply and reply.text)
            if reply is not None:
                self.reply = reply
                binding.bind_last(shell.current(), reply)
                self.questions[reply.id] = (question.prompt, question.options)
            if reply is not None and sent:
                view.ensure(reply)
                if reply.text.strip():
                    transcript.keep(turn, reply.id, len(reply.text))
            if self._closed or not sent:
                transcript.drop(turn)  # with what it showed since
            if not self._closed:
                self._unasked(question.prompt, sent)
            if self._call is call and not self._closed:
                try:
                    self._shows.ended(error)
                finally:
                    self._shows.free()
                    self._call = None  # the last: from here on another call may begin

        send = question.options, view, question.names
        self._call = call = CallThread(lambda: api.send(request, *send), ended)
        call.start()

    def _unasked(self, prompt: str, sent: bool) -> None:
        """Leave a question in its field only if it was not sent; the page empties it by itself."""
        if not sent:
            self._shows.give_back(prompt)
        elif self._form.prompt.value == prompt:
            self._form.prompt.value = ""

    def stop(self) -> None:
        """Stop the call that runs; the text so far is kept."""
        call = self._call
        if call is None:
            return
        call.stop()
        if not call.wait(SOON) and self._call is call:
            # It still connects, which nothing wakes; it will send nothing, and ends by itself.
            self._call = None
            self._shows.show_message(STOPPED)
            self._shows.free()

    def close(self, patience: float) -> None:
        """Stop what runs, and wait for its end, but not for ever."""
        self._closed = True
        if (call := self._call) is not None:
            call.stop()
            call.wait(patience)

    def dry_run(self, namespace: Mapping[str, object], prompt: str | None = None) -> None:
        """Show what would leave and what it could cost; send nothing."""
        if self._call is not None:
            self._shows.show_message(RUNNING)
            return
        try:
            plan = self._session.dry_plan(self._question(namespace, prompt).request())
            preview: Any = html(page.html(verbs.preview(plan)))
        except Exception as error:
            self._shows.show_message(failure(error))
            return
        self._shows.show_message("")
        self._chat.transcript.aside(preview)

    def _question(self, namespace: Mapping[str, object], prompt: str | None) -> Question:
        text = self._form.prompt.value if prompt is None else prompt
        options, names = self._form.options(), self._form.names(namespace)
        return Question(text, options, names, self._chat.head(text))
