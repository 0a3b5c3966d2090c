# SPDX-License-Identifier: Apache-2.0
"""Serves an application of ASGI 3: its scopes `http` and `lifespan`, of which the start-up runs at load."""

from collections.abc import Awaitable, Callable, Generator
from functools import lru_cache
from typing import Any

from genapps.fields import Headers
from genapps.messages import Request, by_headers, raw_path
from genapps.responses import Made, Response, fields_json

Message = dict[str, Any]
Fields = list[tuple[bytes, bytes]]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
VERSIONS = {"version": "3.0", "spec_version": "2.4"}
MOST_BYTES = 8 * 1024 * 1024
"""Of a response. The runtime allows less: this keeps one that does not end from filling the guest's memory."""


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

    async def __call__(self, request: Request) -> Response:
        """The answer to one request. Raises what the application raises, and RuntimeError when it gives no answer."""
        begun: list[Message] = []
        pieces: list[bytes] = []
        size = 0
        body_given = False

        async def receive() -> Message:
            nonlocal body_given
            if body_given:
                return {"type": "http.disconnect"}
            body_given = True
            return {"type": "http.request", "body": await request.body(), "more_body": False}

        async def send(message: Message) -> None:
            nonlocal size
            if message["type"] == "http.response.start":
                begun.append(message)
            elif message["type"] == "http.response.body" and begun:
                piece = message.get("body", b"")
                size += len(piece)
                if size > MOST_BYTES:
                    raise RuntimeError(f"a response may have at most {MOST_BYTES} bytes")
                pieces.append(piece)
            else:
                raise RuntimeError(f"the application sent {message['type']!r} out of place")

        await self._application(self._scope(request), receive, send)
        if not begun:
            raise RuntimeError("the application ended without an answer")
        fields = tuple([(bytes(name), bytes(value)) for name, value in begun[0].get("headers", ())])
        return Made(begun[0]["status"], _fields_json(fields), pieces[0] if len(pieces) == 1 else b"".join(pieces))

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


@by_headers
def _head(headers: Headers) -> tuple[Fields, tuple[str, int]]:
    """The headers as ASGI has them, and the server that they name."""
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.multi_items()]
    return fields, server_of(headers.get("host", ""))


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
