"""CPU of ``%load_ext m1_magic`` over bare IPython, beside a floor and an eager import.

    python tests/benchmarks/load.py [--write]      # --write: the table into the page beside it

Each figure is the median over fresh processes: CPU seconds of the load alone, in an IPython
that is already up. The floor is an extension that registers one magic and nothing else.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
import readme

RUNS = 9
EXTENSIONS = {
    "an extension that registers one magic": (
        "stub",
        "from IPython.core.magic import Magics, line_cell_magic, magics_class\n"
        "@magics_class\nclass Stub(Magics):\n    @line_cell_magic\n"
        "    def stub(self, line, cell=None): ...\n"
        "def load_ipython_extension(shell): shell.register_magics(Stub(shell))\n",
    ),
    "`%load_ext m1_magic`": ("m1_magic", None),
    "the same with `import openai, ipywidgets, markdown`": (
        "eager",
        "import openai, ipywidgets, markdown\nfrom m1_magic import load_ipython_extension\n",
    ),
}
PROBE = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("1 + 1")
before, start = len(sys.modules), time.process_time()
shell.run_line_magic("load_ext", sys.argv[1])
print("\\n", (time.process_time() - start) * 1000, len(sys.modules) - before)
"""


def measure(name: str, folder: Path) -> tuple[float, int]:
    """Return the CPU milliseconds and modules that loading the extension ``name`` adds."""
    env = {"PYTHONPATH": f"{folder}:{Path.cwd()}", "M1_HOME": str(folder / "home"), "PATH": ""}
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, name], capture_output=True, text=True, check=True, env=env
    )
    milliseconds, modules = ran.stdout.split()[-2:]
    return float(milliseconds), int(modules)


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    rows = ["| loading | CPU ms | modules |", "|---|---:|---:|"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, source in EXTENSIONS.values():
            if source:
                (folder / f"{name}.py").write_text(source)
        for label, (name, _) in EXTENSIONS.items():
            measured = [measure(name, folder) for _ in range(RUNS)]
            cpu = statistics.median(ms for ms, _ in measured)
            rows.append(f"| {label} | {cpu:,.1f} | {measured[0][1]:,} |")
    table = "\n".join(rows)
    print(table)
    if "--write" in sys.argv:
        readme.write_measured("load", table)


if __name__ == "__main__":
    main()
