"""The kernel's side of the front-end extension: a comm by which it sees that we are loaded.

It is registered here but never announced: a front end drops one that it has not asked for, and
finds this one by its target's name. What it asks is told in plain numbers; what else it sends is
passed over.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .shell import current

TARGET = "m1-magic"
page_asked = False  # was this kernel asked by a page, which therefore has the extension


def watch(forecast: Callable[[], str | None]) -> None:
    """Begin to answer, in a kernel; ``forecast`` says what ``%m1 fix`` would cost, if it can."""
    comm = sys.modules.get("comm")
    if comm is None or not hasattr(current(), "kernel"):
        return
    unwatch()
    made = comm.create_comm(target_name=TARGET, primary=False)

    def heard(message: dict[str, Any]) -> None:
        content = message.get("content", {}).get("data")
        if not isinstance(content, dict) or content.get("ask") != "fix":
            return
        global page_asked
        page_asked = True
        try:
            title = forecast()
        except Exception:  # a button without a price is better than none
            title = "price not known"
        made.send({"fix": None if title is None else {"title": title}})

    made.on_msg(heard)
    made.on_close(lambda _: watch(forecast))  # by one page; others may still ask
    comm.get_comm_manager().register_comm(made)


def unwatch() -> None:
    """Undo ``watch``; nothing is announced, as nothing was."""
    comm = sys.modules.get("comm")
    manager = comm.get_comm_manager() if comm is not None and hasattr(current(), "kernel") else None
    for one in list(manager.comms.values()) if manager is not None else ():
        if one.target_name == TARGET:
            one.on_close(None)
            one.publish_msg = lambda *_, **__: None
            one.close()
