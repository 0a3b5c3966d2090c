# SPDX-License-Identifier: Apache-2.0
"""A small OCI registry with TLS on this machine, for tests: what was pushed, and every way to misbehave."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.runtime.fake_gateway import Authority

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TITLE = "org.opencontainers.image.title"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Registry:
    """Serves `contents` by path; `asked` are the paths and headers of all requests, in order."""

    authority: Authority
    directory: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    """Where a path is found instead."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Paths that are answered with an error."""
    challenge: str = ""
    """WWW-Authenticate for requests below /v2/ without `authorization`; `{origin}` is this registry's."""
    authorization: str = ""
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def ca(self) -> Path:
        return self.directory / "registry-ca.crt"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def push(self, files: Mapping[str, bytes], repository: str = "team/app", **annotations: str) -> str:
        """As `oras push` does; answers the reference. `entry` becomes dev.genapps.entry."""
        notes = {f"dev.genapps.{name}": value for name, value in annotations.items()}
        layers = [self.layer(name, content, repository) for name, content in files.items()]
        return self.put(manifest(layers, annotations=notes), repository)

    def layer(self, name: str, content: bytes, repository: str = "team/app", **changes: Any) -> dict[str, Any]:
        """Store a blob; answers its descriptor, with changes."""
        self.contents[f"/v2/{repository}/blobs/{digest_of(content)}"] = content
        described = {
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": digest_of(content),
            "size": len(content),
            "annotations": {TITLE: name},
        }
        return {**described, **changes}

    def put(self, said: Mapping[str, Any], repository: str = "team/app") -> str:
        """Store a manifest; answers the reference."""
        raw = json.dumps(said).encode()
        self.contents[f"/v2/{repository}/manifests/{digest_of(raw)}"] = raw
        return f"{self.host}/{repository}@{digest_of(raw)}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path_qs, dict(request.headers)))
        path = request.path
        if self.challenge and path.startswith("/v2/") and request.headers.get("Authorization") != self.authorization:
            challenge = self.challenge.format(origin=f"https://{self.host}")
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        if path in self.statuses:
            return web.Response(status=self.statuses[path])
        if path in self.redirects:
            return web.Response(status=307, headers={"Location": self.redirects[path]})
        if path not in self.contents:
            return web.Response(status=404)
        return web.Response(body=self.contents[path])


def manifest(layers: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """An image manifest with these layers, with changes."""
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": layers, **changes}


@contextmanager
def serving(directory: Path) -> Iterator[Registry]:
    """A registry on `localhost`, in a thread of its own."""
    registry = Registry(Authority.make("localhost", "127.0.0.1"), directory)
    registry.ca.write_bytes(registry.authority.ca)
    with running(registry):
        yield registry


@contextmanager
def running(registry: Registry) -> Iterator[None]:
    """It answers meanwhile; again on the same port if it did before."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_start(registry), loop).result(30)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(registry: Registry) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/{path:.*}", registry.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = registry.authority.server_context(registry.directory)
    await web.TCPSite(runner, "127.0.0.1", registry.port, ssl_context=context, reuse_address=True).start()
    registry.port = runner.addresses[0][1]
    return runner
