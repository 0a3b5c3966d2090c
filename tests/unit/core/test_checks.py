# SPDX-License-Identifier: Apache-2.0
"""Every check, in sentences: what is asked, what is found, and which way out the message names."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from genapps.api.apprecord import AppRecord
from genapps.api.conditions import ConditionType, Reason
from genapps.api.digests import bundle_digest
from genapps.api.names import AppKey
from genapps.core.checks import CHECKS
from genapps.core.observed import Child, ClaimState, Unreadable
from genapps.core.verdict import Mode
from tests.unit.core.world import CHILD, PLATFORM, START, World, app, budget, connector, merged

DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Row:
    """One row: the sentence is its name."""

    sentence: str
    reason: Reason
    condition: ConditionType
    says: str
    """Words that the message must hold."""
    spec: dict[str, Any] = field(default_factory=dict)
    budget: Any = field(default_factory=budget)
    world: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)


_ENVELOPE, _BUDGET = ConditionType.ENVELOPE_VALID, ConditionType.BUDGET_AVAILABLE
_CODE, _STALLED = ConditionType.CODE_VERIFIED, ConditionType.STALLED
_JWT = {"jwt": {"issuer": "https://id.example.com", "audience": "apps", "claim": "org"}}
_HEADER: dict[str, Any] = {"header": "X-T", "trustedCallers": ["web"], "maxTenants": 1}
_MAP = {"code": {"source": {"inline": None, "configMap": {"name": "source", "entry": "app.py"}}}}
_LABELS = {"labels": {"genapps.dev/source": "true"}}
_ONE_FILE: dict[str, Any] = {"metadata": _LABELS, "data": {"app.py": ""}}
_TWO_FILES: dict[str, Any] = {"metadata": _LABELS, "data": {"app.py": "", "b": ""}}
_IMAGE = {"code": {"source": {"inline": None, "image": {"reference": f"registry.example/app@{DIGEST}"}}}}


def _mapped(*items: tuple[str, str]) -> dict[str, Any]:
    listed = [{"key": key, "path": path} for key, path in items]
    return {"code": {"source": {"inline": None, "configMap": {"name": "source", "entry": "app.py", "items": listed}}}}


def _foreign(namespace: str, name: str) -> dict[tuple[str, str], Child]:
    other = AppKey(namespace, name)
    return {("Service", CHILD): Child("Service", "genapps-run", CHILD, "uid", other, "")}


def _claim(owner: str, namespace_uid: str) -> ClaimState:
    return ClaimState(bound=True, lost=False, owner=owner, namespace_uid=namespace_uid, spec={})


def _record(**metadata: Any) -> AppRecord:
    left = World().run().record
    assert left
    left = left.model_copy(update={"deleted_at": START})
    return AppRecord.model_validate({"metadata": {"name": CHILD, **metadata}, "record": left})


_RECORD, _DELETED_RECORD = _record(), _record(deletionTimestamp=START)


def _schedule(**changes: str) -> dict[str, Any]:
    return {"schedules": [{"name": "nightly", "cron": "0 2 * * *", "path": "/report"} | changes]}


ROWS = (
    Row("an app whose Service belongs to an app of another namespace", Reason.NAME_TAKEN, _STALLED,
        "Choose another app name", world={"children": _foreign("sales", "unit-converter")}),
    Row("an app whose Service belongs to another app of the namespace", Reason.NAME_TAKEN, _STALLED,
        f"Service {CHILD}", world={"children": _foreign("finance", "other")}),
    Row("an app whose budget does not allow the issuer of its tenants", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE,
        "Use one of: https://other.example.com", {"tenancy": _JWT | {"maxTenants": 1}},
        budget({"tiers": {"small": {"instances": 2}}, "policy": {"tenantIssuers": ["https://other.example.com"]}})),
    Row("an app whose budget allows no issuer", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE, "Use one of: none",
        {"tenancy": _JWT | {"maxTenants": 1}}, budget({"tiers": {"small": {"instances": 2}}})),
    Row("an app with tenants in a tier with one instance", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE,
        "has instances 1", {"tenancy": _HEADER}),
    Row("an app with one tenant more than its claim has room for", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE,
        "13 tenants with 64Mi each, and 16Mi for what is kept of their requests, have no room on the claim of tier "
        "small (1Gi). Set spec.tenancy.maxTenants to at most 12", {"tenancy": _HEADER | {"maxTenants": 13}},
        budget({"tiers": {"small": {"instances": 2}}})),
    Row("an app with the most tenants that are usual in a small tier", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE,
        "100 tenants", {"tenancy": {"header": "X-T", "trustedCallers": ["web"]}},
        budget({"tiers": {"small": {"instances": 2}}})),
    Row("an app whose state is copied and has no room twice", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE, "at most 6",
        {"tenancy": _HEADER | {"maxTenants": 7}, "rollback": {"to": "previousRevision", "state": "Restore"}},
        budget({"tiers": {"small": {"instances": 2}}})),
    Row("an app whose claim holds not even one tenant twice", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE,
        "(1Gi). Choose a tier", {"tenancy": _HEADER, "rollback": {"to": "previousRevision", "state": "Restore"}},
        budget({"tiers": {"small": {"instances": 2, "state": {"perTenant": "1Gi"}}}})),
    Row("an app whose connector lifts it to high risk, with tenants by header", Reason.TENANCY_NOT_ALLOWED, _ENVELOPE,
        "spec.tenancy.jwt", {"tenancy": _HEADER, "envelope": {"connectors": ["payroll"]}},
        budget({"tiers": {"small": {"instances": 2}}, "policy": {"maxRiskClass": "high"}}),
        others={"connectors": {"payroll": connector("high")}}),
    Row("an app from an image of no registry of its budget", Reason.IMAGE_REGISTRY_NOT_ALLOWED, _ENVELOPE,
        "Push the code to one of: registry.example/finance", _IMAGE,
        budget=budget({"policy": {"imageRegistries": ["registry.example/finance"]}})),
    Row("an app from an image although no registry is allowed", Reason.IMAGE_REGISTRY_NOT_ALLOWED, _ENVELOPE,
        "Push the code to one of: none", _IMAGE),
    Row("a component under a policy that does not list it", Reason.LANGUAGE_NOT_ALLOWED, _ENVELOPE,
        "component. Use one of: python, javascript", {"code": {**_IMAGE["code"], "language": "component"}}),
    Row("an app above stage Development", Reason.NOT_YET_SUPPORTED, _ENVELOPE, "spec.stage Internal",
        {"stage": "Internal", "code": {"digest": DIGEST}}),
    Row("an app that brings an attestation", Reason.NOT_YET_SUPPORTED, _ENVELOPE, "spec.attestation",
        {"attestation": {"configMap": {"name": "x", "key": "y"}}}),
    Row("an app whose budget does not exist", Reason.BUDGET_NOT_FOUND, _BUDGET, "Correct spec.budget", budget=None),
    Row("an app whose budget cannot be read", Reason.BUDGET_INVALID, _BUDGET, "spec.tiers",
        budget=Unreadable("AppBudget", "spec.tiers: missing")),
    Row("an app whose budget does not list its namespace", Reason.NAMESPACE_NOT_GRANTED, _BUDGET, "namespace finance",
        budget=budget({"namespaces": ["sales"]})),
    Row("an app whose tier has a claim that is smaller than what a tenant may store", Reason.BUDGET_INVALID, _BUDGET,
        "lets each tenant store 1025Mi on a claim of 1Gi",
        budget=budget({"tiers": {"small": {"state": {"perTenant": "1025Mi"}}}})),
    Row("an app whose tier does not exist", Reason.TIER_NOT_FOUND, _BUDGET, "one of: large, small", {"tier": "huge"},
        budget({"tiers": {"large": {}}})),
    Row("an app that would run in a namespace that is not prepared", Reason.RUN_NAMESPACE_NOT_PREPARED, _STALLED,
        "runNamespaces", world={"platform": replace(PLATFORM, run_namespaces=frozenset())}),
    Row("an app of a risk class above the policy", Reason.RISK_CLASS_NOT_ALLOWED, _ENVELOPE, "at most low",
        {"envelope": {"riskClass": "medium"}}, budget({"policy": {"maxRiskClass": "low"}})),
    Row("an app whose connector lifts its risk class above the policy", Reason.RISK_CLASS_NOT_ALLOWED, _ENVELOPE,
        "is medium", {"envelope": {"connectors": ["payroll"]}}, budget({"policy": {"maxRiskClass": "low"}}),
        others={"connectors": {"payroll": connector("medium")}}),
    Row("an app in a language that the policy leaves out", Reason.LANGUAGE_NOT_ALLOWED, _ENVELOPE, "one of: javascript",
        budget=budget({"policy": {"languages": ["javascript"]}})),
    Row("an app of a workload class that the policy leaves out", Reason.WORKLOAD_CLASS_NOT_ALLOWED, _ENVELOPE,
        "one of: batch", budget=budget({"policy": {"workloadClasses": ["batch"]}})),
    Row("an app with a schedule in an unknown time zone", Reason.SCHEDULE_INVALID, _ENVELOPE,
        "spec.schedules nightly: timeZone Mars/Olympus", _schedule(timeZone="Mars/Olympus")),
    Row("an app with a schedule whose minute does not exist", Reason.SCHEDULE_INVALID, _ENVELOPE,
        "spec.schedules nightly: cron '60 * * * *' is not valid: Bad minute", _schedule(cron="60 * * * *")),
    Row("an app with a schedule on 30 February", Reason.SCHEDULE_INVALID, _ENVELOPE,
        "spec.schedules nightly: cron '0 0 30 2 *'", _schedule(cron="0 0 30 2 *")),
    Row("an app whose connector does not exist", Reason.CONNECTOR_UNKNOWN, _ENVELOPE,
        "nowhere not known in namespace finance. Use one of: none.", {"envelope": {"connectors": ["nowhere"]}}),
    Row("an app whose connector is granted to others only", Reason.CONNECTOR_UNKNOWN, _ENVELOPE,
        "payroll not known in namespace finance. Use one of: mail.", {"envelope": {"connectors": ["mail", "payroll"]}},
        others={"connectors": {"mail": connector("low"), "payroll": connector("low", namespaces=("sales",))}}),
    Row("one app more than the budget allows", Reason.TOO_MANY_APPS, _BUDGET, "policy.maxApps",
        budget=budget({"policy": {"maxApps": 2}}), others={"apps_of_budget": 2}),
    Row("an app whose budget keeps the state of many deleted ones", Reason.TOO_MANY_APPS, _BUDGET,
        "state of 3 deleted apps", budget=budget({"policy": {"maxApps": 2}}),
        others={"apps_of_budget": 1, "kept_of_budget": 3}),
    Row("an app that finds the record of another owner", Reason.CLAIM_NOT_ADOPTED, _STALLED, "purge them",
        others={"earlier": _RECORD}),
    Row("an app whose name is being purged", Reason.BEING_PURGED, _STALLED, "being purged",
        others={"earlier": _DELETED_RECORD}),
    Row("an app that finds a claim of another owner", Reason.CLAIM_NOT_ADOPTED, _STALLED, "Choose another app name",
        world={"claim": _claim("sales-tools", "namespace-uid-1")}),
    Row("an app that finds a claim of an earlier namespace", Reason.CLAIM_NOT_ADOPTED, _STALLED, "earlier namespace",
        world={"claim": _claim("finance-tools", "namespace-uid-0")}),
    Row("an app whose ConfigMap does not exist", Reason.SOURCE_NOT_FOUND, _CODE, "ConfigMap source does not exist",
        _MAP),
    Row("an app whose ConfigMap has no label", Reason.SOURCE_NOT_LABELLED, _CODE, 'genapps.dev/source: "true"', _MAP,
        world={"config_map": {"metadata": {}, "data": {"app.py": ""}}}),
    Row("an app whose ConfigMap lacks the entry", Reason.SOURCE_INVALID, _CODE, "no key app.py", _MAP,
        world={"config_map": {"metadata": _LABELS, "data": {"main.py": ""}}}),
    Row("an app whose ConfigMap holds broken base64", Reason.SOURCE_INVALID, _CODE, "not base64", _MAP,
        world={"config_map": {"metadata": _LABELS, "binaryData": {"app.py": "?"}}}),
    Row("an app whose ConfigMap is too large in bytes", Reason.SOURCE_TOO_LARGE, _CODE, "1048576", _MAP,
        world={"config_map": {"metadata": _LABELS, "data": {"app.py": "\N{SNOWMAN}" * 400_000}}}),
    Row("an app whose ConfigMap holds more names than can be stored twice", Reason.SOURCE_TOO_LARGE, _CODE,
        "513 files", _MAP,
        world={"config_map": {"metadata": _LABELS, "data": {"app.py": "", **{f"{n}.py": "" for n in range(512)}}}}),
    Row("an app that lists a key that its ConfigMap does not have", Reason.SOURCE_INVALID, _CODE, "no key page",
        _mapped(("app.py", "app.py"), ("page", "public/index.html")), world={"config_map": _ONE_FILE}),
    Row("an app that lists a key twice", Reason.SOURCE_INVALID, _CODE, "the key app.py twice",
        _mapped(("app.py", "app.py"), ("app.py", "public/app.py")), world={"config_map": _ONE_FILE}),
    Row("an app that lists a path twice", Reason.SOURCE_INVALID, _CODE, "the path app.py twice",
        _mapped(("app.py", "app.py"), ("b", "app.py")), world={"config_map": _TWO_FILES}),
    Row("an app that lists a file that is a folder too", Reason.SOURCE_INVALID, _CODE, "as a file and as a folder",
        _mapped(("app.py", "app.py"), ("b", "app.py/b")), world={"config_map": _TWO_FILES}),
    Row("an app that does not list its entry", Reason.SOURCE_INVALID, _CODE, "no item with the path app.py",
        _mapped(("app.py", "main.py")), world={"config_map": _ONE_FILE}),
    Row("an app in a run namespace, although its budget lists it", Reason.NAMESPACE_NOT_GRANTED, _BUDGET,
        "belongs to the platform", budget=budget({"namespaces": ["finance"]}),
        world={"platform": replace(PLATFORM, run_namespaces=frozenset({"genapps-run", "finance"}))}),
    Row("an app in the system namespace", Reason.NAMESPACE_NOT_GRANTED, _BUDGET, "belongs to the platform",
        world={"platform": replace(PLATFORM, system_namespace="finance")}),
    Row("an app whose inline source is short in characters and long in bytes", Reason.SOURCE_TOO_LARGE, _CODE, "65536",
        {"code": {"source": {"inline": "\N{SNOWMAN}" * 30_000}}}),
    Row("an app whose source has another digest", Reason.DIGEST_MISMATCH, _CODE, "Set that digest",
        {"code": {"digest": DIGEST}}),
    Row("an app that imports what apps do not have", Reason.MODULE_NOT_AVAILABLE, _CODE, "numpy (app.py, line 2)",
        {"code": {"source": {"inline": "import math\nimport numpy\n"}}}),
    Row("an app whose code no Python can compile", Reason.CODE_REJECTED, _CODE, "app.py, line 1: '(' was never closed",
        {"code": {"source": {"inline": "print(\n"}}}),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_a_new_app_gets_nothing_and_is_told_why(row: Row) -> None:
    world = World(app=app(row.spec), budget=row.budget, others=row.others, **row.world)
    verdict = world.verdict()
    assert verdict.mode is Mode.NOTHING
    lead = verdict.findings[0]
    assert (lead.reason, lead.condition) == (row.reason, row.condition)
    assert row.says in lead.message
    assert lead.message.endswith(".")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_it_is_stalled_and_the_condition_in_charge_gives_the_reason(row: Row) -> None:
    world = World(app=app(row.spec), budget=row.budget, others=row.others, **row.world)
    world.settle()
    assert world.writes[0] == "status"
    assert world.record is None
    assert world.condition("Ready") == ("False", row.reason.value)
    assert world.condition("Stalled") == ("True", row.reason.value)
    assert world.condition("Reconciling")[0] == "False"
    if row.condition is not _STALLED:
        assert world.condition(row.condition.value) == ("False", row.reason.value)
    assert world.events[0].reason == row.reason.value


def test_every_check_has_a_row() -> None:
    worlds = [World(app=app(row.spec), budget=row.budget, others=row.others, **row.world) for row in ROWS]
    reasons = {world.verdict().findings[0].reason for world in worlds}
    # One check cannot be met by a new app: another run namespace needs a record. Two find an invalid budget.
    assert len(CHECKS) == 22
    assert len(reasons) >= len(CHECKS) - 2


def test_an_app_that_cannot_be_read_gets_nothing() -> None:
    world = World()
    world.make_unreadable("spec.tier: missing")
    world.settle()
    assert world.condition("Stalled") == ("True", "SpecInvalid")
    assert world.condition("EnvelopeValid") == ("False", "SpecInvalid")
    assert "spec.tier: missing" in world.message("Ready")
    assert world.children == {}


def test_a_refused_app_is_judged_again_when_its_budget_appears() -> None:
    world = World(budget=None)
    world.settle()
    world.budget = budget()
    world.run()
    assert world.condition("Ready") == ("True", "Available")


def test_a_budget_with_another_run_namespace_starts_no_new_revision() -> None:
    world = World().run()
    world.budget = budget({"runNamespace": "other-run"})
    world.platform = replace(PLATFORM, run_namespaces=frozenset({"genapps-run", "other-run"}))
    world.settle()
    assert world.condition("BudgetAvailable") == ("False", "RunNamespaceChanged")
    assert world.condition("Ready") == ("True", "Available")
    assert {child.namespace for child in world.children.values()} == {"genapps-run"}


def test_a_running_app_stays_where_it_is_also_when_its_budget_names_a_namespace_that_is_not_prepared() -> None:
    world = World().run()
    world.budget = budget({"runNamespace": "other-run"})
    world.settle()
    assert world.condition("BudgetAvailable") == ("False", "RunNamespaceChanged")
    assert world.condition("Ready") == ("True", "Available")


CALLING = app({"envelope": {"connectors": ["payroll"]}})
GRANTED = {"connectors": {"payroll": connector("low")}}


@pytest.mark.parametrize("left", [{}, {"payroll": connector("low", namespaces=("sales",))}], ids=["gone", "withdrawn"])
def test_an_app_that_runs_goes_on_without_its_connector_and_comes_back_after_a_drain(left: dict[str, Any]) -> None:
    world = World(app=CALLING, others=GRANTED).run()
    assert world.condition("EnvelopeValid") == ("True", "Accepted")
    assert world.status["connectors"] == [{"name": "payroll", "state": "Granted"}]
    world.others = {"connectors": left}
    world.run()
    assert world.condition("EnvelopeValid") == ("False", "ConnectorUnknown")
    assert world.condition("Ready") == ("True", "Available")
    assert world.condition("Stalled")[0] == "False", "nothing waits for anybody"
    assert world.status["connectors"] == [{"name": "payroll", "state": "Unknown"}]
    world.pod_is_gone()
    world.run()
    assert world.condition("Ready") == ("True", "Available"), "re-created after a drain"
    assert world.status["effectiveRisk"] == "low"


def test_an_app_that_lost_a_connector_starts_no_new_code_until_it_is_granted_again() -> None:
    world = World(app=CALLING, others=GRANTED).run()
    running = world.status["codeDigest"]
    changed = {"envelope": {"connectors": ["payroll"]}, "code": {"source": {"inline": "import math\n"}}}
    world.app, world.others = app(changed, {"generation": 2}), {}
    world.settle()
    assert world.condition("Stalled") == ("True", "ConnectorUnknown")
    assert world.condition("Ready") == ("True", "Available")
    assert world.status["codeDigest"] == running
    world.others = GRANTED
    world.run()
    assert world.condition("Stalled")[0] == "False"
    assert world.status["codeDigest"] != running


def test_an_envelope_that_names_an_unknown_connector_as_well_is_not_put_in_force() -> None:
    world = World(app=CALLING, others=GRANTED).run()
    pod, digest = world.pod, world.status["revision"]
    world.app = app({"envelope": {"connectors": ["nowhere", "payroll"]}}, {"generation": 2})
    world.settle()
    assert world.condition("Stalled") == ("True", "ConnectorUnknown")
    assert (world.pod, world.status["revision"]) == (pod, digest)


def test_the_longest_names_of_connectors_fit_into_the_message() -> None:
    names = [f"{number:02}{'c' * 61}" for number in range(32)]
    catalogue = {name: connector("low") for name in names[4:]}
    world = World(app=app({"envelope": {"connectors": names}}), others={"connectors": catalogue})
    world.settle()
    assert " and 1 more not known" in world.message("EnvelopeValid")
    assert " and 21 more. Or ask" in world.message("EnvelopeValid")
    assert world.message("EnvelopeValid").endswith("Calls of it are refused.")


def test_a_source_in_a_config_map_with_the_right_digest_is_accepted() -> None:
    digest = bundle_digest("app.py", {"app.py": b"x = 1\n"})
    spec = merged(_MAP, {"code": {"digest": digest}})
    world = World(app=app(spec), config_map={"metadata": _LABELS, "data": {"app.py": "x = 1\n"}}).run()
    assert world.condition("CodeVerified") == ("True", "Verified")
    assert world.status["codeDigest"] == digest


def test_a_running_app_is_not_switched_to_code_that_cannot_load() -> None:
    world = World().run()
    running = world.status["codeDigest"]
    world.app = app({"code": {"source": {"inline": "import numpy\n"}}}, {"generation": 2})
    world.settle()
    assert world.condition("CodeVerified") == ("False", "ModuleNotAvailable")
    assert world.message("CodeVerified").endswith("The last verified code keeps running.")
    assert world.condition("Ready") == ("True", "Available")
    assert world.status["codeDigest"] == running
    world.app = app({"code": {"source": {"inline": "import math\n"}}}, {"generation": 3})
    world.settle()
    assert world.condition("CodeVerified")[0] != "False"
    assert world.condition("Reconciling")[0] == "True"
