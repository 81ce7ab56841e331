"""What leaves the panel: code for a new cell, the answer as a variable. Nothing is ever run.

Only the front end can make a cell: where it has our extension, the page's script asks it to
(`scripts`), and no click comes here. Elsewhere the code is shown in a block that one click selects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from .. import verbs
from ..calls import Reply
from ..errors import M1Error, UsageError
from ..jupyter import binding, shell
from ..options.kinds import variable
from ..session.loop import Session
from ..text import escape_html, md_to_text, one_line
from ..verbs.verb_context import VerbContext
from .styles import (
    BLOCKS,
    TO_CELL,
    button,
    column,
    failure,
    html,
    named,
    note,
    row,
    set_choices,
    set_visible,
    text,
)

NO_CELLS = (
    "This front end has no extension of m1-magic that could add a cell (%m1 doctor says why)."
    " One click selects the code; copy it into a cell."
)


class Actions:
    """What may be done with the reply and the chat that two functions return; made when needed.

    The reply's code is in ``box``, below it; the rest is made by ``open``.
    """

    def __init__(
        self, session: Session, reply: Callable[[], Reply | None], chat: Callable[[], str]
    ) -> None:
        self._session, self._reply, self._chat = session, reply, chat
        self._code: list[str] = []
        self.box = column()
        self._message: Any = None

    def _build(self) -> None:
        self._blocks = ipywidgets.Dropdown(options=[], tooltip="Code blocks of the answer")
        named(self._blocks, BLOCKS)
        cell = button("Code into a new cell", self._to_cell, "Below this cell; it is not run")
        self._put, self._copy = html(), html()
        self.box.children = (row(self._blocks, named(cell, TO_CELL)), self._put, self._copy)
        self.hide()

    def open(self) -> Any:
        """Return what binds and saves."""
        self._name = text("answer into", "a variable's name")
        self._path = text("chat as", "talk.ipynb")
        self._message = html()
        bind = button("Bind", self._to_variable, "Bind the Reply")
        save = button("Save", self._to_notebook, "Save the chat as a notebook")
        return column(row(self._name, bind), row(self._path, save), self._message)

    def refresh(self) -> None:
        """Offer what can be done with the present reply."""
        reply = self._reply()
        self._code = [block for block in reply.code if block.strip()] if reply else []
        if self._code and not self.box.children:
            self._build()
        self.hide(not self._code)
        if self._code:
            firsts = [one_line(block.strip().splitlines()[0], 50) for block in self._code]
            listed = [(f"{number + 1}: {line}", number) for number, line in enumerate(firsts)]
            set_choices(self._blocks, listed)
            set_visible(self._blocks, len(self._code) > 1)
            self._put.value = self._copy.value = ""
        if self._message is not None:
            self._message.value = ""

    def hide(self, hidden: bool = True) -> None:
        """Offer nothing of a reply, while another one comes; or do."""
        if self.box.children:
            set_visible(self.box, not hidden)

    def inserted(self, number: int) -> str | None:
        """Return a block that the page puts into a new cell, None if there is no such block."""
        if not 0 <= number < len(self._code):
            return None
        self._put.value, self._copy.value = note("In a new cell below. It was not run."), ""
        return self._code[number].rstrip("\n")

    def _to_cell(self) -> None:
        code = self._code[self._blocks.value or 0].rstrip("\n")
        self._put.value = note(NO_CELLS)
        attributes = 'class="m1-copy mathjax_ignore" tabindex="0"'
        self._copy.value = f"<pre {attributes}>{escape_html(code)}</pre>"

    def _to_variable(self) -> None:
        reply, name = self._reply(), self._name.value.strip()
        try:
            if reply is None:
                raise UsageError("There is no answer yet.", cost="")
            variable(name)
            binding.check(name, shell.namespace(), todo="Give another name.", cost="")
        except M1Error as error:
            self._message.value = failure(error)
            return
        binding.bind(shell.current(), name, reply)
        parts = f"{name}.text, {name}.code, {name}.cost"
        self._message.value = note(f"{name} is the Reply now: {parts}.")

    def _to_notebook(self) -> None:
        context = VerbContext(self._session, shell.namespace(), shell.secret)
        try:
            args = [self._path.value.strip(), f"--chat={self._chat()}"]
            page = verbs.VERBS["export"].run(context, args)
        except M1Error as error:
            self._message.value = failure(error)
        else:
            self._message.value = note(md_to_text(page))
