# SPDX-License-Identifier: Apache-2.0
"""BudgetRecords: gateways pay by them, so only the operator writes and removes them."""

from collections.abc import Mapping

from tests.support.admission import REMOVED
from tests.support.admission_table.objects import FINALIZER, UID, budget_record
from tests.support.admission_table.rows import (
    ADMIN,
    BYSTANDER,
    GARBAGE_COLLECTOR,
    GATEWAY,
    NAMESAKE,
    NAMESPACE_CONTROLLER,
    OPERATOR,
    PLATFORM,
    SYSTEM,
    Refusal,
    Request,
    Row,
    create,
    delete,
    delete_all,
    update,
)

WRITTEN = Refusal("genapps-budget-records", "record, ", "change the AppBudget")
DELETED = Refusal("genapps-budget-record-deletion", "BudgetRecords", "when their AppBudget is gone")
NEW = create(budget_record("new"))
MORE: Mapping[str, object] = {"record.limits.tokens": 2**53 - 1}
UNLIMITED: Mapping[str, object] = {"record.limits": REMOVED}
FREE: Mapping[str, object] = {"record.prices.inputMicros": REMOVED}
NEXT_PERIOD: Mapping[str, object] = {"record.period": "2026-12"}
SHADOW: Mapping[str, object] = {"record.mode": "Shadow"}
GONE = delete("budgetrecords", SYSTEM, "finance")
ALL_GONE = delete_all("budgetrecords", SYSTEM)


def change(changes: Mapping[str, object]) -> Request:
    return update("budgetrecords", SYSTEM, "finance", changes)


ROWS = [
    Row("the operator publishes a budget", OPERATOR, NEW),
    Row("the operator begins a period", OPERATOR, change(NEXT_PERIOD)),
    Row("the platform restores a published budget", PLATFORM, NEW),
    Row("an administrator restores a published budget", ADMIN, NEW),
    *(
        row
        for actor, who in (
            (BYSTANDER, "a bystander"),
            (GATEWAY, "the gateway"),
            (NAMESAKE, "a namesake of the operator"),
        )
        for row in (
            Row(f"{who} publishes a budget", actor, NEW, WRITTEN),
            Row(f"{who} raises a published limit", actor, change(MORE), WRITTEN),
            Row(f"{who} withdraws a published budget", actor, GONE, DELETED),
        )
    ),
    Row("a bystander takes every published limit away", BYSTANDER, change(UNLIMITED), WRITTEN),
    Row("a bystander makes tokens free", BYSTANDER, change(FREE), WRITTEN),
    Row("a bystander begins a period", BYSTANDER, change(NEXT_PERIOD), WRITTEN),
    Row("a bystander lets limits refuse nothing", BYSTANDER, change(SHADOW), WRITTEN),
    Row(
        "a bystander puts a finalizer on a published budget",
        BYSTANDER,
        change({"metadata.finalizers": [FINALIZER]}),
        WRITTEN,
    ),
    Row(
        "a bystander gives a published budget an owner, for the garbage collector to miss",
        BYSTANDER,
        change(
            {"metadata.ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "nowhere", "uid": UID}]}
        ),
        WRITTEN,
    ),
    Row("a bystander labels a published budget", BYSTANDER, change({"metadata.labels": {"example.com/x": "y"}})),
    Row("the operator withdraws a published budget", OPERATOR, GONE),
    Row("the platform withdraws a published budget", PLATFORM, GONE),
    Row("a bystander withdraws all published budgets at once", BYSTANDER, ALL_GONE, DELETED),
    Row("the garbage collector removes a published budget", GARBAGE_COLLECTOR, GONE),
    Row("a deleted system namespace loses its published budgets", NAMESPACE_CONTROLLER, ALL_GONE),
]
