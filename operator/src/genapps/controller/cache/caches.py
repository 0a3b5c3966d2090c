# SPDX-License-Identifier: Apache-2.0
"""Everything the operator knows of the cluster, as slim records. Whom a change wakes is decided in `wakeups`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from genapps.api import names
from genapps.api.apprecord import AppRecord
from genapps.api.budgetrecord import BudgetRecord
from genapps.api.connector import Connector
from genapps.api.ledger import Ledger
from genapps.cluster.resources import APP_BUDGET, APP_HOLD, CONNECTOR, GENERATED_APP, Object, Resource
from genapps.controller.cache import parse
from genapps.controller.cache.budget_reservations import BudgetReservations
from genapps.controller.cache.changes import Change, Source
from genapps.controller.cache.children import Live, NamespaceState, namespace_state, slim
from genapps.controller.cache.contracts import StoredObject, stored_object
from genapps.controller.cache.keys import AppKey
from genapps.controller.cache.parse import StoredApp, StoredBudget, StoredConnector, StoredHold
from genapps.controller.cache.record_summary import RecordSummary
from genapps.controller.cache.services import ConnectorSlice, FollowedServices, connector_slice, policy_digest
from genapps.controller.cache.store import Name, Store
from genapps.core.drift import live_digest
from genapps.core.foreign_policies import OpeningPolicy
from genapps.core.observed import PodState, Unreadable

CHILD_KINDS = (
    "ServiceAccount",
    "ConfigMap",
    "PersistentVolumeClaim",
    "NetworkPolicy",
    "Pod",
    "Service",
    "EndpointSlice",
)
QUOTA_KINDS = ("ResourceQuota", "LimitRange")


class Caches:
    """The stores, and what is counted over them. `on_change` is called after each change, with these caches."""

    def __init__(
        self,
        system_namespace: str,
        run_namespaces: frozenset[str],
        clock: Callable[[], datetime],
        on_change: Callable[[Caches, Change], None] = lambda _, __: None,
    ) -> None:
        self.system_namespace = system_namespace
        self.run_namespaces = run_namespaces
        self._clock = clock
        self._on_change = on_change
        self.apps = Store[StoredApp](parse.app, self._app_changed)
        self.budgets = Store[StoredBudget](parse.budget, self._notify(Source.BUDGET))
        self.connectors = Store[StoredConnector](parse.connector, self._notify(Source.CONNECTOR))
        self.holds = Store[StoredHold](parse.hold, self._notify(Source.HOLD))
        self.watched_by_kopf: tuple[tuple[Resource, Store[Any]], ...] = (
            (GENERATED_APP, self.apps),
            (APP_BUDGET, self.budgets),
            (CONNECTOR, self.connectors),
            (APP_HOLD, self.holds),
        )
        """What people write."""
        self.records = Store[AppRecord | Unreadable](parse.record, self._record_changed)
        self.budget_records = Store[BudgetRecord | Unreadable](parse.budget_record, self._notify(Source.BUDGET_RECORD))
        self.ledgers = Store[Ledger | Unreadable](parse.ledger, self._notify(Source.LEDGER))
        self.namespaces = Store[NamespaceState](namespace_state, self._notify(Source.NAMESPACE))
        self.sources = Store[str](parse.version, self._notify(Source.CODE))
        self.gateway_service = Store[str | None](parse.cluster_ip, self._notify(Source.GATEWAY))
        self.gateway_ca = Store[str | None](parse.ca, self._notify(Source.GATEWAY))
        self.gateway_endpoints = Store[bool](parse.answers, self._endpoints_changed)
        self.gateway_since: datetime | None = None
        """When the gateway began to answer again, after an outage that this process has seen."""
        self.ca_copies = {run: Store[str | None](parse.ca, self._notify(Source.CA_COPY)) for run in run_namespaces}
        self.children = {
            (run, kind): Store[Live](slim(kind), self._child_changed, group=_group)
            for run in run_namespaces
            for kind in CHILD_KINDS
        }
        self._opening: dict[str, dict[str, OpeningPolicy]] = {run: {} for run in run_namespaces}
        self.namespace_quotas = {
            (run, kind): Store[str](live_digest, self._notify(Source.NAMESPACE_QUOTA))
            for run in run_namespaces
            for kind in QUOTA_KINDS
        }
        self.services = FollowedServices(lambda change: self._on_change(self, change))
        self.connector_slices = Store[ConnectorSlice](connector_slice, self._notify(Source.CONNECTOR_SLICE))
        self.contracts = Store[StoredObject](stored_object, self._notify(Source.CONTRACT))
        self.gateway_egress = Store[str](policy_digest, self._notify(Source.GATEWAY_EGRESS))
        self.reservations = BudgetReservations()
        self.summary = RecordSummary()
        self._keys: dict[str, AppKey] = {}
        self._gateway_answered: bool | None = None

    def all_keys(self) -> Iterator[AppKey]:
        """Every app that exists or has a record."""
        return iter(tuple(self._keys.values()))

    def key_of_child(self, name: str) -> AppKey | None:
        """The app that a child's (or snapshot's) name belongs to, None when no app or record derives it."""
        return self._keys.get(names.child_name_of(name))

    def apps_of(self, predicate: Callable[[AppKey, StoredApp], bool]) -> Iterator[AppKey]:
        """The apps that fit; all are looked at."""
        for name, app in self.apps.items():
            key = AppKey(*name)
            if predicate(key, app):
                yield key

    def catalogue(self) -> dict[str, Connector]:
        """The Connectors that can be read, by name."""
        return {
            name[1]: stored.model for name, stored in self.connectors.items() if isinstance(stored.model, Connector)
        }

    def live_of(self, run_namespace: str, child: str) -> Mapping[tuple[str, str], Live]:
        """The live objects under an app's child names, by (kind, name)."""
        return {
            (kind, name[1]): live
            for kind in CHILD_KINDS
            if (store := self.children.get((run_namespace, kind))) is not None
            for name, live in store.members(child)
        }

    def everything_of(self, child: str) -> list[Live]:
        """The live objects under an app's child names, in whichever run namespace."""
        return [live for run in sorted(self.run_namespaces) for live in self.live_of(run, child).values()]

    def opened_by(self, run_namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The NetworkPolicies, sorted, that let a pod with these labels reach something beside what its fence does."""
        policies = self._opening.get(run_namespace)
        return tuple(sorted(name for name, policy in policies.items() if policy.selects(labels))) if policies else ()

    def pods_of_apps(self) -> Iterator[tuple[PodState, bool]]:
        """The pods that are labelled as an app's, each with whether a NetworkPolicy of somebody else opens it."""
        for run in self.run_namespaces:
            for live in self.children[run, "Pod"].values():
                if live.pod is not None and live.child.app is not None:
                    yield live.pod, bool(self.opened_by(run, live.pod.labels))

    def records_in_use(self) -> Iterator[tuple[str, AppRecord]]:
        """The readable AppRecords by child name."""
        for name, record in self.records.items():
            if isinstance(record, AppRecord):
                yield name[1], record

    def record_version(self, child: str) -> int | None:
        """The resource version of an AppRecord as known here."""
        return self.records.version((self.system_namespace, child))

    def gateway_answers(self) -> bool:
        """Whether a pod of the gateway is ready."""
        return any(self.gateway_endpoints.values())

    def record_written(self, live: Object) -> None:
        """The answer to our own write of an AppRecord."""
        name = (live["metadata"]["namespace"], live["metadata"]["name"])
        old = self.records.get(name)
        if self.records.written(live):
            self._record_changed(name, old, self.records.get(name), own=True)

    def budget_record_written(self, live: Object) -> None:
        """The answer to our own write of a BudgetRecord: a raised limit or a new period lets apps run again."""
        name = (live["metadata"]["namespace"], live["metadata"]["name"])
        old = self.budget_records.get(name)
        if self.budget_records.written(live):
            change = Change(Source.BUDGET_RECORD, name, old, self.budget_records.get(name), own=True)
            self._on_change(self, change)

    def stored_contract(self, connector: StoredConnector) -> str | None:
        """The digest of a connector's contract; None while it has none, or that is not stored."""
        digest = connector.contract.digest
        stored = self.contracts.get((self.system_namespace, names.contract_name(digest))) if digest else None
        return digest if stored is not None and stored.digest == digest else None

    def highest_version(self) -> int:
        """The highest resource version seen in what the whole system rests on."""
        return max(store.seen for store in (self.apps, self.records, self.namespaces))

    def leave(self, key: AppKey) -> None:
        """The app is gone, or its deletion was ordered: nobody has to wait for its place in the budget."""
        name = (self.system_namespace, names.child_name(*key))
        record = self.records.get(name)
        if isinstance(record, AppRecord) and self.summary.leave(name, record):
            self._on_change(self, Change(Source.RECORD, name, record, record, own=True))

    def is_gone(self, child: str) -> bool:
        """Whether the app that this record speaks of is gone, or its deletion was ordered."""
        return self.summary.is_gone((self.system_namespace, child))

    def _notify(self, source: Source) -> Callable[[Name, Any, Any], None]:
        return lambda name, old, new: self._on_change(self, Change(source, name, old, new))

    def _child_changed(self, name: Name, old: Live | None, new: Live | None) -> None:
        before, now = old.opens if old else None, new.opens if new else None
        if before != now:
            self._opening[name[0]].pop(name[1], None)
            if now is not None:
                self._opening[name[0]][name[1]] = now
            self._on_change(self, Change(Source.OPENING_POLICY, name, before, now))
        self._on_change(self, Change(Source.CHILD, name, old, new))

    def _app_changed(self, name: Name, old: StoredApp | None, new: StoredApp | None) -> None:
        child = names.child_name(*name)
        self._keys[child] = AppKey(*name)
        if new is not None and new.deleting:
            self.leave(AppKey(*name))
        elif new is not None:
            self.summary.come_back((self.system_namespace, child))
        self._on_change(self, Change(Source.APP, name, old, new))
        self._forget(child)

    def _record_changed(self, name: Name, old: object, new: object, *, own: bool = False) -> None:
        for known in (old, new):
            if isinstance(known, AppRecord):
                self._keys[name[1]] = AppKey(known.record.app.namespace, known.record.app.name)
        if isinstance(new, AppRecord) and new.record.deleted_at is None:
            self.reservations.release(self._keys[name[1]])
        self.summary.replace(name, old, new)
        self._on_change(self, Change(Source.RECORD, name, old, new, own))
        self._forget(name[1])

    def _forget(self, child: str) -> None:
        """A name that neither an app nor a record derives any more is nobody's: the sweep finds what is left of it."""
        key = self._keys.get(child)
        if key is not None and self.apps.get(key) is None and self.record_version(child) is None:
            del self._keys[child]

    def _endpoints_changed(self, name: Name, _: object, __: object) -> None:
        before, now = self._gateway_answered, self.gateway_answers()
        self._gateway_answered = now
        if before is False and now:
            self.gateway_since = self._clock()
        if before != now:
            self._on_change(self, Change(Source.GATEWAY_READINESS, name, before, now))


def _group(name: Name) -> str:
    return names.child_name_of(name[1])
