# SPDX-License-Identifier: Apache-2.0
"""Keeps the kernel's table equal to the cluster's policies, and tells CNI plugins when the table has their pod."""

import asyncio
import contextlib
import json
import sys

from tools.node.enforcer.cluster import Attachment, observe
from tools.node.enforcer.table import CLOSED, compile_table
from tools.node.settings import Node
from tools.node.watching import Followed, session

ANSWER_SECONDS = 15
RETRY_SECONDS = 0.5
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"


class Enforcer:
    """One per node; `run` never returns."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._dirty = asyncio.Event()
        self._loaded = asyncio.Condition()
        self._in_force: frozenset[str] = frozenset()
        self._text = ""
        self._pods = Followed("/api/v1/pods", self._dirty.set)
        self._namespaces = Followed("/api/v1/namespaces", self._dirty.set)
        self._policies = Followed(POLICIES, self._dirty.set)

    async def run(self) -> None:
        """Nothing is compiled, and no plugin is answered, before all three lists have been read once."""
        followed = (self._pods, self._namespaces, self._policies)
        async with session(self._node, "enforcer") as client, asyncio.TaskGroup() as tasks:
            for one in followed:
                tasks.create_task(one.follow(client))
            for one in followed:
                await one.complete.wait()
            await self._load_once()
            self._node.enforcer_socket.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(self._answer, self._node.enforcer_socket)
            tasks.create_task(server.serve_forever())
            tasks.create_task(self._load_for_ever())

    async def _load_for_ever(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._load_once()

    async def _load_once(self) -> None:
        """Fails closed: state that cannot be compiled empties the table of pods; what nft refuses is tried again."""
        links = self._attachments()
        try:
            cluster = observe(
                links.values(), self._pods.objects, self._namespaces.objects.values(), self._policies.objects.values()
            )
            text, known = compile_table(cluster), {endpoint.address for endpoint in cluster.endpoints}
        except Exception as error:
            print(f"cannot compile, all pods are cut off: {error!r}", file=sys.stderr, flush=True)
            text, known = CLOSED, set()
        if text != self._text and not await self._load(text):
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._dirty.set)
            return
        async with self._loaded:
            self._text = text
            self._in_force = frozenset(container for container, link in links.items() if link.address in known)
            self._loaded.notify_all()

    async def _load(self, text: str) -> bool:
        pipe = asyncio.subprocess.PIPE
        nft = await asyncio.create_subprocess_exec("nft", "-f", "-", stdin=pipe, stderr=pipe)
        _, errors = await nft.communicate(text.encode())
        if nft.returncode:
            print(f"nft: {errors.decode()}\n{text}", file=sys.stderr, flush=True)
        return nft.returncode == 0

    def _attachments(self) -> dict[str, Attachment]:
        """Container id -> link. A file that goes away meanwhile is a pod that goes away."""
        found = {}
        for file in self._node.attachments.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                record = json.loads(file.read_text(encoding="utf-8"))
                found[file.stem] = Attachment(record["uid"], record["address"], record["interface"])
        return found

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One line in, the container's id or nothing; for an id one line out, once it is in force."""
        try:
            wanted = (await reader.readline()).decode().strip()
            self._dirty.set()
            if wanted:
                async with asyncio.timeout(ANSWER_SECONDS), self._loaded:
                    await self._loaded.wait_for(lambda: wanted in self._in_force)
                writer.write(b"enforced\n")
                await writer.drain()
        except TimeoutError:
            writer.write(b"the pod is not known to the API server, or its policies cannot be loaded\n")
        except ConnectionError:
            return
        finally:
            writer.close()
