# SPDX-License-Identifier: Apache-2.0
"""Requests that are read without h11: what is taken, h11 reads in the same way, and whatever follows is h11's again."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genapps.gateway.http.exchange import WholeExchange
from genapps.gateway.http.whole import WholeRequest, read_whole
from genapps.gateway.listeners import Listener, listener
from genapps.gateway.protocol import HEAD_LIMIT, BoundedHttp
from tests.unit.gateway.attacks.framing import CHUNKED, HEADS, LENGTHS, LINES, PATHS, START
from tests.unit.gateway.test_listeners import port, running

HOST = b"host: gateway.genapps-system.svc:8443\r\n"
AS_RUNTIMES = (
    b"POST /v1/calls HTTP/1.1\r\n" + HOST + b"authorization: Bearer a.b-c_d\r\ncontent-type: application/json\r\n"
    b"content-length: 2\r\ntraceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01\r\n\r\n{}"
)  # fmt: skip
LINES_OF_REQUESTS = (
    b"POST /v1/calls HTTP/1.1\r\n", b"GET /v1/healthz HTTP/1.1\r\n", b"POST /v1/%63alls HTTP/1.1\r\n",
    b"POST /v1/calls?x HTTP/1.1\r\n", b"POST /v1/calls HTTP/1.0\r\n", b"GET  / HTTP/1.1\r\n", b"HEAD / HTTP/1.1\r\n",
    b"POST http://a/v1/calls HTTP/1.1\r\n", b"POST /v1/calls HTTP/1.1\n",
)  # fmt: skip
FIELDS = (
    b"content-length: 2\r\n", b"content-length: 02\r\n", b"content-length: 2, 2\r\n", b"Content-Length: 2\r\n",
    b"content-length:2\r\n", b"content-length:  2\r\n", b"content-length: 2 \r\n", b"content-length: 3\r\n",
    b"CONTENT-length: 2\r\n",
    b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"expect: 100-continue\r\n",
    b"upgrade: h2c\r\n", b"content-type: a b\r\n", b"content-type: a\tb\r\n", b"content-type: \r\n", HOST,
    b"traceparent: \xff\r\n", b"tracestate: a\r\n b\r\n", b"tracestate: a\n", b"tracestate: a\x00\r\n", b": x\r\n",
    b"tracestate : a\r\n",
)  # fmt: skip
RESTS = (b"\r\n", b"\n", b"{}", b"{}x", b"{", b"2\r\n{}\r\n0\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"\x00")


def h11s(data: bytes) -> WholeRequest | None:
    """What the library reads, if it is one whole request and nothing more."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    connection.receive_data(data)
    request, body = None, b""
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, type):
                return None
            if isinstance(event, h11.Request):
                request = event
            if isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError:
        return None
    if request is None or connection.trailing_data[0]:
        return None
    return WholeRequest(request.method.decode(), request.target.decode(), list(request.headers), body)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Parts in an order that is often a good one, now and then with a byte that was changed."""
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=4))
    rest = draw(st.lists(st.sampled_from(RESTS), max_size=3))
    data = bytearray(b"".join([draw(st.sampled_from(LINES_OF_REQUESTS)), HOST, *fields, b"\r\n", *rest]))
    if not draw(st.integers(0, 2)):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@given(requests())
@example(AS_RUNTIMES)
def test_a_request_that_is_read_whole_is_read_as_h11_reads_it(data: bytes) -> None:
    taken = read_whole(data, HEAD_LIMIT)
    assert taken is None or taken == h11s(data)


def test_a_request_as_runtimes_send_it_is_read_whole() -> None:
    taken = read_whole(AS_RUNTIMES, HEAD_LIMIT)
    assert taken is not None
    assert (taken.method, taken.path, taken.body, len(taken.headers)) == ("POST", "/v1/calls", b"{}", 5)


@pytest.mark.parametrize(
    "data",
    [
        *(START.replace(b"TOKEN", b"") + header + b"\r\n{}" for header in (*LENGTHS.values(), *HEADS.values())),
        *LINES.values(),
        *(START.replace(b"TOKEN", b"").replace(b"/v1/calls", path) + b"content-length: 0\r\n\r\n" for path in PATHS),
        CHUNKED.replace(b"TOKEN", b"") + b"2\r\n{}\r\n0\r\n\r\n",
        AS_RUNTIMES + b" ",
        AS_RUNTIMES[:-1],
        AS_RUNTIMES.replace(b"Bearer", b"Bearer" + b"x" * HEAD_LIMIT),
        AS_RUNTIMES.replace(b"traceparent", b"x-other-field"),
        AS_RUNTIMES.replace(HOST, HOST * 2),
        AS_RUNTIMES.replace(HOST, b""),
        AS_RUNTIMES.replace(b"content-length: 2\r\n", b""),
        b"GET /v1/healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
def test_whatever_is_unusual_is_left_to_h11(data: bytes) -> None:
    assert read_whole(data, HEAD_LIMIT) is None


class Slow:
    """Answers as it is told, and says whether the way of its request was the short one."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.begun = asyncio.Event()
        self.gone = asyncio.Event()
        self.short: list[bool] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        whole = scope.get("extensions", {}).get("genapps.whole")
        self.short.append(whole is not None)
        if scope["path"] == "/watched":
            whole.watch(self.gone.set)
        self.begun.set()
        await self.go_on.wait()
        body, more = b"", True
        while more and (message := await receive())["type"] == "http.request":
            body, more = body + message["body"], message["more_body"]
        length = [] if scope["path"] == "/pieces" else [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        if not length:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if not length else body})


@pytest.fixture
async def slow() -> Slow:
    return Slow()


@pytest.fixture
async def server(slow: Slow) -> AsyncIterator[Listener]:
    async with running(listener(slow, 0)) as server:  # type: ignore[arg-type]
        yield server


def post(body: bytes, path: bytes = b"/v1/calls") -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b" % (path, len(body), body)


async def test_requests_that_come_before_the_answer_are_answered_in_their_order(slow: Slow, server: Listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
    writer.write(post(b"first"))
    await slow.begun.wait()
    writer.write(post(b"second") + post(b"third")[:-2])
    await writer.drain()
    slow.go_on.set()
    for body in (b"first", b"second"):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await reader.readexactly(len(body)) == body
    writer.write(b"rd")
    assert (await reader.readuntil(b"third")).count(b"HTTP/1.1 ") == 1
    writer.write(post(b"fourth"))
    assert (await reader.readuntil(b"fourth")).count(b"HTTP/1.1 ") == 1
    assert slow.short == [True, False, False, True]
    writer.close()


async def test_an_answer_in_pieces_is_framed_by_h11(slow: Slow, server: Listener) -> None:
    slow.go_on.set()
    reader, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
    writer.write(post(b"pieces", b"/pieces"))
    answer = await reader.readuntil(b"0\r\n\r\n")
    assert b"transfer-encoding: chunked" in answer.lower()
    assert answer.endswith(b"6\r\npieces\r\n0\r\n\r\n")
    writer.write(post(b"next"))
    await reader.readuntil(b"next")
    assert slow.short == [True, True]
    writer.close()


async def test_a_caller_who_goes_is_told_of(slow: Slow, server: Listener) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
    writer.write(post(b"body", b"/watched"))
    await slow.begun.wait()
    writer.transport.abort()
    await slow.gone.wait()
    slow.go_on.set()


def exchanges() -> list[WholeExchange]:
    return [each for each in gc.get_objects() if isinstance(each, WholeExchange)]


async def test_what_is_answered_leaves_nothing_for_the_garbage_collector(slow: Slow, server: Listener) -> None:
    slow.go_on.set()
    reader, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
    gc.collect()
    gc.disable()
    of_others = exchanges()
    try:
        for _ in range(5):
            writer.write(post(b"body"))
            await reader.readuntil(b"body")
        await asyncio.sleep(0)
        [last] = [each for each in exchanges() if each not in of_others]
        assert (bytes(last.body), last.whole.content, last.is_here) == (b"", b"", False)
    finally:
        gc.enable()
    writer.close()


class Looking(BoundedHttp):
    """Tells how often it has looked whether anybody uses the connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.looked = asyncio.Semaphore(0)

    def timeout_keep_alive_handler(self) -> None:
        self.looked.release()
        super().timeout_keep_alive_handler()


async def test_a_connection_is_closed_when_nobody_uses_it_and_not_while_an_answer_is_awaited(slow: Slow) -> None:
    connections: list[Looking] = []

    def made(*arguments: Any, **named: Any) -> Looking:
        connections.append(Looking(*arguments, **named))
        return connections[-1]

    server = listener(slow, 0)  # type: ignore[arg-type]
    server.config.http = made  # type: ignore[assignment]
    async with running(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server.servers[0]))
        slow.go_on.set()
        writer.write(post(b"first"))
        await reader.readuntil(b"first")
        slow.go_on.clear()
        writer.write(post(b"second"))
        while len(slow.short) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        (served,) = connections
        assert served.timeout_keep_alive_task is not None
        served.timeout_keep_alive_task.cancel()
        served.timeout_keep_alive = 0.01  # type: ignore[assignment]
        served.timeout_keep_alive_handler()
        for _ in range(3):
            await served.looked.acquire()
        slow.go_on.set()
        await reader.readuntil(b"second")
        assert await reader.read() == b""
        writer.close()
