# SPDX-License-Identifier: Apache-2.0
"""The chart's values for apps' pods, as an operator on a real API server writes them."""

import json
from collections.abc import Iterator

import pytest

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl
from tools.node import Node

VALUES = {
    "runAsUser": None,
    "pod": {
        "nodeSelector": {"pool": "apps"},
        "tolerations": [{"key": "apps", "operator": "Exists", "effect": "NoSchedule"}],
        "labels": {"team": "platform"},
    },
    "byRiskClass": {"low": {"nodeSelector": {"pool": "low"}}},
    "childLabels": {"cost-centre": "42"},
    "childAnnotations": {"example.com/contact": "platform"},
}


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    settings = {"GENAPPS_APPS": json.dumps(VALUES), "GENAPPS_PULL_SECRETS": "registry"}
    with world(bare_kubectl, bare, log, **settings) as made:
        yield made


def test_pods_are_placed_and_marked_and_no_pass_writes_again(here: World) -> None:
    here.apply(here.app("placed"))
    pod = here.until_pod("placed")
    assert pod["spec"]["nodeSelector"] == {"pool": "low"}
    assert VALUES["pod"]["tolerations"][0] in pod["spec"]["tolerations"]  # type: ignore[index]
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(pod["spec"]["securityContext"])
    assert (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["cost-centre"]) == ("platform", "42")
    for kind in ("serviceaccount", "persistentvolumeclaim", "networkpolicy", "service"):
        child = here.find(kind, "placed")
        assert child is not None
        assert child["metadata"]["labels"]["cost-centre"] == "42"
        assert child["metadata"]["annotations"]["example.com/contact"] == "platform"
    here.make_ready("placed")
    here.until_condition("placed", "Ready", "True", "Available")
    assert here.uid("pod", "placed") == pod["metadata"]["uid"]
