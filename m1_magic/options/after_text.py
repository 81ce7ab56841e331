"""An option after the text of a one-line question: meant as one, or only mentioned?

There it is text, which would be sent and paid. It is taken for an option, and the line refused,
where a value that fits follows and the line ends with it, or the value is a table, a number or a
word of ours; not in quotes, nor where the words before it speak of options or of other programs.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..text import one_line
from .fields import OPTIONS, Option
from .kinds import CHAT, CHOICES, MODELS, NAMES, PATHS, RETURNS, TEXT, TEXTS, VARIABLE


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FLAGS = {flag: option for option in OPTIONS.values() for flag in option.flags}
WORD = re.compile(r"""(?:--?[\w-]+=)?(?:"[^"]*"|“[^”]*”|'[^']*'(?!\w)|`[^`]*`)\S*|\S+""", re.DOTALL)
ENDING, QUOTES = "?!.,;:)", "\"'“”`"
# Directly before an option they speak of it; no request ends with them.
BEFORE = _set(
    "a an and are argument as between by called does flag for if in keyword like named of option"
    " options flags or parameter pass passing switch than the to use used uses using versus via vs"
    " was when whether with without what's whats adding"
)
# With these before it, a table of the notebook is meant all the same.
SOFT = _set("and as by for in to use using via with")
# What a question about options is made of, up to the first of them.
QUESTION = BEFORE | _set(
    "about add can could did difference do how i instead is it's mean means must not set should so"
    " that what where which why work works would you we one"
)
ALONE = _set("how what when where which who why")  # a whole question
# Programs that have options of their own, wherever they stand before one.
PROGRAMS = _set(
    "git pip pip3 uv uvx conda mamba npm npx yarn docker podman kubectl helm curl wget ssh scp"
    " rsync grep egrep rg awk sed uniq xargs tar gzip unzip chmod chown mkdir ls rm cp mv ln wc du"
    " ps gcc g++ clang cmake rustc cargo javac mvn gradle python python3 ipython jupyter jupyterlab"
    " nbconvert papermill pytest ruff mypy pylint flake8 poetry twine jq psql mysql sqlite3 aws"
    " gcloud az terraform ansible systemctl journalctl apt apt-get brew bash zsh sudo ffmpeg pandoc"
    " pdflatex rscript perl ruby php dotnet vim emacs tmux crontab nohup spark-submit dbt airflow"
    " mlflow vllm ollama torchrun streamlit gunicorn uvicorn cli argparse shell terminal command"
    " %m1 %%m1"
)
# Programs whose names are plain words: directly before an option only.
WORDS = _set(
    "sort find head tail cut test make go date time top split join less more cat echo read set node"
    " java ld cc julia kill watch screen code convert df diff file tee zip seq env flask"
)
# Of our long options, those that such programs have, too.
SHARED = _set("--dry-run --error --file --model --out --quiet --raw --seed")
SLUG = re.compile(r"[\w.-]+(?:/[\w.:-]+|[-\d][\w.:-]*)(?:,[\w./:-]+)*")
PATH = re.compile(r".*[./*\\].*")
COLUMNS = re.compile(r"!?[^\W\d]\w*(?:,!?[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An option in the text: its words from ``start`` up to ``end``, and how sure its value is."""

    start: int
    end: int
    option: Option
    value: str | None = None
    sure: bool = False
    table: bool = False


def check(door: str, line: str, text: str, names: Container[str]) -> None:
    """Refuse a line whose text has options in it, with the line that was meant.

    Args:
        door: how such a line begins, ``%%m1`` or ``%m1 ask``.
        line: what follows; ``text`` is its end, after its options.
        names: the variables that there are.
    """
    before = line.strip().removesuffix(text).rstrip() if text else line
    if before == "--" or before.endswith(" --"):
        return
    words = WORD.findall(text)
    options = [one for place in range(1, len(words)) if (one := _option(words, place, names))]
    meant = [one for one in options if _meant(words, one, options)]
    if not meant:
        return
    moved = " ".join(_written(words, one) for one in meant)
    inside = {place for one in meant for place in range(one.start, one.end)}
    rest = " ".join(word for place, word in enumerate(words) if place not in inside)
    rest += _end(words[meant[-1].end - 1]) if meant[-1].table else ""
    right = " ".join(filter(None, (door, before, moved, rest)))
    raise UsageError(
        f"{words[meant[0].start].partition('=')[0]} stands after the text, where it is no option.",
        todo=f"Write `{one_line(right, 300)}`; to send it as text, `{door} -- …`.",
    )


def _option(words: list[str], place: int, names: Container[str]) -> Candidate | None:
    """Return the option that stands there with a value that fits, if one does."""
    flag, equals, value = words[place].partition("=")
    option = FLAGS.get(flag)
    if option is None:
        return None
    short, follows = flag == option.short, words[place + 1] if place + 1 < len(words) else ""
    if equals:
        return _fitting(Candidate(place, place + 1, option, value), short, names)
    if option.switch or (option.bare is not None and not follows):
        return Candidate(place, place + 1, option)
    if not follows or follows in FLAGS or _plain(follows) in QUESTION:
        return None
    return _fitting(Candidate(place, place + 2, option, follows), short, names)


def _fitting(candidate: Candidate, short: bool, names: Container[str]) -> Candidate | None:
    """Return an option with its value, None where that does not fit."""
    option, value = candidate.option, candidate.value or ""
    bare = value.strip(QUOTES)
    if option.kind is NAMES:
        listed = [name.strip() for name in bare.rstrip(ENDING).split(",")]
        table = option.values == "tables" and all(name in names for name in listed)
        fits = table or (not short and COLUMNS.fullmatch(bare) is not None)
        return replace(candidate, sure=table, table=table) if fits else None
    free = (MODELS.takes, TEXT.takes, TEXTS.takes, PATHS.takes, CHAT.takes)
    if option.kind.takes in free:
        shape = PATH if option.kind is PATHS else SLUG
        each = bare.split(",") if option.kind is MODELS else [bare]
        any_ = bare != value or not short or option.kind is CHAT
        fits = any_ or all(map(shape.fullmatch, each))
        return candidate if fits else None
    try:
        option.read(bare)
    except UsageError:
        return None
    return replace(candidate, sure=option.kind not in (CHOICES, RETURNS, VARIABLE))


def _meant(words: list[str], one: Candidate, candidates: list[Candidate]) -> bool:
    """Is an option meant as one, there where it stands?"""
    earlier = [_plain(word) for word in words[: one.start]]
    last, after = earlier[-1], _plain(words[one.end]) if one.end < len(words) else ""
    covered = {place for other in candidates for place in range(other.start, other.end)}
    ends = covered.issuperset(range(one.end, len(words)))
    if words[one.start - 1][-1] not in "?!.;:":
        if last in BEFORE and not (one.table and last in SOFT):
            return False
        is_question = len(earlier) > 1 or last not in ALONE
        if is_question and QUESTION.issuperset(earlier) and not (one.table and ends):
            return False
    flag = words[one.start].partition("=")[0]
    short = flag == one.option.short
    word = last in WORDS and (short or flag in SHARED)
    program = not PROGRAMS.isdisjoint(earlier) or word or (short and "." in last)
    if program and not one.table:
        return False
    return ends or one.table or (one.sure and after not in QUESTION)


def _written(words: list[str], one: Candidate) -> str:
    """Return an option as it is typed before the text."""
    parts = words[one.start : one.end]
    if one.table:
        parts[-1] = parts[-1].rstrip(ENDING)
    return ("=" if one.option.bare is not None else " ").join(parts)


def _end(word: str) -> str:
    """Return the question mark that ended the last word, if one did."""
    return word[len(word.rstrip(ENDING)) :]


def _plain(word: str) -> str:
    return word.strip(ENDING + QUOTES + "(").casefold()
