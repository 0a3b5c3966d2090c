# SPDX-License-Identifier: Apache-2.0
"""Installs the demo's platform: cluster, images, chart. Everything here can be repeated."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import helm_python

from demo.terminal import SceneError, Terminal
from tools import helm, node
from tools.images import __main__ as images
from tools.images.steps import BuildError
from tools.kubectl import Kubectl, KubectlError

REPOSITORY = Path(__file__).resolve().parents[1]
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster that the demo uses."""

    kubectl: Kubectl
    kubeconfig: Path
    local: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """The cluster to use, from the environment: CLUSTER=local (default), or CLUSTER=current with IMAGES."""

    current: bool = False
    """Use the kubeconfig's current context in place of the local node."""
    images: str = ""
    """Registry and prefix of images that the user has pushed; empty: build them for the local node."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Settings from the environment. Raises SceneError for an unknown cluster, or one without images."""
        chosen, prefix = environ.get("CLUSTER") or "local", environ.get("IMAGES") or ""
        if chosen not in {"local", "current"}:
            raise SceneError(f"CLUSTER={chosen} is unknown; use local or current")
        if (chosen == "current") != bool(prefix):
            raise SceneError(
                "CLUSTER=current and IMAGES=<registry/prefix> go together: `make images IMAGES=...` says how to push"
            )
        return cls(chosen == "current", prefix)


@contextmanager
def cluster(terminal: Terminal, settings: Settings) -> Iterator[Cluster]:
    """The cluster to use: the local node, brought up, or the kubeconfig's current context."""
    if settings.current:
        with tempfile.TemporaryDirectory(prefix="genapps-demo-") as private:
            yield _current(terminal, Path(private) / "kubeconfig")
    else:
        yield _local(terminal)


def _local(terminal: Terminal) -> Cluster:
    terminal.scene("A Kubernetes node on this machine")
    terminal.say(
        "Upstream etcd, API server, controller manager, scheduler, kubelet, kube-proxy, containerd and runc, built "
        "from source. Two parts are the project's own: the NetworkPolicy enforcer and the storage provisioner."
    )
    terminal.command(["python", "-m", "tools.node", "up"])
    if subprocess.run([sys.executable, "-m", "tools.node", "up"], cwd=REPOSITORY, check=False).returncode:
        raise SceneError("the node did not start; see its message above")
    return Cluster(Kubectl(node.kubectl_path(), node.kubeconfig()), node.kubeconfig(), local=True)


def _current(terminal: Terminal, kubeconfig: Path) -> Cluster:
    program = shutil.which("kubectl")
    if program is None:
        raise SceneError("CLUSTER=current needs kubectl on the PATH")
    # A copy of this one context: whoever changes the current context meanwhile does not move the demo.
    view = [program, "config", "view", "--minify", "--flatten", "--raw"]
    found = subprocess.run(view, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SceneError(f"kubectl has no current context: {found.stderr.strip()}")
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(found.stdout, encoding="utf-8")
    kubectl = Kubectl(Path(program), kubeconfig)
    terminal.scene(f"Your cluster: context {kubectl('config', 'current-context').strip()}")
    terminal.output(kubectl("version"))
    return Cluster(kubectl, kubeconfig, local=False)


def images_for(terminal: Terminal, settings: Settings) -> dict[str, str]:
    """The references of both images: built and loaded into the local node, unless users bring their own."""
    terminal.scene("Two images: operator and gateway, and the apps' runtime")
    try:
        references = images.pushed(settings.images) if settings.images else images.build()
    except (BuildError, OSError) as error:
        raise SceneError(str(error)) from error
    for reference in references.values():
        terminal.output(reference)
    return references


def chart(terminal: Terminal, cluster: Cluster, references: dict[str, str]) -> str:
    """Install or upgrade the release and run its tests; returns the tests' logs."""
    terminal.scene("The platform: chart genapps, operator and gateway")
    terminal.command(
        ["helm", "upgrade", "--install", helm.RELEASE, "charts/genapps", "-n", helm.NAMESPACE, "--create-namespace"]
    )
    values = helm.values_for(references, storage={"className": "", "waitForFirstConsumer": _waits(cluster.kubectl)})
    try:
        revision = helm.install(cluster.kubeconfig, values)
        terminal.good(f"revision {revision}: operator and gateway are ready")
        terminal.command(["helm", "test", helm.RELEASE, "-n", helm.NAMESPACE, "--logs"])
        said = helm.run_tests(cluster.kubeconfig)
    except helm_python.HelmError as error:
        raise SceneError(f"helm: {error}\n{_state_of_ours(cluster.kubectl)}") from error
    terminal.output(said)
    return said


def _waits(kubectl: Kubectl) -> bool:
    """Whether the default StorageClass binds a claim only when a pod uses it."""
    for found in kubectl.items("storageclasses"):
        if found["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true":
            return bool(found.get("volumeBindingMode") == "WaitForFirstConsumer")
    raise SceneError("the cluster has no default StorageClass; apps need one for their state")


def _state_of_ours(kubectl: Kubectl) -> str:
    ours = ("-n", helm.NAMESPACE, "-l", "app.kubernetes.io/name=genapps")
    try:
        return kubectl("get", "pods", *ours) + kubectl("logs", *ours, "--tail=15", "--prefix")
    except KubectlError as error:
        return str(error)
