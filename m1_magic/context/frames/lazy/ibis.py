"""An Ibis table: only what every one of its backends has, so moments stay what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import narwhals.stable.v2 as nw

from ..kinds import is_moment
from .engines import SEED, is_wide
from .table import LONGEST, Lazy, is_real

NUL = "\0"


def character(code: int) -> str:
    """Stand for the engine's own function; never run."""
    raise NotImplementedError


def _microseconds(length: Any) -> Any:
    """Return a duration's microseconds, which engines give of two moments alone."""
    import ibis

    start = ibis.literal(datetime(1970, 1, 1))
    return (start + length).delta(start, unit="microsecond")


class Ibis(Lazy):
    """An Ibis table."""

    engine = "Ibis"

    def __init__(self, table: Any) -> None:
        columns = {f"c{i}": table[i] for i in range(len(table.columns))}
        super().__init__(table.select(**columns) if columns else table, table.columns)

    def _literal(self, value: Any, dtype: Any) -> nw.Expr:
        """Return microseconds as the nearest moment of Python, a text so that it can be parsed."""
        if isinstance(value, str) and NUL in value and self._is_duckdb():
            first, *rest = (nw.lit(part) for part in value.split(NUL))
            return nw.concat_str([first, *(e for part in rest for e in (nw.col("nul"), part))])
        if not is_moment(dtype):
            return nw.lit(value)
        zone = UTC if getattr(dtype, "time_zone", None) else None
        try:
            moment = datetime(1970, 1, 1, tzinfo=zone) + timedelta(microseconds=value)
        except OverflowError:
            moment = (datetime.min if value < 0 else datetime.max).replace(tzinfo=zone)
        return nw.lit(moment.date() if dtype == nw.Date else moment)

    def _row(self, aggregates: Any) -> Mapping[str, Any]:
        import pyarrow as pa

        row = {}
        table = aggregates.to_pyarrow()
        for name, values in zip(table.column_names, table.columns, strict=True):
            if pa.types.is_temporal(values.type):
                values = values.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
            row[name] = values[0].as_py()
        return row

    def _sampled(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return about ``wanted`` rows."""
        from ibis.common.exceptions import UnsupportedOperationError

        cells = {f"c{i}": self._sampled_cell(f"c{i}", self.schema[i]) for i in columns}
        rows = self.frame.select(**cells)
        most = wanted + wanted // 10
        try:
            drawn = rows.sample(wanted / total, seed=SEED) if total > wanted else rows
            sampled = drawn.limit(most).to_pyarrow()
        except UnsupportedOperationError:  # refused before anything ran: no seed there
            sampled = rows.sample(wanted / total).limit(most).to_pyarrow()
        return nw.from_native(sampled, eager_only=True)

    def _with(self, forms: Mapping[str, Any]) -> Any:
        if not self._is_duckdb():
            return self.frame.mutate(**forms)
        import ibis

        made = ibis.udf.scalar.builtin(character, name="chr", signature=(("int64",), "string"))
        return self.frame.mutate(**forms, nul=made(0))

    def _is_duckdb(self) -> bool:
        """Is it the engine that before 2.0 cannot parse a text with a NUL?"""
        return bool(self.frame.get_backend().name == "duckdb")

    def _form(self, column: str, dtype: Any) -> Any:
        value = self.frame[column]
        if dtype == nw.Duration:
            return _microseconds(value) / 1e6
        return value.cast("float64") if is_real(dtype) else value

    def _sampled_cell(self, column: str, dtype: Any) -> Any:
        value = self.frame[column]
        if dtype == nw.Duration:
            return _microseconds(value)
        if dtype in (nw.String, nw.Unknown):
            return value.cast("string").substr(0, LONGEST)
        if dtype == nw.Binary:
            return value.notnull().nullif(False)
        return value.cast("float64") if is_wide(dtype) else value
