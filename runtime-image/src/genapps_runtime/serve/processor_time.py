# SPDX-License-Identifier: Apache-2.0
"""Who pays for the processor time of this process: the guests' calls, and the requests for what is done around them.

To ask the kernel costs as much as a hundredth of a request. So calls of a batch are timed together, and each pays in
proportion to its time by the clock: nothing else runs on this thread meanwhile.
"""

import time
from collections.abc import Callable

from genapps_runtime.serve.meter import Meter

Clock = Callable[[], float]


class ProcessorTime:
    """All times are in seconds. `thread` tells the processor time of this thread, `process` that of the process."""

    def __init__(self, thread: Clock = time.thread_time, process: Clock = time.process_time) -> None:
        self._thread = thread
        self._process = process
        self._guests = 0.0
        """What guests have used, without the batch that runs."""
        self._entered: float | None = None
        self._calls: list[tuple[Meter, float]] = []
        self._at = process()
        self._guests_at = 0.0

    def enter(self) -> None:
        """A batch of calls begins."""
        self._entered = self._thread()

    def call(self, meter: Meter, seconds: float) -> None:
        """A call of the batch has taken so long by the clock."""
        meter.guest_seconds += seconds
        self._calls.append((meter, seconds))

    def leave(self) -> None:
        """The batch is over."""
        if self._entered is None:
            return
        used, self._entered = self._thread() - self._entered, None
        calls, self._calls = self._calls, []
        self._guests += used
        whole = sum(seconds for _, seconds in calls)
        for meter, seconds in calls:
            meter.guest_cpu_seconds += used * seconds / whole if whole else used / len(calls)

    @property
    def running(self) -> float:
        """What the batch has used so far: the call that runs now, and at most BATCH_SECONDS of others."""
        return self._thread() - self._entered if self._entered is not None else 0.0

    def slice(self, meter: Meter | None, seconds: float, used: float) -> None:
        """A call that computes has run on for `seconds` by the clock. Without a meter its action has ended."""
        self._guests += used
        if meter is not None:
            meter.guest_seconds += seconds
            meter.guest_cpu_seconds += used

    def begin(self) -> None:
        """A request comes while none is under way: nobody pays for the time before it."""
        self._at, self._guests_at = self._process(), self._used_by_guests()

    def share(self, requests: int) -> float:
        """What each of the requests pays that are answered now: what was used outside guests since the last answers."""
        if not requests:
            return 0.0
        at, guests_at = self._at, self._guests_at
        self.begin()
        return max(0.0, (self._at - at) - (self._guests_at - guests_at)) / requests

    def _used_by_guests(self) -> float:
        return self._guests + self.running
