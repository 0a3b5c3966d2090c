"""The metadata that every child carries: whose it is, and under which envelope."""

from collections.abc import Mapping

from genapps.api import names
from genapps.core.observed import Malformed, Manifest, Observed
from genapps.core.verdict import Grant


def child_name(observed: Observed) -> str:
    """The name of the app's children."""
    return names.child_name(observed.ref.namespace, observed.ref.name)


def envelope_of(observed: Observed) -> str | None:
    """Digest of the envelope; of an app that does not fit the model, the one it was last judged under."""
    if not isinstance(observed.app, Malformed):
        return observed.app.spec.envelope.digest
    return observed.record.envelope.digest if observed.record else None


def app_labels(observed: Observed) -> dict[str, str]:
    """What selects the app's pod: the same across re-creations of the app."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_APP: observed.ref.name,
        names.LABEL_APP_NAMESPACE: observed.ref.namespace,
    }


def metadata(
    observed: Observed,
    grant: Grant,
    *,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Our labels are set last: nothing that a caller passes can take their place. Users' labels are never copied."""
    digest = envelope_of(observed)
    envelope = {names.ANNOTATION_ENVELOPE_DIGEST: digest} if digest else {}
    return {
        "name": name or child_name(observed),
        "namespace": grant.run_namespace,
        "labels": {**(labels or {}), **app_labels(observed), names.LABEL_APP_UID: observed.ref.uid},
        "annotations": {**(annotations or {}), **envelope},
    }
