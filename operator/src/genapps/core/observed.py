# SPDX-License-Identifier: Apache-2.0
"""What a pass starts from: everything about one app that its verdict may depend on, read before judging.

The controller fills these from its caches and the API server; nothing here is looked up later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from genapps.api.app_pods import AppPods
from genapps.api.appbudget import AppBudget
from genapps.api.apphold import AppHold
from genapps.api.apprecord import AppRecord, Record
from genapps.api.budgetrecord import PublishedBudget
from genapps.api.conditions import Reason
from genapps.api.connector import Connector
from genapps.api.digests import bundle_digest
from genapps.api.fields import ObjectMeta
from genapps.api.generatedapp import GeneratedApp, GeneratedAppSpec
from genapps.api.ledger import LedgerRecord, PeriodAccount
from genapps.api.names import AppKey, child_name

Manifest = dict[str, Any]
"""A Kubernetes object in its JSON form."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that is stored but does not fit its model (an older schema, validation switched off)."""

    kind: str
    message: str
    """What does not fit; it may quote the object, so it is hostile text."""


@dataclass(frozen=True)
class Bundle:
    """The code as its source holds it now: path to bytes."""

    entry: str
    files: Mapping[str, bytes]
    image: str | None = None
    """Digest of the manifest it came with."""

    @cached_property
    def digest(self) -> str:
        """`bundle_digest` of it."""
        return bundle_digest(self.entry, self.files)


@dataclass(frozen=True, slots=True)
class Snapshotted:
    """Code from an image of which a snapshot was taken when it was judged: nobody has to ask the registry again."""

    entry: str
    digest: str
    """`bundle_digest` of its files."""
    parts: int | None = None
    """ConfigMaps that hold it; None for one that holds it as it is."""


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Why no bundle could be made of the source, or why its code cannot load."""

    reason: Reason
    message: str
    file: str = field(default="", compare=False)
    """The file of the code that it is about; empty where it is about none."""
    line: int = field(default=0, compare=False)
    """In that file, counted from 1."""


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Nobody was asked for the code: the spec cannot be read, or no budget allows the registry. A finding about that
    says so; there is nothing to say about the code itself."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What the installation is like; the same for every app."""

    system_namespace: str
    run_namespaces: frozenset[str]
    """The prepared ones."""
    runtime_image: str
    gateway_address: str | None
    """ClusterIP of the gateway's Service."""
    gateway_ca: str | None
    """PEM, once the gateway has published it and it is copied to the run namespaces."""
    storage_class: str = ""
    """Empty: the cluster's default."""
    wait_for_first_consumer: bool = False
    host_users: bool | None = None
    image_pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    """Names of Secrets of the run namespaces."""
    runtime_class_by_risk: Mapping[str, str] = field(default_factory=dict)
    apps: AppPods = field(default_factory=AppPods)
    """What the chart's values say about all apps' pods."""
    gateway_answers: bool = True
    """Whether a pod of the gateway is ready: without one no app's pod can become ready."""
    gateway_since: datetime | None = None
    """When it began to answer again; None when no outage is remembered."""
    progress_deadline: timedelta = timedelta(minutes=2)
    """A pod that is not ready so long after its container started is reported, and its revision counts as failed."""


@dataclass(frozen=True, slots=True)
class Child:
    """A live object under one of the app's child names; digests come from `genapps.core.drift`."""

    kind: str
    namespace: str
    name: str
    uid: str
    app: AppKey | None
    """From its labels; None when they are missing: then it is not ours."""
    digest: str
    """`live_digest` of the object; empty for snapshots, which are compared by presence."""
    spec_digest: str = ""
    """Of a Pod: what it was created from, as its annotation `ANNOTATION_POD_DIGEST` says."""
    fence: tuple[str, ...] = ()
    """Of a Pod: `pod_fence.fence` of the live object."""
    risk: str = ""
    """Of a Pod: the effective risk class that it was made or relabelled for; empty where it is not noted."""
    live_spec: bytes | None = None
    """Of a Pod: our part of its spec (JSON), where admission has made it another one than was asked for."""
    files: str = ""
    """Of a part of a code snapshot: the paths of its files in the order of its keys, between blanks; empty where it
    does not say them."""
    deleting: bool = False
    app_uid: str = ""
    """The app's uid, from its labels; empty where that one is missing."""


@dataclass(frozen=True, slots=True)
class Termination:
    """How the runtime container ended last. The text is hostile: it is shown through `text.plain` only."""

    reason: str
    """From the JSON of the termination message, else the kubelet's own (OOMKilled, Error)."""
    message: str
    exit_code: int = 0
    own: bool = False
    """True when reason and message are the runtime's JSON."""


@dataclass(frozen=True, slots=True)
class PodState:
    """The pod of the app, reduced to what the rules ask for."""

    uid: str
    ready: bool = False
    ready_changed_at: datetime | None = None
    """When `ready` became what it is."""
    ip: str | None = None
    node: str | None = None
    debug: bool = False
    """It tells callers what the app says when it fails."""
    deletion_deadline: datetime | None = None
    """`metadata.deletionTimestamp`: when it should be gone, grace included."""
    finished_at: datetime | None = None
    """Set when the pod itself is Failed or Succeeded (evicted, shut down): it will not start again."""
    finished_reason: str = ""
    started_at: datetime | None = None
    """Of the container that runs now."""
    scheduled_at: datetime | None = None
    """When it got its node."""
    termination: Termination | None = None
    waiting: tuple[str, str] | None = None
    """(reason, message) of a container that does not start, such as ErrImagePull or CrashLoopBackOff."""
    unschedulable: str | None = None
    """The scheduler's message."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def deleting(self) -> bool:
        """Whether its deletion was ordered."""
        return self.deletion_deadline is not None


@dataclass(frozen=True, slots=True)
class ClaimState:
    """The claim; its spec is immutable, so the wish follows what is there."""

    bound: bool
    lost: bool
    owner: str | None
    """Annotation `genapps.dev/owner`."""
    namespace_uid: str | None
    """Annotation `genapps.dev/namespace-uid`."""
    spec: Mapping[str, Any]
    """`drift.owned(live)["spec"]`: the part our apply owns."""
    size: int | None = None
    """Bytes that it asks for, as it stands; None: it says nothing that can be read."""
    kept_after_delete: str | None = None
    """Annotation `genapps.dev/kept-after-delete`: how long it outlives its app."""
    created_at: datetime | None = None
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class PodMutation:
    """Pods of the app came out of admission, or were edited, with another fence than was asked for."""

    fields: tuple[str, ...]
    """Names from `pod_fence.FIELDS`, of the last one."""
    retry_at: datetime
    """No pod is created before."""


@dataclass(frozen=True, slots=True)
class ForeignSuspension:
    """An open suspension of another app of the same namespace."""

    app: str
    id: str
    reason: str = Reason.REPEATED_VIOLATIONS


@dataclass(frozen=True)
class Observed:
    """One app and everything that its verdict may depend on."""

    metadata: ObjectMeta
    """The app's, as stored: its namespace, name, uid and generation are known although it cannot be read."""
    app: GeneratedApp | Unreadable
    status: Mapping[str, Any]
    """The previous status as stored, possibly empty; read for transition times only, never as a verdict."""
    namespace_uid: str
    budget: AppBudget | Unreadable | None
    source: Bundle | Snapshotted | SourceProblem | NotAsked
    platform: Platform
    scanned: SourceProblem | None = None
    """What keeps the code from loading, as a look at its text tells; None where nothing is certain to."""
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    contracts: Mapping[str, str] = field(default_factory=dict)
    """By connector of its envelope, of those that are granted to it: the digest of the current contract, once that is
    stored."""
    record: Record | None = None
    """Its own, or one that it takes over from an earlier app of its name."""
    record_version: str | None = None
    """`resourceVersion` of the AppRecord of this name as stored, whose ever it is; None when there is none."""
    earlier: AppRecord | None = None
    """The record of an earlier app of its name that it may not take over."""
    ledger: LedgerRecord | None = None
    children: Mapping[tuple[str, str], Child] = field(default_factory=dict)
    """By (kind, name), in the run namespace."""
    pod: PodState | None = None
    claim: ClaimState | None = None
    service_address: str | None = None
    """ClusterIP of the app's own Service."""
    suspended_code: Mapping[str, ForeignSuspension] = field(default_factory=dict)
    """Open suspensions of other apps of this namespace by code digest."""
    holds: Mapping[str, AppHold | Unreadable] = field(default_factory=dict)
    """All AppHolds by name, also those whose time is over."""
    may_replace: bool = True
    """Whether the app has a permit to replace a pod that serves, where only the platform's part of it differs."""
    mutation: PodMutation | None = None
    """What happened to pods of this app lately, while this operator ran."""
    unmet: tuple[str, str] | None = None
    """uid of a pod, and the digest of the metadata that our last apply asked for and admission did not let it have."""
    opened_by: tuple[str, ...] = ()
    """NetworkPolicies of others that let its pod reach something; sorted."""
    refused: str = ""
    """What the API server said when it last refused a child (a quota, an admission policy); empty after a success."""
    apps_of_budget: int = 0
    """Other apps that hold a record under the same budget and are not deleted."""
    budget_record: PublishedBudget | None = None
    """What is published of its budget; None: nothing is, so it can spend nothing."""
    budget_account: PeriodAccount | None = None
    """What all apps of the budget have used, as gateways say."""
    kept_of_budget: int = 0
    """Deleted apps of other names that still hold a record under the same budget, and so perhaps their state."""

    @cached_property
    def key(self) -> AppKey:
        """Which app."""
        return AppKey(self.metadata.namespace, self.metadata.name)

    @property
    def uid(self) -> str:
        """The app's uid: tells it from an earlier app of its name."""
        return self.metadata.uid

    @property
    def spec(self) -> GeneratedAppSpec | None:
        """What the app asks for; None when it cannot be read."""
        return None if isinstance(self.app, Unreadable) else self.app.spec

    @cached_property
    def child_name(self) -> str:
        """The name of the app's children and of its record."""
        return child_name(*self.key)

    @cached_property
    def envelope_digest(self) -> str | None:
        """Digest of the envelope; of an app that cannot be read, the one it was last judged under."""
        if self.spec is not None:
            return self.spec.envelope.digest
        return self.record.envelope.digest if self.record else None

    def own(self, kind: str, name: str | None = None) -> Child | None:
        """The live child of this kind (and name, else the child name), if its labels say that it is this app's."""
        child = self.children.get((kind, name or self.child_name))
        return child if child is not None and child.app == self.key else None
