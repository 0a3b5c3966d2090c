# SPDX-License-Identifier: Apache-2.0
"""Connectors of type HTTP: where arguments go, and what comes back, as tables."""

from typing import Any

import pytest

from genapps.core.contracts.contract import contract_of
from genapps.gateway.connectors.exchange import CallFailedError, Health
from genapps.gateway.connectors.http import HttpTool
from genapps.gateway.egress.messages import OutboundResponse
from genapps.gateway.problems import Code
from tests.unit.gateway.connectors import connector

KEY = "f" * 64


def tool(**fields: Any) -> HttpTool:
    one = {"name": "latest", "method": "GET", "path": "/v1/{currency}", "effect": "Read"} | fields
    (contract,) = contract_of(connector(tools=[one]).spec).tools
    return HttpTool(contract, "/api", lambda _: None)


@pytest.mark.parametrize(
    ("fields", "arguments", "method", "path", "body"),
    [
        ({}, {"currency": "EUR"}, "GET", "/api/v1/EUR", b""),
        ({}, {"currency": "EUR", "base": "CHF", "on": None}, "GET", "/api/v1/EUR?base=CHF", b""),
        ({}, {"currency": "EUR", "to": ["CHF", "USD"]}, "GET", "/api/v1/EUR?to=CHF&to=USD", b""),
        ({}, {"currency": "a b é"}, "GET", "/api/v1/a%20b%20%C3%A9", b""),
        ({}, {"currency": 12, "exact": True}, "GET", "/api/v1/12?exact=true", b""),
        ({"method": "DELETE"}, {"currency": "EUR", "why": "x&y=z"}, "DELETE", "/api/v1/EUR?why=x%26y%3Dz", b""),
        ({"method": "POST"}, {"currency": "EUR", "rate": {"a": [1]}}, "POST", "/api/v1/EUR", b'{"rate":{"a":[1]}}'),
        ({"method": "PUT", "path": "/v1"}, {}, "PUT", "/api/v1", b"{}"),
    ],
)  # fmt: skip
def test_arguments_go_to_the_path_then_the_query_or_the_body(
    fields: dict[str, Any], arguments: dict[str, Any], method: str, path: str, body: bytes
) -> None:
    made = tool(**fields).request(arguments, KEY)
    assert (made.method, made.path, made.body) == (method, path, body)
    assert dict(made.headers).get("content-type") == ("application/json" if body else None)
    assert KEY not in str(made.headers), "the tool takes no key"


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "..;x", "a/b", "a\\b", "%2e%2e", "a\nb", "a\x00b", None, [], {}, ["EUR"]],
)  # fmt: skip
def test_a_value_in_the_path_stays_one_segment(value: Any) -> None:
    with pytest.raises(CallFailedError) as failed:
        tool().request({"currency": value}, "")
    assert (failed.value.problem.code, failed.value.health) == (Code.ARGUMENTS_INVALID, Health.UNKNOWN)
    assert "/currency" in failed.value.problem.detail


def test_a_query_takes_no_objects_and_a_path_has_an_end() -> None:
    for arguments in ({"currency": "EUR", "to": {"a": 1}}, {"currency": "EUR", "to": [[1]]}, {"currency": "x" * 9000}):
        with pytest.raises(CallFailedError) as failed:
            tool().request(arguments, "")
        assert failed.value.problem.code is Code.ARGUMENTS_INVALID


@pytest.mark.parametrize(
    ("idempotency", "header"),
    [(None, None), ("None", None), ("Key", "Idempotency-Key"), ({"header": "X-Once"}, "X-Once")],
)
def test_the_key_is_sent_to_tools_that_take_one(idempotency: Any, header: str | None) -> None:
    given = {} if idempotency is None else {"idempotency": idempotency}
    made = dict(tool(effect="Write", method="POST", **given).request({"currency": "EUR"}, KEY).headers)
    assert [name for name, value in made.items() if value == KEY] == ([header] if header else [])


def response(status: int = 200, body: bytes = b"", **headers: str) -> OutboundResponse:
    return OutboundResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (response(200, b'{"rate": 1.5}', content_type="application/json; charset=utf-8"), {"rate": 1.5}),
        (response(201, b"[1]", content_type="application/hal+json"), [1]),
        (response(200, "grüezi".encode(), content_type="text/plain"), "grüezi"),
        (response(204), None),
        (response(200, b"", content_type="application/json"), None),
    ],
)
def test_a_success_is_json_or_text(answer: OutboundResponse, expected: Any) -> None:
    assert tool().result("rates", answer) == expected


@pytest.mark.parametrize(
    ("effect", "answer", "code", "health"),
    [
        ("Read", response(200, b"{", content_type="application/json"), Code.RESULT_INVALID, Health.BAD),
        ("Read", response(200, b"\xff", content_type="text/plain"), Code.RESULT_INVALID, Health.BAD),
        ("Read", response(200, b"x", content_type="image/png"), Code.RESULT_INVALID, Health.BAD),
        ("Read", response(200, b"{}"), Code.RESULT_INVALID, Health.BAD),
        ("Read", response(302, location="https://elsewhere.example"), Code.UPSTREAM_FAILED, Health.BAD),
        ("Read", response(404), Code.UPSTREAM_REFUSED, Health.GOOD),
        ("Write", response(409), Code.UPSTREAM_REFUSED, Health.GOOD),
        ("Read", response(401), Code.UPSTREAM_REFUSED, Health.BAD),
        ("Read", response(503, retry_after="7"), Code.UPSTREAM_FAILED, Health.BAD),
        ("Write", response(503), Code.OUTCOME_UNKNOWN, Health.BAD),
        ("Write", response(408), Code.OUTCOME_UNKNOWN, Health.BAD),
        ("Write", response(429, retry_after="7"), Code.UPSTREAM_FAILED, Health.UNKNOWN),
    ],
)
def test_what_is_no_success_is_told_apart(effect: str, answer: OutboundResponse, code: Code, health: Health) -> None:
    with pytest.raises(CallFailedError) as failed:
        tool(effect=effect).result("rates", answer)
    assert (failed.value.problem.code, failed.value.health) == (code, health)
    if "retry-after" in answer.headers:
        assert failed.value.problem.retry_after == 7


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("0", 1), ("99999", 3600), ("99999999999999", 5), ("-1", 5), ("Fri, 31 Dec 1999 23:59:59 GMT", 5),
     ("", 5)],
)  # fmt: skip
def test_when_to_come_back_is_bounded(said: str, seconds: int) -> None:
    with pytest.raises(CallFailedError) as failed:
        tool().result("rates", response(503, retry_after=said))
    assert failed.value.problem.retry_after == seconds
