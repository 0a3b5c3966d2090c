"""Brings the stage of the demo up: cluster, images, chart. Everything here is idempotent."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import helm_python

from tests import node
from tests.e2e.kubectl import Kubectl, SceneError
from tests.e2e.terminal import Terminal
from tests.images import __main__ as images
from tests.images.steps import BuildError
from tests.support import helm

REPOSITORY = Path(__file__).resolve().parents[2]


def cluster(terminal: Terminal) -> Kubectl:
    """The cluster to use: the local node, brought up, or with CLUSTER=current the kubeconfig's context."""
    chosen = os.environ.get("CLUSTER") or "local"
    if chosen == "current":
        kubectl = Kubectl("kubectl")
        terminal.scene("Your cluster")
        terminal.output(f"context {kubectl('config', 'current-context').strip()}")
        kubectl("version")
        return kubectl
    if chosen != "local":
        raise SceneError(f"CLUSTER={chosen} is not known: use local or current")
    terminal.scene("A Kubernetes node on this machine")
    terminal.say(
        "Upstream etcd, API server, controller manager, scheduler, kubelet, kube-proxy, containerd and runc, built "
        "from source. Two parts are the project's own: the NetworkPolicy enforcer and the storage provisioner."
    )
    terminal.command(["python", "-m", "tests.node", "up"])
    if subprocess.run([sys.executable, "-m", "tests.node", "up"], cwd=REPOSITORY, check=False).returncode:
        raise SceneError("the node did not start; its message is above")
    return Kubectl(str(node.kubectl_path()), node.kubeconfig())


def images_for(terminal: Terminal) -> dict[str, str]:
    """The references of both images, built and loaded into the local node unless the user brings his own."""
    terminal.scene("Two images: operator and gateway, and the apps' runtime")
    prefix = os.environ.get("IMAGES")
    if (os.environ.get("CLUSTER") or "local") == "current" and not prefix:
        raise SceneError(
            "CLUSTER=current needs IMAGES=<registry/prefix>: `make images IMAGES=...` says how to push them"
        )
    try:
        references = images.remote(prefix) if prefix else images.build()
    except (BuildError, OSError) as error:
        raise SceneError(str(error)) from error
    for reference in references.values():
        terminal.output(reference)
    return references


def chart(terminal: Terminal, kubectl: Kubectl, references: dict[str, str]) -> str:
    """Install or upgrade the release, run its tests, and return what they said."""
    terminal.scene("The platform: chart genapps, operator and gateway")
    terminal.command(
        ["helm", "upgrade", "--install", helm.RELEASE, "charts/genapps", "-n", helm.NAMESPACE, "--create-namespace"]
    )
    values = helm.values_for(references, storage={"className": "", "waitForFirstConsumer": _waits(kubectl)})
    try:
        revision = helm.install(kubectl.kubeconfig, None, values)
        terminal.good(f"revision {revision}: operator and gateway are ready")
        terminal.command(["helm", "test", helm.RELEASE, "-n", helm.NAMESPACE, "--logs"])
        said = helm.run_tests(kubectl.kubeconfig, None)
    except helm_python.HelmError as error:
        raise SceneError(f"helm: {error}\n{_pods_of_ours(kubectl)}") from error
    terminal.output(said)
    return said


def _waits(kubectl: Kubectl) -> bool:
    """Whether the default StorageClass binds a claim only when a pod uses it."""
    default = "storageclass.kubernetes.io/is-default-class"
    for found in kubectl.json("get", "storageclasses")["items"]:
        if found["metadata"].get("annotations", {}).get(default) == "true":
            return bool(found.get("volumeBindingMode") == "WaitForFirstConsumer")
    raise SceneError("the cluster has no default StorageClass: apps need one for their state")


def _pods_of_ours(kubectl: Kubectl) -> str:
    with contextlib.suppress(SceneError):
        said = io.StringIO()
        said.write(kubectl("get", "pods", "-n", helm.NAMESPACE))
        said.write(
            kubectl("logs", "-n", helm.NAMESPACE, "-l", "app.kubernetes.io/name=genapps", "--tail=15", "--prefix")
        )
        return said.getvalue()
    return ""
