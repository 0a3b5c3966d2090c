# SPDX-License-Identifier: Apache-2.0
"""A page of memory that worker and supervisor share: it shows how the worker is, also while its loop is blocked.

Slots are aligned 64-bit integers with one writer (the worker), so a reader sees the old or the new value and never
a mixture. Times are nanoseconds of the monotonic clock, which both processes share.
"""

import mmap
import time

_DEADLINE = 0
_BEAT = 1
_READY = 2
_SEQUENCE = 3
_LENGTH = 4
_HEADER_BYTES = 64
TEXT_BYTES = 16 * 1024 - _HEADER_BYTES


class Heartbeat:
    """The shared page. Create it before forking: the child inherits the memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEADER_BYTES + TEXT_BYTES)
        self._slots = memoryview(self._memory)[:_HEADER_BYTES].cast("q")

    def reset(self, patience_seconds: float) -> None:
        """A new worker starts: it is not ready, and its first beat may take `patience_seconds`."""
        self._slots[_DEADLINE] = 0
        self._slots[_READY] = 0
        self._slots[_SEQUENCE] = 0
        self._slots[_LENGTH] = 0
        self._slots[_BEAT] = time.monotonic_ns() + int(patience_seconds * 1e9)

    def enter(self, deadline_ns: int) -> None:
        """A guest is about to block the loop. It must return by `deadline_ns`."""
        self._slots[_DEADLINE] = deadline_ns

    def leave(self) -> None:
        """The guest returned: the loop runs again."""
        self._slots[_BEAT] = time.monotonic_ns()
        self._slots[_DEADLINE] = 0

    def beat(self) -> None:
        """The loop runs: record the time."""
        self._slots[_BEAT] = time.monotonic_ns()

    @property
    def ready(self) -> bool:
        """Whether the app answers requests; readiness probes ask for it."""
        return self._slots[_READY] == 1

    @ready.setter
    def ready(self, value: bool) -> None:
        self._slots[_READY] = int(value)

    def overdue_seconds(self, now_ns: int) -> tuple[str, float]:
        """What the loop is late for, and by how many seconds.

        Returns ("guest", seconds since the guest's deadline) or ("loop", seconds since the last beat).
        """
        deadline = self._slots[_DEADLINE]
        if deadline:
            return "guest", (now_ns - deadline) / 1e9
        return "loop", (now_ns - self._slots[_BEAT]) / 1e9

    def publish(self, text: bytes) -> None:
        """Make `text` (metrics) readable, cut at TEXT_BYTES. The sequence number is odd while it is written."""
        text = text[:TEXT_BYTES]
        self._slots[_SEQUENCE] += 1
        self._memory[_HEADER_BYTES : _HEADER_BYTES + len(text)] = text
        self._slots[_LENGTH] = len(text)
        self._slots[_SEQUENCE] += 1

    def published(self) -> bytes:
        """The last text that was published completely; empty when the worker writes right now."""
        for _ in range(3):
            before = self._slots[_SEQUENCE]
            text = self._memory[_HEADER_BYTES : _HEADER_BYTES + self._slots[_LENGTH]]
            if before % 2 == 0 and self._slots[_SEQUENCE] == before:
                return text
        return b""
