# SPDX-License-Identifier: Apache-2.0
"""The supervisor of an app that naps, as a real process. A worker or prover here is a few lines of Python."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.unit.runtime.supervised import DEADLINE_SECONDS, Process

NAP = """
    heartbeat.ready = True
    heartbeat.proven_ns = heartbeat.proven_ns or time.monotonic_ns()
    if runs == 0: return 4
    heartbeat.woken_ns = 0
"""
ANSWER = """
    caller, _ = port.accept()
    caller.sendall(b"answer %d" % runs)
    caller.close()
"""


def test_a_connection_ends_the_nap_and_is_answered_once(tmp_path: Path) -> None:
    supervised = Process(tmp_path, NAP + ANSWER + "    signal.pause()")
    supervised.until("/readyz", 200)
    assert supervised.ask() == b"answer 1"
    assert supervised.get("/readyz")[0] == 200
    assert supervised.stop(signal.SIGTERM) == 0
    assert supervised.events() == []


@pytest.mark.parametrize(("due", "runs"), [("time.time_ns() + 50_000_000", "xx"), ("time.time_ns() - 1", "xx")])
def test_what_is_due_ends_the_nap_although_nobody_calls(tmp_path: Path, due: str, runs: str) -> None:
    nap = NAP.replace("if runs == 0:", f"if runs == 0: heartbeat.due_ns = {due}; ")
    supervised = Process(tmp_path, nap + "    signal.pause()")
    supervised.until_runs(supervised.runs, 2)
    assert supervised.runs.read_text() == runs
    assert supervised.stop(signal.SIGTERM) == 0
    assert supervised.events() == []


def test_nobody_is_woken_before_the_time(tmp_path: Path) -> None:
    nap = NAP.replace("if runs == 0:", "if runs == 0: heartbeat.due_ns = time.time_ns() + 3600 * 10**9; ")
    supervised = Process(tmp_path, nap + ANSWER + "    signal.pause()")
    supervised.until("/readyz", 200)
    assert supervised.runs.read_text() == "x"
    assert supervised.ask() == b"answer 1"
    assert supervised.stop(signal.SIGTERM) == 0


def test_who_connects_while_the_worker_ends_is_answered_by_the_next(tmp_path: Path) -> None:
    go = tmp_path / "go"
    wait = f"\n    while runs == 0 and not os.path.exists({str(go)!r}): time.sleep(0.01)"
    supervised = Process(tmp_path, wait + NAP + ANSWER + "    signal.pause()")
    supervised.until("/livez", 200)
    with socket.create_connection(("127.0.0.1", supervised.app_port), timeout=DEADLINE_SECONDS) as caller:
        go.touch()
        assert caller.recv(100) == b"answer 1"
    assert supervised.stop(signal.SIGTERM) == 0


def test_a_worker_that_is_killed_on_its_way_to_a_nap_loses_nobody(tmp_path: Path) -> None:
    ready = "heartbeat.ready = True; heartbeat.proven_ns = time.monotonic_ns()"
    die = f"\n    {ready}\n    if runs == 0: signal.pause()\n"
    supervised = Process(tmp_path, die + ANSWER + "    signal.pause()")
    supervised.until("/readyz", 200)
    with socket.create_connection(("127.0.0.1", supervised.app_port), timeout=DEADLINE_SECONDS) as caller:
        os.kill(supervised.children()[0], signal.SIGKILL)
        assert caller.recv(100) == b"answer 1"
    assert [event["event"] for event in supervised.events()] == ["worker ended"]
    assert supervised.stop(signal.SIGTERM) == 0


def test_naps_are_no_deaths(tmp_path: Path) -> None:
    body = NAP.replace("runs == 0", "runs % 2 == 0") + ANSWER + "    return 4"
    supervised = Process(tmp_path, body)
    supervised.until("/livez", 200)
    for answered in range(25):
        assert supervised.ask() == b"answer %d" % (2 * answered + 1)
    supervised.until("/readyz", 200)
    assert supervised.stop(signal.SIGTERM) == 0
    assert supervised.events() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_order_to_stop_ends_a_nap_with_0(tmp_path: Path, number: int) -> None:
    supervised = Process(tmp_path, NAP)
    supervised.until("/readyz", 200)
    assert supervised.stop(number) == 0
    assert supervised.runs.read_text() == "x"


def test_an_order_to_stop_ends_a_prover_too(tmp_path: Path) -> None:
    supervised = Process(tmp_path, NAP, "time.sleep(3600)", fence_interval_seconds=0)
    supervised.until_runs(supervised.proofs, 1)
    assert supervised.stop(signal.SIGTERM) == 0


def test_who_connects_after_the_order_to_stop_is_refused(tmp_path: Path) -> None:
    go = tmp_path / "go"
    body = f"""
    signal.signal(signal.SIGTERM, lambda *_: None)
    heartbeat.ready = True
    signal.pause()
    port.close()
    heartbeat.publish(b"closed")
    while not os.path.exists({str(go)!r}): time.sleep(0.01)
    return 0
"""
    supervised = Process(tmp_path, body)
    supervised.until("/readyz", 200)
    supervised.process.send_signal(signal.SIGTERM)
    while supervised.get("/metrics")[1] != b"closed":
        time.sleep(0.01)
    with pytest.raises(ConnectionRefusedError):
        supervised.ask()
    go.touch()
    assert supervised.ended() == 0


def test_a_nap_leaves_no_process_but_the_supervisor(tmp_path: Path) -> None:
    supervised = Process(tmp_path, NAP)
    supervised.until("/readyz", 200)
    limit = time.monotonic() + DEADLINE_SECONDS
    while supervised.children():
        assert time.monotonic() < limit
    assert supervised.get("/livez") == (200, b"ok\n")
    assert supervised.stop(signal.SIGTERM) == 0


def test_the_fence_is_proven_again_and_again_during_a_nap(tmp_path: Path) -> None:
    prove = "heartbeat.proven_ns = time.monotonic_ns(); return 0"
    supervised = Process(tmp_path, NAP, prove, fence_interval_seconds=0.05, fence_proof_seconds=20)
    supervised.until_runs(supervised.proofs, 5)
    assert supervised.get("/readyz")[0] == 200
    assert supervised.runs.read_text() == "x"
    assert supervised.stop(signal.SIGTERM) == 0


def test_a_prover_that_finds_the_gateway_gone_makes_it_not_ready_until_it_is_back(tmp_path: Path) -> None:
    back = tmp_path / "back"
    prove = f"""
    heartbeat.ready = False
    while not os.path.exists({str(back)!r}): heartbeat.beat(); time.sleep(0.05)
    heartbeat.ready = True
    heartbeat.proven_ns = time.monotonic_ns() + 3600 * 10**9
"""
    supervised = Process(tmp_path, NAP, prove + "    return 0", fence_interval_seconds=0)
    supervised.until("/readyz", 503)
    back.touch()
    supervised.until("/readyz", 200)
    assert supervised.proofs.read_text() == "x"
    assert supervised.stop(signal.SIGTERM) == 0


def test_a_proof_that_grows_old_makes_it_not_ready_and_the_next_worker_has_to_prove(tmp_path: Path) -> None:
    told = "\n    if runs: heartbeat.publish(b'ready' if heartbeat.ready or heartbeat.woken_ns else b'not ready')"
    supervised = Process(
        tmp_path, told + NAP + ANSWER + "    signal.pause()", fence_interval_seconds=3600, fence_proof_seconds=0.2
    )
    supervised.until("/readyz", 503)
    assert supervised.ask() == b"answer 1"
    assert supervised.get("/metrics")[1] == b"not ready"
    assert supervised.stop(signal.SIGTERM) == 0


def test_a_prover_that_refuses_ends_the_supervisor(tmp_path: Path) -> None:
    supervised = Process(tmp_path, NAP, "return 3", fence_interval_seconds=0)
    assert supervised.ended() == 3
    assert supervised.runs.read_text() == "x"


def test_a_prover_that_dies_is_started_again_and_not_without_end(tmp_path: Path) -> None:
    supervised = Process(tmp_path, NAP, "os.abort()", fence_interval_seconds=0)
    assert supervised.ended() == 1
    assert supervised.proofs.read_text() == "x" * 20
    assert {event["event"] for event in supervised.events()} == {"prover ended"}


def test_a_prover_that_hangs_is_killed(tmp_path: Path) -> None:
    prove = "heartbeat.beat(); time.sleep(3600)"
    supervised = Process(tmp_path, NAP, prove, fence_interval_seconds=0)
    supervised.until_runs(supervised.proofs, 2)
    assert supervised.events()[0]["event"] == "prover is stuck, killing it"
    assert supervised.stop(signal.SIGTERM) == 0


def test_a_connection_does_not_wait_for_a_prover(tmp_path: Path) -> None:
    supervised = Process(tmp_path, NAP + ANSWER + "    signal.pause()", "time.sleep(3600)", fence_interval_seconds=0)
    supervised.until_runs(supervised.proofs, 1)
    assert supervised.ask() == b"answer 1"
    assert supervised.stop(signal.SIGTERM) == 0
    assert supervised.events() == []


def test_it_is_ready_while_it_wakes_up_and_not_when_that_fails(tmp_path: Path) -> None:
    go = tmp_path / "go"
    wake = f"""
    if runs == 1:
        while not os.path.exists({str(go)!r}): heartbeat.beat(); time.sleep(0.02)
        os.abort()
    if runs == 2:
        while not os.path.exists({str(go)!r} + "2"): heartbeat.beat(); time.sleep(0.02)
"""
    nap = NAP.replace("    heartbeat.ready", "    if runs == 0: heartbeat.ready", 1)
    supervised = Process(tmp_path, nap + wake + ANSWER + "    signal.pause()")
    supervised.until("/readyz", 200)
    with socket.create_connection(("127.0.0.1", supervised.app_port), timeout=DEADLINE_SECONDS) as caller:
        supervised.until_runs(supervised.runs, 2)
        assert supervised.get("/readyz")[0] == 200
        go.touch()
        supervised.until("/readyz", 503)
        (tmp_path / "go2").touch()
        assert caller.recv(100) == b"answer 2"
    assert supervised.stop(signal.SIGTERM) == 0


def test_it_is_not_ready_when_it_takes_too_long_to_wake_up(tmp_path: Path) -> None:
    wake = """
    while True: heartbeat.beat(); time.sleep(0.02)
"""
    nap = NAP.replace("    heartbeat.woken_ns = 0\n", "")
    supervised = Process(tmp_path, nap + wake)
    supervised.until("/readyz", 200)
    with socket.create_connection(("127.0.0.1", supervised.app_port), timeout=DEADLINE_SECONDS):
        supervised.until_runs(supervised.runs, 2)
        supervised.until("/readyz", 503)
    assert supervised.stop(signal.SIGTERM) == 0
