# SPDX-License-Identifier: Apache-2.0
"""Where a node keeps its files, and which names and addresses it uses. Only this module knows them."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LARGEST_INDEX = 9


class NodeError(Exception):
    """An error for the person at the terminal; printed without a traceback."""


@dataclass(frozen=True)
class Node:
    """One local node. Index 0 is the one that everything shares; others serve tests of the node itself."""

    index: int
    cache: Path

    @property
    def name(self) -> str:
        """The name of the Node object, the network namespace and the control groups."""
        return "genapps" if self.index == 0 else f"genapps-{self.index}"

    @property
    def state(self) -> Path:
        """All files of a running node except its sockets; `down` removes it."""
        return self.cache / ("node" if self.index == 0 else f"node-{self.index}")

    @property
    def run(self) -> Path:
        """Sockets and process records: a short path, because a socket's path holds 107 characters at most."""
        return Path("/run/genapps-node" if self.index == 0 else f"/run/genapps-node-{self.index}")

    @property
    def image_store(self) -> Path:
        """containerd's root: the shared node's survives `down`, so that images need not be imported again."""
        return self.cache / "containerd" if self.index == 0 else self.state / "containerd"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Keys, certificates and the other kubeconfigs."""
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        """One log per component."""
        return self.state / "log"

    @property
    def volumes(self) -> Path:
        """One directory per provisioned claim: its disk file and its mount point."""
        return self.state / "volumes"

    @property
    def attachments(self) -> Path:
        """One JSON file per attached pod network interface, written by the CNI plugin, read by the enforcer."""
        return self.run / "attachments"

    @property
    def enforcer_socket(self) -> Path:
        """Where CNI plugins ask the enforcer."""
        return self.run / "enforcer.sock"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"

    @property
    def netns(self) -> Path:
        """The network namespace, as `ip netns` names it."""
        return Path("/run/netns") / self.name

    @property
    def host_link(self) -> str:
        """The host's end of the veth pair; the node's end is called `uplink`."""
        return f"genapps{self.index}"

    @property
    def host_address(self) -> str:
        """The host's address on the veth pair."""
        return f"10.201.{self.index}.1"

    @property
    def address(self) -> str:
        """The node's address on the veth pair."""
        return f"10.201.{self.index}.2"

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.address}:6443"

    @property
    def pod_range(self) -> str:
        """Addresses of pods (CIDR)."""
        return f"10.244.{self.index}.0/24"

    @property
    def service_range(self) -> str:
        """Addresses of Services (CIDR)."""
        return f"10.{96 + self.index}.0.0/16"

    @property
    def api_service_address(self) -> str:
        """The address of Service `kubernetes`."""
        return str(ipaddress.ip_network(self.service_range)[1])

    @property
    def dns_address(self) -> str:
        """The address of the DNS server's Service."""
        return str(ipaddress.ip_network(self.service_range)[10])

    @property
    def cgroup(self) -> str:
        """The control group of all pods, below the root of each hierarchy."""
        return f"{self.name}-node"


def current(environment: Mapping[str, str] = os.environ) -> Node:
    """The node that the environment names: `GENAPPS_CACHE` for its files, `GENAPPS_NODE` (0 to 9) for its index."""
    fallback = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genapps"
    index = environment.get("GENAPPS_NODE", "0")
    if not (index.isdecimal() and int(index) <= LARGEST_INDEX):
        raise NodeError(f"GENAPPS_NODE must be a number from 0 to {LARGEST_INDEX}, not {index!r}")
    return Node(index=int(index), cache=Path(environment.get("GENAPPS_CACHE") or fallback).resolve())
