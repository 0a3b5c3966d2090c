# SPDX-License-Identifier: Apache-2.0
"""BudgetRecord: what holds of an AppBudget in its period. Gateways pay by it, and only the operator writes it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genapps.api.apprecord import Uid
from genapps.api.fields import Count, Digest, DnsLabel, ObjectMeta, OwnModel, Time
from genapps.api.names import API_VERSION

PeriodName = Annotated[str, Field(max_length=32)]


class PublishedLimits(OwnModel):
    """The most of each unit in the period. Absent: no limit."""

    tokens: Count | None = None
    """Input and output tokens of models."""
    tool_calls: Count | None = None
    """Calls of tools."""
    cpu_millis: Count | None = None
    """CPU milliseconds of guests."""
    cost_micros: Count | None = None
    """Millionths of a US dollar."""
    state_mib_seconds: Count | None = None
    """MiB of claims, each for the seconds that it exists."""


class PublishedPrices(OwnModel):
    """Prices in millionths of a US dollar. Absent: it costs nothing."""

    version: Digest
    """The digest of the prices: a line in a log that names it says what was paid."""
    input_micros: Count | None = None
    """A million input tokens."""
    output_micros: Count | None = None
    """A million output tokens."""
    cached_input_micros: Count | None = None
    """A million input tokens that the provider had in its cache; absent: as other input."""
    cache_write_micros: Count | None = None
    """A million input tokens that the provider put into its cache; absent: as other input."""
    cpu_hour_micros: Count | None = None
    """An hour of one core."""


class StateUse(OwnModel):
    """What the claims of all apps took up."""

    mib_seconds: Count = 0
    """So far in the period."""
    mib: Count = 0
    """The size of all claims as of `at`; they are counted with it until the next time."""
    at: Time
    """When it was last counted."""


class PastPeriod(OwnModel):
    """The period before."""

    period: PeriodName
    """Its name."""
    state_mib_seconds: Count = 0
    """What claims took up in it."""


class PublishedBudget(OwnModel):
    """What holds of a budget."""

    budget: DnsLabel
    """The AppBudget."""
    uid: Uid
    """Its uid."""
    period: PeriodName
    """The period, such as 2026-11. It never decreases."""
    starts_at: Time
    """When it began."""
    ends_at: Time
    """When it ends."""
    mode: Literal["Enforce", "Shadow"] = "Enforce"
    """Shadow: limits are counted and refuse nothing."""
    limits: PublishedLimits = PublishedLimits()
    """The limits."""
    prices: PublishedPrices
    """The prices."""
    state: StateUse
    """What claims took up."""
    previous: PastPeriod | None = None
    """The period before; absent: there was none."""


class BudgetRecord(OwnModel):
    """What holds of an AppBudget in its current period. Internal: written by the operator only."""

    metadata: ObjectMeta
    record: PublishedBudget

    @staticmethod
    def manifest(namespace: str, record: PublishedBudget, version: str | None) -> dict[str, Any]:
        """The object to create, or to put in the place of this version."""
        metadata = {"namespace": namespace, "name": record.budget}
        return {
            "apiVersion": API_VERSION,
            "kind": "BudgetRecord",
            "metadata": metadata if version is None else metadata | {"resourceVersion": version},
            "record": record.model_dump(by_alias=True, exclude_none=True, mode="json"),
        }
