# SPDX-License-Identifier: Apache-2.0
"""What a node changes outside its namespaces, and how it is restored.

The first node of the machine records the earlier values in a file, and the last one restores them. So a crash in
between loses nothing.
"""

import contextlib
import json
from pathlib import Path

MEMORY = Path("/run/genapps-machine.json")
# The kubelet sets these for the whole machine, in no namespace.
SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Programs write here whatever their configuration says. The node covers these with empty directories that only it sees,
# which takes a directory to cover.
COVERED = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/containers")


def remember() -> None:
    """Keep what is going to change, unless a node did already; make the directories to cover."""
    missing = [path for path in COVERED if not Path(path).exists()]
    if not MEMORY.exists():
        settings = {key: _file(key).read_text(encoding="utf-8").strip() for key in SETTINGS if _file(key).exists()}
        MEMORY.write_text(json.dumps({"settings": settings, "created": missing}), encoding="utf-8")
    for path in missing:
        Path(path).mkdir(parents=True)


def restore() -> None:
    """Put back what the first node found, unless another node still runs or there is nothing to put back."""
    if not MEMORY.exists() or any(Path("/run").glob("genapps-node*/init.json")):
        return
    remembered = json.loads(MEMORY.read_text(encoding="utf-8"))
    for key, value in remembered["settings"].items():
        if _file(key).read_text(encoding="utf-8").strip() != value:
            _file(key).write_text(value, encoding="utf-8")
    for path in remembered["created"]:
        # Not ours to remove if somebody has put something there meanwhile.
        with contextlib.suppress(OSError):
            Path(path).rmdir()
    MEMORY.unlink()


def _file(key: str) -> Path:
    return Path("/proc/sys") / key
