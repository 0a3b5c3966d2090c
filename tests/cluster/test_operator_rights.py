# SPDX-License-Identifier: Apache-2.0
"""The operator with exactly the rights that the chart grants it, and with one less."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.operator_process import World, world
from tools import helm
from tools.kubectl import Kubectl, until
from tools.node import Node

KINDS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


@pytest.fixture
def here(bare: Node, bare_kubectl: Kubectl, tmp_path: Path) -> Iterator[World]:
    with world(bare_kubectl, bare, tmp_path / "log") as made:
        made.operator.stop()
        yield made


def chart_rights(here: World) -> list[dict[str, Any]]:
    """What the chart would install for the operator of these namespaces."""
    values = {"image": {"genapps": "a:1", "runtime": "b:1"}, "runNamespaces": [here.run]}
    return [
        each
        for each in helm.render(values, here.system)
        if each["kind"] in KINDS and each["metadata"]["name"] == "genapps-operator"
    ]


def kubeconfig_of_the_operator(here: World, folder: Path) -> Path:
    token = here.kubectl("create", "token", "genapps-operator", "-n", here.system).strip()
    content = yaml.safe_load(here.operator.kubeconfig.read_text(encoding="utf-8"))
    for user in content["users"]:
        user["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_missing_right_is_named_and_nothing_is_done_until_it_is_granted(here: World, tmp_path: Path) -> None:
    granted = chart_rights(here)
    run = next(each for each in granted if each["kind"] == "Role" and each["metadata"]["namespace"] == here.run)
    pods = next(rule for rule in run["rules"] if "pods" in rule["resources"])
    complete = list(pods["verbs"])
    pods["verbs"].remove("delete")
    here.kubectl.apply(*granted)
    here.operator.kubeconfig = kubeconfig_of_the_operator(here, tmp_path)
    written = here.writes()
    here.kubectl.apply(here.app("waits"))
    here.operator.launch()
    missing = f"delete pods in namespace {here.run}"
    until(lambda: missing in here.operator.get("/readyz"), 60, "the missing right on the readiness page")
    assert here.operator.get("/livez") == "ok"
    assert not here.operator.leads()
    assert here.writes() == written
    pods["verbs"] = complete
    here.kubectl.apply(run)
    until(here.operator.leads, 60, "the operator's leadership")
    here.until_pod("waits")
    until(here.operator.idle, 30, "an idle operator")
    assert "403 Forbidden" not in here.operator.log.read_text(encoding="utf-8")


def test_an_operator_that_waits_for_its_rights_can_be_stopped(here: World, tmp_path: Path) -> None:
    accounts = [each for each in chart_rights(here) if each["kind"] == "ServiceAccount"]
    here.kubectl.apply(*accounts)
    here.operator.kubeconfig = kubeconfig_of_the_operator(here, tmp_path)
    here.operator.launch()
    until(lambda: "rights are missing" in here.operator.get("/readyz"), 60, "a page that names rights")
    assert here.operator.stop() == 0
