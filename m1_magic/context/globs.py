"""Globs → the files that they name: found and judged without opening one, so that it can be shown.

A wildcard passes over what is hidden, what is not a regular file, what has the name of a key file,
and links that lead out of its folder, and says what or how many; named itself, a hidden file or a
link is taken, and keys and pipes are refused. What a file is called is its path below the working
folder, else its bare name, with secrets masked.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from ..errors import UsageError
from ..options.command_line import quoted
from ..privacy import redaction
from ..privacy.key_files import is_key_file
from ..privacy.paths import relative_path
from ..text import one_line
from .frames.table_files import is_table_file

MOST = 50
# Bytes of one file; a notebook is mostly its pictures, which stay.
LARGEST = {"file": 2_000_000, "notebook": 50_000_000}
NAME = 100
WILD = re.compile(r"[*?\[]")
NOISE = {"__pycache__", "node_modules"}


@dataclass(frozen=True, slots=True)
class File:
    """A file that would go along, of ``size`` bytes.

    The model knows it by ``name``, untrusted text with secrets masked. ``kind`` is ``frame`` (only
    its summary leaves), ``notebook`` or ``file``.
    """

    name: str
    path: Path
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Matches:
    """The files that globs name, in order, and what a receipt says of those passed over."""

    files: tuple[File, ...] = ()
    notes: tuple[str, ...] = ()


class _Judged(NamedTuple):
    """What one glob names: files that go along, why others do not, and the hidden ones."""

    fit: list[Path]
    over: list[str]
    hidden: list[Path]


def matching(
    globs: Sequence[str],
    secrets: redaction.Policy = redaction.ISSUERS,
    taken: Collection[str] = (),
) -> Matches:
    """Return what would go along for these globs, without opening a file.

    Args:
        globs: names and patterns, with ``~`` and ``**``; sorted within each.
        taken: names that other tables have.

    Raises:
        UsageError: nothing is named so, or too much; a folder, a pipe, a file of keys, one that
            is too large.
    """
    try:
        matched = [_matched(glob) for glob in globs]
        paths = list(dict.fromkeys(path for one in matched for path in one.fit))
        passed = list(dict.fromkeys(why for one in matched for why in one.over))
        hidden = len({path for one in matched for path in one.hidden})
        if len(paths) > MOST:
            globbed = one_line(" ".join(globs), 120)
            raise UsageError(
                f"{globbed} names {len(paths):,} files; at most {MOST} can be attached.",
                todo="Write a narrower glob.",
            )
        files = tuple(map(_file, paths, _named(paths, secrets, taken)))
    except OSError as error:
        raise UsageError(f"The files cannot be listed: {one_line(error.strerror)}.") from None
    notes = [f"left out: {_few(passed)}"] if passed else []
    notes += [f"left out: {hidden:,} hidden file{'s' * (hidden > 1)}"] if hidden else []
    return Matches(files, tuple(notes))


def completions(typed: str) -> list[str]:
    """Return the files and folders, these with ``/``, that a half-typed name may become."""
    folder, slash, start = typed.rpartition("/")
    at = folder + slash
    try:
        names = sorted(os.listdir(os.path.expanduser(at) or "."))
    except OSError:
        return []
    paths = [
        f"{at}{name}{'/' if os.path.isdir(os.path.expanduser(at + name)) else ''}"
        for name in names
        if name.startswith(start) and (start.startswith(".") or not _hidden(name))
        if name == one_line(name) and not is_key_file(os.path.expanduser(at + name))
    ]
    return [quoted(path) for path in paths]


def _matched(glob: str) -> _Judged:
    """Return the files that a glob names, sorted, and those that it passes over."""
    if not glob.strip():
        raise UsageError("--file needs a name or a glob.", todo="Write --file '*.md'.")
    typed = Path(os.path.expanduser(glob))
    if os.path.lexists(typed):
        if why := _unfit(typed):
            todo = "Name its files: -f 'FOLDER/*.md'." if os.path.isdir(typed) else ""
            raise UsageError(f"{one_line(glob, 120)} {why}.", todo=todo)
        return _Judged([Path(os.path.abspath(typed))], [], [])
    parts = typed.parts
    fixed = next((i for i, part in enumerate(parts) if WILD.search(part)), len(parts))
    root = Path(*parts[:fixed])
    if fixed == len(parts) or not os.path.isdir(root):
        raise _missing(glob, typed)
    try:
        # A last ** is folders only, or all there is: which, depends on Python's version.
        pattern = [*parts[fixed:], *(["*"] if parts[-1] == "**" else [])]
        matches = sorted(set(root.glob("/".join(pattern))))
    except (ValueError, NotImplementedError):
        raise UsageError(
            f"{one_line(glob, 120)} is not a valid glob.", todo="Write ** alone between slashes."
        ) from None
    judged = _judged(matches, root, parts)
    if judged.fit:
        return judged
    if judged.over:
        raise UsageError(f"Nothing to attach for {one_line(glob, 120)}: {_few(judged.over)}.")
    raise _missing(glob, typed)


def _judged(paths: Sequence[Path], root: Path, typed: Collection[str]) -> _Judged:
    """Return which of these files go along; hidden is what no part of the glob names itself."""
    judged, base = _Judged([], [], []), os.path.realpath(root)
    for path in paths:
        inside = path.relative_to(root).parts
        if os.path.isdir(path):
            continue
        if any(_hidden(part) for part in inside if part not in typed):
            judged.hidden.append(path)
            continue
        why = _unfit(path)
        if os.path.realpath(path.parent) != os.path.join(base, *inside[:-1]):
            why = why or "is in a linked folder"
        elif not Path(os.path.realpath(path)).is_relative_to(base):
            why = why or "links to a place outside its folder"
        if why:
            judged.over.append(f"{one_line(relative_path(path), 80)} {why}")
        else:
            judged.fit.append(Path(os.path.abspath(path)))
    return judged


def _hidden(part: str) -> bool:
    return part.startswith(".") or part in NOISE


def _few(texts: Sequence[str]) -> str:
    more = [f"and {len(texts) - 5:,} more"] if len(texts) > 5 else []
    return "; ".join([*texts[:5], *more])


def _unfit(path: Path) -> str:
    """Return why a file that is there cannot go along, "" if it can."""
    if is_key_file(path) or is_key_file(os.path.realpath(path)):
        return "has the name of a key file"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"cannot be read ({one_line(error.strerror, 80)})"
    if stat.S_ISDIR(mode):
        return "is a folder"
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    return "" if os.access(path, os.R_OK) else "cannot be read (permission denied)"


def _missing(glob: str, typed: Path) -> UsageError:
    """Return the error for a glob that names nothing, with the nearest names there."""
    folder = typed.parent
    if not WILD.search(str(folder)) and not os.path.isdir(folder):
        return UsageError(
            f"There is no folder {one_line(folder, 120)}.", todo="%pwd says where you are."
        )
    wild, close = WILD.search(typed.name), []
    if os.path.isdir(folder):
        there = [name for name in os.listdir(folder) if not name.startswith(".")]
        known = {f"*{Path(name).suffix}" for name in there} if wild else there
        close = difflib.get_close_matches(typed.name, sorted(known), 2)
    near = " or ".join(one_line(folder / name, 80) for name in close)
    what = "No file matches" if wild else "There is no file"
    return UsageError(
        f"{what} {one_line(glob, 120)}.",
        todo=f"Did you mean {near}?" if near else "Check the name; %pwd says where you are.",
    )


def _file(path: Path, name: str) -> File:
    """Return a file with its kind and size, or raise UsageError if it is too large."""
    real = Path(os.path.realpath(path))
    # A link and what it leads to may have different endings: a table stays a table.
    table = next((one for one in (path, real) if is_table_file(one.name)), None)
    if table:
        return File(name, table, "frame", path.stat().st_size)
    is_notebook = any(one.suffix.lower() == ".ipynb" for one in (path, real))
    file = File(name, path, "notebook" if is_notebook else "file", path.stat().st_size)
    if file.size > LARGEST[file.kind]:
        raise too_large(file)
    return file


def too_large(file: File) -> UsageError:
    """Return the error for a file of more bytes than go along."""
    return UsageError(
        f"{one_line(file.name, 120)} has {file.size / 1e6:,.1f} MB; at most"
        f" {LARGEST[file.kind] / 1e6:g} MB of a {file.kind} can be attached.",
        todo="Attach a part of it; a table goes as a summary: save it as .csv or .parquet.",
    )


def _named(paths: Sequence[Path], secrets: redaction.Policy, taken: Collection[str]) -> list[str]:
    """Return a name of its own for each file, on one line, with secrets masked."""
    names: list[str] = []
    for path in paths:
        name = one_line(redaction.mask(relative_path(path), secrets)[0], NAME)
        numbered = (f"{name} ({number})" for number in count(2))
        names.append(next(one for one in chain([name], numbered) if one not in {*names, *taken}))
    return names
