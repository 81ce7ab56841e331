"""What a delta, or a whole message, holds: text, thinking, a refusal, and what is no text.

Servers put these in fields and parts of many names: OpenRouter, OpenAI, LiteLLM, vLLM, Mistral and
Anthropic by their public schemas. What cannot be shown is counted, for a note below the answer;
links that a search found are set below it, as Markdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from encodings.utf_16_le import IncrementalDecoder
from typing import Any
from urllib.parse import quote, urlsplit

from ..text import md_cell, one_line, plural

PARTS = ("reasoning_details", "thinking_blocks")
THINKING = ("reasoning", "reasoning_content", "reasoning_text", "thinking", "thought", *PARTS)
PLAIN = {"role", "content"}  # what most deltas have, and no more
WORDS = ("text", "thinking", "reasoning", "summary", "content", "refusal")
DEEPEST = 4
MOST_LINKS, MOST_NAMES, LONGEST_URL = 50, 5, 2_000
# Parts of content that are no text, and what a person calls them.
KINDS = {"image": "picture", "audio": "sound", "video": "video", "file": "file"}
URL = "%/:=&?~#+!,;@[]-._"  # what stands in an address as it is


def dicts(data: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a JSON array; none for what is no array."""
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def characters(decoder: IncrementalDecoder, text: str, last: bool = False) -> str:
    """Return what is whole of the text so far: half a surrogate pair waits for its other half."""
    if text.isascii() and not decoder.buffer:  # nearly always
        return text
    return decoder.decode(text.encode("utf-16-le", "surrogatepass"), last)


def content(delta: Mapping[str, Any]) -> str:
    """Return the text of a delta: a string, or a list of text parts."""
    parts = delta.get("content")
    if isinstance(parts, str):
        return parts
    texts = (part.get("text") for part in dicts(parts) if not _thinks(part))
    return "".join(text for text in texts if isinstance(text, str))


def reasoning(delta: Mapping[str, Any]) -> str:
    """Return the thinking of a delta, once: the same text may stand in several of its fields."""
    for name in THINKING:
        value = delta.get(name)
        if value and not (name in PARTS and isinstance(value, str)) and (words := _words(value)):
            return words
    return "".join(_words(part) for part in dicts(delta.get("content")) if _thinks(part))


def refusal(delta: Mapping[str, Any]) -> str:
    """Return the words in which the model refuses, if they are not its content, too."""
    words = delta.get("refusal")
    if isinstance(words, str) and words and words != delta.get("content"):
        return words
    parts = (p for p in dicts(delta.get("content")) if p.get("type") == "refusal")
    return "".join(p["refusal"] for p in parts if isinstance(p.get("refusal"), str))


class Beside:
    """What came beside the text: pictures, hidden thinking, links, tools that none ``offered``."""

    def __init__(self, offered: bool = False) -> None:
        self._offered = offered
        self.tools: dict[str, None] = {}
        self.called = False
        self._kinds: Counter[str] = Counter()
        self._hidden = False
        self._links: dict[str, str] = {}
        self._cited: list[Any] = []

    def feed(self, chunk: Mapping[str, Any], delta: Mapping[str, Any]) -> None:
        """Take a chunk and its delta."""
        if not (delta.keys() <= PLAIN and isinstance(delta.get("content", ""), str)):
            self._take(delta)
        cited = _citations(chunk, delta)
        if cited and cited != self._cited:  # some servers send all of them with each chunk
            self._cited = cited
            for url, title in _links(cited[:MOST_LINKS]):
                self._links[url] = self._links.get(url) or title

    def _take(self, delta: Mapping[str, Any]) -> None:
        """Take what is no text in a delta."""
        for call in (*dicts(delta.get("tool_calls")), *dicts([delta.get("function_call")])):
            self.called = True
            of = call.get("function", call)
            name = one_line(of.get("name") or "", 60) if isinstance(of, dict) else ""
            if name and len(self.tools) < MOST_NAMES:
                self.tools[name] = None
        parts = (*dicts(delta.get("content")), *dicts(delta.get("reasoning_details")))
        for part in (*parts, *dicts(delta.get("thinking_blocks"))):
            kind = str(part.get("type"))
            self._hidden |= "encrypted" in kind or "redacted" in kind
            self._kinds.update(noun for word, noun in KINDS.items() if word in kind)
        self._kinds["picture"] += len(dicts(delta.get("images")))
        if isinstance(delta.get("audio"), dict):  # one, in many pieces
            self._kinds["sound"] = 1

    def notes(self) -> tuple[str, ...]:
        """Return the notes on it below the answer."""
        counts = [plural(count, noun) for noun, count in self._kinds.items() if count]
        return (
            *([f"the model called a tool{self.named}, which nobody offered"] * self._uninvited),
            *([f"{', '.join(counts)} came along, not kept: only text is"] if counts else []),
            *(["some of the thinking came encrypted, and cannot be shown"] * self._hidden),
        )

    @property
    def _uninvited(self) -> bool:
        return self.called and not self._offered

    @property
    def named(self) -> str:
        """The tools that were called: ``(get_weather)``, or nothing."""
        return f" ({', '.join(self.tools)})" if self.tools else ""

    def links(self) -> str:
        """Return the links as a list in Markdown, in the order in which they came."""
        if not self._links:
            return ""
        rows = (
            f"{number}. [{md_cell(one_line(title, 120)) or md_cell(urlsplit(url).netloc)}]({url})"
            for number, (url, title) in enumerate([*self._links.items()][:MOST_LINKS], 1)
        )
        return "\n".join(rows)


def _citations(chunk: Mapping[str, Any], delta: Mapping[str, Any]) -> list[Any]:
    """Return the citations of a chunk: OpenRouter's and OpenAI's, or else Perplexity's."""
    notes = (each for each in dicts(delta.get("annotations")) if "url" in str(each.get("type")))
    cited = chunk.get("citations")
    return (
        [note.get("url_citation", note) for note in notes]
        or dicts(chunk.get("search_results"))
        or (cited if isinstance(cited, list) else [])
    )


def _links(cited: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield address and title of each citation that is of the web."""
    for link in cited:
        given, title = (
            (link.get("url"), link.get("title")) if isinstance(link, dict) else (link, "")
        )
        if url := _address(given):
            yield url, title if isinstance(title, str) else ""


def _address(given: object) -> str:
    """Return a web address, fit for the brackets of a link; nothing for anything else."""
    if not isinstance(given, str) or len(given) > LONGEST_URL:
        return ""
    url = quote(given.strip(), safe=URL, errors="replace")
    try:
        parts = urlsplit(url)
        web = parts.scheme.lower() in ("http", "https") and parts.hostname
    except ValueError:
        return ""
    return url if web and parts.username is None else ""


def _thinks(part: Mapping[str, Any]) -> bool:
    kind = str(part.get("type"))
    return "think" in kind or "reason" in kind or part.get("thought") is True  # Gemini's mark


def _words(value: object, depth: int = 0) -> str:
    """Return the text in a field: a string, a list of parts, or a part's first name with any."""
    if isinstance(value, str) or depth > DEEPEST:
        return value if isinstance(value, str) else ""
    if isinstance(value, list):
        return "".join(_words(each, depth + 1) for each in value)
    if not isinstance(value, dict):
        return ""
    return next(filter(None, (_words(value.get(name), depth + 1) for name in WORDS)), "")
