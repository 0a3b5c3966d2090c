# SPDX-License-Identifier: Apache-2.0
"""Puts what a change wakes into the work queue, as soon as the table of wakeups says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from genapps.controller.cache.caches import Caches
from genapps.controller.cache.changes import Change
from genapps.controller.cache.keys import Key
from genapps.controller.cache.wakeups import Priority, SweepRequest, Wakeup, everything, wakeups
from genapps.controller.reconcile.queue import WorkQueue

_DEBOUNCE_SECONDS = 1.0
"""One look for a group of changes."""


class Waker:
    """While another process leads, nothing is queued: it would pile up, and a new leader looks at everything. The
    sweep runs in every process."""

    def __init__(self, queue: WorkQueue[Key], leading: Callable[[], bool], sweep_requested: asyncio.Event) -> None:
        self._queue = queue
        self._leading = leading
        self._sweep_requested = sweep_requested

    def on_change(self, caches: Caches, change: Change) -> None:
        """For the caches: queue whom the change wakes."""
        if not self._leading() and change.new is not None:
            return  # only a deletion asks for the sweep, and to look up who else is woken costs time for each change
        for wakeup in wakeups(caches, change):
            self._wake(wakeup)

    def everything(self, caches: Caches) -> None:
        """Queue whatever there is something about, and a round of the sweep: what a new leader begins with."""
        for wakeup in everything(caches):
            self._wake(wakeup)
        self._sweep_requested.set()

    def wake(self, key: Key) -> None:
        """Queue one key, behind what waits already."""
        self._wake(Wakeup(key, Priority.NEXT))

    def _wake(self, wakeup: Wakeup) -> None:
        target, priority = wakeup
        if isinstance(target, SweepRequest):
            self._sweep_requested.set()
        elif not self._leading():
            return
        elif priority is Priority.DEBOUNCED:
            self._queue.add_after(target, _DEBOUNCE_SECONDS)
        else:
            self._queue.add(target, first=priority is Priority.NOW)
