# SPDX-License-Identifier: Apache-2.0
"""The bounds of a run namespace, exactly, for budgets and for what stands there already."""

from typing import Any

import pytest

from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import Record
from genapps.core.namespace_quota import bounds
from tests.unit.core.world import World, merged

GI = 2**30
SMALL = {"guestMemory": "64Mi", "cpu": "500m", "state": {"claim": "1Gi"}}
LARGE = {"guestMemory": "464Mi", "instances": 2, "cpu": "2", "state": {"claim": "10Gi"}}


def budget(name: str, run: str = "run", max_apps: int = 10, **tiers: Any) -> AppBudget:
    spec = {
        "businessUnit": "u",
        "namespaces": ["n"],
        "runNamespace": run,
        "tiers": tiers or {"small": SMALL},
        "policy": {"maxApps": max_apps},
    }
    return AppBudget.model_validate({"metadata": {"name": name}, "spec": spec})


def record(budget: str, tier: dict[str, Any], **fields: Any) -> Record:
    base = World().run().record
    assert base
    wire = base.model_dump(by_alias=True, exclude_none=True)
    changes = {"budget": budget, "runNamespace": "run", "tier": {"name": "t", **tier}, **fields}
    return Record.model_validate(merged(wire, changes))


def hard(*budgets: AppBudget, records: Any = (), claims: Any = (), classes: bool = False) -> dict[str, str]:
    quota, _ = bounds("run", budgets, records, claims, runtime_classes=classes)
    found: dict[str, str] = quota["spec"]["hard"]
    return found


def limits(*budgets: AppBudget, claims: Any = ()) -> list[dict[str, Any]]:
    _, limit_range = bounds("run", budgets, (), claims, runtime_classes=False)
    found: list[dict[str, Any]] = limit_range["spec"]["limits"]
    return found


def test_the_bounds_of_one_budget() -> None:
    quota, limit_range = bounds("run", [budget("b", small=SMALL, large=LARGE)], (), (), runtime_classes=False)
    assert quota == {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "genapps", "namespace": "run", "labels": {"app.kubernetes.io/managed-by": "genapps"}},
        "spec": {
            "hard": {
                "pods": "11",
                "services": "11",
                "persistentvolumeclaims": "20",
                "configmaps": "444",
                "requests.memory": "11Gi",
                "limits.memory": "11Gi",
                "limits.cpu": "22",
                "requests.ephemeral-storage": "704Mi",
                "limits.ephemeral-storage": "5632Mi",
                "requests.storage": "200Gi",
            }
        },
    }
    least = {"cpu": "20m", "memory": "96Mi", "ephemeral-storage": "1Mi"}
    assert limit_range["kind"] == "LimitRange"
    assert limit_range["spec"]["limits"] == [
        {
            "type": "Container",
            "max": {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "512Mi"},
            "min": least,
            "default": least,
            "defaultRequest": least,
        },
        {"type": "PersistentVolumeClaim", "max": {"storage": "10Gi"}},
    ]


def test_budgets_of_one_run_namespace_add_up_and_others_do_not_count() -> None:
    found = hard(budget("a", max_apps=10), budget("b", max_apps=20, large=LARGE), budget("c", run="elsewhere"))
    assert (found["pods"], found["persistentvolumeclaims"]) == ("33", "60")
    assert found["requests.memory"] == f"{11 * 160 + 22 * 1024}Mi"
    assert found["requests.storage"] == f"{2 * (10 * 1 + 20 * 10)}Gi"


def test_quantities_are_written_as_the_api_server_stores_them() -> None:
    found = hard(budget("a", max_apps=10_000))
    assert (found["pods"], found["persistentvolumeclaims"], found["limits.cpu"]) == ("11k", "20k", "5500")
    assert found["configmaps"] == "440004"


def test_a_namespace_that_nobody_uses_has_no_bounds() -> None:
    assert bounds("run", [budget("a", run="elsewhere")], (), (), runtime_classes=False) == ()


def test_a_budget_without_apps_leaves_room_for_none() -> None:
    assert hard(budget("a", max_apps=0))["pods"] == "0"


def test_apps_that_run_can_be_started_again_when_their_budget_shrinks_or_goes() -> None:
    running = [record("b", LARGE) for _ in range(3)]
    shrunk = hard(budget("b", max_apps=1, small=SMALL), records=running)
    assert (shrunk["pods"], shrunk["requests.memory"]) == ("4", "4Gi")
    assert hard(records=running)["pods"] == "4"
    assert hard(records=running)["requests.memory"] == "4Gi"


def test_deleted_apps_and_those_of_other_run_namespaces_have_no_pods() -> None:
    gone = record("b", LARGE, deletedAt="2026-11-23T10:00:00Z")
    elsewhere = record("b", LARGE, runNamespace="elsewhere")
    assert hard(budget("b"), records=[gone, elsewhere]) == hard(budget("b"))


def test_state_that_deleted_apps_of_a_deleted_budget_leave_takes_no_room_from_others() -> None:
    left = [record("ended", tier, deletedAt="2026-11-23T10:00:00Z") for tier in (SMALL, SMALL, LARGE)]
    without, found = hard(budget("b")), hard(budget("b"), records=left, claims=[GI, GI, 10 * GI])
    assert found["persistentvolumeclaims"] == "23"
    assert found["requests.storage"] == "32Gi", "20 of the budget, and 12 that are there"
    assert {name: found[name] for name in ("pods", "configmaps")} == {
        name: without[name] for name in ("pods", "configmaps")
    }


def test_state_of_deleted_apps_of_a_budget_that_is_there_is_part_of_its_share() -> None:
    left = [record("b", SMALL, deletedAt="2026-11-23T10:00:00Z") for _ in range(50)]
    assert hard(budget("b"), records=left) == hard(budget("b"))


def test_a_claim_from_before_its_tier_shrank_may_still_be_written() -> None:
    assert hard(budget("b"), claims=[10 * GI, GI])["requests.storage"] == "29Gi"
    assert limits(budget("b"), claims=[10 * GI])[1]["max"] == {"storage": "10Gi"}
    assert limits(budget("b"), claims=[GI // 2])[1]["max"] == {"storage": "1Gi"}


@pytest.mark.parametrize(("classes", "memory"), [(False, 160), (True, 416)])
def test_runtime_classes_may_add_to_a_pod(classes: bool, memory: int) -> None:
    assert hard(budget("b"), classes=classes)["limits.memory"] == f"{11 * memory}Mi"
