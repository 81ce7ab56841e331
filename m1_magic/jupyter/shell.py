"""Where the code runs: IPython's shell if there is one, its variables, and what is shown in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..text import INVISIBLE, md_to_text, one_line, show_controls

if TYPE_CHECKING:
    from ..calls import Reply
    from ..settings.config import M1

REPLY = "m1_magic.calls.Reply"
BESIDE = ("text/html", "text/markdown")
# Where the front end says which notebook it is: jupyter_server (SessionManager.get_kernel_env) in
# the environment, VS Code's Jupyter extension among the variables; nbclient and a terminal nowhere.
NOTEBOOK = "JPY_SESSION_NAME"
VSCODE_NOTEBOOK = "__vsc_ipynb_file__"


def current() -> Any:
    """Return IPython's shell, or None outside of it."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def namespace() -> Mapping[str, object]:
    """Return the user's variables in IPython; nothing outside of it."""
    shell = current()
    return shell.user_ns if shell is not None else {}


def ours(shell: Any) -> bool:
    """Is all that the running cell shows ours: a ``%%m1`` cell, or one line ``%m1``?"""
    running = getattr(shell.displayhook, "exec_result", None)
    lines = running.info.raw_cell.split("\n") if running else ()
    code = [INVISIBLE.sub("", line) for line in lines if not re.match(r"\s*(#.*)?$", line)]
    return bool(code) and code[0].startswith("%%m1" if len(code) > 1 else ("%%m1", "%m1"))


def parent() -> dict[str, Any]:
    """Return the front end's message by which the kernel runs something, empty outside of one."""
    return getattr(current(), "get_parent", dict)() or {}


def place() -> tuple[str, str]:
    """Return the id of the cell that runs and of this run of it; empty where there is none."""
    asking = parent()
    cell = asking.get("metadata", {}).get("cellId", "")
    return str(cell), str(asking.get("header", {}).get("msg_id", ""))


def notebook(environ: Mapping[str, str], namespace: Mapping[str, object]) -> str | None:
    """Return the path of the notebook that the kernel serves, None where it is not known."""
    path = namespace.get(VSCODE_NOTEBOOK) or environ.get(NOTEBOOK)
    return one_line(path, 1000) if isinstance(path, str) and path.endswith(".ipynb") else None


def show_replies(shell: Any, settings: M1) -> None:
    """Let a Reply that is shown in IPython display itself; outside of it (None), do nothing."""
    if shell is None:
        return

    def bundle_of(reply: Reply, include: object = None, exclude: object = None) -> dict[str, str]:
        from ..render.answer import bundle
        from ..render.front_end import mode

        return bundle(reply, settings, mode(settings, shell))

    # By name, so that loading the extension does not load what a reply is made of.
    formatter = shell.display_formatter
    formatter.mimebundle_formatter.for_type(REPLY, bundle_of)
    for kind in BESIDE:  # else IPython asks the reply itself for what the bundle leaves out
        formatter.formatters[kind].for_type(REPLY, lambda reply: None)


def hide_replies(shell: Any) -> None:
    """Undo ``show_replies``."""
    shell.display_formatter.mimebundle_formatter.pop(REPLY, None)
    for kind in BESIDE:
        shell.display_formatter.formatters[kind].pop(REPLY, None)


def secret(question: str) -> str:
    """Ask for a line without showing it.

    Raises:
        EOFError: there is nobody to ask (and Python would show what is typed).
    """
    import getpass

    if not hasattr(current(), "kernel") and not sys.stdin.isatty():
        raise EOFError
    return getpass.getpass(question)


def progress(label: str) -> Callable[[int, int], None]:
    """Return a function of (done, total) in bytes that tells how far a download is.

    In a terminal it draws a bar, in a notebook one line that is updated; elsewhere (a pipe, a
    file) it prints one line, when the download begins.
    """
    handles: list[Any] = []  # the bar, the display, or that the line was printed
    steps: set[int] = set()  # of twenty, those that were shown

    def draw(done: int, total: int) -> None:
        if not handles and done >= total:
            return
        if hasattr(current(), "kernel"):
            if (step := 20 * done // total) not in steps:
                steps.add(step)
                _update(handles, f"{label}: {done // 1_000_000} of {total // 1_000_000} MB")
        elif sys.stderr.isatty():
            _bar(handles, label, done, total)
        elif not handles:
            print(f"{label}: {total // 1_000_000} MB, once …", file=sys.stderr, flush=True)
            handles.append(True)

    return draw


def _update(handles: list[Any], text: str) -> None:
    """Show a line in a notebook, or bring the one that is there up to date."""
    from IPython.display import display

    bundle = {"text/plain": text}
    if handles:
        handles[0].update(bundle, raw=True)
    else:
        handles.append(display(bundle, raw=True, display_id=True))


def _bar(handles: list[Any], label: str, done: int, total: int) -> None:
    from tqdm import tqdm

    if not handles:
        handles.append(tqdm(total=total, desc=label, unit="B", unit_scale=True, leave=False))
    handles[0].update(done - handles[0].n)
    if done >= total:
        handles[0].close()


def display(value: object) -> None:
    """Display a value of the user's as IPython does."""
    from IPython.display import display

    display(value)


def handle(bundle: Mapping[str, object]) -> Any:
    """Display something that will change; return what changes it."""
    from IPython.display import display

    return display(dict(bundle), raw=True, display_id=True)


def show_answer(markdown: str, settings: M1) -> None:
    """Display untrusted Markdown as an answer is displayed; nothing where there is none."""
    from ..calls import Reply
    from ..render import front_end

    if not markdown:
        return
    if front_end.in_notebook(current()):
        from IPython.display import display

        from ..render.answer import bundle

        mode = front_end.mode(settings, current())
        display(bundle(Reply(markdown), settings, mode), raw=True)
    elif sys.stdout.isatty():
        from rich.console import Console

        from ..render.terminal_view import to_rich

        Console().print(to_rich(markdown))
    else:
        print(show_controls(markdown))


def show(markdown: str) -> None:
    """Display one of our pages: rendered in a notebook, drawn in a terminal, plain elsewhere."""
    if not markdown:
        return
    from ..render import page
    from ..render.front_end import in_notebook

    if in_notebook(current()):
        from IPython.display import display

        display(page.bundle(markdown), raw=True)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        text = show_controls(page.unfolded(markdown))
        Console().print(Markdown(text, hyperlinks=False))
    else:
        print(md_to_text(page.unfolded(markdown)))
