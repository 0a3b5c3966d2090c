# SPDX-License-Identifier: Apache-2.0
"""Additive fields that are stored and have no effect yet: the app runs, and status says so."""

from collections.abc import Iterable, Iterator

from genapps.api.appbudget import AppBudget, Tier
from genapps.api.generatedapp import GeneratedApp, Stage


def inactive_fields(app: GeneratedApp, budget: AppBudget | None) -> tuple[str, ...]:
    """The paths of an app's own and of those of its budget that concern it, these with the budget's name in front."""
    own = (*_of_app(app), *_debug(app, budget))
    if budget is None:
        return own
    inactive = inactive_in_budget(budget, [app.spec.tier])
    return (*own, *(f"AppBudget {budget.metadata.name} {path}" for path in inactive))


def debug_withheld(app: GeneratedApp, budget: AppBudget | None) -> str:
    """Why callers are not told what the app says when it fails, although that may be asked for; empty when they are."""
    if app.spec.stage is not Stage.DEVELOPMENT:
        return "in stage Development only"
    if budget is None:
        return "no usable AppBudget says who may call"
    if budget.spec.policy.ingress_from:
        return f"AppBudget {budget.metadata.name} spec.policy.ingressFrom admits callers of other namespaces"
    return ""


def inactive_in_budget(budget: AppBudget, tiers: Iterable[str] | None = None) -> tuple[str, ...]:
    """The paths of a budget's fields; of its tiers those named, or all."""
    spec = budget.spec
    named = sorted(spec.tiers) if tiers is None else [name for name in tiers if name in spec.tiers]
    of_tiers = (f"spec.tiers.{name}.{field}" for name in named for field in _of_tier(spec.tiers[name]))
    return tuple(of_tiers)


def _of_app(app: GeneratedApp) -> Iterator[str]:
    spec = app.spec
    given = {
        "spec.idleTimeout": spec.idle_timeout,
        "spec.slo": spec.slo,
        "spec.incident": spec.incident,
        "spec.rollback.to fallback": spec.rollback if spec.rollback and spec.rollback.to == "fallback" else None,
    }
    return (path for path, value in given.items() if value is not None)


def _debug(app: GeneratedApp, budget: AppBudget | None) -> Iterator[str]:
    why = debug_withheld(app, budget) if app.spec.debug else ""
    if why:
        yield f"spec.debug ({why})"


def _of_tier(tier: Tier) -> Iterator[str]:
    given = {
        "cpuSecondsPerPeriod": tier.cpu_seconds_per_period is not None,
    }
    return (field for field, present in given.items() if present)
