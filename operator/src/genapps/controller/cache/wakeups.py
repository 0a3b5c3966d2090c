# SPDX-License-Identifier: Apache-2.0
"""Which change wakes whom, and how soon: the whole rule on one screen.

Nothing here judges: to wake means to look again at a thing, and the pass that follows reads what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from genapps.api import names
from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import AppRecord, Record, Suspension
from genapps.api.budgetrecord import BudgetRecord
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.changes import Change, Source
from genapps.controller.cache.held_apps import held_apps
from genapps.controller.cache.keys import (
    AppKey,
    BudgetKey,
    ConnectorKey,
    ContractsKey,
    GatewayEgressKey,
    GatewayKey,
    HoldKey,
    Key,
    NamespaceQuotaKey,
)
from genapps.controller.cache.ledger_parts import account_of, suspending_part, urgent_part
from genapps.controller.cache.parse import StoredApp
from genapps.core.budgets.balance import exhausted_units
from genapps.core.catalogue.endpoints import SliceState, connector_of


class Priority(Enum):
    """How soon a key is looked at."""

    NOW = auto()
    """Before everything that waits already."""
    NEXT = auto()
    """After what waits already."""
    DEBOUNCED = auto()
    """Once for a group of changes: it counts apps."""


class SweepRequest:
    """In place of a key: a round of the sweep, without waiting for the next regular one."""


NOW, NEXT, DEBOUNCED = Priority.NOW, Priority.NEXT, Priority.DEBOUNCED
SWEEP = SweepRequest()


class Wakeup(NamedTuple):
    """One thing to look at again."""

    target: Key | SweepRequest
    priority: Priority


def wakeups(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """Whom a change wakes, after the caches have it; the same one may come twice."""
    return TABLE[change.source](caches, change)


def of_app(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The app; its budgets, when it names another one than before; and what a deleted one leaves is the sweep's."""
    yield Wakeup(AppKey(*change.name), NEXT)
    if change.new is None:
        yield Wakeup(SWEEP, NEXT)
    if change.new is None or change.old is None:
        yield from _holds(caches)
    before, now = ({app.budget} if app is not None else set() for app in (change.old, change.new))
    for budget in before ^ now:
        yield Wakeup(BudgetKey(budget), DEBOUNCED)


def of_budget(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The budget; when more than its status differs, its apps and the quota of its run namespaces as well."""
    name = change.name[1]
    yield Wakeup(BudgetKey(name), DEBOUNCED)
    if _same_spec(change):
        return
    for known in (change.old, change.new):
        if known is not None and isinstance(known.model, AppBudget):
            yield from _quota(caches, known.model.spec.run_namespace, NEXT)
    yield from _apps(caches, lambda _, app: app.budget == name)


def of_connector(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The connector; when more than its status differs, the apps that name it as well, and those that are told which
    ones they may use."""
    name = change.name[1]
    if _same_spec(change):
        yield Wakeup(ConnectorKey(name), DEBOUNCED)
    else:
        yield Wakeup(ConnectorKey(name), NEXT)
        yield Wakeup(ContractsKey(), NEXT)
        yield Wakeup(GatewayEgressKey(), NEXT)
        yield from _holds(caches)
        yield from _apps(caches, lambda _, app: name in app.connectors or app.told_of_connectors)


def of_hold(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The hold; when more than its status differs, the apps that it matches or did match, before all others."""
    name = change.name[1]
    yield Wakeup(HoldKey(name), NEXT)
    if _same_spec(change):
        return
    for known in (change.old, change.new):
        if known is not None:
            for app in held_apps(caches, name, known.model):
                yield Wakeup(app.key, NOW if app.certain else NEXT)


def of_record(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The app, unless its own pass has just written the record; whoever counts apps by their records; and when a
    suspension of code differs, the app's neighbours, because it follows the code to other names in the namespace."""
    key = caches.key_of_child(change.name[1])
    if key is not None and not change.own:
        yield Wakeup(key, NEXT)
    old, new = (known.record if isinstance(known, AppRecord) else None for known in (change.old, change.new))
    for record in (old, new):
        if record is not None:
            yield Wakeup(BudgetKey(record.budget), DEBOUNCED)
            for connector in record.envelope.connectors:
                yield Wakeup(ConnectorKey(connector), DEBOUNCED)
            yield from _quota(caches, record.run_namespace, DEBOUNCED)
    if _held_state(old) != _held_state(new):
        yield from _holds(caches)
    before, now = (record.named_contracts() if record is not None else frozenset() for record in (old, new))
    if before != now:
        yield Wakeup(ContractsKey(), DEBOUNCED)
    if key is not None and _followed(old) != _followed(new):
        yield from _apps(caches, lambda other, _: other.namespace == key.namespace and other != key)


def of_budget_record(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The budget, unless its own pass has just written the record: somebody may have edited or deleted it. And its apps
    when another period or another limit may have ended what they stood before, whoever wrote it."""
    name = change.name[1]
    if not change.own:
        yield Wakeup(BudgetKey(name), DEBOUNCED)
    told = [
        (each.record.period, each.record.limits, each.record.mode, exhausted_units(each.record, None))
        if isinstance(each, BudgetRecord)
        else None
        for each in (change.old, change.new)
    ]
    if told[0] != told[1]:
        yield from _apps(caches, lambda _, app: app.budget == name)


def of_ledger(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The app; before all others if violations were counted or a threshold was reached, for a suspension may be due,
    and after them if only usage or defects were. Or the connector; or the budget, and its apps when a unit of it is
    exhausted, or is not any more."""
    connector = names.connector_of_ledger(change.name[1])
    if connector is not None:
        yield Wakeup(ConnectorKey(connector), DEBOUNCED)
    budget = names.budget_of_ledger(change.name[1])
    if budget is not None:
        yield Wakeup(BudgetKey(budget), DEBOUNCED)
        published = caches.budget_records.get((caches.system_namespace, budget))
        if isinstance(published, BudgetRecord):
            # Not the marks alone: what is spent may reach a limit that somebody lowered, and nobody marks that.
            before, now = (exhausted_units(published.record, account_of(each)) for each in (change.old, change.new))
            if before != now:
                yield from _apps(caches, lambda _, app: app.budget == budget)
    if suspending_part(change.old) != suspending_part(change.new):
        yield from _owner(caches, change, NOW)
    elif urgent_part(change.old) != urgent_part(change.new):
        yield from _owner(caches, change, NEXT)
    else:
        yield from _owner(caches, change, DEBOUNCED)


def of_child(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The app whose name it has."""
    yield from _owner(caches, change, NEXT)


def of_namespace(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """Its apps; of a run namespace what is made there, the budgets that name it, and every app."""
    name = change.name[1]
    if name in caches.run_namespaces:
        yield Wakeup(GatewayKey(name), NEXT)
        yield from _quota(caches, name, NEXT)
        for (_, budget), stored in caches.budgets.items():
            if isinstance(stored.model, AppBudget) and stored.model.spec.run_namespace == name:
                yield Wakeup(BudgetKey(budget), DEBOUNCED)
        yield from every_app(caches, change)
    else:
        yield from _apps(caches, lambda key, _: key.namespace == name)


def of_code(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The apps that take their code from it."""
    yield from _apps(caches, lambda key, app: (key.namespace, app.source) == change.name)


def of_namespace_quota(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The quota of that namespace: somebody may have edited it."""
    yield from _quota(caches, change.name[0], DEBOUNCED)


def of_gateway(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The copies of its CA, and every app."""
    for run in caches.run_namespaces:
        yield Wakeup(GatewayKey(run), NEXT)
    yield from every_app(caches, change)


def of_ca_copy(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """That copy, and every app: a pod mounts it."""
    yield Wakeup(GatewayKey(change.name[0]), NEXT)
    yield from every_app(caches, change)


def of_service(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """The connectors that name it, and what the gateway may reach, which does not move with pods."""
    for (_, connector), stored in caches.connectors.items():
        if stored.service == change.name:
            yield Wakeup(ConnectorKey(connector), NEXT)
    if not isinstance(change.new or change.old, SliceState):
        yield Wakeup(GatewayEgressKey(), NEXT)


def of_connector_slice(_: Caches, change: Change) -> Iterator[Wakeup]:
    """Its connector: somebody may have edited or deleted it."""
    yield Wakeup(ConnectorKey(connector_of(change.name[1])), NEXT)


def of_contract(caches: Caches, change: Change) -> Iterator[Wakeup]:
    """All of them: somebody may have deleted it; and the apps that name a connector whose contract it is."""
    yield Wakeup(ContractsKey(), NEXT)
    digest = change.new.digest if change.new is not None else None
    connectors = {name for (_, name), stored in caches.connectors.items() if stored.contract.digest == digest}
    if digest and connectors:
        yield from _apps(caches, lambda _, app: not connectors.isdisjoint(app.connectors))


def of_gateway_egress(_: Caches, __: Change) -> Iterator[Wakeup]:
    """The policy: somebody may have edited it."""
    yield Wakeup(GatewayEgressKey(), NEXT)


def every_app(caches: Caches, _: Change) -> Iterator[Wakeup]:
    """All apps that exist."""
    yield from _apps(caches, lambda _, __: True)


TABLE: Mapping[Source, Callable[[Caches, Change], Iterator[Wakeup]]] = {
    Source.APP: of_app,
    Source.BUDGET: of_budget,
    Source.CONNECTOR: of_connector,
    Source.HOLD: of_hold,
    Source.RECORD: of_record,
    Source.BUDGET_RECORD: of_budget_record,
    Source.LEDGER: of_ledger,
    Source.NAMESPACE: of_namespace,
    Source.CODE: of_code,
    Source.CHILD: of_child,
    Source.OPENING_POLICY: every_app,
    Source.NAMESPACE_QUOTA: of_namespace_quota,
    Source.GATEWAY: of_gateway,
    Source.GATEWAY_READINESS: every_app,
    Source.CA_COPY: of_ca_copy,
    Source.SERVICE: of_service,
    Source.CONNECTOR_SLICE: of_connector_slice,
    Source.CONTRACT: of_contract,
    Source.GATEWAY_EGRESS: of_gateway_egress,
}


def everything(caches: Caches) -> Iterator[Wakeup]:
    """What a new leader looks at: every key that there is something about."""
    slices = (name for _, name in caches.connector_slices)
    for app in caches.all_keys():
        yield Wakeup(app, NEXT)
    spent = {name for _, ledger in caches.ledgers if (name := names.budget_of_ledger(ledger)) is not None}
    for budget in {*spent, *(name for store in (caches.budgets, caches.budget_records) for _, name in store)}:
        yield Wakeup(BudgetKey(budget), DEBOUNCED)
    counted = {name for _, ledger in caches.ledgers if (name := names.connector_of_ledger(ledger)) is not None}
    for connector in {*(name for _, name in caches.connectors), *map(connector_of, slices), *counted}:
        yield Wakeup(ConnectorKey(connector), NEXT)
    for _, hold in caches.holds:
        yield Wakeup(HoldKey(hold), NEXT)
    yield Wakeup(ContractsKey(), NEXT)
    yield Wakeup(GatewayEgressKey(), NEXT)
    for run in caches.run_namespaces:
        yield Wakeup(GatewayKey(run), NEXT)
        yield Wakeup(NamespaceQuotaKey(run), NEXT)


def waiting_for_budget(caches: Caches, budget: str) -> Iterator[AppKey]:
    """Apps of a budget that hold none of its places: one that became free may be what they wait for."""

    def without_place(key: AppKey, app: StoredApp) -> bool:
        if app.budget != budget or caches.reservations.holds(key, budget):
            return False
        record = caches.records.get((caches.system_namespace, names.child_name(*key)))
        return not (isinstance(record, AppRecord) and record.record.deleted_at is None)

    return caches.apps_of(without_place)


def _held_state(record: Record | None) -> tuple[object, ...]:
    """What of a record the status of a hold tells."""
    return () if record is None else (record.suspension, record.pod is None, record.revision and record.revision.digest)


def _followed(record: Record | None) -> Suspension | None:
    """The suspension, if it follows the code. That of a hold does not: of 500 apps each would wake all others."""
    suspension = record.suspension if record is not None else None
    return suspension if suspension is not None and suspension.code_digest is not None else None


def _holds(caches: Caches) -> Iterator[Wakeup]:
    """The holds: they count apps."""
    for _, hold in caches.holds:
        yield Wakeup(HoldKey(hold), DEBOUNCED)


def _same_spec(change: Change) -> bool:
    """Whether nothing differs that apps depend on; what cannot be read is the same as long as its message is."""
    old, new = change.old, change.new
    if old is None or new is None:
        return False
    return bool(getattr(old.model, "spec", old.model) == getattr(new.model, "spec", new.model))


def _apps(caches: Caches, predicate: Callable[[AppKey, StoredApp], bool]) -> Iterator[Wakeup]:
    for key in caches.apps_of(predicate):
        yield Wakeup(key, NEXT)


def _owner(caches: Caches, change: Change, priority: Priority) -> Iterator[Wakeup]:
    key = caches.key_of_child(change.name[1])
    if key is not None:
        yield Wakeup(key, priority)


def _quota(caches: Caches, run_namespace: str, priority: Priority) -> Iterator[Wakeup]:
    if run_namespace in caches.run_namespaces:
        yield Wakeup(NamespaceQuotaKey(run_namespace), priority)
