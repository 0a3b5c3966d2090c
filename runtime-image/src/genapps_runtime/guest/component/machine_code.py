# SPDX-License-Identifier: Apache-2.0
"""Has an app's component compiled, by a process that may do nothing else, and keeps the machine code for naps.

Machine code is run as it is, so it must be what that process has written and nobody else. The file is in a volume of
the pod, never on the claim. Its digest is in the page that this process shares with its supervisor, so a worker after
a nap takes the file only while it is the same; a pod's process that starts again compiles again.
"""

import asyncio
import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from genapps_runtime import logs
from genapps_runtime.guest.component.child import REJECTED
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import printable
from genapps_runtime.termination import Reason, RefusedError

MACHINE_CODE_BYTES = 32 * 1024 * 1024
"""The volume of the pod has room for it, and for what SQLite puts there for a while."""
COMPILER_BYTES = 40 * 1024 * 1024
"""What the pod's memory has for the compiler beside its guests, none of which is there yet."""
_SAID_BYTES = 4096
_NO_MEMORY = (b"memory allocation of", b"MemoryError", b"Cannot allocate memory", b"out of memory")
_SIGKILL, _SIGXCPU = 9, 24


@dataclass(frozen=True, slots=True)
class CompileLimits:
    """Bytes, and seconds of the processor and of the clock."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    machine_code_bytes: int = MACHINE_CODE_BYTES


class CompilerEndedError(Exception):
    """Something else than the component has ended the compiler: another try may succeed."""


class MachineCode:
    """The machine code of the pod's component, in the folder `directory`."""

    def __init__(self, directory: str, heartbeat: Heartbeat, limits: CompileLimits) -> None:
        self._folder = Path(directory)
        self._file = self._folder / "component.cwasm"
        self._heartbeat = heartbeat
        self._limits = limits

    async def of(self, name: str, component: bytes) -> str:
        """The path of the machine code of `component`, which is compiled unless a worker before has done so.

        `name` is that of its file, for messages. Raises RefusedError (CodeRejected) for what is no component of our
        world or takes too much, CompilerEndedError, and OSError.
        """
        known = self._heartbeat.machine_code
        if not any(known) or await asyncio.to_thread(self._digest) != known:
            begun = time.monotonic()
            await self._compile(name, component)
            size, millis = self._file.stat().st_size, round((time.monotonic() - begun) * 1000)
            logs.write("compiled", bytes=len(component), machineCodeBytes=size, millis=millis)
        return str(self._file)

    def _digest(self) -> bytes:
        try:
            with self._file.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return b""

    async def _compile(self, name: str, component: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        partial = self._folder / "partial"
        partial.unlink(missing_ok=True)
        output = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        try:
            code, said = await self._run(name, component, output)
        finally:
            os.close(output)
        if code != 0:
            partial.unlink()
            raise self._error(name, code, said)
        partial.rename(self._file)
        self._heartbeat.machine_code = await asyncio.to_thread(self._digest)

    async def _run(self, name: str, component: bytes, output: int) -> tuple[int, bytes]:
        """The exit code of the compiler, and what it says on standard error."""
        limits = self._limits
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "genapps_runtime.guest.component.child",
            str(limits.memory_bytes), str(limits.cpu_seconds), str(limits.machine_code_bytes),
            stdin=asyncio.subprocess.PIPE, stdout=output, stderr=asyncio.subprocess.PIPE, env=_environment(),
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101  a pipe was asked for
        try:
            async with asyncio.timeout(limits.wall_seconds):
                process.stdin.write(component)
                process.stdin.close()
                said = await _begin_of(process.stderr)
                return await process.wait(), said
        except TimeoutError:
            raise RefusedError(
                Reason.CODE_REJECTED,
                f"{name} is not compiled within {limits.wall_seconds:g} s: choose a tier with more cpu, or make it "
                "smaller",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _error(self, name: str, code: int, said: bytes) -> Exception:
        if code == REJECTED:
            why = printable(said.decode(errors="replace"), 400)
            if not any(sign in said for sign in _NO_MEMORY):
                return RefusedError(Reason.CODE_REJECTED, f"{name} is no component that can run: {why}")
        if any(sign in said for sign in _NO_MEMORY):
            return RefusedError(
                Reason.CODE_REJECTED,
                f"{name} needs more than {self._limits.memory_bytes // 2**20} MiB to be compiled, which is what the "
                "app's tier leaves: choose a tier with more guestMemory, or make it smaller",
            )
        if code == -_SIGXCPU:
            return RefusedError(
                Reason.CODE_REJECTED,
                f"{name} takes more than {self._limits.cpu_seconds} s of the processor to be compiled: make it smaller",
            )
        if code == -_SIGKILL:
            return CompilerEndedError("the compiler was killed from outside")
        logs.write("the compiler failed", level="error", exitCode=code, said=printable(said.decode(errors="replace")))
        return RefusedError(Reason.CODE_REJECTED, f"{name} makes the compiler fail (exit code {code})")


async def _begin_of(stream: asyncio.StreamReader | None) -> bytes:
    """The first bytes; the rest is read and forgotten, so that the writer can go on."""
    assert stream is not None  # noqa: S101  a pipe was asked for
    begin = b""
    while part := await stream.read(65536):
        begin = (begin + part)[:_SAID_BYTES]
    return begin


def _environment() -> dict[str, str]:
    """Nothing of the pod's, but what finds our modules."""
    return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
