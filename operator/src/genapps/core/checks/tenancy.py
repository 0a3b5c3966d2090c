# SPDX-License-Identifier: Apache-2.0
"""Can the app have tenants: of its risk class, in its tier, on a claim of that size?"""

from genapps.api.conditions import ConditionType, Reason
from genapps.api.envelope import RiskClass
from genapps.api.quantities import byte_count
from genapps.core.checks.facts import Facts
from genapps.core.claim_room import beside
from genapps.core.tenancy import revision_of
from genapps.core.verdict import Effect, Finding

MEBIBYTE = 1024 * 1024
INSTANCES = 2
"""So many guests at least: with one, each request of another tenant would load the app anew."""


def tenancy_allowed(facts: Facts) -> Finding | None:
    """An app with tenants has a tier in which all of them have room; of high risk, they have tokens. Else
    TENANCY_NOT_ALLOWED."""
    tenancy, tier = facts.app.spec.tenancy, facts.tier
    if tenancy is None or tier is None or facts.budget is None:
        return None
    if facts.risk is RiskClass.HIGH and tenancy.jwt is None:
        message = "The effective risk class is high: name tenants by spec.tenancy.jwt, not by a header."
        return Finding(ConditionType.ENVELOPE_VALID, Reason.TENANCY_NOT_ALLOWED, message, Effect.STOP)
    if tenancy.jwt is not None and tenancy.jwt.issuer not in facts.budget.spec.policy.tenant_issuers:
        allowed = ", ".join(facts.budget.spec.policy.tenant_issuers) or "none"
        return _finding(
            facts,
            f"AppBudget {facts.app.spec.budget} does not allow the issuer {tenancy.jwt.issuer}. "
            f"Use one of: {allowed}. Or ask the platform team to add it to policy.tenantIssuers.",
        )
    if tier.instances < INSTANCES:
        return _finding(
            facts,
            f"Tier {facts.app.spec.tier} has instances {tier.instances}, and an app with tenants needs {INSTANCES}. "
            "Choose another tier, or ask the platform team to raise instances.",
        )
    rollback = facts.app.spec.rollback
    copies = 2 if rollback is not None and rollback.state == "Restore" else 1
    stored = byte_count(tier.state.per_tenant)
    share, room = copies * (stored + beside(stored)), byte_count(tier.state.claim)
    if tenancy.most_tenants * share <= room:
        return None
    twice = ", twice because of spec.rollback.state Restore," if copies > 1 else ""
    fitting = room // share
    advice = f"Set spec.tenancy.maxTenants to at most {fitting}, or choose" if fitting else "Choose"
    return _finding(
        facts,
        f"{tenancy.most_tenants} tenants with {tier.state.per_tenant} each, and {-(-beside(stored) // MEBIBYTE)}Mi for "
        f"what is kept of their requests,{twice} have no room on the claim of tier {facts.app.spec.tier} "
        f"({tier.state.claim}). {advice} a tier with a larger claim.",
    )


def _finding(facts: Facts, message: str) -> Finding:
    """What runs already goes on, if it tells tenants apart in just this way; nothing else may run in its place."""
    record = facts.observed.record
    running = record.revision if facts.live and record else None
    same = running is not None and running.digest == revision_of(facts.app, running.code_digest)
    effect = Effect.HOLD if same else Effect.STOP
    return Finding(ConditionType.ENVELOPE_VALID, Reason.TENANCY_NOT_ALLOWED, message, effect)
