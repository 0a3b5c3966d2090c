# SPDX-License-Identifier: Apache-2.0
"""`genapps-runtime state OPERATION NAMESPACE APP TENANT BY`: one question to the worker of this pod.

`genapps state` runs it by exec. Who may is decided by the API server: the admission policy for run namespaces lets a
holder of the verb start exactly this command, for an app that they have the verb for, and with their own name as BY.
The files are the worker's alone, so this process only passes the question on and the answer back.

It shares the pod's memory with the app and so imports next to nothing.
"""

import os
import socket
import sys

from genapps_runtime.listening import local_address
from genapps_runtime.settings import Settings

SILENT_SECONDS = 300.0
"""How long the worker may say nothing: a deletion waits for requests, and writes over files."""
PIECE_BYTES = 64 * 1024
SEPARATOR = "\0"
"""Between the words of the question, which ends with a line feed. No argument of a process has it."""


def ask_worker(settings: Settings, words: list[str]) -> int:
    """Ask, and print the answer as it comes. Returns the exit code: 0 when there was one."""
    try:
        question = SEPARATOR.join(words).encode()
        with socket.socket(socket.AF_UNIX) as worker:
            worker.settimeout(SILENT_SECONDS)
            worker.connect(local_address(settings.state_socket))
            worker.sendall(question + b"\n")
            while piece := worker.recv(PIECE_BYTES):
                _print(piece)
    except (OSError, ValueError) as error:
        print(f"the app's runtime does not answer: {error}", file=sys.stderr)  # noqa: T201  a command's answer
        return 1
    return 0


def _print(piece: bytes) -> None:
    while piece:
        piece = piece[os.write(sys.stdout.fileno(), piece) :]
