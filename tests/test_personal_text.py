"""Personal data in what leaves: counted and told, never refused, never invented."""

from __future__ import annotations

import hashlib
import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator import OpenRouter
from m1_magic import api
from m1_magic.options.fields import Options
from m1_magic.privacy.personal_text import personal
from m1_magic.render import footer
from scripted import Seen

# Numbers that card networks publish for tests.
CARDS = {
    "Visa": "4111111111111111",
    "Visa, short": "4222222222222",
    "MasterCard": "5555555555554444",
    "MasterCard 2": "2223003122003222",
    "American Express": "378282246310005",
    "Diners": "30569309025904",
    "Discover": "6011111111111117",
    "JCB": "3530111333300000",
}


def told(*parts: str) -> tuple[str, ...]:
    return (f"personal data is included: {', '.join(parts)}",)


def luhn(digits: str) -> bool:
    """As ISO/IEC 7812-1 describes it, Annex B."""
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(map(int, "".join(map(str, doubled)))) % 10 == 0


@pytest.mark.parametrize("place", ["{}", "My card is {}.", "a,{},b", "({})", '"{}"'])
@pytest.mark.parametrize("name", CARDS)
def test_k22_a_card_is_one_with_its_check_digit_only(name: str, place: str) -> None:
    card = CARDS[name]
    assert personal(place.format(card)) == told("1 card number")
    for last in set("0123456789") - {card[-1]}:
        assert personal(place.format(card[:-1] + last)) == ()


@pytest.mark.parametrize("gap", [" ", "-"])
def test_k22_a_card_in_groups(gap: str) -> None:
    card = gap.join(("4111", "1111", "1111", "1111"))
    assert personal(f"card {card}, please") == told("1 card number")
    assert personal(f"card {card[:-1]}2, please") == ()


@given(st.from_regex(r"[3-6]\d{15}", fullmatch=True))
def test_k22_only_numbers_that_pass_luhn_count(digits: str) -> None:
    if personal(digits) == told("1 card number"):
        assert luhn(digits)
    elif luhn(digits) and digits[0] == "4":
        assert len(set(digits)) == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("write to anna@example.org", ["1 e-mail address"]),
        ("anna@example.org, bob.smith+x@mail.example.co.uk", ["2 e-mail addresses"]),
        ("call +43 1 234 5678", ["1 phone number"]),
        ("pay to AT61 1904 3002 3457 3201", ["1 bank account"]),
        ("pay to DE89370400440532013000", ["1 bank account"]),
        ("SSN 078-05-1120", ["1 id number"]),
        ("postgres://anna:geheim@db.example.org/x", ["1 e-mail address", "1 password"]),
        ("a@b.de 4111 1111 1111 1111", ["1 e-mail address", "1 card number"]),
    ],
)
def test_what_is_personal_is_counted_by_kind(text: str, parts: list[str]) -> None:
    assert personal(text) == told(*parts)


def megabyte(of: str) -> str:
    rng = random.Random(7)
    makers = {
        "md5": lambda: hashlib.md5(rng.randbytes(4)).hexdigest(),
        "UUIDs": lambda: str(uuid.UUID(int=rng.getrandbits(128))),
        "decimals": lambda: f"{rng.random() * 9:.16f}",
        "times": lambda: f"{1_700_000_000_000_000_000 + rng.getrandbits(56)}",
        "counts": lambda: f"{rng.randrange(10**9):,}",
        "decorators": lambda: "@property\ndef f(self): return a @ b",
        "versions": lambda: f"pip install x=={rng.randrange(9)}.{rng.randrange(99)}.1 @ main",
    }
    return "\n".join(makers[of]() for _ in range(20_000))


@pytest.mark.parametrize(
    "of", ["md5", "UUIDs", "decimals", "times", "counts", "decorators", "versions"]
)
def test_k20_ordinary_text_is_nobodys(of: str) -> None:
    assert personal(megabyte(of)) == ()


def test_the_footer_and_the_dry_run_say_so_and_the_call_is_made(server: OpenRouter) -> None:
    prompt = "Is anna@example.org a valid address?"
    request = api.preview(prompt, Options(), {}).request
    assert request.notes == told("1 e-mail address")
    view = Seen()
    api.run(prompt, Options(), {}, view)
    assert told("1 e-mail address")[0] in footer.lines(view.receipt, api.settings())
    assert prompt in server.chats[0].body["messages"][-1]["content"]
