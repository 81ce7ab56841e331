"""The extension of JupyterLab: the names of its files say what is in them.

A page keeps a file of an extension for a year. So the script's name carries its hash, and what the
script says of the style does; ``package.json`` names the script. After an edit:

python tests/labextension.py --write
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import m1_magic

FOLDER = Path(m1_magic.__file__).parent / "labextension"
SCRIPT, STYLE = "extension.*.js", FOLDER / "static" / "style.css"


def script() -> Path:
    """Return the script, of which there is one."""
    (one,) = (FOLDER / "static").glob("extension*.js")
    return one


def named() -> dict[Path, str]:
    """Return what the files of the extension are to be: their texts by their names."""
    text = script().read_text("utf-8")
    text = re.sub(r'(?<=^const VERSION = ")[^"]*', m1_magic.__version__, text, flags=re.M)
    text = re.sub(r'(?<="style\.css\?)\w*', _hash(STYLE.read_text("utf-8")), text)
    name = f"static/extension.{_hash(text)}.js"
    package = json.loads((FOLDER / "package.json").read_text("utf-8"))
    package["version"] = m1_magic.__version__
    package["jupyterlab"]["_build"]["load"] = name
    return {
        FOLDER / name: text,
        FOLDER / "package.json": json.dumps(package, indent=2) + "\n",
    }


def main() -> int:
    """Write them, or tell whether they are as they should be."""
    files = named()
    if "--write" in sys.argv:
        script().unlink()
        for path, text in files.items():
            path.write_text(text, "utf-8")
        return 0
    return int(any(not path.exists() or path.read_text("utf-8") != files[path] for path in files))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
