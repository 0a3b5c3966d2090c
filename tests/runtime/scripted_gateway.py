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

    async def call(self, request_id: str, step: int, payload: dict[str, Any], seconds: float, trace: str) -> Called:
        self.calls.append(payload)
        self.traces.append(trace)
        self.steps.append((request_id, step))
        await asyncio.sleep(0)
        if self.hold is not None:
            async with asyncio.timeout(seconds):
                await self.hold.wait()
        return self.answers.get(payload["connector"], echoed)(payload)

    @property
    def asked(self) -> list[str]:
        """The tools, in the order in which they were called."""
        return [call["tool"] for call in self.calls]
