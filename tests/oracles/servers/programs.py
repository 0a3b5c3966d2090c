# SPDX-License-Identifier: Apache-2.0
"""The programs of the servers, and one of them as a process."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.oracles.environment import environment

_RUNNING = re.compile(rb"Uvicorn running on http://127\.0\.0\.1:(\d+)")
_START_SECONDS = 60


def programs() -> Path:
    """The folder of the programs; made at the first call (10 s, 64 MB)."""
    return environment("connector-peers") / "bin"


@contextmanager
def running(folder: Path, *command: str | Path) -> Iterator[int]:
    """A server of uvicorn's on a free port of this host, which is given; `folder` gets its log."""
    log = folder / "server.log"
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=bare, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield _port(process, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := _RUNNING.search(log.read_bytes()):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')}")
