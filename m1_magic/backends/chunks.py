"""Chunks of a chat completion, as OpenRouter and other servers send them → Events.

Fields and their oddities: OpenRouter docs, api_reference/streaming and overview. Usage may come
on any chunk and the last one counts; a null finish reason never overwrites one; thinking comes
as ``reasoning`` or, from a self-hosted M1, inside the content as ``<think>…</think>``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from encodings.utf_16_le import IncrementalDecoder
from typing import Any, Literal

from ..calls import Event, Finish, ReasoningDelta, Started, TextDelta, Usage
from ..errors import CutOff, M1Error
from ..pricing.prices import amount, billed
from ..text import one_line
from .error_bodies import has_error, read

# No usage of one completion is larger; what is, would not fit the ledger.
MOST_TOKENS = 10**12
LARGEST_JSON = 32_000_000
OPEN, CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Splits a leading ``<think>…</think>`` off the content, wherever the chunks cut the tags.

    MiniMax-M1, docs/function_call_guide: the raw answer is ``<think>\\n…\\n</think>\\n answer``.
    """

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["start", "opened", "think", "after", "text"] = "start"

    def feed(self, content: str) -> Sequence[Event]:
        """Return the thinking and text that is certain so far."""
        if self._state == "text":
            return _some(TextDelta, content)
        self._held += content
        if self._state == "start":
            self._begin()
        thought = self._thought() if self._state in ("opened", "think") else ()
        if self._state == "after":
            self._held = self._held.lstrip()
            self._state = "text" if self._held else "after"
        return (*thought, *self.close()) if self._state == "text" else thought

    def close(self) -> Sequence[Event]:
        """Return what was held back when the stream ends."""
        held, self._held = self._held, ""
        return _some(TextDelta if self._state in ("start", "text") else ReasoningDelta, held)

    def _begin(self) -> None:
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._state, self._held = "opened", start[len(OPEN) :]
        elif not OPEN.startswith(start):
            self._state = "text"

    def _thought(self) -> Sequence[Event]:
        held = self._held.lstrip("\n") if self._state == "opened" else self._held
        thought, tag, self._held = held.partition(CLOSE)
        if tag:
            self._state = "after"
            return _some(ReasoningDelta, thought.removesuffix("\n"))
        keep = max(_overlap(thought, CLOSE), _overlap(thought, "\n" + CLOSE))
        thought, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        if thought:
            self._state = "think"
        return _some(ReasoningDelta, thought)


class Reader:
    """Folds the chunks of one completion into events; ``finish()`` gives its end.

    It names the ``model`` asked for if the server names none. Without a ``generation_id`` from the
    headers, the first chunk's is told.
    """

    def __init__(self, model: str, generation_id: str | None = None) -> None:
        self._model = model
        self._id = generation_id
        self._provider: str | None = None
        self._reason: str | None = None
        self._usage: Mapping[str, Any] = {}
        self._splitter = ThinkSplitter()
        self._text, self._thinking = IncrementalDecoder("replace"), IncrementalDecoder("replace")
        self.done = False

    def feed(self, data: str, event: str = "") -> Iterator[Event]:
        """Yield the events of one ``data:`` block.

        Raises:
            CutOff: the block is an error.
            ValueError: it is no JSON.
        """
        stripped = data.strip()
        self.done = self.done or stripped == "[DONE]"
        if self.done or not stripped:
            return
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            if event == "error":
                raise broken(data) from None
            raise ValueError(f"something that is no JSON came: {one_line(data, 80)!r}") from None
        if event == "error" or has_error(chunk):
            raise broken(chunk)
        if isinstance(chunk, dict):
            yield from self._chunk(chunk)

    def finish(self) -> tuple[list[Event], Finish]:
        """Return what was held back, and the Finish; its reason is None if the stream was cut."""
        held = [
            *_some(ReasoningDelta, characters(self._thinking, "", last=True)),
            *self._splitter.feed(characters(self._text, "", last=True)),
            *self._splitter.close(),
        ]
        reason, spent = self._reason or ("stop" if self.done else None), self._usage
        return held, Finish(reason, usage(spent), billed(spent), self._model, self._provider)

    def _chunk(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        id = _str(chunk.get("id")) or ""
        if not self._id and id.startswith("gen-"):
            self._id = id
            yield Started(id)
        self._model = _str(chunk.get("model")) or self._model
        self._provider = _str(chunk.get("provider")) or self._provider
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk["usage"]
        choice = _first(chunk)
        self._reason = _str(choice.get("finish_reason")) or self._reason
        delta = choice.get("delta")
        if isinstance(delta, dict):
            yield from _some(ReasoningDelta, characters(self._thinking, reasoning(delta)))
            yield from self._splitter.feed(characters(self._text, content(delta)))


def characters(decoder: IncrementalDecoder, text: str, last: bool = False) -> str:
    """Return what is whole of the text so far: half a surrogate pair waits for its other half."""
    if text.isascii() and not decoder.buffer:  # nearly always
        return text
    return decoder.decode(text.encode("utf-16-le", "surrogatepass"), last)


def reasoning(delta: Mapping[str, Any]) -> str:
    """Return the thinking of a delta, once: the same text stands in ``reasoning_details`` too."""
    for name in ("reasoning", "reasoning_content"):
        if isinstance(delta.get(name), str) and delta[name]:
            return str(delta[name])
    details = dicts(delta.get("reasoning_details"))
    parts = [part.get("text") or part.get("summary") for part in details]
    return "".join(part for part in parts if isinstance(part, str))


def content(delta: Mapping[str, Any]) -> str:
    """Return the text of a delta: a string, or a list of text parts."""
    parts = delta.get("content")
    if isinstance(parts, str):
        return parts
    return "".join(_str(part.get("text")) or "" for part in dicts(parts))


def usage(counts: Mapping[str, Any]) -> Usage | None:
    """Return the token counts of a usage object, None if there is none."""
    if not counts:
        return None
    prompt, completion = (counts.get(f"{part}_tokens_details") for part in ("prompt", "completion"))
    return Usage(
        input=_count(counts.get("prompt_tokens")),
        output=_count(counts.get("completion_tokens")),
        cached=_count(prompt.get("cached_tokens")) if isinstance(prompt, dict) else 0,
        reasoning=_count(completion.get("reasoning_tokens")) if isinstance(completion, dict) else 0,
    )


def whole(chunks: Iterable[bytes]) -> dict[str, Any] | None:
    """Return the completion or the error that came as JSON, not as a stream; None for neither.

    Raises:
        ValueError: it is half of one, or far too large.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > LARGEST_JSON:
            raise ValueError("an answer without an end")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("half an answer, which cannot be read") from None
    known = isinstance(answer, dict) and (answer.get("choices") or has_error(answer))
    return answer if known else None


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole completion in the shape of a chunk."""
    choice = _first(answer)
    return {**answer, "choices": [{**choice, "delta": choice.get("message")}]}


def dicts(data: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a JSON array; none for what is no array."""
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def broken(chunk: Any) -> M1Error:
    """Return the error for an error event in mid-stream."""
    reason = read(chunk, "").words or "no reason given"
    return CutOff(f"The provider broke off the answer: {reason}.")


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of ``text`` may be the start of ``tag``?"""
    return next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)


def _some(kind: type[TextDelta] | type[ReasoningDelta], text: str) -> tuple[Event, ...]:
    return (kind(text),) if text else ()


def _first(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(iter(dicts(chunk.get("choices"))), {})


def _str(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    """Return a number of tokens, however it is written; 0 for what cannot be one."""
    count = amount(value)
    return int(count) if count is not None and count <= MOST_TOKENS else 0
