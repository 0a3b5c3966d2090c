# SPDX-License-Identifier: Apache-2.0
"""Grants of an AppBudget: at creation, when a field changes, when the budget changes, and after they are withdrawn."""

from typing import Any

from tests.support.admission import DIGEST, REMOVED, Json
from tests.support.admission_table.objects import REGISTRY, app
from tests.support.admission_table.rows import (
    ABROAD,
    ADMIN,
    BYSTANDER,
    HOME,
    LEAD,
    NEIGHBOUR,
    OPERATOR,
    TENANT,
    Refusal,
    Request,
    Row,
    create,
    update,
)

GRANTS = "genapps-grants"
NAMESPACE = Refusal(GRANTS, "spec.budget", "ask the platform team to add the namespace")
TIER = Refusal(GRANTS, "spec.tier", "choose one of")
RISK = Refusal(GRANTS, "spec.envelope.riskClass", "declare a lower class")
LANGUAGE = Refusal(GRANTS, "spec.code.language", "choose one of python, component")
WORKLOAD = Refusal(GRANTS, "spec.workloadClass", "choose one of interactive, batch")
IMAGE = Refusal(GRANTS, "spec.code.source.image.reference", f"only {REGISTRY}, ghcr.example.com/finance")


def edit(name: str, **changes: Any) -> Request:
    """Change the spec of an app in HOME; `__` stands for a dot."""
    return update("generatedapps", HOME, name, {f"spec.{path.replace('__', '.')}": v for path, v in changes.items()})


def image(where: str) -> Json:
    return {"image": {"reference": f"{where}@{DIGEST}"}}


def another_image(where: str) -> Json:
    """The source as a merge patch has to say it."""
    return {"inline": None, **image(where)}


ROWS = [
    # the namespace
    Row("a tenant creates an app in a namespace that the budget lists", TENANT, create(app("new"))),
    Row("an administrator creates an app there", ADMIN, create(app("new"))),
    Row("a tenant names a budget that does not list the namespace", TENANT, create(app("new", NEIGHBOUR)), NAMESPACE),
    Row("a tenant names the budget of others", TENANT, create(app("new", budget="sales")), NAMESPACE),
    Row("an app in a namespace of no budget", BYSTANDER, create(app("new", ABROAD)), NAMESPACE),
    Row("an administrator is no exception", ADMIN, create(app("new", ABROAD)), NAMESPACE),
    Row("an app of a budget that does not exist is the operator's to report", TENANT, create(app("new", budget="no"))),
    Row("a tenant moves an app to the budget of others", TENANT, edit("running", budget="sales"), NAMESPACE),
    Row("a tenant moves an app to another budget of the namespace", TENANT, edit("running", budget="plain")),
    Row("a tenant moves an app out of a budget that does not exist", TENANT, edit("unpaid", budget="finance")),
    Row(
        "an app whose namespace is listed no more is edited",
        BYSTANDER,
        update("generatedapps", ABROAD, "homeless", {"spec.operatingMode": "Suspended"}),
    ),
    Row(
        "an app whose namespace is listed no more gets other code",
        BYSTANDER,
        update("generatedapps", ABROAD, "homeless", {"spec.code.source.inline": "from genapps import app  #\n"}),
    ),
    # the tier
    Row("a tenant takes another tier of the budget", TENANT, create(app("new", tier="large"))),
    Row("a tenant takes a tier that the budget has not", TENANT, create(app("new", tier="huge")), TIER),
    Row("a tenant takes a tier of another budget", TENANT, create(app("new", tier="tiny")), TIER),
    Row("a tenant changes to another tier", TENANT, edit("running", tier="large")),
    Row("a tenant changes to a tier that the budget has not", TENANT, edit("running", tier="huge"), TIER),
    Row("a lead of the namespace changes to it", LEAD, edit("running", tier="huge"), TIER),
    Row("a budget without the tier of the app", TENANT, edit("running", budget="tiny"), TIER),
    # the risk class
    Row("a risk class that the budget allows", TENANT, create(app("new", envelope__riskClass="medium"))),
    Row("a risk class above it", TENANT, create(app("new", envelope__riskClass="high")), RISK),
    Row(
        "high risk where it is allowed", TENANT, create(app("n", NEIGHBOUR, envelope__riskClass="high", budget="sales"))
    ),
    Row(
        "medium risk where nothing is said, so low is all",
        TENANT,
        create(app("new", budget="plain", envelope__riskClass="medium")),
        RISK,
    ),
    Row(
        "high risk moves to a budget of low risk",
        TENANT,
        edit("withdrawn", budget="plain", tier="small"),
        Refusal(GRANTS, "spec.envelope.riskClass", "allows at most low"),
    ),
    # the language
    Row("a language that the budget allows", TENANT, create(app("new", code__language="python"))),
    Row("a language that it does not allow", TENANT, create(app("new", code__language="javascript")), LANGUAGE),
    Row(
        "a default language where nothing is said",
        TENANT,
        create(app("n", budget="plain", code__language="javascript")),
    ),
    Row(
        "components where nothing is said",
        TENANT,
        create(app("n", budget="plain", code__language="component", code__source=image(f"{REGISTRY}/x"))),
        Refusal(GRANTS, "spec.code.language", "choose one of python, javascript"),
    ),
    Row("a change to a language that is not allowed", TENANT, edit("running", code__language="javascript"), LANGUAGE),
    Row(
        "a move to a budget without the language",
        TENANT,
        edit("running", budget="tiny", tier="tiny", workloadClass="batch"),
        Refusal(GRANTS, "spec.code.language", "choose one of javascript"),
    ),
    Row(
        "a move that changes all that has to be changed",
        TENANT,
        edit("young", budget="tiny", tier="tiny", workloadClass="batch", code__language="javascript"),
    ),
    # the workload class
    Row("a workload class that the budget allows", TENANT, create(app("new", workloadClass="batch"))),
    Row("a workload class that it does not allow", TENANT, create(app("new", workloadClass="background")), WORKLOAD),
    Row("a change to a workload class", TENANT, edit("running", workloadClass="batch")),
    Row("a change to one that is not allowed", TENANT, edit("running", workloadClass="background"), WORKLOAD),
    # the registry
    Row("an image of an allowed registry", TENANT, create(app("new", code__source=image(f"{REGISTRY}/team/app")))),
    Row(
        "an image below an allowed prefix", TENANT, create(app("new", code__source=image("ghcr.example.com/finance/a")))
    ),
    Row("an image beside it", TENANT, create(app("new", code__source=image("ghcr.example.com/financeteam/a"))), IMAGE),
    Row("an image above it", TENANT, create(app("new", code__source=image("ghcr.example.com/finance"))), IMAGE),
    Row(
        "a registry that begins like an allowed one",
        TENANT,
        create(app("n", code__source=image(f"{REGISTRY}.de/x"))),
        IMAGE,
    ),
    Row("another port of the registry", TENANT, create(app("n", code__source=image(f"{REGISTRY}:5000/x"))), IMAGE),
    Row("a registry that ends like it", TENANT, create(app("n", code__source=image(f"my{REGISTRY}/x"))), IMAGE),
    Row("a change to an allowed image", TENANT, edit("young", code__source=another_image(f"{REGISTRY}/team/app"))),
    Row("a change to another registry", TENANT, edit("young", code__source=another_image("docker.io/a/b")), IMAGE),
    Row(
        "an image where no registry is allowed",
        TENANT,
        create(app("new", budget="plain", code__source=image(f"{REGISTRY}/team/app"))),
        Refusal(GRANTS, "spec.code.source.image.reference", "allows no registry"),
    ),
    # grants that were withdrawn
    Row("without any grant an app is stopped on request", TENANT, edit("withdrawn", operatingMode="Suspended")),
    Row("without any grant a contact is named", TENANT, edit("withdrawn", incident={"contact": "on-call"})),
    Row(
        "without any grant an app is labelled",
        TENANT,
        update("generatedapps", HOME, "withdrawn", {"metadata.labels": {"example.com/x": "y"}}),
    ),
    Row("without any grant it goes back to a tier that is there", TENANT, edit("withdrawn", tier="small")),
    Row("without any grant it goes back to a language that is", TENANT, edit("withdrawn", code__language="python")),
    Row("without any grant it takes an allowed image", TENANT, edit("withdrawn", code__source=image(f"{REGISTRY}/a"))),
    Row(
        "without any grant it takes another image of the registry",
        TENANT,
        edit("withdrawn", code__source=image("elsewhere.example.com/b")),
        IMAGE,
    ),
    Row(
        "without any grant it takes inline code", TENANT, edit("withdrawn", code__source={"inline": "1", "image": None})
    ),
    Row("without any grant it changes from one bad tier to another", TENANT, edit("withdrawn", tier="giant"), TIER),
    Row("a change of nothing passes", TENANT, edit("withdrawn")),
    Row("a promise is dropped", TENANT, edit("running", code__digest=REMOVED, stage="Development")),
    Row(
        "the operator's status write on such an app passes",
        OPERATOR,
        update("generatedapps/status", HOME, "withdrawn", {"status.observedGeneration": 1}),
    ),
]
