"""What could be chance in one text, and is no chance in most: bare numbers, phones, streets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from .checksums import DIGIT, aadhaar, ahv, china, cpf, dni, is_card, nino, nir, steuer

RUN = re.compile(r"[0-9](?<![\w.,+-].)[0-9]{12,18}(?:\.0)?(?![\w-]|[.,]\d)")  # perhaps a card
CODE = re.compile(  # perhaps an id number
    r"\d{11,18}|\d{4} \d{4} \d{4}|[XYZ]-?\d{7}-?[A-Z]|\d{8}-?[A-Z]|[A-Z]{2}\d{6}[A-D]"
    r"|[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]"
)
BY_LENGTH: dict[int, tuple[Callable[[str], bool], ...]] = {
    11: (steuer, cpf), 12: (aadhaar,), 13: (ahv,), 15: (nir,), 18: (china,),
}  # fmt: skip
MACHINE = re.compile(
    r"(?<![\w.:-])(?:(?P<v4>\d{1,3}(?:\.\d{1,3}){3})|(?P<mac>[\dA-Fa-f]{2}(?:([:-])[\dA-Fa-f]{2})"
    r"(?:\3[\dA-Fa-f]{2}){4})|(?P<v6>[\dA-Fa-f]{0,4}:[\dA-Fa-f:]{1,35}(?:\.\d{1,3}){0,3}))"
    r"(?![\w-]|[.:][\w])"
)
NATIONAL = re.compile(
    r"(?<![\w+.,/:-])(?!\d\d[-/. ]\d\d[-/. ](?:19|20)\d\d\b|0\d{4}-\d{4}\b)(?:"
    r"(?:(?:00)?1[-. ])?(?:\([2-9]\d\d\)[ -]?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}"
    r"|\(0\d{1,4}\) ?\d{2,4}(?:[ /-]?\d{2,4}){1,3}"
    r"|0[1-9]\d{0,3}[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,3}|0[1-9](?:\.\d\d){4}"
    r"|00[1-9]\d{0,2}[ /-]\d{1,4}(?:[ /-]?\d{2,4}){1,4}|[6-9]\d{4} \d{5})"
    r"(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w-]|[.,:/]\d)"
)
STREET = re.compile(
    r"\d{1,5}[A-Za-z]?,? (?:[^\W\d_][\w'’.-]{0,30} |\d{1,3}(?:st|nd|rd|th) ){1,4}"
    r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl"
    r"|Terrace|Square|Sq|Hwy|Highway|Parkway|Pkwy|Close|Crescent|Circle|Cir)\b"
    r"|\d{1,4}(?: ?(?:bis|ter|[A-C]))?,? (?:rue|avenue|av\.|boulevard|bd|place|chemin|quai)"
    r" [^\W\d_]"
    r"|[^\W\d_][^\d,]{0,40}(?:str(?:a[sß]s?e|aat|\.)|weg|platz|gasse|allee|laan|plein|gr[aä]cht"
    r"|gatan|v[eä]gen),? \d{1,4} ?[a-zA-Z]?\b"
    r"|(?:via|viale|piazza|corso|calle|avenida|av\.|plaza|rua|travessa|c/) [^\d]{1,40} \d{1,4}\b",
    re.I,
)


def cards(text: str) -> bool:
    """Are most of the bare runs of digits card numbers?"""
    runs = RUN.findall(text)
    return 2 * sum(map(is_card, runs)) > len(runs)


def is_id(text: str) -> bool:
    """Is the whole text a bare id number?"""
    if not CODE.fullmatch(text):
        return False
    code = re.sub("[ -]", "", text)
    if code.isdigit():
        return any(check(code) for check in BY_LENGTH.get(len(code), ()))
    if code[1].isalpha():
        return len(code) == 10 or nino(code)
    return dni(code)


def machine(text: str) -> str:
    """Return "IP address" or "MAC address" if the text holds one."""
    for match in MACHINE.finditer(text):
        if match.lastgroup == "mac":
            return "MAC address"
        try:
            ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if DIGIT.search(match[0]):
            return "IP address"
    return ""


def is_phone(text: str) -> bool:
    """Does the text hold a phone number in one of the national forms?"""
    return any(8 < sum(map(str.isdigit, one)) < 20 for one in NATIONAL.findall(text))


LIKELY: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("IP address", lambda one: machine(one) == "IP address"),
    ("MAC address", lambda one: machine(one) == "MAC address"),
    ("id number", is_id),
    ("phone", is_phone),
    ("address", STREET.match),
)
