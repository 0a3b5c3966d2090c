# SPDX-License-Identifier: Apache-2.0
"""AppBudget: the namespaces, tiers, policy and spending limits of one business unit."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from genapps.api.envelope import RiskClass
from genapps.api.fields import (
    NAME_RULE,
    SET,
    Count,
    DnsLabel,
    Duration,
    Form,
    HttpsUrl,
    LabelValue,
    Money,
    NapAfter,
    ObjectMeta,
    OwnModel,
    Rule,
    UserModel,
    cpu_within,
    defaulted,
    duration_within,
    memory_within,
    rules,
)
from genapps.api.generatedapp import Language, WorkloadClass
from genapps.api.names import RUN_NAMESPACE, SYSTEM_NAMESPACE
from genapps.api.selectors import NetworkPeer


class Period(UserModel):
    """The accounting period."""

    every: Literal["Month"] = defaulted("Month")
    """Its length."""
    time_zone: Annotated[
        str,
        Field(max_length=64),
        Form("^[A-Za-z][-+_A-Za-z0-9]*(/[-+_A-Za-z0-9]+){0,2}$", "write a zone such as Europe/Zurich"),
    ] = defaulted("UTC")
    """The time zone of its start, such as Europe/Zurich."""


class Limits(UserModel):
    """The most that all apps together may use in a period. Absent: no limit."""

    tokens: Count | None = None
    """Input and output tokens of models."""
    tool_calls: Count | None = None
    """Calls of tools."""
    cpu_seconds: Count | None = None
    """CPU seconds of guests."""
    cost_usd: Money | None = Field(default=None, alias="costUSD")
    """US dollars."""
    state_gib_hours: Count | None = Field(default=None, alias="stateGiBHours")
    """GiB of claims, each for the hours that it exists."""


class Prices(UserModel):
    """Prices for tools that name no cost of their own."""

    per_million_input_tokens: Money | None = None
    """US dollars for a million input tokens."""
    per_million_output_tokens: Money | None = None
    """US dollars for a million output tokens."""
    per_million_cached_input_tokens: Money | None = None
    """US dollars for a million input tokens that the provider had in its cache. Absent: as other input."""
    per_million_cache_write_tokens: Money | None = None
    """US dollars for a million input tokens that the provider put into its cache. Absent: as other input."""
    per_cpu_hour: Money | None = None
    """US dollars for an hour of one core."""


class TierState(UserModel):
    """How much an app may store."""

    claim: Annotated[str, memory_within("16Mi", "64Gi")] = defaulted("1Gi")
    """The size of the app's claim."""
    per_tenant: Annotated[str, memory_within("1Mi", "16Gi")] = defaulted("64Mi")
    """The most that one tenant may store."""


class Tier(UserModel):
    """A size that apps may choose."""

    guest_memory: Annotated[str, memory_within("32Mi", "3Gi")] = defaulted("64Mi")
    """The memory of one guest. The memory limit of the pod is that of its instances together, and 96Mi."""
    instances: Annotated[int, Field(ge=1, le=8)] = defaulted(1)
    """The most guests of an app at the same time. With one, a request that computes holds up all others."""
    cpu: Annotated[str, cpu_within("50m", "16")] = defaulted("500m")
    """The CPU limit of the pod."""
    cpu_millis_per_action: Annotated[int, Field(ge=1, le=600_000)] = defaulted(500)
    """CPU milliseconds that one action may use."""
    tool_calls_per_action: Annotated[int, Field(ge=0, le=1_000)] = defaulted(8)
    """The most tool calls in one action."""
    calls_per_minute: Annotated[int, Field(ge=1, le=100_000)] = defaulted(600)
    """The most tool calls in a minute."""
    concurrency: Annotated[int, Field(ge=1, le=1_000)] = defaulted(8)
    """The most actions at the same time."""
    nap_after: NapAfter = defaulted("60s")
    """How long an app may be without a request before its process ends, unless the app says otherwise. 0s: never."""
    state: TierState = defaulted(TierState())
    """How much an app may store."""
    tokens_per_period: Count | None = None
    """The most tokens of one app in a period; absent: only the budget's limit."""
    cpu_seconds_per_period: Count | None = None
    """The most CPU seconds of one app in a period; absent: only the budget's limit."""
    cost_usd_per_period: Money | None = Field(default=None, alias="costUSDPerPeriod")
    """The most US dollars of one app in a period; absent: only the budget's limit."""


class ViolationPolicy(UserModel):
    """When an app is suspended."""

    threshold: Annotated[int, Field(ge=1, le=50)] = defaulted(3)
    """Violations within the window that suspend the app."""
    window: Annotated[Duration, duration_within("10s", "24h")] = defaulted("10m")
    """The sliding window of violations."""
    slow_threshold: Annotated[int, Field(ge=1, le=10_000)] = defaulted(100)
    """Defects within the slow window, in distinct actions, that suspend the app."""
    slow_window: Annotated[Duration, duration_within("1h", "168h")] = defaulted("24h")
    """The sliding window of defects."""


class Policy(UserModel):
    """The policy of the business unit. An app may only be stricter."""

    max_risk_class: RiskClass = defaulted(RiskClass.LOW)
    """The highest effective risk class of an app."""
    max_apps: Annotated[int, Field(ge=0, le=10_000)] = defaulted(200)
    """The most apps."""
    languages: Annotated[tuple[Language, ...], Field(max_length=3, json_schema_extra=SET)] = defaulted(
        (Language.PYTHON, Language.JAVASCRIPT), max_length=3
    )
    """The languages that apps may be written in."""
    workload_classes: Annotated[tuple[WorkloadClass, ...], Field(max_length=3, json_schema_extra=SET)] = defaulted(
        (WorkloadClass.INTERACTIVE, WorkloadClass.BATCH), max_length=3
    )
    """The workload classes that apps may have."""
    image_registries: Annotated[
        tuple[
            Annotated[
                str,
                Field(max_length=253),
                Form(
                    "^[a-z0-9][-a-z0-9.]*(:[0-9]{1,5})?(/[-a-z0-9._]+)*$",
                    "write registry or registry/prefix, without a scheme",
                ),
            ],
            ...,
        ],
        Field(max_length=16, json_schema_extra=SET),
    ] = ()
    """Allowed registries for code images, as registry or registry/prefix. Empty: none."""
    tenant_issuers: Annotated[tuple[HttpsUrl, ...], Field(max_length=16, json_schema_extra=SET)] = ()
    """Issuers whose tokens may name tenants (spec.tenancy.jwt). The gateway fetches their keys. Empty: none."""
    ingress_from: Annotated[tuple[NetworkPeer, ...], Field(max_length=16)] = ()
    """Callers that may reach every app of this budget, as in a NetworkPolicy."""
    violations: ViolationPolicy = defaulted(ViolationPolicy())
    """When an app is suspended."""


class AppBudgetSpec(UserModel):
    """The namespaces, tiers and policy of the budget."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!(self.runNamespace in self.namespaces)",
                "spec.namespaces must not hold spec.runNamespace (tenants have no rights there): name the unit's own",
            ),
            (
                f"!self.namespaces.exists(n, n == '{SYSTEM_NAMESPACE}' || n.startsWith('kube-'))",
                "spec.namespaces must not hold a system namespace: name a namespace of the unit",
            ),
            (
                f"self.runNamespace != '{SYSTEM_NAMESPACE}' && !self.runNamespace.startsWith('kube-')",
                "spec.runNamespace must not be a system namespace: name one of the chart's runNamespaces",
            ),
        )
    )

    business_unit: LabelValue
    """The business unit that pays."""
    namespaces: Annotated[tuple[DnsLabel, ...], Field(max_length=64, json_schema_extra=SET)]
    """The namespaces whose apps may use this budget."""
    run_namespace: Annotated[
        DnsLabel,
        Rule("self == oldSelf", "spec.runNamespace is immutable: create another AppBudget and move the apps to it"),
    ] = defaulted(RUN_NAMESPACE)
    """The namespace in which the pods run, one of runNamespaces of the chart. Immutable."""
    period: Period | None = None
    """The accounting period. Absent: a month in UTC."""
    limits: Limits | None = None
    """The most that all apps together may use in a period."""
    prices: Prices | None = None
    """Prices of tokens and CPU."""
    alerts: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(max_length=5, json_schema_extra=SET)] = ()
    """Percentages of a limit at which to warn."""
    on_limit: Literal["Fallback", "Suspend"] | None = None
    """What happens at a limit. Default: Fallback."""
    mode: Literal["Enforce", "Shadow"] | None = None
    """Whether limits are enforced or only counted. Default: Enforce."""
    tiers: Annotated[
        dict[str, Tier],
        Field(min_length=1, max_length=12),
        Rule(
            "self.all(name, name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'))",
            "spec.tiers: name a tier with at most 63 lower-case letters, digits and '-', such as small",
        ),
    ]
    """The sizes that apps may choose, by name."""
    policy: Policy = defaulted(Policy())
    """The policy for all apps of this budget."""


class AppBudget(OwnModel):
    """The budget of a business unit: which namespaces may run which apps, how large, and at what cost."""

    model_config = ConfigDict(json_schema_extra=rules(NAME_RULE))

    metadata: ObjectMeta
    spec: AppBudgetSpec
