"""What texts hold that are neither numbers nor dates: yes and no, JSON, URLs, lists of labels."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np

from ...privacy.personal import personal_text
from .arrays import spread
from .forms import MISSING, Texts, mostly, texts_of, without_value
from .kinds import Series
from .lines import quoted, share
from .measures import Measures

READ = 1_000  # rows that are looked at for what they hold
CLEANED = 2_000  # labels that are compared without blanks and case
SHARE = 0.9  # of the rows hold it
YES = {"y", "yes", "true", "t", "ja", "oui", "si", "sí", "sim", "da", "wahr", "vrai", "on"}
NO = {"n", "no", "false", "f", "nein", "non", "nao", "não", "net", "falsch", "faux", "off"}
URL = re.compile(r"(?:https?|ftp|s3|gs)://(?:[^\s/@]*@)?([^\s/:?#]+)\S*", re.I)
HTML = re.compile(
    r"</?(?:p|br|div|span|a|b|i|em|strong|ul|ol|li|table|tr|td|h[1-6]|img|html|body)\b[^<>]*>", re.I
)
PATH = re.compile(
    r"(?:[A-Za-z]:\\|\\\\|/|~/|\.{1,2}/)(?:[^/\\\n]+[/\\])+[^/\\\n]*"
    r"|(?:[\w.+-]+[/\\])+[\w.+-]+\.[A-Za-z]\w{0,4}"
)
ICD = re.compile(r"[A-TV-Z]\d[\dA-Z](\.[\dA-Z]{1,4})?")
SEPARATORS = ("|", ";", ",")
PARTS, PART = 60, 30  # labels in lists, and their characters
KEYS = 6


def notes(values: Callable[[], Series], some: Sequence[str], m: Measures, k: int) -> list[str]:
    """Return what the texts of a column hold, if that is more than words.

    Args:
        some: of the texts, at which most kinds are seen not to be there.
    """
    parts: list[str] = []
    if m.labels is not None:
        parts = [_yes_no(m) or _cleaned(m)]
        if k < 2 or len(m.labels) < m.valid:
            texts = _frequent(m, k)
            parts.append(without_value(texts, texts.missing(strictly=True)))
    for name, holds, more in KINDS:
        if mostly(some, holds, SHARE) and (holds is not _is_icd or mostly(some, _dotted, 0.3)):
            parts.append(_kind(values(), name, holds, more, k))
            break
    else:
        lists = [sign for sign in SEPARATORS if mostly(some, partial(_contains, sign), 0.3)]
        if lists and m.labels is not None and len(m.labels) <= CLEANED:
            parts.append(_lists(texts_of(values, m.labels, k), lists[0]))
    return [note for note in parts if note]


def _contains(sign: str, text: str) -> bool:
    return sign in text


def _frequent(m: Measures, k: int) -> Texts:
    """Return the labels that enough rows share, as parts of all rows."""
    pairs = [(str(label), n) for label, n in m.labels or () if n >= k]
    rows = np.array([n for _, n in pairs], dtype=np.int64)
    texts = Texts([label for label, _ in pairs], rows, k)
    texts.__dict__["total"] = m.valid
    return texts


def _yes_no(m: Measures) -> str:
    """Return that labels are yes and no, in how many spellings."""
    if len(labels := m.labels or ()) > 2 * len(YES):
        return ""
    words = [str(label).strip().casefold() for label, _ in labels]
    words = [word for word in words if word not in MISSING]
    if not (YES & set(words) and NO & set(words)) or set(words) - YES - NO:
        return ""
    return "yes/no in words" + (f", {len(words)} spellings" if len(words) > 2 else "")


def _cleaned(m: Measures) -> str:
    """Return how many labels there are without blanks and case, if these are fewer."""
    if not 1 < len(m.labels or ()) <= CLEANED:
        return ""
    labels = [str(label) for label, _ in m.labels or ()]
    kinds = {" ".join(label.split()).casefold() for label in labels}
    if len(kinds) == len(labels):
        return ""
    return f"{len(labels):,} labels, {len(kinds):,} after trim and case-fold"


def _kind(
    values: Series, name: str, holds: Callable[[str], object],
    more: Callable[[list[str], int], str], k: int,
) -> str:  # fmt: skip
    """Return that texts are of a kind, in what share of the rows, and more about them."""
    read = values[spread(len(values), READ)] if len(values) > READ else values
    texts = [str(text) for text in read.to_list()]
    fit = [text for text in texts if holds(text)]
    others = len(texts) - len(fit)
    if len(fit) < max(k, 1, SHARE * len(texts)):
        return ""
    part = "" if not others else f" in all but fewer than {k} rows" if others < k else ""
    if others >= max(k, 1):
        part = f" in {'≈ ' if len(texts) < len(values) else ''}{share(len(fit) / len(texts))}"
    elif len(texts) < len(values):
        part += f" in {len(texts):,} rows" if not others else f" of {len(texts):,}"
    return f"{name}{part}{more(fit, k)}"


def _is_json(text: str) -> bool:
    text = text.strip()
    if text[:1] + text[-1:] not in ("{}", "[]") or len(text) > 100_000:
        return False
    try:
        return bool(json.loads(text)) or len(text) < 5
    except (ValueError, RecursionError):
        return False


def _keys(texts: list[str], k: int) -> str:
    """Return the keys that enough of the JSON objects have."""
    counts = Counter(
        chain.from_iterable(made for text in texts if isinstance(made := json.loads(text), dict))
    )
    keys = sorted(
        (key for key, n in counts.items() if n >= max(k, 1) and not personal_text(key[:500])),
        key=lambda key: (-counts[key], key),
    )[:KEYS]
    return f", keys {', '.join(map(quoted, keys))}" if keys else ""


def _most(name: str, parts: Iterator[str], total: int, k: int) -> str:
    """Return the part that most texts share, if that is enough of them."""
    top = sorted(Counter(parts).items(), key=lambda pair: (-pair[1], pair[0]))[:1]
    if not top or top[0][1] < max(k, 1, 0.1 * total) or personal_text(top[0][0][:500]):
        return ""
    rest = total - top[0][1]
    part = "" if not rest else share(top[0][1] / total) if rest >= k else "nearly always"
    return f", {name} {quoted(top[0][0])}{' ' if part else ''}{part}"


def _hosts(texts: list[str], k: int) -> str:
    hosts = (match[1].casefold() for text in texts if (match := URL.match(text.strip())))
    return _most("host", hosts, len(texts), k)


def _endings(texts: list[str], k: int) -> str:
    ends = (match[0] for text in texts if (match := re.search(r"\.[A-Za-z]\w{0,7}$", text.strip())))
    return _most("ending", ends, len(texts), k)


def _nothing(texts: list[str], k: int) -> str:
    return ""


def _dotted(text: str) -> bool:
    return "." in text


def _is_icd(text: str) -> bool:
    return bool(ICD.fullmatch(text.strip()))


KINDS: tuple[tuple[str, Callable[[str], object], Callable[[list[str], int], str]], ...] = (
    ("JSON", _is_json, _keys),
    ("URLs", lambda text: URL.fullmatch(text.strip()), _hosts),
    ("HTML", HTML.search, _nothing),
    ("file paths", lambda text: PATH.fullmatch(text.strip()), _endings),
    ("hierarchical codes, in the form of ICD-10", _is_icd, _nothing),
)


def _lists(texts: Texts, sign: str) -> str:
    """Return that texts are lists of labels, and which of them are frequent."""
    split = [[part.strip() for part in text.split(sign)] for text in texts.raw]
    lengths = {len(parts) for parts in split}
    rows: Counter[str] = Counter()
    for parts, many in zip(split, texts.rows.tolist(), strict=True):
        rows.update(dict.fromkeys(parts, many))
    shared = {part for part, many in rows.items() if many >= max(texts.k, 2)}
    everything = sum(rows.values())
    if (
        len(lengths) < 2
        or len(rows) > min(PARTS, len(texts.raw) - 1)
        or max(map(len, rows)) > PART
        or sum(rows[part] for part in shared) < SHARE * everything
    ):
        return ""
    labels = [part for part in shared if part and not personal_text(part)]
    top = sorted(labels, key=lambda part: (-rows[part], part))[:3]
    words = ", ".join(f"{quoted(part)} in {share(rows[part] / texts.total)}" for part in top)
    return f"lists separated by {quoted(sign)} of {len(rows):,} labels: {words}"
