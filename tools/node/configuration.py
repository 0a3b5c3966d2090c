# SPDX-License-Identifier: Apache-2.0
"""The configuration files of the node's programs."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from tools.node.binaries import binary
from tools.node.pki import USERS
from tools.node.settings import HERE, Node

PAUSE_IMAGE = "localhost/genapps-pause:1"
NETCHECK_IMAGE = "localhost/genapps-netcheck:1"


def write(node: Node) -> None:
    """Write all of them below the node's state directory, which exists."""
    for directory in ("cni", "etc"):
        (node.state / directory).mkdir()
    etc = node.state / "etc"
    _yaml(node, "audit.yaml", _audit())
    _yaml(node, "kubelet.yaml", _kubelet(node))
    _yaml(node, "kube-proxy.yaml", _kube_proxy(node))
    (etc / "containerd.toml").write_text(_containerd(node), encoding="utf-8")
    (etc / "Corefile").write_text(_corefile(node), encoding="utf-8")
    # Pods with the node's own resolver must not inherit the host's search domains.
    (etc / "resolv.conf").write_text(f"nameserver {node.address}\n", encoding="utf-8")
    (node.state / "cni" / "10-genapps.conflist").write_text(json.dumps(_cni(node), indent=1), encoding="utf-8")
    objects = (HERE / "manifests" / "node.yaml").read_text(encoding="utf-8")
    objects = objects.replace("DNS_ADDRESS", node.dns_address).replace("NODE_ADDRESS", node.address)
    (etc / "objects.yaml").write_text(objects, encoding="utf-8")


def _audit() -> Mapping[str, Any]:
    """Who asked for what, without bodies: tests and bench count requests with it. The node's own reads are left out."""
    reading = {"level": "None", "verbs": ["get", "list", "watch"]}
    own = [user for user, _ in USERS.values() if user != "admin"]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [
            {**reading, "users": [*own, "system:apiserver"]},
            {**reading, "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
            {"level": "Metadata"},
        ],
    }


def _kubelet(node: Node) -> Mapping[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "containerRuntimeEndpoint": f"unix://{node.containerd_socket}",
        "clusterDNS": [node.dns_address],
        "clusterDomain": "cluster.local",
        "resolvConf": str(node.state / "etc" / "resolv.conf"),
        "podLogsDir": str(node.state / "pods"),
        "authentication": {
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": str(node.pki / "ca.crt")},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(node.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(node.pki / "kubelet.key"),
        "maxPods": 110,
        "podPidsLimit": 256,
        "serializeImagePulls": False,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "eventRecordQPS": 0,
        # There is no registry to fetch an image from again.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
    }


def _kube_proxy(node: Node) -> Mapping[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(node.pki / "kube-proxy.conf"), "qps": 100, "burst": 200},
        "conntrack": {"maxPerCore": 0},
        "nftables": {"minSyncPeriod": "50ms", "syncPeriod": "30s"},
    }


def _containerd(node: Node) -> str:
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    images = "plugins.'io.containerd.cri.v1.images'"
    plugins = json.dumps(["/usr/lib/cni", str(binary("genapps-policy", node.cache).parent)])
    return f"""version = 3
root = "{node.image_store}"
state = "{node.run}/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile"]
[grpc]
  address = "{node.containerd_socket}"
[ttrpc]
  address = "{node.containerd_socket}.ttrpc"
[{images}]
  snapshotter = "overlayfs"
[{images}.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[{runtime}]
  # Where the machine lacks CAP_SYS_RESOURCE, runc dies when it lowers a score.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[{runtime}.cni]
  bin_dirs = {plugins}
  conf_dir = "{node.state}/cni"
[{runtime}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "{binary("containerd-shim-runc-v2", node.cache)}"
[{runtime}.containerd.runtimes.runc.options]
  BinaryName = "{binary("runc", node.cache)}"
  SystemdCgroup = false
"""


def _cni(node: Node) -> Mapping[str, Any]:
    """Each pod has a routed link of its own, so that also traffic between pods passes the node's forward chain."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": node.pod_range}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(node.run / "addresses"),
    }
    policy = {"type": "genapps-policy", "attachments": str(node.attachments), "socket": str(node.enforcer_socket)}
    return {"cniVersion": "1.0.0", "name": "genapps", "plugins": [{"type": "ptp", "ipam": addresses}, policy]}


def _corefile(node: Node) -> str:
    return f"""cluster.local:53 in-addr.arpa:53 {{
    bind {node.address}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {node.pki / "coredns.conf"}
        pods insecure
        ttl 5
    }}
    ready 127.0.0.1:8181
}}
"""


def _yaml(node: Node, name: str, content: Mapping[str, Any]) -> None:
    (node.state / "etc" / name).write_text(yaml.safe_dump(dict(content), sort_keys=False), encoding="utf-8")
