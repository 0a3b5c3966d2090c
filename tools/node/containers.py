# SPDX-License-Identifier: Apache-2.0
"""What the node asks of containerd: import images, and forget the containers of a node before this one."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tools.node.binaries import binary
from tools.node.configuration import NETCHECK_IMAGE, PAUSE_IMAGE
from tools.node.isolation import enter
from tools.node.oci import pack
from tools.node.processes import start, stop, until_of_use
from tools.node.settings import Node, NodeError

OWN_IMAGES = {"pause": PAUSE_IMAGE, "netcheck": NETCHECK_IMAGE}
START_SECONDS = 20


def own_archives(node: Node) -> list[Path]:
    """The archives of the node's own two images, packed if they are not there."""
    archives = []
    for program, image in OWN_IMAGES.items():
        built = binary(program, node.cache)
        archive = built.with_suffix(".oci.tar")
        if not archive.exists():
            unfinished = archive.with_suffix(".unfinished")
            pack(built, image, unfinished)
            unfinished.rename(archive)
        archives.append(archive)
    return archives


def load(node: Node, archives: Sequence[Path]) -> list[str]:
    """Import OCI archives for the kubelet's use; returns the names of those that were not there yet."""
    present = _present(node)
    loaded: list[str] = []
    for archive in archives:
        images = _images_in(archive)
        if images and images.items() <= present.items():
            continue
        _ctr(node, "images", "import", "--local", "--snapshotter=overlayfs", str(archive.resolve()))
        loaded.extend(images)
    return loaded


def forget_earlier(node: Node) -> None:
    """Remove the containers that an earlier node left in the store of images; empty a store that is beyond that."""
    try:
        until_of_use(node, "containerd", START_SECONDS)
        containers = _ctr(node, "containers", "list", "--quiet").split()
        sandboxes = [line.split()[0] for line in _ctr(node, "sandboxes", "list").splitlines()[1:]]
        if not containers and not sandboxes:
            return
        for kind, names in (("containers", containers), ("sandboxes", sandboxes)):
            if names:
                _ctr(node, kind, "remove", *names)
        stop(node, "containerd")
    except NodeError:
        stop(node, "containerd")
        shutil.rmtree(node.image_store, ignore_errors=True)
    start(node, "containerd")
    until_of_use(node, "containerd", START_SECONDS)


def _present(node: Node) -> dict[str, str]:
    """Image name -> digest of what containerd holds."""
    lines = (line.split() for line in _ctr(node, "images", "list").splitlines()[1:])
    return {fields[0]: fields[2] for fields in lines if len(fields) > 2}


def _images_in(archive: Path) -> dict[str, str]:
    """Image name -> digest of what an archive holds, as far as it names them in full."""
    try:
        with tarfile.open(archive) as tar:
            file = tar.extractfile("index.json")
            index = json.load(file) if file else {}
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        raise NodeError(f"{archive} is not an OCI archive: {error}") from error
    found = {}
    for manifest in index.get("manifests", []):
        annotations = manifest.get("annotations", {})
        name = annotations.get("io.containerd.image.name") or annotations.get("org.opencontainers.image.ref.name", "")
        if "/" in name:
            found[name] = manifest["digest"]
    return found


def _ctr(node: Node, *arguments: str) -> str:
    command = [str(binary("ctr", node.cache)), f"--address={node.containerd_socket}", "--namespace=k8s.io", *arguments]
    done = subprocess.run(enter(node, command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NodeError(f"ctr {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
    return done.stdout
