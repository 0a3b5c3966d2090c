# SPDX-License-Identifier: Apache-2.0
"""Requests in, answers out: the whole gateway without sockets."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from genapps.gateway import app as gateway_app
from genapps.gateway.app import REPORT_BURST
from genapps.gateway.messages import BODY_LIMIT
from tests.unit.gateway.world import CHILD, NOON, Installation, app_record

SUSPENSION = {"id": "0" * 32, "reason": "RepeatedViolations", "at": NOON.isoformat()}
SUSPENDED = {
    "suspended": True,
    "credit": {"cpuMillis": 0, "seconds": 30, "exhausted": None},
    "tenantKeys": None,
}
REPORT = {"requestId": "r1", "rule": "raw_egress", "subject": "10.0.0.1:443"}


async def test_health_needs_no_token(gateway: Installation) -> None:
    reply = await gateway.post("/v1/healthz", b"", method="GET", token="")
    assert (reply.status, reply.json()) == (200, {"status": "ok"})


async def test_a_granted_connector_is_unavailable_and_says_when_to_try_again(gateway: Installation) -> None:
    reply = await gateway.call("mail", "order-17")
    assert reply.status == 503
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["retry-after"] == "60"
    body = reply.json()
    assert (body["code"], body["class"], body["requestId"]) == ("ConnectorUnavailable", "limit", "order-17")
    assert gateway.store.writes == 0


async def test_a_violation_is_refused_counted_and_echoed(gateway: Installation) -> None:
    reply = await gateway.call("payroll", "order-17")
    assert (reply.status, reply.json()["code"], reply.json()["class"]) == (403, "ConnectorNotInEnvelope", "violation")
    assert reply.json()["requestId"] == "order-17"
    assert gateway.store.ledger()["window"][0]["subject"] == "payroll"


async def test_at_the_threshold_everything_is_refused_before_the_operator_knows(gateway: Installation) -> None:
    for number in range(3):
        assert (await gateway.call("payroll", f"r{number}")).json()["code"] == "ConnectorNotInEnvelope"
    assert (await gateway.call("mail", "r3")).json()["code"] == "Suspended"
    assert (await gateway.post("/v1/heartbeat", {})).json() == SUSPENDED
    gateway.records.changed(app_record(countFrom="2026-11-23T12:00:01Z"))
    gateway.clock.forward(seconds=2)
    assert (await gateway.call("mail", "r4")).json()["code"] == "ConnectorUnavailable"


async def test_of_many_violations_at_once_only_the_threshold_is_counted(gateway: Installation) -> None:
    replies = await asyncio.gather(*(gateway.call("payroll", f"r{number}") for number in range(10)))
    codes = [reply.json()["code"] for reply in replies]
    assert codes.count("ConnectorNotInEnvelope") == 3
    assert codes.count("Suspended") == 7
    assert gateway.store.ledger()["total"] == 3


async def test_a_suspended_app_is_refused_and_not_counted(gateway: Installation) -> None:
    gateway.records.changed(app_record(suspension=SUSPENSION))
    reply = await gateway.call("payroll")
    assert (reply.status, reply.json()["code"]) == (403, "Suspended")
    assert "retryAfter" not in reply.json()
    assert (await gateway.post("/v1/violations", REPORT)).status == 403
    assert gateway.store.writes == 0


async def test_a_bad_token_is_refused_before_anything_is_read(gateway: Installation) -> None:
    reply = await gateway.post("/v1/calls", b"x" * (2 * BODY_LIMIT), token=gateway.issuer.token({"aud": ["other"]}))
    assert (reply.status, reply.json()["code"], reply.json()["class"]) == (401, "TokenInvalid", "limit")
    assert "wrong audience" in reply.json()["detail"]
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/v1/calls", "/v1/violations", "/v1/heartbeat"])
async def test_on_knowledge_that_is_too_old_everything_is_refused(gateway: Installation, path: str) -> None:
    gateway.stale = True
    reply = await gateway.post(path, {})
    assert (reply.status, reply.json()["code"], reply.json()["class"]) == (503, "GatewayStale", "limit")
    assert (reply.headers["retry-after"], reply.headers["connection"]) == ("5", "close")
    assert (await gateway.post("/v1/healthz", b"", method="GET")).status == 200, "the fence can still be proven"
    gateway.stale = False
    assert (await gateway.post("/v1/heartbeat", {})).status == 200


async def test_a_token_given_twice_is_no_token(gateway: Installation) -> None:
    second = (b"authorization", b"Bearer " + gateway.issuer.token().encode())
    assert (await gateway.post("/v1/heartbeat", {}, headers=(second,))).json()["code"] == "TokenInvalid"


async def test_an_unknown_pod_is_told_to_try_again_and_admitted_once_the_record_names_it(gateway: Installation) -> None:
    gateway.records.changed(app_record(pod=None))
    reply = await gateway.call("payroll")
    assert (reply.status, reply.json()["code"], reply.json()["retryAfter"]) == (401, "CallerUnknown", 1)
    assert gateway.store.writes == 0, "no violation: there is no app to count it for"
    gateway.records.changed(app_record())
    assert (await gateway.call("mail")).json()["code"] == "ConnectorUnavailable"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 2000,
        b"[]",
        b"7",
        {},
        {"requestId": "r", "step": 0, "connector": "mail", "tool": "t"},
        {"requestId": "r", "step": "0", "connector": "mail", "tool": "t", "arguments": {}},
        {"requestId": "r", "step": -1, "connector": "mail", "tool": "t", "arguments": {}},
        {"requestId": "r", "step": True, "connector": "mail", "tool": "t", "arguments": {}},
        {"requestId": "r", "step": 0, "connector": "mail", "tool": "t", "arguments": []},
        {"requestId": "r", "step": 0, "connector": "", "tool": "t", "arguments": {}},
        {"requestId": "r", "step": 0, "connector": "m" * 1025, "tool": "t", "arguments": {}},
        {"requestId": "", "step": 0, "connector": "mail", "tool": "t", "arguments": {}},
        {"requestId": "r" * 129, "step": 0, "connector": "mail", "tool": "t", "arguments": {}},
        {"requestId": "r\n", "step": 0, "connector": "mail", "tool": "t", "arguments": {}},
        {"requestId": "r", "step": 0, "connector": "mail", "tool": "t", "arguments": {}, "\x1b[2J": 1},
        {"requestId": "r", "step": 0, "connector": ["mail"], "tool": "t", "arguments": {}},
    ],
)
async def test_a_malformed_call_is_a_defect_and_shows_nothing_of_its_text(gateway: Installation, content: Any) -> None:
    reply = await gateway.post("/v1/calls", content)
    assert (reply.status, reply.json()["code"], reply.json()["class"]) == (400, "RequestInvalid", "defect")
    assert b"\\u001b" not in reply.body
    assert b"2J" not in reply.body
    assert gateway.store.writes == 0


async def test_a_body_that_is_too_large_is_refused_by_its_announcement_and_by_its_size(gateway: Installation) -> None:
    announced = await gateway.post("/v1/calls", b"{}", headers=((b"content-length", str(BODY_LIMIT + 1).encode()),))
    sent = await gateway.post("/v1/calls", b" " * (BODY_LIMIT + 1))
    assert (announced.status, sent.status) == (413, 413)
    assert sent.headers["connection"] == "close"


async def test_other_paths_and_methods_are_refused(gateway: Installation) -> None:
    assert (await gateway.post("/v1/elsewhere", {})).status == 404
    assert (await gateway.post("/v1/calls", {}, method="GET")).status == 405
    assert (await gateway.post("/metrics", b"", method="GET")).status == 404, "another port"


async def test_a_heartbeat_says_how_the_app_stands(gateway: Installation) -> None:
    assert (await gateway.post("/v1/heartbeat", {})).json() == {"suspended": False, "credit": None, "tenantKeys": None}
    gateway.records.changed(app_record(suspension=SUSPENSION))
    assert (await gateway.post("/v1/heartbeat", {})).json() == SUSPENDED
    gateway.records.changed(app_record())
    assert (await gateway.post("/v1/heartbeat", {"credit": 1000})).status == 400


@pytest.mark.parametrize("word", ["open", "HalfOpen", "", 1, True, ["Open"], "Open" * 1000])
async def test_a_heartbeat_says_one_of_two_words_of_the_breaker(gateway: Installation, word: Any) -> None:
    assert (await gateway.post("/v1/heartbeat", {"breaker": word})).json()["code"] == "RequestInvalid"
    assert (await gateway.post("/v1/heartbeat", {"breaker": "Open"})).status == 200
    await gateway.breakers.write()
    assert gateway.store.writes == 1


async def test_a_suspended_app_says_nothing_of_its_breaker(gateway: Installation) -> None:
    gateway.records.changed(app_record(suspension=SUSPENSION))
    assert (await gateway.post("/v1/heartbeat", {"breaker": "Open"})).json() == SUSPENDED
    await gateway.breakers.write()
    assert gateway.store.writes == 0


async def test_a_report_adds_to_the_count_with_its_text_made_plain(gateway: Installation) -> None:
    reply = await gateway.post("/v1/violations", REPORT | {"subject": "\x1b[2J" + "x" * 500})
    assert (reply.status, reply.json()) == (202, {})
    [entry] = gateway.store.ledger()["window"]
    assert entry["rule"] == "raw_egress"
    assert "\x1b" not in entry["subject"]
    assert len(entry["subject"]) <= 120


@pytest.mark.parametrize("change", [{"rule": "made_up"}, {"rule": None}, {"subject": 7}, {"at": "now"}])
async def test_a_report_outside_the_closed_set_is_a_defect(gateway: Installation, change: dict[str, Any]) -> None:
    reply = await gateway.post("/v1/violations", REPORT | change)
    assert (reply.status, reply.json()["code"]) == (400, "RequestInvalid")
    assert gateway.store.writes == 0


async def test_reports_are_limited_in_rate(gateway: Installation) -> None:
    lenient = app_record(violationPolicy={"threshold": 50, "window": "10m"})
    gateway.records.changed(lenient)
    for number in range(REPORT_BURST):
        assert (await gateway.post("/v1/violations", REPORT | {"requestId": f"r{number}"})).status == 202
    reply = await gateway.post("/v1/violations", REPORT)
    assert (reply.status, reply.json()["code"], reply.json()["retryAfter"]) == (429, "TooManyReports", 1)
    gateway.clock.forward(seconds=1)
    assert (await gateway.post("/v1/violations", REPORT)).status == 202


async def test_when_the_count_cannot_become_durable_the_call_is_refused_and_the_count_kept(
    gateway: Installation,
) -> None:
    assert (await gateway.call("mail")).status == 503
    gateway.store.down = True
    reply = await gateway.call("payroll", "r1")
    assert (reply.status, reply.json()["code"], reply.json()["retryAfter"]) == (503, "GatewayUnavailable", 1)
    gateway.store.down = False
    assert await gateway.ledgers.flush()
    assert gateway.store.ledger()["total"] == 1


async def test_without_keys_calls_are_refused(gateway: Installation) -> None:
    gateway.issuer.down = True
    reply = await gateway.call("mail")
    assert (reply.status, reply.json()["code"]) == (503, "GatewayUnavailable")


async def test_a_failure_inside_refuses_and_is_not_told(gateway: Installation) -> None:
    class Broken:
        async def identify(self, _: str | None) -> None:
            raise ZeroDivisionError("secret detail")

    gateway.app = gateway_app.GatewayApp(replace(gateway.parts, identities=Broken()))  # type: ignore[arg-type]
    reply = await gateway.call("mail")
    assert (reply.status, reply.json()["code"]) == (500, "GatewayUnavailable")
    assert b"secret" not in reply.body


async def test_what_guests_choose_never_becomes_a_label(gateway: Installation) -> None:
    await gateway.call("hostile-name", "hostile-id")
    await gateway.post("/hostile-path", {})
    names = {
        label
        for metric in gateway.metrics.registry.collect()
        for sample in metric.samples
        for label in sample.labels.values()
    }
    assert "ConnectorNotInEnvelope" in names
    assert not [name for name in names if "hostile" in name or CHILD in name]


async def test_answers_are_valid_json_with_the_right_length(gateway: Installation) -> None:
    reply = await gateway.call("\N{RIGHT-TO-LEFT OVERRIDE}\u0000pay\U0001f4b0")
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert "\u202e" not in orjson.loads(reply.body)["detail"]
