# SPDX-License-Identifier: Apache-2.0
"""Which registry may be asked for an app's code: such a request leaves the cluster, so a budget has to allow it."""

from genapps.api.appbudget import AppBudget
from genapps.core.observed import Platform


def may_pull(reference: str, namespace: str, budget: AppBudget | None, platform: Platform) -> bool:
    """Whether the image may be pulled for an app of this namespace: its budget grants the namespace, and allows the
    registry. Otherwise whoever may write an app could send the operator anywhere."""
    return budget is not None and grants(budget, namespace, platform) and registry_allowed(reference, budget)


def grants(budget: AppBudget, namespace: str, platform: Platform) -> bool:
    """Whether the budget is for apps of that namespace, and that is a tenant's."""
    # The API server cannot see that a budget lists another one's run namespace: tenants must never meet there.
    ours = namespace in platform.run_namespaces or namespace == platform.system_namespace
    return not ours and namespace in budget.spec.namespaces


def registry_allowed(reference: str, budget: AppBudget) -> bool:
    """Whether the budget allows images from there; an entry ends where a segment of the path ends."""
    where = reference.partition("@")[0]
    return any(where == entry or where.startswith(f"{entry}/") for entry in budget.spec.policy.image_registries)
