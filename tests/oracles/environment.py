# SPDX-License-Identifier: Apache-2.0
"""Virtual environments of locked packages that only oracles use, in the node's build cache."""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from tools.node.settings import current

LOCKS = Path(__file__).resolve().parents[2] / "locks"


def environment(name: str) -> Path:
    """The environment of `locks/<name>.txt`; made at the first call. Raises RuntimeError when it cannot be had."""
    lock = LOCKS / f"{name}.txt"
    home = current().cache / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    uv, venv = Path(sys.executable).with_name("uv"), home / "venv"
    with (home / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv)
            _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", venv / "bin" / "python", lock)
            (home / "complete").touch()
    return venv


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
