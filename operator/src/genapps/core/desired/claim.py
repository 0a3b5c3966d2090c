# SPDX-License-Identifier: Apache-2.0
"""Where the app's state lives; it outlives pod, suspension and, for a while, the app."""

from collections.abc import Mapping
from typing import Any

from genapps.api import names
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


def _kept_after_delete(observed: Observed) -> str:
    # Written on the claim itself: when its clock runs, the app that said so is gone.
    if observed.spec is None:
        return (observed.claim and observed.claim.kept_after_delete) or KEPT_AFTER_DELETE
    retention = observed.spec.envelope.retention
    return (retention and retention.after_delete) or KEPT_AFTER_DELETE


def _spec(observed: Observed, grant: Grant) -> Mapping[str, Any]:
    # The spec of a claim is immutable: another tier or storage class is for new claims only.
    if observed.claim and observed.claim.spec:
        return observed.claim.spec
    storage_class = observed.platform.storage_class
    return {
        "accessModes": ["ReadWriteOnce"],
        **({"storageClassName": storage_class} if storage_class else {}),
        "resources": {"requests": {"storage": grant.tier.state.claim}},
    }
