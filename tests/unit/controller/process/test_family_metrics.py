# SPDX-License-Identifier: Apache-2.0
"""Scorecards as metrics: few series for many families, and none of what is gone."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from genapps.controller.process.family_metrics import MOST_TOLD, REST, FamilyMetrics
from genapps.core.budgets.scorecards import Member
from tests.unit.core.budgets.test_balance import account

Series = dict[tuple[str, str, str], float]


def member(family: str, micros: int = 0, **activity: int) -> Member:
    return Member(family, ("crm",), "sha256:a", account(spent={"costMicros": micros}, activity=activity))


def series(registry: CollectorRegistry) -> Series:
    """Values by the end of the metric's name, the budget and the family."""
    found: Series = {}
    for metric in registry.collect():
        for sample in metric.samples:
            name = sample.name.removeprefix("genapps_family_")
            found[name, sample.labels["budget"], sample.labels["family"]] = sample.value
    return found


def told(*budgets: tuple[str, list[Member]]) -> Series:
    registry = CollectorRegistry()
    metrics = FamilyMetrics(registry)
    for budget, members in budgets:
        metrics.tell(budget, members)
    return series(registry)


def test_all_figures_of_a_family_are_told() -> None:
    busy = {"actions": 4, "fallbacks": 1, "retries": 2, "savedMicros": 500_000, "refusedMicros": 250_000}
    found = told(("finance", [member("forms", 2_000_000, **busy), member("forms")]))
    assert {name: value for (name, _, _), value in found.items()} == {
        "apps": 2,
        "actions": 4,
        "cost_per_action_dollars": 0.5,
        "shared_connectors": 1,
        "shared_code_apps": 2,
        "fallback_ratio": 0.25,
        "retry_ratio": 0.5,
        "saved_dollars": 0.5,
        "refused_dollars": 0.25,
    }
    assert {about[1:] for about in found} == {("finance", "forms")}


def test_of_many_families_those_that_cost_most_are_told_and_the_rest_as_one() -> None:
    members = [member(f"f{number:02}", number, actions=1) for number in range(MOST_TOLD + 3)]
    found = told(("finance", members))
    names = {family for name, _, family in found if name == "apps"}
    assert names == {REST, *(f"f{number:02}" for number in range(3, MOST_TOLD + 3))}
    assert (found["apps", "finance", REST], found["actions", "finance", REST]) == (3, 3)


def test_exactly_as_many_families_as_are_told_leave_no_rest() -> None:
    found = told(("finance", [member(f"f{number}") for number in range(MOST_TOLD)]))
    assert sum(name == "apps" for name, _, _ in found) == MOST_TOLD
    assert not any(family == REST for _, _, family in found)


def test_a_family_that_is_gone_and_a_figure_that_is_none_have_no_series() -> None:
    registry = CollectorRegistry()
    metrics = FamilyMetrics(registry)
    metrics.tell("finance", [member("forms", actions=1), member("reports", actions=1)])
    metrics.tell("sales", [member("forms")])
    metrics.tell("finance", [member("forms")])  # a new period: it has done nothing in it
    found = series(registry)
    assert {about[1:] for about in found} == {("finance", "forms"), ("sales", "forms")}
    assert ("fallback_ratio", "finance", "forms") not in found
    metrics.forget("finance")
    assert {budget for _, budget, _ in series(registry)} == {"sales"}
    metrics.forget("sales")
    metrics.forget("never-seen")
    assert series(registry) == {}
