# SPDX-License-Identifier: Apache-2.0
"""What the gateway is told of the breaker: turns at once, confirmations, and word that it does not take."""

from collections.abc import AsyncIterator

import pytest

from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.fallback.execution import ExecutionBreaker
from genapps_runtime.serve.fallback.report import CLOSED, CONFIRM_SECONDS, MOST_RETRIES, OPEN, RETRY_SECONDS
from genapps_runtime.serve.fallback.report import BreakerReport as Report
from tests.unit.runtime.listening_gateway import ListeningGateway, settled


class Gateway(ListeningGateway[str]):
    """Takes what is said of the breaker, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.report = Report(self.hear, self.pause)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    yield gateway
    await gateway.report.close()


async def test_an_open_breaker_is_told_at_once_and_confirmed(gateway: Gateway) -> None:
    gateway.report.turned(is_open=True)
    await settled()
    assert gateway.heard == [OPEN]
    await gateway.time_passes()
    await gateway.time_passes()
    assert (gateway.heard, gateway.pauses) == ([OPEN] * 3, [CONFIRM_SECONDS] * 3)


async def test_a_closed_one_is_told_at_once_and_once(gateway: Gateway) -> None:
    gateway.report.turned(is_open=True)
    await settled()
    gateway.report.turned(is_open=False)
    await settled()
    assert gateway.heard == [OPEN, CLOSED]
    await gateway.time_passes()
    assert gateway.heard == [OPEN, CLOSED]
    gateway.report.turned(is_open=True)
    await settled()
    assert gateway.heard == [OPEN, CLOSED, OPEN]


async def test_word_that_is_not_taken_is_said_again_for_a_while(gateway: Gateway) -> None:
    gateway.takes = False
    gateway.report.turned(is_open=False)
    await settled()
    for _ in range(MOST_RETRIES + 5):
        await gateway.time_passes()
    assert gateway.heard == [CLOSED] * (MOST_RETRIES + 1)
    assert set(gateway.pauses) == {RETRY_SECONDS}


async def test_an_open_breaker_is_told_until_somebody_hears(gateway: Gateway) -> None:
    gateway.takes = False
    gateway.report.turned(is_open=True)
    await settled()
    for _ in range(MOST_RETRIES * 2):
        await gateway.time_passes()
    gateway.takes = True
    await gateway.time_passes()
    assert gateway.heard == [OPEN] * (MOST_RETRIES * 2 + 2)
    assert gateway.pauses[-2:] == [RETRY_SECONDS, CONFIRM_SECONDS]


async def test_nothing_is_said_after_the_end(gateway: Gateway) -> None:
    gateway.report.turned(is_open=True)
    await settled()
    await gateway.report.close()
    await gateway.time_passes()
    assert gateway.heard == [OPEN]


async def test_a_breaker_that_an_earlier_process_left_open_is_told_closed() -> None:
    told: list[bool] = []

    def turned(*, is_open: bool) -> None:
        told.append(is_open)

    before = Metrics()
    ExecutionBreaker(lambda: 0.0, before, {}, turned)
    assert told == []
    before.set("genapps_breaker_open", 1)
    after = Metrics(before.render())
    ExecutionBreaker(lambda: 0.0, after, {}, turned)
    assert (told, after.value("genapps_breaker_open")) == ([False], 0)
