"""Texts and categories → their shared labels, their length, the shape they have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...privacy.personal import personal_text
from ...privacy.redaction import masked_value
from .arrays import Array, spread
from .kinds import Series

LABELS = 20  # at most; a line begins with `lines.SHOWN` of them
TELLING = 0.01  # share from which a label tells something
SHAPED = 100  # texts whose shape is looked at
LONGEST_NUMBER = 40  # characters
DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z"
)
ZONE = re.compile(r"(?<=\d\d)(?:Z|(?<=:\d\d)[+-]\d{2}:?\d{2})\Z")
NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?\Z")
LONGEST = 24  # characters of a shape that is worth telling


def shared(counts: Iterable[tuple[Any, int]], total: int, k: int) -> dict[str, float]:
    """Return the labels that k rows share with their shares, the most frequent first."""
    labelled = [(label, n) for label, n in counts if n >= k or not isinstance(label, str)]
    merged: Counter[str] = Counter()
    for label, n in labelled:
        merged[str(label)] += n  # in a column of objects 97.29 and "97.29" are two
    pairs = sorted(merged.items(), key=lambda pair: (-pair[1], pair[0]))
    top: dict[str, float] = {}
    for label, n in pairs:
        if n < k or len(top) == LABELS:
            break
        if not personal_text(label[:500]):
            top[label] = n / total
    telling = {label: part for label, part in top.items() if part >= TELLING}
    return telling or dict([pair for pair in top.items() if pair[1] >= TELLING / 10][:2])


def moments(seen: Series) -> Array | None:
    """Return ISO 8601 dates as microseconds since 1970 in order, None if they are none."""
    try:
        bare = [ZONE.sub("", text) for text in _all_like(DATE, seen)]
        return np.sort(np.array(bare, dtype="datetime64[us]").astype(np.int64)) if bare else None
    except ValueError:
        return None


def numbers(seen: Series) -> Array | None:
    """Return numbers that were written as text, None if they are none."""
    texts = _all_like(NUMBER, seen)
    return np.array([float(text) for text in texts]) if texts else None


def _all_like(pattern: re.Pattern[str], seen: Series) -> list[str]:
    """Return the beginnings of texts that are all of a form, else none; most differ early."""
    for some in (seen.head(50), seen):
        texts = [str(text)[:LONGEST_NUMBER] for text in some.to_list()]
        if not all(map(pattern.match, texts)):
            return []
    return texts


def shape(text: str) -> str:
    """Return ``AA-9999`` for ``KL-2041``: the kind of each character."""
    kinds = (
        "9" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c
        for c in text[: LONGEST + 1]
    )
    return "".join(kinds)


def common_shape(seen: Series, k: int) -> str:
    """Return the shape that most texts have, with its share, or ""; never a text itself."""
    sample = seen[spread(len(seen), SHAPED)] if len(seen) > SHAPED else seen
    texts = [str(text)[:500] for text in sample.to_list()]
    if len(texts) < 2 * k:
        return ""
    commonest, n = Counter(shape(text) for text in texts).most_common(1)[0]
    plain_words = re.fullmatch(r"[Aa ]*", commonest)
    if n < max(k, 0.6 * len(texts)) or plain_words or len(commonest) > LONGEST:
        return ""
    if bool((seen == commonest).any()):
        return ""
    about = "≈ " if len(texts) < len(seen) else ""
    return f'shape "{masked_value(commonest)}" in {about}{100 * n / len(texts):.0f} %'
