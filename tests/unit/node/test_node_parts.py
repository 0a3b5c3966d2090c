# SPDX-License-Identifier: Apache-2.0
"""The small parts of the node that need no node."""

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from tools.node.binaries import MODULES, binary
from tools.node.components import COMPONENTS, command
from tools.node.isolation import Process
from tools.node.oci import pack
from tools.node.settings import LARGEST_INDEX, Node, NodeError, current
from tools.node.waiting import until


def test_packing_the_same_program_twice_gives_the_same_archive(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"code")
    pack(program, "localhost/p:1", tmp_path / "one.tar")
    pack(program, "localhost/p:1", tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_every_blob_of_an_archive_is_named_by_its_content(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"code")
    pack(program, "localhost/p:1", tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    blobs = {name: content for name, content in contents.items() if name.startswith("blobs/sha256/")}
    assert len(blobs) == 3
    assert all(name.endswith(hashlib.sha256(content).hexdigest()) for name, content in blobs.items())
    manifest = json.loads(contents["index.json"])["manifests"][0]
    assert f"blobs/sha256/{manifest['digest'].removeprefix('sha256:')}" in blobs


def test_two_nodes_share_no_name_address_or_directory(tmp_path: Path) -> None:
    nodes = [Node(index, tmp_path) for index in range(LARGEST_INDEX + 1)]
    for attribute in ("name", "state", "run", "image_store", "host_link", "address", "pod_range", "service_range"):
        assert len({str(getattr(node, attribute)) for node in nodes}) == len(nodes)


def test_socket_paths_are_short_enough_for_the_kernel() -> None:
    node = Node(LARGEST_INDEX, Path("/a" * 200))
    assert max(len(str(path)) for path in (node.containerd_socket, node.enforcer_socket)) < 100


@pytest.mark.parametrize("index", ["10", "-1", "a", ""])
def test_an_index_that_is_none_is_refused(index: str, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="GENAPPS_NODE"):
        current({"GENAPPS_NODE": index, "GENAPPS_CACHE": str(tmp_path)})


def test_every_component_has_a_command_whose_program_is_built(tmp_path: Path) -> None:
    node = Node(0, tmp_path)
    commands = {component: command(node, component) for component in COMPONENTS}
    assert all(commands.values())
    programs = {program.name for module in MODULES for program in module.programs}
    built = {str(binary(name, tmp_path)) for name in programs}
    ours = {"enforcer", "provisioner"}
    assert all(built & set(argv) for component, argv in commands.items() if component not in ours)


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    here = Process.of(os.getpid())
    assert here is not None
    assert here.alive
    assert not Process(here.pid, here.started + 1).alive


def test_waiting_ends_at_once_with_the_log_when_the_process_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "component.log"
    log.write_text("the reason", encoding="utf-8")
    with pytest.raises(NodeError, match=r"its process ended(.|\n)*the reason"):
        until("it", lambda: False, seconds=60, alive=lambda: False, log=log)
