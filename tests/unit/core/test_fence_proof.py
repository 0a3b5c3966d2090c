# SPDX-License-Identifier: Apache-2.0
"""What pods say of their fences, one by one and together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genapps.core.fence_proof import FenceState, fence_proofs, fence_state
from genapps.core.observed import PodState, Termination

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPEN = Termination(reason="EgressOpen", message="", exit_code=3, own=True)


def pod(**fields: Any) -> PodState:
    return PodState(uid="p", **{"started_at": NOW, **fields})


def ago(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("what", "seen", "opened", "expected"),
    [
        ("a ready runtime has a recent proof", pod(ready=True), False, FenceState.PROVEN),
        ("a runtime that is not ready has none", pod(), False, FenceState.UNPROVEN),
        ("a policy of somebody else opens also what is proven", pod(ready=True), True, FenceState.OPEN),
        ("a runtime that found itself open begins again", pod(termination=OPEN), False, FenceState.OPEN),
        ("it waits to begin again", pod(started_at=None, termination=OPEN), False, FenceState.OPEN),
        ("it was open once and is proven now", pod(ready=True, termination=OPEN), False, FenceState.PROVEN),
        (
            "the words are a guest's or the kubelet's",
            pod(termination=Termination(reason="EgressOpen", message="", exit_code=1)),
            False,
            FenceState.UNPROVEN,
        ),
        ("no runtime runs yet", pod(started_at=None), False, None),
        ("it is deleted", pod(ready=True, deletion_deadline=NOW), True, None),
        ("it has ended", pod(finished_at=NOW, termination=OPEN), False, None),
    ],
)
def test_a_pod_says_of_its_fence(what: str, seen: PodState, opened: bool, expected: FenceState | None) -> None:
    assert fence_state(seen, opened=opened) is expected, what


def test_pods_are_counted_by_state() -> None:
    seen = [(pod(ready=True), False), (pod(ready=True), False), (pod(ready=True), True), (pod(), False)]
    assert fence_proofs([*seen, (pod(started_at=None), False)]).counts == {
        FenceState.PROVEN: 2,
        FenceState.UNPROVEN: 1,
        FenceState.OPEN: 1,
    }


def test_without_pods_all_states_are_counted_and_nothing_is_unproven() -> None:
    proofs = fence_proofs([])
    assert set(proofs.counts.values()) == {0}
    assert proofs.unproven_since is None


def test_the_oldest_lost_proof_counts_and_a_runtime_that_began_later_has_lost_none_before() -> None:
    lost = pod(started_at=ago(90), ready_changed_at=ago(7))
    restarted = pod(started_at=ago(2), ready_changed_at=ago(60))
    proven = pod(started_at=ago(90), ready_changed_at=ago(80), ready=True)
    assert fence_proofs([(one, False) for one in (restarted, lost, proven)]).unproven_since == ago(7)
    assert fence_proofs([(restarted, False)]).unproven_since == ago(2)
