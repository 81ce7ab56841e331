"""``m1-magic``: the demo, the quickstart in JupyterLab, the local server, verbs in a shell."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TextIO

from . import api, verbs
from .errors import UsageError, UserFacingError
from .jupyter import shell
from .kept.keeper import BESIDE
from .privacy import redaction
from .settings.endpoints import OFFLINE
from .text import md_to_text
from .verbs.verb_context import VerbContext

VERBS = ("help", "cost", "log", "doctor", "login", "logout", "key", "models")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # who reads our output (head, less) has seen enough
        _give_up(sys.stdout)
        return 128 + 13


def _run(argv: list[str]) -> int:
    try:
        given = parsed(argv)
        return int(given.run(given) or 0)
    except UserFacingError as error:
        print(f"m1-magic: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        api.end()


def _give_up(stream: TextIO) -> None:
    """Let what is still to be written vanish, and with it Python's complaint at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def parsed(argv: list[str]) -> argparse.Namespace:
    """Return the command; what follows a verb is left to the verb, but for ``--help``."""
    if argv[:1] and argv[0] in VERBS and not {"-h", "--help"} & set(argv):
        return argparse.Namespace(run=verb_of, verb=argv[0], rest=argv[1:])
    return commands().parse_args(argv)


def commands() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser("m1-magic", description="MiniMax M1 inside the notebook.")
    parser.add_argument("--version", action="version", version=f"m1-magic {version('m1-magic')}")
    kinds = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, help_: str, run: Callable[[argparse.Namespace], object]
    ) -> argparse.ArgumentParser:
        command = kinds.add_parser(name, help=help_, description=help_)
        command.set_defaults(run=run)
        return command

    about = "run the quickstart on real data, on recorded answers; print their prices on M1"
    demo_ = add("demo", about, demo)
    demo_.add_argument("--local", action="store_true", help="let the small local model answer")
    lab = add("lab", "open the quickstart in JupyterLab", open_lab)
    lab.add_argument("rest", nargs=argparse.REMAINDER, help="passed on to jupyter lab")
    serve_ = add("serve", "run the local model as an OpenAI-compatible server", serve)
    serve_.add_argument("--port", type=int, default=8080, help="default: 8080")
    notebooks = add("report", "add up what notebooks cost, from their saved outputs", report)
    notebooks.add_argument("notebooks", nargs="+", metavar="NOTEBOOK", help="files or folders")
    by = ("notebook", "student")
    notebooks.add_argument("--by", choices=by, default="notebook", help="default: notebook")
    notebooks.add_argument("--csv", metavar="PATH", help="write the table of students there")
    tapes = add("tape", "run notebooks on their tapes: no network, no key, no call", tape)
    tapes.add_argument("notebooks", nargs="+", metavar="NOTEBOOK", help="files or folders")
    tapes.add_argument(
        "--make", action="store_true", help="write their tapes from what the ledger keeps"
    )
    about = "run notebooks with kept answers; exit 1 if a computed figure changed"
    check = add("verify", about, verify)
    check.add_argument("notebooks", nargs="+", metavar="NOTEBOOK", help="files or folders")
    class_commands(add("class", "limited OpenRouter keys for a class", class_))
    for name in VERBS:
        verb = verbs.VERBS[name]
        command = add(name, f"{verb.help} ({verb.usage})", verb_of)
        command.add_argument("rest", nargs="*", metavar="…")
    return parser


def report(given: argparse.Namespace) -> None:
    """Show what notebooks cost, by notebook or by student."""
    from .verbs import by_student

    if given.by == "student":
        return shell.show(by_student.report(given.notebooks, given.csv))
    if given.csv:
        raise UsageError("--csv writes the table of students.", cost="", todo="Add --by student.")
    return shell.show(verbs.report(given.notebooks))


def class_commands(command: argparse.ArgumentParser) -> None:
    """Add what ``m1-magic class`` can do to its parser."""
    kinds = command.add_subparsers(required=True, metavar="COMMAND", dest="command")
    about = "make a key with a limit for each student who has none"
    keys = kinds.add_parser("keys", help=about, description=about)
    keys.add_argument("students", metavar="STUDENTS.csv", help="a list of names, ids or e-mails")
    keys.add_argument("--each", required=True, metavar="USD", help="the limit of each key")
    keys.add_argument("--expires", metavar="DATE", help="2027-01-31 (UTC), or 30d; default: never")
    keys.add_argument("--out", metavar="PATH", help="the file that keeps the keys (a CSV)")
    keys.add_argument("--dry-run", action="store_true", help="say what would be made, make none")
    about = "show what each student used"
    kinds.add_parser("usage", help=about, description=about)
    about = "delete keys of students"
    revoke = kinds.add_parser("revoke", help=about, description=about)
    revoke.add_argument("names", nargs="*", metavar="STUDENT")
    revoke.add_argument("--all", action="store_true", help="of all students")
    for one in (keys, revoke):
        one.add_argument("--yes", action="store_true", help="do not ask")


def class_(given: argparse.Namespace) -> None:
    """Make, show or delete the keys of a class; show what was done, also if it was broken off."""
    from .verbs import classes

    done = getattr(classes, given.command)(given)
    if given.command == "keys" and given.out is None:  # a terminal's table breaks a key in two
        print(md_to_text(done.page))
    else:
        shell.show(done.page)
    if done.problem is not None:
        raise done.problem


def verb_of(given: argparse.Namespace) -> None:
    """Run the verb of that name and print its page."""
    redaction.refuse(" ".join(given.rest), place="The command")
    context = VerbContext(api.session(), {}, shell.secret)
    shell.show(verbs.VERBS[given.verb].run(context, given.rest))


def tape(given: argparse.Namespace) -> int:
    """Run notebooks on their tapes, or write these; return 1 where an answer is missing."""
    from .verbs import tapes

    if given.make:
        context = VerbContext(api.session(), {}, shell.secret)
        made = [tapes.make(context, Path(one)) for one in given.notebooks]
        shell.show("\n\n".join(text for text, _ in made))
        return 0 if all(well for _, well in made) else 1
    text, well = tapes.replayed(given.notebooks)
    shell.show(text)
    return 0 if well else 1


def verify(given: argparse.Namespace) -> int:
    """Compute the figures of notebooks' exact answers again; return 1 where one is another now."""
    from .verbs.verifying import verified

    context = VerbContext(api.session(), {}, shell.secret)
    text, well = verified(context, given.notebooks)
    shell.show(text)
    return 0 if well else 1


def serve(given: argparse.Namespace) -> None:
    """Serve the local model on this machine until Ctrl-C."""
    from .backends.llama_server import MODEL, LocalServer
    from .backends.weights import weights

    weights(shell.progress("fetching the local model"))
    with closing(LocalServer(port=given.port)) as server:
        print(f"{MODEL} at {server.base_url} (this machine only; Ctrl-C ends it)", flush=True)
        server.wait()


def notebook() -> Path:
    """Return the quickstart notebook: of the checkout if this is one, else of the package."""
    checkout = Path(__file__).parent.parent / "notebooks" / "quickstart.ipynb"
    return checkout if checkout.exists() else Path(str(files("m1_magic") / "quickstart.ipynb"))


def open_lab(given: argparse.Namespace) -> int:
    """Open a copy of the quickstart in JupyterLab, so that the original stays as it is."""
    import importlib.util
    import shutil
    import subprocess

    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError(
            "JupyterLab is not installed.", cost="", todo='pip install "m1-magic[lab]"'
        )
    original, here = notebook(), Path.cwd() / "m1-quickstart.ipynb"
    for source, copy in (
        (original, here),
        (original.with_suffix(BESIDE), here.with_suffix(BESIDE)),
    ):
        if not copy.exists():
            shutil.copyfile(source, copy)
    # Without a key: the notebook's own questions from its tape, others by the local model.
    keyless = {"M1_BASE_URL": OFFLINE, "M1_TAPE": str(here.with_suffix(BESIDE))}
    keyed = os.environ.get("OPENROUTER_API_KEY", "").strip()
    environ = {**({} if keyed else keyless), **os.environ}
    # -P: a jupyterlab.py in this folder must not stand in for JupyterLab. Its kernels need the key.
    return subprocess.call(
        [sys.executable, "-P", "-m", "jupyterlab", str(here), *given.rest], env=environ
    )


def demo(given: argparse.Namespace) -> None:
    """Run the quickstart in this terminal: on its tape, or with the local model or server."""
    from .verbs import quickstart

    if given.local or os.environ.get("M1_BASE_URL"):
        quickstart.with_model()
    else:
        quickstart.on_tape(notebook())


if __name__ == "__main__":
    sys.exit(main())
