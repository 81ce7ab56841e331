"""What M1 is told."""

from collections.abc import Mapping

from .inputs import SqlTable


def columns(table: SqlTable, formats: Mapping[str, str], typed: bool = True) -> str:
    """Return a table's columns for the model."""
    listed = ", ".join(f'"{n}" {t}' if typed else f'"{n}"' for n, t in table.columns)
    return f'SQL table "{table.name}": {listed}'


def form(dialect: str = "duckdb") -> str:
    """Return how the model is to write."""
    return (
        "Write each figure of your answer as a query: a fenced block ```sql NAME with one SELECT,"
        " and {{NAME.COLUMN}} in the text."
    )
