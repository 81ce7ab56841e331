"""S118: proxies of the environment, each a real one: what passes, what it hears, what is told."""

from __future__ import annotations

import base64
import contextlib
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import tls
from emulator import Answer, OpenRouter
from faulty import SHORT, TEXT, listening, take, told, without_proxies
from m1_magic import errors as e
from m1_magic.backends.deadlines import Timeouts
from m1_magic.backends.openrouter import OpenRouter as Backend
from m1_magic.calls import TextDelta
from m1_magic.keys import Key
from m1_magic.settings.endpoints import Endpoint
from scripted import request

KEY = "sk-or-v1-test-0000"
LOGIN = "user:geheim@"
YES = b"HTTP/1.1 200 Connection established\r\n\r\n"
ENDINGS = {
    "refuse": (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", False),
    "nothing": (b"", False),
    "page": (b"<html>Log in</html>", False),
    "broken tunnel": (YES, False),
    "silent tunnel": (YES, True),
    "silence": (b"", True),
}


class Proxy:
    """A CONNECT proxy on this machine that keeps what it hears.

    ``ending``: what it says in place of a tunnel, and whether it stays then, in silence.
    """

    def __init__(self, ending: tuple[bytes, bool] | None = None) -> None:
        self.heard = b""
        self.tunnels = 0
        self._ending = ending

    def __call__(self, near: socket.socket) -> None:
        head = take(near)
        if not head:
            return
        self.heard += head
        self.tunnels += 1
        if self._ending:
            said, stays = self._ending
            near.sendall(said)
            while stays and near.recv(65536):
                pass
            return
        host, _, port = head.split(b" ")[1].decode().partition(":")
        with socket.create_connection((host, int(port))) as far:
            near.sendall(YES)
            for data in tls.carry(near, far):
                self.heard += data


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tls.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def place(
    server: OpenRouter, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Endpoint]:
    """The server behind TLS, as if it were far away; no proxy yet."""
    without_proxies(monkeypatch)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tls.front(server.base_url, certificate) as url:
        yield Endpoint(url, "openrouter.ai", loopback=False)


def asked(place: Endpoint, connect: float = 10.0) -> tuple[str, BaseException | None]:
    """Ask for one answer; return its text, and how it failed."""
    text = ""
    with closing(Backend(place, Key(KEY, "a test"), Timeouts(connect=connect))) as backend:
        try:
            for event in backend.stream(request("a secret plan")):
                text += event.text if isinstance(event, TextDelta) else ""
        except e.M1Error as error:
            return text, error
    return text, None


@contextlib.contextmanager
def running(proxy: Proxy) -> Iterator[str]:
    """Give the host and port of a running proxy."""
    with listening(proxy) as sock:
        yield f"127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_s118_an_http_proxy_passes_the_answer_and_hears_nothing_of_it(
    server: OpenRouter, place: Endpoint, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    proxy = Proxy()
    server.say(Answer(text=TEXT))
    with running(proxy) as at:
        monkeypatch.setenv(variable, f"http://{LOGIN}{at}")
        assert asked(place) == (TEXT, None)
    assert proxy.tunnels == 1
    assert b"Basic " + base64.b64encode(b"user:geheim") in proxy.heard
    assert KEY.encode() not in proxy.heard
    assert b"secret plan" not in proxy.heard
    (chat,) = server.chats
    assert "proxy-authorization" not in chat.headers
    assert "geheim" not in str(chat.headers)


def test_s118_an_https_proxy(
    server: OpenRouter, place: Endpoint, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy()
    server.say(Answer(text=TEXT))
    with running(proxy) as at, tls.front(f"http://{at}", certificate) as url:
        monkeypatch.setenv("HTTPS_PROXY", url.replace("//", f"//{LOGIN}"))
        assert asked(place) == (TEXT, None)
    assert proxy.tunnels == 1


def test_s118_what_no_proxy_names_passes_none(
    server: OpenRouter, place: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy()
    server.say(Answer(text=TEXT))
    with running(proxy) as at:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{at}")
        monkeypatch.setenv("NO_PROXY", str(urlsplit(place.url).hostname))
        assert asked(place) == (TEXT, None)
    assert proxy.tunnels == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_s118_a_proxy_that_breaks_was_sent_nothing(
    server: OpenRouter, place: Endpoint, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Its yes to CONNECT is a part of connecting: the prompt has not left."""
    proxy = Proxy(ENDINGS[ending])
    with running(proxy) as at:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}{at}")
        text, error = asked(place, SHORT if ENDINGS[ending][1] else 10.0)
    assert (text, type(error)) == ("", e.CannotConnect)
    said = told(error)
    assert e.NOTHING_SENT in said
    assert "openrouter.ai cannot be reached" in said
    assert "geheim" not in said
    assert b"secret plan" not in proxy.heard
    assert server.requests == []
    if ending == "refuse":
        assert "407" in said
