# SPDX-License-Identifier: Apache-2.0
"""What stands for a model's server: the same chat completion for each POST, whole or as a stream, one piece at a time.

`python -m bench.gateway.model_upstream PORT`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, cast

import uvloop

PIECES = 100
"""Of a stream, each with a word."""
_WORDS = [f"word{number} " for number in range(PIECES)]
_USAGE = {"prompt_tokens": 9, "completion_tokens": PIECES, "total_tokens": 9 + PIECES}
_HEAD: dict[str, Any] = {"id": "c1", "created": 1, "model": "small"}


def _answer() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "".join(_WORDS)}, "finish_reason": "stop"}
    body = json.dumps({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


def _event(choices: list[Any], **members: Any) -> bytes:
    told = {**_HEAD, "object": "chat.completion.chunk", "choices": choices, **members}
    return b"data: %b\n\n" % json.dumps(told, separators=(",", ":")).encode()


def _stream() -> list[bytes]:
    """The head, and the chunks that follow."""
    said = [_event([{"index": 0, "delta": {"content": word}, "finish_reason": None}]) for word in _WORDS]
    ended = _event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    events = [*said, ended, _event([], usage=_USAGE), b"data: [DONE]\n\n"]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%b\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]


ANSWER, STREAM = _answer(), _stream()


def _complete(head: bytes, body: bytes) -> bool:
    """Whether that is a whole request: with a length, in chunks, or without a body."""
    if b"transfer-encoding:" in head:
        return body.endswith(b"0\r\n\r\n")
    length = head.partition(b"\ncontent-length:")[2].split(b"\r\n")[0]
    return len(body) >= int(length or 0)


class _Canned(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has another base
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or not _complete(head.lower(), body):
            return
        self._buffer = b""
        if b'"stream":true' in body.replace(b" ", b""):
            self._send(0)
        else:
            self._transport.write(ANSWER)

    def _send(self, number: int) -> None:
        """Each in a turn of its own: as a model says it, and as fast as it can be read."""
        if not self._transport.is_closing():
            self._transport.write(STREAM[number])
            if number + 1 < len(STREAM):
                asyncio.get_running_loop().call_soon(self._send, number + 1)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Canned, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
