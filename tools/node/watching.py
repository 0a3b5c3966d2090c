# SPDX-License-Identifier: Apache-2.0
"""Follows one kind of object through the API server: list, then watch, again and again, into a mapping by uid."""

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from typing import Any

import aiohttp

from tools.node.settings import Node

PAUSE_SECONDS = 0.2
WATCH_SECONDS = 300
GONE = 410


def session(node: Node, user: str) -> aiohttp.ClientSession:
    """An HTTP session to the node's API server as one of the node's own users."""
    context = ssl.create_default_context(cafile=str(node.pki / "ca.crt"))
    context.load_cert_chain(node.pki / f"{user}.crt", node.pki / f"{user}.key")
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    # A line of a watch is a whole object, of up to 1.5 MiB.
    return aiohttp.ClientSession(node.server, connector=connector, timeout=timeout, read_bufsize=2**22)


class Followed:
    """The objects of one kind, kept current by `follow`."""

    def __init__(self, path: str, changed: Callable[[], None]) -> None:
        self.path = path
        self.objects: dict[str, dict[str, Any]] = {}
        self.complete = asyncio.Event()
        self._changed = changed

    async def follow(self, client: aiohttp.ClientSession) -> None:
        """Run without end. While the API server is away, the last state stays."""
        while True:
            try:
                version: str | None = await self._list(client)
                while version:
                    version = await self._watch(client, version)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                print(f"{self.path}: {error!r}", file=sys.stderr, flush=True)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _list(self, client: aiohttp.ClientSession) -> str:
        async with client.get(self.path) as response:
            response.raise_for_status()
            listed = await response.json()
        self.objects = {item["metadata"]["uid"]: item for item in listed["items"]}
        self.complete.set()
        self._changed()
        return str(listed["metadata"]["resourceVersion"])

    async def _watch(self, client: aiohttp.ClientSession, version: str) -> str | None:
        """The version up to which it saw everything, None when a new list is needed."""
        parameters = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async with client.get(self.path, params=parameters) as response:
            if response.status == GONE:
                return None
            response.raise_for_status()
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return None
                version = event["object"]["metadata"]["resourceVersion"]
                self._take(event["type"], event["object"])
        return version

    def _take(self, kind: str, item: dict[str, Any]) -> None:
        if kind == "BOOKMARK":
            return
        if kind == "DELETED":
            self.objects.pop(item["metadata"]["uid"], None)
        else:
            self.objects[item["metadata"]["uid"]] = item
        self._changed()
