# SPDX-License-Identifier: Apache-2.0
"""Additive fields that are stored and have no effect yet: the app runs, and status says so."""

from collections.abc import Iterator

from genapps.api.appbudget import AppBudget
from genapps.api.generatedapp import GeneratedApp, Stage


def inactive_fields(app: GeneratedApp, budget: AppBudget | None) -> tuple[str, ...]:
    """The paths of an app's fields; every field of an AppBudget has an effect."""
    return (*_of_app(app), *_debug(app, budget))


def debug_withheld(app: GeneratedApp, budget: AppBudget | None) -> str:
    """Why callers are not told what the app says when it fails, although that may be asked for; empty when they are."""
    if app.spec.stage is not Stage.DEVELOPMENT:
        return "in stage Development only"
    if budget is None:
        return "no usable AppBudget says who may call"
    if budget.spec.policy.ingress_from:
        return f"AppBudget {budget.metadata.name} spec.policy.ingressFrom admits callers of other namespaces"
    return ""


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
