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
_ids: dict[int, str] = {}  # of cells that ran, by execution count, where the front end names them
_seen = 0  # which error IPython showed last, by id: the error itself would keep its frames


def cells() -> list[Cell]:
    """Return the cells of this session that ran, with what is kept of their outputs.

    The one that is running is not among them.
    """
    from ..context.cells import Cell

    ran = _sources().items()
    return [Cell(number, source, outputs(number), _ids.get(number, "")) for number, source in ran]


def outputs(number: int) -> tuple[Output, ...]:
    """Return what is kept of the outputs of a cell; one whose object is there has it."""
    from ..privacy.outputs import Output, streams_joined

    manager = current().history_manager
    value, displayed = manager.output_hist.get(number), manager.output_hist_reprs.get(number)
    collected: list[Output] = []
    for output in manager.outputs.get(number, []):
        bundle = dict(output.bundle)
        if "stream" in bundle:
            bundle = {"text/plain": "".join(bundle["stream"])}
        collected.append(Output(KINDS.get(output.output_type, "value"), bundle))
    values = [place for place, output in enumerate(collected) if output.kind == "value"]
    if values:  # a cell may show several; the object of the last one is kept
        collected[values[-1]] = replace(collected[values[-1]], value=value)
    elif value is not None or displayed:
        collected.append(Output("value", {"text/plain": displayed or ""}, value))
    if raised := manager.exceptions.get(number):
        bundle = {"error": raised["ename"], "text/plain": raised["evalue"]}
        collected.append(Output("raised", bundle))
    return streams_joined(collected)


def failure() -> Failure | None:
    """Return the last error that was not one of ours, None if there was none; cheap."""
    error = getattr(sys, "last_value", None)
    if _failure or not isinstance(error, BaseException) or isinstance(error, UserFacingError):
        return _failure
    from ..context.cells import Cell
    from ..context.last_error import read

    # Raised before the extension was loaded, or it is not loaded at all.
    failed = read(error, _number)
    for number, source in _sources().items():
        cell = Cell(number, source)
        if number == failed.raised_in and not cell.ours:
            return replace(failed, cell=cell)
    return failed


def remember(result: Any) -> None:
    """Keep id and error of the cell that has just run; called by IPython after each cell."""
    global _failure, _seen
    if result.info.store_history and result.execution_count:
        _ids[result.execution_count] = getattr(result.info, "cell_id", None) or ""
    last_value = getattr(sys, "last_value", None)
    error = result.error_before_exec or result.error_in_exec
    if error is None and id(last_value) != _seen:
        error = last_value  # shown by %run, which goes on
    _seen = id(last_value)
    if error is None or isinstance(error, UserFacingError) or not result.info.store_history:
        return
    from ..context.cells import Cell
    from ..context.last_error import read

    failed = read(error, _number)
    number = result.execution_count or failed.raised_in or current().execution_count - 1
    cell = Cell(number, result.info.raw_cell)
    if not cell.ours:
        _failure = replace(failed, cell=cell)


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
    _ids.clear()
    if remember in shell.events.callbacks["post_run_cell"]:
        shell.events.unregister("post_run_cell", remember)


def _sources() -> dict[int, str]:
    """Return the code of the cells that ran, by execution count, without the one that runs."""
    shell = current()
    if shell is None or shell.history_manager is None:
        return {}
    result = shell.displayhook.exec_result
    running = result.execution_count if result and result.info.store_history else None
    typed = enumerate(shell.history_manager.input_hist_raw)
    return {number: text for number, text in typed if text.strip() and number != running}


def _number(filename: str) -> int | None:
    """Return the execution count of the cell that a code's file name stands for."""
    shell = current()
    named = shell.compile.format_code_name(filename) if shell is not None else None
    match = re.fullmatch(r"In\[(\d+)\]", named[1]) if named else None
    return int(match[1]) if match else None
