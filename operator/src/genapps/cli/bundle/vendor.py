# SPDX-License-Identifier: Apache-2.0
"""Fetches packages with pip, which is configured by its user: as wheels, by hash, without running anything of them."""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from genapps.cli.bundle.lock import Lock, Pin, normal
from genapps.cli.bundle.wheels import Wheel, WheelError, read_wheel

_PYTHON = "3.14"
"""Of the guest engine."""
_PURE = ("--platform=any", "--implementation=py", "--abi=none", f"--python-version={_PYTHON}")
_SAID_CHARACTERS = 1000


def vendored(wanted: Sequence[str], lock: Lock, without_native: Collection[str]) -> dict[str, bytes]:
    """The files of these packages, and of all that they need, by their paths in the bundle.

    `without_native` are packages that are taken without their native code. Raises ValueError for what the lock lacks,
    what pip cannot fetch, and wheels that cannot be in a bundle.
    """
    lenient = {normal(name) for name in without_native}
    waiting = {normal(name): "you" for name in (*wanted, *without_native)}
    known: set[str] = set()
    files: dict[str, bytes] = {}
    while waiting:
        for name, by in waiting.items():
            if name not in lock:
                need = f"{by} needs it" if by != "you" else "--with names it"
                msg = f"{name} is not in the lock, and {need}. Write the lock again with it"
                raise ValueError(msg)
        known |= waiting.keys()
        needed: dict[str, str] = {}
        for name, wheel in _fetched(waiting, lock, lenient):
            for twice in files.keys() & wheel.files.keys():
                msg = f"{name} has {twice}, and so has another package"
                raise ValueError(msg)
            files |= wheel.files
            needed |= {one.name: name for one in wheel.requires if one.always or one.name in lock}
        waiting = {name: by for name, by in needed.items() if name not in known}
    return files


def _fetched(names: Iterable[str], lock: Lock, lenient: Collection[str]) -> Iterable[tuple[str, Wheel]]:
    for name in names:
        pins = lock[name]
        content = _download(name, pins, () if name in lenient else _PURE)
        if content is None:
            continue
        if hashlib.sha256(content).hexdigest() not in frozenset().union(*(pin.hashes for pin in pins)):
            msg = f"{name}: pip fetched a file whose hash is not in the lock"
            raise ValueError(msg)
        try:
            yield name, read_wheel(content, without_native=name in lenient)
        except WheelError as problem:
            msg = f"{name} {problem}"
            raise ValueError(msg) from None


def _download(name: str, pins: Sequence[Pin], options: Sequence[str]) -> bytes | None:
    """The wheel; None where the lock has the package for other systems only."""
    with tempfile.TemporaryDirectory(prefix="genapps-bundle-") as place:
        lock, wheels = Path(place) / "lock.txt", Path(place) / "wheels"
        lock.write_text("".join(f"{pin.text}\n" for pin in pins), encoding="utf-8")
        wheels.mkdir()
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check",
                "--no-deps", "--only-binary=:all:", "--require-hashes", *options, "-r", str(lock), "-d", str(wheels),
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pure = "" if not options else (
                "\nA wheel of pure Python is needed. If the package works without its native code, name it with"
                " --without-native."
            )  # fmt: skip
            msg = f"{name}: pip cannot fetch it: {done.stderr.strip()[-_SAID_CHARACTERS:]}{pure}"
            raise ValueError(msg)
        found = [path.read_bytes() for path in wheels.glob("*.whl")]
    if not found and all(pin.marked for pin in pins):
        return None
    if len(found) != 1:
        msg = f"{name}: pip fetched {len(found)} wheels for it; keep one line for it in the lock"
        raise ValueError(msg)
    return found[0]
