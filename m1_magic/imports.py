"""Whose file code comes from: Python's, a package's, or the user's, which may hide a package."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

OURS = Path(__file__).parent


@cache
def _homes() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = [Path(sysconfig.get_path(name)) for name in names]
    packages = [Path(one) for one in sys.path if Path(one).name.endswith("-packages")]
    return (OURS, *paths, *packages)


def installed(filename: str) -> bool:
    """Does a file belong to Python, or to a package that was installed?"""
    return filename.startswith("<frozen ") or any(
        Path(filename).is_relative_to(home) for home in _homes()
    )


def _package(name: str) -> bool:
    """Is there something of that name that is installed?"""
    places = (home / file for home in _homes() for file in (name, f"{name}.py"))
    return name in sys.stdlib_module_names or any(place.exists() for place in places)


def hiding(error: BaseException) -> Path | None:
    """Return the user's file that was imported in place of a package, where an error is of that."""
    for name, filename in _involved(error):
        path = Path(filename)
        named = path.parent.name if path.stem == "__init__" else path.stem
        if named == name and not installed(filename) and _package(name):
            return path if path.stem != "__init__" else path.parent
    return None


def _involved(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield name and file of the modules at the top level that an error is about."""
    about = getattr(error, "obj", None)  # of an AttributeError: the module itself
    names = [getattr(about, "__name__", None)] if type(about) is type(sys) else []
    if isinstance(error, ImportError):
        names.append(error.name)
    trace = error.__traceback__
    while trace is not None:  # a module that did not come to its end
        if trace.tb_frame.f_code.co_name == "<module>":
            names.append(trace.tb_frame.f_globals.get("__name__"))
            yield str(names[-1]), trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    for name in names:
        top = str(name).partition(".")[0]
        filename = getattr(sys.modules.get(top), "__file__", None)
        if isinstance(filename, str):
            yield top, filename
