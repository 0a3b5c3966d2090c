# SPDX-License-Identifier: Apache-2.0
"""What stands for the connector: answers each GET with the same JSON, as cheaply as a Python process can.

`python -m bench.gateway.upstream PORT [HOST]`. It imports nothing that the images lack: it runs in a pod as well.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"rate":0.94,"currency":"EUR","at":"2026-11-23T12:00:00Z"}'
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class _Canned(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has another base
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        self._transport.write(_ANSWER * len(heads))


async def _serve(port: int, host: str = "127.0.0.1") -> None:
    server = await asyncio.get_running_loop().create_server(_Canned, host, port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1]), *sys.argv[2:3]))
