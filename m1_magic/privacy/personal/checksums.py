"""What proves itself by its form or its check digits: once is enough."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from string import ascii_lowercase, ascii_uppercase

from .. import redaction

DIGIT = re.compile(r"[0-9]")
UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)
SURE = (
    ("e-mail", "@", re.compile(
        r"@(?<=[\w.+%'\"-]@)(?:[\w-]{1,63}\.){1,8}"
        r"(?!(?:png|jpe?g|gif|svg|webp|css|js)\b)[^\W\d_]{2,24}")),
    ("secret", "://", re.compile(r"://[^\s/@:]{1,100}:[^\s/@]{1,100}@")),
    ("secret", "$2", re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")),
    ("id number", "<<", re.compile(r"\b[PIAC][A-Z<][A-Z<]{3}[A-Z<]{1,30}<<[A-Z]")),
    # Not a signed decimal; eight digits or more.
    ("phone", "+", re.compile(
        r"\+(?<![\w+]\+)(?!\d{1,20}\.\d{1,20}(?![\d .()/-]))"
        r"[1-9](?:[ ().\/-]{0,3}\d){7,14}(?!\d)")),
)  # fmt: skip
# Starts at the first digit, on upper case; what stands before it is looked back at.
WRITTEN = re.compile(
    r"[0-9](?:(?<![\w.,+-].)(?:(?P<ssn>\d\d-\d\d-\d{4})|(?P<ahv>56\.\d{4}\.\d{4}\.\d\d)"
    r"|(?P<cpf>\d\d\.\d{3}\.\d{3}-\d\d)|(?P<steuer>\d \d{3} \d{3} \d{3})"
    r"|(?P<nir>(?<=[1-478]) \d\d \d\d (?:\d\d|2[AB]) \d{3} \d{3} \d\d)"
    r"|(?P<card>\d{3}[ -](?:\d{4}[ -]\d{4}[ -]\d{4}(?:[ -]?\d{1,3})?|\d{6}[ -]\d{4,5}))"
    r"|(?P<china>(?<=[1-8])[1-7]\d{4}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX])"
    r")(?![\w-]|[.,]\d)"
    r"|(?<=\b[A-Z]{2}.)(?P<iban>\d(?:[A-Z0-9]{11,30}\b|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3}\b)?))"
    r"|(?<=\b[A-Z]{2} .)(?P<nino>\d \d\d \d\d [A-D]\b)"
    r"|(?<=\b[A-Z]{6}.)(?P<fiscal>[\dLMNP-V][A-EHLMPRST][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z]\b))"
)
BEFORE = {"iban": 2, "nino": 3, "fiscal": 6}  # characters before the first digit
# A card's number by issuer and length; MasterCard's 2-series and Mir a little wide.
CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|3[47]\d{13}|3[0689]\d{12}|(?:5[0-8]|6\d|35|2[2-7])\d{14}(?:\d{3})?"
)
# Countries and lengths of the SWIFT IBAN registry.
IBANS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 "
    "IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 "
    "MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 "
    "SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
IBAN_LENGTHS = {code[:2]: int(code[2:]) for code in IBANS.split()}


def certain(text: str) -> str:
    """Return what a single occurrence is enough for."""
    if redaction.find(text):
        return "secret"
    return next((kind for kind, _, _ in chain(by_form(text), by_check_digits(text))), "")


def by_form(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield kind and place of what proves itself by its form."""
    for kind, literal, pattern in SURE:
        if literal in text:
            yield from ((kind, *match.span()) for match in pattern.finditer(text))


def by_check_digits(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield kind and place of the numbers written as such whose check digits are right."""
    if not DIGIT.search(text):
        return
    upper = text.upper()
    if len(upper) != len(text):  # places would shift
        upper = text.translate(UPPER)
    for match in WRITTEN.finditer(upper):
        number = match.lastgroup or ""
        start = match.start() - BEFORE.get(number, 0)
        code = upper[start : match.end()]
        if CHECKS[number](code if number == "iban" else re.sub(r"[ .-]", "", code)):
            kind = {"card": "card", "iban": "bank account"}.get(number, "id number")
            yield kind, start, match.end()


def is_card(digits: str) -> bool:
    """Payment card: an issuer's first digits, and Luhn's check digit (ISO/IEC 7812)."""
    digits = digits.removesuffix(".0")
    if not CARD.fullmatch(digits) or len(set(digits)) == 1:
        return False
    numbers = [int(c) for c in reversed(digits)]
    return sum(d if i % 2 == 0 else d // 5 + d * 2 % 10 for i, d in enumerate(numbers)) % 10 == 0


def _ssn(code: str) -> bool:
    """Is it a number that the SSA assigns, or (from 9) the IRS, an ITIN?"""
    return re.match(r"(?!000|666|9\d\d[0-4])\d{3}(?!00)\d\d(?!0000)", code) is not None


def ahv(code: str) -> bool:
    """Swiss number with the check digit of EAN-13."""
    return code[:3] == "756" and sum(int(c) * (1, 3)[i % 2] for i, c in enumerate(code)) % 10 == 0


def steuer(code: str) -> bool:
    """German Steuer-ID: one digit of ten repeats, check digit of ISO 7064 mod 11,10."""
    most = sorted(Counter(code[:10]).values())
    if code[0] == "0" or most[-1] not in (2, 3) or most[-2] != 1:
        return False
    product = 10
    for c in code[:10]:
        product = 2 * ((int(c) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(code[10])


def nir(code: str) -> bool:
    """French number with its key modulo 97; 2A and 2B are Corsica."""
    number = code[:13].replace("2A", "19").replace("2B", "18")
    month = int(code[3:5])
    return (1 <= month <= 12 or month >= 20) and 97 - int(number) % 97 == int(code[13:])


def cpf(code: str) -> bool:
    """Brazilian number with two check digits modulo 11."""
    digits = [int(c) for c in code]
    return len(set(digits)) > 1 and all(
        sum(d * (n + 1 - i) for i, d in enumerate(digits[:n])) * 10 % 11 % 10 == digits[n]
        for n in (9, 10)
    )


def china(code: str) -> bool:
    """Chinese resident number, check digit of ISO 7064 mod 11-2 (GB 11643)."""
    return sum((10 if c in "Xx" else int(c)) * (1 << 17 - i) for i, c in enumerate(code)) % 11 == 1


def aadhaar(code: str) -> bool:
    """Indian number with Verhoeff's check digit."""
    if code[0] in "01" or code == code[::-1]:
        return False
    check, shift = 0, (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    for i, c in enumerate(reversed(code)):
        n = int(c)
        for _ in range(i % 8):
            n = shift[n]
        same = (check + n if check < 5 else check - n) % 5
        check = same if (check < 5) == (n < 5) else same + 5
    return check == 0


def dni(code: str) -> bool:
    """Spanish DNI or NIE with its letter."""
    number = code[:-1].translate({88: "0", 89: "1", 90: "2"})
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[-1]


def nino(code: str) -> bool:
    """Are the letters ones that HMRC assigns?"""
    return re.match(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[^DFIQUV][^DFIOQUV]", code) is not None


def _fiscal(code: str) -> bool:
    """Italian codice fiscale with its letter (D.M. 23/12/1976)."""
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
           24, 23)  # fmt: skip
    at = [int(c) if c.isdigit() else ord(c) - 65 for c in code[:15]]
    return chr(sum(n if i % 2 else odd[n] for i, n in enumerate(at)) % 26 + 65) == code[15]


def _iban(code: str) -> bool:
    """Is there an account number with the right check digits (ISO 13616)?"""
    length = IBAN_LENGTHS.get(code[:2], 99)
    bare = code.replace(" ", "")
    if len(bare) < length or (bare == code and len(code) != length):
        return False  # with spaces, what follows the number may be a word
    return int("".join(str(int(c, 36)) for c in bare[4:length] + bare[:4])) % 97 == 1


CHECKS: dict[str, Callable[[str], bool]] = {
    "ssn": _ssn, "ahv": ahv, "cpf": cpf, "steuer": steuer, "nir": nir, "card": is_card,
    "china": china, "iban": _iban, "nino": nino, "fiscal": _fiscal,
}  # fmt: skip
