"""Distinct counts by hashing: exact when they say so, within their error otherwise."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m1_magic.context.frames import distinct, hashes
from m1_magic.context.frames.distinct import KEEP, LONG, STEP, of_hashes, of_numbers, of_texts
from m1_magic.context.frames.measures import Count

INTEGERS = [f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)]
WORDS = [
    "",
    "a",
    "a\0",
    "\0",
    "\0\0",
    "seven 7",
    "eight  8",
    "nine    9",
    "sixteen bytes 16",
    "é" * 9,
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wide(count: int, seed: int) -> np.ndarray[Any, Any]:
    """Return so many different integers, far apart and in no order."""
    return rng(seed).integers(-(2**63), 2**63 - 1, count)  # 64 bits: no two of a million agree


def arrow(values: Sequence[Any], kind: str = "string") -> pa.Array:
    return pa.array(values, type=getattr(pa, kind)())


# Numbers


@pytest.mark.parametrize("dtype", INTEGERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_integers_are_counted_exactly(dtype: str, data: st.DataObject) -> None:
    limits = np.iinfo(dtype)
    span = data.draw(st.sampled_from([3, 50, 2**70]))
    low, high = max(int(limits.min), -span), min(int(limits.max), span)
    values = data.draw(st.lists(st.integers(low, high)))
    assert of_numbers(np.array(values, dtype)) == Count(len(set(values)))


@pytest.mark.parametrize("width", [16, 32, 64])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_floats_are_counted_exactly(width: int, data: st.DataObject) -> None:
    number = st.floats(width=width, allow_nan=False)  # type: ignore[arg-type]
    near = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0**-14, -(2.0**-14), 1000.0, 2000.0])
    values = data.draw(st.lists(st.one_of(number, near) if data.draw(st.booleans()) else near))
    assert of_numbers(np.array(values, f"f{width // 8}")) == Count(len(set(values)))


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.integers(-(2**62), 2**62)),
    step=st.sampled_from([1, 1000, 86_400_000_000_000]),
    dtype=st.sampled_from(["M8[ns]", "m8[s]", "M8[D]"]),
)
def test_moments_are_counted_exactly(values: list[int], step: int, dtype: str) -> None:
    stepped = [value // step * step for value in values]
    assert of_numbers(np.array(stepped, "i8").view(dtype)) == Count(len(set(stepped)))


@pytest.mark.parametrize("values", [[], [True], [False] * 3, [True, False, True]])
def test_bools_are_counted_exactly(values: list[bool]) -> None:
    assert of_numbers(np.array(values, bool)) == Count(len(set(values)))


@pytest.mark.parametrize("dtype", [">i4", ">f8", ">u2", ">M8[s]", "longdouble"])
def test_unusual_dtypes_are_counted_exactly(dtype: str) -> None:
    values = rng().integers(0, 60_000, 5_000)
    assert of_numbers(values.astype(dtype)) == Count(len(set(values.tolist())))


def test_fractions_next_to_whole_numbers_are_not_lost() -> None:
    tiny = np.array([-1.0, 0.0, 1e-20, -1e-20, 1.0, 0.25] * 50_000)
    assert of_numbers(tiny) == Count(6)
    late = np.zeros(300_000)
    late[1::2] = 3.0
    late[-1] = 0.5  # after what looked like whole numbers throughout
    assert of_numbers(late) == Count(3)


def test_large_floats_next_to_each_other_are_not_lost() -> None:
    values = 2.0**60 + 256.0 * rng().integers(0, 1000, 200_000)
    assert of_numbers(values) == Count(len(set(values.tolist())))


def test_numbers_between_steps_are_not_lost() -> None:
    values = rng().integers(0, 1000, 200_000) * 86_400
    values[12_345] += 7
    assert of_numbers(values) == Count(len(set(values.tolist())))
    values = rng().integers(0, 10, 200_000) * 86_400
    values[199_999] += 7  # after all days were seen
    assert of_numbers(values) == Count(11)


@pytest.mark.parametrize("turn", [1, -1])
def test_ordered_numbers_are_counted_exactly_whatever_their_number(turn: int) -> None:
    values = np.sort(wide(300_000, 1))
    assert of_numbers(values[::turn]) == Count(300_000)
    assert of_numbers(np.repeat(values[:100_000], 3)[::turn]) == Count(100_000)
    swapped = values.copy()
    swapped[[200_000, 200_001]] = swapped[[200_001, 200_000]]
    assert of_numbers(swapped[::turn]).error > 0


@pytest.mark.parametrize("step", [1, 60 * 10**9])
def test_narrow_ranges_are_counted_exactly_whatever_their_number(step: int) -> None:
    values = rng(2).integers(0, 900_000, 400_000)
    want = Count(len(set(values.tolist())))
    assert want.value > 10 * KEEP
    assert of_numbers(values * step - 10**15) == want
    if step == 1:
        assert of_numbers(values.astype(np.float32)) == want
        assert of_numbers(values.astype("M8[s]")) == want


@pytest.mark.parametrize("count", [1, KEEP - 1, KEEP])
def test_counts_are_exact_as_far_as_hashes_are_kept(count: int) -> None:
    values = wide(count, 3)
    many = rng(3).permutation(np.concatenate([values] * (200_000 // count)))
    assert of_numbers(many) == Count(count)
    assert of_numbers(many.view(np.uint64)) == Count(count)


def test_beyond_that_no_count_claims_to_be_exact() -> None:
    counted = of_numbers(wide(KEEP + 1, 4))
    assert not counted.exact
    assert counted.value > KEEP


@pytest.mark.parametrize("count", [1_000, 50_000, 100_000, 1_000_000])
def test_estimates_are_within_their_error(count: int) -> None:
    offs = []
    for seed in range(10):
        counted = of_numbers(wide(count, seed))
        assert counted.error <= 0.012
        assert counted.exact == (count <= KEEP)
        offs.append(abs(counted.value - count) / count - counted.error)
        assert offs[-1] <= counted.error
    assert sum(off <= 0 for off in offs) >= 8


def test_the_error_is_neither_too_small_nor_idle() -> None:
    pulls = []
    for seed in range(40):
        counted = of_numbers(wide(120_000, 100 + seed))
        pulls.append((counted.value / 120_000 - 1) / (counted.error / 2))
    assert 0.6 < float(np.std(pulls)) < 1.4
    assert abs(float(np.mean(pulls))) < 0.6


@pytest.mark.parametrize(
    "make",
    [
        lambda n: np.arange(n) << 40,
        lambda n: np.arange(n) * 0.1,
        lambda n: np.arange(n) * 2.0**-30,
        lambda n: (np.arange(n) % 1000) * 2**44 + np.arange(n) // 1000,
        lambda n: (np.arange(n) * 1_000_003).astype("M8[us]"),
    ],
)
def test_regular_numbers_are_estimated_as_well_as_random_ones(make: Any) -> None:
    values = rng(5).permutation(make(300_000))
    counted = of_numbers(values)
    assert abs(counted.value - 300_000) <= 1.5 * counted.error * 300_000


@pytest.mark.parametrize("order", ["shuffled", "grouped", "in turn"])
def test_repeats_in_any_order_do_not_count(order: str) -> None:
    values = wide(60_000, 6)
    many = np.repeat(values, 8) if order == "grouped" else np.tile(values, 8)
    if order == "shuffled":
        many = rng(6).permutation(many)
    # The same hashes are kept, so the very same number comes out.
    assert of_numbers(many) == of_numbers(values)


def test_a_few_late_values_are_seen() -> None:
    values = np.repeat(wide(3, 7)[:1], 500_000)
    values[-1], values[250_000] = wide(3, 7)[1:]
    assert of_numbers(values) == Count(3)


def test_hashes_in_blocks_of_any_size() -> None:
    hashes = rng(8).integers(0, 2**64, 200_000, dtype=np.uint64)
    whole = of_hashes([hashes])
    assert whole == of_hashes(np.split(hashes, [0, 1, 10, 70_000, 70_000, 199_999]))
    assert abs(whole.value - 200_000) <= 2 * whole.error * 200_000
    assert of_hashes([]) == of_hashes([hashes[:0]]) == Count(0)


@pytest.mark.parametrize("shift", [0, 16])
def test_hashes_that_look_like_an_empty_slot_count(shift: int) -> None:
    special = np.array([0, 1, 1 << 16, 65_537, 2, 2**64 - 1, 1 << shift], np.uint64)
    first = np.array([123_456_789], np.uint64)
    assert of_hashes([first, special, special]) == Count(1 + len(set(special.tolist())))


def test_each_bit_of_a_number_turns_each_bit_of_its_hash_half_of_the_time() -> None:
    words = np.arange(4096, dtype=np.uint64)
    plain = distinct.finish(words.copy())
    for bit in range(64):
        turned = plain ^ distinct.finish(words ^ np.uint64(1 << bit))
        share = np.unpackbits(turned.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
        assert np.all(np.abs(share - 0.5) < 0.06)


def test_values_are_only_read() -> None:
    for values in (wide(100_000, 9), rng(9).normal(size=100_000), -np.zeros(70_000)):
        before = values.tobytes()
        values.flags.writeable = False
        of_numbers(values)
        of_numbers(values[::-3])
        assert values.tobytes() == before


def test_strided_values_count_as_their_copy() -> None:
    table = np.stack([wide(90_000, 10), rng(10).integers(0, 7, 90_000)], axis=1)
    for column in (0, 1):
        assert of_numbers(table[:, column]) == of_numbers(table[:, column].copy())
    assert of_numbers(table[:, 1].astype("M8[s]")[::2]) == Count(7)


# Texts


@pytest.mark.parametrize("kind", ["string", "large_string"])
@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.sampled_from(WORDS), st.text(max_size=40))),
    cut=st.integers(0, 5),
)
def test_texts_are_counted_exactly(kind: str, values: list[str | None], cut: int) -> None:
    array = arrow(values, kind)
    assert of_texts(array) == Count(len(set(values) - {None}))
    assert of_texts(array[cut : len(array) - cut]) == Count(
        len(set(values[cut : max(cut, len(values) - cut)]) - {None})
    )
    halves = pa.chunked_array([array[:cut], array[cut:], array[:0]], array.type)
    assert of_texts(halves) == Count(len(set(values) - {None}))
    assert of_texts(array.dictionary_encode()) == Count(len(set(values) - {None}))


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.binary(max_size=30)))
def test_bytes_are_counted_exactly(values: list[bytes]) -> None:
    for kind in ("binary", "large_binary"):
        assert of_texts(arrow(values, kind)) == Count(len(set(values)))


def families() -> dict[str, list[bytes]]:
    base = bytes(range(65, 105))
    flips = [1, 2, 0x20, 0x40, 0x80]
    return {
        "lengths of one letter": [b"a" * n for n in range(540)],
        "lengths of zeros": [b"\0" * n for n in range(540)],
        "one byte differs": [
            base[:at] + bytes([byte]) + base[at + 1 : n]
            for n in (7, 8, 9, 16, 17, 40)
            for at in range(n)
            for byte in range(128, 256)
        ],
        "words in another order": [
            b"".join(words) for words in product([b"one word", b"two word", b"ord two w"], repeat=5)
        ],
        "bits of two words": [
            bytes(base[i] ^ (one if i == a else 0) ^ (two if i == b else 0) for i in range(24))
            for a in range(8)
            for b in range(8, 24)
            for one in flips
            for two in flips
        ],
        "high bits of four places": [
            bytes(base[i] ^ mask.get(i, 0) for i in range(24))
            for some in product([0, 0x40, 0x80, 0xC0], repeat=4)
            for places in ((7, 15, 11, 12), (3, 7, 11, 15), (7, 15, 23, 19), (4, 7, 12, 15))
            for mask in [dict(zip(places, some, strict=True))]
        ],
        "numbers with the same ends": [
            f"prefix {n:06} suffix of it".encode() for n in range(20_000)
        ],
        "letters": ["".join(t).encode() for t in product("aäб漢🎈", repeat=6)],
    }


@pytest.mark.parametrize("family", families())
def test_texts_that_look_alike_have_hashes_of_their_own(family: str) -> None:
    texts = families()[family]
    assert len(texts) <= KEEP
    array = arrow(texts, "binary")
    assert of_texts(array) == Count(len(set(texts)))
    assert of_texts(pa.chunked_array([array[1:], array[::-1]])) == Count(len(set(texts)))


@pytest.mark.parametrize("shift", range(9))
def test_a_text_counts_once_wherever_it_lies(shift: int) -> None:
    """At any place of a word, at the ends of the data, and next to other bytes."""
    once = [word.encode() for word in WORDS] + [b"x" * LONG, b"y" * (LONG + 1)]
    many = [b"z" * shift, *once, b"mid", *reversed(once), *once, *once[:shift]]
    joined = b"".join(many)
    ends = np.cumsum([0, *map(len, many)], dtype=np.int32) + shift
    store = np.frombuffer(b"#" * shift + joined, np.uint8)
    for skew in range(8):  # data that starts, and ends, next to bytes of something else
        room = np.full(len(store) + 64, ord("!"), np.uint8)
        start = -room.ctypes.data % 8 + skew
        room[start : start + len(store)] = store
        text = pa.py_buffer(room[start : start + len(store)])
        array = pa.Array.from_buffers(pa.binary(), len(many), [None, pa.py_buffer(ends), text])
        assert array.to_pylist() == many
        assert of_texts(array) == Count(len(set(many)))


def test_nothing_to_count() -> None:
    for array in (arrow([]), arrow([None] * 9), pa.nulls(9), arrow(["a", "b"])[:0]):
        assert of_texts(array) == Count(0)
    assert of_texts(pa.chunked_array([], pa.string())) == Count(0)
    assert of_texts(arrow([None, None]).dictionary_encode()) == Count(0)
    assert of_texts(arrow([""] * 100_000)) == Count(1)


def test_what_lies_behind_nulls_does_not_count() -> None:
    places = pa.py_buffer(np.arange(0, 50_001, 5, dtype=np.int32))
    letters = pa.py_buffer(rng(11).integers(97, 123, 50_000, dtype=np.uint8))
    valid = np.zeros(10_000, bool)
    valid[[3, 5_000, 9_999]] = True
    bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
    array = pa.Array.from_buffers(pa.string(), 10_000, [bits, places, letters])
    assert of_texts(array) == Count(3)
    assert of_texts(array[4:9_999]) == Count(1)


def test_only_entries_of_a_dictionary_that_are_used_count() -> None:
    entries = arrow(["a", "b", "a", None, "unused", "c"])
    rows = pa.array([0, 2, 1, None, 3, 2, 5], pa.int8())
    array = pa.DictionaryArray.from_arrays(rows, entries)
    assert of_texts(array) == Count(3)
    assert of_texts(array[:2]) == Count(1)
    other = pa.DictionaryArray.from_arrays(rows, entries[::-1])
    assert of_texts(pa.chunked_array([array[2:], other])) == Count(4)
    assert of_texts(array.slice(3, 2)) == Count(0)


def test_other_types_are_declined() -> None:
    assert of_texts(pa.array([1, 2])) is None
    assert of_texts(pa.array([1, 2]).dictionary_encode()) is None
    assert of_texts(arrow(["a"], "string_view")) is None


def test_many_long_texts_are_declined_and_a_few_are_counted() -> None:
    long = [f"{n % 1000} {'long ' * 150}" for n in range(40_000)]
    assert of_texts(arrow(long)) is None
    wordy = [f"{'wordy ' * 80}{n}" for n in range(150_000)]
    assert of_texts(arrow(wordy)) is None
    mixed = [*long[:50], *map(str, range(20_000)), *long[:50], "x" * 1_000_000]
    assert of_texts(arrow(mixed)) == Count(20_051)


def test_texts_are_estimated_within_their_error() -> None:
    texts = [f"customer-{n}" if n % 2 else f"{n}@example.org" for n in range(200_000)]
    counted = of_texts(arrow(texts))
    assert counted is not None
    assert 0 < counted.error <= 0.012
    assert abs(counted.value - 200_000) <= 1.5 * counted.error * 200_000
    again = pa.chunked_array([arrow(texts[7:], "large_string"), arrow(texts, "large_string")])
    assert of_texts(again) == counted
    assert of_texts(again.dictionary_encode()) == counted


def test_hashes_of_texts_are_even() -> None:
    """Each bit of the hashes of texts that hardly differ is set about half of the time."""
    texts = arrow([f"{n:05}" for n in range(20_000)])
    parts = [h for piece in hashes.texts(texts, None) for h in hashes.hashed(*piece)]
    bits = np.unpackbits(np.concatenate(parts).view(np.uint8).reshape(-1, 8), axis=1)
    assert np.all(np.abs(bits.mean(axis=0) - 0.5) < 0.02)


# Memory


@pytest.mark.parametrize("kind", ["wide", "floats", "narrow", "texts", "nulls", "dictionary"])
def test_memory_does_not_grow_with_the_rows(kind: str) -> None:
    rows = 3_000_000
    if kind == "narrow":
        values: Any = rng(12).integers(0, 3_000_000, rows)
    elif kind == "floats":
        values = rng(12).normal(size=rows).astype(np.float32)
    elif kind == "wide":
        values = rng(12).integers(0, 2**63, rows)
    else:
        sizes = rng(12).integers(0, 20, rows)
        ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        letters = pa.py_buffer(rng(12).integers(97, 123, int(ends[-1]), dtype=np.uint8))
        bits = pa.py_buffer(rng(12).integers(0, 256, rows // 8, dtype=np.uint8))
        buffers = [bits if kind == "nulls" else None, pa.py_buffer(ends), letters]
        values = pa.Array.from_buffers(pa.string(), rows, buffers)
        if kind == "dictionary":
            codes = pa.array(rng(12).integers(0, 1000, rows, dtype=np.int16))
            values = pa.DictionaryArray.from_arrays(codes, values[:1000])
    count = of_numbers if isinstance(values, np.ndarray) else of_texts
    count(values[:STEP])
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        assert count(values) is not None
        assert tracemalloc.get_traced_memory()[1] < 4_500_000
    finally:
        tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < 1_000_000
