# SPDX-License-Identifier: Apache-2.0
"""Requests that compute, in a process as a pod has it: its stop, its callers, and the memory of its instances."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runtime.fake_gateway import DEADLINE_SECONDS, Authority
from tests.runtime.harness import Pod, serving, until

MIB = 1024 * 1024
INSTANCES, MEMORY = 3, 64 * MIB
SOURCE = """
import asyncio, time
from genapps import app, log

def compute(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass

@app.get("/small")
async def small(request):
    return "small"

@app.get("/compute/{tenths}")
async def computes(request, tenths):
    compute(int(tenths) / 10)
    return "computed"

@app.get("/loop")
async def loop(request):
    while True:
        pass

@app.get("/hoard")
async def hoard(request):
    held = []
    try:
        while True:
            held.append(bytearray(1024 * 1024))
    except MemoryError:
        compute(1.5)
    return len(held)

@app.get("/bomb")
async def bomb(request):
    held = []
    while True:
        held.append(bytearray(1024 * 1024))
"""


@pytest.fixture
async def pod(authority: Authority, engine: Path, tmp_path: Path) -> AsyncIterator[Pod]:
    limits = {"instances": INSTANCES, "guestMemoryBytes": MEMORY}
    async with serving(authority, engine, tmp_path, SOURCE, limits=limits, time={"actionMillis": 20_000}) as pod:
        yield pod


def peak(pid: int) -> int:
    """Bytes that were resident at once."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


async def test_a_stop_lets_end_what_computes(pod: Pod) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    writer.write(b"GET /compute/10 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert (await pod.call("GET", "/small")).status == 200
    assert pod.process is not None
    pod.process.send_signal(signal.SIGTERM)
    answer = await asyncio.wait_for(reader.read(), DEADLINE_SECONDS)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"computed")
    assert await pod.ended() == 0


async def test_a_caller_who_hangs_up_ends_the_computation(pod: Pod) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    writer.write(b"GET /loop HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await pod.call("GET", "/small")).status == 200
    writer.transport.abort()
    await until(lambda: any(line["path"] == "/loop" for line in pod.log()))
    (line,) = (line for line in pod.log() if line["path"] == "/loop")
    assert line["code"] == "CallerGone"
    assert (await pod.call("GET", "/small")).status == 200


async def test_every_instance_at_its_limit_fits_into_the_pod(pod: Pod) -> None:
    worker = pod.worker()
    full = await asyncio.gather(*(pod.call("GET", "/hoard") for _ in range(INSTANCES)))
    assert [answer.status for answer in full] == [200] * INSTANCES
    assert min(json.loads(answer.body) for answer in full) > 30
    bombs = await asyncio.gather(*(pod.call("GET", "/bomb") for _ in range(2 * INSTANCES)))
    assert {(answer.status, answer.code) for answer in bombs} == {(500, "MemoryExceeded")}
    assert INSTANCES * 40 * MIB < peak(worker) < 96 * MIB + INSTANCES * MEMORY
    assert (await pod.call("GET", "/small")).status == 200
    assert pod.worker() == worker
