# SPDX-License-Identifier: Apache-2.0
"""What the gateway tells Prometheus. Labels are closed sets: nothing a guest chooses becomes one."""

from __future__ import annotations

from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

C = TypeVar("C", Counter, Histogram)


class Labelled(Generic[C]):
    """A collector whose children are remembered: its own look-up takes a lock and makes texts of all labels."""

    def __init__(self, collector: C) -> None:
        self._collector: C = collector
        self._children: dict[tuple[str, ...], C] = {}

    def labels(self, *values: str) -> C:
        """The child with these labels."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._collector.labels(*values)
        return child

    def remove_by_labels(self, labels: dict[str, str]) -> None:
        """Drop the series with these labels; whichever is wanted again begins anew."""
        self._collector.remove_by_labels(labels)
        self._children.clear()


class Metrics:
    """The collectors of one process, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Labelled(
            Counter(
                "genapps_gateway_answers_total", "Answers by route and code.", ["route", "code"], registry=self.registry
            )
        )
        self.seconds = Labelled(
            Histogram(
                "genapps_gateway_decision_seconds",
                "From the head of a request to its answer.",
                ["route"],
                registry=self.registry,
                buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0),
            )
        )
        self.calls = Labelled(
            Counter(
                "genapps_gateway_calls_total",
                "Calls of connectors that were admitted, by connector and by how they ended.",
                ["connector", "code"],
                registry=self.registry,
            )
        )
        self.call_seconds = Labelled(
            Histogram(
                "genapps_gateway_call_seconds",
                "From the admission of a call to its end.",
                ["connector"],
                registry=self.registry,
                buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0),
            )
        )
        self.spent = Labelled(
            Counter(
                "genapps_gateway_spent_total",
                "What ended calls have used, by connector and unit: tokens, toolCalls or costMicros.",
                ["connector", "unit"],
                registry=self.registry,
            )
        )
        self.budget_refusals = Labelled(
            Counter(
                "genapps_gateway_budget_refusals_total",
                "Calls that a budget refused, by the unit of its limit.",
                ["unit"],
                registry=self.registry,
            )
        )
        self.overruns = Labelled(
            Counter(
                "genapps_gateway_overruns_total",
                "Calls that used more than the connector was allowed, which blocks it.",
                ["connector"],
                registry=self.registry,
            )
        )
        self.cpu_reports = Labelled(
            Counter(
                "genapps_gateway_cpu_reports_total",
                "What runtimes said of the CPU that they used, by what is thought of it.",
                ["verdict"],
                registry=self.registry,
            )
        )
        self.token_faults = Counter(
            "genapps_gateway_token_faults_total", "Tokens refused, by fault.", ["fault"], registry=self.registry
        )
        self.violations = Counter(
            "genapps_gateway_violations_total", "Violations seen or reported.", ["rule"], registry=self.registry
        )
        self.defects = Counter(
            "genapps_gateway_defects_total", "Actions with a defect, by code.", ["code"], registry=self.registry
        )
        self.limits = Counter(
            "genapps_gateway_limits_total", "Refusals by a limit of the app.", ["code"], registry=self.registry
        )
        self.tripped = Counter(
            "genapps_gateway_tripped_total", "Apps that reached a threshold.", registry=self.registry
        )
        self.ledger_writes = Counter(
            "genapps_gateway_ledger_writes_total", "Writes of Ledgers.", ["outcome"], registry=self.registry
        )
        self.ledger_pending = Gauge(
            "genapps_gateway_ledger_pending", "Violations that are not durable yet.", registry=self.registry
        )
        self.records = Gauge("genapps_gateway_records", "AppRecords known.", registry=self.registry)
        self.watch_age = Gauge(
            "genapps_gateway_watch_age_seconds",
            "Since the last proof that a watch has missed nothing.",
            ["watch"],
            registry=self.registry,
        )
        self.max_stale = Gauge(
            "genapps_gateway_max_stale_seconds",
            "How old a watch may be before everything is refused.",
            registry=self.registry,
        )
        self.certificate_expiry = Gauge(
            "genapps_gateway_certificate_expiry_timestamp_seconds",
            "When the served certificate ends.",
            registry=self.registry,
        )

    def forget(self, connector: str) -> None:
        """The connector is gone, and so are its series."""
        for collector in (self.calls, self.call_seconds, self.spent, self.overruns):
            collector.remove_by_labels({"connector": connector})
