"""Everything the operator knows of the cluster, as slim records, and which keys a change of it wakes.

Nothing here judges: a change is told to the queue as a key, the pass that follows reads what it needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from genapps.api import names
from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import AppRecord, Record
from genapps.api.ledger import Ledger
from genapps.cluster.resources import APP_BUDGET, CONNECTOR, GENERATED_APP, Resource
from genapps.controller.cache import parse
from genapps.controller.cache.budget_reservations import BudgetReservations
from genapps.controller.cache.children import Live, NamespaceState, namespace_state, slim
from genapps.controller.cache.keys import AppKey, BudgetKey, ConnectorKey, GatewayKey, Key, NamespaceQuotaKey
from genapps.controller.cache.parse import StoredApp, StoredBudget, StoredConnector
from genapps.controller.cache.store import Name, Object, Store
from genapps.core.drift import live_digest
from genapps.core.observed import Unreadable

CHILD_KINDS = (
    "ServiceAccount",
    "ConfigMap",
    "PersistentVolumeClaim",
    "NetworkPolicy",
    "Pod",
    "Service",
    "EndpointSlice",
)
BOUND_KINDS = ("ResourceQuota", "LimitRange")

Wake = Callable[[Key, bool], None]
"""Put a key into the queue; the flag says that it is urgent."""


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """What apps have to know of other apps' records."""

    apps: Mapping[str, int]
    """How many apps that are not deleted have a record, by budget."""
    kept: Mapping[str, int]
    """How many deleted apps still have one, and so perhaps their state."""
    connectors: Mapping[str, int]
    """How many apps that are not deleted name it, by connector."""
    suspended: tuple[Record, ...]
    """Records with an open suspension of some code."""


class Caches:
    """The collections; `wake` is told the keys that a change concerns."""

    def __init__(self, system_namespace: str, run_namespaces: frozenset[str], wake: Wake) -> None:
        self._wake = wake
        self._system_namespace = system_namespace
        self.on_app_deleted: Callable[[], None] = lambda: None
        """Called when an app is gone; its remains are the sweep's."""
        self.apps = Store[StoredApp](parse.app, self._app_changed)
        self.budgets = Store[StoredBudget](parse.budget, self._budget_changed)
        self.connectors = Store[StoredConnector](parse.connector, self._connector_changed)
        self.watched_by_kopf: tuple[tuple[Resource, Store[Any]], ...] = (
            (GENERATED_APP, self.apps),
            (APP_BUDGET, self.budgets),
            (CONNECTOR, self.connectors),
        )
        """What people write and kopf watches."""
        self.records = Store[AppRecord | Unreadable](parse.record, self._record_changed)
        self.ledgers = Store[Ledger | Unreadable](parse.ledger, self._ledger_changed)
        self.namespaces = Store[NamespaceState](namespace_state, self._namespace_changed)
        self.sources = Store[str](parse.version, self._source_changed)
        self.gateway_service = Store[str | None](parse.cluster_ip, self._gateway_changed)
        self.gateway_ca = Store[str | None](parse.ca, self._gateway_changed)
        self.gateway_endpoints = Store[bool](parse.answers, self._gateway_endpoints_changed)
        self.gateway_since: datetime | None = None
        """When the gateway began to answer again, after an outage that this process has seen."""
        self.ca_copies = {run: Store[str | None](parse.ca, self._ca_copy_changed) for run in run_namespaces}
        self.children = {
            (run, kind): Store[Live](slim(kind), self._child_changed, group=_group)
            for run in run_namespaces
            for kind in CHILD_KINDS
        }
        self.bounds = {
            (run, kind): Store[str](live_digest, self._bounds_changed) for run in run_namespaces for kind in BOUND_KINDS
        }
        self.reservations = BudgetReservations()
        self._run_namespaces = run_namespaces
        self._keys: dict[str, AppKey] = {}
        self._gateway_answered: bool | None = None
        self._summary: tuple[int, RecordSummary] | None = None

    def serves(self, run_namespace: str) -> bool:
        """Whether the children in that namespace are watched by this process."""
        return run_namespace in self._run_namespaces

    def key_of_child(self, name: str) -> AppKey | None:
        """The app that a child's (or snapshot's) name belongs to, None when no app or record derives it."""
        return self._keys.get(names.child_name_of(name))

    def live_of(self, run_namespace: str, child: str) -> Mapping[tuple[str, str], Live]:
        """The live objects under an app's child names, by (kind, name)."""
        return {
            (kind, name[1]): live
            for kind in CHILD_KINDS
            if (collection := self.children.get((run_namespace, kind))) is not None
            for name, live in collection.members(child)
        }

    def records_in_use(self) -> Iterator[tuple[str, AppRecord]]:
        """The readable AppRecords by child name."""
        for name, record in self.records.items():
            if isinstance(record, AppRecord):
                yield name[1], record

    def summary(self) -> RecordSummary:
        """What all records come to; worked out once per change of any of them, not once per app and pass."""
        if self._summary is None or self._summary[0] != self.records.changes:
            self._summary = (self.records.changes, _summarise(held.record for _, held in self.records_in_use()))
        return self._summary[1]

    def gateway_answers(self) -> bool:
        """Whether a pod of the gateway is ready."""
        return any(self.gateway_endpoints.values())

    def record_written(self, live: Object) -> None:
        """Our own write of an AppRecord. Budgets count records; a suspension concerns its neighbours, because it
        follows the code to other names in the namespace."""
        name = (live["metadata"]["namespace"], live["metadata"]["name"])
        old = self.records.get(name)
        self.records.written(live)
        new = self.records.get(name)
        if not isinstance(new, AppRecord):
            return
        self._keys[name[1]] = key = AppKey(new.record.app.namespace, new.record.app.name)
        self.reservations.release(key)
        self._wake_counts(new.record)
        self._wake_bounds(new.record.run_namespace)
        before = old.record.suspension if isinstance(old, AppRecord) else None
        if before != new.record.suspension:
            for neighbour in self.apps_of(lambda other, _: other.namespace == key.namespace):
                if neighbour != key:
                    self._wake(neighbour, False)

    def keys_without_record(self) -> set[AppKey]:
        """Apps without AppRecord that children (claims aside: they stay) are labelled with and named after."""
        found = set()
        for collection in self.children.values():
            for live in collection.values():
                app = live.child.app
                if live.claim is not None or app is None:
                    continue
                if names.child_name(app.namespace, app.name) != names.child_name_of(live.child.name):
                    continue
                if self.record_version(names.child_name_of(live.child.name)) is None:
                    found.add(AppKey(app.namespace, app.name))
        return found

    def confirmed_vanished(self) -> int:
        """How many apps a person has said may vanish at once."""
        namespace = self.namespaces.get(("", self._system_namespace))
        return namespace.confirmed_vanished if namespace is not None else 0

    def everything_of(self, child: str) -> list[Live]:
        """The live objects under an app's child names, in whichever run namespace."""
        return [live for run in sorted(self._run_namespaces) for live in self.live_of(run, child).values()]

    def record_version(self, child: str) -> int | None:
        """The resource version of an AppRecord as known here."""
        return self.records.version((self._system_namespace, child))

    def apps_of(self, predicate: Callable[[AppKey, StoredApp], bool]) -> Iterator[AppKey]:
        for name, app in self.apps.items():
            key = AppKey(*name)
            if predicate(key, app):
                yield key

    def waiting_for(self, budget: str) -> Iterator[AppKey]:
        """Apps of a budget that hold none of its places: one that became free may be what they wait for."""

        def placeless(key: AppKey, app: StoredApp) -> bool:
            if app.budget != budget or self.reservations.holds(key, budget):
                return False
            record = self.records.get((self._system_namespace, names.child_name(*key)))
            return not (isinstance(record, AppRecord) and record.record.deleted_at is None)

        return self.apps_of(placeless)

    def wake_everything(self) -> None:
        """Every key that there is something about: what was not told while nobody listened."""
        for child in self._keys.values():
            self._wake(child, False)
        for _, budget in self.budgets:
            self._wake(BudgetKey(budget), False)
        for _, connector in self.connectors:
            self._wake(ConnectorKey(connector), False)
        for run in self._run_namespaces:
            self._wake(GatewayKey(run), False)
            self._wake_bounds(run, urgent=True)

    def _app_changed(self, name: Name, old: StoredApp | None, new: StoredApp | None) -> None:
        key = AppKey(*name)
        child = names.child_name(*key)
        self._keys[child] = key
        self._wake(key, False)
        if new is None:
            self._forget(child)
            self.on_app_deleted()
        for budget in {app.budget for app in (old, new) if app is not None}:
            if old is None or new is None or old.budget != new.budget:
                self._wake(BudgetKey(budget), False)

    def _budget_changed(self, name: Name, old: StoredBudget | None, new: StoredBudget | None) -> None:
        self._wake(BudgetKey(name[1]), False)
        if old is not None and new is not None and old.model == new.model:
            return
        for known in (old, new):
            if known is not None and isinstance(known.model, AppBudget):
                self._wake_bounds(known.model.spec.run_namespace, urgent=True)
        for key in self.apps_of(lambda _, app: app.budget == name[1]):
            self._wake(key, False)

    def _connector_changed(self, name: Name, old: StoredConnector | None, new: StoredConnector | None) -> None:
        self._wake(ConnectorKey(name[1]), False)
        if old is not None and new is not None and old.model == new.model:
            return
        for key in self.apps_of(lambda _, app: name[1] in (parse.at(app.raw, "spec", "envelope", "connectors") or ())):
            self._wake(key, False)

    def _record_changed(
        self, name: Name, old: AppRecord | Unreadable | None, new: AppRecord | Unreadable | None
    ) -> None:
        for known in (old, new):
            if isinstance(known, AppRecord):
                self._keys[name[1]] = AppKey(known.record.app.namespace, known.record.app.name)
                self._wake_counts(known.record)
                self._wake_bounds(known.record.run_namespace)
        self._wake_child(name[1])
        if new is None:
            self._forget(name[1])

    def _wake_counts(self, record: Record) -> None:
        """Those that count apps by their records."""
        self._wake(BudgetKey(record.budget), False)
        for connector in record.envelope.connectors:
            self._wake(ConnectorKey(connector), False)

    def _forget(self, child: str) -> None:
        """A name that neither an app nor a record derives any more is nobody's: the sweep finds what is left of it."""
        key = self._keys.get(child)
        if key is not None and self.apps.get(key) is None and self.record_version(child) is None:
            del self._keys[child]

    def _ledger_changed(self, name: Name, _: object, __: object) -> None:
        # A Ledger changes when violations were counted: a suspension may be due, and it must not wait in line.
        self._wake_child(name[1], urgent=True)

    def _namespace_changed(self, name: Name, _: object, __: object) -> None:
        if name[1] in self._run_namespaces:
            self._wake(GatewayKey(name[1]), False)
            self._wake_bounds(name[1], urgent=True)
            self._wake_all()
            return
        for key in self.apps_of(lambda key, _: key.namespace == name[1]):
            self._wake(key, False)

    def _source_changed(self, name: Name, _: object, __: object) -> None:
        for key in self.apps_of(lambda key, app: (key.namespace, app.source) == name):
            self._wake(key, False)

    def _gateway_changed(self, _: Name, __: object, ___: object) -> None:
        for run in self._run_namespaces:
            self._wake(GatewayKey(run), False)
        self._wake_all()

    def _gateway_endpoints_changed(self, name: Name, _: object, __: object) -> None:
        before, now = self._gateway_answered, self.gateway_answers()
        if before is False and now:
            self.gateway_since = datetime.now(UTC)
        if before != now:
            self._wake_all()
        self._gateway_answered = now

    def _ca_copy_changed(self, name: Name, _: object, __: object) -> None:
        self._wake(GatewayKey(name[0]), False)
        self._wake_all()

    def _bounds_changed(self, name: Name, _: object, __: object) -> None:
        self._wake_bounds(name[0])

    def _wake_bounds(self, run_namespace: str, *, urgent: bool = False) -> None:
        if run_namespace in self._run_namespaces:
            self._wake(NamespaceQuotaKey(run_namespace), urgent)

    def _child_changed(self, name: Name, old: Live | None, new: Live | None) -> None:
        self._wake_child(name[1])

    def _wake_child(self, name: str, *, urgent: bool = False) -> None:
        key = self.key_of_child(name)
        if key is not None:
            self._wake(key, urgent)

    def _wake_all(self) -> None:
        for name in self.apps:
            self._wake(AppKey(*name), False)


def _group(name: Name) -> str:
    return names.child_name_of(name[1])


def _summarise(records: Iterable[Record]) -> RecordSummary:
    apps: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    connectors: Counter[str] = Counter()
    suspended = []
    for record in records:
        counter = apps if record.deleted_at is None else kept
        counter[record.budget] += 1
        if record.deleted_at is None:
            connectors.update(record.envelope.connectors)
        if record.suspension is not None and record.suspension.code_digest is not None:
            suspended.append(record)
    return RecordSummary(apps, kept, connectors, tuple(suspended))
