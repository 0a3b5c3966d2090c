# SPDX-License-Identifier: Apache-2.0
"""Which core measures and which one is measured.

Server and generator on one core would take turns and measure the scheduler. The kernel's autogrouping by session
distorts shares between processes as well, so both sides are started from this one session.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def server_core() -> int:
    """The core of what is measured."""
    return _cores()[0]


def generator_core() -> int:
    """The core of the load generator: another one wherever there are two."""
    return _cores()[-1]


def _cores() -> list[int]:
    return sorted(_ALLOWED)


# As this process was started: pinning it later must not change the answer.
_ALLOWED = frozenset(os.sched_getaffinity(0))


def pin(pids: Iterable[int], core: int) -> None:
    """Pin all threads of these processes, if they still run."""
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {core})


@contextmanager
def ahead_of_others(pids: Iterable[int]) -> Iterator[bool]:
    """Within it all threads of these processes run before whatever else wants their cores. Gives False when this is not
    allowed here, and then nothing is changed.

    It is for latencies under half a load: a tail of milliseconds is the scheduler's as soon as anything else runs. It
    is not for full loads: the kernel stops such threads for a twentieth of each second.
    """
    threads = [int(task.name) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    try:
        yield _scheduled(threads, os.SCHED_RR, 1)
    finally:
        _scheduled(threads, os.SCHED_OTHER, 0)


def _scheduled(threads: Iterable[int], policy: int, priority: int) -> bool:
    """False when this is not allowed."""
    for thread in threads:
        with suppress(ProcessLookupError):  # it has ended
            try:
                os.sched_setscheduler(thread, policy, os.sched_param(priority))
            except PermissionError:
                return False
    return True


def on_core(core: int) -> list[str]:
    """The first words of a command line whose process and children stay on that core."""
    return ["taskset", "--cpu-list", str(core)]
