"""A call in a thread of its own, so that the kernel stays free for other cells."""

from __future__ import annotations

import atexit
import contextvars
import threading
import time
import weakref
from collections.abc import Callable

from ..calls import Reply
from ..errors import UserFacingError
from ..interrupts import Stop

Ended = Callable[[Reply | None, BaseException | None], None]
# Seconds that all calls have to be written down when the process ends: Jupyter kills it after 2.5.
ENDING = 2.0


class CallThread:
    """One call on its way; ``ended`` gets the reply, if any came, and the error, in the thread."""

    def __init__(self, ask: Callable[[], Reply], ended: Ended) -> None:
        self._ask, self._ended, self._stop = ask, ended, Stop()
        # An empty context: what the call publishes belongs to no cell that happens to run.
        run = contextvars.Context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name="m1-panel", daemon=True)

    def start(self) -> None:
        """Set it going; where no thread can be started, return when it has ended."""
        _started.add(self)
        try:
            self._thread.start()
        except RuntimeError:
            self._run()

    def stop(self) -> None:
        """Stop it, wherever it is; what came so far is kept."""
        self._stop.press()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; tell whether it has."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        reply: Reply | None = None
        failed: BaseException | None = None
        try:
            with self._stop.listening():
                reply = self._ask()
        except UserFacingError as error:
            failed, reply = error, error.reply
        except BaseException as error:  # a bug must not leave the panel waiting for ever
            failed = error
        self._ended(reply, failed)


_started: weakref.WeakSet[CallThread] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """Stop the calls that run, so that the ledger has their text so far, also after a restart."""
    calls = [call for call in _started if not call.wait(0)]
    for call in calls:
        call.stop()
    end = time.monotonic() + ENDING
    for call in calls:
        call.wait(max(0.0, end - time.monotonic()))
