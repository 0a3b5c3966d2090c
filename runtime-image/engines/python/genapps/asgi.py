# SPDX-License-Identifier: Apache-2.0
"""Serves an application of ASGI 3: its scopes `http` and `lifespan`, of which the start-up runs at load."""

from collections.abc import Awaitable, Callable, Generator
from functools import lru_cache
from typing import Any

from genapps.actions import current
from genapps.fields import Headers
from genapps.messages import Request, by_headers, raw_path
from genapps.responses import Made, fields_json
from genapps.streaming import Sender

Message = dict[str, Any]
Fields = list[tuple[bytes, bytes]]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
VERSIONS = {"version": "3.0", "spec_version": "2.4"}


class Server:
    """Runs one application."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._state: dict[str, Any] = {}
        self._lifespan: Any = None

    def start_up(self) -> None:
        """Run the application's start-up, if it has one. Raises RuntimeError when the application says it failed."""
        told: list[Message] = []
        asked: list[Message] = [{"type": "lifespan.startup"}]

        async def receive() -> Message:
            return asked.pop() if asked else await _Never()

        async def send(message: Message) -> None:
            told.append(message)

        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self._state}
        self._lifespan = self._application(scope, receive, send).__await__()  # kept: it waits for the end of the app
        try:
            waits_for = next(self._lifespan)
        except StopIteration:
            waits_for = None
        except Exception:
            if not told:
                return  # this is how an application says that it knows no start-up
            raise
        if told and told[0]["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"the application does not start: {told[0].get('message', '')}")
        if waits_for is not None and not isinstance(waits_for, _Never):
            raise RuntimeError("the application's start-up waits for something: it can only compute")

    async def __call__(self, request: Request) -> Any:
        """The answer to one request. Raises what the application raises, and RuntimeError when it gives no answer."""
        exchange = _Exchange(request)
        await self._application(self._scope(request), exchange.receive, exchange.send)
        return await exchange.answer()

    def _scope(self, request: Request) -> Message:
        fields, server = _head(request)
        return {
            "type": "http",
            "asgi": VERSIONS,
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": raw_path(request.path).encode(),
            "query_string": request.query_text.encode(),
            "root_path": "",
            "headers": [*fields],
            "client": None,
            "server": server,
            "state": self._state.copy(),
        }


class _Exchange:
    """A request and its answer, as ASGI's messages have them. With `more_body` the answer leaves piece by piece."""

    __slots__ = ("_body", "_over", "_pieces", "_request", "_sender", "_start", "_whole")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._body = False
        self._start: Message | None = None
        self._pieces: list[bytes] = []
        self._sender: Sender | None = None
        self._whole = False
        self._over: Any = None

    async def receive(self) -> Message:
        """The body, and then the end, which comes when the answer is whole: nobody is told of callers that go."""
        if not self._body:
            long = self._request.long_body
            piece = await self._request.body() if long is None else await long.piece()
            self._body = long is None or piece is None
            return {"type": "http.request", "body": piece or b"", "more_body": not self._body}
        if current.loop is not None and not self._whole:
            self._over = self._over or current.loop.create_future()
            await self._over
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """A part of the answer. Raises RuntimeError for one that is out of place."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            await self._send(self._start, message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"the application sent {message['type']!r} out of place")

    async def _send(self, start: Message, piece: bytes, *, more: bool) -> None:
        if more and self._sender is None:
            self._sender = Sender(start["status"], _fields_of(start))
        if self._sender is None:
            self._pieces.append(piece)
        else:
            await self._sender.send(piece)
        self._whole = not more
        if self._whole and self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def answer(self) -> Any:
        """What the application has answered. Raises RuntimeError for nothing."""
        if self._sender is not None:
            return await self._sender.end()
        if self._start is None:
            raise RuntimeError("the application ended without an answer")
        pieces = self._pieces
        return Made(self._start["status"], _fields_of(self._start), pieces[0] if len(pieces) == 1 else b"".join(pieces))


@by_headers
def _head(headers: Headers) -> tuple[Fields, tuple[str, int]]:
    """The headers as ASGI has them, and the server that they name."""
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.multi_items()]
    return fields, server_of(headers.get("host", ""))


def _fields_of(start: Message) -> str:
    return _fields_json(tuple([(bytes(name), bytes(value)) for name, value in start.get("headers", ())]))


@lru_cache(64)
def _fields_json(fields: tuple[tuple[bytes, bytes], ...]) -> str:
    """What the application answers with, for the host: applications too send the same headers again."""
    return fields_json(tuple([(str(name, "latin-1"), str(value, "latin-1")) for name, value in fields]))


@lru_cache(64)
def server_of(host: str) -> tuple[str, int]:
    """Name and port of a `Host`."""
    name, _, port = host.rpartition(":") if host[-1:] != "]" and ":" in host else (host, "", "")
    return name, int(port) if port.isdigit() else 80


class _Never:
    """What is awaited and never comes: the end of the app."""

    def __await__(self) -> Generator["_Never", None, Message]:
        yield self
        raise RuntimeError("the app has ended")
