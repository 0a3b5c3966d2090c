# SPDX-License-Identifier: Apache-2.0
"""The API server keeps seats for operator and gateway: their requests are classified as ours, and nobody else's."""

from collections.abc import Iterator

import pytest

from tests.support.api_server import Api
from tools import helm
from tools.kubectl import Kubectl, until
from tools.node import Node

KINDS = ("PriorityLevelConfiguration", "FlowSchema")
ACCOUNTS = ("genapps-operator", "genapps-gateway", "another")
SYSTEM = "flow-system"


@pytest.fixture
def schema(bare_kubectl: Kubectl) -> Iterator[str]:
    """The uid of the chart's FlowSchema, installed for a release in `flow-system`."""
    values = {"image": {"genapps": "a:1", "runtime": "b:1"}}
    ours = [each for each in helm.render(values, SYSTEM) if each["kind"] in KINDS]
    bare_kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}, *ours)
    for account in ACCOUNTS:
        bare_kubectl("create", "serviceaccount", account, "-n", SYSTEM)
    yield bare_kubectl.get("flowschema", "genapps")["metadata"]["uid"]
    bare_kubectl("delete", "flowschema,prioritylevelconfiguration", "genapps")
    bare_kubectl("delete", "namespace", SYSTEM, "--wait=false")


def classified(bare: Node, token: str) -> str:
    """The uid of the FlowSchema that a request with that token falls under, before anybody asks whether it may."""
    with Api(bare, token) as api:
        return api.ask("GET", "/apis/genapps.dev/v1alpha1/namespaces/x/ledgers").flow_schema


def test_requests_of_operator_and_gateway_have_a_level_of_their_own(
    bare: Node, bare_kubectl: Kubectl, schema: str
) -> None:
    tokens = {account: bare_kubectl("create", "token", account, "-n", SYSTEM).strip() for account in ACCOUNTS}
    until(lambda: classified(bare, tokens["genapps-gateway"]) == schema, 30, "the new FlowSchema")
    found = {account: classified(bare, token) == schema for account, token in tokens.items()}
    assert found == {"genapps-operator": True, "genapps-gateway": True, "another": False}
    level = bare_kubectl.get("flowschema", "genapps")["status"]["conditions"]
    assert [each["status"] for each in level if each["type"] == "Dangling"] == ["False"]
