"""What events cannot be relied on for: lost ones, apps that vanished, children that nobody owns, drift nobody saw.

Each round works on a complete list made in this process. Removing takes two rounds and a live read that says 404 or
another uid; when too many apps vanish at once nothing is removed at all until a person confirms it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from genapps.cluster.client import Client
from genapps.cluster.errors import ApiError
from genapps.cluster.resources import NAMESPACE
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.children import CONFIRM_VANISHED
from genapps.controller.cache.keys import AppKey
from genapps.controller.cache.store import name_of
from genapps.controller.process.metrics import Metrics
from genapps.controller.settings import Settings
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.missed_events import MissedEvents
from genapps.core.retention import may_vanish

_log = structlog.get_logger(__name__)


class Sweep:
    """Runs every `sweep_seconds`, or sooner after `soon()`."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        settings: Settings,
        metrics: Metrics,
        liveness: StreamLiveness,
        reconcile: Callable[[AppKey], None],
    ) -> None:
        self._client = client
        self._caches = caches
        self._settings = settings
        self._metrics = metrics
        self._reconcile = reconcile
        self._requested = asyncio.Event()
        self._lost = [
            MissedEvents(client, resource, received, metrics, liveness) for resource, received in caches.watched_by_kopf
        ]
        self._unowned: set[AppKey] = set()
        self._forced: dict[AppKey, float] = {}
        self.vanished: set[AppKey] = set()
        """Apps in no list whose record may be marked with `deletedAt`, if a live read does not find them."""
        self.removable: set[AppKey] = set()
        """Apps whose remains may go: their record carried `deletedAt` when a round began."""
        self.orphans: set[AppKey] = set()
        """Names on children that had neither an app nor a record in two rounds."""
        self.forced: set[AppKey] = set()
        """Apps whose children are to be applied again although nothing seems to differ."""
        self.last_round = float("-inf")
        """When the last round ended, well or not, by the monotonic clock."""

    def soon(self) -> None:
        """An app was deleted: do not let it wait for the next regular round."""
        self._requested.set()

    async def run(self) -> None:
        """Until cancelled; a round that fails is logged and the next one starts from scratch."""
        while True:
            try:
                await asyncio.wait_for(self._requested.wait(), self._settings.sweep_seconds)
                # Deletions come in groups: one round for all of them.
                await asyncio.sleep(min(1.0, self._settings.sweep_seconds))
            except TimeoutError:
                pass
            self._requested.clear()
            try:
                await self.round()
            except ApiError as error:
                _log.warning("sweep_failed", error=str(error))
            self.last_round = time.monotonic()

    async def round(self) -> None:
        apps, *others = self._lost
        listing = await apps.heal()
        self._metrics.apps.set(len(listing.items))
        for lost in others:
            await lost.heal()
        present = {AppKey(*name_of(item)) for item in listing.items}
        present |= {AppKey(*name) for name in self._caches.apps}
        self._release(present)
        await self._find_vanished(present)
        self._force_some()
        self._metrics.sweeps.inc()

    def _release(self, present: set[AppKey]) -> None:
        """Second round: what was marked before this round may go now."""
        self.removable = {
            key
            for _, stored in self._caches.records_in_use()
            if stored.record.deleted_at is not None
            and (key := AppKey(stored.record.app.namespace, stored.record.app.name)) not in present
        }
        for key in self.removable:
            self._reconcile(key)

    async def _find_vanished(self, present: set[AppKey]) -> None:
        """First round: apps that a record or a child speaks of, and that no list has."""
        standing = {
            AppKey(stored.record.app.namespace, stored.record.app.name): stored.record.namespace_uid
            for _, stored in self._caches.records_in_use()
            if stored.record.deleted_at is None
        }
        unowned = self._caches.keys_without_record() - present
        vanished = standing.keys() - present
        missing, total = vanished | unowned, len(standing.keys() | present | unowned)
        meant: set[AppKey] = set()
        if not self._few(len(missing), total):
            meant = await self._of_deleted_namespaces(missing, standing)
        released = missing if self._allowed(len(missing - meant), total) else meant
        self.vanished = vanished & released
        self.orphans = unowned & self._unowned & released
        self._unowned = unowned
        for key in self.vanished | self.orphans:
            self._reconcile(key)

    async def _of_deleted_namespaces(self, missing: set[AppKey], standing: Mapping[AppKey, str]) -> set[AppKey]:
        """Those whose namespace is gone, is going, or is another one of its name: who deletes a namespace means its
        apps. `standing` has the uid of the namespace where a record tells it."""
        listing = await self._client.list(NAMESPACE, metadata_only=True, at_least=None)
        known = {item["metadata"]["name"]: item["metadata"] for item in listing.items}
        if self._settings.system_namespace not in known:
            # A list without our own namespace says nothing about others.
            return set()
        living = {name: found["uid"] for name, found in known.items() if "deletionTimestamp" not in found}
        return {key for key in missing if (uid := living.get(key.namespace)) is None or standing.get(key, uid) != uid}

    def _few(self, vanished: int, standing: int) -> bool:
        return may_vanish(vanished, standing, self._caches.confirmed_vanished())

    def _allowed(self, vanished: int, standing: int) -> bool:
        allowed = self._few(vanished, standing)
        self._metrics.vanish_alarm.set(not allowed)
        if not allowed:
            _log.error(
                "vanish_alarm",
                vanished=vanished,
                of=standing,
                next_step=f"nothing is removed; if it is meant: kubectl annotate namespace "
                f"{self._settings.system_namespace} {CONFIRM_VANISHED}={vanished}",
            )
        return allowed

    def _force_some(self) -> None:
        """Spread over the interval, each app's children are applied once more: drift that no digest shows."""
        now, interval = time.monotonic(), self._settings.forced_apply_seconds
        known = {AppKey(*name) for name in self._caches.apps}
        self._forced = {key: self._forced.get(key, now) for key in known}
        self.forced &= known
        batch = max(1, int(len(known) * self._settings.sweep_seconds / interval))
        due = sorted((at, key) for key, at in self._forced.items() if now - at >= interval)[:batch]
        for _, key in due:
            self._forced[key] = now
            self.forced.add(key)
            self._reconcile(key)
