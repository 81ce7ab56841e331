"""Who answers: ``Backend.stream`` takes a Request and yields Events, whoever is behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import Any, Protocol

from ..calls import CostSource, Event, Request
from ..errors import MissingPackage
from ..keys import Key, find
from ..pricing.prices import ModelLimits
from ..settings.config import M1
from ..settings.endpoints import OFFLINE, Endpoint, endpoint
from ..settings.extras import headers


class Backend(Protocol):
    """One place that answers.

    ``name`` is its host, or ``offline``; ``billing`` says where the price of its answers comes
    from: ``billed`` by the server, or nothing is owed (``calls.FREE``), and of what is ``replayed``
    no money is written down at all; ``prices_known`` says whether the public price lists of
    OpenRouter's slugs hold there; ``skew`` is by how many seconds our clock is ahead of the
    server's, None while it is not known: a wrong one puts calls into another day's budget.
    """

    name: str
    billing: CostSource
    prices_known: bool
    skew: float | None

    def ready(self) -> None:
        """Fetch and start what the first call would otherwise wait for."""

    def stream(self, request: Request) -> Generator[Event]:
        """Yield Started, reasoning and text, and one Finish; raise M1Error where it breaks."""

    def limits(self, model: str, provider: Mapping[str, Any] | None = None) -> ModelLimits | None:
        """Return limits and prices of a model at endpoints that ``provider`` preferences allow.

        None where they are not known.
        """

    def models(self) -> list[dict[str, Any]]:
        """Return the models to be had, in the shape of OpenRouter's ``GET /models``."""

    def key(self) -> dict[str, Any]:
        """Return the key's limit and use, in the shape of OpenRouter's ``GET /key``."""

    def generation(self, generation_id: str) -> dict[str, Any] | None:
        """Return the record of a past completion, None while there is none."""

    def close(self) -> None:
        """Free connections and processes."""


def exchange(place: Endpoint, code: str, verifier: str) -> str:
    """Return the key for a code that OpenRouter's login page showed; raise M1Error without one.

    ``verifier`` is what the page's challenge was made from.
    """
    from .openrouter import OpenRouter

    with closing(OpenRouter(place, Key("none", "not needed"))) as wire:
        return wire.exchange(code, verifier)


class Chooser:
    """Settings → the Backend to ask, kept while neither address, key nor timeouts change.

    ``progress`` is called with (bytes done, bytes in all) while the local model is fetched; ``key``
    is used in place of what is found here.
    """

    def __init__(
        self, progress: Callable[[int, int], None] | None = None, key: Key | None = None
    ) -> None:
        self._progress, self._key = progress, key
        self._backend: tuple[object, Backend] | None = None

    def __call__(self, settings: M1) -> Backend:
        """Return the backend for these settings.

        Raises:
            BadSetting, NoKey, BadKey, MissingPackage: nothing was sent.
        """
        place = endpoint(settings.base_url)
        if place.offline:
            from .local import Local

            return self._keep(OFFLINE, lambda: Local(self._progress))
        key = self._key or find(place)
        from .deadlines import Timeouts

        try:
            from .openrouter import OpenRouter
        except ModuleNotFoundError as error:
            raise MissingPackage.named(error) from None
        timeouts = Timeouts(
            settings.connect_timeout,
            settings.first_token_timeout,
            settings.token_timeout,
            settings.deadline,
        )
        # A forked child has a client of its own: its parent's may be locked, and in mid-answer.
        added = tuple(headers(settings.extra_headers or {}).items())
        what = (place, key, timeouts, added, os.getpid())
        return self._keep(what, lambda: OpenRouter(place, key, timeouts, dict(added)))

    def close(self) -> None:
        """Let go of the kept backend; a call in a thread may still be reading from it."""
        self._backend = None

    def _keep(self, what: object, make: Callable[[], Backend]) -> Backend:
        # The one before is not closed: another thread may still be reading from it.
        if self._backend is None or self._backend[0] != what:
            self._backend = (what, make())
        return self._backend[1]
