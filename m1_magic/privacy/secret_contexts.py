"""The table of secrets that show by what stands before them: a name, a scheme, a header.

A password may be any word, so a judge decides: ``your-password`` and ``${TOKEN}`` are none. The
patterns see the text in lower case; their literals are looked for first, as in ``secret_formats``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

Judge = Callable[[str, int, int], bool]


class Context(NamedTuple):
    """What stands before a secret (one of the literals, then ``rest``, whose group it is)."""

    kind: str
    literals: tuple[str, ...]
    rest: str
    judge: Judge
    source: str
    checked: str = "2026-11-28"
    near: re.Pattern[str] | None = None  # without which in the text there is none


# Words of which the placeholders in manuals are made.
WORDS = (
    r"(?:pass(?:word|wd|phrase|wort)?|pwd?|pw|secrets?|tokens?|keys?|users?|(?:user)?name|login"
    r"|admin|root|guest|my|your|the|an?|api|access|auth|db|database|some|any|this|is|here|put"
    r"|insert|enter|paste|value|string|example|sample|test(?:ing|s)?|demo|dummy|fake|mock|redacted"
    r"|removed|hidden|masked|invalid|wrong|bad|old|new|change(?:me|it)?|to|replace|default|none"
    r"|null|nil|true|false|undefined|empty|foo|bar|baz|qux|spam|eggs|tiger|scott|super|very|long"
    r"|safe|secure|postgres|mysql|redis|mongo|rabbitmq|mssql|sa|localhost|abc|abcd|abcdef|xyz|xx+"
    r"|aa+|qwerty|asdf|letmein|host|port|encoded|base64|bearer|basic|client|id|service|account"
    r"|private|public|app|hash|salt|signing|sign|jwt|session|cookie|csrf|p@ssword|self|env|conn(?:info)?|config|settings|options|args|kwargs|params|parsed|ur[il]|info)"
)
PLACEHOLDER = re.compile(rf"(?>{WORDS}|[\W_]|\d{{1,4}}(?!\d)|1234567890|12345678|123456)++")
# In a URL a weak password is one, too, but for the words that manuals have in its place.
IN_MANUALS = re.compile(rf"(?:(?:my|your|the|an?|some|db|user)[ _-]?)?{WORDS}|[\W_]+|\d+,.*")
NO_VALUE = re.compile(r"\|\||!!|\.pass|[<>{}$*…\\]|\.\.\.|%[a-z(]|xxx|XXX|EXAMPLE|\bos\.|\(")
OURS = re.compile(r"[A-Za-z0-9+/=_.~-]+")
RUNS = re.compile(r"[a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]+")
CODE = re.compile(r"[A-Za-z_]+(?:[._/:-][A-Za-z_]*)*|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
NEAR = re.compile(
    r"(?:server|host(?:name)?|uid|user(?:[ _]?(?:id|name))?|driver|data source|dsn|dbname|database"
    r"|addr(?:ess)?|account|initial catalog|dbq)\s?=|jdbc:"
)
CURL = re.compile(r"\b(?:curl|https?|wget|xh)\b")


# Names of keys and tokens that open nothing.
OF_ANOTHER_KIND = re.compile(
    r"(?:cache|hash|client_?tok|lock|secretsmanager|public|routing|sort|digest|checksum|etag|page|next|continuation|sync|cursor"
    r"|partition|object|foreign|primary|idempotency|cancel|request|change|verification|starting"
    r"|registration|match|upload|device)[A-Za-z_-]{0,20}[^A-Za-z_]{1,8}$",
    re.IGNORECASE,
)


def typed(value: str) -> bool:
    """Is it a value that someone typed, and no placeholder, variable or call?"""
    return bool(value) and not NO_VALUE.search(value) and not PLACEHOLDER.fullmatch(value.lower())


def password(text: str, start: int, end: int) -> bool:
    """Is it a password, and neither a placeholder nor the user's name again?"""
    if end - start < 3:
        return False
    value, before = text[start:end].lower(), text[max(0, start - 100) : start].lower()
    same = before.endswith((f"/{value}:", f" {value}:"))
    known = IN_MANUALS.fullmatch(unquote(value)) or NO_VALUE.search(value)
    return not known and not same


def connected(text: str, start: int, end: int) -> bool:
    """Is it the password of a connection string, which names a server or a user, too?"""
    mark, value = text[start - 1], text[start:end]
    # In quotes: Python's argument, more often than a part of a string.
    if (
        value.islower()
        if mark in "\"'"
        else CODE.fullmatch(value) and (mark == "{" or "." in value)
    ):
        return False
    if not password(text, start, end):
        return False
    return NEAR.search(text[max(0, start - 300) : end + 200].lower()) is not None


def called(text: str, start: int, end: int) -> bool:
    """Is it the password that a program such as curl is given?"""
    before = text[max(0, start - 300) : start].rpartition("\n\n")[2]
    return password(text, start, end) and CURL.search(before) is not None


def basic(text: str, start: int, end: int) -> bool:
    """Is it the base64 of ``user:password``?"""
    try:
        user, colon, word = base64.b64decode(text[start:end], validate=True).decode().partition(":")
    except ValueError:
        return False
    return bool(user and colon and word) and (user + word).isprintable()


def random(text: str, start: int, end: int) -> bool:
    """Does it look as if a machine had made it: digits and letters in turns, or hexadecimal?"""
    value = text[start:end].rstrip(".")
    if OF_ANOTHER_KIND.search(text[max(0, start - 40) : start]):
        return False
    digits, letters = sum(map(str.isdigit, value)), sum(map(str.isalpha, value))
    if len(set(value)) < 8 or digits < 3 or letters < 3:
        return False
    if not typed(value) or not OURS.fullmatch(value) or CODE.fullmatch(value):
        return False
    bare = value.rstrip("=").replace("-", "").replace("_", "")
    if re.fullmatch("[0-9a-f]+|[0-9A-F]+", bare):
        return len(bare) >= 32 and (len(bare) % 8 == 0 or len(bare) in (37, 100))
    return len(value) >= 20 and len(RUNS.findall(bare)) / len(bare) > 0.3


def mixed(text: str, start: int, end: int) -> bool:
    """Is it base64 of random bytes: both cases and digits?"""
    value = text[start:end]
    return all(re.search(part, value) for part in ("[g-z]", "[A-Z]", "[0-9]")) and typed(value)


def complex_word(text: str, start: int, end: int) -> bool:
    """Is it a password of three kinds of characters, as rules for passwords want it?"""
    value = text[start:end]
    if value.islower() and value.isalnum():
        return False
    kinds = sum(bool(re.search(part, value)) for part in ("[a-z]", "[A-Z]", "[0-9]", r"[^\w.:/-]"))
    return kinds >= 3 and typed(value) and not CODE.fullmatch(value)


def handed(text: str, start: int, end: int) -> bool:
    """Is it a password on a command line, with digits?"""
    return any(map(str.isdigit, text[start:end])) and password(text, start, end)


def plain_value(text: str, start: int, end: int) -> bool:
    """Is it a value, and no placeholder?"""
    return typed(text[start:end])


def no_name(text: str, start: int, end: int) -> bool:
    """Is it no name of a class, nor the key of AWS's manuals?"""
    return not re.search("^(?:[A-Z][a-z]+){3,}$|EXAMPLE", text[start:end])


# Quotes may be escaped: JSON in JSON, a notebook's output.
ASSIGNED = r"[\"'\]\\]{0,4}+\s{0,3}+(?:=>|:=|==?|:)\s{0,3}+(?:[bruf]?\\{0,3}[\"'`]{1,3})?"
VALUE = r"(?P<secret>[a-z0-9+/=_.~%-]{16,400}+)(?![$*({\[])"
WORD = r"(?P<secret>[^\s\"'`,;<>(){}\[\]\\]{8,80})"
IN_STRING = (
    r"\s{0,2}(?:\{(?P<braced>[^}\n]{1,100})\}"
    r"|[\"']?(?P<secret>[^\s;\"'&,<>{}$()\[\]]{1,128}+)(?![,(\[)]))"
)
END = r"(?![a-z0-9+/=])"
USER = r"[^\s/?#@:\"'<>()\[\]{}\\|^`,]{0,100}"
WORD_BEFORE_AT = r"(?P<secret>[^\s/?#@\"'<>()\[\]{}\\|^`]{1,200})"
BLANK = r"(?:\s|\\[nrt])"
NETRC = (
    rf"{BLANK}{{0,20}}[^\s\\]{{1,200}}{BLANK}{{1,20}}(?:account{BLANK}{{1,20}}[^\s\\]{{1,200}}{BLANK}{{1,20}})?"
    rf"password{BLANK}{{1,20}}(?P<secret>[^\s=\\\"'<>]{{1,200}}+)(?!\s{{0,3}}=)"
)
# A header's value behind a scheme that is neither Basic nor Bearer.
OTHER = (
    r"[\"']?\s{0,3}[:=,]\s{0,3}[\"'f]{0,2}(?:token|bot|apikey|api-key|ssws|key|genie[a-z]{2,4})"
    r"[ =]{1,3}(?:token=)?(?P<secret>[a-z0-9._~+/=:-]{16,400})"
)
FORTY = r"(?P<secret>[a-z0-9/+]{40})(?![a-z0-9/+=])"
KEYS = (
    "api_key", "apikey", "api-key", "api key", "access_key", "accesskey", "account_key",
    "accountkey", "private_key", "privatekey", "subscription-key", "app_key", "auth_key",
    "master_key", "signing_key", "encryption_key", "storage_key", "license_key", "service_key",
    "shared_key", "hmac_key", "admin_key", "openai_key", "write_key", "secret_key", "auth_key",
    "auth-key", "secret", "token", "credential", "fernet_key",
)  # fmt: skip

CONTEXTS = (
    Context("password in a URL", ("://",), rf"(?<=[a-z0-9]://){USER}:{WORD_BEFORE_AT}@[a-z0-9\[_]",
            password, "RFC 3986"),
    Context("password in a URL", ("jdbc:oracle:",),
            rf"[a-z]{{2,5}}:[^\s/@\"']{{1,60}}/{WORD_BEFORE_AT}@", password, "docs.oracle.com"),
    Context("password", ("pwd=", "pwd =", "password="), IN_STRING, connected,
            "learn.microsoft.com, ODBC", near=NEAR),
    Context("Azure key", ("accountkey=",), rf"(?P<secret>[a-z0-9+/]{{80,88}}={{0,2}}){END}", mixed,
            "learn.microsoft.com, storage"),
    Context("Azure key", ("sharedaccesskey=", ";secret="),
            rf"(?P<secret>[a-z0-9+/]{{40,84}}={{0,2}}){END}", mixed, "learn.microsoft.com"),
    Context("Azure SAS", ("sig=",), r"(?P<secret>(?:[a-z0-9+/_-]|%2[bf]){43}(?:=|%3d))", mixed,
            "learn.microsoft.com, SAS"),
    Context("password", ("login ", "login\t", "login\n"),
            NETRC, password, "curl.se, netrc"),
    Context("password", ("machine ", "machine\t"), NETRC, password, "curl.se, netrc"),
    Context("Basic credentials", ("basic ",),
            rf"\s{{0,3}}(?P<secret>[a-z0-9+/]{{8,400}}={{0,2}}){END}", basic, "RFC 7617"),
    Context("Basic credentials", ('"auth', "_auth"),
            rf"[\\\"]{{0,4}}\s{{0,3}}[:=]\s{{0,3}}[\\\"]{{0,4}}"
            rf"(?P<secret>[a-z0-9+/]{{8,400}}={{0,2}}){END}", basic,
            "docs.docker.com, docs.npmjs.com"),
    Context("Bearer token", ("bearer ",), r"\s{0,3}(?P<secret>[a-z0-9._~+/-]{16,4000}={0,2})",
            random, "RFC 6750"),
    Context("token", ("authorization",), OTHER, random, "RFC 9110"),
    Context("npm token", ("_authtoken",), r"\s{0,3}=\s{0,3}\"?(?P<secret>[^\s\"'$]{8,400})",
            plain_value, "docs.npmjs.com"),
    Context("password", ("-u ", "--user ", "--user="),
            rf"[\"']?[^\s:\"'/]{{1,60}}:{WORD_BEFORE_AT}", called, "curl.se", near=CURL),
    Context("password", ("sshpass -p",),
            r"[ \"']{0,3}(?P<secret>[^\s\"'$<>{}()-][^\s\"'$<>{}()]{5,100})", handed, "sshpass(1)"),
    Context("Kaggle key", ('"username',),
            r"[\\\"]{1,4}\s{0,2}:\s{0,2}[^,\n]{1,60},\s{0,9}\\{0,3}\"key[\\\"]{1,4}"
            r"\s{0,2}:\s{0,2}[\\\"]{1,4}(?P<secret>[0-9a-f]{32})", plain_value,
            "kaggle.com/docs/api"),
    Context("key", ("?key=", "&key=", "appid="), r"(?P<secret>[a-z0-9_-]{30,64}+)(?![a-z0-9.%=])",
            random, "developer.valvesoftware.com, openweathermap.org"),
    Context("AWS key", ("secret_access_key", "secretaccesskey", "secret access key", "aws_secret"),
            rf"[a-z_]{{0,10}}[\"'\]]{{0,2}}\s{{0,3}}[:=,]\s{{0,3}}[\"']?{FORTY}", no_name,
            "docs.aws.amazon.com"),
    Context("AWS key", ("session_token", "sessiontoken", "security_token"),
            r"[\"'\]]{0,2}\s{0,3}[:=,]\s{0,3}[\"']?(?P<secret>[a-z0-9/+]{100,2000}={0,2})", mixed,
            "docs.aws.amazon.com"),
    # The secret alone on the line after its id, or in the field beside it.
    Context("AWS key", ("akia", "asia"),
            rf"[a-z0-9]{{16}}(?![a-z0-9])[^\0]{{0,160}}?(?<![a-z0-9/+=]){FORTY}", mixed,
            "docs.aws.amazon.com"),
    Context("key", KEYS, rf"[a-z0-9_]{{0,20}}+{ASSIGNED}{VALUE}", random,
            "gitleaks, generic-api-key"),
    Context("password", ("password", "passwd", "passphrase", "_pwd", "_pass"),
            rf"(?!i[vn]|ed|age|port)[a-z0-9_]{{0,20}}+{ASSIGNED}{WORD}", complex_word,
            "gitleaks, generic-api-key"),
)  # fmt: skip
