# SPDX-License-Identifier: Apache-2.0
"""Status, records and ledgers: who writes them, and who may remove them when."""

from collections.abc import Mapping

from tests.support.admission import REMOVED
from tests.support.admission_table.objects import FINALIZER, UID, ledger, record
from tests.support.admission_table.rows import (
    ADMIN,
    BYSTANDER,
    CONTROLLER_MANAGER,
    GARBAGE_COLLECTOR,
    GATEWAY,
    HOME,
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

STATUS = Refusal("genapps-status", "status", "change spec")
RECORD = Refusal("genapps-records", "record", "change the GeneratedApp")
LEDGER = Refusal("genapps-ledgers", "record", "do not change them")
UNDELETED = Refusal("genapps-record-deletion", "record.deletedAt", "delete GeneratedApp running in namespace finance")
PURGE = Refusal("genapps-record-deletion", "AppRecords", "ask the platform team to purge it")
LEDGER_PURGE = Refusal("genapps-ledger-deletion", "Ledgers", "ask the platform team to purge its AppRecord")
RESTORED = {"status.observedGeneration": 3}
SUSPENSION = {"status.suspension": {"id": "a" * 32, "reason": "RepeatedViolations", "at": "2026-11-01T00:00:00Z"}}


def status(resource: str, name: str, changes: Mapping[str, object]) -> Request:
    return update(f"{resource}/status", HOME if resource == "generatedapps" else None, name, changes)


def records(changes: Mapping[str, object], name: str = "alive") -> Request:
    return update("apprecords", SYSTEM, name, changes)


def ledgers(changes: Mapping[str, object]) -> Request:
    return update("ledgers", SYSTEM, "alive", changes)


OWNER = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "nowhere", "uid": UID}]
ROWS = [
    # status
    *(
        row
        for resource, name in (
            ("generatedapps", "running"),
            ("appbudgets", "finance"),
            ("connectors", "rates"),
            ("appholds", "incident"),
        )
        for row in (
            Row(f"the operator writes the status of {resource}", OPERATOR, status(resource, name, RESTORED)),
            Row(f"the platform restores the status of {resource}", PLATFORM, status(resource, name, RESTORED)),
            Row(f"an administrator restores the status of {resource}", ADMIN, status(resource, name, RESTORED)),
            Row(f"a bystander writes the status of {resource}", BYSTANDER, status(resource, name, RESTORED), STATUS),
            Row(f"the gateway writes the status of {resource}", GATEWAY, status(resource, name, RESTORED), STATUS),
            Row(f"a bystander writes nothing into the status of {resource}", BYSTANDER, status(resource, name, {})),
        )
    ),
    Row("a namesake of the operator writes a status", NAMESAKE, status("generatedapps", "running", RESTORED), STATUS),
    Row("a bystander forges a suspension", BYSTANDER, status("generatedapps", "young", SUSPENSION), STATUS),
    Row(
        "a bystander hides a suspension",
        BYSTANDER,
        status("generatedapps", "stopped", {"status.suspension": REMOVED}),
        STATUS,
    ),
    Row(
        "a bystander resets the count of repeats",
        BYSTANDER,
        status("generatedapps", "again", {"status.suspension.repeats": 0}),
        STATUS,
    ),
    Row(
        "a label through the status is not stored, so it passes",
        BYSTANDER,
        status("generatedapps", "running", {"metadata.labels": {"example.com/x": "y"}}),
    ),
    # records
    Row("the operator creates a record", OPERATOR, create(record("new"))),
    Row("the operator writes a record", OPERATOR, records({"record.budget": "plain"})),
    Row("the operator sets deletedAt", OPERATOR, records({"record.deletedAt": "2026-11-01T00:00:00Z"})),
    Row("the operator puts its finalizer on", OPERATOR, records({"metadata.finalizers": [FINALIZER]})),
    Row("a bystander creates a record", BYSTANDER, create(record("new")), RECORD),
    Row("the gateway creates a record", GATEWAY, create(record("new")), RECORD),
    Row("a namesake of the operator creates a record", NAMESAKE, create(record("new")), RECORD),
    Row("a bystander writes a record", BYSTANDER, records({"record.budget": "plain"}), RECORD),
    Row("the gateway writes a record", GATEWAY, records({"record.budget": "plain"}), RECORD),
    Row(
        "a bystander says that the app is gone",
        BYSTANDER,
        records({"record.deletedAt": "2026-11-01T00:00:00Z"}),
        RECORD,
    ),
    Row("a bystander removes deletedAt", BYSTANDER, records({"record.deletedAt": REMOVED}, "gone"), RECORD),
    Row(
        "a bystander puts a finalizer on a record",
        BYSTANDER,
        records({"metadata.finalizers": ["example.com/mine"]}),
        Refusal("genapps-records", "metadata.finalizers", "change the GeneratedApp"),
    ),
    Row(
        "a bystander takes a finalizer off a record",
        BYSTANDER,
        records({"metadata.finalizers": REMOVED}, "held"),
        Refusal("genapps-records", "metadata.finalizers", "change the GeneratedApp"),
    ),
    Row("the operator takes its finalizer off", OPERATOR, records({"metadata.finalizers": REMOVED}, "held")),
    Row("the platform takes the finalizer off", PLATFORM, records({"metadata.finalizers": REMOVED}, "held")),
    Row(
        "a bystander gives a record an owner, for the garbage collector to miss",
        BYSTANDER,
        records({"metadata.ownerReferences": OWNER}),
        Refusal("genapps-records", "metadata.ownerReferences", "change the GeneratedApp"),
    ),
    Row("a bystander changes nothing in a record", BYSTANDER, records({})),
    Row("a bystander labels a record", BYSTANDER, records({"metadata.labels": {"example.com/x": "y"}})),
    Row("the platform restores a record", PLATFORM, create(record("new"))),
    Row("the platform restores what a record says", PLATFORM, records({"record.budget": "plain"})),
    Row("an administrator restores a record", ADMIN, create(record("new"))),
    Row(
        "the garbage collector takes its own finalizer off",
        GARBAGE_COLLECTOR,
        records({"metadata.finalizers": REMOVED}, "held"),
    ),
    # ledgers
    Row("the gateway creates a ledger", GATEWAY, create(ledger("new"))),
    Row("the gateway counts", GATEWAY, ledgers({"record.violations.total": 3})),
    Row("the operator creates a ledger", OPERATOR, create(ledger("new")), LEDGER),
    Row("the operator counts", OPERATOR, ledgers({"record.violations.total": 3}), LEDGER),
    Row("a bystander creates a ledger", BYSTANDER, create(ledger("new")), LEDGER),
    Row("a bystander forgets violations", BYSTANDER, ledgers({"record.violations.total": 0}), LEDGER),
    Row("a bystander changes nothing in a ledger", BYSTANDER, ledgers({})),
    Row("a bystander labels a ledger", BYSTANDER, ledgers({"metadata.labels": {"touched": "yes"}})),
    Row(
        "a bystander gives a ledger an owner",
        BYSTANDER,
        ledgers({"metadata.ownerReferences": OWNER}),
        Refusal("genapps-ledgers", "metadata.ownerReferences", "do not change them"),
    ),
    Row("the platform restores a ledger", PLATFORM, ledgers({"record.violations.total": 0})),
    Row("an administrator restores a ledger", ADMIN, create(ledger("new"))),
    # deletion
    Row("the operator deletes the record of an app that is gone", OPERATOR, delete("apprecords", SYSTEM, "gone")),
    Row("the platform purges the record of an app that is gone", PLATFORM, delete("apprecords", SYSTEM, "gone")),
    Row("an administrator purges the record of an app that is gone", ADMIN, delete("apprecords", SYSTEM, "gone")),
    Row(
        "a bystander deletes the record of an app that is gone", BYSTANDER, delete("apprecords", SYSTEM, "gone"), PURGE
    ),
    Row("the gateway deletes the record of an app that is gone", GATEWAY, delete("apprecords", SYSTEM, "gone"), PURGE),
    Row("the operator deletes the record of a living app", OPERATOR, delete("apprecords", SYSTEM, "alive"), UNDELETED),
    Row("the platform purges the record of a living app", PLATFORM, delete("apprecords", SYSTEM, "alive"), UNDELETED),
    Row("an administrator purges the record of a living app", ADMIN, delete("apprecords", SYSTEM, "alive"), UNDELETED),
    Row("an administrator deletes all records at once", ADMIN, delete_all("apprecords", SYSTEM), UNDELETED),
    Row("a bystander deletes all records at once", BYSTANDER, delete_all("apprecords", SYSTEM), PURGE),
    Row("a deleted system namespace is emptied", NAMESPACE_CONTROLLER, delete_all("apprecords", SYSTEM)),
    Row("the controller manager empties it", CONTROLLER_MANAGER, delete_all("apprecords", SYSTEM)),
    Row("the garbage collector removes a record", GARBAGE_COLLECTOR, delete("apprecords", SYSTEM, "alive")),
    Row("the operator deletes a ledger", OPERATOR, delete("ledgers", SYSTEM, "alive")),
    Row("the platform purges a ledger", PLATFORM, delete("ledgers", SYSTEM, "alive")),
    Row("an administrator purges a ledger", ADMIN, delete("ledgers", SYSTEM, "alive")),
    Row("a bystander deletes a ledger", BYSTANDER, delete("ledgers", SYSTEM, "alive"), LEDGER_PURGE),
    Row("the gateway deletes a ledger", GATEWAY, delete("ledgers", SYSTEM, "alive"), LEDGER_PURGE),
    Row("a bystander deletes all ledgers at once", BYSTANDER, delete_all("ledgers", SYSTEM), LEDGER_PURGE),
    Row("a deleted system namespace loses its ledgers", NAMESPACE_CONTROLLER, delete_all("ledgers", SYSTEM)),
]
