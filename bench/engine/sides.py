# SPDX-License-Identifier: Apache-2.0
"""The servers of one measurement: ours first, then the peers that this machine can run."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from bench.context import Context
from bench.figures import NotMeasuredError
from bench.peer.python_peers import MODULES, python_peer
from bench.peer.workerd import NAME, workerd, workerd_binary, workerd_version
from bench.server import Server


class UnlikeAnswersError(Exception):
    """Two servers do not answer the same, so that comparing them means nothing."""


@asynccontextmanager
async def workerd_peer(context: Context) -> AsyncIterator[list[Server]]:
    """workerd, or nothing with a note that says why it is missing."""
    try:
        binary = await workerd_binary(context.cache, shutil.which("npm"))
    except NotMeasuredError as reason:
        context.note(f"no ratios to workerd: {reason}")
        yield []
        return
    context.ran_on[NAME] = f"workerd {workerd_version()}"
    async with workerd(binary, context.work) as running:
        yield [running]


@asynccontextmanager
async def all_peers(context: Context) -> AsyncIterator[list[Server]]:
    """workerd, FastAPI and Starlette; what is missing has a note."""
    async with AsyncExitStack() as stack:
        peers = await stack.enter_async_context(workerd_peer(context))
        for name in MODULES:
            try:
                peers.append(await stack.enter_async_context(python_peer(context, name)))
            except NotMeasuredError as reason:
                context.note(f"no ratios to {name}: {reason}")
        yield peers


async def same_answers(servers: Sequence[Server], path: str) -> None:
    """Raises UnlikeAnswersError unless all answer the path with the same JSON."""
    async with aiohttp.ClientSession() as session:
        told = {}
        for server in servers:
            async with session.get(f"http://127.0.0.1:{server.port}{path}") as response:
                told[server.name] = json.loads(await response.read())
    if any(answer != told[servers[0].name] for answer in told.values()):
        raise UnlikeAnswersError(f"GET {path}: {told}")
