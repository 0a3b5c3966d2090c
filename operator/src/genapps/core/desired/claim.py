# SPDX-License-Identifier: Apache-2.0
"""Where the app's state lives; it outlives pod, suspension and, for a while, the app."""

from collections.abc import Mapping
from typing import Any

from genapps.api import names
from genapps.api.quantities import byte_count
from genapps.core.desired.metadata import metadata
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant

ANNOTATION_KEPT_AFTER_DELETE = f"{names.GROUP}/kept-after-delete"
KEPT_AFTER_DELETE = "168h"


def claim(observed: Observed, grant: Grant) -> Manifest:
    """The claim, annotated with who may adopt it (owner, namespace by uid) and how long it outlives the app."""
    annotations = {
        names.ANNOTATION_OWNER: grant.team,
        names.ANNOTATION_NAMESPACE_UID: observed.namespace_uid,
        ANNOTATION_KEPT_AFTER_DELETE: _kept_after_delete(observed),
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(observed, grant, annotations=annotations),
        "spec": _spec(observed, grant),
    }


def grown(observed: Observed, grant: Grant) -> Manifest | None:
    """The claim as large as the tier says, where that is more than it has; None when it is large enough.

    Only a bound claim of a StorageClass that allows it can grow, and none can shrink. The API server says no otherwise,
    which must keep nothing else from happening: the app runs on with what it has."""
    live = observed.claim
    if live is None or not live.bound or live.deleting or not live.spec:
        return None
    wanted, requests = grant.tier.state.claim, live.spec.get("resources", {}).get("requests", {})
    if "storage" not in requests or byte_count(wanted) <= byte_count(requests["storage"]):
        return None
    resources = {**live.spec["resources"], "requests": {**requests, "storage": wanted}}
    return {**claim(observed, grant), "spec": {**live.spec, "resources": resources}}


def _kept_after_delete(observed: Observed) -> str:
    # Written on the claim itself: when its clock runs, the app that said so is gone.
    if observed.spec is None:
        return (observed.claim and observed.claim.kept_after_delete) or KEPT_AFTER_DELETE
    retention = observed.spec.envelope.retention
    return (retention and retention.after_delete) or KEPT_AFTER_DELETE


def _spec(observed: Observed, grant: Grant) -> Mapping[str, Any]:
    # The spec of a claim is immutable but for its size (`grown`): another storage class is for new claims only.
    if observed.claim and observed.claim.spec:
        return observed.claim.spec
    storage_class = observed.platform.storage_class
    return {
        "accessModes": ["ReadWriteOnce"],
        **({"storageClassName": storage_class} if storage_class else {}),
        "resources": {"requests": {"storage": grant.tier.state.claim}},
    }
