# SPDX-License-Identifier: Apache-2.0
"""What the runtime makes of the gateway's answers to calls, against docs/contracts/gateway-result.schema.json."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import Called, GatewayClient
from tests.runtime.fake_gateway import GATEWAY_NAME, Authority, FakeGateway

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "contracts" / "gateway-result.schema.json").read_text()
)
PROBLEM_SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "contracts" / "gateway-problem.schema.json").read_text()
)
PROBLEM: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator(PROBLEM_SCHEMA).is_valid
VALID: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator(SCHEMA).is_valid
CALL = {"connector": "rates", "tool": "latest", "arguments": {}}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway(Authority.make(), tmp_path)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def client(gateway: FakeGateway, tmp_path: Path) -> AsyncIterator[GatewayClient]:
    (tmp_path / "ca").write_bytes(gateway.authority.ca)
    (tmp_path / "token").write_text("token")
    address = GatewayAddress("127.0.0.1", gateway.port, GATEWAY_NAME)
    client = GatewayClient(address, str(tmp_path / "ca"), str(tmp_path / "token"))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("effect", "valid", "wrote"),
    [({"effect": "Read"}, True, False), ({"effect": "Write"}, True, True), ({}, True, True),
     ({"effect": "read"}, False, True), ({"effect": None}, False, True), ({"effect": ["Read"]}, False, True)],
)  # fmt: skip
async def test_a_result_may_have_changed_something_unless_the_gateway_says_that_it_only_read(
    gateway: FakeGateway, client: GatewayClient, effect: dict[str, Any], valid: bool, wrote: bool
) -> None:
    answer = {"result": {"rate": 1}} | effect
    assert VALID(answer) == valid
    gateway.answers["rates"] = 200, answer
    assert await client.call("r1", 1, CALL, 10, "") == Called({"ok": {"rate": 1}}, wrote)


async def test_a_refusal_has_changed_nothing_and_a_gateway_that_fails_may_have(
    gateway: FakeGateway, client: GatewayClient
) -> None:
    refused = await client.call("r1", 1, CALL, 10, "")
    assert (refused.outcome["problem"]["code"], refused.wrote) == ("ConnectorNotInEnvelope", False)
    gateway.answers["rates"] = 502, {"error": "of something between"}
    between = await client.call("r1", 2, CALL, 10, "")
    assert (between.outcome["problem"]["code"], between.wrote) == ("OutcomeUnknown", True)
    await gateway.stop()
    client.close()
    gone = await client.call("r1", 3, CALL, 10, "")
    assert (gone.outcome["problem"]["code"], gone.wrote) == ("GatewayUnavailable", False), "it cannot have got the call"


@pytest.mark.parametrize(
    ("code", "wrote"),
    [("ArgumentsInvalid", False), ("UpstreamFailed", False), ("UpstreamRefused", False), ("BreakerOpen", False),
     ("OutcomeUnknown", True), ("ResultInvalid", True)],
)  # fmt: skip
async def test_a_problem_says_whether_the_call_may_have_been_executed(
    gateway: FakeGateway, client: GatewayClient, code: str, wrote: bool
) -> None:
    gateway.answers["rates"] = 502, {"code": code, "class": "limit", "title": "t", "detail": "d", "status": 502}
    called = await client.call("r1", 1, CALL, 10, "")
    assert (called.outcome["problem"]["code"], called.wrote) == (code, wrote)


@pytest.mark.parametrize(("effect", "wrote"), [("Read", False), ("Write", True), (None, True), ("read", True)])
async def test_the_call_of_a_tool_that_only_reads_has_changed_nothing_whatever_it_brought(
    gateway: FakeGateway, client: GatewayClient, effect: str | None, wrote: bool
) -> None:
    problem = {
        "type": "urn:genapps:problem:ResultInvalid", "code": "ResultInvalid", "class": "limit", "title": "t",
        "detail": "d", "status": 502,
    }  # fmt: skip
    gateway.answers["rates"] = 502, problem if effect is None else problem | {"effect": effect}
    assert PROBLEM(gateway.answers["rates"][1]) == (effect != "read")
    called = await client.call("r1", 1, CALL, 10, "")
    assert (called.outcome["problem"]["code"], called.wrote) == ("ResultInvalid", wrote)
