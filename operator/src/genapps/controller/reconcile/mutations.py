# SPDX-License-Identifier: Apache-2.0
"""Pods that something else has changed: how often of late, when the next one may be created, and what our last apply
did not achieve.

Kept in memory: after a restart of the operator each app has its quick tries again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from genapps.controller.cache.keys import AppKey
from genapps.core.observed import Child, PodMutation

SHORTEST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=5)
QUIET = timedelta(minutes=10)
"""An app whose pods were left alone for so long starts anew."""


@dataclass(frozen=True, slots=True)
class _Seen:
    pod: str
    """uid of the last one."""
    at: datetime
    times: int
    mutation: PodMutation


@dataclass(slots=True)
class Mutations:
    """By app. The first changed pod is replaced at once, as an edit by hand; the pause before each further one
    doubles."""

    _seen: dict[AppKey, _Seen] = field(default_factory=dict)
    _unmet: dict[AppKey, tuple[str, str]] = field(default_factory=dict)

    def of(self, key: AppKey) -> PodMutation | None:
        """What happened to the app's pods lately."""
        seen = self._seen.get(key)
        return seen.mutation if seen else None

    def add(self, key: AppKey, pod: str, fields: tuple[str, ...], now: datetime) -> bool:
        """A pod (by its uid) is not as it was asked for; False when that was known."""
        before = self._seen.get(key)
        if before is not None and before.pod == pod:
            return False
        times = 1 if before is None or now - before.at > QUIET else before.times + 1
        pause = min(SHORTEST_PAUSE * 2 ** (times - 2), LONGEST_PAUSE) if times > 1 else timedelta()
        self._seen[key] = _Seen(pod, now, times, PodMutation(fields, now + pause))
        return True

    def clear(self, key: AppKey, now: datetime) -> None:
        """A pod is as it was asked for: if that one goes, the next one need not wait."""
        seen = self._seen.get(key)
        if seen is None:
            return
        if now - seen.at > QUIET:
            del self._seen[key]
        elif seen.mutation.retry_at > now:
            self._seen[key] = replace(seen, mutation=replace(seen.mutation, retry_at=now))

    def applied(self, key: AppKey, live: Child, wanted: str) -> None:
        """Our apply of a pod was answered; `wanted` is the digest that it should have now."""
        if live.digest == wanted:
            self._unmet.pop(key, None)
        else:
            self._unmet[key] = (live.uid, wanted)

    def unmet(self, key: AppKey) -> tuple[str, str] | None:
        """uid of the app's pod, and the digest that our last apply of it did not achieve."""
        return self._unmet.get(key)

    def forget(self, key: AppKey) -> None:
        """The app is gone."""
        self._seen.pop(key, None)
        self._unmet.pop(key, None)
