# SPDX-License-Identifier: Apache-2.0
"""The supervisor against workers that misbehave, as real processes: a worker here is a few lines of Python."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

DEADLINE_SECONDS = 60
MAIN = """
import os, signal, sys, time
from genapps_runtime.settings import Settings
from genapps_runtime.supervisor.supervisor import Supervisor

def worker(heartbeat):
    runs = len(open({runs!r}).read())
    open({runs!r}, "a").write("x")
    {body}

sys.exit(Supervisor(Settings(address="127.0.0.1", health_port={port}), worker).run())
"""


class Process:
    """A supervisor whose worker executes `body`; `runs` is how often one was started."""

    def __init__(self, folder: Path, body: str) -> None:
        self.port = _free_port()
        self.runs = folder / "runs"
        self.runs.write_text("")
        text = MAIN.format(runs=str(self.runs), port=self.port, body=body)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-c", text], stdout=log)

    def ended(self) -> int:
        return self.process.wait(DEADLINE_SECONDS)

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def get(self, path: str) -> tuple[int, bytes]:
        """Waits for the port."""
        limit = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=DEADLINE_SECONDS) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read()
            except OSError:
                assert time.monotonic() < limit
                time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


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
