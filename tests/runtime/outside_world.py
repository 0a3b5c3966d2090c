# SPDX-License-Identifier: Apache-2.0
"""What an app reaches by tools, as a contract-true stand-in of gateway and connector that fails, hangs, duplicates and
answers late; and a process that is killed at a chosen moment: before or after a durable write, or a call.
"""

import asyncio
import json
import shutil
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs

from genapps_runtime.egress.gateway_client import Called
from genapps_runtime.problems import call_problem
from tests.runtime.keyed_world import KeyedWorld
from tests.runtime.telling_language import TellingLanguage

_SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "contracts" / "gateway-call.schema.json"
_VALID = jsonschema_rs.Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8"))).is_valid

BEHAVIOURS = ("ok", "lost before", "lost after", "hangs before", "hangs after", "twice", "late", "refused")
LATE_TURNS = 5


@dataclass
class Connector:
    """Outlives all processes. Tools named `keyed...` take the same call twice, others do whatever they are asked for.

    `effects` counts what was done, by tool and order. `next` is how the next calls go; after them all is well.
    """

    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    next: deque[str] = field(default_factory=deque)
    keys: dict[str, str] = field(default_factory=dict)

    def carry_out(self, payload: dict[str, Any]) -> str:
        tool, order, key = payload["tool"], payload["arguments"]["order"], payload["key"]
        if not tool.startswith("keyed"):
            self.effects[tool, order] += 1
            return f"{tool} {order}"
        if key not in self.keys:
            self.effects[tool, order] += 1
            self.keys[key] = f"{tool} {order}"
        assert self.keys[key] == f"{tool} {order}"  # a key belongs to one call
        return self.keys[key]


class Process:
    """One life of an app's process. It is killed at the moment with the number `kill_at`, 0: not at all."""

    def __init__(
        self, language: TellingLanguage, directory: Path, source: str, connector: Connector, kill_at: int = 0
    ) -> None:
        self.directory = directory
        self.image = directory.with_name(directory.name + "-image")
        """What the kill has left."""
        self.alive = True
        self.moments = 0
        self._kill_at = kill_at
        self._disk = threading.RLock()
        self._connector = connector
        self.world = KeyedWorld(language, directory, source, self, time={"actionMillis": 300})
        facet = self.world.facet
        for owner, name in ((facet, "_apply"), (facet, "_apply_open"), (facet.journal, "_write")):
            setattr(owner, name, self._watched(getattr(owner, name)))

    async def call(self, request_id: str, step: int, payload: dict[str, Any], seconds: float, trace: str) -> Called:
        """As `GatewayClient.call`."""
        assert _VALID({"requestId": request_id, "step": step, **payload}), payload
        behaviour = self._connector.next.popleft() if self._connector.next else "ok"
        plain = not payload["tool"].startswith("keyed")
        if plain and payload.get("repeated"):
            return Called({"problem": {"code": "OutcomeUnknown", "class": "limit", "detail": "unknown"}}, wrote=False)
        if behaviour == "refused":
            return Called({"problem": {"code": "ConnectorUnavailable", "class": "limit", "detail": "no"}}, wrote=False)
        self._moment()
        if behaviour == "hangs before":
            await asyncio.sleep(60)
        if behaviour == "late":
            for _ in range(LATE_TURNS):
                await asyncio.sleep(0)
        result = ""
        if behaviour != "lost before" and self.alive:
            result = self._connector.carry_out(payload)
            if behaviour == "twice" and not plain:
                result = self._connector.carry_out(payload)
        self._moment()
        if behaviour == "hangs after":
            await asyncio.sleep(60)
        if behaviour.startswith("lost"):
            return Called({"problem": call_problem("OutcomeUnknown", "it went away")}, wrote=True, answered=False)
        return Called({"ok": result}, wrote=True)

    def _watched(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            with self._disk:  # the kill's image is not taken in the middle of another thread's write
                self._moment()
                written = write(*arguments)
                self._moment()
                return written

        return watched

    def _moment(self) -> None:
        with self._disk:
            self.moments += 1
            if self.alive and self.moments == self._kill_at:
                self.alive = False
                shutil.copytree(self.directory, self.image)
