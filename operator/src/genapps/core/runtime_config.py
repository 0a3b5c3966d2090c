# SPDX-License-Identifier: Apache-2.0
"""The RuntimeConfig of an app: everything its runtime does, decided here and frozen into a snapshot."""

from functools import lru_cache

from genapps.api import names, quantities
from genapps.api.apprecord import ResolvedTier
from genapps.api.cors import Cors
from genapps.api.digests import canonical, sha256
from genapps.api.generatedapp import GeneratedApp, Language, WorkloadClass
from genapps.api.operations import Fallback
from genapps.api.runtimeconfig import (
    CorsRules,
    Digests,
    GatewayAddress,
    RuntimeConfig,
    RuntimeFallback,
    RuntimeLimits,
    RuntimeRetention,
    ScheduleRule,
    StaticFallback,
    TimeBudget,
)
from genapps.core.tenancy import revision_of, runtime_tenancy
from genapps.core.verdict import Grant

LOAD_MILLIS = 10_000
BODY_BYTES = 2**20
LOG_BYTES = 16 * 2**10
RESPONSES_KEPT = "24h"
_NO_SETTINGS = {
    "envelope", "code", "budget", "operating_mode", "acknowledged_suspension", "stage", "debug", "incident", "slo",
    "attestation",
}  # fmt: skip
"""Fields of a spec that no RuntimeConfig is made of, or that are part of the revision's digest."""


def runtime_config(
    app: GeneratedApp, grant: Grant, system_namespace: str, code_digest: str, entry: str
) -> RuntimeConfig:
    """The settings for one revision under this grant."""
    tier, retention, rollback = grant.tier, app.spec.envelope.retention, app.spec.rollback
    envelope = app.spec.envelope.digest
    responses = (retention.responses if retention else None) or RESPONSES_KEPT
    return RuntimeConfig(
        app=app.metadata.name,
        namespace=app.metadata.namespace,
        revision=names.short_digest(revision_of(app, code_digest)),
        digests=Digests(code=code_digest, envelope=envelope),
        language=app.spec.code.language,
        entry=entry,
        connectors=app.spec.envelope.connectors if app.spec.code.language is Language.JAVASCRIPT else None,
        limits=_limits(tier),
        tenancy=runtime_tenancy(app),
        time=_time(app.spec.workload_class.action_seconds, app.spec.nap_after or tier.nap_after),
        cors=cors_rules(app.spec.ingress.cors) if app.spec.ingress and app.spec.ingress.cors else None,
        background=app.spec.workload_class is WorkloadClass.BACKGROUND,
        fallback=_fallback(app.spec.fallback),
        schedules=tuple(ScheduleRule(**dict(schedule)) for schedule in app.spec.schedules),
        state_snapshot=rollback is not None and rollback.state == "Restore",
        retention=_retention(responses, (retention and retention.state) or ""),
        gateway=_gateway(system_namespace),
    )


def settings_digest(app: GeneratedApp) -> str:
    """The digest of what the app's spec says for its RuntimeConfig, beside code and envelope.

    It is the same in all versions of the operator that know the same fields: by it a config that the app has changed is
    told from one that the platform has.
    """
    settings = app.spec.model_dump(by_alias=True, mode="json", exclude_defaults=True, exclude=_NO_SETTINGS)
    return sha256(canonical(settings))


# Parts that are the same for most apps are made once.
@lru_cache(maxsize=256)
def _limits(tier: ResolvedTier) -> RuntimeLimits:
    return RuntimeLimits(
        guest_memory_bytes=quantities.byte_count(tier.guest_memory),
        instances=tier.instances,
        request_body_bytes=BODY_BYTES,
        response_body_bytes=BODY_BYTES,
        concurrency=tier.concurrency,
        tool_calls_per_action=tier.tool_calls_per_action,
        state_per_tenant_bytes=quantities.byte_count(tier.state.per_tenant),
        log_bytes_per_action=LOG_BYTES,
        cpu_millis_per_action=tier.cpu_millis_per_action,
    )


@lru_cache(maxsize=256)
def _time(action_seconds: int, nap_after: str) -> TimeBudget:
    nap = quantities.seconds(nap_after)
    return TimeBudget(action_millis=1000 * action_seconds, load_millis=LOAD_MILLIS, nap_millis=1000 * nap)


@lru_cache(maxsize=64)
def cors_rules(cors: Cors) -> CorsRules:
    """The rules as the runtime gets them."""
    return CorsRules(
        allowed_origins=cors.allowed_origins,
        allowed_methods=cors.allowed_methods,
        allowed_headers=cors.allowed_headers,
        exposed_headers=cors.exposed_headers,
        allow_credentials=cors.allow_credentials,
        max_age_seconds=quantities.seconds(cors.max_age) if cors.max_age is not None else None,
    )


def _fallback(fallback: Fallback | None) -> RuntimeFallback | None:
    if fallback is None:
        return None
    static = fallback.static
    return RuntimeFallback(
        static=static and StaticFallback(status=static.status, content_type=static.content_type, body=static.body),
        last_good=bool(fallback.last_good),
        export=bool(fallback.export),
    )


@lru_cache(maxsize=256)
def _retention(responses: str, state: str) -> RuntimeRetention:
    state_seconds = quantities.seconds(state) if state else 0
    return RuntimeRetention(responses_seconds=quantities.seconds(responses), state_seconds=state_seconds)


@lru_cache(maxsize=16)
def _gateway(system_namespace: str) -> GatewayAddress:
    return GatewayAddress(host=names.gateway_host(system_namespace))
