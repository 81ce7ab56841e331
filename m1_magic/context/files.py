"""Files that globs name → what goes along: text, a notebook's cells; tables go to `frames`.

Finding opens nothing, so it can be shown before anything is read. A wildcard passes over what is
hidden, what is no plain file, what holds keys by its name, and links that lead out of its folder,
and says so; named itself, a hidden file or a link is taken, and keys and pipes are refused. Only
a name relative to the working folder leaves, else the bare name.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import redact
from ..calls import Attachment
from ..errors import PromptTooLarge, UsageError, plain
from ..tokens import likely_tokens
from . import notebooks
from .frames.files import is_table_file

MOST = 50
# Bytes of one file; a notebook is mostly its pictures, which stay.
LARGEST = {"file": 2_000_000, "notebook": 50_000_000}
# Characters of all of them: more than any model's context.
TOTAL = 10_000_000
NAME = 100
WILD = re.compile(r"[*?\[]")
NOISE = {"__pycache__", "node_modules"}
KEYS = re.compile(
    r"\.env(?:\.(?!(?:example|sample|template)$).+)?|.+\.env"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.*\.(?:pem|key|p12|pfx|ppk|jks|keystore|kdbx)"
    r"|[._]netrc|\.(?:pgpass|npmrc|pypirc|git-credentials|htpasswd)|credentials(?:\.json)?"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file that would go along.

    Args:
        name: what the model knows it as: untrusted text, with secrets masked.
        path: where it is.
        kind: ``frame`` (only its summary leaves), ``notebook`` or ``file``.
        size: in bytes.
    """

    name: str
    path: Path
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """The files that globs name, in order, and what a receipt says of those passed over."""

    files: tuple[File, ...] = ()
    notes: tuple[str, ...] = ()


def found(
    globs: Sequence[str],
    secrets: redact.Policy = redact.ISSUERS,
    taken: Collection[str] = (),
) -> Found:
    """Return what would go along for these globs, without opening a file.

    Args:
        globs: names and patterns, with ``~`` and ``**``; sorted within each.
        secrets: what is masked in names.
        taken: names that other tables have.

    Raises:
        UsageError: nothing is named so, or too much; a folder, a pipe, a file of keys, one that
            is too large.
    """
    paths: dict[Path, None] = {}
    passed: dict[str, None] = {}
    try:
        for glob in globs:
            fit, over = _matched(glob)
            paths |= dict.fromkeys(fit)
            passed |= dict.fromkeys(over)
        if len(paths) > MOST:
            globbed = plain(" ".join(globs), 120)
            raise UsageError(
                f"{globbed} names {len(paths):,} files; at most {MOST} go along.",
                todo="Write a narrower glob.",
            )
        names = _named(list(paths), secrets, taken)
        files = tuple(_file(path, name) for path, name in zip(paths, names, strict=True))
    except OSError as error:
        raise UsageError(f"The files cannot be looked at: {plain(error.strerror)}.") from None
    return Found(files, (f"left out: {', '.join(passed)}",) if passed else ())


def attached(
    files: Sequence[File], level: str, secrets: redact.Policy = redact.ISSUERS
) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    """Return the text files and notebooks, read now, and what a receipt says besides.

    Args:
        files: as found; tables among them are not for here.
        level: the privacy level, for a notebook's outputs.
        secrets: what is masked.

    Raises:
        UsageError: a file that is no text or no notebook, or that cannot be read.
        PromptTooLarge: all of them are more than any model takes.
    """
    made: list[Attachment] = []
    notes: list[str] = []
    for file in files:
        if file.kind == "frame":
            continue
        text = decoded(_content(file), file.name)
        if file.kind == "notebook":
            text, left = notebooks.page(text, file.name, level)
            notes += [f"{file.name}: {left}"] if left else []
        text, hidden = redact.mask(text.removesuffix("\n"), secrets)
        hidden += file.name.count(redact.MASK)
        tokens = likely_tokens(text)
        made.append(Attachment(file.kind, file.name, text, masked=hidden, tokens=tokens))
        if sum(len(one.text) for one in made) > TOTAL:
            largest = sorted(made, key=lambda one: -len(one.text))[:3]
            named = ", ".join(f"{plain(a.name, 40)} ({len(a.text):,} characters)" for a in largest)
            raise PromptTooLarge(
                f"The files have more than {TOTAL:,} characters, which no model takes.",
                todo=f"Attach less; the largest: {named}.",
            )
    return tuple(made), tuple(notes)


def decoded(data: bytes, name: str) -> str:
    """Return a file's bytes as text, with ``\\n`` at the ends of lines.

    Raises:
        UsageError: neither UTF-8 nor UTF-16 with a byte order mark; binary data.
    """
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError(
            f"{plain(name, 120)} is not text in UTF-8: binary, or in an old encoding.",
            todo="Save a text as UTF-8; of other files, attach what they say as text.",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def completions(typed: str) -> list[str]:
    """Return the files and folders, these with ``/``, that a half-typed name may become."""
    folder, _, start = typed.rpartition("/")
    at = f"{folder}/" if "/" in typed else ""
    try:
        entries = sorted(os.scandir(os.path.expanduser(at) or "."), key=lambda one: one.name)
        told = [(one.name, one.is_dir()) for one in entries if one.name.startswith(start)]
    except OSError:
        return []
    shown = [
        f"{at}{name}{'/' if is_dir else ''}"
        for name, is_dir in told
        if name not in NOISE and not KEYS.fullmatch(name.lower()) and name == plain(name)
        if not name.startswith(".") or start.startswith(".")
    ]
    return [f'"{name}"' if " " in name else name for name in shown]


def _matched(glob: str) -> tuple[list[Path], list[str]]:
    """Return the files that a glob names, sorted, and those that it passes over, and why."""
    if not glob.strip():
        raise UsageError("--file needs a name or a glob.", todo="Write --file '*.md'.")
    typed = Path(os.path.expanduser(glob))
    if os.path.lexists(typed):
        if why := _unfit(typed):
            todo = "Name its files: -f 'FOLDER/*.md'." if os.path.isdir(typed) else ""
            raise UsageError(f"{plain(glob, 120)} {why}.", todo=todo)
        return [_absolute(typed)], []
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
            f"{plain(glob, 120)} is no glob.", todo="** stands alone between slashes."
        ) from None
    literal, base = set(parts), os.path.realpath(root)
    fit, over = [], []
    for path in matches:
        inside = path.relative_to(root).parts
        if any(p not in literal and (p[0] == "." or p in NOISE) for p in inside) or os.path.isdir(
            path
        ):
            continue
        why = _unfit(path)
        if not why and not Path(os.path.realpath(path)).is_relative_to(base):
            why = "leads out of its folder"
        if why:
            over.append(f"{plain(_told(path), 80)} {why}")
        else:
            fit.append(_absolute(path))
    if not fit and over:
        raise UsageError(f"Nothing to attach for {plain(glob, 120)}: {', '.join(over[:5])}.")
    if not fit:
        raise _missing(glob, typed)
    return fit, over


def _unfit(path: Path) -> str:
    """Return why a file that is there cannot go along, "" if it can."""
    real = os.path.basename(os.path.realpath(path))
    if KEYS.fullmatch(path.name.lower()) or KEYS.fullmatch(real.lower()):
        return "holds keys, by its name"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"cannot be read ({plain(error.strerror, 80)})"
    if stat.S_ISDIR(mode):
        return "is a folder"
    if not stat.S_ISREG(mode):
        return "is no plain file"
    return "" if os.access(path, os.R_OK) else "cannot be read (permission denied)"


def _missing(glob: str, typed: Path) -> UsageError:
    """Return the error for a glob that names nothing, with the nearest names there."""
    folder = typed.parent
    if not WILD.search(str(folder)) and not os.path.isdir(folder):
        return UsageError(
            f"There is no folder {plain(folder, 120)}.", todo="%pwd says where you are."
        )
    wild, close = WILD.search(typed.name), []
    if os.path.isdir(folder):
        there = [name for name in os.listdir(folder) if not name.startswith(".")]
        known = {f"*{Path(name).suffix}" for name in there} if wild else there
        close = difflib.get_close_matches(typed.name, sorted(known), 2)
    near = " or ".join(plain(folder / name, 80) for name in close)
    what = "No file is named" if wild else "There is no file"
    return UsageError(
        f"{what} {plain(glob, 120)}.",
        todo=f"Did you mean {near}?" if near else "Check the name; %pwd says where you are.",
    )


def _file(path: Path, name: str) -> File:
    """Return a file with its kind and size, or raise UsageError if it is too large."""
    real = Path(os.path.realpath(path))
    # A link and what it leads to may have different endings: a table stays a table.
    table = next((one for one in (path, real) if is_table_file(one.name)), None)
    if table:
        return File(name, table, "frame", path.stat().st_size)
    book = any(one.suffix.lower() == ".ipynb" for one in (path, real))
    made = File(name, path, "notebook" if book else "file", path.stat().st_size)
    if made.size > LARGEST[made.kind]:
        raise _too_large(made)
    return made


def _too_large(file: File) -> UsageError:
    return UsageError(
        f"{plain(file.name, 120)} has {file.size / 1e6:,.1f} MB; at most"
        f" {LARGEST[file.kind] / 1e6:g} MB of a {file.kind} go along.",
        todo="Attach a part of it; a table goes as a summary: save it as .csv or .parquet.",
    )


def _content(file: File) -> bytes:
    """Return the bytes of a plain file, or raise UsageError; a pipe is not waited for."""

    def opener(path: str, flags: int) -> int:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

    shown = plain(file.name, 120)
    try:
        with open(file.path, "rb", opener=opener) as stream:
            before = os.fstat(stream.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise UsageError(f"{shown} is no plain file.")
            data = stream.read(LARGEST[file.kind] + 1)
            after = os.fstat(stream.fileno())
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {plain(error.strerror, 80)}.") from None
    if len(data) > LARGEST[file.kind]:
        raise _too_large(File(file.name, file.path, file.kind, max(after.st_size, len(data))))
    if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise UsageError(f"{shown} changed while it was read.", todo="Run the cell again.")
    return data


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _told(path: Path) -> str:
    """Return a path below the working folder, else the bare name: nobody's home leaves."""
    full, here = _absolute(path), Path.cwd()
    return full.relative_to(here).as_posix() if full.is_relative_to(here) else full.name


def _named(paths: Sequence[Path], secrets: redact.Policy, taken: Collection[str]) -> list[str]:
    """Return a name of its own for each file, on one line, with secrets masked."""
    names: list[str] = []
    for path in paths:
        name = unique = plain(redact.mask(_told(path), secrets)[0], NAME)
        number = 1
        while unique in names or unique in taken:
            number += 1
            unique = f"{name} ({number})"
        names.append(unique)
    return names
