# SPDX-License-Identifier: Apache-2.0
"""Which NetworkPolicies of a run namespace open something, and to which pods."""

from typing import Any

import pytest

from genapps.core.foreign_policies import opening_policy
from tests.unit.core.world import CHILD, World

POD = {
    "app.kubernetes.io/managed-by": "genapps",
    "genapps.dev/app": "unit-converter",
    "genapps.dev/app-namespace": "finance",
    "tier": "web",
}
EVERYWHERE: list[dict[str, Any]] = [{}]


def policy(selector: dict[str, Any], name: str = "extra", **spec: Any) -> dict[str, Any]:
    whole = {"podSelector": selector, "policyTypes": ["Egress"], "egress": EVERYWHERE, **spec}
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "genapps-run"}, "spec": whole}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"tier": "web"}}, True),
        ({"matchLabels": {"tier": "db"}}, False),
        ({"matchLabels": {"tier": "web", "other": "x"}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["db", "web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["db"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db"]}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "NotIn", "values": ["db"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "other", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"tier": "web"}, "matchExpressions": [{"key": "other", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "OfALaterVersion"}]}, True),
    ],
    ids=str,
)
def test_selectors_mean_what_they_mean_to_kubernetes(selector: dict[str, Any], selected: bool) -> None:
    found = opening_policy(policy(selector))
    assert found is not None
    assert found.selects(POD) is selected


@pytest.mark.parametrize(
    "spec", [{"egress": []}, {"egress": None}, {"policyTypes": ["Ingress"]}], ids=["no rules", "none", "ingress only"]
)
def test_a_policy_that_lets_nobody_reach_anything_opens_nothing(spec: dict[str, Any]) -> None:
    assert opening_policy(policy({}, **spec)) is None


def test_the_fence_of_an_app_is_its_own_also_with_its_way_to_the_gateway() -> None:
    world = World().run()
    fence = world.manifests["NetworkPolicy", CHILD]
    assert fence["spec"]["egress"]
    assert opening_policy(fence) is None


def test_a_policy_under_the_name_of_a_fence_that_selects_others_is_none() -> None:
    assert opening_policy(policy({}, CHILD)) is not None
    assert opening_policy(policy({"matchLabels": {"tier": "web"}}, CHILD)) is not None


def test_a_policy_that_opens_a_pod_is_named_and_the_app_answers_on() -> None:
    world = World().run()
    world.others = {"opened_by": ("allow-dns", "b", "c", "d")}
    world.settle()
    assert world.condition("EgressEnforced") == ("False", "EgressWidened")
    assert "allow-dns, b, c and 1 more." in world.message("EgressEnforced")
    assert world.condition("Ready") == ("True", "Available")
    world.others = {}
    world.settle()
    assert world.condition("EgressEnforced") == ("True", "Proven")
