# SPDX-License-Identifier: Apache-2.0
"""The client of the gateway: HTTP/1.1 over TLS, to one address.

A general HTTP client costs 14 MiB and 200 ms of start-up in each pod (docs/design). This one parses with httptools
and bounds everything it reads. The CA and the token are mounted files that change while the process runs.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import httptools
import orjson

from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.mounted_file import MountedFile
from genapps_runtime.problems import call_problem

REPLY_BYTES = 1024 * 1024
HEAD_BYTES = 16 * 1024
CONNECT_SECONDS = 2.0
HEARTBEAT_SECONDS = 3.0
IDLE_CONNECTIONS = 16
UNKNOWN_CALLER_RETRIES = 3
_EXECUTED = frozenset({"OutcomeUnknown", "ResultInvalid"})
"""Problems of calls that may have been executed; with any other one nothing was."""


class UnreachableError(Exception):
    """The gateway did not answer: it refused, timed out, is not trusted, or does not speak HTTP."""


class Called(NamedTuple):
    """What became of a tool call: `{"ok": result}` or `{"problem": {...}}` for the guest.

    `wrote` says whether the tool may have changed something.
    """

    outcome: dict[str, Any]
    wrote: bool


@dataclass(slots=True)
class _Sending:
    """One call on its way. `begun`: the gateway may have got it. `lost`: it was sent, and not a byte came back."""

    body: dict[str, Any]
    trace: str
    begun: bool = False
    lost: bool = False

    @property
    def content(self) -> bytes:
        """The body of the request: a call that was lost is sent again as one that may have been made."""
        return orjson.dumps({**self.body, "repeated": True} if self.lost else self.body)


class GatewayClient:
    """Calls to the gateway with this pod's token. Idle connections are reused."""

    def __init__(self, address: GatewayAddress, ca_file: str, token_file: str) -> None:
        self._address = address
        self._authority = MountedFile(ca_file)
        self._token = MountedFile(token_file)
        self._context: tuple[bytes, ssl.SSLContext] | None = None
        self._idle: list[_Connection] = []

    async def call(self, request_id: str, step: int, payload: dict[str, Any], seconds: float, trace: str) -> Called:
        """One tool call.

        `payload` has connector, tool and arguments; `step` counts the calls of the action from 1. `trace` are lines of
        the head, in ASCII, each with its end. A refusal is a problem and no exception. Raises TimeoutError when
        `seconds` are used up.
        """
        sending = _Sending({"requestId": request_id, "step": step, **payload}, trace)
        try:
            async with asyncio.timeout(seconds):
                status, reply = await self._post("/v1/calls", sending)
                for _ in range(UNKNOWN_CALLER_RETRIES):
                    if reply.get("code") != "CallerUnknown":
                        break
                    await asyncio.sleep(0.5)  # the operator's record of this pod may lag behind its start
                    status, reply = await self._post("/v1/calls", sending)
        except TimeoutError:
            raise
        except (UnreachableError, OSError) as error:
            detail = f"the gateway did not answer: {type(error).__name__}"
            return Called({"problem": call_problem("GatewayUnavailable", detail, 5)}, wrote=sending.begun)
        if status == 200:
            return Called({"ok": reply.get("result")}, wrote=reply.get("effect") != "Read")
        if "code" in reply:
            return Called({"problem": reply}, wrote=sending.lost or reply["code"] in _EXECUTED)
        return Called({"problem": call_problem("GatewayUnavailable", f"it answered {status}", 5)}, wrote=True)

    async def tenant_keys(self) -> object:
        """The keys that tokens are verified with, as the gateway tells them; None when it does not."""
        answer = await self._heartbeat({})
        return answer.get("tenantKeys") if answer is not None else None

    async def report_breaker(self, word: str) -> bool:
        """Say whether the execution breaker is `Open` or `Closed`; returns whether the gateway has taken it."""
        return await self._heartbeat({"breaker": word}) is not None

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def _heartbeat(self, said: dict[str, Any]) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                status, reply = await self._post("/v1/heartbeat", _Sending(said, ""))
        except (TimeoutError, UnreachableError, OSError):
            return None
        return reply if status == 200 else None

    async def _post(self, path: str, sending: "_Sending") -> tuple[int, dict[str, Any]]:
        token = self._token.read().decode("ascii").strip()  # the kubelet replaces it before it ends
        connection = self._reuse()
        if connection is not None:
            sending.begun = True
            try:
                return await self._use(connection, self._head("POST", path, sending.content, token, sending.trace))
            except UnreachableError:
                if connection.received:
                    raise
                # The gateway has closed the idle connection, most likely before the call came.
                sending.lost = True
        connection = await self._connect()
        sending.begun = True
        return await self._use(connection, self._head("POST", path, sending.content, token, sending.trace))

    async def _use(self, connection: "_Connection", request: bytes) -> tuple[int, dict[str, Any]]:
        try:
            status, body = await connection.exchange(request)
            reply = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError:
            connection.close()
            raise UnreachableError("the reply is not JSON") from None
        except BaseException:
            connection.close()
            raise
        if connection.reusable and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()
        return status, reply if isinstance(reply, dict) else {}

    def _reuse(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    _Connection,
                    self._address.connect,
                    self._address.port,
                    ssl=self._trust(),
                    server_hostname=self._address.name,
                )
        except (OSError, TimeoutError, ssl.SSLError) as error:
            raise UnreachableError(f"{type(error).__name__}: {error}") from None
        return connection

    def _trust(self) -> ssl.SSLContext:
        """A context that trusts only the mounted CA; a new one when the file has changed."""
        content = self._authority.read()
        if self._context is None or self._context[0] is not content:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=content.decode("ascii"))
            self._context = content, context
        return self._context[1]

    def _head(self, method: str, path: str, body: bytes, token: str | None, trace: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._address.name}:{self._address.port}"]
        if token is not None:
            lines += [f"authorization: Bearer {token}", "content-type: application/json"]
        lines.append(f"content-length: {len(body)}\r\n{trace}\r\n")
        return "\r\n".join(lines).encode("ascii") + body


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body = bytearray()
        self._head_bytes = 0
        self.received = False
        self.reusable = True

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; returns status and body of the reply. Raises UnreachableError."""
        if self._transport is None or self._transport.is_closing():
            raise UnreachableError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body.clear()
        self._head_bytes = 0
        self.received = False
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # it speaks without being asked
            return
        self.received = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        self._fail("the connection was closed")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES:
            self._fail("the reply's head is too large")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > REPLY_BYTES:
            self._fail("the reply is too large")

    def on_message_complete(self) -> None:
        self.reusable = self.reusable and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, why: str) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(UnreachableError(why))
