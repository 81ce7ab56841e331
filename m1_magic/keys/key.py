"""A key that shows only where it came from, and what a string must be to be one."""

from __future__ import annotations

import re
from typing import NoReturn, SupportsIndex

from ..errors import BadKey
from ..settings.endpoints import Endpoint, endpoint
from ..text import one_line

BARE = 'Give the bare key there: one line, no quotes, no spaces, no "Bearer "; or use %m1 login.'
QUOTES = "\"'`\u2018\u2019\u201c\u201d"
PROBLEMS = (
    ("is empty", r"\A\s*\Z"),
    ("ends with a line break", r"\A[^\r\n]*[\r\n]+\Z"),
    ("holds a line break", r"[\r\n]"),
    ("begins or ends with a space", r"\A\s|\s\Z"),
    ("stands in quotes", rf"\A[{QUOTES}]|[{QUOTES}]\Z"),
    ('begins with "Bearer"', r"(?i)\Abearer\s"),
    ("has a space inside", r"\s"),
    ("holds a character that is not ASCII", r"[^\x00-\x7f]"),
    ("holds a control character", r"[\x00-\x1f\x7f]"),
)


class Key(str):
    """An API key that shows only where it came from; ``reveal()`` gives its text.

    ``f"{key}"`` gives the text too, because the OpenAI SDK builds its header that way
    (``openai/lib/_client_auth.py``); ``str()``, ``repr()``, ``print`` and ``%s`` do not.
    """

    __slots__ = ("source",)
    source: str

    def __new__(cls, text: str, source: str) -> Key:
        """Mark ``text`` as a key read from ``source``; ``check`` says whether it can be one."""
        self = super().__new__(cls, text.reveal() if isinstance(text, Key) else text)
        self.source = source
        return self

    def reveal(self) -> str:
        """Return the text of the key, for the wire and for the keyring."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"<key from {self.source}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(self.reveal(), spec)

    def __getitem__(self, index: SupportsIndex | slice) -> Key:
        # Tools that shorten long locals (rich's show_locals) slice before they print.
        return Key(self.reveal()[index], self.source)

    def __copy__(self) -> Key:
        return self

    def __deepcopy__(self, memo: object) -> Key:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a key is never pickled; let the other process find its own key")


def check(text: str, source: str, host: str) -> Key:
    """Return ``text`` as a key for ``host``, or raise BadKey, which shows nothing of it."""
    key = text = Key(text, source)
    for words, pattern in PROBLEMS:
        if re.search(pattern, key):
            raise BadKey(f"The key from {source} {words}.", todo=BARE)
    if key.lower().startswith("sk-or-") and not as_endpoint(host).openrouter:
        raise BadKey(
            f"The key from {source} is an OpenRouter key: it goes only to openrouter.ai, not to "
            f"{one_line(host, 80)}.",
            todo=f"Put a key of {one_line(host, 80)} into M1_API_KEY, store one with %m1 login "
            f"{one_line(host, 80)}, or go back with %m1 use openrouter.",
        )
    return key


def as_endpoint(host: str) -> Endpoint:
    """Return the https endpoint of a host name, or of a base URL as typed."""
    if "://" in host:
        return endpoint(host)
    return endpoint(
        f"https://[{host}]" if host.count(":") > 1 and host[0] != "[" else f"https://{host}"
    )
