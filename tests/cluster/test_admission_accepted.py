# SPDX-License-Identifier: Apache-2.0
"""What the API server accepts: full manifests, defaults, changes of everything but what is immutable."""

from collections.abc import Iterator

import pytest

from tests.support.admission import (
    APP,
    BUDGET,
    CONNECTOR,
    DIGEST,
    REMOVED,
    Acceptance,
    Json,
    Refusal,
    changed,
    refusal,
    stored,
    update_refusal,
)
from tools.kubectl import Kubectl

JWT = {"issuer": "https://login.example.com", "audience": "apps", "claim": "org"}
IMAGE = {"image": {"reference": f"registry.example.com/team/app@{DIGEST}"}}
MAPPED = {
    "name": "code",
    "entry": "app.py",
    "items": [{"key": "app", "path": "app.py"}]
    + [{"key": f"{n:03}{'k' * 250}", "path": f"public/{'x' * 240}{n:03}"} for n in range(511)],
}
"""As many items as there may be, with long names: the API server estimates what its rules cost."""
CORS = {
    "allowedOrigins": [f"https://{'x' * 240}{n:02}.example:8080" for n in range(32)],
    "allowedMethods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    "allowedHeaders": [f"x-{n}" for n in range(32)],
    "exposedHeaders": [f"x-{n}" for n in range(32)],
    "allowCredentials": True,
    "maxAge": "24h",
}
"""As much as there may be."""
FULL_ENVELOPE = {
    "owner": {"team": "finance-tools"},
    "riskClass": "medium",
    "family": "expenses",
    "connectors": ["fx-rates", "bank"],
    "retention": {"state": "720h", "responses": "24h", "afterDelete": "168h", "logs": "168h"},
    "provenance": {"generator": "codegen-3", "promptDigest": DIGEST, "createdBy": "Ada Lovelace"},
}
APPS = [
    Acceptance("the least", {}),
    Acceptance("a full envelope", {"spec.envelope": FULL_ENVELOPE}),
    Acceptance("a name of 63 characters", {"metadata.name": "x" * 63}),
    Acceptance("a ConfigMap", {"spec.code.source": {"configMap": {"name": "code", "entry": "app.py"}}}),
    Acceptance("a ConfigMap with paths", {"spec.code.source": {"configMap": MAPPED}}),
    Acceptance("an image with its digest", {"spec.code.source": IMAGE, "spec.code.digest": DIGEST}),
    Acceptance("a component from an image", {"spec.code.source": IMAGE, "spec.code.language": "component"}),
    Acceptance("promotion with a digest", {"spec.stage": "Broad", "spec.code.digest": DIGEST}),
    Acceptance("64 KiB of source text", {"spec.code.source.inline": "#" * 65_536}),
    Acceptance("tenants by token", {"spec.tenancy": {"jwt": JWT, "maxTenants": 5}, "spec.envelope.riskClass": "high"}),
    Acceptance("tenants by header", {"spec.tenancy": {"header": "X-Tenant", "trustedCallers": ["web"]}}),
    Acceptance("high risk with one tenant", {"spec.envelope.riskClass": "high"}),
    Acceptance("some callers", {"spec.ingress.from": [{"podSelector": {"matchLabels": {"example.com/role": "web"}}}]}),
    Acceptance(
        "as many schedules as may be",
        {
            "spec.schedules": [
                {"name": f"s{n}", "cron": "*/5 6-18 * * MON-FRI", "path": "/report", "missed": "RunOnce"}
                for n in range(16)
            ]
        },
    ),
    Acceptance("pages of other origins", {"spec.ingress.cors": CORS}),
    Acceptance("pages of no other origin", {"spec.ingress.cors": {}}),
    Acceptance("pages of every origin", {"spec.ingress.cors": {"allowedOrigins": ["*"], "allowCredentials": False}}),
    Acceptance("an empty acknowledgement", {"spec.acknowledgedSuspension": ""}),
    Acceptance("an acknowledgement", {"spec.acknowledgedSuspension": "0123456789abcdef" * 2}),
    Acceptance("no naps", {"spec.napAfter": "0s"}),
    Acceptance("a nap after a day", {"spec.napAfter": "24h"}),
    Acceptance(
        "every promise",
        {
            "spec.idleTimeout": "15m",
            "spec.fallback": {
                "static": {"status": 200, "contentType": "text/plain", "body": "Back soon."},
                "export": True,
            },
            "spec.incident": {"contact": "on-call", "runbook": "https://example.com/runbook"},
            "spec.rollback": {"to": "previousRevision", "state": "Keep"},
            "spec.slo": {"availability": "99.5", "latency": {"p95": "800ms"}},
            "spec.attestation": {"configMap": {"name": "x", "key": "statement.dsse.json"}},
        },
    ),
]
TIER = {
    "guestMemory": "64Mi",
    "instances": 8,
    "cpu": "500m",
    "cpuMillisPerAction": 500,
    "toolCallsPerAction": 8,
    "callsPerMinute": 600,
    "concurrency": 8,
    "napAfter": "60s",
    "state": {"claim": "1Gi", "perTenant": "64Mi"},
    "tokensPerPeriod": 500_000,
    "cpuSecondsPerPeriod": 3600,
    "costUSDPerPeriod": "20",
}
FULL_BUDGET = {
    "spec.runNamespace": "finance-run",
    "spec.period": {"every": "Month", "timeZone": "Europe/Zurich"},
    "spec.limits": {"tokens": 5_000_000, "toolCalls": 200_000, "cpuSeconds": 36_000, "costUSD": "250"},
    "spec.prices": {"perMillionInputTokens": "3.00", "perMillionOutputTokens": "15.00", "perCpuHour": "0.05"},
    "spec.alerts": [80, 95],
    "spec.onLimit": "Fallback",
    "spec.mode": "Enforce",
    "spec.tiers": {
        "small": TIER,
        "large": TIER | {"cpu": 2, "guestMemory": "1G"},
        "other": TIER | {"cpu": "0.5", "guestMemory": 67_108_864, "state": {"claim": "0.5Gi", "perTenant": "64e6"}},
    },
    "spec.policy": {
        "maxRiskClass": "medium",
        "maxApps": 200,
        "languages": ["python", "javascript"],
        "workloadClasses": ["interactive", "batch"],
        "imageRegistries": ["registry.example.com:5000/apps"],
        "ingressFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "web"}}, "podSelector": {}},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
        ],
        "violations": {"threshold": 3, "window": "10m", "slowThreshold": 100, "slowWindow": "1d12h"},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
    "required": ["currency"],
}
FULL_TOOL = {
    "name": "convert",
    "description": "Converts an amount.",
    "method": "POST",
    "path": "/v1/{currency}",
    "effect": "Write",
    "idempotency": {"header": "X-Key"},
    "input": SCHEMA,
    "output": {"type": "object"},
    "timeout": "2s",
    "cache": "60s",
    "cost": {"usd": "0.0001"},
}
CREDENTIAL = {"secretName": "fx-key", "key": "token", "as": {"header": "Authorization", "prefix": "Bearer "}}
SERVICE = {"service": {"namespace": "models", "name": "vllm", "port": 8000}}
CONNECTORS = [
    Acceptance("the least", {}),
    Acceptance("a full tool", {"spec.tools": [FULL_TOOL], "spec.credential": CREDENTIAL}),
    Acceptance("idempotency by word", {"spec.tools.0.idempotency": "Key"}),
    Acceptance("a model behind a Service", {"spec.type": "Model", "spec.models": ["m"], "spec.endpoint": SERVICE}),
    Acceptance("a port and a path", {"spec.endpoint.url": "https://api.example.co.uk:8443/v2/rates"}),
]


@pytest.mark.parametrize("case", APPS, ids=lambda case: case.title)
def test_a_good_app_is_accepted(bare_kubectl: Kubectl, case: Acceptance) -> None:
    assert refusal(bare_kubectl, changed(APP, case.changes)) == ""


@pytest.mark.parametrize("case", CONNECTORS, ids=lambda case: case.title)
def test_a_good_connector_is_accepted(bare_kubectl: Kubectl, case: Acceptance) -> None:
    assert refusal(bare_kubectl, changed(CONNECTOR, case.changes)) == ""


def test_the_schema_of_a_tool_is_stored_as_it_is_written(bare_kubectl: Kubectl) -> None:
    tool = stored(bare_kubectl, changed(CONNECTOR, {"spec.tools": [FULL_TOOL]}))["spec"]["tools"][0]
    assert tool == FULL_TOOL


def test_a_full_budget_is_stored_as_it_is_written(bare_kubectl: Kubectl) -> None:
    manifest = changed(BUDGET, FULL_BUDGET)
    assert stored(bare_kubectl, manifest)["spec"] == manifest["spec"]


def test_a_short_budget_is_stored_with_the_values_that_hold(bare_kubectl: Kubectl) -> None:
    spec = stored(bare_kubectl, BUDGET)["spec"]
    assert spec["runNamespace"] == "genapps-run"
    assert spec["tiers"]["small"]["state"] == {"claim": "1Gi", "perTenant": "64Mi"}
    assert spec["policy"]["violations"] == {
        "threshold": 3,
        "window": "10m",
        "slowThreshold": 100,
        "slowWindow": "24h",
    }
    assert spec["policy"]["maxRiskClass"] == "low"
    assert "limits" not in spec


def test_a_new_app_has_three_defaults_and_none_in_its_envelope(bare_kubectl: Kubectl) -> None:
    created = stored(bare_kubectl, APP)
    defaults = {"operatingMode": "Running", "stage": "Development", "workloadClass": "interactive"}
    assert created["spec"] == APP["spec"] | defaults
    assert created["status"] == {"observedGeneration": -1}


def test_a_status_that_a_user_writes_into_a_new_app_is_dropped(bare_kubectl: Kubectl) -> None:
    forged = APP | {"status": {"observedGeneration": 1, "url": "http://elsewhere.example.com"}}
    assert stored(bare_kubectl, forged)["status"] == {"observedGeneration": -1}


@pytest.fixture(scope="module")
def existing(bare_kubectl: Kubectl) -> Iterator[Json]:
    """A stored app with connectors and a retention."""
    envelope = {"connectors": ["rates", "bank"], "retention": {"state": "24h"}}
    manifest = changed(APP, {f"spec.envelope.{name}": value for name, value in envelope.items()})
    manifest = changed(manifest, {"metadata.name": "existing"})
    bare_kubectl.apply(manifest)
    yield bare_kubectl.get("generatedapp", "existing", "default")
    bare_kubectl("delete", "generatedapp", "existing", "-n", "default")


WAY_OUT = "delete and re-create"
IMMUTABLE = [
    Refusal("the team", {"spec.envelope.owner.team": "others"}, "spec.envelope", WAY_OUT),
    Refusal("the risk class", {"spec.envelope.riskClass": "high"}, "spec.envelope", WAY_OUT),
    Refusal("one connector more", {"spec.envelope.connectors": ["rates", "bank", "mail"]}, "spec.envelope", WAY_OUT),
    Refusal("one connector less", {"spec.envelope.connectors": ["rates"]}, "spec.envelope", WAY_OUT),
    Refusal("a longer retention", {"spec.envelope.retention.state": "48h"}, "spec.envelope", WAY_OUT),
    Refusal("no retention", {"spec.envelope.retention": REMOVED}, "spec.envelope", WAY_OUT),
    Refusal("a new family", {"spec.envelope.family": "expenses"}, "spec.envelope", WAY_OUT),
    Refusal("no envelope", {"spec.envelope": REMOVED}, "spec.envelope", "Required value"),
    Refusal("no spec", {"spec": REMOVED}, "spec", "Required value"),
]


@pytest.mark.parametrize("case", IMMUTABLE, ids=lambda case: case.title)
def test_the_envelope_cannot_be_changed(bare_kubectl: Kubectl, existing: Json, case: Refusal) -> None:
    message = update_refusal(bare_kubectl, changed(existing, case.changes))
    assert case.field in message
    assert case.way_out in message


@pytest.mark.parametrize(
    "changes",
    [
        {"spec.envelope.connectors": ["bank", "rates"]},
        {"spec.code.source.inline": "from genapps import app, log\n"},
        {"spec.operatingMode": "Suspended", "spec.tier": "large", "spec.idleTimeout": "1h"},
    ],
    ids=["the order of connectors", "the code", "mode, tier and idle timeout"],
)
def test_everything_else_can_be_changed(bare_kubectl: Kubectl, existing: Json, changes: Json) -> None:
    assert update_refusal(bare_kubectl, changed(existing, changes)) == ""


def test_the_run_namespace_of_a_budget_cannot_be_changed(bare_kubectl: Kubectl) -> None:
    bare_kubectl.apply(changed(BUDGET, {"metadata.name": "moving", "spec.runNamespace": "finance-run"}))
    try:
        live = bare_kubectl.get("appbudget", "moving")
        for value in ("genapps-run", REMOVED):
            message = update_refusal(bare_kubectl, changed(live, {"spec.runNamespace": value}))
            assert "spec.runNamespace is immutable: create another AppBudget" in message
        assert update_refusal(bare_kubectl, changed(live, {"spec.namespaces": ["finance", "lab"]})) == ""
    finally:
        bare_kubectl("delete", "appbudget", "moving")


def test_apps_are_found_by_short_name_category_and_selectable_field(bare_kubectl: Kubectl, existing: Json) -> None:
    assert "existing" in bare_kubectl("get", "gapp", "-A")
    assert "generatedapp.genapps.dev/existing" in bare_kubectl("get", "genapps", "-A")
    for selector, found in (("spec.envelope.owner.team=finance-tools", 1), ("spec.envelope.riskClass=high", 0)):
        assert len(bare_kubectl.items("gapp", "-A", f"--field-selector={selector}")) == found


def test_the_list_of_apps_shows_what_matters(bare_kubectl: Kubectl, existing: Json) -> None:
    head = bare_kubectl("get", "gapp", "-n", "default").splitlines()[0]
    assert head.split("  ")[0] == "NAME"
    columns = [column.strip() for column in head.split("  ") if column.strip()]
    assert columns == ["NAME", "READY", "REASON", "RISK", "OWNER", "STAGE", "VIOLATIONS", "BUDGET %", "AGE"]


def test_kubectl_explains_every_level(bare_kubectl: Kubectl) -> None:
    assert "Who answers for the app" in bare_kubectl("explain", "gapp.spec.envelope.owner")
    assert "The memory of one guest" in bare_kubectl("explain", "abud.spec.tiers")
