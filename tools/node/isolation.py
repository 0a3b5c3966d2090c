# SPDX-License-Identifier: Apache-2.0
"""The namespaces that hold a node: network, mounts and processes.

The network namespace is named, so that it can be entered while debugging, and ends with a veth pair to the host. The
others belong to one process, the init: when it ends, the kernel ends every process of the node and every mount with it.
That is what makes `down`, and `up` after a crash, leave nothing behind.
"""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.node.binaries import binary
from tools.node.machine import COVERED
from tools.node.settings import Node, NodeError
from tools.node.waiting import until

UPLINK = "uplink"
UNSHARE = ("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")
NETWORK_SETTINGS = {
    "net.ipv4.ip_forward": "1",
    # A pod cannot send from an address that is not routed to its interface.
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.default.rp_filter": "1",
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
}


@dataclass(frozen=True)
class Process:
    """A process as the host sees it; the start time tells it from a later one with the same number."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The live process with this number; None when there is none or it has ended."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return Process.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Send it a signal if it still runs."""
        if self.alive:
            os.kill(self.pid, number)

    def save(self, file: Path, **more: str) -> None:
        """Record it in a file for `load`, with `more` entries."""
        file.write_text(json.dumps({"pid": self.pid, "started": self.started, **more}), encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> "Process | None":
        """The process recorded in a file, alive or not."""
        try:
            recorded = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return cls(recorded["pid"], recorded["started"])


def init_of(node: Node) -> Process | None:
    """The node's init while it lives."""
    process = Process.load(node.run / "init.json")
    return process if process and process.alive else None


def foreign_cache(node: Node) -> str | None:
    """The cache directory of a live node with our name that was started from another one."""
    if not init_of(node):
        return None
    cache = json.loads((node.run / "init.json").read_text(encoding="utf-8"))["cache"]
    return None if cache == str(node.cache) else str(cache)


def create(node: Node) -> None:
    """Make the network and start the init. The node's directories exist, nothing of an earlier node does."""
    _create_network(node)
    covered = "".join(f"mount -t tmpfs -o mode=755 genapps {path}\n" for path in COVERED)
    script = f"set -e\n{covered}exec {binary('pause', node.cache)}"
    log = os.open(node.logs / "init.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        wrapper = spawn(
            ["nsenter", f"--net={node.netns}", *UNSHARE, "sh", "-c", script],
            log,
        )
    finally:
        os.close(log)
    init = child_of(wrapper, node.logs / "init.log")
    init.save(node.run / "init.json", cache=str(node.cache))
    until(
        "the node's namespaces",
        lambda: "pause" in _command(init.pid),
        seconds=10,
        alive=lambda: init.alive,
        log=node.logs / "init.log",
    )


def enter(node: Node, command: Sequence[str], directory: Path = Path("/")) -> list[str]:
    """The command line that runs `command` inside the node. Raises NodeError when the node is down."""
    init = init_of(node)
    if init is None:
        raise NodeError("the node is down: python -m tools.node up")
    return ["nsenter", f"--target={init.pid}", "--mount", "--net", "--pid", f"--wd={directory}", "--", *command]


def spawn(argv: Sequence[str], output: int) -> int:
    """Start a process that outlives this one, in a session of its own; its number as this one sees it."""
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
        return os.posix_spawnp(argv[0], list(argv), os.environ, file_actions=actions, setsid=True)
    finally:
        os.close(null)


def child_of(wrapper: int, log: Path) -> Process:
    """The process that `nsenter` or `unshare`, started as `wrapper`, forked into the new namespace."""

    def first_child() -> Process | None:
        try:
            children = Path(f"/proc/{wrapper}/task/{wrapper}/children").read_text(encoding="utf-8").split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return Process.of(int(children[0])) if children else None

    return until("entering the node", first_child, seconds=10, alive=lambda: bool(Process.of(wrapper)), log=log)


def network_command(*argv: str, check: bool = True, namespace: str | None = None) -> None:
    """Run `ip`, in the named network namespace if one is given."""
    command = ["ip", *(["-n", namespace] if namespace else []), *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise NodeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _create_network(node: Node) -> None:
    network_command("netns", "add", node.name)
    network_command("link", "add", node.host_link, "type", "veth", "peer", "name", UPLINK, "netns", node.name)
    network_command("address", "add", f"{node.host_address}/30", "dev", node.host_link)
    network_command("link", "set", node.host_link, "up")
    network_command("address", "add", f"{node.address}/30", "dev", UPLINK, namespace=node.name)
    for link in ("lo", UPLINK):
        network_command("link", "set", link, "up", namespace=node.name)
    network_command("route", "add", "default", "via", node.host_address, namespace=node.name)
    for destination in (node.pod_range, node.service_range):
        network_command("route", "add", destination, "via", node.address)
    for key, value in NETWORK_SETTINGS.items():
        # Entering by nsenter keeps the host's /sys; /proc/sys/net shows the network namespace of the reader.
        path = f"/proc/sys/{key.replace('.', '/')}"
        script = f"test ! -e {path} || echo {value} > {path}"
        subprocess.run(["nsenter", f"--net={node.netns}", "sh", "-c", script], check=True)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").partition("\0")[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
