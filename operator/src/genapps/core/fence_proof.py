# SPDX-License-Identifier: Apache-2.0
"""How the fence of an app stands, by what its runtime's probe has made of its pod: a runtime is ready on a recent proof
only, and ends with EgressOpen where it reaches what it must not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from genapps.api.conditions import Reason
from genapps.core.observed import PodState


class FenceState(StrEnum):
    """Of one pod; also a label of the operator's metrics."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class FenceProofs:
    """Of all pods together."""

    counts: Mapping[FenceState, int]
    unproven_since: datetime | None
    """Since when the one that is unproven for longest is so; None: none is."""


def fence_proofs(pods: Iterable[tuple[PodState, bool]]) -> FenceProofs:
    """`pods` with whether a NetworkPolicy of somebody else opens them."""
    counts = dict.fromkeys(FenceState, 0)
    since: datetime | None = None
    for pod, opened in pods:
        state = fence_state(pod, opened=opened)
        if state is not None:
            counts[state] += 1
        if state is FenceState.UNPROVEN and pod.started_at is not None:
            # When its last proof was lost, or when the runtime began that has none yet.
            begun = max(pod.started_at, pod.ready_changed_at or pod.started_at)
            since = begun if since is None else min(since, begun)
    return FenceProofs(counts, since)


def fence_state(pod: PodState, *, opened: bool) -> FenceState | None:
    """None where no runtime runs that could prove something, or where it is about to end."""
    if pod.deleting or pod.finished_at is not None:
        return None
    if opened or (not pod.ready and _says_open(pod)):
        return FenceState.OPEN
    if pod.ready:
        return FenceState.PROVEN
    return None if pod.started_at is None else FenceState.UNPROVEN


def _says_open(pod: PodState) -> bool:
    ended = pod.termination
    return ended is not None and ended.own and ended.reason == Reason.EGRESS_OPEN
