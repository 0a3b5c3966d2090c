# SPDX-License-Identifier: Apache-2.0
"""Attacks on what the gateway connects to, as data: what somebody does, and how it must end.

Whoever registers a connector, runs a name server, answers a call or passes an argument may be the attacker. Tests of
single parts take the lists; `test_egress` carries out every row.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from genapps.gateway.egress.messages import (
    EgressLimits,
    EgressReason,
    FailureReason,
    OutboundRequest,
    Target,
)
from genapps.gateway.egress.requests import PATH_BYTES
from tests.unit.api.test_addresses import NO_ADDRESS, PRIVATE
from tests.unit.gateway.egress.world import CHUNKED, GET, HERE, HOST, OK, START, encoded, sized

PUBLIC = "93.184.216.34"
SERVICE = "rates.team.svc"
BOUNDS = EgressLimits(seconds=20.0, body_bytes=1000, head_bytes=2000, header_count=10, decoded_ratio=10)

HOSTS = (
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.0.1", "10.1.2.3", PUBLIC,
    "1.1.1.1.", "::1", "[::1]", "::ffff:127.0.0.1", "fe80::1%eth0", "2606:4700::1111", "api.example.com.",
    ".example.com", "*.example.com", "API.example.com", "b\u00fccher.example", "\uff41pi.example.com",
    "api\u3002example\u3002com", "\u0430pi.example.com", "api_1.example.com", "localhost", "intranet",
    "user@api.example.com", "api.example.com:443", "api.example.com/x", "api.example.com#", "api.example.com\r\nx: y",
    "api.example.com\x00", "api.example.com ", "-api.example.com", "a..example.com", "", "a" * 64 + ".example.com",
    "kubernetes.default.svc", "rates.team.svc.cluster.local", "metadata.google.internal", "printer.local",
    "app.localhost", "host.localdomain", "1.0.0.127.in-addr.arpa",
)  # fmt: skip
"""No full names in lower case, or names inside."""

NO_PODS = (
    "127.0.0.1", "0.0.0.0", "0.1.2.3", "169.254.169.254", "168.63.129.16", "224.0.0.1", "255.255.255.255", "::",
    "::1", "::ffff:10.1.2.3", "::10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1", "2001::1", "fe80::1",
    "fe80::1%eth0", "fd00::1%eth0", "fec0::1", "ff02::1", "fd00:ec2::254", *NO_ADDRESS,
)  # fmt: skip
"""What a Service cannot name as its pods."""

PATHS = (
    "", "v1", "*", "http://evil.example/", "//evil.example/", "/\\evil.example/", "/a//b", "/%2fevil.example",
    "/a/../b", "/a/./b", "/..", "/a/%2e%2e/b", "/a/.%2E/b", "/a/%252e%252e/b", "/a%2f..%2fb", "/a%5c..%5cb",
    "/a/..;x=y/b", "/a/%2e%2e;/b", "/a/%EF%BC%8E%EF%BC%8E/b", "/a/%E2%80%A5/b", "/a/%c0%ae%c0%ae/b", "/a%00b",
    "/a%0d%0ab", "/a%250ab", "/a%ffb", "/a%25252525b", "/a b", "/a\tb", "/a\r\nx: y", "/a\x00b", "/a\x7fb", "/\u20ac",
    "/a#b", "/a?b#c", "/a?b c", "/a?b\r\nc", "/a?\u20ac", "/a%zz", "/a%2", "/a?b=%", "/" + "a" * PATH_BYTES,
)  # fmt: skip
"""Read by somebody as another path, another host or another request."""

HEADERS = (
    ("", "a"), ("a b", "c"), ("a:", "b"), ("a\r\nb", "c"), ("\u00e4", "b"), ("a" * 129, "b"), ("a", "b\r\nc: d"),
    ("a", "b\nc"), ("a", "b\x00"), ("a", "b\x7f"), ("a", "\u20ac"), ("a", " b"), ("a", "b\t"),
    ("Host", "evil.example"), ("HOST", "evil.example"), ("Content-Length", "0"), ("Transfer-Encoding", "chunked"),
    ("Connection", "upgrade"), ("Upgrade", "h2c"), ("Expect", "100-continue"), ("TE", "trailers"),
    ("Accept-Encoding", "br"), ("Proxy-Authorization", "Basic x"), ("Proxy-Connection", "close"),
    ("Forwarded", "for=127.0.0.1"), ("Via", "1.1 other"),
)  # fmt: skip

METHODS = ("CONNECT", "TRACE", "OPTIONS", "get", "", "GET /", "PRI")

LOCATIONS = (
    "http://169.254.169.254/latest/meta-data", "http://127.0.0.1/", "https://HOST/", "http://HOST/", "http://HOST:1/",
    "http://HOST:PORT", "http://HOST:PORT@evil.example/", "http://HOST:PORT.evil.example/", "http://user@HOST:PORT/",
    "http://HOST.:PORT/", "HTTP://HOST:PORT/", "http://RATES.team.svc:PORT/", "//evil.example/", "//HOST:PORT/",
    "/\\evil.example/", "\\\\evil.example/", "file:///etc/passwd", "javascript:alert(1)", "relative", "?a=b",
    "/a/../admin", "/a/%2e%2e/admin", "/a b", "/a#b", "/\u20ac", "",
)  # fmt: skip
"""Redirects that leave the connector's host and port (HOST, PORT), or lead to a path that no request may have."""

BROKEN_ANSWERS = (
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n", START + b"\r\n",
    START + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    START + b"content-length: 2\r\ncontent-length: 3\r\n\r\nabc", START + b"content-length: 2, 3\r\n\r\nabc",
    START + b"content-length: -2\r\n\r\nab", START + b"content-length: +2\r\n\r\nab",
    START + b"content-length: 0x2\r\n\r\nab", START + b"content-length: \xb2\r\n\r\nab",
    START + b"content-length: " + b"9" * 30 + b"\r\n\r\n",
    START + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    START + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    START + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", START + b"content-length : 2\r\n\r\nab",
    START + b"bad name: 2\r\ncontent-length: 0\r\n\r\n", START + b"x: a\x00b\r\ncontent-length: 0\r\n\r\n",
    START + b" x: continued\r\ncontent-length: 0\r\n\r\n", CHUNKED + b"-2\r\nab\r\n0\r\n\r\n",
    CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n", CHUNKED + b"2\r\nabXX0\r\n\r\n",
    CHUNKED + b"2\r\nabXX\r\n0\r\n\r\n", CHUNKED + b"2\nab\r\n0\r\n\r\n",
    CHUNKED + b"zz\r\n", CHUNKED + b"2\r\nab\r\n0\r\nbad trailer\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK,
)  # fmt: skip
"""Not one answer with a certain end."""

BROKEN_ENCODINGS = (
    encoded(b"br", b"br"), encoded(zlib.compress(b"x"), b"deflate"),
    encoded(gzip.compress(gzip.compress(b"x")), b"gzip, gzip"),
    sized(gzip.compress(b"x"), b"content-encoding: gzip", b"content-encoding: gzip"), encoded(b"no gzip"),
    encoded(zlib.compress(b"x")), encoded(gzip.compress(b"hello")[:-1]), encoded(gzip.compress(b"hello") + b"more"),
    encoded(gzip.compress(b"hello") * 2), encoded(gzip.compress(b"hello")[:-8] + b"\0" * 8),
)  # fmt: skip

LARGE_BODIES = {
    "a body beyond its bound": sized(b"x" * 1001),
    "a body that is announced too large": START + b"content-length: 1001\r\n\r\n",
    "a body without an end": CHUNKED + (b"100\r\n" + b"x" * 256 + b"\r\n") * 9,
    "a bomb of zeros": encoded(gzip.compress(b"\0" * 1_000_000)),
}

LARGE_HEADS = {
    "a head without an end": START + b"x: y\r\n" * 100_000,
    "a large head in one piece": sized(b"ok", b"x: " + b"y" * 2000),
    "many headers": sized(b"ok", *[b"x%d: y" % number for number in range(10)]),
    "a chunk extension without an end": CHUNKED + b"1;" + b"e" * 300_000,
    "a trailer without an end": CHUNKED + b"0\r\nt: " + b"e" * 300_000,
}

MOSTLY_FRAMING = {
    "a body in tiny pieces": CHUNKED + b"1\r\nx\r\n" * 9000,
    "a flood of chunk extensions": CHUNKED + (b"1;" + b"e" * 1500 + b"\r\nx\r\n") * 200,
}


@dataclass(frozen=True)
class Attack:
    """One row. The server answers with `answer`, in which PORT is its port; `names` are the answers of the name server
    to each question, the last one again and again."""

    title: str
    reason: EgressReason | FailureReason
    sent: bool
    target: Callable[[int], Target]
    """From the port of the server."""
    request: OutboundRequest = GET
    answer: bytes = OK
    names: tuple[tuple[str, ...], ...] = ((HERE,),)
    tls: str = ""
    """The name in the server's certificate; without one it speaks no TLS."""
    limits: EgressLimits = BOUNDS


def service(*addresses: str) -> Callable[[int], Target]:
    """A Service at these addresses."""
    return lambda port: Target("attacked", "http", SERVICE, port, addresses or (HERE,))


def public(host: str = HOST, scheme: str = "https") -> Callable[[int], Target]:
    """A host of the Internet."""
    return lambda port: Target("attacked", scheme, host, port)


def _targets() -> Iterator[Attack]:
    for host in HOSTS:
        yield Attack(f"the host {host!a}", EgressReason.TARGET_INVALID, False, public(host))
    for scheme in ("http", "ftp", "file", "gopher", "HTTPS", ""):
        yield Attack(f"the scheme {scheme!r}", EgressReason.TARGET_INVALID, False, public(scheme=scheme))
    # This host is the Internet of these tests.
    for address in sorted({*PRIVATE, *NO_ADDRESS} - {HERE}):
        title = f"a name that leads to {address!r}"
        yield Attack(title, EgressReason.ADDRESS_REFUSED, False, public(), names=((address,),))
    for address in PRIVATE[::4]:
        title = f"a name that leads to {address} beside a public address"
        yield Attack(title, EgressReason.ADDRESS_REFUSED, False, public(), names=((HERE, address),))
    for address in sorted({*NO_PODS} - {HERE}):
        yield Attack(f"a Service at {address!r}", EgressReason.ADDRESS_REFUSED, False, service(HERE, address))
    yield Attack("a name without an address", EgressReason.NAME_NOT_RESOLVED, False, public(), names=((),))
    yield Attack("another certificate", FailureReason.TLS_FAILED, False, public(), tls="other.example.com")
    brief = replace(BOUNDS, connect_seconds=0.05)
    yield Attack("a server that begins no TLS", FailureReason.TIMED_OUT, False, public(), limits=brief)


def _requests() -> Iterator[Attack]:
    for path in PATHS:
        yield Attack(f"the path {path[:40]!a}", EgressReason.REQUEST_INVALID, False, service(), replace(GET, path=path))
    for header in HEADERS:
        title = f"the header {header[0][:20]!a} of {header[1]!a}"
        yield Attack(title, EgressReason.REQUEST_INVALID, False, service(), replace(GET, headers=(header,)))
    for method in METHODS:
        request = OutboundRequest(method, "/")
        yield Attack(f"the method {method!r}", EgressReason.REQUEST_INVALID, False, service(), request)


def _redirects() -> Iterator[Attack]:
    following = replace(BOUNDS, redirects=3)
    for location in LOCATIONS:
        answer = redirect(location.replace("HOST", SERVICE))
        title = f"a redirect to {location!a}"
        yield Attack(title, EgressReason.REDIRECT_REFUSED, True, service(), answer=answer, limits=following)
    elsewhere = replace(_answered("", EgressReason.REDIRECT_REFUSED, redirect("/other")), limits=following)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        yield replace(elsewhere, title=f"a redirect of a {method}", request=OutboundRequest(method, "/"))
    yield replace(elsewhere, title="redirects without an end")
    yield Attack(
        "a redirect after which the name leads inside", EgressReason.ADDRESS_REFUSED, True, public(),
        answer=redirect("/other"), names=((HERE,), ("169.254.169.254",)), tls=HOST, limits=following,
    )  # fmt: skip


def _answers() -> Iterator[Attack]:
    for answer in BROKEN_ANSWERS:
        yield _answered(f"the answer {answer[:80]!r}", FailureReason.MALFORMED, answer)
    for answer in BROKEN_ENCODINGS:
        yield _answered(f"the encoded answer {answer[:60]!r}", FailureReason.ENCODING_INVALID, answer)
    for title, answer in LARGE_BODIES.items():
        yield _answered(title, FailureReason.BODY_TOO_LARGE, answer)
    for title, answer in LARGE_HEADS.items():
        yield _answered(title, FailureReason.HEAD_TOO_LARGE, answer)
    wide = replace(BOUNDS, body_bytes=1_000_000)
    for title, answer in MOSTLY_FRAMING.items():
        yield replace(_answered(title, FailureReason.MALFORMED, answer), limits=wide)
    slow = replace(BOUNDS, seconds=0.05)
    yield replace(_answered("an answer that does not go on", FailureReason.TIMED_OUT, START), limits=slow)


def redirect(location: str, status: int = 302) -> bytes:
    """To another place."""
    return f"HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()


def _answered(title: str, reason: EgressReason | FailureReason, answer: bytes) -> Attack:
    return Attack(title, reason, True, service(), answer=answer)


ATTACKS = (*_targets(), *_requests(), *_redirects(), *_answers())
