"""What IPython keeps of earlier cells, and the last error, as plain data.

IPython keeps what a cell's last line showed and what it printed; a kernel keeps nothing of
``display()``. Nothing here is of another session.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import UserFacingError
from .shell import current

if TYPE_CHECKING:
    from ..context.cells import Cell
    from ..context.last_error import Failure
    from ..privacy.outputs import Output

KINDS = {"out_stream": "stdout", "err_stream": "stderr", "display_data": "shown"}
_failure: Failure | None = None
_seen = 0  # which error IPython showed last, by id: the error itself would keep its frames


def cells() -> list[Cell]:
    """Return the cells of this session that ran, without their outputs; cheap.

    The one that is running is not among them.
    """
    from ..context.cells import Cell

    shell = current()
    if shell is None or shell.history_manager is None:
        return []
    typed = list(shell.history_manager.input_hist_raw)
    running = _running(shell)
    return [Cell(n, text) for n, text in enumerate(typed) if text.strip() and n != running]


def outputs(number: int) -> tuple[Output, ...]:
    """Return what is kept of the outputs of a cell; one whose object is there has it."""
    from ..privacy.outputs import Output

    shell = current()
    manager = shell.history_manager
    value, shown = manager.output_hist.get(number), manager.output_hist_reprs.get(number)
    found: list[Output] = []
    printed: dict[str, list[str]] = {}  # of one that prints here and there, each stream as a whole
    for kept in manager.outputs.get(number, []):
        kind, bundle = KINDS.get(kept.output_type, "value"), kept.bundle
        if "stream" in bundle:
            printed.setdefault(kind, []).extend(bundle["stream"])
        else:
            found.append(Output(kind, dict(bundle)))
    values = [place for place, one in enumerate(found) if one.kind == "value"]
    if values:  # a cell may show several; the object of the last one is kept
        found[values[-1]] = replace(found[values[-1]], value=value)
    elif value is not None or shown:
        found.append(Output("value", {"text/plain": shown or ""}, value))
    streams = [Output(kind, {"text/plain": "".join(text)}) for kind, text in printed.items()]
    raised = manager.exceptions.get(number)
    errors = (
        [Output("raised", {"error": raised["ename"], "text/plain": raised["evalue"]})]
        if raised
        else []
    )
    return (*streams, *found, *errors)


def failure() -> Failure | None:
    """Return the last error that was not one of ours, None if there was none; cheap."""
    error = getattr(sys, "last_value", None)
    if (
        _failure is not None
        or not isinstance(error, BaseException)
        or isinstance(error, UserFacingError)
    ):
        return _failure
    from ..context.last_error import read

    # Raised before the extension was loaded, or it is not loaded at all.
    failed = read(error, None, _number)
    raised = [frame.cell for frame in failed.problems[0].frames if frame.cell is not None]
    for cell in cells():
        if raised and cell.number == raised[0] and not cell.ours:
            return read(error, cell, _number)
    return failed


def remember(result: Any) -> None:
    """Keep the error of the cell that has just run; called by IPython after each cell."""
    global _failure, _seen
    shown = getattr(sys, "last_value", None)
    error = result.error_before_exec or result.error_in_exec
    if error is None and id(shown) != _seen:
        error = shown  # shown by %run, which goes on
    _seen = id(shown)
    if error is None or isinstance(error, UserFacingError) or not result.info.store_history:
        return
    from ..context.cells import Cell
    from ..context.last_error import read

    number = result.execution_count or _raising(error) or current().execution_count - 1
    cell = Cell(number, result.info.raw_cell)
    if not cell.ours:
        _failure = read(error, cell, _number)


def watch(shell: Any) -> None:
    """Begin to remember errors, with the one that is there."""
    global _failure, _seen
    # The first call that fails would hide it.
    _failure, _seen = failure(), id(getattr(sys, "last_value", None))
    shell.events.register("post_run_cell", remember)


def unwatch(shell: Any) -> None:
    """Undo ``watch``."""
    global _failure
    _failure = None
    if remember in shell.events.callbacks["post_run_cell"]:
        shell.events.unregister("post_run_cell", remember)


def _running(shell: Any) -> int | None:
    """Return the execution count of the cell that is running, None if none is."""
    result = shell.displayhook.exec_result
    return result.execution_count if result is not None and result.info.store_history else None


def _raising(error: BaseException) -> int | None:
    """Return the execution count of the cell that an error came out of; None if it has no frame."""
    step = error.__traceback__
    while step is not None:
        number = _number(step.tb_frame.f_code.co_filename)
        if number is not None:
            return number
        step = step.tb_next
    return None


def _number(filename: str) -> int | None:
    """Return the execution count of the cell that a code's file name stands for."""
    shell = current()
    named = shell.compile.format_code_name(filename) if shell is not None else None
    found = re.fullmatch(r"In\[(\d+)\]", named[1]) if named else None
    return int(found[1]) if found else None
