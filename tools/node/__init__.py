# SPDX-License-Identifier: Apache-2.0
"""The local node: a real Kubernetes on this machine, built from Go modules, for tests, demo and bench.

Everything of it runs in namespaces of its own (network, mounts, processes), so that ending one process ends all of it.
`python -m tools.node --help` lists the commands; the functions here are what tests import.
"""

from pathlib import Path

from tools.node.binaries import binary
from tools.node.lifecycle import healthy
from tools.node.settings import Node, current

__all__ = ["Node", "current", "kubeconfig", "kubectl_path", "node_is_up"]


def kubeconfig() -> Path:
    """The administrator's kubeconfig; it exists while the node is up."""
    return current().kubeconfig


def kubectl_path() -> Path:
    """The kubectl that was built with the node."""
    return binary("kubectl", current().cache)


def node_is_up() -> bool:
    """Whether the whole node runs and the API server answers; `stop`ped components make it False."""
    return healthy(current())
