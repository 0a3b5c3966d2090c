# SPDX-License-Identifier: Apache-2.0
"""What actions used, counted: rows and bytes of state, and processor time."""

from typing import Any

import pytest

from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.meter import Meter
from genapps_runtime.serve.processor_time import ProcessorTime
from genapps_runtime.state.connection import Result


@pytest.mark.parametrize(
    ("kind", "found", "rows", "size", "characters"),
    [
        ("get", "12345", 1, 5, 5),
        ("get", "zürich", 1, 7, 6),
        ("get", "", 1, 0, 0),
        ("get", None, 0, 0, 0),
        ("list", {"a": "12", "bé": "3"}, 2, 7, 6),
        ("list", {}, 0, 0, 0),
        ("body", "12345", 0, 0, 5),
    ],
)
def test_what_is_read_counts_as_rows_and_bytes(kind: str, found: Any, rows: int, size: int, characters: int) -> None:
    meter = Meter()
    assert meter.read(kind, found) == characters
    assert (meter.read_rows, meter.read_bytes) == (rows, size)


def test_what_is_written_counts_when_the_last_attempt_wrote_it() -> None:
    meter = Meter()
    meter.ran(Result(["n"], [(1,), (2,)], 2, None), '[["n"],[[1],[2]],2,null]', ["é", b"abc", 7, None])
    meter.writes = [("key", "12"), ("gone", None)]
    assert (meter.read_rows, meter.read_bytes) == (2, 24)
    assert (meter.written_rows, meter.written_bytes) == (4, 2 + 3 + 8 + 5 + 4)
    meter.begin_again()
    assert (meter.written_rows, meter.written_bytes) == (0, 0)
    assert meter.read_rows == 2  # it was read, and costs


def test_a_statement_that_only_reads_writes_nothing() -> None:
    meter = Meter()
    meter.ran(Result(["n"], [], -1, None), "[]", {"a": "x"})
    assert (meter.read_rows, meter.read_bytes, meter.written_rows, meter.written_bytes) == (0, 0, 0, 0)


class Clocks:
    """Two clocks of processor time that a test moves."""

    def __init__(self) -> None:
        self.thread = 100.0
        self.process = 500.0

    def spend(self, seconds: float) -> None:
        self.thread += seconds
        self.process += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def processor(clocks: Clocks) -> ProcessorTime:
    return ProcessorTime(lambda: clocks.thread, lambda: clocks.process)


def test_calls_of_a_batch_pay_in_proportion_to_their_time(clocks: Clocks, processor: ProcessorTime) -> None:
    one, other = Meter(), Meter()
    processor.enter()
    clocks.spend(4)  # of six seconds by the clock: others had the processor too
    processor.call(one, 2.0)
    processor.call(other, 4.0)
    processor.leave()
    assert (one.guest_seconds, other.guest_seconds) == (2.0, 4.0)
    assert (one.guest_cpu_seconds, other.guest_cpu_seconds) == pytest.approx((4 / 3, 8 / 3))


def test_what_is_answered_together_shares_what_was_used_outside_guests(
    clocks: Clocks, processor: ProcessorTime
) -> None:
    clocks.spend(50)  # nobody called
    processor.begin()
    clocks.spend(1)
    processor.enter()
    clocks.spend(10)
    processor.call(Meter(), 10.0)
    processor.leave()
    clocks.process += 3  # the disk's thread
    assert processor.share(2) == 2
    assert processor.share(1) == 0
    clocks.spend(5)
    assert processor.share(1) == 5


def test_answers_in_the_middle_of_a_call_do_not_pay_for_it(clocks: Clocks, processor: ProcessorTime) -> None:
    processor.enter()
    clocks.spend(10)
    assert processor.share(1) == 0
    clocks.spend(10)
    processor.call(Meter(), 20.0)
    processor.leave()
    clocks.spend(1)
    assert processor.share(1) == 1


def test_a_call_that_computes_pays_by_slices_also_when_nobody_waits_for_it(
    clocks: Clocks, processor: ProcessorTime
) -> None:
    meter = Meter()
    processor.begin()
    for owner in (meter, meter, None):
        clocks.spend(2)
        processor.slice(owner, 3.0, 2.0)
    assert (meter.guest_seconds, meter.guest_cpu_seconds) == (6.0, 4.0)
    assert processor.share(1) == 0


def test_a_batch_without_a_call_costs_nobody(processor: ProcessorTime) -> None:
    processor.leave()
    processor.enter()
    processor.leave()
    meter = Meter()
    processor.enter()
    processor.call(meter, 0.0)
    processor.leave()
    assert meter.guest_cpu_seconds == 0


def test_amounts_are_added_to_counters_and_seconds_keep_their_fractions() -> None:
    metrics = Metrics()
    metrics.add({"genapps_guest_cpu_seconds_total": 0.25, "genapps_request_bytes_total": 7})
    metrics.add({"genapps_guest_cpu_seconds_total": 0.5, "genapps_request_bytes_total": 1})
    lines = Metrics(metrics.render()).render().decode().splitlines()
    assert "genapps_guest_cpu_seconds_total 0.750000" in lines
    assert "genapps_request_bytes_total 8" in lines
    with pytest.raises(KeyError):
        metrics.add({"genapps_unknown_total": 1})
