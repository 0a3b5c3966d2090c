# SPDX-License-Identifier: Apache-2.0
"""`genapps catalogue` on a real API server: with the rights that the chart gives to the groups that it names."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.admission import BUDGET, CONNECTOR, changed
from tests.support.tenant import token
from tests.support.value_sets import IMAGES
from tools import helm
from tools.kubectl import Kubectl
from tools.node import Node


@pytest.fixture(scope="module")
def where(bare_kubectl: Kubectl) -> Iterator[str]:
    """A namespace with a budget and a connector, beside another budget that does not list it."""
    name = f"readers-{uuid.uuid4().hex[:8]}"
    bare_kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        changed(BUDGET, {"metadata.name": name, "spec.namespaces": [name]}),
        changed(BUDGET, {"metadata.name": f"{name}-not", "spec.namespaces": ["elsewhere"]}),
        changed(CONNECTOR, {"metadata.name": name, "spec.namespaces": [name]}),
    )
    yield name
    bare_kubectl("delete", "appbudget", name, f"{name}-not")
    bare_kubectl("delete", "connector", name)
    bare_kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def author(bare: Node, bare_kubectl: Kubectl, where: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of somebody with the default role `edit` in that namespace."""
    secret = token(bare_kubectl, where, "author")
    bare_kubectl(
        "create", "rolebinding", "author", "-n", where, "--clusterrole=edit", f"--serviceaccount={where}:author"
    )
    config = yaml.safe_load(bare.kubeconfig.read_text(encoding="utf-8"))
    config["users"] = [{"name": entry["name"], "user": {"token": secret}} for entry in config["users"]]
    path = tmp_path_factory.mktemp("author") / "kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def catalogue(kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and what was printed."""
    program = Path(sys.executable).with_name("genapps")
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run(
        [program, "catalogue", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_an_editor_may_not_and_is_told_which_value_lets_them(author: Path) -> None:
    code, text = catalogue(author)
    assert code == 2
    assert "catalogue.readers" in text
    assert "Traceback" not in text


@pytest.fixture
def granted(bare_kubectl: Kubectl, where: str) -> Iterator[str]:
    """The chart's role and binding, for the group of all ServiceAccounts of the namespace."""
    values = helm.values_for(IMAGES, catalogue={"readers": [f"system:serviceaccounts:{where}"]})
    objects = [each for each in helm.render(values) if each["metadata"]["name"] == "genapps-catalogue"]
    assert sorted(each["kind"] for each in objects) == ["ClusterRole", "ClusterRoleBinding"]
    bare_kubectl.apply(*objects)
    yield where
    for each in objects:
        bare_kubectl("delete", each["kind"], each["metadata"]["name"])


def test_a_reader_sees_tiers_and_tools_of_their_namespace(author: Path, granted: str) -> None:
    code, text = catalogue(author, "--namespace", granted)
    assert code == 0, text
    rows = [line.split() for line in text.splitlines()]
    assert [row[:2] for row in rows if row[1:2] == ["small"]] == [[granted, "small"]]
    assert [granted, "HTTP", "low", "latest", "Read"] in rows


def test_a_reader_sees_all_and_as_json(author: Path, granted: str) -> None:
    code, text = catalogue(author, "-o", "json")
    assert code == 0, text
    found = json.loads(text)
    assert {granted, f"{granted}-not"} <= {each["name"] for each in found["budgets"]}
    assert granted in [each["name"] for each in found["connectors"]]


def test_the_role_reads_and_does_nothing_else(bare_kubectl: Kubectl, granted: str) -> None:
    account = f"system:serviceaccount:{granted}:author"
    reader = bare_kubectl.impersonating(account, f"system:serviceaccounts:{granted}", "system:authenticated")
    for kind in ("appbudgets", "connectors"):
        assert all(reader.allowed(verb, f"{kind}.genapps.dev", "") for verb in ("get", "list", "watch"))
        assert not any(reader.allowed(verb, f"{kind}.genapps.dev", "") for verb in ("create", "update", "delete"))
    assert not reader.allowed("list", "apprecords.genapps.dev", "genapps-system")
    assert not reader.allowed("list", "secrets", "genapps-system")
