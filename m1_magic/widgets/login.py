"""The login fields, shown only where there is no key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import keys
from ..backends import exchange
from ..errors import NoKey, UserFacingError
from ..keys.login import challenge
from ..settings.config import M1
from ..settings.endpoints import Endpoint, endpoint
from ..text import escape_html
from .scripts import secret
from .styles import button, column, dispose, failure, html, row, set_visible


class Login:
    """The fields, in ``box``; ``entered`` is called once a key is kept."""

    def __init__(self, settings: M1, entered: Callable[[], None]) -> None:
        self._settings, self._entered = settings, entered
        self._fields: Any = None  # they and the message above are made when they are needed
        self.box = column()
        self._keyed = ""  # the address for which a key was found: a keyring is slow to ask
        self._address = ""  # the one for which the fields ask

    def refresh(self, *, again: bool = False) -> None:
        """Show the fields where there is no key; one that was refused is looked for ``again``."""
        address = self._settings.base_url
        if address == self._keyed and not again:
            return
        missing: NoKey | None = None
        replays = self._settings.mode == "replay"  # asks nobody
        try:
            if not replays:
                keys.find(endpoint(address))
        except NoKey as error:
            missing = error
        except UserFacingError:
            pass  # another problem: a call will say so
        self._keyed = "" if missing or replays else address
        set_visible(self.box, missing is not None)
        if missing is None or address != self._address:
            self._empty()
        if missing is not None and self._fields is None:
            self._message, self._fields = html(), column()
            self.box.children = (self._message, self._fields)
        if missing is not None and not self._fields.children:
            self._address = address
            self._message.value = failure(missing)
            self._ask(endpoint(address))

    def _ask(self, place: Endpoint) -> None:
        field = secret(lambda key: self._keep(place, key), f"a key for {place.host}")
        parts: list[Any] = [row(field, button("Keep the key", lambda: None))]
        if place.openrouter:
            login = challenge()
            words = "log in with the browser"
            link = f'<a href="{escape_html(login.url)}" target="_blank" rel="noopener">{words}</a>'
            code = secret(
                lambda typed: self._keep(place, typed, login.verifier),
                "the code that the page shows",
            )
            parts.append(row(html(f"or {link} and paste the code:"), code))
        self._fields.children = tuple(parts)

    def _keep(self, place: Endpoint, typed: keys.Key, verifier: str = "") -> None:
        """Keep the key that was typed; with a verifier, the one for the code that was."""
        try:
            if verifier:
                typed = keys.Key(exchange(place, typed.reveal().strip(), verifier), "the panel")
            keys.store(place.host, typed)
        except UserFacingError as error:
            self._message.value = failure(error)
            return
        self._empty()
        self.refresh()
        self._entered()

    def _empty(self) -> None:
        """Close the fields, so that no page keeps what was typed into them."""
        if self._fields is not None:
            fields, self._fields.children = self._fields.children, ()
            dispose(*fields)
