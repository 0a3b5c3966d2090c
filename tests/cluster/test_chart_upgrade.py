# SPDX-License-Identifier: Apache-2.0
"""The life of a release: CRDs are upgraded with it, and what users own outlives it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.apps import app, child_of, is_true, ready, until_app
from tools import helm
from tools.kubectl import Kubectl
from tools.node import Node

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("generatedapps", "appbudgets", "connectors", "appholds", "apprecords", "budgetrecords", "ledgers")
CODE = """
    from genapps import app

    @app.get("/")
    async def hello(request):
        return "hello"
"""


@pytest.fixture
def values() -> helm.Values:
    return helm.values_for(json.loads((ROOT / "build" / "images.json").read_text(encoding="utf-8")))


@pytest.fixture
def release(installed: Kubectl, node: Node, values: helm.Values) -> Iterator[Kubectl]:
    """The installed release, and installed again afterwards, whatever became of it."""
    yield installed
    helm.install(node.kubeconfig, values)


@pytest.fixture
def older_chart(tmp_path: Path) -> Path:
    """This chart as of a version in which GeneratedApps had no field `slo`."""
    copy = tmp_path / "genapps"
    shutil.copytree(helm.CHART, copy)
    file = copy / "templates" / "crds" / "generatedapps.yaml"
    first, *lines, last = file.read_text(encoding="utf-8").splitlines()[1:]
    crd = yaml.safe_load("\n".join(lines))
    del crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["slo"]
    file.write_text("\n".join([first, yaml.safe_dump(crd), last, ""]), encoding="utf-8")
    return copy


def uids(kubectl: Kubectl) -> dict[str, str]:
    """What must outlive the release, by kind and name."""
    kept = [("crd", f"{kind}.genapps.dev") for kind in KINDS]
    kept += [("namespace", "genapps-run"), ("networkpolicy", "genapps-default-deny")]
    found = {}
    for kind, name in kept:
        where = "genapps-run" if kind == "networkpolicy" else None
        found[f"{kind}/{name}"] = str(kubectl.get(kind, name, where)["metadata"]["uid"])
    return found


def spec_fields(kubectl: Kubectl) -> set[str]:
    crd = kubectl.get("crd", "generatedapps.genapps.dev")
    return set(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


def test_an_upgrade_brings_new_fields_and_no_change_of_crds_enabled_costs_an_object(
    release: Kubectl, node: Node, values: helm.Values, older_chart: Path, tenant: str
) -> None:
    helm.install(node.kubeconfig, values, chart=older_chart)
    assert "slo" not in spec_fields(release)
    before = uids(release)
    created = ready(release, app("older", tenant, CODE))
    helm.install(node.kubeconfig, {**values, "crds": {"enabled": False}})
    assert "slo" not in spec_fields(release)
    assert uids(release) == before
    helm.install(node.kubeconfig, values)
    assert "slo" in spec_fields(release)
    assert uids(release) == before
    kept = release.get("generatedapp", "older", tenant)
    assert kept["metadata"]["uid"] == created["metadata"]["uid"]
    assert kept["spec"] == created["spec"]
    assert is_true("Ready")(kept)


def test_apps_outlive_the_release_and_the_next_one_takes_them_over(
    release: Kubectl, node: Node, values: helm.Values, tenant: str
) -> None:
    manifest = app("survivor", tenant, CODE)
    found = ready(release, manifest)
    claim = child_of(release, found, "persistentvolumeclaims")
    assert claim is not None
    before = uids(release)

    helm.uninstall(node.kubeconfig)
    assert release.items("deployments", "-n", helm.NAMESPACE) == []
    assert uids(release) == before
    assert release.find("generatedapp", "survivor", tenant) is not None
    still = child_of(release, found, "persistentvolumeclaims")
    assert still is not None
    assert still["metadata"]["uid"] == claim["metadata"]["uid"]

    helm.install(node.kubeconfig, values)
    assert uids(release) == before
    again = until_app(release, manifest, is_true("Ready"))
    assert again["metadata"]["uid"] == found["metadata"]["uid"]
    taken = child_of(release, found, "persistentvolumeclaims")
    assert taken is not None
    assert taken["metadata"]["uid"] == claim["metadata"]["uid"]
