# SPDX-License-Identifier: Apache-2.0
"""The status of the kinds that people write: a mirror of verdicts, written by the operator only and never read back."""

from typing import Annotated, Literal

from pydantic import Field

from genapps.api.apprecord import REVISIONS_KEPT, Evidence, RevisionResult
from genapps.api.envelope import RiskClass
from genapps.api.fields import OwnModel, Time, defaulted
from genapps.api.generatedapp import Stage

Short = Annotated[str, Field(max_length=253)]
Long = Annotated[str, Field(max_length=2048)]
Number = Annotated[int, Field(ge=0)]
Amount = Annotated[str, Field(max_length=32)]


class Condition(OwnModel):
    """One aspect of the object's state."""

    type: Annotated[str, Field(max_length=63)]
    """The type of the condition."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds."""
    observed_generation: int | None = None
    """The generation that the condition is about."""
    last_transition_time: Time
    """When status last changed."""
    reason: Annotated[str, Field(max_length=63)]
    """Why, in one word. docs/reference.md lists all reasons."""
    message: Annotated[str, Field(max_length=4096)]
    """Why, and what to do."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


class ConditionsStatus(OwnModel):
    """The part that every kind has."""

    observed_generation: int = defaulted(-1)
    """The generation that this status is about."""
    conditions: Conditions = ()
    """The conditions. Ready sums them up."""


class RecentViolation(OwnModel):
    """One violation."""

    rule: Annotated[str, Field(max_length=63)]
    """The rule that was broken."""
    subject: Short
    """What it was about."""
    at: Time
    """When."""
    request_id: Annotated[str, Field(max_length=128)]
    """In which request."""


class ViolationsStatus(OwnModel):
    """What the gateway counted."""

    count: Number = 0
    """The violations that count now."""
    window: Annotated[str, Field(max_length=20)] | None = None
    """The sliding window."""
    total: Number = 0
    """All violations so far."""
    recent: Annotated[tuple[RecentViolation, ...], Field(max_length=10)] = ()
    """The latest ones."""


class RecentDefect(OwnModel):
    """One defect."""

    code: Annotated[str, Field(max_length=63)]
    """What was wrong, in one word."""
    subject: Short
    """What it was about."""
    at: Time
    """When."""
    request_id: Annotated[str, Field(max_length=128)]
    """In which request."""


class DefectsStatus(OwnModel):
    """Calls and answers that were malformed, or broke a contract, in distinct actions."""

    count: Number = 0
    """The defects that count now."""
    window: Annotated[str, Field(max_length=20)] | None = None
    """The sliding window."""
    total: Number = 0
    """All defects so far."""
    latest: RecentDefect | None = None
    """The last one that was written down; those of a few seconds are told together."""


class LimitsStatus(OwnModel):
    """Refusals because of a limit of the app: its rates, its budget, its sizes. They never suspend it."""

    count: Number = 0
    """Those within the window."""
    window: Annotated[str, Field(max_length=20)] | None = None
    """The sliding window, which is that of defects."""
    total: Number = 0
    """All so far."""


class SuspensionStatus(OwnModel):
    """The open suspension."""

    id: Annotated[str, Field(max_length=32)]
    """The id. Copy it to spec.acknowledgedSuspension to resume the app."""
    reason: Annotated[str, Field(max_length=63)]
    """Why."""
    at: Time
    """Since when."""
    repeats: Number = 0
    """How many suspensions for violations were acknowledged before, up to 20. Above 0, only the platform team may
    resume the app."""
    hold: Annotated[str, Field(max_length=63)] | None = None
    """The AppHold that it came from."""
    holds: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=8)] = ()
    """AppHolds in force that match the app, whatever it was suspended for. While there is one, nothing resumes it."""


class UsageStatus(OwnModel):
    """What the app used in this period."""

    period: Annotated[str, Field(max_length=32)] | None = None
    """The period."""
    tokens: Number | None = None
    """Tokens of models."""
    tool_calls: Number | None = None
    """Calls of tools."""
    cpu_seconds: Number | None = None
    """CPU seconds of guests."""
    cost_usd: Amount | None = Field(default=None, alias="costUSD")
    """US dollars."""
    actions: Number | None = None
    """Actions."""
    fallbacks: Number | None = None
    """Actions that were answered by the fallback."""
    budget_percent: Number | None = None
    """The share of the app's most used limit."""


class ConnectorState(OwnModel):
    """A connector of the envelope."""

    name: Annotated[str, Field(max_length=63)]
    """Its name."""
    contract_digest: Annotated[str, Field(max_length=71)] | None = None
    """The current contract; absent while the connector has none."""
    state: Annotated[str, Field(max_length=63)]
    """Granted; Changed: granted, and the contract is another one than the running revision started with, or was
    reviewed with; or Unknown: not in the catalogue, or not granted to the namespace of the app."""


class RevisionState(OwnModel):
    """A revision that ran or was tried."""

    revision: Annotated[str, Field(max_length=12)]
    """The revision."""
    code_digest: Annotated[str, Field(max_length=71)]
    """Its code."""
    at: Time
    """When it was started."""
    result: RevisionResult
    """The result. The operator can roll back to a Superseded revision. It does not try a Failed one again."""


class GeneratedAppStatus(ConditionsStatus):
    """The state of the app. Written by the operator only."""

    url: Short | None = None
    """The URL for callers in the app's namespace."""
    address: Annotated[str, Field(max_length=45)] | None = None
    """The IP address of the URL."""
    revision: Annotated[str, Field(max_length=12)] | None = None
    """The revision that runs."""
    desired_revision: Annotated[str, Field(max_length=12)] | None = None
    """The revision that should run."""
    code_digest: Annotated[str, Field(max_length=71)] | None = None
    """The digest of the code that runs or will run."""
    envelope_digest: Annotated[str, Field(max_length=71)] | None = None
    """The digest of the envelope."""
    effective_risk: RiskClass | None = None
    """The highest risk class of the app and its connectors."""
    risk_reason: Short | None = None
    """Why the effective risk class is what it is."""
    stage: Stage | None = None
    """The stage it has reached."""
    violations: ViolationsStatus | None = None
    """What the gateway counted."""
    defects: DefectsStatus | None = None
    """Malformed calls and answers; absent: none was seen."""
    limits: LimitsStatus | None = None
    """How often a limit refused the app; absent: never."""
    suspension: SuspensionStatus | None = None
    """The open suspension."""
    usage: UsageStatus | None = None
    """What the app used in this period."""
    connectors: Annotated[tuple[ConnectorState, ...], Field(max_length=32)] = ()
    """The connectors of the envelope."""
    revisions: Annotated[tuple[RevisionState, ...], Field(max_length=REVISIONS_KEPT)] = ()
    """The revisions that are kept, newest last."""
    reviews: Annotated[tuple[Evidence, ...], Field(max_length=100)] = ()
    """Results of the promotion gates."""


class BudgetAmounts(OwnModel):
    """Amounts in the units of a budget."""

    tokens: Number | None = None
    """Tokens of models."""
    tool_calls: Number | None = None
    """Calls of tools."""
    cpu_seconds: Number | None = None
    """CPU seconds of guests."""
    cost_usd: Amount | None = Field(default=None, alias="costUSD")
    """US dollars."""
    state_gib_hours: Number | None = Field(default=None, alias="stateGiBHours")
    """GiB of claims, each for the hours that it exists."""


class TierUse(OwnModel):
    """How many apps use a tier."""

    name: Annotated[str, Field(max_length=63)]
    """The tier."""
    apps: Number
    """Its apps."""


class Scorecard(OwnModel):
    """How a family of apps does; ratios are decimal strings between 0 and 1."""

    family: Annotated[str, Field(max_length=63)]
    """The family."""
    apps: Number
    """Its apps."""
    actions: Number | None = None
    """Their actions in this period."""
    cost_per_action: Amount | None = None
    """US dollars for an action."""
    cache_hit_ratio: Amount | None = None
    """Tool calls that were answered from the cache."""
    shared_connectors: Number | None = None
    """Connectors that more than one app of the family uses."""
    fallback_ratio: Amount | None = None
    """Actions that were answered by the fallback."""
    retry_ratio: Amount | None = None
    """Actions that were repeated."""
    shared_code: Number | None = None
    """Its apps that run code which another one runs as well."""
    saved_usd: Amount | None = Field(default=None, alias="savedUSD")
    """US dollars that answers from the cache would have cost."""
    refused_usd: Amount | None = Field(default=None, alias="refusedUSD")
    """US dollars that refused calls might have cost."""


class AppBudgetStatus(ConditionsStatus):
    """The state of the budget. Written by the operator only."""

    period: Annotated[str, Field(max_length=32)] | None = None
    """The current period."""
    spent: BudgetAmounts | None = None
    """What is spent."""
    leased: BudgetAmounts | None = None
    """What gateways have reserved and not settled."""
    remaining: BudgetAmounts | None = None
    """What is left."""
    forecast: BudgetAmounts | None = None
    """What will be spent at the end of the period, if it goes on as in the last seven days."""
    spent_percent: Number | None = None
    """The highest share of a limit that is spent."""
    alert: Number | None = None
    """The highest of `spec.alerts` that was reached in this period; a raised limit does not take it back."""
    shadow_refusals: Number | None = None
    """Under mode Shadow: the calls that a limit would have refused."""
    exhausted: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=8)] = ()
    """The units that are used up."""
    apps: Number | None = None
    """The apps of this budget."""
    tiers: Annotated[tuple[TierUse, ...], Field(max_length=16)] = ()
    """How many apps use each tier."""
    scorecards: Annotated[tuple[Scorecard, ...], Field(max_length=64)] = ()
    """How the families do."""


class ConnectorStatus(ConditionsStatus):
    """The state of the connector. Written by the operator only."""

    contract_digest: Annotated[str, Field(max_length=71)] | None = None
    """The digest of its contract."""
    apps: Number | None = None
    """The apps that use it."""
    calls: Number | None = None
    """The calls that gateways made of it, told about every 30 seconds."""
    errors: Number | None = None
    """Those of them that it failed: not reached, not answered, or not answered as its contract says."""
    breaker: Literal["Closed", "Open"] | None = None
    """Open: a gateway spares it because it fails, and tries single calls."""
    last_check: Time | None = None
    """When a gateway last told of a call."""


class AppHoldStatus(ConditionsStatus):
    """The state of the hold. Written by the operator only."""

    active: bool | None = None
    """Whether it is in force: spec.until is not over."""
    matched: Number | None = None
    """The apps that it matches."""
    draining: Number | None = None
    """Those of them whose pod is not gone yet."""
