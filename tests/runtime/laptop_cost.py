# SPDX-License-Identifier: Apache-2.0
"""What `genapps dev` takes: `python -m tests.runtime.laptop_cost` prints wall time and CPU time of starts and reloads.

A start is from the command to the first answer, a reload from the write of the file to the first answer of the new
code. CPU time is that of the command and of all processes that it started. One session before those that count writes
byte code, as pip does when it installs. No test: on a busy machine wall time says nothing.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tools import engines

STARTS, RELOADS = 5, 10
APP = "from genapps import app\n\n\n@app.get('/')\ndef version(request):\n    return {version}\n"
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 0.002


def main() -> None:
    """Measure, and print."""
    engine = engines.precompiled()
    starts: list[tuple[float, float]] = []
    reloads: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as place:
        _session(Path(place), engine, [], [])
        for _ in range(STARTS):
            _session(Path(place), engine, starts, reloads)
    for name, found, goal in (("first answer", starts, 3.0), ("reload", reloads, 0.3)):
        wall, cpu = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:13} {wall:6.3f} s wall (goal {goal} s), {cpu:6.3f} s CPU, median of {len(found)}")


def _session(place: Path, engine: Path, starts: list[tuple[float, float]], reloads: list[tuple[float, float]]) -> None:
    (place / "app.py").write_text(APP.format(version=0))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("genapps")
    begun = time.monotonic()
    command = [str(program), "dev", str(place), "--port", str(port), "--engine", str(engine)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        _until(lambda: _version(port) == "0")
        starts.append((time.monotonic() - begun, _cpu(process.pid)))
        for version in range(1, RELOADS // STARTS + 1):
            time.sleep(2)  # until the next process waits, as it does for people
            used, begun = _cpu(process.pid), time.monotonic()
            (place / "app.py").write_text(APP.format(version=version))
            _until(lambda wanted=str(version): _version(port) == wanted)  # type: ignore[misc]
            reloads.append((time.monotonic() - begun, _cpu(process.pid) - used))
        process.send_signal(signal.SIGINT)


def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(PATIENCE)


def _version(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def _cpu(pid: int) -> float:
    """Seconds of the process, of its children, and of those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_cpu(int(child)) for child in children)


if __name__ == "__main__":
    main()
