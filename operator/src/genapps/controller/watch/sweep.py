"""What events cannot be relied on for: lost ones, apps that vanished, children that nobody owns, drift nobody saw.

Each round works on a complete list made in this process. Removing takes two rounds and a live read that says 404 or
another uid; when too many apps vanish at once nothing is removed at all until a person confirms it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from genapps.api import names
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


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one round found; empty before the first one."""

    vanished: frozenset[AppKey] = frozenset()
    """Apps in no list whose record may be marked with `deletedAt`, if a live read does not find them."""
    removable: frozenset[AppKey] = frozenset()
    """Deleted apps whose objects may be removed: their record carried `deletedAt` when the round began."""
    orphans: frozenset[AppKey] = frozenset()
    """Names on children that had neither an app nor a record in two rounds."""


class Sweep:
    """Runs every `sweep_seconds`, or sooner when `requested` is set. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        settings: Settings,
        metrics: Metrics,
        liveness: StreamLiveness,
        reconcile: Callable[[AppKey], None],
        clock: Callable[[], float],
        requested: asyncio.Event,
    ) -> None:
        self._client = client
        self._caches = caches
        self._settings = settings
        self._metrics = metrics
        self._reconcile = reconcile
        self._clock = clock
        self._requested = requested
        self._missed = [
            MissedEvents(client, resource, received, metrics, liveness) for resource, received in caches.watched_by_kopf
        ]
        self._unowned: set[AppKey] = set()
        self._applied: dict[AppKey, float] = {}
        self._forced: set[AppKey] = set()
        self.result = SweepResult()
        """Of the last round that came to its end."""
        self.last_round = float("-inf")
        """When the last round ended, well or not, by the clock."""

    def take_forced(self, key: AppKey) -> bool:
        """Whether the app's children are to be applied again although nothing seems to differ; once per interval."""
        due = key in self._forced
        self._forced.discard(key)
        return due

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
            self.last_round = self._clock()

    async def round(self) -> SweepResult:
        """One round; the apps that it is about are reconciled. Raises ApiError, and the previous result stands."""
        apps, *others = self._missed
        listing = await apps.heal()
        self._metrics.apps.set(len(listing.items))
        for missed in others:
            await missed.heal()
        present = {AppKey(*name_of(item)) for item in listing.items}
        present |= {AppKey(*name) for name in self._caches.apps}
        removable = self._removable(present)
        vanished, orphans = await self._missing(present)
        self.result = SweepResult(vanished, removable, orphans)
        for key in (*removable, *(vanished | orphans)):
            self._reconcile(key)
        self._force_some()
        self._metrics.sweeps.inc()
        return self.result

    def _removable(self, present: set[AppKey]) -> frozenset[AppKey]:
        """Second round: what was marked before this round may go now."""
        return frozenset(
            key
            for _, stored in self._caches.records_in_use()
            if stored.record.deleted_at is not None
            and (key := AppKey(stored.record.app.namespace, stored.record.app.name)) not in present
        )

    async def _missing(self, present: set[AppKey]) -> tuple[frozenset[AppKey], frozenset[AppKey]]:
        """First round: apps that a record (vanished) or a child (orphans) speaks of, and that no list has."""
        recorded = {
            AppKey(stored.record.app.namespace, stored.record.app.name): stored.record.namespace_uid
            for _, stored in self._caches.records_in_use()
            if stored.record.deleted_at is None
        }
        unowned = _keys_without_record(self._caches) - present
        vanished = recorded.keys() - present
        missing, total = vanished | unowned, len(recorded.keys() | present | unowned)
        meant: set[AppKey] = set()
        if not self._few(len(missing), total):
            meant = await self._of_deleted_namespaces(missing, recorded)
        released = missing if self._allowed(len(missing - meant), total) else meant
        orphans = unowned & self._unowned & released
        self._unowned = unowned
        return frozenset(vanished & released), frozenset(orphans)

    async def _of_deleted_namespaces(self, missing: set[AppKey], recorded: Mapping[AppKey, str]) -> set[AppKey]:
        """Those whose namespace is gone, is going, or is another one of its name: who deletes a namespace means its
        apps. `recorded` has the uid of the namespace where a record tells it."""
        listing = await self._client.list(NAMESPACE, metadata_only=True, at_least=None)
        known = {item["metadata"]["name"]: item["metadata"] for item in listing.items}
        if self._settings.system_namespace not in known:
            # A list without our own namespace says nothing about others.
            return set()
        living = {name: found["uid"] for name, found in known.items() if "deletionTimestamp" not in found}
        return {key for key in missing if (uid := living.get(key.namespace)) is None or recorded.get(key, uid) != uid}

    def _few(self, vanished: int, total: int) -> bool:
        return may_vanish(vanished, total, _confirmed_vanished(self._caches))

    def _allowed(self, vanished: int, total: int) -> bool:
        allowed = self._few(vanished, total)
        self._metrics.vanish_alarm.set(not allowed)
        if not allowed:
            _log.error(
                "vanish_alarm",
                vanished=vanished,
                of=total,
                next_step=f"nothing is removed; if it is meant: kubectl annotate namespace "
                f"{self._settings.system_namespace} {CONFIRM_VANISHED}={vanished}",
            )
        return allowed

    def _force_some(self) -> None:
        """Spread over the interval, each app's children are applied once more: drift that no digest shows."""
        now, interval = self._clock(), self._settings.forced_apply_seconds
        known = {AppKey(*name) for name in self._caches.apps}
        self._applied = {key: self._applied.get(key, now) for key in known}
        self._forced &= known
        batch = max(1, int(len(known) * self._settings.sweep_seconds / interval))
        due = sorted((at, key) for key, at in self._applied.items() if now - at >= interval)[:batch]
        for _, key in due:
            self._applied[key] = now
            self._forced.add(key)
            self._reconcile(key)


def _keys_without_record(caches: Caches) -> set[AppKey]:
    """Apps without AppRecord that children (claims aside: they stay) are labelled with and named after."""
    found = set()
    for store in caches.children.values():
        for live in store.values():
            app = live.child.app
            if live.claim is not None or app is None:
                continue
            if names.child_name(app.namespace, app.name) != names.child_name_of(live.child.name):
                continue
            if caches.record_version(names.child_name_of(live.child.name)) is None:
                found.add(AppKey(app.namespace, app.name))
    return found


def _confirmed_vanished(caches: Caches) -> int:
    """How many apps a person has said may vanish at once."""
    namespace = caches.namespaces.get(("", caches.system_namespace))
    return namespace.confirmed_vanished if namespace is not None else 0
