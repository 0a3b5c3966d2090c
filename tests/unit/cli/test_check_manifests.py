# SPDX-License-Identifier: Apache-2.0
"""`genapps check` refuses offline what the API server refuses: the same tables as on a real one, and every rule."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from genapps.api.crd import crds
from genapps.api.fields import RULES
from genapps.api.kinds import KINDS
from genapps.cli.check.documents import Document, parse
from genapps.cli.check.manifests import check_object
from genapps.cli.check.rules import PREDICATES
from tests.cluster import test_admission as apps
from tests.cluster import test_admission_accepted as accepted
from tests.cluster import test_admission_platform as platform
from tests.support.admission import APP, BUDGET, CONNECTOR, REMOVED, Acceptance, Json, Refusal, changed

REFUSED = [
    *((APP, case) for case in apps.CASES),
    *((BUDGET, case) for case in platform.BUDGETS),
    *((CONNECTOR, case) for case in platform.CONNECTORS),
]
ACCEPTED = [
    *((APP, case) for case in accepted.APPS),
    *((CONNECTOR, case) for case in accepted.CONNECTORS),
    (BUDGET, Acceptance("the least", {})),
    (BUDGET, Acceptance("a full budget", accepted.FULL_BUDGET)),
]
ELSEWHERE = re.compile(r"oldSelf|quantity\(|isQuantity\(|duration\(|^!?self\.matches\('")
"""Rules on updates, those that the models check, and patterns."""


def document(manifest: Json) -> Document:
    (found,) = parse("app.yaml", json.dumps(manifest).encode())
    return found


@pytest.mark.parametrize(("base", "case"), REFUSED, ids=[f"{base['kind']}: {case.title}" for base, case in REFUSED])
def test_what_the_api_server_refuses_is_found(base: Json, case: Refusal) -> None:
    messages = [finding.message for finding in check_object(document(changed(base, case.changes))).findings]
    assert any(case.field in message and case.way_out in message for message in messages), messages


@pytest.mark.parametrize(("base", "case"), ACCEPTED, ids=[f"{base['kind']}: {case.title}" for base, case in ACCEPTED])
def test_what_the_api_server_accepts_is_not_found(base: Json, case: Acceptance) -> None:
    checked = check_object(document(changed(base, case.changes)))
    assert checked.findings == ()
    assert checked.model is not None


def rules(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (rule["rule"] for rule in schema.get(RULES, ()))
    for part in schema.get("properties", {}).values():
        yield from rules(part)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from rules(schema[name])


def test_every_rule_of_a_crd_is_checked_and_no_other() -> None:
    found = {
        rule
        for crd in crds().values()
        for version in crd["spec"]["versions"]
        for rule in rules(version["schema"]["openAPIV3Schema"])
    }
    assert {rule for rule in found if not ELSEWHERE.search(rule)} == set(PREDICATES)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_kind_without_content_is_refused(kind: str) -> None:
    found = check_object(document({"apiVersion": "genapps.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}}))
    assert "Required value" in found.findings[0].message


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"apiVersion": "genapps.dev/v1"}, "FieldValueInvalid", "write genapps.dev/v1alpha1"),
        ({"kind": "GenerateApp"}, "FieldValueNotSupported", "GeneratedApp"),
        ({"metadata.name": REMOVED}, "FieldValueRequired", "generateName"),
        ({"metadata": REMOVED}, "FieldValueRequired", "generateName"),
        ({"metadata.name": 7}, "FieldValueRequired", "generateName"),
        ({"spec.code.source.inline": None}, "FieldValueTypeInvalid", "must be of type string, not null"),
        ({"spec": []}, "FieldValueTypeInvalid", "must be of type object, not array"),
        ({"spec.fallback": {"export": "yes"}}, "FieldValueTypeInvalid", "must be of type boolean, not string"),
        ({"spec.operating_mode": "Running"}, "FieldUnknown", "unknown field"),
        ({"spec.idleTimeout": "15m\n"}, "FieldValueInvalid", "such as 15m"),
        ({"spec.slo": {"availability": 99.5}}, "FieldValueTypeInvalid", "must be of type string, not number"),
    ],
)
def test_a_fault_has_the_code_of_the_api_server(changes: Json, code: str, message: str) -> None:
    findings = check_object(document(changed(APP, changes))).findings
    assert [finding.code for finding in findings] == [code]
    assert message in findings[0].message


def test_a_missing_name_hides_nothing_else() -> None:
    findings = check_object(document(changed(APP, {"metadata": [], "spec.tier": 5}))).findings
    assert sorted(finding.field for finding in findings) == ["metadata.name", "spec.tier"]


def test_a_default_is_filled_in_where_null_was_written_and_a_status_is_left_alone() -> None:
    manifest = changed(APP, {"spec.stage": None, "status": {"whatever": 1}, "metadata.generateName": "x-"})
    assert check_object(document(changed(manifest, {"metadata.name": REMOVED}))).findings == ()
