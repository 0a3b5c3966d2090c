# SPDX-License-Identifier: Apache-2.0
"""The RuntimeConfig: the file that the process arguments name by digest, parsed strictly.

The operator writes the file from a pydantic model (`genapps.api.runtimeconfig`). tests/contract hold both sides to
docs/contracts/runtime-config.schema.json. Unknown fields are refused: an older runtime must not run an app with
rules that it does not know. A field that came later may be absent: a revision that is returned to, or that is held
while its source is wrong, has the file that an older operator wrote, and works as it did then.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

import orjson

from genapps_runtime.termination import Reason, RefusedError

API_VERSION = "runtime.genapps.dev/v1"
LANGUAGES = ("python", "javascript", "component")
"""Those that there is an engine for, and components, which need none."""
CONFIG_BYTES = 1024 * 1024
MAXIMUM = 2**53 - 1
FALLBACK_CHARACTERS = 16_384
NAP_MILLIS = 24 * 3600 * 1000
MOST_TENANTS = 100_000
SUBJECT = "sub"
"""The claim with the caller, in tokens of the API server."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
LISTED = 32
_ORIGIN = re.compile(r"(?:\*|https?://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?)\Z")
_METHOD = re.compile(r"[A-Z]{1,16}\Z")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_CONTENT_TYPE = re.compile(r"(?=.{1,127}\Z)[a-z]+/[-+.a-z0-9]+(; ?charset=[-A-Za-z0-9]+)?\Z")
_SUBJECT = re.compile(r"[!-~]{1,1024}\Z")
SCHEDULES = 16
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_CRON = re.compile(r"(?=.{9,100}\Z)[-A-Za-z0-9*/,#]+( [-A-Za-z0-9*/,#]+){4}\Z")
_ZONE = re.compile(r"(?=.{1,64}\Z)[A-Za-z][-+_A-Za-z0-9]*(/[A-Za-z0-9][-+_A-Za-z0-9]*){0,2}\Z")
_PATH = re.compile(r"/[-._~A-Za-z0-9/]{0,511}\Z")
_MISSED = re.compile(r"(Skip|RunOnce)\Z")
_REVISION = re.compile(r"[0-9a-f]{12}\Z")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes and counts of the app's tier."""

    guest_memory_bytes: int
    instances: int
    request_body_bytes: int
    response_body_bytes: int
    concurrency: int
    tool_calls_per_action: int
    state_per_tenant_bytes: int
    log_bytes_per_action: int
    cpu_millis_per_action: int
    """Of the processor, for one action; 0: without limit."""


@dataclass(frozen=True, slots=True)
class CorsRules:
    """Which pages of other origins may read the app's answers in a browser; `*` is an origin that stands for all."""

    allowed_origins: tuple[str, ...]
    allowed_methods: tuple[str, ...]
    allowed_headers: tuple[str, ...]
    exposed_headers: tuple[str, ...]
    allow_credentials: bool
    max_age_seconds: int | None


@dataclass(frozen=True, slots=True)
class StaticFallback:
    """A fixed answer."""

    status: int
    content_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Fallback:
    """What callers get when the app cannot answer."""

    static: StaticFallback | None
    last_good: bool
    export: bool
    """The app's own fallback."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """How the tenant of a request is known.

    With a `header`, that names the tenant, and the caller is one of `callers`, who prove themselves with tokens of the
    API server. Without one, a token of the `issuer` has the tenant in its `claim`.
    """

    audience: str
    issuer: str
    """Empty: the API server's."""
    claim: str
    header: str
    """In lower case; empty: the tenant is in the token."""
    callers: frozenset[str]
    """Subjects of tokens, such as system:serviceaccount:finance:web."""
    most_tenants: int
    forget_seconds: int
    """How long a tenant does not call until they are deleted; 0: they stay."""


@dataclass(frozen=True, slots=True)
class ScheduleRule:
    """A path that is asked for by the clock. `missed` is Skip or RunOnce."""

    name: str
    cron: str
    time_zone: str
    path: str
    missed: str


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """What the operator decided for this pod. Times are in milliseconds, sizes in bytes."""

    app: str
    namespace: str
    revision: str
    code_digest: str
    envelope_digest: str
    language: str
    """One of LANGUAGES."""
    entry: str
    limits: Limits
    action_millis: int
    load_millis: int
    responses_seconds: int
    """How long the answer to a request with a key is kept for repeats of the request."""
    state_seconds: int
    """How long a key of the state is kept after its last write; 0: without limit."""
    nap_millis: int
    """How long the app has no request until its worker ends; 0: it stays."""
    gateway_host: str
    gateway_port: int
    canary_port: int
    cors: CorsRules | None
    """None: the app says it itself."""
    state_snapshot: bool
    """Copy the state that another revision left, before this one's code is loaded."""
    fallback: Fallback | None = None
    connectors: tuple[str, ...] | None = None
    """The names of those that the app may call; None where its language does not ask for them."""
    background: bool = False
    """Accept requests now and run them later."""
    tenancy: Tenancy | None = None
    """None: one tenant."""
    schedules: tuple[ScheduleRule, ...] = ()


def read_config(path: str, digest: str) -> RuntimeConfig:
    """The parsed file.

    Raises RefusedError: SnapshotMismatch unless the file has that digest (`sha256:<hex>`), ConfigInvalid when it
    cannot be read or parsed.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RefusedError(Reason.CONFIG_INVALID, f"cannot read the RuntimeConfig: {error}") from None
    found = "sha256:" + hashlib.sha256(content).hexdigest()
    if found != digest:
        raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"the RuntimeConfig has digest {found}; the pod expects {digest}")
    return parse_config(content)


def parse_config(content: bytes) -> RuntimeConfig:
    """The parsed content; raises RefusedError (ConfigInvalid) that names the field."""
    if len(content) > CONFIG_BYTES:
        _invalid("", f"more than {CONFIG_BYTES} bytes")
    try:
        raw = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        _invalid("", f"not JSON: {error}")
    top = _Section("", raw)
    if top.text("apiVersion") != API_VERSION:
        _invalid("apiVersion", f"this runtime supports {API_VERSION} only")
    language = top.text("language")
    if language not in LANGUAGES:
        _invalid("language", f"this runtime supports {', '.join(LANGUAGES)} only")
    digests, limits, time = top.section("digests"), top.section("limits"), top.section("time")
    gateway, retention = top.section("gateway"), top.section("retention")
    config = RuntimeConfig(
        app=top.text("app"),
        namespace=top.text("namespace"),
        revision=top.matching("revision", _REVISION, "12 hexadecimal digits"),
        code_digest=digests.digest("code"),
        envelope_digest=digests.digest("envelope"),
        language=language,
        entry=top.text("entry"),
        connectors=None
        if top.raw.get("connectors") is None
        else top.texts("connectors", _LABEL, "the name of a connector"),
        limits=Limits(
            guest_memory_bytes=limits.integer("guestMemoryBytes"),
            instances=limits.integer("instances", absent=1),
            request_body_bytes=limits.integer("requestBodyBytes"),
            response_body_bytes=limits.integer("responseBodyBytes"),
            concurrency=limits.integer("concurrency"),
            tool_calls_per_action=limits.integer("toolCallsPerAction", low=0),
            state_per_tenant_bytes=limits.integer("statePerTenantBytes"),
            log_bytes_per_action=limits.integer("logBytesPerAction", low=0),
            cpu_millis_per_action=limits.integer("cpuMillisPerAction", absent=0),
        ),
        action_millis=time.integer("actionMillis"),
        load_millis=time.integer("loadMillis"),
        responses_seconds=retention.integer("responsesSeconds"),
        state_seconds=retention.integer("stateSeconds", low=0, absent=0),
        nap_millis=time.integer("napMillis", low=0, high=NAP_MILLIS, absent=0),
        gateway_host=gateway.text("host"),
        gateway_port=gateway.integer("port", high=65535),
        canary_port=gateway.integer("canaryPort", high=65535),
        cors=_cors(top.section("cors")) if top.take("cors") is not None else None,
        state_snapshot=top.boolean("stateSnapshot"),
        fallback=_fallback(top),
        background=top.boolean("background", absent=False),
        tenancy=_tenancy(top.section("tenancy")) if top.take("tenancy") is not None else None,
        schedules=tuple(_schedule(one) for one in top.sections("schedules", SCHEDULES)),
    )
    for section in (top, digests, limits, time, gateway, retention):
        section.done()
    return config


def _cors(section: "_Section") -> CorsRules:
    rules = CorsRules(
        allowed_origins=section.texts("allowedOrigins", _ORIGIN, "'*', or a scheme, a host and a port"),
        allowed_methods=section.texts("allowedMethods", _METHOD, "a method"),
        allowed_headers=section.texts("allowedHeaders", _HEADER, "the name of a header"),
        exposed_headers=section.texts("exposedHeaders", _HEADER, "the name of a header"),
        allow_credentials=section.boolean("allowCredentials"),
        max_age_seconds=None if section.take("maxAgeSeconds") is None else section.integer("maxAgeSeconds", low=0),
    )
    if "*" in rules.allowed_origins and (rules.allow_credentials or len(rules.allowed_origins) > 1):
        _invalid("cors.allowedOrigins", "'*' stands alone, and without credentials")
    section.done()
    return rules


def _fallback(top: "_Section") -> Fallback | None:
    if top.take("fallback") is None:
        return None
    given = top.section("fallback")
    static = None
    if given.take("static") is not None:
        fixed = given.section("static")
        static = StaticFallback(
            status=fixed.integer("status", low=200, high=599),
            content_type=fixed.matching("contentType", _CONTENT_TYPE, "a content type of at most 127 characters"),
            body=fixed.text("body", low=0, high=FALLBACK_CHARACTERS),
        )
        fixed.done()
    fallback = Fallback(static, given.boolean("lastGood"), given.boolean("export"))
    given.done()
    return fallback


def _tenancy(section: "_Section") -> Tenancy:
    """One of `jwt` and `header` is null."""
    most, forget = section.integer("maxTenants", high=MOST_TENANTS), section.integer("forgetSeconds", low=0)
    issuer, claim, header, callers = "", SUBJECT, "", frozenset[str]()
    if section.take("header") is None:
        by = section.section("jwt")
        issuer, claim = by.text("issuer"), by.text("claim")
    elif section.take("jwt") is None:
        by = section.section("header")
        header = by.matching("name", _HEADER, "the name of a header").lower()
        callers = frozenset(by.texts("callers", _SUBJECT, "the subject of a token"))
        if not callers:
            _invalid(by.path("callers"), "must have one at least")
    else:
        _invalid(section.name, "must have one of jwt and header")
    tenancy = Tenancy(by.text("audience"), issuer, claim, header, callers, most, forget)
    for part in (section, by):
        part.done()
    return tenancy


def _schedule(section: "_Section") -> ScheduleRule:
    rule = ScheduleRule(
        name=section.matching("name", _LABEL, "a name of at most 63 characters"),
        cron=section.matching("cron", _CRON, "five fields of a cron expression"),
        time_zone=section.matching("timeZone", _ZONE, "the name of a time zone"),
        path=section.matching("path", _PATH, "a path of at most 512 characters"),
        missed=section.matching("missed", _MISSED, "Skip or RunOnce"),
    )
    section.done()
    return rule


class _Section:
    """An object of the file. `done` refuses every field that nobody asked for."""

    def __init__(self, name: str, raw: Any) -> None:
        if not isinstance(raw, dict):
            _invalid(name, "must be an object")
        self.name = name
        self.raw: dict[str, Any] = raw
        self.taken: set[str] = set()

    def path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def take(self, key: str) -> Any:
        self.taken.add(key)
        return self.raw.get(key)

    def text(self, key: str, *, low: int = 1, high: int = 1024) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not low <= len(value) <= high:
            _invalid(self.path(key), f"must be a string of {low} to {high} characters")
        return str(value)

    def digest(self, key: str) -> str:
        return self.matching(key, _DIGEST, "sha256: and 64 hexadecimal digits")

    def matching(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        value = self.text(key)
        if not pattern.match(value):
            _invalid(self.path(key), f"must be {wanted}")
        return value

    def integer(self, key: str, *, low: int = 1, high: int = MAXIMUM, absent: int | None = None) -> int:
        """`absent` is what counts where an older operator has not written the field."""
        if absent is not None and key not in self.raw:
            return absent
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            _invalid(self.path(key), f"must be a whole number from {low} to {high}")
        return int(value)

    def boolean(self, key: str, *, absent: bool | None = None) -> bool:
        """`absent` is what counts where an older operator has not written the field."""
        if absent is not None and key not in self.raw:
            return absent
        value = self.take(key)
        if not isinstance(value, bool):
            _invalid(self.path(key), "must be true or false")
        return bool(value)

    def texts(self, key: str, pattern: re.Pattern[str], wanted: str) -> tuple[str, ...]:
        values = self.take(key)
        if not isinstance(values, list) or len(values) > LISTED:
            _invalid(self.path(key), f"must be a list of at most {LISTED}")
        for value in values:
            if not isinstance(value, str) or not pattern.match(value):
                _invalid(self.path(key), f"each must be {wanted}")
        return tuple(values)

    def sections(self, key: str, most: int) -> "list[_Section]":
        """The objects of a list of at most so many; none where an older operator has not written the field."""
        if key not in self.raw:
            return []
        found = self.take(key)
        if not isinstance(found, list) or len(found) > most:
            _invalid(self.path(key), f"must be a list of at most {most} objects")
        return [_Section(f"{self.path(key)}[{number}]", one) for number, one in enumerate(found)]

    def section(self, key: str) -> "_Section":
        return _Section(self.path(key), self.take(key))

    def done(self) -> None:
        unknown = sorted(set(self.raw) - self.taken)
        if unknown:
            _invalid(self.path(unknown[0]), "is unknown to this runtime")


def _invalid(field: str, message: str) -> Never:
    raise RefusedError(Reason.CONFIG_INVALID, f"RuntimeConfig {field or 'file'}: {message}")
