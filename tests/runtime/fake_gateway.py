# SPDX-License-Identifier: Apache-2.0
"""The gateway as a runtime sees it: TLS with an authority of its own, scripted answers, a canary that can be opened."""

import asyncio
import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

GATEWAY_NAME = "gateway.genapps-system.svc"
DEADLINE_SECONDS = 60


@dataclass(frozen=True)
class Authority:
    """A certificate authority with one server certificate; PEM."""

    ca: bytes
    chain: bytes
    key: bytes

    @classmethod
    def make(cls, name: str = GATEWAY_NAME, *addresses: str) -> "Authority":
        ca_key, ca = _certificate("test authority", None)
        key, leaf = _certificate(name, (ca_key, ca), addresses)
        encoding = serialization.Encoding.PEM
        return cls(
            ca.public_bytes(encoding),
            leaf.public_bytes(encoding),
            key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )

    def server_context(self, directory: Path) -> ssl.SSLContext:
        (directory / "server.crt").write_bytes(self.chain)
        (directory / "server.key").write_bytes(self.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.crt", directory / "server.key")
        return context


def _certificate(
    name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None, addresses: tuple[str, ...] = ()
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        served = [x509.DNSName(name), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
        builder = builder.add_extension(x509.SubjectAlternativeName(served), critical=False)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


@dataclass
class FakeGateway:
    """Answers as the gateway does, on a free port; `calls` are what it was asked, `probed` is how often
    somebody asked for its health. The canary is closed at first.
    `hold` delays answers to calls until it is set, `on_call` happens before the answer."""

    authority: Authority
    directory: Path
    calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    traces: list[tuple[str, str | None]] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    pieces: dict[str, list[Any]] = field(default_factory=dict)
    """Of answers that come piece by piece, by connector."""
    hold: asyncio.Event | None = None
    on_call: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    tenant_keys: dict[str, Any] | None = None
    beats: int = 0
    probed: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)
    """What it was told of violations and defects."""
    port: int = 0
    canary_port: int = 0
    _called: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    _canary: asyncio.Server | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/healthz", self._healthz)
        app.router.add_post("/v1/calls", self._call)
        app.router.add_post("/v1/heartbeat", self._heartbeat)
        app.router.add_post("/v1/violations", self._report)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=self.authority.server_context(self.directory)
        )
        await site.start()
        self.port = self._runner.addresses[0][1]
        if not self.canary_port:
            await self.open_canary()
            await self.close_canary()

    async def stop(self) -> None:
        await self.close_canary()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def open_canary(self) -> None:
        self._canary = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", self.canary_port)
        self.canary_port = self._canary.sockets[0].getsockname()[1]

    async def close_canary(self) -> None:
        if self._canary is not None:
            self._canary.close()
            await self._canary.wait_closed()
            self._canary = None

    async def until_called(self, connector: str) -> None:
        """Wait for the first call of a connector."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while connector not in [call["connector"] for call in self.calls]:
                self._called.clear()
                await self._called.wait()

    async def until_reported(self, before: int) -> dict[str, Any]:
        """Wait for a report beyond so many; returns the last one."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.reports) <= before:
                self._called.clear()
                await self._called.wait()
        return self.reports[-1]

    async def _healthz(self, _request: web.Request) -> web.Response:
        self.probed += 1
        return web.json_response({"status": "ok"})

    async def _heartbeat(self, _request: web.Request) -> web.Response:
        self.beats += 1
        return web.json_response({"suspended": False, "credit": None, "tenantKeys": self.tenant_keys})

    async def _report(self, request: web.Request) -> web.Response:
        self.reports.append(await request.json())
        self._called.set()
        return web.json_response({}, status=202)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls.append(body)
        self.tokens.append(request.headers.get("authorization", ""))
        self.traces.append((request.headers.get("traceparent", ""), request.headers.get("tracestate")))
        self._called.set()
        if self.on_call is not None:
            await self.on_call(body)
        if self.hold is not None:
            await self.hold.wait()
        if body.get("stream") and body["connector"] in self.pieces:
            return await self._streamed(request, self.pieces[body["connector"]])
        status, answer = self.answers.get(
            body["connector"],
            (403, {"code": "ConnectorNotInEnvelope", "class": "violation", "detail": "not in the envelope"}),
        )
        kind = "application/json" if status == 200 else "application/problem+json"
        return web.json_response(answer, status=status, content_type=kind)

    async def _streamed(self, request: web.Request, pieces: list[Any]) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        for line in [*({"piece": piece} for piece in pieces), {"end": {"effect": "Read"}}]:
            await answer.write(json.dumps(line).encode() + b"\n")
        await answer.write_eof()
        return answer
