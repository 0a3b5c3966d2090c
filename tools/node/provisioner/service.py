# SPDX-License-Identifier: Apache-2.0
"""Makes volumes for waiting claims, and removes released volumes."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial

import aiohttp

from tools.node.provisioner import disks
from tools.node.provisioner.volumes import Manifest, claim_needs, reclaimable, volume_for, volume_name
from tools.node.settings import Node
from tools.node.watching import Followed, session

AT_ONCE = 4
RETRY_SECONDS = 1.0
VOLUMES = "/api/v1/persistentvolumes"

Work = Callable[[], Coroutine[None, None, None]]


class Provisioner:
    """One per node; `run` never returns. Work is repeated until the API server shows that it is done."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._changed = asyncio.Event()
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._done: set[str] = set()
        self._claims = Followed("/api/v1/persistentvolumeclaims", self._changed.set)
        self._volumes = Followed(VOLUMES, self._changed.set)
        self._classes = Followed("/apis/storage.k8s.io/v1/storageclasses", self._changed.set)

    async def run(self) -> None:
        """Follow claims, volumes and classes, and do what they require. Never returns."""
        async with session(self._node, "provisioner") as client, asyncio.TaskGroup() as tasks:
            followed = (self._claims, self._volumes, self._classes)
            for one in followed:
                tasks.create_task(one.follow(client))
            for one in followed:
                await one.complete.wait()
            while True:
                await self._changed.wait()
                self._changed.clear()
                self._look(client, tasks)

    def _look(self, client: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        """Start what has to be done: each piece of work once at a time, and not again when it is done."""
        classes = {found["metadata"]["name"]: found for found in self._classes.objects.values()}
        for claim in self._claims.objects.values():
            try:
                size = claim_needs(claim, classes)
            except ValueError as error:
                print(f"claim {claim['metadata']['name']}: {error}", file=sys.stderr, flush=True)
                continue
            if size is not None:
                found = classes[claim["spec"]["storageClassName"]]
                name = volume_name(claim)
                self._begin(tasks, f"create {name}", partial(self._create, client, claim, found, size))
        for volume in self._volumes.objects.values():
            if reclaimable(volume):
                name = volume["metadata"]["name"]
                self._begin(tasks, f"delete {name}", partial(self._delete, client, name))

    def _begin(self, tasks: asyncio.TaskGroup, key: str, work: Work) -> None:
        if key not in self._running and key not in self._done:
            self._running[key] = tasks.create_task(self._attempt(key, work))

    async def _attempt(self, key: str, work: Work) -> None:
        try:
            async with self._limit:
                await work()
            self._done.add(key)
        except (disks.DiskError, aiohttp.ClientError, OSError) as error:
            print(f"{key}: {error}", file=sys.stderr, flush=True)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._changed.set)
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            del self._running[key]

    async def _create(self, client: aiohttp.ClientSession, claim: Manifest, found: Manifest, size: int) -> None:
        path = await disks.create(self._node.volumes, volume_name(claim), size)
        body = volume_for(claim, found, str(path), self._node.name)
        async with client.post(VOLUMES, json=body) as response:
            if response.status != 409:
                response.raise_for_status()

    async def _delete(self, client: aiohttp.ClientSession, name: str) -> None:
        await disks.remove(self._node.volumes, name)
        async with client.delete(f"{VOLUMES}/{name}") as response:
            if response.status != 404:
                response.raise_for_status()
