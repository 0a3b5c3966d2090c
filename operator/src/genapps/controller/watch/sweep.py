# SPDX-License-Identifier: Apache-2.0
"""What events cannot be relied on for: lost ones, apps that vanished, children that nobody owns, drift nobody saw.

Each round works on a complete list made in this process. Removing takes two rounds and a live read that says 404 or
another uid; when too many apps vanish at once no state is taken for left behind until a person confirms it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from genapps.api import names
from genapps.api.apprecord import AppRecord
from genapps.cluster.client import Client
from genapps.cluster.errors import ApiError
from genapps.cluster.resources import NAMESPACE
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.cluster_memory import ClusterMemory
from genapps.controller.cache.keys import AppKey, BudgetKey, Key
from genapps.controller.cache.store import name_of
from genapps.controller.process.metrics import Metrics
from genapps.controller.settings import Settings
from genapps.controller.watch.absence import Absence
from genapps.controller.watch.confirmation import confirmed, confirming
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.missed_events import MissedEvents
from genapps.core.fence_proof import fence_proofs
from genapps.core.retention import may_vanish
from genapps.core.status.budget import DeletionsHeld

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
    held: frozenset[AppKey] = frozenset()
    """Missing apps whose state waits for a person's word: too many are missing at once."""
    to_confirm: int = 0
    """How many a person would have to confirm; 0 when nothing is held."""
    command: str = ""
    """How to confirm it."""


class Sweep:
    """Runs every `sweep_seconds`, or sooner when `requested` is set. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        settings: Settings,
        metrics: Metrics,
        liveness: StreamLiveness,
        wake: Callable[[Key], None],
        clock: Callable[[], float],
        requested: asyncio.Event,
        now: Callable[[], datetime],
        absence: Absence,
        memory: ClusterMemory,
    ) -> None:
        self._client = client
        self._caches = caches
        self._settings = settings
        self._metrics = metrics
        self._wake = wake
        self._clock = clock
        self._requested = requested
        self._now = now
        self._absence = absence
        self._memory = memory
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
        self._metrics.fences(fence_proofs(self._caches.pods_of_apps()), self._now())
        apps, *others = self._missed
        listing = await apps.heal()
        self._metrics.apps.set(len(listing.items))
        for missed in others:
            await missed.heal()
        present = {AppKey(*name_of(item)) for item in listing.items}
        present |= {AppKey(*name) for name in self._caches.apps}
        removable = self._removable(present)
        before, self.result = self.result, await self._missing(present, removable)
        changed = self.result.held ^ before.held
        self._metrics.deletions_held.set(len(self.result.held))
        for key in (*removable, *(self.result.vanished | self.result.orphans)):
            self._wake(key)
        for budget in {stored.record.budget for _, stored in self._caches.records_in_use() if _key(stored) in changed}:
            self._wake(BudgetKey(budget))
        self._force_some()
        self._metrics.sweeps.inc()
        return self.result

    def _removable(self, present: set[AppKey]) -> frozenset[AppKey]:
        """Second round: what was marked before this round may go now."""
        return frozenset(
            key
            for _, stored in self._caches.records_in_use()
            if stored.record.deleted_at is not None and (key := _key(stored)) not in present
        )

    async def _missing(self, present: set[AppKey], removable: frozenset[AppKey]) -> SweepResult:
        """First round: apps that a record or a child speaks of, and that no list has."""
        recorded = {
            _key(stored): stored.record.namespace_uid
            for _, stored in self._caches.records_in_use()
            if stored.record.deleted_at is None
        }
        unowned = _keys_without_record(self._caches) - present
        vanished = recorded.keys() - present
        missing, total = vanished | unowned, len(recorded.keys() | present | unowned)
        if not missing:
            await self._absence.settle()
        meant: set[AppKey] = set()
        allowed = 0
        if not may_vanish(len(missing), total, allowed):
            meant = await self._of_deleted_namespaces(missing, recorded)
            allowed = confirmed(self._caches, self._memory, self._now())
        to_confirm = len(missing - meant)
        released = missing if self._allowed(to_confirm, total, allowed) else meant
        orphans = unowned & self._unowned & released
        self._unowned = unowned
        return SweepResult(
            vanished=frozenset(vanished & released),
            removable=removable,
            orphans=frozenset(orphans),
            held=frozenset(vanished - released),
            to_confirm=0 if released == missing else to_confirm,
            command="" if released == missing else confirming(self._caches, to_confirm, self._now()),
        )

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

    def _allowed(self, vanished: int, total: int, confirmed: int) -> bool:
        allowed = may_vanish(vanished, total, confirmed)
        self._metrics.vanish_alarm.set(not allowed)
        if not allowed:
            command = confirming(self._caches, vanished, self._now())
            next_step = f"their pods end, their state is kept; if it is meant: {command}"
            _log.error("vanish_alarm", vanished=vanished, of=total, next_step=next_step)
        return allowed

    def held_of(self, budget: str) -> DeletionsHeld:
        """What waits for a confirmation, as the status of a budget tells it."""
        held, to_confirm = self.result.held, self.result.to_confirm
        of_budget = sum(
            _key(stored) in held for _, stored in self._caches.records_in_use() if stored.record.budget == budget
        )
        return DeletionsHeld(of_budget, to_confirm, self.result.command)

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
            self._wake(key)


def _key(stored: AppRecord) -> AppKey:
    return AppKey(stored.record.app.namespace, stored.record.app.name)


def _keys_without_record(caches: Caches) -> set[AppKey]:
    """Apps without AppRecord that children (claims aside: they stay) are labelled with and named after."""
    found = set()
    for store in caches.children.values():
        for child in store.groups():
            # Nearly all have one: their objects need not be looked at.
            if caches.record_version(child) is not None:
                continue
            for _, live in store.members(child):
                app = live.child.app
                if live.claim is None and app is not None and names.child_name(app.namespace, app.name) == child:
                    found.add(AppKey(app.namespace, app.name))
    return found
