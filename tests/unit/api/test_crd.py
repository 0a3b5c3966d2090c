# SPDX-License-Identifier: Apache-2.0
"""What holds for every CRD: bounded, described, structural, and no default where a digest is taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from genapps.api.crd import crds

Json = dict[str, Any]
CRDS = crds()


def schema(name: str) -> Json:
    found: Json = CRDS[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(part: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    yield path, part
    for name, inner in part.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if key in part:
            yield from nodes(part[key], path + suffix)


ALL = [(f"{name}{path}", part) for name in CRDS for path, part in nodes(schema(name))]
INNER = [(path, part) for path, part in ALL if not path.endswith(("[]", "{}", ".dev", ".metadata"))]


def test_every_field_has_a_description() -> None:
    assert [path for path, part in INNER if not part.get("description", "").strip()] == []


def test_every_string_list_and_map_is_bounded() -> None:
    limits = {"string": "maxLength", "array": "maxItems", "object": "maxProperties"}
    unbounded = [
        path
        for path, part in ALL
        if not path.endswith((".apiVersion", ".kind"))
        and "enum" not in part
        and part.get("format") != "date-time"
        and "properties" not in part
        and limits.get(part.get("type", "")) not in {*part, None}
        and not path.endswith((".metadata", ".contract"))
    ]
    assert unbounded == []


def test_nothing_is_left_that_a_structural_schema_may_not_have() -> None:
    forbidden = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "title", "exclusiveMinimum", "prefixItems"}
    assert [path for path, part in ALL if forbidden & set(part) or any(k.startswith("x-genapps") for k in part)] == []
    assert [path for path, part in ALL if part.get("additionalProperties") in (True, False)] == []


def test_every_rule_has_a_message() -> None:
    rules = [(path, rule) for path, part in ALL for rule in part.get("x-kubernetes-validations", [])]
    assert len(rules) > 100
    assert [path for path, rule in rules if len(rule["message"]) < 10] == []


def test_the_envelope_has_no_default_anywhere() -> None:
    envelope = schema("generatedapps.genapps.dev")["properties"]["spec"]["properties"]["envelope"]
    assert [path for path, part in nodes(envelope) if "default" in part] == []


@pytest.mark.parametrize("plural", ["generatedapps", "appbudgets", "connectors", "appholds"])
def test_a_new_object_is_not_mistaken_for_a_finished_one(plural: str) -> None:
    status = schema(f"{plural}.genapps.dev")["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert status["properties"]["observedGeneration"]["default"] == -1
    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_spec_and_envelope_are_required_or_immutability_could_be_skipped() -> None:
    root = schema("generatedapps.genapps.dev")
    assert "spec" in root["required"]
    assert "envelope" in root["properties"]["spec"]["required"]


@pytest.mark.parametrize("plural", ["apprecords", "ledgers"])
def test_internal_kinds_have_one_field_and_no_status(plural: str) -> None:
    crd = CRDS[f"{plural}.genapps.dev"]
    assert "subresources" not in crd["spec"]["versions"][0]
    assert schema(f"{plural}.genapps.dev")["required"] == ["record"]


def test_at_most_eight_fields_are_selectable() -> None:
    selectable = CRDS["generatedapps.genapps.dev"]["spec"]["versions"][0]["selectableFields"]
    assert [field["jsonPath"] for field in selectable] == [
        ".spec.envelope.owner.team",
        ".spec.envelope.riskClass",
        ".spec.stage",
    ]
