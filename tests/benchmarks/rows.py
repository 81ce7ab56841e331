"""Many calls at the same time: ``map()`` beside others, on one server that takes 200 ms.

    python tests/benchmarks/rows.py [PART …] [--write] [--peers PYTHON]

The bare SDK, both on aiohttp where that is installed, else on httpx2; LiteLLM's batch and
infermesh, if PYTHON (this one) has them: who is not installed is left out, and said so. Each runs
in a process of its own, ours and the bare SDK in turns: calls a second by the clock, and CPU a call
of that process, the ledger included. Then what a reservation and its settlement take in batches,
memory, and rows whose answers are kept. PART: only these of ``64 256 batches memory``, in any
order. ``--write`` (all of them): the table into the page beside it, and the line on the page
of speed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

CALLS, ROUNDS, DELAY = 1_000, 2, 0.2
OF_PEERS = 300  # calls of who takes three times as long
CONCURRENT = (64, 256)
FEW, MANY, KEPT = 1_000, 6_000, 5_000  # rows
BATCH, BATCHES = 64, 30
# The parts of the table, each below its heads.
HEADS = {
    ("| who | calls/s | | ms of CPU a call | |", "|---|---:|---|---:|---|"): ("64", "256"),
    ("", "| | | |", "|---|---:|---|"): ("batches", "memory"),
}
PARTS = list(itertools.chain(*HEADS.values()))
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
        await asyncio.sleep(float(os.environ.get("DELAY", DELAY)))
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

    texts = [f"review {n} of {calls}, {time.time_ns()}" for n in range(calls)]
    made = m1_magic.map(
        texts, "Sentiment of {{text}}?", max_tokens=50, workers=concurrent, quiet=True
    )
    assert made == ["pos"] * calls


def _questions(calls: int) -> list[str]:
    return [f"Sentiment of review {n}?" for n in range(calls)]


def _litellm(concurrent: int, calls: int) -> None:
    import litellm

    asked = [[{"role": "user", "content": words}] for words in _questions(calls)]
    url, key = os.environ["M1_BASE_URL"], os.environ["OPENROUTER_API_KEY"]
    made = litellm.batch_completion(
        "openai/m", asked, max_workers=concurrent, max_tokens=50, api_base=url, api_key=key
    )
    assert [one.choices[0].message.content for one in made] == ["pos"] * calls


def _infermesh(concurrent: int, calls: int) -> None:
    import infermesh

    url, key = os.environ["M1_BASE_URL"], os.environ["OPENROUTER_API_KEY"]
    with infermesh.LMClient(
        model="openai/m", api_base=url, api_key=key, max_parallel_requests=concurrent
    ) as client:
        made = client.generate_batch(_questions(calls), max_tokens=50)
    assert [one.output_text for one in made] == ["pos"] * calls


WAYS = {"bare": _bare, "rows": _rows, "litellm": _litellm, "infermesh": _infermesh}


def _measure(way: str, concurrent: int, calls: int) -> list[float]:
    """Return calls a second, and milliseconds of CPU a call, after a first round."""
    WAYS[way](concurrent, concurrent)
    began, used = time.perf_counter(), _cpu()
    WAYS[way](concurrent, calls)
    seconds, cpu = time.perf_counter() - began, _cpu() - used
    return [calls / seconds, 1000 * cpu / calls]


def _memory(_way: str, _concurrent: int, _calls: int) -> list[float]:
    """Return MB more that few and many rows take at most, and the seconds and CPU of kept ones."""
    import m1_magic

    def run(texts: list[str]) -> float:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        made = m1_magic.map(texts, "Is {{text}} good?", max_tokens=50, workers=256, quiet=True)
        assert made == ["pos"] * len(texts)
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    run([f"first {n}" for n in range(512)])
    texts = [f"review {n}" for n in range(FEW + MANY)]
    few, many = run(texts[:FEW]), run(texts[FEW:])
    began, used = time.perf_counter(), _cpu()
    run(texts[-KEPT:])
    return [few, many, time.perf_counter() - began, _cpu() - used]


def _batches(_way: str, _concurrent: int, _calls: int) -> list[float]:
    """Return microseconds of CPU of a plain insert and commit, and to reserve and settle a call."""
    from dataclasses import replace
    from datetime import UTC, datetime
    from decimal import Decimal

    from ledger import RUNS, floor

    from m1_magic.calls import Attempt, Call, Message, Request, Text, Usage
    from m1_magic.ledger import Ledger, batches, ids_in_a_row, settled
    from m1_magic.ledger.alike import Alike

    folder = Path(os.environ["M1_HOME"])
    ledger, record, ids = Ledger(folder / "ledger.db"), Alike().record, ids_in_a_row()
    now, taken = datetime.now(UTC), list[float]()
    plain = Request("m", (Message("user", (Text(""),)),), 50, prompt="Sentiment of {{text}}?")
    for batch in range(BATCHES):
        calls = []
        for words in _questions(BATCH):
            one = Message("user", (Text(f"{words} {batch}"),))
            calls.append(Call(next(ids), now, replace(plain, messages=(one,))))
        attempts = [Attempt(next(ids), hold=Decimal("0.0001")) for _ in calls]
        came = [
            replace(one, cost=Decimal("0.00001"), usage=Usage(20, 1), cost_source="billed")
            for one in attempts
        ]
        began = time.process_time()
        asked = [
            batches.Reservation(one, attempt, ledger.reservation(one, attempt, "h", True, record))
            for one, attempt in zip(calls, attempts, strict=True)
        ]
        batches.book(ledger, [], asked, Decimal(1000), "month")
        ended = [
            batches.Ended(one.writes, settled(attempt))
            for one, attempt in zip(asked, came, strict=True)
        ]
        batches.book(ledger, ended, [], Decimal(1000), "month")
        taken.append((time.process_time() - began) / BATCH)
    began = time.process_time()
    floor(folder)
    return [1e6 * (time.process_time() - began) / RUNS, 1e6 * statistics.median(taken)]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _child(
    what: str, way: str, concurrent: int, port: int, python: str = sys.executable
) -> list[float] | None:
    """Return what one process measured, None where it lacks what it needs."""
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "M1_HOME": home,
            "M1_BASE_URL": f"http://127.0.0.1:{port}/api/v1",
            "OPENROUTER_API_KEY": "sk-or-v1-test-0000",
            "M1_PRICES": '{"prompt": 0.4, "completion": 2.2}',
        }
        if python != sys.executable:
            environment.pop("PYTHONPATH", None)
        calls = CALLS if way in ("bare", "rows") else OF_PEERS
        command = [python, __file__, what, way, str(concurrent), str(calls)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode and f"No module named '{way}'" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _speed(concurrent: int, port: int, peers: str) -> Iterator[str]:
    """Yield the lines of all that ask so many at once."""
    taken: dict[str, list[list[float]]] = {"bare": [], "rows": []}
    for _ in range(ROUNDS):
        for way, found in taken.items():
            found.append(_child("--speed", way, concurrent, port) or [])
    bare, ours = (
        [max(one[0] for one in each), min(one[1] for one in each)] for each in taken.values()
    )

    def line(who: str, rate: float, cpu: float) -> str:
        ratios = f"(× {rate / bare[0]:.2f}) | {cpu:.2f} | (× {cpu / bare[1]:.2f})"
        return f"| {who}, {concurrent} at once | {rate:.0f} | {ratios} |"

    yield line("`map()`", *ours)
    yield line("the bare SDK", *bare)
    for name, way in (("LiteLLM's batch", "litellm"), ("infermesh", "infermesh")):
        came = _child("--speed", way, concurrent, port, peers)
        yield line(name, *came) if came else f"| {name}: not installed | | | | |"


def _lines(part: str, peers: str) -> Iterator[str]:
    """Yield what one part of the table says, as it is measured."""
    if part.isdigit():
        with _served(DELAY) as port:
            yield from _speed(int(part), port, peers)
    with _served(0) as port:
        if part == "batches":
            floor, taken = _child("--batches", "", 0, port) or []
            yield f"| reserve + settle, in batches of {BATCH} | {taken:.0f} µs of CPU a call | |"
            yield f"| one plain insert + commit | {floor:.0f} µs of CPU | |"
        if part == "memory":
            few, many, again, cpu = _child("--memory", "", 0, port) or []
            yield f"| memory at most, {FEW:,} rows | {few:.1f} MB more | |"
            yield f"| memory at most, {MANY:,} rows | {many:.1f} MB more | |"
            yield f"| {KEPT:,} rows whose answers are kept | {again:.2f} s | {cpu:.2f} s of CPU |"


def _table(parts: list[str], peers: str) -> str:
    """Measure these parts, printing each line as it comes; return their table."""
    lines = list[str]()
    for heads, wanted in HEADS.items():
        asked = [part for part in wanted if part in parts]
        found = (line for part in asked for line in _lines(part, peers))
        for line in itertools.chain(heads if asked else [], found):
            print(line, flush=True)
            lines.append(line)
    return "\n".join(lines)


def _summary(table: str) -> str:
    """Return the line of the page of speed: the most at once, beside the bare SDK."""
    ours, bare = (
        re.search(
            rf"^\| {who}, {CONCURRENT[-1]} at once \|[ \d]+\|[^|]*\| ([\d.]+) \|", table, re.M
        )
        for who in ("`map\\(\\)`", "the bare SDK")
    )
    assert ours and bare
    where = "[many rows](../../tests/benchmarks/rows.md)"
    many = f"{where}, {CONCURRENT[-1]} at once"
    return f"| {many} | {ours[1]} ms of CPU a row | the bare SDK: {bare[1]} ms |"


@contextmanager
def _served(delay: float) -> Iterator[int]:
    """Run the server; give its port."""
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DELAY": str(delay)},
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


MEASURES = {"--speed": _measure, "--memory": _memory, "--batches": _batches}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(_serve())
    elif sys.argv[1:2] and sys.argv[1] in MEASURES:
        way, concurrent, calls = sys.argv[2:]
        print(json.dumps(MEASURES[sys.argv[1]](way, int(concurrent), int(calls))))
    else:
        given = sys.argv.index("--peers") + 1 if "--peers" in sys.argv else 0
        only = [part for part in PARTS if part in sys.argv]
        table = _table(only or PARTS, sys.argv[given] if given else sys.executable)
        if "--write" in sys.argv and not only:
            import readme

            readme.write_measured("rows", table)
            readme.write_speed("rows", _summary(table))
