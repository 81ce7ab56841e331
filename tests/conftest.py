"""Every test gets a home of its own, no key, and no network beyond this machine."""

from __future__ import annotations

import gc
import multiprocessing.spawn
import os
import re
import shlex
import signal
import ssl
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comm
import hypothesis
import pytest

import kernels
from emulator import OpenRouter
from m1_magic import api
from m1_magic.session import reconciler

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from panels import Hand, Page
    from shells import Cell, Run

FOREIGN = ("OPENROUTER_", "OPENAI_", "M1_", "VSCODE_")
KEPT = ("M1_TEST_MODELS", "M1_TEST_FULL")


def roomy_memory() -> Path | None:
    """Return where files are kept in memory, if many have room there and programs may run."""
    try:
        room = os.statvfs("/dev/shm")
    except (AttributeError, OSError):
        return None
    fits = room.f_bavail * room.f_frsize > 6 * 2**30 and not room.f_flag & os.ST_NOEXEC
    return Path("/dev/shm") if fits and os.access("/dev/shm", os.W_OK) else None


# Hundreds of processes import us, and four workers the tests: what is compiled once is kept.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Thousands of transactions are written down here, and for each of them a disk takes milliseconds.
if (memory := roomy_memory()) is not None:
    os.environ["TMPDIR"] = tempfile.tempdir = str(memory)
# More threads than one would wait for each other, busily, where the workers use all cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Collected once, at the end: each pass would look through all that the imports have made so far.
gc.disable()
kernels.no_grammars()
# This process is no kernel, though it may be forked from one that has imported ipykernel's comms.
comm.create_comm, comm.get_comm_manager = comm._create_comm, comm._get_comm_manager
# Never the keyring of whoever runs the tests, nor a test's own backend found by its class;
# those that need one set it themselves.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
# A busy machine is slow, and no test is about that.
hypothesis.settings.register_profile(
    "untimed",
    deadline=None,
    # Whole homes and servers serve all examples of a test.
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def no_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As kernels do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "get_default_verify_paths", ssl.get_default_verify_paths)
        kernels.without_authorities(str(tmp_path_factory.mktemp("authorities")))
        yield


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty ``M1_HOME``, an environment without keys, a default session of the test's own."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) and name not in KEPT:
            monkeypatch.delenv(name)
    # Spark leaves a handler of its own that fails without it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tmp_path / "m1 home"
    monkeypatch.setenv("M1_HOME", str(home))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    # In this process prices are asked for when a test says so; kernels do as they do for users.
    monkeypatch.setattr(reconciler, "PAUSES", ())
    api.end()
    yield home
    api.end()


@pytest.fixture(scope="module")
def little_to_collect() -> None:
    """Collections of garbage from now on do not look through what is there: each takes 0.3 s."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRouter]:
    """The OpenRouter emulator, set as the endpoint, with its key in the environment."""
    with OpenRouter() as emulator:
        monkeypatch.setenv("M1_BASE_URL", emulator.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", emulator.key)
        yield emulator
        assert emulator.crashes == []


@pytest.fixture
def spawning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process may be spawned, though IPython may have left a ``__main__`` without a spec."""
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    before = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(kernels.executable())
    yield
    multiprocessing.set_executable(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger's file may come to be."""
    return tmp_path / "ledger.db"


@pytest.fixture
def shell(server: OpenRouter) -> Iterator[InteractiveShell]:
    """A bare IPython with the extension loaded, a table, and the emulator as endpoint."""
    import shells

    with shells.loaded(sales=shells.sales()) as made:
        yield made


@pytest.fixture
def run(shell: InteractiveShell) -> Run:
    import shells

    return shells.runner(shell)


@pytest.fixture
def in_a_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel serves a notebook whose path is known."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "lesson.ipynb"))


@pytest.fixture
def cell(run: Run, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Run a cell that has an id, and may not fail; return its text."""
    here: dict[str, Any] = {"id": "", "run": 0}
    monkeypatch.setattr("m1_magic.jupyter.shell.place", lambda: (here["id"], str(here["run"])))

    def go(source: str, id: str = "a") -> str:
        here["id"], here["run"] = id, here["run"] + 1
        ran = run(source)
        assert ran.error is None, ran.text
        return ran.text

    return go


@pytest.fixture
def page(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A notebook whose widgets' messages are kept, with the emulator as endpoint."""
    from panels import notebook

    with notebook(monkeypatch) as made:
        yield made


@pytest.fixture
def hand(page: Page) -> Hand:
    """A panel in it."""
    return page.panel()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give the local model one CPU: where others work, two threads mostly wait for each other."""
    if item.get_closest_marker("offline") is None or not hasattr(os, "sched_setaffinity"):
        return (yield)
    may_use = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(may_use)[os.getpid() % len(may_use)]})
    try:
        return (yield)
    finally:
        os.sched_setaffinity(0, may_use)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[object]) -> None:
    """Let all workers have their kernels forked from one process, and be forked themselves."""
    if kernels.path():
        from execnet import XSpec

        command = shlex.join(kernels.worker())
        specs[:] = [XSpec(f"{spec}//python={command}") for spec in specs]


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: tests of browsers and kernels wait for a good part."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A front end's tests share a worker, with its browser and server; else those of a file do."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFrontEnd(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            if "/browser/" not in file:
                return file
            return "notebook" if re.search(r"\[.*\bnotebook\b", test) else "lab"

    return ByFrontEnd(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """As many workers import at a time as there are cores: the others find it compiled."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not worker or sys.platform == "win32":
        return (yield)
    import fcntl

    run = os.environ["PYTEST_XDIST_TESTRUNUID"]
    turn = Path(tempfile.gettempdir()) / f"{run}-{int(worker) % (os.cpu_count() or 1)}"
    with turn.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            return (yield)
        finally:
            turn.unlink(missing_ok=True)


def pytest_collection_finish() -> None:
    """What the imports made stays: no later collection of garbage looks through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run, but for what root cannot be tested with."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    missing = [report for report in skipped if "root may write" not in str(report.longrepr)]
    if missing and os.environ.get("CI"):
        reporter.write_line(f"CI: {len(missing)} skipped that should have run", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    """Let IPython go: at exit it would look through all memory once for each shell there was."""
    module = sys.modules.get("IPython.core.interactiveshell")
    if module is not None:
        module.InteractiveShell._atexit_once = lambda shell: None
