# SPDX-License-Identifier: Apache-2.0
"""Removes what a node left on the host, however it ended. Every step is a no-op when there is nothing to do."""

import shutil
import signal
import subprocess
from pathlib import Path

from tools.node import cgroups, machine
from tools.node.isolation import init_of, network_command
from tools.node.settings import Node, NodeError
from tools.node.waiting import until

SECONDS = 20
LOOPS = Path("/sys/block")


def remove(node: Node) -> None:
    """End the node and remove all that it made. Raises NodeError naming what could not be removed."""
    if init := init_of(node):
        init.send(signal.SIGKILL)
        # The kernel ends all other processes of the node before it lets go of this one.
        until("the end of the node's processes", lambda: not init.alive, seconds=SECONDS)
    network_command("netns", "delete", node.name, check=False)
    network_command("link", "delete", node.host_link, check=False)
    cgroups.remove(node)
    _release_loops(node)
    for directory in (node.run, node.state):
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            raise NodeError(f"cannot remove {directory}: something is still mounted or being written there")
    machine.restore()


def _release_loops(node: Node) -> None:
    """Loop devices let go by themselves soon after the last mount; those that do not are detached."""
    try:
        until("loop devices", lambda: not _loops(node), seconds=2)
    except NodeError:
        for device in _loops(node):
            subprocess.run(["losetup", "--detach", device], capture_output=True, check=False)
        until(f"the release of loop devices below {node.volumes}", lambda: not _loops(node), seconds=SECONDS)


def _loops(node: Node) -> list[str]:
    found = []
    for entry in LOOPS.glob("loop*/loop/backing_file"):
        try:
            backing = entry.read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if backing.startswith(f"{node.volumes}/"):
            found.append(f"/dev/{entry.parts[3]}")
    return found
