"""A table of Spark: a task for each partition, by ``mapInArrow``.

Rows come to it pickled: as Python's values, which Arrow's types could not all be.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ..ledger import new_id
from .cells import Column, listed, text_of
from .engine import Labels, Work
from .new_column import arrow_column, plain


class Spark:
    """See `Engine`; order and partitions stay."""

    alone = False

    def __init__(self, table: Any) -> None:
        self._table = table
        self.names = tuple(map(str, table.columns))
        self._kept: dict[tuple[int, ...], Any] = {}

    @property
    def parallel(self) -> int:
        """See `Engine`."""
        try:
            return max(1, int(self._table.sparkSession.sparkContext.defaultParallelism))
        except Exception:  # Spark Connect has no context
            return 8

    def each(self, places: Sequence[int], work: Work) -> Iterator[tuple[int, Any]]:
        """See `Engine`."""
        rows = self._rows(tuple(places))
        schema = "number int, result binary"
        for row in rows.mapInArrow(partial(_worked, work, len(places)), schema).collect():
            yield row[0], pickle.loads(row[1])  # noqa: S301 (of our own task)

    def first(self, places: Sequence[int], known: int, rows: int) -> list[Column]:
        """See `Engine`."""
        gold = self._column(known)
        there = self._table.filter(gold.isNotNull() & ~gold.cast("string").isin("NaN"))
        head = there.select(_packed([self._column(one) for one in (*places, known)])).limit(rows)
        packed = [pickle.loads(row[0]) for row in head.collect()]  # noqa: S301 (as it was made here)
        return [list(column) for column in zip(*packed, strict=True)] or [[] for _ in (*places, 0)]

    def labelled(
        self, places: Sequence[int], labels: Labels, values: Mapping[str, Sequence[Any]]
    ) -> Any:
        """See `Engine`."""
        from pyspark.sql import functions as f
        from pyspark.sql.types import StringType, StructField, StructType

        types = {name: _type(list(one)) for name, one in values.items()}
        fields = [StructField(f"c{n}", one) for n, one in enumerate(types.values())]
        texts = {name for name, one in types.items() if one == StringType()}
        name = "m1_answers"  # in plans, which show nothing of what it holds
        look_up = f.udf(_looked_up(labels, name, texts), StructType(fields), useArrow=False)
        answers = f"m1 {new_id()}"
        made = self._table.withColumn(answers, look_up(*map(self._column, places)))
        for n, name in enumerate(values):
            made = made.withColumn(name, made[f"`{answers}`"].getField(f"c{n}"))
        return made.drop(answers)

    def close(self) -> None:
        """See `Engine`."""
        for one in self._kept.values():
            one.unpersist()
        self._kept.clear()

    def _rows(self, places: tuple[int, ...]) -> Any:
        """Return the rows of some columns, pickled, which are read once for all passes."""
        if places not in self._kept:
            rows = self._table.select(_packed([self._column(place) for place in places]))
            self._kept[places] = rows.persist()
        return self._kept[places]

    def _column(self, place: int) -> Any:
        name = self._table.columns[place].replace("`", "``")
        return self._table[f"`{name}`"]


def _packed(columns: Sequence[Any]) -> Any:
    from pyspark.sql import functions as f

    return f.udf(_pickled, "binary", useArrow=False)(*columns).alias("row")


def _pickled(*values: object) -> bytes:
    return pickle.dumps(listed(values))


def _worked(work: Work, width: int, batches: Iterable[Any]) -> Iterator[Any]:
    """Do the work of one task, in a worker."""
    import pyarrow
    from pyspark import TaskContext

    rows = [pickle.loads(row) for one in batches for row in one.column(0).to_pylist()]  # noqa: S301
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
    here = TaskContext.get()
    assert here is not None
    number = here.partitionId()
    # A second try, or one that runs beside the first to be quicker.
    again = here.attemptNumber() > 0
    result = pickle.dumps(work(number, columns, again))
    yield pyarrow.RecordBatch.from_arrays(
        [pyarrow.array([number], pyarrow.int32()), pyarrow.array([result], pyarrow.binary())],
        names=["number", "result"],
    )


def _looked_up(labels: Labels, name: str, texts: Collection[str]) -> Any:
    def look_up(*values: object) -> tuple[Any, ...]:
        each = ((into, plain(one)) for into, (one,) in labels([listed(values)]).items())
        return tuple(
            text_of(one) if into in texts and one is not None else one for into, one in each
        )

    look_up.__name__ = name
    return look_up


def _type(values: list[Any]) -> Any:
    """Return the type of a new column in which these values come up."""
    import pyarrow
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StringType

    kind = arrow_column(values).type
    return StringType() if pyarrow.types.is_string(kind) else from_arrow_type(kind)
