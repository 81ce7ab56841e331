"""One contract that every backend keeps: OpenRouter, a self-hosted server, the local model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

import emulator
import local_model
from emulator import Answer
from faulty import connections
from ledgers import in_threads
from m1_magic.backends import Backend, llama_server
from m1_magic.backends.local import Local
from m1_magic.backends.openrouter import OpenRouter
from m1_magic.calls import Event, Finish, Message, ReasoningDelta, Request, Started, Text, TextDelta
from m1_magic.errors import PromptTooLarge
from m1_magic.keys import Key
from m1_magic.pricing.prices import ModelLimits
from m1_magic.settings.endpoints import Endpoint, endpoint

MODEL = "minimax/minimax-m1"
VLLM_OVERFLOW = {
    "message": "This model's maximum context length is 40960 tokens. However, you requested "
    "50000 tokens in the messages. Please reduce the length of the messages.",
    "type": "BadRequestError",
    "param": None,
    "code": 400,
}


def ask(text: str = "Write about the sea.", max_tokens: int = 24, **more: object) -> Request:
    options = {"temperature": 0.0, "seed": 1} | more
    return Request(MODEL, (Message("user", (Text(text),)),), max_tokens, **options)  # type: ignore[arg-type]


@dataclass
class Place:
    """A backend and, where it is the emulator, the say over what it answers."""

    backend: Backend
    url: str
    server: emulator.OpenRouter | None = None
    tags: bool = False
    hold: threading.Event = field(default_factory=threading.Event)

    @property
    def real(self) -> bool:
        return self.server is None

    def will(self, **answer: object) -> None:
        """Let the emulator answer so; a real model answers as it likes."""
        if self.server:
            self.server.say(Answer(think_tags=self.tags, **answer))  # type: ignore[arg-type]

    def connections(self) -> int:
        return connections(self.url)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[llama_server.LocalServer]:
    """The local model's server, one for all tests here."""
    home = tmp_path_factory.mktemp("home")
    local_model.give(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("M1_HOME", str(home))
        server = llama_server.shared()
    yield server
    server.close()


@pytest.fixture(params=["openrouter", "vllm", pytest.param("local", marks=pytest.mark.offline)])
def place(request: pytest.FixtureRequest, own_home: Path) -> Iterator[Place]:
    if request.param == "local":
        local_model.give(own_home)
        server = request.getfixturevalue("engine")
        with closing(Local()) as local:
            yield Place(local, server.base_url)
        return
    server = request.getfixturevalue("server")
    tags = request.param == "vllm"
    where = Endpoint(server.base_url, "llm.example.org", loopback=False) if tags else None
    made = OpenRouter(where or endpoint(server.base_url), Key(server.key, "a test"))
    with closing(made) as backend:
        found = Place(backend, server.base_url, server, tags)
        yield found
        found.hold.set()


def join(events: list[Event], kind: type[TextDelta] | type[ReasoningDelta] = TextDelta) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def finish(events: list[Event]) -> Finish:
    """The one Finish, and last."""
    (end,) = [event for event in events if isinstance(event, Finish)]
    assert events[-1] is end
    return end


def test_started_first_one_finish_last(place: Place) -> None:
    place.will(thinking="Hm.", text="The sea is wide. 日本 😀")
    events = list(place.backend.stream(ask()))
    assert isinstance(events[0], Started)
    end = finish(events)
    assert end.reason in (("stop", "length") if place.real else ("stop",))
    assert end.usage is not None
    assert end.usage.input > 0
    assert end.usage.output > 0
    assert all(isinstance(e, Started | ReasoningDelta | TextDelta) for e in events[:-1])
    assert all(e.text for e in events if isinstance(e, ReasoningDelta | TextDelta))


def test_the_pieces_join_to_the_answer(place: Place) -> None:
    said = "Two *words*,\n\n\ttabs and 日本 😀.\n"
    place.will(thinking="Hm,\n\nwell.", text=said, piece=3)
    events = list(place.backend.stream(ask()))
    # The real model's words differ from run to run: of them only that they are there.
    assert join(events).strip() if place.real else join(events) == said
    assert join(events, ReasoningDelta) == ("" if place.real else "Hm,\n\nwell.")
    assert len([e for e in events if isinstance(e, TextDelta)]) > 1


def test_it_names_who_answered_and_what_is_billed(place: Place) -> None:
    place.will(text="Yes.")
    events = list(place.backend.stream(ask()))
    end = finish(events)
    billed = place.backend.name == "127.0.0.1"
    assert end.model == (llama_server.MODEL if place.real else MODEL)
    assert end.provider == ("Minimax" if billed else None)
    assert (end.cost is not None and end.cost > Decimal(0)) is billed
    assert (events[0] != Started(None)) is billed
    if place.server and billed:
        assert events[0] == Started(next(iter(place.server.generations)))


def test_closing_in_mid_answer_frees_the_connection(place: Place) -> None:
    place.will(text="one two three four", hold=place.hold, hold_after=2)
    place.will(text="again")
    events = place.backend.stream(ask(max_tokens=300))
    assert isinstance(next(events), Started)
    assert isinstance(next(events), TextDelta)
    assert place.connections() == 1
    events.close()
    assert place.connections() == 0
    if place.server:
        assert place.server.wait_closed()
    second = list(place.backend.stream(ask()))
    assert join(second) if place.real else join(second) == "again"
    assert finish(second).usage is not None


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_error_of_the_reader_frees_the_connection(
    place: Place, error: type[BaseException]
) -> None:
    place.will(text="one two three four", hold=place.hold, hold_after=2)

    def read() -> None:
        with closing(place.backend.stream(ask(max_tokens=300))) as events:
            for event in events:
                if isinstance(event, TextDelta):
                    raise error

    with pytest.raises(error) as caught:
        read()
    assert place.connections() == 0  # though the traceback, kept here, holds the generator's frame
    assert caught.value.__traceback__ is not None


def test_max_tokens_is_the_most(place: Place) -> None:
    place.will(text="a b c " * 10)
    events = list(place.backend.stream(ask(max_tokens=4)))
    end = finish(events)
    assert end.reason == "length"
    assert end.usage is not None and end.usage.output <= 4


def test_a_prompt_over_the_context_is_told(place: Place) -> None:
    if place.tags:
        place.will(status=400, error=VLLM_OVERFLOW)
    else:
        said = "This endpoint's maximum context length is 1000000 tokens. Please reduce the length."
        place.will(status=400, error={"code": 400, "message": said})
    with pytest.raises(PromptTooLarge) as caught:
        list(place.backend.stream(ask("the sea and " * 6000)))
    assert caught.value.charged is False
    assert place.connections() <= 1
    place.will(text="again")
    assert join(list(place.backend.stream(ask())))


def test_a_stop_sequence_ends_the_answer(place: Place) -> None:
    place.will(text="a tree")
    events = list(place.backend.stream(ask(stop=("e", "END"))))
    assert "e" not in join(events)
    if place.server:
        assert join(events) == "a tr"
    assert finish(events).reason == "stop"


def test_calls_from_several_threads(place: Place) -> None:
    said: list[str] = []

    def one() -> None:
        said.append(join(list(place.backend.stream(ask(max_tokens=4)))))

    for _ in range(3):
        place.will(text="together", finish="stop")
    in_threads(3, one)
    assert len(said) == 3
    assert all(said) if place.real else set(said) == {"together"}


def test_what_else_a_backend_tells(place: Place) -> None:
    place.backend.ready()
    limits = place.backend.limits(MODEL)
    assert limits is None if place.tags else isinstance(limits, ModelLimits)
    models = place.backend.models()
    assert all(isinstance(model["id"], str) for model in models)
    assert models
    assert isinstance(place.backend.key(), dict)
    assert place.backend.generation("gen-none") is None


def test_closed_twice_is_closed(place: Place) -> None:
    place.will(text="Yes.")
    list(place.backend.stream(ask(max_tokens=4)))
    place.backend.close()
    place.backend.close()
    assert place.connections() == 0
