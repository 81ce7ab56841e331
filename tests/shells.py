"""A bare IPython with the extension loaded, and what its cells showed and raised."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@dataclass(frozen=True)
class Ran:
    """What a cell did: what it showed, and the error it raised."""

    text: str
    error: BaseException | None

    @property
    def told(self) -> str:
        """The error's paragraph; there has to be one, without a traceback."""
        assert self.error is not None, self.text
        assert "Traceback" not in self.text
        assert str(self.error) in self.text
        assert "\n" not in str(self.error)
        return f"{type(self.error).__name__}: {self.error}"


Run = Callable[[str], Ran]
Cell = Callable[..., str]


@contextmanager
def loaded(**names: Any) -> Iterator[InteractiveShell]:
    """Give a shell of its own, with these names in it."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("colors", "nocolor")
    with redirect_stdout(io.StringIO()):
        shell.run_line_magic("load_ext", "m1_magic")
    shell.user_ns |= names
    yield shell
    shell.history_manager = None


@contextmanager
def the_one(monkeypatch: pytest.MonkeyPatch, **names: Any) -> Iterator[InteractiveShell]:
    """Give IPython's one shell, which ``get_ipython()`` finds, with these names in it."""
    monkeypatch.delattr(sys, "last_value", raising=False)
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("colors", "nocolor")
    # What IPython shows itself is not looked at, and takes it a look at all modules per frame.
    shell.InteractiveTB.set_mode("Plain")
    with redirect_stdout(io.StringIO()):
        shell.run_line_magic("load_ext", "m1_magic")
    shell.user_ns |= names
    shell.history_manager.outputs.clear()  # which all shells of a process share
    yield shell
    shell.run_line_magic("unload_ext", "m1_magic")
    shell.history_manager = None
    InteractiveShell.clear_instance()


def runner(shell: InteractiveShell, *, history: bool = False) -> Run:
    """Return what runs a cell in a shell, with a number of its own or (faster) without."""

    def run(source: str) -> Ran:
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            result = shell.run_cell(source, store_history=history)
        return Ran(out.getvalue(), result.error_before_exec or result.error_in_exec)

    return run


def sales() -> pd.DataFrame:
    return pd.DataFrame({"region": ["n", "s"] * 10, "amount": range(20)})
