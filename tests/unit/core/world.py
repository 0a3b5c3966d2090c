# SPDX-License-Identifier: Apache-2.0
"""A world in miniature for tests of the core: one app, its children as the API server would hold them, and a clock.

`settle` runs passes as the controller does, with a simulated executor, until nothing is left to do or a plan waits.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from genapps.api import names
from genapps.api.appbudget import AppBudget
from genapps.api.apprecord import AppRecord, Record
from genapps.api.connector import Connector
from genapps.api.fields import ObjectMeta
from genapps.api.generatedapp import GeneratedApp
from genapps.api.ledger import LedgerRecord, ReportedBreaker
from genapps.core.code.scan import scan_python
from genapps.core.code.source import source_of
from genapps.core.desired import desired
from genapps.core.desired.pod import asked_for
from genapps.core.drift import expected_digest
from genapps.core.judge import judge
from genapps.core.observed import (
    Bundle,
    Child,
    ClaimState,
    ForeignSuspension,
    Manifest,
    Observed,
    Platform,
    PodState,
    Unreadable,
)
from genapps.core.plan import plan
from genapps.core.pod_fence import fence
from genapps.core.retention import takes_over
from genapps.core.status import Event, status, transitions
from genapps.core.steps import Apply, Delete, Step, Wait, WriteRecord
from genapps.core.verdict import Verdict

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLATFORM = Platform(
    system_namespace="genapps-system",
    run_namespaces=frozenset({"genapps-run"}),
    runtime_image="registry.example/genapps-runtime:1",
    gateway_address="10.96.0.50",
    gateway_ca="-----BEGIN CERTIFICATE-----",
)
CONNECTOR = {
    "metadata": {"name": "payroll"},
    "spec": {
        "type": "HTTP",
        "description": "Payroll",
        "endpoint": {"url": "https://payroll.example.com"},
        "namespaces": ["finance"],
        "tools": [
            {
                "name": "list", "description": "Lists.", "method": "GET", "path": "/v1", "effect": "Read",
                "idempotency": "None", "input": {"type": "object"}, "output": {"type": "object"},
            }
        ],
    },
}  # fmt: skip
CHILD = names.child_name("finance", "unit-converter")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` merged in; a change to None removes the field."""
    result = dict(base)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


def app(spec: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None) -> GeneratedApp:
    """A small valid app with changes to its spec and metadata."""
    base = {
        "envelope": {"owner": {"team": "finance-tools"}, "riskClass": "low"},
        "code": {"language": "python", "source": {"inline": "from genapps import app\n"}},
        "tier": "small",
        "budget": "finance",
    }
    meta = {"namespace": "finance", "name": "unit-converter", "uid": "app-uid-1", "generation": 1}
    raw = {"metadata": merged(meta, metadata or {}), "spec": merged(base, spec or {})}
    return GeneratedApp.model_validate(raw)


def budget(spec: Mapping[str, Any] | None = None) -> AppBudget:
    """The budget `finance` with one tier, `small`, and changes to its spec."""
    base = {
        "businessUnit": "finance",
        "namespaces": ["finance"],
        "runNamespace": "genapps-run",
        "tiers": {"small": {}},
        "policy": {"maxRiskClass": "medium"},
    }
    return AppBudget.model_validate({"metadata": {"name": "finance"}, "spec": merged(base, spec or {})})


def connector(minimum: str, **spec: Any) -> Connector:
    """The connector `payroll`, for apps of that risk class at least, with changes to its spec."""
    return Connector.model_validate(merged(CONNECTOR, {"spec": {"minimumRiskClass": minimum, **spec}}))


def ledger(*request_ids: str, at: datetime = START, tripped: bool = False) -> LedgerRecord:
    """A ledger with one violation for each request id, all seen at `at`."""
    entry = {"at": at, "rule": "connector_not_in_envelope", "subject": "payroll"}
    violations: dict[str, Any] = {
        "total": len(request_ids),
        "window": [{**entry, "requestId": request_id} for request_id in request_ids],
    }
    if tripped:
        violations["tripped"] = {"at": at, "count": len(request_ids)}
    owner = {"namespace": "finance", "name": "unit-converter", "uid": "app-uid-1"}
    return LedgerRecord.model_validate({"app": owner, "violations": violations})


@dataclass
class World:
    """One app and everything around it; change it and call `settle`."""

    app: GeneratedApp | Unreadable = field(default_factory=app)
    unreadable: ObjectMeta = field(default_factory=lambda: app().metadata)
    """The metadata of an app that cannot be read."""
    budget: AppBudget | Unreadable | None = field(default_factory=budget)
    platform: Platform = PLATFORM
    now: datetime = START
    status: Mapping[str, Any] = field(default_factory=dict)
    record: Record | None = None
    record_version: str | None = None
    record_deleted: bool = False
    """Its deletion was ordered; the finalizer keeps it."""
    ledger: LedgerRecord | None = None
    children: dict[tuple[str, str], Child] = field(default_factory=dict)
    manifests: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    pod: PodState | None = None
    claim: ClaimState | None = None
    config_map: Manifest | None = None
    suspended_code: dict[str, ForeignSuspension] = field(default_factory=dict)
    namespace_uid: str = "namespace-uid-1"
    others: dict[str, Any] = field(default_factory=dict)
    """Further fields of Observed."""
    steps: list[Step] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def metadata(self) -> ObjectMeta:
        return self.unreadable if isinstance(self.app, Unreadable) else self.app.metadata

    def make_unreadable(self, message: str, **metadata: str) -> None:
        """From now on the spec does not fit its model; changes to the metadata may come with that."""
        changes = {"generation": self.metadata.generation + 1, **metadata}
        self.unreadable = self.metadata.model_copy(update=changes)
        self.app = Unreadable("GeneratedApp", message)

    def observe(self) -> Observed:
        earlier = self._earlier()
        source = source_of((app() if isinstance(self.app, Unreadable) else self.app).spec.code, self.config_map)
        scanned = scan_python(source.entry, source.files) if isinstance(source, Bundle) else None
        known: dict[str, Any] = {
            "metadata": self.metadata, "app": self.app, "status": self.status,
            "namespace_uid": self.namespace_uid, "budget": self.budget,
            "source": source, "scanned": scanned, "platform": self.platform, "earlier": earlier,
            "record": None if earlier else self.record, "ledger": None if earlier else self.ledger,
            "record_version": self.record_version, "children": dict(self.children), "pod": self.pod,
            "claim": self.claim, "suspended_code": self.suspended_code,
            "service_address": "10.96.1.7" if ("Service", CHILD) in self.children else None,
        }  # fmt: skip
        return Observed(**{**known, **self.others})

    def _earlier(self) -> AppRecord | None:
        if self.record is None:
            return None
        metadata = {"name": CHILD, "uid": "record-uid", "deletionTimestamp": START if self.record_deleted else None}
        stored = AppRecord.model_validate({"metadata": metadata, "record": self.record})
        return None if takes_over(self.app, self.metadata.uid, self.namespace_uid, stored) else stored

    def verdict(self) -> Verdict:
        return judge(self.observe(), self.now, "0123456789abcdef" * 2)

    def desired(self) -> tuple[Manifest, ...]:
        return desired(self.observe(), self.verdict())

    def plan(self) -> tuple[Step, ...]:
        observed, verdict = self.observe(), self.verdict()
        return plan(observed, verdict, desired(observed, verdict))

    def step(self) -> bool:
        """One pass; False when it had nothing to do or only waits."""
        observed, verdict = self.observe(), self.verdict()
        done = self._execute(plan(observed, verdict, desired(observed, verdict)))
        new = status(observed, verdict)
        if new != self.status:
            events = transitions(self.status, new)
            self.events.extend(events)
            self.writes.extend(["status", *(f"Event {event.reason}" for event in events)])
            self.status = new
        return done

    def settle(self, passes: int = 20) -> None:
        for _ in range(passes):
            if not self.step():
                return
        raise AssertionError("the app does not settle")

    def run(self) -> "World":
        """From nothing to an app that answers."""
        self.settle()
        self.bind()
        self.settle()
        self.make_ready()
        self.settle()
        return self

    def bind(self) -> None:
        assert self.claim
        self.claim = replace(self.claim, bound=True)

    def make_ready(self) -> None:
        assert self.pod
        self.pod = replace(self.pod, ready=True, ip="10.244.0.9", node="node-1", started_at=self.now)

    def breaker_is_open(self) -> None:
        """The runtime in the app's pod says so now."""
        assert self.pod
        breaker = ReportedBreaker(pod=self.pod.uid, open=True, since=self.now, confirmed_at=self.now)
        self.ledger = (self.ledger or ledger()).model_copy(update={"breaker": breaker})

    def pod_is_gone(self) -> None:
        self.pod = None
        self.children.pop(("Pod", CHILD), None)
        self.manifests.pop(("Pod", CHILD), None)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        found = next(entry for entry in self.status["conditions"] if entry["type"] == kind)
        return found["status"], found["reason"]

    def message(self, kind: str) -> str:
        return str(next(entry["message"] for entry in self.status["conditions"] if entry["type"] == kind))

    def kinds(self) -> list[str]:
        return sorted(kind for kind, _ in self.children)

    def _execute(self, steps: Sequence[Step]) -> bool:
        self.steps.extend(steps)
        for number, step in enumerate(steps):
            match step:
                case Wait():
                    return number > 0
                case WriteRecord(record, version):
                    assert version == self.record_version, "a second write of one plan would be refused"
                    self.record, self.record_version = record, str(len(self.writes))
                    self.writes.append("AppRecord")
                case Apply(manifests):
                    for manifest in manifests:
                        self._apply(manifest)
                case Delete():
                    self._delete(step)
        return bool(steps)

    def _apply(self, manifest: Manifest) -> None:
        kind, meta = manifest["kind"], manifest["metadata"]
        labels = meta["labels"]
        owner = names.AppKey(labels[names.LABEL_APP_NAMESPACE], labels[names.LABEL_APP])
        key = (kind, meta["name"])
        known = self.children.get(key)
        uid = known.uid if known else f"{kind}-{len(self.writes)}"
        child = Child(kind, meta["namespace"], meta["name"], uid, owner, expected_digest(manifest),
                      app_uid=labels[names.LABEL_APP_UID],
                      files=meta["annotations"].get(names.ANNOTATION_FILES, ""))  # fmt: skip
        if kind == "Pod":
            made_of = meta["annotations"][names.ANNOTATION_POD_DIGEST]
            changed = None if made_of == asked_for(manifest) else json.dumps(manifest["spec"]).encode()
            child = replace(
                child,
                spec_digest=made_of,
                fence=fence(manifest),
                live_spec=changed,
                risk=meta["annotations"][names.ANNOTATION_EFFECTIVE_RISK],
            )
        self.children[key] = child
        self.manifests[key] = manifest
        self.writes.append(kind)
        if kind == "Pod" and known is None:
            self.pod = PodState(uid=uid, debug="--debug" in manifest["spec"]["containers"][0]["args"])
        if kind == "PersistentVolumeClaim":
            notes = meta["annotations"]
            self.claim = ClaimState(
                bound=bool(self.claim and self.claim.bound),
                lost=False,
                owner=notes[names.ANNOTATION_OWNER],
                namespace_uid=notes[names.ANNOTATION_NAMESPACE_UID],
                spec=manifest["spec"],
                kept_after_delete=notes[f"{names.GROUP}/kept-after-delete"],
            )

    def _delete(self, step: Delete) -> None:
        key = (step.kind, step.name)
        assert self.children[key].uid == step.uid
        self.writes.append(f"delete {step.kind}")
        if step.kind == "Pod":
            assert self.pod
            assert step.grace_seconds is not None
            self.children[key] = replace(self.children[key], deleting=True)
            gone_at = self.now + timedelta(seconds=step.grace_seconds)
            self.pod = replace(self.pod, deletion_deadline=gone_at, ready=False)
        else:
            del self.children[key]
            self.manifests.pop(key, None)
