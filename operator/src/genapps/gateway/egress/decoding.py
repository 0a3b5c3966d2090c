# SPDX-License-Identifier: Apache-2.0
"""A body as it was meant: gzip is undone piece by piece, within bounds. Nothing else is asked for or taken."""

from __future__ import annotations

import zlib

from genapps.gateway.egress.messages import FailureReason, UpstreamFailedError

OFFERED = "gzip"
"""The value of Accept-Encoding."""
SLICE_BYTES = 64 * 1024
"""Decoded at once. The rest stays as small as it came, for nobody may take it yet."""
_FREE_BYTES = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class Decoder:
    """Of one body. Raises UpstreamFailedError when a bound is passed or the body is not whole."""

    def __init__(self, encoding: str, body_bytes: int, ratio: int) -> None:
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise _failed(FailureReason.ENCODING_INVALID, "the body is encoded in a way that was not asked for")
        self._gzip = zlib.decompressobj(_GZIP) if encoding.endswith("gzip") else None
        self._limit = body_bytes
        self._ratio = ratio
        self._arrived = 0
        self._decoded = 0
        self.holds = False
        """Whether what was fed may mean more than was given: `feed(b"")` gives the next slice."""

    def feed(self, data: bytes) -> bytes:
        """What the next bytes of the body mean; of compressed ones a slice."""
        self._arrived += len(data)
        if self._arrived > self._limit:
            raise _failed(FailureReason.BODY_TOO_LARGE, f"the body has more than {self._limit} bytes")
        if self._gzip is None:
            return data
        room = min(self._limit, _FREE_BYTES + self._ratio * self._arrived) - self._decoded
        most = min(room + 1, SLICE_BYTES)
        try:
            decoded = self._gzip.decompress(self._gzip.unconsumed_tail + data, most)
        except zlib.error:
            raise _failed(FailureReason.ENCODING_INVALID, "the body is no gzip") from None
        if len(decoded) > room:
            raise _failed(FailureReason.BODY_TOO_LARGE, "the body grows beyond its bounds when it is decompressed")
        if self._gzip.unused_data:
            raise _failed(FailureReason.ENCODING_INVALID, "something follows the compressed body")
        self._decoded += len(decoded)
        self.holds = len(decoded) == most
        return decoded

    def end(self) -> None:
        """The body is complete: so must be what it holds."""
        if self._gzip is not None and self._arrived and not self._gzip.eof:
            raise _failed(FailureReason.ENCODING_INVALID, "the compressed body is cut off")


def _failed(reason: FailureReason, detail: str) -> UpstreamFailedError:
    return UpstreamFailedError(reason, detail, sent=True)
