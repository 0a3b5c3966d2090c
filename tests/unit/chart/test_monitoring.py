# SPDX-License-Identifier: Apache-2.0
"""Monitoring: objects of the Prometheus operator only where it is, and alerts on metrics that exist."""

import re
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest
import yaml
from prometheus_client import CollectorRegistry

from genapps.controller.process.metrics import Metrics as OperatorMetrics
from genapps.gateway.metrics import Metrics as GatewayMetrics
from tests.support.value_sets import MONITORING, SCRAPER
from tools import helm

ON: helm.Values = {"monitoring": {"enabled": True}, "networkPolicy": {"metricsFrom": [SCRAPER]}}
ALERTS = helm.CHART / "files" / "alerts.yaml"
JOBS: dict[str, type[OperatorMetrics] | type[GatewayMetrics]] = {
    "genapps-operator": OperatorMetrics,
    "genapps-gateway": GatewayMetrics,
}
OF_OTHERS = {
    "kube-state-metrics": {
        "kube_cronjob_status_last_schedule_time": {"cronjob"},
        "kube_cronjob_status_last_successful_time": {"cronjob"},
    }
}
"""Series that other programs expose, as their documentation says, by job."""


def of_prometheus(manifests: list[helm.Manifest]) -> set[str]:
    return {each["kind"] for each in manifests if each["apiVersion"] == MONITORING}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def series(registry: CollectorRegistry) -> dict[str, set[str]]:
    """Every series that the process exposes, with the names of its labels."""
    found: dict[str, set[str]] = {}
    for collector, names in registry._collector_to_names.items():
        labels = {str(label) for label in getattr(collector, "_labelnames", ())}
        found.update(dict.fromkeys(names, labels))
    return found


def selectors(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    for name, body in re.findall(r"([a-z_:]+)\{([^}]*)\}", expression):
        yield name, dict(re.findall(r'(\w+)="([^"]*)"', body))


def test_monitoring_is_off_unless_asked_for(values: helm.Values) -> None:
    assert of_prometheus(helm.render(values, api_versions=[MONITORING])) == set()


def test_objects_of_the_prometheus_operator_wait_for_it(values: helm.Values) -> None:
    assert of_prometheus(helm.render({**values, **ON})) == set()
    assert of_prometheus(helm.render({**values, **ON}, api_versions=[MONITORING])) == {
        "ServiceMonitor",
        "PrometheusRule",
    }


def test_alerts_can_be_left_out(values: helm.Values) -> None:
    without = {**values, **ON, "monitoring": {"enabled": True, "alerts": False}}
    assert of_prometheus(helm.render(without, api_versions=[MONITORING])) == {"ServiceMonitor"}


def test_monitoring_without_a_peer_that_may_scrape_is_refused(values: helm.Values) -> None:
    with pytest.raises(helm_python.HelmError, match=r"networkPolicy\.metricsFrom"):
        helm.render({**values, "monitoring": {"enabled": True}})


def test_the_notes_say_that_monitoring_waits_for_the_prometheus_operator(values: helm.Values) -> None:
    assert "no effect yet" in helm.notes({**values, **ON})
    assert "no effect yet" not in helm.notes({**values, **ON}, api_versions=[MONITORING])
    assert "no effect yet" not in helm.notes(values)


def test_metrics_are_closed_until_a_peer_is_named(values: helm.Values) -> None:
    for set_, peers in ((values, []), ({**values, **ON}, [SCRAPER])):
        policies = [each for each in helm.render(set_) if each["kind"] == "NetworkPolicy"]
        for name in JOBS:
            ingress = next(each["spec"]["ingress"] for each in policies if each["metadata"]["name"] == name)
            admitted = [
                peer
                for rule in ingress
                if 9090 in [port["port"] for port in rule.get("ports", [{"port": 9090}])]
                for peer in rule.get("from", ["anybody"])
            ]
            assert admitted == peers


def test_the_monitor_finds_a_service_of_each_process_and_the_alerts_name_them_as_jobs(values: helm.Values) -> None:
    manifests = helm.render({**values, **ON}, api_versions=[MONITORING])
    monitor = next(each["spec"] for each in manifests if each["kind"] == "ServiceMonitor")
    (endpoint,) = monitor["endpoints"]
    scraped = {
        each["metadata"]["name"]
        for each in manifests
        if each["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
        and endpoint["port"] in [port["name"] for port in each["spec"]["ports"]]
    }
    assert scraped == set(JOBS)
    named = {labels["job"] for rule in rules() for _, labels in selectors(rule["expr"])}
    assert named == scraped | set(OF_OTHERS)


def test_the_rules_arrive_as_they_are_in_the_file(values: helm.Values) -> None:
    manifests = helm.render({**values, **ON}, api_versions=[MONITORING])
    spec = next(each["spec"] for each in manifests if each["kind"] == "PrometheusRule")
    assert spec == yaml.safe_load(ALERTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_metric_of_an_alert_exists_in_the_process_it_asks(rule: dict[str, Any]) -> None:
    found = list(selectors(rule["expr"]))
    assert found
    for name, labels in found:
        job = labels.pop("job")
        exposed = OF_OTHERS[job] if job in OF_OTHERS else series(JOBS[job]().registry)
        assert name == "up" or name in exposed
        assert set(labels) <= exposed.get(name, set())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["annotations"]["summary"].endswith(".")
