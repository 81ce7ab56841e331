"""What runs on this machine: no module of a hostile folder, no web page, nobody else's settings."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from m1_magic import keys
from m1_magic.backends.llama_gate import Gate
from m1_magic.backends.weights import SMOLLM2, weights
from m1_magic.context.frames import opened
from m1_magic.context.frames.parquet_footer import decoded_size
from m1_magic.errors import BadSetting, OfflineProblem, UsageError
from m1_magic.settings import sources

ROOT = Path(__file__).parent.parent
LAB = "import sys; from m1_magic import cli; from argparse import Namespace; "
LAB += "sys.exit(cli.open_lab(Namespace(rest=['--version'])))"
CODE = "import sys; from m1_magic.cli import main; sys.exit(main())"
KEY = "sk-or-" + "v1-" + "0" * 64


def command(*args: str, code: str = CODE, site: Path = ROOT) -> subprocess.Popen[str]:
    """Start ``m1-magic`` as its console script does: no folder of the user's is on its path."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, *args],
        env=os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose modules say that they were run."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in ("pip", "jupyter", "jupyterlab", "jupyter_core", "json", "subprocess"):
        (folder / f"{name}.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n"
        )
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    return folder


def test_lab_runs_no_module_of_the_folder(hostile: Path, tmp_path: Path) -> None:
    lab = tmp_path / "site" / "jupyterlab"
    lab.mkdir(parents=True)
    (lab / "__init__.py").touch()
    (lab / "__main__.py").write_text("import sys; print('the real one', sys.argv[2:])")
    started = command(code=LAB, site=lab.parent)
    out, _ = started.communicate(timeout=180)
    assert out == "the real one ['--version']\n"
    assert not (tmp_path / "ran").exists()


def test_pip_is_the_real_one_and_gets_no_key(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen.json"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        f"import json, os; json.dump(dict(os.environ), open({str(seen)!r}, 'w'))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("M1_API_KEY", KEY)
    with pytest.raises(OfflineProblem, match="No matching distribution"):
        weights(wanted=SMOLLM2)
    assert not (tmp_path / "ran").exists()
    environ = json.loads(seen.read_text())
    assert environ["PIP_NO_INDEX"] == "1"
    assert not [name for name, value in environ.items() if KEY in value]


def test_an_environment_without_keys_keeps_the_rest() -> None:
    environ = {"OPENROUTER_API_KEY": KEY, "M1_API_KEY": "x", "HOME": "/h", "M1_HOME": "/m"}
    assert keys.without(environ) == {"HOME": "/h", "M1_HOME": "/m"}


@pytest.mark.parametrize("args", [["cost"], ["log"], ["--help"], ["cost", "--help"]])
@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_a_pipe_that_is_closed_ends_it_quietly(own_home: Path, args: list[str]) -> None:
    started = command(*args)
    assert started.stdout and started.stderr
    started.stdout.close()
    assert started.stderr.read() == ""
    # argparse passes over it where each write goes out at once (PYTHONUNBUFFERED).
    assert started.wait(60) in ((0, 128 + 13) if "--help" in args else (128 + 13,))


# -- the gate before the local model --------------------------------------------------------


class Engine(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked, and streams where it is told to."""

    protocol_version = "HTTP/1.1"
    asked: list[dict[str, str]]
    gone: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if body == b'{"stream": true}':
            self.gone.set() if self.connection.recv(1) == b"" else None

    def do_GET(self) -> None:
        self.asked.append({})
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def gate() -> Iterator[Gate]:
    handler = type("Asked", (Engine,), {"asked": [], "gone": threading.Event()})
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as engine,
        Gate(0, "the word", engine.server_address[1]) as made,
    ):
        made.handler = handler  # type: ignore[attr-defined]
        for server in (engine, made):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        for server in (made, engine):
            server.shutdown()


def ask(gate: Gate, method: str = "POST", body: str = "{}", **headers: str) -> tuple[int, str]:
    """Ask with these headers instead of the usual ones; None leaves one out."""
    port = gate.server_address[1]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    usual = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json"} | named
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, "/v1/x", skip_host=True, skip_accept_encoding=True)
    for name, value in {**usual, "Content-Length": str(len(body))}.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders(body.encode())
    response = connection.getresponse()
    return response.status, response.read().decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:8080"},
        {"Host": "[::1]:8080"},
        {"Host": "LOCALHOST"},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Origin": "http://localhost:8888"},
        {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_of_this_machine_are_answered(gate: Gate, headers: dict[str, str]) -> None:
    assert ask(gate, **headers) == (200, "{}")
    (asked,) = gate.handler.asked  # type: ignore[attr-defined]
    assert asked["authorization"] == "Bearer the word"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8080"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "127.0.0.1@evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "192.168.0.7"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:80@evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=application/json"}, 415),
        ({"Content-Type": ""}, 415),
    ],
)
def test_web_pages_are_refused(gate: Gate, headers: dict[str, str], status: int) -> None:
    got, body = ask(gate, **headers)
    assert got == status and json.loads(body)["error"]["message"]
    assert gate.handler.asked == []  # type: ignore[attr-defined]
    if "Host" in headers:
        assert ask(gate, "GET", "", **headers)[0] == 403


@pytest.mark.parametrize("more", ["Host: evil.example\r\n", " folded\r\n", "Host : a\r\n", "x\r\n"])
def test_a_head_that_can_be_read_in_two_ways_is_not_passed_on(gate: Gate, more: str) -> None:
    with socket.create_connection(gate.server_address, 30) as client:
        client.sendall(f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
        answer = client.makefile("rb").read()
    assert not answer or b" 403 " in answer
    assert gate.handler.asked == []  # type: ignore[attr-defined]


def test_who_goes_away_frees_the_engine(gate: Gate) -> None:
    port = gate.server_address[1]
    connection = http.client.HTTPConnection("localhost", port, timeout=30)
    connection.request("POST", "/v1/x", '{"stream": true}', {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.read(8) == b'{"stream'
    response.close()
    connection.close()
    assert gate.handler.gone.wait(30)  # type: ignore[attr-defined]


# -- settings of others ---------------------------------------------------------------------

POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and owners are POSIX")
ROOT_ONLY = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to give away"
)


@pytest.fixture
def settings_file(own_home: Path) -> Path:
    own_home.mkdir(mode=0o700)
    file = own_home / "settings.json"
    file.write_text('{"base_url": "https://evil.example/v1"}')
    file.chmod(0o600)
    return file


@POSIX
@pytest.mark.parametrize(
    ("of_folder", "of_file"), [(0o777, 0o600), (0o1777, 0o600), (0o700, 0o666)]
)
def test_what_everybody_may_write_is_not_obeyed(
    settings_file: Path, of_folder: int, of_file: int
) -> None:
    settings_file.chmod(of_file)
    settings_file.parent.chmod(of_folder)
    settings = sources.load()
    assert "evil" not in settings.base_url
    (problem,) = settings.problems
    assert problem.startswith(f"{settings_file} is not obeyed: everybody may write")
    with pytest.raises(BadSetting, match="is not obeyed"):
        sources.save("max_tokens", 7)
    settings_file.parent.chmod(0o700)


@POSIX
def test_a_link_into_a_folder_that_everybody_may_write_is_not_obeyed(
    settings_file: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o777)
    settings_file.rename(theirs / "settings.json")
    settings_file.symlink_to(theirs / "settings.json")
    settings = sources.load()
    assert "evil" not in settings.base_url
    assert f"everybody may write in {theirs}" in settings.problems[0]


@POSIX
@pytest.mark.parametrize(("of_folder", "of_file"), [(0o700, 0o600), (0o755, 0o644), (0o775, 0o664)])
def test_ones_own_settings_are_obeyed(settings_file: Path, of_folder: int, of_file: int) -> None:
    settings_file.chmod(of_file)
    settings_file.parent.chmod(of_folder)
    settings = sources.load()
    assert "evil" in settings.base_url and settings.problems == ()


@ROOT_ONLY
def test_another_users_file_is_not_obeyed(settings_file: Path) -> None:
    os.chown(settings_file, 12345, -1)
    settings = sources.load()
    assert "evil" not in settings.base_url
    assert settings.problems == (f"{settings_file} is not obeyed: it belongs to another user.",)
    os.chown(settings_file.parent, 12345, -1)  # a folder mounted into a container, chosen by root
    assert sources.load().problems == ()


# -- files that grow when they are read -----------------------------------------------------


def test_a_parquet_file_that_decodes_to_a_hundred_gigabytes_is_refused(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, one = tmp_path / "bomb.parquet", pa.array([0] * 50_000, pa.int32())
    text = pa.DictionaryArray.from_arrays(one, ["x" * 2_000_000])
    pq.write_table(pa.table({"a": text}), path, compression="zstd")
    assert path.stat().st_size < 8_000
    assert decoded_size(path) == 100_000_000_000
    with pytest.raises(
        UsageError, match=r"bomb\.parquet has [\d,]+ bytes, and 100 GB when it is read"
    ):
        opened(path)
    pq.write_table(pa.table({"a": [[1, 2], [3]], "b": ["x", "y"]}), path)
    assert decoded_size(path) == 0


def test_many_rows_of_one_value_are_counted_by_the_footer(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, table = tmp_path / "bomb.pq", pa.table({"a": pa.nulls(20_000_000, pa.bool_())})
    with pq.ParquetWriter(path, table.schema, compression="zstd", write_statistics=False) as writer:
        for _ in range(15):
            writer.write_table(table, row_group_size=20_000_000)
    assert decoded_size(path) == 2_400_000_000
    with pytest.raises(UsageError, match="when it is read"):
        opened(path)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1" + b"\xff" * 40 + b"PAR1", b"\x1c" * 100 + b"\x50\0\0\0PAR1"]
)
def test_a_broken_footer_is_left_to_who_reads_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(data)
    assert decoded_size(tmp_path / "x.parquet") == 0
