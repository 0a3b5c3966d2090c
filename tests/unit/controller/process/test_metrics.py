# SPDX-License-Identifier: Apache-2.0
"""The names that dashboards made for controller-runtime look for, as they are exposed."""

from prometheus_client import generate_latest

from genapps.cluster.client import Write
from genapps.controller.process.metrics import Metrics

OF_CONTROLLER_RUNTIME = {
    "controller_runtime_active_workers",
    "controller_runtime_max_concurrent_reconciles",
    "controller_runtime_reconcile_errors_total",
    "controller_runtime_reconcile_time_seconds_bucket",
    "controller_runtime_reconcile_total",
    "leader_election_master_status",
    "rest_client_requests_total",
    "workqueue_adds_total",
    "workqueue_depth",
    "workqueue_longest_running_processor_seconds",
    "workqueue_queue_duration_seconds_bucket",
    "workqueue_retries_total",
    "workqueue_unfinished_work_seconds",
    "workqueue_work_duration_seconds_bucket",
}


def exposed(metrics: Metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def test_dashboards_of_controller_runtime_find_their_metrics() -> None:
    metrics = Metrics()
    metrics.request("PATCH", 200)
    metrics.reconciles.labels("genapps", "success").inc()
    metrics.reconcile_errors.labels("genapps").inc()
    metrics.reconcile_seconds.labels("genapps").observe(1)
    metrics.workers.labels("genapps").set(1)
    metrics.active_workers.labels("genapps").set(1)
    assert {name.partition("{")[0] for name in exposed(metrics)} >= OF_CONTROLLER_RUNTIME


def test_a_request_without_an_answer_is_counted_as_an_error() -> None:
    metrics = Metrics()
    metrics.request("PUT", 0)
    assert exposed(metrics)['rest_client_requests_total{code="<error>",method="PUT"}'] == 1


def test_writes_are_exposed_by_kind_and_verb_with_a_subresource_as_the_verb() -> None:
    metrics = Metrics()
    for write in (Write("apply", "Pod"), Write("apply", "GeneratedApp", "status"), Write("replace", "Lease")):
        metrics.write(write)
    found = {name: value for name, value in exposed(metrics).items() if name.startswith("genapps_writes_total")}
    assert found == {
        'genapps_writes_total{kind="Pod",verb="apply"}': 1,
        'genapps_writes_total{kind="GeneratedApp",verb="status"}': 1,
        'genapps_writes_total{kind="Lease",verb="replace"}': 1,
    }


def test_a_process_that_does_not_lead_says_so() -> None:
    assert exposed(Metrics())['leader_election_master_status{name="genapps-operator"}'] == 0
