# SPDX-License-Identifier: Apache-2.0
"""From what is desired to the steps that lead there; the executor takes them in order and stops at a `Wait`.

Policy before pod on the way up, pod before policy on the way down. An empty plan means that nothing is to be done.
"""

from collections.abc import Iterator, Sequence

from genapps.api.apprecord import Record
from genapps.api.names import child_name_of
from genapps.core.desired.claim import grown
from genapps.core.desired.pod import GRACE_SECONDS
from genapps.core.desired.snapshots import snapshot_names
from genapps.core.drift import expected_digest
from genapps.core.observed import Manifest, Observed
from genapps.core.pod_state import OVERDUE
from genapps.core.record import is_urgent, next_record, says_more, wire, with_readiness
from genapps.core.revision_progress import look_again_at
from genapps.core.steps import POD_GRACE_SECONDS, Apply, Step, Wait, WriteRecord, delete
from genapps.core.verdict import Mode, PodStatus, Verdict

_LATE_KINDS = frozenset({"Pod", "EndpointSlice"})


def plan(observed: Observed, verdict: Verdict, desired: Sequence[Manifest]) -> tuple[Step, ...]:
    """The steps from what was observed to what is desired."""
    if verdict.mode is Mode.RUN:
        return tuple(_run(observed, verdict, desired))
    return tuple(_stop(observed, verdict, desired))


def _stop(observed: Observed, verdict: Verdict, desired: Sequence[Manifest]) -> Iterator[Step]:
    """Verdict durable, pod gone, then everything shut; nothing waits for the pod's end."""
    yield from _write_record(observed, next_record(observed, verdict, judged_pod=None), last_trace=True)
    pod = verdict.pod
    if pod.child and pod.status not in (PodStatus.STOPPING, PodStatus.HANGING):
        ordered = verdict.suspension is not None or verdict.deleting
        yield delete(pod.child, POD_GRACE_SECONDS if ordered else GRACE_SECONDS)
    if verdict.deleting:
        yield from _delete_endpoints(observed)
    if verdict.mode is Mode.NOTHING:
        return
    if changed := _changed(observed, desired):
        yield Apply(changed)
    yield from _delete_endpoints(observed)
    if pod.status is PodStatus.ABSENT:
        yield from _delete_old_snapshots(observed, verdict)


def _run(observed: Observed, verdict: Verdict, desired: Sequence[Manifest]) -> Iterator[Step]:
    """Fence and state first, then the pod, then its place in the record, then its endpoints."""
    judged = verdict.pod.exact
    record = next_record(observed, verdict, judged_pod=observed.pod.uid if observed.pod and judged else None)
    urgent = [WriteRecord(record, observed.record_version)] if record and is_urgent(observed.record, record) else []
    yield from urgent
    lasting = [manifest for manifest in desired if manifest["kind"] not in _LATE_KINDS]
    if changed := _changed(observed, lasting):
        yield Apply(changed)
    if any(_is_going(observed, manifest) for manifest in lasting):
        # Somebody deleted what the pod needs; it can be created again once it is gone.
        yield from _wait(observed, desired, None if urgent else with_readiness(observed), "ChildDeleting")
    elif observed.own("ServiceAccount") is None:
        # It was applied just now: its uid goes into the pod.
        yield from _wait(observed, desired, None if urgent else with_readiness(observed), "AccountPending")
    elif observed.platform.gateway_address is None or observed.platform.gateway_ca is None:
        # A pod that runs is left alone, and none starts.
        yield from _wait(observed, desired, None if urgent else with_readiness(observed), "GatewayPending")
    elif judged or verdict.pod.waits:
        yield from _keep(observed, verdict, desired, None if urgent else record)
    else:
        yield from _replace(observed, verdict, desired, None if urgent else with_readiness(observed))


def _wait(observed: Observed, desired: Sequence[Manifest], record: Record | None, reason: str) -> Iterator[Step]:
    """The pod is left as it is; endpoints still go with one that is no longer ready. `record` as in `_replace`."""
    if not _of_kind(desired, "EndpointSlice"):
        yield from _write_record(observed, record, last_trace=True)
        yield from _delete_endpoints(observed)
    yield Wait(reason)


def _keep(observed: Observed, verdict: Verdict, desired: Sequence[Manifest], record: Record | None) -> Iterator[Step]:
    """`record` is the one to be written after the pod, None when that is done."""
    relabelled = _changed(observed, _of_kind(desired, "Pod"))
    if relabelled and verdict.pod.exact:
        yield Apply(relabelled)
    slices = _of_kind(desired, "EndpointSlice")
    yield from _write_record(observed, record, last_trace=not slices)
    if changed := _changed(observed, slices):
        yield Apply(changed)
    if not slices:
        yield from _delete_endpoints(observed)
    if verdict.pod.waits:
        yield Wait("ReplacementPending")
    else:
        yield from _delete_old_snapshots(observed, verdict)
    if verdict.grant and verdict.pod.status is PodStatus.READY and (larger := grown(observed, verdict.grant)):
        yield Apply((larger,))
    ends = look_again_at(observed)
    if verdict.pod.status is PodStatus.STARTING and ends and ends > verdict.at:
        yield Wait("PodStarting", (ends - verdict.at).total_seconds())


def _replace(
    observed: Observed, verdict: Verdict, desired: Sequence[Manifest], record: Record | None
) -> Iterator[Step]:
    """`record` says no more than that what ran was good: what comes next is told once its pod exists."""
    yield from _write_record(observed, record, last_trace=True)
    yield from _delete_endpoints(observed)
    pod, live = verdict.pod, observed.pod
    if pod.status is PodStatus.HANGING:
        yield Wait("NodeUnreachable")
    elif pod.status is PodStatus.STOPPING and live and live.deletion_deadline:
        left = live.deletion_deadline + OVERDUE - verdict.at
        yield Wait("PodStopping", left.total_seconds() + 1)
    elif pod.replace_at and pod.replace_at > verdict.at:
        yield Wait("BackingOff", (pod.replace_at - verdict.at).total_seconds())
    elif pod.child:
        yield delete(pod.child, POD_GRACE_SECONDS if pod.status is PodStatus.MUTATED else GRACE_SECONDS)
        yield Wait("PodStopping")
    elif observed.mutation and observed.mutation.retry_at > verdict.at:
        yield Wait("PodMutated", (observed.mutation.retry_at - verdict.at).total_seconds())
    elif not _claim_ready(observed):
        yield Wait("ClaimPending")
    else:
        yield Apply(_of_kind(desired, "Pod"))


def _claim_ready(observed: Observed) -> bool:
    claim = observed.claim
    if claim is None or claim.deleting or claim.lost:
        return False
    # With WaitForFirstConsumer a claim is bound by the pod that uses it; otherwise a pod created too early waits long.
    return claim.bound or observed.platform.wait_for_first_consumer


def _of_kind(manifests: Sequence[Manifest], kind: str) -> tuple[Manifest, ...]:
    return tuple(manifest for manifest in manifests if manifest["kind"] == kind)


def _changed(observed: Observed, manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
    return tuple(manifest for manifest in manifests if _differs(observed, manifest))


def _differs(observed: Observed, manifest: Manifest) -> bool:
    key = (manifest["kind"], manifest["metadata"]["name"])
    child = observed.children.get(key)
    if child is None:
        return True
    if observed.own(*key) is None or child.deleting or child.digest == (wanted := expected_digest(manifest)):
        return False
    # What admission took away from a pod it would take away again; whether the fence stands is another question.
    return observed.unmet != (child.uid, wanted)


def _is_going(observed: Observed, manifest: Manifest) -> bool:
    child = observed.children.get((manifest["kind"], manifest["metadata"]["name"]))
    return child is not None and child.deleting


def _write_record(observed: Observed, record: Record | None, *, last_trace: bool = False) -> Iterator[Step]:
    """With `last_trace` the endpoints go next, which are all that else shows that the revision was ready."""
    if record is None:
        return
    readiness = last_trace and observed.own("EndpointSlice") is not None
    if says_more(observed.record, record) or (readiness and wire(record) != wire(observed.record)):
        yield WriteRecord(record, observed.record_version)


def _delete_endpoints(observed: Observed) -> Iterator[Step]:
    child = observed.own("EndpointSlice")
    if child and not child.deleting:
        yield delete(child)


def _delete_old_snapshots(observed: Observed, verdict: Verdict) -> Iterator[Step]:
    # Only called when the pod, if there is one, is the desired one: so none names an old snapshot.
    running = [verdict.revision] if verdict.revision else []
    needed = snapshot_names(observed, [*running, *verdict.history])
    for (kind, name), child in sorted(observed.children.items()):
        snapshot = kind == "ConfigMap" and child_name_of(name) == observed.child_name != name
        if snapshot and name not in needed and not child.deleting and observed.own(kind, name):
            yield delete(child)
