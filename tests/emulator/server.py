"""A local OpenRouter: real sockets, one thread per connection, no third-party code.

`OpenRouter` keeps the queue of answers and the record of requests; `_Handler` reads
HTTP and routes it.  Documented refusals (key, model, body) come before the queue,
so a refused request never uses up an answer (OpenRouter docs, api_reference/errors).
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import string
import threading
import time
import traceback
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from . import catalog, routes
from .account import Account
from .answer import Answer, Json
from .exchange import Exchange, Gone, Received
from .wire import Call, obeyed

LETTERS = string.ascii_letters + string.digits
DEFAULT = Answer(
    thinking="The user greets me. A short reply will do.",
    text="Hello from the emulator. Ça va? 日本 😀",
)


class OpenRouter:
    """The emulated service; use as a context manager."""

    def __init__(self, *, key: str = "sk-or-v1-test-0000", accept_any_key: bool = False) -> None:
        self.key = key
        self.accept_any_key = accept_any_key
        self.any_model = False
        self.default = DEFAULT
        self.models: list[Json] = catalog.default_models()
        self.endpoints: dict[str, list[Json]] = catalog.default_endpoints(self.models)
        self.key_info: Json = catalog.key_info()
        self.requests: list[Received] = []
        self.generations: dict[str, Json] = {}
        self.generation_lag = 0
        self.lookups: dict[str, int] = {}
        self.auth_codes: dict[str, str] = {}
        self.account = Account()
        self.crashes: list[str] = []
        self.stopping = threading.Event()
        self.by_words: dict[str, Answer] = {}  # for prompts with these words, whenever they come
        self._queue: deque[Answer] = deque()
        self._change = threading.Condition()
        self._other: OpenRouter | None = None
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.emulator = self
        self._loop = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._loop.start()

    @property
    def base_url(self) -> str:
        """Where clients should be pointed."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/api/v1"

    @property
    def other_host(self) -> OpenRouter:
        """A second emulator that accepts any key, to see what a redirect gives away."""
        with self._change:
            if self._other is None:
                self._other = OpenRouter(accept_any_key=True)
            return self._other

    @property
    def chats(self) -> list[Received]:
        """The POST /chat/completions requests so far."""
        return [
            r for r in list(self.requests) if (r.method, r.route) == ("POST", "/chat/completions")
        ]

    @property
    def prompt(self) -> str:
        """The last message of the last chat request."""
        return str(self.chats[-1].body["messages"][-1]["content"])

    def say(self, *answers: Answer) -> None:
        """Queue answers, first in first out."""
        with self._change:
            self._queue.extend(answers)

    @property
    def pending(self) -> int:
        """How many queued answers were not used yet."""
        return len(self._queue)

    def peek(self) -> Answer:
        """Give the next answer without using it."""
        with self._change:
            return self._queue[0] if self._queue else self.default

    def take(self, prompt: str = "") -> Answer:
        """Use the answer to this prompt's words, else the next one."""
        with self._change:
            for words, answer in self.by_words.items():
                if words in prompt:
                    return answer
            return self._queue.popleft() if self._queue else self.default

    # -- watching ------------------------------------------------------------------
    def record(self, received: Received) -> None:
        """Remember a request and wake those who wait for it."""
        with self._change:
            self.requests.append(received)
            self._change.notify_all()

    def wait_chats(self, count: int, timeout: float = 60.0) -> bool:
        """Wait until that many chat requests came; tell whether they did."""
        with self._change:
            return self._change.wait_for(lambda: len(self.chats) >= count, timeout)

    def wait_closed(self, number: int = -1, timeout: float = 60.0) -> bool:
        """Wait until that chat request came and its handler ended; tell whether it did."""
        came = self.wait_chats(max(number + 1, 1), timeout)
        return came and self.chats[number].closed.wait(timeout)

    def wait_held(self, number: int = -1, timeout: float = 60.0) -> bool:
        """Wait until that chat request stands at its `hold`; tell whether it does."""
        chats = self.chats
        return bool(chats) and chats[number].held.wait(timeout)

    # -- orders ----------------------------------------------------------------------
    def find(self, name: str) -> Json | None:
        """Find a model by its exact id."""
        return next((one for one in self.models if one["id"] == name), None)

    def accept(self, body: Json, answer: Answer) -> Call:
        """Make a call of an accepted request and the answer chosen for it."""
        now = int(time.time())
        code = "".join(secrets.choice(LETTERS) for _ in range(20))
        prefix = f"chatcmpl-{code}" if answer.think_tags else f"gen-{now}-{code}"
        base = str(body.get("model") or "minimax/minimax-m1").partition(":")[0]
        listed = self.find(base)
        endpoints = self.endpoints.get(base, [])
        prices, fees = catalog.prices(endpoints, answer.provider, listed)
        said = obeyed(answer, body)
        return Call(said, body, answer.generation_id or prefix, now, prices, fees)

    def settle(self, x: Exchange, cancelled: bool) -> None:
        """Record the generation of a call, once."""
        call = x.call
        if call is None or call.answer.think_tags or call.id in self.generations:
            return
        self.generations[call.id] = catalog.generation(call, cancelled=cancelled)

    # -- the end -----------------------------------------------------------------------
    def close(self) -> None:
        """Stop listening, end every handler, join the threads; harmless when repeated."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._loop.join(5)
        self._http.finish_all()
        if self._other is not None:
            self._other.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """The listener; it remembers its threads and sockets to end them all."""

    daemon_threads = True
    request_queue_size = 128
    emulator: OpenRouter

    def __init__(self, *args: Any) -> None:
        self.lock = threading.Lock()
        self.live: dict[threading.Thread, socket.socket] = {}
        super().__init__(*args)

    def server_bind(self) -> None:
        """Bind without the reverse name lookup of http.server."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, then forget it."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.lock:
                self.live.pop(threading.current_thread(), None)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection and remember both."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self.lock:
            self.live[thread] = request
        thread.start()

    def finish_all(self) -> None:
        """Wake every handler by shutting its socket and wait for the threads."""
        with self.lock:
            left = dict(self.live)
        for thread, sock in left.items():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep the trace of a handler that crashed, unless its client just left."""
        trace = traceback.format_exc()
        if not any(quiet in trace for quiet in ("ConnectionResetError", "BrokenPipeError")):
            self.emulator.crashes.append(trace)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after another from a connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def _serve(self) -> None:
        """Record the request, answer it, and mark it closed whatever happens."""
        emulator = self.server.emulator
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, raw, routes.parse(raw))
        emulator.record(received)
        x = Exchange(self.connection, received, emulator.stopping)
        x.settle = emulator.settle
        x.elsewhere = lambda: emulator.other_host.base_url
        x.keep_alive = headers.get("connection", "").lower() != "close"
        try:
            routes.answer(emulator, x)
        except Gone:
            x.keep_alive, received.left = False, True
        finally:
            routes.finish(emulator, x)
            self.close_connection = not x.keep_alive
            received.closed.set()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve
