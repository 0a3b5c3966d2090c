# SPDX-License-Identifier: Apache-2.0
"""Two real clusters for the whole session.

`node` is the whole local node, with the chart installed by `installed`: what a user gets. `bare` is a second control
plane without kubelet: for tests that run operator or gateway as a process of their own, or that need many apps and no
pods. Both are left running or ended as they were found.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo import callers
from demo.callers import Pod
from tests.support.tenant import Tenant, editing
from tools import helm
from tools.kubectl import Kubectl
from tools.node import Node, current, kubectl_path
from tools.node.lifecycle import down, up

ROOT = Path(__file__).resolve().parents[2]
BARE_INDEX = int(os.environ.get("GENAPPS_BARE_NODE", "1"))
"""Another one lets two test runs of one machine go on side by side, each with its own GENAPPS_NODE as well."""


@pytest.fixture(scope="session")
def node() -> Node:
    """The shared local node; it stays up, so that the next run is quick."""
    up(current())
    return current()


@pytest.fixture(scope="session")
def kubectl(node: Node) -> Kubectl:
    """kubectl as administrator of the shared node."""
    return Kubectl(kubectl_path(), node.kubeconfig)


@pytest.fixture(scope="session")
def bare() -> Iterator[Node]:
    """A control plane of its own, without kubelet and without our chart, with our CRDs."""
    bare_node = Node(BARE_INDEX, current().cache)
    up(bare_node, fresh=True, kubelet=False)
    client = Kubectl(kubectl_path(), bare_node.kubeconfig)
    client.apply_files(ROOT / "crds")
    client("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    yield bare_node
    down(bare_node)


@pytest.fixture(scope="session")
def bare_kubectl(bare: Node) -> Kubectl:
    """kubectl as administrator of the bare control plane."""
    return Kubectl(kubectl_path(), bare.kubeconfig)


@pytest.fixture(scope="session")
def installed(node: Node) -> Kubectl:
    """The chart with the images of this checkout, installed and ready on the shared node."""
    subprocess.run([sys.executable, "-m", "tools.images"], cwd=ROOT, check=True)
    images = json.loads((ROOT / "build" / "images.json").read_text(encoding="utf-8"))
    helm.install(node.kubeconfig, helm.values_for(images))
    return Kubectl(kubectl_path(), node.kubeconfig)


@pytest.fixture
def tenant(installed: Kubectl) -> Iterator[str]:
    """A fresh namespace that a budget of the same name lists, with a tier `small`; gone afterwards, apps included."""
    name = f"tenant-{uuid.uuid4().hex[:8]}"
    installed.apply(namespace(name), budget(name, [name]))
    yield name
    installed("delete", "namespace", name, "--wait=false")
    installed("delete", "appbudget", name, "--wait=false")


@pytest.fixture(scope="module")
def editor(installed: Kubectl, node: Node) -> Iterator[Tenant]:
    """A tenant with the default role `edit`, with the token and one app of their own, for all tests of a module."""
    name = f"editor-{uuid.uuid4().hex[:8]}"
    installed.apply(namespace(name), budget(name, [name]))
    with editing(installed, node, name, _started(installed, name, "caller")) as tenant:
        yield tenant
    installed("delete", "namespace", name, "--wait=false")
    installed("delete", "appbudget", name, "--wait=false")


@pytest.fixture
def caller(installed: Kubectl, tenant: str) -> Pod:
    """An ordinary pod of the tenant's namespace that runs a web server on port 8000."""
    return _started(installed, tenant, "caller")


@pytest.fixture
def stranger(installed: Kubectl) -> Iterator[Pod]:
    """The same in a namespace that has nothing to do with any tenant."""
    name = f"stranger-{uuid.uuid4().hex[:8]}"
    installed.apply(namespace(name))
    yield _started(installed, name, "stranger")
    installed("delete", "namespace", name, "--wait=false")


def _started(installed: Kubectl, where: str, name: str) -> Pod:
    images = json.loads((ROOT / "build" / "images.json").read_text(encoding="utf-8"))
    installed.apply(callers.manifest(where, name, images["genapps"]))
    installed("wait", "--for=condition=Ready", f"pod/{name}", "-n", where, "--timeout=60s")
    return Pod(installed, where, name)


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def budget(name: str, namespaces: list[str]) -> dict[str, Any]:
    """The AppBudget of the examples under another name, for other namespaces."""
    documents = yaml.safe_load_all((ROOT / "examples" / "platform.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = next(document for document in documents if document["kind"] == "AppBudget")
    return {**found, "metadata": {"name": name}, "spec": {**found["spec"], "namespaces": namespaces}}
