"""What of the paths of files may leave: no folders of this machine."""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path

from ..text import one_line

PACKAGES = re.compile(r".*[\\/](?:site|dist)-packages[\\/]")
STDLIB = re.compile(rf"{re.escape(sysconfig.get_paths()['stdlib'])}[\\/]|<frozen ")


def relative_path(path: Path) -> str:
    """Return a path below the working folder, else the bare name: nobody's home leaves."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else path.name


def is_library(filename: str) -> bool:
    """Is it code of Python or of an installed package, and not the user's own?"""
    return bool(PACKAGES.match(filename) or STDLIB.match(filename))


def code_path(filename: str) -> str:
    """Return how a file of code is called: in a library its path there, else its bare name."""
    if is_library(filename):
        return one_line(STDLIB.sub("", PACKAGES.sub("", filename)), 100)
    return one_line(re.split(r"[\\/]", filename)[-1], 100)
