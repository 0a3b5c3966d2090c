# SPDX-License-Identifier: Apache-2.0
"""The processes of one measurement: a connector, gateways before it, and a bare proxy before the same connector."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.context import Context
from bench.cores import generator_core, on_core, server_core
from bench.gateway.objects import caller
from bench.gateway.served import CHAIN, DISCOVERY, KEY_SET
from bench.packages import PLATFORM_LOCK, installed
from bench.processes import REPOSITORY, accepts, free_port, stopped, until
from bench.server import Server
from genapps.api.names import TOKEN_AUDIENCE, gateway_host
from genapps.gateway.tls.certificates import new_authority, new_leaf

OURS, SILENT, PROXY, DIRECT = "genapps", "genapps without lines", "aiohttp", "direct"
HOST = gateway_host()
_ISSUER, _KEY_ID = "https://kubernetes.default.svc", "bench"
_SOURCES = (REPOSITORY / "operator" / "src", REPOSITORY)
_AUTHORITY = "ca.crt"


@dataclass(frozen=True, slots=True)
class Sides:
    """What is loaded. `ca_file` is what a client of the gateways and of the proxy must trust."""

    ours: Server
    silent: Server
    """The same, and it writes no line for a call."""
    proxy: Server
    direct: Server
    """The connector itself."""
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


@asynccontextmanager
async def sides(context: Context) -> AsyncIterator[Sides]:
    """All of them, listening. The connector has the generator's core, for it is no part of what is measured."""
    interpreter = await context.interpreter()
    packages = await installed(context.cache, interpreter, PLATFORM_LOCK)
    context.ran_on["gateway and aiohttp proxy"] = str(interpreter)
    folder = context.work / "gateway"
    folder.mkdir()
    key = _keys(folder)
    environment = {**os.environ, "PYTHONPATH": ":".join(map(str, (*_SOURCES, packages)))}

    @asynccontextmanager
    async def started(name: str, core: int, module: str, *arguments: str) -> AsyncIterator[Server]:
        port = free_port()
        module_of = ("-m", f"bench.gateway.{module}", str(port), *arguments)
        with (folder / f"{name.replace(' ', '-')}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(*on_core(core), *interpreter.command, *module_of),
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
            )
            async with stopped(process):
                await until(partial(_listens, process, name, port), f"{name} listens (see {log.name})")
                yield Server(name, port, process.pid, interpreter)

    async with started(DIRECT, generator_core(), "upstream") as direct:
        there = str(direct.port)
        async with (
            started(OURS, server_core(), "served", there, str(folder), "info") as ours,
            started(SILENT, server_core(), "served", there, str(folder), "error") as silent,
            started(PROXY, server_core(), "proxy", there, str(folder / CHAIN)) as proxy,
        ):
            yield Sides(ours, silent, proxy, direct, folder / _AUTHORITY, key)


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
