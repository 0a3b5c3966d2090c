# SPDX-License-Identifier: Apache-2.0
"""What should exist in the run namespace for one app: a list of manifests, the same for the same observation.

"If the observed state of the world were like this, what would your desired state be?" One file per kind of child.
"""

import json

from genapps.core.desired.claim import claim
from genapps.core.desired.endpoint_slice import endpoint_slice
from genapps.core.desired.network_policy import deny_all, network_policy
from genapps.core.desired.pod import pod
from genapps.core.desired.service import service
from genapps.core.desired.service_account import service_account
from genapps.core.desired.snapshots import snapshots
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant, Mode, Revision, Verdict

__all__ = ["desired"]


def desired(observed: Observed, verdict: Verdict) -> tuple[Manifest, ...]:
    """Manifests of all children that should exist now, in the order in which they may be created.

    The pod is among them while the app should run, the EndpointSlice only while that pod is ready. Snapshots are
    among them when their contents are at hand; the verdict's revision says which ones must not go.
    """
    grant = verdict.grant
    if verdict.mode is Mode.NOTHING or grant is None:
        return ()
    lasting = (service_account(observed, grant), claim(observed, grant), service(observed, grant))
    if verdict.mode is Mode.STOP or verdict.revision is None:
        return (*lasting, deny_all(observed, grant))
    fence = network_policy(observed, grant)
    running = (_pod(observed, verdict, grant, verdict.revision), *endpoint_slice(observed, grant))
    return (*lasting, *snapshots(observed, grant, verdict.revision), fence, *running)


def _pod(observed: Observed, verdict: Verdict, grant: Grant, revision: Revision) -> Manifest:
    """A spec that admission has changed within its rights is said again as it is: it cannot be changed any more."""
    judged = verdict.pod
    manifest = judged.wanted or pod(observed, grant, revision)
    if judged.exact and judged.child and judged.child.live_spec is not None:
        return {**manifest, "spec": json.loads(judged.child.live_spec)}
    return manifest
