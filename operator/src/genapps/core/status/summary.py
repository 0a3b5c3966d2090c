# SPDX-License-Identifier: Apache-2.0
"""The one summariser: the whole status object of an app, equal for equal observations."""

from typing import Any

from genapps.api.apprecord import KeptRevision, RevisionResult
from genapps.api.fields import rfc3339
from genapps.api.generatedapp import Stage
from genapps.api.names import short_digest
from genapps.core.budgets.amounts import Amounts, tier_limits
from genapps.core.budgets.balance import budget_percent, current, percent, shown
from genapps.core.catalogue.grants import granted
from genapps.core.observed import Observed
from genapps.core.risk import risk_reason
from genapps.core.slow_counts import counted
from genapps.core.status.condition_list import ConditionValue, conditions
from genapps.core.status.conditions import CONDITIONS, stalled
from genapps.core.status.view import View
from genapps.core.text import plain
from genapps.core.verdict import Mode, Verdict

MESSAGE_CHARACTERS = 1024
REASON_CHARACTERS = 253
RECENT_VIOLATIONS = 10
HOLDS = 8


def status(observed: Observed, verdict: Verdict) -> dict[str, Any]:
    """The status as it should be stored; `lastTransitionTime` is the previous one where a condition's status stays."""
    view = View(observed, verdict)
    settled = view.answers or stalled(view).status == "True"
    parts = {
        "observedGeneration": observed.metadata.generation,
        "conditions": _conditions(view),
        **_address(view),
        **_revision(view),
        "revisions": _revisions(view, settled=settled),
        "envelopeDigest": observed.envelope_digest,
        "effectiveRisk": verdict.grant.effective_risk.value if verdict.grant else None,
        "riskReason": _risk_reason(observed, verdict),
        "stage": Stage.DEVELOPMENT.value,
        "violations": _violations(view),
        "defects": _defects(view),
        "limits": _limits(view),
        "suspension": _suspension(view),
        "usage": _usage(view),
        "connectors": _connectors(observed),
    }
    return {name: value for name, value in parts.items() if value not in (None, [])}


def _conditions(view: View) -> list[dict[str, Any]]:
    values = {kind: _plainly(of(view)) for kind, of in CONDITIONS.items()}
    return conditions(values, view.observed.metadata.generation, view.observed.status, view.verdict.at)


def _plainly(value: ConditionValue) -> ConditionValue:
    return value._replace(message=plain(value.message, MESSAGE_CHARACTERS))


def _address(view: View) -> dict[str, Any]:
    grant = view.verdict.grant
    if view.verdict.mode is Mode.NOTHING or grant is None:
        return {}
    # The address is told with the first answer: no status write of its own on the way there.
    address = view.observed.service_address if view.answers else view.observed.status.get("address")
    return {"url": f"http://{view.observed.child_name}.{grant.run_namespace}.svc", "address": address}


def _revision(view: View) -> dict[str, Any]:
    verdict, running = view.verdict, view.verdict.revision
    wanted = verdict.desired_digest or (running and running.digest)
    shown = short_digest(running.digest) if running and view.answers else view.observed.status.get("revision")
    code = running.code_digest if running else verdict.desired_code_digest
    return {"revision": shown, "desiredRevision": wanted and short_digest(wanted), "codeDigest": code}


def _revisions(view: View, *, settled: bool) -> Any:
    """What the record says of them. While the app is on its way it is told later: no status write of its own."""
    record = view.observed.record
    if record is None or not settled:
        return view.observed.status.get("revisions")
    running = view.verdict.revision
    return [
        {
            "revision": short_digest(kept.digest),
            "codeDigest": kept.code_digest,
            "at": rfc3339(kept.at),
            "result": _result(kept, answers=view.answers and running is not None and running.digest == kept.digest),
        }
        for kept in record.revisions
    ]


def _result(kept: KeptRevision, *, answers: bool) -> str:
    return RevisionResult.RUNNING.value if answers else kept.result.value


def _risk_reason(observed: Observed, verdict: Verdict) -> str | None:
    if verdict.grant is None:
        return None
    if observed.spec is None:
        return f"{verdict.grant.effective_risk}: the spec is invalid"
    envelope = observed.spec.envelope
    return plain(risk_reason(envelope.risk_class, envelope.connectors, observed.connectors), REASON_CHARACTERS)


def _violations(view: View) -> dict[str, Any] | None:
    ledger, grant = view.observed.ledger, view.verdict.grant
    if ledger is None or grant is None or not ledger.violations.total:
        return None
    recent = [
        {
            "rule": entry.rule.value,
            "subject": plain(entry.subject, 253),
            "at": rfc3339(entry.at),
            "requestId": plain(entry.request_id, 128),
        }
        for entry in ledger.violations.window[-RECENT_VIOLATIONS:]
    ]
    window = grant.violations.window
    return {"count": view.verdict.counted, "window": window, "total": ledger.violations.total, "recent": recent}


def _usage(view: View) -> dict[str, Any] | None:
    """What its Ledger says of the published period; nothing before anything was used in it."""
    ledger, budget, grant = view.observed.ledger, view.observed.budget_record, view.verdict.grant
    account = ledger.account if ledger else None
    if account is None or budget is None or grant is None or account.period != budget.period:
        return None
    spent = Amounts.of(account.spent)
    shares = (
        percent(spent, tier_limits(grant.tier)),
        budget_percent(budget, current(budget, view.observed.budget_account)),
    )
    used = {
        "period": account.period,
        **shown(spent),
        "actions": account.activity.actions,
        "fallbacks": account.activity.fallbacks,
    }
    known = [share for share in shares if share is not None]
    return used | ({"budgetPercent": max(known)} if known else {})


def _defects(view: View) -> dict[str, Any] | None:
    ledger, grant = view.observed.ledger, view.verdict.grant
    if ledger is None or grant is None or ledger.defects is None:
        return None
    latest = ledger.defects.latest
    told = latest and {
        "code": plain(latest.code, 63),
        "subject": plain(latest.subject, 253),
        "at": rfc3339(latest.at),
        "requestId": plain(latest.request_id, 128),
    }
    counts = {"count": view.verdict.defects, "window": grant.violations.slow_window, "total": ledger.defects.total}
    return {**counts, **({"latest": told} if told else {})}


def _limits(view: View) -> dict[str, Any] | None:
    """Shown over the same window; they suspend nothing, so no acknowledgement settles them."""
    ledger, grant = view.observed.ledger, view.verdict.grant
    if ledger is None or grant is None or ledger.limits_met is None:
        return None
    count = counted(ledger.limits_met.spans, grant.violations, None, view.verdict.at)
    return {"count": count, "window": grant.violations.slow_window, "total": ledger.limits_met.total}


def _suspension(view: View) -> dict[str, Any] | None:
    suspension, record = view.verdict.suspension, view.observed.record
    if suspension is None:
        return None
    repeats = sum(entry.hold is None for entry in record.acknowledged) if record else 0
    about = {"id": suspension.id, "reason": suspension.reason, "at": rfc3339(suspension.at), "repeats": repeats}
    held = {"hold": suspension.hold, "holds": list(view.verdict.holds[:HOLDS])}
    return about | {name: value for name, value in held.items() if value}


def _connectors(observed: Observed) -> list[dict[str, Any]]:
    if observed.spec is None:
        return []
    usable = granted(observed.connectors, observed.key.namespace)
    return [
        {"name": name, "contractDigest": observed.contracts[name], "state": _state(observed, name)}
        if name in usable and name in observed.contracts
        else {"name": name, "state": "Granted" if name in usable else "Unknown"}
        for name in sorted(observed.spec.envelope.connectors)
    ]


def _state(observed: Observed, connector: str) -> str:
    """Of a connector that may be used: whether its contract is still the one that the app is known to rest on."""
    known = observed.record.known_contract(connector) if observed.record else None
    return "Changed" if known not in (None, observed.contracts[connector]) else "Granted"
