# SPDX-License-Identifier: Apache-2.0
"""One process at a time for something that two must not do at once, on this machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(lock: Path, waiting: str) -> Iterator[None]:
    """Hold the file `lock`, which is made with its folder; print `waiting` when another process holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
