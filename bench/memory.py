# SPDX-License-Identifier: Apache-2.0
"""Memory and CPU time of processes, read from the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def pids_of_pod(uid: str, proc: Path = _PROC) -> list[int]:
    """Every process in the control groups of a pod, its sandbox's included, whichever cgroup driver and version."""
    marks = (uid, uid.replace("-", "_"))
    found = []
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                group = (entry / "cgroup").read_text()
                if any(mark in group for mark in marks):
                    found.append(int(entry.name))
    return sorted(found)


def pss_mebibytes(pids: Iterable[int], proc: Path = _PROC) -> float:
    """Proportional set size: pages shared by n processes count for 1/n in each."""
    return sum(_kilobytes(proc / str(pid) / "smaps_rollup", "Pss:") for pid in pids) / 1024


def private_mebibytes(pids: Iterable[int], proc: Path = _PROC) -> float:
    """Pages that these processes have written and share with nobody."""
    return sum(_kilobytes(proc / str(pid) / "smaps_rollup", "Private_Dirty:") for pid in pids) / 1024


def rss_mebibytes(pid: int, proc: Path = _PROC) -> float:
    """Resident set size: what a memory limit sees, shared pages included."""
    return _kilobytes(proc / str(pid) / "status", "VmRSS:") / 1024


def cpu_seconds(pid: int, proc: Path = _PROC) -> float:
    """User and system time of a process and its threads since it began."""
    fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kilobytes(file: Path, key: str) -> int:
    """0 for a process that is gone."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    return 0
