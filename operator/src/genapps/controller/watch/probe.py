# SPDX-License-Identifier: Apache-2.0
"""Whether this process is alive, for its liveness probe: a restart helps against what is reported here."""

from __future__ import annotations

from collections.abc import Callable

from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.sweep import Sweep
from genapps.controller.watch.watches import Watches

_SILENT_SECONDS = 300.0
"""Longer than all attempts of one sweep at an API server that does not answer."""


class LivenessProbe:
    """Called by the health server: what is dead; empty when nothing is. `clock` is the one of the sweep."""

    def __init__(
        self, watches: Watches, liveness: StreamLiveness, sweep: Sweep, sweep_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._watches = watches
        self._liveness = liveness
        self._sweep = sweep
        self._sweep_seconds = sweep_seconds
        self._clock = clock

    def __call__(self) -> str:
        """What is dead; empty when nothing is."""
        silent = self._clock() - self._sweep.last_round > _SILENT_SECONDS + self._sweep_seconds
        if silent and self._watches.synced():
            return "no sweep has ended for long"
        return self._watches.silent() or self._liveness.silent()
