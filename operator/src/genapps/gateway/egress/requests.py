# SPDX-License-Identifier: Apache-2.0
"""What a request must look like, so that every server and proxy reads it as we do.

Arguments of apps are in paths, headers and bodies. The parts that build requests encode them; this is the check that
holds when one of them forgets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from genapps.gateway.egress.messages import OutboundRequest

PATH_BYTES = 8 * 1024
HEADERS = 64
HEADER_BYTES = 32 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
# What the gateway writes itself, or what would change how the rest is read.
_OWN_HEADERS = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "forwarded", "host", "http2-settings",
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "via",
    }
)  # fmt: skip
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}\Z")
# No escapes, no empty segments, and none that begin with a dot: nearly all paths.
_SIMPLE_PATH = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9_~!$&'()*+,=:@.-]*+)++/?\Z|/\Z")
_QUERY = re.compile(r"[!$-~]*+\Z")
_ESCAPED = re.compile(r"[!$-\[\]-~]*+\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DECODINGS = 3


def request_fault(request: OutboundRequest) -> str | None:
    """What is wrong with it, in words that quote nothing of it; None for nothing."""
    if request.method not in _METHODS:
        return "the method is not allowed"
    if request.body and request.method in ("GET", "HEAD"):
        return "a GET or HEAD has no body"
    return path_fault(request.path) or _headers_fault(request.headers)


def path_fault(path: str) -> str | None:
    """What is wrong with a path and query.

    >>> path_fault("/v1/rates?from=CHF"), path_fault("/v1/%2e%2e/admin")
    (None, 'the path leads upwards')
    """
    if len(path) > PATH_BYTES:
        return f"the path has more than {PATH_BYTES} bytes"
    path, _, query = path.partition("?")
    if not _QUERY.match(query) or _BAD_ESCAPE.search(query):
        return "the query has characters that must be escaped"
    if _SIMPLE_PATH.match(path):
        return None
    if not path.startswith("/"):
        return "the path does not begin with /"
    if not _ESCAPED.match(path) or _BAD_ESCAPE.search(path):
        return "the path has characters that must be escaped"
    return _segments_fault(path)


def _segments_fault(path: str) -> str | None:
    """Servers decode once, some twice, and some take what looks like a dot for one: all readings must be harmless."""
    for _ in range(_DECODINGS):
        if "//" in path:
            return "the path has an empty segment"
        if "\\" in path or any(unicodedata.category(character) == "Cc" for character in path):
            return "the path hides a backslash or a control character"
        if any(_leads_upwards(segment) for segment in path.split("/")):
            return "the path leads upwards"
        try:
            decoded = unquote_to_bytes(path).decode()
        except UnicodeDecodeError:
            return "the path is not UTF-8"
        if decoded == path:
            return None
        path = unicodedata.normalize("NFKC", decoded)
    return "the path is escaped again and again"


def _leads_upwards(segment: str) -> bool:
    return segment.partition(";")[0] in (".", "..")


def _headers_fault(headers: Iterable[tuple[str, str]]) -> str | None:
    seen: set[str] = set()
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        if not _HEADER_NAME.match(name):
            return "a header's name is none"
        lower = name.lower()
        if lower in _OWN_HEADERS or lower.startswith("proxy-"):
            return f"the header {lower} is the gateway's own"
        if lower in seen:  # which one a server takes is its own choice: the app's, in place of the credential
            return f"the header {lower} is there twice"
        if not value.isascii() or not value.isprintable() or value != value.strip():
            return f"the header {lower} has characters that a header cannot hold"
        seen.add(lower)
    if len(seen) > HEADERS or size > HEADER_BYTES:
        return f"there are more than {HEADERS} headers or {HEADER_BYTES} bytes of them"
    return None
