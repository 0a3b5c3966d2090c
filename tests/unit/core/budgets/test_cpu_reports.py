# SPDX-License-Identifier: Apache-2.0
"""What runtimes say of the CPU that they used: what can be true costs nothing more, what cannot is charged in full."""

import pytest

from genapps.core.budgets.cpu_reports import TOLERANCE_MILLIS, CpuReport, CpuVerdict, JudgedReport, judged

HALF = 500
BEFORE = CpuReport("a", 10_000, 100.0)
MOST = 5_000
"""What half a core uses in the ten seconds between the reports."""


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (CpuReport("a", 10_000, 110.0), JudgedReport(CpuVerdict.PLAUSIBLE, 0)),
        (CpuReport("a", 10_000 + MOST * 11 // 10 + TOLERANCE_MILLIS, 110.0), JudgedReport(CpuVerdict.PLAUSIBLE, 0)),
        (CpuReport("a", 10_001 + MOST * 11 // 10 + TOLERANCE_MILLIS, 110.0), JudgedReport(CpuVerdict.TOO_FAST, MOST)),
        (CpuReport("a", 2**53 - 1, 110.0), JudgedReport(CpuVerdict.TOO_FAST, MOST)),
        (CpuReport("a", 9_999, 110.0), JudgedReport(CpuVerdict.FELL, MOST)),
        (CpuReport("b", 0, 110.0), JudgedReport(CpuVerdict.PLAUSIBLE, 0)),
        (CpuReport("b", 10_000, 110.0), JudgedReport(CpuVerdict.TOO_FAST, MOST)),
        (CpuReport("a", 10_500, 100.0), JudgedReport(CpuVerdict.PLAUSIBLE, 0)),
        (CpuReport("a", 9_000, 90.0), JudgedReport(CpuVerdict.FELL, 0)),
    ],
)
def test_a_report_is_compared_with_the_one_before_it(report: CpuReport, said: JudgedReport) -> None:
    assert judged(BEFORE, report, HALF) == said


def test_the_first_report_is_compared_with_nothing() -> None:
    assert judged(None, CpuReport("a", 2**53 - 1, 0.0), HALF) == JudgedReport(CpuVerdict.FIRST, 0)
