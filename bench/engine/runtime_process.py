# SPDX-License-Identifier: Apache-2.0
"""The real runtime on the server's core: the same command, digests, checks, log lines and metrics as in a pod."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cores import on_core, server_core
from bench.engine.snapshot import Snapshot, snapshot
from bench.engine.stub_gateway import StubGateway, stub_gateway
from bench.processes import REPOSITORY, answers, free_port, stopped, until
from tools import engines


@dataclass(frozen=True, slots=True)
class Runtime:
    """A ready runtime with one app."""

    port: int
    pid: int


@asynccontextmanager
async def runtime(work: Path, source: str, module: str = "genapps_runtime.main") -> AsyncIterator[Runtime]:
    """A runtime with one app. Its log is `runtime.log` in `work`: a file, because a container's log is one as well."""
    engine = await asyncio.to_thread(engines.precompiled)
    port, health = free_port(), free_port()
    with tempfile.TemporaryDirectory(dir=work) as folder, (work / "runtime.log").open("wb") as log:
        made = snapshot(Path(folder), source)
        async with stub_gateway(Path(folder)) as gateway:
            process = await asyncio.create_subprocess_exec(
                *on_core(server_core()),
                *(sys.executable, "-m", module),
                *("--config-digest", made.config_digest, "--code-digest", made.code_digest),
                cwd=REPOSITORY,
                env={**os.environ, **_environment(made, gateway, engine, port, health)},
                stdout=log,
                stderr=log,
            )
            async with stopped(process):
                await until(
                    lambda: answers(process, "runtime", f"http://127.0.0.1:{port}/"),
                    f"the runtime is ready (see {log.name})",
                    60,
                )
                yield Runtime(port, process.pid)


def _environment(made: Snapshot, gateway: StubGateway, engine: Path, port: int, health: int) -> dict[str, str]:
    settings: dict[str, Path | str | int] = {
        "config_file": made.config_file,
        "code_directory": made.code,
        "gateway_ca_file": gateway.ca_file,
        "token_file": made.token_file,
        "state_directory": made.state,
        "engine_file": engine,
        "termination_file": made.termination_file,
        "address": "127.0.0.1",
        "app_port": port,
        "health_port": health,
        "gateway_address": "127.0.0.1",
        "gateway_port": gateway.port,
        "canary_port": free_port(),
    }
    return {f"GENAPPS_RUNTIME_{name.upper()}": str(value) for name, value in settings.items()}
