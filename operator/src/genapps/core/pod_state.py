"""How the app's pod stands towards what is desired: plan, record and status must not differ about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from genapps.core.drift import expected_spec_digest
from genapps.core.observed import Child, Manifest, Observed

SHORTEST_BACKOFF = timedelta(seconds=10)
LONGEST_BACKOFF = timedelta(minutes=5)
OVERDUE = timedelta(seconds=30)
"""So long after its deadline a pod that is being deleted is taken to hang on a lost node."""


class Standing(StrEnum):
    """Where the pod is on its way."""

    ABSENT = "Absent"
    STOPPING = "Stopping"
    HANGING = "Hanging"
    """Should be gone, and its node does not confirm it. It is never deleted by force: it might still run."""
    FAILED = "Failed"
    """Ended as a whole (evicted, node shut down); it will not start again."""
    OUTDATED = "Outdated"
    """Its spec is not the desired one."""
    STARTING = "Starting"
    READY = "Ready"


@dataclass(frozen=True, slots=True)
class PodStanding:
    """The standing, the object it is about, and from when on a failed pod may be replaced."""

    standing: Standing
    child: Child | None = None
    replace_at: datetime | None = None


def pod_standing(observed: Observed, wanted: Manifest | None, now: datetime) -> PodStanding:
    """`wanted` is the desired pod, None when none should run; a pod that is not ours counts as absent."""
    child, pod = observed.own("Pod"), observed.pod
    if child is None or pod is None:
        return PodStanding(Standing.ABSENT)
    if pod.deletion_deadline is not None:
        hanging = now > pod.deletion_deadline + OVERDUE
        return PodStanding(Standing.HANGING if hanging else Standing.STOPPING, child)
    if pod.finished_at is not None:
        return PodStanding(Standing.FAILED, child, pod.finished_at + _backoff(observed, pod.finished_at))
    if wanted is not None and child.spec_digest != expected_spec_digest(wanted):
        return PodStanding(Standing.OUTDATED, child)
    return PodStanding(Standing.READY if pod.ready else Standing.STARTING, child)


def trouble_since(observed: Observed) -> datetime | None:
    """Since when the app does not answer, as its status says; None while it does, or when nothing was said yet."""
    for condition in observed.status.get("conditions") or ():
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
    since = trouble_since(observed)
    trouble = finished_at - since if since else timedelta()
    return min(max(trouble, SHORTEST_BACKOFF), LONGEST_BACKOFF)
