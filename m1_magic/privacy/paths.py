"""What of files and their paths may leave: no files of keys, and no folders of this machine."""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path

from ..text import one_line

KEYS = re.compile(
    r"\.env(?:\.(?!(?:example|sample|template)$).+)?|.+\.env"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.*\.(?:pem|key|p12|pfx|ppk|jks|keystore|kdbx)"
    r"|[._]netrc|\.(?:pgpass|npmrc|pypirc|git-credentials|htpasswd)|credentials(?:\.json)?"
)
PACKAGES = re.compile(r".*[\\/](?:site|dist)-packages[\\/]")
STDLIB = re.compile(rf"{re.escape(sysconfig.get_paths()['stdlib'])}[\\/]|<frozen ")


def is_key_file(name: str) -> bool:
    """Is a file of this name one in which keys are kept?"""
    return KEYS.fullmatch(name.lower()) is not None


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
