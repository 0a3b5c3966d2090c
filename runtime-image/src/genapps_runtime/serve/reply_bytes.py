# SPDX-License-Identifier: Apache-2.0
"""A reply as bytes. Heads are kept: an app answers with few of them."""

from functools import lru_cache
from http import HTTPStatus

from genapps_runtime.serve.messages import FileReply, Headers, Reply, Streamed

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
JOINED_BYTES = 64 * 1024
"""A body up to this size is copied behind its head, so that both leave in one write."""
_KEPT_HEADS = 64
"""The headers of an app's reply have at most 16 KiB: a hostile app can fill 1 MiB."""
_REASONS = {int(status): status.phrase for status in HTTPStatus}
_REQUEST_ID = b"genapps-request-id: "
_WITHOUT_BODY = frozenset({204, 304})


def reply_bytes(reply: Reply | FileReply, request_id: str, *, only_head: bool, close: bool) -> list[bytes | memoryview]:
    """What to write, in one piece or two. `only_head`: the request was a HEAD; `close`: no further request is read."""
    body = reply.body
    end = b"\r\nconnection: close\r\n\r\n" if close else b"\r\n\r\n"
    if isinstance(reply, Reply):
        head = _beginning(reply.status, tuple(reply.headers)) + request_id.encode("ascii")
    else:
        head = reply.head + request_id.encode("ascii")
    if reply.status in _WITHOUT_BODY:
        return [head + end]
    if only_head:
        return [b"%b\r\ncontent-length: %d%b" % (head, len(body), end)]
    if len(body) <= JOINED_BYTES:
        # mypy knows bytes only; %b takes any buffer.
        return [b"%b\r\ncontent-length: %d%b%b" % (head, len(body), end, body)]  # type: ignore[str-format]
    return [b"%b\r\ncontent-length: %d%b" % (head, len(body), end), body]


def streamed_head(reply: Streamed, request_id: str, *, chunked: bool, close: bool) -> bytes:
    """The head of an answer whose body follows piece by piece. Without chunks the end of the connection ends it."""
    lines = [beginning(reply.status, reply.headers) + request_id.encode("ascii")]
    lines += [b"transfer-encoding: chunked"] if chunked else []
    lines += [b"connection: close"] if close else []
    return b"\r\n".join([*lines, b"", b""])


def chunk(piece: bytes) -> bytes:
    """A piece as a chunk. It is not empty: that would be the last one."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


@lru_cache(_KEPT_HEADS)
def _beginning(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return beginning(status, headers)


def with_headers(head: bytes, headers: Headers) -> bytes:
    """The head that `beginning` has made, with these headers too."""
    more = b"".join([b"%b: %b\r\n" % header for header in headers])
    return head.removesuffix(_REQUEST_ID) + more + _REQUEST_ID


def beginning(status: int, headers: Headers | tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The head of a reply up to the request's id, which `reply_bytes` adds."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}".encode("ascii")]
    lines += [b"%b: %b" % header for header in headers]
    return b"\r\n".join([*lines, _REQUEST_ID])
