# SPDX-License-Identifier: Apache-2.0
"""Calls of actions that end soon: nothing leaves after the end, what reads ends with it, and a write is awaited."""

import asyncio
from typing import Any

import orjson
import pytest
import structlog

from genapps.cluster import clocks
from genapps.gateway import streamed_answer
from genapps.gateway.connectors.exchange import CallFailedError
from genapps.gateway.connectors.times import Allowed, Times
from genapps.gateway.egress.messages import EgressLimits, FailureReason, OutboundResponse, UpstreamFailedError
from tests.unit.gateway.connectors import admitted, connector, manifest
from tests.unit.gateway.step_tokens.test_step_tokens import AUDIENCE, claims
from tests.unit.gateway.test_calls import FAILED, KEY, SENT, call
from tests.unit.gateway.test_model_connector import MESSAGES, model
from tests.unit.gateway.test_model_streams import EVENTS, delta, event, lines
from tests.unit.gateway.world import NOON, Installation, Reply, app_record

LATE = {sent: UpstreamFailedError(FailureReason.TIMED_OUT, "10.0.0.1 is slow", sent=sent) for sent in (True, False)}
TOOL_SECONDS = 2
"""Of the tools of `rates`."""


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still: how long the test machine takes is none of the action's time."""
    monkeypatch.setattr(clocks, "monotonic", lambda: 100.0)


@pytest.fixture
async def outside(gateway: Installation) -> Installation:
    envelope = {"digest": "sha256:" + "a" * 64, "connectors": ["rates", "llm"]}
    gateway.records.changed(app_record(envelope=envelope))
    gateway.catalogue.changed(manifest(stepToken={"audience": AUDIENCE}))
    gateway.catalogue.changed(model())
    await gateway.step_keys.refresh()
    return gateway


async def ask(outside: Installation, tool: str, left: int | None, **members: Any) -> Reply:
    """Call a tool of `rates`, `stream` is a stream of the model."""
    told = {} if left is None else {"millisLeft": left}
    if tool == "stream":
        given = {"connector": "llm", "tool": "chat", "arguments": {"messages": MESSAGES}, "stream": True}
        return await outside.post("/v1/calls", {"requestId": "r", "step": 1} | given | told)
    return await call(outside, tool, None if tool == "latest" else {}, **members, **told)


def limits(outside: Installation) -> EgressLimits:
    return outside.upstream.limits[-1]


@pytest.mark.parametrize("tool", ["latest", "book", "stream"])
async def test_without_time_nothing_is_sent_and_nothing_taken(outside: Installation, tool: str) -> None:
    with structlog.testing.capture_logs() as written:
        reply = await ask(outside, tool, 0)
    assert (reply.status, reply.json()["code"], reply.json()["class"]) == (504, "DeadlineExceeded", "limit")
    assert "retryAfter" not in reply.json()
    assert outside.upstream.asked == []
    assert [line["event"] for line in written] == ["call_refused"]
    assert outside.permits.running("rates") == outside.permits.running("llm") == 0


async def test_the_time_before_the_decision_counts(outside: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    outside.catalogue.changed(manifest())  # it wants no token, which would need a second
    now = [100.0, 101.5, 101.5]
    monkeypatch.setattr(clocks, "monotonic", lambda: now.pop(0) if len(now) > 1 else now[0])
    assert (await ask(outside, "book", 1500)).json()["code"] == "DeadlineExceeded"
    now[:] = [100.0, 101.5, 101.5]
    outside.upstream.answer = OutboundResponse(204, {}, b"")
    assert (await ask(outside, "book", 1501)).status == 200


@pytest.mark.parametrize(("left", "life"), [(None, TOOL_SECONDS), (3_600_000, TOOL_SECONDS), (1900, 1), (1000, 1)])
@pytest.mark.parametrize("tool", ["latest", "book"])
async def test_a_token_ends_with_the_action_at_the_latest(
    outside: Installation, tool: str, left: int | None, life: int
) -> None:
    outside.upstream.answer = OutboundResponse(200, {"content-type": "application/json"}, b'{"rate": 1}')
    assert (await ask(outside, tool, left)).status == 200
    assert claims(outside)["exp"] == int(NOON.timestamp()) + life


async def test_for_less_time_than_a_token_can_say_no_call_is_begun(outside: Installation) -> None:
    """Its connector would refuse a token that is over, and be blamed for that."""
    with structlog.testing.capture_logs() as written:
        reply = await ask(outside, "book", 999)
    assert (reply.json()["code"], "was not begun" in reply.json()["detail"]) == ("DeadlineExceeded", True)
    assert outside.upstream.asked == []
    assert (written[-1]["health"], written[-1]["cost_micros"]) == ("unknown", 0)
    outside.catalogue.changed(manifest())
    outside.upstream.answer = OutboundResponse(204, {}, b"")
    assert (await ask(outside, "book", 999)).status == 200, "it wants no token"


async def test_what_reads_ends_with_its_action_and_a_write_only_begins_before(outside: Installation) -> None:
    await ask(outside, "latest", 1500)
    assert 1.0 < limits(outside).seconds == limits(outside).connect_seconds <= 1.5
    await ask(outside, "book", 1500)
    assert 1.0 < limits(outside).connect_seconds <= 1.5 < limits(outside).seconds == TOOL_SECONDS
    outside.upstream.answer = OutboundResponse(200, EVENTS, b"")
    await ask(outside, "stream", 1500)
    assert 1.0 < limits(outside).seconds <= 1.5
    await ask(outside, "stream", None)
    assert (limits(outside).seconds, limits(outside).connect_seconds) == (60, 5)


@pytest.mark.parametrize(
    ("tool", "sent", "left", "code", "health"),
    [
        ("latest", True, 1500, "DeadlineExceeded", "unknown"),
        ("latest", False, 1500, "DeadlineExceeded", "unknown"),
        ("book", False, 1500, "DeadlineExceeded", "unknown"),
        ("book", True, 1500, "OutcomeUnknown", "bad"),  # it had the tool's own time
        ("latest", True, None, "UpstreamFailed", "bad"),
        ("latest", True, 60_000, "UpstreamFailed", "bad"),
        ("stream", True, 1500, "DeadlineExceeded", "unknown"),
        ("stream", False, 1500, "DeadlineExceeded", "unknown"),
        ("stream", False, 20_000, "UpstreamFailed", "bad"),  # five seconds to connect are the connector's
        ("stream", True, None, "UpstreamFailed", "bad"),
    ],
)
async def test_the_end_of_an_action_is_no_fault_of_the_connectors(
    outside: Installation, tool: str, sent: bool, left: int | None, code: str, health: str
) -> None:
    outside.upstream.answer = LATE[sent]
    with structlog.testing.capture_logs() as written:
        reply = await ask(outside, tool, left)
    assert (reply.json()["code"], b"10.0.0.1" in reply.body) == (code, False)
    assert (written[-1]["event"], written[-1]["code"], written[-1]["health"]) == ("call_ended", code, health)


async def test_what_fails_otherwise_is_the_connectors(outside: Installation) -> None:
    outside.upstream.answer = FAILED[SENT]
    assert (await ask(outside, "latest", 1500)).json()["code"] == "UpstreamFailed"


async def test_a_stream_that_the_action_outlives_not_is_told_to_be_incomplete(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(200, EVENTS, b"")
    outside.upstream.pieces = event(delta("1 + 1")), LATE[True]
    piece, last = lines(await ask(outside, "stream", 1500))
    assert piece == {"piece": delta("1 + 1")}
    assert (last["problem"]["code"], "not complete" in last["problem"]["detail"]) == ("DeadlineExceeded", True)


async def test_who_reads_nothing_holds_a_stream_no_longer_than_the_action_lasts(
    outside: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed_answer, "UNREAD_SECONDS", 0.0)
    outside.upstream.answer = OutboundResponse(200, EVENTS, b"")
    outside.upstream.pieces = (event(delta("1 + 1")),)
    asked = {"requestId": "r", "step": 1, "connector": "llm", "tool": "chat", "arguments": {"messages": MESSAGES}}
    incoming: list[dict[str, Any]] = [
        {"type": "http.request", "body": orjson.dumps(asked | {"stream": True, "millisLeft": 50})}
    ]
    bearer = f"Bearer {outside.issuer.token()}".encode()
    scope = {"type": "http", "method": "POST", "path": "/v1/calls", "headers": [(b"authorization", bearer)]}

    async def receive() -> dict[str, Any]:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop()

    async def send(message: dict[str, Any]) -> None:
        assert (message["type"], outside.permits.running("llm")) == ("http.response.start", 1)
        await asyncio.Event().wait()

    async with asyncio.timeout(TOOL_SECONDS * 5):
        await outside.app(scope, receive, send)
    assert outside.permits.running("llm") == 0


@pytest.mark.parametrize(("left", "times"), [(20, 1), (1900, 2)])
async def test_there_is_no_second_attempt_after_the_end(outside: Installation, left: int, times: int) -> None:
    outside.catalogue.changed(manifest())
    outside.upstream.answer = OutboundResponse(500, {}, b"")
    await ask(outside, "book-once", left, key=KEY)
    assert len(outside.upstream.asked) == times


@pytest.mark.parametrize(("begin", "sent"), [(0.0, 0), (0.001, 1)])
async def test_time_that_a_credential_has_taken_is_gone(outside: Installation, begin: float, sent: int) -> None:
    asked = admitted(connector())
    prepared = asked.tool.binding.prepare("rates", asked.call)
    if sent:
        await outside.exchanger.exchange(asked, prepared, Allowed(begin, 2.0, by_action=True))
    else:
        with pytest.raises(CallFailedError, match="DeadlineExceeded"):
            await outside.exchanger.exchange(asked, prepared, Allowed(begin, 2.0, by_action=True))
    assert len(outside.upstream.asked) == sent


def test_what_an_attempt_may_take_shrinks_and_only_a_write_outlives_its_action() -> None:
    reads, writes = Times(100.0, 4.0, 3.0, reads=True), Times(100.0, 4.0, 3.0, reads=False)
    assert [reads.allowed(now) for now in (100.0, 102.0)] == [Allowed(3.0, 3.0, True), Allowed(1.0, 1.0, True)]
    assert [writes.allowed(now) for now in (100.0, 102.0)] == [Allowed(3.0, 4.0, True), Allowed(1.0, 2.0, True)]
    assert writes._replace(action=5.0).allowed(101.0) == Allowed(3.0, 3.0, by_action=False)
    assert Allowed(3.0, 4.0, by_action=True).after(1.0) == Allowed(2.0, 3.0, by_action=True)
