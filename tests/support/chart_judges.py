# SPDX-License-Identifier: Apache-2.0
"""Programs of others that judge the chart, kept in the cache: too large for the development environment.

checkov and kubernetes-validate are installed from `locks/chart-judges.txt` into a virtual environment of their own.
promtool is the machine's, or else taken out of Debian's package without installing that (it would start a server).
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "locks" / "chart-judges.txt"


class NoJudgeError(Exception):
    """This machine has the program neither installed nor in reach; the message says how to get it."""


def installed(program: str) -> Path:
    """Path of `checkov` or `kubernetes-validate`, installed at the first call (10 s, 300 MB)."""
    home = _cache() / f"judges-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    uv = Path(sys.executable).with_name("uv")
    with _alone():
        if not (home / "complete").exists():
            _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, home])
            _run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", home / "bin" / "python", LOCK])
            (home / "complete").touch()
    return home / "bin" / program


def promtool() -> Path:
    """Path of promtool. Raises NoJudge where it is not installed and there is no apt-get to fetch it with."""
    own = shutil.which("promtool")
    if own:
        return Path(own)
    home = _cache() / "promtool"
    with _alone():
        if not (home / "promtool").exists():
            _take_from_package(home)
    return home / "promtool"


def _take_from_package(home: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NoJudgeError("promtool is missing: install Prometheus (Debian, Ubuntu: the package prometheus)")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    fetch = ["apt-get", "download", "-qq", "prometheus"]
    if subprocess.run(fetch, cwd=home, capture_output=True, check=False).returncode:
        _run(["apt-get", "update", "-qq"])
        _run(fetch, cwd=home)
    (package,) = home.glob("*.deb")
    _run(["dpkg-deb", "--extract", package, home / "package"])
    (home / "package" / "usr" / "bin" / "promtool").rename(home / "promtool")
    shutil.rmtree(home / "package")
    package.unlink()


def _cache() -> Path:
    fallback = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genapps"
    return Path(os.environ.get("GENAPPS_CACHE") or fallback).resolve() / "chart"


@contextmanager
def _alone() -> Iterator[None]:
    _cache().mkdir(parents=True, exist_ok=True)
    with (_cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoJudgeError(f"{' '.join(map(str, command))} failed:\n{done.stderr.strip()}")
