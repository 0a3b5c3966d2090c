# SPDX-License-Identifier: Apache-2.0
"""A call from the gateway to a connector that verifies: what the one mints the other takes, once, and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from genapps.api.names import GATEWAY_TLS_SECRET
from genapps.gateway.connectors.times import Allowed
from genapps.gateway.egress.messages import OutboundRequest
from genapps.gateway.listeners import listener
from genapps.gateway.step_tokens.keys import LIFE_SECONDS, SKEW_SECONDS
from genapps.gateway.step_tokens.published import PublishedKeys
from genapps.gateway.step_tokens.store import ENTRY
from genapps.gateway.tls.certificates import new_authority
from genapps.gateway.tls.trust import ServingCertificate
from genapps_verify import MemoryReplays, PublicKeys, StepVerifier, keys_from_url
from tests.unit.gateway.connectors import admitted, call, connector
from tests.unit.gateway.world import NAMESPACE, Installation, Issuer
from tests.unit.verify.signer import Signer, part
from verify.example.payments import Payments, PaymentsServer

AUDIENCE = "https://payments.example.com"
TOOLS: list[dict[str, Any]] = [
    {"name": "charge", "method": "POST", "path": "/v1/charges", "effect": "Write", "input": {"type": "object"}},
    {
        "name": "balance",
        "method": "GET",
        "path": "/v1/accounts/{account}",
        "effect": "Read",
        "input": {"type": "object", "required": ["account"], "properties": {"account": {"type": "string"}}},
    },
]
PAYMENTS = "rates"
"""The name of the connector, which the calls of these tests have."""


class World:
    """A gateway, and the example connector on a port."""

    def __init__(self, gateway: Installation) -> None:
        self.gateway = gateway
        self.payments = Payments()
        keys = PublicKeys(self.published, clock=self.now)
        replays = MemoryReplays(clock=self.now)
        verifier = StepVerifier(PAYMENTS, AUDIENCE, keys, replays, clock=self.now)
        self.server = PaymentsServer(("127.0.0.1", 0), verifier, self.payments)

    def now(self) -> float:
        return self.gateway.clock.now.timestamp()

    def published(self) -> bytes:
        assert self.gateway.step_keys.ring is not None
        return self.gateway.step_keys.ring.published()

    async def request(
        self, tool: str = "charge", arguments: dict[str, Any] | None = None, *, audience: str = AUDIENCE, of: str = ""
    ) -> OutboundRequest:
        """What the gateway sends for a call, of a connector of another name if told."""
        wanting = connector(tools=TOOLS, stepToken={"audience": audience}, endpoint={"url": AUDIENCE})
        asked = admitted(wanting, call(tool, {"amount": 5} if arguments is None else arguments))
        offer = dataclasses.replace(asked.offer, name=of or asked.offer.name)
        asked = dataclasses.replace(asked, offer=offer)
        prepared = asked.tool.binding.prepare(offer.name, asked.call)
        await self.gateway.exchanger.exchange(asked, prepared, Allowed(10.0, 10.0))
        return self.gateway.upstream.asked[-1][1]

    def deliver(self, request: OutboundRequest, token: str | None = None) -> tuple[int, Any]:
        """The connector's answer to it, or to the same with another token."""
        headers = dict(request.headers)
        if token is not None:
            headers["txn-token"] = token
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=30)
        try:
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def signed(self, claims: dict[str, Any], head: dict[str, Any] | None = None) -> str:
        """A token by the gateway's own key: as if a gateway were wrong."""
        assert self.gateway.step_keys.ring is not None
        key = self.gateway.step_keys.ring.at(self.now())
        assert key is not None
        signer = Signer(key.kid)
        signer.private = key.private
        return signer.sign(claims, head)


def token_of(request: OutboundRequest) -> str:
    return dict(request.headers)["txn-token"]


def claims_of(request: OutboundRequest) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token_of(request), options={"verify_signature": False})
    return claims


@pytest.fixture
async def gateway() -> Installation:
    made = Installation(Issuer())
    await made.step_keys.refresh()
    return made


@pytest.fixture
def world(gateway: Installation) -> Iterator[World]:
    made = World(gateway)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


async def test_a_call_of_the_gateway_is_answered(world: World) -> None:
    status, content = world.deliver(await world.request(arguments={"amount": 7}))
    assert (status, content) == (200, {"charged": 7, "for": "genapps-app/finance/converter"})
    status, content = world.deliver(await world.request("balance", {"account": "a 1-ä"}))
    assert (status, content) == (200, {"account": "a 1-ä", "balance": 93})


async def test_a_replay_is_refused_and_charges_nothing(world: World) -> None:
    request = await world.request()
    assert world.deliver(request)[0] == 200
    assert world.deliver(request) == (401, {"error": "replayed"})
    assert len(world.payments.charged) == 1
    assert world.deliver(await world.request())[0] == 200


async def test_a_call_without_a_token_or_with_two_is_refused(world: World) -> None:
    request = await world.request()
    assert world.deliver(request, "") == (401, {"error": "missing"})
    first, second = token_of(request), token_of(await world.request())
    assert world.deliver(request, f"{first}, {second}") == (401, {"error": "malformed"})


async def test_a_token_for_another_audience_is_refused(world: World) -> None:
    assert world.deliver(await world.request(audience="https://other.example.com")) == (401, {"error": "audience"})


async def test_a_token_of_another_connector_is_refused_although_it_has_the_same_audience(world: World) -> None:
    assert world.deliver(await world.request(of="mail")) == (401, {"error": "connector"})


async def test_a_token_of_another_tool_is_refused(world: World) -> None:
    charge, balance = await world.request(), await world.request("balance", {"account": "a"})
    assert world.deliver(charge, token_of(balance)) == (401, {"error": "tool"})


async def test_a_token_of_a_call_with_other_arguments_is_refused(world: World) -> None:
    small, large = await world.request(arguments={"amount": 1}), await world.request(arguments={"amount": 1000})
    assert world.deliver(large, token_of(small)) == (401, {"error": "arguments"})
    one, other = await world.request("balance", {"account": "a"}), await world.request("balance", {"account": "b"})
    assert world.deliver(one, token_of(other)) == (401, {"error": "arguments"})
    assert world.payments.charged == []


async def test_a_token_that_has_ended_is_refused(world: World) -> None:
    request = await world.request()
    world.gateway.clock.forward(seconds=10 + 5)
    assert world.deliver(request) == (401, {"error": "expired"})


async def test_a_token_that_was_changed_or_signed_by_somebody_else_is_refused(world: World) -> None:
    request = await world.request(arguments={"amount": 5})
    head, body, signature = token_of(request).split(".")
    claims = claims_of(request) | {"txn": "mine"}
    assert world.deliver(request, f"{head}.{part(claims)}.{signature}") == (401, {"error": "signature"})
    kid = jwt.get_unverified_header(token_of(request))["kid"]
    assert world.deliver(request, Signer(kid).sign(claims)) == (401, {"error": "signature"})
    assert world.deliver(request, Signer("mine").sign(claims)) == (401, {"error": "key_unknown"})
    assert world.deliver(request, f"{head}.{body}.") == (401, {"error": "signature"})
    assert world.deliver(request)[0] == 200


async def test_a_token_that_nobody_signed_is_refused(world: World) -> None:
    request = await world.request()
    head = jwt.get_unverified_header(token_of(request)) | {"alg": "none"}
    assert world.deliver(request, f"{part(head)}.{part(claims_of(request))}.") == (401, {"error": "algorithm"})


async def test_a_token_of_another_type_by_the_same_key_is_refused(world: World) -> None:
    request = await world.request()
    for kind in ("JWT", "at+jwt"):
        assert world.deliver(request, world.signed(claims_of(request), {"typ": kind})) == (401, {"error": "type"})
    assert world.deliver(request, world.signed(claims_of(request)))[0] == 200


async def test_a_token_by_a_key_that_was_taken_away_is_refused(world: World) -> None:
    stolen = world.signed(claims_of(await world.request()))
    del world.gateway.store.objects["Secret", NAMESPACE, GATEWAY_TLS_SECRET]["data"][ENTRY]
    await world.gateway.step_keys.refresh()
    request = await world.request()
    assert world.deliver(request)[0] == 200
    assert world.deliver(request, stolen) == (401, {"error": "key_unknown"})


async def test_tokens_are_taken_before_and_after_each_turn_of_the_keys(world: World) -> None:
    world.gateway.clock.forward(seconds=LIFE_SECONDS - SKEW_SECONDS - 1)
    for _ in range(3):
        late = await world.request()
        world.gateway.clock.forward(seconds=2)
        after = await world.request()
        kids = {jwt.get_unverified_header(token_of(request))["kid"] for request in (late, after)}
        assert len(kids) == 2
        assert (world.deliver(after)[0], world.deliver(late)[0]) == (200, 200)
        await world.gateway.step_keys.refresh()
        world.gateway.clock.forward(seconds=LIFE_SECONDS - 2)


async def test_the_port_of_the_gateway_gives_the_keys_to_who_knows_its_authority(
    gateway: Installation, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    serving = ServingCertificate(new_authority("localhost", now), "localhost", now)
    (tmp_path / "ca.crt").write_bytes(serving.authority.certificate)
    server = listener(PublishedKeys(lambda: gateway.step_keys.ring), 0, serving.context)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
    sockets = [bound for each in server.servers for bound in each.sockets if bound.family is socket.AF_INET]
    url = f"https://localhost:{sockets[0].getsockname()[1]}/jwks.json"
    assert gateway.step_keys.ring is not None
    keys = keys_from_url(url, str(tmp_path / "ca.crt"))
    for key in gateway.step_keys.ring.keys:
        assert await asyncio.to_thread(keys.find, key.kid) == key.private.public_key()
    server.should_exit = True
    await task
