# SPDX-License-Identifier: Apache-2.0
"""A process that has imported everything before it knows what to run: `genapps dev` keeps one for the next change.

It reads one line, `{"arguments": [...], "environment": {...}}`, and goes on as if it had been started with them. It
ends with the process that started it. In a pod nothing starts one.
"""

import ctypes
import gc
import json
import signal
import sys
from typing import BinaryIO

LINE_BYTES = 64 * 1024
"""A dozen paths."""
_PR_SET_PDEATHSIG = 1

Told = tuple[list[str], dict[str, str]]
"""Arguments, and variables of the environment."""


def told(lines: BinaryIO) -> Told:
    """What to run, once it is there; no arguments when the line never comes. Raises ValueError for another line."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    import genapps_runtime.prover
    import genapps_runtime.serve_app
    import genapps_runtime.worker  # noqa: F401  what a worker imports is there when it is forked

    gc.freeze()
    line = lines.readline(LINE_BYTES + 1)
    if len(line) > LINE_BYTES:
        raise ValueError(f"the line has more than {LINE_BYTES} bytes")
    return _read(line) if line.endswith(b"\n") else ([], {})


def _read(line: bytes) -> Told:
    match json.loads(line):
        case {"arguments": list(arguments), "environment": dict(environment)}:
            return [str(one) for one in arguments], {name: str(value) for name, value in environment.items()}
    raise ValueError("the line must be an object with arguments, a list, and environment, an object")


def told_to_this_process() -> Told:
    """`told` by the standard input."""
    return told(sys.stdin.buffer)
