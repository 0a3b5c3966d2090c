# SPDX-License-Identifier: Apache-2.0
"""What the log line of a request and the metrics say of it, and that docs/telemetry.md explains all of it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genapps_runtime import metrics
from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Answer, Pod, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTED = set(re.findall(r"`(\w+)`", (Path(__file__).parents[2] / "docs/telemetry.md").read_text()))
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SOURCE = """
from genapps import ToolError, app, log, state, tools

@app.get("/plain")
def plain(request):
    return "plain"

@app.get("/computes")
def computes(request):
    for number in range(1_000_000):
        pass
    return "done"

@app.post("/keys")
async def keys(request):
    await state.get("missing")
    await state.put("a", "1234")
    await state.put("b", "12")
    assert len(await state.list("")) == 2
    return await state.get("a")

@app.post("/fails")
async def fails(request):
    await state.put("never", "stored")
    log.error("card 4111 1111 1111 1111 of ann@example.com", password="x", who="+41 44 555 01 77")
    raise ValueError("token=abc123def")

@app.post("/calls")
async def calls(request):
    await state.put("n", (await state.get("n") or 0) + 1)
    await tools.call("mail", "send", to="ann@example.com")
    try:
        await tools.call("pay\\nroll", "list")
    except ToolError as refused:
        return refused.code

@app.post("/sql")
async def sql(request):
    await state.sql("CREATE TABLE IF NOT EXISTS t (n INTEGER, s TEXT)")
    await state.sql("INSERT INTO t VALUES (?, ?), (2, 'xy')", 1, "abc")
    return await state.sql("SELECT n, s FROM t")
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(authority, engine, tmp_path_factory.mktemp("telemetry"), {"app.py": SOURCE.encode()}) as pod:
        yield pod


def line(pod: Pod, answer: Answer) -> dict[str, Any]:
    """The log line of a request; all its fields are documented."""
    request_id = answer.headers["genapps-request-id"]
    (found,) = [line for line in pod.log() if line["requestId"] == request_id]
    assert set(found) <= DOCUMENTED
    return found


async def test_a_plain_request_says_its_bytes_and_its_processor_time(pod: Pod) -> None:
    found = line(pod, await pod.call("GET", "/plain"))
    assert (found["requestBytes"], found["responseBytes"]) == (0, len("plain"))
    assert 0 < found["guestCpuMillis"] < 1000
    assert 0 < found["hostCpuMillis"] < 1000
    assert not {"stateRowsRead", "stateRowsWritten"} & set(found)


async def test_a_request_that_computes_pays_for_it(pod: Pod) -> None:
    plain = line(pod, await pod.call("GET", "/plain"))
    found = line(pod, await pod.call("GET", "/computes"))
    assert found["guestCpuMillis"] > 5 * plain["guestCpuMillis"] > 0
    assert found["guestCpuMillis"] > found["hostCpuMillis"] > 0


async def test_keys_that_were_read_and_written_are_counted(pod: Pod) -> None:
    first = line(pod, await pod.call("POST", "/keys", data=b"12345678"))
    assert first["requestBytes"] == 8
    assert "stateRowsRead" not in first  # there was nothing, and what a request wrote itself its guest remembers
    assert (first["stateRowsWritten"], first["stateBytesWritten"]) == (2, len('a"1234"b"12"'))
    second = line(pod, await pod.call("POST", "/keys"))
    assert (second["stateRowsRead"], second["stateBytesRead"]) == (2, len('a"1234"b"12"'))


async def test_rows_of_tables_are_counted(pod: Pod) -> None:
    found = line(pod, await pod.call("POST", "/sql"))
    assert (found["stateRowsRead"], found["stateRowsWritten"]) == (2, 2)
    assert found["stateBytesWritten"] == 8 + 3


async def test_a_request_that_fails_has_written_nothing_and_its_line_shows_no_secret(pod: Pod) -> None:
    found = line(pod, await pod.call("POST", "/fails"))
    assert "stateRowsWritten" not in found
    assert found["detail"] == "ValueError: token=[redacted:secret]"
    assert "abc123def" not in found["trace"]
    assert found["log"] == [
        {
            "level": "error",
            "message": "card [redacted:card] of [redacted:email]",
            "fields": {"password": "[redacted:secret]", "who": "[redacted:phone]"},
        }
    ]


async def test_calls_are_spans_of_the_callers_trace_and_the_gateway_is_told(pod: Pod) -> None:
    pod.gateway.answers["mail"] = (200, {"result": "sent"})
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    found = line(pod, await pod.call("POST", "/calls", headers=headers))
    assert (found["traceId"], found["parentSpanId"], found["toolCalls"]) == (TRACE, PARENT, 2)
    spans = [one for one in pod.log("call") if one["requestId"] == found["requestId"]]
    assert [(one["connector"], one["tool"], one["outcome"]) for one in spans] == [
        ("mail", "send", "ok"),
        ("pay roll", "list", "ConnectorNotInEnvelope"),
    ]
    assert {(one["traceId"], one["parentSpanId"]) for one in spans} == {(TRACE, found["spanId"])}
    assert len({found["spanId"], PARENT, *(one["spanId"] for one in spans)}) == 4
    assert all(set(one) <= DOCUMENTED for one in spans)
    told = [(f"00-{TRACE}-{one['spanId']}-01", "vendor=1") for one in spans]
    assert pod.gateway.traces[-2:] == told


async def test_a_trace_begins_with_an_action_that_calls_and_a_malformed_one_is_not_gone_on_with(pod: Pod) -> None:
    begun = line(pod, await pod.call("POST", "/calls"))
    malformed = line(pod, await pod.call("GET", "/plain", headers={"traceparent": f"00-{TRACE}-{'0' * 16}-01"}))
    assert "traceId" not in line(pod, await pod.call("GET", "/plain"))
    for one in (begun, malformed):
        assert one["traceId"] != TRACE
        assert "parentSpanId" not in one
    assert {one["traceId"] for one in pod.log("call") if one["requestId"] == begun["requestId"]} == {begun["traceId"]}


async def test_calls_of_a_trace_that_is_not_kept_have_no_lines(pod: Pod) -> None:
    found = line(pod, await pod.call("POST", "/calls", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"}))
    assert found["traceId"] == TRACE
    assert [one for one in pod.log("call") if one["requestId"] == found["requestId"]] == []
    assert pod.gateway.traces[-1][0].endswith("-00")


async def test_the_metrics_are_the_sums_of_the_lines(pod: Pod) -> None:
    def total(field: str) -> float:
        return float(sum(one.get(field, 0) for one in pod.log()))

    text = await pod.until_metrics(f"genapps_response_bytes_total {total('responseBytes'):.0f}")
    pairs = (one.split(" ") for one in text.splitlines() if one[0] != "#" and "{" not in one)
    found = {name: float(value) for name, value in pairs}
    for metric, field in (
        ("genapps_request_bytes_total", "requestBytes"),
        ("genapps_state_read_rows_total", "stateRowsRead"),
        ("genapps_state_read_bytes_total", "stateBytesRead"),
        ("genapps_state_written_rows_total", "stateRowsWritten"),
        ("genapps_state_written_bytes_total", "stateBytesWritten"),
    ):
        assert found[metric] == total(field) > 0
    assert found["genapps_guest_cpu_seconds_total"] == pytest.approx(total("guestCpuMillis") / 1000, abs=0.001)
    assert found["genapps_host_cpu_seconds_total"] == pytest.approx(total("hostCpuMillis") / 1000, abs=0.001)


async def test_every_metric_is_documented() -> None:
    assert set(metrics._HELP) <= DOCUMENTED
