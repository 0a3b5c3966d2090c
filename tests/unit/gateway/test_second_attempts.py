# SPDX-License-Identifier: Apache-2.0
"""Calls that are tried again: only where that does no harm, and what is unknown of the first attempt stays unknown."""

from typing import Any

import pytest

from genapps.gateway.connectors.exchange import Prepared, arguments_invalid
from genapps.gateway.connectors.http import HttpTool
from genapps.gateway.egress.messages import OutboundResponse
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.test_calls import FAILED, JSON, KEY, SENT, UNSENT, book, call
from tests.unit.gateway.world import Installation, app_record


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    """A gateway whose app may call the connector `rates`."""
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}))
    gateway.catalogue.changed(manifest())
    return gateway


@pytest.mark.parametrize(
    ("tool", "members", "times"),
    [("latest", {}, 2), ("book", {}, 1), ("book-once", {"key": KEY}, 2), ("book-once", {}, 1)],
)
async def test_only_what_does_no_harm_is_tried_again_and_once(
    outside: Installation, tool: str, members: dict[str, Any], times: int
) -> None:
    outside.upstream.answer = OutboundResponse(500, {}, b"")
    await call(outside, tool, None if tool == "latest" else {}, **members)
    assert len(outside.upstream.asked) == times
    asked = len(outside.upstream.asked)
    await call(outside, tool, None if tool == "latest" else {}, **members)
    assert len(outside.upstream.asked) == asked + 1, "a tenth of the calls may be tried again, no more"


@pytest.mark.parametrize(
    "second",
    [OutboundResponse(409, {}, b""), OutboundResponse(429, {}, b""), FAILED[UNSENT], OutboundResponse(401, {}, b"")],
)
async def test_a_second_attempt_that_did_nothing_says_nothing_about_the_first(
    outside: Installation, second: OutboundResponse | Exception
) -> None:
    outside.upstream.next_answers = [FAILED[SENT], second]
    reply = await book(outside, "book-once", key=KEY)
    assert len(outside.upstream.asked) == 2
    assert reply.json()["code"] == "OutcomeUnknown"
    assert "may have been executed" in reply.json()["detail"]


@pytest.mark.parametrize(("body", "status", "code"), [(b"{}", 200, None), (b"{", 502, "ResultInvalid")])
async def test_a_second_attempt_that_is_answered_is_the_outcome(
    outside: Installation, body: bytes, status: int, code: str | None
) -> None:
    outside.upstream.next_answers = [FAILED[SENT], OutboundResponse(201, JSON, body)]
    reply = await book(outside, "book-once", key=KEY)
    assert (reply.status, reply.json().get("code")) == (status, code)


@pytest.mark.parametrize(("first", "code"), [(FAILED[SENT], "OutcomeUnknown"), (FAILED[UNSENT], "UpstreamFailed")])
async def test_a_second_attempt_that_cannot_be_prepared_says_nothing_about_the_first(
    outside: Installation, monkeypatch: pytest.MonkeyPatch, first: Exception, code: str
) -> None:
    prepare, prepared = HttpTool.prepare, list[Prepared]()

    def once(*about: Any) -> Prepared:
        if prepared:
            raise arguments_invalid("book-once", "they make no request any more")
        prepared.append(prepare(*about))
        return prepared[0]

    monkeypatch.setattr(HttpTool, "prepare", once)
    outside.upstream.answer = first
    reply = await book(outside, "book-once", key=KEY)
    assert len(outside.upstream.asked) == 1
    assert (reply.json()["code"], reply.json()["effect"]) == (code, "Write")
