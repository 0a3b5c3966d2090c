"""A pod without Kubernetes: the files, ports and the gateway that a runtime process finds, for tests."""

import asyncio
import base64
import datetime as dt
import hashlib
import json
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import rfc8785
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

GATEWAY_NAME = "gateway.genapps-system.svc"
DEADLINE_SECONDS = 60


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def bundle_digest(entry: str, files: dict[str, bytes]) -> str:
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return sha256(rfc8785.dumps({"entry": entry, "files": encoded}))


def runtime_config(code_digest: str, **changes: Any) -> dict[str, Any]:
    """A RuntimeConfig as the operator writes it; `changes` replace members, `limits` and `time` single fields."""
    config: dict[str, Any] = {
        "apiVersion": "runtime.genapps.dev/v1",
        "app": "example",
        "namespace": "finance",
        "revision": code_digest.removeprefix("sha256:")[:12],
        "digests": {"code": code_digest, "envelope": "sha256:" + "e" * 64},
        "language": "python",
        "entry": "app.py",
        "limits": {
            "guestMemoryBytes": 64 * 1024 * 1024,
            "requestBodyBytes": 1024 * 1024,
            "responseBodyBytes": 1024 * 1024,
            "concurrency": 8,
            "toolCallsPerAction": 8,
            "statePerTenantBytes": 64 * 1024 * 1024,
            "logBytesPerAction": 16384,
        },
        "time": {"actionMillis": 5000, "loadMillis": 10000},
        "tenancy": None,
        "fallback": None,
        "retention": {"responsesSeconds": 86400},
        "gateway": {"host": GATEWAY_NAME, "port": 8443, "canaryPort": 8444},
    }
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(config.get(name), dict):
            config[name] = {**config[name], **value}
        else:
            config[name] = value
    return config


@dataclass(frozen=True)
class Authority:
    """A certificate authority with one server certificate; PEM."""

    ca: bytes
    chain: bytes
    key: bytes

    @classmethod
    def make(cls, name: str = GATEWAY_NAME) -> "Authority":
        ca_key, ca = _certificate("test authority", None)
        key, leaf = _certificate(name, (ca_key, ca))
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
    name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None
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
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


@dataclass
class FakeGateway:
    """Answers as the gateway does, on a free port; `calls` are what it was asked. The canary is closed at first.
    `hold` delays answers to calls until it is set, `on_call` happens before the answer."""

    authority: Authority
    directory: Path
    calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    on_call: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    port: int = 0
    canary_port: int = 0
    _called: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    _canary: asyncio.Server | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/healthz", self._healthz)
        app.router.add_post("/v1/calls", self._call)
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

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _call(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append(body)
        self.tokens.append(request.headers.get("authorization", ""))
        self._called.set()
        if self.on_call is not None:
            await self.on_call(body)
        if self.hold is not None:
            await self.hold.wait()
        status, answer = self.answers.get(
            body["connector"],
            (403, {"code": "ConnectorNotInEnvelope", "class": "violation", "detail": "not in the envelope"}),
        )
        kind = "application/json" if status == 200 else "application/problem+json"
        return web.json_response(answer, status=status, content_type=kind)


@dataclass
class Answer:
    """A response; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the problem it is."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.json()["code"])


class Pod:
    """A runtime process and its surroundings."""

    def __init__(self, directory: Path, gateway: FakeGateway, engine: Path) -> None:
        self.directory = directory
        self.gateway = gateway
        self.engine = engine
        self.process: asyncio.subprocess.Process | None = None
        self.port = 0
        self.health_port = 0
        self.config_digest = ""
        self.code_digest = ""
        self.environment: dict[str, str] = {}
        self.log_file = directory / "log"
        for name in ("config", "code", "gateway", "token", "state"):
            (directory / name).mkdir(parents=True, exist_ok=True)

    def write(self, source: str | dict[str, bytes], **changes: Any) -> None:
        """Mount code and config; `changes` as of `runtime_config`."""
        files = {"app.py": source.encode()} if isinstance(source, str) else source
        for name, content in files.items():
            (self.directory / "code" / name).write_bytes(content)
        self.code_digest = bundle_digest(changes.get("entry", "app.py"), files)
        content = rfc8785.dumps(runtime_config(self.code_digest, **changes))
        (self.directory / "config" / "runtime.json").write_bytes(content)
        self.config_digest = sha256(content)
        (self.directory / "gateway" / "ca.crt").write_bytes(self.gateway.authority.ca)
        (self.directory / "token" / "token").write_text("token-1")

    async def start(self, *, ready: bool = True) -> None:
        self.port, self.health_port = await free_port(), await free_port()
        settings = {
            "config_file": self.directory / "config" / "runtime.json",
            "code_directory": self.directory / "code",
            "gateway_ca_file": self.directory / "gateway" / "ca.crt",
            "token_file": self.directory / "token" / "token",
            "state_directory": self.directory / "state",
            "engine_file": self.engine,
            "termination_file": self.directory / "termination",
            "address": "127.0.0.1",
            "app_port": self.port,
            "health_port": self.health_port,
            "gateway_address": "127.0.0.1",
            "gateway_port": self.gateway.port,
            "canary_port": self.gateway.canary_port,
            **self.environment,
        }
        environment = {f"GENAPPS_RUNTIME_{name.upper()}": str(value) for name, value in settings.items()}
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "genapps_runtime.main",
                "--config-digest", self.config_digest, "--code-digest", self.code_digest,
                env={"PATH": os.environ["PATH"], **environment}, stdout=log, stderr=log,
            )  # fmt: skip
        if ready:
            await self.until_ready()

    async def stop(self) -> int:
        """End it as the kubelet does; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), DEADLINE_SECONDS)

    async def ended(self) -> int:
        """The exit code, once it ends by itself."""
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), DEADLINE_SECONDS)

    async def until_ready(self, *, wanted: bool = True) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (await self.health("/readyz")).status != (200 if wanted else 503):
                assert self.process is not None
                assert not wanted or self.process.returncode is None, self.log_file.read_text()
                await asyncio.sleep(0.02)

    async def until_listening(self) -> None:
        """Wait for the app's port; it may still refuse every request."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                try:
                    await self.call("GET", "/")
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)
                else:
                    return

    async def until_log(self, event: str) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not self.log(event):
                await asyncio.sleep(0.02)

    def worker(self) -> int:
        """The process id of the supervisor's child."""
        assert self.process is not None
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    async def health(self, path: str) -> Answer:
        """Status 0 when nothing listens."""
        try:
            return await request("GET", f"http://127.0.0.1:{self.health_port}{path}")
        except aiohttp.ClientError:
            return Answer(0, {}, b"")

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        return await request(method, f"http://127.0.0.1:{self.port}{path}", **options)

    def log(self, event: str = "action") -> list[dict[str, Any]]:
        """The log lines of that event."""
        lines = [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def termination(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.directory / "termination").read_text())
        return found


async def request(method: str, url: str, **options: Any) -> Answer:
    timeout = aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, allow_redirects=False, **options) as response,
    ):
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, await response.read())


async def free_port() -> int:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
