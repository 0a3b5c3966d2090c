# SPDX-License-Identifier: Apache-2.0
"""The control group that holds all pods of a node, so that they can be told from everything else and removed."""

from functools import partial
from pathlib import Path

from tools.node.settings import Node, NodeError
from tools.node.waiting import until

ROOT = Path("/sys/fs/cgroup")
SECONDS = 20
# What the kubelet wants to find enabled with version 2.
CONTROLLERS = ("cpu", "cpuset", "hugetlb", "memory", "pids")


def hierarchies() -> list[Path]:
    """The roots of the control groups: one on a machine with version 2, one for each controller with version 1."""
    if _unified():
        return [ROOT]
    return [path for path in ROOT.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()]


def create(node: Node) -> None:
    """Make the group, which the kubelet requires. Raises NodeError where this machine does not allow it."""
    try:
        if _unified():
            available = (ROOT / "cgroup.controllers").read_text(encoding="utf-8").split()
            wanted = " ".join(f"+{controller}" for controller in CONTROLLERS if controller in available)
            (ROOT / "cgroup.subtree_control").write_text(wanted, encoding="utf-8")
        for hierarchy in hierarchies():
            (hierarchy / node.cgroup).mkdir(exist_ok=True)
    except OSError as error:
        raise NodeError(
            f"control groups cannot be made here ({error}): is this a container without that right?"
        ) from None


def remove(node: Node) -> None:
    """Remove the group and all below it, once the last processes in them are gone."""
    for root in (hierarchy / node.cgroup for hierarchy in hierarchies()):
        if root.exists():
            until(f"the end of control group {root}", partial(_remove_tree, root), seconds=SECONDS)


def _remove_tree(root: Path) -> bool:
    """Whether the tree is gone; control groups go by rmdir, children first."""
    groups = sorted((path for path in root.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
    for group in [*groups, root]:
        try:
            group.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _unified() -> bool:
    return (ROOT / "cgroup.controllers").exists()
