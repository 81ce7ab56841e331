"""The keys of an OpenRouter account, listed, made and deleted with a management key.

Sources: OpenRouter docs, guides/overview/auth/management-api-keys, and its OpenAPI (``/keys``);
``include_expired`` and ``last_used_at`` as in its Python SDK 1.3. A key's text stands in the
answer that makes it, and nowhere after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from .. import errors as e
from ..keys import Key, management
from ..pricing.dollars import money_limit
from ..pricing.prices import amount
from ..settings.endpoints import Endpoint
from ..text import one_line
from . import http_errors
from .error_bodies import has_error
from .openrouter import OpenRouter

T = TypeVar("T")
MOST_PAGES = 2_000  # of 100 keys
KEY = re.compile(r"[\x21-\x7e]{16,400}")  # what a new key may be
AGAIN = "The same command goes on from here."
MADE_AT = "openrouter.ai/settings/management-keys makes one."
TODO: dict[type[e.M1Error], str] = {
    e.OutOfCredit: "Add credit at openrouter.ai/credits.",
    e.BadRequest: "Check the limit, the expiry and the names.",
    e.NoSuchModel: "base_url is not the address of OpenRouter's API: %m1 use openrouter.",
    e.ProviderDown: f"Try again later. {AGAIN}",
    e.SentNoAnswer: AGAIN,
}


@dataclass(frozen=True, slots=True)
class AccountKey:
    """One key of the account, in US dollars and UTC; its text is not shown. None: not known."""

    hash: str
    name: str
    limit: Decimal | None = None
    used: Decimal | None = None
    left: Decimal | None = None
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    disabled: bool = False

    @property
    def ended(self) -> list[str]:
        """Why it answers nothing any more, in a word each; none while it does."""
        past = self.expires is not None and self.expires <= datetime.now(UTC)
        return [*(["disabled"] if self.disabled else []), *(["expired"] if past else [])]


class Management(OpenRouter):
    """The keys of an account; what is asked here asks no model and costs nothing.

    Raises:
        UsageError: only OpenRouter's API manages keys.
        NoKey: there is no management key in the environment.
    """

    def __init__(self, place: Endpoint) -> None:
        if not place.whole_api:
            raise e.UsageError(
                f"Only OpenRouter makes keys, and base_url is that of {one_line(place.host, 80)}.",
                todo="%m1 use openrouter, or unset M1_BASE_URL.",
            )
        super().__init__(place, management(place))

    def keys(self) -> list[AccountKey]:
        """Return all keys of the account, also disabled and expired ones."""
        by_hash: dict[str, AccountKey] = {}
        offset = 0
        for _ in range(MOST_PAGES):
            path = f"/keys?include_disabled=true&include_expired=true&offset={offset}"
            page = self._json_object("get", path).get("data")
            if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
                # What was taken for "no keys" would make a second one for everybody.
                raise e.SentNoAnswer(f"{self.name} sent no list of keys.", cost="", todo="")
            fresh = [key for key in map(_account_key, page) if key and key.hash not in by_hash]
            if not fresh:
                break
            by_hash |= {key.hash: key for key in fresh}
            offset += len(page)
        return list(by_hash.values())

    def create(self, name: str, limit: Decimal, expires: datetime | None) -> tuple[Key, AccountKey]:
        """Make a key with this limit and end; what is made with another one is deleted again."""
        # Without it, what the account's own provider keys pay for would pass the limit by.
        body: dict[str, object] = {
            "name": name,
            "limit": float(limit),
            "include_byok_in_limit": True,
        }
        if expires is not None:
            body["expires_at"] = f"{expires:%Y-%m-%dT%H:%M:%SZ}"
        answer = self._json_object("post", "/keys", body)
        data = answer.get("data")
        data = data if isinstance(data, dict) else {}
        about = _account_key(data)
        text = answer.get("key")
        if about is None or not isinstance(text, str) or not KEY.fullmatch(text):
            raise e.SentNoAnswer(f"{self.name} sent no key.", cost="", todo=AGAIN)
        ends = expires is None or about.expires == expires or "expires_at" not in data
        if ends and (about.limit == limit or "limit" not in data):
            return Key(text, f"{self.name} for {one_line(name, 80)}"), about
        self.delete(about.hash)
        its_limit = "no limit" if about.limit is None else f"a limit of {money_limit(about.limit)}"
        until = f"until {about.expires:%Y-%m-%d %H:%M}" if about.expires else "without an end"
        raise e.BadRequest(
            f"{self.name} made a key with {its_limit}, {until}, which is not what was asked for."
            " It was deleted again.",
            cost="",
            todo="",
        )

    def delete(self, hash: str) -> None:
        """Delete a key; one that is gone already is deleted."""
        try:
            answer = self._request("delete", "/keys/" + quote(hash, safe=""))
        except e.NoSuchModel:
            return
        if isinstance(answer, Mapping) and answer.get("deleted") is False:
            raise e.BadRequest(f"{self.name} did not delete a key.", todo="")
        if answer and not isinstance(answer, Mapping):
            raise http_errors.web_page(self.name)

    def _json_object(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the JSON object that answers a request."""
        answer = self._request(method, path, body)
        if not isinstance(answer, dict):
            raise http_errors.web_page(self.name)
        return answer

    def _request(self, method: str, path: str, body: object = None) -> object:
        given = {} if body is None else {"body": body}
        answer = self._ask(partial(getattr(self._client, method), cast_to=object, **given), path)
        if has_error(answer):
            raise self._worded(self.refusal(200, answer, {}, path))
        return answer

    def _ask(self, ask: Callable[..., T], path: str, timeout: float = 30.0) -> T:
        problem: e.M1Error
        try:
            return super()._ask(ask, path, timeout)
        except e.M1Error as error:
            problem = error
        raise self._worded(problem)

    def _worded(self, error: e.M1Error) -> e.M1Error:
        """Return an error in words that fit where no model is asked and nothing is charged."""
        kind = type(error)
        error.todo = TODO.get(kind, error.todo)
        if kind in (e.KeyRefused, e.Flagged):
            error.todo = f"{self._key.source} must hold a management key; {MADE_AT}"
        if kind is not e.CannotConnect:
            error.cost = ""
        if kind is e.KeyRefused:
            error.what = error.what.replace("the key", f"the key from {self._key.source}", 1)
        elif kind is e.LoginPage:
            error.what = error.what.replace("the prompt", "the key")
        elif kind is e.NoSuchModel:
            error.what = f"{self.name} has no list of keys at this address."
        elif kind is e.ProviderDown:
            error.what = error.what.replace("The provider", self.name)
            error.what = error.what.replace("No provider is free", f"{self.name} is busy")
        return error


def moment(value: object) -> datetime | None:
    """Return a time of ISO 8601 in UTC; None for anything else."""
    try:
        then = datetime.fromisoformat(value if isinstance(value, str) else "")
        return then.astimezone(UTC) if then.tzinfo else then.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _account_key(data: Mapping[str, Any]) -> AccountKey | None:
    """Return a key as the server tells it; None for what has no hash or no name."""
    hash, name = data.get("hash"), data.get("name")
    if not (isinstance(hash, str) and hash and isinstance(name, str)):
        return None
    used, own = amount(data.get("usage")), amount(data.get("byok_usage"))
    if used is not None and own is not None and data.get("include_byok_in_limit") is True:
        used += own
    return AccountKey(
        hash,
        name,
        limit=amount(data.get("limit")),
        used=used,
        left=amount(data.get("limit_remaining")),
        created=moment(data.get("created_at")),
        expires=moment(data.get("expires_at")),
        last_used=moment(data.get("last_used_at")),
        disabled=data.get("disabled") is True,
    )
