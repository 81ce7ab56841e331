"""What ``%m1 doctor`` says of the front-end extension: is it there, in which version, is it on?

It belongs to Jupyter's server, whose environment may be another than the kernel's. Where the server
runs on this machine, its environment is found by its process, and looked at as the server does.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..jupyter import marker, shell
from ..text import one_line

NAME = "m1-magic"
VERSION = import_module("m1_magic").__version__  # by name: it has the magics, too
OTHERS = "`%m1 code`, `%m1 fix` and `%m1 cost` do what it does; code of a panel is shown to copy"
GET = "pip install m1-magic there, then reload the page"
LIST = "`jupyter labextension list` in the environment of Jupyter's server tells"


@dataclass(frozen=True, slots=True)
class Place:
    """The environment of a server: its folder, and where it looks for extensions and settings."""

    prefix: Path
    extensions: tuple[Path, ...]
    configs: tuple[Path, ...]


def state(environ: Mapping[str, str], namespace: Mapping[str, object]) -> tuple[str, str] | None:
    """Return ``works`` or what else it is, and what to do; None where there is no front end."""
    if not hasattr(shell.current(), "kernel"):
        return None
    for app, here in (
        ("VS Code", shell.VSCODE_NOTEBOOK in namespace or "VSCODE_PID" in environ),
        ("Colab", "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in environ),
    ):
        if here:
            return "not there", f"{app} takes no extension of JupyterLab; {OTHERS}"
    if marker.page_asked:
        return "works", f"the page has asked this kernel ({NAME} {VERSION})"
    place = of_server(environ)
    if place is None:
        return "not known", f"the server is not seen from this kernel. {LIST}; if not: {GET}"
    return judged(place, "JUPYTERHUB_API_URL" in environ)


def judged(place: Place, hub: bool = False) -> tuple[str, str]:
    """Return what a server's environment has of the extension."""
    where = one_line(place.prefix, 200)
    folder = next((one for one in place.extensions if (one / NAME / "package.json").exists()), None)
    if folder is None:
        who = "; on JupyterHub that is the environment of the single-user server" if hub else ""
        return "not there", f"Jupyter's server ({where}) has no extension of m1-magic: {GET}{who}"
    if file := disabled(place.configs):
        how = "`jupyter labextension enable m1-magic`, then reload the page"
        return "off", f"disabled in {one_line(file, 200)}: {how}"
    version = one_line(_json(folder / NAME / "package.json").get("version"), 40)
    if version != VERSION:
        other = f"the server ({where}) has {version}, this kernel {VERSION}"
        return "fails", f"{other}: pip install -U m1-magic where it is older, then reload the page"
    return "works", f"{version}, enabled, in {one_line(folder, 200)}"


def of_server(environ: Mapping[str, str]) -> Place | None:
    """Return the environment of the server that started this kernel; None if it is not seen."""
    try:
        import psutil
        from jupyter_core.paths import jupyter_config_path, jupyter_path

        _ = environ[shell.NOTEBOOK]  # else a console started it, or what runs notebooks alone
        process = psutil.Process(int(environ["JPY_PARENT_PID"]))
        command, started_by = process.cmdline(), process.exe()
    except Exception:  # neither there, nor alive, nor ours to look at
        return None
    if not any("jupyter" in os.path.basename(word) for word in command[:3]):
        return None
    program = next((one for one in command[:2] if os.path.isabs(one)), started_by)
    prefix = Path(program).parent.parent

    def swapped(paths: list[str]) -> tuple[Path, ...]:
        """Return the paths of this environment as those of the server's."""
        own = Path(sys.prefix)
        each = [Path(one) for one in paths]
        return tuple(
            prefix / one.relative_to(own) if one.is_relative_to(own) else one for one in each
        )

    extensions = swapped(jupyter_path("labextensions"))
    return Place(prefix, extensions, swapped(jupyter_config_path()))


def _running() -> str:
    """Return the version of what runs here; what is installed may be another copy."""
    return str(import_module("m1_magic").__version__)


def disabled(configs: tuple[Path, ...]) -> Path | None:
    """Return the file that says that the extension is off, None if it is on."""
    for file in _files(configs):
        listed = _json(file).get("disabledExtensions")
        switches = listed if isinstance(listed, dict) else dict.fromkeys(listed or (), True)
        ours = [on for name, on in switches.items() if str(name).partition(":")[0] == NAME]
        if ours:
            return file if any(ours) else None
    return None


def _files(configs: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files that say so, the strongest first."""
    for folder in (one / "labconfig" for one in configs):
        yield folder / "page_config.json"
        yield from sorted((folder / "page_config.d").glob("*.json"), reverse=True)


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
