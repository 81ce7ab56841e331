"""Tab in a line of ours: IPython asks here first, and then nobody else.

Of all cells this matcher sees, it looks at those that name our magic; only then what is offered is
imported. What goes wrong in it is nobody else's trouble.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

    from .completion_place import Known

NAME = "m1_magic"


class Only(list[SimpleCompletion]):
    """All there is to offer, be it nothing.

    IPython lets a matcher keep out others only where it offers something, and asks for its length.
    """

    def __len__(self) -> int:
        return super().__len__() or 1


def watch(shell: InteractiveShell, known: Callable[[], Known]) -> None:
    """Begin to offer what may be written in a line of ours; ``known`` says what it may name."""

    def matcher(context: CompletionContext) -> Any:
        try:
            offer = _offered(shell, context, known)
        except Exception:  # Tab is not the time to be told
            offer = None
        return offer or {"completions": [], "suppress": False}

    unwatch(shell)
    first = context_matcher(priority=1_000, identifier=NAME)
    shell.Completer.custom_matchers.append(first(matcher))


def unwatch(shell: InteractiveShell) -> None:
    """Undo ``watch``."""
    matchers: list[Any] = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != NAME]


def _offered(
    shell: InteractiveShell, context: CompletionContext, known: Callable[[], Known]
) -> Any:
    """Return what IPython takes from a matcher, None for what is not ours."""
    text = context.full_text
    typed = shell.automagic and text.lstrip().startswith("m1 ") and "m1" not in shell.user_ns
    if not ("%m1" in text or typed):
        return None
    from .completion import offered
    from .completion_place import find

    place = find(text, context.cursor_line, context.cursor_position, automagic=bool(typed))
    offer = offered(place, known()) if place else None
    if offer is None:
        return None
    listed: Iterable[SimpleCompletion] = (SimpleCompletion(w, type=offer.kind) for w in offer.words)
    return {
        "completions": Only(listed),
        "matched_fragment": offer.typed,
        "suppress": True,
        "ordered": True,
    }
