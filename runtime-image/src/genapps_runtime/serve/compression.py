# SPDX-License-Identifier: Apache-2.0
"""gzip: what is worth it, and for how long the loop may stand still for it."""

import re
import zlib

COMPRESSED_FROM = 1024
"""Bytes. A shorter body fits into one packet with its head, compressed or not."""
COMPRESSED_TO = 1024 * 1024
"""Bytes. A longer body goes out as it is: compressing it would keep every other request waiting."""
_FAST_FROM = 64 * 1024
_LEVEL, _FAST_LEVEL = 5, 1
"""1 MiB of text takes about 10 ms at the level 1, and three times that at the level 5."""
_GZIP = 31
"""`wbits` of zlib for the form of gzip. It has no time and no name in it: equal bodies stay equal."""
_TYPE = re.compile(
    rb"(?:text/(?!event-stream)|image/svg\+xml|application/(?:json|javascript|xml|wasm|manifest\+json"
    rb"|vnd\.ms-fontobject|[a-z0-9.-]+\+(?:json|xml)|x-ndjson)|font/[ot]tf)",
    re.IGNORECASE,
)


def is_worth_it(content_type: bytes, size: int) -> bool:
    """Whether a body of this type and size (in bytes) may be compressed: images and archives are already."""
    return COMPRESSED_FROM <= size <= COMPRESSED_TO and _TYPE.match(content_type) is not None


def compressed(body: bytes) -> bytes | None:
    """The body in gzip; None when that is no shorter."""
    level = _LEVEL if len(body) < _FAST_FROM else _FAST_LEVEL
    shorter = zlib.compress(body, level, wbits=_GZIP)
    return shorter if len(shorter) < len(body) else None
