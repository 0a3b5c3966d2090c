# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, always with a deadline and, when it passes, with the log that tells why."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tools.node.settings import NodeError

T = TypeVar("T")
LINES = 15


def until(
    what: str,
    condition: Callable[[], T | None],
    seconds: float,
    alive: Callable[[], bool] = lambda: True,
    log: Path | None = None,
    pause: float = 0.02,
) -> T:
    """The first true value of `condition`. Raises NodeError after `seconds`, or as soon as `alive` is false."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if not alive():
            raise NodeError(f"{what}: its process ended{tail(log)}")
        if time.monotonic() > end:
            raise NodeError(f"{what}: not there after {seconds:.0f} s{tail(log)}")
        time.sleep(pause)


def tail(log: Path | None) -> str:
    """The last lines of a log as the end of a message."""
    if log is None or not log.exists():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:]
    return f"; the end of {log}:\n" + "\n".join(f"    {line}" for line in lines)
