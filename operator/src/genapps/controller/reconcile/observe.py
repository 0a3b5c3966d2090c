# SPDX-License-Identifier: Apache-2.0
"""Observe one app and everything its verdict may depend on, from the caches and its source."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from genapps.api import names
from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import AppRecord, Record
from genapps.api.budgetrecord import BudgetRecord, PublishedBudget
from genapps.api.connector import Connector
from genapps.api.generatedapp import GeneratedApp
from genapps.api.ledger import Ledger, PeriodAccount
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.children import Live, whole_images
from genapps.controller.cache.keys import AppKey
from genapps.controller.cache.parse import StoredApp
from genapps.controller.code.scans import Scans
from genapps.controller.code.sources import Sources
from genapps.controller.settings import Settings
from genapps.core.code.registries import may_pull
from genapps.core.desired.parts import split
from genapps.core.observed import (
    Bundle,
    ForeignSuspension,
    NotAsked,
    Observed,
    Platform,
    PodMutation,
    Snapshotted,
    SourceProblem,
    Unreadable,
)
from genapps.core.retention import takes_over


class UnreadableEvidenceError(Exception):
    """A record or ledger that cannot be read: without it a suspended app would look like a new one, so nothing is
    done for the app until somebody has looked into it."""


class Observer:
    """Reads the caches; the only request it makes is for the content of a source."""

    def __init__(self, caches: Caches, sources: Sources, settings: Settings) -> None:
        self._caches = caches
        self._sources = sources
        self._scans = Scans()
        self._settings = settings

    async def observe(
        self, key: AppKey, refused: str = "", mutation: PodMutation | None = None, may_replace: bool = False
    ) -> Observed | None:
        """None: there is no such app. `refused` is what the API server last said against a child, `mutation` what
        became of its pods lately, `may_replace` whether it has a permit to replace a pod that serves.

        Raises UnreadableEvidence, and ApiError of the source."""
        stored = self._caches.apps.get(key)
        namespace = self._caches.namespaces.get(("", key.namespace))
        if stored is None or namespace is None:
            return None
        child = names.child_name(*key)
        stored_record, stored_ledger = self.record(child), self.ledger(child)
        app, metadata = stored.model, stored.metadata
        own = stored_record is not None and takes_over(app, metadata.uid, namespace.uid, stored_record)
        earlier = None if own else stored_record
        record = stored_record.record if stored_record and own else None
        stored_budget = self._caches.budgets.get(("", stored.budget))
        budget = stored_budget.model if stored_budget else None
        readable = budget if isinstance(budget, AppBudget) else None
        run_namespace = record.run_namespace if record else (readable.spec.run_namespace if readable else "")
        live = self._caches.live_of(run_namespace, child)
        platform = self.platform()
        source, scanned = await self._code(app, readable, platform, live.values())
        pod, claim, service = (live.get((kind, child)) for kind in ("Pod", "PersistentVolumeClaim", "Service"))
        return Observed(
            metadata=metadata,
            app=app,
            status=stored.raw.get("status") or {},
            namespace_uid=namespace.uid,
            budget=budget,
            source=source,
            platform=platform,
            scanned=scanned,
            connectors=self._caches.catalogue(),
            contracts=self._contracts(stored, key.namespace),
            record=record,
            record_version=stored_record.metadata.resource_version if stored_record else None,
            earlier=earlier,
            ledger=stored_ledger.record if stored_ledger and not earlier else None,
            children={key: record.child for key, record in live.items()},
            pod=pod.pod if pod else None,
            claim=claim.claim if claim else None,
            service_address=service.address if service else None,
            mutation=mutation,
            holds={name[1]: hold.model for name, hold in self._caches.holds.items()},
            may_replace=may_replace,
            opened_by=self._caches.opened_by(run_namespace, pod.pod.labels) if pod and pod.pod else (),
            refused=refused,
            suspended_code=self._suspended_code(key),
            budget_record=self._published(stored.budget),
            budget_account=self._account(stored.budget),
            apps_of_budget=self._apps_of_budget(key, record, stored.budget),
            kept_of_budget=self._kept_of_budget(record, stored.budget),
        )

    def _published(self, budget: str) -> PublishedBudget | None:
        stored = self._caches.budget_records.get((self._settings.system_namespace, budget))
        return stored.record if isinstance(stored, BudgetRecord) else None

    def _account(self, budget: str) -> PeriodAccount | None:
        stored = self._caches.ledgers.get((self._settings.system_namespace, names.budget_ledger(budget)))
        return stored.record.account if isinstance(stored, Ledger) else None

    async def _code(
        self, app: GeneratedApp | Unreadable, budget: AppBudget | None, platform: Platform, live: Collection[Live]
    ) -> tuple[Bundle | Snapshotted | SourceProblem | NotAsked, SourceProblem | None]:
        """The code as its source holds it now, and what a look at it found."""
        if isinstance(app, Unreadable):
            return NotAsked(), None
        image = app.spec.code.source.image
        allowed = image is not None and may_pull(image.reference, app.metadata.namespace, budget, platform)
        child = names.child_name(app.metadata.namespace, app.metadata.name)
        source = await self._sources.bundle(app, whole_images(live), may_pull=allowed)
        if not isinstance(source, Bundle):
            return source, None
        parts = split(source.files)
        first = names.code_snapshot_names(child, source.digest, None if parts is None else len(parts))[0]
        if any(one.child.name == first for one in live):
            return source, None  # it was judged before: a restart need not look at everything again
        return source, await self._scans.scanned(app.spec.code.language, source)

    def platform(self) -> Platform:
        """The installation as it is now; the gateway's CA counts once every prepared run namespace has it."""
        settings, caches = self._settings, self._caches
        prepared = frozenset(
            run
            for run in settings.run_namespaces
            if (state := caches.namespaces.get(("", run))) is not None and state.prepared
        )
        authority = caches.gateway_ca.get((settings.system_namespace, names.GATEWAY_CA_CONFIGMAP))
        copied = all(caches.ca_copies[run].get((run, names.GATEWAY_CA_CONFIGMAP)) == authority for run in prepared)
        return Platform(
            system_namespace=settings.system_namespace,
            run_namespaces=prepared,
            runtime_image=settings.runtime_image,
            gateway_address=caches.gateway_service.get((settings.system_namespace, names.GATEWAY_SERVICE)),
            gateway_ca=authority if copied else None,
            storage_class=settings.storage_class,
            wait_for_first_consumer=settings.wait_for_first_consumer,
            host_users=settings.host_users,
            image_pull_policy=settings.image_pull_policy,
            pull_secrets=settings.pull_secrets,
            runtime_class_by_risk=settings.runtime_classes,
            apps=settings.apps,
            gateway_answers=caches.gateway_answers(),
            gateway_since=caches.gateway_since,
            progress_deadline=timedelta(seconds=settings.progress_deadline_seconds),
        )

    def record(self, child: str) -> AppRecord | None:
        """The AppRecord under a child name. Raises UnreadableEvidenceError."""
        stored = self._caches.records.get((self._settings.system_namespace, child))
        if isinstance(stored, Unreadable):
            raise UnreadableEvidenceError(f"AppRecord {child}: {stored.message}")
        return stored

    def ledger(self, child: str) -> Ledger | None:
        """The Ledger under a child name. Raises UnreadableEvidenceError."""
        stored = self._caches.ledgers.get((self._settings.system_namespace, child))
        if isinstance(stored, Unreadable):
            raise UnreadableEvidenceError(f"Ledger {child}: {stored.message}")
        return stored

    def _contracts(self, app: StoredApp, namespace: str) -> dict[str, str]:
        found = ((name, self._caches.connectors.get(("", name))) for name in app.connectors)
        return {
            name: digest
            for name, connector in found
            if connector is not None
            and isinstance(connector.model, Connector)
            and namespace in connector.model.spec.namespaces
            and (digest := self._caches.stored_contract(connector)) is not None
        }

    def _suspended_code(self, key: AppKey) -> dict[str, ForeignSuspension]:
        return {
            record.suspension.code_digest: ForeignSuspension(
                record.app.name, record.suspension.id, record.suspension.reason
            )
            for record in self._caches.summary.suspended.values()
            if record.app.namespace == key.namespace and record.app.name != key.name
            if record.suspension is not None and record.suspension.code_digest is not None
        }

    def _apps_of_budget(self, key: AppKey, record: Record | None, budget: str) -> int:
        counted = record is not None and record.budget == budget and record.deleted_at is None
        return self._caches.summary.apps[budget] - counted + self._caches.reservations.others(key, budget)

    def _kept_of_budget(self, record: Record | None, budget: str) -> int:
        counted = record is not None and record.budget == budget and record.deleted_at is not None
        return self._caches.summary.deleted[budget] - counted
