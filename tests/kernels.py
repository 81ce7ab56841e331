"""Kernels that need not import anything again: forked from a process that has done so.

To import ipykernel, openai, pandas and what is ours takes two seconds of CPU, and the tests start
a hundred kernels. So on Linux a small client asks one process of the test run to fork itself. What
it gets is a process of its own, with the environment, folder and streams that an ordinary kernel
has. The client stands for the kernel: it passes signals on, and ends when the kernel ends, as the
kernel ends when the client does.

Tests of signals and of what is imported take ordinary kernels.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from functools import cache

FOLDER = "KERNELS_OF_TESTS"
FORWARDED = (signal.SIGINT, signal.SIGTERM)
OURS = "api magics widgets.assembly backends.openrouter context.frames render.notebook_view"
WANTED = (
    *("duckdb", "ipykernel.ipkernel", "ipykernel.kernelapp", "ipykernel.zmqshell", "openai"),
    *("genai_prices.data", "httpcore2", "nh3", "pandas", "pyarrow.pandas_compat"),
    *(f"m1_magic.{name}" for name in OURS.split()),
)


# -- in the tests ----------------------------------------------------------------------------------


@cache
def path() -> str:
    """Return a folder for ``JUPYTER_PATH`` that has such a kernel as ``python3``, or none."""
    if sys.platform != "linux":
        return ""
    if FOLDER in os.environ:  # another process of this test run has one
        return os.environ[FOLDER]
    os.environ[FOLDER] = _start()
    return os.environ[FOLDER]


def _start() -> str:
    import atexit
    import shutil
    import subprocess
    import tempfile

    folder = tempfile.mkdtemp(prefix="kernels")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{folder}/socket")
    listener.listen()
    made = {
        "argv": [sys.executable, "-ISB", __file__, f"{folder}/socket", "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    os.makedirs(f"{folder}/kernels/python3")
    with open(f"{folder}/kernels/python3/kernel.json", "w") as file:
        json.dump(made, file)
    # It ends when its standard input does, which is with this process.
    forking = subprocess.Popen(
        [sys.executable, "-P", __file__, str(listener.fileno())],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        start_new_session=True,
    )
    listener.close()
    _FORKING.append(forking)
    return folder


_FORKING: list[object] = []  # while it is referred to, its standard input stays open


# -- the client ------------------------------------------------------------------------------------


def stand_for(address: str, *args: str) -> None:
    """Ask for a kernel, pass signals on to it, and end when it does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(address)
    asked = {"args": args, "cwd": os.getcwd(), "env": dict(os.environ)}
    line.sendall(json.dumps(asked).encode() + b"\n")
    socket.send_fds(line, [b"\n"], [0, 1, 2])
    pid = int(line.recv(20))
    ended = os.pidfd_open(pid)
    for number in FORWARDED:
        signal.signal(number, lambda number, _: os.kill(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    parent = os.getppid()
    while os.getppid() == parent and not select.select([ended], [], [], 1)[0]:
        pass


# -- the process that forks ------------------------------------------------------------------------


def serve(listener: socket.socket) -> None:
    """Fork a kernel for each client."""
    prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while select.select([listener, sys.stdin], [], [])[0] == [listener]:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            become_kernel(line)
        line.close()


def prepare() -> None:
    """Import what kernels will want, also what is imported at first use."""
    import gc
    import importlib

    for name in WANTED:
        importlib.import_module(name)
    import pandas

    from m1_magic.context.frames import summarise
    from m1_magic.render.markup import html

    summarise(pandas.DataFrame({"a": ["b", "c"] * 9, "d": range(18)}), "e")
    html("*a*")
    gc.collect()
    gc.freeze()


def forget_another_tree() -> None:
    """Let ``m1_magic`` be imported anew if this environment has it elsewhere."""
    from importlib.machinery import PathFinder

    found = PathFinder.find_spec("m1_magic")
    if found is None or found.origin != sys.modules["m1_magic"].__file__:
        for name in [name for name in sys.modules if name.partition(".")[0] == "m1_magic"]:
            del sys.modules[name]


def become_kernel(line: socket.socket) -> None:
    """Be the kernel that a client asked for."""
    import fcntl
    import runpy

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with line.makefile("rb", buffering=0) as reader:
        asked = json.loads(reader.readline())
    _, streams, _, _ = socket.recv_fds(line, 1, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # When the client is gone, so is this process.
    fcntl.fcntl(line, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(line, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(line, fcntl.F_SETFL, os.O_ASYNC)
    line.sendall(str(os.getpid()).encode())
    line.detach()
    os.environ.clear()
    # ipykernel would see that its parent is another one.
    os.environ.update({k: v for k, v in asked["env"].items() if k != "JPY_PARENT_PID"})
    os.chdir(asked["cwd"])
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    forget_another_tree()
    sys.argv[:] = ["ipykernel_launcher", *asked["args"]]
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        stand_for(*sys.argv[1:])
    else:
        serve(socket.socket(fileno=int(sys.argv[1])))
