# SPDX-License-Identifier: Apache-2.0
"""A schedule is run now, by the process that serves the app."""

from __future__ import annotations

import fcntl
import json
import socket
from pathlib import Path

from genapps.laptop.named import LOCK, SourceError, state_of

ANSWER_BYTES = 64 * 1024
SECONDS = 330.0
"""More than an action may take."""


def tick(path: Path, schedule: str, state: Path | None) -> int:
    """Run it in the `genapps dev` that serves `path`; the status of the answer. Raises SourceError."""
    kept = state or state_of(path)
    try:
        address = (kept / LOCK).read_text(encoding="ascii")
    except (OSError, ValueError):
        address = ""
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(SECONDS)
            asked.connect(f"\0{address}")
            asked.sendall(b"tick\0" + schedule.encode() + b"\n")
            with asked.makefile("rb") as answer:
                found = json.loads(answer.readline(ANSWER_BYTES) or b"{}")
    except (OSError, ValueError):
        found = {}
    if "error" in found:
        raise SourceError(f"{path}: {found['error']}")
    if "status" not in found:
        raise SourceError(f"{path}: {_why_not(kept)}")
    return int(found["status"])


def _why_not(kept: Path) -> str:
    """Why there is no answer: nobody serves the app, or whoever does has no code of it that runs."""
    try:
        with (kept / LOCK).open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "its genapps dev gave no answer: the terminal says whether the app has loaded"
    except OSError:
        pass  # there is no such state
    return f"no genapps dev serves this app with the state in {kept}; start one first"
