# SPDX-License-Identifier: Apache-2.0
"""W3C trace context: what callers say of their traces, and what is passed on."""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.logs import BoundedLog
from genapps_runtime.serve.messages import Request
from genapps_runtime.serve.spans import Calls, Span
from genapps_runtime.traceparent import LONGEST, TraceParent, read_traceparent

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONFIG = SimpleNamespace(app="shop", namespace="team", revision="r1", envelope_digest="sha256:00")
GOOD = f"00-{TRACE}-{PARENT}-01"

READ = [
    ("as it should be", GOOD, TraceParent(TRACE, PARENT, sampled=True)),
    ("not sampled", f"00-{TRACE}-{PARENT}-00", TraceParent(TRACE, PARENT, sampled=False)),
    ("other flags", f"00-{TRACE}-{PARENT}-fe", TraceParent(TRACE, PARENT, sampled=False)),
    ("other flags and sampled", f"00-{TRACE}-{PARENT}-ff", TraceParent(TRACE, PARENT, sampled=True)),
    ("a later version", f"01-{TRACE}-{PARENT}-01", TraceParent(TRACE, PARENT, sampled=True)),
    (
        "a later version that says more",
        f"cc-{TRACE}-{PARENT}-01-more",
        TraceParent(TRACE, PARENT, sampled=True),
    ),
]
MALFORMED = [
    ("nothing", ""),
    ("a version that is none", f"ff-{TRACE}-{PARENT}-01"),
    ("more in this version", f"{GOOD}-more"),
    ("more without a hyphen", f"01-{TRACE}-{PARENT}-01more"),
    ("a trace of zeros", f"00-{'0' * 32}-{PARENT}-01"),
    ("a parent of zeros", f"00-{TRACE}-{'0' * 16}-01"),
    ("capitals", GOOD.upper()),
    ("a digit too few", f"00-{TRACE[1:]}-{PARENT}-01"),
    ("a digit too many", f"00-{TRACE}0-{PARENT}-01"),
    ("no flags", f"00-{TRACE}-{PARENT}"),
    ("a blank", f" {GOOD}"),
    ("a line end", f"{GOOD}\n"),
    ("other digits", GOOD.replace("4", "４")),
    ("two in one", f"{GOOD},{GOOD}"),
    ("too long", f"cc-{TRACE}-{PARENT}-01-{'x' * LONGEST}"),
]


@pytest.mark.parametrize(("value", "read"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_traceparent_is_read_as_the_standard_says(value: str, read: TraceParent) -> None:
    assert read_traceparent(value) == read
    assert read_traceparent(str(read)) == read


@pytest.mark.parametrize("value", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_malformed_traceparent_is_none(value: str) -> None:
    assert read_traceparent(value) is None


def request(*headers: tuple[str, str]) -> Request:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request("r1", "GET", "/", "", encoded, b"", traced=any(name == "traceparent" for name, _ in headers))


def span(*headers: tuple[str, str]) -> Span:
    return Span(request(*headers))


def test_a_trace_goes_on_with_a_span_of_its_own() -> None:
    found = span(("traceparent", GOOD), ("tracestate", "vendor=1"))
    assert (found.trace_id, found.parent_id, found.sampled, found.state) == (TRACE, PARENT, True, "vendor=1")
    assert re.fullmatch("[0-9a-f]{16}", found.span_id)
    assert found.fields() == {"traceId": TRACE, "spanId": found.span_id, "parentSpanId": PARENT}


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("tracestate", "vendor=1")],
        [("traceparent", "00-bad"), ("tracestate", "vendor=1")],
        [("traceparent", GOOD), ("traceparent", GOOD), ("tracestate", "vendor=1")],
    ],
    ids=["none", "a state alone", "malformed", "repeated"],
)
def test_otherwise_a_new_trace_begins_that_is_kept_and_has_no_state(headers: list[tuple[str, str]]) -> None:
    found = span(*headers)
    assert re.fullmatch("[0-9a-f]{32}", found.trace_id)
    assert found.trace_id != TRACE
    assert (found.parent_id, found.sampled, found.state) == ("", True, "")
    assert set(found.fields()) == {"traceId", "spanId"}


def test_ids_are_never_the_same() -> None:
    spans = [span() for _ in range(1000)]
    assert len({one.trace_id for one in spans} | {one.span_id for one in spans}) == 2000


STATES = [
    ("one", ["vendor=value"], "vendor=value"),
    ("several headers", ["a=1", "b=2"], "a=1,b=2"),
    ("blanks and empty members", [" a=1 ,, b=2\t"], "a=1,b=2"),
    ("a tenant", ["fw529a3039@dt=x y"], "fw529a3039@dt=x y"),
    ("32 members", [",".join(f"k{n}=v" for n in range(32))], ",".join(f"k{n}=v" for n in range(32))),
    ("33 members", [",".join(f"k{n}=v" for n in range(33))], ""),
    ("512 characters", ["a=" + "x" * 254 + ",b=" + "y" * 253], "a=" + "x" * 254 + ",b=" + "y" * 253),
    ("513 characters", ["a=" + "x" * 254 + ",b=" + "y" * 254], ""),
    ("a key twice", ["a=1,a=2"], ""),
    ("no key", ["=1"], ""),
    ("no value", ["a="], ""),
    ("a capital in a key", ["Vendor=1"], ""),
    ("two signs", ["a=b=c"], ""),
    ("a control character", ["a=b\x01"], ""),
    ("another letter", ["a=é"], ""),
]


@pytest.mark.parametrize(("values", "passed"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_a_state_is_passed_on_whole_or_not_at_all(values: list[str], passed: str) -> None:
    assert span(("traceparent", GOOD), *(("tracestate", value) for value in values)).state == passed


def calls(*headers: tuple[str, str]) -> Calls:
    times: Iterator[int] = iter([1_764_454_443_000_000_000, 1_764_454_443_250_000_000])
    return Calls(request(*headers), BoundedLog(0.0), cast("RuntimeConfig", CONFIG), lambda: next(times))


def test_a_call_is_a_span_below_the_actions_and_a_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    given = calls(("traceparent", GOOD), ("tracestate", "a=1"))
    with given.call("mail", "send to ann@example.com") as call:
        assert call.headers == f"traceparent: 00-{TRACE}-{call.span_id}-01\r\ntracestate: a=1\r\n"
    line = json.loads(capfd.readouterr().out)
    assert {name: line[name] for name in ("event", "traceId", "spanId", "parentSpanId", "start", "millis")} == {
        "event": "call",
        "traceId": TRACE,
        "spanId": call.span_id,
        "parentSpanId": given.span.span_id,
        "start": "2025-11-29T22:14:03.000000Z",
        "millis": 250.0,
    }
    assert (line["connector"], line["tool"], line["outcome"]) == ("mail", "send to [redacted:email]", "ok")
    assert call.span_id not in {given.span.span_id, PARENT}


def test_a_problem_is_the_outcome(capfd: pytest.CaptureFixture[str]) -> None:
    with calls().call("mail", "send") as call:
        call.take({"problem": {"code": "Suspended"}})
    assert json.loads(capfd.readouterr().out)["outcome"] == "Suspended"


def test_a_call_that_nobody_waits_for_any_more_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TimeoutError), calls().call("mail", "send"):
        raise TimeoutError
    assert json.loads(capfd.readouterr().out)["outcome"] == "TimeoutError"


def test_a_trace_that_is_not_kept_has_no_lines_of_calls_and_is_passed_on_as_such(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with calls(("traceparent", f"00-{TRACE}-{PARENT}-00")).call("mail", "send") as call:
        assert call.headers == f"traceparent: 00-{TRACE}-{call.span_id}-00\r\n"
    assert capfd.readouterr().out == ""
