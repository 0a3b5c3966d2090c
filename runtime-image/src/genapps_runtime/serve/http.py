# SPDX-License-Identifier: Apache-2.0
"""The app's HTTP server on port 8080: uvicorn and a bare ASGI callable, with limits on head, body and time."""

import asyncio
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from genapps_runtime import logs
from genapps_runtime.listening import BACKLOG, listening_socket
from genapps_runtime.problems import CONTENT_TYPE, ProblemError
from genapps_runtime.serve.app import App
from genapps_runtime.serve.messages import Exchange, Reply, Request, problem_reply

HEAD_BYTES = 32 * 1024
HEADER_COST = 64
HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
KEY_CHARACTERS = 128

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class HttpApp:
    """The ASGI application. Answers NotReady until `app` is set."""

    def __init__(self, body_limit: int) -> None:
        self.app: App | None = None
        self._body_limit = body_limit

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request: never raises for what an app or a caller does."""
        request_id, begun = secrets.token_hex(16), time.monotonic()
        try:
            request_id = _request_id(scope["headers"], request_id)
            app = self._loaded()
            body = await self._body(scope["headers"], receive)
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            app.submit(Exchange(_request(scope, request_id, body), begun, answer.set_result))
            reply = await answer
        except ProblemError as problem:
            reply = problem_reply(problem, request_id)
        except Exception:
            logs.write("runtime failed", level="error", requestId=request_id, trace=traceback.format_exc())
            reply = problem_reply(ProblemError("RuntimeFailed"), request_id)
        await _respond(reply, request_id, send)

    def _loaded(self) -> App:
        if self.app is None:
            raise ProblemError("NotReady")
        return self.app

    async def _body(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes:
        """The request's body.

        Raises ProblemError when it is too large or too slow. A body whose announced length is too large is not
        read.
        """
        announced = [value for name, value in headers if name in (b"content-length", b"transfer-encoding")]
        if not announced:
            return b""
        if announced[0].isdigit() and int(announced[0]) > self._body_limit:
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise ProblemError("RequestInvalid", "the caller closed the connection")
                    body += message["body"]
                    if len(body) > self._body_limit:
                        raise self._too_large()
                    if not message["more_body"]:
                        return bytes(body)
        except TimeoutError:
            raise ProblemError("RequestTimeout", f"the body did not arrive within {BODY_SECONDS:g} s") from None

    def _too_large(self) -> ProblemError:
        return ProblemError("RequestTooLarge", f"the body may have at most {self._body_limit} bytes")


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the limits that it lacks: size and number of headers, time until the head is complete."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit of the first head."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._patience = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit."""
        self._patience.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start the limits of the next head."""
        self._head_bytes = 0
        self._patience.cancel()
        self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the URL. The parser calls it for each piece."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the time limit: the head is complete."""
        self._patience.cancel()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refuses, our own limits included, and close the connection."""
        code = "HeadTooLarge" if self._head_bytes > HEAD_BYTES else "RequestInvalid"
        reply = problem_reply(ProblemError(code, "" if code == "HeadTooLarge" else msg), "")
        head = f"HTTP/1.1 {reply.status} {code}\r\ncontent-length: {len(reply.body)}\r\nconnection: close\r\n"
        self.transport.write(head.encode("ascii") + b"content-type: " + CONTENT_TYPE + b"\r\n\r\n" + reply.body)
        self.transport.close()

    def _count(self, size: int) -> None:
        # A header costs more than its bytes, so that their number is bounded too.
        self._head_bytes += size + HEADER_COST
        if self._head_bytes > HEAD_BYTES:
            raise ValueError


class Listener:
    """The listening socket and its connections. uvicorn's own server would wake up ten times a second."""

    def __init__(self, front: HttpApp) -> None:
        self._state = ServerState()
        self._config = Config(
            front, loop="none", http=BoundedProtocol, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=75,
        )  # fmt: skip
        self._config.load()
        self._server: asyncio.Server | None = None

    async def open(self, address: str, port: int) -> int:
        """Listen; returns the port (of use when `port` is 0)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: BoundedProtocol(self._config, self._state, {}, loop),
            sock=listening_socket(address, port),
            backlog=BACKLOG,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self, seconds: float) -> None:
        """Accept no more, end idle connections, and wait at most `seconds` for running requests."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=seconds)


def _request_id(headers: list[tuple[bytes, bytes]], generated: str) -> str:
    """The caller's Idempotency-Key, or `generated` without one; raises ProblemError for a bad key."""
    for name, value in headers:
        if name == b"idempotency-key":
            if not 0 < len(value) <= KEY_CHARACTERS or not all(0x20 <= byte < 0x7F for byte in value):
                raise ProblemError(
                    "RequestInvalid", f"Idempotency-Key must have 1 to {KEY_CHARACTERS} printable ASCII characters"
                )
            return value.decode("ascii")
    return generated


def _request(scope: Message, request_id: str, body: bytes) -> Request:
    return Request(
        id=request_id,
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=scope["headers"],
        body=body,
    )


async def _respond(reply: Reply, request_id: str, send: Send) -> None:
    headers = [*reply.headers, (b"genapps-request-id", request_id.encode("ascii"))]
    if reply.status not in (204, 304):
        headers.append((b"content-length", str(len(reply.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body if reply.status not in (204, 304) else b""})
