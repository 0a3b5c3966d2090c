# SPDX-License-Identifier: Apache-2.0
"""Attacks by the bytes of a request: what one server reads as one request and another one as two, and sheer size.

In each row TOKEN stands for a good token's header, and INNER for a whole request that would be a violation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genapps.gateway.protocol import HEAD_LIMIT

START = b"POST /v1/calls HTTP/1.1\r\nhost: gateway\r\nTOKEN"
CHUNKED = START + b"transfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Bytes:
    """One row: what is sent, and the statuses of what comes back before the connection is closed."""

    title: str
    sent: bytes
    statuses: tuple[int, ...] = (400,)


LENGTHS = {
    "two lengths": b"content-length: 2\r\ncontent-length: 3\r\n",
    "two lengths in one": b"content-length: 2, 3\r\n",
    "a length with a sign": b"content-length: +2\r\n",
    "a length below nothing": b"content-length: -2\r\n",
    "a length in hexadecimal": b"content-length: 0x2\r\n",
    "a length with a separator": b"content-length: 1_0\r\n",
    "a length of nothing": b"content-length: \r\n",
    "a length in other digits": b"content-length: \xb2\r\n",
    "a length beyond all": b"content-length: " + b"9" * 30 + b"\r\n",
    "a length behind a blank": b"content-length : 2\r\n",
    "a length and chunks": b"content-length: 2\r\ntransfer-encoding: chunked\r\n",
    "chunks and a length": b"transfer-encoding: chunked\r\ncontent-length: 2\r\n",
    "chunks twice": b"transfer-encoding: chunked, chunked\r\n",
    "chunks twice, apart": b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    "chunks before something": b"transfer-encoding: chunked, identity\r\n",
    "something like chunks": b"transfer-encoding: xchunked\r\n",
    "chunks behind a tab": b"transfer-encoding:\x0bchunked\r\n",
    "an encoding": b"transfer-encoding: gzip, chunked\r\n",
    "no encoding": b"transfer-encoding: identity\r\n",
}
"""Headers that leave open where the body ends."""

CHUNKS = {
    "a chunk below nothing": b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a chunk with a prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk with a separator": b"0_2\r\n{}\r\n0\r\n\r\n",
    "a chunk that is longer than it says": b"2\r\n{}XX\r\n0\r\n\r\n",
    "a chunk without its end": b"2\r\n{}0\r\n\r\n",
    "a chunk beyond all": b"f" * 30 + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk of words": b"two\r\n{}\r\n0\r\n\r\n",
}

HEADS = {
    "a name with a blank": b"bad name: x\r\n",
    "a name that is none": b": x\r\n",
    "no colon": b"header\r\n",
    "a null byte": b"x: a\x00b\r\n",
    "a carriage return alone": b"x: a\rb: c\r\n",
    "another host": b"host: other\r\n",
}

LINES = {
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "no version": b"GET /v1/healthz\r\n\r\n",
    "two blanks": b"GET  /v1/healthz HTTP/1.1\r\nhost: gateway\r\n\r\n",
    "a path with a blank": b"GET /v1/ healthz HTTP/1.1\r\nhost: gateway\r\n\r\n",
    "a path with a null byte": b"GET /v1/\x00 HTTP/1.1\r\nhost: gateway\r\n\r\n",
    "a method that is none": b"GE\x00T /v1/healthz HTTP/1.1\r\nhost: gateway\r\n\r\n",
    "no host": b"GET /v1/healthz HTTP/1.1\r\n\r\n",
}
PATHS = (
    b"/v1/calls/",
    b"//v1/calls",
    b"/v1/../v1/calls",
    b"/V1/calls",
    b"/v1/calls%00",
    b"http://gateway/v1/calls",
    b"*",
)


def _rows() -> Iterator[Bytes]:
    for title, header in LENGTHS.items():
        yield Bytes(title, START + header + b"\r\nINNER")
    for title, body in CHUNKS.items():
        yield Bytes(title, CHUNKED + body + b"INNER")
    for title, header in HEADS.items():
        yield Bytes(title, START + header + b"content-length: 0\r\n\r\nINNER")
    for title, line in LINES.items():
        yield Bytes(title, line + b"INNER")
    for path in PATHS:
        head = START.replace(b"/v1/calls", path)
        yield Bytes(f"the path {path.decode()}", head + b"content-length: 0\r\n\r\nINNER", (404,))
    yield Bytes("the beginning of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nINNER", (404,))
    for method in (b"CONNECT", b"TRACE", b"GET", b"PUT", b"post"):
        head = START.replace(b"POST", method)
        yield Bytes(f"the method {method.decode()}", head + b"content-length: 0\r\n\r\nINNER", (405,))
    yield Bytes("a head without an end", START + b"x: y\r\n" * HEAD_LIMIT)
    yield Bytes("a header without an end", START + b"x: " + b"y" * HEAD_LIMIT * 2)
    yield Bytes("a path without an end", b"GET /" + b"a" * HEAD_LIMIT * 2)
    yield Bytes("a chunk's line without an end", CHUNKED + b"2;" + b"x" * HEAD_LIMIT * 2)
    yield Bytes("a body in tiny chunks", CHUNKED + b"1\r\nx\r\n" * 100_000)


ROWS = tuple(_rows())
