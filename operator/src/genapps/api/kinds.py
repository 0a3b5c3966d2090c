# SPDX-License-Identifier: Apache-2.0
"""The kinds: how each is called, listed and selected."""

from typing import Literal, NamedTuple

from pydantic import BaseModel

from genapps.api.appbudget import AppBudget
from genapps.api.apphold import AppHold
from genapps.api.apprecord import AppRecord
from genapps.api.budgetrecord import BudgetRecord
from genapps.api.connector import Connector
from genapps.api.generatedapp import GeneratedApp
from genapps.api.ledger import Ledger
from genapps.api.names import GROUP
from genapps.api.status import AppBudgetStatus, AppHoldStatus, ConnectorStatus, GeneratedAppStatus


class Column(NamedTuple):
    """A column of `kubectl get`; those that are not `always` shown come with `-o wide`."""

    name: str
    path: str
    type: Literal["string", "integer", "boolean", "date"] = "string"
    always: bool = True

    def wire(self) -> dict[str, str | int]:
        """As it stands in the CRD."""
        column: dict[str, str | int] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return column if self.always else column | {"priority": 1}


class Kind(NamedTuple):
    """A kind of the API group."""

    model: type[BaseModel]
    plural: str
    short_names: tuple[str, ...]
    scope: Literal["Namespaced", "Cluster"]
    columns: tuple[Column, ...]
    status: type[BaseModel] | None = None
    categories: tuple[str, ...] = ()
    selectable: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The kind, such as GeneratedApp."""
        return self.model.__name__

    @property
    def crd_name(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"


def _condition(condition: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{condition}")].{field}'


AGE = Column("Age", ".metadata.creationTimestamp", "date")
READY = Column("Ready", _condition("Ready", "status"))
REASON = Column("Reason", _condition("Ready", "reason"))

KINDS = (
    Kind(
        model=GeneratedApp,
        plural="generatedapps",
        short_names=("gapp",),
        scope="Namespaced",
        status=GeneratedAppStatus,
        categories=("genapps",),
        columns=(
            READY,
            REASON,
            Column("Risk", ".status.effectiveRisk"),
            Column("Owner", ".spec.envelope.owner.team"),
            Column("Stage", ".status.stage"),
            Column("Violations", ".status.violations.count", "integer"),
            Column("Budget %", ".status.usage.budgetPercent", "integer"),
            AGE,
            Column("Risk reason", ".status.riskReason", always=False),
            Column("Tier", ".spec.tier", always=False),
            Column("Budget", ".spec.budget", always=False),
            Column("Revision", ".status.revision", always=False),
            Column("Suspension", ".status.suspension.id", always=False),
            Column("Defects", ".status.defects.count", "integer", always=False),
            Column("Limits", ".status.limits.count", "integer", always=False),
            Column("URL", ".status.url", always=False),
            Column("Message", _condition("Ready", "message"), always=False),
        ),
        selectable=(".spec.envelope.owner.team", ".spec.envelope.riskClass", ".spec.stage"),
    ),
    Kind(
        model=AppBudget,
        plural="appbudgets",
        short_names=("abud",),
        scope="Cluster",
        status=AppBudgetStatus,
        categories=("genapps",),
        columns=(
            READY,
            REASON,
            Column("Unit", ".spec.businessUnit"),
            Column("Apps", ".status.apps", "integer"),
            Column("Spent %", ".status.spentPercent", "integer"),
            Column("Spent USD", ".status.spent.costUSD"),
            Column("Limit USD", ".spec.limits.costUSD"),
            Column("Forecast USD", ".status.forecast.costUSD"),
            Column("Exhausted", _condition("Exhausted", "status")),
            AGE,
            Column("Period", ".status.period", always=False),
            Column("On limit", ".spec.onLimit", always=False),
            Column("Mode", ".spec.mode", always=False),
            Column("Run namespace", ".spec.runNamespace", always=False),
            Column("Message", _condition("Ready", "message"), always=False),
        ),
    ),
    Kind(
        model=Connector,
        plural="connectors",
        short_names=("gconn",),
        scope="Cluster",
        status=ConnectorStatus,
        categories=("genapps",),
        columns=(
            READY,
            REASON,
            Column("Type", ".spec.type"),
            Column("Risk", ".spec.minimumRiskClass"),
            Column("Apps", ".status.apps", "integer"),
            Column("Calls", ".status.calls", "integer"),
            Column("Errors", ".status.errors", "integer"),
            Column("Breaker", ".status.breaker"),
            AGE,
            Column("URL", ".spec.endpoint.url", always=False),
            Column("Namespace", ".spec.endpoint.service.namespace", always=False),
            Column("Service", ".spec.endpoint.service.name", always=False),
            Column("Contract", ".status.contractDigest", always=False),
            Column("Message", _condition("Ready", "message"), always=False),
        ),
    ),
    Kind(
        model=AppHold,
        plural="appholds",
        short_names=("ahold",),
        scope="Cluster",
        status=AppHoldStatus,
        categories=("genapps",),
        columns=(
            Column("Active", ".status.active", "boolean"),
            Column("Matched", ".status.matched", "integer"),
            Column("Draining", ".status.draining", "integer"),
            Column("Until", ".spec.until"),
            Column("Why", ".spec.reason"),
            AGE,
            Column("Message", _condition("Ready", "message"), always=False),
        ),
    ),
    Kind(
        model=AppRecord,
        plural="apprecords",
        short_names=("arec",),
        scope="Namespaced",
        columns=(
            Column("Namespace", ".record.app.namespace"),
            Column("App", ".record.app.name"),
            Column("Pod", ".record.pod.uid"),
            Column("Suspension", ".record.suspension.id"),
            Column("Deleted", ".record.deletedAt", "date"),
            AGE,
        ),
    ),
    Kind(
        model=BudgetRecord,
        plural="budgetrecords",
        short_names=("brec",),
        scope="Namespaced",
        columns=(
            Column("Period", ".record.period"),
            Column("Ends", ".record.endsAt"),
            Column("Mode", ".record.mode"),
            AGE,
        ),
    ),
    Kind(
        model=Ledger,
        plural="ledgers",
        short_names=("aled",),
        scope="Namespaced",
        columns=(
            Column("Namespace", ".record.app.namespace"),
            Column("App", ".record.app.name"),
            Column("Violations", ".record.violations.total", "integer"),
            Column("Tripped", ".record.violations.tripped.at", "date"),
            Column("Defects", ".record.defects.total", "integer"),
            AGE,
        ),
    ),
)
