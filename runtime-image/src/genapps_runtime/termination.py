# SPDX-License-Identifier: Apache-2.0
"""Reasons for which the process gives up. The container's termination message tells the operator."""

from enum import StrEnum

EXIT_REFUSED = 3
"""Exit code of a child that would only fail again: the supervisor ends with it, kubelet backs off."""
EXIT_NAP = 4
"""Exit code of a worker that nobody calls: the supervisor starts another at the next connection."""
MESSAGE_BYTES = 1024


class Reason(StrEnum):
    """The closed set of reasons that the operator understands."""

    EGRESS_OPEN = "EgressOpen"
    CODE_REJECTED = "CodeRejected"
    MODULE_NOT_AVAILABLE = "ModuleNotAvailable"
    SNAPSHOT_MISMATCH = "SnapshotMismatch"
    CONFIG_INVALID = "ConfigInvalid"
    STATE_UNAVAILABLE = "StateUnavailable"
    STATE_SNAPSHOT_FAILED = "StateSnapshotFailed"


class RefusedError(Exception):
    """The process cannot work with what it was given. `message` may quote hostile text."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


def termination_line(refused: RefusedError) -> bytes:
    """One line of JSON in printable ASCII, at most MESSAGE_BYTES long; a longer message is cut."""
    import json  # only when it is needed: the supervisor stays small

    message = refused.message
    while True:
        line = json.dumps({"reason": refused.reason.value, "message": message}).encode()
        if len(line) < MESSAGE_BYTES:
            return line + b"\n"
        message = message[: len(message) - max(1, (len(line) - MESSAGE_BYTES) // 6)]


def write_termination(path: str, refused: RefusedError) -> None:
    """Write the line to `path`. A file that cannot be written is ignored: the refusal is in the log as well."""
    try:
        with open(path, "wb") as file:  # noqa: PTH123  pathlib weighs 0.5 MiB in the supervisor
            file.write(termination_line(refused))
    except OSError:
        return
