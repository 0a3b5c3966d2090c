# SPDX-License-Identifier: Apache-2.0
"""What compiling a component takes: `python -m tests.runtime.component.compile_cost` prints time and memory.

First the compiler alone, for components of several sizes that are code almost to the last byte, and for the example in
Rust where cargo is: CPU time, peak of resident memory, the least memory that it works with, and the time of the
clock under CPU limits. Then whole pods with 4 MiB, in control groups with the limits of tiers: what becomes of them,
and after how long. It needs root, for the control groups. No test: it takes minutes.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cpu_limit import limited
from genapps.core.desired.pod import RUNTIME_MEMORY
from genapps_runtime.guest.component.machine_code import COMPILER_BYTES, MACHINE_CODE_BYTES
from tests.runtime.component.dense import dense
from tests.runtime.fake_gateway import Authority, FakeGateway
from tests.runtime.harness import Pod
from tools import engines
from tools.node.cgroups import ROOT
from tools.rust_example import NoRustError, rust_example

MIB = 2**20
SIZES = (MIB // 2, MIB, 2 * MIB, 3 * MIB, 4 * MIB)
MILLICORES = (100, 250, 500, 1000)
GENEROUS = 1024
TIERS = ((32, 50), (32, 500), (64, 50), (64, 100), (64, 500))
"""The `guestMemory` in MiB and the `cpu` in millicores; the first is the smallest that a budget may have."""
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Compiled:
    """`code` is the exit code, `peak` the most resident memory in bytes; seconds are of the processor and the clock."""

    code: int
    cpu: float
    wall: float
    peak: int
    machine_code: int


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, file in _components(place).items():
            print(f"{name:>12}", *_row(file), sep="  ", flush=True)
        asyncio.run(_pods(place, (place / "4 MiB").read_bytes()))


def _components(folder: Path) -> dict[str, Path]:
    """By name. Another process makes them, because what is forked from a large one counts as large."""
    found: dict[str, Path] = {}
    with suppress(NoRustError):
        found["Rust example"] = rust_example()
    for size in SIZES:
        found[f"{size / MIB:g} MiB"] = file = folder / f"{size / MIB:g} MiB"
        command = f"from {dense.__module__} import dense; open({str(file)!r}, 'wb').write(dense({size}))"
        subprocess.run([sys.executable, "-c", command], check=True)
    return found


def _row(file: Path) -> Iterator[str]:
    whole = _compiled(file, GENEROUS)
    yield f"{file.stat().st_size:9,} bytes: machine code {whole.machine_code:10,}, {whole.cpu:5.2f} s CPU"
    yield f"peak {whole.peak / MIB:4.0f} MiB, works with {_least(file, whole.peak // MIB):3} MiB; at"
    for millicores in MILLICORES:
        yield f"{millicores}m {_compiled(file, GENEROUS, millicores).wall:5.1f} s"


def _least(file: Path, most: int) -> int:
    """The least memory in MiB with which it compiles, and `most` at most."""
    least = most // 4
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if _compiled(file, middle).code == 0 else (middle + 1, most)
    return least


def _compiled(file: Path, memory: int, millicores: int = 0) -> Compiled:
    command = [sys.executable, "-m", "genapps_runtime.guest.component.child"]
    limits = (str(number) for number in (memory * MIB, 300, MACHINE_CODE_BYTES))
    begun = time.monotonic()
    with file.open("rb") as source, tempfile.TemporaryFile() as output:
        started = subprocess.Popen([*command, *limits], stdin=source, stdout=output, stderr=subprocess.DEVNULL)
        if millicores:
            with limited([started.pid], millicores):
                usage, code, peak = _ended(started.pid)
        else:
            usage, code, peak = _ended(started.pid)
        started.returncode = code  # it was waited for above
        return Compiled(code, usage, time.monotonic() - begun, peak, os.fstat(output.fileno()).st_size)


def _ended(pid: int) -> tuple[float, int, int]:
    """Seconds of the processor, the exit code, and the peak of resident memory in bytes, once the process has ended."""
    peak = 0
    while True:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        peak = max([peak, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))])
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status), peak
        time.sleep(0.005)


async def _pods(folder: Path, component: bytes) -> None:
    authority, engine = Authority.make(), engines.precompiled()
    for memory, millicores in TIERS:
        place = folder / f"{memory}-{millicores}"
        place.mkdir()
        gateway = FakeGateway(authority, place)
        await gateway.start()
        pod = Pod(place / "pod", gateway, engine)
        pod.environment = {"cpu_millicores": str(millicores)}
        limits = {"guestMemoryBytes": memory * MIB}
        pod.write({"app.wasm": component}, language="component", entry="app.wasm", limits=limits)
        begun = time.monotonic()
        with _memory(RUNTIME_MEMORY + memory * MIB) as enter:
            with enter:
                await pod.start(ready=False)
            assert pod.process is not None
            with limited([pod.process.pid, *pod.children()], millicores):
                told = await _told(pod)
            took = time.monotonic() - begun
            await pod.stop()
        await gateway.stop()
        print(f"4 MiB in a pod, guestMemory {memory}Mi, cpu {millicores}m: {told['event']} after {took:.1f} s")
        print(
            f"    {told.get('message', 'it answers')} (the compiler has {COMPILER_BYTES // MIB + memory} MiB)",
            flush=True,
        )


async def _told(pod: Pod) -> dict[str, Any]:
    """The line of the log that says what becomes of it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for event in ("ready", "refused"):
                for line in pod.log(event):
                    return line
            await asyncio.sleep(0.1)


@contextmanager
def _memory(limit: int) -> Iterator[AbstractContextManager[None]]:
    """A control group with that limit in bytes, and what moves this process into it: what it starts there stays."""
    root = ROOT if (ROOT / "cgroup.controllers").exists() else ROOT / "memory"
    group = root / f"genapps-compile-{os.getpid()}"
    group.mkdir()
    (group / ("memory.max" if root == ROOT else "memory.limit_in_bytes")).write_text(str(limit))
    try:
        yield _inside(group, root)
    finally:
        group.rmdir()


@contextmanager
def _inside(group: Path, root: Path) -> Iterator[None]:
    (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        (root / "cgroup.procs").write_text(str(os.getpid()))


if __name__ == "__main__":
    main()
