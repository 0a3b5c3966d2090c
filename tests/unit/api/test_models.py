# SPDX-License-Identifier: Apache-2.0
"""The models read what the API server stores, and refuse what it should have refused."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import AppRecord, Record
from genapps.api.connector import ConnectorSpec
from genapps.api.digests import sha256
from genapps.api.envelope import RiskClass
from genapps.api.generatedapp import GeneratedApp, OperatingMode
from genapps.api.ledger import LedgerRecord
from genapps.api.runtimeconfig import RuntimeConfig

DIGEST = sha256(b"")
STORED: dict[str, Any] = {
    "apiVersion": "genapps.dev/v1alpha1",
    "kind": "GeneratedApp",
    "metadata": {"name": "helper", "namespace": "finance", "uid": "u", "generation": 3, "managedFields": []},
    "spec": {
        "envelope": {"owner": {"team": "tools"}, "riskClass": "medium"},
        "code": {"language": "python", "source": {"inline": "x = 1"}},
        "tier": "small",
        "budget": "finance",
    },
    "status": {"observedGeneration": "whatever somebody wrote there"},
}
RECORD: dict[str, Any] = {
    "app": {"namespace": "finance", "name": "helper", "uid": "u"},
    "namespaceUid": "n",
    "owner": {"team": "tools"},
    "budget": "finance",
    "runNamespace": "genapps-run",
    "tier": {"name": "small", "guestMemory": "64Mi", "costUSDPerPeriod": "20"},
    "violationPolicy": {"threshold": 3, "window": "10m"},
    "envelope": {"digest": DIGEST, "connectors": ["rates"]},
    "countFrom": "2026-11-23T12:00:00.000001Z",
}


def with_spec(**changes: Any) -> dict[str, Any]:
    return STORED | {"spec": STORED["spec"] | changes}


def test_a_stored_app_is_read_whatever_its_status_says() -> None:
    app = GeneratedApp.model_validate(STORED)
    assert (app.metadata.namespace, app.metadata.name, app.metadata.generation) == ("finance", "helper", 3)
    assert app.spec.operating_mode is OperatingMode.RUNNING
    assert app.spec.envelope.risk_class.rank > RiskClass.LOW.rank


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (with_spec(surprise=1), "surprise"),
        (with_spec(ingress={"from": []}), "at least 1"),
        (with_spec(ingress={"cors": {"allowedOrigins": ["https://a.example/"]}}), "write an origin"),
        (with_spec(ingress={"cors": {"allowedOrigins": ["null"]}}), "write an origin"),
        (with_spec(ingress={"cors": {"allowedOrigins": ["*", "https://a.example"]}}), "stands alone"),
        (with_spec(ingress={"cors": {"allowedOrigins": ["*"], "allowCredentials": True}}), "every page could act"),
        (with_spec(ingress={"cors": {"allowedMethods": ["TRACE"]}}), "GET"),
        (with_spec(ingress={"cors": {"maxAge": "48h"}}), "between 0s and 24h"),
        (with_spec(code={"language": "python", "source": {}}), "exactly one of inline, configMap and image"),
        (with_spec(idleTimeout="10s"), "between 1m and 168h"),
        (with_spec(idleTimeout="soon"), "such as 15m"),
        (with_spec(napAfter="24h1s"), "between 0s and 24h"),
        (with_spec(napAfter="-1s"), "such as 15m"),
        (with_spec(napAfter="500ms"), "such as 15m"),
        (with_spec(napAfter="never"), "such as 15m"),
        (with_spec(stage="Production"), "stage"),
        (with_spec(tier="Small"), "lower-case"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_api_server_should_have_refused_is_refused_again(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GeneratedApp.model_validate(spec)


def test_a_budget_of_one_tier_without_sizes_has_the_documented_ones() -> None:
    stored = {"metadata": {"name": "finance"}, "spec": {"businessUnit": "f", "namespaces": [], "tiers": {"small": {}}}}
    budget = AppBudget.model_validate(stored)
    assert budget.spec.tiers["small"].guest_memory == "64Mi"
    assert budget.spec.policy.violations.threshold == 3
    assert budget.spec.policy.max_risk_class is RiskClass.LOW


def test_a_record_comes_back_as_it_was_written() -> None:
    record = Record.model_validate(RECORD)
    manifest = AppRecord.manifest("genapps-system", "child", record)
    assert manifest["record"]["countFrom"] == "2026-11-23T12:00:00.000001Z"
    assert manifest["record"]["tier"]["costUSDPerPeriod"] == "20"
    assert "pod" not in manifest["record"]
    assert AppRecord.model_validate(manifest).record == record


def test_a_record_of_a_newer_version_is_still_read() -> None:
    newer = RECORD | {"invented": 1, "tier": RECORD["tier"] | {"gpu": "1"}}
    assert Record.model_validate(newer) == Record.model_validate(RECORD)


def test_equal_moments_are_written_as_equal_strings() -> None:
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    record = Record.model_validate(RECORD | {"countFrom": moment})
    assert record.model_dump(mode="json")["count_from"] == "2026-11-23T12:00:00.000000Z"


def test_an_empty_ledger_counts_nothing() -> None:
    ledger = LedgerRecord.model_validate({"app": RECORD["app"]})
    assert (ledger.violations.total, ledger.violations.window, ledger.violations.tripped) == (0, (), None)


@pytest.mark.parametrize("idempotency", ["None", "Key", {"header": "X-Key"}])
def test_a_tool_may_name_its_idempotency_by_word_or_header(idempotency: object) -> None:
    tool = {"name": "t", "effect": "Write", "method": "POST", "path": "/", "idempotency": idempotency}
    spec = {"type": "HTTP", "endpoint": {"url": "https://rates.example.com"}, "namespaces": [], "tools": [tool]}
    dumped = ConnectorSpec.model_validate(spec).model_dump(by_alias=True, mode="json", exclude_none=True)
    assert dumped["tools"][0]["idempotency"] == idempotency


def test_runtime_settings_have_canonical_bytes() -> None:
    settings = RuntimeConfig.model_validate(
        {
            "app": "helper",
            "namespace": "finance",
            "revision": "0" * 12,
            "digests": {"code": DIGEST, "envelope": DIGEST},
            "language": "python",
            "entry": "app.py",
            "limits": {
                "guestMemoryBytes": 1,
                "instances": 1,
                "requestBodyBytes": 1,
                "responseBodyBytes": 1,
                "concurrency": 1,
                "toolCallsPerAction": 0,
                "cpuMillisPerAction": 1,
                "statePerTenantBytes": 1,
                "logBytesPerAction": 0,
            },
            "time": {"actionMillis": 5000, "loadMillis": 10000, "napMillis": 60_000},
            "retention": {"responsesSeconds": 86400, "stateSeconds": 0},
            "gateway": {"host": "gateway.genapps-system.svc"},
        }
    )
    assert settings.content().startswith(
        b'{"apiVersion":"runtime.genapps.dev/v1","app":"helper","background":false,"cors":null,"digests":'
    )
    assert b'"tenancy":null' in settings.content()
    assert RuntimeConfig.model_validate_json(settings.content()) == settings


@pytest.mark.parametrize(
    "record",
    [{}, {"app": {"namespace": "team", "name": "a", "uid": "u"}, "connector": {}}],
    ids=["of nobody", "of both"],
)
def test_a_ledger_is_of_an_app_a_connector_or_a_budget(record: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="a Ledger is of an app, of a connector or of a budget"):
        LedgerRecord.model_validate(record)
