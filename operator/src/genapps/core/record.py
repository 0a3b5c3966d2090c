"""The AppRecord that follows from a verdict: what the gateway goes by, and what outlives the app."""

from collections.abc import Mapping
from typing import Any

from genapps.api.apprecord import Acknowledgement, EnvelopeGrant, ObjectRef, Record
from genapps.api.apprecord import Revision as RecordedRevision
from genapps.api.envelope import Owner
from genapps.core.desired.metadata import child_name, envelope_of
from genapps.core.observed import Malformed, Observed
from genapps.core.verdict import Mode, Verdict
from genapps.core.violations import settled_until

ACKNOWLEDGEMENTS = 20


def next_record(observed: Observed, verdict: Verdict, *, judged_pod: str | None) -> Record | None:
    """The record as it should be; None when there is none and none is needed.

    `judged_pod` is the uid of a pod that runs exactly what was judged: the gateway admits it. Any other pod keeps its
    place in the record only until it is gone, and never gains one.
    """
    if verdict.mode is Mode.NOTHING:
        return _untouched(observed, observed.record, verdict) if observed.record else None
    grant, envelope = verdict.grant, envelope_of(observed)
    if grant is None or envelope is None:
        return observed.record
    before = observed.record
    record = Record(
        app=ObjectRef(namespace=observed.ref.namespace, name=observed.ref.name, uid=observed.ref.uid),
        namespace_uid=observed.namespace_uid,
        owner=Owner(team=grant.team),
        budget=grant.budget,
        run_namespace=grant.run_namespace,
        tier=grant.tier,
        violation_policy=grant.violations,
        envelope=EnvelopeGrant(digest=envelope, connectors=_connectors(observed)),
        revision=_revision(verdict),
        pod=_pod(observed, grant.run_namespace, judged_pod),
        suspension=before.suspension if before else None,
        acknowledged=before.acknowledged if before else (),
        count_from=before.count_from if before else None,
        contracts=before.contracts if before else (),
        evidence=before.evidence if before else (),
    )
    return _with_verdict(record, observed, verdict)


def wire(record: Record | None) -> Mapping[str, Any] | None:
    """As it is stored; two records are the same when this is."""
    return record.model_dump(by_alias=True, exclude_none=True, mode="json") if record else None


def is_urgent(before: Record | None, after: Record | None) -> bool:
    """Whether the change has to be durable before anything else is done: a verdict, or an app that is back."""
    if after is None:
        return False
    if before is None:
        return after.suspension is not None
    return (before.suspension, before.acknowledged, before.deleted_at) != (
        after.suspension,
        after.acknowledged,
        after.deleted_at,
    )


def _untouched(observed: Observed, record: Record, verdict: Verdict) -> Record:
    # The rest may be that of an earlier app of this name, whose state waits for its owner.
    left = record.model_copy(update={"pod": _pod(observed, record.run_namespace, None)})
    return _with_verdict(left, observed, verdict)


def _with_verdict(record: Record, observed: Observed, verdict: Verdict) -> Record:
    changes: dict[str, Any] = {"suspension": verdict.suspension}
    if verdict.acknowledged:
        entry = Acknowledgement(id=verdict.acknowledged, at=verdict.at)
        changes["acknowledged"] = (*record.acknowledged, entry)[-ACKNOWLEDGEMENTS:]
        seen = observed.ledger.violations if observed.ledger else None
        changes["count_from"] = settled_until(seen, verdict.at)
    return record.model_copy(update=changes)


def _revision(verdict: Verdict) -> RecordedRevision | None:
    revision = verdict.revision
    if revision is None:
        return None
    return RecordedRevision(code_digest=revision.code_digest, config_digest=revision.config_digest)


def _connectors(observed: Observed) -> tuple[str, ...]:
    if not isinstance(observed.app, Malformed):
        return tuple(sorted(observed.app.spec.envelope.connectors))
    return observed.record.envelope.connectors if observed.record else ()


def _pod(observed: Observed, namespace: str, judged_pod: str | None) -> ObjectRef | None:
    if judged_pod:
        return ObjectRef(namespace=namespace, name=child_name(observed), uid=judged_pod)
    before = observed.record
    if before is None or before.pod is None or observed.pod is None or observed.pod.uid != before.pod.uid:
        return None
    # The pod of an earlier app of this name was judged under that one's envelope.
    return before.pod if before.app.uid == observed.ref.uid else None
