# SPDX-License-Identifier: Apache-2.0
"""CPU time of processes and of the machine, read from the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
# The first columns of a line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. Guests are in user.
_IDLE_COLUMNS = (3, 4)
_COLUMNS = 8
# Parent of all kernel threads.
_KTHREADD = 2


def tree(root: int, proc: Path = _PROC) -> list[int]:
    """A process and all its descendants, parents before their children."""
    found = [root]
    parents = dict(_parents(proc))
    for parent in found:
        found += [pid for pid, its_parent in parents.items() if its_parent == parent]
    return found


def kernel_threads(proc: Path = _PROC) -> list[int]:
    """The kernel's own threads: they write what the measured programs have written."""
    return [pid for pid, parent in _parents(proc) if _KTHREADD in (pid, parent)]


def cpu_seconds(pids: Iterable[int], proc: Path = _PROC) -> float:
    """CPU time of all threads of these processes, to the nanosecond; a process that is gone counts for nothing."""
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in (proc / str(pid) / "task").iterdir():
                with suppress(FileNotFoundError, ProcessLookupError):
                    total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def machine_seconds(proc: Path = _PROC) -> float:
    """CPU time of everything on all cores, with interrupts and with what the hypervisor took."""
    columns = (proc / "stat").read_text().partition("\n")[0].split()[1 : 1 + _COLUMNS]
    busy = sum(int(ticks) for number, ticks in enumerate(columns) if number not in _IDLE_COLUMNS)
    return busy / os.sysconf("SC_CLK_TCK")


def _parents(proc: Path) -> Iterator[tuple[int, int]]:
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])
