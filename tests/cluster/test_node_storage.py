# SPDX-License-Identifier: Apache-2.0
"""The node's storage provisioner: real capacity, the right group, reclaim by policy."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tools.kubectl import Kubectl, until
from tools.node.configuration import NETCHECK_IMAGE
from tools.node.netcheck import CONTROL_PORT, Answer, ask
from tools.node.processes import start, stop
from tools.node.settings import Node

MEBI = 2**20
SIZE = 64 * MEBI
SECONDS = 30


class Claims:
    """Claims and the pods that use them, in a namespace of their own."""

    def __init__(self, node: Node, kubectl: Kubectl, namespace: str) -> None:
        self.node, self.kubectl, self.namespace = node, kubectl, namespace

    def claim(self, name: str, storage_class: str | None = None, size: str = "64Mi") -> None:
        spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        if storage_class:
            spec["storageClassName"] = storage_class
        metadata = {"namespace": self.namespace, "name": name}
        self.kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})

    def pod(self, name: str, claim: str, group: int = 65532, **spec: Any) -> None:
        """A pod as restricted as the runtime's, with the claim at /data; waits until it is ready."""
        restricted = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        container = {
            "name": "c",
            "image": NETCHECK_IMAGE,
            "args": [name],
            "securityContext": restricted,
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            # Ready means that it can be asked: a container that has started need not listen yet.
            "readinessProbe": {"tcpSocket": {"port": CONTROL_PORT}, "periodSeconds": 1},
        }
        user = {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": group}
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"namespace": self.namespace, "name": name},
                "spec": {
                    "containers": [container],
                    "securityContext": user,
                    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
                    "terminationGracePeriodSeconds": 0,
                    **spec,
                },
            }
        )
        self.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", self.namespace, f"--timeout={SECONDS}s")

    def phase(self, name: str) -> str:
        found: str = self.kubectl.get("persistentvolumeclaim", name, self.namespace)["status"]["phase"]
        return found

    def volume(self, name: str) -> str:
        """The name of the claim's volume, once it is bound."""
        until(lambda: self.phase(name) == "Bound", SECONDS, f"the binding of {name}")
        found: str = self.kubectl.get("persistentvolumeclaim", name, self.namespace)["spec"]["volumeName"]
        return found

    def fill(self, pod: str, size: int) -> Answer:
        return ask(self.node, self.namespace, pod, "fill", path="/data/file", bytes=str(size))

    def stat(self, pod: str, path: str) -> str:
        return ask(self.node, self.namespace, pod, "stat", path=path).text


@pytest.fixture
def claims(node: Node, kubectl: Kubectl) -> Iterator[Claims]:
    namespace = f"storage-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", namespace)
    yield Claims(node, kubectl, namespace)
    kubectl("delete", "namespace", namespace, "--wait=false")


def test_a_claim_holds_what_it_asked_for_and_a_full_one_says_so(claims: Claims) -> None:
    claims.claim("data")
    claims.pod("writer", "data")
    full = claims.fill("writer", SIZE)
    assert full.status == 507
    written = int(full.text)
    assert SIZE * 0.8 < written < SIZE
    assert claims.fill("writer", written - MEBI).ok
    assert claims.fill("writer", written + MEBI).status == 507


def test_a_full_claim_takes_no_room_from_another(claims: Claims) -> None:
    for name in ("one", "two"):
        claims.claim(name, size="16Mi")
        claims.pod(name, name)
    assert claims.fill("one", 16 * MEBI).status == 507
    assert claims.fill("two", 8 * MEBI).ok


def test_the_volume_belongs_to_the_group_of_the_pod(claims: Claims) -> None:
    claims.claim("ours")
    claims.pod("ours", "ours")
    assert claims.stat("ours", "/data") == "2770 0 65532"
    assert claims.fill("ours", 1).ok
    assert claims.stat("ours", "/data/file").endswith(" 65532 65532")
    claims.claim("theirs")
    claims.pod("theirs", "theirs", group=4321)
    assert claims.stat("theirs", "/data") == "2770 0 4321"


def test_a_pod_in_a_user_namespace_writes_to_its_claim(claims: Claims) -> None:
    claims.claim("data")
    claims.pod("mapped", "data", hostUsers=False)
    assert claims.fill("mapped", MEBI).ok
    assert claims.stat("mapped", "/data/file").endswith(" 65532 65532")


def test_what_was_written_outlives_the_pod_and_the_provisioner(claims: Claims) -> None:
    claims.claim("data")
    claims.pod("first", "data")
    assert claims.fill("first", MEBI).ok
    claims.kubectl("delete", "pod", "first", "-n", claims.namespace)
    stop(claims.node, "provisioner")
    start(claims.node, "provisioner")
    claims.pod("second", "data")
    assert not claims.stat("second", "/data/file").startswith("no such file")


def test_a_claim_made_while_the_provisioner_is_down_is_bound_later(claims: Claims) -> None:
    stop(claims.node, "provisioner")
    try:
        claims.claim("data")
        assert claims.phase("data") == "Pending"
    finally:
        start(claims.node, "provisioner")
    assert claims.volume("data").startswith("pvc-")


def test_deleting_a_claim_deletes_its_disk(claims: Claims) -> None:
    claims.claim("data")
    directory = claims.node.volumes / claims.volume("data")
    assert directory.exists()
    claims.kubectl("delete", "persistentvolumeclaim", "data", "-n", claims.namespace)
    until(lambda: not directory.exists(), SECONDS, "the end of the disk")
    until(lambda: claims.kubectl.find("persistentvolume", directory.name) is None, SECONDS, "the end of the volume")


def test_a_retained_volume_stays_with_its_disk(claims: Claims) -> None:
    claims.claim("data", "genapps-local-retain")
    name = claims.volume("data")
    claims.kubectl("delete", "persistentvolumeclaim", "data", "-n", claims.namespace)
    until(lambda: claims.kubectl.get("persistentvolume", name)["status"]["phase"] == "Released", SECONDS)
    assert (claims.node.volumes / name).exists()
    claims.kubectl("delete", "persistentvolume", name)


def test_a_claim_that_waits_for_its_consumer_is_bound_with_the_pod(claims: Claims) -> None:
    claims.claim("data", "genapps-local-wffc")
    claims.claim("at-once")
    claims.volume("at-once")
    assert claims.phase("data") == "Pending"
    claims.pod("consumer", "data")
    assert claims.phase("data") == "Bound"
