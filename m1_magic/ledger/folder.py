"""What the file system under the ledger can do: WAL or not."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
OCTAL = re.compile(r"\\([0-7]{3})")
# File systems whose locks, or memory shared between machines, WAL cannot rely on.
NETWORK = {
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "cvmfs", "davfs", "drvfs", "fakeowner",
    "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "panfs", "prl_fs",
    "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
}  # fmt: skip


def local(path: Path) -> bool:
    """Is the file on a disk of this machine, where WAL works? Unknown: yes."""
    try:
        mounts = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return True
    where, best, kind = path.resolve(), -1, ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[1]))  # \040 is a space
        if where.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind not in NETWORK and not kind.startswith("fuse.")
