# SPDX-License-Identifier: Apache-2.0
"""Credentials of connectors: how they are sent, to whom they are not, and that nobody else ever sees one."""

import asyncio
import base64
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
import structlog

from genapps.gateway.egress.messages import FailureReason, OutboundRequest, OutboundResponse, UpstreamFailedError
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import Installation, Reply, app_record

CANARY = "canary-Zx81/+q?&7"
JSON = {"content-type": "application/json"}
HEADER = {"header": "X-Api-Key"}
OAUTH = {"tokenURL": "https://login.example.com/oauth/token", "clientID": "genapps", "scopes": ["rates.read"]}


def secret(value: str = CANARY, version: str = "1", **changes: Any) -> dict[str, Any]:
    """A Secret as the watch delivers it; `changes` replace label `connector`, annotation `hosts` or `data`."""
    data = changes.get("data", {"token": value, "username": "ledger"})
    return {
        "metadata": {
            "name": "fx-key",
            "uid": "5ec",
            "resourceVersion": version,
            "labels": {"genapps.dev/credential-for": changes.get("connector", "rates")},
            "annotations": {"genapps.dev/hosts": changes.get("hosts", "rates.example.com, login.example.com")},
        },
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }


def use(how: dict[str, Any]) -> dict[str, Any]:
    return manifest(credential={"secretName": "fx-key", "key": "token", **how})


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}))
    gateway.catalogue.changed(use({"as": HEADER}))
    gateway.secrets.changed(secret())
    return gateway


async def call(outside: Installation, tool: str = "latest", **members: Any) -> Reply:
    arguments = {"currency": "EUR"} if tool == "latest" else {}
    content = {"requestId": "r", "step": 1, "connector": "rates", "tool": tool, "arguments": arguments}
    return await outside.post("/v1/calls", content | members)


def sent(outside: Installation) -> OutboundRequest:
    return outside.upstream.asked[-1][1]


@pytest.mark.parametrize(
    ("how", "name", "value"),
    [
        (HEADER, "X-Api-Key", CANARY),
        ({"header": "Authorization", "prefix": "Bearer "}, "Authorization", f"Bearer {CANARY}"),
        ({"basic": {}}, "authorization", "Basic " + base64.b64encode(f"ledger:{CANARY}".encode()).decode()),
    ],
)
async def test_a_credential_in_a_header(outside: Installation, how: dict[str, Any], name: str, value: str) -> None:
    outside.catalogue.changed(use({"as": how}))
    assert (await call(outside)).status == 200
    assert dict(sent(outside).headers)[name] == value


async def test_a_credential_in_the_query(outside: Installation) -> None:
    outside.catalogue.changed(use({"as": {"query": "key"}}))
    assert (await call(outside)).status == 200
    assert sent(outside).path == "/api/v1/latest/EUR?key=canary-Zx81%2F%2Bq%3F%267"


async def test_an_argument_does_not_stand_beside_a_credential_in_the_query(outside: Installation) -> None:
    latest = manifest()["spec"]["tools"][0]
    tool = latest | {"input": latest["input"] | {"additionalProperties": True}}
    credential = {"secretName": "fx-key", "key": "token", "as": {"query": "key"}}
    outside.catalogue.changed(manifest(credential=credential, tools=[tool]))
    content = {"requestId": "r", "step": 1, "connector": "rates", "tool": "latest"}
    for arguments in ({"currency": "EUR", "key": "mine"}, {"currency": "EUR", "key": ""}):
        reply = await outside.post("/v1/calls", content | {"arguments": arguments})
        assert reply.json()["code"] == "CredentialUnavailable"
    assert outside.upstream.asked == []


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (None, "not there"),
        (secret(connector="payroll"), "not labelled"),
        (secret(hosts="rates.example.org"), "not annotated"),
        (secret(hosts=""), "not annotated"),
        (secret(hosts="*.example.com"), "not annotated"),
        (secret(hosts="example.com"), "not annotated"),
        (secret(data={"other": "x"}), "has not the key"),
        (secret(""), "has not the key"),
        (secret("\n"), "empty"),
        (secret("a\r\nX-Admin: 1"), "printable ASCII"),
        (secret("a b"), "printable ASCII"),
        (secret("grüezi"), "printable ASCII"),
        (secret("x" * 8193), "too long"),
    ],
)
async def test_a_credential_that_is_not_bound_or_cannot_be_sent_is_not(
    outside: Installation, stored: dict[str, Any] | None, why: str
) -> None:
    outside.secrets.listed([] if stored is None else [stored], "9")
    reply = await call(outside)
    assert (reply.json()["code"], reply.json()["class"]) == ("CredentialUnavailable", "limit")
    assert why in reply.json()["detail"]
    assert outside.upstream.asked == []


async def test_a_line_end_of_a_file_is_no_part_of_the_credential(outside: Installation) -> None:
    outside.secrets.changed(secret(CANARY + "\n"))
    await call(outside)
    assert dict(sent(outside).headers)["X-Api-Key"] == CANARY


async def test_a_rotated_credential_is_sent_by_the_next_call_on_a_connection_of_its_own(outside: Installation) -> None:
    await call(outside)
    outside.secrets.changed(secret("another-canary", version="2"))
    await call(outside)
    first, second = (request for _, request in outside.upstream.asked)
    assert dict(second.headers)["X-Api-Key"] == "another-canary"
    assert first.credential_id != second.credential_id
    outside.secrets.deleted(secret())
    assert (await call(outside)).json()["code"] == "CredentialUnavailable"


async def test_a_secret_that_loses_its_label_is_not_sent_any_more(outside: Installation) -> None:
    unlabelled = secret(version="2")
    del unlabelled["metadata"]["labels"]
    outside.secrets.changed(unlabelled)
    assert (await call(outside)).json()["code"] == "CredentialUnavailable"


ECHOES = [
    CANARY,
    f'{{"headers": {{"x-api-key": "{CANARY}"}}}}',
    "canary-Zx81%2F%2Bq%3F%267",
    base64.b64encode(CANARY.encode()).decode(),
    '"canary-Zx81\\/+q?&7"',
]


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_answer_that_echoes_the_credential_does_not_reach_the_app(
    outside: Installation, echo: str, status: int
) -> None:
    outside.upstream.answer = OutboundResponse(status, {"content-type": "text/plain"}, echo.encode())
    with structlog.testing.capture_logs() as lines:
        reply = await call(outside)
    assert reply.status != 200
    assert "Zx81" not in reply.body.decode() + str(lines)
    assert "Zx81" not in str(outside.metrics.registry.collect())


async def test_a_short_credential_does_not_make_every_answer_an_echo(outside: Installation) -> None:
    outside.secrets.changed(secret("rate"))
    assert (await call(outside)).status == 200


# OAuth 2 client credentials


@pytest.fixture
def oauth(outside: Installation) -> Installation:
    outside.catalogue.changed(use({"oauth": OAUTH}))
    outside.upstream.answers["login.example.com"] = token("first")
    return outside


def token(value: str, **members: Any) -> OutboundResponse:
    content = {"access_token": value, "token_type": "Bearer", "expires_in": 100} | members
    content = {name: member for name, member in content.items() if member is not None}
    return OutboundResponse(200, JSON, orjson.dumps(content))


def bought(outside: Installation) -> list[OutboundRequest]:
    return [request for target, request in outside.upstream.asked if target.host == "login.example.com"]


async def test_a_token_is_bought_and_used_until_shortly_before_its_end(oauth: Installation) -> None:
    for _ in range(3):
        assert (await call(oauth)).status == 200
        assert dict(sent(oauth).headers)["authorization"] == "Bearer first"
    (request,) = bought(oauth)
    pair = base64.b64encode(b"genapps:canary-Zx81%2F%2Bq%3F%267").decode()
    assert (request.method, request.path) == ("POST", "/oauth/token")
    assert dict(request.headers)["authorization"] == f"Basic {pair}"
    assert parse_qs(request.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["rates.read"]}
    oauth.clock.forward(seconds=80)
    oauth.upstream.answers["login.example.com"] = token("second")
    await call(oauth)
    assert dict(sent(oauth).headers)["authorization"] == "Bearer second"


async def test_callers_who_come_together_buy_one_token(oauth: Installation) -> None:
    replies = await asyncio.gather(*(call(oauth) for _ in range(5)))
    assert {reply.status for reply in replies} == {200}
    assert len(bought(oauth)) == 1


async def test_a_call_waits_for_a_token_no_longer_than_it_may_take(oauth: Installation) -> None:
    """Else the calls behind a slow server of tokens wait in a row, each with its permit."""
    latest = manifest()["spec"]["tools"][0] | {"timeout": "1s"}
    credential = {"secretName": "fx-key", "key": "token", "oauth": OAUTH}
    oauth.catalogue.changed(manifest(credential=credential, tools=[latest]))
    oauth.upstream.hold = asyncio.Event()
    replies = await asyncio.gather(*(call(oauth) for _ in range(3)))
    assert {reply.json()["code"] for reply in replies} == {"CredentialUnavailable"}
    assert oauth.permits.running("rates") == 0
    assert oauth.upstream.cancelled == 0, "the others wait for the same token"
    oauth.upstream.hold.set()
    assert (await call(oauth)).status == 200
    assert len(bought(oauth)) == 1


async def test_an_action_that_ends_before_the_token_comes_is_told_that(oauth: Installation) -> None:
    """Nobody has to look at the Secret for that."""
    oauth.upstream.hold = asyncio.Event()
    assert (await call(oauth, millisLeft=100)).json()["code"] == "DeadlineExceeded"
    assert oauth.permits.running("rates") == 0
    oauth.upstream.hold.set()
    assert (await call(oauth)).status == 200


async def test_who_leaves_does_not_end_what_others_wait_for(oauth: Installation) -> None:
    oauth.upstream.hold = asyncio.Event()
    leaving, staying = asyncio.create_task(call(oauth)), asyncio.create_task(call(oauth))
    await oauth.upstream.begun.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    oauth.upstream.hold.set()
    assert (await staying).status == 200
    assert len(bought(oauth)) == 1


async def test_after_a_slow_failure_the_server_is_spared_as_well(oauth: Installation) -> None:
    oauth.upstream.answering = lambda: oauth.clock.forward(seconds=10)
    oauth.upstream.answers["login.example.com"] = UpstreamFailedError(FailureReason.TIMED_OUT, "slow", sent=True)
    assert (await call(oauth)).json()["code"] == "CredentialUnavailable"
    assert (await call(oauth)).json()["code"] == "CredentialUnavailable"
    assert len(bought(oauth)) == 1


async def test_a_late_refusal_of_an_old_token_keeps_the_new_one(oauth: Installation) -> None:
    refused = OutboundResponse(401, {}, b"")
    oauth.upstream.next_answers = [token("first"), refused, token("second")]
    await call(oauth)
    assert (await call(oauth)).status == 200
    oauth.tokens.drop("rates", "first")
    assert (await call(oauth)).status == 200
    assert len(bought(oauth)) == 2


async def test_another_secret_scope_or_refusal_buys_another_token(oauth: Installation) -> None:
    await call(oauth)
    oauth.secrets.changed(secret("another-canary", version="2"))
    await call(oauth)
    oauth.catalogue.changed(use({"oauth": OAUTH | {"scopes": []}}))
    await call(oauth)
    assert len(bought(oauth)) == 3
    oauth.upstream.answer = OutboundResponse(401, {}, b"")
    await call(oauth)
    oauth.upstream.answer = OutboundResponse(200, JSON, b'{"rate": 1}')
    await call(oauth)
    assert len(bought(oauth)) == 4


async def test_the_server_of_tokens_hears_which_mcp_server_a_token_is_for(oauth: Installation) -> None:
    credential = {"secretName": "fx-key", "key": "token", "oauth": OAUTH}
    tools = [{"name": "note", "effect": "Read"}]
    for path in ("mcp", "other/mcp/"):
        endpoint = {"url": f"https://rates.example.com/{path}"}
        oauth.catalogue.changed(manifest(type="MCP", endpoint=endpoint, tools=tools, credential=credential))
        await call(oauth, "note")
        assert dict(sent(oauth).headers)["authorization"] == "Bearer first"
    resources = [parse_qs(request.body.decode())["resource"] for request in bought(oauth)]
    assert resources == [["https://rates.example.com/mcp"], ["https://rates.example.com/other/mcp"]]


async def test_the_secret_must_name_the_host_of_the_tokens(oauth: Installation) -> None:
    oauth.secrets.changed(secret(hosts="rates.example.com"))
    assert (await call(oauth)).json()["code"] == "CredentialUnavailable"
    assert oauth.upstream.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        UpstreamFailedError(FailureReason.TIMED_OUT, "10.0.0.1", sent=True),
        OutboundResponse(400, JSON, b'{"error": "invalid_client"}'),
        OutboundResponse(200, JSON, b"{"),
        OutboundResponse(200, JSON, b"[]"),
        token("x", access_token=None),
        token("a b"),
        token("x\r\nY: 1"),
        token("x" * 9000),
        token("x", token_type="mac"),
        token("x", token_type=None, access_token=""),
    ],
)
async def test_a_server_that_gives_no_token_is_asked_again_later(oauth: Installation, answer: Any) -> None:
    oauth.upstream.answers["login.example.com"] = answer
    for _ in range(3):
        assert (await call(oauth)).json()["code"] == "CredentialUnavailable"
    assert len(bought(oauth)) == 1
    oauth.clock.forward(seconds=6)
    oauth.upstream.answers["login.example.com"] = token("second")
    assert (await call(oauth)).status == 200


@pytest.mark.parametrize("expires", [None, -1, 0, "soon", True, 10**9])
async def test_a_token_without_a_plausible_end_is_not_kept_long(oauth: Installation, expires: Any) -> None:
    oauth.upstream.answers["login.example.com"] = token("first", expires_in=expires)
    await call(oauth)
    oauth.clock.forward(seconds=3601)
    await call(oauth)
    assert len(bought(oauth)) == 2


async def test_neither_client_secret_nor_token_comes_back(oauth: Installation) -> None:
    oauth.upstream.answers["login.example.com"] = token("bought-canary")
    for echo in (CANARY, "bought-canary"):
        oauth.upstream.answer = OutboundResponse(200, {"content-type": "text/plain"}, f"<{echo}>".encode())
        assert (await call(oauth)).json()["code"] == "ResultInvalid"
