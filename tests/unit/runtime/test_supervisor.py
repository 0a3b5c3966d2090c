# SPDX-License-Identifier: Apache-2.0
"""The supervisor against workers that misbehave, as real processes: a worker here is a few lines of Python."""

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.unit.runtime.supervised import DEADLINE_SECONDS, Process


@pytest.mark.parametrize(
    "hang", ["time.sleep(3600)", "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); time.sleep(3600)"]
)
def test_a_worker_in_a_call_that_hangs_is_killed_a_second_after_the_deadline(tmp_path: Path, hang: str) -> None:
    body = f"""
    if runs: return 3
    heartbeat.enter(time.monotonic_ns() + 100_000_000)
    {hang}
"""
    supervised = Process(tmp_path, body.strip())
    assert supervised.ended() == 3
    stuck, ended = supervised.events()
    assert (stuck["event"], stuck["in_"]) == ("worker is stuck, killing it", "guest")
    assert 1.0 <= float(str(stuck["secondsLate"])) < 30
    assert ended["exitCode"] == -signal.SIGKILL


def test_a_worker_within_its_deadline_is_left_alone(tmp_path: Path) -> None:
    supervised = Process(tmp_path, "heartbeat.enter(time.monotonic_ns() + 60 * 10**9); time.sleep(2); return 3")
    assert supervised.ended() == 3
    assert supervised.events() == []


def test_a_worker_that_refuses_its_work_ends_the_supervisor(tmp_path: Path) -> None:
    supervised = Process(tmp_path, "return 3")
    assert supervised.ended() == 3
    assert supervised.runs.read_text() == "x"


def test_a_worker_that_dies_again_and_again_ends_the_supervisor(tmp_path: Path) -> None:
    supervised = Process(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    assert supervised.ended() == 1
    assert supervised.runs.read_text() == "x" * 20


def test_a_term_signal_reaches_the_worker_and_ends_both(tmp_path: Path) -> None:
    supervised = Process(tmp_path, "heartbeat.ready = True; signal.pause(); return 0")
    while supervised.get("/readyz")[0] != 200:
        time.sleep(0.02)
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.ended() == 0


def test_orphans_are_collected_and_the_worker_is_not_mistaken_for_one(tmp_path: Path) -> None:
    body = """
    for _ in range(3):
        if os.fork() == 0: os._exit(7)
    time.sleep(0.5)
    return 3
"""
    supervised = Process(tmp_path, body.strip())
    assert supervised.ended() == 3
    assert supervised.runs.read_text() == "x"


def test_a_probe_that_comes_a_little_early_is_answered_as_soon_as_it_is_ready(tmp_path: Path) -> None:
    go = tmp_path / "go"
    body = f"""
    while not os.path.exists({str(go)!r}): time.sleep(0.01)
    heartbeat.ready = True
    signal.pause()
"""
    supervised = Process(tmp_path, body.strip())
    assert supervised.get("/readyz")[0] == 503
    with socket.create_connection(("127.0.0.1", supervised.port), timeout=DEADLINE_SECONDS) as early:
        early.sendall(b"GET /readyz HTTP/1.1\r\n\r\n")
        go.touch()
        assert early.recv(1000).startswith(b"HTTP/1.1 200 ")
    supervised.process.send_signal(signal.SIGTERM)
    supervised.ended()


def test_probes_are_answered_while_the_workers_loop_stands_still(tmp_path: Path) -> None:
    busy = "heartbeat.enter(time.monotonic_ns() + 60 * 10**9); time.sleep(3600)"
    body = f"heartbeat.publish(b'metric 1\\n'); heartbeat.ready = True; {busy}"
    supervised = Process(tmp_path, body)
    while supervised.get("/readyz")[0] != 200:
        time.sleep(0.02)
    assert supervised.get("/metrics") == (200, b"metric 1\n")
    assert supervised.get("/livez") == (200, b"ok\n")
    assert supervised.get("/other")[0] == 404
    with socket.create_connection(("127.0.0.1", supervised.port)) as slow:
        slow.sendall(b"GET /li")  # a caller who does not finish holds up nobody
        assert supervised.get("/livez") == (200, b"ok\n")
    supervised.process.kill()
    supervised.ended()
