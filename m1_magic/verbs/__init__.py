"""What each ``%m1`` verb and ``m1-magic`` command does: functions that return Markdown.

``VERBS`` is the list that help, completion and "did you mean" are made from. Nothing here
displays; text that comes from a server or a table goes through ``text.md_cell``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UsageError
from ..options import command_line, flags
from ..text import one_line
from . import help_pages
from .account import key, login, logout, models
from .chat_verbs import ASKING as OF_CHATS
from .chat_verbs import chats, export, first
from .code_verb import after, code
from .cost_report import report
from .explaining import explain
from .fixing import CHOOSE, fix
from .health import doctor, versions
from .help_pages import topics
from .history import forget, log, sent
from .money import cost
from .preview import df, preview, preview_each
from .status import budget, set_, settings_names, status, tasks, use
from .tapes import tape
from .verb_context import Verb, VerbContext
from .verifying import verify

__all__ = [
    "ASKING", "CHOOSE", "VERBS", "Verb", "VerbContext", "after", "first", "fix", "preview",
    "preview_each", "report", "settings_names", "status", "topics", "verb_named", "with_options",
]  # fmt: skip

# Those that only name a request that the door asks.
ASKING = {**OF_CHATS, "explain": explain}


def help_(context: VerbContext, args: Sequence[str] = ()) -> str:
    """Return the first page of help, or what there is about a topic, a verb or an option."""
    if args:
        return help_pages.about(" ".join(args), VERBS)
    return help_pages.overview(VERBS, flags.table())


def with_options(context: VerbContext, verb: str) -> str:
    """Return the page of a verb, with options where it takes those of a call, or of all."""
    named = [verb] if verb and not verb.startswith("-") else []
    page = help_(context, named)
    takes = named and "[options]" in VERBS[verb].usage
    return f"{page}\n\n{flags.table()}" if takes else page


def verb_named(name: str, rest: str = "") -> Verb:
    """Return the verb of that name; else the error names the nearest, or how to ask the line."""
    if name in VERBS:
        return VERBS[name]
    ask = f"To ask it: %m1 ask {one_line(f'{name} {rest}', 200)}"
    raise command_line.no_such("verb", name, VERBS, ask if rest else "%m1 help lists them.")


def asks(context: VerbContext, args: Sequence[str]) -> str:
    """Stand in the list of verbs for those that ask, which a door does itself: they stream."""
    raise UsageError("There is nothing to ask.", todo="%m1 ask why is the sky blue?")


_VERBS = (
    Verb("help [TOPIC|VERB]", "what there is, or one page of it", help_),
    Verb("ask [options] TEXT", "ask in one line: options first, then the question", asks),
    Verb("panel", "the panel: a conversation while the kernel stays free", asks),
    Verb("continue [N]", "the rest of an answer that was cut off; go on from the Nth", asks),
    Verb("again [options]", "the last request with changes, below the first", asks),
    Verb("fix [options] [WORDS]", "the last error: cause, difference, the corrected cell", asks),
    Verb("explain [options] [N|last]", "a cell and what it showed, explained", asks),
    Verb("code [N]", "a code block of the last answer into the next cell; not run", code),
    Verb("chats", "the chats of this notebook, with turns and last use", chats),
    Verb("export PATH [--chat NAME]", "a chat as a notebook", export),
    Verb("use openrouter|offline|URL", "who answers in this kernel", use),
    Verb("set NAME VALUE [--save]", "a setting, for this kernel or for good", set_),
    Verb("tape [on|off|PATH]", "a file of answers that this notebook can run on", tape),
    Verb("verify", "figures of exact answers, computed again: which changed", verify),
    Verb("tasks", "what --task takes: ready system prompts, and your own", tasks),
    Verb("login [HOST]", "store a key for a host; nothing of it is shown", login),
    Verb("logout [HOST]", "forget the key for a host", logout),
    Verb("key", "where the key comes from, and what is left of its limit", key),
    Verb("models [WORD]", "the models there are, with context and prices", models),
    Verb(
        "cost [--by KEY] [--csv PATH] [--release ID]",
        "what was spent and is held: by session, day, month; by model, day, notebook, chat",
        cost,
    ),
    Verb(
        "log [WORD|CHAT|NUMBER|ID] [-o NAME]",
        "past calls, those with a word in them, or one again; its Reply as a variable",
        log,
    ),
    Verb("sent [NUMBER|ID]", "the exact messages that left, tables by name and size", sent),
    Verb("forget ID|CHAT|--all", "wipe kept text; numbers stay", forget),
    Verb("budget [USD|none] [--per PERIOD]", "refuse calls that could pass it", budget),
    Verb("df NAME [options]", "the summary that M1 would get of a table, free", df),
    Verb("doctor", "what works, what does not, what to do", doctor),
    Verb("version", "the versions that a bug report needs", versions),
)
VERBS = {verb.usage.partition(" ")[0]: verb for verb in _VERBS}
