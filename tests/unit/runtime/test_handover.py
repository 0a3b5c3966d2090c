# SPDX-License-Identifier: Apache-2.0
"""From one worker's server to the next on the same listening socket: nobody is lost, nobody is answered twice."""

import asyncio
import errno
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from genapps_runtime.listening import Ports, listening_socket, local_socket
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.serve_app import AppServer
from tests.runtime.harness import until
from tests.unit.runtime.http_cases import GET
from tests.unit.runtime.http_server import BODY_LIMIT, Server, held, told

ONE = GET + b"\r\n"


class Workers:
    """Servers that follow each other on one listening socket; the last one accepts."""

    def __init__(self, port: socket.socket) -> None:
        self.port = port
        self.servers: list[Server] = []

    @property
    def last(self) -> Server:
        return self.servers[-1]

    def start(self, answers: Callable[[Exchange], None] = told) -> Server:
        server = Server(HttpLimits(BODY_LIMIT))
        server.port = self.port.getsockname()[1]
        server.answers = answers
        server.listener.serve(server.submit)
        server.listener.open(self.port.dup())
        self.servers.append(server)
        return server


@asynccontextmanager
async def workers() -> AsyncIterator[Workers]:
    with listening_socket("127.0.0.1", 0) as port:
        made = Workers(port)
        yield made
        for server in made.servers:
            for caller in server.callers:
                caller.reset()
            await server.listener.close(0.0)
        await until(lambda: not any(server.listener.connections for server in made.servers))
        await asyncio.sleep(0)


async def test_who_connects_after_it_stopped_is_answered_by_the_next() -> None:
    async with workers() as made:
        first = made.start()
        spent = await first.connect()
        spent.send(ONE)
        assert (await spent.reply())[0] == 200
        assert await first.listener.stop_when_quiet()
        late = await first.connect()
        late.send(ONE)
        await first.listener.close(5.0)
        assert await spent.rest() == b""
        second = made.start()
        assert (await late.reply())[0] == 200
        assert (len(first.seen), len(second.seen)) == (1, 1)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", ONE], ids=["nothing yet", "half a head", "a request"])
async def test_it_goes_on_while_a_caller_has_reason_to_expect_an_answer(sent: bytes) -> None:
    async with workers() as made:
        server = made.start(held)
        caller = await server.connect()
        caller.send(sent)
        await until(lambda: server.listener.connections == 1)
        if sent == ONE:
            await server.until_begun(1)
        assert not await server.listener.stop_when_quiet()


@pytest.mark.parametrize("iterations", range(5))
async def test_a_connection_on_its_way_is_either_seen_or_left_to_the_next(iterations: int) -> None:
    async with workers() as made:
        first = made.start()
        with socket.create_connection(made.port.getsockname()) as caller:
            for _ in range(iterations):
                await asyncio.sleep(0)  # from the kernel's queue to a connection it takes the loop a few
            caller.sendall(ONE)
            if await first.listener.stop_when_quiet():
                await first.listener.close(0.0)
                made.start()
            await made.last.until_begun(1)


async def test_a_request_that_comes_on_an_idle_connection_meanwhile_is_answered() -> None:
    async with workers() as made:
        server = made.start()
        with socket.create_connection(made.port.getsockname()) as caller:
            caller.sendall(ONE)
            await server.until_begun(1)
            await until(server.listener.quiet)
            server.answers = held
            caller.sendall(ONE)  # in the kernel already, and the loop has not looked
            assert not await server.listener.stop_when_quiet()
            assert len(server.seen) == 2


class Quiet:
    """As much of an app, or of its state, as a server asks for that has nothing to do."""

    idle_since = 0.0


async def test_what_comes_on_an_idle_connection_after_the_decision_is_not_begun() -> None:
    async with workers() as made:
        server = made.start()
        spent = await server.connect()
        spent.send(ONE)
        assert (await spent.reply())[0] == 200
        nothing = cast("Any", None)
        ports = Ports(made.port, local_socket("genapps-test-handover"))
        quiet = cast("Any", Quiet())
        app_server = AppServer(ports, nothing, server.listener, quiet, *[nothing] * 6)
        assert await app_server.stop_when_quiet()
        spent.send(ONE)
        with suppress(ConnectionResetError):
            assert await spent.rest() == b""
        assert len(server.seen) == 1


class Exhausted(socket.socket):
    """A listening socket whose process has no descriptor left at the first attempt."""

    refused = False

    def accept(self) -> tuple[socket.socket, object]:
        if not self.refused:
            self.refused = True
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


async def test_a_process_without_a_descriptor_to_spare_accepts_again_later() -> None:
    async with workers() as made:
        made.port = Exhausted(fileno=made.port.dup().detach())
        server = made.start()
        caller = await server.connect()
        caller.send(ONE)
        assert (await caller.reply())[0] == 200
        made.port.close()


@pytest.mark.parametrize("seed", range(5))
async def test_of_many_callers_at_random_moments_each_gets_one_answer(seed: int) -> None:
    chance = random.Random(seed)

    def later(exchange: Exchange) -> None:
        asyncio.get_running_loop().call_later(chance.random() / 100, told, exchange)

    async def call(server: Server, number: int) -> None:
        await asyncio.sleep(chance.random() / 5)
        caller = await server.connect()
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() / 50)
        caller.send(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number)
        status, _, body = await caller.reply()
        assert (status, body) == (200, b"GET /%d " % number)
        if chance.random() < 0.5:
            caller.reset()

    async with workers() as made:
        first, called = made.start(later), 0
        while len(made.servers) < 3:  # on a busy machine there may be no quiet moment among a hundred callers
            assert called < 2000
            callers = asyncio.gather(*(call(first, number) for number in range(called, called + 100)))
            called += 100
            while not callers.done():
                listener = made.last.listener
                if await listener.stop_when_quiet():
                    await listener.close(5.0)
                    made.start(later)
                await asyncio.sleep(0.001)
            await callers
        paths = [request.path for server in made.servers for request in server.seen]
        assert sorted(paths) == sorted(f"/{number}" for number in range(called))
