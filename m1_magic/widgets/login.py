"""The login field, shown only where there is no key.

A widget's value lives in kernel and page, and may be saved with the notebook: also before a busy
kernel could empty it. So what is typed is no value: the field is our own, in the page only, and
sends it as a message. Where the server of the page has no anywidget, ``%m1 login`` asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anywidget

from .. import keys
from ..backends import exchange
from ..errors import NoKey, UserFacingError
from ..keys.login import challenge
from ..settings.config import M1
from ..settings.endpoints import Endpoint, endpoint
from ..text import escape_html
from .styles import button, column, dispose, failure, html, in_turn, row, set_visible

FIELD = """
export default {
  render({ model, el }) {
    const field = document.createElement("input");
    field.type = "password";
    field.autocomplete = "off";
    field.placeholder = field.ariaLabel = HINT;
    field.addEventListener("change", () => {
      model.send({ typed: field.value });
      field.value = "";
    });
    el.append(field);
  },
};
"""


def secret(caught: Callable[[keys.Key], None], hint: str) -> anywidget.AnyWidget:
    """Return a field that gives what is typed to ``caught``, once."""
    field = anywidget.AnyWidget(_esm=FIELD.replace("HINT", json.dumps(hint)))
    field.add_class("m1-secret")

    def on_message(_: Any, content: dict[str, Any], __: Any) -> None:
        typed = keys.Key(str(content.pop("typed", "")), "the panel")
        if typed.reveal().strip():
            caught(typed)

    field.on_msg(in_turn(on_message))
    return field


class Login:
    """The fields, in ``box``; ``entered`` is called once a key is kept."""

    def __init__(self, settings: M1, entered: Callable[[], None]) -> None:
        self._settings, self._entered = settings, entered
        self._message, self._fields = html(), column()
        self.box = column(self._message, self._fields)
        self._keyed = ""  # the address for which a key was found: a keyring is slow to ask
        self._address = ""  # the one for which the fields ask

    def refresh(self, *, again: bool = False) -> None:
        """Show the fields where there is no key for the endpoint in force.

        Args:
            again: look for it, though one was found before.
        """
        address = self._settings.base_url
        if address == self._keyed and not again:
            return
        missing = needs_key(self._settings)
        self._keyed = "" if missing else address
        set_visible(self.box, missing is not None)
        if missing is None or address != self._address:
            self._empty()
        if missing is not None and not self._fields.children:
            self._address = address
            self._message.value = failure(missing)
            self._ask(endpoint(address))

    def _ask(self, place: Endpoint) -> None:
        field = secret(lambda key: self._store(place, key), f"a key for {place.host}")
        parts: list[Any] = [row(field, button("Keep the key", lambda: None))]
        if place.openrouter:
            login = challenge()
            words = "log in with the browser"
            link = f'<a href="{escape_html(login.url)}" target="_blank" rel="noopener">{words}</a>'
            code = secret(
                lambda key: self._exchange(place, key, login.verifier),
                "the code that the page shows",
            )
            parts.append(row(html(f"or {link} and paste the code:"), code))
        self._fields.children = tuple(parts)

    def _exchange(self, place: Endpoint, code: keys.Key, verifier: str) -> None:
        try:
            key = keys.Key(exchange(place, code.reveal().strip(), verifier), "the panel")
        except UserFacingError as error:
            self._message.value = failure(error)
            return
        self._store(place, key)

    def _store(self, place: Endpoint, key: keys.Key) -> None:
        try:
            keys.store(place.host, key)
        except UserFacingError as error:
            self._message.value = failure(error)
            return
        self._empty()
        self.refresh()
        self._entered()

    def _empty(self) -> None:
        """Close the fields, so that no page keeps what was typed into them."""
        fields, self._fields.children = self._fields.children, ()
        for field in fields:
            dispose(field)


def needs_key(settings: M1) -> NoKey | None:
    """Return the error that a call would fail with for want of a key; None: there is one."""
    try:
        keys.find(endpoint(settings.base_url))
    except NoKey as error:
        return error
    except UserFacingError:
        pass  # another problem: a call will say so
    return None
