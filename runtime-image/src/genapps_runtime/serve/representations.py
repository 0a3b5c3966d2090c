# SPDX-License-Identifier: Apache-2.0
"""Which form of an app's reply a caller gets: without a body when they have it, in gzip when they ask for that.

Files have their own forms (`static.files`).
"""

from genapps_runtime.serve.compression import COMPRESSED_FROM, compressed, is_worth_it
from genapps_runtime.serve.messages import SAFE, Headers, Reply, Request
from genapps_runtime.serve.static.encodings import chosen
from genapps_runtime.serve.static.preconditions import is_any

_WITHOUT_BODY = frozenset({204, 206, 304})
_OF_THE_BODY = frozenset(
    {b"content-disposition", b"content-encoding", b"content-language", b"content-range", b"content-type"}
)
"""Fields that say nothing where there is no body."""
_AS_IT_IS = frozenset(
    {b"content-digest", b"content-encoding", b"content-md5", b"content-range", b"digest", b"repr-digest", b"set-cookie"}
)
"""Fields that speak of the body's bytes, or of a secret that begins with this reply."""


def may_differ(reply: Reply) -> bool:
    """Whether a caller could get another form of this reply. Most are short and have a Content-Type only."""
    return len(reply.headers) > 1 or len(reply.body) >= COMPRESSED_FROM


def represented(request: Request, reply: Reply) -> Reply:
    """The reply in the form that this caller gets."""
    fields = joined(reply.headers)
    tag = fields.get(b"etag", b"")
    if tag and reply.status == 200 and request.method in SAFE:
        asked = field(request, b"if-none-match")
        if asked is not None and is_any(asked, tag.removeprefix(b"W/"), weak=True):
            return Reply(304, [header for header in reply.headers if header[0] not in _OF_THE_BODY], b"")
    if not _may_be_compressed(reply, fields):
        return reply
    headers = varying(reply.headers, b"accept-encoding")
    body = compressed(reply.body) if _wants_gzip(request) else None
    if body is None:
        return Reply(reply.status, headers, reply.body)
    # Equal in meaning and not byte by byte: a strong tag would promise that.
    headers = [(name, _weak(value) if name == b"etag" else value) for name, value in headers]
    return Reply(reply.status, [*headers, (b"content-encoding", b"gzip")], body)


def field(request: Request, name: bytes) -> bytes | None:
    """The values of a request's header, combined as RFC 9110 says; None without it."""
    values = [value for known, value in request.headers if known == name]
    return b", ".join(values) if values else None


def joined(headers: Headers) -> dict[bytes, bytes]:
    """Headers by name; the values of a name that comes several times are combined."""
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def varying(headers: Headers, name: bytes) -> Headers:
    """The headers, with a Vary that names `name` too."""
    known = joined(headers).get(b"vary", b"")
    names = {one.strip() for one in known.lower().split(b",")}
    if b"*" in names or name in names:
        return headers
    others = [header for header in headers if header[0] != b"vary"]
    return [*others, (b"vary", known + b", " + name if known else name)]


def _may_be_compressed(reply: Reply, fields: dict[bytes, bytes]) -> bool:
    """Whether callers who ask for gzip get it, for all that the app has said."""
    return (
        is_worth_it(fields.get(b"content-type", b""), len(reply.body))
        and reply.status not in _WITHOUT_BODY
        and _AS_IT_IS.isdisjoint(fields)
        and b"no-transform" not in fields.get(b"cache-control", b"").lower()
    )


def _wants_gzip(request: Request) -> bool:
    """Whether the caller asks for gzip. A page of another site is not obeyed: with the length of a compressed answer it
    could guess, text by text, a secret in it (BREACH). Browsers say where a request comes from."""
    accepted = field(request, b"accept-encoding")
    if accepted is None or chosen(accepted, ("gzip",)) is None:
        return False
    return (field(request, b"sec-fetch-site") or b"").lower() != b"cross-site"


def _weak(tag: bytes) -> bytes:
    return tag if tag.startswith(b"W/") else b"W/" + tag
