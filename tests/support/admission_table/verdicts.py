# SPDX-License-Identifier: Apache-2.0
"""What needs a verb of its own: ending a suspension, and raising a stage."""

from typing import Any

from tests.support.admission import DIGEST, REMOVED
from tests.support.admission_table.grants import edit
from tests.support.admission_table.objects import EARLIER, OPEN, app
from tests.support.admission_table.rows import (
    ADMIN,
    BYSTANDER,
    LEAD,
    PLATFORM,
    PROMOTER,
    TENANT,
    Actor,
    Refusal,
    Request,
    Row,
    create,
)

POLICY = "genapps-acknowledgement"
FIELD = "spec.acknowledgedSuspension"
VERB = Refusal(POLICY, FIELD, "ask an administrator of the namespace")
WRONG = Refusal(POLICY, FIELD, "copy the id from status.suspension.id")
NONE_OPEN = Refusal(POLICY, FIELD, "leave the field unchanged")
HELD = Refusal(POLICY, FIELD, "until the platform team has lifted it")
REPEATED = Refusal(POLICY, FIELD, "ask the platform team")
STAGE = Refusal("genapps-stage", "spec.stage", "or ask a promoter")
ANOTHER = "a" * 32
DIGESTED = {"code__digest": DIGEST}


def acknowledge(name: str, value: Any) -> Request:
    return edit(name, acknowledgedSuspension=value)


def staged(actor: Actor, title: str, stage: str, *, refused: bool) -> Row:
    """An app that is created at a stage."""
    return Row(title, actor, create(app("new", stage=stage, **DIGESTED)), STAGE if refused else None)


ROWS = [
    # acknowledging
    Row("a lead resumes a suspended app", LEAD, acknowledge("stopped", OPEN)),
    Row("the platform resumes it", PLATFORM, acknowledge("stopped", OPEN)),
    Row("an administrator resumes it", ADMIN, acknowledge("stopped", OPEN)),
    Row("a tenant resumes it", TENANT, acknowledge("stopped", OPEN), VERB),
    Row("a promoter resumes it", PROMOTER, acknowledge("stopped", OPEN), VERB),
    Row("a bystander resumes it", BYSTANDER, acknowledge("stopped", OPEN), VERB),
    Row("a tenant guesses", TENANT, acknowledge("stopped", ANOTHER), VERB),
    Row("a lead acknowledges another id", LEAD, acknowledge("stopped", ANOTHER), WRONG),
    Row("an administrator acknowledges another id", ADMIN, acknowledge("stopped", ANOTHER), WRONG),
    Row("a lead acknowledges what never began", LEAD, acknowledge("young", OPEN), NONE_OPEN),
    Row("an administrator acknowledges it in advance", ADMIN, acknowledge("young", OPEN), NONE_OPEN),
    Row("a tenant acknowledges in advance", TENANT, acknowledge("young", OPEN), VERB),
    Row("a lead acknowledges twice", LEAD, acknowledge("resumed", ANOTHER), NONE_OPEN),
    Row("a tenant empties the field", TENANT, acknowledge("resumed", "")),
    Row("a tenant removes the field", TENANT, acknowledge("resumed", REMOVED)),
    Row("a tenant leaves an earlier acknowledgement as it was", TENANT, acknowledge("resumed", EARLIER)),
    Row("a tenant edits something else of such an app", TENANT, edit("resumed", tier="large")),
    Row("a tenant edits something else of a suspended app", TENANT, edit("stopped", operatingMode="Suspended")),
    Row("a tenant sets the field to nothing", TENANT, acknowledge("stopped", "")),
    Row("a lead resumes an app that was resumed before", LEAD, acknowledge("again", OPEN), REPEATED),
    Row("a tenant resumes an app that was resumed before", TENANT, acknowledge("again", OPEN), VERB),
    Row("the platform resumes an app that was resumed before", PLATFORM, acknowledge("again", OPEN)),
    Row("an administrator resumes an app that was resumed before", ADMIN, acknowledge("again", OPEN)),
    Row("the platform acknowledges another id", PLATFORM, acknowledge("again", ANOTHER), WRONG),
    Row("a lead resumes an app under a hold", LEAD, acknowledge("held", OPEN), HELD),
    Row("an administrator resumes an app under a hold", ADMIN, acknowledge("held", OPEN), HELD),
    Row("a bystander resumes an app under a hold", BYSTANDER, acknowledge("held", OPEN), VERB),
    Row("a tenant empties the field under a hold", TENANT, acknowledge("held", "")),
    Row("a lead creates an app that acknowledges", LEAD, create(app("new", acknowledgedSuspension=OPEN))),
    Row("a tenant creates an app that acknowledges", TENANT, create(app("new", acknowledgedSuspension=OPEN))),
    Row("a tenant creates one with the field empty", TENANT, create(app("new", acknowledgedSuspension=""))),
    Row("the platform restores an app with its field", PLATFORM, create(app("new", acknowledgedSuspension=OPEN))),
    # promoting
    staged(TENANT, "a tenant creates an app in Development", "Development", refused=False),
    staged(TENANT, "a tenant creates an app in Internal", "Internal", refused=True),
    staged(TENANT, "a tenant creates an app in Broad", "Broad", refused=True),
    staged(LEAD, "a lead creates an app in Internal", "Internal", refused=True),
    staged(BYSTANDER, "a bystander creates an app in Broad", "Broad", refused=True),
    staged(PROMOTER, "a promoter creates an app in Internal", "Internal", refused=False),
    staged(PLATFORM, "the platform creates an app in Broad", "Broad", refused=False),
    staged(ADMIN, "an administrator creates an app in Broad", "Broad", refused=False),
    Row("a tenant promotes", TENANT, edit("young", stage="Internal", **DIGESTED), STAGE),
    Row("a tenant promotes further", TENANT, edit("running", stage="Broad"), STAGE),
    Row("a lead promotes", LEAD, edit("running", stage="Broad"), STAGE),
    Row("a promoter promotes", PROMOTER, edit("young", stage="Internal", **DIGESTED)),
    Row("a promoter promotes further", PROMOTER, edit("running", stage="Broad")),
    Row("the platform promotes", PLATFORM, edit("running", stage="Broad")),
    Row("an administrator promotes", ADMIN, edit("running", stage="Broad")),
    Row("a tenant takes a promotion back", TENANT, edit("running", stage="Development")),
    Row("a tenant edits a promoted app", TENANT, edit("running", tier="large")),
]
