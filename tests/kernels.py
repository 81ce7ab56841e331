"""Kernels and processes that need not import anything again: forked from one that has done so.

To import ipykernel, openai, pandas and what is ours takes two seconds of CPU, and the tests start
a hundred kernels. So on Linux a small client asks one process of the test run to fork itself. What
it gets is a process of its own, with the environment, folder and streams that an ordinary kernel
has. The client stands for the kernel: it passes signals on, and ends when the kernel ends, as the
kernel ends when the client does. Any ``-m module`` or ``-c code`` is run so, too: ``python()``.
What multiprocessing starts is so where ``executable()`` is its Python. The workers of pytest-xdist
are forked as well, from a fork that has imported what tests do.

Tests of what is imported, of signals to what a test starts and of its id take ordinary kernels and
processes.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from functools import cache
from types import ModuleType

FOLDER = "KERNELS_OF_TESTS"
CLIENT = (sys.executable, "-ISB", __file__)
KERNEL = ("-m", "ipykernel_launcher")
FORWARDED = (signal.SIGINT, signal.SIGTERM)
OURS = "api magics widgets.assembly backends.openrouter context.frames render.notebook_view"
WANTED = (
    *("duckdb", "ipykernel.ipkernel", "ipykernel.kernelapp", "ipykernel.zmqshell", "openai"),
    *("genai_prices.data", "httpcore2", "nh3", "pandas", "pyarrow.pandas_compat"),
    *(f"m1_magic.{name}" for name in OURS.split()),
)
WANTED_BY_TESTS = (
    *("IPython.terminal.ptutils", "dask.dataframe", "distributed", "emulator", "geopandas"),
    *("hypothesis.strategies", "ibis", "nbconvert", "notebooks", "openrouter", "panels"),
    *("playwright.sync_api", "polars", "pytest", "shells", "warm", "xarray"),
)


# -- in the tests ----------------------------------------------------------------------------------


def python() -> list[str]:
    """Return the command that runs ``-m module`` or ``-c code`` with arguments."""
    return [*CLIENT, f"{path()}/socket"] if path() else [sys.executable]


@cache
def executable() -> str:
    """Return the same command as one file."""
    if not path():
        return sys.executable
    import shlex

    with open(f"{path()}/python{os.getpid()}", "w") as file:
        file.write(f'#!/bin/sh\nexec {shlex.join(python())} "$@"\n')
    os.chmod(file.name, 0o700)
    return file.name


@cache
def path() -> str:
    """Return a folder for ``JUPYTER_PATH`` that has such a kernel as ``python3``, or none."""
    if sys.platform != "linux":
        return ""
    if FOLDER in os.environ:  # another process of this test run has one
        return os.environ[FOLDER]
    # Only what is installed: what else a kernel sees, its own environment says.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    os.environ[FOLDER] = folder = _start([sys.executable, "-P", __file__], env)
    made = {
        "argv": [*CLIENT, f"{folder}/socket", *KERNEL, "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    os.makedirs(f"{folder}/kernels/python3")
    with open(f"{folder}/kernels/python3/kernel.json", "w") as file:
        json.dump(made, file)
    return folder


def worker() -> list[str]:
    """Return the command of a Python for workers, which see the modules that this process sees."""
    code = "import kernels; kernels.serve(*kernels.all_of_ours(), *kernels.WANTED_BY_TESTS)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return [*CLIENT, f"{_start([*python(), '-c', code], env)}/socket"]


def _start(command: list[str], env: dict[str, str]) -> str:
    """Start what forks itself for those who connect to the socket in the folder returned."""
    import atexit
    import shutil
    import subprocess
    import tempfile

    folder = tempfile.mkdtemp(prefix="kernels")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen()
        # It ends when its standard input does, which is with this process.
        forking = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=listener, start_new_session=True
        )
    _FORKING.append(forking)
    return folder


_FORKING: list[object] = []  # while it is referred to, its standard input stays open


# -- the client ------------------------------------------------------------------------------------


def stand_for(address: str, *args: str) -> None:
    """Ask for a process, pass signals on to it, and end when and as it does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    files = open_files()
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(address)
    asked = {"args": args, "cwd": os.getcwd(), "env": dict(os.environ), "files": files}
    asked["hears"] = signal.getsignal(signal.SIGINT) != signal.SIG_IGN
    line.sendall(json.dumps(asked).encode() + b"\n")
    socket.send_fds(line, [b"\n"], files)
    for number in files[3:]:
        os.close(number)  # who waits for their end waits for the process
    reader = line.makefile("rb", buffering=0)
    pid = int(reader.readline())
    for number in FORWARDED:
        signal.signal(number, lambda number, _: os.kill(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    parent = os.getppid()
    while not select.select([line], [], [], 1)[0]:
        if os.getppid() != parent:
            return
    code = int(reader.readline() or 1)
    if code < 0:
        if -code in FORWARDED:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def open_files() -> list[int]:
    """Return the streams, then the numbers of what else this process was given."""
    found = sorted(map(int, os.listdir("/proc/self/fd")))
    return [0, 1, 2, *(n for n in found if n > 2 and os.path.exists(f"/proc/self/fd/{n}"))]


# -- the process that forks ------------------------------------------------------------------------


def serve(*more: str) -> None:
    """Fork a process for each client of standard output, a socket, and tell it how that ended."""
    listener = socket.socket(fileno=os.dup(1))
    os.dup2(2, 1)
    prepare(*more)
    without_authorities(os.path.dirname(listener.getsockname()))
    clients: dict[int, socket.socket] = {}
    heard, said = socket.socketpair()
    said.setblocking(False)
    signal.set_wakeup_fd(said.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while sys.stdin not in (ready := select.select([listener, heard, sys.stdin], [], [])[0]):
        if heard in ready:
            heard.recv(4096)
            tell_ended(clients)
        if listener in ready:
            line, _ = listener.accept()
            if (pid := os.fork()) == 0:
                for other in (listener, heard, said, *clients.values()):
                    other.close()
                become(line)
            clients[pid] = line


def tell_ended(clients: dict[int, socket.socket]) -> None:
    """Tell the clients whose processes have ended."""
    from contextlib import suppress

    while clients:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with clients.pop(pid) as line, suppress(OSError):  # it may have gone first
            line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def prepare(*more: str) -> None:
    """Import what kernels will want, also what is imported at first use, and ``more``."""
    import gc
    import importlib

    gc.disable()
    no_grammars()
    for name in (*WANTED, *more):
        importlib.import_module(name)
    import pandas

    from m1_magic.context.frames import summarise
    from m1_magic.render.markup import html

    summarise(pandas.DataFrame({"a": ["b", "c"] * 9, "d": range(18)}), "e")
    html("*a*")
    gc.collect()
    gc.freeze()
    gc.enable()


def without_authorities(folder: str) -> None:
    """Let there be no list of certificates: each client would read the system's, which takes 40 ms.

    A folder in OpenSSL's form is read name by name, when one is asked for.
    """
    import ssl

    open(f"{folder}/00000000.0", "w").close()
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile="", openssl_capath=folder)
    ssl.get_default_verify_paths = lambda: paths


def no_grammars() -> None:
    """Keep jsonschema from parsing grammars of addresses, for seconds, which no notebook has."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def all_of_ours() -> list[str]:
    """Return the names of the modules of ``m1_magic``."""
    from pkgutil import walk_packages

    import m1_magic

    return [name for _, name, _ in walk_packages(m1_magic.__path__, "m1_magic.")]


def forget_another_tree() -> None:
    """Let ``m1_magic`` be imported anew if this environment has it elsewhere."""
    from importlib.machinery import PathFinder

    found = PathFinder.find_spec("m1_magic")
    if found is None or found.origin != sys.modules["m1_magic"].__file__:
        for name in [name for name in sys.modules if name.partition(".")[0] == "m1_magic"]:
            del sys.modules[name]


def without_switches(args: list[str]) -> list[str]:
    """Leave out what execnet and multiprocessing ask of Python: no buffers, no bytecode."""
    return args[next(n for n, one in enumerate(args) if one in ("-c", "-m")) :]


def become(line: socket.socket) -> None:
    """Be the process that a client asked for."""
    import fcntl
    import runpy

    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with line.makefile("rb", buffering=0) as reader:
        asked = json.loads(reader.readline())
    # As in a Python that begins, though the tests may run in the background of a shell.
    signal.signal(signal.SIGINT, signal.default_int_handler if asked["hears"] else signal.SIG_IGN)
    numbers = asked["files"]
    _, files, _, _ = socket.recv_fds(line, 1, len(numbers))
    # They get the numbers that they had, for which what has one of these makes way.
    there = [line.detach(), *files]
    client, *files = (fcntl.fcntl(n, fcntl.F_DUPFD_CLOEXEC, max(numbers) + 1) for n in there)
    for number in there:
        os.close(number)
    for file, number in zip(files, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)
    # When the client is gone, so is this process.
    fcntl.fcntl(client, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(client, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(client, fcntl.F_SETFL, os.O_ASYNC)
    os.write(client, b"%d\n" % os.getpid())
    os.environ.clear()
    # ipykernel would see that its parent is another one.
    os.environ.update({k: v for k, v in asked["env"].items() if k != "JPY_PARENT_PID"})
    os.chdir(asked["cwd"])
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    forget_another_tree()
    how, what, *rest = without_switches(asked["args"])
    if how == "-m":
        sys.argv[:] = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = [how, *rest]
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)
    sys.exit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        stand_for(*sys.argv[1:])
    else:
        serve()
