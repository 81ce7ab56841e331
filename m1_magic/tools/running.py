"""A function of the user's is run in the thread that asks; what it awaits, in a loop of its own.

What it prints is shown where it prints, and is not told. Stop ends it as it ends a cell: a
KeyboardInterrupt in it, or its task is cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from typing import Any

from .. import interrupts

SOON = 0.1  # seconds between looks at Stop, in a thread that no signal reaches
ENDING = 5.0  # seconds in which a task ends that was cancelled


def run(function: Callable[[Any], Any], given: Any) -> Any:
    """Return what a function gives, awaited if that is what it is for.

    Raises:
        KeyboardInterrupt: Stop was pressed.
        BaseException: what it raised.
    """
    value = function(given)
    return awaited(value) if inspect.isawaitable(value) else value


def awaited(value: Awaitable[Any]) -> Any:
    """Return what is awaited, in a loop of its own: the one of this thread may be running."""
    done: Future[Any] = Future()
    tasks: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def main() -> Any:
        task = asyncio.current_task()
        assert task is not None
        tasks.append((asyncio.get_running_loop(), task))
        return await value

    def work() -> None:
        try:
            done.set_result(asyncio.run(main()))
        except BaseException as error:
            done.set_exception(error)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name="m1-tool", daemon=True).start()
    try:
        while not done.done():
            wait([done], SOON)
            interrupts.check()
    except KeyboardInterrupt:
        for loop, task in tasks:
            loop.call_soon_threadsafe(task.cancel)
        wait([done], ENDING)
        raise
    return done.result()
