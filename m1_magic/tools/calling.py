"""A call with tools: which functions its options name, and who runs them."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..calls import Request
from ..context.frames import frame_named
from ..context.variables import public_names, resolve
from ..errors import UsageError
from ..options.fields import Options
from ..session.beside import Job
from ..session.view import Approver
from ..settings.config import M1
from ..text import one_line
from .answer import ToolAnswer
from .results import Results
from .signature import Tool, described, missing, renamed

SQL = "sql"
MOST = 64
TAKES = "Name functions: --tools f,g, or tools=[f, g]."


def tools(
    options: Options,
    namespace: Mapping[str, object],
    settings: M1,
    kept: Callable[[], Mapping[str, Any]] = dict,
) -> dict[str, Tool]:
    """Return the tools that options name, by name.

    Args:
        kept: returns what described the tools of kept answers, by name: these can be shown where
            a function is not there.

    Raises:
        UsageError: one of them is no function that can be described.
    """
    if options.yes and not options.tools:
        raise UsageError("--yes is about --tools, and there are none.", todo=TAKES)
    if len(options.tools) > MOST:
        raise UsageError(f"These are {len(options.tools):,} tools, and {MOST} are the most.")
    found: dict[str, Tool] = {}
    for given in options.tools:
        one = _kept(given, namespace, kept) or _tool(given, options, namespace, settings)
        if one.name in found and found[one.name].key != one.key:
            what = f"Two tools are called {one.name}."
            raise UsageError(what, todo="Give one of them another name.")
        found[one.name] = one
    return found


def _tool(given: Any, options: Options, namespace: Mapping[str, object], settings: M1) -> Tool:
    if given == SQL and SQL not in namespace:
        from .sql import tool

        return tool(options, namespace, settings)
    if isinstance(given, str):
        function, name = _named(given, namespace), given.rpartition(".")[2]
    else:
        function, name = given, called(given, namespace)
    shown = one_line(name, 60)
    if not callable(function):
        kind = one_line(type(function).__name__, 60)
        raise UsageError(f"{shown} is no function but of type {kind}.", todo=TAKES)
    if not name.isidentifier() or not name.isascii() or len(name) > MOST:
        todo = "Give it a name of at most 64 letters, digits and _: def name(…)."
        raise UsageError(f"{shown} cannot be the name of a tool.", todo=todo)
    return renamed(described(function, name), name)


def _kept(
    given: Any, namespace: Mapping[str, object], kept: Callable[[], Mapping[str, Any]]
) -> Tool | None:
    """Return the tool of a name that stands for nothing here, as a kept answer has it."""
    if not isinstance(given, str) or given == SQL or given.partition(".")[0] in namespace:
        return None
    spec = kept().get(given.rpartition(".")[2])
    return missing(spec) if spec else None


def gone(found: Mapping[str, Tool]) -> UsageError | None:
    """Return the error for a tool that can only be shown, None if there is none."""
    name = next((one.name for one in found.values() if one.run is None), None)
    if name is None:
        return None
    what = f"There is no function {one_line(name, 60)!r}, and no answer that is kept to show."
    return UsageError(what, todo="Run the cell that defines it.")


def _named(name: str, namespace: Mapping[str, object]) -> object:
    """Return what a name, or a path such as ``shop.price``, stands for."""
    base = name.partition(".")[0]
    if base in namespace:
        return resolve(name, namespace)
    raise _none(name, namespace)


def _none(name: str, namespace: Mapping[str, object]) -> UsageError:
    functions = [one for one in public_names(namespace) if callable(namespace[one])]
    close = difflib.get_close_matches(name, functions, 1)
    todo = f"Did you mean {one_line(close[0], 60)}?" if close else TAKES
    return UsageError(f"There is no function {one_line(name, 60)!r}.", todo=todo)


def called(function: Any, namespace: Mapping[str, object]) -> str:
    """Return how a function is called: as its own name says, or the name that it has here.

    A partial that has none is called as the function that it binds values of.
    """
    own = ""
    with suppress(Exception):  # it may do anything when it is asked
        own = getattr(function, "__name__", "")
    if isinstance(own, str) and own.isidentifier():
        return own
    known_as = next((n for n, v in namespace.items() if v is function and n.isidentifier()), "")
    if not known_as and isinstance(function, functools.partial):
        return called(function.func, namespace)
    return known_as or (own if isinstance(own, str) and own else type(function).__name__)


def answer(
    job: Job,
    found: Mapping[str, Tool],
    options: Options,
    settings: M1,
    approver: Callable[[], Approver],
    namespace: Mapping[str, object],
) -> ToolAnswer:
    """Return what runs the tools of a call, of which ``job`` has view and processor.

    Args:
        approver: makes who asks the user, where ``--yes`` does not allow all.
    """
    results = Results.of(options, settings, _shown(job.request, namespace))
    asked = None if options.yes else approver()
    how = (job.view, found, results, asked, settings.rounds, job.processor)
    if not job.request.exact:
        return ToolAnswer(*how)
    from ..exact.apart import Apart

    return ToolAnswer(*how, Apart())


def _shown(request: Request, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return the tables that go along with a question, as far as they can be found by name."""
    tables: dict[str, object] = {}
    for one in request.attachments:
        if one.kind == "frame":
            with suppress(UsageError):
                tables[one.name] = frame_named(one.name, namespace)
    return tables
