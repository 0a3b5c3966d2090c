# SPDX-License-Identifier: Apache-2.0
"""Is there a budget that pays for this app, of this namespace, in this size, in a namespace that is prepared?

An app that runs keeps its last tier when any of this goes away: its code was judged, and the gateway gives no credit.
"""

from functools import partial

from genapps.api.conditions import ConditionType, Reason
from genapps.api.quantities import byte_count
from genapps.core.checks.facts import Facts
from genapps.core.namespace_quota import CLAIMS_PER_APP
from genapps.core.observed import Unreadable
from genapps.core.verdict import Effect, Finding

_finding = partial(Finding, ConditionType.BUDGET_AVAILABLE)


def budget_found(facts: Facts) -> Finding | None:
    """The AppBudget that the app names is there and can be read; else BUDGET_NOT_FOUND or BUDGET_INVALID."""
    name, budget = facts.app.spec.budget, facts.observed.budget
    if budget is None:
        message = f"AppBudget {name} does not exist. Correct spec.budget, or ask the platform team to create it."
        return _finding(Reason.BUDGET_NOT_FOUND, message)
    if isinstance(budget, Unreadable):
        message = f"AppBudget {name} is invalid ({budget.message}). Ask the platform team to correct it."
        return _finding(Reason.BUDGET_INVALID, message)
    return None


def namespace_granted(facts: Facts) -> Finding | None:
    """The budget lists the app's namespace, and that is no namespace of the platform; else NAMESPACE_NOT_GRANTED."""
    budget, platform = facts.observed.budget, facts.observed.platform
    if budget is None or isinstance(budget, Unreadable) or facts.budget:
        return None
    if facts.app.metadata.namespace in platform.run_namespaces | {platform.system_namespace}:
        return _finding(
            Reason.NAMESPACE_NOT_GRANTED,
            f"Namespace {facts.app.metadata.namespace} belongs to the platform. "
            "Create the app in a namespace of its team.",
        )
    return _finding(
        Reason.NAMESPACE_NOT_GRANTED,
        f"AppBudget {facts.app.spec.budget} does not list namespace {facts.app.metadata.namespace}. "
        "Correct spec.budget, or ask the platform team to add the namespace.",
    )


def tier_found(facts: Facts) -> Finding | None:
    """The budget has the tier that the app names; else TIER_NOT_FOUND."""
    if facts.budget is None or facts.tier:
        return None
    tiers = ", ".join(sorted(facts.budget.spec.tiers))
    message = f"AppBudget {facts.app.spec.budget} has no tier {facts.app.spec.tier}. Set spec.tier to one of: {tiers}."
    return _finding(Reason.TIER_NOT_FOUND, message)


def tier_has_room(facts: Facts) -> Finding | None:
    """The tier's claim holds what one tenant may store; else BUDGET_INVALID."""
    if facts.tier is None:
        return None
    state = facts.tier.state
    if byte_count(state.per_tenant) <= byte_count(state.claim):
        return None
    return _finding(
        Reason.BUDGET_INVALID,
        f"Tier {facts.app.spec.tier} of AppBudget {facts.app.spec.budget} lets each tenant store {state.per_tenant} on "
        f"a claim of {state.claim}. Choose another tier, or ask the platform team to enlarge state.claim or lower "
        "state.perTenant.",
    )


def run_namespace_kept(facts: Facts) -> Finding | None:
    """The budget runs apps where this app has its state already; else RUN_NAMESPACE_CHANGED."""
    record = facts.observed.record
    if facts.budget is None or record is None or record.run_namespace == facts.budget.spec.run_namespace:
        return None
    return _finding(
        Reason.RUN_NAMESPACE_CHANGED,
        f"AppBudget {facts.app.spec.budget} runs apps in {facts.budget.spec.run_namespace}. The state of this app is "
        f"in {record.run_namespace}. Choose a budget with that runNamespace.",
    )


def run_namespace_prepared(facts: Facts) -> Finding | None:
    """The chart has prepared the namespace that the pod runs in, or would; else RUN_NAMESPACE_NOT_PREPARED."""
    record = facts.observed.record
    # The children stay where the record says that they are, whatever another budget says: RUN_NAMESPACE_CHANGED.
    namespace = record.run_namespace if record else facts.budget and facts.budget.spec.run_namespace
    if not namespace or namespace in facts.observed.platform.run_namespaces:
        return None
    return Finding(
        ConditionType.STALLED,
        Reason.RUN_NAMESPACE_NOT_PREPARED,
        f"Run namespace {namespace} is not in runNamespaces of the chart. Ask the platform team to add it.",
        Effect.LEAVE,
    )


def app_count_allowed(facts: Facts) -> Finding | None:
    """The budget has room for one more app, where this one is not counted yet; else TOO_MANY_APPS."""
    if facts.budget is None or facts.live or facts.observed.apps_of_budget < facts.budget.spec.policy.max_apps:
        return None
    return _finding(
        Reason.TOO_MANY_APPS,
        f"AppBudget {facts.app.spec.budget} has reached policy.maxApps ({facts.budget.spec.policy.max_apps}). "
        "Delete an app, or ask the platform team to raise policy.maxApps.",
    )


def deleted_state_allowed(facts: Facts) -> Finding | None:
    """The state of deleted apps leaves room for a new claim; else TOO_MANY_APPS.

    Creating and deleting apps over and over must not fill a run namespace that others use too.
    """
    if facts.budget is None or facts.live or facts.observed.record is not None:
        return None
    kept, apps = facts.observed.kept_of_budget, facts.observed.apps_of_budget
    if apps + kept < CLAIMS_PER_APP * facts.budget.spec.policy.max_apps:
        return None
    return _finding(
        Reason.TOO_MANY_APPS,
        f"AppBudget {facts.app.spec.budget} has {apps} apps and keeps the state of {kept} deleted apps. Wait until "
        "their retention.afterDelete ends, or ask the platform team to purge some.",
    )
