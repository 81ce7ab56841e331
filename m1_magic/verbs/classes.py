"""``m1-magic class``: a limited key for each student of a list, what they used, and their end.

Each command returns its page and what broke it off, if anything did: what was done until then is
shown all the same.
"""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from .. import api, files
from ..backends.management import AccountKey, Management, moment
from ..errors import NoKey, UsageError
from ..pricing.dollars import money, money_limit
from ..render import page
from ..settings.endpoints import endpoint
from ..settings.home import home
from ..settings.traits import dollars
from ..text import md_cell, one_line, plural
from .issuing import Asking, ClassKey, Issue, Issued
from .key_table import KeyTable
from .students import Students, same, students

PATIENCE = 600.0  # seconds that one run waits for another one on this machine
LARGE = Decimal(100)  # dollars for one student, above which it may be a slip of the finger
DAYS = re.compile(r"(\d{1,4})d", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOST_ROWS = 100
PARTS = ("limit", "used", "left")


@dataclass(frozen=True, slots=True)
class Done:
    """What a command shows, and what broke it off."""

    page: str
    problem: BaseException | None = None


def keys(given: Namespace) -> Done:
    """Make a key for each student who has none."""
    each, expires = _each(given.each, yes=given.yes or given.dry_run), _until(given.expires)
    listed = students(Path(given.students).expanduser())
    if given.out == "":
        raise UsageError("--out names no file.", cost="")
    out = None if given.out is None else Path(given.out).expanduser()
    if given.dry_run:
        return Done(_dry_run(listed, KeyTable(out), each, expires))
    with _account(out, lock=True) as asking:
        issue = Issue(asking, KeyTable(out), each, expires)
        try:
            issue.run(listed.names)
        except (Exception, KeyboardInterrupt) as problem:
            if not issue.issued:
                raise
            return Done(_keys_page(listed, issue, out), problem)
    return Done(_keys_page(listed, issue, out))


def usage(given: Namespace) -> Done:
    """Show limit, use and rest of each student's key."""
    with _account() as asking:
        keys = asking.class_keys()
    if not keys:
        return Done("No student has a key.")
    has_last_use = any(one.key.last_used for one in keys)  # the API does so since late 2026
    rows = [_usage_row(one, keys, has_last_use) for one in keys]
    if len(rows) > 1:
        sums = [_sum([getattr(one.key, name) for one in keys]) for name in PARTS]
        rows.append(["all", *sums, *([""] if has_last_use else []), "", ""])
    last = ["last used"] if has_last_use else []
    return Done(page.table(["student", *PARTS, *last, "expires", ""], rows, aligned=True))


def _usage_row(one: ClassKey, keys: Sequence[ClassKey], has_last_use: bool) -> list[str]:
    key, words = one.key, one.key.ended
    count = sum(same(other.student) == same(one.student) for other in keys)
    words += [f"one of {count}"] if count > 1 else []
    last = [_time(key.last_used) or "never"] if has_last_use else []
    left = "no limit" if key.limit is None else money(key.left)
    figures = [_limit(key), money(key.used), left, *last, _time(key.expires)]
    return [one_line(one.student, 100), *figures, ", ".join(words)]


def revoke(given: Namespace) -> Done:
    """Delete the keys of some students, or of all."""
    if bool(given.names) == given.all:
        todo = "m1-magic class revoke STUDENT…, or --all."
        raise UsageError("Say whose keys to revoke.", cost="", todo=todo)
    with _account(lock=True) as asking:
        keys = asking.class_keys()
        wanted = {same(name): one_line(name, 100) for name in given.names}
        chosen = [one for one in keys if given.all or same(one.student) in wanted]
        have = {same(one.student) for one in chosen}
        rows = [[name, "", "has no key"] for form, name in wanted.items() if form not in have]
        problem = None
        if chosen:
            names = one_line(", ".join(one.student for one in chosen), 300)
            _confirm(f"Revoke {plural(len(chosen), 'key')} ({names})?", yes=given.yes)
        try:
            for one in chosen:
                asking.delete(one.key)
                rows.append([one_line(one.student, 100), money(one.key.used), "revoked"])
        except (Exception, KeyboardInterrupt) as error:
            problem = error
    return Done(
        page.table(["student", "used", ""], rows, aligned=True) if rows else "No key to revoke.",
        problem,
    )


@contextmanager
def _account(out: Path | None = None, *, lock: bool = False) -> Iterator[Asking]:
    """Open the account's keys; with ``lock`` for one run at a time, on this machine and on a file.

    Raises:
        UsageError, NoKey: there is nobody to ask.
    """
    with ExitStack() as stack:
        server = stack.enter_context(closing(Management(endpoint(api.settings().base_url))))
        folders = [_lock_folder()] if lock else []
        folders += [out.parent] if out is not None and out.parent.is_dir() else []
        for folder in folders:
            if not stack.enter_context(files.locked(folder, PATIENCE)):
                raise UsageError(
                    "Another m1-magic class is at work here.", cost="", todo="Let it end first."
                )
        yield Asking(server, _print_progress)


def _lock_folder() -> Path:
    """Return the folder that a run locks: M1_HOME's own lock is for settings and keys."""
    folder = home() / "class"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{one_line(folder, 200)} cannot be made ({error.strerror}).",
            cost="",
            todo="Set M1_HOME to a folder that you can write to.",
        ) from None
    return folder


def _dry_run(listed: Students, table: KeyTable, each: Decimal, expires: datetime | None) -> str:
    """Return what would be made; who has a key is asked where there is a management key."""
    unknown, wanted = "", list(listed.names)
    try:
        with _account() as asking:
            wanted = Issue(asking, table, each, expires).missing(listed.names)
    except NoKey as problem:
        unknown = f"\n\nWho has one already is not known. {md_cell(problem)}"
    have = f" · {_has_one(len(listed.names) - len(wanted))}" if not unknown else ""
    would = f"{plural(len(wanted), 'key')} would be made{_terms(each, expires)}"
    most = f"at most {money_limit(each * len(wanted))} could be spent with them"
    return f"{_whose(listed)} · {would}: {most}{have} · nothing was made{unknown}"


def _keys_page(listed: Students, issue: Issue, out: Path | None) -> str:
    """Return the table of a run; the keys in it are whole only where no file keeps them."""
    new = sum(one.new for one in issue.issued.values())
    none = Issued("not made")
    rows = [
        [name, _masked(one.text) if out else one.text, _limit(one), _time(one.expires), one.state]
        for name in listed.names
        for one in [issue.issued.get(name, none)]
    ]
    listed_rows = rows[:MOST_ROWS] if out else rows
    parts = [page.table(["student", "key", "limit", "expires", ""], listed_rows)]
    if len(rows) > len(listed_rows):
        parts.append(f"{plural(len(rows) - len(listed_rows), 'student')} more")
    made = "no key made"
    if new:
        made = f"{plural(new, 'key')} made{_terms(issue.limit, issue.expires)}"
        made += f": at most {money_limit(issue.limit * new)} can be spent with them"
    line = f"{_whose(listed)} · {made}"
    if out:
        line += f" · the keys are in {md_cell(out)}, which only you can read"
    elif new:
        line += " · no file keeps these keys, and they are not shown again; --out PATH writes one"
    return "\n\n".join([*parts, line])


def _masked(key: str) -> str:
    return f"{key[:12]}…{key[-4:]}" if len(key) >= 32 else "…" if key else ""


def _limit(one: Issued | AccountKey) -> str:
    if one.limit is not None:
        return money_limit(one.limit)
    return "none" if isinstance(one, AccountKey) else ""


def _time(then: datetime | None) -> str:
    return f"{then:%Y-%m-%d %H:%M}" if then else ""


def _whose(listed: Students) -> str:
    return f"{plural(len(listed.names), 'student')} ({md_cell(listed.column)})"


def _has_one(count: int) -> str:
    return f"{count:,} {'has' if count == 1 else 'have'} one"


def _terms(each: Decimal, expires: datetime | None) -> str:
    until = f" until {_time(expires)} UTC" if expires else ", without an end"
    return f", each with a limit of {money_limit(each)}{until}"


def _sum(parts: Sequence[Decimal | None]) -> str:
    known = [part for part in parts if part is not None]
    unknown = len(parts) - len(known)
    return money(sum(known, Decimal(0))) + (f" + {unknown} not known" if unknown else "")


def _each(text: str, *, yes: bool) -> Decimal:
    """Return the limit of a key in dollars."""
    each = dollars(text)
    if not each:
        raise UsageError("A key with a limit of $0 answers nothing.", cost="", todo="--each 0.66")
    if each > LARGE:
        _confirm(f"A limit of {money_limit(each)} for each student?", yes=yes)
    return each


def _until(text: str | None) -> datetime | None:
    """Return the moment in UTC at which a key ends: a date's end, a time, or days from now."""
    if text is None:
        return None
    now, then = datetime.now(UTC), None
    if days := DAYS.fullmatch(text):
        then = now + timedelta(days=int(days[1]))
    elif DAY.fullmatch(text):
        then = moment(f"{text}T23:59:59Z")
    else:
        then = moment(text)
    if then is None:
        quoted_text = one_line(repr(text), 40)
        raise UsageError(
            f"{quoted_text} is no date.", cost="", todo="--expires 2027-01-31, or 30d."
        )
    if then <= now:
        raise UsageError(f"{_time(then)} UTC has passed.", cost="", todo="Give a later --expires.")
    return then.replace(microsecond=0)


def _confirm(question: str, *, yes: bool) -> None:
    """Ask before something that is hard to undo; UsageError: no, or there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is nobody to ask here.", cost="", todo="Add --yes.")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("Nothing was done.", cost="", todo="")


def _print_progress(words: str) -> None:
    """Tell how it goes, beside the page."""
    sys.stderr.write(f"m1-magic: {one_line(words, 400)}\n")
    sys.stderr.flush()
