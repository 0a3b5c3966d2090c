# SPDX-License-Identifier: Apache-2.0
"""The metadata that every child carries: whose it is, and under which envelope."""

from collections.abc import Mapping

from genapps.api import names
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant


def app_labels(observed: Observed) -> dict[str, str]:
    """What selects the app's pod: the same across re-creations of the app."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_APP: observed.key.name,
        names.LABEL_APP_NAMESPACE: observed.key.namespace,
    }


def metadata(
    observed: Observed,
    grant: Grant,
    *,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Our labels are set last: nothing that a caller or the platform passes can take their place. Users' labels are
    never copied."""
    digest, apps = observed.envelope_digest, observed.platform.apps
    envelope = {names.ANNOTATION_ENVELOPE_DIGEST: digest} if digest else {}
    return {
        "name": name or observed.child_name,
        "namespace": grant.run_namespace,
        "labels": {**apps.child_labels, **(labels or {}), **app_labels(observed), names.LABEL_APP_UID: observed.uid},
        "annotations": {**apps.child_annotations, **(annotations or {}), **envelope},
    }
