# SPDX-License-Identifier: Apache-2.0
"""A page of memory that the supervisor shares with its child: it shows how a worker is, also while its loop is blocked.

Slots are aligned 64-bit integers, so a reader sees the old or the new value and never a mixture. The child writes
them while there is one, the supervisor otherwise. Times are nanoseconds of the monotonic clock, which both share.
The page outlives its writers: a worker goes on with the metrics of the one before it.
"""

import mmap
import time

_DEADLINE = 0
_BEAT = 1
_READY = 2
_PROVEN = 3
_WOKEN = 4
_PUBLISHED = 5
_LENGTHS = (6, 7)
_DUE = 8
_HEADER_BYTES = 128
_MACHINE_CODE = slice(72, 104)
TEXT_BYTES = 16 * 1024 - _HEADER_BYTES // 2
_TEXTS = (_HEADER_BYTES, _HEADER_BYTES + TEXT_BYTES)


class Heartbeat:
    """The shared page. Create it before forking: the child inherits the memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEADER_BYTES + len(_TEXTS) * TEXT_BYTES)
        self._slots = memoryview(self._memory)[:_HEADER_BYTES].cast("q")

    def expect(self, patience_seconds: float) -> None:
        """A new child starts: its first beat may take `patience_seconds`."""
        self._slots[_DEADLINE] = 0
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

    def overdue_seconds(self, now_ns: int) -> tuple[str, float]:
        """What the loop is late for, and by how many seconds.

        Returns ("guest", seconds since the guest's deadline) or ("loop", seconds since the last beat).
        """
        deadline = self._slots[_DEADLINE]
        if deadline:
            return "guest", (now_ns - deadline) / 1e9
        return "loop", (now_ns - self._slots[_BEAT]) / 1e9

    @property
    def ready(self) -> bool:
        """Whether the app answers requests; readiness probes ask for it."""
        return self._slots[_READY] == 1

    @ready.setter
    def ready(self, value: bool) -> None:
        self._slots[_READY] = int(value)

    @property
    def proven_ns(self) -> int:
        """When the fence was last proven; 0: never."""
        return self._slots[_PROVEN]

    @proven_ns.setter
    def proven_ns(self, value: int) -> None:
        self._slots[_PROVEN] = value

    @property
    def woken_ns(self) -> int:
        """Since when a connection waits for an app that napped; 0: none does."""
        return self._slots[_WOKEN]

    @woken_ns.setter
    def woken_ns(self, value: int) -> None:
        self._slots[_WOKEN] = value

    @property
    def due_ns(self) -> int:
        """When a worker is needed although nobody calls, in nanoseconds since 1970; 0: never."""
        return self._slots[_DUE]

    @due_ns.setter
    def due_ns(self, value: int) -> None:
        self._slots[_DUE] = value

    @property
    def machine_code(self) -> bytes:
        """The SHA-256 digest of the machine code that was made of the app's component; 32 NULs: of none."""
        return bytes(self._memory[_MACHINE_CODE])

    @machine_code.setter
    def machine_code(self, digest: bytes) -> None:
        self._memory[_MACHINE_CODE] = digest

    def publish(self, text: bytes) -> None:
        """Make `text` (metrics) readable, cut at TEXT_BYTES.

        It is written beside the one before, which is what others read if the writer is killed half-way.
        """
        text = text[:TEXT_BYTES]
        number = self._slots[_PUBLISHED] + 1
        begin = _TEXTS[number % 2]
        self._memory[begin : begin + len(text)] = text
        self._slots[_LENGTHS[number % 2]] = len(text)
        self._slots[_PUBLISHED] = number

    def published(self) -> bytes:
        """The last text that was published; empty when there is none, or when it changes again and again right now."""
        for _ in range(3):
            number = self._slots[_PUBLISHED]
            begin = _TEXTS[number % 2]
            text = self._memory[begin : begin + self._slots[_LENGTHS[number % 2]]]
            if self._slots[_PUBLISHED] == number:
                return text
        return b""
