# SPDX-License-Identifier: Apache-2.0
"""Up, down and status of a node as a whole."""

import fcntl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tools.node import api, cgroups, configuration, containers, isolation, leftovers, machine, pki
from tools.node.binaries import binary, build
from tools.node.components import COMPONENTS, CONTROL_PLANE
from tools.node.enforcer.table import CLOSED
from tools.node.isolation import enter, foreign_cache, init_of
from tools.node.prerequisites import able_to_run, addresses_are_free
from tools.node.processes import process_of, start, until_of_use
from tools.node.settings import Node, NodeError


def up(node: Node, fresh: bool = False, kubelet: bool = True) -> None:
    """Have a healthy node: what runs stays, what is missing starts, what is broken is replaced."""
    with alone(node):
        _refuse_foreign(node)
        able_to_run()
        build(node.cache)
        components = COMPONENTS if kubelet else CONTROL_PLANE
        if not fresh and init_of(node) and process_of(node, "apiserver") and api.ready(node):
            _start(node, components)
            return
        leftovers.remove(node)
        addresses_are_free(node)
        begin = time.monotonic()
        _prepare(node)
        _start(node, components)
        print(
            f"node {node.name} is up after {time.monotonic() - begin:.1f} s: KUBECONFIG={node.kubeconfig}", flush=True
        )


def down(node: Node) -> None:
    """End the node and remove everything of it but the build cache and the store of its images."""
    with alone(node):
        _refuse_foreign(node)
        leftovers.remove(node)


def healthy(node: Node) -> bool:
    """Whether every component runs and the API server answers."""
    return all(process_of(node, component) for component in COMPONENTS) and api.ready(node)


def status(node: Node) -> list[str]:
    """One line per component, and one for the whole."""
    lines = [f"{component:20}{'running' if process_of(node, component) else 'stopped'}" for component in COMPONENTS]
    if not init_of(node):
        return [f"node {node.name} is down"]
    ready = "Ready" if api.node_ready(node) else "not Ready"
    return [*lines, f"{'API server':20}{'ready' if api.ready(node) else 'not ready'}", f"{'node':20}{ready}"]


@contextmanager
def alone(node: Node) -> Iterator[None]:
    """Hold the node's lock: one command at a time changes it."""
    node.cache.mkdir(parents=True, exist_ok=True)
    with (node.cache / f"{node.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _refuse_foreign(node: Node) -> None:
    if cache := foreign_cache(node):
        raise NodeError(
            f"a node with the same addresses runs from another cache; end it with GENAPPS_CACHE={cache} "
            "python -m tools.node down"
        )


def _prepare(node: Node) -> None:
    """Everything that exists before the first component starts; the last step closes the pods' network."""
    # The root of a pod in a user namespace is nobody here, and passes through this directory to its file system.
    node.run.mkdir(mode=0o711)
    for directory in (node.state, node.logs, node.volumes, node.attachments):
        directory.mkdir(parents=True, mode=0o700)
    pki.write(node)
    configuration.write(node)
    machine.remember()
    isolation.create(node)
    done = subprocess.run(enter(node, ["nft", "-f", "-"]), input=CLOSED, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NodeError(f"nft refuses the policy table: {done.stderr.strip()}")
    cgroups.create(node)


def _start(node: Node, components: Sequence[str]) -> None:
    """Start what does not run, in an order in which nothing has to retry."""
    missing = [component for component in components if not process_of(node, component)]
    if not missing:
        return
    first = [component for component in ("etcd", "apiserver", "containerd") if component in missing]
    for component in first:
        start(node, component)
    if "containerd" in first:
        containers.forget_earlier(node)
        containers.load(node, containers.own_archives(node))
    until_of_use(node, "apiserver")
    if "apiserver" in first:
        _apply_objects(node)
    rest = [component for component in missing if component not in first]
    for later in rest:
        start(node, later)
    for later in rest:
        until_of_use(node, later)


def _apply_objects(node: Node) -> None:
    objects = node.state / "etc" / "objects.yaml"
    kubectl = [str(binary("kubectl", node.cache)), f"--kubeconfig={node.kubeconfig}"]
    done = subprocess.run(
        [*kubectl, "apply", "--server-side", f"--filename={objects}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NodeError(f"cannot apply {objects}: {done.stderr.strip()}")
