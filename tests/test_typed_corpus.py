"""Malformed answers of the kinds that issue threads report: read, or not, but never altered.

`data/typed_answers.jsonl` has one a line: what was asked for, what came, and the data that it is;
null where it could be two things, or is none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from m1_magic.options.fields import Options
from m1_magic.typed.reading import read
from m1_magic.typed.schema import wanted

CORPUS = Path(__file__).parent / "data" / "typed_answers.jsonl"
ANSWERS: list[dict[str, Any]] = [
    json.loads(line) for line in CORPUS.read_text("utf-8").split("\n") if line
]


def data_of(answer: dict[str, Any]) -> Any:
    """Return what is read of an answer, as JSON has it."""
    choices = tuple(answer.get("choices", ()))
    kind = wanted(Options(returns=answer.get("returns"), choices=choices), {})
    assert kind
    made = read(answer["answer"], kind)
    assert (made.data is None) == bool(made.misfits), answer
    return kind.adapter.dump_python(made.data, mode="json") if made.misfits == () else None


def test_no_value_of_the_corpus_is_altered_and_nine_in_ten_are_read() -> None:
    known = [answer for answer in ANSWERS if answer["data"] is not None]
    came = [(answer, data_of(answer)) for answer in ANSWERS]
    altered = [
        (answer["kind"], answer["answer"], data)
        for answer, data in came
        if data is not None and json.dumps(data) != json.dumps(answer["data"])
    ]
    unread = [(a["kind"], a["answer"]) for a, data in came if data is None and a in known]
    assert len(ANSWERS) >= 200 and not altered, altered
    assert len(unread) <= 0.1 * len(known), unread
