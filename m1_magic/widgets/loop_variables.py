"""Which names are only what a loop left behind: ``for df in tables:`` makes no table of that name.

Told by the cells that ran, in their order: a name is a loop's as long as nothing but a loop over it
bound it last.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..jupyter import shell


class LoopVariables:
    """The names that loops of the user's cells left behind; each cell is read once."""

    def __init__(self) -> None:
        self._read = 0
        self._loops: dict[str, bool] = {}

    def names(self) -> set[str]:
        """Return them as they are after the cells that ran up to now."""
        manager = getattr(shell.current(), "history_manager", None)
        cells = manager.input_hist_parsed if manager is not None else []
        if self._read > len(cells):  # %reset
            self._read, self._loops = 0, {}
        for source in cells[self._read :]:
            self._loops |= loops(source)
        self._read = len(cells)
        return {name for name, loop in self._loops.items() if loop}


def loops(source: str) -> dict[str, bool]:
    """Return the names that a cell binds, and whether a loop did so last."""
    try:
        return dict(_bound(ast.parse(source).body, frozenset()))
    except (SyntaxError, ValueError, RecursionError):
        return {}


def _bound(nodes: list[ast.stmt], looping: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Yield the names that statements bind, in their order, and whether a loop over them does."""
    for node in nodes:
        within = looping
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, False
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (((one.asname or one.name).partition(".")[0], False) for one in node.names)
            continue
        if isinstance(node, ast.For | ast.AsyncFor):
            within = looping | set(_stored(node.target))
            yield from ((name, True) for name in _stored(node.target))
        else:
            children = ast.iter_child_nodes(node)
            heads = (one for one in children if isinstance(one, ast.expr | ast.withitem))
            yield from ((n, n in looping) for head in heads for n in _stored(head))
        for part in ("body", "orelse", "finalbody"):
            yield from _bound(getattr(node, part, []), within)
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _bound(part.body, within)


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that an expression or a target stores; a comprehension keeps its own."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    if not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        for one in ast.iter_child_nodes(node):
            yield from _stored(one)
