"""Chunks of a chat completion, as OpenRouter and other servers send them → Events.

Fields and their oddities: OpenRouter docs, api_reference/streaming and overview. Usage may come
on any chunk and the last one counts; a null finish reason never overwrites one; an event that is an
error ends the answer, whatever else stands in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from encodings.utf_16_le import IncrementalDecoder
from typing import Any

from ..calls import SOURCES, Event, Finish, ReasoningDelta, Started, TextDelta, Usage
from ..pricing.prices import amount, billed
from ..text import one_line
from .deltas import Beside, characters, content, dicts, reasoning, refusal
from .error_bodies import has_error
from .thinking import ThinkSplitter, some
from .tool_calls import ToolCalls
from .tool_text import ToolText

# No usage of one completion is larger; what is, would not fit the ledger.
MOST_TOKENS = 10**12
LARGEST_JSON = 32_000_000
LONGEST_NAME = 200
# Other words of servers for the finish reasons of OpenAI's schema.
FINISHES = {
    "length": "max_tokens max_output_tokens max_length model_length token_limit",
    "content_filter": "content-filter contentfilter content_filtered safety sensitive recitation "
    "prohibited_content blocklist spii moderation",
    "tool_calls": "function_call tool_use tool_call",
    "error": "abort aborted insufficient_system_resource",
}
FINISH = {word: reason for reason, words in FINISHES.items() for word in (reason, *words.split())}


class Reader:
    """Folds the chunks of one completion into events; ``finish()`` gives its end.

    It names the ``model`` asked for if the server names none. Without a ``generation_id`` from the
    headers, the first chunk's is given. ``cached``: the headers say that nothing was computed.
    ``error`` is the event that was one, as it came, untrusted; nothing is read behind it.
    ``free``: an answer without a word and a finish reason costs nothing (OpenRouter docs,
    features/zero-completion-insurance), where it cannot be asked for by its id. ``tools``: the
    request offered some, so that calls of them are an answer.
    """

    def __init__(
        self,
        model: str,
        generation_id: str | None = None,
        *,
        cached: bool = False,
        free: bool = False,
        tools: bool = False,
    ) -> None:
        self._model = model
        self._id = generation_id
        self._cached, self._free = cached, free
        self._provider: str | None = None
        self._reason: str | None = None
        self._usage: Mapping[str, Any] = {}
        self._splitter, self._beside = ThinkSplitter(), Beside(tools)
        self._calls = ToolCalls()
        self._tool_text = ToolText(self._calls) if tools else None
        self._text, self._thinking = IncrementalDecoder("replace"), IncrementalDecoder("replace")
        self._wrote = self._refused = False
        self.error: Any = None
        self.done = False

    def feed(self, data: str, event: str = "") -> Iterator[Event]:
        """Yield the events of one ``data:`` block; raise ValueError if it is no JSON."""
        data = data.strip()
        if data.startswith(":"):  # a comment that a gateway has sent on as data
            data = "\n".join(line for line in data.split("\n") if line.strip()[:1] != ":").strip()
        self.done = self.done or data == "[DONE]"
        if self.done or not data:
            return
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            if event != "error":
                what = f"something that is no JSON came: {one_line(data, 80)!r}"
                raise ValueError(what) from None
            chunk = data
        error = chunk if event == "error" else error_of(chunk)
        if isinstance(chunk, dict):
            yield from self._chunk(chunk)
        if error is not None:
            self.error, self._reason, self.done = error, "error", True

    def finish(self) -> tuple[list[Event], Finish]:
        """Return what was held back, and the Finish; its reason is None if the stream was cut."""
        held = [
            *some(ReasoningDelta, characters(self._thinking, "", last=True)),
            *self._written(self._splitter.feed(characters(self._text, "", last=True))),
            *self._written(self._splitter.close()),
        ]
        if self._tool_text:
            held += self._tool_text.close()
            self._wrote |= any(isinstance(e, TextDelta) and e.text.strip() for e in held)
        links = self._beside.links()
        if self._wrote and links:
            held.append(TextDelta(SOURCES + links))
        reason, spent = self._reason or ("stop" if self.done else None), self._usage
        if self._refused and reason in ("stop", "content_filter"):
            reason = "refusal"
        elif reason == "stop" and (self._calls or (self._beside.called and not self._wrote)):
            reason = "tool_calls"
        total, notes = _count(spent.get("total_tokens")), self._beside.notes()
        who, counted, cost = (self._model, self._provider), usage(spent), billed(spent)
        has_content = self._wrote or self._splitter.apart or held or counted or total
        ended = self.done and self._reason is None
        if self._free and ended and cost is None and not has_content and not self._id:
            cost = Decimal(0)
        return held, Finish(reason, counted, cost, *who, total, self._cached, notes)

    def _chunk(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        id = _str(chunk.get("id")) or ""
        if not self._id and id.startswith("gen-"):
            self._id = id
            yield Started(id)
        self._model = _name(chunk.get("model")) or self._model
        self._provider = _name(chunk.get("provider")) or self._provider
        choice = _first(chunk)
        for counts in (choice.get("usage"), chunk.get("usage")):
            if isinstance(counts, dict) and (not self._usage or tells(counts)):
                self._usage = counts
        if reason := _str(choice.get("finish_reason")):
            self._reason = FINISH.get(reason.lower(), one_line(reason, 40))
        begun = self._wrote or self._splitter.apart
        # A whole message at the end of a stream says again what came; at its start it is all.
        delta, message = choice.get("delta"), choice.get("message")
        given = delta.items() if isinstance(delta, dict) else ()
        beside = delta = {name: value for name, value in given if value}
        if not delta and isinstance(message, dict):
            beside, delta = message, delta if begun else message
        self._beside.feed(chunk, beside)
        if self._tool_text and not (beside is message and self._calls):
            yield from self._calls.feed(beside)
        thought = some(ReasoningDelta, characters(self._thinking, reasoning(delta)))
        self._splitter.apart |= bool(thought)
        yield from thought
        yield from self._written(self._splitter.feed(characters(self._text, content(delta))))
        if words := refusal(delta):
            yield from self._written(self._splitter.close())
            gap = "\n\n" if self._wrote and not self._refused else ""
            self._refused = True
            yield from self._written([TextDelta(gap + characters(self._text, words))])

    def _written(self, events: Sequence[Event]) -> Sequence[Event]:
        """Note whether there is any text in the answer."""
        if self._tool_text and any(isinstance(e, TextDelta) for e in events):
            events = [e for event in events for e in self._split(self._tool_text, event)]
        self._wrote |= any(isinstance(e, TextDelta) and e.text.strip() for e in events)
        return events

    def _split(self, text: ToolText, event: Event) -> Iterator[Event]:
        return text.feed(event.text) if isinstance(event, TextDelta) else iter((event,))


def tells(counts: Mapping[str, Any]) -> bool:
    """Does a usage object say anything?"""
    return bool(usage(counts) or _count(counts.get("total_tokens")) or billed(counts) is not None)


def usage(counts: Mapping[str, Any]) -> Usage | None:
    """Return the token counts of a usage object, None if it counts neither prompt nor answer.

    One of the two that is missing comes of the total; 0: the server does not say it.
    """
    given, got, total = (
        _count(counts.get(name) or counts.get(other))
        for name, other in (
            ("prompt_tokens", "input_tokens"),
            ("completion_tokens", "output_tokens"),
            ("total_tokens", ""),
        )
    )
    if not given and not got:
        return None
    given, got = given or max(total - got, 0), got or max(total - given, 0)
    cached = _detail(counts, "prompt", "cached_tokens")
    thought = _detail(counts, "completion", "reasoning_tokens")
    if thought > got and total == given + got + thought:  # counted beside the answer, as xAI does
        got += thought
    return Usage(given, got, min(cached, given), min(thought, got))


def unstreamed(chunks: Iterable[bytes]) -> dict[str, Any] | None:
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
    known = isinstance(answer, dict) and ("choices" in answer or error_of(answer) is not None)
    return answer if known else None


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole completion in the shape of a chunk."""
    choice = _first(answer)
    return {**answer, "choices": [{**choice, "delta": choice.get("message")}]}


def error_of(chunk: Any) -> Any:
    """Return what of a body or an event is an error; None where it is an answer or nothing."""
    if not isinstance(chunk, dict):
        return None
    if inner := _first(chunk).get("error"):  # an answer that failed half-way, sent as a whole
        return {"error": inner}
    # Without what is null or empty: an error beside `"choices": null` is one all the same.
    given = {name: value for name, value in chunk.items() if value or name == "success"}
    return chunk if has_error(given) else None


def _first(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = dicts(chunk.get("choices"))
    return choices[0] if choices else {}


def _str(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _name(value: object) -> str | None:
    return one_line(value, LONGEST_NAME) or None if isinstance(value, str) else None


def _detail(counts: Mapping[str, Any], part: str, name: str) -> int:
    details = counts.get(f"{part}_tokens_details")
    return _count(details.get(name)) if isinstance(details, dict) else 0


def _count(value: object) -> int:
    """Return a number of tokens, however it is written; 0 for what cannot be one."""
    count = amount(value)
    return int(count) if count is not None and count <= MOST_TOKENS else 0
