# SPDX-License-Identifier: Apache-2.0
"""The compiling process: what it may do, and what becomes of its work when it, the worker or the pod ends."""

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.guest.component.machine_code import CompileLimits, CompilerEndedError, MachineCode
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.termination import RefusedError
from tests.runtime.component.scripted import arithmetic, bare
from tests.runtime.harness import until

MIB = 2**20
LIMITS = CompileLimits(64 * MIB, 20, 60.0)
CONFINED = """
import ctypes, os, resource, socket, sys, time
from genapps_runtime.guest.component import confinement
confinement.limit(200 * 2**20, 5, 1024)
confinement.confine()
def attempt(what):
    try:
        what()
    except OSError as error:
        return error.errno
    except (MemoryError, ValueError) as error:
        return type(error).__name__
    return 0
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
os.write(1, repr([
    attempt(lambda: socket.socket()),
    attempt(lambda: os.open("/etc/hostname", os.O_RDONLY)),
    attempt(lambda: os.open("/tmp/made-by-a-guest", os.O_CREAT | os.O_WRONLY)),
    attempt(lambda: os.fork()),
    attempt(lambda: os.execv("/bin/true", ["true"])),
    attempt(lambda: os.kill(os.getppid(), 0)),
    attempt(lambda: os.unlink("/tmp/nothing")),
    attempt(lambda: os.dup(0)),
    attempt(lambda: call("ptrace", 16, os.getppid(), 0, 0)),
    attempt(lambda: call("prctl", 22, 0, 0, 0, 0)),
    attempt(lambda: resource.setrlimit(resource.RLIMIT_CPU, (9, 9))),
    attempt(lambda: bytearray(400 * 2**20)),
]).encode())
"""
EPERM = 1


def children() -> list[int]:
    """Of this process: the compilers, because no test of this module makes others."""
    pid = os.getpid()
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.asynccontextmanager
async def compiling(code: MachineCode, component: bytes) -> AsyncIterator[tuple[asyncio.Task[str], int]]:
    """A compilation under way, and its process."""
    task = asyncio.create_task(code.of("app.wasm", component))
    await until(lambda: bool(children()))
    yield task, children()[0]
    with contextlib.suppress(BaseException):
        task.cancel()
        await task


def test_the_process_can_do_nothing_but_compute_and_write() -> None:
    done = subprocess.run([sys.executable, "-c", CONFINED], capture_output=True, check=False)
    assert done.stderr == b""
    assert done.stdout.decode() == repr([EPERM] * 10 + ["ValueError", "MemoryError"])
    assert not Path("/tmp/made-by-a-guest").exists()


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        ("while True: pass", 24),
        ("import os, signal\nsignal.signal(25, signal.SIG_DFL)\nos.write(1, bytes(2000))\nos.write(1, b'x')", 25),
    ],
    ids=["the processor", "the size of a file"],
)
def test_time_and_files_beyond_the_limit_end_it(code: str, signal: int, tmp_path: Path) -> None:
    limited = (
        "from genapps_runtime.guest.component import confinement as c\nc.limit(200 * 2**20, 1, 1024)\nc.confine()\n"
    )
    with (tmp_path / "output").open("wb") as output:
        done = subprocess.run([sys.executable, "-c", limited + code], stdout=output, check=False)
    assert done.returncode == -signal
    assert (tmp_path / "output").stat().st_size <= 1024


def found_in(folder: Path) -> dict[str, os.stat_result]:
    """The files of a folder by name."""
    return {path.name: path.lstat() for path in folder.iterdir()}


def spoil(file: Path, what: str) -> None:
    """Put something else in the place of the machine code."""
    whole = file.read_bytes()
    file.unlink()
    if what == "changed":
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif what == "cut off":
        file.write_bytes(whole[:-1])
    elif what == "a link":
        elsewhere = file.parent.with_name("elsewhere")
        elsewhere.write_bytes(b"\x7fELF")
        file.symlink_to(elsewhere)


def leave_half(folder: Path) -> None:
    """What a worker leaves that is killed while its compiler runs, beside what nobody has written."""
    (folder / "partial").write_bytes(b"\x7fELF half")
    (folder / "component.cwasm").write_bytes(b"\x7fELF whole, and of nobody")


async def test_machine_code_is_made_once_and_taken_by_the_workers_after(tmp_path: Path) -> None:
    heartbeat, component = Heartbeat(), bare("")
    file = await MachineCode(str(tmp_path), heartbeat, LIMITS).of("app.wasm", component)
    [made] = found_in(tmp_path).values()
    assert made.st_mode & 0o777 == 0o400
    assert await MachineCode(str(tmp_path), heartbeat, CompileLimits(0, 0, 0)).of("app.wasm", component) == file
    assert found_in(tmp_path)["component.cwasm"].st_ino == made.st_ino


@pytest.mark.parametrize("what", ["changed", "cut off", "gone", "a link"])
async def test_machine_code_that_is_not_what_was_written_is_made_anew(what: str, tmp_path: Path) -> None:
    heartbeat, folder = Heartbeat(), tmp_path / "code"
    code = MachineCode(str(folder), heartbeat, LIMITS)
    file = await code.of("app.wasm", bare(""))
    digest = heartbeat.machine_code
    spoil(folder / "component.cwasm", what)
    assert await code.of("app.wasm", bare("")) == file
    assert heartbeat.machine_code == digest
    assert found_in(folder)["component.cwasm"].st_mode & 0o170777 == 0o100400
    assert await MachineCode(str(folder), heartbeat, CompileLimits(0, 0, 0)).of("app.wasm", bare("")) == file


async def test_machine_code_of_a_pods_process_before_is_made_anew(tmp_path: Path) -> None:
    await MachineCode(str(tmp_path), Heartbeat(), LIMITS).of("app.wasm", bare(""))
    before = found_in(tmp_path)["component.cwasm"]
    await MachineCode(str(tmp_path), Heartbeat(), LIMITS).of("app.wasm", bare(""))
    after = found_in(tmp_path)["component.cwasm"]
    assert (after.st_ino, after.st_mtime_ns) != (before.st_ino, before.st_mtime_ns)


async def test_a_compiler_that_is_killed_leaves_nothing_and_the_next_try_compiles(tmp_path: Path) -> None:
    heartbeat = Heartbeat()
    code = MachineCode(str(tmp_path), heartbeat, LIMITS)
    for _ in range(3):
        async with compiling(code, bare(arithmetic(400, 90))) as (task, pid):
            os.kill(pid, 9)
            with pytest.raises(CompilerEndedError):
                await task
        assert not found_in(tmp_path)
        assert not any(heartbeat.machine_code)
    assert await code.of("app.wasm", bare(""))


async def test_a_worker_that_stops_ends_its_compiler(tmp_path: Path) -> None:
    code = MachineCode(str(tmp_path), Heartbeat(), LIMITS)
    async with compiling(code, bare(arithmetic(3000, 90))) as (task, _):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: not children())


async def test_what_a_killed_worker_left_half_written_is_not_taken(tmp_path: Path) -> None:
    leave_half(tmp_path)
    await MachineCode(str(tmp_path), Heartbeat(), LIMITS).of("app.wasm", bare(""))
    [made] = found_in(tmp_path).values()
    assert made.st_size > 1000


async def test_the_time_of_the_clock_is_bounded(tmp_path: Path) -> None:
    code = MachineCode(str(tmp_path), Heartbeat(), CompileLimits(64 * MIB, 20, 0.05))
    with pytest.raises(RefusedError, match=r"not compiled within 0.05 s: choose a tier with cpu 400000m or more, or"):
        await code.of("app.wasm", bare(arithmetic(3000, 90)))
    await until(lambda: not children())


def test_the_cpu_that_a_refusal_names_is_what_the_processors_seconds_take() -> None:
    assert CompileLimits(64 * MIB, 20, 90.0).enough_millicores == 250
    assert CompileLimits(64 * MIB, 20, 100.0).enough_millicores == 200


async def test_a_compiler_that_fails_is_not_the_end_of_the_worker(tmp_path: Path) -> None:
    code = MachineCode(str(tmp_path), Heartbeat(), CompileLimits(64 * MIB, 20, 60.0))
    async with compiling(code, bare(arithmetic(3000, 90))) as (task, pid):
        os.kill(pid, 11)
        with pytest.raises(RefusedError, match=r"makes the compiler fail \(exit code -11\)"):
            await task


async def test_a_full_disk_is_no_fault_of_the_component(small_disk: Path) -> None:
    heartbeat, folder = Heartbeat(), small_disk / "code"
    code = MachineCode(str(folder), heartbeat, LIMITS)
    component = bare(arithmetic(700, 90))  # 1.3 MB of machine code, and the disk has 1 MiB
    with pytest.raises(CompilerEndedError, match=r"cannot be written: .*No space left on device"):
        await code.of("app.wasm", component)
    assert not found_in(folder)
    assert not any(heartbeat.machine_code)
    assert await code.of("app.wasm", bare(""))


async def test_two_that_compile_into_one_folder_never_take_half_of_a_file(tmp_path: Path) -> None:
    heartbeats = [Heartbeat() for _ in range(4)]
    component = bare(arithmetic(40, 90))
    tries = [MachineCode(str(tmp_path), heartbeat, LIMITS).of("app.wasm", component) for heartbeat in heartbeats]
    done = await asyncio.gather(*tries, return_exceptions=True)
    whole = hashlib.sha256((tmp_path / "component.cwasm").read_bytes()).digest()
    for heartbeat, result in zip(heartbeats, done, strict=True):
        assert isinstance(result, str | OSError | CompilerEndedError), result
        assert heartbeat.machine_code == (whole if isinstance(result, str) else bytes(32))
    assert await MachineCode(str(tmp_path), Heartbeat(), LIMITS).of("app.wasm", component)
