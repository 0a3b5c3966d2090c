# SPDX-License-Identifier: Apache-2.0
"""Starts and stops single components inside a running node."""

import os
import signal
import socket

from tools.node import api
from tools.node.components import command, directory
from tools.node.isolation import Process, child_of, enter, spawn
from tools.node.settings import Node, NodeError
from tools.node.waiting import until

ORDERLY_SECONDS = 10


def process_of(node: Node, component: str) -> Process | None:
    """The component's process while it lives."""
    process = Process.load(node.run / f"{component}.json")
    return process if process and process.alive else None


def start(node: Node, component: str) -> None:
    """Start a component unless it runs. Does not wait until it works."""
    if process_of(node, component):
        return
    file = node.logs / f"{component}.log"
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        wrapper = spawn(enter(node, command(node, component), directory(component)), log)
    finally:
        os.close(log)
    child_of(wrapper, file).save(node.run / f"{component}.json")


def stop(node: Node, component: str) -> None:
    """Stop a component, by force when it does not end on its own."""
    if process := process_of(node, component):
        process.send(signal.SIGTERM)
        try:
            until(f"the end of {component}", lambda: not process.alive, seconds=ORDERLY_SECONDS)
        except NodeError:
            process.send(signal.SIGKILL)
            until(f"the end of {component}", lambda: not process.alive, seconds=ORDERLY_SECONDS)
    (node.run / f"{component}.json").unlink(missing_ok=True)


def until_of_use(node: Node, component: str, seconds: float = 60) -> None:
    """Wait until the component works. Raises NodeError with the end of its log."""
    conditions = {
        "apiserver": lambda: api.ready(node),
        "containerd": lambda: _answers(str(node.containerd_socket)),
        "enforcer": lambda: _answers(str(node.enforcer_socket)),
        "kubelet": lambda: api.node_ready(node),
    }
    if component in conditions:
        until(
            component,
            conditions[component],
            seconds,
            alive=lambda: process_of(node, component) is not None,
            log=node.logs / f"{component}.log",
            pause=0.05,
        )


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as attempt:
        try:
            attempt.connect(path)
        except OSError:
            return False
        return True
