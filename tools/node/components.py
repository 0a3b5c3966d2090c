# SPDX-License-Identifier: Apache-2.0
"""The programs of a node: how each is started, and in which order."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.node.binaries import binary
from tools.node.settings import REPOSITORY, Node

# In the order in which they start; the ones of the control plane are enough for tests that need no pods to run.
CONTROL_PLANE = ("etcd", "apiserver", "controller-manager", "scheduler")
WORKERS = ("containerd", "enforcer", "provisioner", "coredns", "proxy", "kubelet")
COMPONENTS = (*CONTROL_PLANE, *WORKERS)

PROGRAMS = {
    "etcd": "etcd",
    "apiserver": "kube-apiserver",
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "containerd": "containerd",
    "coredns": "coredns",
    "proxy": "kube-proxy",
    "kubelet": "kubelet",
}


def command(node: Node, component: str) -> Sequence[str]:
    """The command line of a component, as run inside the node from `directory()`."""
    if component in ("enforcer", "provisioner"):
        which = [f"GENAPPS_NODE={node.index}", f"GENAPPS_CACHE={node.cache}"]
        return ["env", *which, sys.executable, "-m", f"tools.node.{component}"]
    program = [str(binary(PROGRAMS[component], node.cache)), *_arguments(node)[component]]
    if component == "containerd":
        # Its shim looks for runc when it is asked what it can do.
        return ["env", f"PATH={binary('runc', node.cache).parent}:{os.environ['PATH']}", *program]
    return program


def directory(component: str) -> Path:
    """The working directory of a component. Ours are modules of the checkout; the others need none."""
    return REPOSITORY if component in ("enforcer", "provisioner") else Path("/")


def _arguments(node: Node) -> Mapping[str, Sequence[str]]:
    pki, etc = node.pki, node.state / "etc"
    return {
        "etcd": [
            f"--data-dir={node.state}/etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        "apiserver": [
            "--etcd-servers=http://127.0.0.1:2379",
            f"--service-cluster-ip-range={node.service_range}",
            f"--bind-address={node.address}",
            f"--advertise-address={node.address}",
            "--secure-port=6443",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/ca.crt",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki}/tokens.pub",
            f"--service-account-signing-key-file={pki}/tokens.key",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--kubelet-client-certificate={pki}/kubelet-client.crt",
            f"--kubelet-client-key={pki}/kubelet-client.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            # The node's name resolves nowhere.
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={etc}/audit.yaml",
            f"--audit-log-path={node.logs}/audit.log",
            "--audit-log-maxsize=500",
            "--allow-privileged",
            "--profiling=false",
        ],
        "controller-manager": [
            f"--kubeconfig={pki}/kube-controller-manager.conf",
            f"--service-account-private-key-file={pki}/tokens.key",
            f"--root-ca-file={pki}/ca.crt",
            "--use-service-account-credentials",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ],
        "scheduler": [
            f"--kubeconfig={pki}/kube-scheduler.conf",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ],
        "containerd": [f"--config={etc}/containerd.toml", "--log-level=warn"],
        "coredns": [f"-conf={etc}/Corefile", "-quiet"],
        "proxy": [f"--config={etc}/kube-proxy.yaml"],
        "kubelet": [
            f"--config={etc}/kubelet.yaml",
            f"--kubeconfig={pki}/kubelet.conf",
            f"--root-dir={node.state}/kubelet",
            f"--hostname-override={node.name}",
            f"--node-ip={node.address}",
        ],
    }
