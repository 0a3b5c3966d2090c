# SPDX-License-Identifier: Apache-2.0
"""The tool calls of one action: counted against the tier's fan-out, decided about by the gateway."""

from typing import Any

from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import call_problem

Outcome = dict[str, Any]
"""`{"ok": result}` or `{"problem": {...}}`, as the guest gets it."""


class Tools:
    """What an action has called so far. `called` counts all calls, `succeeded` those that brought a result."""

    def __init__(self, request_id: str, gateway: GatewayClient, metrics: Metrics, limit: int) -> None:
        """`limit` is how many calls an action may make."""
        self._request_id = request_id
        self._gateway = gateway
        self._metrics = metrics
        self._limit = limit
        self._refused: dict[str, dict[str, Any]] = {}
        self.called = 0
        self.succeeded = 0

    async def call(self, payload: dict[str, Any], seconds: float) -> Outcome:
        """Make one call (connector, tool, arguments). Raises TimeoutError when `seconds` are used up."""
        self.called += 1
        connector = payload["connector"]
        if self.called > self._limit:
            detail = f"a request may make at most {self._limit} tool calls"
            outcome = {"problem": call_problem("FanOutExceeded", detail)}
        elif connector in self._refused:
            outcome = {"problem": self._refused[connector]}  # it would be refused again
        else:
            wanted = {name: payload[name] for name in ("connector", "tool", "arguments")}
            outcome = await self._gateway.call(self._request_id, self.called, wanted, seconds)
        problem = outcome.get("problem")
        if problem is None:
            self.succeeded += 1
        elif problem.get("code") == "ConnectorNotInEnvelope":
            self._refused[connector] = problem
        self._metrics.tool_call("ok" if problem is None else str(problem.get("code")))
        return outcome
