# SPDX-License-Identifier: Apache-2.0
"""The app's pod, held against what is desired. Worked out once per pass: plan, record and status read the verdict's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from genapps.api.names import ANNOTATION_POD_DIGEST
from genapps.core.desired.pod import pod
from genapps.core.drift import expected_digest
from genapps.core.observed import Child, Observed
from genapps.core.pod_fence import fence, mutated, stands
from genapps.core.verdict import Grant, JudgedPod, PodStatus, Revision

SHORTEST_BACKOFF = timedelta(seconds=10)
LONGEST_BACKOFF = timedelta(minutes=5)
OVERDUE = timedelta(seconds=30)
"""So long after its deadline a pod that is being deleted is taken to hang on a lost node."""


def pod_state(observed: Observed, grant: Grant | None, revision: Revision | None, now: datetime) -> JudgedPod:
    """The live pod against the one that would be made today for this grant and revision, None when none should run.

    A pod that is not ours counts as absent. While the gateway's address is unknown, what would be made today is unknown
    as well: the pod is not called outdated, nor is it taken for the exact one.
    """
    child, live = observed.own("Pod"), observed.pod
    if child is None or live is None:
        return JudgedPod(PodStatus.ABSENT)
    if live.deletion_deadline is not None:
        hanging = now > live.deletion_deadline + OVERDUE
        return JudgedPod(PodStatus.HANGING if hanging else PodStatus.STOPPING, child)
    if live.finished_at is not None:
        return JudgedPod(PodStatus.FAILED, child, live.finished_at + _backoff(observed, live.finished_at))
    exact, wanted = False, None
    if grant and revision and observed.platform.gateway_address is not None:
        wanted = pod(observed, grant, revision)
        asked = wanted["metadata"]["annotations"][ANNOTATION_POD_DIGEST]
        if child.spec_digest != asked:
            if not observed.may_replace and _serves(observed, child, grant, revision):
                return JudgedPod(PodStatus.READY, child, waits=True, wanted=wanted)
            if observed.unmet == (child.uid, expected_digest(wanted)):
                # It was made of just this: the note that says so was taken from it.
                return JudgedPod(PodStatus.MUTATED, child, mutated=("metadata.annotations",), wanted=wanted)
            return JudgedPod(PodStatus.OUTDATED, child, wanted=wanted)
        if not stands(child.fence, asked.partition(".")[2]) and (changed := mutated(child.fence, fence(wanted))):
            return JudgedPod(PodStatus.MUTATED, child, mutated=changed, wanted=wanted)
        exact = True
    return JudgedPod(PodStatus.READY if live.ready else PodStatus.STARTING, child, exact=exact, wanted=wanted)


def _serves(observed: Observed, child: Child, grant: Grant, revision: Revision) -> bool:
    """A ready pod that runs this revision under this risk class, as it was made: only values of the platform, or of its
    tier, are others now."""
    record, live = observed.record, observed.pod
    if record is None or record.revision is None or record.pod is None or live is None:
        return False
    running = record.revision
    same = (running.digest, running.code_digest, bool(running.restore_state))
    # If the app asks for the same, its tier has changed the config, or another version of ours writes it differently.
    unasked = running.settings_digest in (None, revision.settings_digest)
    return (
        live.ready
        and record.app.uid == observed.uid
        and record.pod.uid == live.uid
        and same == (revision.digest, revision.code_digest, revision.restore_state)
        and (unasked or running.config_digest == revision.config_digest)
        and child.risk in ("", grant.effective_risk.value)
        and stands(child.fence, child.spec_digest.partition(".")[2])
    )


def trouble_since(status: Mapping[str, Any]) -> datetime | None:
    """Since when the app does not answer, as its status says; None while it does, or when nothing was said yet."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            return _moment(condition.get("lastTransitionTime"))
    return None


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _backoff(observed: Observed, finished_at: datetime) -> timedelta:
    # As long again as the trouble lasts already: that doubles each time, and needs no counter that could be lost.
    since = trouble_since(observed.status)
    trouble = finished_at - since if since else timedelta()
    return min(max(trouble, SHORTEST_BACKOFF), LONGEST_BACKOFF)
