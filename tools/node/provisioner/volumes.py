# SPDX-License-Identifier: Apache-2.0
"""Which claims need a volume, what that volume is, and which volumes to delete: pure."""

import re
from collections.abc import Mapping
from typing import Any

PROVISIONER = "genapps.dev/node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
HOSTNAME = "kubernetes.io/hostname"
FACTORS: Mapping[str, int] = {
    **{unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T"), 1)},
    **{unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)},
}
QUANTITY = re.compile(r"([0-9]+)(k|M|G|T|Ki|Mi|Gi|Ti)?")

Manifest = Mapping[str, Any]


def claim_needs(claim: Manifest, classes: Mapping[str, Manifest]) -> int | None:
    """Bytes of the volume that the claim waits for, None when for none of ours. Raises ValueError on a bad size."""
    spec = claim["spec"]
    found = classes.get(spec.get("storageClassName") or "")
    waiting = claim.get("status", {}).get("phase") == "Pending" and not spec.get("volumeName")
    if found is None or found["provisioner"] != PROVISIONER or not waiting or "deletionTimestamp" in claim["metadata"]:
        return None
    consumer_first = found.get("volumeBindingMode") == "WaitForFirstConsumer"
    if consumer_first and SELECTED_NODE not in (claim["metadata"].get("annotations") or {}):
        return None
    return size_of(spec["resources"]["requests"]["storage"])


def size_of(quantity: str) -> int:
    """Bytes of a storage quantity as the API server writes it."""
    parts = QUANTITY.fullmatch(quantity)
    if parts is None:
        raise ValueError(f"cannot make a volume of {quantity}")
    return int(parts[1]) * FACTORS.get(parts[2], 1)


def volume_name(claim: Manifest) -> str:
    """The volume's name, from the claim's uid."""
    return f"pvc-{claim['metadata']['uid']}"


def volume_for(claim: Manifest, found: Manifest, path: str, node: str) -> dict[str, Any]:
    """The PersistentVolume that offers the mounted directory `path` to this claim only."""
    metadata, spec = claim["metadata"], claim["spec"]
    expression = {"key": HOSTNAME, "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(claim), "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": found.get("reclaimPolicy", "Delete"),
            "storageClassName": spec["storageClassName"],
            "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "local": {"path": path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
        },
    }


def reclaimable(volume: Manifest) -> bool:
    """Whether a volume of ours is to be deleted, with what is on it."""
    return (
        (volume["metadata"].get("annotations") or {}).get(PROVISIONED_BY) == PROVISIONER
        and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        and volume.get("status", {}).get("phase") == "Released"
    )
