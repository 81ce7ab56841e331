"""The bytes of an answer: an Answer and its request become a list of events.

Shapes follow OpenRouter docs, api_reference/streaming and api_reference/overview
(chunk, three places for the usage, mid-stream error), and vLLM's plain
OpenAI-like stream for `think_tags`.  Faults edit the list; nothing here does I/O.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .answer import MISSING, Answer, Json

COMMENT = b": OPENROUTER PROCESSING\n\n"
DONE = b"data: [DONE]\n\n"
_UNIT = r"(?:[\ud800-\udbff][\udc00-\udfff]|.)"


@dataclass(frozen=True)
class Event:
    """One block of the event stream, ready to send, and what it was made of.

    `kind` is comment, open, think, text, finish, usage, error, done or other.
    """

    kind: str
    raw: bytes
    payload: Json | None = None


@dataclass(frozen=True)
class Call:
    """One accepted request: everything an answer needs to know about it."""

    answer: Answer
    body: Json
    id: str
    created: int
    prices: tuple[int, int]
    """Nanodollars for a prompt token and for a completion token."""
    fees: Mapping[str, int] = field(default_factory=dict)
    """Nanodollars for each of what else the price list has, by its name there."""

    @property
    def model(self) -> str:
        """Name of the model as told to the client."""
        return self.answer.model or str(self.body.get("model") or "minimax/minimax-m1")


def dump(value: Any) -> bytes:
    """Write compact JSON as JSON.stringify does: raw UTF-8, lone surrogates escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def event(kind: str, payload: Json) -> Event:
    """Make a data event."""
    return Event(kind, b"data: " + dump(payload) + b"\n\n", payload)


def pieces(text: str | Sequence[str], size: int) -> list[str]:
    """Split a str in deltas of `size` characters, pairs kept whole; keep a list as it is."""
    if not isinstance(text, str):
        return list(text)
    return re.findall(f"(?s){_UNIT}{{1,{size}}}", text)


def whole(text: str | Sequence[str]) -> str:
    """Join the deltas."""
    return text if isinstance(text, str) else "".join(text)


def tokens(text: str) -> int:
    """Count tokens as a quarter of the characters, rounded up."""
    return math.ceil(len(text) / 4)


def prompt_tokens(body: Json) -> int:
    """Count the tokens of a request's messages."""
    return max(1, tokens(json.dumps(body.get("messages"), ensure_ascii=False)))


def obeyed(answer: Answer, body: Json) -> Answer:
    """Let an answer end before a stop sequence, and at the most tokens that were asked for.

    Exact deltas, a usage or an end that a test wrote down stay as they are.
    """
    thinking, text = answer.thinking, answer.text
    exact = answer.usage != "auto" or answer.finish != "stop" or answer.mid_error
    if exact or not isinstance(thinking, str) or not isinstance(text, str):
        return answer
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0] if stop else text
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    room = 4 * most if isinstance(most, int) else math.inf
    if 4 * tokens(thinking) + len(text) <= room:
        return answer if text == answer.text else replace(answer, text=text)
    room = int(room)
    thinking, left = thinking[:room], max(room - 4 * tokens(thinking), 0)
    return replace(answer, thinking=thinking, text=text[:left], finish="length")


def extras(call: Call, cached: int, reasoning: int) -> int:
    """Count the fees of a call in nanodollars: a request's, a search's, thinking, a cache."""
    fees, plugins = call.fees, call.body.get("plugins") or []
    searched = any(one.get("id") == "web" for one in plugins) or ":online" in call.model
    made = fees.get("request", 0) + reasoning * fees.get("internal_reasoning", 0)
    if "input_cache_read" in fees:
        made += cached * (fees["input_cache_read"] - call.prices[0])
    return made + searched * fees.get("web_search", 0)


def usage(call: Call) -> Json:
    """Make consistent numbers; completion includes reasoning, cost is exact in nanodollars."""
    answer = call.answer
    if isinstance(answer.usage, dict):
        return answer.usage
    prompt = prompt_tokens(call.body)
    reasoning = tokens(whole(answer.thinking))
    completion = reasoning + tokens(whole(answer.text)) + len(answer.deltas)
    inward, outward = prompt * call.prices[0], completion * call.prices[1]
    billed = (inward + outward + extras(call, min(answer.cached, prompt), reasoning)) / 1e9
    made: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": billed if answer.cost == "auto" else answer.cost,
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": min(answer.cached, prompt),
            "cache_write_tokens": 0,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": billed,
            "upstream_inference_prompt_cost": inward / 1e9,
            "upstream_inference_completions_cost": outward / 1e9,
        },
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "image_tokens": 0,
            "audio_tokens": 0,
        },
    }
    if answer.cost is MISSING:
        del made["cost"]
    return made


def chunk(call: Call, delta: Json | None, finish: str | None = None) -> Json:
    """Make one chat.completion.chunk; without a delta its choices are empty."""
    made: Json = {"id": call.id, "provider": call.answer.provider, "model": call.model}
    made |= {"object": "chat.completion.chunk", "created": call.created, "choices": []}
    if delta is not None:
        choice: Json = {"index": 0, "delta": delta, "finish_reason": finish}
        choice |= {"native_finish_reason": native(call.answer) if finish else None}
        made["choices"] = [choice | {"logprobs": None}]
    return made


def native(answer: Answer) -> str | None:
    """Give the provider's own word for the finish reason."""
    return answer.finish if answer.native_finish == "auto" else answer.native_finish


def delta(content: str = "", thought: str = "", where: str = "both") -> Json:
    """Make a delta with every field OpenRouter repeats on each chunk."""
    made: Json = {"role": "assistant", "content": content, "reasoning": None}
    made["reasoning_details"] = []
    if thought and where != "details":
        made["reasoning"] = thought
    if thought and where != "reasoning":
        made["reasoning_details"] = [
            {"type": "reasoning.text", "text": thought, "format": "unknown", "index": 0}
        ]
    return made


def events(call: Call) -> list[Event]:
    """Make the whole stream of an answer, comments and [DONE] included."""
    answer = call.answer
    made = _vllm(call) if answer.think_tags else _deltas(call) + _ending(call)
    if answer.comments and not answer.think_tags:
        made = _commented(made, answer.comment_every)
    return [*made, Event("done", DONE)] if answer.done else made


def _deltas(call: Call) -> list[Event]:
    """Make the reasoning and text chunks."""
    answer, made = call.answer, []
    for piece in pieces(answer.thinking, answer.piece):
        made.append(event("think", chunk(call, delta(thought=piece, where=answer.reasoning_in))))
    for piece in pieces(answer.text, answer.piece):
        made.append(event("text", chunk(call, delta(piece))))
    for one in answer.deltas:
        made.append(event("tool", chunk(call, delta() | one)))
    return made


def _ending(call: Call) -> list[Event]:
    """Make the finish chunk and the usage, in one of the three recorded places."""
    answer = call.answer
    if answer.mid_error is not None:
        return [event("error", error_chunk(call))]
    finish = chunk(call, delta(), answer.finish)
    if answer.usage is None:
        return [event("finish", finish)]
    if answer.usage_shape == "c":
        return [event("usage", finish | {"usage": usage(call)})]
    empty = {"role": "assistant", "content": ""} if answer.usage_shape == "b" else None
    last = chunk(call, empty) | {"usage": usage(call)}
    return [event("finish", finish), event("usage", last)]


def error_chunk(call: Call) -> Json:
    """Make the event that reports a failure after the first token."""
    made: Json = {"id": call.id, "object": "chat.completion.chunk", "created": call.created}
    made |= {"model": call.model, "provider": call.answer.provider}
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    return made | {"error": call.answer.mid_error, "choices": [choice]}


def _commented(made: list[Event], every: int) -> list[Event]:
    """Put a keep-alive comment first and then after every few events."""
    mixed = [Event("comment", COMMENT)]
    for number, one in enumerate(made, 1):
        mixed.append(one)
        if every and number % every == 0:
            mixed.append(Event("comment", COMMENT))
    return mixed


def _vllm(call: Call) -> list[Event]:
    """Make a self-hosted server's stream: thinking inside the content, no price."""
    answer = call.answer
    made = [event("open", _plain(call, {"role": "assistant", "content": ""}))]
    for piece in tagged(answer):
        made.append(event("text", _plain(call, {"content": piece})))
    made.append(event("finish", _plain(call, {"content": ""}, answer.finish)))
    wanted = call.body.get("stream_options")
    if isinstance(wanted, dict) and wanted.get("include_usage"):
        made.append(event("usage", _plain(call, None) | {"usage": plain_usage(call)}))
    return made


def _plain(call: Call, change: Json | None, finish: str | None = None) -> Json:
    """Make a chunk as vLLM does, without OpenRouter's own fields."""
    made: Json = {"id": call.id, "object": "chat.completion.chunk", "created": call.created}
    choice = {"index": 0, "delta": change, "logprobs": None, "finish_reason": finish}
    return made | {"model": call.model, "choices": [] if change is None else [choice]}


def tagged(answer: Answer) -> list[str]:
    """Give the deltas of thinking in tags and text; tags are cut too unless lists are given."""
    if not answer.thinking:
        return pieces(answer.text, answer.piece)
    before, after = "<think>\n", "\n</think>\n\n"
    if isinstance(answer.thinking, str) and isinstance(answer.text, str):
        return pieces(before + answer.thinking + after + answer.text, answer.piece)
    thinking, text = (pieces(part, answer.piece) for part in (answer.thinking, answer.text))
    return [before, *thinking, after, *text]


def plain_usage(call: Call) -> Json:
    """Keep only the three counts every OpenAI-like server gives."""
    made = usage(call)
    return {name: made[name] for name in ("prompt_tokens", "total_tokens", "completion_tokens")}


def completion(call: Call) -> Json:
    """Make the plain JSON answer of a call that is not streamed."""
    answer = call.answer
    message: Json = {"role": "assistant", "content": whole(answer.text), "refusal": None}
    message |= delta(message["content"], whole(answer.thinking), answer.reasoning_in)
    choice: Json = {"logprobs": None, "finish_reason": answer.finish, "index": 0}
    choice |= {"native_finish_reason": native(answer), "message": message}
    made: Json = {"id": call.id, "provider": answer.provider, "model": call.model}
    made |= {"object": "chat.completion", "created": call.created, "choices": [choice]}
    return made | {"system_fingerprint": None, "usage": usage(call)}
