"""OpenRouter's browser login with a code to paste (OpenRouter docs, "OAuth PKCE")."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Challenge:
    """One browser login: the URL to open, and the verifier that the pasted code needs."""

    verifier: str = field(repr=False)
    url: str


def challenge(label: str = "m1-magic") -> Challenge:
    """Return a login at OpenRouter whose page shows a code to paste; ``label`` names the new key.

    Without ``callback_url`` and with a challenge the page shows the code instead of redirecting
    (OpenRouter docs, "OAuth PKCE"); the verifier is 43 characters, as RFC 7636 asks.
    """
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    query = {
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
        "code_challenge_method": "S256",
        "key_label": label,
    }
    return Challenge(verifier, f"https://openrouter.ai/auth?{urlencode(query)}")
