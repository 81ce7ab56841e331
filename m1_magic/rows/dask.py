"""A table of Dask: a task for each partition, by the scheduler that is in force."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ..ledger import new_id
from .cells import Column
from .engine import Labels, Work
from .new_column import pandas_type
from .tables import _pandas_values


class Dask:
    """See `Engine`. Each partition is a pandas table; index and divisions stay."""

    def __init__(self, table: Any) -> None:
        self.alone = table.ndim == 1
        self._frame = table.to_frame() if self.alone else table
        self.names = tuple(map(str, self._frame.columns))
        if self.alone and table.name is None:
            self.names = ("text",)
        self._kept: dict[tuple[int, ...], Any] = {}

    @property
    def parallel(self) -> int:
        """See `Engine`."""
        dask = _library()

        if (client := _client()) is not None:
            return max(1, int(sum(client.nthreads().values())))
        if dask.config.get("scheduler", None) in ("sync", "synchronous", "single-threaded"):
            return 1
        return int(dask.config.get("num_workers", None) or os.cpu_count() or 1)

    def each(self, places: Sequence[int], work: Work) -> Iterator[tuple[int, Any]]:
        """See `Engine`."""
        dask = _library()

        client, run = _client(), new_id()
        parts = self._columns(tuple(places), client).to_delayed()
        tasks = [
            dask.delayed(partial(_worked, work.only(n), run), pure=False)(
                n, part, dask_key_name=f"m1-rows-{run}-{n}"
            )
            for n, part in enumerate(parts)
        ]
        if client is None:
            yield from enumerate(dask.compute(*tasks))
            return
        from distributed import as_completed

        futures = {one.key: n for n, one in enumerate(tasks)}
        for future in as_completed(client.compute(tasks, retries=0)):
            error = None if future.status == "finished" else future.exception()
            yield futures[future.key], future.result() if error is None else error

    def first(self, places: Sequence[int], known: int, rows: int) -> list[Column]:
        """See `Engine`."""
        there = self._at([*places, known]).map_partitions(_known)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # there may be fewer
            head = there.head(rows, npartitions=-1)
        return [_pandas_values(head.iloc[:, n]) for n in range(head.shape[1])]

    def labelled(
        self, places: Sequence[int], labels: Labels, values: Mapping[str, Sequence[Any]]
    ) -> Any:
        """See `Engine`."""
        dask = _library()

        types = {name: _type(list(one)) for name, one in values.items()}
        add = partial(_added, list(places), types)
        meta = add(self._frame._meta, lambda rows: {name: [] for name in types})
        shared = dask.delayed(labels, pure=True)
        made = self._frame.map_partitions(add, shared, meta=meta)
        return made[next(iter(types))] if self.alone else made

    def close(self) -> None:
        """See `Engine`."""
        self._kept.clear()

    def _columns(self, places: tuple[int, ...], client: Any) -> Any:
        """Return some columns; where workers keep them, they are read once for all passes."""
        if places not in self._kept:
            columns = self._at(list(places))
            self._kept[places] = columns if client is None else columns.persist()
        return self._kept[places]

    def _at(self, places: list[int]) -> Any:
        """Return columns by their places; Dask itself finds those of one name by none."""
        if self._frame.columns.is_unique:
            return self._frame.iloc[:, places]
        return self._frame.map_partitions(_places, places, meta=_places(self._frame._meta, places))


def _places(part: Any, places: list[int]) -> Any:
    return part.iloc[:, places]


def _library() -> Any:
    """Return Dask, which tells nothing of its types."""
    import dask

    return dask


def _client() -> Any:
    """Return the client of the cluster that would be asked, if there is one."""
    if "distributed" not in sys.modules:
        return None
    return getattr(_library().base.get_scheduler(), "__self__", None)


def _worked(work: Work, run: str, number: int, part: Any) -> Any:
    """Do the work of one task, in a worker."""
    columns = [_pandas_values(part.iloc[:, place]) for place in range(part.shape[1])]
    return work(number, columns, _begun(f"m1-rows-{run}-{number}"))


def _begun(name: str) -> bool:
    """Was this task begun before, by a worker that did not come to its end?"""
    if "distributed" not in sys.modules:
        return False
    from distributed import Event, get_worker

    try:
        get_worker()
    except ValueError:
        return False
    event = Event(name)
    if event.is_set():
        return True
    event.set()
    return False


def _known(part: Any) -> Any:
    return part[part.iloc[:, -1].notna()]


def _type(values: list[Any]) -> Any:
    """Return the type of a new column in which these values come up."""
    import pandas

    return pandas_type(values) or pandas.Series(values).dtype


def _added(places: list[int], types: Mapping[str, Any], part: Any, labels: Labels) -> Any:
    """Return one partition with its new columns."""
    import pandas

    columns = [_pandas_values(part.iloc[:, place]) for place in places]
    made = part.copy(deep=False)
    for name, values in labels(zip(*columns, strict=True)).items():
        made[name] = pandas.Series(values, index=part.index, dtype=types[name])
    return made
