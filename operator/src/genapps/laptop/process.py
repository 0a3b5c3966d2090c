# SPDX-License-Identifier: Apache-2.0
"""A runtime process: started before anybody knows what for, then told which app to serve.

It is the process of a pod, with a folder in place of each mount. This module imports next to nothing, so that the first
process is under way while the command imports the rest.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from genapps.laptop.engine import RUNTIME
from genapps.laptop.terminal import shown

LINE_BYTES = 4 * 1024 * 1024
GRACE_SECONDS = 1.0
"""How long requests that are under way may take when their code has been replaced."""
START_SECONDS = 120.0
"""How long a start may take: on a busy machine it is slow, and a component is compiled in it."""
_PREFIX = "GENAPPS_RUNTIME_"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A revision of an app, ready to be served."""

    config: bytes
    code_digest: str
    files: Mapping[str, bytes]
    flags: tuple[str, ...]
    engine: Path | None
    """None: the code is machine code of its own."""
    cpu_millicores: int


class DidNotStartError(Exception):
    """The runtime does not serve this app; the text says why, in its words."""


class RuntimeProcess:
    """One process: let it `serve` once, and `stop` it."""

    def __init__(self, process: asyncio.subprocess.Process, listener: int, say: Callable[[str], None]) -> None:
        """See `started`."""
        self._process = process
        self._listener = listener
        self._say = say
        self._folder: Path | None = None
        self._told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def started(cls, listener: int, say: Callable[[str], None]) -> RuntimeProcess:
        """A process for any app. `listener` is the socket that callers connect to; `say` is told what it logs."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"{RUNTIME}.main", "standby",
            env={"PATH": os.environ.get("PATH", ""), "MALLOC_ARENA_MAX": "2"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES,
            pass_fds=(listener,),
            start_new_session=True,  # Ctrl-C is for us: we end it
        )  # fmt: skip
        return cls(process, listener, say)

    async def serve(self, prepared: Prepared, folder: Path, settings: Mapping[str, object]) -> list[str]:
        """Serve the app; its routes. Raises DidNotStartError.

        `folder` is new, its own, and gone when it has stopped. `settings` are those that all processes share.
        """
        self._folder = folder
        try:
            _write(prepared, folder)
        except OSError as error:
            raise DidNotStartError(f"{error.filename or folder}: {error.strerror or 'cannot be written'}") from None
        digest = f"sha256:{sha256(prepared.config).hexdigest()}"
        arguments = ("--config-digest", digest, "--code-digest", prepared.code_digest, *prepared.flags)
        own = {
            "config_file": folder / "config" / "runtime.json",
            "code_directory": folder / "code",
            "termination_file": folder / "termination",
            "engine_file": prepared.engine or "",
            "machine_code_directory": folder / "machine-code",
            "cpu_millicores": prepared.cpu_millicores,
            "address": "127.0.0.1",
            "app_socket": self._listener,
            "health_port": 0,
            "state_socket": socket_name(),
        }
        variables = {f"{_PREFIX}{name.upper()}": str(value) for name, value in {**settings, **own}.items()}
        if (lines := self._process.stdin) is not None:
            with suppress(ConnectionError):  # then it has ended, and that is told below
                lines.write(json.dumps({"arguments": arguments, "environment": variables}).encode("ascii") + b"\n")
                await lines.drain()
        try:
            found = await asyncio.wait_for(asyncio.shield(self._told), START_SECONDS)
        except TimeoutError:
            raise DidNotStartError(f"the runtime did not start within {START_SECONDS:.0f} s") from None
        if found["event"] == "ready":
            return [str(route) for route in found.get("routes") or ()]
        raise DidNotStartError(f"{found.get('reason')}: {found.get('message')}")

    @property
    def has_ended(self) -> bool:
        """Whether it is of no more use."""
        return self._process.returncode is not None

    async def ended(self) -> int:
        """The exit code, once it ends."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End it: within GRACE_SECONDS what is under way may be answered. The state is whole in any case."""
        process = self._process
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), GRACE_SECONDS)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        await self._reading
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _read(self) -> None:
        output = self._process.stdout
        while output is not None:
            try:
                line = await output.readline()
            except ValueError:  # longer than any line of the runtime's
                continue
            if not line:
                break
            for text in shown(line):
                self._say(text)
            if not self._told.done():
                self._tell(line)
        code = await self._process.wait()
        if not self._told.done():
            self._told.set_result({"event": "ended", "reason": "Ended", "message": f"the runtime ended with {code}"})

    def _tell(self, line: bytes) -> None:
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and found.get("event") in {"ready", "refused"}:
                self._told.set_result(found)


def socket_name() -> str:
    """By which the runtime is asked, out of the way of callers: of one process at a time."""
    return f"genapps-dev-{os.getpid()}"


def _write(prepared: Prepared, folder: Path) -> None:
    for name in ("config", "code", "machine-code"):
        (folder / name).mkdir(parents=True)
    for path, content in prepared.files.items():
        place = folder / "code" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (folder / "config" / "runtime.json").write_bytes(prepared.config)
