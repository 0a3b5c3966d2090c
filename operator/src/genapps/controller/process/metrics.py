# SPDX-License-Identifier: Apache-2.0
"""What the operator measures about itself; reconcile and queue under controller-runtime's names, so that existing
dashboards and alerts carry over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from genapps.cluster.client import Write
from genapps.controller.process.family_metrics import FamilyMetrics
from genapps.controller.process.leader_election import LEASE_NAME
from genapps.core.fence_proof import FenceProofs

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """One queue's depth, additions, retries and times."""

    depth: Gauge
    adds: Counter
    retries: Counter
    queue_seconds: Histogram
    work_seconds: Histogram
    unfinished_seconds: Gauge
    longest_seconds: Gauge


def queue_metrics(registry: CollectorRegistry, name: str = "genapps") -> QueueMetrics:
    """The metrics of the work queue with that name."""
    labels = ("name", "controller")
    both = (name, name)

    def seconds(metric: str, text: str) -> Histogram:
        return Histogram(metric, text, labels, buckets=_SECONDS, registry=registry).labels(*both)

    def gauge(metric: str, text: str) -> Gauge:
        return Gauge(metric, text, labels, registry=registry).labels(*both)

    return QueueMetrics(
        depth=gauge("workqueue_depth", "Keys that are queued"),
        adds=Counter("workqueue_adds", "Keys added", labels, registry=registry).labels(*both),
        retries=Counter("workqueue_retries", "Keys that failed and come back", labels, registry=registry).labels(*both),
        queue_seconds=seconds("workqueue_queue_duration_seconds", "Seconds a key was queued"),
        work_seconds=seconds("workqueue_work_duration_seconds", "Seconds of work on a key"),
        unfinished_seconds=gauge("workqueue_unfinished_work_seconds", "Seconds of work on keys that are at work"),
        longest_seconds=gauge("workqueue_longest_running_processor_seconds", "Seconds of the longest work going on"),
    )


class Metrics:
    """Every metric of one operator process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.queue = queue_metrics(registry)
        self.reconciles = Counter(
            "controller_runtime_reconcile", "Reconciliations", ("controller", "result"), registry=registry
        )
        self.reconcile_errors = Counter(
            "controller_runtime_reconcile_errors", "Reconciliations that failed", ("controller",), registry=registry
        )
        self.reconcile_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Seconds per reconciliation",
            ("controller",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.workers = Gauge(
            "controller_runtime_max_concurrent_reconciles", "Workers", ("controller",), registry=registry
        )
        self.active_workers = Gauge(
            "controller_runtime_active_workers", "Workers that work", ("controller",), registry=registry
        )
        self.leading = Gauge(
            "leader_election_master_status", "1 while this process holds the Lease", ("name",), registry=registry
        ).labels(LEASE_NAME)
        self.leading.set(0)
        self._requests = Counter(
            "rest_client_requests", "Requests to the API server", ("code", "method"), registry=registry
        )
        self._writes = Counter("genapps_writes", "Writes to the API server", ("kind", "verb"), registry=registry)
        self.drift = Counter("genapps_drift_healed", "Live children that differed", ("kind",), registry=registry)
        self.mutations = Counter(
            "genapps_pods_mutated",
            "Pods that something else has changed where the fence rests",
            ("field",),
            registry=registry,
        )
        self.suspensions = Counter("genapps_suspensions", "Suspensions by verdict", registry=registry)
        self._held_apps = Gauge(
            "genapps_hold_apps", "Apps of an AppHold in force, and those of them with a pod", ("hold", "state"),
            registry=registry,
        )  # fmt: skip
        self.lost_events = Counter(
            "genapps_lost_events", "Changes that the sweep found before an event", registry=registry
        )
        self.sweeps = Counter("genapps_sweeps", "Complete rounds of the sweep", registry=registry)
        self.apps = Gauge("genapps_apps", "GeneratedApps seen", registry=registry)
        self.vanish_alarm = Gauge(
            "genapps_vanish_alarm", "1 while too many apps vanished at once: their state is kept", registry=registry
        )
        self.deletions_held = Gauge(
            "genapps_deletions_held", "Deleted apps whose state waits for a confirmation", registry=registry
        )
        self.budget_spent = Gauge(
            "genapps_budget_spent_percent", "The highest share of a limit that is spent", ("budget",), registry=registry
        )
        self.budget_exhausted = Gauge(
            "genapps_budget_exhausted",
            "Units that are refused because hardly anything is left",
            ("budget",),
            registry=registry,
        )
        self.families = FamilyMetrics(registry)
        self._fences = Gauge(
            "genapps_fences", "Pods of apps by what their own probe says of their fence", ("state",), registry=registry
        )
        self._fence_unproven_seconds = Gauge(
            "genapps_fence_unproven_seconds",
            "Seconds since the oldest of the last proofs of fences that are unproven now; 0: none is",
            registry=registry,
        )

    def forget_budget(self, name: str) -> None:
        """The AppBudget is gone."""
        self.families.forget(name)
        for gauge in (self.budget_spent, self.budget_exhausted):
            with suppress(KeyError):
                gauge.remove(name)

    def fences(self, proofs: FenceProofs, now: datetime) -> None:
        """Tell how the fences of all apps stand."""
        for state, count in proofs.counts.items():
            self._fences.labels(state.value).set(count)
        since = proofs.unproven_since or now
        self._fence_unproven_seconds.set(max(0.0, (now - since).total_seconds()))

    def hold(self, name: str, matched: int, draining: int) -> None:
        """Tell how many apps an AppHold stops."""
        self._held_apps.labels(name, "matched").set(matched)
        self._held_apps.labels(name, "draining").set(draining)

    def forget_hold(self, name: str) -> None:
        """The AppHold is gone."""
        for state in ("matched", "draining"):
            with suppress(KeyError):
                self._held_apps.remove(name, state)

    def write(self, write: Write) -> None:
        """Count a write that was asked for; a subresource stands in place of the verb."""
        self._writes.labels(write.kind, write.subresource or write.verb).inc()

    def request(self, method: str, status: int) -> None:
        """Count an answer of the API server; status 0 is none at all."""
        self._requests.labels(str(status) if status else "<error>", method).inc()
