# SPDX-License-Identifier: Apache-2.0
"""What is left of an app that is gone: who may take it over, and in which order it goes otherwise.

Taken over is all or nothing: state, counters, verdicts, evidence. Who may not take it over neither inherits a
suspension nor resets one (the owner is the tenant's own word, a new name in it must be no way out): they wait until the
earlier app's retention has passed or it is purged.

The sweep asks here before anything is deleted.
Pod before policy, state last and only after its retention; the record outlives everything while a suspension in it
may still matter. A record whose deletion the platform ordered takes all of it along at once (purge). Nothing is
planned for records without `deletedAt`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from genapps.api.apprecord import AppRecord
from genapps.api.generatedapp import GeneratedApp
from genapps.api.ledger import Ledger
from genapps.api.names import AppKey
from genapps.api.quantities import seconds
from genapps.core.desired.claim import KEPT_AFTER_DELETE
from genapps.core.observed import Child, ClaimState, Unreadable
from genapps.core.steps import POD_GRACE_SECONDS, Delete, ReleaseRecord, delete

MOST_AT_ONCE = 5
MOST_OF_ALL = 0.1
"""Of all apps: when more vanish at once, a fault of ours or of the cluster is likelier than that many deletions."""

_EVIDENCE_KEPT = timedelta(days=30)
_AFTER_POD = ("EndpointSlice", "Service", "NetworkPolicy", "ServiceAccount", "ConfigMap")


@dataclass(frozen=True, slots=True)
class Removal:
    """What to delete now (in order), and when to look again; both empty: wait for an event."""

    steps: tuple[Delete | ReleaseRecord, ...] = ()
    again_at: datetime | None = None


CONFIRMED_FOR = timedelta(hours=1)
"""How long a person's confirmation that many apps may vanish holds."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person has said that so many apps may vanish at once."""

    count: int
    at: datetime


def left_of(confirmation: Confirmation | None, marked: Iterable[datetime], now: datetime) -> int:
    """How many apps may still vanish under it. `marked` is when apps were taken for deleted: each one since then has
    used up a part, and after an hour nothing is left."""
    if confirmation is None or abs(now - confirmation.at) >= CONFIRMED_FOR:
        return 0
    return max(0, confirmation.count - sum(at >= confirmation.at for at in marked))


def stop(app: AppKey, children: Iterable[Child]) -> tuple[Delete, ...]:
    """What goes as soon as the app is known to be gone, before anything is decided about its state: pod and endpoints.
    They can be made again, should it have been a mistake."""
    return tuple(
        delete(child, POD_GRACE_SECONDS if child.kind == "Pod" else None)
        for child in _own(app, children)
        if child.kind in ("Pod", "EndpointSlice") and not child.deleting
    )


def may_vanish(vanished: int, of: int, confirmed: int) -> bool:
    """Whether so many apps may be taken for deleted at once; `confirmed` is the number that a person has allowed."""
    return vanished <= max(MOST_AT_ONCE, int(of * MOST_OF_ALL), confirmed)


def takes_over(app: GeneratedApp | Unreadable, uid: str, namespace_uid: str, record: AppRecord) -> bool:
    """Whether the record is this app's: its own, or that of an earlier one of the same owner and namespace."""
    held = record.record
    if uid == held.app.uid:
        return True
    if isinstance(app, Unreadable):
        # Nobody knows whose it is: it does not start, and what is there stays.
        return not record.purged
    same = (app.spec.envelope.owner.team, namespace_uid) == (held.owner.team, held.namespace_uid)
    return same and not record.purged


def removal(
    record: AppRecord,
    ledger: Ledger | None,
    children: Iterable[Child],
    claim: ClaimState | None,
    now: datetime,
    *,
    successor: str = "",
) -> Removal:
    """The next deletions for a deleted app; objects under its names that are not its own are never among them, nor
    those of the app with the uid `successor`, which has the name now."""
    app, deleted_at = record.record.app, record.record.deleted_at
    if deleted_at is None:
        return Removal()
    own = [
        child
        for child in _own(AppKey(app.namespace, app.name), children)
        if not successor or child.app_uid != successor
    ]
    pods = [child for child in own if child.kind == "Pod"]
    if pods:
        return Removal(tuple(delete(pod, POD_GRACE_SECONDS) for pod in pods if not pod.deleting))
    rest = [child for kind in _AFTER_POD for child in own if child.kind == kind]
    if rest:
        return Removal(tuple(delete(child) for child in rest if not child.deleting))
    for state in own:
        due = now if record.purged else deleted_at + _kept(claim)
        steps = (delete(state),) if now >= due and not state.deleting else ()
        return Removal(steps, due if now < due else None)
    return _purge(record, ledger) if record.purged else _evidence(record, ledger, deleted_at, now)


def orphans(app: AppKey, children: Collection[Child], claim: ClaimState | None, now: datetime) -> tuple[Delete, ...]:
    """Deletions of children that neither an app nor a record stands behind.

    A claim that was never bound holds nothing. Any other is kept for its retention, counted from its creation: nobody
    knows when its app went, only that it went before it had a record, or that somebody purged the record.
    """
    own = [
        child
        for child in _own(app, children)
        if not child.deleting and (child.kind != "PersistentVolumeClaim" or _is_spent(claim, now))
    ]
    pods = [child for child in own if child.kind == "Pod"]
    return tuple(delete(child, POD_GRACE_SECONDS if pods else None) for child in pods or own)


def _is_spent(claim: ClaimState | None, now: datetime) -> bool:
    if claim is None:
        return False
    never_used = not claim.bound and not claim.lost
    return never_used or (claim.created_at is not None and now >= claim.created_at + _kept(claim))


def _own(app: AppKey, children: Iterable[Child]) -> list[Child]:
    return [child for child in children if child.app == app]


def _purge(record: AppRecord, ledger: Ledger | None) -> Removal:
    if ledger is not None:
        return Removal((_delete_ledger(ledger),))
    meta = record.metadata
    return Removal((ReleaseRecord(record.record, meta.uid, meta.resource_version),))


def _evidence(record: AppRecord, ledger: Ledger | None, deleted_at: datetime, now: datetime) -> Removal:
    """Ledger and record: kept while a suspension of the last 30 days, open or acknowledged, is in them."""
    held = record.record
    matters = [entry.at for entry in held.acknowledged]
    if held.suspension is not None:
        # An open one counts from the deletion: waiting for it to age first must not shorten its memory.
        matters.append(max(held.suspension.at, deleted_at))
    counts = (ledger.record.violations, ledger.record.defects) if ledger else ()
    tripped = [each.tripped.at for each in counts if each is not None and each.tripped is not None]
    # Deleted before the operator could suspend it: the verdict waits for whoever takes the name.
    matters += [max(at, deleted_at) for at in tripped if held.count_from is None or at > held.count_from]
    until = max(matters) + _EVIDENCE_KEPT if matters else deleted_at
    if now < until:
        return Removal(again_at=until)
    meta = record.metadata
    steps = [Delete("AppRecord", meta.namespace, meta.name, meta.uid)]
    if ledger is not None:
        steps.insert(0, _delete_ledger(ledger))
    return Removal(tuple(steps))


def _kept(claim: ClaimState | None) -> timedelta:
    try:
        return timedelta(seconds=seconds((claim and claim.kept_after_delete) or KEPT_AFTER_DELETE))
    except ValueError:
        return timedelta(seconds=seconds(KEPT_AFTER_DELETE))


def _delete_ledger(ledger: Ledger) -> Delete:
    return Delete("Ledger", ledger.metadata.namespace, ledger.metadata.name, ledger.metadata.uid)
