# SPDX-License-Identifier: Apache-2.0
"""A pod without Kubernetes: the files, ports and the gateway that a runtime process finds, for tests."""

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import rfc8785

from tests.runtime.fake_gateway import DEADLINE_SECONDS, GATEWAY_NAME, Authority, FakeGateway


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
            "instances": 1,
            "requestBodyBytes": 1024 * 1024,
            "responseBodyBytes": 1024 * 1024,
            "concurrency": 8,
            "toolCallsPerAction": 8,
            "statePerTenantBytes": 64 * 1024 * 1024,
            "logBytesPerAction": 16384,
            "cpuMillisPerAction": 600_000,
        },
        "time": {"actionMillis": 5000, "loadMillis": 10000, "napMillis": 0},
        "tenancy": None,
        "fallback": None,
        "cors": None,
        "background": False,
        "schedules": [],
        "stateSnapshot": False,
        "retention": {"responsesSeconds": 86400, "stateSeconds": 0},
        "gateway": {"host": GATEWAY_NAME, "port": 8443, "canaryPort": 8444},
    }
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(config.get(name), dict):
            config[name] = {**config[name], **value}
        else:
            config[name] = value
    return config


@dataclass
class Answer:
    """A response; names of headers in lower case. `fields` also has those that come several times."""

    status: int
    headers: dict[str, str]
    body: bytes
    fields: tuple[tuple[str, str], ...] = ()

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
        self.state_socket = ""
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
            (self.directory / "code" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / "code" / name).write_bytes(content)
        self.code_digest = bundle_digest(changes.get("entry", "app.py"), files)
        content = rfc8785.dumps(runtime_config(self.code_digest, **changes))
        (self.directory / "config" / "runtime.json").write_bytes(content)
        self.config_digest = sha256(content)
        (self.directory / "gateway" / "ca.crt").write_bytes(self.gateway.authority.ca)
        (self.directory / "token" / "token").write_text("token-1")

    async def start(self, *options: str, ready: bool = True) -> None:
        self.port, self.health_port = await free_port(), await free_port()
        self.state_socket = f"genapps-test-{self.port}"
        settings = {
            "config_file": self.directory / "config" / "runtime.json",
            "code_directory": self.directory / "code",
            "gateway_ca_file": self.directory / "gateway" / "ca.crt",
            "token_file": self.directory / "token" / "token",
            "state_directory": self.directory / "state",
            "engine_file": self.engine,
            "machine_code_directory": self.directory / "machine-code",
            "termination_file": self.directory / "termination",
            "address": "127.0.0.1",
            "app_port": self.port,
            "health_port": self.health_port,
            "state_socket": self.state_socket,
            "gateway_address": "127.0.0.1",
            "gateway_port": self.gateway.port,
            "canary_port": self.gateway.canary_port,
            **self.environment,
        }
        environment = {f"GENAPPS_RUNTIME_{name.upper()}": str(value) for name, value in settings.items()}
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "genapps_runtime.main",
                "--config-digest", self.config_digest, "--code-digest", self.code_digest, *options,
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
        """The exit code, once it ends on its own."""
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
        await until(lambda: bool(self.log(event)))

    async def until_metrics(self, part: str) -> str:
        """The metrics, once they hold that part: they are published once a second."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                text = (await self.health("/metrics")).body.decode()
                if part in text:
                    return text
                await asyncio.sleep(0.05)

    def worker(self) -> int:
        """The process id of the supervisor's child."""
        return self.children()[0]

    def children(self) -> list[int]:
        """The process ids of the supervisor's children: one, or none during a nap."""
        assert self.process is not None
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

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
        whole = self.log_file.read_text().rpartition("\n")[0]  # the last line may be half written
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def termination(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.directory / "termination").read_text())
        return found


@asynccontextmanager
async def serving(
    authority: Authority, engine: Path, directory: Path, source: str | dict[str, bytes], **changes: Any
) -> AsyncIterator[Pod]:
    """A pod that is ready, with a gateway of its own; `changes` as of `runtime_config`."""
    gateway = FakeGateway(authority, directory)
    await gateway.start()
    pod = Pod(directory / "pod", gateway, engine)
    pod.write(source, **changes)
    await pod.start()
    yield pod
    await pod.stop()
    await gateway.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


async def request(method: str, url: str, **options: Any) -> Answer:
    timeout = aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, allow_redirects=False, **options) as response,
    ):
        fields = tuple((name.lower(), value) for name, value in response.headers.items())
        return Answer(response.status, dict(fields), await response.read(), fields)


def pss_kib(pid: int) -> int:
    """The memory of a process in KiB; what it shares with others counts by its share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


async def free_port() -> int:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
