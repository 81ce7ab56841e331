"""What may follow in a ``%%m1`` or ``%m1`` line: verbs, options, their values, ``{{names}}``.

Only what the line's parser reads back as what was meant is offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..options.command_line import quoted
from ..options.fields import OPTIONS, Option, in_groups
from ..options.kinds import MODELS
from ..text import INVISIBLE
from .completion_place import FLAGS, Known, Place, expected, last_of_list, unquoted

FLAG = re.compile(r"(?<![|-])(--?[a-z][a-z-]*)(?: ([A-Z]+))?")
SLOT = re.compile(r"(?<=\|)--[a-z-]+|\w+")
LONGEST = 200
EACH = re.compile(r"(?<!\S)--each\b")


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be written in the place of ``typed``, and what kind of thing it is."""

    typed: str
    words: Sequence[str] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """How a verb is used: its flags with what they take, and what its words may be, in order."""

    flags: Mapping[str, str]
    words: Sequence[Sequence[str]]

    @classmethod
    def read(cls, text: str) -> Usage:
        """Return it as it is written in help, such as ``log [WORD|ID] [-o NAME]``."""
        slots = (SLOT.findall(part) for part in FLAG.sub("", text).split()[1:])
        return cls(dict(FLAG.findall(text)), [one for one in slots if one and one != ["options"]])


def offered(place: Place, known: Known) -> Offer | None:
    """Return what may follow at a place in a cell of ours; None where it is free text.

    After that, what looks like an option is none.
    """
    offer = _offered(place, known)
    return Offer(place.typed) if offer is None and place.typed.startswith("-") else offer


def _offered(place: Place, known: Known) -> Offer | None:
    if place.braces is not None:
        return _inserted(place, place.braces, known)
    if place.magic == "%%m1":
        return _options(place, known, place.words, text=False)
    if not place.words:
        return _beginning(place.typed, known.verbs().VERBS, "verb")
    verb, *words = place.words
    known_verb = known.verbs().VERBS.get(verb)
    text = known_verb.usage if known_verb else ""
    usage = Usage.read(text)
    if "[options]" not in text or verb == "df":
        return _of_verb(place, known, verb, usage, words)
    offer = _options(place, known, words, text=verb != "again")
    own = _beginning(place.typed, [w for one in usage.words for w in one if w.islower()], "word")
    if words or not own.words:
        return offer
    return replace(own, words=[*own.words, *offer.words]) if offer else own


def _beginning(typed: str, words: Iterable[str], kind: str) -> Offer:
    """Offer those words that begin as one is typed; if none does, those that do in another case."""
    begun = unquoted(typed)
    listed = [word for word in words if _fit(word)]
    same = [word for word in listed if word.startswith(begun)]
    matching = same or [word for word in listed if word.lower().startswith(begun.lower())]
    return Offer(typed, [quoted(word) for word in matching], kind)


def _inserted(place: Place, typed: str, known: Known) -> Offer:
    """Offer what may stand in braces: columns of the table asked about by row, and variables."""
    from .completion_names import columns, in_braces

    row = columns(place.line, known) if EACH.search(place.line) else ()
    end = "" if place.closed else "}}"
    names = (name for name in in_braces(typed, row, known) if _fit(name))
    return Offer(typed, [name + end for name in names if name.startswith(typed)], "variable")


def _options(place: Place, known: Known, words: Sequence[str], *, text: bool) -> Offer | None:
    """Offer options, or values of the one that waits for its value; None in the text."""
    at = expected(words, place.typed, text=text)
    if at.option is not None:
        offer = _values(at.option, at.typed, place.line, known)
        if offer.words or at.typed or at.option.bare is None:
            return offer
    elif not at.flag:
        return None
    given = {FLAGS[word].name for word in words if word in FLAGS}
    left = [one for name, one in OPTIONS.items() if name not in given or one.kind.split]
    return _beginning(at.typed, [flag for one in left for flag in one.flags], "option")


def _values(option: Option, typed: str, line: str, known: Known) -> Offer:
    """Offer values of an option; in a list, what may follow its last comma."""
    if option.values == "files":
        return _files(typed)
    words: Iterable[str] = option.values
    kind = "value"
    if isinstance(option.values, str) or option.kind is MODELS:
        from .completion_names import models, of_option

        source = option.values if isinstance(option.values, str) else "models"
        words = models(known.settings) if source == "models" else of_option(source, line, known)
        kind = source.removesuffix("s")
    words = [word for word in words if _reads_back(option, word)]
    if "," not in option.metavar:
        return _beginning(typed, words, kind)
    *before, begun = unquoted(typed).split(",")
    if option.name == "cols" and begun.startswith("!"):
        words = [f"!{word}" for word in words]  # all but these
    left = _beginning(quoted(begun), [word for word in words if word not in before], kind)
    piece = last_of_list(typed)
    inside = unquoted(piece).removesuffix(begun)  # other names, in the same quotes
    listed = [quoted(inside + unquoted(word)) if inside else word for word in left.words]
    return Offer(piece, listed, kind)


def _reads_back(option: Option, word: str) -> bool:
    """Does the option read a name as itself, and not as what to leave out?"""
    if option.values == "columns" and word.startswith("!"):
        return False
    try:
        return option.read(word) in (word, (word,))
    except UsageError:
        return False


def _of_verb(place: Place, known: Known, verb: str, usage: Usage, words: Sequence[str]) -> Offer:
    """Offer a verb's flags, what they take, and its words, by how it is used."""
    options, last = {}, words[-1] if words else ""
    if verb == "df":
        options = {flag: one for one in in_groups("tables").values() for flag in one.flags}
        if last in options and not options[last].switch:
            return _values(options[last], place.typed, place.line, known)
    if slot := usage.flags.get(last, ""):
        return _placeholder([slot], last, place, known, "")
    plain = [
        word
        for before, word in zip(("", *words), words, strict=False)
        if not (word.startswith("-") or usage.flags.get(before) or before in options)
    ]
    slots = usage.words[len(plain) :][:1] or (usage.words if options else ())
    own = _placeholder(slots[0], verb, place, known, last) if slots else Offer(place.typed)
    return own if own.words else _beginning(place.typed, [*usage.flags, *options], "option")


def _placeholder(slot: Sequence[str], after: str, place: Place, known: Known, last: str) -> Offer:
    """Offer the words of a slot, such as ``on|off|PATH``, after a verb or a flag."""
    from .completion_names import of_slot

    literal_first = sorted(slot, key=str.isupper)
    words = [word for one in literal_first for word in of_slot(one, after, last, known)]
    offer = _beginning(place.typed, words, slot[-1].lower())
    if "PATH" not in slot:
        return offer
    return replace(offer, words=[*offer.words, *_files(place.typed).words])


def _files(typed: str) -> Offer:
    """Offer the files and folders that may be named so."""
    from ..context.globs import completions

    return Offer(typed, completions(unquoted(typed)), "path")


def _fit(name: str) -> bool:
    """Can a name be shown as it is, on one line?"""
    return 0 < len(name) <= LONGEST and not INVISIBLE.search(name) and "\n" not in name
