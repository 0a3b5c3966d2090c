# SPDX-License-Identifier: Apache-2.0
"""The processes of one measurement: a connector, gateways before it, and other proxies before the same connector."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.context import Context
from bench.cores import generator_core, on_core, server_core
from bench.engine.rounds import Rounds
from bench.figures import Figure, NotMeasuredError, figure, peer
from bench.gateway import litellm_proxy
from bench.gateway.objects import caller
from bench.gateway.served import CHAIN, DISCOVERY, KEY_SET
from bench.interpreter import Interpreter
from bench.packages import LITELLM_LOCK, PLATFORM_LOCK, installed
from bench.processes import REPOSITORY, accepts, free_port, stopped, until
from bench.server import Server
from genapps.api.names import TOKEN_AUDIENCE, gateway_host
from genapps.gateway.tls.certificates import new_authority, new_leaf

OURS, SILENT, PROXY, DIRECT = "genapps", "genapps without lines", "aiohttp", "direct"
HOST = gateway_host()
_ISSUER, _KEY_ID = "https://kubernetes.default.svc", "bench"
_SOURCES = (REPOSITORY / "operator" / "src", REPOSITORY)
_AUTHORITY = "ca.crt"
START_SECONDS = 600.0
"""LiteLLM computes for 15 seconds before it listens, which is minutes beside other work."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """`ca_file` is what a client of the gateways and of the proxies must trust."""

    ca_file: Path
    key: rsa.RSAPrivateKey

    def token(self, number: int) -> str:
        """The projected token of an app's pod."""
        pod, now = caller(number), time.time()
        bound = {
            "namespace": pod.namespace,
            "pod": {"name": pod.pod_name, "uid": pod.pod_uid},
            "serviceaccount": {"name": pod.service_account, "uid": "44d2d0a5-8f1f-4d2b-9c54-1f0a5b7c0e02"},
        }
        claims = {
            "iss": _ISSUER, "aud": [TOKEN_AUDIENCE], "iat": now, "nbf": now, "exp": now + 3600,
            "sub": f"system:serviceaccount:{pod.namespace}:{pod.service_account}", "kubernetes.io": bound,
        }  # fmt: skip
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": _KEY_ID})


@dataclass(frozen=True, slots=True)
class Sides(_Sides):
    """What is loaded by plain calls."""

    ours: Server
    silent: Server
    """The same, and it writes no line for a call."""
    proxy: Server
    direct: Server
    """The connector itself."""


@dataclass(frozen=True, slots=True)
class ModelSides(_Sides):
    """What is loaded by calls of a model: ours first, the model's server last."""

    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class _Processes:
    """Starts what is measured."""

    interpreter: Interpreter
    folder: Path
    packages: Path

    @asynccontextmanager
    async def module(self, name: str, core: int, module: str, *arguments: str) -> AsyncIterator[Server]:
        """A module of this folder, which is told the port to listen on."""
        port = free_port()
        paths = (*_SOURCES, self.packages)
        called = ("-m", f"bench.gateway.{module}", str(port), *arguments)
        async with self.started(name, core, port, called, paths, {}) as server:
            yield server

    @asynccontextmanager
    async def started(
        self,
        name: str,
        core: int,
        port: int,
        arguments: tuple[str, ...],
        paths: tuple[Path, ...],
        environment: Mapping[str, str],
    ) -> AsyncIterator[Server]:
        """A process of the interpreter, with these folders of modules, which listens on the port."""
        with (self.folder / f"{name.replace(' ', '-')}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(*on_core(core), *self.interpreter.command, *arguments),
                cwd=REPOSITORY,
                env={**os.environ, **environment, "PYTHONPATH": ":".join(map(str, paths))},
                stdout=log,
                stderr=log,
            )
            async with stopped(process):
                await until(partial(_listens, process, name, port), f"{name} listens (see {log.name})", START_SECONDS)
                yield Server(name, port, process.pid, self.interpreter)


async def _processes(context: Context, folder: str) -> _Processes:
    interpreter = await context.interpreter()
    packages = await installed(context.cache, interpreter, PLATFORM_LOCK)
    context.ran_on["gateway and aiohttp proxy"] = str(interpreter)
    (context.work / folder).mkdir()
    return _Processes(interpreter, context.work / folder, packages)


@asynccontextmanager
async def sides(context: Context) -> AsyncIterator[Sides]:
    """All of them, listening. The connector has the generator's core, for it is no part of what is measured."""
    processes = await _processes(context, "gateway")
    folder = processes.folder
    key = _keys(folder)
    async with processes.module(DIRECT, generator_core(), "upstream") as direct:
        there = str(direct.port)
        async with (
            processes.module(OURS, server_core(), "served", there, str(folder), "info") as ours,
            processes.module(SILENT, server_core(), "served", there, str(folder), "error") as silent,
            processes.module(PROXY, server_core(), "proxy", there, str(folder / CHAIN)) as proxy,
        ):
            yield Sides(folder / _AUTHORITY, key, ours, silent, proxy, direct)


@asynccontextmanager
async def model_sides(context: Context) -> AsyncIterator[ModelSides]:
    """The same before a model's server; LiteLLM's proxy is missing, with a note, where it cannot be installed."""
    processes = await _processes(context, "model")
    folder = processes.folder
    key = _keys(folder)
    async with processes.module(DIRECT, generator_core(), "model_upstream") as direct, AsyncExitStack() as stack:
        there = str(direct.port)
        servers = [
            await stack.enter_async_context(processes.module(OURS, server_core(), "served", there, str(folder), "info"))
        ]
        try:
            packages = await installed(context.cache, processes.interpreter, LITELLM_LOCK)
        except NotMeasuredError as reason:
            context.note(f"nothing beside {litellm_proxy.NAME}: {reason}")
        else:
            port = free_port()
            arguments = litellm_proxy.arguments(folder, folder / CHAIN, port, direct.port)
            running = processes.started(
                litellm_proxy.NAME, server_core(), port, arguments, (packages,), litellm_proxy.ENVIRONMENT
            )
            servers.append(await stack.enter_async_context(running))
            context.ran_on[litellm_proxy.NAME] = f"litellm {litellm_proxy.version()}, {processes.interpreter}"
        plain = processes.module(PROXY, server_core(), "proxy", there, str(folder / CHAIN))
        servers.append(await stack.enter_async_context(plain))
        yield ModelSides(folder / _AUTHORITY, key, (*servers, direct))


async def _listens(process: asyncio.subprocess.Process, name: str, port: int) -> bool:
    """Raises RuntimeError when the process has ended."""
    if process.returncode is not None:
        raise RuntimeError(f"{name} ended with status {process.returncode}")
    return await accepts("127.0.0.1", port)


def _keys(folder: Path) -> rsa.RSAPrivateKey:
    """Writes the certificate of the listeners and the key set of the API server; returns its private key."""
    now = datetime.now(UTC)
    authority = new_authority(HOST, now)
    leaf = new_leaf(authority, HOST, now)
    (folder / _AUTHORITY).write_bytes(authority.certificate)
    (folder / CHAIN).touch(mode=0o600)
    (folder / CHAIN).write_bytes(leaf.certificate + leaf.key)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    published = {**public, "kid": _KEY_ID, "alg": "RS256", "use": "sig"}
    (folder / KEY_SET).write_text(json.dumps({"keys": [published]}))
    (folder / DISCOVERY).write_text(json.dumps({"issuer": _ISSUER}))
    return key


def added_at_p50(name: str, unit: str, taken: Rounds, factor: float) -> Figure:
    """The median latency of one caller, beyond that of a direct call in the same round. Servers: ours first, the direct
    one last. `factor` makes `unit` of seconds.
    """

    def added(side: str) -> list[float]:
        pairs = zip(taken.of[side], taken.of[DIRECT], strict=True)
        return [(proxied.result.p50 - direct.result.p50) * factor for proxied, direct in pairs]

    others = [peer(server.name, added(server.name)) for server in taken.servers[1:-1]]
    return figure(name, unit, "engine", added(OURS), *others, disturbed=taken.disturbed)
