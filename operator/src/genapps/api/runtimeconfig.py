# SPDX-License-Identifier: Apache-2.0
"""RuntimeConfig: the file that a runtime pod takes all its settings from. Named by its digest."""

from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from genapps.api.cors import Method
from genapps.api.digests import canonical
from genapps.api.fields import Digest, DnsLabel, HeaderName, Key, UserModel
from genapps.api.generatedapp import Language
from genapps.api.names import CANARY_PORT, GATEWAY_PORT
from genapps.api.operations import CONTENT_TYPE, FALLBACK_CHARACTERS
from genapps.api.schedules import CRON, PATH, SCHEDULES, ZONE, Missed

RUNTIME_API_VERSION: Literal["runtime.genapps.dev/v1"] = "runtime.genapps.dev/v1"

Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]
NAP_MILLIS = 24 * 3600 * 1000
Natural = Annotated[int, Field(ge=0, le=2**53 - 1)]
Text = Annotated[str, Field(min_length=1, max_length=1024)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Setting(UserModel):
    """A part of the file: written whole, so its schema requires every field."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Digests(Setting):
    """What the runtime checks before it loads anything, and writes on every log line."""

    code: Digest
    """The digest of the bundle."""
    envelope: Digest
    """The digest of the envelope."""


class RuntimeLimits(Setting):
    """The limits of one app."""

    guest_memory_bytes: Positive
    """Memory of one guest."""
    instances: Positive
    """Guests at the same time."""
    request_body_bytes: Positive
    """The largest request body."""
    response_body_bytes: Positive
    """The largest response body."""
    concurrency: Positive
    """Actions at the same time."""
    tool_calls_per_action: Natural
    """Tool calls in one action."""
    state_per_tenant_bytes: Positive
    """What one tenant may store."""
    log_bytes_per_action: Natural
    """What the guest may log in one action; the rest is dropped."""
    cpu_millis_per_action: Positive
    """Milliseconds of the processor that one action may use."""


class TimeBudget(Setting):
    """Time budgets in milliseconds of wall-clock time."""

    action_millis: Positive
    """One action."""
    load_millis: Positive
    """Loading the code."""
    nap_millis: Annotated[int, Field(ge=0, le=NAP_MILLIS)]
    """Without a request, until the process that serves the app ends; 0: it stays."""


class CorsRules(Setting):
    """Which pages of other origins may read the app's answers in a browser."""

    allowed_origins: tuple[Annotated[str, Field(max_length=268)], ...]
    """As browsers send them; or `*` alone."""
    allowed_methods: tuple[Method, ...]
    """What pages may call with."""
    allowed_headers: tuple[HeaderName, ...]
    """What pages may send."""
    exposed_headers: tuple[HeaderName, ...]
    """What pages may read."""
    allow_credentials: bool
    """Whether browsers send cookies."""
    max_age_seconds: Natural | None
    """How long a preflight holds; null: as the browser likes."""


class StaticFallback(Setting):
    """A fixed answer."""

    status: Annotated[int, Field(ge=200, le=599)]
    """The HTTP status."""
    content_type: Annotated[str, Field(min_length=1, max_length=127, pattern=CONTENT_TYPE)]
    """The content type of the body."""
    body: Annotated[str, Field(max_length=FALLBACK_CHARACTERS)]
    """The body."""


class RuntimeFallback(Setting):
    """What callers get when the app cannot answer: the first of lastGood, export and static that there is."""

    static: StaticFallback | None
    """A fixed answer."""
    last_good: bool
    """The last good answer to the same GET."""
    export: bool
    """The app's own fallback."""


class TenantByToken(Setting):
    """The tenant is a claim of a token."""

    issuer: Text
    """The issuer of the tokens; the gateway delivers its keys."""
    audience: Text
    """The audience that tokens must have."""
    claim: Text
    """The claim that names the tenant."""


class TenantByHeader(Setting):
    """The tenant is named by a header of a caller who has proved themselves with a token of the API server."""

    name: HeaderName
    """The header."""
    audience: Text
    """The audience that tokens must have."""
    callers: Annotated[tuple[Text, ...], Field(min_length=1, max_length=16)]
    """The subjects of tokens of those who may set it."""


class Tenancy(Setting):
    """How the tenant of a request is known; one of `jwt` and `header` is null."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"properties": {"jwt": {"type": "null"}}}, {"properties": {"header": {"type": "null"}}}]
        }
    )

    jwt: TenantByToken | None
    """By a token."""
    header: TenantByHeader | None
    """By a header."""
    max_tenants: Annotated[int, Field(ge=1, le=100_000)]
    """The most tenants that may have state."""
    forget_seconds: Natural
    """A tenant who has not called for so long is deleted; 0: nobody is."""


class ScheduleRule(Setting):
    """A path that is asked for by the clock."""

    name: DnsLabel
    """Unique in the app."""
    cron: Annotated[str, Field(min_length=9, max_length=100, pattern=CRON)]
    """When."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern=ZONE)]
    """Where."""
    path: Annotated[str, Field(min_length=1, max_length=512, pattern=PATH)]
    """What."""
    missed: Missed
    """What becomes of missed ticks."""


class RuntimeRetention(Setting):
    """How long things are kept."""

    responses_seconds: Positive
    """Responses for repeated requests."""
    state_seconds: Annotated[int, Field(ge=0)] = 0
    """Keys of the state, and rows of tables that say when they were written; 0: without limit."""


class GatewayAddress(Setting):
    """Where the gateway is; its host resolves through the pod's hostAliases."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    """The name in its certificate."""
    port: Port = GATEWAY_PORT
    """The HTTPS port."""
    canary_port: Port = CANARY_PORT
    """The port that must not be reachable."""


def _absent_for_others(schema: dict[str, Any]) -> None:
    """What one language alone has is not written for the others."""
    schema["required"].remove("connectors")


class RuntimeConfig(Setting):
    """All settings of one runtime pod."""

    model_config = ConfigDict(json_schema_extra=_absent_for_others)

    api_version: Literal["runtime.genapps.dev/v1"] = RUNTIME_API_VERSION
    """The version of this format."""
    app: DnsLabel
    """The app's name."""
    namespace: DnsLabel
    """The app's namespace."""
    revision: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    """The first 12 hex characters of the revision's digest."""
    digests: Digests
    """What the runtime checks."""
    language: Language
    """The engine that runs the code."""
    entry: Key
    """The file that is loaded first."""
    connectors: Annotated[tuple[DnsLabel, ...], Field(max_length=32)] | None = None
    """The connectors of the envelope, for JavaScript: `env` has them by name. Absent for other languages."""
    limits: RuntimeLimits
    """The limits of the app."""
    time: TimeBudget
    """Time budgets."""
    tenancy: Tenancy | None = None
    """How the tenant is known; null: one tenant, default."""
    fallback: RuntimeFallback | None = None
    """What callers get when the app cannot answer; null: an error."""
    cors: CorsRules | None = None
    """Which pages of other origins may read answers; null: the app says it itself."""
    background: bool = False
    """Whether requests that may change something are accepted now and run later."""
    schedules: Annotated[tuple[ScheduleRule, ...], Field(max_length=SCHEDULES)] = ()
    """What is asked for by the clock."""
    state_snapshot: bool = False
    """Whether the state that another revision left is copied before this one's code runs."""
    retention: RuntimeRetention
    """How long things are kept."""
    gateway: GatewayAddress
    """Where the gateway is."""

    def content(self) -> bytes:
        """The bytes of `runtime.json`: canonical, so that equal settings have equal digests."""
        return _content(self)


# Of those that are at work: each pass over an app makes the same one again.
@lru_cache(maxsize=256)
def _content(config: RuntimeConfig) -> bytes:
    # A field of one language: the digests of other apps' configs stay as they were.
    absent = {"connectors"} if config.connectors is None else None
    return canonical(config.model_dump(by_alias=True, mode="json", exclude=absent))
