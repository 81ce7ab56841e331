"""What an engine raises → one paragraph, without its text, which may hold values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ....errors import UsageError
from ....text import one_line


@contextmanager
def reading(engine: str) -> Iterator[None]:
    """Turn what an engine raises into one paragraph, without its text, which may hold values.

    Raises:
        UsageError: instead of whatever was raised.
    """
    try:
        yield
    except UsageError:
        raise
    except ImportError as error:
        needed = one_line(error.name or "another package", 60)
        raise UsageError(
            f"The {engine} table cannot be read without {needed}.", todo=f"Install {needed}."
        ) from None
    except BaseException as error:
        kind = type(error).__name__
        # Polars panics are no ``Exception``.
        if not isinstance(error, Exception) and kind != "PanicException":
            raise
        gone = "Is its Spark session still running" if engine == "Spark" else "Is its source still"
        gone += ", and its source there?" if engine == "Spark" else " there, and open?"
        raise UsageError(
            f"The {engine} table could not be read ({one_line(kind, 60)}).",
            todo=f"{gone} If so, does {engine} itself return its rows?",
        ) from None
