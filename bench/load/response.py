# SPDX-License-Identifier: Apache-2.0
"""Where a response ends in the bytes read so far: the inner loop of the load generator, standard library only.

A general parser costs as much as the rest of the generator, and a generator that is slower than the server measures
itself. So the frequent case (a head with a content length) is found by two searches; chunked bodies are read plainly.
"""

from __future__ import annotations

from typing import NamedTuple


class Response(NamedTuple):
    """A complete response; `reusable` says whether the connection can carry another request."""

    status: int
    body: bytes
    reusable: bool


class MalformedError(ValueError):
    """The bytes are no HTTP/1.1 response that this client understands, or more than one response."""


def take(buffer: bytes) -> Response | None:
    """The response that fills the buffer exactly, or None while it is incomplete. Raises MalformedError."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    if buffer[:9] != b"HTTP/1.1 " or not buffer[9:12].isdigit():
        raise MalformedError(f"not a status line of HTTP/1.1: {buffer[:40]!r}")
    status = int(buffer[9:12])
    head = buffer[:head_end].lower() + b"\r\n"
    reusable = b"\r\nconnection: close" not in head
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        start = head_end + 4
        end = start + int(head[at + 17 : head.index(b"\r\n", at + 17)])
        if len(buffer) < end:
            return None
        if len(buffer) > end:
            raise MalformedError("more bytes than one response")
        return Response(status, buffer[start:end], reusable)
    if b"\r\ntransfer-encoding: chunked" in head:
        body = _chunks(buffer, head_end + 4)
        return None if body is None else Response(status, body, reusable)
    if status in (204, 304):
        return Response(status, b"", reusable)
    raise MalformedError("neither a content length nor chunks")


def _chunks(buffer: bytes, at: int) -> bytes | None:
    parts: list[bytes] = []
    while True:
        line_end = buffer.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(buffer[at:line_end].split(b";")[0], 16)
        at = line_end + 2
        if len(buffer) < at + size + 2:
            return None
        if size == 0:
            if buffer[at:] != b"\r\n":
                raise MalformedError("trailers, or more bytes than one response")
            return b"".join(parts)
        parts.append(buffer[at : at + size])
        at += size + 2
