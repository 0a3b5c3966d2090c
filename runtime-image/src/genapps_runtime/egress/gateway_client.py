# SPDX-License-Identifier: Apache-2.0
"""The client of the gateway: HTTP/1.1 over TLS, to one address.

A general HTTP client costs 14 MiB and 200 ms of start-up in each pod (docs/design). This one parses with httptools
and bounds everything it reads. The CA and the token are mounted files that change while the process runs.

A call whose request may have left is not sent again: nobody knows whether it was carried out. The exception is a tool
that the gateway has said only reads. Then the gateway is told that the call is a repeated one.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from genapps_runtime.egress.attempts import Attempts, C
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_connection import GatewayConnection, UnreachableError, give_up_when_silent
from genapps_runtime.egress.gateway_stream import GatewayStream
from genapps_runtime.egress.mounted_file import MountedFile
from genapps_runtime.problems import call_problem

HEARTBEAT_SECONDS = 3.0
IDLE_CONNECTIONS = 16
"""So many are kept for what may come."""
SPARE_SECONDS = 1.0
"""For so long all others are kept too: an app of which hundreds call at once needs each again a moment later, and to
make one costs both sides more than the call. There are never more than were in use at once within this time."""
REUSE_SECONDS = 10.0
"""How long a connection may have been idle. A gateway that is about to end closes a connection with each answer, for
15 s: what is still open after that has been idle for longer, and nothing is sent on it."""
SURE_SECONDS = 1.0
"""For so long after its last answer a gateway is taken to be there still. Later it is asked before a call is sent."""
RETRIES = 3
_UNDECIDED = ("CallerUnknown", "GatewayStale")
"""The operator's record of this pod may lag behind its start; another gateway may hear more. Nothing was done."""
_MAY_HAVE_WRITTEN = ("OutcomeUnknown", "ResultInvalid")
"""With any other problem the gateway says that nothing was done; and with these, if it says that the tool reads."""
_EXPECTS = "expect: 100-continue\r\n"
_KNOWN_TOOLS = 256
MOST_MILLIS_LEFT = 3_600_000
"""What the gateway is told of an action that has more time left."""
MOST_STREAMS = 32
"""Answers that come piece by piece, at once: each holds as much as `gateway_stream` says."""


class Called(NamedTuple):
    """What became of a tool call: `{"ok": result}` or `{"problem": {...}}` for the guest.

    `wrote` says whether the tool may have changed something, `answered` whether the gateway said what became of it.
    """

    outcome: dict[str, Any]
    wrote: bool
    answered: bool = True


@dataclass(slots=True)
class _Sending:
    """One request on its way. `harmless`: it may arrive twice. `begun`: the gateway may have got it. `lost`: it was
    sent, and no answer came. `until` is when the action ends that asks, by the client's clock."""

    body: dict[str, Any]
    trace: str
    harmless: bool = False
    begun: bool = False
    lost: bool = False
    until: float | None = None

    @property
    def tool(self) -> tuple[object, object]:
        """What the call is for."""
        return self.body.get("connector"), self.body.get("tool")

    def content(self, now: float) -> bytes:
        """The body of the request: a call that was lost is sent again as one that may have been made."""
        body = {**self.body, "repeated": True} if self.lost and not self.harmless else self.body
        if self.until is not None:
            body = {**body, "millisLeft": max(0, min(int((self.until - now) * 1000), MOST_MILLIS_LEFT))}
        return orjson.dumps(body)


class GatewayClient:
    """Calls to the gateway with this pod's token. Idle connections are reused."""

    def __init__(
        self, address: GatewayAddress, ca_file: str, token_file: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = address
        self._clock = clock
        self._authority = MountedFile(ca_file)
        self._token = MountedFile(token_file)
        self._context: tuple[bytes, ssl.SSLContext] | None = None
        self._idle: list[GatewayConnection] = []
        """The one that was used last is at the end, and is used first."""
        self._trimming: asyncio.TimerHandle | None = None
        self._attempts = Attempts()
        self._streams = 0
        self._reading: set[tuple[object, object]] = set()
        """Tools that only read, as the gateway said when it last answered a call of them."""

    async def call(self, request_id: str, step: int, payload: dict[str, Any], seconds: float, trace: str) -> Called:
        """One tool call.

        `payload` has connector, tool and arguments; `step` counts the calls of the action from 1. `trace` are lines of
        the head, in ASCII, each with its end. A refusal is a problem and no exception. Raises TimeoutError when
        `seconds` are used up and the call may have been made.
        """
        sending = _Sending({"requestId": request_id, "step": step, **payload}, trace, until=self._clock() + seconds)
        try:
            async with asyncio.timeout(seconds):
                status, reply = await self._post("/v1/calls", sending)
                for _ in range(RETRIES):
                    if reply.get("code") not in _UNDECIDED:
                        break
                    sending.begun = sending.lost
                    await asyncio.sleep(0.5)
                    status, reply = await self._post("/v1/calls", sending)
        except (UnreachableError, OSError) as error:
            if sending.begun and isinstance(error, TimeoutError):
                raise
            if sending.begun:
                return _unknown(type(error).__name__)
            return Called(_unavailable(error), wrote=False)
        if status == 200:
            return Called({"ok": reply.get("result")}, wrote=not self._reads(sending, reply))
        if "code" in reply:
            wrote = sending.lost or reply["code"] in _MAY_HAVE_WRITTEN
            return Called({"problem": reply}, wrote=wrote and reply.get("effect") != "Read")
        return _unknown(f"an answer with status {status} and no code")

    async def stream(
        self, request_id: str, step: int, payload: dict[str, Any], seconds: float, trace: str
    ) -> GatewayStream | dict[str, Any]:
        """A call of a tool that only reads, whose answer is taken while it comes; or `{"problem": {...}}`.

        It has a connection of its own. What is given is as for `call`; the gateway holds to the `seconds`, and who
        waits for it does. Whoever gets it closes it.
        """
        until = self._clock() + seconds
        sending = _Sending({"requestId": request_id, "step": step, **payload}, trace, harmless=True, until=until)
        for _ in range(RETRIES):
            answer = await self._begin_stream(sending)
            if isinstance(answer, GatewayStream) or answer["problem"].get("code") not in _UNDECIDED:
                return answer
            await asyncio.sleep(0.5)
        return await self._begin_stream(sending)

    async def _begin_stream(self, sending: "_Sending") -> GatewayStream | dict[str, Any]:
        if self._streams >= MOST_STREAMS:
            detail = f"{MOST_STREAMS} answers come piece by piece to this app, which is the most: try again"
            return {"problem": call_problem("CallRefused", detail, 1)}
        self._streams += 1
        try:
            stream = await self._connect(GatewayStream)
        except BaseException as error:
            self._stream_closed()
            if isinstance(error, (UnreachableError, OSError)):
                return _unavailable(error)
            raise
        stream.on_close = self._stream_closed
        try:
            token = self._token.read().decode("ascii").strip()
            answer = await stream.begin(b"".join(self._request("/v1/calls", sending, token)))
            if answer is None:
                return stream
            reply = orjson.loads(answer[1])
        except (UnreachableError, OSError, ValueError) as error:
            stream.close()
            return _unavailable(error)
        except BaseException:
            stream.close()
            raise
        stream.close()
        if isinstance(reply, dict) and "code" in reply:
            return {"problem": reply}
        return _unavailable(UnreachableError(f"status {answer[0]}"))

    def _stream_closed(self) -> None:
        self._streams -= 1

    def _reads(self, sending: "_Sending", reply: dict[str, Any]) -> bool:
        """Whether the tool only reads, which is remembered."""
        reads = reply.get("effect") == "Read"
        if not reads:
            self._reading.discard(sending.tool)
        elif sending.tool not in self._reading:
            if len(self._reading) >= _KNOWN_TOOLS:
                self._reading.clear()
            self._reading.add(sending.tool)
        return reads

    async def tenant_keys(self) -> object:
        """The keys that tokens are verified with, as the gateway tells them; None when it does not."""
        answer = await self.heartbeat({})
        return answer.get("tenantKeys") if answer is not None else None

    async def report_breaker(self, word: str) -> bool:
        """Say whether the execution breaker is `Open` or `Closed`; returns whether the gateway has taken it."""
        return await self.heartbeat({"breaker": word}) is not None

    async def report(self, said: dict[str, Any]) -> bool:
        """Say what this process saw (`docs/contracts/gateway-violation.schema.json`); returns whether it was counted.

        It is sent once: a gateway that does not answer may have counted it.
        """
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                status, reply = await self._post("/v1/violations", _Sending(said, ""))
                for _ in range(RETRIES):
                    if reply.get("code") not in _UNDECIDED:
                        break
                    await asyncio.sleep(0.5)
                    status, reply = await self._post("/v1/violations", _Sending(said, ""))
        except (TimeoutError, UnreachableError, OSError):
            return False
        return status == 202

    async def heartbeat(self, said: dict[str, Any]) -> dict[str, Any] | None:
        """Say how the app does; the answer, or None when there is none."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                status, reply = await self._post("/v1/heartbeat", _Sending(said, "", harmless=True))
        except (TimeoutError, UnreachableError, OSError, ValueError):
            return None
        return reply if status == 200 else None

    def close(self) -> None:
        """Close the idle connections."""
        if self._trimming is not None:
            self._trimming.cancel()
            self._trimming = None
        while self._idle:
            self._idle.pop().close()

    async def _post(self, path: str, sending: "_Sending") -> tuple[int, dict[str, Any]]:
        token = self._token.read().decode("ascii").strip()  # the kubelet replaces it before it ends
        connection = self._reuse() or await self._connect(GatewayConnection)
        try:
            return await self._use(connection, path, token, sending)
        except UnreachableError:
            if connection.sent and not sending.harmless and sending.tool not in self._reading:
                raise
            sending.lost = sending.lost or connection.sent
        return await self._use(await self._connect(GatewayConnection), path, token, sending)

    async def _use(
        self, connection: "GatewayConnection", path: str, token: str, sending: "_Sending"
    ) -> tuple[int, dict[str, Any]]:
        try:
            if self._sure_of(connection):
                answer = connection.send(b"".join(self._request(path, sending, token)))
            else:
                answer = await connection.send_when_heard(*self._request(path, sending, token, _EXPECTS))
            sending.begun = sending.begun or connection.sent
            status, body = await answer
            reply = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError:
            connection.close()
            raise UnreachableError("the reply is not JSON") from None
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return status, reply if isinstance(reply, dict) else {}

    def _keep(self, connection: "GatewayConnection") -> None:
        """The connection is idle; it may be used for another request."""
        if not connection.reusable:
            connection.close()
            return
        connection.idle_since = self._clock()
        self._idle.append(connection)
        if len(self._idle) > IDLE_CONNECTIONS and self._trimming is None:
            self._trimming = asyncio.get_running_loop().call_later(SPARE_SECONDS, self._trim)

    def _trim(self) -> None:
        """Close those that nobody has needed for SPARE_SECONDS, but for IDLE_CONNECTIONS."""
        self._trimming = None
        needed = self._clock() - SPARE_SECONDS
        spare = len(self._idle) - IDLE_CONNECTIONS
        unused = sum(1 for one in self._idle[: max(0, spare)] if one.idle_since <= needed)
        for connection in self._idle[:unused]:
            connection.close()
        del self._idle[:unused]
        if len(self._idle) > IDLE_CONNECTIONS:
            self._trimming = asyncio.get_running_loop().call_later(SPARE_SECONDS, self._trim)

    def _reuse(self) -> "GatewayConnection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and self._clock() - connection.idle_since < REUSE_SECONDS:
                return connection
            connection.close()
        return None

    async def _connect(self, kind: type[C]) -> C:
        return await self._attempts.first(lambda: self._connect_once(kind))

    async def _connect_once(self, kind: type[C]) -> C:
        loop = asyncio.get_running_loop()
        try:
            transport, connection = await loop.create_connection(
                kind,
                self._address.connect,
                self._address.port,
                ssl=self._trust(),
                server_hostname=self._address.name,
            )
            give_up_when_silent(transport)
            connection.idle_since = self._clock()
        except (OSError, ssl.SSLError) as error:
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

    def _sure_of(self, connection: GatewayConnection) -> bool:
        """Whether the gateway at its other end has been heard a moment ago."""
        return self._clock() - connection.idle_since < SURE_SECONDS

    def _request(self, path: str, sending: "_Sending", token: str, more: str = "") -> tuple[bytes, bytes]:
        """Head, with `more` lines, and content."""
        content = sending.content(self._clock())
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._address.name}:{self._address.port}\r\n"
            f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(content)}\r\n{more}{sending.trace}\r\n"
        )
        return head.encode("ascii"), content


def _unavailable(error: Exception) -> dict[str, Any]:
    detail = f"the gateway did not answer: {type(error).__name__}"
    return {"problem": call_problem("GatewayUnavailable", detail, 5)}


def _unknown(why: str) -> Called:
    detail = f"the gateway may have made the call, and nobody knows what it brought: {why}"
    return Called({"problem": call_problem("OutcomeUnknown", detail)}, wrote=True, answered=False)
