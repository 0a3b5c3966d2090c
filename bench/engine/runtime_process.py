# SPDX-License-Identifier: Apache-2.0
"""The real runtime on the server's core: the same command, digests, checks, log lines and metrics as in a pod."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.apps import ASSET, ASSET_CONTENT
from bench.context import Context
from bench.cores import on_core, server_core
from bench.engine.snapshot import Snapshot, snapshot
from bench.engine.stub_gateway import StubGateway, stub_gateway
from bench.packages import RUNTIME_LOCK, installed
from bench.processes import REPOSITORY, answers, free_port, stopped, until
from bench.server import Server
from genapps.api.generatedapp import Language
from genapps.api.runtimeconfig import Tenancy
from tools import engines

OURS = "genapps"
# As in runtime-image/Dockerfile; the folders are for the module that stands in for a Worker Loader. The image has byte
# code: here the first start leaves it, whatever the environment says of that.
_IMAGE = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": ""}
_SOURCES = (REPOSITORY / "runtime-image" / "src", REPOSITORY / "operator" / "src", REPOSITORY)


@asynccontextmanager
async def runtime(
    context: Context,
    source: str | bytes,
    module: str = "genapps_runtime.main",
    *,
    instances: int = 1,
    nap_millis: int = 0,
    with_asset: bool = False,
    responses_seconds: int = 86_400,
    tenancy: Tenancy | None = None,
    keys: Mapping[str, Any] | None = None,
    action_millis: int = 5000,
    background: bool = False,
    language: Language = Language.PYTHON,
    tool_seconds: float = 0.0,
) -> AsyncIterator[Server]:
    """A ready runtime with one app, `with_asset` also with the measured file. Its tools answer after `tool_seconds`.

    It naps after `nap_millis` without a request; 0: never. Answers to requests with keys are kept for
    `responses_seconds`. `tenancy` is as in the RuntimeConfig, `keys` as in the answer to a heartbeat. Its log is a file
    in `work`, as a container's log is one as well."""
    interpreter = await context.interpreter()
    packages = await installed(context.cache, interpreter, RUNTIME_LOCK)
    is_component = language is Language.COMPONENT
    engine = None if is_component else await asyncio.to_thread(engines.precompiled, language)
    context.ran_on[OURS] = str(interpreter)
    port, health = free_port(), free_port()
    paths = ":".join(str(path) for path in (*_SOURCES, packages))
    public = {ASSET: ASSET_CONTENT} if with_asset else {}
    with (
        tempfile.TemporaryDirectory(dir=context.work) as folder,
        (context.work / f"runtime-{port}.log").open("wb") as log,
    ):
        made = snapshot(
            Path(folder), source, instances, nap_millis, public, responses_seconds, tenancy, action_millis,
            background=background, language=language,
        )  # fmt: skip
        async with stub_gateway(Path(folder), keys, tool_seconds) as gateway:
            settings = _environment(made, gateway, engine, port, health)
            process = await asyncio.create_subprocess_exec(
                *on_core(server_core()),
                *(*interpreter.command, "-m", module),
                *("--config-digest", made.config_digest, "--code-digest", made.code_digest),
                cwd=REPOSITORY,
                env={**os.environ, **_IMAGE, "PYTHONPATH": paths, **settings},
                stdout=log,
                stderr=log,
            )
            # Without a token only the probe's answer is a good one.
            asked = f"http://127.0.0.1:{health}/readyz" if tenancy else f"http://127.0.0.1:{port}/"
            async with stopped(process):
                await until(
                    lambda: answers(process, "runtime", asked),
                    f"the runtime is ready (see {log.name})",
                    60,
                )
                yield Server(OURS, port, process.pid, interpreter)


def _environment(made: Snapshot, gateway: StubGateway, engine: Path | None, port: int, health: int) -> dict[str, str]:
    settings: dict[str, Path | str | int] = {
        "config_file": made.config_file,
        "code_directory": made.code,
        "gateway_ca_file": gateway.ca_file,
        "token_file": made.token_file,
        "state_directory": made.state,
        "engine_file": engine or "",
        "machine_code_directory": made.machine_code,
        "termination_file": made.termination_file,
        "address": "127.0.0.1",
        "app_port": port,
        "health_port": health,
        "state_socket": f"genapps-bench-{port}",
        "gateway_address": "127.0.0.1",
        "gateway_port": gateway.port,
        "canary_port": free_port(),
    }
    return {f"GENAPPS_RUNTIME_{name.upper()}": str(value) for name, value in settings.items()}
