# SPDX-License-Identifier: Apache-2.0
"""Locked packages for an interpreter, installed once into the cache."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figures import NotMeasuredError
from bench.interpreter import Interpreter
from bench.processes import REPOSITORY

RUNTIME_LOCK = REPOSITORY / "locks" / "runtime.txt"
PLATFORM_LOCK = REPOSITORY / "locks" / "genapps.txt"
PEERS_LOCK = REPOSITORY / "locks" / "bench-peers.txt"
LITELLM_LOCK = REPOSITORY / "locks" / "litellm.txt"

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


async def installed(cache: Path, interpreter: Interpreter, lock: Path) -> Path:
    """A folder with the packages of a lock file, byte code included, for PYTHONPATH. Raises NotMeasuredError."""
    return await asyncio.to_thread(_installed, cache, interpreter, lock)


def _installed(cache: Path, interpreter: Interpreter, lock: Path) -> Path:
    key = hashlib.sha256(f"{interpreter.kind}\n".encode() + lock.read_bytes()).hexdigest()[:12]
    target = cache / "bench" / f"{lock.stem}-{key}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        _run(
            (
                *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
                *("--python-version", interpreter.release, "--target", str(staging), "-r", str(lock)),
            )
        )
        _run((*interpreter.command, "-m", "compileall", "-q", str(staging)))
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def versions(lock: Path) -> dict[str, str]:
    """The versions in a lock file by package."""
    return dict(_PINNED.findall(lock.read_text(encoding="utf-8")))


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        raise NotMeasuredError(f"{Path(command[0]).name} failed: {' / '.join(lines[-3:])}")
