# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of the app: what callers may send, and how many at a time."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runtime.fake_gateway import DEADLINE_SECONDS, Authority
from tests.runtime.harness import Pod, serving, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = """
from genapps import Response, app, tools, ToolError

@app.post("/size")
async def size(request):
    return len(await request.body())

@app.get("/id")
async def identity(request):
    return request.id

@app.post("/echo")
async def echo(request):
    return await request.body()

@app.post("/headers")
async def headers(request):
    return dict(request.headers)

@app.get("/spin")
async def spin(request):
    for number in range(400_000):
        pass

@app.get("/wait")
async def wait(request):
    try:
        await tools.call("pause", "please")
    except ToolError as error:
        return error.code
"""
LIMIT = 1_000_000
OUTSIDE = 32 + 1
"""How many may wait for a tool: 32 for each place of the tier, and those who have a place then."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(
        authority,
        engine,
        tmp_path_factory.mktemp("http-app"),
        SOURCE,
        limits={"requestBodyBytes": LIMIT, "concurrency": 1},
    ) as pod:
        yield pod


async def _raw(pod: Pod, sent: bytes) -> bytes:
    """What comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    async with asyncio.timeout(DEADLINE_SECONDS):
        writer.write(sent)
        try:
            return await reader.read()
        finally:
            writer.close()


async def test_a_body_up_to_the_limit_is_taken(pod: Pod) -> None:
    assert (await pod.call("POST", "/size", data=b"x" * LIMIT)).json() == LIMIT


async def test_a_body_announced_too_large_is_refused_without_waiting_for_it(pod: Pod) -> None:
    head = f"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: {LIMIT + 1}\r\nconnection: close\r\n\r\n"
    answer = await _raw(pod, head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"RequestTooLarge"' in answer


async def test_a_body_that_turns_out_too_large_is_refused(pod: Pod) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * (LIMIT // 10)

    answer = await pod.call("POST", "/size", data=pieces())
    assert (answer.status, answer.code) == (413, "RequestTooLarge")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\nx-large: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x-many: 1\r\n" * 1000 + b"\r\n",
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["one large header", "many headers", "a long path"],
)
async def test_a_large_head_is_refused(pod: Pod, head: bytes) -> None:
    answer = await _raw(pod, head)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"HeadTooLarge"' in answer


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01", b"HELLO\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"]
)
async def test_what_is_not_http_is_refused(pod: Pod, sent: bytes) -> None:
    answer = await _raw(pod, sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"RequestInvalid"' in answer


async def test_smuggled_lengths_are_refused(pod: Pod) -> None:
    head = b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await _raw(pod, head)).startswith(b"HTTP/1.1 400 ")


async def test_the_callers_key_is_the_request_id(pod: Pod) -> None:
    assert (await pod.call("GET", "/id", headers={"Idempotency-Key": "a b~1"})).body == b"a b~1"
    first, second = [(await pod.call("GET", "/id")).body for _ in range(2)]
    assert len(first) == 32
    assert first != second


@pytest.mark.parametrize("key", ["x" * 129, "caf\u00e9", ""])
async def test_a_key_that_is_not_short_printable_ascii_is_refused(pod: Pod, key: str) -> None:
    answer = await pod.call("GET", "/id", headers={"Idempotency-Key": key})
    assert (answer.status, answer.code) == (400, "RequestInvalid")


async def test_requests_beyond_the_tiers_concurrency_wait_in_a_line_that_ends(pod: Pod) -> None:
    pod.gateway.hold = asyncio.Event()
    running = [asyncio.create_task(pod.call("GET", "/wait")) for _ in range(50)]
    ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    refused = ended.pop().result()
    assert (refused.status, refused.code) == (503, "Busy")
    pod.gateway.hold.set()
    statuses = sorted([(await task).status for task in running])
    # Those that wait for a tool leave their place, up to 32 times the places; then eight times as many stand in line.
    assert statuses == [200] * (OUTSIDE + 8) + [503] * (50 - OUTSIDE - 8)
    pod.gateway.hold = None


async def test_a_connection_serves_one_request_after_the_other(pod: Pod) -> None:
    one = b"GET /id HTTP/1.1\r\nhost: x\r\nidempotency-key: %d\r\n\r\n"
    last = b"GET /id HTTP/1.1\r\nhost: x\r\nidempotency-key: 3\r\nconnection: close\r\n\r\n"
    answer = await _raw(pod, one % 1 + one % 2 + last)
    assert [part[:1] for part in answer.split(b"\r\n\r\n")[1:]] == [b"1", b"2", b"3"]


POST = b"POST /echo HTTP/1.1\r\nhost: x\r\n"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAA\r\n"
INNER = b"GET /id HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /id HTTP/1.1\r\nhost: x\r\nidempotency-key: last\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"content-length: %d\r\n\r\n%b" % (len(INNER), INNER),
        b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER),
    ],
    ids=["length", "chunks"],
)
async def test_the_body_of_a_request_that_offers_another_protocol_reaches_the_app(pod: Pod, rest: bytes) -> None:
    answer = await _raw(pod, POST + H2C + rest + LAST)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.count(b"\r\n\r\n" + INNER) == 1
    assert answer.endswith(b"last")


async def test_a_trailer_is_no_header(pod: Pod) -> None:
    sent = POST.replace(b"/echo", b"/headers") + b"x-user: head\r\ntransfer-encoding: chunked\r\n\r\n"
    sent += b"5\r\nhello\r\n0\r\n"
    answer = await _raw(pod, sent + b"x-user: trailer\r\ncontent-type: text/evil\r\n\r\n" + LAST)
    assert b'"x-user": "head"' in answer
    assert b"text/evil" not in answer


@pytest.mark.parametrize("hosts", [b"", b"host: x\r\nhost: x\r\n"], ids=["none", "two"])
async def test_a_request_has_one_host(pod: Pod, hosts: bytes) -> None:
    answer = await _raw(pod, b"GET /id HTTP/1.1\r\n" + hosts + b"\r\n" + LAST)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"400"]


async def test_an_early_refusal_ends_the_connection(pod: Pod) -> None:
    answer = await _raw(pod, POST + b"expect: 100-continue\r\ncontent-length: 5000000\r\n\r\n" + LAST)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"413"]
    assert b"\r\nconnection: close\r\n" in answer


async def test_uploads_that_are_held_open_fit_into_the_pod(pod: Pod) -> None:
    """150 MB that lack the last byte: beyond what the pod holds callers are told so, and others are served."""
    head = POST + b"content-length: %d\r\n\r\n" % LIMIT
    before = _own_memory(pod)
    writers: list[asyncio.StreamWriter] = []
    try:
        for _ in range(150_000_000 // LIMIT):
            _, writer = await asyncio.open_connection("127.0.0.1", pod.port)
            writers.append(writer)
            writer.write(head + b"x" * (LIMIT - 1))
        assert (await pod.call("GET", "/id")).status == 200
        refused = await pod.call("POST", "/size", data=b"x" * LIMIT)
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "Busy", "1")
        assert _own_memory(pod) - before < 40 * 2**20
    finally:
        for writer in writers:
            writer.transport.abort()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (await pod.call("POST", "/size", data=b"x" * LIMIT)).status != 200:
            pass


def _own_memory(pod: Pod) -> int:
    """The memory of the worker in bytes, without pages of files: those of the engine come as the kernel likes."""
    lines = Path(f"/proc/{pod.worker()}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


async def test_requests_of_callers_that_went_away_end_and_those_in_line_are_not_begun(pod: Pod) -> None:
    pod.gateway.hold = asyncio.Event()
    calls = len(pod.gateway.calls)
    writers = []
    for _ in range(OUTSIDE + 4):
        _, writer = await asyncio.open_connection("127.0.0.1", pod.port)
        writers.append(writer)
        writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
    await until(lambda: len(pod.gateway.calls) == calls + OUTSIDE)
    for writer in writers:
        writer.transport.abort()
    # All places are free again, while the gateway still holds its answers.
    assert [(await pod.call("GET", "/id")).status for _ in range(3)] == [200] * 3
    assert len(pod.gateway.calls) == calls + OUTSIDE
    pod.gateway.hold.set()
    pod.gateway.hold = None


async def test_callers_that_send_and_hang_up_keep_nobody_waiting(pod: Pod) -> None:
    callers = 64
    for _ in range(callers):
        with socket.create_connection(("127.0.0.1", pod.port)) as caller:
            caller.sendall(b"GET /spin HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await pod.call("GET", "/id")).status == 200
    lines = [line for line in pod.log() if line["path"] == "/spin"]
    assert len(lines) == callers
    assert len([line for line in lines if "turns" in line]) < callers / 2
    assert {line["code"] for line in lines if "turns" not in line} == {"CallerGone"}
