"""Where a setting comes from, what it may be, and where requests may go."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets import TraitError
from traitlets.config import Config

import kernels
from emulator import Answer, OpenRouter
from ledgers import CAP_READ, full_disk, ordinary_user
from m1_magic import api, files
from m1_magic.errors import BadSetting, LedgerProblem, UsageError
from m1_magic.settings.config import M1, change, send_level
from m1_magic.settings.endpoints import OFFLINE, OPENROUTER, Endpoint, endpoint
from m1_magic.settings.home import home
from m1_magic.settings.sources import ENVIRONMENT, load, save
from m1_magic.settings.traits import dollars

# What they are: the table of `%m1 help settings`, which `test_docs.py` compares with them.
DEFAULTS = {name: getattr(M1(), name) for name in M1.class_trait_names(config=True)}


def ipython(**values: Any) -> Config:
    """IPython's config, as ``c.M1.… = …`` in its files makes it."""
    made = Config()
    for name, value in values.items():
        made.M1[name] = value
    return made


def loaded(environ: Mapping[str, str] | None = None, files: Config | None = None) -> M1:
    with mock.patch.dict(os.environ, {**dict.fromkeys(ENVIRONMENT, ""), **(environ or {})}):
        return load(files)


# -- the settings ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_setting_has_a_sentence_of_help(name: str) -> None:
    assert M1.class_traits()[name].help.endswith((".", "?"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model", " other/model ", "other/model"),
        ("base_url", "https://vllm.example/v1", "https://vllm.example/v1"),
        ("base_url", "offline", "offline"),
        ("temperature", "0", 0.0),
        ("temperature", "none", None),
        ("top_p", "1", 1.0),
        ("max_tokens", "1,000", 1000),
        ("max_tokens", "16_000", 16000),
        ("system", "Be brief.", "Be brief."),
        ("send", "sample:3", "sample:3"),
        ("min_group", "1", 1),
        ("budget", "$1.50", Decimal("1.50")),
        ("budget", "0", Decimal(0)),
        ("budget", "None", None),
        ("budget_period", "day", "day"),
        ("budget_period", "Month", "month"),
        ("max_cost", "0.5", Decimal("0.5")),
        ("max_cost", "none", None),
        ("data_collection", "deny", "deny"),
        ("data_collection", "none", None),
        ("zdr", "true", True),
        ("zdr", "off", False),
        ("zdr", "none", None),
        ("max_price", "{'prompt': 0.5}", {"prompt": 0.5}),
        ("max_price", '{"prompt": 0.5, "completion": 2}', {"prompt": 0.5, "completion": 2}),
        ("own_secrets", r"{'case number': r'CASE-\d{6}'}", {"case number": r"CASE-\d{6}"}),
        ("own_secrets", r'{"case number": "CASE-\\d{6}"}', {"case number": r"CASE-\d{6}"}),
        ("tasks", """{'tutor': "Don't tell."}""", {"tutor": "Don't tell."}),
        ("deadline", "0.5", 0.5),
        ("max_retries", "0", 0),
        ("thinking", "DROP", "drop"),
        ("keep_text", "no", False),
        ("traceback", "on", True),
        ("footer", "stable", "stable"),
    ],
)
def test_values_without_python_quoting(name: str, text: str, value: object) -> None:
    settings = loaded()
    assert change(settings, name, text) == value
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)


CANNOT_BE = {
    "model": [""],
    "base_url": ["", "http://vllm.example/v1", "https://user:pw@host/v1"],
    "temperature": ["hot", "2.1", "-0.1", "nan"],
    "top_p": ["1.01"],
    "max_tokens": ["0", "1.5", "9" * 5000],
    "send": ["everything", "sample:-1"],
    "min_group": ["0"],
    "budget": ["lots", "-1", "nan", "inf", "1e999999", "1,50"],
    "budget_period": ["week"],
    "max_cost": ["true"],
    "data_collection": ["maybe"],
    "zdr": ["perhaps"],
    "max_price": ["0.5", "{'prompt': ", "(" * 5000, "print(1)"],
    "tasks": ["{'tutor': 5}"],
    "connect_timeout": ["0"],
    "deadline": ["inf", "nan"],
    "max_retries": ["-1"],
    "thinking": ["loud"],
    "render": ["pdf"],
    "keep_text": ["sometimes"],
    "footer": [""],
    "no_such_setting": ["1"],
    "parent": ["1"],
    "config": ["1"],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in CANNOT_BE.items() for text in texts]
)
def test_what_a_setting_cannot_be(name: str, text: str) -> None:
    settings = loaded()
    before = settings.trait_values()
    with pytest.raises(BadSetting) as caught:
        change(settings, name, text)
    told = str(caught.value)
    assert name in told and "\n" not in told and len(told) < 400
    assert isinstance(caught.value, TraitError)
    after = settings.trait_values()
    assert {n: after[n] for n in DEFAULTS} == {n: before[n] for n in DEFAULTS}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "hot", [1]])
def test_python_values_are_checked_too(value: object) -> None:
    settings = loaded()
    for name in ("temperature", "deadline"):
        with pytest.raises(TraitError):
            setattr(settings, name, value)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.50", "0.50"),
        ("$2", "2"),
        (0.1, "0.1"),
        (3, "3"),
        (Decimal("1E-9"), "1E-9"),
        (" 1 ", "1"),
    ],
)
def test_dollars(value: object, amount: str) -> None:
    assert dollars(value) == Decimal(amount)


@pytest.mark.parametrize("value", [True, None, "", "$", "1,5", "-1", "nan", "1e12", [], "€5"])
def test_what_is_no_sum_of_dollars(value: object) -> None:
    with pytest.raises(UsageError, match="no amount in US dollars"):
        dollars(value)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("names", ("names", 0)),
        (" Schema ", ("schema", 0)),
        ("STATS", ("stats", 0)),
        ("sample", ("sample", 5)),
        ("sample:12", ("sample", 12)),
        ("sample:0", ("sample", 0)),
    ],
)
def test_privacy_levels(text: str, level: tuple[str, int]) -> None:
    assert send_level(text) == level


@pytest.mark.parametrize(
    "text", ["", "all", "stats:3", "sample:-1", "sample:x", "sample:1.5", "names,stats"]
)
def test_unknown_privacy_levels(text: str) -> None:
    with pytest.raises(UsageError, match=r"names, schema, stats, sample or sample:N"):
        send_level(text)


# -- precedence -----------------------------------------------------------------------------


def test_set_goes_before_environment_before_saved_before_ipython_before_default(
    own_home: Path,
) -> None:
    files = ipython(model="from/ipython", budget=1, temperature=0.3)
    environ = {"M1_MODEL": "from/environment", "M1_BUDGET": "4"}
    assert loaded().model == DEFAULTS["model"]
    assert loaded({}, files).model == "from/ipython"
    save("model", "from/saved")
    save("temperature", 0.6)
    assert loaded({}, files).model == "from/saved"
    settings = loaded(environ, files)
    assert (settings.model, settings.budget) == ("from/environment", Decimal(4))
    assert settings.temperature == 0.6
    change(settings, "model", "from/set")
    assert settings.model == "from/set"
    # What traitlets applies again with each later change must not bring an older value back.
    settings.update_config(Config({"M1": {"top_p": 0.1}}))
    change(settings, "system", "Be brief.")
    assert (settings.model, settings.budget, settings.top_p) == ("from/set", Decimal(4), 0.1)
    assert settings.temperature == 0.6
    settings.update_config(Config({"M1": {"model": "from/config"}}))  # %config M1.model = …
    assert settings.model == "from/config"


def test_a_flag_goes_before_all(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    server.any_model = True
    server.say(*[Answer(text="Yes.")] * 4)
    sent = []
    for step in ("environment", "set", "flag"):
        if step == "environment":
            monkeypatch.setenv("M1_MODEL", "from/environment")
        elif step == "set":
            change(api.settings(), "model", "from/set")
        options = {"model": "from/flag"} if step == "flag" else {}
        api.ask("hi", namespace={}, **options)
        sent.append(server.chats[-1].body["model"])
    api.ask("hi", namespace={})
    assert [*sent, server.chats[-1].body["model"]] == [
        "from/environment",
        "from/set",
        "from/flag",
        "from/set",
    ]


def test_a_setting_of_none_hides_an_older_one(own_home: Path) -> None:
    settings = loaded({"M1_BUDGET": "4"}, ipython(zdr=True))
    assert change(settings, "budget", "none") is None
    assert change(settings, "zdr", "none") is None
    change(settings, "top_p", "0.5")
    assert (settings.budget, settings.zdr) == (None, None)
    save("zdr", None)
    assert loaded({}, ipython(zdr=True)).zdr is None


def test_empty_environment_variables_are_none() -> None:
    settings = loaded({"M1_MODEL": "", "M1_BUDGET": "", "M1_BASE_URL": ""})
    assert (settings.model, settings.budget) == (DEFAULTS["model"], None)


def test_s111_r08_only_our_own_variables_are_read() -> None:
    foreign = {"OPENAI_BASE_URL": "https://api.openai.com/v1", "OPENAI_API_KEY": "sk-1"}
    foreign |= {"OPENROUTER_BASE_URL": "https://x.example", "M1_SYSTEM": "x", "M1_TOP_P": "0"}
    assert loaded(foreign).trait_values() | {"config": None} == loaded().trait_values() | {
        "config": None
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [("M1_BUDGET", "lots"), ("M1_BUDGET", "-1"), ("M1_BASE_URL", "ftp://x"), ("M1_BASE_URL", "x")],
)
def test_a_bad_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(BadSetting, match=variable) as caught:
        loaded({variable: value})
    assert "\n" not in str(caught.value)


def test_a_bad_value_in_ipythons_config_is_named() -> None:
    with pytest.raises(BadSetting, match="'temperature'") as caught:
        loaded({}, ipython(temperature="hot"))
    assert "IPython's config" in str(caught.value) and "\n" not in str(caught.value)


def test_the_process_reads_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M1_MODEL", "from/environment")
    monkeypatch.setenv("M1_BUDGET", "0.5")
    assert api.settings().model == "from/environment"
    assert api.settings().budget == Decimal("0.5")
    assert api.settings() is api.settings()


# -- saved settings -------------------------------------------------------------------------


def test_saved_settings_come_back_exactly(own_home: Path) -> None:
    save("budget", Decimal("0.10"))
    save("max_price", {"prompt": 0.5})
    save("system", "Ça va?\n\ud800")
    save("budget", Decimal("0.30"))
    settings = loaded()
    assert settings.budget == Decimal("0.30")
    assert settings.max_price == {"prompt": 0.5}
    assert settings.system == "Ça va?\n\ud800"
    file = own_home / "settings.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in own_home.iterdir()] == ["settings.json"]


UNREADABLE = {
    "empty": b"",
    "half written": b'{"model": "x", "bud',
    "a list": b"[1, 2]",
    "a number": b"3",
    "null": b"null",
    "a text": b'"x"',
    "zeros": b"\x00" * 40,
    "too deep": b"[" * 100_000,
    "no UTF-8": b'{"model": "\xff"}',
}


def broken(home: Path, how: str) -> Path:
    """Put a settings file there that cannot be read."""
    home.mkdir(exist_ok=True)
    file = home / "settings.json"
    if how == "a folder":
        file.mkdir()
        (file / "mine").touch()
    elif how == "a link to itself":
        file.symlink_to(file)
    else:
        file.write_bytes(UNREADABLE[how])
    return file


@pytest.mark.parametrize("how", [*UNREADABLE, "a folder", "a link to itself"])
def test_a_saved_file_that_cannot_be_read_costs_what_is_in_it(own_home: Path, how: str) -> None:
    file = broken(own_home, how)
    settings = loaded({"M1_BUDGET": "1"}, ipython(model="from/ipython"))
    assert (settings.model, settings.budget) == ("from/ipython", Decimal(1))
    (problem,) = settings.problems
    assert str(file) in problem and "cannot be read" in problem and "\n" not in problem
    with pytest.warns(UserWarning) as warned:
        assert api.settings().max_tokens == DEFAULTS["max_tokens"]
    assert [str(one.message) for one in warned] == [problem]
    # Saving onto it keeps it under another name, and says so.
    note = save("max_tokens", 7)
    (aside,) = own_home.glob("settings.json.broken-*")
    assert str(aside) in note and json.loads(file.read_text()) == {"max_tokens": 7}
    if how in UNREADABLE:
        assert aside.read_bytes() == UNREADABLE[how]
    assert loaded().problems == () and loaded().max_tokens == 7


def test_a_saved_file_that_may_not_be_read() -> None:
    with ordinary_user(CAP_READ) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("M1_HOME", str(folder))
        file = folder / "settings.json"
        file.write_text('{"max_tokens": 5}')
        file.chmod(0)
        settings = loaded()
        assert settings.max_tokens == DEFAULTS["max_tokens"]
        (problem,) = settings.problems
        assert str(file) in problem and "Permission denied" in problem


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ('{"max_tokens": "many", "top_p": 0.5}', ["max_tokens"]),
        ('{"future": 1, "top_p": 0.5, "config": {}}', ["future", "config"]),
        ('{"top_p": 0.5, "budget": "lots", "temperature": 9, "zdr": 3}', ["budget", "temperature"]),
        ('{"top_p": 0.5, "max_price": "dear", "tasks": [], "own_secrets": {"x": "("}}', ["tasks"]),
        ('{"top_p": 0.5, "budget": [[]], "allowed_secrets": {}, "model": null}', ["model"]),
    ],
)
def test_a_saved_value_that_cannot_be_costs_itself_only(
    own_home: Path, text: str, left_out: list[str]
) -> None:
    home()
    file = own_home / "settings.json"
    file.write_text(text)
    settings = loaded()
    assert settings.top_p == 0.5
    (problem,) = settings.problems
    assert str(file) in problem and all(name in problem for name in left_out)
    assert "top_p" not in problem and "\n" not in problem
    names = DEFAULTS.keys() - {"top_p"}
    assert {name: getattr(settings, name) for name in names} == {n: DEFAULTS[n] for n in names}


def test_saved_names_of_another_version_are_left_alone(own_home: Path) -> None:
    home()
    file = own_home / "settings.json"
    file.write_text('{"future": 1, "model": "from/saved", "config": {}}')
    assert loaded().model == "from/saved"
    assert save("top_p", 0.5) == ""
    assert json.loads(file.read_text())["future"] == 1


def test_settings_that_cannot_be_saved(own_home: Path) -> None:
    home()
    with full_disk(), pytest.raises(BadSetting, match="cannot be written") as caught:
        save("model", "x")
    assert "M1_HOME" in str(caught.value)
    assert list(own_home.iterdir()) == []


def test_saving_keeps_the_old_file_until_the_new_one_is_whole(own_home: Path) -> None:
    save("model", "old")
    with pytest.raises(TypeError):
        save("model", object())
    assert json.loads((own_home / "settings.json").read_text()) == {"model": "old"}


SAVES = 500 if os.environ.get("M1_TEST_FULL") else 60
SAVING = """
import sys
from m1_magic import files
from m1_magic.settings.sources import save
if sys.argv[3:]: files.fcntl = None
for number in range(int(sys.argv[2])): save(sys.argv[1], number + 1)
"""


@pytest.mark.parametrize("lock", ["flock", "file"])
def test_two_processes_that_save_at_once_lose_nothing(own_home: Path, lock: str) -> None:
    file, reads = own_home / "settings.json", 0
    save("footer", "stable")
    command = [*kernels.python(), "-c", SAVING]
    more = [] if lock == "flock" else ["no flock"]
    names = ("max_tokens", "min_group")
    savers = [subprocess.Popen([*command, name, str(SAVES), *more]) for name in names]
    while any(saver.poll() is None for saver in savers):
        assert json.loads(file.read_text("utf-8"))["footer"] == "stable"
        reads += 1
    assert [saver.returncode for saver in savers] == [0, 0] and reads > SAVES
    assert json.loads(file.read_text()) == dict.fromkeys(names, SAVES) | {"footer": "stable"}
    assert [one.name for one in own_home.iterdir()] == ["settings.json"]


def test_a_lock_file_that_was_left_is_taken_over(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "fcntl", None)
    left = home() / ".m1-lock"
    left.touch()
    os.utime(left, (0, 0))
    with files.locked(own_home):
        assert left.stat().st_mtime > 0
    assert not left.exists()


# -- the home -------------------------------------------------------------------------------


def test_the_home_is_private(own_home: Path) -> None:
    before = os.umask(0)
    try:
        assert home() == own_home
    finally:
        os.umask(before)
    assert stat.S_IMODE(own_home.stat().st_mode) == 0o700
    assert home() == own_home


def test_a_home_below_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("M1_HOME", "~/deep/m1")
    assert home() == tmp_path / "deep" / "m1"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("M1_HOME", "~no-such-user-here/m1")
    assert home().is_dir()


def test_without_m1_home_it_is_the_platforms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("M1_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = home()
    assert found.name == "m1-magic" and tmp_path in found.parents


def test_a_home_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("M1_HOME", str(place))
        with pytest.raises(LedgerProblem, match="cannot be made") as caught:
            home()
        assert str(place) in str(caught.value) and "\n" not in str(caught.value)


# -- endpoints ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "loopback", "openrouter"),
    [
        (OPENROUTER, "openrouter.ai", False, True),
        (" https://OpenRouter.ai/api/v1/ ", "openrouter.ai", False, True),
        ("https://eu.openrouter.ai/api/v1", "eu.openrouter.ai", False, True),
        ("https://vllm.example:8443/v1", "vllm.example", False, False),
        ("https://vllm_server/v1", "vllm_server", False, False),
        ("http://127.0.0.1:8000/v1", "127.0.0.1", True, True),
        ("http://localhost:8000/v1", "localhost", True, True),
        ("http://[::1]:8000/v1", "::1", True, True),
        ("https://10.0.0.7/v1", "10.0.0.7", False, False),
        ("https://xn--mnchen-3ya.example/v1", "xn--mnchen-3ya.example", False, False),
        ("https://openrouter.ai.evil.example/v1", "openrouter.ai.evil.example", False, False),
        ("https://evil.example/openrouter.ai", "evil.example", False, False),
        ("https://notopenrouter.ai/v1", "notopenrouter.ai", False, False),
    ],
)
def test_endpoints(url: str, host: str, loopback: bool, openrouter: bool) -> None:
    place = endpoint(url)
    assert (place.host, place.loopback, place.openrouter) == (host, loopback, openrouter)
    assert place.url == url.strip().rstrip("/")


@pytest.mark.parametrize("word", ["offline", " OFFLINE "])
def test_offline_is_a_place(word: str) -> None:
    assert endpoint(word) == Endpoint(OFFLINE, OFFLINE, loopback=True)


REFUSED = {
    "password or a query": [
        "https://user@host.example/v1",
        "https://user:geheim@host.example/v1",
        "https://openrouter.ai@evil.example/v1",
        "https://openrouter.ai\\@evil.example/v1",
        "https://host.example/v1?api_key=geheim",
        "https://host.example/v1#geheim",
    ],
    "plain http": [
        "http://openrouter.ai/api/v1",
        "http://192.168.0.7:8000/v1",
        "http://0.0.0.0:8000/v1",
        "http://localhost.evil.example/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://127.1/v1",
    ],
    "not an http": [
        "",
        "host.example/v1",
        "ftp://host.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///v1",
        "https://host example/v1",
        "https://host.example/v1\nX-Evil: 1",
        "https://host.example/\x00",
        "https://host.example/\x1b[31m",
    ],
    "not a URL": [
        "https://[::1/v1",
        "https://host.example:99999/v1",
        "https://host.example:port/v1",
    ],
    "ASCII": [
        "https://münchen.example/v1",
        "https://openrouter.аi/api/v1",  # a Cyrillic а
        "https://ｏpenrouter.ai/api/v1",  # a full-width o
        "https://evil.example\\.openrouter.ai/v1",
        "https://evil.example%2f.openrouter.ai/v1",
        "https://evil.example,.openrouter.ai/v1",
        "http://ⓛocalhost/v1",
    ],
}


@pytest.mark.parametrize(
    ("url", "says"), [(url, says) for says, urls in REFUSED.items() for url in urls]
)
def test_refused_endpoints(url: str, says: str) -> None:
    with pytest.raises(BadSetting, match=says) as caught:
        endpoint(url)
    told = str(caught.value)
    assert "geheim" not in told and "\n" not in told and "\x1b" not in told
    assert "m1 login" in told or "Set it with" in told or "Use https" in told or "xn--" in told


@given(st.text(max_size=40))
def test_any_junk_is_refused_or_a_checked_place(text: str) -> None:
    for url in (text, f"https://{text}", f"https://openrouter.ai{text}", f"http://{text}/v1"):
        try:
            place = endpoint(url)
        except BadSetting as refused:
            assert "\n" not in str(refused)
            continue
        assert place.host.isascii()
        assert place.host == OFFLINE or place.loopback or place.url.lower().startswith("https://")


@given(st.text(st.characters(codec="utf-8"), max_size=10))
def test_the_host_that_was_checked_is_the_host_that_is_asked(text: str) -> None:
    """Another reader of URLs, the one that sends, must see the same host as we do."""
    import httpx2

    for url in (f"https://a{text}b.openrouter.ai/v1", f"https://openrouter.ai{text}x/v1"):
        try:
            place = endpoint(url)
        except BadSetting:
            continue
        try:
            asked = httpx2.URL(place.url).host
        except httpx2.InvalidURL:
            continue
        assert asked.lower() == place.host


def test_a_refused_endpoint_is_asked_nothing(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.settings().base_url = server.base_url.replace("127.0.0.1", "user:pw@127.0.0.1")
    with pytest.raises(BadSetting, match="Nothing was sent"):
        api.ask("hi", namespace={})
    assert server.requests == []
