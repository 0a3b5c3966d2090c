"""What is left of an app that is gone, and in which order it goes. Pure: the moment is an argument.

Pod before policy, state last and only after its retention; the record outlives everything while a suspension in it
may still matter. It is planned only for records that carry ``deletedAt`` since an earlier sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from genapps.api.apprecord import AppRecord
from genapps.api.ledger import Ledger
from genapps.api.quantities import seconds
from genapps.controller.keys import AppKey
from genapps.controller.states import Live
from genapps.core.desired.claim import KEPT_AFTER_DELETE
from genapps.core.observed import Child
from genapps.core.plan import Delete

_POD_GRACE_SECONDS = 1
_EVIDENCE_KEPT = timedelta(days=30)
_AFTER_POD = ("EndpointSlice", "Service", "NetworkPolicy", "ServiceAccount", "ConfigMap")


@dataclass(frozen=True, slots=True)
class Removal:
    """What to delete now (in order), and when to look again; both empty: wait for an event."""

    steps: tuple[Delete, ...] = ()
    again_at: datetime | None = None


def removal(record: AppRecord, ledger: Ledger | None, live: Mapping[tuple[str, str], Live], now: datetime) -> Removal:
    """The next deletions for a deleted app; objects under its names that are not its own are never among them."""
    app, deleted_at = record.record.app, record.record.deleted_at
    if deleted_at is None:
        return Removal()
    own = [
        found
        for found in live.values()
        if found.child.app is not None
        and (found.child.app.namespace, found.child.app.name) == (app.namespace, app.name)
    ]
    pods = [found.child for found in own if found.child.kind == "Pod"]
    if pods:
        return Removal(tuple(_delete(pod, _POD_GRACE_SECONDS) for pod in pods if not pod.deleting))
    rest = [found.child for kind in _AFTER_POD for found in own if found.child.kind == kind]
    if rest:
        return Removal(tuple(_delete(child) for child in rest if not child.deleting))
    for found in own:
        if found.claim is not None:
            due = deleted_at + _kept(found.claim.kept_after_delete)
            steps = (_delete(found.child),) if now >= due and not found.child.deleting else ()
            return Removal(steps, due if now < due else None)
    return _evidence(record, ledger, deleted_at, now)


def orphans(key: AppKey, live: Iterable[Live]) -> tuple[Delete, ...]:
    """Deletions of children that neither an app nor a record stands behind. Claims stay: without a record nobody
    can tell how long their state was to be kept."""
    own = [
        found.child
        for found in live
        if found.claim is None and found.child.app is not None and not found.child.deleting
        if (found.child.app.namespace, found.child.app.name) == key
    ]
    pods = [child for child in own if child.kind == "Pod"]
    return tuple(_delete(child, _POD_GRACE_SECONDS if pods else None) for child in pods or own)


def _evidence(record: AppRecord, ledger: Ledger | None, deleted_at: datetime, now: datetime) -> Removal:
    """Ledger and record: kept while a suspension of the last 30 days, open or acknowledged, is in them."""
    suspension = record.record.suspension
    matters = [entry.at for entry in record.record.acknowledged]
    if suspension is not None:
        # An open one counts from the deletion: waiting for it to age first must not shorten its memory.
        matters.append(max(suspension.at, deleted_at))
    until = max(matters) + _EVIDENCE_KEPT if matters else deleted_at
    if now < until:
        return Removal(again_at=until)
    meta = record.metadata
    steps = [Delete("AppRecord", meta.namespace, meta.name, meta.uid)]
    if ledger is not None:
        steps.insert(0, Delete("Ledger", ledger.metadata.namespace, ledger.metadata.name, ledger.metadata.uid))
    return Removal(tuple(steps))


def _kept(duration: str | None) -> timedelta:
    try:
        return timedelta(seconds=seconds(duration or KEPT_AFTER_DELETE))
    except ValueError:
        return timedelta(seconds=seconds(KEPT_AFTER_DELETE))


def _delete(child: Child, grace_seconds: int | None = None) -> Delete:
    return Delete(child.kind, child.namespace, child.name, child.uid, grace_seconds)
