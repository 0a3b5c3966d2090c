# SPDX-License-Identifier: Apache-2.0
"""Clean up after deleted apps, including apps whose name another app has by now.

Core says what goes next; here it is made certain, by a live look, that the app is gone, and every deletion names the
uid it means. Nothing is remembered between two passes, so a restart goes on where the last process stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from genapps.api import names
from genapps.api.apprecord import AppRecord
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.children import Live
from genapps.controller.cache.keys import AppKey
from genapps.controller.reconcile.execute import Executor
from genapps.controller.reconcile.observe import Observer
from genapps.controller.watch.absence import Absence
from genapps.controller.watch.sweep import Sweep
from genapps.core.observed import Child, ClaimState
from genapps.core.retention import orphans, removal, stop
from genapps.core.steps import Delete, Step, WriteRecord

_LONGEST_SLEEP = 3600.0
_LOOK_AGAIN_SECONDS = 10.0
"""While it is not proven that an app is gone, its pod runs on."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Cleanup:
    """`later` puts a key back into the queue after so many seconds."""

    absence: Absence
    caches: Caches
    observer: Observer
    executor: Executor
    sweep: Sweep
    system_namespace: str
    clock: Callable[[], datetime]
    later: Callable[[AppKey, float], None]
    _warned: set[str] = field(default_factory=set)

    async def after_deletion(self, key: AppKey) -> None:
        """An app that is in no cache. Its pod and endpoints go once it is proven that it is gone; of the rest only what
        the sweep has released, or the platform purges, is touched."""
        child = names.child_name(*key)
        record = self.observer.record(child)
        if record is None:
            if key in self.sweep.result.orphans and await self.absence.proven(key, None):
                children, claim = _parts(self.caches.everything_of(child))
                await self._remove(key, orphans(key, children, claim, self.clock()), None)
        elif record.record.deleted_at is None:
            self._warn(record)
            await self._stop(key, record)
        else:
            steps = self._due(key, record, "")
            if record.purged or key in self.sweep.result.removable:
                await self._remove(key, steps, None)

    async def _stop(self, key: AppKey, record: AppRecord) -> None:
        """End what runs; and let the clocks of its state begin, if the sweep agrees that it was deleted."""
        released = key in self.sweep.result.vanished
        if not await self.absence.proven(key, record.record, any_namespace=released):
            self.later(key, _LOOK_AGAIN_SECONDS)
            return
        child, run = names.child_name(*key), record.record.run_namespace
        if run in self.caches.run_namespaces and not self._system_ends():
            self.caches.leave(key)
            steps = stop(key, _parts(self.caches.live_of(run, child).values())[0])
            await self.executor.run(child, steps, set())
            if steps:
                _log.info("app_gone", app=key.name, namespace=key.namespace, envelope=record.record.envelope.digest)
        if released:
            await self._mark(key, record)

    async def after_replacement(self, key: AppKey, uid: str) -> None:
        """An app whose name another one, with that uid, has and may not take over: its retention runs all the same."""
        record = self.observer.record(names.child_name(*key))
        if record is None:
            return
        if record.record.deleted_at is None:
            self._warn(record)
            if await self.absence.live_uid(key) != record.record.app.uid:
                await self._mark(key, record)
                self.later(key, 0.0)
            return
        await self._remove(key, self._due(key, record, uid), record.record.app.uid)

    def _due(self, key: AppKey, record: AppRecord, successor: str) -> tuple[Step, ...]:
        run = record.record.run_namespace
        if run not in self.caches.run_namespaces or self._system_ends():
            # What cannot be seen is not gone: the record is all that tells of its state. And who removes the whole
            # system has not asked for the apps' state to go.
            return ()
        child, now = names.child_name(*key), self.clock()
        children, claim = _parts(self.caches.live_of(run, child).values())
        due = removal(record, self.observer.ledger(child), children, claim, now, successor=successor)
        if due.again_at is not None:
            self.later(key, min(_LONGEST_SLEEP, (due.again_at - now) / timedelta(seconds=1) + 1))
        return due.steps

    async def _remove(self, key: AppKey, steps: tuple[Step, ...], gone_uid: str | None) -> None:
        """Take the steps if the live app, if there is one, is not the one that they are about: `gone_uid`, or
        (None) any of that name."""
        if not steps:
            return
        live = await self.absence.live_uid(key)
        if live is not None and (gone_uid is None or live == gone_uid):
            return
        child = names.child_name(*key)
        record = self.observer.record(child)
        await self.executor.run(child, steps, set())
        _log.info(
            "removed",
            app=key.name,
            namespace=key.namespace,
            envelope=record.record.envelope.digest if record else None,
            kinds=sorted({step.kind if isinstance(step, Delete) else type(step).__name__ for step in steps}),
            purge=record is not None and record.purged,
        )

    async def _mark(self, key: AppKey, record: AppRecord) -> None:
        child = names.child_name(*key)
        marked = record.record.model_copy(update={"deleted_at": self.clock()})
        await self.executor.write_record(child, WriteRecord(marked, record.metadata.resource_version))
        envelope = record.record.envelope.digest
        _log.info("app_vanished", app=key.name, namespace=key.namespace, envelope=envelope)

    def warn_of_deleted_record(self, key: AppKey) -> None:
        """Say once that the record of a living app was deleted: its finalizer keeps it, and nothing else happens."""
        record = self.observer.record(names.child_name(*key))
        if record is not None:
            self._warn(record)

    def _warn(self, record: AppRecord) -> None:
        metadata = record.metadata
        if metadata.deletion_timestamp is None or record.record.deleted_at or metadata.uid in self._warned:
            return
        self._warned.add(metadata.uid)
        _log.error(
            "record_of_a_living_app_deleted",
            app=record.record.app.name,
            namespace=record.record.app.namespace,
            record=metadata.name,
            next_step="nothing is removed; when the app is deleted, what it leaves goes at once, without retention",
        )

    def _system_ends(self) -> bool:
        namespace = self.caches.namespaces.get(("", self.system_namespace))
        return namespace is not None and namespace.ending


def _parts(live: Iterable[Live]) -> tuple[list[Child], ClaimState | None]:
    """The children, and the claim among them."""
    found = list(live)
    return [one.child for one in found], next((one.claim for one in found if one.claim), None)
