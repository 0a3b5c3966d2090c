# SPDX-License-Identifier: Apache-2.0
"""The runtime's own client against the gateway of `genapps dev`: its refusals are those of the gateway."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from genapps.api.names import SYSTEM_NAMESPACE, gateway_host
from genapps.laptop.answering import Answering, Situation
from genapps.laptop.gateway import LocalGateway
from genapps.laptop.named import Named, SourceError
from genapps.laptop.offers import caller, offers
from genapps.laptop.source import read_app
from genapps.laptop.stubs import read_stubs
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.egress.gateway_stream import GatewayStream
from tests.support.clock import Clock

CONTRACTS = Path(__file__).resolve().parents[2] / "docs" / "contracts"
STUBS = """
connectors:
  rates:
    latest:
      cases:
      - {arguments: {currency: EUR}, result: {rate: 1.08}}
      - {arguments: {currency: XXX}, problem: {code: UpstreamRefused, detail: No such currency.}}
      - {arguments: {currency: BAD}, result: {rate: high}}
  free:
    anything: {result: [1, 2]}
    look: {effect: Read, result: {}, delayMillis: 1}
"""
MANIFEST = {
    "apiVersion": "genapps.dev/v1alpha1",
    "kind": "Connector",
    "metadata": {"name": "rates"},
    "spec": {
        "type": "HTTP",
        "endpoint": {"url": "https://rates.example.com"},
        "namespaces": ["finance"],
        "tools": [
            {
                "name": name,
                "effect": "Read",
                "method": "GET",
                "path": f"/{name}",
                "input": {
                    "type": "object",
                    "properties": {"currency": {"type": "string", "maxLength": 3}},
                    "required": ["currency"],
                    "additionalProperties": False,
                },
                "output": {"type": "object", "properties": {"rate": {"type": "number"}}},
            }
            for name in ("latest", "oldest")
        ],
    },
}


@pytest.fixture
def situation(tmp_path: Path) -> Situation:
    (tmp_path / "app.py").write_text("x = 1\n")
    (tmp_path / "stubs.yaml").write_text(STUBS)
    (tmp_path / "rates.yaml").write_text(yaml.safe_dump(MANIFEST))
    stubs = read_stubs(tmp_path / "stubs.yaml")
    source = read_app(Named(tmp_path / "app.py", connectors=(tmp_path / "rates.yaml",)), [*stubs.connectors, "lost"])
    return Situation(caller(source), offers(source, stubs), stubs)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def answering(situation: Situation, said: list[str]) -> Answering:
    made = Answering(said.append)
    made.situation = situation
    return made


@pytest.fixture
async def gateway(tmp_path: Path, answering: Answering) -> AsyncIterator[LocalGateway]:
    made = LocalGateway(tmp_path, answering)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def client(gateway: LocalGateway) -> GatewayClient:
    address = GatewayAddress("127.0.0.1", gateway.port, gateway_host(SYSTEM_NAMESPACE))
    return GatewayClient(address, str(gateway.authority_file), str(gateway.token_file))


async def called(client: GatewayClient, connector: str, tool: str, **arguments: Any) -> dict[str, Any]:
    payload = {"connector": connector, "tool": tool, "arguments": arguments}
    outcome = (await client.call("r1", 1, payload, 10.0, "")).outcome
    client.close()
    return outcome


async def test_a_runtime_may_ask_whether_its_call_is_wanted(gateway: LocalGateway) -> None:
    """As it does on a connection that was idle: else each such call would come on a new one, after a second."""
    address, clock = GatewayAddress("127.0.0.1", gateway.port, gateway_host(SYSTEM_NAMESPACE)), Clock()
    client = GatewayClient(address, str(gateway.authority_file), str(gateway.token_file), clock)
    payload = {"connector": "free", "tool": "anything", "arguments": {}}
    for _ in range(2):
        assert (await client.call("r1", 1, payload, 10.0, "")).outcome == {"ok": [1, 2]}
        (kept,) = client._idle
        clock.now += 1
    assert kept.sent
    assert kept._asked is not None
    client.close()


async def test_a_stub_answers_in_place_of_the_connector(client: GatewayClient) -> None:
    assert await called(client, "rates", "latest", currency="EUR") == {"ok": {"rate": 1.08}}
    assert await called(client, "free", "anything", deep={"a": [1]}) == {"ok": [1, 2]}
    assert await called(client, "free", "look") == {"ok": {}}


@pytest.mark.parametrize(
    ("connector", "tool", "arguments", "code", "detail"),
    [
        ("payroll", "get", {}, "ConnectorNotInEnvelope", "is not in the app's envelope (allowed: "),
        ("lost", "get", {}, "ConnectorUnavailable", "is in the envelope and not in the catalogue"),
        ("rates", "erase", {}, "ToolNotInContract", "has no tool 'erase' (allowed: latest, oldest)"),
        ("rates", "latest", {}, "ArgumentsInvalid", "the member 'currency' is missing"),
        ("rates", "latest", {"currency": "EURO"}, "ArgumentsInvalid", "/currency"),
        ("rates", "latest", {"currency": "XXX"}, "UpstreamRefused", "No such currency."),
        ("rates", "latest", {"currency": "BAD"}, "ResultInvalid", "breaks the contract of 'latest'"),
        ("rates", "latest", {"currency": "USD"}, "UpstreamFailed", "no case with these arguments"),
        ("rates", "oldest", {"currency": "EUR"}, "UpstreamFailed", "no stub for 'oldest'"),
    ],
)
async def test_a_call_is_refused_with_the_codes_of_the_gateway(
    client: GatewayClient, said: list[str], connector: str, tool: str, arguments: dict[str, Any], code: str, detail: str
) -> None:
    problem = (await called(client, connector, tool, **arguments))["problem"]
    jsonschema.validate(problem, json.loads((CONTRACTS / "gateway-problem.schema.json").read_text()))
    assert problem["code"] == code
    assert detail in problem["detail"]
    if code != "UpstreamRefused":  # which the author has asked for
        assert code in said[0] or detail in said[0]


async def test_a_violation_is_counted_for_the_author_and_suspends_nobody(
    client: GatewayClient, said: list[str]
) -> None:
    for _ in range(4):
        await called(client, "payroll", "get")
    assert "Violation 4: 3 within 10m suspend an app." in said[-1]
    assert await called(client, "free", "look") == {"ok": {}}


async def test_heartbeats_and_reports_are_taken(client: GatewayClient, said: list[str]) -> None:
    answer = await client.heartbeat({"breaker": "Open"})
    jsonschema.validate(answer, json.loads((CONTRACTS / "gateway-heartbeat.schema.json").read_text()))
    assert await client.report({"requestId": "r1", "rule": "malformed_output", "subject": "x"})
    assert not await client.report({"requestId": "r1", "rule": "unheard", "subject": "x"})
    assert said[0] == "the runtime reports malformed_output: x"
    client.close()


MODEL = {
    "apiVersion": "genapps.dev/v1alpha1",
    "kind": "Connector",
    "metadata": {"name": "words"},
    "spec": {
        "type": "Model",
        "endpoint": {"url": "https://words.example.com"},
        "namespaces": ["finance"],
        "models": ["small"],
        "tools": [{"name": "chat", "effect": "Read"}],
    },
}
PIECES = "connectors: {words: {chat: {pieces: [{said: a}, {said: b}]}}}\n"


async def test_an_answer_of_a_model_comes_in_the_pieces_of_its_stub(
    tmp_path: Path, gateway: LocalGateway, client: GatewayClient, answering: Answering
) -> None:
    (tmp_path / "pieces.yaml").write_text(PIECES)
    (tmp_path / "words.yaml").write_text(yaml.safe_dump(MODEL))
    stubs = read_stubs(tmp_path / "pieces.yaml")
    source = read_app(Named(tmp_path / "app.py", connectors=(tmp_path / "words.yaml",)))
    answering.situation = Situation(caller(source), offers(source, stubs), stubs)
    arguments = {"model": "small", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
    payload = {"connector": "words", "tool": "chat", "arguments": arguments, "stream": True}
    found = await client.stream("r1", 1, payload, 10, "")
    assert isinstance(found, GatewayStream), found
    pieces: list[object] = []
    while (more := (await found.next())["ok"]) is not None:
        pieces += more
    assert pieces == [{"said": "a"}, {"said": "b"}]
    found.close()
    client.close()


@pytest.mark.parametrize(
    ("tool", "pieces", "came"),
    [
        ("rows", "[{n: 1}, {n: 2}]", [{"n": 1}, {"n": 2}]),
        ("rows", "[{n: 1}, {n: a}]", "ResultInvalid"),
        ("text", "[a, b]", ["a", "b"]),
        ("text", "[a, 1]", "ResultInvalid"),
    ],
)
async def test_lines_of_an_answer_are_held_to_the_contract(
    tmp_path: Path,
    gateway: LocalGateway,
    client: GatewayClient,
    answering: Answering,
    tool: str,
    pieces: str,
    came: Any,
) -> None:
    read = {"method": "GET", "path": "/", "effect": "Read"}
    line = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tools = [read | {"name": "rows", "stream": "Lines", "output": line}, read | {"name": "text", "stream": "Text"}]
    spec = {"type": "HTTP", "endpoint": {"url": "https://lists.example.com"}, "namespaces": ["finance"]}
    manifest = MODEL | {"metadata": {"name": "lists"}, "spec": spec | {"tools": tools}}
    (tmp_path / "pieces.yaml").write_text(f"connectors: {{lists: {{{tool}: {{pieces: {pieces}}}}}}}\n")
    (tmp_path / "lists.yaml").write_text(yaml.safe_dump(manifest))
    stubs = read_stubs(tmp_path / "pieces.yaml")
    source = read_app(Named(tmp_path / "app.py", connectors=(tmp_path / "lists.yaml",)))
    answering.situation = Situation(caller(source), offers(source, stubs), stubs)
    found = await client.stream("r1", 1, {"connector": "lists", "tool": tool, "arguments": {}, "stream": True}, 10, "")
    if isinstance(found, GatewayStream):
        assert (await found.next())["ok"] == came
        found.close()
    else:
        assert found["problem"]["code"] == came
    client.close()


async def test_a_tool_that_does_not_answer_in_pieces_says_so(client: GatewayClient) -> None:
    payload = {"connector": "free", "tool": "look", "arguments": {}, "stream": True}
    found = await client.stream("r1", 1, payload, 10, "")
    assert not isinstance(found, GatewayStream)
    assert found["problem"]["code"] == "ArgumentsInvalid"
    client.close()


async def test_who_has_another_token_is_nobody(gateway: LocalGateway, client: GatewayClient) -> None:
    gateway.token_file.write_text("other")
    assert (await called(client, "free", "look"))["problem"]["code"] == "TokenInvalid"


def test_a_stub_of_a_tool_that_the_manifest_has_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    (tmp_path / "stubs.yaml").write_text("connectors: {rates: {newest: {result: 1}}}\n")
    (tmp_path / "rates.yaml").write_text(yaml.safe_dump(MANIFEST))
    source = read_app(Named(tmp_path / "app.py", connectors=(tmp_path / "rates.yaml",)))
    with pytest.raises(SourceError, match=r"no tool 'newest' \(it has: latest, oldest\)"):
        offers(source, read_stubs(tmp_path / "stubs.yaml"))
