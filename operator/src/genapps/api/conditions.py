# SPDX-License-Identifier: Apache-2.0
"""Which condition may have which status for which reason: status, Events and the docs rest on this table."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal, NamedTuple

from genapps.api.reasons import EXPLANATIONS, Reason

__all__ = ["ConditionType", "Entry", "Reason", "Status", "allowed", "explained", "meaning", "next_step", "table"]

Status = Literal["True", "False", "Unknown"]


class ConditionType(StrEnum):
    """The types of conditions of our kinds."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"
    ENVELOPE_VALID = "EnvelopeValid"
    BUDGET_AVAILABLE = "BudgetAvailable"
    CODE_VERIFIED = "CodeVerified"
    EGRESS_ENFORCED = "EgressEnforced"
    VIOLATED = "Violated"
    DEGRADED = "Degraded"
    PROMOTED = "Promoted"
    FIELDS_INACTIVE = "FieldsInactive"
    DELETIONS_HELD = "DeletionsHeld"
    ALERT_REACHED = "AlertReached"
    EXHAUSTED = "Exhausted"


class Entry(NamedTuple):
    """One row of the table."""

    type: ConditionType
    status: Status
    reason: Reason
    meaning: str
    next_step: str


_C = ConditionType
_R = Reason

_PROGRESS = (
    _R.APPLYING, _R.CLAIM_PENDING, _R.GATEWAY_PENDING, _R.POD_STARTING, _R.POD_STOPPING, _R.SWITCHING, _R.BACKING_OFF,
    _R.SOURCE_PENDING, _R.DELETING,
)  # fmt: skip
_ENVELOPE = (
    _R.SPEC_INVALID, _R.NOT_YET_SUPPORTED, _R.RISK_CLASS_NOT_ALLOWED, _R.LANGUAGE_NOT_ALLOWED,
    _R.WORKLOAD_CLASS_NOT_ALLOWED, _R.IMAGE_REGISTRY_NOT_ALLOWED, _R.TENANCY_NOT_ALLOWED,
    _R.SCHEDULE_INVALID, _R.CONNECTOR_UNKNOWN,
)  # fmt: skip
_BUDGET = (
    _R.BUDGET_NOT_FOUND, _R.BUDGET_INVALID, _R.NAMESPACE_NOT_GRANTED, _R.TIER_NOT_FOUND, _R.TOO_MANY_APPS,
    _R.RUN_NAMESPACE_CHANGED,
)  # fmt: skip
_CODE = (
    _R.SOURCE_NOT_FOUND, _R.SOURCE_NOT_LABELLED, _R.SOURCE_INVALID, _R.SOURCE_TOO_LARGE, _R.DIGEST_MISMATCH,
    _R.SOURCE_UNAVAILABLE, _R.CODE_REJECTED, _R.MODULE_NOT_AVAILABLE, _R.SNAPSHOT_MISMATCH,
)  # fmt: skip
_POD = (
    _R.NAME_TAKEN, _R.RUN_NAMESPACE_NOT_PREPARED, _R.CLAIM_NOT_ADOPTED, _R.BEING_PURGED, _R.CHILD_REFUSED,
    _R.CONFIG_INVALID, _R.STATE_UNAVAILABLE, _R.EGRESS_OPEN, _R.IMAGE_UNAVAILABLE, _R.OUT_OF_MEMORY, _R.POD_FAILING,
    _R.POD_MUTATED, _R.TIME_ZONE_UNKNOWN,
    _R.UNSCHEDULABLE, _R.NODE_UNREACHABLE, _R.PROGRESS_DEADLINE_EXCEEDED,
)  # fmt: skip
_CONNECTOR = (_R.ENDPOINT_REFUSED, _R.CONTRACT_INVALID, _R.OVERRUN)
_SUSPENDED = (_R.REPEATED_VIOLATIONS, _R.REPEATED_DEFECTS, _R.HELD, _R.BUDGET_EXHAUSTED, _R.REQUESTED)
_REFUSED = _ENVELOPE + _BUDGET + _CODE + _POD + _SUSPENDED + _CONNECTOR

_ALLOWED: dict[tuple[ConditionType, Status], tuple[Reason, ...]] = {
    (_C.READY, "True"): (_R.AVAILABLE, _R.IDLE, _R.BUDGET_EXHAUSTED, _R.HOLD_EXPIRED),
    (_C.READY, "False"): (*_PROGRESS, *_REFUSED, _R.NOT_PROVEN, _R.ENDPOINT_PENDING),
    (_C.RECONCILING, "True"): (*_PROGRESS, _R.SOURCE_DIFFERS),
    (_C.RECONCILING, "False"): (_R.SETTLED,),
    (_C.STALLED, "True"): (*_REFUSED, _R.ROLLED_BACK),
    (_C.STALLED, "False"): (_R.NOT_STALLED,),
    (_C.SUSPENDED, "True"): _SUSPENDED,
    (_C.SUSPENDED, "False"): (_R.NOT_SUSPENDED, _R.RESUMED),
    (_C.ENVELOPE_VALID, "True"): (_R.ACCEPTED,),
    (_C.ENVELOPE_VALID, "False"): _ENVELOPE,
    (_C.ENVELOPE_VALID, "Unknown"): (_R.NOT_JUDGED,),
    (_C.BUDGET_AVAILABLE, "True"): (_R.GRANTED,),
    (_C.BUDGET_AVAILABLE, "False"): (*_BUDGET, _R.BUDGET_EXHAUSTED),
    (_C.BUDGET_AVAILABLE, "Unknown"): (_R.NOT_JUDGED,),
    (_C.CODE_VERIFIED, "True"): (_R.VERIFIED,),
    (_C.CODE_VERIFIED, "False"): (*_CODE, _R.SOURCE_DIFFERS),
    (_C.CODE_VERIFIED, "Unknown"): (_R.NOT_LOADED, _R.NOT_JUDGED, _R.SOURCE_PENDING),
    (_C.EGRESS_ENFORCED, "True"): (_R.PROVEN,),
    (_C.EGRESS_ENFORCED, "False"): (_R.EGRESS_OPEN, _R.EGRESS_WIDENED),
    (_C.EGRESS_ENFORCED, "Unknown"): (_R.NOT_PROVEN,),
    (_C.VIOLATED, "True"): (_R.VIOLATIONS_COUNTED,),
    (_C.VIOLATED, "False"): (_R.NO_VIOLATIONS,),
    (_C.DEGRADED, "True"): (_R.EXECUTION_BREAKER_OPEN,),
    (_C.DEGRADED, "False"): (_R.NOT_DEGRADED,),
    (_C.PROMOTED, "True"): (_R.STAGE_REACHED,),
    (_C.PROMOTED, "False"): (_R.EVIDENCE_MISSING, _R.NOT_YET_SUPPORTED),
    (_C.FIELDS_INACTIVE, "True"): (_R.NOT_YET_ACTIVE,),
    (_C.FIELDS_INACTIVE, "False"): (_R.ALL_ACTIVE,),
    (_C.DELETIONS_HELD, "True"): (_R.TOO_MANY_AT_ONCE,),
    (_C.DELETIONS_HELD, "False"): (_R.NONE_HELD,),
    (_C.ALERT_REACHED, "True"): (_R.LIMIT_NEAR,),
    (_C.ALERT_REACHED, "False"): (_R.BELOW_ALERTS,),
    (_C.EXHAUSTED, "True"): (_R.BUDGET_EXHAUSTED,),
    (_C.EXHAUSTED, "False"): (_R.WITHIN_LIMITS, _R.LIMITS_NOT_ENFORCED),
}


def allowed(condition: ConditionType, status: Status, reason: Reason) -> bool:
    """Whether the closed set has this combination."""
    return reason in _ALLOWED.get((condition, status), ())


def table() -> Iterator[Entry]:
    """Every allowed combination with its meaning and next step, by type, status and reason."""
    for (condition, status), reasons in _ALLOWED.items():
        for reason in reasons:
            yield Entry(condition, status, reason, *EXPLANATIONS[reason])


def meaning(reason: Reason) -> str:
    """What the reason means, in whole sentences."""
    return EXPLANATIONS[reason].meaning


def next_step(reason: Reason) -> str:
    """What to do about it, in whole sentences."""
    return EXPLANATIONS[reason].next_step


def explained(reason: Reason) -> str:
    """Meaning and next step: the message where nothing of the app has to be named."""
    return f"{meaning(reason)} {next_step(reason)}"
