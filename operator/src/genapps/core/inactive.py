"""Additive fields that are stored and have no effect yet: the app runs, and status says so."""

from genapps.api.appbudget import AppBudget
from genapps.api.generatedapp import GeneratedApp


def inactive_fields(app: GeneratedApp, budget: AppBudget | None) -> tuple[str, ...]:
    """Their paths, those of the budget with its name in front."""
    return (*_of_app(app), *(_of_budget(app, budget) if budget else ()))


def _of_app(app: GeneratedApp) -> tuple[str, ...]:
    spec = app.spec
    given = {
        "spec.idleTimeout": spec.idle_timeout,
        "spec.slo": spec.slo,
        "spec.incident": spec.incident,
        "spec.rollback": spec.rollback,
        "spec.fallback": spec.fallback,
    }
    return tuple(path for path, value in given.items() if value is not None)


def _of_budget(app: GeneratedApp, budget: AppBudget) -> tuple[str, ...]:
    spec, tier = budget.spec, budget.spec.tiers.get(app.spec.tier)
    given = {
        "limits": spec.limits is not None,
        "alerts": bool(spec.alerts),
        "onLimit": spec.on_limit is not None,
        "mode": spec.mode is not None,
        f"tiers.{app.spec.tier} per period": tier is not None
        and (tier.tokens_per_period, tier.cpu_seconds_per_period, tier.cost_usd_per_period) != (None, None, None),
    }
    return tuple(f"AppBudget {budget.metadata.name} spec.{path}" for path, present in given.items() if present)
