# SPDX-License-Identifier: Apache-2.0
"""The CPU limit of a container, for processes outside of one: a control group with the quota that a kubelet sets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import NotMeasuredError
from tools.node.cgroups import ROOT

_PERIOD_MICROS = 100_000


@contextmanager
def limited(pids: Iterable[int], millicores: int) -> Iterator[None]:
    """Keep these processes, and all that they start, to `millicores`. Raises NotMeasuredError where that cannot be."""
    quota = _PERIOD_MICROS * millicores // 1000
    if (ROOT / "cgroup.controllers").exists():
        root, settings = ROOT, {"cpu.max": f"{quota} {_PERIOD_MICROS}"}
    else:
        root, settings = ROOT / "cpu", {"cpu.cfs_period_us": str(_PERIOD_MICROS), "cpu.cfs_quota_us": str(quota)}
    group = root / f"genapps-bench-{os.getpid()}"
    try:
        group.mkdir()
        for name, value in settings.items():
            (group / name).write_text(value, encoding="ascii")
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
    except OSError as error:
        _leave(group, root)
        raise NotMeasuredError(f"a CPU limit cannot be set here: {error}") from None
    try:
        yield
    finally:
        _leave(group, root)


def _leave(group: Path, root: Path) -> None:
    """Back to the root of the hierarchy, so that the group can go."""
    if not group.exists():
        return
    for pid in (group / "cgroup.procs").read_text(encoding="ascii").split():
        try:
            (root / "cgroup.procs").write_text(pid, encoding="ascii")
        except ProcessLookupError:
            continue
    group.rmdir()
