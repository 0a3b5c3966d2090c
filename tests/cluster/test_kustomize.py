# SPDX-License-Identifier: Apache-2.0
"""The kustomize configuration that we ship, through the kustomize in `kubectl`. No cluster is needed."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from genapps.cli.main import main
from tests.support.admission import API, APP, BUDGET, CONNECTOR, changed
from tools.node import current, kubectl_path
from tools.node.binaries import build

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "deploy" / "kustomize" / "genapps.yaml"
KUSTOMIZATION: dict[str, Any] = {
    "configurations": ["genapps.yaml"],
    "resources": ["manifests.yaml"],
    "configMapGenerator": [
        {"name": "code", "files": ["app.py"], "options": {"labels": {"genapps.dev/source": "true"}}},
        {"name": "statement", "files": ["statement.dsse.json"]},
    ],
}
MANIFESTS = [
    changed(
        APP,
        {
            "metadata": {"name": "helper"},
            "spec.code.source": {"configMap": {"name": "code", "entry": "app.py"}},
            "spec.attestation": {"configMap": {"name": "statement", "key": "statement.dsse.json"}},
            "spec.envelope.connectors": ["rates", "elsewhere"],
            "spec.ingress": {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]},
        },
    ),
    BUDGET,
    CONNECTOR,
]


@pytest.fixture(scope="module")
def kubectl() -> Path:
    """The program alone."""
    build(current().cache, frozenset({"kubectl"}))
    return kubectl_path()


def built(kubectl: Path, folder: Path, **more: Any) -> tuple[str, dict[tuple[str, str], dict[str, Any]]]:
    """What `kubectl kustomize` makes of our configuration: its text, and the objects by kind and name without hash."""
    (folder / "genapps.yaml").write_text(CONFIGURATION.read_text(encoding="utf-8"))
    (folder / "app.py").write_text("from genapps import app\n")
    (folder / "statement.dsse.json").write_text("{}")
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all(MANIFESTS))
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**KUSTOMIZATION, **more}))
    text = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True).stdout
    found = list(yaml.safe_load_all(text))
    hashed = {each["metadata"]["name"] for each in found if each["kind"] == "ConfigMap"}
    name = {each: each.rpartition("-")[0] for each in hashed}
    return text, {(each["kind"], name.get(each["metadata"]["name"], each["metadata"]["name"])): each for each in found}


def test_the_hash_of_a_configmap_reaches_the_app(kubectl: Path, tmp_path: Path) -> None:
    _, objects = built(kubectl, tmp_path)
    spec = objects["GeneratedApp", "helper"]["spec"]
    code = objects["ConfigMap", "code"]["metadata"]["name"]
    assert code != "code"
    assert spec["code"]["source"]["configMap"] == {"name": code, "entry": "app.py"}
    assert spec["attestation"]["configMap"]["name"] == objects["ConfigMap", "statement"]["metadata"]["name"]


def test_a_prefix_reaches_what_an_app_names_and_nothing_that_is_elsewhere(kubectl: Path, tmp_path: Path) -> None:
    _, objects = built(kubectl, tmp_path, namePrefix="dev-")
    spec = objects["GeneratedApp", "dev-helper"]["spec"]
    assert spec["code"]["source"]["configMap"]["name"] == objects["ConfigMap", "dev-code"]["metadata"]["name"]
    assert spec["budget"] == objects["AppBudget", "dev-finance"]["metadata"]["name"]
    assert spec["envelope"]["connectors"] == ["dev-rates", "elsewhere"]


@pytest.mark.parametrize(
    "labels",
    [{"commonLabels": {"part": "x"}}, {"labels": [{"pairs": {"part": "x"}, "includeSelectors": True}]}],
    ids=["commonLabels", "labels"],
)
def test_labels_for_all_objects_reach_neither_selectors_nor_the_envelope(
    kubectl: Path, tmp_path: Path, labels: dict[str, Any]
) -> None:
    _, objects = built(kubectl, tmp_path, **labels)
    app = objects["GeneratedApp", "helper"]
    assert app["metadata"]["labels"] == {"part": "x"}
    assert app["spec"]["ingress"] == MANIFESTS[0]["spec"]["ingress"]
    assert app["spec"]["envelope"] == MANIFESTS[0]["spec"]["envelope"]
    assert objects["ConfigMap", "code"]["metadata"]["labels"] == {"part": "x", "genapps.dev/source": "true"}


def test_what_kustomize_prints_can_be_checked(kubectl: Path, tmp_path: Path) -> None:
    text, objects = built(kubectl, tmp_path, namespace="finance")
    assert objects["GeneratedApp", "helper"]["apiVersion"] == API
    result = CliRunner().invoke(main, ["check", "-"], input=text)
    assert "spec.attestation (remove it)" in result.stdout
    # The one connector of the manifests is granted to another namespace, or named otherwise.
    assert "ConnectorUnknown: spec.envelope.connectors" in result.stdout
    assert len(result.stdout.splitlines()) == 2, result.stdout
