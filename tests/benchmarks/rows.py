"""Many calls at the same time: ``map()`` beside the bare SDK, on a server that takes 200 ms.

    python tests/benchmarks/rows.py [--write]        # --write: the table into the page beside it

Each runs in a process of its own: calls a second by the clock, and CPU a call of that process, the
ledger included. Both are on aiohttp where that is installed, else on httpx2. It ends with what a
reservation and its settlement take in batches, and 5,000 rows whose answers are kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

CALLS, DELAY = 2_000, 0.2
CONCURRENT = (64, 256)
USAGE = {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21, "cost": 0.00001}


# -- the server ----------------------------------------------------------------------
def _chunk(**more: Any) -> bytes:
    return b"data: " + json.dumps({"id": "gen-1", "model": "m", **more}).encode() + b"\n\n"


STREAM = (
    _chunk(choices=[{"delta": {"content": "pos"}}])
    + _chunk(choices=[{"delta": {"content": ""}, "finish_reason": "stop"}])
    + _chunk(choices=[], usage=USAGE)
    + b"data: [DONE]\n\n"
)
MESSAGE = {"role": "assistant", "content": "pos"}
WHOLE = json.dumps(
    {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request after another of a connection."""
    while True:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length or 0))
        if not head.startswith(b"post"):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            continue
        await asyncio.sleep(DELAY)
        if b'"stream":true' in body or b'"stream": true' in body:
            kind, data = b"text/event-stream", STREAM
        else:
            kind, data = b"application/json", WHOLE
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nX-Generation-Id: gen-%d\r\n"
        head = head % (kind, time.monotonic_ns())
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(data) + data)


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# -- who asks ------------------------------------------------------------------------
def _bare(concurrent: int, calls: int) -> None:
    import httpx2
    import openai

    limits = httpx2.Limits(max_connections=concurrent, max_keepalive_connections=concurrent)
    try:
        http = openai.DefaultAioHttpClient(limits=limits)
    except RuntimeError:
        http = openai.DefaultAsyncHttpxClient(limits=limits)
    key, url = os.environ["OPENROUTER_API_KEY"], os.environ["M1_BASE_URL"]
    client = openai.AsyncOpenAI(base_url=url, api_key=key, http_client=http)

    async def work(numbers: Any) -> None:
        for n in numbers:
            words = [{"role": "user", "content": f"Sentiment of review {n}?"}]
            reply = await client.chat.completions.create(
                model="m", messages=words, max_tokens=50, temperature=1.0
            )
            assert reply.choices[0].message.content == "pos"

    async def run() -> None:
        numbers = iter(range(calls))
        await asyncio.gather(*(work(numbers) for _ in range(concurrent)))

    asyncio.run(run())


def _rows(concurrent: int, calls: int) -> None:
    import m1_magic

    texts = [f"review {n} of {calls}" for n in range(calls)]
    made = m1_magic.map(
        texts, "Sentiment of {{text}}?", max_tokens=50, workers=concurrent, quiet=True
    )
    assert made == ["pos"] * calls


WAYS = {"bare": _bare, "rows": _rows}


def _measure(way: str, concurrent: int) -> None:
    """Print calls a second, and milliseconds of CPU a call, after a first round."""
    WAYS[way](concurrent, concurrent)
    began, used = time.perf_counter(), _cpu()
    WAYS[way](concurrent, CALLS)
    seconds, cpu = time.perf_counter() - began, _cpu() - used
    again = 0.0
    if way == "rows":
        began = time.perf_counter()
        WAYS[way](concurrent, CALLS)
        again = time.perf_counter() - began
    print(json.dumps([CALLS / seconds, 1000 * cpu / CALLS, again]))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _child(way: str, concurrent: int, port: int, home: str) -> tuple[float, float, float]:
    environment = {
        **os.environ,
        "M1_HOME": home,
        "M1_BASE_URL": f"http://127.0.0.1:{port}/api/v1",
        "OPENROUTER_API_KEY": "sk-or-v1-test-0000",
        "M1_PRICES": '{"prompt": 0.4, "completion": 2.2}',
    }
    command = [sys.executable, __file__, "--measure", way, str(concurrent)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    rate, cpu, again = json.loads(done.stdout.splitlines()[-1])
    return rate, cpu, again


def _table() -> str:
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        lines = [
            "| at once | calls/s | beside | ms of CPU a call | beside | kept again |",
            "|---:|---:|---:|---:|---:|---:|",
        ]
        for concurrent in CONCURRENT:
            with tempfile.TemporaryDirectory() as home:
                bare = _child("bare", concurrent, port, home)
                ours = _child("rows", concurrent, port, home)
            lines.append(
                f"| {concurrent} | {ours[0]:.0f} | {bare[0]:.0f} (× {ours[0] / bare[0]:.2f}) |"
                f" {ours[1]:.2f} | {bare[1]:.2f} (× {ours[1] / bare[1]:.2f}) |"
                f" {ours[2]:.2f} s |"
            )
        return "\n".join(lines)
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(_serve())
    elif sys.argv[1:2] == ["--measure"]:
        _measure(sys.argv[2], int(sys.argv[3]))
    else:
        table = _table()
        print(table)
        if "--write" in sys.argv:
            import readme

            readme.write_measured("rows", table)
