# SPDX-License-Identifier: Apache-2.0
"""One app, level-triggered: observe -> judge -> desired -> plan -> apply -> record -> status -> Events.

Passes are repeated until a plan is empty or waits for something outside; what is decided in between is the core's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from genapps.api import names
from genapps.cluster.client import Client
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.cleanup import Cleanup
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.execute import ChildRefusedError, Executor
from genapps.controller.reconcile.mutations import Mutations
from genapps.controller.reconcile.observe import Observer
from genapps.controller.reconcile.permits import Permits
from genapps.controller.reconcile.status_writer import write_status
from genapps.controller.reconcile.usage_mirror import UsageMirror
from genapps.controller.watch.sweep import Sweep
from genapps.core.desired import desired
from genapps.core.drift import expected_digest
from genapps.core.judge import judge
from genapps.core.observed import Observed
from genapps.core.plan import plan
from genapps.core.status import look_again, status, transitions
from genapps.core.steps import Apply, Step
from genapps.core.verdict import Mode, PodStatus, Verdict

_PASSES = 12
_RETRY_SECONDS = 10.0
"""For those that waited behind an app whose pass has failed."""

_log = structlog.get_logger(__name__)


class PassesExhaustedError(Exception):
    """Desired and live state do not meet: somebody else writes the same fields, or a rule contradicts itself."""


@dataclass(slots=True)
class Reconciler:
    """`later` puts a key back into the queue after so many seconds; `seen` is called when the caches are about to
    be read: events of our own writes, which often come before their answers, need no pass of their own then."""

    client: Client
    caches: Caches
    observer: Observer
    executor: Executor
    events: Events
    cleanup: Cleanup
    sweep: Sweep
    metrics: Metrics
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    later: Callable[[AppKey, float], None]
    seen: Callable[[AppKey], None]
    permits: Permits
    mirror: UsageMirror
    others_first: Callable[[], bool]
    """Whether apps wait that are more urgent than the rest of a plan that has stopped its pod."""
    _refused: dict[AppKey, str] = field(default_factory=dict)
    _mutations: Mutations = field(default_factory=Mutations)

    async def reconcile(self, key: AppKey) -> None:
        """Bring one app to where it should be, or as near as it gets now. Raises what should be tried again."""
        try:
            await self._reconcile(key)
        except Exception:
            self._look_at(self.permits.postpone(key, self.clock()), _RETRY_SECONDS)
            raise

    async def _reconcile(self, key: AppKey) -> None:
        if self.caches.apps.get(key) is None:
            self._refused.pop(key, None)
            self._mutations.forget(key)
            self.mirror.forget(key)
            self._look_at(self.permits.settle(key, done=True, now=self.clock()))
            self.caches.reservations.release(key)
            await self.cleanup.after_deletion(key)
            return
        try:
            settled = await self._passes(key)
        except ChildRefusedError as refused:
            self._refused[key] = str(refused)
            await self._report(key, *await self._judged(key))
            raise
        if settled is None:
            self.later(key, 0.0)
            return
        observed, verdict = settled
        self._refused.pop(key, None)
        self._settle_permit(key, verdict)
        # Judged again, when a refusal was reported before and is over now.
        await self._report(key, dataclasses.replace(observed, refused="") if observed else None, verdict)
        self.cleanup.warn_of_deleted_record(key)
        if observed is not None and observed.earlier is not None:
            await self.cleanup.after_replacement(key, observed.uid)

    async def _passes(self, key: AppKey) -> tuple[Observed | None, Verdict | None] | None:
        """What came of it; None: others come first."""
        child = names.child_name(*key)
        deleted: set[str] = set()
        forced = False
        for _ in range(_PASSES):
            self.seen(key)
            forced |= self.sweep.take_forced(key)
            observed, verdict = await self._judged(key)
            if observed is None or verdict is None:
                return None, None
            if self._permitted(key, verdict):
                continue
            wanted = desired(observed, verdict)
            steps: tuple[Step, ...] = plan(observed, verdict, wanted)
            if forced and not steps:
                # Snapshots are immutable; everything else is said again, whether or not it seems to differ.
                steps = (Apply(tuple(manifest for manifest in wanted if manifest["kind"] != "ConfigMap")),)
                forced = False
            self._count_drift(observed, verdict, steps)
            outcome = await self.executor.run(child, steps, deleted, self.others_first)
            self._note_applied(key, steps)
            self._count_suspension(observed, verdict)
            if outcome.postponed:
                return None
            if outcome.wait is not None and outcome.wait.seconds is not None:
                self.later(key, outcome.wait.seconds)
            if not outcome.acted:
                return observed, verdict
        raise PassesExhaustedError(f"{key.namespace}/{key.name}: still not settled after {_PASSES} passes")

    async def _judged(self, key: AppKey) -> tuple[Observed | None, Verdict | None]:
        observed = await self.observer.observe(
            key, self._refused.get(key, ""), self._mutations.of(key), self.permits.holds(key)
        )
        if observed is None:
            return None, None
        if unmet := self._mutations.unmet(key):
            observed = dataclasses.replace(observed, unmet=unmet)
        verdict = judge(observed, self.clock(), self.new_id())
        counted = observed.record is not None and observed.record.deleted_at is None
        if counted or verdict.mode is Mode.NOTHING or verdict.grant is None:
            self.caches.reservations.release(key)
        else:
            self.caches.reservations.reserve(key, verdict.grant.budget)
        self._note_mutation(key, observed, verdict)
        return observed, verdict

    def _permitted(self, key: AppKey, verdict: Verdict) -> bool:
        """Whether an app that waits for it has just been allowed to replace its pod."""
        if not verdict.pod.waits or verdict.grant is None:
            return False
        return self.permits.ask(key, verdict.grant.run_namespace, verdict.at)

    def _settle_permit(self, key: AppKey, verdict: Verdict | None) -> None:
        if verdict is not None and verdict.pod.waits:
            return
        ready = verdict is not None and verdict.pod.exact and verdict.pod.status is PodStatus.READY
        done = ready or verdict is None or verdict.mode is not Mode.RUN
        self._look_at(self.permits.settle(key, done=done, now=self.clock()))
        if self.permits.holds(key):
            self.later(key, self.permits.deadline.total_seconds() + 1)

    def _look_at(self, keys: Sequence[AppKey], seconds: float = 0.0) -> None:
        for key in keys:
            self.later(key, seconds)

    def _note_applied(self, key: AppKey, steps: Sequence[Step]) -> None:
        """Whether the pod of these steps, which were all taken, got the metadata that it was applied with."""
        for manifest in (one for step in steps if isinstance(step, Apply) for one in step.manifests):
            if manifest["kind"] == "Pod":
                namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
                live = self.caches.children[namespace, "Pod"].get((namespace, name))
                if live is not None:
                    self._mutations.applied(key, live.child, expected_digest(manifest))

    def _note_mutation(self, key: AppKey, observed: Observed, verdict: Verdict) -> None:
        pod = verdict.pod
        if pod.exact:
            self._mutations.clear(key, verdict.at)
        elif pod.mutated and pod.child and self._mutations.add(key, pod.child.uid, pod.mutated, verdict.at):
            for name in pod.mutated:
                self.metrics.mutations.labels(name).inc()
            envelope = observed.envelope_digest
            _log.warning(
                "pod_mutated", app=key.name, namespace=key.namespace, envelope=envelope, fields=list(pod.mutated)
            )

    async def _report(self, key: AppKey, observed: Observed | None, verdict: Verdict | None) -> None:
        if observed is None or verdict is None:
            # The namespace is not known yet, or the app went away meanwhile: its event is on the way.
            self.later(key, 1.0)
            return
        new = status(observed, verdict)
        if new != observed.status:
            pause = self.mirror.wait(key, observed.status, new)
            if pause > 0:
                self.later(key, pause)
            else:
                await self._write_status(key, observed, new)
                self.mirror.written(key)
        if (wait := look_again(new, verdict)) is not None:
            self.later(key, wait.total_seconds())

    async def _write_status(self, key: AppKey, observed: Observed, new: dict[str, object]) -> None:
        # The uid makes it fail for another app that has taken the name meanwhile.
        metadata = {"namespace": key.namespace, "name": key.name, "uid": observed.uid}
        live = await write_status(self.client, self.caches.apps, "GeneratedApp", metadata, new)
        if live is None:
            return
        now = self.clock()
        for event in transitions(observed.status, new):
            _log.info(
                "transition",
                app=key.name,
                namespace=key.namespace,
                envelope=observed.envelope_digest,
                reason=event.reason,
                message=event.message,
            )
            await self.events.post(
                live["metadata"], "GeneratedApp", type_=event.type, reason=event.reason, message=event.message, now=now
            )

    def _count_drift(self, observed: Observed, verdict: Verdict, steps: tuple[Step, ...]) -> None:
        """Applies to children that exist although nothing else changed: somebody edited them."""
        if verdict.mode is not Mode.RUN:
            return
        for step in steps:
            for manifest in step.manifests if isinstance(step, Apply) else ():
                if (manifest["kind"], manifest["metadata"]["name"]) in observed.children:
                    self.metrics.drift.labels(manifest["kind"]).inc()

    def _count_suspension(self, observed: Observed, verdict: Verdict) -> None:
        before = observed.record.suspension if observed.record else None
        if verdict.suspension is not None and (before is None or before.id != verdict.suspension.id):
            self.metrics.suspensions.inc()
            _log.warning(
                "suspended",
                app=observed.key.name,
                namespace=observed.key.namespace,
                envelope=observed.envelope_digest,
                id=verdict.suspension.id,
                reason=verdict.suspension.reason,
                violations=verdict.suspension.violations,
                defects=verdict.suspension.defects,
            )
