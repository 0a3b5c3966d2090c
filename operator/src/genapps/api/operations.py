# SPDX-License-Identifier: Apache-2.0
"""How an app is kept going: fallback, incident, rollback, objectives and attestation."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from genapps.api.fields import Form, HttpsUrl, Key, Latency, ObjectName, UserModel, rules

CONTENT_TYPE = "^[a-z]+/[-+.a-z0-9]+(; ?charset=[-A-Za-z0-9]+)?$"
FALLBACK_CHARACTERS = 16_384


class StaticFallback(UserModel):
    """A fixed response."""

    status: Annotated[int, Field(ge=200, le=599)]
    """The HTTP status."""
    content_type: Annotated[
        str,
        Field(max_length=127),
        Form(CONTENT_TYPE, "write a type such as text/plain"),
    ]
    """The content type of the body."""
    body: Annotated[str, Field(max_length=FALLBACK_CHARACTERS)]
    """The body, at most 16 Ki characters."""


class Fallback(UserModel):
    """What callers get when the app cannot answer: the first of lastGood, export and static that there is."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.static) || (has(self.lastGood) && self.lastGood) || (has(self.export) && self.export)",
                "spec.fallback: give static, lastGood: true or export: true, or leave fallback out",
            )
        )
    )

    static: StaticFallback | None = None
    """A fixed response."""
    last_good: bool | None = None
    """The last good response to the same path and query (GET only, of the same tenant, process and revision). Not for
    answers that depend on other headers."""
    export: bool | None = None
    """The app's own fallback function (@app.fallback). It has a second, reads the state and calls no tools."""


class Incident(UserModel):
    """Whom to call."""

    contact: Annotated[str, Field(min_length=1, max_length=253)]
    """A person, a rota or an address."""
    runbook: HttpsUrl | None = None
    """What to do."""


class Rollback(UserModel):
    """What happens when a revision fails."""

    to: Annotated[
        str,
        Field(max_length=71),
        Form("^(previousRevision|fallback|sha256:[0-9a-f]{64})$", "write previousRevision, fallback, or a code digest"),
    ]
    """previousRevision, fallback, or the digest of an earlier revision."""
    state: Literal["Keep", "Restore"] | None = None
    """Whether the state is restored too. Default: Keep."""


class SloLatency(UserModel):
    """Latency objectives."""

    p95: Latency
    """95 % of actions answer within this time, such as 800ms."""


class Slo(UserModel):
    """Service level objectives."""

    availability: (
        Annotated[
            str,
            Field(max_length=6),
            Form("^[0-9]{1,2}([.][0-9]{1,3})?$", 'write a percentage below 100, such as "99.5"'),
        ]
        | None
    ) = None
    """The percentage of actions that succeed, such as "99.5"."""
    latency: SloLatency | None = None
    """Latency objectives."""


class AttestationConfigMap(UserModel):
    """A key of a ConfigMap of the app's namespace."""

    name: ObjectName
    """The ConfigMap."""
    key: Key
    """The key that holds the signed statement (DSSE JSON)."""


class Attestation(UserModel):
    """A signed statement about the code."""

    config_map: AttestationConfigMap
    """Where the statement is."""
