"""One paragraph for each thing that goes wrong, fit for any screen."""

from __future__ import annotations

import copy
import pickle
import re
import traceback
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError
from traitlets.config import Config

from m1_magic import errors
from m1_magic.calls import Reply
from m1_magic.errors import BadSetting, M1Error, Stopped, UsageError, UserFacingError
from m1_magic.options.fields import Options
from m1_magic.text import one_line

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, UserFacingError)
    and kind.__module__ == errors.__name__
]
# Controls, but tab and line end; bidi; zero width; tags; lone surrogates.
DISGUISE = ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\u00ad", "\u061c", "\u200b", "\u200d"]
DISGUISE += ["\u200f", "\u2028", "\u2029", "\u202e", "\u2066", "\u2069", "\ufeff", "\ufff9"]
DISGUISE += ["\U000e0041", "\ud800", "\udfff"]


# -- plain ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", DISGUISE, ids=ascii)
def test_plain_strips_what_disguises(sign: str) -> None:
    assert one_line(f"a{sign}b") == "a b"


@given(st.text(), st.integers(2, 50))
def test_plain_is_one_visible_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line == line.strip()
    assert not set(line) & set(DISGUISE)
    assert "\n" not in line and "  " not in line
    assert all(unicodedata.category(sign) not in ("Cc", "Cs") for sign in line)
    line.encode()
    assert one_line(line, limit) == line


def test_plain_keeps_what_people_write() -> None:
    text = "Ça va, 日本 😀 ÅÄÖ é “quoted” <b>"
    assert one_line(text) == text
    assert one_line(" a\n\tb  c\r\n") == "a b c"
    assert one_line("x" * 301) == "x" * 299 + "…"
    assert one_line("x" * 300) == "x" * 300
    assert one_line(ValueError("boom")) == "boom"
    assert one_line(None) == "None"


# -- the classes ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_error_is_one_paragraph(kind: type[UserFacingError]) -> None:
    error = kind("It happened.", todo="Do this.")
    parts = ["It happened.", kind.cost, "Do this."]
    assert str(error) == " ".join(part for part in parts if part)
    assert "\n" not in str(error)
    assert error._render_traceback_() == [f"{kind.__name__}: {error}"]
    assert str(kind("It happened.", cost="", todo="")) == "It happened."
    assert kind.__doc__ and kind.cost is not None
    assert error.reply is None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_may_be_charged_says_so(kind: type[UserFacingError]) -> None:
    assert kind.charged == (kind.cost == errors.MAY_COST)
    assert not (kind.retry and kind.charged)  # what may be paid for is never sent twice


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_errors_can_be_copied_and_sent_to_another_process(kind: type[UserFacingError]) -> None:
    error = kind("What.", cost="Cost.", todo="Todo.")
    error.reply = Reply("so far")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == "What. Cost. Todo."
        assert (twin.what, twin.cost, twin.todo) == ("What.", "Cost.", "Todo.")
        assert twin.reply is not None and twin.reply.text == "so far"


def test_the_tree() -> None:
    for kind in KINDS:
        ours = kind in (UserFacingError, Stopped)
        assert issubclass(kind, M1Error) is not ours
        assert issubclass(kind, Exception) is not ours
    assert issubclass(BadSetting, UsageError) and issubclass(BadSetting, TraitError)
    assert {"NoKey", "KeyRefused", "OutOfCredit", "Flagged", "NoSuchModel", "PromptTooLarge"} <= {
        kind.__name__ for kind in KINDS
    }


def test_the_drawing_of_the_tree_names_every_class() -> None:
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"\b[A-Z]\w*[a-z]\w*\b", errors.__doc__))
    assert {kind.__name__ for kind in KINDS} <= drawn


def test_stopped_is_a_keyboard_interrupt_and_no_exception() -> None:
    with pytest.raises(KeyboardInterrupt):
        try:
            raise Stopped("Stopped by you.")
        except Exception:  # what a user's own code catches must not swallow it
            pytest.fail("caught as an Exception")
    assert isinstance(Stopped(""), UserFacingError)


# -- how IPython shows them -----------------------------------------------------------------

RAISE = """
from m1_magic import api
from m1_magic.errors import UsageError
from m1_magic.options.fields import Options
def mine():
    api.prepare("", Options(), {})  # an empty prompt
def shown(frames):
    try:
        mine()
    except UsageError as error:
        error.frames = frames
        raise
"""


@pytest.fixture
def shell() -> InteractiveShell:
    made = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_cell(RAISE)
    return made


@pytest.mark.parametrize(
    ("frames", "users", "ours"),
    [("none", False, False), ("users", True, False), ("all", True, True)],
)
def test_frames(
    shell: InteractiveShell,
    capsys: pytest.CaptureFixture[str],
    frames: str,
    users: bool,
    ours: bool,
) -> None:
    capsys.readouterr()
    result = shell.run_cell(f"shown({frames!r})")
    assert isinstance(result.error_in_exec, UsageError)
    out = "".join(capsys.readouterr())
    assert out.count("The prompt is empty.") >= 1
    assert ("in mine" in out) is users
    assert ("in prepare" in out) is ours
    assert ("Traceback" in out) is (users or ours)


@pytest.mark.parametrize("frames", ["none", "users", "all"])
def test_frames_without_a_stack(frames: str) -> None:
    error = UsageError("What.")
    error.frames = frames  # type: ignore[assignment]
    assert error._render_traceback_() == [f"UsageError: What. {errors.NOTHING_SENT}"]


def test_the_users_frames_are_named_and_ours_are_not() -> None:
    try:
        from m1_magic import api

        api.prepare("", Options(), {})
    except UsageError as caught:
        error = caught
    error.frames = "users"
    shown = "\n".join(error._render_traceback_())
    assert __file__ in shown and "m1_magic/" not in shown.replace(__file__, "")
    error.frames = "all"
    assert "m1_magic" in "\n".join(error._render_traceback_())
    assert "".join(traceback.format_exception(error)).count("UsageError") >= 1
