# SPDX-License-Identifier: Apache-2.0
"""Suspension: when it begins, how it follows the code, and the one way it ends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from genapps.api.apprecord import InertAcknowledgement, Suspension
from genapps.api.conditions import Reason
from genapps.api.ledger import LedgerRecord
from genapps.core import slow_counts, violations
from genapps.core.observed import ForeignSuspension, Observed
from genapps.core.verdict import Grant


@dataclass(frozen=True, slots=True)
class Decision:
    """The suspension that is open after this pass, and the id of the one that it ended."""

    suspension: Suspension | None
    acknowledged: str | None
    counted: int
    """Violations that count now."""
    defects: int
    """Defects that count now."""


def decide(
    observed: Observed,
    grant: Grant | None,
    code_digests: Collection[str],
    now: datetime,
    new_id: str,
    holds: Sequence[str] = (),
) -> Decision:
    """Acknowledge, keep or begin a suspension; what is open afterwards.

    `code_digests` are those of the code that runs and of the code in the source; `new_id` is 128 random bits in hex;
    `holds` are the AppHolds in force that match.
    """
    record = observed.record
    before = record.suspension if record else None
    acknowledged = before.id if before and not holds and before.id == _acknowledgement(observed) else None
    looked_into = acknowledged is not None and before is not None and before.hold is None
    count_from = settled_until(observed.ledger, now) if looked_into else record.count_from if record else None
    count, defects = _counted(observed, grant, now, count_from)
    if before and not acknowledged:
        return Decision(_named(before, holds), None, count, defects)
    followed = _following(observed, code_digests, now, acknowledged)
    if followed or looked_into:
        return Decision(followed, acknowledged, count, defects)
    reason = _reached(observed, grant, now)
    if reason is None:
        # Without the digest of the code: to which code it applies the hold says itself.
        by_hold = Suspension(id=new_id, reason=Reason.HELD, hold=holds[0], at=now) if holds else None
        return Decision(by_hold, acknowledged, count, defects)
    running = record.revision.code_digest if record and record.revision else None
    tripped = _tripped(observed, reason)
    begun = Suspension(
        id=new_id,
        reason=reason,
        at=now,
        code_digest=running,
        violations=max(count, tripped) if reason is Reason.REPEATED_VIOLATIONS else 0,
        defects=max(defects, tripped) if reason is Reason.REPEATED_DEFECTS else 0,
    )
    return Decision(begun, acknowledged, count, defects)


def settled_until(ledger: LedgerRecord | None, now: datetime) -> datetime:
    """The `count_from` of an acknowledgement at `now`: everything that the Ledger knows by then is settled.

    Also what a gateway whose clock runs ahead has seen: it would suspend the app again at once.
    """
    if ledger is None:
        return now
    return max(violations.settled_until(ledger.violations, now), slow_counts.settled_until(ledger.defects, now))


def following_id(foreign: ForeignSuspension, app_uid: str) -> str:
    """The id under which the suspension of another app holds this one.

    Derived, so that an acknowledgement of it is remembered without a list of its own; from the uid too, so that
    nobody can put it into a manifest before the app exists.
    """
    return sha256(f"{foreign.id}/{app_uid}".encode()).hexdigest()[:32]


def inert_acknowledgement(observed: Observed, *, held: bool = False) -> InertAcknowledgement | None:
    """The note, for the record, of an acknowledgement that ends nothing; None where none is needed.

    One is what a re-created app acknowledged from the start.

    Else an open suspension would end by deleting the app and creating it again with the id. Only one that an earlier
    app left can be known at creation: ids are random. The note is made when the app is first judged, in the write that
    takes the record over; a change of the field, even to nothing, makes any id count.

    With `held` an AppHold matches: what is acknowledged meanwhile would else start the app when the hold is lifted.
    """
    record = observed.record
    if record is None or record.suspension is None:
        return None
    noted = record.inert_acknowledgement
    if observed.spec is None:
        return noted
    stated = _stated(observed)
    of_this_app = noted is not None and noted.uid == observed.uid
    if noted and of_this_app and noted.id == stated:
        return noted
    if held and stated == record.suspension.id:
        return InertAcknowledgement(uid=observed.uid, id=stated)
    if of_this_app:
        return InertAcknowledgement(uid=observed.uid)
    return None if record.app.uid == observed.uid else InertAcknowledgement(uid=observed.uid, id=stated)


def is_inert(observed: Observed) -> bool:
    """Whether spec.acknowledgedSuspension is as the app was created with it, beside a suspension that it found, or as
    it was while an AppHold matched."""
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
            return Suspension(id=own_id, reason=foreign.reason, at=now)
    return None


def _named(suspension: Suspension, holds: Sequence[str]) -> Suspension:
    """Under the name of a hold that matches, so that whoever lifts the last one finds the app by its name."""
    if suspension.hold is None or not holds or suspension.hold in holds:
        return suspension
    return suspension.model_copy(update={"hold": holds[0]})


def _counted(observed: Observed, grant: Grant | None, now: datetime, count_from: datetime | None) -> tuple[int, int]:
    ledger = observed.ledger
    if ledger is None or grant is None:
        return 0, 0
    policy, calls = grant.violations, grant.tier.tool_calls_per_action
    spans = ledger.defects.spans if ledger.defects else ()
    return (
        violations.counted(ledger.violations.window, policy, calls, count_from, now),
        slow_counts.counted(spans, policy, count_from, now),
    )


def _reached(observed: Observed, grant: Grant | None, now: datetime) -> Reason | None:
    """Why the app is to be suspended: violations lead."""
    ledger = observed.ledger
    if ledger is None or grant is None:
        return None
    policy, count_from = grant.violations, observed.record.count_from if observed.record else None
    if violations.reached(ledger.violations, policy, grant.tier.tool_calls_per_action, count_from, now):
        return Reason.REPEATED_VIOLATIONS
    return Reason.REPEATED_DEFECTS if slow_counts.reached(ledger.defects, policy, count_from, now) else None


def _tripped(observed: Observed, reason: Reason) -> int:
    ledger = observed.ledger
    if ledger is None:
        return 0
    counts = ledger.violations if reason is Reason.REPEATED_VIOLATIONS else ledger.defects
    return counts.tripped.count if counts and counts.tripped else 0
