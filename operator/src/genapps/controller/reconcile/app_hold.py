# SPDX-License-Identifier: Apache-2.0
"""Reports an AppHold, and wakes its apps when its time is over. To stop an app is the work of the app's own pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from genapps.api.apphold import AppHold
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.held_apps import held_apps
from genapps.controller.cache.keys import AppKey, HoldKey, Key
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.status_writer import write_status
from genapps.core.status import transitions
from genapps.core.status.hold import hold_status

_LONGEST_SECONDS = 86_400.0


@dataclass(slots=True)
class HoldReconciler:
    """`later` puts a key back into the queue after so many seconds."""

    client: Client
    caches: Caches
    events: Events
    metrics: Metrics
    later: Callable[[Key, float], None]

    async def reconcile(self, key: HoldKey, now: datetime) -> None:
        """One AppHold, also one that is gone. Raises ApiError."""
        stored = self.caches.holds.get(("", key.hold))
        if stored is None:
            self.metrics.forget_hold(key.hold)
            return
        near = list(held_apps(self.caches, key.hold, stored.model))
        matched = [app for app in near if app.certain]
        draining = sum(app.has_pod for app in matched)
        status = hold_status(stored.model, stored.generation, len(matched), draining, stored.status, now)
        self.metrics.hold(key.hold, status["matched"] if status["active"] else 0, status["draining"])
        if isinstance(stored.model, AppHold) and stored.model.spec.until is not None and status["active"]:
            left = (stored.model.spec.until - now).total_seconds()
            self.later(key, min(left, _LONGEST_SECONDS))
        if not status["active"] and stored.status.get("active") is not False:
            # They say in their own status that it may be acknowledged now.
            self._wake(app.key for app in near)
        if status == stored.status:
            return
        live = await write_status(self.client, self.caches.holds, "AppHold", {"name": key.hold}, status)
        if live is None:
            return
        for event in transitions(stored.status, status):
            await self.events.post(
                live["metadata"], "AppHold", type_=event.type, reason=event.reason, message=event.message, now=now
            )

    def _wake(self, apps: Iterable[AppKey]) -> None:
        for app in apps:
            self.later(app, 0.0)
