"""What can go wrong, each as one paragraph: what happened, what it cost, what to do.

UserFacingError                      prints itself in one paragraph, without a traceback
├── M1Error               every error of this package (an ``Exception``)
│   ├── UsageError        unknown option, verb or variable; an empty cell
│   │   ├── HelpWanted    --help among the options
│   │   └── BadSetting    a setting that cannot be (also a ``TraitError``)
│   ├── KeyProblem        ├── NoKey ├── BadKey ├── KeyRefused (401)
│   ├── SecretInPrompt    a key was typed where it would be sent
│   ├── OutOfCredit (402, 403) · Flagged (403) · NoSuchModel (404) · BadRequest (400, 422)
│   ├── PromptTooLarge    over the model's context, before or after sending (413)
│   ├── RateLimited (429) · ProviderDown (5xx) · CannotConnect
│   ├── LoginPage         something else than OpenRouter answered
│   ├── SentNoAnswer      the request left, nothing came: it may be charged
│   ├── CutOff            the stream broke in mid-answer; the text is kept
│   ├── EmptyAnswer       complete, and without a word
│   ├── BudgetExceeded    refused before a byte was sent
│   ├── NotAccurate       the pilot of a run over rows was wrong too often
│   ├── SomeFailed        of several answers at the same time, not all came
│   ├── LedgerProblem     the ledger cannot be written
│   ├── TapeProblem       a tape cannot be used, or has no answer to this request
│   ├── OfflineProblem    the local model is not there or does not start
│   ├── MissingPackage    Python has not all that this needs (Pyodide, --no-deps)
│   └── HiddenPackage     openai.py beside the notebook is imported instead of openai
└── Stopped               the user stopped it (a ``KeyboardInterrupt``); the text is kept
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from traitlets import TraitError

from .imports import hiding
from .text import one_line

if TYPE_CHECKING:
    from .calls import Reply

NOTHING_SENT = "Nothing was sent, nothing was charged."
NOT_CHARGED = "Nothing was charged."
NOT_SENT_AGAIN = "It was not sent again by itself; run the cell to send it again."
MAY_COST = "It may be charged; the ledger holds the cost until it is known."

# Stack frames that are not the user's: this package's and IPython's own.
INNER = re.compile(r"[\\/](m1_magic|IPython|ipykernel)[\\/]")


class UserFacingError(BaseException):
    """Prints as one paragraph in IPython, below as much of the stack as ``frames`` says.

    Args:
        what: what happened, a sentence.
        cost: what it cost, a sentence; the class has a default.
        todo: what to do, a sentence or two; the class may have a default.
    """

    cost = NOTHING_SENT
    todo = ""
    # Which stack frames are shown: none in a magic, the user's own around ask(), all on demand.
    frames: Literal["none", "users", "all"] = "none"
    # May the session try again by itself? Where nothing was sent, or what is in the way passes.
    retry = False
    # May it cost something? Then the ledger keeps the hold until the price is known.
    charged = False
    reply: Reply | None = None  # what came before it was raised; set by the session
    table: object = None  # of a run over rows, as far as it came
    retry_after: float | None = None
    # The replies to all of several questions that were asked at the same time.
    replies: list[Reply] | None = None

    def __init__(self, what: str, *, cost: str | None = None, todo: str | None = None) -> None:
        self.what = what
        self.cost = type(self).cost if cost is None else cost
        self.todo = type(self).todo if todo is None else todo
        super().__init__(str(self))

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.cost, self.todo) if part)

    def _render_traceback_(self) -> list[str]:
        """Return what IPython prints: one paragraph, below the stack that is to be shown."""
        head = f"{type(self).__name__}: {self}"
        stack = traceback.extract_tb(self.__traceback__)
        if self.frames == "users":
            stack = traceback.StackSummary(f for f in stack if not INNER.search(f.filename))
        if self.frames == "none" or not stack:
            return [head]
        return ["Traceback (most recent call last):\n", *traceback.format_list(stack), head]


class M1Error(UserFacingError, Exception):
    """The root of this package's errors."""


class UsageError(M1Error):
    """The cell or line cannot be understood as it stands."""


class HelpWanted(UsageError):
    """``--help`` stands where options do; a magic shows its page instead."""


class BadSetting(UsageError, TraitError):
    """A setting was given a value that it cannot have."""

    cost = ""


class KeyProblem(M1Error):
    """Something is wrong with the key."""


class NoKey(KeyProblem):
    """There is no key for this endpoint."""


class BadKey(KeyProblem):
    """The key cannot be a key: spaces, line ends, quotes, "Bearer "."""


class KeyRefused(KeyProblem):
    """The server does not accept the key (401)."""

    cost = NOT_CHARGED


class SecretInPrompt(M1Error):
    """A key or password stands in the text that would be sent."""


class OutOfCredit(M1Error):
    """Money: the account's, a budget's or the key's own limit; or this call is too big for it."""

    cost = NOT_CHARGED


class Flagged(M1Error):
    """The server forbids this request: moderation, guardrail, region or permission (403)."""

    cost = NOT_CHARGED


class NoSuchModel(M1Error):
    """No such model, or no endpoint of it that may be used (400, 404)."""

    cost = NOT_CHARGED


class BadRequest(M1Error):
    """The server does not take the request as it is (400, 422)."""

    cost = NOT_CHARGED
    todo = "Change what the server names, or the options of the call."


class PromptTooLarge(M1Error):
    """The prompt does not fit the model."""


class RateLimited(M1Error):
    """Too many requests: for a moment, or for today (429), where a quota is ``used_up``."""

    cost = NOT_CHARGED
    retry, used_up = True, False


class ProviderDown(M1Error):
    """The provider failed before the first token (5xx)."""

    cost = MAY_COST
    charged = True


class CannotConnect(M1Error):
    """The server could not be reached: DNS, refused, TLS, proxy."""

    retry = True


class LoginPage(M1Error):
    """A web page answered instead of the API."""

    cost = NOT_CHARGED


class SentNoAnswer(M1Error):
    """The request left and no answer came; it is not sent again by itself."""

    cost = MAY_COST
    todo = NOT_SENT_AGAIN
    charged = True


class CutOff(M1Error):
    """The stream broke in mid-answer."""

    cost = MAY_COST
    todo = NOT_SENT_AGAIN
    charged = True


class EmptyAnswer(M1Error):
    """The call is complete and there is no text."""


class BudgetExceeded(M1Error):
    """The call could cost more than is left, or than one call may cost.

    In US dollars, where a budget refused it: what is left of it, what is held, and the least
    budget that would take the call. Of several calls, so many ``fits``, the first ones.
    """

    fits = 0
    left: Decimal | None = None
    held: Decimal | None = None
    needed: Decimal | None = None


class NotAccurate(M1Error):
    """The first answers of a run over rows were right less often than was asked for."""

    todo = "Change the prompt, the choices or the model, or lower at_least."


class SomeFailed(M1Error):
    """Of several answers that were asked for at the same time, not all came."""

    cost = ""


class LedgerProblem(M1Error):
    """The ledger cannot be read or written."""


class TapeProblem(M1Error):
    """A tape cannot be read or written, or has no answer to this request."""


class OfflineProblem(M1Error):
    """The local model is not installed, not whole, or does not start."""


class MissingPackage(M1Error):
    """A package that is needed for this is not installed, nor to be had where Python runs."""

    cost = ""  # it may be found missing at any time

    @classmethod
    def named(cls, error: ModuleNotFoundError) -> MissingPackage | HiddenPackage:
        """Return it for an import that failed; raise ``error`` again where that is our own."""
        if hidden := HiddenPackage.of(error):
            return hidden
        name = (error.name or "").partition(".")[0].lstrip("_")
        if name in ("", "m1_magic"):
            raise error
        what = f"Python has no package {name} here, which this needs."
        return cls(what, todo=f"%pip install {name}")


class HiddenPackage(M1Error):
    """A file of the user's was imported in place of a package that it is named as."""

    cost = ""  # it may be found at any time

    @classmethod
    def of(cls, error: Exception) -> HiddenPackage | None:
        """Return it for an error that comes of such a file, else None."""
        path = hiding(error)
        if path is None:
            return None
        what = f"{one_line(path, 200)} hides the package {path.stem}, which this needs."
        return cls(what, todo="Rename it, and restart the kernel.")


@contextmanager
def packages_named() -> Iterator[None]:
    """Name the package where an error comes of one that is missing or hidden."""
    try:
        yield
    except UserFacingError:
        raise
    except ModuleNotFoundError as error:
        raise MissingPackage.named(error) from None
    except Exception as error:
        if hidden := HiddenPackage.of(error):
            raise hidden from None
        raise


class Stopped(UserFacingError, KeyboardInterrupt):
    """The user stopped the call."""

    cost = MAY_COST
    charged = True
