# SPDX-License-Identifier: Apache-2.0
"""A supervisor as a real process, with a worker and a prover of a few lines."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

DEADLINE_SECONDS = 60
MAIN = """
import os, signal, sys, time
from genapps_runtime.settings import Settings
from genapps_runtime.supervisor import supervisor

def began(file):
    runs = len(open(file).read())
    open(file, "a").write("x")
    return runs

def worker(heartbeat, ports):
    port = ports.app
    runs = began({runs!r})
    {worker}

def prover(heartbeat):
    runs = began({proofs!r})
    {prover}

settings = Settings(address="127.0.0.1", **{settings!r})
sys.exit(supervisor.Supervisor(settings, worker, prover).run())
"""


class Process:
    """A supervisor whose children execute these bodies; `runs` and `proofs` are how often they were started.

    Without a prover of its own the fence stays as it is, whatever the worker has said.
    """

    def __init__(self, folder: Path, worker: str, prover: str = "return 0", **settings: float) -> None:
        self.port, self.app_port = free_port(), free_port()
        self.state_socket = f"genapps-test-{self.port}"
        self.runs, self.proofs = folder / "runs", folder / "proofs"
        self.runs.write_text("")
        self.proofs.write_text("")
        text = MAIN.format(
            runs=str(self.runs),
            proofs=str(self.proofs),
            worker=worker.strip(),
            prover=prover.strip(),
            settings={
                "health_port": self.port,
                "app_port": self.app_port,
                "state_socket": self.state_socket,
                **settings,
            },
        )
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-c", text], stdout=log)

    def ended(self) -> int:
        return self.process.wait(DEADLINE_SECONDS)

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.ended()

    def children(self) -> list[int]:
        """The supervisor's processes."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def until(self, path: str, status: int) -> None:
        """Wait until the health port answers so."""
        limit = time.monotonic() + DEADLINE_SECONDS
        while self.get(path)[0] != status:
            assert time.monotonic() < limit
            time.sleep(0.02)

    def until_runs(self, file: Path, runs: int) -> None:
        """Wait until a child was started so often."""
        limit = time.monotonic() + DEADLINE_SECONDS
        while len(file.read_text()) < runs:
            assert time.monotonic() < limit
            assert self.process.poll() is None
            time.sleep(0.01)

    def ask(self) -> bytes:
        """Connect to the app's port and read all that comes."""
        with socket.create_connection(("127.0.0.1", self.app_port), timeout=DEADLINE_SECONDS) as caller:
            parts = []
            while part := caller.recv(1000):
                parts.append(part)
            return b"".join(parts)

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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
