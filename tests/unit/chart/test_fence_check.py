# SPDX-License-Identifier: Apache-2.0
"""The CronJob that tries what apps must not reach: without a fence, without rights, and only where it is wanted."""

from typing import Any

import helm_python
import pytest
from click.testing import CliRunner

from genapps.cli.main import main
from tests.unit.chart.test_pods import pods, policies_for
from tools import helm

NAME = "genapps-fence-check"


def job(manifests: list[helm.Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = next(each for each in manifests if each["kind"] == "CronJob")["spec"]
    return spec


def container(manifests: list[helm.Manifest]) -> dict[str, Any]:
    (only,) = next(spec for name, _, spec in pods(manifests) if name == NAME)["containers"]
    found: dict[str, Any] = only
    return found


def test_nothing_holds_the_check_back_and_nobody_reaches_it(rendered: list[helm.Manifest]) -> None:
    labels = next(labels for name, labels, _ in pods(rendered) if name == NAME)
    (policy,) = policies_for(rendered, labels)
    assert (policy["egress"], policy.get("ingress")) == ([{}], None)


def test_no_other_pod_is_without_a_fence(rendered: list[helm.Manifest]) -> None:
    open_ = {each["metadata"]["name"] for each in rendered if {} in each.get("spec", {}).get("egress", ())}
    assert open_ == {NAME}


def test_it_runs_each_hour_one_at_a_time_and_ends(values: helm.Values) -> None:
    spec = job(helm.render(values))
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("17 * * * *", "Forbid")
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600
    assert job(helm.render({**values, "fenceCheck": {"schedule": "*/10 6-18 * * 1-5"}}))["schedule"] == (
        "*/10 6-18 * * 1-5"
    )


@pytest.mark.parametrize(
    "refused",
    [
        {"schedule": "hourly"},
        {"schedule": "* * * *"},
        {"schedule": "* * * * * *"},
        {"kubeletPort": 65536},
        {"kubeletPort": -1},
        {"internet": "example.com"},
        {"internet": "https://example.com:443"},
    ],
)
def test_what_is_no_schedule_port_or_host_is_refused(values: helm.Values, refused: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError):
        helm.render({**values, "fenceCheck": refused})


def test_switched_off_there_is_neither_pod_nor_way_to_the_canary(values: helm.Values) -> None:
    manifests = helm.render({**values, "fenceCheck": {"enabled": False}})
    assert NAME not in {each["metadata"]["name"] for each in manifests}
    gateway = next(labels for name, labels, _ in pods(manifests) if name == "genapps-gateway")
    (policy,) = policies_for(manifests, gateway)
    assert len(policy["ingress"]) == 1


def test_the_command_takes_what_the_chart_gives_it(values: helm.Values) -> None:
    chosen = {"kubeletPort": 0, "internet": "example.com:443"}
    arguments = container(helm.render({**values, "fenceCheck": chosen}))["args"]
    assert arguments == ["fence-check", "--kubelet-port=0", "--internet=example.com:443"]
    for given in (arguments, container(helm.render(values))["args"]):
        # Outside of a pod no address is known; the options themselves are.
        result = CliRunner().invoke(main, given, env={"GATEWAY_SERVICE_HOST": ""})
        assert (result.exit_code, "GATEWAY_SERVICE_HOST is not set" in result.output) == (2, True), result.output


def test_it_gets_what_it_needs_to_find_the_gateway_and_its_node(rendered: list[helm.Manifest]) -> None:
    spec = next(spec for name, _, spec in pods(rendered) if name == NAME)
    assert spec["enableServiceLinks"] is True
    assert container(rendered)["env"] == [
        {"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
    ]
