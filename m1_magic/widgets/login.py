"""The login field, shown only where there is no key.

A widget's value lives in kernel and page, and may be saved with the notebook. So the kernel's half
never takes the key as a value: it is caught as it arrives, and the page's half is emptied and
closed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from .. import keys
from ..backends import exchange
from ..config import M1
from ..endpoints import OFFLINE, Endpoint, endpoint
from ..errors import NoKey, Told
from ..keys.login import challenge
from ..render.text import escape
from .look import button, column, failure, gone, html, row, shown


class Secret(ipywidgets.Password):
    """A field whose value is never its value: ``caught`` gets it, as a Key."""

    def __init__(self, caught: Callable[[keys.Key], None], **more: Any) -> None:
        self._caught: Callable[[keys.Key], None] | None = None
        super().__init__(continuous_update=False, **more)
        self._caught = caught

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page says, but for the value."""
        typed = keys.Key(sync_data.pop("value", "") or "", "the panel")
        super().set_state(sync_data)
        if typed.reveal() and self._caught is not None:
            self.send_state("value")  # it is empty here: so it is there, now
            self._caught(typed)


class Login:
    """The fields, in ``box``; ``entered`` is called once a key is kept."""

    def __init__(self, settings: M1, entered: Callable[[], None]) -> None:
        self._settings, self._entered = settings, entered
        self._told, self._fields = html(), column()
        self.box = column(self._told, self._fields)
        self._found = ""  # the address for which a key was found: a keyring is slow to ask
        self._asked = ""  # the one for which the fields ask

    def refresh(self, *, again: bool = False) -> None:
        """Show the fields where there is no key for the endpoint in force.

        Args:
            again: look for it, though one was found before.
        """
        address = self._settings.base_url
        if address == self._found and not again:
            return
        missing = needs_key(self._settings)
        self._found = "" if missing else address
        shown(self.box, missing is not None)
        if missing is None or address != self._asked:
            self._empty()
        if missing is not None and not self._fields.children:
            self._asked = address
            self._told.value = failure(missing)
            self._ask(endpoint(address))

    def _ask(self, place: Endpoint) -> None:
        field = Secret(
            lambda key: self._store(place, key),
            placeholder=f"a key for {place.host}",
            tooltip="Key",
        )
        parts: list[Any] = [row(field, button("Keep the key", lambda: None))]
        if place.openrouter:
            login = challenge()
            words = "log in with the browser"
            link = f'<a href="{escape(login.url)}" target="_blank" rel="noopener">{words}</a>'
            code = Secret(
                lambda key: self._exchange(place, key, login.verifier),
                placeholder="the code that the page shows",
                tooltip="Code",
            )
            parts.append(row(html(f"or {link} and paste the code:"), code))
        self._fields.children = tuple(parts)

    def _exchange(self, place: Endpoint, code: keys.Key, verifier: str) -> None:
        try:
            key = keys.Key(exchange(place, code.reveal().strip(), verifier), "the panel")
        except Told as error:
            self._told.value = failure(error)
            return
        self._store(place, key)

    def _store(self, place: Endpoint, key: keys.Key) -> None:
        try:
            keys.store(place.host, key)
        except Told as error:
            self._told.value = failure(error)
            return
        self._empty()
        self.refresh()
        self._entered()

    def _empty(self) -> None:
        """Close the fields, so that no page keeps what was typed into them."""
        fields, self._fields.children = self._fields.children, ()
        for field in fields:
            gone(field)


def needs_key(settings: M1) -> NoKey | None:
    """Return the error that a call would fail with for want of a key; None: there is one."""
    try:
        place = endpoint(settings.base_url)
        if place.host != OFFLINE:
            keys.find(place)
    except NoKey as error:
        return error
    except Told:
        pass  # another problem: a call will say so
    return None
