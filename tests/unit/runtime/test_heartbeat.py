# SPDX-License-Identifier: Apache-2.0
"""The page of memory that worker and supervisor share."""

import time

from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.heartbeat import TEXT_BYTES, Heartbeat


def test_a_guest_call_is_late_from_its_deadline_on_and_the_loop_from_its_last_beat() -> None:
    heartbeat = Heartbeat()
    heartbeat.beat()
    assert heartbeat.overdue_seconds(time.monotonic_ns() + 10**9)[0] == "loop"
    now = time.monotonic_ns()
    heartbeat.enter(now + 2 * 10**9)
    assert heartbeat.overdue_seconds(now + 5 * 10**9) == ("guest", 3.0)
    heartbeat.leave()
    what, late = heartbeat.overdue_seconds(time.monotonic_ns())
    assert what == "loop"
    assert late < 60


@given(st.binary(max_size=2 * TEXT_BYTES))
def test_what_is_published_is_read_up_to_the_size_of_the_page(text: bytes) -> None:
    heartbeat = Heartbeat()
    heartbeat.publish(b"before")
    heartbeat.publish(text)
    assert heartbeat.published() == text[:TEXT_BYTES]


def test_a_worker_that_died_while_publishing_leaves_nothing_half() -> None:
    heartbeat = Heartbeat()
    heartbeat.publish(b"whole")
    heartbeat.ready = True
    heartbeat.reset(1.0)
    assert heartbeat.published() == b""
    assert not heartbeat.ready
