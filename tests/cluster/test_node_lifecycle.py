# SPDX-License-Identifier: Apache-2.0
"""Up, down and crash, on a second node, so that the shared one is not disturbed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.kubectl import Kubectl
from tools.node import Node, current, kubectl_path
from tools.node.cgroups import hierarchies
from tools.node.components import COMPONENTS, CONTROL_PLANE
from tools.node.isolation import init_of
from tools.node.lifecycle import down, healthy, up
from tools.node.machine import SETTINGS
from tools.node.policies import namespace_manifest, pod_manifest
from tools.node.processes import process_of
from tools.node.settings import REPOSITORY
from tools.node.waiting import until

INDEX = 2


@pytest.fixture
def second() -> Iterator[Node]:
    """A node that is down before and after the test."""
    node = Node(INDEX, current().cache)
    down(node)
    yield node
    down(node)


def run_a_pod_with_a_claim(node: Node) -> None:
    """Leave as much as a node can leave: an interface, control groups, mounts, a loop device."""
    kubectl = Kubectl(kubectl_path(), node.kubeconfig)
    pod = pod_manifest("x/a")
    pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": "x", "name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}},
    }
    kubectl.apply(namespace_manifest("x"))
    kubectl.apply(claim, pod)
    kubectl("wait", "--for=condition=Ready", "pod/a", "-n", "x", "--timeout=60s")


def traces(node: Node) -> list[str]:
    """Everything on the machine that speaks of the node, the build cache aside."""
    shown = subprocess.run(["ip", "-oneline", "link"], capture_output=True, text=True, check=True).stdout
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    loops = [file.read_text(encoding="utf-8") for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    mounts = Path("/proc/mounts").read_text(encoding="utf-8")
    paths = [node.netns, node.run, node.state, *(hierarchy / node.cgroup for hierarchy in hierarchies())]
    return [
        *(f"{path} exists" for path in paths if path.exists()),
        *(f"link {node.host_link}" for line in shown.splitlines() if f" {node.host_link}@" in line),
        *(f"route {line}" for line in routes.splitlines() if node.pod_range in line or node.service_range in line),
        *(f"loop {backing}" for backing in loops if str(node.state) in backing),
        *(f"mount {line}" for line in mounts.splitlines() if f"{node.state}/" in line or f"{node.run}/" in line),
        *(f"process {process}" for process in processes_of(node)),
    ]


def processes_of(node: Node) -> list[str]:
    """Live processes whose command line or environment names a directory of the node."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
        except OSError:
            continue
        if f"{node.state}/" in command or f"{node.run}/" in command or f"--net={node.netns} " in command:
            found.append(command)
    return found


def machine_settings() -> dict[str, str]:
    return {key: Path("/proc/sys", key).read_text(encoding="utf-8") for key in SETTINGS}


def test_up_and_down_twice_leave_nothing(second: Node) -> None:
    before = machine_settings()
    for _ in range(2):
        up(second)
        assert healthy(second)
        run_a_pod_with_a_claim(second)
        assert traces(second)
        down(second)
        assert traces(second) == []
    assert machine_settings() == before


def test_up_leaves_a_healthy_node_alone_and_starts_what_is_missing(second: Node) -> None:
    up(second)
    before = {component: process_of(second, component) for component in COMPONENTS}
    up(second)
    assert {component: process_of(second, component) for component in COMPONENTS} == before
    scheduler = before["scheduler"]
    assert scheduler is not None
    scheduler.send(signal.SIGKILL)
    until("the end of the scheduler", lambda: not scheduler.alive, seconds=10)
    assert not healthy(second)
    up(second)
    assert healthy(second)
    assert process_of(second, "apiserver") == before["apiserver"]


def test_up_after_a_crash_replaces_the_node(second: Node) -> None:
    up(second)
    run_a_pod_with_a_claim(second)
    init = init_of(second)
    assert init is not None
    # The kernel ends all processes with their first one, and nothing gets a chance to clean up.
    os.kill(init.pid, signal.SIGKILL)
    until("the end of the node", lambda: not init.alive, seconds=10)
    assert second.netns.exists()
    up(second)
    assert healthy(second)
    run_a_pod_with_a_claim(second)


def test_a_dead_api_server_means_a_new_node(second: Node) -> None:
    up(second, kubelet=False)
    assert [component for component in COMPONENTS if process_of(second, component)] == list(CONTROL_PLANE)
    server, init = process_of(second, "apiserver"), init_of(second)
    assert server is not None
    server.send(signal.SIGKILL)
    until("the end of the API server", lambda: not server.alive, seconds=10)
    up(second, kubelet=False)
    assert init_of(second) not in (None, init)


def test_a_node_of_another_cache_is_not_touched(second: Node, tmp_path: Path) -> None:
    up(second, kubelet=False)
    (tmp_path / "bin").symlink_to(second.cache / "bin")
    environment = {**os.environ, "GENAPPS_CACHE": str(tmp_path), "GENAPPS_NODE": str(INDEX)}
    for command in ("up", "down"):
        done = subprocess.run(
            [sys.executable, "-m", "tools.node", command],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert f"GENAPPS_CACHE={second.cache}" in done.stderr
    recorded = json.loads((second.run / "init.json").read_text(encoding="utf-8"))
    assert recorded["cache"] == str(second.cache)
    assert init_of(second)
