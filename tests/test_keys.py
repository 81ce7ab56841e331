"""Keys: found in order, for the right host only, kept privately, and never shown."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import logging
import multiprocessing
import os
import pickle
import reprlib
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest

from ledgers import full_disk
from m1_magic import ask, keys
from m1_magic.errors import BadKey, BadSetting, KeyProblem, NoKey
from m1_magic.keys import login
from m1_magic.keys import ring as keyring_module
from m1_magic.settings.endpoints import OFFLINE, OPENROUTER, endpoint

# Put together at run time, so that no scanner takes this file for a leak.
BODY = "c0ffee" * 10 + "abcd"
TEXT = "sk-or-" + "v1-" + BODY
OTHER = "other-server-" + "9" * 20
HOME = endpoint(OPENROUTER)
ELSEWHERE = endpoint("https://llm.example.org/v1")
LOCAL = endpoint("http://127.0.0.1:8000/v1")
POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and owners are POSIX")
GIVING = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to give away"
)
NOTHING: keyring.backend.KeyringBackend = keyring.backends.fail.Keyring()  # type: ignore[no-untyped-call]


class Working(keyring.backend.KeyringBackend):
    """A keyring in memory; each test has its own."""

    priority = 5.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        assert type(password) is str, "real backends hand it to C libraries"
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("not there")


class Raising(Working):
    """A keyring that is there and broken."""

    error: Exception = keyring.errors.KeyringError("no D-Bus")

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    set_password = delete_password = get_password  # type: ignore[assignment]


class Weak(Working):
    """A keyring that nobody recommends, such as a plain-text file."""

    priority = 0.5


class Forgetful(Working):
    """A keyring that says yes and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return None


class Clinging(Working):
    """A keyring that does not let go."""

    def delete_password(self, service: str, username: str) -> None:
        raise keyring.errors.PasswordDeleteError("denied")


class Hanging(Working):
    """A locked keyring that waits for a password; ``open`` is the password."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.entered = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.entered.set()
        self.open.wait()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.get_password(service, username)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no hanging keyring; the tests of one set their own limit."""
    monkeypatch.setattr(keyring_module, "KEYRING_SECONDS", 60.0)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Give each test no keyring but its own."""
    before = keyring.get_keyring()
    keyring.set_keyring(NOTHING)
    yield
    keyring.set_keyring(before)


@pytest.fixture
def ring() -> Working:
    working = Working()
    keyring.set_keyring(working)
    return working


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    monkeypatch.setattr(keyring_module, "KEYRING_SECONDS", 0.1)
    backend = Hanging()
    keyring.set_keyring(backend)
    yield backend
    backend.open.set()
    for thread in threading.enumerate():
        if thread.name.startswith(keyring_module.SERVICE):
            thread.join(60)


@pytest.fixture
def key_file(own_home: Path) -> Path:
    return own_home / "keys.json"


def put(path: Path, content: object, mode: int = 0o600) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    path.chmod(mode)
    return path


def hidden(text: str) -> None:
    """Assert that no part of the key is in ``text``."""
    assert not [start for start in range(len(TEXT) - 7) if TEXT[start : start + 8] in text]


# --- a key is never shown ---------------------------------------------------------------------


def test_k5_a_key_shows_where_it_comes_from_and_nothing_else() -> None:
    key = keys.find(HOME, {"OPENROUTER_API_KEY": TEXT})
    assert repr(key) == str(key) == f"{key!r}" == f"{key!s}" == "<key from OPENROUTER_API_KEY>"
    assert key.source == "OPENROUTER_API_KEY"
    stream = io.StringIO()
    print(key, [key], {"k": key}, (key,), "%s %r" % (key, key), file=stream)  # noqa: UP031
    hidden(stream.getvalue() + reprlib.repr(key) + repr(key[:60]) + repr(key[5]))


def test_the_wire_gets_the_whole_key() -> None:
    key = keys.find(HOME, {"OPENROUTER_API_KEY": TEXT})
    assert f"Bearer {key}" == "Bearer " + TEXT
    assert key.reveal() == TEXT == key
    assert type(key.reveal()) is str
    assert hash(key) == hash(TEXT)


def test_k5_the_openai_client_sends_it_and_does_not_show_it() -> None:
    openai = pytest.importorskip("openai")
    key = keys.find(HOME, {"OPENROUTER_API_KEY": TEXT})
    with openai.OpenAI(api_key=key, base_url="http://127.0.0.1:9/v1") as client:
        assert client.auth_headers == {"Authorization": "Bearer " + TEXT}
        hidden(repr(client) + repr(client.api_key))


def test_k5_copies_are_as_masked_as_the_key() -> None:
    key = keys.Key(TEXT, "here")
    for twin in (
        copy.copy(key),
        copy.deepcopy(key),
        copy.deepcopy([key])[0],
        keys.Key(key, "here"),
    ):
        assert twin == TEXT
        assert repr(twin) == "<key from here>"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_k5_a_key_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="never pickled") as caught:
        pickle.dumps({"key": keys.Key(TEXT, "here")}, protocol)
    hidden(str(caught.value))


def test_k10_logs_do_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("m1").debug("key %s %r", keys.Key(TEXT, "here"), keys.Key(TEXT, "here"))
    assert "<key from here>" in caplog.text
    hidden(caplog.text)


def test_rich_with_locals_does_not_show_even_a_long_one() -> None:
    pretty = pytest.importorskip("rich.pretty")
    long = keys.Key(TEXT * 3, "here")
    shown = pretty.pretty_repr({"key": long}, max_string=80)
    assert "<key from here>" in shown
    hidden(shown)


def test_k11_no_error_carries_it_along(key_file: Path) -> None:
    put(key_file, '{"openrouter.ai": "' + TEXT + '", broken')
    with pytest.raises(BadKey, match="damaged") as caught:
        keys.find(HOME)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    hidden(str(caught.value) + repr(caught.value) + repr(vars(caught.value)))


# --- malformed keys ---------------------------------------------------------------------------

MALFORMED = {
    "newline at the end": (TEXT + "\n", "ends with a line break"),
    "carriage return at the end": (TEXT + "\r\n", "ends with a line break"),
    "newline inside": (TEXT[:20] + "\n" + TEXT[20:], "holds a line break"),
    "newline before": ("\n" + TEXT, "holds a line break"),
    "space before": (" " + TEXT, "begins or ends with a space"),
    "space after": (TEXT + " ", "begins or ends with a space"),
    "tab after": (TEXT + "\t", "begins or ends with a space"),
    "space inside": (TEXT[:20] + " " + TEXT[20:], "has a space inside"),
    "double quotes": (f'"{TEXT}"', "stands in quotes"),
    "single quotes": (f"'{TEXT}'", "stands in quotes"),
    "curly quotes": (f"\u201c{TEXT}\u201d", "stands in quotes"),
    "Bearer": (f"Bearer {TEXT}", 'begins with "Bearer"'),
    "bearer": (f"bearer {TEXT}", 'begins with "Bearer"'),
    "a letter": (TEXT + "é", "not ASCII"),
    "a dash": (TEXT.replace("-", "\u2011"), "not ASCII"),
    "zero width": (TEXT[:9] + "\u200b" + TEXT[9:], "not ASCII"),
    "undecodable": (TEXT + "\udcff", "not ASCII"),
    "control": (TEXT[:9] + "\x1b" + TEXT[9:], "control character"),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("door", ["OPENROUTER_API_KEY", "system keyring", "keys.json", "%m1 login"])
def test_s110_a_malformed_key_is_named_as_the_problem(
    monkeypatch: pytest.MonkeyPatch, name: str, door: str, ring: Working, key_file: Path
) -> None:
    text, problem = MALFORMED[name]
    if door == "OPENROUTER_API_KEY":
        monkeypatch.setenv(door, text)
    elif door == "system keyring":
        ring.kept["m1-magic", "openrouter.ai"] = text
    elif door == "keys.json":
        put(key_file, {"openrouter.ai": text})
    with pytest.raises(BadKey) as caught:
        if door == "%m1 login":
            keys.store("openrouter.ai", text)
        else:
            ask("hi", namespace={})
    told = str(caught.value)
    assert problem in told
    assert door in told
    assert "Nothing was sent" in told
    assert "bare key" in told
    hidden(told)
    if door == "%m1 login":
        assert not ring.kept
        assert not key_file.exists()


@pytest.mark.parametrize("blank", ["", "  \n"])
def test_what_is_empty_is_no_key(ring: Working, key_file: Path, blank: str) -> None:
    variable = {"OPENROUTER_API_KEY": blank}
    assert keys.known(HOME, variable) == keys.LATER
    ring.kept["m1-magic", "openrouter.ai"] = blank
    put(key_file, {"openrouter.ai": blank})
    with pytest.raises(NoKey):
        keys.find(HOME, variable)
    put(key_file, {"openrouter.ai": TEXT})
    assert keys.find(HOME, variable).source == str(key_file)
    ring.kept["m1-magic", "openrouter.ai"] = TEXT
    assert keys.find(HOME, variable).source == "system keyring"
    with pytest.raises(BadKey, match="is empty"):
        keys.store("openrouter.ai", blank)
    with pytest.raises(NoKey):
        keys.management(HOME, {"OPENROUTER_MANAGEMENT_KEY": blank})


# --- which key for which host -----------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["openrouter.ai", "eu.openrouter.ai", "127.0.0.1", "::1", "localhost"]
)
def test_an_openrouter_key_goes_to_openrouter_and_to_this_machine(host: str) -> None:
    assert keys.check(TEXT, "M1_API_KEY", host) == TEXT


@pytest.mark.parametrize(
    "host",
    [
        "llm.example.org",
        "openrouter.ai.example.org",
        "evilopenrouter.ai",
        "openrouter.ai.",
        "openrouter.com",
        "192.168.0.7",
        "127.0.0.1.example.org",
        "localhost.example.org",
    ],
)
@pytest.mark.parametrize("text", [TEXT, TEXT.upper(), "sk-or-" + "x" * 30])
def test_an_openrouter_key_goes_nowhere_else(host: str, text: str) -> None:
    target = endpoint(f"https://{host}/v1")
    with pytest.raises(BadKey, match="goes only to openrouter") as caught:
        keys.find(target, {"M1_API_KEY": text})
    assert host in str(caught.value)
    assert "Nothing was sent" in str(caught.value)
    hidden(str(caught.value))
    with pytest.raises(BadKey, match="goes only to openrouter"):
        keys.store(host, text)


def test_stored_openrouter_keys_do_not_leave_for_another_host_either(
    ring: Working, key_file: Path
) -> None:
    put(key_file, {"llm.example.org": TEXT})
    with pytest.raises(BadKey, match="goes only to openrouter"):
        keys.find(ELSEWHERE)
    ring.kept["m1-magic", "llm.example.org"] = TEXT
    with pytest.raises(BadKey, match="system keyring is an OpenRouter key"):
        keys.find(ELSEWHERE)


@pytest.mark.parametrize(
    ("target", "environ", "source"),
    [
        (HOME, {"OPENROUTER_API_KEY": TEXT, "M1_API_KEY": OTHER}, "OPENROUTER_API_KEY"),
        (
            endpoint("https://eu.openrouter.ai/api/v1"),
            {"OPENROUTER_API_KEY": TEXT},
            "OPENROUTER_API_KEY",
        ),
        (ELSEWHERE, {"OPENROUTER_API_KEY": TEXT, "M1_API_KEY": OTHER}, "M1_API_KEY"),
        (LOCAL, {"OPENROUTER_API_KEY": TEXT, "M1_API_KEY": OTHER}, "M1_API_KEY"),
        (LOCAL, {"OPENROUTER_API_KEY": TEXT}, "OPENROUTER_API_KEY"),
        (LOCAL, {"M1_API_KEY": TEXT}, "M1_API_KEY"),
    ],
)
def test_k17_each_endpoint_has_its_variable(
    target: Any, environ: dict[str, str], source: str
) -> None:
    key = keys.find(target, environ)
    assert (key.source, key.reveal()) == (source, environ[source])
    assert keys.known(target, environ) == source


@pytest.mark.parametrize(
    ("target", "environ"),
    [(HOME, {"M1_API_KEY": OTHER}), (ELSEWHERE, {"OPENROUTER_API_KEY": TEXT})],
)
def test_the_variable_of_another_endpoint_does_not_count(
    target: Any, environ: dict[str, str]
) -> None:
    assert keys.known(target, environ) == "looked up at first use"
    with pytest.raises(NoKey):
        keys.find(target, environ)


def test_the_process_environment_is_read_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", TEXT)
    assert keys.find(HOME) == TEXT
    monkeypatch.setenv("OPENROUTER_API_KEY", TEXT[::-1])
    assert keys.find(HOME) == TEXT[::-1]


def test_a_local_server_needs_no_key() -> None:
    key = keys.find(LOCAL, {})
    assert (key.reveal(), key.source) == ("none", "not needed")


def test_the_offline_model_needs_no_key_and_is_given_none(ring: Working) -> None:
    key = keys.find(endpoint(OFFLINE), {"OPENROUTER_API_KEY": TEXT, "M1_API_KEY": TEXT})
    assert (key.reveal(), key.source) == ("none", "not needed")
    assert keys.known(endpoint(OFFLINE), {"OPENROUTER_API_KEY": TEXT}) == "not needed"
    assert ring.asked == 0


def test_without_a_key_the_ways_on_are_named() -> None:
    with pytest.raises(NoKey) as caught:
        keys.find(HOME, {})
    told = str(caught.value)
    for words in (
        "nothing was sent",
        "%m1 login",
        "openrouter.ai/keys",
        "needs credit",
        "%m1 use offline",
        "98 mb once",
        "often wrong",
        "--dry-run",
        "no key needed",
    ):
        assert words in told.lower()
    assert "\n" not in told


def test_without_a_key_for_another_host_the_host_is_named() -> None:
    with pytest.raises(NoKey) as caught:
        keys.find(ELSEWHERE, {})
    assert "%m1 login llm.example.org" in str(caught.value)
    assert "M1_API_KEY" in str(caught.value)


# --- the order of places ----------------------------------------------------------------------


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for the module that only Colab has: a secret, or an error to raise."""
    secrets: dict[str, Any] = {}

    def get(name: str) -> Any:
        if isinstance(secrets.get(name), Exception):
            raise secrets[name]
        return secrets[name]

    package, module = types.ModuleType("google.colab"), types.ModuleType("google.colab.userdata")
    module.get = get  # type: ignore[attr-defined]
    package.userdata = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", package)
    monkeypatch.setitem(sys.modules, "google.colab.userdata", module)
    return secrets


def test_k17_environment_then_colab_then_keyring_then_file(
    colab: dict[str, Any], ring: Working, key_file: Path
) -> None:
    places = ["environment", "colab", "keyring", "file"]
    texts = {place: TEXT[:-9] + place for place in places}
    environ = {"OPENROUTER_API_KEY": texts["environment"]}
    colab["OPENROUTER_API_KEY"] = texts["colab"]
    ring.kept["m1-magic", "openrouter.ai"] = texts["keyring"]
    put(key_file, {"openrouter.ai": texts["file"]})

    first = keys.find(HOME, environ)
    assert (first, first.source) == (texts["environment"], "OPENROUTER_API_KEY")
    assert ring.asked == 0
    second = keys.find(HOME, {})
    assert (second, second.source) == (texts["colab"], "OPENROUTER_API_KEY in Colab Secrets")
    assert ring.asked == 0
    colab.clear()
    third = keys.find(HOME, {})
    assert (third, third.source) == (texts["keyring"], "system keyring")
    ring.kept.clear()
    fourth = keys.find(HOME, {})
    assert (fourth, fourth.source) == (texts["file"], str(key_file))


@pytest.mark.parametrize("failure", [PermissionError("denied"), TimeoutError("slow"), None])
def test_a_failing_colab_is_passed_over(failure: Any, colab: dict[str, Any], ring: Working) -> None:
    if failure:
        colab["OPENROUTER_API_KEY"] = failure
    ring.kept["m1-magic", "openrouter.ai"] = TEXT
    assert keys.find(HOME, {}).source == "system keyring"


def test_a_malformed_colab_secret_is_named(colab: dict[str, Any]) -> None:
    colab["OPENROUTER_API_KEY"] = TEXT + "\n"
    with pytest.raises(BadKey, match="OPENROUTER_API_KEY in Colab Secrets ends with a line break"):
        keys.find(HOME, {})


@pytest.mark.parametrize(
    "backend",
    [
        keyring.backends.fail.Keyring,
        keyring.backends.null.Keyring,
        Raising,
        type("Locked", (Raising,), {"error": keyring.errors.KeyringLocked("locked")}),
        type("Bus", (Raising,), {"error": RuntimeError("D-Bus: sk-or-" + BODY)}),
        Weak,
    ],
)
def test_k13_an_unusable_keyring_is_passed_over_and_the_file_is_used(
    backend: Any, key_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(NoKey):
        keys.find(HOME, {})
    assert keys.store("openrouter.ai", TEXT) == str(key_file)
    assert keys.find(HOME, {}).source == str(key_file)
    assert keys.forget("openrouter.ai", {}) == (str(key_file),)
    assert capfd.readouterr() == ("", "")


def test_a_keyring_that_keeps_nothing_is_not_believed(key_file: Path) -> None:
    keyring.set_keyring(Forgetful())
    assert keys.store("openrouter.ai", TEXT) == str(key_file)


def test_without_the_keyring_package_the_file_is_used(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert keys.store("openrouter.ai", TEXT) == str(key_file)
    assert keys.find(HOME, {}) == TEXT


def test_k13_a_hanging_keyring_holds_nobody_up_twice(hanging: Hanging, key_file: Path) -> None:
    put(key_file, {"openrouter.ai": TEXT})
    assert keys.find(HOME, {}).source == str(key_file)
    assert hanging.asked == 1
    assert keys.find(HOME, {}).source == str(key_file)
    assert keys.store("openrouter.ai", TEXT) == str(key_file)
    assert hanging.asked == 1, "while it hangs it is not asked again"
    places = keys.forget("openrouter.ai", {})
    assert places[0] == str(key_file)
    assert "does not answer" in places[1]
    with pytest.raises(NoKey, match="keyring does not answer"):
        keys.find(HOME, {})


def test_a_keyring_that_was_unlocked_is_asked_again(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoKey):
        keys.find(HOME, {})
    hanging.kept["m1-magic", "openrouter.ai"] = TEXT
    hanging.open.set()
    for thread in threading.enumerate():
        if thread.name.startswith(keyring_module.SERVICE):
            thread.join(60)
    monkeypatch.setattr(keyring_module, "KEYRING_SECONDS", 60)
    assert keys.find(HOME, {}).source == "system keyring"


def test_two_at_once_both_get_the_key_of_a_slow_keyring(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_module, "KEYRING_SECONDS", 60)
    hanging.kept["m1-magic", "openrouter.ai"] = TEXT
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(keys.find(HOME, {}).source)) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    assert hanging.entered.wait(60)
    hanging.open.set()
    for thread in threads:
        thread.join()
    assert found == ["system keyring"] * 2


def test_the_status_line_asks_neither_keyring_nor_files(ring: Working, key_file: Path) -> None:
    put(key_file, "broken", 0o644)
    assert keys.known(HOME, {}) == "looked up at first use"
    assert ring.asked == 0


# --- storing and forgetting -------------------------------------------------------------------


def test_login_and_logout_with_a_keyring(ring: Working, key_file: Path) -> None:
    assert keys.store("openrouter.ai", TEXT) == "system keyring"
    assert ring.kept == {("m1-magic", "openrouter.ai"): TEXT}
    assert not key_file.exists()
    assert keys.find(HOME, {}) == TEXT
    assert keys.forget("openrouter.ai", {}) == ("system keyring",)
    assert ring.kept == {}
    assert keys.forget("openrouter.ai", {}) == ()


def test_forgetting_reaches_every_place_and_names_what_it_cannot_reach(
    ring: Working, key_file: Path
) -> None:
    put(key_file, {"openrouter.ai": TEXT, "llm.example.org": OTHER})
    ring.kept["m1-magic", "openrouter.ai"] = TEXT
    places = keys.forget("openrouter.ai", {"OPENROUTER_API_KEY": TEXT})
    assert places == (
        str(key_file),
        "system keyring",
        "OPENROUTER_API_KEY is still set in the environment",
    )
    assert json.loads(key_file.read_text("utf-8")) == {"llm.example.org": OTHER}


def test_a_keyring_that_does_not_let_go_is_named() -> None:
    clinging = Clinging()
    clinging.kept["m1-magic", "openrouter.ai"] = TEXT
    keyring.set_keyring(clinging)
    assert keys.forget("openrouter.ai", {}) == ("the system keyring still holds one",)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("llm.example.org", "https://llm.example.org/v1"),
        ("LLM.example.org", "https://llm.example.org/v1"),
        ("https://llm.example.org/v1", "https://llm.example.org/v1"),
        ("llm.example.org:8443", "https://llm.example.org:8443/v1"),
        ("::1", "http://[::1]:8000/v1"),
        ("[::1]:8000", "http://[::1]:8000/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
    ],
)
def test_a_stored_key_is_found_for_the_same_host(typed: str, url: str, ring: Working) -> None:
    keys.store(typed, OTHER)
    assert keys.find(endpoint(url), {}) == OTHER
    assert keys.forget(typed, {}) == ("system keyring",)


def test_subdomains_of_openrouter_share_the_login(ring: Working) -> None:
    keys.store("openrouter.ai", TEXT)
    assert keys.find(endpoint("https://eu.openrouter.ai/api/v1"), {}) == TEXT


def test_a_stored_key_is_for_its_host_only(ring: Working, key_file: Path) -> None:
    keys.store("a.example.org", OTHER)
    put(key_file, {"b.example.org": OTHER})
    with pytest.raises(NoKey):
        keys.find(endpoint("https://c.example.org/v1"), {})
    with pytest.raises(NoKey):
        keys.find(endpoint("https://example.org/v1"), {})


@pytest.mark.parametrize(
    "typed", ["", "two words", "https://user:pw@x.example/v1", "http://x.example"]
)
def test_a_host_that_is_none_is_refused(typed: str, ring: Working) -> None:
    with pytest.raises(BadSetting):
        keys.store(typed, OTHER)
    assert not ring.kept


# --- the file ---------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_k15_the_file_is_private_whatever_the_umask(umask: int, key_file: Path) -> None:
    before = os.umask(umask)
    try:
        assert keys.store("openrouter.ai", TEXT) == str(key_file)
        assert keys.store("llm.example.org", OTHER) == str(key_file)
    finally:
        os.umask(before)
    kept = {path.name: path.stat().st_mode & 0o777 for path in key_file.parent.iterdir()}
    assert kept == {"keys.json": 0o600}
    assert json.loads(key_file.read_text("utf-8")) == {
        "openrouter.ai": TEXT,
        "llm.example.org": OTHER,
    }


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602, 0o610])
def test_k14_a_file_that_others_can_open_is_refused(mode: int, key_file: Path) -> None:
    put(key_file, {"openrouter.ai": TEXT}, mode)
    for action in (
        lambda: keys.find(HOME, {}),
        lambda: keys.store("llm.example.org", OTHER),
        lambda: keys.forget("openrouter.ai", {}),
    ):
        with pytest.raises(BadKey) as caught:
            action()
        assert f"chmod 600 {key_file}" in str(caught.value)
        hidden(str(caught.value))
    assert json.loads(key_file.read_text("utf-8")) == {"openrouter.ai": TEXT}
    key_file.chmod(0o600)
    assert keys.find(HOME, {}) == TEXT


@POSIX
@pytest.mark.parametrize("there", [True, False])
def test_k14_a_link_is_refused(there: bool, key_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.json"
    if there:
        put(target, {"openrouter.ai": TEXT})
    key_file.parent.mkdir(mode=0o700)
    key_file.symlink_to(target)
    with pytest.raises(BadKey, match="is a link"):
        keys.find(HOME, {})
    with pytest.raises(BadKey, match="is a link"):
        keys.store("openrouter.ai", TEXT)
    assert target.exists() is there


@POSIX
def test_a_pipe_or_a_folder_in_its_place_is_refused_at_once(key_file: Path) -> None:
    key_file.parent.mkdir(mode=0o700)
    os.mkfifo(key_file, 0o600)
    with pytest.raises(BadKey, match="not a plain file"):
        keys.find(HOME, {})
    key_file.unlink()
    key_file.mkdir(mode=0o700)
    with pytest.raises(BadKey):
        keys.find(HOME, {})


@GIVING
def test_k14_a_folder_open_to_all_gives_nothing_away(key_file: Path) -> None:
    put(key_file, {"openrouter.ai": TEXT}).parent.chmod(0o777)
    assert keys.find(HOME, {}) == TEXT
    os.rename(put(key_file.with_name("theirs"), {"openrouter.ai": TEXT}), key_file)
    os.chown(key_file, 12345, -1)  # as another user would replace it
    with pytest.raises(BadKey, match="belongs to another user"):
        keys.find(HOME, {})
    key_file.unlink()
    assert keys.store("openrouter.ai", TEXT) == str(key_file)
    assert key_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"x"', "null", '{"openrouter.ai": 7}', "\udcff"]
)
def test_a_damaged_file_is_named_and_left_alone(content: str, key_file: Path) -> None:
    put(key_file, "{}")
    raw = content.encode("utf-8", "surrogateescape")
    key_file.write_bytes(raw)
    with pytest.raises(BadKey, match="damaged"):
        keys.find(HOME, {})
    with pytest.raises(BadKey, match="damaged"):
        keys.store("openrouter.ai", TEXT)
    assert key_file.read_bytes() == raw


def test_a_home_that_cannot_be_made_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").write_text("x", "utf-8")
    monkeypatch.setenv("M1_HOME", str(tmp_path / "plain" / "home"))
    with pytest.raises(NoKey):
        keys.find(HOME, {})
    assert keys.find(LOCAL, {}).source == "not needed"


def test_a_file_that_cannot_be_written_is_named(key_file: Path) -> None:
    put(key_file, "{}")
    with full_disk(), pytest.raises(KeyProblem, match="cannot be written") as caught:
        keys.store("openrouter.ai", TEXT)
    assert "environment" in str(caught.value)
    hidden(str(caught.value))
    assert json.loads(key_file.read_text("utf-8")) == {}


def log_in(start: int) -> None:
    keyring.set_keyring(NOTHING)
    for number in range(start, start + 20):
        keys.store(f"h{number}.example.org", OTHER)


@POSIX
def test_processes_that_log_in_at_once_lose_nothing(key_file: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=log_in, args=(start,)) for start in (0, 20, 40, 60)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    kept = json.loads(key_file.read_text("utf-8"))
    assert sorted(kept) == sorted(f"h{number}.example.org" for number in range(80))
    assert {p.name for p in key_file.parent.iterdir()} == {"keys.json"}


# --- login in a browser -----------------------------------------------------------------------


def test_the_login_url_asks_for_a_code_to_paste() -> None:
    made = login.challenge("my label & more")
    url = urlsplit(made.url)
    query = parse_qs(url.query, strict_parsing=True)
    digest = hashlib.sha256(made.verifier.encode()).digest()
    assert (url.scheme, url.hostname, url.path) == ("https", "openrouter.ai", "/auth")
    assert query == {
        "code_challenge": [base64.urlsafe_b64encode(digest).decode().rstrip("=")],
        "code_challenge_method": ["S256"],
        "key_label": ["my label & more"],
    }


def test_the_verifier_is_new_long_enough_and_not_shown() -> None:
    one, two = login.challenge(), login.challenge()
    assert one.verifier != two.verifier
    assert 43 <= len(one.verifier) <= 128
    assert one.verifier not in repr(one)
    assert one.verifier not in one.url
    assert "key_label=m1-magic" in one.url
