"""Functions that M1 may call: described, run, told, settled, through every door."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import Answer, OpenRouter
from m1_magic import ask
from m1_magic.tools import answer as tool_answer


@pytest.fixture(autouse=True)
def nothing_allowed() -> Any:
    tool_answer.ALWAYS.clear()


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


def test_a_function_is_offered_called_and_its_result_told(server: OpenRouter) -> None:
    server.say(
        Answer.calling(("add", {"a": 2, "b": 3}), text="Let me add."), Answer(text="It is 5.")
    )
    reply = ask("2 + 3?", tools=[add], yes=True)
    first, second = (one.body for one in server.chats)
    assert (
        first["tools"]
        == second["tools"]
        == [
            {
                "type": "function",
                "function": {
                    "name": "add",
                    "description": "Add two numbers.",
                    "parameters": {
                        "type": "object",
                        "properties": {
                            "a": {"type": "integer"},
                            "b": {"type": "integer", "default": 2},
                        },
                        "required": ["a"],
                        "additionalProperties": False,
                    },
                },
            }
        ]
    )
    call = {"name": "add", "arguments": '{"a":2,"b":3}'}
    assert second["messages"][2:] == [
        {
            "role": "assistant",
            "content": "Let me add.",
            "tool_calls": [{"id": "call_0", "type": "function", "function": call}],
        },
        {"role": "tool", "content": "5", "tool_call_id": "call_0"},
    ]
    assert reply.text == "Let me add.\n\nIt is 5."
    (one,) = reply.tools
    assert (one.call.name, one.text, one.outcome, one.at) == ("add", "5", "ran", 11)
