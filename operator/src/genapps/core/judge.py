# SPDX-License-Identifier: Apache-2.0
"""What was observed becomes one verdict. Pure: the moment and a new random id are arguments."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from genapps.api.appbudget import AppBudget, Tier, ViolationPolicy
from genapps.api.apprecord import RecordedViolationPolicy, ResolvedTier
from genapps.api.conditions import ConditionType, Reason
from genapps.api.digests import sha256
from genapps.api.envelope import RiskClass
from genapps.api.generatedapp import OperatingMode
from genapps.core import suspension
from genapps.core.budgets.amounts import tier_limits
from genapps.core.budgets.balance import Exhaustion, exhaustion
from genapps.core.checks import Facts, facts_of, findings
from genapps.core.desired.parts import split
from genapps.core.holds import holding
from genapps.core.inactive import debug_withheld, inactive_fields
from genapps.core.observed import Bundle, NotAsked, Observed, SourceProblem, Unreadable
from genapps.core.pod_state import pod_state
from genapps.core.revisions import choose, has_snapshots, recorded_choice
from genapps.core.runtime_config import runtime_config, settings_digest
from genapps.core.tenancy import revision_of
from genapps.core.verdict import Effect, Finding, Grant, ImageOrigin, Mode, Revision, Verdict


def judge(observed: Observed, now: datetime, new_id: str) -> Verdict:
    """The verdict on one app. `now` is in UTC; `new_id` (128 random bits in hex) is the id of a suspension, should one
    begin. Equal arguments give equal verdicts."""
    if isinstance(observed.app, Unreadable):
        message = f"The spec is invalid ({observed.app.message}). Correct the field."
        unreadable = Finding(ConditionType.ENVELOPE_VALID, Reason.SPEC_INVALID, message, Effect.STOP)
        return _verdict(observed, now, new_id, (unreadable,), None)
    facts = facts_of(observed, observed.app)
    return _verdict(observed, now, new_id, findings(facts), facts)


def _verdict(
    observed: Observed, now: datetime, new_id: str, found: tuple[Finding, ...], facts: Facts | None
) -> Verdict:
    grant = _grant(observed, facts, held=bool(found))
    choice = recorded_choice(observed)
    kept = choice.revision
    source_digest = facts.code_digest if facts else None
    running = {digest for digest in (source_digest, kept and kept.code_digest) if digest}
    holds = holding(observed, running, now)
    deleting = observed.metadata.deletion_timestamp is not None
    # Of an app that starts nothing and has no record, a suspension would have no place to stay.
    recorded = observed.record is not None or not (found or grant is None or deleting)
    decision = suspension.decide(observed, grant, running, now, new_id, holds if recorded else ())
    requested = facts is not None and facts.app.spec.operating_mode is OperatingMode.SUSPENDED
    spent_up = _exhaustion(observed, grant)
    stops = spent_up is not None and facts is not None and _stops_at_limit(facts)
    halted = requested or stops or decision.suspension is not None
    mode = _mode(observed, found, halted=halted, kept=kept)
    if grant is None or deleting:
        mode = Mode.NOTHING
    elif mode is Mode.RUN:
        choice = choose(observed, _offered(facts, grant) if facts and not found else None, grant, now)
        returned = choice.revision.code_digest if choice.revision else None
        if returned and returned not in running and (holds := holding(observed, {returned}, now)):
            # It would go back to code that may not run.
            decision, mode = suspension.decide(observed, grant, running, now, new_id, holds), Mode.STOP
    if choice.finding:
        mode = Mode.STOP if choice.finding.effect is Effect.STOP else mode
        found = _with(found, choice.finding)
    if choice.finding and mode is Mode.RUN:
        grant = _grant(observed, facts, held=True)
    if grant and choice.tier:
        grant = replace(grant, tier=choice.tier)
    should_run = choice.revision if mode is Mode.RUN else None
    return Verdict(
        at=now,
        mode=mode,
        findings=found,
        grant=grant,
        revision=choice.revision,
        pod=pod_state(observed, grant, should_run, now),
        history=choice.history,
        desired_digest=revision_of(facts.app, source_digest) if facts and source_digest else None,
        desired_code_digest=source_digest,
        suspension=decision.suspension,
        acknowledged=decision.acknowledged,
        holds=holds,
        deleting=deleting,
        requested=requested,
        counted=decision.counted,
        exhaustion=spent_up,
        stops_at_limit=stops,
        defects=decision.defects,
        inactive=inactive_fields(facts.app, facts.budget) if facts else (),
    )


def _exhaustion(observed: Observed, grant: Grant | None) -> Exhaustion | None:
    if observed.budget_record is None or grant is None:
        return None
    own = observed.ledger.account if observed.ledger else None
    return exhaustion(observed.budget_record, observed.budget_account, own, tier_limits(grant.tier))


def _stops_at_limit(facts: Facts) -> bool:
    """Whether the budget wants its apps stopped at a limit, and not answered for by their fallbacks."""
    return facts.budget is not None and facts.budget.spec.on_limit == "Suspend"


def _with(found: tuple[Finding, ...], about_revision: Finding) -> tuple[Finding, ...]:
    # A source that differs stalls nothing on its own; that the code it differs from cannot load does.
    differs = bool(found) and found[0].reason is Reason.SOURCE_DIFFERS and about_revision.effect is Effect.STOP
    return (about_revision, *found) if differs else (*found, about_revision)


def _mode(observed: Observed, found: tuple[Finding, ...], *, halted: bool, kept: Revision | None) -> Mode:
    record = observed.record
    live = record is not None and record.app.uid == observed.uid
    effects = {finding.effect for finding in found}
    if Effect.LEAVE in effects or (found and not live):
        return Mode.NOTHING
    if halted or Effect.STOP in effects:
        return Mode.STOP
    if found and not has_snapshots(observed, kept):
        return Mode.STOP
    return Mode.RUN


def _grant(observed: Observed, facts: Facts | None, *, held: bool) -> Grant | None:
    """The fresh grant, or while anything is wrong the recorded one: a held revision keeps the tier it was judged with.

    What the platform decides about callers and thresholds holds at once in both cases.
    """
    fresh, recorded = _fresh_grant(facts), _recorded_grant(observed, facts)
    if recorded is None or (fresh and not held):
        return fresh
    if facts is None or facts.budget is None:
        return recorded
    return replace(
        recorded,
        violations=_violations(facts.budget.spec.policy.violations),
        ingress_from=_peers(facts.budget),
        debug=_debug(facts),
    )


def _fresh_grant(facts: Facts | None) -> Grant | None:
    if facts is None or facts.budget is None or facts.tier is None:
        return None
    return Grant(
        budget=facts.app.spec.budget,
        team=facts.app.spec.envelope.owner.team,
        run_namespace=facts.budget.spec.run_namespace,
        tier=_resolved(facts.app.spec.tier, facts.tier),
        violations=_violations(facts.budget.spec.policy.violations),
        effective_risk=facts.risk,
        ingress_from=_peers(facts.budget),
        debug=_debug(facts),
    )


def _debug(facts: Facts) -> bool:
    return facts.app.spec.debug and not debug_withheld(facts.app, facts.budget)


def _peers(budget: AppBudget) -> tuple[Mapping[str, Any], ...]:
    peers = budget.spec.policy.ingress_from
    return tuple(peer.model_dump(by_alias=True, exclude_none=True, mode="json") for peer in peers)


@lru_cache(maxsize=256)
def _violations(policy: ViolationPolicy) -> RecordedViolationPolicy:
    return RecordedViolationPolicy.model_validate(policy.model_dump())


@lru_cache(maxsize=256)
def _resolved(name: str, tier: Tier) -> ResolvedTier:
    return ResolvedTier.model_validate({**tier.model_dump(), "name": name})


def _recorded_grant(observed: Observed, facts: Facts | None) -> Grant | None:
    record = observed.record
    if record is None:
        return None
    return Grant(
        budget=record.budget,
        team=record.owner.team,
        run_namespace=record.run_namespace,
        tier=record.tier,
        violations=record.violation_policy,
        effective_risk=facts.risk if facts else RiskClass.HIGH,
    )


def _offered(facts: Facts, grant: Grant) -> Revision | None:
    source = facts.observed.source
    if isinstance(source, SourceProblem | NotAsked) or facts.code_digest is None:
        return None
    platform = facts.observed.platform
    config = runtime_config(facts.app, grant, platform.system_namespace, facts.code_digest, source.entry).content()
    digest, config_digest = revision_of(facts.app, facts.code_digest), sha256(config)
    settings = _settings(facts, config_digest)
    if not isinstance(source, Bundle):
        return Revision(
            digest,
            facts.code_digest,
            config_digest,
            code_parts=source.parts,
            settings_digest=settings,
            config=config,
        )
    image, parts = ImageOrigin(source.image, source.entry) if source.image else None, split(source.files)
    return Revision(
        digest,
        facts.code_digest,
        config_digest,
        code_parts=None if parts is None else len(parts),
        settings_digest=settings,
        code=source.files,
        config=config,
        image=image,
    )


def _settings(facts: Facts, config_digest: str) -> str | None:
    # The recorded one is as good while it gives the same config, and costs nothing.
    record = facts.observed.record
    running = record.revision if record and record.app.uid == facts.observed.uid else None
    same = running is not None and running.config_digest == config_digest
    return running.settings_digest if running and same else settings_digest(facts.app)
