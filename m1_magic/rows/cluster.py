"""``map()`` over a table of Dask or Spark: from its engine's table to the labelled one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .. import api, keys
from ..errors import KeyProblem, UsageError
from ..ledger import new_id, processes
from ..options.fields import Options
from ..settings.config import M1
from ..settings.endpoints import endpoint
from ..settings.home import home
from ..typed.annotation import fields_of
from .course import completed
from .dispatch import leased
from .engine import Engine
from .errand import Errand, key_mark
from .job import Wish
from .opening import opened
from .partitions import Partitions, nothing
from .report import Report
from .tables import Rows

NOT_SENT = ("tape", "mode", "extra_headers")  # settings that tasks do not get


def engine_of(table: Any) -> Engine | None:
    """Return the engine of a table that has partitions, None for any other one."""
    for base in type(table).__mro__:
        library, _, rest = str(base.__module__).partition(".")
        if library == "dask" and base.__name__ in ("DataFrame", "Series"):
            from .dask import Dask

            return Dask(table)
        if library == "pyspark" and base.__name__ == "DataFrame" and "pandas" not in rest:
            from .spark import Spark

            return Spark(table)
    return None


def mapped(
    engine: Engine,
    prompt: str,
    options: Options,
    wish: Wish,
    names: Mapping[str, object],
    *,
    dry_run: bool = False,
) -> tuple[Any, Report] | None:
    """Return the table with its new columns and what was done; None for a dry run.

    Raises:
        UserFacingError: as `mapping.map`.
    """
    job = replace(_job(engine, prompt, options, wish, names), preview=dry_run)
    with leased(job.errand, job.template.headers):
        try:
            job.look_through()
            return completed(job, dry_run)
        finally:
            engine.close()


def _job(
    engine: Engine, prompt: str, options: Options, wish: Wish, names: Mapping[str, object]
) -> Partitions:
    """Return a run over these partitions, before anything is looked at."""
    given = Rows(engine.names, 0, nothing, nothing, engine.alone)
    gold = wish.gold
    if gold is not None and (not isinstance(gold, str) or given.place(gold) is None):
        raise UsageError("gold is the name of a column here.", todo="")
    marked, template, reading = opened(given, prompt, options, names, wish.into)
    session = api.session()
    kind = options.returns
    if isinstance(kind, str):
        kind = fields_of(kind, names)
    task = Options(returns=kind, choices=options.choices, allow=options.allow)
    errand = Errand(
        new_id(),
        str(home().absolute()),
        processes.me(),
        session.ledger.session,
        session.notebook,
        _settings(session.settings),
        replace(template, headers=None),
        marked,
        task,
        _key_mark(session.settings),
    )
    return Partitions(session, engine, marked, errand, wish, reading, template)


def _settings(settings: M1) -> dict[str, Any]:
    """Return what tasks need to know of the settings: those that are not at their defaults."""
    plain, changed = M1(), dict[str, Any]()
    for name in M1.class_trait_names(config=True):
        value = getattr(settings, name)
        if name not in NOT_SENT and value != getattr(plain, name):
            changed[name] = value
    return changed | {"base_url": settings.base_url}


def _key_mark(settings: M1) -> tuple[bytes, bytes]:
    with suppress(KeyProblem):
        return key_mark(keys.find(endpoint(settings.base_url)).reveal(), secrets.token_bytes(16))
    return b"", b""
