# SPDX-License-Identifier: Apache-2.0
"""Calls through the whole gateway, but for the wire: decided, made, checked, answered, written down."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.contracts.compiled import CompiledTool
from genapps.gateway.egress.messages import (
    EgressReason,
    EgressRefusedError,
    FailureReason,
    OutboundResponse,
    UpstreamFailedError,
)
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.world import Installation, Reply, app_record

KEY = "f" * 64
JSON = {"content-type": "application/json"}


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    """A gateway whose app may call the connector `rates`."""
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}))
    gateway.catalogue.changed(manifest())
    return gateway


async def call(outside: Installation, tool: str = "latest", arguments: Any = None, **members: Any) -> Reply:
    given = {"currency": "EUR"} if arguments is None else arguments
    content = {"requestId": "r1", "step": 1, "connector": "rates", "tool": tool, "arguments": given}
    return await outside.post("/v1/calls", content | members)


async def book(outside: Installation, tool: str = "book", **members: Any) -> Reply:
    return await call(outside, tool, {}, **members)


async def test_a_call_reaches_the_connector_and_its_result_the_app(outside: Installation) -> None:
    reply = await call(outside)
    assert (reply.status, reply.json()) == (200, {"result": {"rate": 0.94}, "effect": "Read"})
    ((target, request),) = outside.upstream.asked
    assert (target.scheme, target.host, target.port, target.addresses) == ("https", "rates.example.com", 443, None)
    assert (request.method, request.path) == ("GET", "/api/v1/latest/EUR")


async def test_a_gateway_that_fails_in_the_middle_of_a_call_does_not_say_that_nothing_was_done(
    outside: Installation,
) -> None:
    outside.upstream.answer = ZeroDivisionError("secret detail")
    reply = await book(outside)
    assert (reply.status, reply.json()["code"]) == (409, "OutcomeUnknown")
    assert b"secret" not in reply.body
    assert len(outside.upstream.asked) == 1


@pytest.mark.parametrize(
    ("change", "tool", "arguments", "code", "kind"),
    [
        ({"namespaces": ["sales"]}, "latest", None, "ConnectorNotGranted", "limit"),
        ({}, "drop", None, "ToolNotInContract", "violation"),
        ({}, "Latest", None, "ToolNotInContract", "violation"),
        ({}, "latest", {}, "ArgumentsInvalid", "defect"),
        ({}, "latest", {"currency": "euro"}, "ArgumentsInvalid", "defect"),
        ({}, "latest", {"currency": "EUR", "more": 1}, "ArgumentsInvalid", "defect"),
        ({"minimumRiskClass": "medium"}, "latest", None, "RiskTooLow", "limit"),
    ],
)
async def test_what_the_rules_refuse_never_leaves(
    outside: Installation, change: dict[str, Any], tool: str, arguments: Any, code: str, kind: str
) -> None:
    outside.catalogue.changed(manifest(**change))
    reply = await call(outside, tool, arguments)
    assert (reply.json()["code"], reply.json()["class"]) == (code, kind)
    assert outside.upstream.asked == []
    assert outside.metrics.violations.labels("tool_not_in_contract")._value.get() == (kind == "violation")


async def test_argument_errors_name_the_place_and_not_the_value(outside: Installation) -> None:
    reply = await call(outside, arguments={"currency": "a secret of somebody"})
    assert "/currency" in reply.json()["detail"]
    assert "secret" not in reply.json()["detail"]


async def test_a_withdrawn_connector_is_a_limit_and_no_violation(outside: Installation) -> None:
    outside.catalogue.deleted(manifest())
    reply = await call(outside)
    assert (reply.json()["code"], reply.json()["class"]) == ("ConnectorUnavailable", "limit")
    outside.catalogue.changed(manifest())
    assert (await call(outside)).status == 200


async def test_a_connector_that_is_being_deleted_is_withdrawn(outside: Installation) -> None:
    ending = manifest()
    ending["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    outside.catalogue.changed(ending)
    assert (await call(outside)).json()["code"] == "ConnectorUnavailable"


async def test_a_pod_of_the_demanded_class_may_call(outside: Installation) -> None:
    outside.catalogue.changed(manifest(minimumRiskClass="medium"))
    envelope = {"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}
    outside.records.changed(app_record(envelope=envelope, effectiveRisk="medium"))
    assert (await call(outside)).status == 200


SENT, UNSENT = True, False
FAILED = {sent: UpstreamFailedError(FailureReason.CLOSED, "10.0.0.1 closed", sent=sent) for sent in (SENT, UNSENT)}


@pytest.mark.parametrize(
    ("tool", "answer", "code"),
    [
        ("latest", FAILED[SENT], "UpstreamFailed"),
        ("latest", FAILED[UNSENT], "UpstreamFailed"),
        ("book", FAILED[SENT], "OutcomeUnknown"),
        ("book", FAILED[UNSENT], "UpstreamFailed"),
        ("book-once", FAILED[SENT], "OutcomeUnknown"),
        ("book", EgressRefusedError(EgressReason.ADDRESS_REFUSED, "10.0.0.1"), "EgressRefused"),
        ("book", EgressRefusedError(EgressReason.REDIRECT_REFUSED, "10.0.0.1", sent=True), "OutcomeUnknown"),
        ("latest", EgressRefusedError(EgressReason.REDIRECT_REFUSED, "10.0.0.1", sent=True), "UpstreamFailed"),
        ("latest", OutboundResponse(404, {}, b"10.0.0.1"), "UpstreamRefused"),
        ("book", OutboundResponse(500, {}, b"10.0.0.1"), "OutcomeUnknown"),
        ("latest", OutboundResponse(200, JSON, b'{"rate": "10.0.0.1"}'), "ResultInvalid"),
        ("latest", OutboundResponse(200, JSON, b"[" * 100_000), "ResultInvalid"),
        ("latest", OutboundResponse(200, JSON, b'{"rate": 18446744073709551616}'), "ResultInvalid"),
        ("book", OutboundResponse(200, JSON, b'"' + b"x" * 800_000 + b'"'), "ResultInvalid"),
    ],
)
async def test_what_fails_outside_is_told_apart_and_tells_nothing_of_the_inside(
    outside: Installation, tool: str, answer: Any, code: str
) -> None:
    outside.upstream.answer = answer
    reply = await call(outside, tool, None if tool == "latest" else {})
    assert (reply.json()["code"], reply.json()["effect"]) == (code, "Read" if tool == "latest" else "Write")
    assert "10.0.0.1" not in reply.body.decode()
    assert outside.metrics.calls.labels("rates", code)._value.get() == 1


async def test_the_platform_is_told_more_of_what_failed_outside(outside: Installation) -> None:
    with structlog.testing.capture_logs() as lines:
        outside.upstream.next_answers = [FAILED[SENT], EgressRefusedError(EgressReason.ADDRESS_REFUSED, "10.0.0.2")]
        for _ in range(2):
            await book(outside)
    told = [(line["event"], line["connector"], line["detail"]) for line in lines if "detail" in line]
    assert told == [("upstream_failed", "rates", "10.0.0.1 closed"), ("egress_refused", "rates", "10.0.0.2")]


async def test_a_call_that_may_have_been_made_is_made_again_only_where_that_changes_nothing(
    outside: Installation,
) -> None:
    assert (await book(outside, repeated=True)).json()["code"] == "OutcomeUnknown"
    assert (await book(outside, "book-once", repeated=True)).json()["code"] == "OutcomeUnknown", "without a key"
    assert outside.upstream.asked == []
    assert (await call(outside, repeated=True)).status == 200
    outside.upstream.answer = OutboundResponse(201, JSON, b"{}")
    assert (await book(outside, "book-once", repeated=True, key=KEY)).status == 200
    assert ("Idempotency-Key", KEY) in outside.upstream.asked[-1][1].headers


async def test_a_dead_connector_is_spared(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(503, {}, b"")
    for _ in range(5):
        assert (await call(outside)).json()["code"] == "UpstreamFailed"
    asked = len(outside.upstream.asked)
    refused = await call(outside)
    assert (refused.json()["code"], refused.json()["class"]) == ("BreakerOpen", "limit")
    assert refused.headers["retry-after"] == "5"
    assert len(outside.upstream.asked) == asked


async def test_a_connector_that_comes_again_under_its_name_begins_anew(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(503, {}, b"")
    for _ in range(6):
        last = await call(outside)
    assert last.json()["code"] == "BreakerOpen"
    assert outside.metrics.calls.labels("rates", "BreakerOpen")._value.get() == 1
    outside.catalogue.listed([manifest("another")], "9")
    assert "rates" not in str(outside.metrics.registry.collect())
    outside.catalogue.changed(manifest())
    outside.upstream.answer = OutboundResponse(200, JSON, b'{"rate": 1}')
    assert (await call(outside)).status == 200


async def test_a_service_without_pods_opens_no_breaker(outside: Installation) -> None:
    outside.catalogue.changed(manifest(endpoint={"service": {"namespace": "treasury", "name": "rates", "port": 80}}))
    for _ in range(10):
        assert (await call(outside)).json()["code"] == "ConnectorUnavailable"


async def test_a_change_of_its_status_does_not_compile_a_connector_anew(outside: Installation) -> None:
    def written(uid: str, generation: int, **spec: Any) -> dict[str, Any]:
        content = manifest(**spec)
        return content | {"metadata": content["metadata"] | {"uid": uid, "generation": generation}}

    outside.catalogue.changed(written("a", 1))
    first = outside.catalogue.find("rates")
    outside.catalogue.changed(written("a", 1) | {"status": {"apps": 1}})
    outside.catalogue.listed([written("a", 1)], "9")
    assert outside.catalogue.find("rates") is first
    for uid, generation in (("a", 2), ("b", 2)):
        outside.catalogue.changed(written(uid, generation, namespaces=[f"{uid}{generation}"]))
        found = outside.catalogue.find("rates")
        assert found is not None
        assert found.granted_to(f"{uid}{generation}")


@pytest.mark.parametrize(("tool", "code"), [("latest", "CheckFailed"), ("book", "OutcomeUnknown")])
async def test_a_result_that_cannot_be_checked_is_not_the_connectors_defect(
    outside: Installation, monkeypatch: pytest.MonkeyPatch, tool: str, code: str
) -> None:
    def fails(*_: object) -> None:
        raise CheckFailedError("the check of a contract failed: the engine panicked")

    monkeypatch.setattr(CompiledTool, "result_fault", fails)
    for _ in range(6):
        reply = await call(outside, tool, None if tool == "latest" else {})
        assert reply.json()["code"] == code, "and no breaker opens"
        assert "engine" in reply.json()["detail"]
    assert len(outside.upstream.asked) == 6


async def test_refusals_of_the_connector_do_not_open_the_breaker(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(404, {}, b"")
    for _ in range(10):
        assert (await call(outside)).json()["code"] == "UpstreamRefused"


async def test_a_result_is_reused_for_the_same_question_of_the_same_tenant(outside: Installation) -> None:
    latest = manifest()["spec"]["tools"][0] | {"cache": "60s"}
    outside.catalogue.changed(manifest(tools=[latest]))
    for tenant in ("", "a" * 64, "b" * 64):
        for _ in range(2):
            members = {"tenant": tenant} if tenant else {}
            assert (await call(outside, **members)).json()["result"] == {"rate": 0.94}
    assert len(outside.upstream.asked) == 3
    await call(outside, arguments={"currency": "USD"})
    assert len(outside.upstream.asked) == 4
    outside.clock.forward(seconds=61)
    await call(outside)
    outside.catalogue.changed(manifest(namespaces=["sales"], tools=[latest]))
    assert (await call(outside)).json()["code"] == "ConnectorNotGranted", "the decision comes before the cache"


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": {"url": "https://rates.example.com/v2"}},
        {"endpoint": {"url": "https://rates.example.org/api"}},
        {"credential": {"secretName": "fx-key", "key": "another", "as": {"header": "X-Key"}}},
    ],
)
async def test_a_result_from_another_place_or_account_is_not_reused(
    outside: Installation, change: dict[str, Any]
) -> None:
    data = {"token": "c2VjcmV0LW9uZQ==", "another": "c2VjcmV0LXR3bw=="}
    labels = {"genapps.dev/credential-for": "rates"}
    annotations = {"genapps.dev/hosts": "rates.example.com,rates.example.org"}
    metadata = {"name": "fx-key", "uid": "1", "resourceVersion": "1", "labels": labels, "annotations": annotations}
    outside.secrets.changed({"metadata": metadata, "data": data})
    spec: dict[str, Any] = {
        "tools": [manifest()["spec"]["tools"][0] | {"cache": "1h"}],
        "credential": {"secretName": "fx-key", "key": "token", "as": {"header": "X-Key"}},
    }
    outside.catalogue.changed(manifest(**spec))
    assert [(await call(outside)).status for _ in range(2)] == [200, 200]
    assert len(outside.upstream.asked) == 1
    outside.catalogue.changed(manifest(**spec | change))
    assert (await call(outside)).status == 200
    assert len(outside.upstream.asked) == 2


@pytest.fixture
async def held(outside: Installation) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """The connector answers when the first is set, and the caller goes when the second is."""
    outside.upstream.hold = asyncio.Event()
    yield outside.upstream.hold, asyncio.Event()
    assert outside.permits.running("rates") == 0


def started(outside: Installation, tool: str, arguments: Any, gone: asyncio.Event) -> asyncio.Task[Reply]:
    content = {"requestId": "r", "step": 1, "connector": "rates", "tool": tool, "arguments": arguments}
    return asyncio.create_task(outside.post("/v1/calls", content, gone=gone))


async def test_a_read_ends_when_its_caller_goes(
    outside: Installation, held: tuple[asyncio.Event, asyncio.Event]
) -> None:
    running = started(outside, "latest", {"currency": "EUR"}, held[1])
    await outside.upstream.begun.wait()
    held[1].set()
    assert (await running).json()["code"] == "RequestInvalid"
    assert outside.upstream.cancelled == 1


async def test_a_write_is_seen_to_its_end(outside: Installation, held: tuple[asyncio.Event, asyncio.Event]) -> None:
    running = started(outside, "book", {}, held[1])
    await outside.upstream.begun.wait()
    held[1].set()
    done, _ = await asyncio.wait([running], timeout=0.05)
    assert not done, "it goes on without the caller"
    held[0].set()
    assert (await running).status == 200
    assert outside.upstream.cancelled == 0


async def test_a_service_is_called_at_the_addresses_that_the_operator_resolved(outside: Installation) -> None:
    service = {"service": {"namespace": "treasury", "name": "rates", "port": 80}}
    outside.catalogue.changed(manifest(endpoint=service))
    assert (await call(outside)).json()["code"] == "ConnectorUnavailable"
    slice_ = {
        "metadata": {
            "name": "connector-rates",
            "labels": {"genapps.dev/connector": "rates"},
            "annotations": {"genapps.dev/service": "treasury/rates:80"},
        },
        "ports": [{"port": 8000}],
        "endpoints": [
            {"addresses": ["10.1.0.7"], "conditions": {"ready": True}},
            {"addresses": ["10.1.0.8"], "conditions": {"ready": False}},
        ],
    }
    outside.services.changed(slice_)
    assert (await call(outside)).status == 200
    ((target, request),) = outside.upstream.asked
    assert (target.scheme, target.host, target.port, target.addresses) == (
        "http", "rates.treasury.svc", 8000, ("10.1.0.7",),
    )  # fmt: skip
    assert request.path == "/v1/latest/EUR"
    outside.catalogue.changed(manifest(endpoint={"service": {**service["service"], "port": 81}}))
    assert (await call(outside)).json()["code"] == "ConnectorUnavailable", "these are the pods of another port"
    outside.catalogue.changed(manifest(endpoint=service))
    outside.services.deleted(slice_)
    assert (await call(outside)).json()["code"] == "ConnectorUnavailable"


async def test_each_call_has_a_line_before_and_after_it_without_its_arguments(outside: Installation) -> None:
    with structlog.testing.capture_logs() as lines:
        await call(outside, arguments={"currency": "EUR"})
        outside.upstream.answer = OutboundResponse(500, {}, b"")
        await book(outside)
    told = [(line["event"], line["tool"], line.get("attempt"), line.get("code")) for line in lines]
    assert told == [
        ("call_attempted", "latest", 1, None),
        ("call_ended", "latest", None, "ok"),
        ("call_attempted", "book", 1, None),
        ("call_ended", "book", None, "OutcomeUnknown"),
    ]
    for line in lines:
        assert {"app", "namespace", "envelope", "connector", "contract", "request", "step"} <= line.keys()
        assert "EUR" not in str(line)
