"""Arrow texts → 64-bit hashes, without decoding a text.

The bytes are read eight at a time for all texts of a block at once; numbers are finished here, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Hashes = npt.NDArray[np.uint64]

STEP = 1 << 14  # values at a time: hashes and what they are made of stay in the cache
LONG = 512  # bytes from which a text is hashed on its own
OFFSETS = {
    "null": np.int32,
    "string": np.int32,
    "binary": np.int32,
    "large_string": np.int64,
    "large_binary": np.int64,
}  # Arrow's types of texts, and of the offsets into their bytes


def finish(words: Hashes) -> Hashes:
    """Return 64-bit words, which are overwritten, as hashes: the finaliser of SplitMix64.

    A step of a generator made for this (Steele, Lea, Flood 2014), in which each bit of the word
    turns about half of the bits of the hash.
    """
    more = np.empty_like(words)
    words += np.uint64(0x9E3779B97F4A7C15)
    words ^= np.right_shift(words, np.uint64(30), out=more)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= np.right_shift(words, np.uint64(27), out=more)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= np.right_shift(words, np.uint64(31), out=more)
    return words


def used(part: Any) -> npt.NDArray[np.bool_]:
    """Return which entries of a dictionary its rows make use of."""
    used = np.zeros(len(part.dictionary), bool)
    for start in range(0, len(part), STEP):
        indices = part.indices.slice(start, STEP).drop_null()
        used[indices.to_numpy(zero_copy_only=False)] = True
    return used


def texts(part: Any, used: Array | None) -> Iterator[tuple[Array, Array, Array]]:
    """Yield the bytes of an Arrow array, and where in them some of its texts start; their sizes."""
    _, places, texts = (*part.buffers(), None, None)[:3]
    if part.null_count == len(part) or places is None:
        return
    data = np.frombuffer(texts if texts is not None and texts.size else b"\0", np.uint8)
    ends = np.frombuffer(places, OFFSETS[str(part.type)])[part.offset :]
    for start in range(0, len(part), STEP):
        stop = min(start + STEP, len(part))
        here = ends[start : stop + 1].astype(np.int64)
        starts, sizes = here[:-1], np.diff(here)
        some = None if used is None else used[start:stop]
        if part.null_count:
            valid = part.slice(start, STEP).is_valid().to_numpy(zero_copy_only=False)
            some = valid if some is None else valid & some
        yield (data, starts, sizes) if some is None else (data, starts[some], sizes[some])


def hashed(data: Array, starts: Array, sizes: Array) -> Iterator[Hashes]:
    """Yield the hashes of texts, in any order."""
    if not len(sizes):
        return
    if sizes.max() > LONG:
        long = sizes > LONG
        for start, size in zip(starts[long].tolist(), sizes[long].tolist(), strict=True):
            digest = blake2b(data[start : start + size].tobytes(), digest_size=8).digest()
            yield np.frombuffer(digest, np.uint64)
        starts, sizes = starts[~long], sizes[~long]
        if not len(sizes):
            return
    # Words of eight bytes are read where the processor likes them, at multiples of eight, and
    # never outside the data: the few bytes of texts at its ends are copied.
    skip = -data.ctypes.data % 8
    words = data[skip : skip + max(0, len(data) - skip) // 8 * 8].view(np.uint64)
    after = skip + 8 * len(words) - 8
    if starts[0] < skip or starts[-1] + sizes[-1] > after:
        head = starts < skip
        tail = ~head & (starts + sizes > after)
        for end in (head, tail):
            if end.any():
                yield _stirred(*_copied(data, starts[end], sizes[end]))
        inside = ~(head | tail)
        starts, sizes = starts[inside], sizes[inside]
    yield _stirred(words, starts - skip, sizes)


def _copied(data: Array, starts: Array, sizes: Array) -> tuple[Hashes, Array, Array]:
    """Return texts that lie side by side as `_stirred` wants them."""
    first, total = int(starts[0]), int(starts[-1] + sizes[-1] - starts[0])
    words = np.zeros(total // 8 + 2, np.uint64)
    words.view(np.uint8)[:total] = data[first : first + total]
    return words, starts - first, sizes


def _stirred(words: Hashes, starts: Array, sizes: Array) -> Hashes:
    """Return the hashes of texts by their words of eight bytes, all texts a word at a time.

    Args:
        words: the bytes, with a word more after the last text.
        starts, sizes: of the texts, in bytes.
    """
    counts = ((sizes + 7) >> 3).astype(np.uint8)
    if len(counts) and counts.min() != counts.max():
        # In order of their number of words, those with more of them are a slice.
        order = np.argsort(counts, kind="stable")
        counts, starts, sizes = counts.take(order), starts.take(order), sizes.take(order)
    hashes = sizes.astype(np.uint64)
    place = starts >> 3
    right = ((starts & 7) << 3).astype(np.uint64)
    left = np.uint64(64) - right
    word, following, spare = (np.empty_like(hashes) for _ in range(3))
    total = int(counts[-1]) if len(counts) else 0
    bounds = np.searchsorted(counts, np.arange(total + 1), "right").tolist()
    words.take(place, out=word, mode="clip")
    for turn in range(total):
        more, last = slice(bounds[turn], None), slice(bounds[turn], bounds[turn + 1])
        w, n, t, h = word[more], following[more], spare[more], hashes[more]
        place[more] += 1
        words.take(place[more], out=n, mode="clip")
        w >>= right[more]
        w |= np.left_shift(n, left[more], out=t)
        word[last] <<= ((-sizes[last] & 7) << 3).astype(np.uint64)  # what is not the text's
        w ^= np.right_shift(w, np.uint64(32), out=t)
        w *= np.uint64(0x9FB21C651E98DF25)
        h ^= w
        h *= np.uint64(0xD6E8FEB86659FD93)
        h ^= np.right_shift(h, np.uint64(29), out=t)
        word, following = following, word
    return finish(hashes)
