"""``%m1 doctor``: what works, what does not, and what to do, one line each."""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from urllib.parse import urlsplit

from ..backends.model_list import state
from ..calls import FREE
from ..errors import LedgerProblem, M1Error, NoSuchModel, UsageError
from ..ledger import sums
from ..ledger.store import now_utc
from ..pricing.prices import known_limits
from ..render import page
from ..settings.endpoints import endpoint
from ..text import one_line, plural
from . import front_end
from .account import of_key
from .verb_context import VerbContext, million, none

# A clock that is further off puts calls into another day's budget, and may break TLS.
MOST_SKEW = timedelta(minutes=5)
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def doctor(context: VerbContext, args: Sequence[str]) -> str:
    """Check all that a call needs; say what works, what does not, and what to do."""
    none(args, "doctor")
    backend = context.session.backend
    checks: list[tuple[str, Callable[[], str]]] = [
        ("versions", versions),
        ("key", lambda: " · ".join(of_key(context))),
        ("proxy", lambda: proxy(context)),
        ("certificates", certificates),
        (
            "endpoint",
            lambda: f"{plural(len(backend().models()), 'model')} at {context.settings.base_url}",
        ),
        ("clock", lambda: clock(context)),
        ("ledger", lambda: ledger(context)),
        ("price list", lambda: prices(context)),
    ]
    rows = [[name, *examined(check)] for name, check in checks]
    works, notes = examined(lambda: places(context))
    rows += [["model", works, notes]] if notes else []
    if extension := front_end.state(os.environ, context.namespace):
        rows.append(["front end", *extension])
    return page.table(["", "", ""], rows)


def places(context: VerbContext) -> str:
    """Return which models expire or are served by another one; nothing if they are just there.

    Raises:
        NoSuchModel: one is gone from OpenRouter's list; none is put in its place by itself.
    """
    session, s = context.session, context.settings
    backend = session.backend()
    if backend.billing in FREE:
        return ""
    try:
        listed = backend.models()
    except M1Error:
        return ""  # the endpoint's own line says so
    notes = []
    for model in (s.model, *s.fallbacks):
        limits = session.limits(backend, model)
        limits = limits if limits and limits.dearest else known_limits(model)
        there, words = state(listed, model, limits.dearest if limits else None)
        if not there and endpoint(s.base_url).whole_api:
            raise NoSuchModel(f"{one_line(words)}.", cost="", todo="Nothing is switched by itself.")
        notes += [words] if words else []
    return "; ".join(notes)


def examined(check: Callable[[], str]) -> tuple[str, str]:
    """Return ``works`` or ``fails``, and what the check says."""
    try:
        return "works", check()
    except M1Error as error:
        return "fails", str(error)
    except Exception as error:  # a doctor that falls ill helps nobody
        return "fails", f"This check itself broke ({type(error).__name__}); please report it."


def versions(context: VerbContext | None = None, args: Sequence[str] = ()) -> str:
    """Return the versions that a bug report needs."""
    parts = []
    for name in ("m1-magic", "ipython", "openai", "narwhals", "genai-prices", "xllamacpp"):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"{name}: not installed")
    return " · ".join([*parts, f"Python {sys.version.split()[0]}"])


def clock(context: VerbContext) -> str:
    """Compare this machine's clock with the server's and with the ledger's last call."""
    now, last = now_utc(), sums.latest(context.session.ledger)
    skew = context.session.backend().skew
    if last is not None and last - now > MOST_SKEW:
        wrong = f"earlier than the ledger's last call, at {last:%Y-%m-%d %H:%M} UTC"
    elif skew is None:
        return f"{now:%Y-%m-%d %H:%M} UTC; no server time to compare it with"
    elif timedelta(seconds=abs(skew)) <= MOST_SKEW:
        return f"{now:%Y-%m-%d %H:%M} UTC, the same as the server's"
    else:
        way = "ahead of" if skew > 0 else "behind"
        wrong = f"{age(timedelta(seconds=abs(skew)))} {way} the server's"
    todo = "Set the clock: budgets by day and month depend on it."
    raise UsageError(f"The clock is {wrong}.", cost="", todo=todo)


def ledger(context: VerbContext) -> str:
    """Return SQLite's verdict on the ledger, and what it holds."""
    book = context.session.ledger
    verdict = book.check()
    if book.in_memory:
        what = f"The ledger {book.path} cannot be written; calls are kept in memory."
        todo = "Make the folder writable, or set M1_HOME to another one."
        raise LedgerProblem(what, cost="", todo=todo)
    if verdict != "ok":
        what = f"The ledger {book.path} is damaged ({one_line(verdict, 100)})."
        todo = "Copy it, then move it away; a new one is created."
        raise LedgerProblem(what, cost="", todo=todo)
    pending = f", {unwritten} not written yet" if (unwritten := book.unwritten()) else ""
    holds = sums.held(book)
    held = f", {plural(len(holds), 'hold')}: see %m1 cost" if holds else ", nothing is held"
    return f"ok ({book.path}){pending}{held}"


def prices(context: VerbContext) -> str:
    """Return the prices that holds are made from, and how old their list is."""
    session, model = context.session, context.settings.model
    backend = session.backend()
    if backend.billing in FREE:
        return "the local model is free"
    limits = session.limits(backend, model)
    if limits is None or limits.dearest is None:
        return f"{model}: no price known (M1.prices tells one); with a budget its calls are refused"
    both = f"{million(limits.dearest.input)} in, {million(limits.dearest.output)} out"
    source = f"genai-prices {version('genai-prices')}; the endpoint gave no price list"
    if limits.own:
        source = "as M1.prices says"
    if limits.at is not None:
        past = now_utc() - limits.at
        fetched = f"{age(past)} old" if past > timedelta(minutes=1) else "just fetched"
        source = f"the endpoint's list of {limits.at:%Y-%m-%d %H:%M} UTC, {fetched}"
    return f"{model}: {both} a million tokens, {source}"


def age(span: timedelta) -> str:
    """Return a span in its largest whole unit."""
    seconds = span.total_seconds()
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return plural(int(seconds // size), noun)
    return plural(int(seconds), "second")


def proxy(context: VerbContext) -> str:
    """Return through which proxy the endpoint is asked; never a password in it."""
    place = endpoint(context.settings.base_url)
    if place.loopback:
        return "none, for this machine"
    scheme = urlsplit(place.url).scheme
    proxies = urllib.request.getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass(place.host):
        return f"none, for {place.host}"
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    todo = "Correct HTTPS_PROXY or ALL_PROXY, or add the host to NO_PROXY."
    if not host or parts.scheme not in ("http", "https", "socks5", "socks5h"):
        what = "The proxy set in the environment is not a usable URL."
        raise UsageError(what, cost="", todo=todo)
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        what = "The proxy speaks SOCKS, which needs the package socksio."
        raise UsageError(what, cost="", todo="pip install socksio")
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "") + f", for {place.host}"


def certificates() -> str:
    """Return whose certificates are trusted."""
    named = {name: os.environ[name] for name in CERTIFICATES if os.environ.get(name)}
    for name, path in named.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if name == "SSL_CERT_DIR":
                os.listdir(path)  # SSL itself takes a folder that is not there
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(path)
        except OSError as error:  # ssl.SSLError is one
            reason = one_line(error.strerror or type(error).__name__, 80)
            what = f"{name}={one_line(path, 200)} cannot be used ({reason})."
            todo = f"Set it to a PEM file of certificates, or unset {name}."
            raise UsageError(what, cost="", todo=todo) from None
    return "; ".join(f"{name}={path}" for name, path in named.items()) or "the system's"
