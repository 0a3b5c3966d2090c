# SPDX-License-Identifier: Apache-2.0
"""Bursts, the steady rate, and memory."""

from genapps.gateway.limits.rates import Rates


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_one_by_one() -> None:
    clock = Seconds()
    rates = Rates(per_minute=60, burst=3, clock=clock)
    assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    assert rates.wait("b") == 0.0, "keys do not share"
    clock.now = 1.0
    assert [rates.wait("a") for _ in range(2)] == [0.0, 1.0]
    clock.now = 100.0
    assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


def test_keys_that_rest_are_forgotten() -> None:
    clock = Seconds()
    rates = Rates(per_minute=60, burst=3, clock=clock)
    for number in range(10_000):
        clock.now += 1
        rates.wait(str(number))
    assert len(rates._full_at) <= 4097
