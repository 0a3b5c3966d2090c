# SPDX-License-Identifier: Apache-2.0
"""AppHold: the kill switch. Whatever its selector matches stands still while it is in force."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from genapps.api.envelope import RiskClass
from genapps.api.fields import (
    NAME_RULE,
    SET,
    Digest,
    DnsLabel,
    LabelValue,
    ObjectMeta,
    OwnModel,
    Time,
    UserModel,
    rules,
)

SELECTING = ("owner", "riskClass", "family", "connector", "codeDigest", "namespaces")
_EMPTY = "spec.selector: give at least one field, or all: true for every app"
_ALL = "spec.selector.all: write true and no other field, or leave it out"


class HoldSelector(UserModel):
    """Which apps: those that all given fields fit. An empty selector is refused."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (" || ".join(f"has(self.{name})" for name in ("all", *SELECTING)), _EMPTY),
            (f"!has(self.all) || (self.all && !({' || '.join(f'has(self.{name})' for name in SELECTING)}))", _ALL),
        )
    )

    all: bool | None = None
    """True: every app of the cluster."""
    owner: LabelValue | None = None
    """The team in spec.envelope.owner."""
    risk_class: RiskClass | None = None
    """The effective risk class, exactly this one."""
    family: LabelValue | None = None
    """The family in spec.envelope."""
    connector: DnsLabel | None = None
    """A connector of the envelope."""
    code_digest: Digest | None = None
    """The code that runs, or the code in the source. Revisions that are only kept do not count."""
    namespaces: Annotated[tuple[DnsLabel, ...], Field(min_length=1, max_length=64, json_schema_extra=SET)] | None = None
    """The namespaces of the GeneratedApps; one of them fits."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        given = [value for name, value in self if name != "all" and value is not None]
        if self.all is None and not given:
            raise ValueError(_EMPTY)
        if self.all is not None and (given or not self.all):
            raise ValueError(_ALL)
        return self


class AppHoldSpec(UserModel):
    """What the platform team orders."""

    selector: HoldSelector
    """Which apps."""
    reason: Annotated[str, Field(min_length=1, max_length=512)]
    """Why. Authors of the apps read it in their status."""
    until: Time | None = None
    """When it ends, by the clock of the leading operator. Nothing starts then. Absent: when it is deleted."""


class AppHold(OwnModel):
    """A kill switch: matching apps are stopped, and new ones do not start. What it stopped starts by acknowledgement
    only, after it has ended."""

    model_config = ConfigDict(json_schema_extra=rules(NAME_RULE))

    metadata: ObjectMeta
    spec: AppHoldSpec
