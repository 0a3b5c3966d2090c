# SPDX-License-Identifier: Apache-2.0
"""The AppRecord that follows from a verdict: what the gateway goes by, and what outlives the app."""

from collections.abc import Mapping
from typing import Any

from genapps.api.apprecord import (
    Acknowledgement,
    EnvelopeGrant,
    KeptRevision,
    ObjectRef,
    Record,
    RevisionResult,
    TokenKeys,
)
from genapps.api.apprecord import Revision as RecordedRevision
from genapps.api.envelope import Owner, RiskClass
from genapps.core.observed import Observed
from genapps.core.revisions import recorded_choice
from genapps.core.suspension import inert_acknowledgement, settled_until
from genapps.core.tenancy import token_keys
from genapps.core.verdict import Grant, Mode, Verdict

ACKNOWLEDGEMENTS = 20


def next_record(observed: Observed, verdict: Verdict, *, judged_pod: str | None) -> Record | None:
    """The record as it should be; None when there is none and none is needed.

    `judged_pod` is the uid of a pod that runs exactly what was judged: the gateway admits it. Any other pod keeps its
    place in the record only until it is gone, and never gains one.
    """
    if verdict.mode is Mode.NOTHING:
        return _untouched(observed, observed.record, verdict) if observed.record else None
    grant, envelope = verdict.grant, observed.envelope_digest
    if grant is None or envelope is None:
        return observed.record
    before = observed.record
    record = Record(
        app=ObjectRef(namespace=observed.key.namespace, name=observed.key.name, uid=observed.uid),
        namespace_uid=observed.namespace_uid,
        owner=Owner(team=grant.team),
        budget=grant.budget,
        run_namespace=grant.run_namespace,
        tier=grant.tier,
        violation_policy=grant.violations,
        envelope=EnvelopeGrant(digest=envelope, connectors=_connectors(observed)),
        effective_risk=_effective_risk(observed, grant, judged_pod),
        token_keys=_token_keys(observed),
        revision=_revision(verdict),
        revisions=_remembering(observed, verdict),
        pod=_pod(observed, grant.run_namespace, judged_pod),
        suspension=before.suspension if before else None,
        acknowledged=before.acknowledged if before else (),
        count_from=before.count_from if before else None,
        contracts=before.contracts if before else (),
        evidence=before.evidence if before else (),
    )
    if _waits_for_its_pod(observed, record, judged_pod):
        # Else the traces of the pod that is still there would speak for a revision that never ran.
        unmoved = {"revision": observed.record and observed.record.revision}
        record = record.model_copy(update={**unmoved, "revisions": recorded_choice(observed).history})
    return _with_verdict(record, observed, verdict)


def _remembering(observed: Observed, verdict: Verdict) -> tuple[KeptRevision, ...]:
    """The history with the contracts that each revision was first started with. What was not known of the running one
    then, because a contract was refused or an older version wrote the record, is what is known now."""
    known = {kept.digest: kept.contracts for kept in observed.record.revisions} if observed.record else {}
    running = verdict.revision.digest if verdict.revision else None

    def contracts(kept: KeptRevision) -> dict[str, str] | None:
        before = known.get(kept.digest) or {}
        return ({**observed.contracts, **before} if kept.digest == running else before) or None

    return tuple(kept.model_copy(update={"contracts": contracts(kept)}) for kept in verdict.history)


def _effective_risk(observed: Observed, grant: Grant, judged_pod: str | None) -> RiskClass | None:
    """Of the pod that the record names: one that was made for a lower class gains nothing by a later verdict."""
    before = observed.record
    if judged_pod or before is None or before.pod is None:
        return grant.effective_risk
    return before.effective_risk


def _token_keys(observed: Observed) -> TokenKeys | None:
    if observed.spec is not None:
        return token_keys(observed.spec)
    return observed.record.token_keys if observed.record else None


def _waits_for_its_pod(observed: Observed, record: Record, judged_pod: str | None) -> bool:
    """Another revision is told once a pod runs it; only that one failed is told while its pod is still there."""
    before = observed.record
    if judged_pod or observed.pod is None or before is None or before.app.uid != observed.uid:
        return False
    return not _failed(record) - _failed(before)


def wire(record: Record | None) -> Mapping[str, Any] | None:
    """The record in its JSON form as stored, None for none; two records are the same when this is."""
    return record.model_dump(by_alias=True, exclude_none=True, mode="json") if record else None


def says_more(before: Record | None, after: Record) -> bool:
    """Whether the change is worth a write of its own. That a revision was ready alone is not: the next write says so
    too, and `plan` does not delete the EndpointSlice, which shows it until then, before it is written."""
    told, tells = _without_readiness(before), _without_readiness(after)
    return told != tells and wire(told) != wire(tells)


def with_readiness(observed: Observed) -> Record | None:
    """The record as it is, with the running revision marked as good if its pod was seen ready; None when the record is
    not this app's."""
    record = observed.record
    if record is None or record.app.uid != observed.uid:
        return None
    return record.model_copy(update={"revisions": recorded_choice(observed).history})


def is_urgent(before: Record | None, after: Record | None) -> bool:
    """Whether the change has to be stored before anything else is done: a suspension begins or ends, what ends it
    changes, a revision has failed, or the app is marked or unmarked as deleted."""
    if after is None:
        return False
    if before is None:
        return after.suspension is not None
    if _failed(after) - _failed(before):
        return True
    return _urgent_parts(before) != _urgent_parts(after)


def _urgent_parts(record: Record) -> tuple[object, ...]:
    return (record.suspension, record.acknowledged, record.inert_acknowledgement, record.deleted_at)


def _failed(record: Record) -> set[tuple[str, str | None, str | None, str]]:
    """The failed revisions, each with what it was tried with: another attempt that fails is another failure."""
    return {
        (kept.digest, kept.reason, kept.runtime_image, kept.tier.model_dump_json() if kept.tier else "")
        for kept in record.revisions
        if kept.result is RevisionResult.FAILED
    }


def _without_readiness(record: Record | None) -> Record | None:
    if record is None or not any(kept.result is RevisionResult.RUNNING for kept in record.revisions):
        return record
    starting = {"result": RevisionResult.STARTING}
    revisions = tuple(
        kept.model_copy(update=starting) if kept.result is RevisionResult.RUNNING else kept for kept in record.revisions
    )
    return record.model_copy(update={"revisions": revisions})


def _untouched(observed: Observed, record: Record, verdict: Verdict) -> Record:
    # The rest may be that of an earlier app of this name, whose state waits for its owner.
    left = record.model_copy(update={"pod": _pod(observed, record.run_namespace, None)})
    return _with_verdict(left, observed, verdict)


def _with_verdict(record: Record, observed: Observed, verdict: Verdict) -> Record:
    inert = inert_acknowledgement(observed, held=bool(verdict.holds)) if verdict.suspension else None
    changes: dict[str, Any] = {"suspension": verdict.suspension, "inert_acknowledgement": inert}
    if verdict.acknowledged:
        hold = record.suspension.hold if record.suspension else None
        entry = Acknowledgement(id=verdict.acknowledged, at=verdict.at, hold=hold)
        # Of holds the last one only: many of them would push out what counts as repetition.
        lasting = tuple(earlier for earlier in record.acknowledged if earlier.hold is None)
        changes["acknowledged"] = (*lasting, entry)[-ACKNOWLEDGEMENTS:]
        if hold is None:
            changes["count_from"] = settled_until(observed.ledger, verdict.at)
    return record.model_copy(update=changes)


def _revision(verdict: Verdict) -> RecordedRevision | None:
    revision = verdict.revision
    if revision is None:
        return None
    return RecordedRevision(
        digest=revision.digest,
        code_digest=revision.code_digest,
        config_digest=revision.config_digest,
        code_parts=revision.code_parts,
        settings_digest=revision.settings_digest,
        restore_state=revision.restore_state or None,
    )


def _connectors(observed: Observed) -> tuple[str, ...]:
    if observed.spec is not None:
        return tuple(sorted(observed.spec.envelope.connectors))
    return observed.record.envelope.connectors if observed.record else ()


def _pod(observed: Observed, namespace: str, judged_pod: str | None) -> ObjectRef | None:
    if judged_pod:
        return ObjectRef(namespace=namespace, name=observed.child_name, uid=judged_pod)
    before = observed.record
    if before is None or before.pod is None or observed.pod is None or observed.pod.uid != before.pod.uid:
        return None
    # The pod of an earlier app of this name was judged under that one's envelope.
    return before.pod if before.app.uid == observed.uid else None
