"""An Ibis table: only what every one of its backends has, so moments stay what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import narwhals.stable.v2 as nw

from .engines import DAY, LONGEST, SEED, is_real, is_wide

NUL = "\0"


def character(code: int) -> str:
    """Stand for the engine's own function; never run."""
    raise NotImplementedError


class Ibis:
    """An Ibis table; see `table.Engine`."""

    name = "Ibis"

    def __init__(self, table: Any) -> None:
        self.table, self.names = table, list(table.columns)
        self.schema = list(nw.from_native(table).collect_schema().dtypes())

    def formed(self, columns: Sequence[int]) -> nw.LazyFrame[Any]:
        """Return ``c3`` and ``f3`` of each column."""
        raw = {f"c{i}": self.table[i] for i in columns}
        forms = {f"f{i}": self._form(i) for i in columns}
        # Its floor is a 64-bit integer, which a large float is beyond.
        forms |= {f"b{i}": self._form(i) % 1 != 0 for i in columns if is_real(self.schema[i])}
        if any(self._is_nul(i, NUL) for i in columns):
            import ibis

            made = ibis.udf.scalar.builtin(character, name="chr", signature=(("int64",), "string"))
            raw["nul"] = made(0)
        native = self.table.select(**raw, **forms) if columns else self.table
        formed: nw.LazyFrame[Any] = nw.from_native(native)
        return formed

    def _form(self, column: int) -> Any:
        value, dtype = self.table[column], self.schema[column]
        return value.cast("float64") if is_real(dtype) else value

    def _shown(self, column: int) -> Any:
        value, dtype = self.table[column], self.schema[column]
        if dtype == nw.String:
            return value.substr(0, LONGEST)
        if dtype == nw.Unknown:
            return value.cast("string").substr(0, LONGEST)
        if dtype == nw.Binary:
            return value.notnull().nullif(False)
        return value.cast("float64") if is_wide(dtype) else value

    def _is_nul(self, column: int, value: Any) -> bool:
        """Is it a text that DuckDB before 2.0 cannot parse?"""
        text = self.schema[column] == nw.String and isinstance(value, str) and NUL in value
        return text and self.table.get_backend().name == "duckdb"

    def literal(self, column: int, value: Any) -> nw.Expr:
        """Return microseconds as the nearest moment of Python."""
        if self._is_nul(column, value):
            first, *rest = (nw.lit(part) for part in value.split(NUL))
            return nw.concat_str([first, *(e for part in rest for e in (nw.col("nul"), part))])
        return nw.lit(self._literal(column, value))

    def _literal(self, column: int, value: Any) -> Any:
        dtype = self.schema[column]
        if dtype == nw.Date:
            return date.fromordinal(min(max(1, value // DAY + 719_163), date.max.toordinal()))
        if dtype != nw.Datetime:
            return value
        zone = UTC if getattr(dtype, "time_zone", None) else None
        first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
        start = datetime(1970, 1, 1, tzinfo=zone)
        try:
            return start + timedelta(microseconds=value)
        except OverflowError:
            return first if value < 0 else last

    def row(self, aggregates: nw.LazyFrame[Any]) -> Mapping[str, Any]:
        """Return the only row, moments as microseconds."""
        import pyarrow as pa

        row = {}
        table = aggregates.to_native().to_pyarrow()
        for name, values in zip(table.column_names, table.columns, strict=True):
            if pa.types.is_temporal(values.type):
                values = values.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
            row[name] = values[0].as_py()
        return row

    def rows(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return about ``wanted`` rows."""
        from ibis.common.exceptions import UnsupportedOperationError

        shown = self.table.select(**{f"c{i}": self._shown(i) for i in columns})
        most = wanted + wanted // 10
        try:
            drawn = shown.sample(wanted / total, seed=SEED) if total > wanted else shown
            sampled = drawn.limit(most).to_pyarrow()
        except UnsupportedOperationError:  # refused before anything ran: no seed there
            sampled = shown.sample(wanted / total).limit(most).to_pyarrow()
        return nw.from_native(sampled, eager_only=True)
