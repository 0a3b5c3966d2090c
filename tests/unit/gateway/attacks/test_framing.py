# SPDX-License-Identifier: Apache-2.0
"""No bytes are taken for more than one request, on real sockets."""

import asyncio
import re
from contextlib import suppress

import orjson
import pytest

from genapps.gateway.listeners import listener
from tests.unit.gateway.attacks.framing import ROWS, Bytes
from tests.unit.gateway.attacks.rows import call, counted, neighbours_token, with_neighbour
from tests.unit.gateway.test_listeners import port, running
from tests.unit.gateway.world import CHILD, Installation

WAITING_SECONDS = 60.0
ANSWERED = re.compile(rb"HTTP/1\.1 (\d\d\d) ")


def request(token: str, connector: str) -> bytes:
    body = orjson.dumps(call(connector=connector))
    head = f"POST /v1/calls HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {token}\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def test_bytes_are_refused_as_their_row_says_and_a_neighbour_on_its_connection_notices_nothing(
    gateway: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    with_neighbour(gateway)
    token = gateway.issuer.token()
    inner, asked = request(token, "payroll"), request(neighbours_token(gateway), "weather")
    header = f"authorization: Bearer {token}\r\n".encode()
    async with running(listener(gateway.app, 0)) as server, asyncio.timeout(WAITING_SECONDS):
        where = port(server.servers[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", where)
        for row in ROWS:
            found = await _answers(where, row.sent.replace(b"TOKEN", header).replace(b"INNER", inner))
            assert found == row.statuses, row.title
            assert counted(gateway, CHILD) == 0, f"{row.title}: what came behind it was taken for a request"
            writer.write(asked)
            assert b'{"result":{"rate":0.94}' in await reader.readuntil(b'"effect":"Read"}'), row.title
        writer.close()
    assert [entry for entry in caplog.records if entry.levelname == "ERROR"] == []


async def _answers(where: int, sent: bytes) -> tuple[int, ...]:
    """The statuses that come back until the gateway closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", where)
    found = b""
    with suppress(ConnectionError):
        writer.write(sent)
        while piece := await reader.read(65536):
            found += piece
    writer.close()
    return tuple(int(status) for status in ANSWERED.findall(found))


def test_the_rows_are_as_many_as_they_seem() -> None:
    assert all(isinstance(row, Bytes) for row in ROWS)
    assert len({row.title for row in ROWS}) == len(ROWS) > 50
