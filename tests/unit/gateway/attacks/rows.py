# SPDX-License-Identifier: Apache-2.0
"""What a row of an attack on the gateway says, and two apps: the one that attacks, and a neighbour."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genapps.gateway.egress.messages import OutboundResponse
from genapps.gateway.problems import Code, RefusalClass
from tests.unit.gateway.connectors import BOOK, KEYED, LATEST, manifest
from tests.unit.gateway.world import Installation, Reply, app_record

NEIGHBOUR = "finance-neighbour-fedcba9876543210"
NEIGHBOUR_UID = "7d0b4c1c-4f5a-4a36-8f6f-5d1c1b6f0a99"
ENVELOPE = {"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}
JSON = {"content-type": "application/json"}
CANARY = "canary-Zx81/+q?&7"
LOOSE: dict[str, Any] = {
    "name": "loose",
    "method": "GET",
    "path": "/v1/files/{name}",
    "effect": "Read",
    "headers": [{"argument": "language", "header": "Accept-Language"}],
    "input": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "language": {"type": "string"}, "any": {}},
    },
}
"""A contract that leaves the values to the caller: what is left is what the gateway itself holds."""
TOOLS = [LATEST, BOOK, KEYED, LOOSE]


@dataclass(frozen=True)
class Attack:
    """One attack of an app: its call, and how it ends."""

    title: str
    code: Code
    kind: RefusalClass
    content: Any
    """The body, as JSON or as it is."""
    counted: int = 0
    """Violations in the app's Ledger afterwards."""
    asked: int = 0
    """Requests that reach the connector."""
    connector: Mapping[str, Any] = field(default_factory=dict)
    """Replaces members of the Connector's spec."""
    secret: dict[str, Any] | None = None
    """The connector's Secret."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """Replaces members of the app's record."""
    answer: OutboundResponse | Exception | None = None
    """What the connector answers with."""
    before: int = 0
    """Calls that go before it."""
    status: int | None = None
    """Of the answer, where it is not the code's own."""


def call(arguments: Any = None, tool: Any = "latest", connector: Any = "rates", **members: Any) -> dict[str, Any]:
    """The body of a call; of one that is admitted unless told."""
    arguments = {"currency": "EUR"} if arguments is None else arguments
    return {"requestId": "r", "step": 1, "connector": connector, "tool": tool, "arguments": arguments} | members


def secret(value: str = CANARY, **changes: Any) -> dict[str, Any]:
    """A Secret as the watch delivers it; `changes` replace label `connector`, annotation `hosts` or `data`."""
    data = changes.get("data", {"token": value})
    return {
        "metadata": {
            "name": "key",
            "uid": "5ec",
            "resourceVersion": "1",
            "labels": {"genapps.dev/credential-for": changes.get("connector", "rates")},
            "annotations": {"genapps.dev/hosts": changes.get("hosts", "rates.example.com")},
        },
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }


def with_neighbour(gateway: Installation, **record: Any) -> None:
    """Two apps and a connector for both, and one connector that is the neighbour's alone."""
    gateway.records.changed(app_record(envelope=ENVELOPE, **record))
    neighbour = app_record(
        app={"namespace": "finance", "name": "neighbour", "uid": "decaf"},
        envelope=ENVELOPE | {"connectors": ["rates", "weather"]},
        pod={"namespace": "genapps-run", "name": NEIGHBOUR, "uid": NEIGHBOUR_UID},
    )
    gateway.records.changed(neighbour | {"metadata": neighbour["metadata"] | {"name": NEIGHBOUR}})
    weather = manifest("weather", endpoint={"url": "https://weather.example.com"}, tools=[LATEST])
    gateway.catalogue.changed(weather)
    fine = OutboundResponse(200, JSON, b'{"rate": 0.94}')
    gateway.upstream.answers["weather.example.com"] = fine


def neighbours_token(gateway: Installation) -> str:
    bound = {
        "namespace": "genapps-run",
        "pod": {"name": NEIGHBOUR, "uid": NEIGHBOUR_UID},
        "serviceaccount": {"name": NEIGHBOUR, "uid": "1"},
    }
    return gateway.issuer.token({"sub": f"system:serviceaccount:genapps-run:{NEIGHBOUR}", "kubernetes.io": bound})


async def neighbour_is_served(gateway: Installation) -> None:
    """The neighbour calls its connector, and nothing was counted for it."""
    reply: Reply = await gateway.post("/v1/calls", call(connector="weather"), token=neighbours_token(gateway))
    assert (reply.status, reply.json()["result"]) == (200, {"rate": 0.94})
    assert counted(gateway, NEIGHBOUR) == 0


def counted(gateway: Installation, child: str) -> int:
    """Violations in an app's Ledger."""
    stored = ("Ledger", "genapps-system", child) in gateway.store.objects
    return int(gateway.store.ledger(child)["total"]) if stored else 0
