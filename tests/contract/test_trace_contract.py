# SPDX-License-Identifier: Apache-2.0
"""The trace of a request goes on in the gateway: what the runtime sends is what the gateway's lines say."""

from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

import genapps.traceparent
import genapps_runtime.traceparent
from genapps_runtime.serve.messages import Request
from genapps_runtime.serve.spans import CallSpan, Span
from tests.unit.gateway.world import Installation, Issuer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALL = {"requestId": "r1", "step": 1, "connector": "payroll", "tool": "list", "arguments": {}}


def test_both_read_traces_by_the_same_file() -> None:
    operators, runtimes = Path(genapps.traceparent.__file__), Path(genapps_runtime.traceparent.__file__)
    assert operators.read_bytes() == runtimes.read_bytes()


def sent(*headers: tuple[bytes, bytes]) -> CallSpan:
    return CallSpan(Span(Request("r1", "GET", "/", "", list(headers), b"", traced=bool(headers))))


@pytest.mark.parametrize(
    "headers",
    [[], [(b"traceparent", b"00-%b-00f067aa0ba902b7-00" % TRACE.encode()), (b"tracestate", b"a=1")]],
    ids=["a new trace", "the caller's trace"],
)
async def test_the_gateways_line_has_the_trace_and_the_span_of_the_call(headers: list[tuple[bytes, bytes]]) -> None:
    call = sent(*headers)
    lines = [one.partition(b": ") for one in call.headers.encode().splitlines()]
    gateway = Installation(Issuer())
    structlog.reset_defaults()
    with capture_logs() as logged:
        await gateway.post("/v1/calls", CALL, headers=tuple((name, value) for name, _, value in lines))
    (refused,) = [one for one in logged if one["event"] == "refused"]
    assert refused["parent_span_id"] == call.span_id
    assert (refused["trace_id"] == TRACE) is bool(headers)
    assert len(refused["trace_id"]) == 32


@pytest.mark.parametrize("value", [b"00-%b-00" % TRACE.encode(), b"\xff", b"password=hunter2", b"x" * 5000])
async def test_a_malformed_trace_is_in_no_line_and_refuses_nothing(value: bytes) -> None:
    gateway = Installation(Issuer())
    with capture_logs() as logged:
        reply = await gateway.post("/v1/calls", CALL, headers=((b"traceparent", value),))
    assert reply.json()["code"] == "ConnectorNotInEnvelope"
    assert not any("trace_id" in one for one in logged)
