"""Which columns and labels a prompt names: they come first, and in full.

A column is named by its name, as typed or as its words ("flipper length" for
``flipper_length_mm``), in the plural, too; by its moments ("over time"); by a label that may
leave of it. Only the order of what may leave anyway depends on it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from .summary import Column

LONGEST = 12_000  # characters of a prompt that are read, from both its ends
PHRASE = 8  # words of a name, or of a label, that are looked for together
FEW = 4  # columns that one word, or one label, may name
HEAD = 3  # letters that singular and plural have in common, and that a word has to have
DISTINCT = 4  # letters from which the beginning of a word stands for it
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
QUOTED = re.compile(r"(?<!\w)([`\"'“”«„‘])([^`\"'“”«»„‘’\n]{1,200})[`\"'“”«»’](?!\w)")
ATTRIBUTE = re.compile(r"(?<=[\w\])]\.)[^\W\d]\w*")
VALUE = re.compile(r"\{\{[^{}]*\}\}")
# What a name of one or two letters stands beside, where it is one.
BEFORE = (
    "columns?|variables?|fields?|features?|predict|vs|versus|against|between|per|by|of|for|and|"
    "does|did|is|are|where|with|on|"
    "mean|average|median|sum|total|plot|histogram|distribution|count|min|max|sd"
)
AFTER = "column|variable|field|feature|vs|versus|against|and"
CLEAR = (
    re.compile(rf"\b(?:{BEFORE})\s+(?=(\w+))"),
    re.compile(rf"\b(\w+)(?=\s+(?:{AFTER})\b)"),
    re.compile(r"\b(\w+)\s*(?:,|~|=|[<>])"),
    re.compile(r"(?:,|~|=|[<>])\s*(\w+)"),
)
CALLED = re.compile(r"\b(?:columns?|variables?|fields?)\s+(\w+)(?:\s*(?:,|and)\s*(\w+))?")
CAPITALS = re.compile(r"(?<=[\w,] )[A-HJ-Z]\d?\b")
COMMON = (
    "a about all also am an and any are as at be been but by can did do does each either else few"
    " for from get give had has have he her how i if in into is it its just like many may me mean"
    " median minimum maximum average more most much my no none not of off on one only or other our"
    " out over per she should show so some such sum than that the their them then there these they"
    " this those to too total under up us very was we were what when where which who whom whose why"
    " will with would yes you your go hi ok oh vs max min avg std num val per"
)
STOP = frozenset(re.findall(r"\w+", COMMON))
MOMENTS = re.compile(
    r"\b(over|through|in|with|across) time\b|\btrends?\b|\btime ?(series|line)\b|\bseason\w*"
    r"|\b(hour|dai|week|month|quarter|year|annual)ly\b|\bannual\b|\bwhen\b|\bhistory\b"
    r"|\b(by|per|each|every) (hour|day|week|month|quarter|year|date)\b"
)
TIMES = frozenset(("date", "time", "datetime", "timestamp", "year", "month", "day", "week"))


def plain(text: str) -> str:
    """Return text in one form: without accents on Latin letters, its case as it was."""
    if text.isascii():
        return text
    bases = ((c, unicodedata.normalize("NFD", c)[0]) for c in unicodedata.normalize("NFKC", text))
    return "".join(base if base.isascii() else c for c, base in bases)


def stem(word: str) -> str:
    """Return a word without its case, the same for singular and plural."""
    word = word.casefold()
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if len(word) > 3 and word[-1] in "ey":
        word = word[:-1] + "i" * (word[-1] == "y")
    return word


def words(text: str) -> tuple[str, ...]:
    """Return the words of a name, whether ``snake_case``, ``camelCase`` or plain, as stems."""
    return tuple(stem(word) for word in WORD.findall(plain(text)))


class Prompt:
    """What is asked, taken apart once."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]} \n{text[-LONGEST // 2 :]}"
        self.text = plain(VALUE.sub(" ", text))
        self.folded = self.text.casefold()

    @cached_property
    def _stems(self) -> list[tuple[str, int, str]]:
        matches = WORD.finditer(self.text)
        return [(stem(match[0]), match.start(), match[0]) for match in matches]

    @cached_property
    def phrases(self) -> dict[tuple[str, ...], tuple[int, ...]]:
        """Phrases of up to `PHRASE` words → the numbers of the words where they first stand."""
        stems = [one for one, _, _ in self._stems]
        made: dict[tuple[str, ...], tuple[int, ...]] = {}
        for size in range(1, PHRASE + 1):
            for at in range(len(stems) - size + 1):
                made.setdefault(tuple(stems[at : at + size]), tuple(range(at, at + size)))
        return made

    @cached_property
    def heads(self) -> frozenset[str]:
        """The first letters of its words: a name without them is not named."""
        return frozenset(one[:HEAD] for one, _, _ in self._stems)

    @cached_property
    def joined(self) -> dict[str, tuple[int, ...]]:
        """The same phrases as one word: ``unitprice`` is "unit price"."""
        return {"".join(phrase): numbers for phrase, numbers in reversed(self.phrases.items())}

    @cached_property
    def shortened(self) -> dict[str, tuple[int, ...]]:
        """The beginnings of its longer words: ``temp`` is one of "temperature"."""
        made: dict[str, tuple[int, ...]] = {}
        for number, (one, _, _) in enumerate(self._stems):
            if len(one) >= DISTINCT + 2 and one not in STOP:
                for size in range(DISTINCT, len(one)):
                    made.setdefault(one[:size], (number,))
        return made

    @cached_property
    def quoted(self) -> dict[str, int]:
        """What stands in quotes or backticks, or after the dot of a variable, with its place."""
        marked = [(match[2], match.start()) for match in QUOTED.finditer(self.text)]
        marked += [(match[0], match.start()) for match in ATTRIBUTE.finditer(self.text)]
        return {name.strip().casefold(): at for name, at in reversed(marked)}

    @cached_property
    def clear(self) -> dict[str, int]:
        """Words that stand where the name of a column does, and single capitals."""
        made = {match[0].casefold(): match.start() for match in CAPITALS.finditer(self.text)}
        for pattern in CLEAR:
            matches = pattern.finditer(self.folded)
            made |= {match[1]: match.start(1) for match in matches if match[1] not in STOP}
        for match in CALLED.finditer(self.folded):
            made |= {word: match.start() for word in match.groups() if word}
        return made

    def name_at(self, name: str) -> int | None:
        """Return where a name stands as it is, or as its words; None if nowhere."""
        folded_name = plain(name).casefold().strip()
        if not folded_name:
            return None
        if folded_name in self.quoted:
            return self.quoted[folded_name]
        parts = words(name)
        if not parts or folded_name in STOP or (len(folded_name) < 2 and folded_name.isascii()):
            return self.clear.get(folded_name)
        places = self.phrases.get(parts[:PHRASE]) or self.joined.get("".join(parts))
        if places is not None:
            return self._stems[places[0]][1]
        return None if folded_name.isascii() else self._foreign(folded_name, parts)

    def _foreign(self, folded_name: str, parts: Sequence[str]) -> int | None:
        """Return where a name in another script stands: with an ending, or without spaces."""
        at = self.folded.find(folded_name)
        if at >= 0 and any(ord(c) > 0x58F for c in folded_name):
            return at
        if len(parts) == 1 and len(parts[0]) > 2:
            for one, start, _ in self._stems:
                same = len(parts[0]) - (len(parts[0]) > 3)
                if one[:same] == parts[0][:same] and abs(len(one) - len(parts[0])) <= 2:
                    return start
        return None


def prompted(prompt: str, names: Sequence[str], moments: Iterable[int] = ()) -> tuple[int, ...]:
    """Return the places of the columns that the prompt names: by their names in the prompt's
    order, then by some of their words, then for their moments.

    Args:
        moments: places of the columns of dates and times.
    """
    if not prompt.strip():
        return ()
    question = Prompt(prompt)
    ranks: dict[int, tuple[int, int]] = {}
    partly: dict[int, tuple[str, ...]] = {}
    taken: set[int] = set()
    for place, name in enumerate(names):
        name = name[:200]
        heads = [word[:HEAD].casefold() for word in WORD.findall(name)] if name.isascii() else []
        near = not question.heads.isdisjoint(heads)
        if not near and len(heads) and len(name) > 2 and not question.quoted:
            continue
        parts = words(name)
        if (at := question.name_at(name)) is not None:
            ranks[place] = 0, at
            taken |= set(question.phrases.get(parts[:PHRASE], ()))
        elif near:
            partly[place] = parts
    _same_case(question.text, names, ranks)
    for place, numbers in _by_parts(question, partly, taken):
        ranks[place] = 1, question._stems[numbers[0]][1]
    if over := MOMENTS.search(question.folded):
        dated = list(moments) or [p for p, name in enumerate(names) if TIMES & set(words(name))]
        for place in dated[:FEW]:
            ranks.setdefault(place, (2, over.start()))
    return tuple(sorted(ranks, key=lambda place: (*ranks[place], place)))


def _same_case(text: str, names: Sequence[str], ranks: dict[int, tuple[int, int]]) -> None:
    """Where names differ by their case alone, leave those that are written as in the prompt."""
    by_name: dict[str, list[int]] = {}
    for place in ranks:
        by_name.setdefault(names[place].casefold(), []).append(place)
    for places in by_name.values():
        there = [p for p in places if re.search(rf"\b{re.escape(names[p])}\b", text)]
        for place in set(places) - set(there or places):
            del ranks[place]


def _by_parts(
    question: Prompt, partly: Mapping[int, tuple[str, ...]], taken: set[int]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the columns that some words of their names name, and which words of the prompt."""
    runs = {place: _longest(question, parts) for place, parts in partly.items()}
    runs = {place: run for place, run in runs.items() if run and not taken.issuperset(run)}
    common = Counter(runs.values())
    used = set[int]().union(*(run for run in runs.values() if len(run) > 1))
    for place, run in runs.items():
        if common[run] <= FEW and (len(run) > 1 or run[0] not in used):
            yield place, run


def _longest(question: Prompt, parts: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of the prompt's words that are the longest run of a name's."""
    for size in range(min(len(parts), PHRASE), 1, -1):
        for at in range(len(parts) - size + 1):
            if numbers := question.phrases.get(tuple(parts[at : at + size])):
                return numbers
    for part in parts:
        if len(part) >= HEAD and part not in STOP:
            numbers = question.phrases.get((part,)) or question.shortened.get(part)
            if numbers:
                return numbers
    for part in parts:
        for end in range(DISTINCT, len(part)):
            if (numbers := question.phrases.get((part[:end],))) and part[:end] not in STOP:
                return numbers
    return ()


def labelled(prompt: str, columns: Mapping[int, Column]) -> dict[int, frozenset[str]]:
    """Return the labels that the prompt names, of those that may leave, by the column's place."""
    if not prompt.strip():
        return {}
    question = Prompt(prompt)
    named_labels: dict[int, frozenset[str]] = {}
    for place, column in columns.items():
        named = frozenset(label for label in column.labels if _named(label, question))
        if named and not column.masked and not column.type.startswith("true/false"):
            named_labels[place] = named
    often = Counter(label for labels in named_labels.values() for label in labels)
    uncommon = {
        p: frozenset(x for x in labels if often[x] <= FEW) for p, labels in named_labels.items()
    }
    return {place: labels for place, labels in uncommon.items() if labels}


def _named(label: str, question: Prompt) -> bool:
    folded_label = plain(label[:200]).casefold().strip()
    if folded_label in question.quoted:
        return True
    parts = words(label[:200])
    if not parts or folded_label in STOP or (len(folded_label) < 3 and folded_label.isascii()):
        there = label.isupper() and len(label) > 1 and label.isalnum()
        return there and re.search(rf"\b{label}\b", question.text) is not None
    if not folded_label.isascii() and any(ord(c) > 0x58F for c in folded_label):
        return folded_label in question.folded
    return len(parts) <= PHRASE and parts in question.phrases
