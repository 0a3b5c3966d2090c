# SPDX-License-Identifier: Apache-2.0
"""Malformed output is told to the gateway: seldom, once, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from genapps_runtime.problems import CODES, ProblemError
from genapps_runtime.serve.defect_reports import MALFORMED, REPORT_SECONDS, DefectReports
from tests.unit.runtime.listening_gateway import ListeningGateway, settled


class Gateway(ListeningGateway[dict[str, Any]]):
    """Takes reports, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.reports = DefectReports(self.hear, self.pause)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    yield gateway
    await gateway.reports.close()


async def test_malformed_output_is_told_at_once_with_its_request(gateway: Gateway) -> None:
    gateway.reports.note(ProblemError("TurnInvalid", "a secret of the app"), "r1")
    await settled()
    assert gateway.heard == [{"requestId": "r1", "rule": "malformed_output", "subject": "TurnInvalid"}]


async def test_also_where_the_request_had_written_by_a_tool(gateway: Gateway) -> None:
    partly = ProblemError("PartiallyDone")
    partly.cause = ProblemError("ResponseInvalid")
    gateway.reports.note(partly, "r1")
    await settled()
    assert gateway.heard[0]["subject"] == "ResponseInvalid"


async def test_no_other_end_of_a_request_is_told(gateway: Gateway) -> None:
    for code in set(CODES) - MALFORMED:
        gateway.reports.note(ProblemError(code), "r1")
    await settled()
    assert gateway.heard == []


@pytest.mark.parametrize("taken", [True, False])
async def test_of_a_thousand_in_a_second_the_first_and_the_last_are_told_and_none_twice(
    gateway: Gateway, taken: bool
) -> None:
    gateway.takes = taken
    for number in range(1000):
        gateway.reports.note(ProblemError("TurnInvalid"), f"r{number}")
        await asyncio.sleep(0)
    await settled()
    await gateway.time_passes()
    await gateway.time_passes()
    assert [report["requestId"] for report in gateway.heard] == ["r0", "r999"]
    assert gateway.pauses == [REPORT_SECONDS] * 2
    gateway.reports.note(ProblemError("TurnInvalid"), "later")
    await settled()
    assert gateway.heard[-1]["requestId"] == "later"
