"""Rows by the workers of a real cluster of Dask: two processes, of which one is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import dask
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from distributed.utils import get_mp_context

from emulator import Answer, OpenRouter
from m1_magic import api
from test_partitions import by_parity, parts, reviews
from test_rows import asked, mapping, one_sum

WORKERS = 4  # calls at once, in all
HELD = "comment 3?"


@pytest.fixture
def cluster(server: OpenRouter, tmp_path: Path, spawning: None) -> Iterator[Client]:
    """Two workers, whose environment has the key."""
    settings = {
        "distributed.worker.daemon": False,
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.comm.timeouts.connect": "60s",
        "temporary-directory": str(tmp_path),
    }
    with dask.config.set(settings):
        # What workers import is imported once, in the process that they are forked from.
        get_mp_context().set_forkserver_preload(["distributed", "dask.dataframe"])
        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                env=dict(os.environ),
            ) as made,
            Client(made) as client,
        ):
            yield client


def test_two_workers_label_what_pandas_does_and_one_that_is_killed_loses_nothing(
    server: OpenRouter, cluster: Client
) -> None:
    by_parity(server)
    table = reviews(2_000, 8)
    made, report = mapping(parts(table))
    sent = asked(server)
    assert len(sent) == len(set(sent)) == report.asked == 250 - 5
    one_sum(server, report)
    frame = made.compute()
    assert len(server.chats) == len(sent)  # what is computed again asks nobody
    plain, second = mapping(table)
    assert second.asked == 0
    pd.testing.assert_frame_equal(plain, frame, check_dtype=False)
    a_worker_is_killed(server, cluster)


def a_worker_is_killed(server: OpenRouter, cluster: Client) -> None:
    """What it had paid for is taken up, and what was on its way is asked by the other one."""
    before = len(server.chats)
    held = threading.Event()
    server.default = Answer("yes")
    server.by_words = {HELD: Answer("yes", hold=held)}
    table = pd.DataFrame({"text": [f"comment {n}" for n in range(20)]})

    def said(number: int) -> str:
        return str(server.chats[number].body["messages"][-1]["content"])

    def kill() -> None:
        try:
            number = next(n for n in count(before) if server.wait_chats(n + 1) and HELD in said(n))
            assert server.wait_held(number)
            [worker] = [
                address
                for address, keys in cluster.processing().items()
                if any(key.startswith("m1-rows-") and key.endswith("-0") for key in keys)
            ]
            nannies: list[Any] = list(cluster.cluster.workers.values())
            [pid] = [one.pid for one in nannies if one.worker_address == worker]
            os.kill(pid, signal.SIGKILL)
        finally:
            held.set()

    killer = threading.Thread(target=kill)
    killer.start()
    made, report = mapping(parts(table), workers=WORKERS)
    killer.join()
    assert made.label.compute().tolist() == ["yes"] * 20
    for chat in server.chats:
        assert chat.closed.wait(20)
    session = api.session()
    session.reconcile()
    times = Counter(asked(server)[before:])
    assert set(times) == {f"Sentiment of comment {n}?" for n in range(20)}
    twice = {question for question, often in times.items() if often > 1}
    assert f"Sentiment of {HELD}" in twice and len(twice) <= WORKERS
    served = sum(
        (Decimal(str(one["total_cost"])) for one in server.generations.values()), Decimal(0)
    )
    spent, holds, _ = session.ledger.spent(session.now())["day"]
    assert spent <= served <= spent + holds
    assert report.failed == 0
