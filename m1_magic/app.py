"""The process's one App: its settings, session and chats, whichever door or thread asks first.

Each is composed once, under one lock, at its first use; so a session budget holds for all threads.
Imports are inside the functions: ``%load_ext`` needs the settings only, and must not pay for the
rest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .locks import lock
from .settings import config

if TYPE_CHECKING:
    from traitlets.config import Config

    from .chats.chats import Chats
    from .session.loop import Session


class App:
    """The settings, the session and the chats of this process."""

    def __init__(self) -> None:
        self._lock = lock()
        self._settings: config.M1 | None = None
        self._session: Session | None = None
        self._chats: Chats | None = None

    def settings(self, ipython: Config | None = None) -> config.M1:
        """Return the settings, read at the first call.

        Args:
            ipython: IPython's config, for ``c.M1.…`` in its files.

        Raises:
            BadSetting: a value in a file or in the environment cannot be.
        """
        with self._lock:
            if self._settings is None:
                self._settings = config.load(ipython)
            return self._settings

    def session(self) -> Session:
        """Return the session, composed at the first call."""
        with self._lock:
            if self._session is None:
                self._session = _composed(self.settings())
            return self._session

    def chats(self) -> Chats:
        """Return the chats of the session."""
        with self._lock:
            if self._chats is None:
                from .chats.chats import Chats

                self._chats = Chats(self.session())
            return self._chats

    def end(self) -> None:
        """Close the session; the next call composes a new one from settings read anew."""
        with self._lock:
            session = self._session
            self._session = self._settings = self._chats = None
        if session is not None:
            session.close()


def _composed(settings: config.M1) -> Session:
    from .backends import Chooser
    from .jupyter import shell
    from .jupyter.which_notebook import notebook
    from .ledger import open_ledger
    from .session.loop import Session

    return Session(
        settings,
        lambda: open_ledger(config.home()),
        Chooser(progress=shell.progress("fetching the local model")),
        notebook=lambda: notebook(os.environ, shell.namespace()),
    )


PROCESS = App()
