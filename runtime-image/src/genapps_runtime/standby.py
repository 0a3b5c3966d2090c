# SPDX-License-Identifier: Apache-2.0
"""A process that has imported everything before it knows what to run: `genapps dev` keeps one for the next change.

It reads one line, the arguments of the command, and goes on as if it had been started with them. It ends with the
process that started it. In a pod nothing starts one.
"""

import ctypes
import gc
import signal
import sys
from typing import BinaryIO

LINE_BYTES = 1024
_PR_SET_PDEATHSIG = 1


def awaited_arguments(lines: BinaryIO) -> list[str]:
    """The arguments, once they are there; none when the line never comes. Raises ValueError for a line too long."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    import genapps_runtime.prover
    import genapps_runtime.serve_app
    import genapps_runtime.worker  # noqa: F401  what a worker imports is there when it is forked

    gc.freeze()
    line = lines.readline(LINE_BYTES + 1)
    if len(line) > LINE_BYTES:
        raise ValueError(f"the arguments have more than {LINE_BYTES} bytes")
    return line.decode("ascii").split() if line.endswith(b"\n") else []


def arguments_of_this_process() -> list[str]:
    """`awaited_arguments` of the standard input."""
    return awaited_arguments(sys.stdin.buffer)
