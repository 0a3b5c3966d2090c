# SPDX-License-Identifier: Apache-2.0
"""One probe of the fence, against gateways that answer anything."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from genapps_runtime.config import parse_config
from genapps_runtime.egress import gateway_health
from genapps_runtime.egress import probe as probe_module
from genapps_runtime.egress.probe import CANARY_CONNECTIONS, FenceProbe, Finding
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.settings import Settings
from tests.contract.runtime_configs import model
from tests.runtime.fake_gateway import Authority
from tests.support.clock import Clock

AUTHORITY = Authority.make()
HEALTHY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def gateway(answer: list[bytes] | None, folder: Path, *, trusted: bool = True) -> AsyncIterator[int]:
    """A port with TLS whose answer to one connection comes in these pieces, or never."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in answer or []:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if answer is None:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            ended.release()

    ended = asyncio.Semaphore(0)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=AUTHORITY.server_context(folder))
    async with server:
        yield server.sockets[0].getsockname()[1]
        if trusted:
            await ended.acquire()


@asynccontextmanager
async def canary(*, open_: bool) -> AsyncIterator[int]:
    """A port that hangs up on its callers, or that nobody listens on."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        ended.release()

    ended = asyncio.Semaphore(0)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if not open_:
        server.close()
        await server.wait_closed()
    yield port
    for _ in range(CANARY_CONNECTIONS if open_ else 0):
        await ended.acquire()
    server.close()
    await server.wait_closed()


def probe_of(
    folder: Path,
    port: int,
    canary_port: int,
    heartbeat: Heartbeat,
    told: list[bool],
    kind: type[FenceProbe] = FenceProbe,
) -> FenceProbe:
    (folder / "ca.crt").write_bytes(AUTHORITY.ca)
    settings = Settings(
        gateway_ca_file=str(folder / "ca.crt"), gateway_address="127.0.0.1", gateway_port=port, canary_port=canary_port
    )
    probe: FenceProbe = kind(settings, parse_config(model().content()), heartbeat, lambda: told.append(probe.proven))
    return probe


@pytest.mark.parametrize(
    ("answer", "canary_open", "finding"),
    [
        ([HEALTHY], False, Finding.PROVEN),
        ([HEALTHY], True, Finding.OPEN),
        ([HEALTHY[:5], HEALTHY[5:12], HEALTHY[12:]], False, Finding.PROVEN),
        ([b"HTTP/1.1 503 Service Unavailable\r\n\r\n"], False, Finding.UNREACHABLE),
        ([b"HTTP/1.1 2000 OK\r\n\r\n"], False, Finding.UNREACHABLE),
        ([b"SSH-2.0-OpenSSH\r\n"], False, Finding.UNREACHABLE),
        ([b"HTTP/1.1 200"], False, Finding.UNREACHABLE),
        ([b"x" * 5000], False, Finding.UNREACHABLE),
        ([], False, Finding.UNREACHABLE),
        (None, False, Finding.UNREACHABLE),
    ],
    ids=[
        "healthy", "healthy, and the canary answers too", "healthy, in pieces", "unhealthy", "a status that is none",
        "another protocol", "half a status line", "a line without end", "nothing, and it hangs up", "nothing",
    ],
)  # fmt: skip
async def test_only_a_healthy_gateway_and_a_silent_canary_prove_the_fence(
    tmp_path: Path, answer: list[bytes] | None, canary_open: bool, finding: Finding
) -> None:
    heartbeat, told = Heartbeat(), list[bool]()
    async with gateway(answer, tmp_path) as port, canary(open_=canary_open) as canary_port:
        probe = probe_of(tmp_path, port, canary_port, heartbeat, told)
        assert not probe.recent()
        before = time.monotonic_ns()
        assert await asyncio.to_thread(probe.probe, 0.1) is finding
    proven = finding is Finding.PROVEN
    assert told == [proven]
    assert (probe.proven, probe.recent()) == (proven, proven)
    assert (heartbeat.proven_ns >= before) == proven


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\xfe"])
async def test_an_authority_that_is_none_proves_nothing(tmp_path: Path, content: bytes) -> None:
    async with gateway([HEALTHY], tmp_path, trusted=False) as port, canary(open_=False) as canary_port:
        probe = probe_of(tmp_path, port, canary_port, Heartbeat(), [])
        (tmp_path / "ca.crt").write_bytes(content)
        assert await asyncio.to_thread(probe.probe, 0.1) is Finding.UNREACHABLE


@pytest.mark.parametrize(("age_seconds", "now", "soon"), [(70, True, True), (73, True, False), (76, False, False)])
def test_a_proof_counts_for_75_seconds(tmp_path: Path, age_seconds: int, now: bool, soon: bool) -> None:
    heartbeat = Heartbeat()
    heartbeat.proven_ns = time.monotonic_ns() - age_seconds * 10**9
    probe = probe_of(tmp_path, 1, 1, heartbeat, [])
    assert (probe.recent(), probe.proven, probe.recent(3.0)) == (now, now, soon)


class Scripted(FenceProbe):
    """The gateway and its canary answer as the test says."""

    reachable = True
    open_ = False

    def _gateway_answers(self) -> float | None:
        return 0.001 if self.reachable else None

    def _canary_answers(self, _: float) -> bool:
        return self.open_


def scripted(clock: Clock, *, proven: bool) -> Scripted:
    heartbeat = Heartbeat()
    probe = Scripted(Settings(), parse_config(model().content()), heartbeat, clock=clock)
    probe.recent = lambda for_seconds=0.0: True  # type: ignore[method-assign]
    probe.reachable = proven
    probe.probe(0.1)
    assert probe.proven == proven
    return probe


def test_a_proven_app_stays_proven_until_three_probes_over_ten_seconds_have_failed() -> None:
    clock = Clock()
    probe = scripted(clock, proven=True)
    probe.reachable = False
    for after in (0.0, 1.0, 8.9):
        clock.now += after
        assert probe.probe(1) is Finding.UNREACHABLE
        assert probe.proven, "three failures, but in less than ten seconds"
    clock.now += 0.1
    probe.probe(1)
    assert not probe.proven


def test_two_failures_are_too_few_however_long_they_take() -> None:
    clock = Clock()
    probe = scripted(clock, proven=True)
    probe.reachable = False
    for _ in range(2):
        probe.probe(1)
        clock.now += 30
        assert probe.proven
    probe.probe(1)
    assert not probe.proven


def test_one_answer_in_between_begins_the_count_anew() -> None:
    clock = Clock()
    probe = scripted(clock, proven=True)
    for answers in (False, False, True, False, False):
        probe.reachable = answers
        clock.now += 20
        probe.probe(1)
        assert probe.proven


def test_an_unproven_app_stays_so_until_a_probe_succeeds() -> None:
    clock = Clock()
    probe = scripted(clock, proven=False)
    probe.probe(1)
    assert not probe.proven
    probe.reachable = True
    probe.probe(1)
    assert probe.proven


def test_an_open_canary_ends_a_proof_at_once() -> None:
    probe = scripted(Clock(), proven=True)
    probe.open_ = True
    assert probe.probe(1) is Finding.OPEN
    assert not probe.proven


def test_an_app_whose_last_proof_is_too_old_is_not_ready_although_few_probes_have_failed(tmp_path: Path) -> None:
    heartbeat = Heartbeat()
    heartbeat.proven_ns = time.monotonic_ns() - 74 * 10**9
    probe = probe_of(tmp_path, 1, 1, heartbeat, [])
    assert probe.proven
    heartbeat.proven_ns -= 2 * 10**9
    assert not probe.proven


@asynccontextmanager
async def hanging(port: int, first: int) -> AsyncIterator[list[int]]:
    """A port before the gateway's: so many connections are taken, as by the kernel of a process that hangs; what comes
    after them is passed on. Yields the number of connections."""
    taken = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken[0] += 1
        try:
            if taken[0] <= first:
                await reader.read()
                return
            onward, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(passed(reader, back), passed(onward, writer))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def passed(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while content := await source.read(65536):
            target.write(content)
        target.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        taken.append(server.sockets[0].getsockname()[1])
        yield taken


async def test_a_gateway_that_hangs_is_passed_over_for_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_health, "SILENT_SECONDS", 0.05)
    heartbeat = Heartbeat()
    async with gateway([HEALTHY], tmp_path) as port, hanging(port, 3) as taken, canary(open_=False) as canary_port:
        probe = probe_of(tmp_path, taken[1], canary_port, heartbeat, [])
        assert await asyncio.to_thread(probe.probe, 0.1) is Finding.PROVEN
    assert taken[0] >= 4


async def test_a_probe_ends_when_every_gateway_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_health, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(probe_module, "GATEWAY_SECONDS", 0.3)
    async with hanging(1, 1000) as taken, canary(open_=False) as canary_port:
        probe = probe_of(tmp_path, taken[1], canary_port, Heartbeat(), [])
        assert await asyncio.to_thread(probe.probe, 0.1) is Finding.UNREACHABLE
    assert 1 < taken[0] <= 7


async def test_a_connection_that_is_refused_ends_a_probe_at_once(tmp_path: Path) -> None:
    """`renew` tries again after a second: refusals are quick, and many of them would be a storm."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    async with canary(open_=False) as canary_port:
        probe = probe_of(tmp_path, port, canary_port, Heartbeat(), [])
        assert await asyncio.to_thread(probe.probe, 0.1) is Finding.UNREACHABLE


async def test_a_canary_that_opens_on_one_of_several_connections_is_open(tmp_path: Path) -> None:
    """The others are not accepted by anybody: as if they had been sent to a gateway that is gone."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        probe = probe_of(tmp_path, 1, listening.getsockname()[1], Heartbeat(), [])
        assert probe._canary_answers(5.0)
