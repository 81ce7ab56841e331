"""The process's one App: its settings, session and chats, whichever door or thread asks first.

Each is composed once, under one lock, at its first use; so a session budget holds for all threads,
and it outlives ``%reload_ext``. Imports are inside the functions: ``%load_ext`` needs the settings
only, and must not pay for the rest.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from . import watcher
from .errors import LedgerProblem
from .locks import lock
from .settings import sources
from .settings.home import place

if TYPE_CHECKING:
    from traitlets.config import Config

    from .chats.chats import Chats
    from .session.loop import Session
    from .settings.config import M1


class App:
    """The settings, the session and the chats of this process."""

    def __init__(self) -> None:
        self._lock = lock()
        self._settings: M1 | None = None
        self._session: Session | None = None
        self._chats: Chats | None = None

    def settings(self) -> M1:
        """Return the settings, read at the first call; raises BadSetting."""
        with self._lock:
            if self._settings is None:
                self._settings = sources.load()
                with suppress(Warning):  # where warnings are errors, the settings matter more
                    for problem in self._settings.problems:
                        warnings.warn(problem, stacklevel=4)
            return self._settings

    def load(self, ipython: Config | None = None) -> M1:
        """Return the settings for ``%load_ext``: read, or with what their sources newly say.

        A session that is there goes on; its ledger is opened anew where it was only in memory, or
        ``M1_HOME`` is another.
        """
        with self._lock:
            if self._settings is None:
                self._settings = sources.load(ipython)
            else:
                sources.renew(self._settings, ipython)
            if self._session is not None:
                from . import ledger

                with suppress(LedgerProblem):  # the next call says so
                    self._session.ledger.reopen(place() / ledger.FILE)
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

    def rest(self) -> None:
        """Free threads, connections and the local model's process; calls come to their end."""
        with self._lock:
            session = self._session
        if session is not None:
            session.rest()
        local = sys.modules.get("m1_magic.backends.llama_server")
        if local is not None:
            local.release()
        watcher.rest()

    def end(self) -> None:
        """Close the session; the next call composes a new one from settings read anew."""
        with self._lock:
            session = self._session
            self._session = self._settings = self._chats = None
        if session is not None:
            session.close()


def _composed(settings: M1) -> Session:
    from .backends import Chooser
    from .jupyter import shell
    from .ledger import new_id, open_ledger
    from .session.loop import Session

    name = new_id()
    return Session(
        settings,
        lambda: open_ledger(place(), name),
        Chooser(progress=shell.progress("fetching the local model")),
        notebook=lambda: shell.notebook(os.environ, shell.namespace()),
    )


PROCESS = App()
