# SPDX-License-Identifier: Apache-2.0
"""What people and tools are told by a real API server: kubectl's wait, get and explain, and kstatus."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from genapps.api.crd import crds
from tests.oracles.programs import BUILD_SECONDS, ask
from tests.support.admission import CONNECTOR, changed
from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, KubectlError, until
from tools.node import Node

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
FIELD = re.compile(r"^( +)([a-zA-Z0-9$]+)\t")
KINDS = {crd["spec"]["names"]["plural"]: crd for crd in crds().values()}


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log) as made:
        yield made


@pytest.fixture(scope="module")
def running(here: World) -> str:
    """An app that answers."""
    here.apply(here.app("running"))
    here.until_pod("running")
    here.make_ready("running")
    here.until_condition("running", "Ready", "True", "Available")
    return "running"


@pytest.fixture(scope="module")
def refused(here: World) -> str:
    """An app in a tier that its budget does not have."""
    here.apply(here.app("refused", tier="huge"))
    return "refused"


def waited(here: World, app: str, condition: str, seconds: int = 30) -> str:
    return here.kubectl("wait", f"gapp/{app}", "-n", here.namespace, f"--for={condition}", f"--timeout={seconds}s")


def kstatus(live: dict[str, Any]) -> str:
    (answer,) = ask("kstatus", [live])
    return str(answer["status"])


def test_kubectl_waits_for_an_app_that_answers(here: World, running: str) -> None:
    assert "condition met" in waited(here, running, "condition=Ready")
    assert "condition met" in waited(here, running, "condition=Stalled=False")
    with pytest.raises(KubectlError, match="timed out"):
        waited(here, running, "condition=Stalled", seconds=1)


def test_kubectl_waits_for_an_app_that_is_refused(here: World, refused: str) -> None:
    assert "condition met" in waited(here, refused, "condition=Stalled")
    assert "condition met" in waited(here, refused, "condition=BudgetAvailable=False")
    with pytest.raises(KubectlError, match="timed out"):
        waited(here, refused, "condition=Ready", seconds=1)


def test_columns_show_how_an_app_is_and_why(here: World, running: str, refused: str) -> None:
    lines = here.kubectl("get", "gapp", "-n", here.namespace, "--no-headers").splitlines()
    shown = {line.split()[0]: line.split()[1:] for line in lines}
    assert shown[running][:5] == ["True", "Available", "low", "tests", "Development"]
    assert shown[refused][:2] == ["False", "TierNotFound"]


def test_wide_columns_show_where_an_app_is_and_what_it_says(here: World, running: str) -> None:
    status = here.get(running)["status"]
    wide = here.kubectl("get", "gapp", running, "-n", here.namespace, "-o", "wide")
    for shown in ("small", here.namespace, status["revision"], status["url"], "The app answers"):
        assert shown in wide


def test_columns_of_a_budget_show_its_apps(here: World, running: str) -> None:
    def columns() -> list[str]:
        return here.kubectl("get", "abud", here.namespace, "--no-headers").split()

    until(lambda: columns()[1:5] == ["True", "Available", "tests", "1"], 30, "the budget's columns")


def test_columns_of_a_record_show_whose_it_is(here: World, running: str) -> None:
    line = here.kubectl("get", "arec", here.child(running), "-n", here.system, "--no-headers").split()
    assert line[1:4] == [here.namespace, running, here.uid("pod", running)]


def test_kstatus_follows_a_live_app_from_its_first_moment(here: World) -> None:
    assert here.operator.stop() == 0
    try:
        here.kubectl.apply(here.app("watched"))
        assert kstatus(here.get("watched")) == "InProgress"
    finally:
        here.operator.start()
    here.until_pod("watched")
    assert kstatus(here.until_judged("watched")) == "InProgress"
    here.make_ready("watched")
    here.until_condition("watched", "Ready", "True", "Available")
    assert kstatus(here.get("watched")) == "Current"
    here.apply(here.app("watched", operatingMode="Suspended"))
    assert kstatus(here.get("watched")) == "Failed"


def test_a_connector_is_current_and_counts_the_apps_that_name_it(here: World) -> None:
    name = f"rates-{here.namespace}"
    here.kubectl.apply(changed(CONNECTOR, {"metadata.name": name, "spec.namespaces": [here.namespace]}))
    try:
        envelope = {"owner": {"team": "tests"}, "riskClass": "low", "connectors": [name]}
        here.apply(here.app("caller", envelope=envelope))
        here.until_pod("caller")

        def counted() -> bool:
            live = here.kubectl.get("connector", name)
            return live["status"].get("apps") == 1 and kstatus(live) == "Current"

        until(counted, 30, "the connector's status")
    finally:
        here.kubectl("delete", "connector", name)


def test_kstatus_is_current_for_a_live_budget(here: World, running: str) -> None:
    def current() -> bool:
        return kstatus(here.kubectl.get("appbudget", here.namespace)) == "Current"

    until(current, 30, "a budget that is current")


def described(part: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every field below a schema, as kubectl names it."""
    for name, inner in part.get("properties", {}).items():
        if not (path == "" and name == "metadata"):
            yield f"{path}.{name}"
            yield from described(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(part.get(key), dict):
            yield from described(part[key], path)


def explained(text: str) -> Iterator[str]:
    """Every field that `kubectl explain --recursive` prints, by its indentation."""
    path: list[str] = []
    for line in text.partition("FIELDS:\n")[2].splitlines():
        if found := FIELD.match(line):
            path = [*path[: len(found[1]) // 2 - 1], found[2]]
            if path[0] != "metadata":
                yield "." + ".".join(path)


@pytest.mark.parametrize("plural", KINDS)
def test_kubectl_explains_every_field(bare_kubectl: Kubectl, plural: str) -> None:
    schema = KINDS[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    text = bare_kubectl("explain", f"{plural}.genapps.dev", "--recursive")
    assert set(described(schema)) == set(explained(text))
    assert "<no description>" not in text


def test_a_policy_of_somebody_else_that_opens_a_pod_is_named(here: World) -> None:
    here.started("opened")
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "allow-dns", "namespace": here.run},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 53}]}]},
    }
    here.kubectl.apply(policy)
    said = here.until_condition("opened", "EgressEnforced", "False", "EgressWidened")
    assert "allow-dns" in said["message"]
    here.kubectl("delete", "networkpolicy", "allow-dns", "-n", here.run)
    here.until_condition("opened", "EgressEnforced", "True", "Proven")
