# SPDX-License-Identifier: Apache-2.0
"""Suspension: when it begins, how it follows the code, and the one way it ends."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from genapps.api.apprecord import InertAcknowledgement, Suspension
from genapps.api.conditions import Reason
from genapps.core import violations
from genapps.core.observed import ForeignSuspension, Observed
from genapps.core.verdict import Grant


@dataclass(frozen=True, slots=True)
class Decision:
    """The suspension that is open after this pass, and the id of the one that it ended."""

    suspension: Suspension | None
    acknowledged: str | None
    counted: int
    """Violations that count now."""


def decide(
    observed: Observed, grant: Grant | None, code_digests: Collection[str], now: datetime, new_id: str
) -> Decision:
    """Acknowledge, keep or begin a suspension; what is open afterwards.

    `code_digests` are those of the code that runs and of the code in the source; `new_id` is 128 random bits in hex.
    """
    record = observed.record
    held = record.suspension if record else None
    acknowledged = held.id if held and held.id == _acknowledgement(observed) else None
    count = _counted(observed, grant, now, acknowledged)
    if held and not acknowledged:
        return Decision(held, None, count)
    followed = _following(observed, code_digests, now, acknowledged)
    if followed or acknowledged or not _reached(observed, grant, now):
        return Decision(followed, acknowledged, count)
    running = record.revision.code_digest if record and record.revision else None
    begun = Suspension(
        id=new_id,
        reason=Reason.REPEATED_VIOLATIONS,
        at=now,
        code_digest=running,
        violations=max(count, _tripped(observed)),
    )
    return Decision(begun, None, count)


def following_id(foreign: ForeignSuspension, app_uid: str) -> str:
    """The id under which the suspension of another app holds this one.

    Derived, so that an acknowledgement of it is remembered without a list of its own; from the uid too, so that
    nobody can put it into a manifest before the app exists.
    """
    return sha256(f"{foreign.id}/{app_uid}".encode()).hexdigest()[:32]


def inert_acknowledgement(observed: Observed) -> InertAcknowledgement | None:
    """The note, for the record, of what a re-created app acknowledged from the start; None where none is needed.

    Else an open suspension would end by deleting the app and creating it again with the id. Only one that an earlier
    app left can be known at creation: ids are random. The note is made when the app is first judged, in the write that
    takes the record over; a change of the field, even to nothing, makes any id count.
    """
    record = observed.record
    if record is None or record.suspension is None:
        return None
    noted = record.inert_acknowledgement
    if observed.spec is None:
        return noted
    stated = _stated(observed)
    if noted and noted.uid == observed.uid:
        return noted if noted.id == stated else InertAcknowledgement(uid=observed.uid)
    return None if record.app.uid == observed.uid else InertAcknowledgement(uid=observed.uid, id=stated)


def is_inert(observed: Observed) -> bool:
    """Whether spec.acknowledgedSuspension is as the app was created with it, beside a suspension that it found."""
    note = inert_acknowledgement(observed)
    return note is not None and note.id is not None and note.id == _stated(observed)


def _acknowledgement(observed: Observed) -> str | None:
    return None if is_inert(observed) else _stated(observed)


def _stated(observed: Observed) -> str | None:
    return observed.spec.acknowledged_suspension or None if observed.spec else None


def _following(
    observed: Observed, code_digests: Collection[str], now: datetime, acknowledged: str | None
) -> Suspension | None:
    settled = {entry.id for entry in observed.record.acknowledged} if observed.record else set()
    for digest in sorted(code_digests):
        foreign = observed.suspended_code.get(digest)
        if foreign is None:
            continue
        own_id = following_id(foreign, observed.uid)
        if own_id != acknowledged and own_id not in settled:
            # Without a digest of its own: it ends with its acknowledgement and is not followed in turn.
            return Suspension(id=own_id, reason=Reason.REPEATED_VIOLATIONS, at=now)
    return None


def _counted(observed: Observed, grant: Grant | None, now: datetime, acknowledged: str | None) -> int:
    if observed.ledger is None or grant is None:
        return 0
    ledger = observed.ledger.violations
    count_from = violations.settled_until(ledger, now) if acknowledged else _count_from(observed)
    return violations.counted(ledger.window, grant.violations, grant.tier.tool_calls_per_action, count_from, now)


def _reached(observed: Observed, grant: Grant | None, now: datetime) -> bool:
    if observed.ledger is None or grant is None:
        return False
    ledger = observed.ledger.violations
    return violations.reached(ledger, grant.violations, grant.tier.tool_calls_per_action, _count_from(observed), now)


def _tripped(observed: Observed) -> int:
    tripped = observed.ledger.violations.tripped if observed.ledger else None
    return tripped.count if tripped else 0


def _count_from(observed: Observed) -> datetime | None:
    return observed.record.count_from if observed.record else None
