"""The real local model for tests: fetched once into a cache that outlives the test run.

The cache is ``M1_TEST_MODELS``, or else ``~/.cache/m1-magic-tests``. Without xllamacpp, or where
the weights cannot be fetched, the test that asked is skipped; with ``M1_TEST_MODELS`` set, it
fails instead, so that CI cannot pass by skipping.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from m1_magic.backends import weights as local_weights
from m1_magic.errors import OfflineProblem


def weights() -> Path:
    """Return the checked weights out of the cache, fetching them into it once."""
    required = "M1_TEST_MODELS" in os.environ
    if importlib.util.find_spec("xllamacpp") is None and not required:
        pytest.skip("xllamacpp is not installed: the offline extra")
    cache = Path(os.environ.get("M1_TEST_MODELS") or Path.home() / ".cache" / "m1-magic-tests")
    with alone(cache), pytest.MonkeyPatch.context() as patch:
        patch.setenv("M1_HOME", str(cache))
        try:
            return local_weights.weights()
        except OfflineProblem as problem:
            if required:
                raise
            pytest.skip(f"no local model: {problem}")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one of the processes in at a time: the others find what the first has fetched."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def give(home: Path) -> Path:
    """Put the weights where ``weights.weights()`` looks under ``M1_HOME=home``, uncopied."""
    kept = home / "models" / local_weights.SMOLLM2.file
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.symlink_to(weights())
    return kept
