"""Which notebook a kernel serves, as far as its front end tells."""

from __future__ import annotations

from collections.abc import Mapping

from ..text import one_line

# jupyter_server (SessionManager.get_kernel_env) sets the one, VS Code's Jupyter extension the
# other; nbclient and a terminal tell nothing.
VARIABLE = "JPY_SESSION_NAME"
NAME = "__vsc_ipynb_file__"


def notebook(environ: Mapping[str, str], namespace: Mapping[str, object]) -> str | None:
    """Return the notebook's path, None where it is not known."""
    told = namespace.get(NAME) or environ.get(VARIABLE)
    return one_line(told, 1000) if isinstance(told, str) and told.endswith(".ipynb") else None
