# SPDX-License-Identifier: Apache-2.0
"""Why a pod that should answer does not: what its container, the kubelet or the scheduler says, as one finding."""

from functools import partial

from genapps.api.conditions import ConditionType, Reason
from genapps.core.observed import PodState
from genapps.core.revision_progress import LONGEST_WORDS, overdue, said
from genapps.core.status.view import View
from genapps.core.text import plain
from genapps.core.verdict import Finding, Mode, PodStatus

_finding = partial(Finding, ConditionType.STALLED)


def trouble(view: View) -> Finding | None:
    """The finding about a pod that should run, or about what it needs or should get."""
    if view.verdict.mode is not Mode.RUN:
        return None
    if view.answers:
        return _refused(view)
    if view.verdict.pod.status is PodStatus.HANGING:
        node = view.observed.pod.node if view.observed.pod else None
        message = (
            f"The pod is on node {node or '(unknown)'}, which does not answer. "
            "Ask the platform team to remove the node."
        )
        return _finding(Reason.NODE_UNREACHABLE, message)
    if fields := _mutated(view):
        message = f"Another component changes {', '.join(fields)} of the app's pod. Exempt the run namespace from it."
        return _finding(Reason.POD_MUTATED, message)
    if refused := _refused(view):
        return refused
    if view.verdict.pod.status is PodStatus.STARTING and view.observed.pod:
        return said(view.observed.pod) or _placement(view, view.observed.pod)
    if view.observed.claim and view.observed.claim.lost:
        return _finding(
            Reason.STATE_UNAVAILABLE, "The app's claim has lost its volume. Ask the platform team to restore it."
        )
    return None


def _refused(view: View) -> Finding | None:
    """Also of an app that answers: what it runs with is not what it should run with."""
    if not view.observed.refused:
        return None
    words = plain(view.observed.refused, LONGEST_WORDS)
    message = f"The API server refused an object of the app ({words}). Often a quota is used up: ask the platform team."
    return _finding(Reason.CHILD_REFUSED, message)


def _mutated(view: View) -> tuple[str, ...]:
    pod, before = view.verdict.pod, view.observed.mutation
    if pod.status is PodStatus.MUTATED:
        return pod.mutated
    if before is None or before.retry_at <= view.verdict.at:
        return ()
    return before.fields if pod.status in (PodStatus.ABSENT, PodStatus.STOPPING) else ()


def _placement(view: View, pod: PodState) -> Finding | None:
    if pod.unschedulable and view.patience_is_over:
        message = f"No node has room for the pod ({plain(pod.unschedulable)}). Ask the platform team to add capacity."
        return _finding(Reason.UNSCHEDULABLE, message)
    return overdue(view.observed, view.verdict.at)
