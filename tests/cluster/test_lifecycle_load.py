# SPDX-License-Identifier: Apache-2.0
"""Many apps at once, and a CRD that changes meanwhile; no kubelet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, until
from tools.node import Node

CRDS = Path(__file__).resolve().parents[2] / "crds"


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log) as made:
        yield made


def named(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number:03}" for number in range(count)]


def with_pods(here: World, apps: list[str]) -> set[str]:
    """Which of the apps have a pod."""
    found = here.kubectl("get", "pods", "-n", here.run, "-o", "name").split()
    return {app for app in apps if f"pod/{here.child(app)}" in found}


def until_all_have_pods(here: World, apps: list[str]) -> None:
    until(lambda: with_pods(here, apps) == set(apps), 180, "all pods")


def judged(here: World) -> set[str]:
    """Which apps have a status at their present generation."""
    return {
        live["metadata"]["name"]
        for live in here.kubectl.items("gapp", "-n", here.namespace)
        if live.get("status", {}).get("observedGeneration") == live["metadata"]["generation"]
    }


def crd(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CRDS / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def test_300_apps_of_one_folder_all_get_a_pod_and_the_first_does_not_wait_for_the_last(
    here: World, tmp_path: Path
) -> None:
    apps = named("folder", 300)
    for app in apps:
        (tmp_path / f"{app}.yaml").write_text(yaml.safe_dump(here.app(app)), encoding="utf-8")
    here.kubectl("apply", "-f", str(tmp_path))
    until_all_have_pods(here, apps)
    until(lambda: judged(here) >= set(apps), 60, "a status of all")
    order = [name for _, resource, name in here.writes() if resource == "pods"]
    first, last = (order.index(here.child(app)) for app in (apps[0], apps[-1]))
    assert first < last
    pods = [place for place, (_, resource, _) in enumerate(here.writes()) if resource == "pods"]
    accounts = [place for place, (_, resource, _) in enumerate(here.writes()) if resource == "serviceaccounts"]
    assert pods[0] < accounts[-1], "the first has its pod before the last is begun"


def test_a_changed_crd_disturbs_neither_apps_that_are_created_nor_those_that_run(here: World) -> None:
    ran = here.app("ran")
    here.apply(ran)
    pod = here.until_pod("ran")["metadata"]["uid"]
    upgraded = crd("generatedapps")
    schema = upgraded["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["later"] = {"type": "string"}
    apps = named("upgrade", 12)
    try:
        for number, app in enumerate(apps):
            here.kubectl.apply(here.app(app))
            if number % 3 == 0:
                here.kubectl.apply(upgraded if number % 2 == 0 else crd("generatedapps"))
        until_all_have_pods(here, apps)
    finally:
        here.kubectl.apply(crd("generatedapps"))
    until(here.operator.idle, 30, "an idle operator")
    assert here.uid("pod", "ran") == pod
    assert here.operator.metric("genapps_vanish_alarm") == 0
    assert not any("deletedAt" in (here.record(app) or {}) for app in (*apps, "ran"))
