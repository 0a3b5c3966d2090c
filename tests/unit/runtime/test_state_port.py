# SPDX-License-Identifier: Apache-2.0
"""The socket for `genapps-runtime state`: who is answered, within which bounds, and what a stop leaves."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator

import pytest

from genapps_runtime.listening import local_address, local_socket
from genapps_runtime.settings import Settings
from genapps_runtime.state_command import ask_worker
from genapps_runtime.state_port.port import CONNECTIONS, QUESTION_BYTES, StatePort
from tests.runtime.harness import until


class Served:
    """A port whose answers are the questions, once `go` is set."""

    def __init__(self, held: socket.socket | None = None) -> None:
        self.name = f"genapps-test-{uuid.uuid4().hex}"
        self.port = StatePort(held or local_socket(self.name), self._answer)
        self.go = asyncio.Event()
        self.go.set()

    async def _answer(self, question: bytes, writer: asyncio.StreamWriter) -> None:
        await self.go.wait()
        writer.write(b"said: " + question)

    async def ask(self, question: bytes) -> bytes:
        try:
            reader, writer = await asyncio.open_unix_connection(local_address(self.name))
            writer.write(question)
            found = await reader.read()
        except ConnectionError:
            return b""
        writer.close()
        return found


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    made.port.open()
    yield made
    await made.port.close(0.0)


async def test_a_question_is_answered_and_keeps_it_busy_until_then(served: Served) -> None:
    served.go.clear()
    asked = asyncio.create_task(served.ask(b"a question\nand more"))
    await until(lambda: served.port.busy)
    served.go.set()
    assert await asked == b"said: a question"
    await until(lambda: not served.port.busy)


@pytest.mark.parametrize("size", [QUESTION_BYTES, QUESTION_BYTES + 1])
async def test_a_longer_question_is_not_read(served: Served, size: int) -> None:
    answer = await served.ask(b"x" * size + b"\n")
    assert answer == (b"said: " + b"x" * size if size == QUESTION_BYTES else b"")


async def test_one_connection_more_than_are_served_is_closed(served: Served) -> None:
    served.go.clear()
    asked = [asyncio.create_task(served.ask(b"%d\n" % number)) for number in range(CONNECTIONS)]
    await until(lambda: len(served.port._serving) == CONNECTIONS)
    assert await served.ask(b"one more\n") == b""
    served.go.set()
    assert await asyncio.gather(*asked) == [b"said: %d" % number for number in range(CONNECTIONS)]


async def test_a_process_of_another_user_is_not_answered(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert await served.ask(b"a question\n") == b""


async def test_who_connects_after_a_stop_waits_for_the_next_worker() -> None:
    first = Served()
    held = first.port._port.dup()  # as the supervisor has it
    first.port.open()
    first.port.stop()
    late = asyncio.create_task(first.ask(b"late\n"))
    await first.port.close(1.0)
    second = Served(held)
    second.port.open()
    assert await late == b"said: late"
    await second.port.close(1.0)


async def test_a_close_ends_what_takes_too_long(served: Served) -> None:
    served.go.clear()
    asked = asyncio.create_task(served.ask(b"a question\n"))
    await until(lambda: served.port.busy)
    await served.port.close(0.0)
    assert await asked == b""


def test_without_a_worker_the_command_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    assert ask_worker(Settings(state_socket=f"genapps-test-{uuid.uuid4().hex}"), ["list"]) == 1
    assert "does not answer" in capfd.readouterr().err


def test_a_name_that_is_taken_is_an_error() -> None:
    name = f"genapps-test-{uuid.uuid4().hex}"
    with local_socket(name), pytest.raises(OSError, match="in use"):
        local_socket(name)
    with socket.socket(socket.AF_UNIX) as late, pytest.raises(ConnectionRefusedError):
        late.connect(local_address(name))
