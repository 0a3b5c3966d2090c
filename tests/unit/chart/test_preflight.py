# SPDX-License-Identifier: Apache-2.0
"""What `genapps preflight` looks for is what the chart makes."""

from genapps.cli.preflight.rules import POLICIES
from genapps.core.namespace_quota import BOUNDS_NAME
from tools import helm

OPTIONAL = {"genapps-external-ips"}


def test_the_policies_that_preflight_wants_are_those_of_the_chart(rendered: list[helm.Manifest]) -> None:
    made = {each["metadata"]["name"] for each in rendered if each["kind"] == "ValidatingAdmissionPolicy"}
    assert made - OPTIONAL == set(POLICIES)


def test_the_charts_own_quota_has_another_name_than_the_operators(rendered: list[helm.Manifest]) -> None:
    quotas = {each["metadata"]["name"] for each in rendered if each["kind"] == "ResourceQuota"}
    assert BOUNDS_NAME not in quotas
