# SPDX-License-Identifier: Apache-2.0
"""The table of wakeups, row by row: what changed, whom it wakes, how soon; and what must wake nobody."""

from collections.abc import Callable
from typing import Any

import pytest

from genapps.api.names import child_name
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.changes import Source
from genapps.controller.cache.keys import (
    AppKey,
    BudgetKey,
    ConnectorKey,
    ContractsKey,
    GatewayEgressKey,
    GatewayKey,
    Key,
    NamespaceQuotaKey,
)
from genapps.controller.cache.services import FollowedService
from genapps.controller.cache.wakeups import (
    DEBOUNCED,
    NEXT,
    NOW,
    SWEEP,
    TABLE,
    Priority,
    Wakeup,
    everything,
    waiting_for_budget,
)
from tests.unit.controller import world
from tests.unit.controller.world import Seen, app, budget, child, connector, record

A, B, ELSEWHERE = AppKey("team", "a"), AppKey("team", "b"), AppKey("other", "c")
EGRESS, CONTRACTS = (GatewayEgressKey(), NEXT), (ContractsKey(), NEXT)
BUDGET, QUOTA, GATEWAY = BudgetKey("b"), NamespaceQuotaKey("run"), GatewayKey("run")
SUSPENDED = {"id": "s1", "reason": "ViolationThreshold", "at": "2026-11-23T10:00:00Z", "codeDigest": world.DIGEST}

BREAKER = {"pod": "p1", "open": True, "since": "2026-11-23T10:00:00Z", "confirmedAt": "2026-11-23T10:00:00Z"}


def at(version: int, object_: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**object_, "metadata": {**object_["metadata"], "resourceVersion": str(version), **metadata}}


def named(namespace: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, "uid": "u", "resourceVersion": "50"}, **fields}


def ledger(version: int, **parts: Any) -> dict[str, Any]:
    owner = {"namespace": "team", "name": "a", "uid": "u"}
    return at(version, named("system", child_name("team", "a"), record={"app": owner, **parts}))


def spec(budget: str = "b", **more: Any) -> dict[str, Any]:
    return {
        "budget": budget,
        "envelope": {"connectors": ["crm"]},
        "code": {"source": {"configMap": {"name": "code"}}},
        **more,
    }


def filled() -> Seen:
    """Two apps in `team` and one elsewhere; `a` has a record, a child and a budget."""
    made = Seen()
    caches = made.caches
    caches.apps.changed(app("a", 1, **spec()))
    caches.apps.changed(app("b", 2, budget="another"))
    caches.apps.changed(at(3, app("c", budget="another"), namespace="other"))
    caches.records.changed(record("a", 4))
    caches.children["run", "Service"].changed(at(5, child("a")))
    caches.budgets.changed(budget("b", 6))
    caches.connectors.changed(connector("crm", 7))
    caches.namespaces.changed(at(8, {"metadata": {"name": "team", "uid": "n1"}}))
    caches.namespaces.changed(at(9, {"metadata": {"name": "run", "uid": "n2"}}))
    made.wakeups.clear()
    return made


@pytest.fixture
def seen() -> Seen:
    return filled()


def _opening() -> dict[str, Any]:
    return named("run", "extra", spec={"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]})


def _served(caches: Caches) -> FollowedService:
    """A connector with a Service, both known; what that wakes is not asked."""
    service = {"namespace": "billing", "name": "ledger", "port": 80}
    spec = {"type": "MCP", "endpoint": {"service": service}, "namespaces": ["team"]}
    caches.connectors.written({**connector("mail", 21), "spec": spec})
    return caches.services.follow(("billing", "ledger"))


def _is_known_to_be_without_slices(caches: Caches) -> None:
    _served(caches)
    caches.services.is_synced(("billing", "ledger"))


def _appears_beside_a_refused_app(caches: Caches) -> None:
    refused = {"conditions": [{"type": "EnvelopeValid", "status": "False", "reason": "ConnectorUnknown"}]}
    caches.apps.written({**app("b", 20, budget="another"), "status": refused})
    caches.connectors.changed(connector("mail", 21))


Act = Callable[[Caches], object]
Row = tuple[str, Act, set[tuple[Any, Priority]]]

ROWS: list[Row] = [
    (
        "an app that is created wakes itself and its budget",
        lambda c: c.apps.changed(app("new", 20, budget="b")),
        {(AppKey("team", "new"), NEXT), (BUDGET, DEBOUNCED)},
    ),
    (
        "an app that changes wakes itself, and not its budget",
        lambda c: c.apps.changed(app("a", 20, **spec(tier="large"))),
        {(A, NEXT)},
    ),
    (
        "an app that names another budget wakes both",
        lambda c: c.apps.changed(app("a", 20, **spec("another"))),
        {(A, NEXT), (BUDGET, DEBOUNCED), (BudgetKey("another"), DEBOUNCED)},
    ),
    (
        "an app that is deleted wakes itself, its budget and the sweep",
        lambda c: c.apps.deleted(app("a", 20)),
        {(A, NEXT), (BUDGET, DEBOUNCED), (SWEEP, NEXT)},
    ),
    (
        "a budget whose spec changes wakes itself, its apps and the quota of its run namespace",
        lambda c: c.budgets.changed(budget("b", 20, maxApps=7)),
        {(BUDGET, DEBOUNCED), (A, NEXT), (QUOTA, NEXT)},
    ),
    (
        "a budget that is deleted wakes the same",
        lambda c: c.budgets.deleted(budget("b", 20)),
        {(BUDGET, DEBOUNCED), (A, NEXT), (QUOTA, NEXT)},
    ),
    (
        "a budget whose status changes wakes only itself",
        lambda c: c.budgets.changed({**budget("b", 20), "status": {"apps": 1}}),
        {(BUDGET, DEBOUNCED)},
    ),
    (
        "a connector that appears wakes itself, and no app that names another one",
        lambda c: c.connectors.listed([connector("mail", 21), connector("crm", 7)], "21"),
        {(ConnectorKey("mail"), NEXT), EGRESS, CONTRACTS},
    ),
    (
        "a connector that goes wakes itself and the apps that name it",
        lambda c: c.connectors.deleted(connector("crm", 20)),
        {(ConnectorKey("crm"), NEXT), EGRESS, CONTRACTS, (A, NEXT)},
    ),
    (
        "a connector that appears wakes an app that is told which ones it may use",
        _appears_beside_a_refused_app,
        {(ConnectorKey("mail"), NEXT), EGRESS, CONTRACTS, (B, NEXT)},
    ),
    (
        "a Service that changes wakes the connectors that name it, and no others",
        lambda c: _served(c).service.changed(named("billing", "ledger", spec={"selector": {"app": "ledger"}})),
        {(ConnectorKey("mail"), NEXT), EGRESS},
    ),
    (
        "an EndpointSlice of a Service wakes them only",
        lambda c: _served(c).slices.changed(named("billing", "ledger-x2k", endpoints=[], ports=[])),
        {(ConnectorKey("mail"), NEXT)},
    ),
    (
        "a Service that is known to have no slices wakes what a change of it does",
        _is_known_to_be_without_slices,
        {(ConnectorKey("mail"), NEXT), EGRESS},
    ),
    (
        "a policy of somebody else that opens something wakes every app",
        lambda c: c.children["run", "NetworkPolicy"].changed(_opening()),
        {(A, NEXT), (B, NEXT), (ELSEWHERE, NEXT)},
    ),
    (
        "a policy of somebody else that opens nothing wakes nobody",
        lambda c: c.children["run", "NetworkPolicy"].changed(named("run", "extra", spec={"podSelector": {}})),
        set(),
    ),
    (
        "an edited slice beside the gateway wakes its connector",
        lambda c: c.connector_slices.changed(named("system", "connector-crm")),
        {(ConnectorKey("crm"), NEXT)},
    ),
    (
        "an edited policy on the gateway's egress wakes itself",
        lambda c: c.gateway_egress.changed(named("system", "genapps-gateway-egress")),
        {EGRESS},
    ),
    (
        "a connector whose status changes wakes only itself",
        lambda c: c.connectors.changed({**connector("crm", 20), "status": {"apps": 1}}),
        {(ConnectorKey("crm"), DEBOUNCED)},
    ),
    (
        "a record that somebody else changes wakes its app, and who counts by it",
        lambda c: c.records.changed(record("a", 20, envelope={"digest": world.DIGEST, "connectors": ["crm"]})),
        {(A, NEXT), (BUDGET, DEBOUNCED), (ConnectorKey("crm"), DEBOUNCED), (QUOTA, DEBOUNCED)},
    ),
    (
        "a record that we write wakes who counts by it, and not its app, whose pass goes on",
        lambda c: c.record_written(record("a", 20, tier={"name": "large"})),
        {(BUDGET, DEBOUNCED), (QUOTA, DEBOUNCED)},
    ),
    (
        "a record that moves to another budget wakes both",
        lambda c: c.record_written(record("a", 20, budget="another")),
        {(BUDGET, DEBOUNCED), (BudgetKey("another"), DEBOUNCED), (QUOTA, DEBOUNCED)},
    ),
    (
        "a suspension that we write wakes the neighbours in the namespace",
        lambda c: c.record_written(record("a", 20, suspension=SUSPENDED)),
        {(B, NEXT), (BUDGET, DEBOUNCED), (QUOTA, DEBOUNCED)},
    ),
    (
        "a suspension that somebody else writes wakes them as well",
        lambda c: c.records.changed(record("a", 20, suspension=SUSPENDED)),
        {(A, NEXT), (B, NEXT), (BUDGET, DEBOUNCED), (QUOTA, DEBOUNCED)},
    ),
    (
        "a record that goes wakes its app and who counted by it",
        lambda c: c.records.deleted(record("a", 20)),
        {(A, NEXT), (BUDGET, DEBOUNCED), (QUOTA, DEBOUNCED)},
    ),
    (
        "a record that becomes unreadable wakes its app",
        lambda c: c.records.changed({**record("a", 20), "record": {}}),
        {(A, NEXT), (BUDGET, DEBOUNCED), (QUOTA, DEBOUNCED)},
    ),
    (
        "a ledger that nobody can read wakes its app before all others",
        lambda c: c.ledgers.changed(named("system", child_name("team", "a"))),
        {(A, NOW)},
    ),
    (
        "a ledger in which nothing was counted wakes its app after what waits",
        lambda c: ledgers(c, ledger(20, breaker=BREAKER)),
        {(A, NEXT)},
    ),
    (
        "a ledger in which something was counted as well wakes its app before all others",
        lambda c: ledgers(c, ledger(20), ledger(21, violations={"total": 1})),
        {(A, DEBOUNCED), (A, NOW)},
    ),
    (
        "a ledger of a connector wakes it, once for a group of changes",
        lambda c: c.ledgers.changed(named("system", "connector.crm", record={"connector": {}})),
        {(ConnectorKey("crm"), DEBOUNCED)},
    ),
    (
        "a child wakes the app whose name it has, whatever its labels are",
        lambda c: c.children["run", "Pod"].changed(named("run", child_name("team", "a"))),
        {(A, NEXT)},
    ),
    (
        "a snapshot wakes the app whose name it starts with",
        lambda c: c.children["run", "ConfigMap"].changed(named("run", child_name("team", "a") + "-code-0123456789ab")),
        {(A, NEXT)},
    ),
    (
        "a child that goes wakes its app",
        lambda c: c.children["run", "Service"].deleted(at(20, child("a"))),
        {(A, NEXT)},
    ),
    (
        "a namespace of tenants wakes its apps",
        lambda c: c.namespaces.changed(at(20, {"metadata": {"name": "team", "uid": "n9"}})),
        {(A, NEXT), (B, NEXT)},
    ),
    (
        "a run namespace wakes its CA copy, its quota, its budgets and every app",
        lambda c: c.namespaces.changed(
            at(20, {"metadata": {"name": "run", "uid": "n2", "labels": {"genapps.dev/run-namespace": "true"}}})
        ),
        {(GATEWAY, NEXT), (QUOTA, NEXT), (BUDGET, DEBOUNCED), (A, NEXT), (B, NEXT), (ELSEWHERE, NEXT)},
    ),
    (
        "a ConfigMap wakes the apps that take their code from it",
        lambda c: c.sources.changed(named("team", "code")),
        {(A, NEXT)},
    ),
    (
        "a quota that somebody edits wakes itself, once for a group of edits",
        lambda c: c.namespace_quotas["run", "ResourceQuota"].changed(
            {**named("run", "genapps", spec={"hard": {"pods": "1"}}), "kind": "ResourceQuota"}
        ),
        {(QUOTA, DEBOUNCED)},
    ),
    (
        "the gateway's address wakes the CA copies and every app",
        lambda c: c.gateway_service.changed(named("system", "gateway", spec={"clusterIP": "10.0.0.1"})),
        {(GATEWAY, NEXT), (A, NEXT), (B, NEXT), (ELSEWHERE, NEXT)},
    ),
    (
        "the gateway's CA wakes the same",
        lambda c: c.gateway_ca.changed(named("system", "ca", data={"ca.crt": "pem"})),
        {(GATEWAY, NEXT), (A, NEXT), (B, NEXT), (ELSEWHERE, NEXT)},
    ),
    (
        "a copy of the CA that changes wakes itself and every app",
        lambda c: c.ca_copies["run"].changed(named("run", "ca", data={"ca.crt": "pem"})),
        {(GATEWAY, NEXT), (A, NEXT), (B, NEXT), (ELSEWHERE, NEXT)},
    ),
    (
        "a gateway that answers for the first time wakes every app",
        lambda c: c.gateway_endpoints.changed(named("system", "slice", endpoints=[{"conditions": {"ready": True}}])),
        {(A, NEXT), (B, NEXT), (ELSEWHERE, NEXT)},
    ),
]


@pytest.mark.parametrize(("act", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_change_wakes(seen: Seen, act: Act, expected: set[tuple[Any, Priority]]) -> None:
    act(seen.caches)
    assert set(seen.wakeups) == {Wakeup(*each) for each in expected}


SILENT: list[tuple[str, Act]] = [
    ("an event of an app that is not newer", lambda c: c.apps.changed(app("a", 1, budget="another"))),
    ("our own write of a status", lambda c: c.apps.written({**app("a", 20, **spec()), "status": {"x": "y"}})),
    ("our own write of a child", lambda c: c.children["run", "Service"].written(at(20, child("a")))),
    ("the event of our own write of a record", lambda c: c.records.changed(record("a", 4, tier={"name": "large"}))),
    ("an answer that the event has overtaken", lambda c: c.record_written(record("a", 4, tier={"name": "large"}))),
    ("a child under a name of no app", lambda c: c.children["run", "Pod"].changed(named("run", "stranger"))),
    ("a ledger of no app", lambda c: c.ledgers.changed(named("system", "stranger"))),
    ("a ConfigMap that no app names", lambda c: c.sources.changed(named("team", "settings"))),
    ("a ConfigMap of that name elsewhere", lambda c: c.sources.changed(named("other", "code"))),
    ("a namespace without apps", lambda c: c.namespaces.changed(named("", "kube-system"))),
    ("a slice of a gateway that still does not answer", lambda c: _slices(c)),
]


def ledgers(caches: Caches, *several: dict[str, Any]) -> None:
    for one in several:
        caches.ledgers.changed(one)


def _slices(caches: Caches) -> None:
    caches._gateway_answered = False
    caches.gateway_endpoints.changed(named("system", "slice", endpoints=[{"conditions": {"ready": False}}]))


@pytest.mark.parametrize("act", [row[1] for row in SILENT], ids=[row[0] for row in SILENT])
def test_nobody_is_woken_by(seen: Seen, act: Act) -> None:
    act(seen.caches)
    assert seen.wakeups == []


def test_a_record_in_a_run_namespace_of_others_wakes_no_quota(seen: Seen) -> None:
    seen.caches.record_written(record("b", 20, runNamespace="elsewhere"))
    assert not any(isinstance(target, NamespaceQuotaKey) for target in seen.woken())


def test_every_kind_of_change_has_a_row() -> None:
    assert set(TABLE) == set(Source)


def test_a_new_leader_looks_at_everything_there_is(seen: Seen) -> None:
    seen.caches.records.changed(record("gone", 30))
    seen.caches.connector_slices.changed(named("system", "connector-withdrawn"))
    seen.caches.ledgers.changed(named("system", "connector.left", record={}))
    found: set[Key | object] = {wakeup.target for wakeup in everything(seen.caches)}
    apps = {A, B, ELSEWHERE, AppKey("team", "gone")}
    left = {ConnectorKey("crm"), ConnectorKey("withdrawn"), ConnectorKey("left"), GatewayEgressKey(), ContractsKey()}
    assert found == apps | left | {BUDGET, GATEWAY, QUOTA}


def test_an_app_waits_for_a_budget_until_it_has_a_place_or_a_record(seen: Seen) -> None:
    for name in ("holds", "waits"):
        seen.caches.apps.changed(app(name, 20, budget="b"))
    seen.caches.reservations.reserve(AppKey("team", "holds"), "b")
    assert list(waiting_for_budget(seen.caches, "b")) == [AppKey("team", "waits")]
    seen.caches.records.changed(record("a", 21, deletedAt="2026-11-23T10:00:00Z"))
    assert set(waiting_for_budget(seen.caches, "b")) == {A, AppKey("team", "waits")}


def test_policies_that_open_something_are_known_until_they_are_gone(seen: Seen) -> None:
    policies = seen.caches.children["run", "NetworkPolicy"]
    policies.changed(_opening())
    assert seen.caches.opened_by("run", {"any": "pod"}) == ("extra",)
    closed = {**_opening(), "spec": {"podSelector": {}, "policyTypes": ["Egress"]}}
    policies.changed(at(60, closed))
    assert seen.caches.opened_by("run", {"any": "pod"}) == ()
    policies.changed(at(61, _opening()))
    policies.deleted(at(62, _opening()))
    assert seen.caches.opened_by("run", {"any": "pod"}) == ()
    assert seen.caches.opened_by("elsewhere", {}) == ()
