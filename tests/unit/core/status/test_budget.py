# SPDX-License-Identifier: Apache-2.0
"""The status of an AppBudget."""

from datetime import UTC, datetime, timedelta
from typing import Any

from genapps.api.appbudget import AppBudget
from genapps.core.status.budget import DeletionsHeld, budget_status

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NONE_HELD = DeletionsHeld()


def budget(**spec: Any) -> AppBudget:
    content = {"businessUnit": "u", "namespaces": ["n"], "runNamespace": "run", "tiers": {"small": {}}, **spec}
    return AppBudget.model_validate({"metadata": {"name": "b", "generation": 4}, "spec": content})


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in status["conditions"]}


def test_a_budget_with_a_prepared_run_namespace_is_ready() -> None:
    status = budget_status(budget(), [], frozenset({"run"}), NONE_HELD, {}, NOW)
    assert conditions(status)["Ready"] == ("True", "Available")
    assert (status["observedGeneration"], status["apps"], status["tiers"]) == (4, 0, [])


def test_an_unprepared_run_namespace_stalls_it_with_the_next_step() -> None:
    status = budget_status(budget(), [], frozenset(), NONE_HELD, {}, NOW)
    assert conditions(status)["Ready"] == ("False", "RunNamespaceNotPrepared")
    assert conditions(status)["Stalled"] == ("True", "RunNamespaceNotPrepared")
    assert "runNamespaces" in status["conditions"][0]["message"]


def test_judged_again_later_it_is_the_same() -> None:
    first = budget_status(budget(), [], frozenset({"run"}), NONE_HELD, {}, NOW)
    assert budget_status(budget(), [], frozenset({"run"}), NONE_HELD, first, NOW + timedelta(hours=1)) == first


def test_only_a_changed_status_moves_the_transition_time() -> None:
    first = budget_status(budget(), [], frozenset({"run"}), NONE_HELD, {}, NOW)
    later = budget_status(budget(), [], frozenset(), NONE_HELD, first, NOW + timedelta(hours=1))
    moved = {entry["type"] for entry in later["conditions"] if entry["lastTransitionTime"].startswith("2026-11-23T13")}
    assert moved == {"Ready", "Stalled"}


def test_apps_that_vanished_at_once_are_told_with_the_command_that_confirms_it() -> None:
    held = DeletionsHeld(3, 9, "kubectl annotate x")
    status = budget_status(budget(), [], frozenset({"run"}), held, {}, NOW)
    assert conditions(status)["DeletionsHeld"] == ("True", "TooManyAtOnce")
    assert conditions(status)["Ready"] == ("True", "Available")
    message = status["conditions"][2]["message"]
    assert "3 apps of this budget are among 9" in message
    assert message.endswith("kubectl annotate x")
    none = budget_status(budget(), [], frozenset({"run"}), DeletionsHeld(0, 9, "x"), {}, NOW)
    assert conditions(none)["DeletionsHeld"] == ("False", "NoneHeld")
