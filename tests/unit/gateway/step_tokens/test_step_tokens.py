# SPDX-License-Identifier: Apache-2.0
"""Calls that carry a step token: what it says, when there is none, and that nobody else ever sees one."""

import dataclasses
import hashlib
from typing import Any

import jwt
import orjson
import pytest
import structlog

from genapps.gateway.connectors.exchange import CallFailedError
from genapps.gateway.connectors.times import Allowed
from genapps.gateway.egress.messages import (
    EgressLimits,
    FailureReason,
    OutboundRequest,
    OutboundResponse,
    Target,
    UpstreamFailedError,
)
from genapps.gateway.step_tokens.minting import pseudonym
from tests.unit.gateway.connectors import BOOK, KEYED, admitted, connector, manifest
from tests.unit.gateway.connectors import call as call_of
from tests.unit.gateway.world import CHILD, NOON, Installation, Reply, app_record

AUDIENCE = "https://rates.example.com"
ENVELOPE, CODE, REVISION = ("sha256:" + letter * 64 for letter in "abc")
JSON = {"content-type": "application/json"}
KEY, TENANT = "f" * 64, "e" * 64
OWN = {"digest": REVISION, "codeDigest": CODE, "configDigest": "sha256:" + "d" * 64}


@pytest.fixture
async def outside(gateway: Installation) -> Installation:
    """A gateway with keys, whose app may call the connector `rates`, which wants a token."""
    gateway.records.changed(app_record(envelope={"digest": ENVELOPE, "connectors": ["rates"]}, revision=OWN))
    gateway.catalogue.changed(manifest(stepToken={"audience": AUDIENCE}))
    await gateway.step_keys.refresh()
    return gateway


async def call(outside: Installation, tool: str = "latest", arguments: Any = None, **members: Any) -> Reply:
    given = {"currency": "EUR"} if arguments is None else arguments
    content = {"requestId": "r1", "step": 3, "connector": "rates", "tool": tool, "arguments": given}
    return await outside.post("/v1/calls", content | members)


def token_of(request: OutboundRequest) -> str:
    return {name.lower(): value for name, value in request.headers}["txn-token"]


def claims(outside: Installation, number: int = -1) -> dict[str, Any]:
    """Of the token that was sent, its signature proven by somebody else's library."""
    token = token_of(outside.upstream.asked[number][1])
    head = jwt.get_unverified_header(token)
    assert (head["typ"], head["alg"]) == ("txntoken+jwt", "ES256")
    assert outside.step_keys.ring is not None
    published = jwt.PyJWKSet.from_json(outside.step_keys.ring.published().decode())
    told: dict[str, Any] = jwt.decode(
        token,
        published[head["kid"]],
        algorithms=["ES256"],
        audience=AUDIENCE,
        options={"verify_exp": False, "verify_iat": False},
    )
    return told


async def test_a_token_says_which_call_it_is_and_whose(outside: Installation) -> None:
    assert (await call(outside, tenant=TENANT)).status == 200
    told = claims(outside)
    now = int(NOON.timestamp())
    assert len(told.pop("txn")) == 32
    tenant = told["rctx"]["asserted_by_runtime"].pop("tenant")
    assert told == {
        "iat": now,
        "exp": now + 2,  # the tool's timeout
        "aud": AUDIENCE,
        "sub": "genapps-app/finance/converter",
        "scope": "rates/latest",
        "req_wl": f"system:serviceaccount:genapps-run:{CHILD}",
        "tctx": {
            "connector": "rates",
            "tool": "latest",
            "effect": "Read",
            "arguments_digest": "sha256:" + hashlib.sha256(b'{"currency":"EUR"}').hexdigest(),
            "envelope_digest": ENVELOPE,
            "code_digest": CODE,
        },
        "rctx": {
            "app_uid": "c0ffee",
            "revision": REVISION,
            "asserted_by_runtime": {"request_id": "r1", "step": 3},
        },
    }
    assert outside.step_keys.ring is not None
    assert tenant == pseudonym(outside.step_keys.ring.pseudonym_key, AUDIENCE, TENANT)


async def test_a_key_is_in_the_token(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(204, {}, b"")
    assert (await call(outside, "book-once", {}, key=KEY)).status == 200
    assert claims(outside)["tctx"]["idempotency_key"] == KEY
    assert claims(outside)["tctx"]["effect"] == "Write"


def test_a_tenant_has_another_name_for_each_audience_and_key() -> None:
    names = {pseudonym(key, audience, TENANT) for key in (b"k", b"l") for audience in ("a", "b")}
    assert len(names) == 4
    assert not any(TENANT[:16] in name for name in names)


@pytest.mark.parametrize(("longest", "life"), [("59s", 59), ("60s", 60), ("61s", 60), ("600s", 60)])
async def test_a_token_ends_with_the_call_and_after_a_minute_at_the_latest(
    outside: Installation, longest: str, life: int
) -> None:
    tools = [{**KEYED, "timeout": longest}]
    outside.catalogue.changed(manifest(tools=tools, stepToken={"audience": AUDIENCE}))
    outside.clock.forward(milliseconds=900)
    outside.upstream.answer = OutboundResponse(204, {}, b"")
    await call(outside, "book-once", {})
    told = claims(outside)
    assert told["iat"] == int(NOON.timestamp())
    assert told["exp"] == int(NOON.timestamp() + 0.9 + life) <= NOON.timestamp() + 0.9 + life


async def test_each_attempt_has_a_token_of_its_own(outside: Installation) -> None:
    outside.upstream.answer = UpstreamFailedError(FailureReason.CLOSED, "gone", sent=True)
    await call(outside)
    assert len(outside.upstream.asked) == 2
    assert claims(outside, 0)["txn"] != claims(outside, 1)["txn"]


async def test_without_the_field_there_is_no_token_also_for_services(outside: Installation) -> None:
    service = {"service": {"namespace": "treasury", "name": "rates", "port": 80}}
    slices = {
        "metadata": {
            "name": "connector-rates",
            "labels": {"genapps.dev/connector": "rates"},
            "annotations": {"genapps.dev/service": "treasury/rates:80"},
        },
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["10.1.0.7"]}],
    }
    outside.services.changed(slices)
    for endpoint in (service, {"url": "https://rates.example.com/api"}):
        outside.catalogue.changed(manifest(endpoint=endpoint))
        assert (await call(outside)).status == 200
        assert "txn-token" not in {name.lower() for name, _ in outside.upstream.asked[-1][1].headers}
    outside.catalogue.changed(manifest(endpoint=service, stepToken={"audience": AUDIENCE}))
    assert (await call(outside)).status == 200
    assert claims(outside)["tctx"]["connector"] == "rates"


async def test_the_token_stands_beside_the_credential(outside: Installation) -> None:
    outside.secrets.changed(
        {
            "metadata": {
                "name": "fx-key",
                "uid": "5ec",
                "resourceVersion": "1",
                "labels": {"genapps.dev/credential-for": "rates"},
                "annotations": {"genapps.dev/hosts": "rates.example.com"},
            },
            "data": {"token": "c2VjcmV0LXNlY3JldA=="},
        }
    )
    use = {"secretName": "fx-key", "key": "token", "as": {"header": "Authorization", "prefix": "Bearer "}}
    outside.catalogue.changed(manifest(credential=use, stepToken={"audience": AUDIENCE}))
    assert (await call(outside)).status == 200
    headers = {name.lower(): value for name, value in outside.upstream.asked[-1][1].headers}
    assert headers["authorization"] == "Bearer secret-secret"
    assert headers["txn-token"].count(".") == 2


async def test_without_a_key_nothing_is_sent(gateway: Installation) -> None:
    gateway.records.changed(app_record(envelope={"digest": ENVELOPE, "connectors": ["rates"]}))
    gateway.catalogue.changed(manifest(stepToken={"audience": AUDIENCE}))
    reply = await call(gateway)
    assert (reply.status, reply.json()["code"]) == (503, "ConnectorUnavailable")
    assert gateway.upstream.asked == []


async def test_a_clock_before_all_keys_signs_nothing(outside: Installation) -> None:
    outside.clock.forward(days=-1)
    assert (await call(outside)).json()["code"] == "ConnectorUnavailable"
    assert outside.upstream.asked == []


@pytest.mark.parametrize(
    ("arguments", "status"), [({"amount": 2**53 - 1}, 200), ({"amount": 1.5}, 200), ({"amount": "ä€😀"}, 200)]
)
async def test_arguments_are_named_by_the_digest_of_their_canonical_form(
    outside: Installation, arguments: dict[str, Any], status: int
) -> None:
    outside.catalogue.changed(manifest(tools=[{**BOOK, "input": {"type": "object"}}], stepToken={"audience": AUDIENCE}))
    outside.upstream.answer = OutboundResponse(204, {}, b"")
    assert (await call(outside, "book", arguments)).status == status
    text = orjson.dumps(arguments)
    assert claims(outside)["tctx"]["arguments_digest"] == "sha256:" + hashlib.sha256(text).hexdigest()


async def test_arguments_without_a_canonical_form_are_not_sent(outside: Installation) -> None:
    wanting = admitted(connector(stepToken={"audience": AUDIENCE}))
    huge = dataclasses.replace(wanting, call=call_of(arguments={"currency": 2**53}))
    with pytest.raises(CallFailedError) as failed:
        await outside.exchanger.exchange(huge, huge.tool.binding.prepare("rates", huge.call), Allowed(2.0, 2.0))
    assert failed.value.problem.code == "ArgumentsInvalid"
    assert outside.upstream.asked == []


async def test_a_models_token_is_about_what_its_server_gets(outside: Installation) -> None:
    outside.catalogue.changed(manifest(type="Model", models=["small"], tools=[], stepToken={"audience": AUDIENCE}))
    outside.upstream.answer = OutboundResponse(200, JSON, b'{"choices": []}')
    reply = await call(outside, "chat", {"messages": [{"role": "user", "content": "hello"}]})
    assert reply.status == 200, reply.body
    body = outside.upstream.asked[-1][1].body
    assert b"max_tokens" in body
    canonical = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    assert claims(outside)["tctx"]["arguments_digest"] == "sha256:" + hashlib.sha256(canonical).hexdigest()


@pytest.mark.parametrize("part", ["whole", "signature"])
async def test_an_answer_that_echoes_the_token_does_not_reach_the_app(
    outside: Installation, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async def echo(_target: Target, request: OutboundRequest, _limits: EgressLimits) -> OutboundResponse:
        token = token_of(request)
        held = token if part == "whole" else token.rpartition(".")[2]
        return OutboundResponse(200, JSON, orjson.dumps({"rate": 1, "got": f"<{held}>"}))

    monkeypatch.setattr(outside.upstream, "send", echo)
    reply = await call(outside)
    assert (reply.status, reply.json()["code"]) == (502, "ResultInvalid")


async def test_no_line_of_the_log_holds_a_token(outside: Installation) -> None:
    with structlog.testing.capture_logs() as lines:
        await call(outside)
        outside.upstream.answer = UpstreamFailedError(FailureReason.CLOSED, "gone", sent=True)
        await call(outside)
    tokens = [token_of(request) for _, request in outside.upstream.asked]
    text = repr(lines) + repr(outside.upstream.asked)
    assert len(tokens) == 3
    assert len(lines) > 4
    for token in tokens:
        assert not any(part in text for part in token.split(".")[1:])


async def test_a_reused_result_needs_no_token(outside: Installation) -> None:
    tools = manifest()["spec"]["tools"]
    outside.catalogue.changed(manifest(tools=[{**tools[0], "cache": "60s"}], stepToken={"audience": AUDIENCE}))
    assert (await call(outside)).status == (await call(outside)).status == 200
    assert len(outside.upstream.asked) == 1
