# SPDX-License-Identifier: Apache-2.0
"""What a Python programmer would use without a sandbox: FastAPI and Starlette, each in one uvicorn process.

uvicorn runs at its best: uvloop, httptools, no access log. Our side writes its log line for each request.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.apps import ASSET, ASSET_CONTENT
from bench.context import Context
from bench.cores import on_core, server_core
from bench.packages import PEERS_LOCK, installed, versions
from bench.processes import answers, free_port, stopped, until
from bench.server import Server

MODULES = {"FastAPI": "fastapi_app", "Starlette": "starlette_app"}
_HERE = Path(__file__).resolve().parent
_UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error")


@asynccontextmanager
async def python_peer(context: Context, name: str) -> AsyncIterator[Server]:
    """A running one of `MODULES`, on the same interpreter as our side. Raises NotMeasuredError."""
    interpreter = await context.interpreter()
    packages = await installed(context.cache, interpreter, PEERS_LOCK)
    pinned = versions(PEERS_LOCK)
    used = ", ".join(f"{each} {pinned[each]}" for each in (name.lower(), "uvicorn", "uvloop", "httptools"))
    context.ran_on[name] = f"{used}, {interpreter}"
    port, files = free_port(), context.work / "files"
    (files / ASSET).parent.mkdir(parents=True, exist_ok=True)
    (files / ASSET).write_bytes(ASSET_CONTENT)
    with (context.work / f"{name.lower()}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *on_core(server_core()),
            *(*interpreter.command, "-m", "uvicorn", f"{MODULES[name]}:app", "--port", str(port), *_UVICORN),
            cwd=_HERE,
            env={**os.environ, "PYTHONPATH": str(packages), "BENCH_FILES": str(files)},
            stdout=log,
            stderr=log,
        )
        async with stopped(process):
            await until(
                lambda: answers(process, name, f"http://127.0.0.1:{port}/"), f"{name} answers (see {log.name})", 30
            )
            yield Server(name, port, process.pid, interpreter)
