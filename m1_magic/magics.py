"""``%%m1`` and ``%m1`` in IPython: the two magics, their registration.

A magic returns nothing, so ``Out`` and ``_`` stay as they are; the Reply is bound to ``_m1`` and
to ``--out`` before any error is raised. What a call needs is imported by the first call.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.display import display

from .app import PROCESS
from .errors import HelpWanted, UsageError, UserFacingError, packages_named
from .jupyter import completer, history, input_lines, marker, names
from .jupyter import shell as screen
from .jupyter.banner import banner
from .text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from .calls import Attachment, Reply, Request
    from .chats.chats import RepeatableCall
    from .chats.turns import ChatHead
    from .jupyter.completion_place import Known
    from .options.fields import Options


@magics_class
class M1Magics(Magics):
    """The magics, over the process's one session."""

    @no_var_expand
    @line_cell_magic
    def m1(self, line: str, cell: str | None = None) -> None:
        """Ask MiniMax M1 (``%%m1``), or run a verb (``%m1 help`` lists them)."""
        from .privacy import redaction

        with packages_named():
            try:  # a key in a line is refused before any error can quote the line
                redaction.refuse(line, redaction.policy(PROCESS.settings()), place="The line")
                if cell is None:
                    self._line(line)
                else:
                    self._cell(line, cell)
            except HelpWanted:
                self._help(line.split()[0] if cell is None else "")
            except UserFacingError as error:
                error.frames = "all" if PROCESS.settings().traceback else "none"
                raise

    def _cell(self, line: str, cell: str) -> None:
        from .options import after_text, flags

        options, rest = flags.options(line, text=not cell.strip())
        if rest and cell.strip():
            raise UsageError(
                f"On the first line stand options only, not {one_line(rest, 60)!r}.",
                todo="Put the question below; quote an option's value that has spaces.",
            )
        after_text.check("%%m1", line, rest, names.visible(self._shell.user_ns))
        self._ask(options, rest or cell)

    def _line(self, line: str) -> None:
        from .options import after_text, command_line, flags

        verb, rest = (*line.split(maxsplit=1), "", "")[:2]
        if {verb, *rest.split()[:1]} & {*command_line.HELP}:
            self._help(verb)
            return
        if verb == "ask" and rest:
            options, text = flags.options(rest, text=True)
            after_text.check("%m1 ask", rest, text, names.visible(self._shell.user_ns))
            self._ask(options, text)
            return
        if verb == "panel":
            self._panel(rest)
            return
        from . import verbs
        from .verbs.verb_context import VerbContext

        seen = names.visible(self._shell.user_ns)
        context = VerbContext(PROCESS.session(), seen, screen.secret, self._bind_as)
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
            command, words = verbs.verb_named(verb, rest), command_line.words(rest)
            if {*words} & {*command_line.HELP}:
                self._help(verb)
            else:
                screen.show(command.run(context, words))

    def _help(self, verb: str) -> None:
        """Show the page of a verb, or of all."""
        from . import verbs
        from .verbs.verb_context import VerbContext

        context = VerbContext(PROCESS.session(), self._shell.user_ns, screen.secret)
        screen.show(verbs.with_options(context, verb))

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
        from .jupyter import binding
        from .options import tasks

        shell, variables = self._shell, names.visible(self._shell.user_ns)
        if options.by_row:
            from .rows import cell

            cell.ask(shell, options, prompt, variables)
            return None
        tasks.chosen(options, PROCESS.settings())  # a wrong option is told before a name
        options = binding.allowed(options, shell.user_ns)
        pure = screen.ours(shell) and not below
        if options.several:
            self._ask_each((prompt, options, variables), pure, head, beside)
            return None
        request = api.prepare(prompt, options, variables, head, beside)
        if options.dry_run:
            from . import verbs

            screen.show(verbs.preview(PROCESS.session().dry_plan(request)))
            return None
        return self._send(request, options, variables, pure=pure)

    def _send(
        self, request: Request, options: Options, variables: Mapping[str, object], *, pure: bool
    ) -> Reply:
        """Ask, show, and bind the reply, or what came of it where that fails."""
        from . import api
        from .render import choose

        shell, settings = self._shell, PROCESS.settings()
        view = choose(shell, settings, quiet=options.quiet, raw=options.raw, pure=pure)
        try:
            reply = api.send(request, options, view, variables)
        except UserFacingError as error:
            if error.reply is not None:
                self._bind(error.reply, options)
            raise
        self._bind(reply, options)
        if options.code:
            from . import verbs

            screen.show(verbs.after(reply, quiet=options.quiet))
        return reply

    def _ask_each(
        self, question: tuple[str, Options, Mapping[str, object]], pure: bool, *place: Any
    ) -> None:
        """Ask several at the same time; ``--out`` gets a list of all replies."""
        from . import api, verbs
        from .render.beside import board
        from .session.outcomes import first

        _, options, _ = question
        if options.dry_run:
            screen.show(verbs.preview_each(*api.preview_each(*question, *place)))
            return
        how, settings = options, PROCESS.settings()
        board_for = partial(board, self._shell, settings, quiet=how.quiet, raw=how.raw, pure=pure)
        try:
            replies = api.run_each(*question, board_for, *place)
        except UserFacingError as error:
            if error.replies and error.reply:
                self._bind(error.reply, options, error.replies)
            raise
        self._bind(first(replies), options, replies)
        if options.code and not options.quiet:
            screen.show(verbs.CHOOSE)

    def _bind_as(self, name: str, force: bool, value: object) -> None:
        from .jupyter import binding

        if not force:
            binding.check(name, self._shell.user_ns)
        binding.bind(self._shell, name, value)

    def _bind(self, reply: Reply, options: Options, replies: list[Reply] | None = None) -> None:
        from .jupyter import binding

        binding.bind_answer(self._shell, options.out, reply, replies)

    @property
    def _shell(self) -> InteractiveShell:
        assert self.shell is not None
        return self.shell


def no_value(name: str, line: str) -> None:
    """Refuse ``NAME = %m1 ask …``, before anything is sent: a line magic of ours has no value."""
    from .privacy import redaction

    redaction.refuse(line, redaction.policy(PROCESS.settings()), place="The line")
    verb, rest = (*line.split(maxsplit=1), "", "")[:2]
    bound = f"%m1 {verb} -o {name if name.isidentifier() else 'NAME'} {rest}".strip()
    raise UsageError(
        f"%m1 {verb} has no value that could be assigned.",
        todo=f'Write `{one_line(bound, 200)}`, or `{one_line(name, 40)} = m1_magic.ask("…")`.',
    )


def known(shell: InteractiveShell) -> Known:
    """Return what may be named in a line of ours, for completion."""
    from .jupyter.completion_place import Known

    verbs = partial(import_module, "m1_magic.verbs")
    return Known(shell.user_ns, PROCESS.settings(), verbs, PROCESS.chats)


def forecast(shell: InteractiveShell) -> str | None:
    """Return what ``%m1 fix`` would cost now, for the front end; None where nothing is to mend."""
    from .verbs import fixing
    from .verbs.verb_context import VerbContext

    return fixing.forecast(VerbContext(PROCESS.session(), shell.user_ns, screen.secret))


def load(shell: InteractiveShell) -> None:
    """Register everything and print where things stand, and what settings cannot be used."""
    settings = PROCESS.load(shell.config)
    shell.register_magics(M1Magics(shell))
    shell.configurables.append(settings)  # type: ignore[arg-type]
    input_lines.watch(shell)
    completer.watch(shell, partial(known, shell))
    screen.show_replies(shell, settings)
    history.watch(shell)
    marker.watch(partial(forecast, shell))
    print("\n".join((banner(settings), *settings.problems)))


def unload(shell: InteractiveShell) -> None:
    """Undo ``load``; the process's App goes on."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("m1", None)
    magics = shell.magics_manager.registry.pop("M1Magics", None)
    input_lines.unwatch(shell)
    if "m1_magic.widgets" in sys.modules:
        sys.modules["m1_magic.widgets"].close_all()
    settings = PROCESS.settings()
    drop(shell.configurables, lambda item: item is settings or item is magics)
    completer.unwatch(shell)
    screen.hide_replies(shell)
    history.unwatch(shell)
    marker.unwatch()
    PROCESS.rest()


def drop(items: list[Any], which: Callable[[Any], bool]) -> None:
    """Remove from ``items`` those that are meant."""
    items[:] = [item for item in items if not which(item)]
