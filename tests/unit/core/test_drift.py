# SPDX-License-Identifier: Apache-2.0
"""Drift: the projection equals what was applied right after an apply, and differs after every edit that matters."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.core.drift import (
    expected,
    expected_digest,
    expected_spec_digest,
    live_digest,
    owned,
    project,
    spec_digest,
)
from genapps.core.observed import Manifest
from tests.unit.core.world import CHILD, World

KEYED = {
    "containers": ("name",), "volumes": ("name",), "volumeMounts": ("mountPath",), "hostAliases": ("ip",),
    "ports": ("containerPort", "protocol"), "keyed": ("key",), "ownerReferences": ("uid",),
}  # fmt: skip
"""Lists that the API server merges by key; all others are atomic."""
ATOMIC_MAPS = {"podSelector"}
ATOMIC_ITEMS = {"ownerReferences"}
SERVICE_PORTS = ("port", "protocol")


def fields_of(value: Any, name: str = "") -> dict[str, Any]:
    """fieldsV1 of an applied value, as the API server makes it from the schema."""
    if isinstance(value, dict) and value and name not in ATOMIC_MAPS:
        return {f"f:{key}": fields_of(item, key) for key, item in value.items()}
    if isinstance(value, list) and value and name in KEYED:
        if name in ATOMIC_ITEMS:
            return {".": {}, **{_key(item, name): {} for item in value}}
        return {_key(item, name): {".": {}, **fields_of(item)} for item in value}
    return {}


def _key(item: dict[str, Any], name: str) -> str:
    keys = KEYED[name] if all(key in item for key in KEYED[name]) else SERVICE_PORTS
    return "k:" + json.dumps({key: item[key] for key in keys}, separators=(",", ":"))


def applied(manifest: Manifest) -> Manifest:
    """The live object after our apply: our fields, our entry, and what the API server adds on its own."""
    live = copy.deepcopy(manifest)
    content = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    content["metadata"] = {
        key: value for key, value in manifest["metadata"].items() if key not in ("name", "namespace")
    }
    entry = {"manager": "genapps-operator", "operation": "Apply", "fieldsV1": fields_of(content)}
    live["metadata"] |= {"uid": "uid", "resourceVersion": "1", "managedFields": [entry]}
    live["status"] = {"anything": "else"}
    return live


def children() -> dict[str, Manifest]:
    return {kind: manifest for (kind, _), manifest in World().run().manifests.items() if kind != "ConfigMap"}


CHILDREN = children()


@pytest.mark.parametrize("kind", sorted(CHILDREN))
def test_right_after_an_apply_the_live_object_is_as_expected(kind: str) -> None:
    manifest = CHILDREN[kind]
    assert owned(applied(manifest)) == expected(manifest)
    assert live_digest(applied(manifest)) == expected_digest(manifest)


@pytest.mark.parametrize("kind", sorted(CHILDREN))
def test_what_the_api_server_defaults_is_no_drift(kind: str) -> None:
    live = applied(CHILDREN[kind])
    live["metadata"]["creationTimestamp"] = "2026-11-23T12:00:00Z"
    live["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = "yes"
    if kind == "Pod":
        live["spec"]["schedulerName"] = "default-scheduler"
        live["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
        live["spec"]["volumes"].append({"name": "injected", "emptyDir": {}})
    assert live_digest(live) == expected_digest(CHILDREN[kind])


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("NetworkPolicy", "spec/egress", [{}]),
        ("NetworkPolicy", "spec/ingress", [{}]),
        ("NetworkPolicy", "spec/policyTypes", ["Ingress"]),
        ("NetworkPolicy", "spec/podSelector", {"matchLabels": {"nobody": "here"}}),
        ("Service", "spec/ports/0/targetPort", 9999),
        ("Pod", "metadata/labels/genapps.dev~app", "other"),
        ("Pod", "metadata/ownerReferences/0/controller", False),
        ("Pod", "metadata/ownerReferences/0/uid", "of-another"),
        ("EndpointSlice", "endpoints", []),
        ("ServiceAccount", "automountServiceAccountToken", True),
        ("PersistentVolumeClaim", "metadata/annotations/genapps.dev~owner", "sales"),
    ],
)
def test_an_edit_of_what_we_applied_is_seen(kind: str, path: str, value: Any) -> None:
    live = applied(CHILDREN[kind])
    *parents, last = path.split("/")
    node: Any = live
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    node[last.replace("~", "/")] = value
    assert live_digest(live) != expected_digest(CHILDREN[kind])


def test_a_rule_added_to_a_closed_policy_by_another_manager_is_seen() -> None:
    closed = copy.deepcopy(CHILDREN["NetworkPolicy"])
    closed["spec"] |= {"ingress": [], "egress": []}
    live = applied(closed)
    del live["spec"]["ingress"], live["spec"]["egress"]
    assert live_digest(live) == expected_digest(closed), "empty lists are not stored"
    live["spec"]["egress"] = [{}]
    assert live_digest(live) != expected_digest(closed)


def test_a_field_that_another_manager_took_over_is_seen() -> None:
    live = applied(CHILDREN["Service"])
    del live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:type"]
    assert live_digest(live) != expected_digest(CHILDREN["Service"])


def test_an_object_that_we_never_applied_is_not_as_expected() -> None:
    live = applied(CHILDREN["Service"])
    for manager, operation in (("kubectl", "Apply"), ("genapps-operator", "Update")):
        live["metadata"]["managedFields"][0] |= {"manager": manager, "operation": operation}
        assert owned(live) == {}
        assert live_digest(live) != expected_digest(CHILDREN["Service"])


def test_new_labels_of_a_pod_leave_the_digest_of_its_spec() -> None:
    live = applied(CHILDREN["Pod"])
    live["metadata"]["labels"]["genapps.dev/app-uid"] = "another"
    assert live_digest(live) != expected_digest(CHILDREN["Pod"])
    assert spec_digest(owned(live)["spec"]) == expected_spec_digest(CHILDREN["Pod"])


def test_snapshots_are_compared_by_presence() -> None:
    manifest = next(one for (kind, _), one in World().run().manifests.items() if kind == "ConfigMap")
    assert expected_digest(manifest) == live_digest(applied(manifest)) == ""


def test_items_of_a_set_are_projected_by_value() -> None:
    fields: dict[str, Any] = {'v:"ours"': {}}
    assert project(["theirs", "ours"], fields) == ["ours"]


SCALARS = st.one_of(st.integers(-9, 9), st.booleans(), st.sampled_from(["", "a", "b/c", "k:x", "[]", "null"]))
KEYED_LISTS = st.lists(
    st.fixed_dictionaries({"key": st.sampled_from("abcdef")}, optional={"value": SCALARS}),
    max_size=3,
    unique_by=lambda item: item["key"],
)
CONTENT = st.recursive(
    st.one_of(SCALARS, st.lists(SCALARS, max_size=3)),
    lambda below: st.dictionaries(st.sampled_from(["a", "b", "f:c", "d.e/f"]), below, max_size=3),
    max_leaves=8,
)
MANIFESTS = st.fixed_dictionaries(
    {
        "apiVersion": st.just("v1"),
        "kind": st.just("Anything"),
        "metadata": st.fixed_dictionaries(
            {"name": st.just(CHILD), "labels": st.dictionaries(st.sampled_from("xyz"), st.just("1"), min_size=1)}
        ),
        "spec": st.fixed_dictionaries({"content": CONTENT, "keyed": KEYED_LISTS}),
    }
)


@given(MANIFESTS)
def test_projecting_right_after_an_apply_gives_the_content_of_any_manifest(manifest: Manifest) -> None:
    assert owned(applied(manifest)) == expected(manifest)
    assert live_digest(applied(manifest)) == expected_digest(manifest)


@given(MANIFESTS, MANIFESTS)
def test_different_manifests_have_different_digests(one: Manifest, other: Manifest) -> None:
    def seen(manifest: Manifest) -> Any:
        return _typed(_bare(expected(manifest)))

    assert (expected_digest(one) == expected_digest(other)) == (seen(one) == seen(other))


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item != []}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _typed(value: Any) -> Any:
    """True and 1 are equal in Python and differ in JSON."""
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    return [_typed(item) for item in value] if isinstance(value, list) else (type(value).__name__, value)
