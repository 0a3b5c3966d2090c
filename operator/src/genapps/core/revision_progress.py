# SPDX-License-Identifier: Apache-2.0
"""Whether a pod gets on, and whether its revision is to blame when it does not.

What the container, the kubelet and the clock say, as one finding. Judge and status read it here, so that they cannot
differ about it.
"""

from datetime import datetime
from functools import partial

from genapps.api.conditions import ConditionType, Reason, explained, meaning, next_step
from genapps.core.observed import Observed, PodState, Termination
from genapps.core.pod_state import pod_state
from genapps.core.text import plain
from genapps.core.verdict import Finding, Grant, PodStatus, Revision

_finding = partial(Finding, ConditionType.STALLED)

TOLD_BY_RUNTIME = {
    "EgressOpen": (ConditionType.EGRESS_ENFORCED, Reason.EGRESS_OPEN),
    "CodeRejected": (ConditionType.CODE_VERIFIED, Reason.CODE_REJECTED),
    "ModuleNotAvailable": (ConditionType.CODE_VERIFIED, Reason.MODULE_NOT_AVAILABLE),
    "SnapshotMismatch": (ConditionType.CODE_VERIFIED, Reason.SNAPSHOT_MISMATCH),
    "ConfigInvalid": (ConditionType.STALLED, Reason.CONFIG_INVALID),
    "StateUnavailable": (ConditionType.STALLED, Reason.STATE_UNAVAILABLE),
    "StateSnapshotFailed": (ConditionType.STALLED, Reason.STATE_UNAVAILABLE),
}
"""The closed set of reasons in a termination message; anything else is no more than text."""

LONGEST_WORDS = 700
"""Characters of what others say: our sentence around it has to fit into a condition as well."""

_IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_WAITING_IN_TROUBLE = frozenset(
    {"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_FOR_GOOD = frozenset(
    {Reason.CODE_REJECTED, Reason.MODULE_NOT_AVAILABLE, Reason.SNAPSHOT_MISMATCH, Reason.CONFIG_INVALID}
)
"""The same revision would end like this again, wherever it runs."""
LOAD_REFUSED = frozenset({Reason.CODE_REJECTED, Reason.MODULE_NOT_AVAILABLE})
"""The engine does not take the code: another try needs other code, another tier or another engine. The rest of
`_FOR_GOOD` may be mended from outside: a snapshot that is put right, a configuration of another version."""
_IN_THE_END = frozenset({Reason.OUT_OF_MEMORY, Reason.POD_FAILING, Reason.PROGRESS_DEADLINE_EXCEEDED})
"""May pass, until the deadline. Everything else is the platform's trouble, however long it lasts."""


def said(pod: PodState) -> Finding | None:
    """What the container or the kubelet says about a pod that is not ready."""
    if pod.termination and pod.termination.own and pod.termination.reason in TOLD_BY_RUNTIME:
        condition, reason = TOLD_BY_RUNTIME[pod.termination.reason]
        return Finding(condition, reason, _told(reason, pod.termination.message))
    if pod.termination and pod.termination.reason == "OOMKilled":
        return _finding(Reason.OUT_OF_MEMORY, explained(Reason.OUT_OF_MEMORY))
    waiting, message = pod.waiting or ("", "")
    if waiting in _IMAGE_REASONS:
        words = plain(message, LONGEST_WORDS) or waiting
        shown = f"The runtime image cannot be pulled ({words}). Ask the platform team to correct it."
        return _finding(Reason.IMAGE_UNAVAILABLE, shown)
    if waiting in _WAITING_IN_TROUBLE:
        words = plain(message) or waiting
        ended = f", last with {_ended(pod.termination)}" if pod.termination else ""
        return _finding(Reason.POD_FAILING, f"The pod does not start ({words}){ended}. Check the app's log.")
    return None


def deadline(observed: Observed) -> datetime | None:
    """When the pod has to be ready; None while no container of it has run."""
    pod = observed.pod
    if pod is None:
        return None
    # The first start of a container that ended meanwhile is forgotten, the moment when its pod got a node is not.
    since = (pod.scheduled_at or pod.started_at) if pod.termination else pod.started_at
    return since + observed.platform.progress_deadline if since else None


def look_again_at(observed: Observed) -> datetime | None:
    """When a pod that starts has to be judged anew: an outage of the gateway takes nothing of a revision's time."""
    ends, back = deadline(observed), observed.platform.gateway_since
    return max(ends, back + observed.platform.progress_deadline) if ends and back else ends


def overdue(observed: Observed, now: datetime) -> Finding | None:
    """The finding about a pod that is not ready after its deadline."""
    ends = deadline(observed)
    if ends is None or now < ends:
        return None
    seconds = int(observed.platform.progress_deadline.total_seconds())
    span = f"{seconds // 60} minutes" if seconds % 60 == 0 and seconds >= 120 else f"{seconds} seconds"
    message = f"The pod is not ready after {span}. {next_step(Reason.PROGRESS_DEADLINE_EXCEEDED)}"
    return _finding(Reason.PROGRESS_DEADLINE_EXCEEDED, message)


def failure(observed: Observed, grant: Grant, revision: Revision, now: datetime) -> Finding | None:
    """The finding by which this revision counts as failed; None while its pod may still become ready, and while the
    platform is to blame (a missing node or image, a refused child, a gateway that does not answer)."""
    live = observed.pod
    if live is None or live.ready or live.deleting or live.finished_at:
        return None
    found = said(live)
    if found is None or found.reason not in _FOR_GOOD:
        found = _in_the_end(observed, found, now)
    if found is None:
        return None
    # Only a pod that runs exactly this revision, as it would be made today, speaks for it.
    state = pod_state(observed, grant, revision, now)
    return found if state.exact and state.status is PodStatus.STARTING else None


def _in_the_end(observed: Observed, found: Finding | None, now: datetime) -> Finding | None:
    # What waits for a node or for its image has no deadline yet.
    late, ends = overdue(observed, now), look_again_at(observed)
    if late is None or ends is None or now < ends:
        return None
    if observed.refused or not observed.platform.gateway_answers:
        return None
    blamed = found or late
    return blamed if blamed.reason in _IN_THE_END else None


def _told(reason: Reason, words: str) -> str:
    # Our sentence around their words: a guest must not be able to give people instructions in our name.
    shown = plain(words, LONGEST_WORDS)
    return f"{meaning(reason).rstrip('.')}{f' ({shown})' if shown else ''}. {next_step(reason)}"


def _ended(termination: Termination) -> str:
    return f"{plain(termination.reason, 60)} (exit code {termination.exit_code})"
