"""Front ends that leave out updates, or what comes with a reply: each shows an answer, once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from jupyter_client.client import KernelClient
from markdown import Markdown

from emulator import Answer, OpenRouter
from m1_magic.calls import Reply
from notebooks import Quick

LONG = "\n\n".join(f"Paragraph {number}: {'words ' * 60}end" for number in range(40))


@dataclass(frozen=True)
class Ran:
    """What the messages of a cell were: all of them, and the payload of the reply."""

    messages: list[tuple[str, dict[str, Any]]]
    payload: list[dict[str, Any]]

    def shown(self, updates: bool, clears: bool) -> list[str]:
        """The outputs at the end, as text, of a front end that knows of these or does not."""
        outputs: list[tuple[str | None, str]] = []
        clear = False
        for kind, content in self.messages:
            text = content.get("text") or content.get("data", {}).get("text/plain")
            id = content.get("transient", {}).get("display_id")
            if kind == "clear_output":
                clear = clears
            elif kind == "update_display_data":
                outputs = [(n, text if updates and n == id else old) for n, old in outputs]
            elif text is not None:
                outputs = [] if clear else outputs
                if kind == "stream":  # a kernel sends parts of what is printed, at any moment
                    id = content["name"]
                    text = outputs.pop()[1] + text if outputs and outputs[-1][0] == id else text
                outputs.append((id, text))
                clear = False
        return [text for _, text in outputs]


Execute = Callable[..., Ran]


@pytest.fixture
def execute(server: OpenRouter) -> Iterator[Execute]:
    """Run cells in a kernel, for a front end that names none of them.

    ``typed`` are its answers to lines of input; ``heard`` is told of each message.
    """
    manager = Quick(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=180)

    def run(
        code: str,
        typed: Sequence[str] = (),
        heard: Callable[[KernelClient, str, dict[str, Any]], None] = lambda *_: None,
        **more: Any,
    ) -> Ran:
        messages: list[tuple[str, dict[str, Any]]] = []
        lines = iter(typed)

        def keep(message: dict[str, Any]) -> None:
            messages.append((message["msg_type"], message["content"]))
            heard(client, *messages[-1])

        more |= {"output_hook": keep, "stdin_hook": lambda _: client.input(next(lines))}
        reply = client.execute_interactive(code, timeout=60, **more)
        assert reply["content"]["status"] == "ok", reply["content"]
        return Ran(messages, reply["content"]["payload"])

    run("%load_ext m1_magic")
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


CELLS = {
    "a cell": ("%%m1\nwhy?", []),
    "a line": ("%m1 ask why?", []),
    "a line among others": (
        "print('be', end='', flush=True)\nprint('fore')\n%m1 ask why?",
        ["before\n"],
    ),
}


def test_an_answer_is_shown_once_whatever_is_left_out(server: OpenRouter, execute: Execute) -> None:
    for name, (code, before) in CELLS.items():
        for text in ("Because **so**.", LONG):
            for attended in (True, False):
                server.say(Answer(text=text, piece=400))
                ran = execute(code, allow_stdin=attended)
                case = (name, text[:12], attended)
                for updates in (True, False):
                    *others, foot = ran.shown(updates, clears=True)
                    assert others.count(text.strip()) == 1, case
                    assert [one for one in others if one in before] == before, case
                    assert foot.startswith("minimax/minimax-m1 · "), case
                    if updates:  # as it is saved: nothing is left of what grew
                        rest = [one for one in others if one not in (*before, text.strip())]
                        assert set(rest) <= {""}, case
                        assert attended or not rest, case
                assert ran.shown(updates=False, clears=False).count(text.strip()) == 1, case


LIVE = "**bold** <img src=x onerror=alert(1)> [x](javascript:alert(1)) ![y](http://attacker/y)"


def test_a_reply_displays_itself_where_ipython_does_not_know_it(shell: Any) -> None:
    reply = Reply(LIVE)
    html, markdown = reply._repr_html_(), reply._repr_markdown_()
    assert "<strong>bold</strong>" in html
    assert "**bold**" in markdown
    for live in ("<img", "<script", 'href="javascript', "src="):
        assert live not in html.replace("&lt;img src=", "").lower()
    shown = Markdown().convert(markdown)  # as marimo reads it, with raw HTML
    assert "<img" not in shown
    assert "javascript:" not in "".join(re.findall('href="[^"]*"', shown))
    assert set(reply._repr_mimebundle_()) == {"text/html", "text/markdown", "text/plain"}
    data, _ = shell.display_formatter.format(reply)
    assert sorted(data) == ["text/html", "text/plain"]  # once, and as the settings say


def test_code_for_the_next_cell_comes_with_the_reply(server: OpenRouter, execute: Execute) -> None:
    server.say(Answer(text="So:\n\n```python\ntotal = 6 * 7\n```\n"))
    ran = execute("%%m1 --code\nwrite")
    (payload,) = ran.payload
    told = {"source": "set_next_input", "text": "total = 6 * 7", "replace": False}
    assert payload == told
    assert ran.shown(False, True)[-1] == "Block 1 of 1 is in the next cell; it was not run."
    ran = execute("%m1 code", allow_stdin=False)
    assert "To copy:" in ran.shown(False, True)[-1]
    assert execute("'total' in globals()").shown(True, True) == ["False"]


def test_several_answers_are_shown_once(execute: Execute, server: OpenRouter) -> None:
    server.say(Answer("Unique one."), Answer("Unique two."))
    ran = execute("%%m1 -n 2\nwhy?")
    for updates in (True, False):
        for clears in (True, False):
            shown = "\n".join(ran.shown(updates, clears))
            assert (shown.count("Unique one."), shown.count("Unique two.")) == (1, 1)
            assert shown.count("2 answers · $") == 1


ASKED = """
from m1_magic.messages import ToolCall
from m1_magic.render.approval import ByButtons, approver

call = ToolCall("c", "best", '{"city": "Paris"}')
print(type(approver(get_ipython())).__name__)
print([approver(get_ipython()).decide(call, "best(city='Paris')") for _ in range(2)])
"""
BUTTONS = (
    ASKED.rpartition("print(type")[0]
    + """
print(ByButtons(get_ipython()).decide(call, "best(city='Paris')"))
later = []
"""
)


def test_m1s_calls_are_asked_about_by_a_line_of_input(server: OpenRouter, execute: Execute) -> None:
    ran = execute(ASKED, typed=["maybe", "y", "always"], allow_stdin=True)
    said = "".join(ran.shown(True, True))
    assert said.startswith("Prompted\nM1 wants to call best(city='Paris')\n")
    assert said.endswith("['yes', 'always']\n")
    # As nbclient and papermill run it.
    ran = execute(ASKED, allow_stdin=False)
    assert "".join(ran.shown(True, True)) == "Nobody\n['no', 'no']\n"

    execute("def best(city: str) -> str:\n    return city[::-1]")
    calls = Answer.calling(("best", {"city": "Paris"}), text="Wait.")
    for typed, told in ({"y": "siraP", "n": "did not allow"} | {"": "did not allow"}).items():
        server.say(calls, Answer("So."))
        ran = execute("%%m1 --tools best --fresh\nwhy?", [typed], allow_stdin=bool(typed))
        shown = "\n".join(ran.shown(False, True))
        assert re.search("(?s)Wait.*best.*(siraP|refused).*So.*1 call of tools", shown), shown
        assert (", 1 refused (--yes calls without asking)" in shown) is (typed != "y")
        assert told in str(server.chats[-1].body["messages"][-1]["content"])


def test_m1s_calls_are_asked_about_by_buttons_while_their_cell_runs(execute: Execute) -> None:
    """What comes meanwhile is neither lost nor moved: not another cell, nor a widget's word."""
    opened: list[str] = []

    def heard(client: KernelClient, kind: str, content: dict[str, Any]) -> None:
        view = content.get("data", {}).get("application/vnd.jupyter.widget-view+json")
        if kind == "display_data" and view:  # a page says that it shows it once it does
            opened.append(view["model_id"])
            client.execute("later.append(1)")
            for said in ({"shown": True}, {"answer": "maybe"}, {"answer": "always"}):
                data = {"method": "custom", "content": said}
                message = client.session.msg("comm_msg", {"comm_id": opened[0], "data": data})
                client.shell_channel.send(message)
            client.execute("later.append(2)")

    ran = execute(BUTTONS, heard=heard)
    assert "always" in "".join(ran.shown(True, True)) and len(opened) == 1
    left = "import ipywidgets.widgets.widget as w\nprint(later, len(w._instances))"
    assert execute(left).shown(True, True) == ["[1, 2] 0\n"]
