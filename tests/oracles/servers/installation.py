# SPDX-License-Identifier: Apache-2.0
"""A gateway whose connections are real, and a Service of the cluster that is a server on this host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from genapps.gateway.egress.messages import OutboundRequest, Target
from genapps.gateway.egress.upstream import Upstream
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.egress.world import HERE, LIMITS, upstream
from tests.unit.gateway.world import Installation, Issuer, Reply, app_record


class Calls:
    """Calls of one app's, of one connector."""

    def __init__(self, gateway: Installation, connector: str) -> None:
        self.gateway = gateway
        self._connector = connector

    async def __call__(self, tool: str, arguments: Any = None, *, gone: Any = None, **members: Any) -> Reply:
        content = {"requestId": "r", "step": 1, "connector": self._connector, "tool": tool}
        return await self.gateway.post("/v1/calls", content | {"arguments": arguments or {}} | members, gone=gone)


@asynccontextmanager
async def connected() -> AsyncIterator[Upstream]:
    """What opens the connections; this host is the cluster."""
    sender = upstream()
    try:
        yield sender
    finally:
        sender.close()
        await asyncio.sleep(0)  # transports close in the next turn


async def asked(
    port: int, method: str, path: str, content: Any = None, headers: tuple[tuple[str, str], ...] = ()
) -> Any:
    """What the server answers to somebody who has no Connector."""
    body = b"" if content is None else orjson.dumps(content)
    headers = (*headers, ("content-type", "application/json"))
    async with connected() as sender:
        target = Target("peer", "http", "peer.team.svc", port, (HERE,))
        response = await sender.send(target, OutboundRequest(method, path, headers, body), LIMITS)
    return orjson.loads(response.body)


@asynccontextmanager
async def calling(name: str, port: int, spec: dict[str, Any]) -> AsyncIterator[Calls]:
    """The connector of that name, to a server at the port; `spec` has its type and tools."""
    gateway = Installation(Issuer())
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": [name]}))
    gateway.services.changed(
        {
            "metadata": {
                "name": f"connector-{name}",
                "labels": {"genapps.dev/connector": name},
                "annotations": {"genapps.dev/service": f"team/{name}:80"},
            },
            "ports": [{"port": port}],
            "endpoints": [{"addresses": [HERE]}],
        }
    )
    service = {"namespace": "team", "name": name, "port": 80}
    gateway.catalogue.changed(manifest(name, **(spec | {"endpoint": {"service": service}})))
    async with connected() as sender:
        gateway.upstream.send = sender.send  # type: ignore[method-assign]
        gateway.upstream.stream = sender.stream  # type: ignore[assignment, method-assign]
        yield Calls(gateway, name)
