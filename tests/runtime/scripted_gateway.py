# SPDX-License-Identifier: Apache-2.0
"""The client of a gateway, in this process: what it answers is the test's."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from genapps_runtime.egress.gateway_client import Called


def echoed(payload: dict[str, Any]) -> Called:
    """What a tool answers that says what it was asked for."""
    return Called({"ok": [payload["tool"], payload["arguments"]]}, wrote=True)


def refused(code: str) -> Called:
    return Called({"problem": {"code": code, "class": "violation", "detail": "not for you"}}, wrote=False)


@dataclass
class ScriptedGateway:
    """`calls` are those that were made, `hold` delays the answers until it is set. `answers` are by connector."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[str, int]] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[dict[str, Any]], Called]] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    pieces: dict[str, list[Any]] = field(default_factory=dict)
    """Of answers that come piece by piece, by connector: lists of them, then a problem, or None where they stop coming
    without an end."""
    open: int = 0
    """How many such answers are under way."""

    async def call(self, request_id: str, step: int, payload: dict[str, Any], seconds: float, trace: str) -> Called:
        self.calls.append(payload)
        self.traces.append(trace)
        self.steps.append((request_id, step))
        await asyncio.sleep(0)
        if self.hold is not None:
            async with asyncio.timeout(seconds):
                await self.hold.wait()
        return self.answers.get(payload["connector"], echoed)(payload)

    async def stream(self, request_id: str, step: int, payload: dict[str, Any], _seconds: float, trace: str) -> Any:
        self.calls.append(payload)
        self.traces.append(trace)
        self.steps.append((request_id, step))
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        return ScriptedStream(self, [*self.pieces[payload["connector"]]])

    @staticmethod
    def done(_payload: dict[str, Any]) -> Called:
        """The answer of a tool that says nothing."""
        return Called({"ok": None}, wrote=False)

    @property
    def asked(self) -> list[str]:
        """The tools, in the order in which they were called."""
        return [call["tool"] for call in self.calls]


class ScriptedStream:
    """One answer that comes piece by piece."""

    def __init__(self, gateway: ScriptedGateway, left: list[Any]) -> None:
        self._gateway = gateway
        self._left = left
        self._open = True
        gateway.open += 1

    async def next(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        if not self._left:
            return {"ok": None}
        given = self._left.pop(0)
        if given is None:
            await asyncio.Event().wait()
        return {"problem": given} if isinstance(given, dict) else {"ok": given}

    def close(self) -> None:
        self._gateway.open -= self._open
        self._open = False
