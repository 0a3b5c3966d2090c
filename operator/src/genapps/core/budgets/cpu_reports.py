# SPDX-License-Identifier: Apache-2.0
"""What a runtime says of the CPU that it used: believed while it can be true, and else charged as the most that it can
have used.

CPU is paid before it is used. So a plausible report costs nothing more; it shows that the runtime keeps to its credit.
One that cannot be true comes from a runtime that nobody should believe: then what its pod could use since the last
report is charged in its place.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

TOLERANCE_MILLIS = 1_000
"""What a report may be ahead of the time that it took to come."""
_TENTHS = 11
"""Of the limit: a limit of the kernel holds in slices of time."""


class CpuReport(NamedTuple):
    """What a runtime says, and when it was heard."""

    boot: str
    """Names one run of the runtime: what it used begins at nothing with each."""
    used_millis: int
    """CPU milliseconds of guests since that began."""
    at: float
    """Seconds of a monotonic clock."""


class CpuVerdict(StrEnum):
    """What is thought of a report."""

    FIRST = "first"
    """There is none before to compare it with."""
    PLAUSIBLE = "plausible"
    FELL = "fell"
    """It says less than the report before it of the same boot."""
    TOO_FAST = "too_fast"
    """More than the pod's limit lets it use in the time."""


class JudgedReport(NamedTuple):
    """The verdict, and CPU milliseconds to charge beside what was paid."""

    verdict: CpuVerdict
    charge_millis: int


def judged(before: CpuReport | None, report: CpuReport, limit_millicores: int) -> JudgedReport:
    """What a report says after the one before it, of a pod that may use so many thousandths of a core.

    A new boot has begun after the report before it, so it can have used no more than the time since then allows.
    """
    if before is None:
        return JudgedReport(CpuVerdict.FIRST, 0)
    same = before.boot == report.boot
    grown = report.used_millis - (before.used_millis if same else 0)
    most = max(0, int((report.at - before.at) * limit_millicores))
    if grown < 0:
        return JudgedReport(CpuVerdict.FELL, most)
    if grown > most * _TENTHS // 10 + TOLERANCE_MILLIS:
        return JudgedReport(CpuVerdict.TOO_FAST, most)
    return JudgedReport(CpuVerdict.PLAUSIBLE, 0)
