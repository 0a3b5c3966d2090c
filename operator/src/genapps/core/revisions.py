# SPDX-License-Identifier: Apache-2.0
"""Which revision runs: the wanted one; or, once that has failed, an earlier one that was good; or none, where there is
no such one and the wanted one cannot load.

A revision is what was judged together (`revision_digest`). It is good when its pod was ready once, and fails when that
does not happen in time or can never happen (`revision_progress`). Everything follows from the record and what is
observed: the mark `Failed` is durable before the bad pod is touched, so a restart at any point leads to the same end.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from genapps.api.apprecord import PARTS_KEPT, REVISIONS_KEPT, KeptRevision, Record, ResolvedTier, RevisionResult
from genapps.api.conditions import ConditionType, Reason
from genapps.api.names import short_digest
from genapps.api.operations import Rollback
from genapps.core.desired.parts import parts_of
from genapps.core.desired.snapshots import snapshot_names
from genapps.core.observed import Observed
from genapps.core.revision_progress import LOAD_REFUSED, failure
from genapps.core.verdict import Effect, Finding, Grant, Revision

_GOOD = frozenset({RevisionResult.RUNNING, RevisionResult.SUPERSEDED})
_MESSAGE_CHARACTERS = 860
"""Of the reason for a failure: with the names of both revisions it has to fit into a condition."""
_NO_POD = "The operator starts no pod until the code, the tier or the runtime image changes."


@dataclass(frozen=True, slots=True)
class Choice:
    """The revision to run, and all that are kept with what became of each."""

    revision: Revision | None
    history: tuple[KeptRevision, ...]
    finding: Finding | None = None
    """Rolled back, when that is not the one that was wanted; with effect Stop when it cannot load: then no pod runs."""
    tier: ResolvedTier | None = None
    """The tier that the revision ran with, when it is returned to."""


def recorded_choice(observed: Observed) -> Choice:
    """What the record says, for an app in which nothing new may start."""
    return Choice(_recorded(observed.record), _history(observed))


def choose(observed: Observed, offered: Revision | None, grant: Grant, now: datetime) -> Choice:
    """What should run; `offered` is what source and spec ask for, None when that is held back by a finding."""
    held = recorded_choice(observed)
    wanted = offered or held.revision
    if wanted is None:
        return held
    if offered and held.revision and offered.digest == held.revision.digest:
        wanted = replace(offered, restore_state=held.revision.restore_state)
    before = _find(held.history, wanted.digest)
    known_bad = before.message if before and before.result is RevisionResult.FAILED else None
    found = None
    if before is None or before.result is not RevisionResult.RUNNING:
        found = failure(observed, grant, wanted, now)
    why = known_bad or (found.message[:_MESSAGE_CHARACTERS] if found else None)
    if why is None:
        return Choice(wanted, _started(observed, held.history, wanted, now))
    bad = before or _entry(observed, wanted, RevisionResult.FAILED, now)
    if found:
        bad = _failed(observed, bad, found, grant)
    way = _way_back(observed, held, wanted, fresh=known_bad is None)
    if way:
        if known_bad and before:
            bad = before
        return _back(observed, held, bad, way, fresh=known_bad is None)
    if _cannot_load(observed, bad, grant):
        return _refused(observed, held, wanted, bad)
    return Choice(wanted, _started(observed, held.history, wanted, now))


def has_snapshots(observed: Observed, revision: Revision | KeptRevision | None) -> bool:
    """Whether the pod of a revision would find what it mounts."""
    there = {name for (kind, name), child in observed.children.items() if kind == "ConfigMap" and not child.deleting}
    if revision is None or not snapshot_names(observed, [revision]) <= there:
        return False
    return all(part.paths for part in parts_of(observed, revision) or ())


def _recorded(record: Record | None) -> Revision | None:
    if record is None or record.revision is None:
        return None
    kept = record.revision
    return Revision(
        kept.digest,
        kept.code_digest,
        kept.config_digest,
        bool(kept.restore_state),
        kept.code_parts,
        kept.settings_digest,
    )


def _history(observed: Observed) -> tuple[KeptRevision, ...]:
    """The kept revisions of this very app; the one that runs is good once its pod, or a trace of it, was seen ready."""
    record = observed.record
    if record is None or record.app.uid != observed.uid:
        return ()
    pod, admitted = observed.pod, record.pod
    ready = pod is not None and pod.ready and admitted is not None and admitted.uid == pod.uid
    # Endpoints are written for a pod that is ready, and taken away before another revision starts.
    if record.revision is None or not (ready or observed.own("EndpointSlice")):
        return record.revisions
    good = {"result": RevisionResult.RUNNING, "message": None}
    current = record.revision.digest
    return tuple(kept.model_copy(update=good) if kept.digest == current else kept for kept in record.revisions)


def _started(
    observed: Observed, history: tuple[KeptRevision, ...], wanted: Revision, now: datetime
) -> tuple[KeptRevision, ...]:
    current = _current(observed)
    before = _find(history, current) if current == wanted.digest else None
    if before and before.reason not in LOAD_REFUSED:
        # New settings of the platform: the same revision.
        settings = {"config_digest": wanted.config_digest, "code_parts": wanted.code_parts}
        return tuple(kept.model_copy(update=settings) if kept.digest == current else kept for kept in history)
    left = [_left(observed, kept) for kept in history if kept.digest != wanted.digest]
    return _newest([*left, _entry(observed, wanted, RevisionResult.STARTING, now)], wanted.digest)


def _failed(observed: Observed, kept: KeptRevision, found: Finding, grant: Grant) -> KeptRevision:
    """The durable mark: why it failed, and with what it was tried."""
    mark = {
        "result": RevisionResult.FAILED,
        "reason": found.reason.value,
        "message": found.message[:_MESSAGE_CHARACTERS],
        "tier": grant.tier,
        "runtime_image": observed.platform.runtime_image,
    }
    return kept.model_copy(update=mark)


def _cannot_load(observed: Observed, kept: KeptRevision, grant: Grant) -> bool:
    """Whether it was refused at load with this very tier and engine: then it would be refused again."""
    tried = (kept.tier, kept.runtime_image) == (grant.tier, observed.platform.runtime_image)
    return kept.reason in LOAD_REFUSED and tried


def _refused(observed: Observed, held: Choice, wanted: Revision, bad: KeptRevision) -> Choice:
    """No pod: there is nothing to return to, and the same code would be refused again."""
    others = [_left(observed, kept) for kept in held.history if kept.digest != bad.digest]
    history = held.history if bad in held.history else _newest([*others, bad], bad.digest)
    reason, message = Reason(bad.reason or Reason.CODE_REJECTED), f"{bad.message} {_NO_POD}"
    return Choice(wanted, history, Finding(ConditionType.CODE_VERIFIED, reason, message, Effect.STOP))


def _back(observed: Observed, held: Choice, bad: KeptRevision, way: KeptRevision, *, fresh: bool) -> Choice:
    again = way.model_copy(update={"result": RevisionResult.RUNNING, "tier": None})
    changed = {bad.digest: bad, again.digest: again}
    kept = [changed.pop(one.digest) if one.digest in changed else _left(observed, one) for one in held.history]
    returned = held.revision if held.revision and held.revision.digest == way.digest else None
    rollback = _rollback(observed)
    restore = rollback.state == "Restore" if fresh and rollback else bool(returned and returned.restore_state)
    revision = Revision(way.digest, way.code_digest, way.config_digest, restore, way.code_parts)
    message = f"Revision {short_digest(bad.digest)} failed. Revision {short_digest(way.digest)} runs. {bad.message}"
    if _named(rollback) and _named(rollback) != way.code_digest:
        message += " The operator keeps no good revision with the code digest in spec.rollback.to."
    finding = Finding(ConditionType.STALLED, Reason.ROLLED_BACK, message, Effect.HOLD)
    return Choice(revision, _newest([*kept, *changed.values()], way.digest), finding, way.tier)


def _way_back(observed: Observed, held: Choice, wanted: Revision, *, fresh: bool) -> KeptRevision | None:
    """The good revision to return to: the named one, the one that runs already, or the newest."""
    good = [
        kept
        for kept in held.history
        if kept.result in _GOOD and kept.digest != wanted.digest and has_snapshots(observed, kept)
    ]
    named = [kept for kept in good if kept.code_digest == _named(_rollback(observed))]
    running = [kept for kept in good if held.revision and kept.digest == held.revision.digest]
    # Once it is back it stays: another name in the spec is for the next failure.
    ordered = [*good, *running, *named] if fresh else [*good, *named, *running]
    return ordered[-1] if ordered else None


def _left(observed: Observed, kept: KeptRevision) -> KeptRevision:
    """A revision that does not run: what it came to, if it ran until now."""
    record = observed.record
    if record is None or kept.digest != _current(observed):
        return kept
    if kept.result is RevisionResult.RUNNING:
        return kept.model_copy(update={"result": RevisionResult.SUPERSEDED, "tier": record.tier})
    if kept.result is RevisionResult.STARTING:
        return kept.model_copy(update={"result": RevisionResult.ABANDONED})
    return kept


def _newest(history: list[KeptRevision], running: str) -> tuple[KeptRevision, ...]:
    """As many as are kept: never without the one that runs, nor without the last good one, nor without the newest: it
    may have failed, and would be tried again."""
    good = [kept.digest for kept in history if kept.result in _GOOD][-1:]
    others = [kept for kept in history[:-1] if kept.digest not in (running, *good)]
    while others and (len(history) > REVISIONS_KEPT or _parts(history) > PARTS_KEPT):
        history.remove(others.pop(0))
    return tuple(history)


def _parts(history: Iterable[KeptRevision]) -> int:
    """The ConfigMaps with their code: revisions with the same code share them."""
    return sum({kept.code_digest: kept.code_parts or 1 for kept in history}.values())


def _entry(observed: Observed, revision: Revision, result: RevisionResult, now: datetime) -> KeptRevision:
    return KeptRevision(
        digest=revision.digest,
        code_digest=revision.code_digest,
        config_digest=revision.config_digest,
        code_parts=revision.code_parts,
        envelope_digest=observed.envelope_digest or "",
        at=now,
        result=result,
    )


def _find(history: Iterable[KeptRevision], digest: str) -> KeptRevision | None:
    return next((kept for kept in history if kept.digest == digest), None)


def _current(observed: Observed) -> str | None:
    record = observed.record
    return record.revision.digest if record and record.revision else None


def _rollback(observed: Observed) -> Rollback | None:
    return observed.spec.rollback if observed.spec else None


def _named(rollback: Rollback | None) -> str | None:
    return rollback.to if rollback and rollback.to.startswith("sha256:") else None
