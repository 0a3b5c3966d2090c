# SPDX-License-Identifier: Apache-2.0
"""Who may replace a pod that serves, because the platform wants another one: a few apps of a run namespace at a time.

Kept in memory: a new leader begins anew, with as many at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from genapps.controller.cache.keys import AppKey

SHARE = 10
"""One app in so many of a run namespace's pods, and at least one."""


@dataclass(frozen=True, slots=True)
class _Held:
    run_namespace: str
    until: datetime
    """When it passes on, although the app is not ready again."""


@dataclass(slots=True)
class Permits:
    """`pods` counts those of a run namespace, `deadline` is how long one app may keep a permit.

    An app asks in each pass in which it waits. Those that a method returns should be looked at: they may get one now.
    """

    pods: Callable[[str], int]
    deadline: timedelta
    _held: dict[AppKey, _Held] = field(default_factory=dict)
    _waiting: dict[AppKey, str] = field(default_factory=dict)
    """Run namespaces by app, in the order of asking."""

    def holds(self, key: AppKey) -> bool:
        """Whether the app may replace its pod now."""
        return key in self._held

    def ask(self, key: AppKey, run_namespace: str, now: datetime) -> bool:
        """Whether it gets a permit; else it stands in line."""
        if key not in self._held and self._free(run_namespace, now) <= 0:
            self._waiting.setdefault(key, run_namespace)
            return False
        self._waiting.pop(key, None)
        self._held.setdefault(key, _Held(run_namespace, now + self.deadline))
        return True

    def settle(self, key: AppKey, *, done: bool, now: datetime) -> list[AppKey]:
        """After a pass in which the app does not wait: `done` says that it has no use for a permit any more."""
        run_namespace = self._waiting.pop(key, None)
        held = self._held.get(key)
        if held is not None and (done or now >= held.until):
            del self._held[key]
            run_namespace = held.run_namespace
        return self._next(run_namespace, now) if run_namespace else []

    def postpone(self, key: AppKey, now: datetime) -> list[AppKey]:
        """The app's pass has failed: those behind it need not wait for it."""
        run_namespace = self._waiting.pop(key, None)
        if run_namespace is not None:
            self._waiting[key] = run_namespace
        held = self._held.get(key)
        if held is not None and now >= held.until:
            del self._held[key]
            run_namespace = held.run_namespace
        return [other for other in self._next(run_namespace, now) if other != key] if run_namespace else []

    def _next(self, run_namespace: str, now: datetime) -> list[AppKey]:
        return list(self._first(run_namespace, self._free(run_namespace, now)))

    def _first(self, run_namespace: str, count: int) -> Iterator[AppKey]:
        for key, waits_in in self._waiting.items():
            if count <= 0:
                return
            if waits_in == run_namespace:
                count -= 1
                yield key

    def _free(self, run_namespace: str, now: datetime) -> int:
        taken = sum(held.run_namespace == run_namespace and now < held.until for held in self._held.values())
        return max(1, self.pods(run_namespace) // SHARE) - taken
