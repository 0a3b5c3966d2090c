"""Why a pod that should answer does not: what its container, the kubelet or the scheduler says, as one finding."""

from genapps.api.conditions import ConditionType, Reason
from genapps.api.reasons import EXPLANATIONS
from genapps.core.observed import PodState, Termination
from genapps.core.plain import plain
from genapps.core.plan import PROGRESS_DEADLINE
from genapps.core.standing import Standing
from genapps.core.status.view import View
from genapps.core.verdict import Finding, Mode

TOLD_BY_RUNTIME = {
    "EgressOpen": (ConditionType.EGRESS_ENFORCED, Reason.EGRESS_OPEN),
    "CodeRejected": (ConditionType.CODE_VERIFIED, Reason.CODE_REJECTED),
    "ModuleNotAvailable": (ConditionType.CODE_VERIFIED, Reason.MODULE_NOT_AVAILABLE),
    "SnapshotMismatch": (ConditionType.CODE_VERIFIED, Reason.SNAPSHOT_MISMATCH),
    "ConfigInvalid": (ConditionType.STALLED, Reason.CONFIG_INVALID),
    "StateUnavailable": (ConditionType.STALLED, Reason.STATE_UNAVAILABLE),
}
"""The closed set of reasons in a termination message; anything else is no more than text."""

LONGEST_WORDS = 700
"""Characters of what others say: a runtime lists the modules that exist; the sentence around it has to fit as well."""

_IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_WAITING_IN_TROUBLE = frozenset(
    {"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)


def trouble(view: View) -> Finding | None:
    """The finding about a pod that should run, or about what it needs."""
    if view.verdict.mode is not Mode.RUN or view.answers:
        return None
    if view.pod.standing is Standing.HANGING:
        node = view.observed.pod.node if view.observed.pod else None
        message = (
            f"The pod hangs on node {node or '(unknown)'}, which does not answer: ask the platform to remove the node."
        )
        return _finding(Reason.NODE_UNREACHABLE, message)
    if view.observed.refused:
        refused = plain(view.observed.refused, LONGEST_WORDS)
        message = (
            f"The API server refuses an object of the app ({refused}): ask the platform, often a quota is used up."
        )
        return _finding(Reason.CHILD_REFUSED, message)
    if view.pod.standing is Standing.STARTING and view.observed.pod:
        return _container(view.observed.pod) or _placement(view, view.observed.pod)
    if view.observed.claim and view.observed.claim.lost:
        return _finding(Reason.STATE_UNAVAILABLE, "The claim has lost its volume: ask the platform to restore it.")
    return None


def _container(pod: PodState) -> Finding | None:
    if pod.termination and pod.termination.own and pod.termination.reason in TOLD_BY_RUNTIME:
        condition, reason = TOLD_BY_RUNTIME[pod.termination.reason]
        return Finding(condition, reason, _told(reason, pod.termination.message))
    if pod.termination and pod.termination.reason == "OOMKilled":
        return _finding(Reason.OUT_OF_MEMORY, "The pod used more memory than its tier has: choose a larger tier.")
    waiting, message = pod.waiting or ("", "")
    if waiting in _IMAGE_REASONS:
        shown = f"The runtime image cannot be pulled ({plain(message)}): ask the platform to correct it."
        return _finding(Reason.IMAGE_UNAVAILABLE, shown)
    if waiting in _WAITING_IN_TROUBLE:
        said = plain(message) or waiting
        ended = f", last with {_ended(pod.termination)}" if pod.termination else ""
        return _finding(Reason.POD_FAILING, f"The pod does not start ({said}){ended}: look at the app's log.")
    return None


def _told(reason: Reason, said: str) -> str:
    # Our sentence around their words: a guest must not be able to give people instructions in our name.
    explained, words = EXPLANATIONS[reason], plain(said, LONGEST_WORDS)
    way_out = explained.next_step[:1].lower() + explained.next_step[1:]
    return f"{explained.meaning.rstrip('.')}{f' ({words})' if words else ''}: {way_out}"


def _ended(termination: Termination) -> str:
    return f"{plain(termination.reason, 60)} (exit code {termination.exit_code})"


def _placement(view: View, pod: PodState) -> Finding | None:
    if pod.unschedulable and view.patience_is_over:
        message = f"No node takes the pod ({plain(pod.unschedulable)}): ask the platform for capacity."
        return _finding(Reason.UNSCHEDULABLE, message)
    if pod.started_at and view.verdict.at >= pod.started_at + PROGRESS_DEADLINE:
        minutes = int(PROGRESS_DEADLINE.total_seconds() // 60)
        message = (
            f"The pod is not ready after {minutes} minutes: look at the app's log, and whether the gateway answers."
        )
        return _finding(Reason.PROGRESS_DEADLINE_EXCEEDED, message)
    return None


def _finding(reason: Reason, message: str) -> Finding:
    return Finding(ConditionType.STALLED, reason, message)
