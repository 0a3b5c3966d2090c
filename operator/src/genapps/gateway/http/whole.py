# SPDX-License-Identifier: Apache-2.0
"""Reads a request that came in one piece and looks as runtimes write it. Everything else is left to h11.

Here nothing is ever refused: what is not taken, h11 judges. Taken is only what can be read in one way: one line end,
one form of a field, a few fields, each once, and a length that is exactly what has come. Whatever is taken, h11 reads
in the same way; a test compares them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Each repetition is possessive: whatever is sent is read once.
_HEAD = re.compile(
    rb"(GET|POST) (/[A-Za-z0-9/._-]*+) HTTP/1\.1\r\n((?:[A-Za-z-]{4,14}: [!-~]++(?: [!-~]++)*+\r\n){1,8}+)\r\n"
)
_LENGTH = re.compile(rb"[1-9][0-9]{0,6}")
# None of them says where the body ends, asks for another protocol, or is about the connection; one does, and is looked
# at.
_FIELDS = frozenset({b"authorization", b"content-length", b"content-type", b"host", b"traceparent", b"tracestate"})


class WholeRequest(NamedTuple):
    """Names of headers are in lower case. The path is as it came: it holds nothing that would have to be decoded."""

    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


def read_whole(data: bytes, head_bytes: int) -> WholeRequest | None:
    """The request, if these bytes are one and nothing more, with a head of at most `head_bytes`."""
    head = _HEAD.match(data, 0, head_bytes)
    if head is None:
        return None
    headers = [
        (name.lower(), value) for name, _, value in (line.partition(b": ") for line in head[3].split(b"\r\n")[:-1])
    ]
    fields = dict(headers)
    if len(fields) < len(headers) or not _FIELDS.issuperset(fields) or b"host" not in fields:
        return None
    body, length = data[head.end() :], fields.get(b"content-length")
    if length is None:
        asked = head[1] == b"GET" and not body
    else:
        asked = head[1] == b"POST" and _LENGTH.fullmatch(length) is not None and int(length) == len(body)
    return WholeRequest(head[1].decode(), head[2].decode(), headers, body) if asked else None
