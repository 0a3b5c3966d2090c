# SPDX-License-Identifier: Apache-2.0
"""Each condition as a pure function of the view; together they are the table of the API."""

from collections.abc import Callable
from typing import Final

from genapps.api.apprecord import Suspension
from genapps.api.conditions import ConditionType, Reason, explained, meaning, next_step
from genapps.api.fields import rfc3339
from genapps.core.budgets.balance import Exhaustion
from genapps.core.status.condition_list import ConditionValue
from genapps.core.status.hold import held_message
from genapps.core.status.pod_findings import trouble
from genapps.core.status.view import View
from genapps.core.suspension import is_inert
from genapps.core.text import plain
from genapps.core.verdict import Finding, Mode, PodStatus

_UNKNOWN_BUDGET = frozenset({Reason.BUDGET_NOT_FOUND, Reason.BUDGET_INVALID, Reason.NAMESPACE_NOT_GRANTED})
_TURN = "The app answers. Its pod is replaced, with new settings of the platform, when it is its turn."
_CLAIM_GOES = (
    "Somebody has deleted the app's PersistentVolumeClaim, which is not gone yet. The app starts with a new one then."
)
_POLICIES_SHOWN = 3
_ABOUT_CODE = ConditionType.CODE_VERIFIED
_NOT_JUDGED = explained(Reason.NOT_JUDGED)


def ready(view: View) -> ConditionValue:
    """The app answers."""
    if view.verdict.deleting:
        return ConditionValue("False", Reason.DELETING, _deleting(view))
    held = suspended(view)
    if held.status == "True":
        return ConditionValue("False", held.reason, held.message)
    if view.answers and view.verdict.exhaustion:
        return ConditionValue("True", Reason.BUDGET_EXHAUSTED, _spent_up(view.verdict.exhaustion))
    if view.answers:
        return ConditionValue("True", Reason.AVAILABLE)
    blocked = _blocker(view)
    if blocked and blocked.reason is not Reason.ROLLED_BACK:
        return ConditionValue("False", blocked.reason, blocked.message)
    # Also when an earlier revision comes back: Stalled says why, and here that it is on its way.
    return ConditionValue("False", *_progress(view))


def reconciling(view: View) -> ConditionValue:
    """Something is on its way; never together with Stalled."""
    if view.verdict.deleting:
        return ConditionValue("True", Reason.DELETING, _deleting(view))
    fetching = _fetching(view)
    if stalled(view).status == "True" or (view.verdict.mode is not Mode.RUN and not fetching):
        return ConditionValue("False", Reason.SETTLED)
    if not view.answers:
        return ConditionValue("True", *_progress(view))
    if view.verdict.pod.waits:
        return ConditionValue("True", Reason.SWITCHING, _TURN)
    differs = view.finding(_ABOUT_CODE)
    if differs:
        return ConditionValue("True", Reason.SOURCE_PENDING if fetching else Reason.SOURCE_DIFFERS, differs.message)
    return ConditionValue("False", Reason.SETTLED)


def stalled(view: View) -> ConditionValue:
    """Nothing changes until somebody acts."""
    if view.verdict.deleting:
        return ConditionValue("False", Reason.NOT_STALLED)
    held = suspended(view)
    if held.status == "True":
        return held
    blocked = _blocker(view)
    if blocked:
        return ConditionValue("True", blocked.reason, blocked.message)
    return ConditionValue("False", Reason.NOT_STALLED)


def suspended(view: View) -> ConditionValue:
    """A suspension, or spec.operatingMode, keeps the app stopped."""
    suspension = view.verdict.suspension
    if suspension and view.verdict.holds:
        message = held_message(view.observed, view.verdict.holds)
        return ConditionValue("True", _reason(suspension.reason), message)
    if suspension:
        why = _why(suspension)
        way_out = f"Investigate, then set spec.acknowledgedSuspension to {suspension.id} to resume."
        if is_inert(view.observed):
            way_out += " The field holds an id that has no effect. Clear it first."
        return ConditionValue("True", _reason(suspension.reason), f"{why} {way_out}")
    if view.verdict.requested:
        return ConditionValue("True", Reason.REQUESTED, explained(Reason.REQUESTED))
    if view.verdict.exhaustion and view.verdict.stops_at_limit:
        return ConditionValue("True", Reason.BUDGET_EXHAUSTED, _spent_up(view.verdict.exhaustion, stops=True))
    record = view.observed.record
    if view.verdict.acknowledged or (record and record.acknowledged):
        return ConditionValue("False", Reason.RESUMED)
    return ConditionValue("False", Reason.NOT_SUSPENDED)


def _why(suspension: Suspension) -> str:
    if suspension.hold:
        return f"Suspended by AppHold {suspension.hold}, which is lifted or matches no more."
    if suspension.violations:
        return f"Suspended after {suspension.violations} policy violation{'s' if suspension.violations > 1 else ''}."
    if suspension.defects:
        plural = "s" if suspension.defects > 1 else ""
        return f"Suspended after {suspension.defects} malformed call{plural} or answer{plural}. See status.defects."
    return "Suspended because another app with the same code is suspended."


def envelope_valid(view: View) -> ConditionValue:
    """The app complies with the budget's policy and uses no unsupported field."""
    found = view.finding(ConditionType.ENVELOPE_VALID)
    if found:
        return ConditionValue("False", found.reason, found.message)
    budget = view.finding(ConditionType.BUDGET_AVAILABLE)
    if budget and budget.reason in _UNKNOWN_BUDGET:
        return ConditionValue(
            "Unknown", Reason.NOT_JUDGED, "The budget's policy cannot be applied. See the condition BudgetAvailable."
        )
    return ConditionValue("True", Reason.ACCEPTED)


def budget_available(view: View) -> ConditionValue:
    """A budget grants the app its tier."""
    found, grant = view.finding(ConditionType.BUDGET_AVAILABLE), view.verdict.grant
    if found:
        return ConditionValue("False", found.reason, found.message)
    if view.observed.spec is None or grant is None:
        return ConditionValue("Unknown", Reason.NOT_JUDGED, _NOT_JUDGED)
    if view.verdict.exhaustion:
        return ConditionValue("False", Reason.BUDGET_EXHAUSTED, _spent_up(view.verdict.exhaustion))
    return ConditionValue("True", Reason.GRANTED, f"AppBudget {grant.budget} grants tier {grant.tier.name}.")


def _spent_up(met: Exhaustion, *, stops: bool = False) -> str:
    whose = "the tier's ceiling for the app" if met.bucket == "app" else f"the limit of the {met.bucket}"
    then = (
        "spec.onLimit of the AppBudget stops the app."
        if stops
        else "What costs it is refused, and the app's fallback answers."
    )
    return (
        f"Hardly anything is left of {met.unit}: {whose} is used up for this period. {then} It ends when the limit is"
        f" raised, or at {rfc3339(met.ends_at)}."
    )


def code_verified(view: View) -> ConditionValue:
    """The code that runs matches its digest, and it loads."""
    found = view.finding(_ABOUT_CODE)
    problem = trouble(view)
    if found is None and problem and problem.condition is _ABOUT_CODE:
        found = problem
    if found:
        return ConditionValue(
            "Unknown" if found.reason is Reason.SOURCE_PENDING else "False", found.reason, found.message
        )
    if view.answers:
        return ConditionValue("True", Reason.VERIFIED)
    if view.verdict.desired_code_digest is None:
        return ConditionValue("Unknown", Reason.NOT_JUDGED, _NOT_JUDGED)
    return ConditionValue("Unknown", Reason.NOT_LOADED)


def egress_enforced(view: View) -> ConditionValue:
    """The pod has proven that it reaches the gateway and nothing else. It is not ready before."""
    problem = trouble(view)
    if problem and problem.condition is ConditionType.EGRESS_ENFORCED:
        return ConditionValue("False", problem.reason, problem.message)
    if opened_by := view.observed.opened_by:
        return ConditionValue("False", Reason.EGRESS_WIDENED, _opened(opened_by))
    if view.answers:
        return ConditionValue("True", Reason.PROVEN)
    return ConditionValue("Unknown", Reason.NOT_PROVEN)


def violated(view: View) -> ConditionValue:
    """The app violated its policy, and the violations still count."""
    count, grant = view.verdict.counted, view.verdict.grant
    if not count or grant is None:
        return ConditionValue("False", Reason.NO_VIOLATIONS)
    policy = grant.violations
    message = f"{count} of {policy.threshold} violations in {policy.window}. See status.violations."
    return ConditionValue("True", Reason.VIOLATIONS_COUNTED, message)


def degraded(view: View) -> ConditionValue:
    """The app fails so often that its runtime refuses requests. It stays ready: without requests it could not recover.

    The message does not change while the breaker stays open, so that confirmations of it write no status.
    """
    breaker = view.open_breaker
    if breaker is None:
        return ConditionValue("False", Reason.NOT_DEGRADED)
    message = f"{meaning(Reason.EXECUTION_BREAKER_OPEN)} That began at {rfc3339(breaker.since)}."
    return ConditionValue(
        "True", Reason.EXECUTION_BREAKER_OPEN, f"{message} {next_step(Reason.EXECUTION_BREAKER_OPEN)}"
    )


def fields_inactive(view: View) -> ConditionValue:
    """The spec or the budget sets fields that are accepted but not implemented yet."""
    if not view.verdict.inactive:
        return ConditionValue("False", Reason.ALL_ACTIVE)
    return ConditionValue(
        "True", Reason.NOT_YET_ACTIVE, f"Accepted but not implemented yet: {', '.join(view.verdict.inactive)}."
    )


CONDITIONS: Final[dict[ConditionType, Callable[[View], ConditionValue]]] = {
    ConditionType.READY: ready,
    ConditionType.RECONCILING: reconciling,
    ConditionType.STALLED: stalled,
    ConditionType.SUSPENDED: suspended,
    ConditionType.ENVELOPE_VALID: envelope_valid,
    ConditionType.BUDGET_AVAILABLE: budget_available,
    ConditionType.CODE_VERIFIED: code_verified,
    ConditionType.EGRESS_ENFORCED: egress_enforced,
    ConditionType.VIOLATED: violated,
    ConditionType.DEGRADED: degraded,
    ConditionType.FIELDS_INACTIVE: fields_inactive,
}


def _blocker(view: View) -> Finding | None:
    """What has to be acted on before the app, or its new revision, can run."""
    if view.verdict.mode is not Mode.RUN:
        return None if _fetching(view) else next(iter(view.verdict.findings), None)
    problem = trouble(view)
    if problem:
        return problem
    returned = next((found for found in view.verdict.findings if found.reason is Reason.ROLLED_BACK), None)
    if returned:
        return returned
    budget, envelope = view.finding(ConditionType.BUDGET_AVAILABLE), view.finding(ConditionType.ENVELOPE_VALID)
    if budget and _waits_for_budget(view):
        return budget
    return envelope if envelope and _waits_for_envelope(view) else None


def _waits_for_budget(view: View) -> bool:
    # A withdrawn budget stalls nothing that runs; it stalls the code that would come next.
    running, wanted = view.verdict.revision, view.verdict.desired_code_digest
    return running is not None and wanted is not None and running.code_digest != wanted


def _waits_for_envelope(view: View) -> bool:
    # Nor does a withdrawn connector; it stalls the code or the envelope that would come next.
    running, wanted = view.verdict.revision, view.verdict.desired_digest
    return running is not None and wanted is not None and running.digest != wanted


def _fetching(view: View) -> bool:
    """Nothing is wrong but that the code is still on its way."""
    return bool(view.verdict.findings) and view.verdict.findings[0].reason is Reason.SOURCE_PENDING


def _deleting(view: View) -> str:
    holders = ", ".join(plain(name, 253) for name in view.observed.metadata.finalizers)
    return f"{meaning(Reason.DELETING)}{f' Finalizers hold its object: {holders}.' if holders else ''}"


def _progress(view: View) -> tuple[Reason, str]:
    if view.verdict.mode is not Mode.RUN and _fetching(view):
        return Reason.SOURCE_PENDING, view.verdict.findings[0].message
    match view.verdict.pod.status:
        case PodStatus.FAILED:
            why = view.observed.pod.finished_reason if view.observed.pod else ""
            return (
                Reason.BACKING_OFF,
                f"The pod ended{f' ({why})' if why else ''}. The operator creates it again after a pause.",
            )
        case PodStatus.OUTDATED | PodStatus.STOPPING:
            return Reason.SWITCHING, ""
        case PodStatus.ABSENT if view.observed.claim and view.observed.claim.deleting:
            return Reason.CLAIM_PENDING, _CLAIM_GOES
        case PodStatus.ABSENT if view.patience_is_over:
            return _missing(view)
        case _:
            return Reason.POD_STARTING, ""


def _opened(policies: tuple[str, ...]) -> str:
    more = f" and {len(policies) - _POLICIES_SHOWN} more" if len(policies) > _POLICIES_SHOWN else ""
    return (
        f"Other NetworkPolicies of the run namespace let the pod reach more than the gateway: "
        f"{', '.join(policies[:_POLICIES_SHOWN])}{more}. {next_step(Reason.EGRESS_WIDENED)}"
    )


def _missing(view: View) -> tuple[Reason, str]:
    platform, claim = view.observed.platform, view.observed.claim
    if platform.gateway_address is None or platform.gateway_ca is None:
        return Reason.GATEWAY_PENDING, explained(Reason.GATEWAY_PENDING)
    if not platform.wait_for_first_consumer and not (claim and claim.bound):
        return Reason.CLAIM_PENDING, explained(Reason.CLAIM_PENDING)
    return Reason.POD_STARTING, ""


def _reason(text: str) -> Reason:
    # The record is our own, but a newer version may know more reasons.
    return Reason(text) if text in tuple(Reason) else Reason.HELD
