"""``--error``: the last traceback and the cell that raised it → one attachment.

A failure is read once, into text; no frame of it is kept alive and no local variable is looked
at. Library frames are given by file, line and function; the user's own with their line of code.
"""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from ..calls import Attachment
from ..errors import INNER
from ..privacy import redaction
from ..privacy.each_run import constant
from ..privacy.error_messages import FIRST_LINE, message, words
from ..privacy.paths import code_path, is_library
from ..text import LOOKED_AT, clean_output, one_line
from .cells import SOURCE, Cell

# A line that raises, by itself or after a condition: `if not rows: raise …`.
RAISES = re.compile(r"(?:[^\n]*[:;])?\s*(?:raise|assert)\b")
PROBLEMS = 8  # of a chain or group of exceptions
FRAMES = 24  # of a traceback: half of them its first, half its last
AROUND = 40  # lines of a long cell on either side of the one that failed


@dataclass(frozen=True, slots=True)
class Frame:
    """A step of a traceback: ``code`` is the line, "" in a library; ``cell`` its number, if any."""

    place: str
    line: int
    name: str
    code: str = ""
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One exception: how it comes after the one above it, its type, message and frames.

    ``raiser`` has the words of its message that stand in the code that raised it, None if that
    cannot be read.
    """

    link: str
    kind: str
    message: str
    frames: tuple[Frame, ...] = ()
    raiser: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The last error: its exceptions, last first, and the cell that raised it, if it is known."""

    problems: tuple[Problem, ...]
    cell: Cell | None = None

    @property
    def raised_in(self) -> int | None:
        """The execution count of the cell that it came out of, None if no frame is of a cell."""
        frames = self.problems[0].frames
        return next((frame.cell for frame in frames if frame.cell is not None), None)

    @property
    def label(self) -> str:
        """Its type and the beginning of its message, for a form; this is not what leaves."""
        first = self.problems[0]
        return one_line(f"{first.kind}: {first.message}", 120).removesuffix(": ")


def read(error: BaseException, number: Callable[[str], int | None]) -> Failure:
    """Return an exception as text, whatever it does when it is asked.

    ``number`` gives the execution count of the cell that a code's file name stands for.
    """
    return Failure(tuple(_problem(*one, number) for one in _chain(error)))


def _chain(error: BaseException) -> list[tuple[BaseException, str]]:
    """Return an exception, its causes and its parts, each with how it comes in."""
    chain = [(error, "")]
    for current, _ in islice(chain, PROBLEMS):  # which grows
        linked: list[tuple[BaseException | None, str]] = [(current.__cause__, "caused by")]
        if not current.__suppress_context__:
            linked.append((current.__context__, "while handling"))
        if isinstance(current, BaseExceptionGroup):
            linked += [(part, "one of its parts") for part in current.exceptions[:PROBLEMS]]
        for other, how in linked:
            if other is not None and all(other is not one for one, _ in chain):
                chain.append((other, how))
    return chain[:PROBLEMS]


def _problem(error: BaseException, link: str, number: Callable[[str], int | None]) -> Problem:
    text = clean_output(_message(error))
    walked = traceback.walk_tb(error.__traceback__)
    steps = traceback.StackSummary.extract(walked, lookup_lines=False)
    frames = [_frame(step, number) for step in steps if not INNER.search(step.filename)]
    if isinstance(error, SyntaxError):
        text, file, line = str(error.msg), error.filename or "<string>", error.lineno or 0
        # Its own text may be a value that was taken for code, as by eval(): the line is looked up.
        frames.append(_frame(traceback.FrameSummary(file, line, "", lookup_line=False), number))
    kind, raiser = one_line(type(error).__name__, 100), _raiser(error, text)
    return Problem(link, kind, text, tuple(_folded(frames)), raiser)


def _raiser(error: BaseException, text: str) -> frozenset[str] | None:
    """Return which words stand in the code that raised an error; None if C code called by it did.

    Compiled code that has frames of its own is looked at as it is.
    """
    steps = list(traceback.walk_tb(error.__traceback__))
    if not steps and isinstance(error, SyntaxError):
        return None  # of a cell that was not run
    if not steps or isinstance(error, (SystemExit, StopIteration)):
        return frozenset()  # made, and never raised; or all of it is a value
    message_words = words(text.split("\n")[0][:FIRST_LINE])
    frame, number = steps[-1]
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    if lines:
        raised = RAISES.match("".join(lines[number - 1 : number]))
        return words("".join(lines)) & message_words if raised else None
    compiled = str(frame.f_globals.get("__file__", ""))
    if not compiled.endswith((".so", ".pyd")):
        return None
    try:
        code = Path(compiled).read_bytes().lower()  # megabytes, which take longer as text
    except OSError:
        return frozenset()
    spelt = {word: word.encode() for word in message_words if word.isascii()}
    return frozenset(
        word
        for word, w in spelt.items()
        if w in code and re.search(rb"(?<![a-z])%b(?![a-z])" % w, code)
    )


def _message(error: BaseException) -> str:
    """Return the text and the notes of an exception; both may run foreign code that fails."""
    try:
        notes = getattr(error, "__notes__", ())
        # The number of a group's parts is seen from the parts.
        message = error.message if isinstance(error, BaseExceptionGroup) else str(error)
        texts = [message, *(note for note in notes if isinstance(note, str))]
        return "\n".join(text for text in texts if text)[:LOOKED_AT]
    except Exception as failed:
        return f"(no message: {one_line(type(failed).__name__, 60)})"


def _frame(step: traceback.FrameSummary, number: Callable[[str], int | None]) -> Frame:
    """Return a step of a traceback, without the folders of this machine."""
    cell = number(step.filename)
    place = "" if cell is not None else code_path(constant(step.filename))
    code = "" if is_library(step.filename) else one_line(step.line or "", LOOKED_AT)
    return Frame(place, step.lineno or 0, one_line(step.name, 100), code, cell)


def _folded(frames: list[Frame]) -> list[Frame]:
    """Return the first and the last frames; those that repeat, once."""
    once: list[Frame] = []
    for frame, same in groupby(frames):
        once.append(frame)
        if again := len(list(same)) - 1:
            once.append(Frame(f"(the same {again:,} more times)", 0, ""))
    if len(once) > FRAMES:
        half = FRAMES // 2
        once[half:-half] = [Frame(f"({len(once) - FRAMES:,} more frames)", 0, "")]
    return once


def attachment(failure: Failure, level: str, secrets: redaction.Policy) -> Attachment:
    """Return the traceback and the cell's code; what its messages say is the level's.

    Cells are lettered as they come, the one that failed first: execution counts differ in each run.
    """
    source = failure.cell.source if failure.cell else ""
    frames = [frame for problem in failure.problems for frame in problem.frames]
    code = "\n".join([source, *(frame.code for frame in frames)])
    letters = _letters(failure.cell.number if failure.cell else None, frames)
    parts: list[str] = []
    hidden = 0
    for problem in failure.problems:
        clear, _ = redaction.mask(constant(problem.message), secrets)
        safe, count = message(clear, level, code, problem.raiser)
        hidden += count
        head = f"{problem.kind}: {safe}" if safe else problem.kind
        link = f"{problem.link}: " if problem.link else ""
        steps = [_line(frame, letters, secrets) for frame in problem.frames]
        parts.append("\n".join([link + head, *steps]))
    if failure.cell:
        first = failure.problems[0].frames
        at = [frame.line for frame in first if frame.cell == failure.cell.number]
        masked, _ = redaction.mask(source, secrets)
        parts.append(f"Cell A:\n{_marked(masked, at[0] if at else 0)}")
    if hidden:
        parts.append(f"(… stands for values that level {level} does not send)")
    text = "\n\n".join(parts)
    return Attachment(
        kind="error",
        name=failure.problems[0].kind,
        text=text,
        level=level,
        masked=hidden,
        tokens=-(-len(text) * 5 // 12),
    )


def _letters(failed: int | None, frames: Sequence[Frame]) -> dict[int, str]:
    """Return what the cells of a traceback are called, by their numbers."""
    seen = dict.fromkeys([failed, *(frame.cell for frame in frames)])
    numbers = [number for number in seen if number is not None]
    return {number: chr(ord("A") + n) if n < 26 else f"Z{n}" for n, number in enumerate(numbers)}


def _line(frame: Frame, letters: Mapping[int, str], secrets: redaction.Policy) -> str:
    place = frame.place if frame.cell is None else f"cell {letters[frame.cell]}"
    at = f":{frame.line}" if frame.line else ""
    name = f" in {frame.name}" if frame.name else ""
    code, _ = redaction.mask(frame.code, secrets)
    return f"  {place}{at}{name}" + (f": {one_line(code, 200)}" if code else "")


def _marked(source: str, at: int) -> str:
    """Return the code with its lines numbered and one of them marked; of a long one, its part."""
    # IPython drops blank lines at the top before it counts.
    lines = re.sub(r"\A(?:[ \t]*\n)+", "", source).rstrip("\n").split("\n")
    numbered = [
        f"{'>>' if n == at else '  '} {n:>3} {line[:SOURCE]}" for n, line in enumerate(lines, 1)
    ]
    if sum(map(len, numbered)) <= SOURCE:
        return "\n".join(numbered)
    first = max(0, at - AROUND - 1)
    part = "\n".join(numbered[first : at + AROUND])[:SOURCE]
    return f"[lines {first + 1} to {min(len(lines), at + AROUND)} of {len(lines):,}]\n{part}"
