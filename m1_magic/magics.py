"""``%%m1`` and ``%m1`` in IPython: the two magics, the input transformers, registration.

A magic returns nothing, so ``Out`` and ``_`` stay as they are; the Reply is bound to ``_m1`` and
to ``--out`` before any error is raised. What a call needs is imported by the first call.
"""

from __future__ import annotations

import re
import sys
from tokenize import TokenInfo
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import TokenTransformBase
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.display import display

from .app import PROCESS
from .errors import MissingPackage, UsageError, UserFacingError
from .jupyter import history
from .jupyter import shell as screen
from .jupyter.banner import banner
from .text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from .calls import Attachment, Reply
    from .chats.chats import RepeatableCall
    from .chats.turns import ChatHead
    from .options.fields import Options

COMPLETED = r"\s*%%?m1\b"
ABOVE = re.compile(r"\s*(#.*)?$")


@magics_class
class M1Magics(Magics):
    """The magics, over the process's one session."""

    @no_var_expand
    @line_cell_magic
    def m1(self, line: str, cell: str | None = None) -> None:
        """Ask MiniMax M1 (``%%m1``), or run a verb (``%m1 help`` lists them)."""
        from .privacy import redaction

        try:  # a key in a line is refused before any error can quote the line
            redaction.refuse(line, redaction.policy(PROCESS.settings()), place="The line")
            if cell is None:
                self._line(line)
            else:
                self._cell(line, cell)
        except UserFacingError as error:
            error.frames = "all" if PROCESS.settings().traceback else "none"
            raise
        except ModuleNotFoundError as error:
            raise MissingPackage.named(error) from None

    def _cell(self, line: str, cell: str) -> None:
        from .options import flags

        options, rest = flags.options(line, text=not cell.strip())
        if rest and cell.strip():
            raise UsageError(
                f"On the first line stand options only, not {one_line(rest, 60)!r}.",
                todo="Put the question below; quote an option's value that has spaces.",
            )
        self._ask(options, rest or cell)

    def _line(self, line: str) -> None:
        from .options import command_line, flags

        verb, rest = (*line.split(maxsplit=1), "", "")[:2]
        if verb == "ask" and rest:
            self._ask(*flags.options(rest, text=True))
            return
        if verb == "panel":
            self._panel(rest)
            return
        from . import verbs
        from .verbs.verb_context import VerbContext

        context = VerbContext(PROCESS.session(), self._shell.user_ns, screen.secret)
        if not verb:
            screen.show(verbs.status(context))
        elif verb == "fix":
            diff, page = verbs.fix(context, rest, self._ask)
            screen.show_answer(diff, PROCESS.settings())
            screen.show(page)
        elif verb in verbs.ASKING:
            call = verbs.ASKING[verb](context, rest)
            if (last := PROCESS.chats().last) and last.reply and verb == "continue":
                self._shell.push({"_m1": last.reply}, interactive=False)  # it may be chosen now
            self._more(call)
        else:
            screen.show(verbs.verb_named(verb, rest).run(context, command_line.words(rest)))

    def _panel(self, rest: str) -> None:
        from . import widgets

        if rest:
            raise UsageError(
                f"%m1 panel takes no arguments, not {one_line(rest, 40)!r}.",
                cost="",
                todo="m1_magic.panel(df=…, model=…) opens one with its fields filled in.",
            )
        display(widgets.panel())

    def _more(self, call: RepeatableCall | str) -> None:
        """Ask what goes back to the last request, below its answer where that is beside it."""
        if isinstance(call, str):
            screen.show(call)
            return
        options, reply = call.options, call.reply
        if reply is not None and not (options.quiet or options.dry_run):
            from . import verbs

            screen.show(verbs.first(reply))
            display(reply)
        self._ask(options, call.prompt, head=call.head, below=reply is not None)

    def _ask(
        self,
        options: Options,
        prompt: str,
        *,
        below: bool = False,
        head: ChatHead | None = None,
        beside: tuple[Attachment, ...] = (),
    ) -> Reply | None:
        """Ask, show, and bind the reply, which is returned; None of a dry run, and of several."""
        from . import api
        from .render import choose

        names, pure = self._shell.user_ns, screen.ours(self._shell) and not below
        if options.several:
            self._ask_each(options, prompt, pure=pure, head=head)
            return None
        if options.dry_run:
            from . import verbs

            screen.show(verbs.preview(api.preview(prompt, options, names, head, beside)))
            return None
        if options.out:
            names.pop(options.out, None)
        quiet, raw = options.quiet, options.raw
        view = choose(self._shell, PROCESS.settings(), quiet=quiet, raw=raw, pure=pure)
        try:
            reply = api.run(prompt, options, names, view, head, beside)
        except UserFacingError as error:
            if error.reply is not None:
                self._bind(error.reply, options)
            raise
        self._bind(reply, options)
        if options.code:
            from . import verbs

            screen.show(verbs.after(reply, quiet=quiet))
        return reply

    def _ask_each(
        self, options: Options, prompt: str, *, pure: bool, head: ChatHead | None
    ) -> None:
        """Ask several at the same time; ``--out`` gets a list of all replies."""
        from . import api
        from .render.beside import board
        from .session.ended import first

        shell, names = self._shell, self._shell.user_ns
        if options.dry_run:
            from . import verbs

            screen.show(verbs.preview_each(*api.preview_each(prompt, options, names, head)))
            return
        how = {"quiet": options.quiet, "raw": options.raw, "pure": pure}
        try:
            replies = api.run_each(
                prompt,
                options,
                names,
                lambda labels: board(shell, PROCESS.settings(), labels, **how),
                head,
            )
        except UserFacingError as error:
            if error.replies and error.reply:
                self._bind(error.reply, options, error.replies)
            raise
        self._bind(first(replies), options, replies)

    def _bind(self, reply: Reply, options: Options, replies: list[Reply] | None = None) -> None:
        self._shell.push({"_m1": reply}, interactive=False)
        if options.out:
            self._shell.push({options.out: reply if replies is None else replies})

    @property
    def _shell(self) -> InteractiveShell:
        assert self.shell is not None
        return self.shell


class AskLine(TokenTransformBase):
    """Keeps ``%m1 ask why?`` a line of ours: IPython would take the ``?`` for its help."""

    priority = 1

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> AskLine | None:
        """Return the first ``%m1 …?`` statement; one inside a string is no statement."""
        for line in tokens_by_line:
            words = [token for token in line if token.string.strip()]
            ours = len(words) > 3 and words[0].string == "%" and words[1].string == "m1"
            if ours and words[2].string != "?" and words[0].line.rstrip().endswith("?"):
                return cls(words[0].start)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Replace the line by the call of the magic."""
        text = lines[self.start_line]
        rest = text[self.start_col :].strip().removeprefix("%m1").strip()
        call = f"{text[: self.start_col]}get_ipython().run_line_magic('m1', {rest!r})\n"
        return [*lines[: self.start_line], call, *lines[self.start_line + 1 :]]


def below_comments(lines: list[str]) -> list[str]:
    """Drop comment and blank lines above ``%%m1``, where IPython wants the magic first."""
    for number, line in enumerate(lines):
        if line.startswith("%%m1") and not line[4:5].isalnum():
            return lines[number:]
        if not ABOVE.match(line):
            break
    return lines


def with_body(lines: list[str]) -> list[str]:
    """Give ``%%m1 why?`` the body without which IPython refuses a cell magic."""
    alone = len(lines) == 1 and lines[0].startswith("%%m1") and not lines[0][4:5].isalnum()
    return [lines[0].rstrip("\n") + "\n", "\n"] if alone else lines


# Not while a terminal asks whether the cell is complete: there, Enter goes on to the body.
with_body.has_side_effects = True  # type: ignore[attr-defined]


def complete(shell: InteractiveShell, event: Any) -> list[str]:
    """Return what may follow in a ``%%m1`` or ``%m1`` line."""
    from . import verbs
    from .jupyter import completion

    return completion.complete(
        event,
        shell.user_ns,
        settings=PROCESS.settings(),
        verbs=verbs.VERBS,
        settings_names=verbs.settings_names,
        chats=lambda: PROCESS.chats().names(),
    )


def load(shell: InteractiveShell) -> None:
    """Register everything and print where things stand, and what settings cannot be used."""
    settings = PROCESS.load(shell.config)
    shell.register_magics(M1Magics(shell))
    shell.configurables.append(settings)  # type: ignore[arg-type]
    manager = shell.input_transformer_manager
    manager.cleanup_transforms[:0] = [below_comments, with_body]
    manager.token_transformers.insert(0, AskLine)
    shell.set_hook("complete_command", complete, re_key=COMPLETED)
    screen.show_replies(shell, settings)
    history.watch(shell)
    print("\n".join((banner(settings), *settings.problems)))


def unload(shell: InteractiveShell) -> None:
    """Undo ``load``; the process's App goes on."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("m1", None)
    magics = shell.magics_manager.registry.pop("M1Magics", None)
    manager = shell.input_transformer_manager
    drop(manager.cleanup_transforms, lambda item: item in (below_comments, with_body))
    drop(manager.token_transformers, lambda item: item is AskLine)
    if "m1_magic.widgets" in sys.modules:
        sys.modules["m1_magic.widgets"].close_all()
    settings = PROCESS.settings()
    drop(shell.configurables, lambda item: item is settings or item is magics)
    completers = shell.strdispatchers["complete_command"].regexs
    for key in [key for key in completers if key.pattern == COMPLETED]:
        del completers[key]
    screen.hide_replies(shell)
    history.unwatch(shell)
    PROCESS.rest()


def drop(items: list[Any], which: Callable[[Any], bool]) -> None:
    """Remove from ``items`` those that are meant."""
    items[:] = [item for item in items if not which(item)]
