"""Which notebook a kernel serves, where its front end says so."""

from __future__ import annotations

from collections.abc import Mapping

from ..text import one_line

# jupyter_server (SessionManager.get_kernel_env) sets the one, VS Code's Jupyter extension the
# other; nbclient and a terminal set neither.
VARIABLE = "JPY_SESSION_NAME"
NAME = "__vsc_ipynb_file__"


def notebook(environ: Mapping[str, str], namespace: Mapping[str, object]) -> str | None:
    """Return the notebook's path, None where it is not known."""
    path = namespace.get(NAME) or environ.get(VARIABLE)
    return one_line(path, 1000) if isinstance(path, str) and path.endswith(".ipynb") else None
