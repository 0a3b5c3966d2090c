# SPDX-License-Identifier: Apache-2.0
"""What `judge` says about one app: the one value that desired, plan, record and status are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from genapps.api.apprecord import KeptRevision, RecordedViolationPolicy, ResolvedTier, Suspension
from genapps.api.conditions import ConditionType, Reason
from genapps.api.envelope import RiskClass
from genapps.core.budgets.balance import Exhaustion
from genapps.core.observed import Child, Manifest


class Mode(StrEnum):
    """What should exist for the app."""

    RUN = "Run"
    STOP = "Stop"
    """Claim, ServiceAccount, deny-all policy and Service stay; no pod, no endpoints."""
    NOTHING = "Nothing"
    """Nothing is created; what is there belongs to somebody else or does not exist."""


class Effect(StrEnum):
    """What a finding does to an app that already runs; a new app never starts with either."""

    HOLD = "Hold"
    """The last judged revision keeps running, nothing new starts."""
    STOP = "Stop"
    """The pod goes: to run on would ignore a restriction."""
    LEAVE = "Leave"
    """Nothing of that name may be touched."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One failed check: the condition it is about (else Stalled), the reason, and a sentence with the next step."""

    condition: ConditionType
    reason: Reason
    message: str
    effect: Effect = Effect.HOLD


@dataclass(frozen=True, slots=True)
class Grant:
    """What the platform gives the app: resolved from its budget, or the last one of the record when that is gone."""

    budget: str
    team: str
    run_namespace: str
    tier: ResolvedTier
    violations: RecordedViolationPolicy
    effective_risk: RiskClass
    ingress_from: tuple[Mapping[str, Any], ...] = ()
    """NetworkPolicyPeers of the platform."""
    debug: bool = False
    """Callers are told what the app says when it fails."""


@dataclass(frozen=True, slots=True)
class ImageOrigin:
    """Which image the code came with: noted at its snapshot, so that nobody has to pull it again."""

    digest: str
    entry: str


@dataclass(frozen=True, slots=True)
class Revision:
    """Code and configuration by digest; the contents only where this pass has verified them."""

    digest: str
    code_digest: str
    config_digest: str
    restore_state: bool = False
    """Its own state comes back with it: the one that a later revision found and changed."""
    code_parts: int | None = None
    """ConfigMaps that hold the code; None for one that holds it as it is."""
    settings_digest: str | None = None
    """What the app's spec says for its config; None where that is not known."""
    code: Mapping[str, bytes] | None = None
    config: bytes | None = None
    image: ImageOrigin | None = None


class PodStatus(StrEnum):
    """Where the app's pod is on its way."""

    ABSENT = "Absent"
    STOPPING = "Stopping"
    HANGING = "Hanging"
    """Should be gone, and its node does not confirm it. It is never deleted by force: it might still run."""
    FAILED = "Failed"
    """Ended as a whole (evicted, node shut down); it will not start again."""
    OUTDATED = "Outdated"
    """It was made of another spec than the desired one."""
    MUTATED = "Mutated"
    """It was made of the desired spec, and something else has changed what the fence rests on."""
    STARTING = "Starting"
    READY = "Ready"


@dataclass(frozen=True, slots=True)
class JudgedPod:
    """The app's pod, held against the one that should run. Made by `genapps.core.pod_state`."""

    status: PodStatus
    child: Child | None = None
    """The object it is about; None where there is none that is ours."""
    replace_at: datetime | None = None
    """From when on a failed pod may be replaced."""
    exact: bool = False
    """It runs exactly what should run now: only such a pod is admitted by the gateway, or speaks for its revision."""
    waits: bool = False
    """It serves the revision that should run, made with earlier values of the platform, until it may be replaced."""
    mutated: tuple[str, ...] = ()
    """Fields of the fence that something else has changed."""
    wanted: Manifest | None = field(default=None, compare=False, repr=False)
    """The pod that would be made today, where the live one was held against it; it follows from the verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one app at one moment."""

    at: datetime
    mode: Mode
    findings: tuple[Finding, ...]
    grant: Grant | None
    revision: Revision | None
    """What runs or would run; None when nothing was ever judged good."""
    pod: JudgedPod
    """The pod as it is, held against the one of that revision (mode Run), or against none."""
    history: tuple[KeptRevision, ...]
    """The revisions that are kept, newest last, the one that runs among them."""
    desired_digest: str | None
    """Digest of the revision that the source and the spec ask for."""
    desired_code_digest: str | None
    """Digest of the code as the source holds it now."""
    suspension: Suspension | None
    """Open after this pass, whether found or decided now."""
    acknowledged: str | None
    """Id of the suspension that this pass ends."""
    holds: tuple[str, ...]
    """AppHolds in force that match; while there is one, nothing ends the suspension."""
    deleting: bool
    """The app's deletion was ordered: it never runs again, whatever still holds its object."""
    requested: bool
    """A person wishes the app suspended."""
    counted: int
    """Violations that count now."""
    exhaustion: Exhaustion | None
    """The limit that the app stands before."""
    stops_at_limit: bool
    """It does not run until there is something left."""
    defects: int
    """Defects that count now."""
    inactive: tuple[str, ...]
    """Fields of the spec and the budget that nothing acts on yet."""
