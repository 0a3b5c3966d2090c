# SPDX-License-Identifier: Apache-2.0
"""What an action used, as its log line and the metrics say it (docs/telemetry.md).

Rows are keys with their values, and rows of tables. Bytes of state are those of keys, values and parameters as UTF-8,
and of what a statement gave as JSON.
"""

import time
from typing import Any

from genapps_runtime.guest.messages import characters_of
from genapps_runtime.state.connection import Result

_NUMBER_BYTES = 8


class Meter:
    """Counts for one action, over all attempts at it; what an attempt wrote that is not stored counts for nothing."""

    __slots__ = (
        "_changed_bytes", "changed_rows", "guest_cpu_seconds", "guest_seconds", "read_bytes", "read_rows",
        "statement_cpu_seconds", "statements_begun", "writes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.guest_seconds = 0.0
        """Inside the guest, by the clock."""
        self.guest_cpu_seconds = 0.0
        """Of the processor, and what the host did for the guest inside its calls."""
        self.statement_cpu_seconds = 0.0
        """Of the processor, for statements that ran between its calls."""
        self.statements_begun = 0.0
        """When statements began that run now, by the processor time of this thread; 0: none do."""
        self.read_rows = 0
        self.read_bytes = 0
        self.writes: list[tuple[str, str | None]] = []
        """The keys that its end writes, and their values."""
        self.changed_rows = 0
        """By its statements."""
        self._changed_bytes = 0

    def guest_fields(self) -> dict[str, float]:
        """The guest's time and processor time, in milliseconds, for a log line."""
        return {"guestMillis": millis(self.guest_seconds), "guestCpuMillis": millis(self.guest_cpu_seconds)}

    def begin_statements(self) -> float:
        """Statements begin, between its calls: the processor time of this thread, in seconds."""
        self.statements_begun = time.thread_time()
        return self.statements_begun

    def end_statements(self) -> None:
        """They have run."""
        self.statement_cpu_seconds += time.thread_time() - self.statements_begun
        self.statements_begun = 0.0

    def begin_again(self) -> None:
        """What it has written is not stored."""
        self.writes = []
        self.changed_rows = self._changed_bytes = 0

    def read(self, kind: str, found: Any) -> int:
        """The characters of what a call has brought. Unless it was the request's body, they are of the state."""
        characters = characters_of(found)
        if found is not None and kind != "body":
            several = isinstance(found, dict)
            self.read_rows += len(found) if several else 1
            self.read_bytes += sum(map(_size, (*found, *found.values()))) if several else _size(found)
        return characters

    def ran(self, result: Result, text: str, parameters: Any) -> None:
        """It has run a statement, which gave `result`, in JSON `text`."""
        if result.rows:
            self.read_rows += len(result.rows)
            self.read_bytes += _size(text)
        if result.rowcount > 0:
            self.changed_rows += result.rowcount
            values = parameters.values() if isinstance(parameters, dict) else parameters
            self._changed_bytes += sum(map(_size, values))

    @property
    def written_rows(self) -> int:
        """Keys that it wrote or deleted, and rows that its statements changed."""
        return self.changed_rows + len(self.writes)

    @property
    def written_bytes(self) -> int:
        """Of those keys with their values, and of the parameters of those statements."""
        return self._changed_bytes + sum(_size(one) for written in self.writes for one in written)


def millis(seconds: float) -> float:
    """Seconds as milliseconds, to the microsecond."""
    return int(seconds * 1e6) / 1000


def _size(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, bytes) else _NUMBER_BYTES
