"""People's names: by honorifics, by "Last, First", by common first names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

# Without those that begin many places' names, such as Charlotte, Jordan, Victoria.
BY_LANGUAGE = {
    "en": "james john robert michael david william richard joseph thomas charles christopher "
    "daniel matthew anthony donald steven steve stephen paul andrew joshua kenneth kevin brian "
    "george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric jonathan larry "
    "brandon benjamin samuel gregory alexander patrick raymond jack dennis jerry aaron adam peter "
    "henry harry oliver noah liam ethan lucas bob dave tom tim jim joe sam ben alex chris mike "
    "matt nick mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa "
    "nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa "
    "deborah stephanie rebecca laura sharon cynthia kathleen amy angela shirley anna brenda "
    "pamela emma nicole helen samantha katherine catherine christine debra rachel janet maria "
    "diane ruth julie olivia alice eve eva jane kate lucy ella mia chloe hannah julia sophie",
    "de, nl, sv": "carla hans klaus wolfgang jürgen stefan andreas markus martin sabine petra "
    "monika ursula anja katrin lukas jonas felix jan lars sven erik",
    "fr": "jean pierre michel philippe françois nicolas marie nathalie isabelle sylvie camille "
    "julien",
    "es, pt, it": "jose josé juan carlos luis miguel antonio francisco javier manuel pedro jorge "
    "fernando ana carmen lucia pablo diego alejandro giuseppe giovanni marco luca francesco "
    "giulia chiara paolo joao joão paulo",
    "ar, tr, hi": "muhammad mohammed mohamed ahmed ali omar fatima aisha hassan ibrahim mehmet "
    "mustafa ayse amit rahul priya anil sunil raj sanjay rajesh neha pooja vijay ravi deepak arjun",
    "zh, ja": "wei yuki hiroshi takashi kenji",
    "ru": "ivan dmitri sergei olga natasha elena igor vladimir иван анна мария александр сергей "
    "елена ольга дмитрий",
}
FIRST_NAMES = frozenset(" ".join(BY_LANGUAGE.values()).split())
SOME_NAMES = 0.2  # the same where its name says nothing, but nearly all look like names
MANY_PEOPLE = 8  # who differ, also in their last names
FEW_NAMES = 0.1  # share of common first names that shows people in a column called "name"
TITLE = (
    r"(?:Mr|Mrs|Ms|Mx|Miss|Mlle|Mme|Dr|Prof|Herr|Frau|Rev|Sir|Lady|Sra|Srta|Capt|Col|Major|Don"
    r"|Master|Monsieur|Madame)"
)
HONOURED = re.compile(
    rf"[^\W\d_][^\d,]{{0,40}}, (?:the )?{TITLE}\b"
    r"|(?:(?:Mr|Mrs|Ms|Mx|Mlle|Mme|Dr|Prof|Rev|Sra?|Srta|Capt|Col)\."
    r"|(?:Mr|Mrs|Ms|Miss|Mme|Mlle|Dr|Prof|Herr|Frau)) [^\W\d_]"
)
LAST_FIRST = re.compile(r"[^\W\d_][^\d,]{0,40}, ?([^\W\d_]{2,20})(?:[ -][^\d,]{1,40})?$")
WORD = r"(?![a-zß-öø-ÿа-я])[^\W\d_](?:[^\W\d_]|['’.-]){0,20}"
INITIALS = re.compile(
    rf"(?:[A-ZÀ-Þ]\.?[ -]?){{1,3}} ?{WORD}$|{WORD}, ?(?:[A-ZÀ-Þ]\.?[ -]?){{1,3}}$"
)
SHAPE = re.compile(
    rf"{WORD}(?: (?:{WORD}|de|da|di|du|dos|das|del|la|le|van|von|der|den|ter|ten|zu|al|el|bin|y)"
    r"){1,4}$"
)
NO_PERSON = re.compile(
    r"[0-9]|\b(?:Intl|International|Airport|Field|Airlines|Inc|Ltd|LLC|Corp|GmbH|AG|Company|Bank"
    r"|Group|University|College|School|Hospital|Park|Street|Award|Prize)\b"
)


def most(texts: Iterable[str], holds: Callable[[str], object]) -> bool:
    """Is it so in over half of the texts? Each is looked at once, until that is clear."""
    counts = texts if isinstance(texts, Counter) else Counter(texts)
    half, yes, no = counts.total() / 2, 0, 0
    for one, n in counts.items():
        if holds(one):
            yes += n
        else:
            no += n
        if yes > half or no >= half:
            break
    return yes > half


def people(texts: Sequence[str], *, role: bool) -> bool:
    """Are these people, in a column whose name allows it, or (``role``) says so?"""
    texts = _capitals(texts)
    if most(texts, INITIALS.match):
        return len(set(texts)) >= min(MANY_PEOPLE, len(texts))
    first = sum(_first(one) for one in texts)
    shaped = {one for one in texts if SHAPE.match(one)}
    if not most(texts, lambda one: _first(one) or SHAPE.match(one)):
        return _single(texts)
    last_names = {one.split()[-1] for one in shaped}
    varied = len(shaped) >= min(20, len(texts) / 2) or len(last_names) >= MANY_PEOPLE
    return first >= FEW_NAMES * len(texts) or (role and varied)


def _capitals(texts: Sequence[str]) -> Sequence[str]:
    """Return texts that are all in one case as names are written."""
    text = "".join(texts[:50])
    if text != text.lower() and not text.isupper():
        return texts
    return [re.sub(r"(?<=[^\W\d])[_.](?=[^\W\d])", " ", one).title() for one in texts]


def _single(texts: Sequence[str]) -> bool:
    """Are these first names, or last names with some, one word each?"""
    words = {one for one in texts if re.fullmatch(WORD, one)}
    known = sum(one.casefold() in FIRST_NAMES for one in words)
    return (
        len(words) >= MANY_PEOPLE
        and most(texts, words.__contains__)
        and known >= FEW_NAMES * len(words)
    )


def _first(text: str) -> bool:
    """Does a text of a few words without digits begin with a common first name?"""
    words = text.split(None, 4)
    return (
        len(words) < 5
        and words[0].rstrip(",").casefold() in FIRST_NAMES
        and not NO_PERSON.search(text)
    )


def named(texts: Sequence[str]) -> bool:
    """Do the texts show by themselves that they are people's names?"""
    if most(texts, HONOURED.match):
        return True
    if most(texts, LAST_FIRST.match):
        tails = (match[1].casefold() for one in texts if (match := LAST_FIRST.match(one)))
        known = sum(tail in FIRST_NAMES for tail in tails)
        if known >= max(1, FEW_NAMES * len(texts)):
            return True
    texts = _capitals(texts)
    if most(texts, lambda one: _first(one) and SHAPE.match(one)):
        return True
    different = set(texts)
    shaped = {one for one in different if SHAPE.match(one) and not NO_PERSON.search(one)}
    first = sum(map(_first, shaped))
    return len(shaped) >= max(MANY_PEOPLE, 0.8 * len(different)) and first >= SOME_NAMES * len(
        different
    )
