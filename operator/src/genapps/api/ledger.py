# SPDX-License-Identifier: Apache-2.0
"""Ledger: what gateways counted and heard of an app, saw of a connector, or spent of a budget. Only they write it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from genapps.api.apprecord import ObjectRef
from genapps.api.fields import Count, Digest, DnsLabel, ObjectMeta, OwnModel, Time, rules
from genapps.api.slow_counts import Defects, LimitsMet, Tripped

WINDOW_ENTRIES = 100
"""The most violations that a Ledger lists."""
MOST_LEASES = 16
"""Gateways that may hold something at once, with those that ended and were not noticed yet."""
MOST_DAYS = 35


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


class Violations(OwnModel):
    """The violations of an app."""

    total: Annotated[int, Field(ge=0)] = 0
    """All that were ever seen."""
    window: Annotated[tuple[ViolationEntry, ...], Field(max_length=WINDOW_ENTRIES)] = ()
    """Those inside the policy's window, oldest first."""
    tripped: Tripped | None = None
    """When the threshold was last reached; absent: never."""


class StoredAmounts(OwnModel):
    """What was used, or set aside, in the four units that gateways count."""

    tokens: Count = 0
    """Input and output tokens of models."""
    tool_calls: Count = 0
    """Calls that left the gateway; one that was tried twice counts twice."""
    cpu_millis: Count = 0
    """CPU milliseconds that the app's pod was granted."""
    cost_micros: Count = 0
    """Millionths of a US dollar."""


class Lease(OwnModel):
    """What one gateway may spend without asking again."""

    holder: Annotated[str, Field(max_length=128)]
    """The pod and the process of the gateway."""
    serial: Count = 0
    """The holder's write that this is the outcome of: it tells whether one whose answer was lost was made."""
    at: Time
    """When the holder last wrote."""
    amounts: StoredAmounts = StoredAmounts()
    """What it holds and has not told to be spent."""


class Exhausted(OwnModel):
    """A unit of which hardly anything is left."""

    unit: Annotated[str, Field(max_length=32)]
    """The unit, as it is named in the amounts."""
    limit: Count
    """The limit that was met. Under a higher one the unit is not exhausted any more."""
    at: Time
    """When."""


class Activity(OwnModel):
    """Figures of a period that nothing is limited by."""

    actions: Count = 0
    """Requests that the app answered, as its runtime says."""
    fallbacks: Count = 0
    """Those of them that a fallback answered."""
    retries: Count = 0
    """Those of them that repeated an earlier one."""
    cache_hits: Count = 0
    """Calls that were answered from the cache."""
    saved_micros: Count = 0
    """What they would have cost, in millionths of a US dollar."""
    refusals: Count = 0
    """Calls that a limit refused."""
    refused_micros: Count = 0
    """What they might have cost."""
    shadow_refusals: Count = 0
    """Calls that a limit would have refused under mode Enforce."""


class DayTotal(OwnModel):
    """What was spent on one day."""

    day: Annotated[str, Field(max_length=10)]
    """The day in UTC, such as 2026-11-17."""
    spent: StoredAmounts
    """What was told to be spent on it."""


class PeriodAccount(OwnModel):
    """What an app or a budget has used in one period."""

    period: Annotated[str, Field(max_length=32)]
    """The period, such as 2026-11."""
    spent: StoredAmounts = StoredAmounts()
    """What is used up."""
    overrun: StoredAmounts = StoredAmounts()
    """What of that nobody had set aside: a connector used more than it may."""
    leases: Annotated[tuple[Lease, ...], Field(max_length=MOST_LEASES)] = ()
    """What gateways hold. It counts as used until they give it back."""
    exhausted: Annotated[tuple[Exhausted, ...], Field(max_length=4)] = ()
    """The units of which hardly anything is left."""
    activity: Activity = Activity()
    """Figures."""
    days: Annotated[tuple[DayTotal, ...], Field(max_length=MOST_DAYS)] = ()
    """What was spent by day, oldest first; of budgets only."""


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


class Overrun(OwnModel):
    """A connector used more than it was allowed, or said so."""

    at: Time
    """When the gateway saw it."""
    version: Annotated[str, Field(max_length=128)]
    """Uid and generation of the Connector: a change of its spec ends the block."""
    tokens: Count = 0
    """Tokens beyond what was allowed."""
    cost_micros: Count = 0
    """What they cost, in millionths of a US dollar."""


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
    overrun: Overrun | None = None
    """Why no gateway calls it; absent: it never used more than it was allowed."""


class LedgerRecord(OwnModel):
    """Everything that was counted for one app, one connector or one budget."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.app), has(self.connector), has(self.budget)].filter(of, of).size() == 1",
                "record: it is of an app, of a connector or of a budget",
            )
        )
    )

    app: ObjectRef | None = None
    """The GeneratedApp; absent: it is the Ledger of a connector or of a budget."""
    budget: DnsLabel | None = None
    """The AppBudget; absent: it is the Ledger of an app or of a connector."""
    connector: ConnectorUse | None = None
    """What was seen of the connector that the Ledger is named after."""
    violations: Violations = Violations()
    """Its violations."""
    defects: Defects | None = None
    """Its defects; absent: none was ever seen."""
    limits_met: LimitsMet | None = None
    """How often a limit refused it; absent: never."""
    account: PeriodAccount | None = None
    """What it used in this period; absent: nothing was used yet."""
    previous: PeriodAccount | None = None
    """The same of the period before."""
    breaker: ReportedBreaker | None = None
    """Absent: no runtime ever said that the app's execution breaker is open."""

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        # What says neither might be the Ledger of an app that lost whose it is: nobody may read it as an empty one.
        if sum(of is not None for of in (self.app, self.connector, self.budget)) != 1:
            raise ValueError("a Ledger is of an app, of a connector or of a budget")
        return self


class Ledger(OwnModel):
    """What the gateway counted for an app, a connector or a budget. Internal: written by the gateway only."""

    metadata: ObjectMeta
    record: LedgerRecord
