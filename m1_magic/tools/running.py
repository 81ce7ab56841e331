"""A function of the user's is run in the thread that asks; what it awaits, in a loop of its own.

What it prints is shown where it prints, and is not told. Stop ends it as it ends a cell: a
KeyboardInterrupt in it, or its task is cancelled. A thread that no signal reaches waits for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any

from .. import interrupts
from .results import ITEMS

SOON = 0.1  # seconds between looks at Stop, in a thread that no signal reaches
ENDING = 2.0  # seconds in which what was stopped comes to its end, or is left alone


def run(
    function: Callable[[Any], Any], given: Any, then: Callable[[Any], Any] = lambda value: value
) -> Any:
    """Return what a function gives, awaited if that is what it is for, and worked with by ``then``.

    Raises:
        KeyboardInterrupt: Stop was pressed.
        BaseException: what it raised.
    """
    if interrupts.at_hand() is not None:  # this thread is reached by no signal
        return _aside(lambda: then(_result(function, given)), [])
    value = _awaitable(function(given))
    return then(_awaited(value) if inspect.isawaitable(value) else value)


def _result(function: Callable[[Any], Any], given: Any) -> Any:
    value = _awaitable(function(given))
    return asyncio.run(_main(value, [])) if inspect.isawaitable(value) else value


def _awaitable(value: Any) -> Any:
    """Return an async generator as what awaits its items, all else as it is."""
    return _items(value) if inspect.isasyncgen(value) else value


async def _items(generator: AsyncGenerator[Any, Any]) -> Iterator[Any]:
    """Return items, one more than are taken."""
    items = []
    async with contextlib.aclosing(generator):
        async for one in generator:
            items.append(one)
            if len(items) > ITEMS:
                break
    return iter(items)


async def _main(value: Awaitable[Any], stops: list[Callable[[], object]]) -> Any:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    stops.append(lambda: loop.call_soon_threadsafe(task.cancel))
    return await value


def _awaited(value: Awaitable[Any]) -> Any:
    """Return what is awaited, in a loop of its own: the one of this thread may be running."""
    stops: list[Callable[[], object]] = []
    return _aside(lambda: asyncio.run(_main(value, stops)), stops)


def _aside(work: Callable[[], Any], stops: list[Callable[[], object]]) -> Any:
    """Return what work returns that is done in another thread; Stop ends it there.

    Args:
        stops: what ends it, as soon as it can be; if there is nothing, it is interrupted.
    """
    done: Future[Any] = Future()

    def working() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(working,), name="m1-tool", daemon=True)
    try:
        thread.start()
        while not done.done():
            wait([done], SOON)
            interrupts.check()
    except KeyboardInterrupt:
        for stop in stops or [lambda: _interrupt(thread)]:
            stop()
        wait([done], ENDING)
        raise
    return done.result()


def _interrupt(thread: threading.Thread) -> None:
    """Raise KeyboardInterrupt in a thread, as soon as it runs Python code."""
    id = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(id, ctypes.py_object(KeyboardInterrupt))
