"""What differs in each run though code and data are the same → a constant.

So that a notebook that is run again sends the same bytes: where an object lies in memory, temporary
folders, what IPython calls a cell's code, and the times that its magics and progress bars measure.
"""

from __future__ import annotations

import re

ADDRESS = re.compile(r"(?<= at )0x[0-9a-fA-F]+\b|\b0x(?:7[ef]|5[56])[0-9a-fA-F]{10}\b")
# The beginning of a path, which is looked for only where one may begin: long words cost nothing.
PATH = r"(?<![\w./\\~+:-])[\w./\\~+:-]{0,300}?"
# Of ipykernel, with its process id; of IPython before 8; as tracebacks have it.
CELL = re.compile(
    rf"{PATH}\bipykernel_\d+[/\\]\d+\.py|<ipython-input-\d+-\w+>"
    r"|\bCell In *\[\d+\]|<cell line: \d+>"
)
# As Python's tempfile names them.
TEMPORARY = re.compile(rf"{PATH}[/\\]tmp[a-z0-9_]{{8}}(?![a-z0-9_])")
TIMES = re.compile(r"^(CPU times: |Wall time: )\S.*|^\S.* (per loop|each)(?= ?\()", re.MULTILINE)
PROGRESS = re.compile(r" \[\d[\d:]*<[\d:?]+, *[^\]\n]{0,80}\]")  # tqdm's clock


def constant(text: str) -> str:
    """Return text with ``…`` where a run differs from another one."""
    text = CELL.sub("cell", ADDRESS.sub("0x…", text))
    text = TEMPORARY.sub("tmp…", text)
    text = TIMES.sub(lambda match: f"{match[1] or ''}…{' ' + match[2] if match[2] else ''}", text)
    return PROGRESS.sub("", text)
