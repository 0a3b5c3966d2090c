# SPDX-License-Identifier: Apache-2.0
"""The envelope: whose app it is, how risky, what it may talk to. Immutable, and no schema default inside it, ever."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field

from genapps.api.digests import envelope_digest
from genapps.api.fields import SET, Digest, DnsLabel, Duration, LabelValue, UserModel, duration_within


class RiskClass(StrEnum):
    """How much harm an app could do; ordered from least to most."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for the lowest class."""
        return _RANKS[self]


_RANKS = {each: number for number, each in enumerate(RiskClass)}


class Owner(UserModel):
    """Who answers for the app."""

    team: LabelValue
    """The team that owns the app and its data."""


class Retention(UserModel):
    """How long things are kept."""

    state: Annotated[Duration, duration_within("1h", "87600h")] | None = None
    """How long a key of the state is kept after its last write, and a row of a table with a column `retained_since`
    after the time there. Default: without limit."""
    responses: Annotated[Duration, duration_within("1m", "720h")] | None = None
    """How long a response is kept for repeated requests with the same key. Default: 24h."""
    after_delete: Annotated[Duration, duration_within("1h", "8760h")] | None = None
    """How long the claim is kept after the app is deleted. Default: 168h."""
    logs: Annotated[Duration, duration_within("1h", "8760h")] | None = None
    """How long logs should be kept. The log collector reads it from a label. Default: 168h."""


class Provenance(UserModel):
    """The origin of the code, as its author states it."""

    generator: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The system or model that generated the code."""
    prompt_digest: Digest | None = None
    """The digest of the prompt it was generated from."""
    created_by: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The person or system that asked for it."""


class Envelope(UserModel):
    """What the app is and may do. Immutable. Its digest is on every child, token, log line and ledger row."""

    owner: Owner
    """Who answers for the app."""
    risk_class: RiskClass
    """The declared risk class. The effective class is the highest of this one and those of the connectors."""
    family: LabelValue | None = None
    """The family of apps with the same purpose, for scorecards."""
    connectors: Annotated[tuple[DnsLabel, ...], Field(max_length=32, json_schema_extra=SET)] = ()
    """The names of the connectors that the app may call. Empty: none."""
    retention: Retention | None = None
    """How long state, responses, the claim and logs are kept."""
    provenance: Provenance | None = None
    """The origin of the code."""

    @cached_property
    def digest(self) -> str:
        """`envelope_digest` of this very object: an equal one may differ in which fields are given as their default."""
        return envelope_digest(self)
