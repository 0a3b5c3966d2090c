# SPDX-License-Identifier: Apache-2.0
"""Which claims get a volume, and what it is."""

from typing import Any

import pytest

from tools.node.provisioner.volumes import claim_needs, reclaimable, size_of, volume_for

CLASSES: dict[str, Any] = {
    "ours": {"provisioner": "genapps.dev/node", "volumeBindingMode": "Immediate", "reclaimPolicy": "Retain"},
    "later": {"provisioner": "genapps.dev/node", "volumeBindingMode": "WaitForFirstConsumer"},
    "other": {"provisioner": "example.com/other"},
}


def claim(storage_class: str = "ours", **changes: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "n", "name": "c", "uid": "1", **changes.get("metadata", {})},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "64Mi"}},
            **changes.get("spec", {}),
        },
        "status": {"phase": changes.get("phase", "Pending")},
    }


@pytest.mark.parametrize(
    ("waiting", "size"),
    [
        (claim(), 64 * 2**20),
        (claim("other"), None),
        (claim("gone"), None),
        (claim(spec={"volumeName": "pv"}), None),
        (claim(phase="Bound"), None),
        (claim(phase="Lost"), None),
        (claim(metadata={"deletionTimestamp": "now"}), None),
        (claim("later"), None),
        (claim("later", metadata={"annotations": {"volume.kubernetes.io/selected-node": "genapps"}}), 64 * 2**20),
    ],
)
def test_a_claim_needs_a_volume_only_while_it_waits_for_one_of_ours(waiting: dict[str, Any], size: int | None) -> None:
    assert claim_needs(waiting, CLASSES) == size


@pytest.mark.parametrize(
    ("quantity", "size"), [("100", 100), ("64Mi", 64 * 2**20), ("1Gi", 2**30), ("2G", 2 * 10**9), ("5k", 5000)]
)
def test_sizes_are_read_as_the_api_server_writes_them(quantity: str, size: int) -> None:
    assert size_of(quantity) == size


@pytest.mark.parametrize("quantity", ["", "1.5Gi", "-1", "1e9", "64Mib"])
def test_a_size_that_is_not_understood_is_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match="cannot make a volume"):
        size_of(quantity)


def test_a_volume_is_for_its_claim_alone_on_this_node() -> None:
    volume = volume_for(claim(), CLASSES["ours"], "/somewhere", "genapps")
    assert volume["spec"]["claimRef"]["uid"] == "1"
    assert volume["spec"]["local"] == {"path": "/somewhere"}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert "'genapps'" in str(volume["spec"]["nodeAffinity"])


@pytest.mark.parametrize(
    ("annotations", "policy", "phase", "wanted"),
    [
        ({"pv.kubernetes.io/provisioned-by": "genapps.dev/node"}, "Delete", "Released", True),
        ({"pv.kubernetes.io/provisioned-by": "genapps.dev/node"}, "Retain", "Released", False),
        ({"pv.kubernetes.io/provisioned-by": "genapps.dev/node"}, "Delete", "Bound", False),
        ({}, "Delete", "Released", False),
    ],
)
def test_only_released_volumes_of_ours_are_deleted(
    annotations: dict[str, str], policy: str, phase: str, wanted: bool
) -> None:
    volume = {
        "metadata": {"annotations": annotations},
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }
    assert reclaimable(volume) is wanted
