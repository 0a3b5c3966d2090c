# SPDX-License-Identifier: Apache-2.0
"""What the checks look at, worked out once: the budget if it can be used, the tier, the risk, the code's digest."""

from dataclasses import dataclass

from genapps.api.appbudget import AppBudget, Tier
from genapps.api.envelope import RiskClass
from genapps.api.generatedapp import GeneratedApp
from genapps.core.code.registries import grants
from genapps.core.observed import Bundle, Observed, Snapshotted
from genapps.core.risk import effective_risk


@dataclass(frozen=True, slots=True)
class Facts:
    """One well-formed app and what follows from the observation."""

    observed: Observed
    app: GeneratedApp
    budget: AppBudget | None
    """Only when it grants this namespace, and that is a tenant's."""
    tier: Tier | None
    risk: RiskClass
    code_digest: str | None

    @property
    def live(self) -> bool:
        """This very app was admitted before (not another one of its name)."""
        record = self.observed.record
        return record is not None and record.app.uid == self.app.metadata.uid


def facts_of(observed: Observed, app: GeneratedApp) -> Facts:
    """The facts about a well-formed app."""
    budget = observed.budget if isinstance(observed.budget, AppBudget) else None
    if budget and not grants(budget, app.metadata.namespace, observed.platform):
        budget = None
    source = observed.source
    envelope = app.spec.envelope
    return Facts(
        observed=observed,
        app=app,
        budget=budget,
        tier=budget.spec.tiers.get(app.spec.tier) if budget else None,
        risk=effective_risk(envelope.risk_class, envelope.connectors, observed.connectors),
        code_digest=source.digest if isinstance(source, Bundle | Snapshotted) else None,
    )
