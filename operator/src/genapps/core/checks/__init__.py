# SPDX-License-Identifier: Apache-2.0
"""Policy as an ordered list of small named checks; the first finding is the one that status leads with.

A check is named after what should hold, as its docstring says. It returns None when that holds, or when it rests on a
check that failed; else a finding with the named reason.

Admission at the API server says most of this earlier and in the writer's face. It is judged again here, because
grants, tiers and connectors change after an app was written.
"""

from collections.abc import Callable

from genapps.core.checks.budget import (
    app_count_allowed,
    budget_found,
    deleted_state_allowed,
    namespace_granted,
    run_namespace_kept,
    run_namespace_prepared,
    tier_found,
    tier_has_room,
)
from genapps.core.checks.code import code_loadable, source_readable, source_verified
from genapps.core.checks.envelope import (
    connectors_granted,
    fields_supported,
    image_registry_allowed,
    language_allowed,
    risk_allowed,
    workload_class_allowed,
)
from genapps.core.checks.facts import Facts, facts_of
from genapps.core.checks.ownership import claim_adoptable, name_free, name_left
from genapps.core.checks.schedules import schedules_valid
from genapps.core.checks.tenancy import tenancy_allowed
from genapps.core.verdict import Finding

__all__ = ["CHECKS", "Facts", "facts_of", "findings"]

CHECKS: tuple[Callable[[Facts], Finding | None], ...] = (
    name_free,
    name_left,
    fields_supported,
    budget_found,
    namespace_granted,
    tier_found,
    tier_has_room,
    run_namespace_kept,
    run_namespace_prepared,
    risk_allowed,
    language_allowed,
    workload_class_allowed,
    image_registry_allowed,
    tenancy_allowed,
    schedules_valid,
    connectors_granted,
    app_count_allowed,
    deleted_state_allowed,
    claim_adoptable,
    source_readable,
    source_verified,
    code_loadable,
)


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Everything that is wrong, most fundamental first; a check that rests on a failed one stays silent."""
    return tuple(finding for check in CHECKS if (finding := check(facts)) is not None)
