# SPDX-License-Identifier: Apache-2.0
"""The page of memory that worker and supervisor share."""

import subprocess
import sys
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


# In a process of its own, which has one thread and may fork.
KILLED = """
import os, signal, time
from genapps_runtime.heartbeat import TEXT_BYTES, Heartbeat
heartbeat = Heartbeat()
for _ in range(20):
    heartbeat.publish(b"")
    pid = os.fork()
    if pid == 0:
        while True:
            for letter in range(256):
                heartbeat.publish(bytes([letter]) * (TEXT_BYTES - letter))
    while not heartbeat.published():
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    text = heartbeat.published()
    assert text == text[:1] * (TEXT_BYTES - text[0]), (len(text), set(text))
"""


def test_a_worker_that_is_killed_while_it_publishes_leaves_a_whole_text() -> None:
    subprocess.run([sys.executable, "-c", KILLED], check=True)


def test_what_the_page_says_of_the_app_outlives_a_worker() -> None:
    heartbeat = Heartbeat()
    heartbeat.publish(b"counted")
    heartbeat.ready, heartbeat.proven_ns, heartbeat.woken_ns = True, 5, 7
    heartbeat.enter(1)
    heartbeat.expect(60.0)
    assert (heartbeat.ready, heartbeat.proven_ns, heartbeat.woken_ns) == (True, 5, 7)
    assert heartbeat.published() == b"counted"
    assert heartbeat.overdue_seconds(time.monotonic_ns())[1] < 0
