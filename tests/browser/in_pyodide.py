"""What Pyodide runs for test_pyodide.py: cells in an IPython, and what they did."""

from __future__ import annotations

from typing import Any

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

shown: list[dict[str, str]] = []


class Publisher(DisplayPublisher):
    def publish(self, data: Any, *args: Any, transient: Any = None, **more: Any) -> None:
        """Keep what a front end would show: the last state of each display."""
        here = (transient or {}).get("display_id")
        old = next((one for one in shown if here and one["display_id"] == here), None)
        if old is None:
            shown.append(old := {"display_id": here or ""})
        old.update({kind: str(value) for kind, value in data.items()})


def run(sources: list[str]) -> list[dict[str, Any]]:
    """Run cells; return what each displayed, and its error."""
    shell, ran = InteractiveShell.instance(display_pub_class=Publisher), []
    for source in sources:
        shown.clear()
        result = shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        ran.append(
            {
                "texts": [one["text/plain"] for one in shown if one.get("text/plain")],
                "html": "".join(one.get("text/html", "") for one in shown),
                "value": repr(result.result),
                "error": error and f"{type(error).__name__}: {error}",
            }
        )
    return ran
