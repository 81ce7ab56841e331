"""Secrets in outgoing text: all kinds are found, ordinary text is left alone, work is bounded."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traitlets import TraitError

import shells
from emulator import OpenRouter
from m1_magic import api
from m1_magic.errors import SecretInPrompt
from m1_magic.options.fields import Options
from m1_magic.privacy import redaction
from m1_magic.settings.config import M1

ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MEGABYTE = 1_000_000


def some(length: int, alphabet: str = ALNUM, seed: int = 7) -> str:
    """Return ``length`` characters that look like the random part of a key."""
    return "".join(random.Random(f"{seed}{length}{alphabet}").choices(alphabet, k=length))


def pem(label: str = "RSA ", newline: str = "\n", headers: str = "") -> str:
    body = newline.join(some(64, ALNUM + "+/", seed) for seed in range(4))
    dashes = "-" * 5
    return (
        f"{dashes}BEGIN {label}PRIVATE KEY{dashes}{newline}{headers}{body}{newline}"
        f"MIIB{newline}{dashes}END {label}PRIVATE KEY{dashes}"
    )


def jwt() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "1234567890", "name": "Jane"})
    head = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    return f"{head}.{some(43, ALNUM + '-_')}"


# Put together at run time, so that no scanner takes this file for a leak.
KEYS = {
    "openrouter": ("OpenRouter key", "sk-or-" + "v1-" + some(64, "0123456789abcdef")),
    "openrouter-zeros": ("OpenRouter key", "sk-or-" + "v1-" + "0" * 64),
    "openrouter-letters": ("OpenRouter key", "sk-or-" + "v1-" + "a" * 64),
    "openai-project": ("OpenAI key", "sk-" + "proj-" + some(120, ALNUM + "-_") + "x"),
    "openai-service": ("OpenAI key", "sk-" + "svcacct-" + some(70)),
    "openai-old": ("OpenAI key", "sk-" + some(48)),
    "minimax": ("MiniMax key", "sk-" + "api-" + some(100, ALNUM + "-_") + "x"),
    "anthropic": ("Anthropic key", "sk-" + "ant-api03-" + some(95, ALNUM + "-_")),
    "hugging-face": ("Hugging Face token", "hf" + "_" + some(34)),
    "google": ("Google key", "AI" + "za" + some(35, ALNUM)),
    "github": ("GitHub token", "gh" + "p_" + some(36)),
    "github-oauth": ("GitHub token", "gh" + "o_" + some(36)),
    "github-server": ("GitHub token", "gh" + "s_" + some(36)),
    "github-fine": ("GitHub token", "github" + "_pat_" + some(22) + "_" + some(59)),
    "gitlab": ("GitLab token", "gl" + "pat-" + some(20)),
    "slack": ("Slack token", "xo" + "xb-123456789012-1234567890123-" + some(24)),
    "slack-user": ("Slack token", "xo" + "xp-2-123456789012-" + some(24)),
    "aws": ("AWS key", "AK" + "IA" + some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
    "aws-session": ("AWS key", "AS" + "IA" + some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
    "stripe": ("Stripe key", "sk" + "_live_" + some(24)),
    "stripe-restricted": ("Stripe key", "rk" + "_live_" + some(99)),
    "private": ("private key", pem()),
    "private-pkcs8": ("private key", pem("")),
    "private-openssh": ("private key", pem("OPENSSH ")),
    "private-escaped": ("private key", pem("", "\\n")),
    "private-encrypted": (
        "private key",
        pem(headers="Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,8A4B\n\n"),
    ),
    "jwt": ("JWT", jwt()),
    "npm": ("npm token", "npm" + "_" + some(36)),
    "pypi": ("PyPI token", "pypi-" + "AgEIcHlwaS5vcmc" + some(150, ALNUM + "-_")),
}

PLACES = {
    "bare": "{}",
    "double quotes": 'api_key = "{}"',
    "single quotes": "client = Client('{}')",
    "backticks": "the key is `{}`",
    "prose": "Why does {} not work? It did, yesterday.",
    "sentence end": "My key is {}.",
    "parentheses": "see (my key: {}) below",
    "csv": "id,name,token\n1,Anna,{},2024-01-01\n2,Bob,,",
    "env": "export TOKEN={}\n",
    "url": "https://example.org/?key={}&page=2",
    "json": '{{"a": 1, "token": "{}"}}',
    "markdown": "| a | {} |\n|---|---|",
    "flag": "run --key={} --fast",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", KEYS)
def test_k19_every_kind_is_found_whole_wherever_it_stands(name: str, place: str) -> None:
    kind, key = KEYS[name]
    text = PLACES[place].format(key)
    start = text.index(key)
    assert redaction.find(text) == (redaction.Secret(kind, start, start + len(key)),)
    masked, count = redaction.mask(text)
    assert count == 1
    assert masked == PLACES[place].format(f"[masked: {kind}]")
    with pytest.raises(SecretInPrompt):
        redaction.refuse(text)


def test_the_thirteen_kinds_of_issuers_are_all_there() -> None:
    kinds = {form.kind for form, _ in redaction.RULES}
    assert {kind for kind, _ in KEYS.values()} <= kinds
    assert len(kinds) >= 107


@pytest.mark.parametrize(
    "line",
    [
        "aws_secret_access_key = {}",
        'AWS_SECRET_ACCESS_KEY="{}"',
        '"SecretAccessKey": "{}",',
        "aws_secret_access_key,{}",
    ],
)
def test_the_aws_secret_is_known_by_its_name_and_only_the_value_is_masked(line: str) -> None:
    secret = some(40, ALNUM + "/+")
    assert redaction.mask(line.format(secret)) == (line.format("[masked: AWS key]"), 1)


def test_a_private_key_cut_off_before_its_end_is_masked_as_far_as_it_goes() -> None:
    whole = pem("")
    masked, count = redaction.mask(whole[: whole.index("MIIB")] + "\nThe rest is lost. Sorry.")
    assert (masked, count) == ("[masked: private key]\n\nThe rest is lost. Sorry.", 1)


def test_the_same_key_twice_counts_twice_and_neighbours_stay_apart() -> None:
    key = KEYS["openrouter"][1]
    assert redaction.mask(f"{key} {key}") == (
        "[masked: OpenRouter key] [masked: OpenRouter key]",
        2,
    )


def test_a_key_inside_a_key_is_one_and_one_that_reaches_further_is_hidden_to_its_end() -> None:
    inside = "sk-" + "proj-" + some(24) + "-" + KEYS["hugging-face"][1]
    assert redaction.mask(f"({inside})") == ("([masked: OpenAI key])", 1)
    further = "xo" + "xb-123456789012-" + "AI" + "za" + some(17) + "_" + some(17)
    assert redaction.mask(f"({further})") == ("([masked: Slack token])", 1)


BENIGN = {
    "sklearn": "from sk-learn import x; pip install sk-learn-contrib-hdbscan-extensions",
    "words": "task-or-v1-" + "a" * 64 + " risk-proj-" + "B7" * 20 + " disk-" + "d4" * 16,
    "slug": "/sk-or-cz-or-hu-or-en /sk-proj-management-for-the-rest-of-us-part-two "
    "/sk-api-docs-for-beginners",
    "ants": "https://example.sk/sk-ant-colony-optimisation-for-the-travelling-salesman",
    "placeholder": "OPENROUTER_API_KEY=sk-or-v1-... or <sk-or-v1-your-key> or sk-…",
    "stripe publishable": "pk" + "_live_" + some(24),
    "hub": "hf_hub_download(repo_id, filename); hf_transfer; hf_" + "x" * 12,
    "github": "gh" + "p_token and through_ghp_short; github" + "_pat_example",
    "gitlab": "use a glpat-token-from-your-own-account-settings-page",
    "slack": "xoxb-your-token-goes-here-please",
    "google": "AI" + "za is how they start; " + "AI" + "za" + "x" * 60,
    "aws": "{0} SHORT; x{0}{2}; {1}{2}{2}; {1}N MARKETS".format("AK" + "IA", "AS" + "IA", "A" * 16),
    "pem in code": 'if "-----BEGIN '
    + 'PRIVATE KEY-----" in text: raise ValueError("a key of theirs, at last")',
    "pem prose": "A file that starts with -----BEGIN "
    + "PRIVATE KEY----- is secret, as everybody knows.",
    "certificate": "-----BEGIN CERTIFICATE-----\n" + some(64) + "\n-----END CERTIFICATE-----",
    "public key": "-----BEGIN PUBLIC KEY-----\n" + some(64) + "\n-----END PUBLIC KEY-----",
    "ssh public": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + some(43) + " me@host",
    "jwt head": "eyJhbGciOiJIUzI1NiJ9 and eyJ.eyJ.eyJ and eyJzdWIiOiIx.notjson.abc",
    "npm": "npm_config_registry npm_package_version npm_lifecycle_event_of_some_script",
    "git": " ".join(hashlib.sha1(bytes([n])).hexdigest() for n in range(50)),
    "md5 csv": "\n".join(f"{n},{hashlib.md5(bytes([n])).hexdigest()}" for n in range(50)),
    "picture": '<img src="data:image/png;base64,'
    + base64.b64encode(bytes(range(256)) * 40).decode(),
    "code": "def f(x: dict[str, int]) -> str:\n    return f'{x!r:>10}' # sk- hf_ ghp_ eyJ AKIA",
    "card": "4111 1111 1111 1111, anna@example.org, +43 1 234567, AT61 1904 3002 3457 3201",
}


@pytest.mark.parametrize("name", BENIGN)
def test_k20_ordinary_text_is_left_as_it_is(name: str) -> None:
    assert redaction.find(BENIGN[name]) == ()
    assert redaction.mask(BENIGN[name]) == (BENIGN[name], 0)
    redaction.refuse(BENIGN[name])


# Those that end in "=" say themselves that a key follows.
LITERALS = sorted({literal for _, literal in redaction.RULES if not literal.endswith("=")})
WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyzäöüé'", min_size=1, max_size=14)
INNOCENT = st.one_of(
    WORD,
    st.lists(WORD, min_size=2, max_size=6).map("-".join),
    st.binary(min_size=16, max_size=32).map(bytes.hex),
    st.uuids().map(str),
    st.binary(max_size=200).map(lambda b: base64.b64encode(b).decode()),
    st.binary(max_size=200).map(lambda b: base64.urlsafe_b64encode(b).decode()),
    st.sampled_from(LITERALS),
    st.sampled_from(
        ["task-", "risk-", "ask-", "desk_", "sk-learn", "sk-image", "x = ", "\n", ",", "."]
    ),
    st.integers().map(str),
    st.floats(allow_nan=False).map(str),
)


@settings(max_examples=300)
@given(st.lists(INNOCENT, max_size=40))
def test_k20_prose_hashes_uuids_and_base64_are_never_taken_for_secrets(pieces: list[str]) -> None:
    assert redaction.find(" ".join(pieces)) == ()


@settings(max_examples=200)
@given(
    st.lists(st.one_of(INNOCENT, st.sampled_from([key for _, key in KEYS.values()])), max_size=20)
)
def test_the_count_is_right_and_masking_twice_changes_nothing(pieces: list[str]) -> None:
    keys = {key for _, key in KEYS.values()}
    masked, count = redaction.mask(" ; ".join(pieces))
    assert count == sum(piece in keys for piece in pieces)
    assert redaction.mask(masked) == (masked, 0)


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_any_text_survives_and_spans_are_in_order(text: str) -> None:
    key = KEYS["openrouter"][1]
    secrets = redaction.find(f"{text} {key} {text}")
    assert any(secret.kind == "OpenRouter key" for secret in secrets)
    assert all(one.end <= two.start for one, two in pairwise(secrets))


def test_refusal_names_kind_and_line_and_never_the_text() -> None:
    first, second = KEYS["openrouter"][1], KEYS["github"][1]
    with pytest.raises(SecretInPrompt) as caught:
        redaction.refuse(f"why\ndoes {first}\n\nnot work? {second}")
    told = str(caught.value)
    assert "OpenRouter key in line 2" in told
    assert "GitHub token in line 4" in told
    assert "Nothing was sent" in told
    assert "history" in told
    assert "%m1 login" in told
    assert first[9:20] not in told + repr(caught.value)
    assert second[4:12] not in told + repr(caught.value)


def test_refusal_of_many_stays_short() -> None:
    with pytest.raises(SecretInPrompt, match="and 35 more"):
        redaction.refuse("\n".join([KEYS["openrouter"][1]] * 40))


def test_a_secret_is_described_without_its_text() -> None:
    (secret,) = redaction.find(KEYS["stripe"][1])
    assert repr(secret) == "Secret(kind='Stripe key', start=0, end=32)"


UNITS = [
    *LITERALS[::40],
    *(f"-{literal}" for literal in LITERALS[20::40]),
    "".join(f"{literal}a-" for literal in LITERALS),
    "".join(f"{literal}a\n" for literal in LITERALS),
    *("password=", "pwd=a;", "://a:b", "login a password ", "bearer a1", "basic a", "sig=a%2b"),
    *("sk-" + middle for middle in ("proj-", "proj-a-", "ant-api03-", "or-v1-", "api-A")),
    "eyJaaaaaaaa.",
    "-eyJ",
    "-----BEGIN " + "PRIVATE KEY-----\n",
    "-----BEGIN " + "PRIVATE KEY-----\nA: a\n",
    "-----BEGIN " + "PRIVATE KEY-----\n" + "A" * 17 + "\n",
    "xoxb-a-",
    "glpat-a-",
    "aws_secret_access_key = ",
    " ",
    "A",
    "a-",
    "-",
    "\n",
]


@pytest.mark.parametrize("unit", UNITS)
def test_k21_a_megabyte_of_near_misses_comes_to_an_end(unit: str) -> None:
    text = (unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE]
    masked, count = redaction.mask(text)
    assert len(masked) <= len(text)
    assert redaction.mask(masked)[1] <= count


@pytest.mark.parametrize(
    "tail", ["A" * MEGABYTE, ("A" * 64 + "\n") * 15000, "A" * 16 + "\n" * MEGABYTE, "\n" * MEGABYTE]
)
def test_a_private_key_without_an_end_comes_to_an_end(tail: str) -> None:
    assert len(redaction.find("-----BEGIN " + "PRIVATE KEY-----\n" + tail)) <= 1


def repeats(parsed: Any) -> list[tuple[Any, bool]]:
    """Return each repeat without an upper bound, and whether another one stands inside it."""
    found = []
    for op, value in parsed:
        parts: list[Any] = []
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            parts = [value[2]]
            if value[1] is sre.MAXREPEAT:
                found.append((value[2], bool(repeats(value[2]))))
        elif op is sre.SUBPATTERN:
            parts = [value[3]]
        elif op is sre.BRANCH:
            parts = list(value[1])
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            parts = [value[1]]
        for part in parts:
            found += repeats(part)
    return found


@pytest.mark.parametrize(
    ("kind", "literal", "compiled"),
    [
        *(
            (form.kind, one, partial(redaction.pattern_of, form, one))
            for form, one in redaction.RULES
        ),
        *(
            (row.kind, one, partial(redaction.named_pattern, row, one))
            for row, one in redaction.NAMED
        ),
    ],
    ids=[f"{row.kind} {one.strip()}" for row, one in (*redaction.RULES, *redaction.NAMED)],
)
def test_k21_no_pattern_can_backtrack_without_bound(
    kind: str, literal: str, compiled: Callable[[], re.Pattern[str]]
) -> None:
    pattern = compiled()
    assert pattern.pattern.startswith(re.escape(literal)), "the search must start with a literal"
    parsed = sre_parser.parse(pattern.pattern)
    assert not [inner for inner, nested in repeats(parsed) if nested], kind
    lookaround = [value[1] for op, value in parsed if op in (sre.ASSERT, sre.ASSERT_NOT)]
    assert not [inner for part in lookaround for inner in repeats(part)], kind


def test_the_check_of_patterns_sees_a_bad_one() -> None:
    assert any(nested for _, nested in repeats(sre_parser.parse("x(?:a+b?)*y")))


# -- a policy of one's own ------------------------------------------------------------------


def policy(**given: Any) -> redaction.Policy:
    return redaction.policy(M1(**given))


def test_patterns_of_ones_own_are_secrets_too() -> None:
    ours = policy(own_secrets={"case number": r"CASE-\d{6}"})
    text = "about CASE-123456 and CASE-12"
    assert redaction.find(text) == ()
    assert redaction.mask(text, ours) == ("about [masked: case number] and CASE-12", 1)
    with pytest.raises(SecretInPrompt, match="case number in line 1"):
        redaction.refuse(text, ours)


def test_a_pattern_that_matches_nothing_everywhere_masks_nothing() -> None:
    assert redaction.mask("text", policy(own_secrets={"empty": "q*"})) == ("text", 0)


@pytest.mark.parametrize("bad", [{"a": "("}, {"a": 5}, {5: "a"}, ["a"], "a", {"a": None}])
def test_a_pattern_that_does_not_compile_is_no_setting(bad: Any) -> None:
    with pytest.raises(TraitError):
        policy(own_secrets=bad)


def test_k23_an_allowed_string_is_known_by_its_hash_and_passes_alone() -> None:
    allowed, other = KEYS["openai-old"][1], KEYS["github"][1]
    with pytest.raises(SecretInPrompt) as caught:
        redaction.refuse(f"{allowed} and {other}")
    hashes = str(caught.value).split("set allowed_secrets ")[1].rstrip(".").split(",")
    ours = policy(allowed_secrets=[f" {hashes[0].upper()}"])
    redaction.refuse(f"only {allowed}, twice {allowed}", ours)
    assert redaction.mask(f"{allowed} {other}", ours) == (f"{allowed} [masked: GitHub token]", 1)
    with pytest.raises(SecretInPrompt, match="GitHub token in line 2"):
        redaction.refuse(f"{allowed}\n{other}", ours)
    # A longer string with the allowed one at its beginning is another one.
    assert redaction.find(allowed + "x", ours) != ()


def test_k23_a_notebook_allows_with_the_cell_that_the_refusal_prints(server: OpenRouter) -> None:
    key = KEYS["stripe"][1]
    ask = f"%%m1\nis {key} a key?"
    with shells.loaded() as shell:
        run = shells.runner(shell)
        told = run(ask).told
        cell = "%m1 set allowed_secrets " + told.split("%m1 set allowed_secrets ")[1].rstrip(".")
        assert key not in cell
        assert run(cell).error is None
        assert run(ask).error is None
    assert key in server.chats[0].body["messages"][-1]["content"]
    api.end()  # another notebook does not know of it
    with shells.loaded() as shell:
        assert isinstance(shells.runner(shell)(ask).error, SecretInPrompt)


# -- the whole request ----------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("where", ["in DataFrame", "in a column's name", "in file", "in {{table}}"])
def test_k19_a_key_in_an_attachment_is_masked_and_counted(
    tmp_path: Path, where: str, name: str
) -> None:
    _, key = KEYS[name]
    text = f"see {key} here"
    frame = pd.DataFrame({"note": [text, *(f"all is well, {n}" for n in range(30))]})
    if where == "in a column's name":
        frame = frame.rename(columns={"note": text})
    options, prompt = Options(df=("frame",), send="sample:40"), "why?"
    if where == "in file":
        frame.to_csv(tmp_path / "notes.csv", index=False)
        options = replace(options, df=(str(tmp_path / "notes.csv"),))
    elif where == "in {{table}}":
        options, prompt = replace(options, df=()), "why {{frame}}?"
    made = api.prepare(prompt, options, {"frame": frame})
    assert sum(one.masked for one in made.attachments) >= 1
    assert key not in made.text
    assert key[len(key) // 2 :] not in made.text
    assert "masked" in made.text


@pytest.mark.parametrize("name", KEYS)
def test_k19_a_column_that_may_be_sent_is_sent_without_its_keys(name: str) -> None:
    """``--allow`` is about looks of personal data; a key is masked in spite of it."""
    kind, key = KEYS[name]
    notes = [f"see {key} here", *(f"all is well, {n}" for n in range(30))]
    options = Options(df=("frame",), send="sample:40", allow=("note",))
    made = api.prepare("why?", options, {"frame": pd.DataFrame({"note": notes})})
    (one,) = made.attachments
    assert one.masked >= 1 and f"[masked: {kind}]" in one.text
    assert "all is well" in one.text
    assert key[len(key) // 2 :] not in made.text


def test_patterns_of_ones_own_are_masked_in_attachments(own_home: Path) -> None:
    api.settings().own_secrets = {"case number": r"CASE-\d{6}"}
    notes = ["about CASE-123456", *(f"all is well, {n}" for n in range(30))]
    frame = pd.DataFrame({"note": notes})
    for options, prompt in (
        (Options(df=("frame",), send="sample:40"), "why?"),
        (Options(send="sample:40"), "why {{frame}}?"),
    ):
        made = api.prepare(prompt, options, {"frame": frame})
        assert "CASE-123456" not in made.text and "[masked: case number]" in made.text
        assert sum(one.masked for one in made.attachments) >= 1
    with pytest.raises(SecretInPrompt):
        api.prepare("about CASE-123456", Options(), {})


def test_the_whole_request_is_scanned_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    find = redaction.find
    monkeypatch.setattr(
        redaction, "find", lambda text, *more: looked.append(text) or find(text, *more)
    )
    made = api.prepare("why {{x}}?", Options(system="be kind", stop=("END",)), {"x": "a value"})
    sent = [*made.texts, made.model, *made.stop]
    assert looked == sent
