"""Notebooks made and run by tests, in a real kernel through nbclient."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.localinterfaces import localhost
from jupyter_client.manager import AsyncKernelManager, KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from traitlets import default

import kernels

RECORD = "application/vnd.m1-magic.call+json"
FOLDER = Path(__file__).parent.parent / "notebooks"
QUICKSTART = FOLDER / "quickstart.ipynb"
DATAFRAMES = FOLDER / "dataframes.ipynb"


class Manager(KernelManager):
    """Starts kernels that listen on files: a port found free may be another's when they begin."""

    @default("transport")
    def _near(self) -> str:
        return "ipc" if sys.platform == "linux" else "tcp"

    @default("ip")
    def _here(self) -> str:
        at = Path(tempfile.gettempdir(), f"kernel-{uuid4()}")
        return str(at) if self.transport == "ipc" else localhost()


class Quick(Manager):
    """Starts the kernels that are quick to start."""

    @default("kernel_spec_manager")
    def _quick(self) -> KernelSpecManager:
        made = KernelSpecManager()
        made.kernel_dirs = [f"{kernels.path()}/kernels", *made.kernel_dirs]
        return made


class AsyncManager(Manager, AsyncKernelManager):
    """The same for nbclient."""


class AsyncQuick(Quick, AsyncKernelManager):
    """The same for nbclient."""


def run(*sources: str, **more: Any) -> NotebookNode:
    """Return a notebook of these cells after a run; a failing cell does not end it."""
    return execute(new_notebook(cells=[new_code_cell(source) for source in sources]), **more)


def write(path: Path, *sources: str) -> None:
    """Write a notebook of these cells."""
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)


def execute(
    book: NotebookNode,
    timeout: int = 120,
    interrupts: bool = False,
    timing: bool = True,
    forked: bool = True,
) -> NotebookNode:
    """Run a notebook in a fresh kernel and return it.

    Args:
        timing: when each cell ran is in it.
        forked: in a kernel that is quick to start; not where what it imports reads the environment.
    """
    NotebookClient(
        book,
        timeout=timeout,
        kernel_name="python3",
        kernel_manager_class=AsyncQuick if forked else AsyncManager,
        startup_timeout=180,
        allow_errors=True,
        interrupt_on_timeout=interrupts,
        record_timing=timing,
        resources={"metadata": {"path": str(Path.cwd())}},
    ).execute()
    return book


def read(path: Path) -> NotebookNode:
    """Return the notebook at ``path``."""
    return nbformat.read(path, as_version=4)


def errors(book: NotebookNode) -> list[str]:
    """Return what the failed cells show, in order."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return ["\n".join(o.traceback) for o in outputs if o.output_type == "error"]


def displays(book: NotebookNode, cell: int) -> list[NotebookNode]:
    """Return the display outputs of one cell."""
    kinds = ("display_data", "execute_result")
    return [o for o in book.cells[cell].outputs if o.output_type in kinds]


def record(book: NotebookNode, cell: int) -> dict[str, object]:
    """Return the one record that a cell saved."""
    (found,) = [o.data[RECORD] for o in displays(book, cell) if RECORD in o.data]
    return dict(found)


def printed(book: NotebookNode, cell: int) -> str:
    """Return what a cell wrote to stdout."""
    return "".join(o.text for o in book.cells[cell].outputs if o.output_type == "stream")


def saved(book: NotebookNode) -> str:
    """Return the notebook file's text."""
    return json.dumps(book, ensure_ascii=False)
