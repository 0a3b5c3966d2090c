# SPDX-License-Identifier: Apache-2.0
"""Ledger: what the gateway counted and heard of one app. Created with the first entry; only the gateway writes it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from genapps.api.apprecord import ObjectRef
from genapps.api.fields import Digest, Money, ObjectMeta, OwnModel, Time

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


class LedgerRecord(OwnModel):
    """Everything that was counted for one app."""

    app: ObjectRef
    """The GeneratedApp."""
    violations: Violations = Violations()
    """Its violations."""
    usage: Usage | None = None
    """What it used in this period."""
    reservations: Annotated[tuple[Reservation, ...], Field(max_length=256)] = ()
    """What is set aside."""
    breaker: ReportedBreaker | None = None
    """Absent: no runtime ever said that the app's execution breaker is open."""


class Ledger(OwnModel):
    """What the gateway counted for an app. Internal: written by the gateway only."""

    metadata: ObjectMeta
    record: LedgerRecord
