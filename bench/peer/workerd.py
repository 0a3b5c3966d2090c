# SPDX-License-Identifier: Apache-2.0
"""Installs workerd once into the cache, and runs it on the server's core.

The platform package is used directly: it holds the binary, and needs no install script.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.cores import on_core, server_core
from bench.figures import NotMeasuredError
from bench.processes import accepts, free_port, stopped, until
from bench.server import Server

_HERE = Path(__file__).resolve().parent
_PACKAGES = {"x86_64": "workerd-linux-64", "aarch64": "workerd-linux-arm64"}


NAME = "workerd JS"


def workerd_version() -> str:
    """The pinned version."""
    packages = json.loads((_HERE / "package.json").read_text(encoding="utf-8"))["optionalDependencies"]
    return str(packages["@cloudflare/workerd-linux-64"])


async def workerd_binary(cache: Path, npm: str | None) -> Path:
    """The pinned binary; `npm ci` installs it when the cache has none. Raises NotMeasuredError with the reason."""
    package = _PACKAGES.get(platform.machine())
    if platform.system() != "Linux" or package is None:
        raise NotMeasuredError(f"workerd: no binary for {platform.system()} on {platform.machine()}")
    lock = _HERE / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    installed = cache / "bench" / f"workerd-{digest}"
    binary = installed / "node_modules" / "@cloudflare" / package / "bin" / "workerd"
    if not binary.exists():
        await _install(installed, npm)
    if not binary.exists():
        raise NotMeasuredError(f"workerd: npm installed no {package}")
    return binary


async def _install(target: Path, npm: str | None) -> None:
    if npm is None:
        raise NotMeasuredError("workerd: npm is not installed")
    print("workerd: installing from npm (about 5 s)", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_HERE / name, staging / name)
        process = await asyncio.create_subprocess_exec(
            *(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
            cwd=staging,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            lines = output.decode(errors="replace").strip().splitlines()
            errors = [line for line in lines if "error" in line.lower()] or lines
            raise NotMeasuredError(f"workerd: npm ci failed: {' / '.join(errors[:3])}")
        shutil.rmtree(target, ignore_errors=True)
        await asyncio.to_thread(staging.rename, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@asynccontextmanager
async def workerd(binary: Path, work: Path) -> AsyncIterator[Server]:
    """A running workerd with its state in `work`.

    Paths: `/never-seen/<id>` loads an app, `/` is a loaded one, `/wait` takes 10 ms,
    `/state?key=` has state."""
    port = free_port()
    with tempfile.TemporaryDirectory(dir=work) as state, (work / "workerd.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *on_core(server_core()),
            *(str(binary), "serve", str(_HERE / "config.capnp"), "--experimental"),
            *("--socket-addr", f"http=127.0.0.1:{port}", "--directory-path", f"state={state}"),
            stdout=log,
            stderr=log,
        )
        async with stopped(process):
            await until(lambda: accepts("127.0.0.1", port), f"workerd listens (see {log.name})", 30)
            yield Server(NAME, port, process.pid)
