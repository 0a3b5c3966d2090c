# SPDX-License-Identifier: Apache-2.0
"""Reads one HTTP/1 answer from bytes as they come, and takes only what can be read in one way.

Refused are: a folded header, a line that does not end in CR LF, two lengths or none, another coding than chunks, and
heads or frames beyond their bounds. A body that lasts until the connection closes cannot be told from one that was
cut, so it is no answer either. Whatever is taken here, h11 reads in the same way; a test compares them.
"""

from __future__ import annotations

import re
from typing import NoReturn

from genapps.gateway.egress.messages import EgressLimits, FailureReason, UpstreamFailedError

# Each repetition is possessive: what a hostile server sends is read once.
_TEXT = r"[\t -~\x80-\xff]*+"
_FIELDS = rf"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:{_TEXT}\r\n)*+"
_HEAD = re.compile(rf"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: {_TEXT})?\r\n({_FIELDS})")
_TRAILER = re.compile(_FIELDS)
_CHUNK = re.compile(rf"([0-9A-Fa-f]{{1,16}})[ \t]*(?:;{_TEXT})?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_BODYLESS = (204, 304)
_SWITCHED = 101
_INTERIM_ANSWERS = 8
_FRAMING_BYTES = 64 * 1024
_FREE_PIECES = 8 * 1024
_BYTES_A_PIECE = 16


class Answer:
    """Of a request with the method. Its methods raise UpstreamFailedError."""

    def __init__(self, method: str, limits: EgressLimits) -> None:
        self._method = method
        self._limits = limits
        self._data = b""
        self._at = 0
        self._interim = 0
        self._keeps = False
        self._ended = False
        self._chunked = False
        self._left = 0
        """Of the body, or of the chunk."""
        self._after_chunk = False
        self._trailers = False
        self._body = 0
        self._framing = 0
        self._pieces = 0

    @property
    def ends_here(self) -> bool:
        """It is complete, and nothing follows it."""
        return self._ended and self._at == len(self._data)

    @property
    def reusable(self) -> bool:
        """The same, and the server keeps the connection."""
        return self.ends_here and self._keeps

    def receive(self, data: bytes) -> None:
        """The next bytes; `head` or `piece` has asked for them."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def head(self) -> tuple[int, dict[str, str]] | None:
        """Status and headers; None: more bytes are needed."""
        while True:
            end = self._data.find(b"\r\n\r\n", self._at)
            size = (end if end >= 0 else len(self._data)) - self._at
            if size > self._limits.head_bytes:
                _fail(FailureReason.HEAD_TOO_LARGE, f"the head has more than {self._limits.head_bytes} bytes")
            if end < 0:
                return None
            status, version, headers = self._parse(self._data[self._at : end + 2].decode("latin-1"))
            self._at = end + 4
            if status >= 200:
                self._frame(status, version, headers)
                return status, headers
            self._interim += 1
            if status == _SWITCHED or self._interim > _INTERIM_ANSWERS:
                _fail(FailureReason.MALFORMED, "too many interim answers, or another protocol")

    def piece(self) -> bytes | None:
        """The next bytes of the body; none of them: more bytes are needed; None: the body is complete."""
        if self._left == 0 and self._chunked:
            self._next_chunk()
        if self._ended:
            return None
        if self._left == 0:
            return b""
        data = self._data[self._at : self._at + self._left]
        self._at += len(data)
        self._left -= len(data)
        self._body += len(data)
        self._ended = self._left == 0 and not self._chunked
        if data:
            # A body in tiny pieces costs much more than its bytes say.
            self._pieces += 1
            if self._pieces > _FREE_PIECES + self._body // _BYTES_A_PIECE:
                _fail(FailureReason.MALFORMED, "the body comes in too many pieces")
        return data

    def _parse(self, head: str) -> tuple[int, str, dict[str, str]]:
        parts = _HEAD.fullmatch(head)
        if parts is None:
            _fail(FailureReason.MALFORMED, "the answer is not HTTP")
        lines = parts[3].split("\r\n")
        if len(lines) - 1 > self._limits.header_count:
            _fail(FailureReason.HEAD_TOO_LARGE, f"there are more than {self._limits.header_count} headers")
        headers: dict[str, str] = {}
        for line in lines[:-1]:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return int(parts[2]), parts[1], headers

    def _frame(self, status: int, version: str, headers: dict[str, str]) -> None:
        """Where the body ends. Equal names are joined by a comma, so whatever comes twice fits no pattern here."""
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        if length is not None and not _LENGTH.fullmatch(length):
            _fail(FailureReason.MALFORMED, "the length is none")
        if coding is not None and (length is not None or coding.lower() != "chunked" or version == "0"):
            _fail(FailureReason.MALFORMED, "the body has two lengths, or another coding than chunks")
        self._keeps = version == "1" and "close" not in headers.get("connection", "").lower()
        if self._method == "HEAD" or status in _BODYLESS:
            self._ended = True
        elif coding is not None:
            self._chunked = True
        elif length is None:
            _fail(FailureReason.MALFORMED, "the body ends only with the connection")
        elif int(length) > self._limits.body_bytes:
            _fail(FailureReason.BODY_TOO_LARGE, f"the body has more than {self._limits.body_bytes} bytes")
        else:
            self._left = int(length)
            self._ended = self._left == 0

    def _next_chunk(self) -> None:
        """To the data of the next chunk, or to the end, or as far as the bytes reach."""
        while not self._ended and (line := self._line()) is not None:
            if self._after_chunk:
                if line:
                    _fail(FailureReason.MALFORMED, "a chunk is longer than it says")
                self._after_chunk = False
            elif self._trailers:
                if not _TRAILER.fullmatch(f"{line}\r\n" if line else ""):
                    _fail(FailureReason.MALFORMED, "a trailer is none")
                self._ended = not line
            else:
                size = _CHUNK.fullmatch(line)
                if size is None:
                    _fail(FailureReason.MALFORMED, "a chunk has no size")
                self._left = int(size[1], 16)
                self._after_chunk = self._left > 0
                self._trailers = self._left == 0
                if self._left:
                    return

    def _line(self) -> str | None:
        """The next line of framing; None: more bytes are needed."""
        end = self._data.find(b"\r\n", self._at)
        size = (end if end >= 0 else len(self._data)) - self._at
        if size > self._limits.head_bytes:
            _fail(FailureReason.HEAD_TOO_LARGE, f"a line has more than {self._limits.head_bytes} bytes")
        if end < 0:
            return None
        line = self._data[self._at : end].decode("latin-1")
        self._at = end + 2
        self._framing += size + 2
        if self._framing > _FRAMING_BYTES + self._body:
            _fail(FailureReason.MALFORMED, "the answer is mostly framing")
        return line


def _fail(reason: FailureReason, detail: str) -> NoReturn:
    raise UpstreamFailedError(reason, detail, sent=True)
