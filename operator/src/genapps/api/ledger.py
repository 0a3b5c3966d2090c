# SPDX-License-Identifier: Apache-2.0
"""Ledger: what the gateway counted and heard of one app, or saw of one connector. Only the gateway writes it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from genapps.api.apprecord import ObjectRef
from genapps.api.fields import Digest, Money, ObjectMeta, OwnModel, Time, rules

WINDOW_ENTRIES = 100
"""The most violations that a Ledger lists."""


class ViolationRule(StrEnum):
    """What an app may not do: the closed set of violations."""

    CONNECTOR_NOT_IN_ENVELOPE = "connector_not_in_envelope"
    TOOL_NOT_IN_CONTRACT = "tool_not_in_contract"
    TOKEN_MISUSE = "token_misuse"  # noqa: S105 (the name of a rule)
    RAW_EGRESS = "raw_egress"
    FACET_ESCAPE = "facet_escape"
    SNAPSHOT_MISMATCH = "snapshot_mismatch"


class ViolationEntry(OwnModel):
    """One violation."""

    at: Time
    """When the gateway saw it."""
    rule: ViolationRule
    """The rule that was broken."""
    subject: Annotated[str, Field(max_length=253)]
    """What it was about, such as the connector. Text of the app: hostile."""
    request_id: Annotated[str, Field(max_length=128)]
    """The request under which it happened, as the runtime names it."""
    envelope: Digest | None = None
    """The digest of the envelope that it broke; absent: seen by an older gateway."""


class Tripped(OwnModel):
    """The threshold was reached."""

    at: Time
    """When it was last reached."""
    count: Annotated[int, Field(ge=1)]
    """How many violations counted then."""


class Violations(OwnModel):
    """The violations of an app."""

    total: Annotated[int, Field(ge=0)] = 0
    """All that were ever seen."""
    window: Annotated[tuple[ViolationEntry, ...], Field(max_length=WINDOW_ENTRIES)] = ()
    """Those inside the policy's window, oldest first."""
    tripped: Tripped | None = None
    """When the threshold was last reached; absent: never."""


class Usage(OwnModel):
    """What an app used in a period."""

    period: Annotated[str, Field(max_length=32)]
    """The period, such as 2026-11."""
    tokens: Annotated[int, Field(ge=0)] = 0
    """Tokens of models."""
    tool_calls: Annotated[int, Field(ge=0)] = 0
    """Calls of tools."""
    cpu_seconds: Annotated[int, Field(ge=0)] = 0
    """CPU seconds of guests."""
    cost_usd: Money = Field(default="0", alias="costUSD")
    """US dollars."""


class Reservation(OwnModel):
    """An upper bound that is set aside for a call until it is settled."""

    id: Annotated[str, Field(max_length=128)]
    """Its id."""
    at: Time
    """When it was made."""
    tokens: Annotated[int, Field(ge=0)] = 0
    """Tokens of models."""
    cost_usd: Money = Field(default="0", alias="costUSD")
    """US dollars."""


class ReportedBreaker(OwnModel):
    """The execution breaker of an app, as the runtime in its pod says."""

    pod: Annotated[str, Field(max_length=64)]
    """The uid of that pod."""
    open: bool
    """Whether it refuses requests because the app keeps failing."""
    since: Time
    """When the gateway first heard of that."""
    confirmed_at: Time
    """When the runtime last confirmed it; noted once in a while."""


class ConnectorUse(OwnModel):
    """What the gateways saw of a connector."""

    calls: Annotated[int, Field(ge=0)] = 0
    """Calls that were made of it."""
    errors: Annotated[int, Field(ge=0)] = 0
    """Those of them that it failed: not reached, not answered, or not answered as its contract says."""
    checked_at: Time | None = None
    """When a gateway last told of a call; absent: never."""
    open: bool = False
    """Whether a gateway's breaker of it is open."""
    since: Time | None = None
    """Since when, or since when it last was; absent: it never was."""
    confirmed_at: Time | None = None
    """When a gateway last said that its breaker is open."""


class LedgerRecord(OwnModel):
    """Everything that was counted for one app, or for one connector."""

    model_config = ConfigDict(
        json_schema_extra=rules(("has(self.app) != has(self.connector)", "record: it is of an app or of a connector"))
    )

    app: ObjectRef | None = None
    """The GeneratedApp; absent: it is the Ledger of a connector."""
    connector: ConnectorUse | None = None
    """What was seen of the connector that the Ledger is named after."""
    violations: Violations = Violations()
    """Its violations."""
    usage: Usage | None = None
    """What it used in this period."""
    reservations: Annotated[tuple[Reservation, ...], Field(max_length=256)] = ()
    """What is set aside."""
    breaker: ReportedBreaker | None = None
    """Absent: no runtime ever said that the app's execution breaker is open."""

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        # What says neither might be the Ledger of an app that lost whose it is: nobody may read it as an empty one.
        if (self.app is None) == (self.connector is None):
            raise ValueError("a Ledger is of an app or of a connector")
        return self


class Ledger(OwnModel):
    """What the gateway counted for an app or a connector. Internal: written by the gateway only."""

    metadata: ObjectMeta
    record: LedgerRecord
