# SPDX-License-Identifier: Apache-2.0
"""GeneratedApp: one generated app, as its team writes it."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from genapps.api.cors import Cors
from genapps.api.envelope import Envelope, Owner, Provenance, Retention, RiskClass
from genapps.api.fields import (
    NAME_RULE,
    DnsLabel,
    Duration,
    Form,
    NapAfter,
    ObjectMeta,
    OwnModel,
    Rule,
    UserModel,
    defaulted,
    duration_within,
    rules,
)
from genapps.api.operations import Attestation, Fallback, Incident, Rollback, Slo
from genapps.api.schedules import SCHEDULES, Schedule
from genapps.api.selectors import OwnPodPeer
from genapps.api.source import INLINE_BYTES, SOURCE_BYTES, Code, Language, Source
from genapps.api.tenancy import Tenancy

__all__ = [
    "INLINE_BYTES", "SOURCE_BYTES", "Code", "Envelope", "GeneratedApp", "GeneratedAppSpec", "Ingress", "Language",
    "OperatingMode", "Owner", "Provenance", "Retention", "RiskClass", "Source", "Stage", "Tenancy", "WorkloadClass",
]  # fmt: skip


class OperatingMode(StrEnum):
    """Whether the app should run."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"


class Stage(StrEnum):
    """How far the app is promoted; ordered."""

    DEVELOPMENT = "Development"
    INTERNAL = "Internal"
    BROAD = "Broad"


class WorkloadClass(StrEnum):
    """How long one action may take."""

    INTERACTIVE = "interactive"
    BATCH = "batch"
    BACKGROUND = "background"

    @property
    def action_seconds(self) -> int:
        """After so many seconds an action is ended."""
        return _ACTION_SECONDS[self]


_ACTION_SECONDS = {WorkloadClass.INTERACTIVE: 5, WorkloadClass.BATCH: 60, WorkloadClass.BACKGROUND: 600}
"""The timeout of each workload class."""
_TIMEOUTS = ", ".join(f"{workload} {workload.action_seconds} s" for workload in WorkloadClass)


class Ingress(UserModel):
    """Who may call the app."""

    from_: Annotated[tuple[OwnPodPeer, ...], Field(min_length=1, max_length=16)] | None = Field(None, alias="from")
    """Pods of the app's namespace. Absent: all of them. Callers of other namespaces are set in policy.ingressFrom of
    the budget."""
    cors: Cors | None = None
    """Which pages of other origins may read the app's answers in a browser. Absent: the app says it itself."""


class GeneratedAppSpec(UserModel):
    """What the app is and how it should run."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.stage == 'Development' || has(self.code.digest)",
                "spec.code.digest is required above stage Development: genapps digest PATH prints it",
            ),
            (
                "self.envelope.riskClass != 'high' || !has(self.tenancy) || has(self.tenancy.jwt)",
                "spec.tenancy.header is not enough for riskClass high: use spec.tenancy.jwt",
            ),
        )
    )

    envelope: Annotated[
        Envelope,
        Rule(
            "self == oldSelf",
            "spec.envelope is immutable: give the app another name, or delete and re-create it (it keeps its state)",
        ),
    ]
    """What the app is and may do. Immutable."""
    code: Code
    """The code."""
    operating_mode: OperatingMode = defaulted(OperatingMode.RUNNING)
    """Whether the app should run."""
    acknowledged_suspension: Annotated[
        str,
        Field(max_length=32),
        Form("^([0-9a-f]{32})?$", "copy the id from status.suspension.id (32 hex characters)"),
    ] = ""
    """Set to status.suspension.id, after an investigation, to resume the suspended app. A value that is there when the
    app is created has no effect."""
    stage: Stage = defaulted(Stage.DEVELOPMENT)
    """How far the app is promoted."""
    workload_class: WorkloadClass = defaulted(
        WorkloadClass.INTERACTIVE,
        description=f"How long one action may take: {_TIMEOUTS}. With background, a request other than GET, HEAD and "
        "OPTIONS is answered 202 with the Location of its status, and runs later.",
    )
    tier: DnsLabel
    """A tier of the budget. It sets memory, CPU, calls and state."""
    budget: DnsLabel
    """The AppBudget of the app. It must list this namespace."""
    debug: bool = False
    """Whether callers, and not only the log, get the text of an error of the app. It has effect in stage Development,
    while policy.ingressFrom of the budget is empty."""
    tenancy: Tenancy | None = None
    """How the runtime finds the tenant of a request. Absent: one tenant."""
    ingress: Ingress | None = None
    """Who may call the app. Absent: all pods of its namespace."""
    nap_after: NapAfter | None = None
    """How long the app may be without a request before its process ends, which gives its memory back. The next request
    starts it again. 0s: never. Absent: napAfter of the tier."""
    idle_timeout: Annotated[Duration, duration_within("1m", "168h")] | None = None
    """How long the app may be without a request before its pod stops. Absent: the pod never stops."""
    fallback: Fallback | None = None
    """What callers get when the app cannot answer."""
    incident: Incident | None = None
    """Whom to call."""
    rollback: Rollback | None = None
    """What happens when a revision fails."""
    schedules: Annotated[
        tuple[Schedule, ...],
        Field(
            max_length=SCHEDULES,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = ()
    """Paths of the app that are asked for by the clock."""
    slo: Slo | None = None
    """Service level objectives."""
    attestation: Attestation | None = None
    """A signed statement about the code. Promotion requires it."""


class GeneratedApp(OwnModel):
    """A generated app, isolated and metered by the platform."""

    model_config = ConfigDict(json_schema_extra=rules(NAME_RULE))

    metadata: ObjectMeta
    spec: GeneratedAppSpec
