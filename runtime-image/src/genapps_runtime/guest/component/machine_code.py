# SPDX-License-Identifier: Apache-2.0
"""Has an app's component compiled, by a process that may do nothing else, and keeps the machine code for naps.

Machine code is run as it is, so it must be what that process has written and nobody else. The file is in a volume of
the pod, never on the claim. Its digest is in the page that this process shares with its supervisor, so a worker after
a nap takes the file only while it is the same; a pod's process that starts again compiles again.
"""

import asyncio
import hashlib
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genapps_runtime import logs
from genapps_runtime.guest.component.child import REJECTED, UNWRITTEN
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import printable
from genapps_runtime.termination import Reason, RefusedError

if TYPE_CHECKING:
    from io import BufferedReader

MACHINE_CODE_BYTES = 32 * 1024 * 1024
"""The volume of the pod has room for it, and for what SQLite puts there for a while."""
COMPILER_BYTES = 40 * 1024 * 1024
"""What the pod's memory has for the compiler beside its guests, none of which is there yet."""
_START_BYTES, _BYTES_EACH = 12 * 1024 * 1024, 21
"""What the compiler needs before it begins, and for each byte of code that a toolchain has made (decision 0071)."""
_STEP_BYTES = 32 * 1024 * 1024
"""In such steps a larger `guestMemory` is named."""
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
    instances: int = 1
    """How many guests the memory is that of."""

    @classmethod
    def in_pod(cls, guest_memory_bytes: int, instances: int, cpu_seconds: int, wall_seconds: float) -> "CompileLimits":
        """Those of a pod: it has no guests yet."""
        memory = COMPILER_BYTES + instances * guest_memory_bytes
        return cls(memory, cpu_seconds, wall_seconds, instances=instances)

    def larger(self, component_bytes: int) -> str:
        """What to do about a component of that size that did not fit into this memory."""
        wanted = _START_BYTES + _BYTES_EACH * component_bytes
        if wanted <= self.memory_bytes:
            return "more than others of its size: divide its largest functions, or choose a tier with more guestMemory"
        guest = math.ceil((wanted - COMPILER_BYTES) / self.instances / _STEP_BYTES) * _STEP_BYTES
        return (
            f"more than the app's tier leaves: choose one with guestMemory {guest >> 20}Mi or more, or make it smaller"
        )

    @property
    def enough_millicores(self) -> int:
        """The CPU limit with which the processor's seconds are used up before those of the clock."""
        return math.ceil(self.cpu_seconds / self.wall_seconds * 20) * 50


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
            try:
                await self._compile(name, component)
            except (CompilerEndedError, OSError) as error:
                logs.write("the compiler ended", level="error", error=printable(str(error)))
                raise
            size, millis = self._file.stat().st_size, round((time.monotonic() - begun) * 1000)
            logs.write("compiled", bytes=len(component), machineCodeBytes=size, millis=millis)
        return str(self._file)

    def _digest(self) -> bytes:
        try:
            with self._file.open("rb") as file:
                return _digest_of(file)
        except OSError:
            return b""

    async def _compile(self, name: str, component: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        partial = self._folder / "partial"
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o400), "rb") as output:
            code, said = await self._run(name, component, output)
            if code != 0:
                partial.unlink(missing_ok=True)
                raise self._error(name, len(component), code, said)
            output.seek(0)
            made = await asyncio.to_thread(_digest_of, output)
        partial.rename(self._file)
        if await asyncio.to_thread(self._digest) != made:
            raise CompilerEndedError("another process has put its machine code there")
        self._heartbeat.machine_code = made

    async def _run(self, name: str, component: bytes, output: "BufferedReader") -> tuple[int, bytes]:
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
                f"{name} is not compiled within {limits.wall_seconds:g} s: choose a tier with cpu "
                f"{limits.enough_millicores}m or more, or make it smaller",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _error(self, name: str, size: int, code: int, said: bytes) -> Exception:
        if code == UNWRITTEN:
            return CompilerEndedError(f"the machine code cannot be written: {printable(said.decode(errors='replace'))}")
        if code == REJECTED:
            why = printable(said.decode(errors="replace"), 400)
            if not any(sign in said for sign in _NO_MEMORY):
                return RefusedError(Reason.CODE_REJECTED, f"{name} is no component that can run: {why}")
        if any(sign in said for sign in _NO_MEMORY):
            return RefusedError(
                Reason.CODE_REJECTED,
                f"{name} needs more than {self._limits.memory_bytes // 2**20} MiB to be compiled, "
                + self._limits.larger(size),
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


def _digest_of(file: "BufferedReader") -> bytes:
    return hashlib.file_digest(file, "sha256").digest()


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
