# SPDX-License-Identifier: Apache-2.0
"""One action: a request becomes a message to the guest, and the guest's calls are run in parallel.

At the end the action's state is committed, then the response is sent.
"""

import asyncio
import base64
import time
from dataclasses import dataclass
from typing import Any

import orjson

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.guest import turns
from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.guest.turns import PIECE_BYTES
from genapps_runtime.logs import ActionLog, BoundedLog
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError, call_problem
from genapps_runtime.serve.messages import Reply, Request
from genapps_runtime.state.facet import Facet, StateConflictError, StateFullError, StateUnavailableError, View

TURNS_BETWEEN_PAUSES = 16
COMMIT_SECONDS = 1.0
"""What a commit may take at least, also when the action's time is nearly used up."""
# The guest's business is the request, not the caller's credentials: a tenant is verified by the host.
_WITHHELD = frozenset({b"authorization", b"proxy-authorization"})


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What all actions of this process share."""

    config: RuntimeConfig
    gateway: GatewayClient
    facet: Facet
    metrics: Metrics
    log: BoundedLog


class Action:
    """One attempt at a request in one guest.

    `number` is unique within the process. `deadline` is a time of the monotonic clock, in seconds.
    """

    def __init__(self, number: int, request: Request, guest: Guest, context: ActionContext, deadline: float) -> None:
        self._number = number
        self._request = request
        self._guest = guest
        self._context = context
        self._deadline = deadline
        self._view = View(context.facet)
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._refused: dict[str, dict[str, Any]] = {}
        self._open = False
        self.log = ActionLog(context.config.limits.log_bytes_per_action)
        self.tool_calls = 0
        self.tools_succeeded = 0
        self.turns = 0
        self.trace = ""
        self.guest_seconds = 0.0

    async def run(self) -> Reply:
        """Run the action to its reply.

        Raises ProblemError, GuestGoneError (the guest is dropped) or StateConflictError (nothing was written).
        """
        try:
            turn = self._step(self._guest.start, self._message())
            while not isinstance(turn, turns.Done):
                turn = self._step(self._guest.resume, await self._answer(turn))
            return await self._finish(turn)
        finally:
            self._view.close()
            if self._open:
                self._guest.cancel(self._number)

    def _step(self, call: Any, message: bytes) -> turns.Turn:
        self.turns += 1
        self._open = False
        begun = time.perf_counter()
        text = call(message, self._deadline, self.log.add)
        self.guest_seconds += time.perf_counter() - begun
        try:
            turn = turns.parse_turn(text)
        except turns.TurnInvalidError as error:
            self._guest.drop()
            raise GuestGoneError("TurnInvalid", str(error)) from None
        except turns.ResponseInvalidError as error:
            raise ProblemError("ResponseInvalid", str(error)) from None
        self._open = isinstance(turn, (turns.Calls, turns.Emit))
        if isinstance(turn, turns.Failed):
            self._fail(turn)
        return turn

    def _fail(self, turn: turns.Failed) -> None:
        self.trace = turn.trace
        if turn.code == "MemoryExceeded":
            # What is left of its memory serves nobody well.
            self._guest.drop()
        if turn.code == "Cancelled":
            raise GuestGoneError("TurnInvalid", "the app ended an action that was not cancelled")
        raise ProblemError(turn.code, turn.detail)

    async def _answer(self, turn: turns.Turn) -> bytes:
        """The message that answers `turn` and continues the guest."""
        if self.turns % TURNS_BETWEEN_PAUSES == 0:
            await asyncio.sleep(0)  # an app that only asks for state must not keep the loop
        results: dict[str, Any] = {}
        if isinstance(turn, turns.Emit):
            self._collect(turn.piece)
        elif isinstance(turn, turns.Calls):
            tools = [call for call in turn.calls if call.kind == "tool"]
            for call in turn.calls:
                if call.kind != "tool":
                    results[call.id] = self._local(call)
            if tools:
                remaining = max(0.0, self._deadline - time.monotonic())
                try:
                    outcomes = await asyncio.gather(*[self._tool(call, remaining) for call in tools])
                except TimeoutError:
                    # Not asked of the clock: the loop's timer may be a little ahead of it.
                    raise ProblemError(
                        "ActionTimeout", "the time of the request ran out while the app waited for a tool"
                    ) from None
                results.update(zip([call.id for call in tools], outcomes, strict=True))
        return orjson.dumps({"action": self._number, "results": results})

    def _local(self, call: turns.Call) -> dict[str, Any]:
        """Reads of state and of the request's body, which need no other process."""
        try:
            if call.kind == "get":
                return {"ok": self._view.get(call.payload["key"])}
            if call.kind == "list":
                return {"ok": self._view.list(call.payload["prefix"], min(call.payload["limit"], 2000))}
        except StateFullError as error:
            return {"problem": call_problem("StateFull", str(error))}
        except StateUnavailableError as error:
            raise ProblemError("StateUnavailable", str(error)) from None
        return {"ok": _piece(self._request.body, call.payload["chunk"])}

    async def _tool(self, call: turns.Call, seconds: float) -> dict[str, Any]:
        self.tool_calls += 1
        limit = self._context.config.limits.tool_calls_per_action
        connector = call.payload["connector"]
        if self.tool_calls > limit:
            outcome = {"problem": call_problem("FanOutExceeded", f"a request may make at most {limit} tool calls")}
        elif connector in self._refused:
            outcome = {"problem": self._refused[connector]}  # it would be refused again
        else:
            payload = {name: call.payload[name] for name in ("connector", "tool", "arguments")}
            outcome = await self._context.gateway.call(self._request.id, self.tool_calls, payload, seconds)
        problem = outcome.get("problem")
        if problem is None:
            self.tools_succeeded += 1
        elif problem.get("code") == "ConnectorNotInEnvelope":
            self._refused[connector] = problem
        self._context.metrics.tool_call("ok" if problem is None else str(problem.get("code")))
        return outcome

    def _collect(self, piece: bytes) -> None:
        self._body_bytes += len(piece)
        limit = self._context.config.limits.response_body_bytes
        if self._body_bytes > limit:
            raise ProblemError("ResponseTooLarge", f"a response may have at most {limit} bytes")
        self._body.append(piece)

    async def _finish(self, turn: turns.Done) -> Reply:
        """Commit the state, then make the reply: a caller who gets it can rely on the commit."""
        self._collect(turn.piece)
        self._view.close()
        if turn.writes:
            try:
                async with asyncio.timeout(max(COMMIT_SECONDS, self._deadline - time.monotonic())):
                    await self._context.facet.commit(self._view.reads, turn.writes)
            except TimeoutError:
                detail = "the disk of the app's state does not answer; the changes may or may not be stored"
                raise ProblemError("StateUnavailable", detail) from None
            except StateFullError as error:
                raise ProblemError("StateFull", str(error)) from None
            except StateUnavailableError as error:
                raise ProblemError("StateUnavailable", str(error)) from None
            except StateConflictError:
                if self.tools_succeeded:
                    detail = "the app had called a tool, so the runtime did not run the request again"
                    raise ProblemError("StateConflict", detail) from None
                raise
        return Reply(turn.status, turn.headers, b"".join(self._body))

    def _message(self) -> bytes:
        request = self._request
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers if name not in _WITHHELD
        }
        described: dict[str, Any] = {
            "requestId": request.id,
            "method": request.method,
            "path": request.path,
            "query": request.query,
        }
        if request.body:
            described["body"] = _piece(request.body, 0)
            described["bodyChunks"] = -(-len(request.body) // PIECE_BYTES)
        described["headers"] = headers  # last: the engine reads them when the app asks for them
        return orjson.dumps({"action": self._number, "request": described})


def _piece(body: bytes, index: int) -> dict[str, str]:
    piece = body[index * PIECE_BYTES : (index + 1) * PIECE_BYTES]
    try:
        return {"text": piece.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(piece).decode()}
