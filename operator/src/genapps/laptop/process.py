# SPDX-License-Identifier: Apache-2.0
"""A runtime process: started before anybody knows what for, then told which app to serve.

It is the process of a pod, with a folder in place of each mount.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genapps.api.digests import sha256
from genapps.laptop.engine import RUNTIME

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

    def __init__(
        self, folder: Path, made_for: Prepared, process: asyncio.subprocess.Process, output: Callable[[bytes], None]
    ) -> None:
        """See `started`."""
        self._folder = folder
        self._made_for = made_for
        self._process = process
        self._output = output
        self._told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def started(
        cls,
        folder: Path,
        prepared: Prepared,
        settings: Mapping[str, object],
        listener: int,
        output: Callable[[bytes], None],
    ) -> RuntimeProcess:
        """A process for apps of the kind of `prepared`.

        `folder` is new, and its own. `settings` are those that all processes share, `listener` is the socket that
        callers connect to. `output` is called with each line that the process writes.
        """
        for name in ("config", "code", "machine-code"):
            (folder / name).mkdir(parents=True)
        own = {
            "config_file": folder / "config" / "runtime.json",
            "code_directory": folder / "code",
            "termination_file": folder / "termination",
            "engine_file": prepared.engine or "",
            "machine_code_directory": folder / "machine-code",
            "cpu_millicores": prepared.cpu_millicores,
            "address": "127.0.0.1",
            "app_socket": listener,
            "health_port": 0,
            "state_socket": f"genapps-dev-{os.getpid()}-{folder.name}",
        }
        variables = {f"{_PREFIX}{name.upper()}": str(value) for name, value in {**settings, **own}.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"{RUNTIME}.main", "standby",
            env={"PATH": os.environ.get("PATH", ""), "MALLOC_ARENA_MAX": "2", **variables},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES,
            pass_fds=(listener,),
            start_new_session=True,  # Ctrl-C is for us: we end it
        )  # fmt: skip
        return cls(folder, prepared, process, output)

    def fits(self, prepared: Prepared) -> bool:
        """Whether it was started for such an app."""
        made_for = self._made_for
        return (made_for.engine, made_for.cpu_millicores) == (prepared.engine, prepared.cpu_millicores)

    async def serve(self, prepared: Prepared) -> list[str]:
        """Serve the app; its routes. Raises DidNotStartError."""
        for path, content in prepared.files.items():
            place = self._folder / "code" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        (self._folder / "config" / "runtime.json").write_bytes(prepared.config)
        arguments = ("--config-digest", sha256(prepared.config), "--code-digest", prepared.code_digest, *prepared.flags)
        if (lines := self._process.stdin) is not None:
            with suppress(ConnectionError):  # then it has ended, and that is told below
                lines.write(" ".join(arguments).encode("ascii") + b"\n")
                await lines.drain()
        try:
            found = await asyncio.wait_for(asyncio.shield(self._told), START_SECONDS)
        except TimeoutError:
            raise DidNotStartError(f"the runtime did not start within {START_SECONDS:.0f} s") from None
        if found["event"] == "ready":
            return [str(route) for route in found.get("routes") or ()]
        raise DidNotStartError(f"{found.get('reason')}: {found.get('message')}")

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

    async def _read(self) -> None:
        output = self._process.stdout
        while output is not None:
            try:
                line = await output.readline()
            except ValueError:  # longer than any line of the runtime's
                continue
            if not line:
                break
            self._output(line)
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
