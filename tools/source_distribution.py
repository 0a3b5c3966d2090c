# SPDX-License-Identifier: Apache-2.0
"""Source distributions of packages, by a lock file that also names the pip that fetches them."""

import fcntl
import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path


def unpacked(lock: Path, package: str, cache: Path, keep: Callable[[str], str | None]) -> Path:
    """A folder below `cache` with files of the package's archive, and in `venv` the locked packages themselves.

    `keep` gets a path in the archive and gives the path in the folder, or None. Fetched at the first use; concurrent
    callers wait. Raises RuntimeError when it cannot be had.
    """
    home = cache / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _fetch(lock, package, home, keep)
            (home / "complete").touch()
    return home


def _fetch(lock: Path, package: str, home: Path, keep: Callable[[str], str | None]) -> None:
    uv, environment = Path(sys.executable).with_name("uv"), home / "venv"
    python = environment / "bin" / "python"
    _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment)
    _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, lock)
    _run(
        python, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps", "--no-build-isolation",
        "--no-binary", package, "--dest", home / "archives", "--requirement", lock,
    )  # fmt: skip
    (archive,) = (home / "archives").glob(f"{package.replace('-', '_')}-*.tar.gz")
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            path = keep(member.name)
            content = packed.extractfile(member) if path is not None and member.isfile() else None
            if path is not None and content is not None:
                target = home / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
