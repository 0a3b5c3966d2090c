# SPDX-License-Identifier: Apache-2.0
"""Requests as bytes, what is answered, and what the app sees: conformance to RFC 9110 and 9112, and smuggling.

A case that ends with `NEXT` shows that the server and a proxy in front of it agree where the request ends.
"""

from dataclasses import dataclass

HOST = b"host: a\r\n"
GET = b"GET /one HTTP/1.1\r\n" + HOST
POST = b"POST /one HTTP/1.1\r\n" + HOST
CODING = b"transfer-encoding: chunked\r\n\r\n"
CHUNKED = POST + CODING
FIVE = b"content-length: 5\r\n\r\nhello"
UPGRADE = b"connection: upgrade\r\nupgrade: a\r\n"
NEXT = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAA\r\n"
IN_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER)
HELLO = b"5\r\nhello\r\n0\r\n\r\n"

Seen = tuple[str, str, bytes]
"""Method, path and body."""
ONE: Seen = ("GET", "/one", b"")
LONG: Seen = ("GET", "/" + "x" * 3000, b"")
AFTER: Seen = ("GET", "/next", b"")


@dataclass(frozen=True)
class Case:
    """`statuses` are of final replies; after the last one the connection is closed if `closed`."""

    name: str
    sent: bytes
    statuses: list[int]
    seen: list[Seen]
    closed: bool = False


def served(name: str, sent: bytes, *seen: Seen, closed: bool = False) -> Case:
    """Every request of `sent` is answered by the app."""
    return Case(name, sent, [200] * len(seen), list(seen), closed)


def refused(name: str, sent: bytes, status: int = 400) -> Case:
    """The first request is refused, nothing behind it is looked at, and the connection ends."""
    return Case(name, sent, [status], [], closed=True)


def posted(body: bytes) -> Seen:
    return ("POST", "/one", body)


CASES = [
    served("a request and another", GET + b"\r\n" + NEXT, ONE, AFTER),
    served("empty lines before a request", b"\r\n\r\n" + GET + b"\r\n", ONE),
    # Host
    refused("two hosts", GET + HOST + b"\r\n" + NEXT),
    refused("two hosts that differ", GET + b"Host: b\r\n\r\n" + NEXT),
    refused("no host", b"GET /one HTTP/1.1\r\n\r\n" + NEXT),
    refused("a host with a path", b"GET /one HTTP/1.1\r\nhost: a/b\r\n\r\n" + NEXT),
    refused("a host with a user", b"GET /one HTTP/1.1\r\nhost: u@a\r\n\r\n" + NEXT),
    refused("a list of hosts", b"GET /one HTTP/1.1\r\nhost: a, b\r\n\r\n" + NEXT),
    served("a host with a port", b"GET /one HTTP/1.1\r\nhost: a-b.c_d:8080\r\n\r\n", ONE),
    served("a host that is an address", b"GET /one HTTP/1.1\r\nhost: [fd00::1]:80\r\n\r\n", ONE),
    served("an empty host", b"GET /one HTTP/1.1\r\nhost:\r\n\r\n", ONE),
    served("HTTP/1.0 without a host", b"GET /one HTTP/1.0\r\n\r\n", ONE, closed=True),
    refused("HTTP/1.0 with two hosts", b"GET /one HTTP/1.0\r\n" + HOST + HOST + b"\r\n"),
    # Target
    served("an absolute target", b"GET http://b/one?x HTTP/1.1\r\nhost: a\r\n\r\n" + NEXT, ONE, AFTER),
    served("an absolute target without a path", b"GET http://b HTTP/1.1\r\nhost: a\r\n\r\n", ("GET", "/", b"")),
    served("an absolute target with a query only", b"GET HTTPS://b?x HTTP/1.1\r\nhost: a\r\n\r\n", ("GET", "/", b"")),
    refused("an absolute target without a host field", b"GET http://b/one HTTP/1.1\r\n\r\n"),
    refused("an absolute target with a user", b"GET http://u@b/one HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("another scheme", b"GET ftp://b/one HTTP/1.1\r\nhost: a\r\n\r\n"),
    served("the server itself", b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", ("OPTIONS", "*", b"")),
    refused("a star for another method", b"GET * HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a tunnel", b"CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n\r\n" + NEXT),
    refused("an authority for another method", b"GET b:443 HTTP/1.1\r\nhost: b\r\n\r\n"),
    refused("a fragment", b"GET /one#two HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a target that is not ASCII", b"GET /\xc3\xa9 HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a control character in the target", b"GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n"),
    refused("a space in the target", b"GET /one two HTTP/1.1\r\nhost: a\r\n\r\n"),
    served("two slashes", b"GET //b/one HTTP/1.1\r\nhost: a\r\n\r\n", ("GET", "//b/one", b"")),
    served("an escaped path", b"GET /%c3%A9%2fb HTTP/1.1\r\nhost: a\r\n\r\n", ("GET", "/é/b", b"")),
    # Version
    refused("HTTP/0.9", b"GET /one\r\n\r\n"),
    refused("HTTP/2 in words", b"GET /one HTTP/2.0\r\nhost: a\r\n\r\n"),
    refused("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("HTTP/1.2", b"GET /one HTTP/1.2\r\nhost: a\r\n\r\n"),
    refused("HTTP/01.1", b"GET /one HTTP/01.1\r\nhost: a\r\n\r\n"),
    refused("http/1.1", b"GET /one http/1.1\r\nhost: a\r\n\r\n"),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    refused("a method in lower case", b"get /one HTTP/1.1\r\nhost: a\r\n\r\n"),
    # Lines and fields
    refused("lines that end in LF", b"GET /one HTTP/1.1\nhost: a\n\n"),
    refused("lines that end in CR", b"GET /one HTTP/1.1\rhost: a\r\r"),
    refused("a field that ends in LF", GET + b"x: y\nz: w\r\n\r\n"),
    refused("a CR in a field", GET + b"x: y\rz\r\n\r\n"),
    refused("a head that ends in LF", GET + b"\n"),
    refused("a folded field", GET + b"x: y\r\n z\r\n\r\n"),
    refused("a folded length", POST + b"content-length:\r\n 5\r\n\r\nhello"),
    refused("a space before the first field", b"GET /one HTTP/1.1\r\n host: a\r\n\r\n"),
    refused("a space before the colon", GET + b"content-length : 5\r\n\r\nhello"),
    refused("a tab before the colon", GET + b"x\t: 5\r\n\r\n"),
    refused("a field without a colon", GET + b"x\r\n\r\n"),
    refused("a field without a name", GET + b": x\r\n\r\n"),
    refused("a name that is no token", GET + b"x(y): z\r\n\r\n"),
    refused("a name that is not ASCII", GET + b"\xc3\xa9: z\r\n\r\n"),
    refused("NUL in a value", GET + b"x: y\0z\r\n\r\n"),
    refused("a control character in a value", GET + b"x: y\x01z\r\n\r\n"),
    refused("DEL in a value", GET + b"x: y\x7fz\r\n\r\n"),
    served("a tab and Latin-1 in a value", GET + b"x: y\t\xe9\r\n\r\n", ONE),
    served("an empty value", GET + b"x:\r\ny: \r\n\r\n", ONE),
    # Length of the body
    served("a length", POST + FIVE + NEXT, posted(b"hello"), AFTER),
    served("a body that is a request", POST + b"content-length: %d\r\n\r\n" % len(INNER) + INNER, posted(INNER)),
    served("no length, no body", POST + b"\r\n" + NEXT, posted(b""), AFTER),
    served("a length of zero", POST + b"content-length: 0\r\n\r\n" + NEXT, posted(b""), AFTER),
    served("a GET with a body", GET + FIVE + NEXT, ("GET", "/one", b"hello"), AFTER),
    served("zeros before a length", POST + b"content-length: 005\r\n\r\nhello" + NEXT, posted(b"hello"), AFTER),
    refused("a length twice", POST + b"content-length: 5\r\n" + FIVE + NEXT),
    refused("two lengths", POST + b"content-length: 5\r\ncontent-length: 0\r\n\r\nhello" + NEXT),
    refused("a list of lengths", POST + b"content-length: 5, 5\r\n\r\nhello" + NEXT),
    refused("a length with a sign", POST + b"content-length: +5\r\n\r\nhello" + NEXT),
    refused("a length below zero", POST + b"content-length: -1\r\n\r\nhello" + NEXT),
    refused("a hexadecimal length", POST + b"content-length: 0x5\r\n\r\nhello" + NEXT),
    refused("an empty length", POST + b"content-length:\r\n\r\nhello" + NEXT),
    refused("a length with an underscore", POST + b"content-length: 1_0\r\n\r\nhellohello" + NEXT),
    refused("a length beyond 64 bits", POST + b"content-length: 18446744073709551621\r\n\r\nhello" + NEXT),
    refused("a length and chunks", POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + HELLO + NEXT),
    refused("chunks and a length", POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n" + HELLO + NEXT),
    refused("a body that is too large", POST + b"content-length: 1001\r\n\r\n" + NEXT, 413),
    served("the largest body", POST + b"content-length: 1000\r\n\r\n" + b"x" * 1000 + NEXT, posted(b"x" * 1000), AFTER),
    # Chunks
    served("chunks", CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n" + NEXT, posted(b"hello"), AFTER),
    served("chunks in capitals", POST + b"Transfer-Encoding: Chunked\r\n\r\n" + HELLO + NEXT, posted(b"hello"), AFTER),
    served("chunk extensions", CHUNKED + b'5;name="v";x\r\nhello\r\n0;last\r\n\r\n' + NEXT, posted(b"hello"), AFTER),
    served("a last chunk of many zeros", CHUNKED + b"5\r\nhello\r\n000\r\n\r\n" + NEXT, posted(b"hello"), AFTER),
    served("a chunked request in a chunk", CHUNKED + IN_CHUNK + NEXT, posted(INNER), AFTER),
    refused("gzip before chunks", POST + b"transfer-encoding: gzip, chunked\r\n\r\n" + HELLO + NEXT),
    refused("gzip in another field", POST + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + HELLO),
    refused("chunks twice", POST + b"transfer-encoding: chunked, chunked\r\n\r\n" + HELLO + NEXT),
    refused("chunks in two fields", POST + b"transfer-encoding: chunked\r\n" * 2 + b"\r\n" + HELLO + NEXT),
    refused("chunks not last", POST + b"transfer-encoding: chunked, gzip\r\n\r\n" + HELLO + NEXT),
    refused("a coding that only ends in chunked", POST + b"transfer-encoding: xchunked\r\n\r\n" + HELLO + NEXT),
    refused("a list that begins with a comma", POST + b"transfer-encoding: ,chunked\r\n\r\n" + HELLO + NEXT),
    refused("identity", POST + b"transfer-encoding: identity\r\n\r\nhello" + NEXT),
    refused("an empty coding", POST + b"transfer-encoding:\r\n\r\n" + HELLO + NEXT),
    refused("a vertical tab before the coding", POST + b"transfer-encoding: \x0bchunked\r\n\r\n" + HELLO + NEXT),
    refused("chunks in HTTP/1.0", b"POST /one HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + HELLO),
    refused("a chunk size with 0x", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a chunk size with a sign", CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a chunk size below zero", CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a chunk size beyond 64 bits", CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a space behind a chunk size", CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a chunk size that ends in LF", CHUNKED + b"5\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a chunk extension with LF", CHUNKED + b"5;a\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a chunk longer than its size", CHUNKED + b"4\r\nhello\r\n0\r\n\r\n" + NEXT),
    refused("a chunk that ends in LF", CHUNKED + b"5\r\nhello\n0\r\n\r\n" + NEXT),
    refused("chunks that turn out too large", CHUNKED + (b"1f4\r\n" + b"x" * 500 + b"\r\n") * 3 + b"0\r\n\r\n", 413),
    # Trailers
    served(
        "a trailer",
        CHUNKED[:-2] + b"x: head\r\n\r\n5\r\nhello\r\n0\r\nx: trailer\r\ny: z\r\n\r\n" + NEXT, posted(b"hello"), AFTER,
    ),
    served("a host in a trailer", CHUNKED + b"5\r\nhello\r\n0\r\nhost: b\r\n\r\n" + NEXT, posted(b"hello"), AFTER),
    served(
        "an upgrade in a trailer",
        CHUNKED + b"5\r\nhello\r\n0\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n" + NEXT, posted(b"hello"), AFTER,
    ),
    refused("a length in a trailer", CHUNKED + b"5\r\nhello\r\n0\r\ncontent-length: 3\r\n\r\n" + NEXT),
    # Offers to speak another protocol
    served("h2c and a length", POST + H2C + FIVE + NEXT, posted(b"hello"), AFTER),
    served("h2c and chunks", POST + H2C + CODING + HELLO + NEXT, posted(b"hello"), AFTER),
    served("h2c without a body", GET + H2C + b"\r\n" + NEXT, ONE, AFTER),
    served(
        "h2c and a body that is a request",
        POST + H2C + b"content-length: %d\r\n\r\n" % len(INNER) + INNER + NEXT, posted(INNER), AFTER,
    ),
    served("h2c and chunks that are a request", POST + H2C + CODING + IN_CHUNK, posted(INNER)),
    served(
        "a web socket",
        GET + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n" + NEXT, ONE, AFTER,
    ),
    served("two offers", POST + UPGRADE + b"upgrade: b\r\n" + FIVE + NEXT, posted(b"hello"), AFTER),
    served(
        "an offer that is the last request",
        POST + UPGRADE + b"connection: close\r\n" + FIVE + NEXT, posted(b"hello"), closed=True,
    ),
    refused("h2c, a length and chunks", POST + H2C + b"content-length: 5\r\n" + CODING + HELLO),
    refused("h2c and two hosts", POST + H2C + HOST + FIVE + NEXT),
    refused("h2c and gzip", POST + H2C + b"transfer-encoding: gzip, chunked\r\n\r\n" + HELLO + NEXT),
    refused("h2c and a body that is too large", POST + H2C + b"content-length: 1001\r\n\r\n" + NEXT, 413),
    served("two requests with offers", (POST + H2C + FIVE) * 2, posted(b"hello"), posted(b"hello")),
    # The end of a connection
    served("a last request", GET + b"connection: close\r\n\r\n" + NEXT, ONE, closed=True),
    served("a last request among other tokens", GET + b"connection: x, Close\r\n\r\n" + NEXT, ONE, closed=True),
    served(
        "HTTP/1.0 that would go on",
        b"GET /one HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" + NEXT, ONE, closed=True,
    ),
    Case("a good one and a bad one", GET + b"\r\n" + b"GET / HTTP/1.1\r\n\r\n" + NEXT, [200, 400], [ONE], closed=True),
    # Expectations and keys
    served(
        "an expectation whose body is there",
        POST + b"expect: 100-Continue\r\n" + FIVE + NEXT, posted(b"hello"), AFTER,
    ),
    served("an expectation without a body", GET + b"expect: 100-continue\r\n\r\n" + NEXT, ONE, AFTER),
    refused("another expectation", POST + b"expect: 200-ok\r\n" + FIVE + NEXT, 417),
    served("an expectation in HTTP/1.0", b"POST /one HTTP/1.0\r\nexpect: x\r\n" + FIVE, posted(b"hello"), closed=True),
    refused("a key of control characters", GET + b"idempotency-key: \t\xe9\r\n\r\n" + NEXT),
    refused("a key that is too long", GET + b"idempotency-key: " + b"k" * 129 + b"\r\n\r\n" + NEXT),
    refused("a key without its last quote", GET + b'idempotency-key: "k\r\n\r\n' + NEXT),
    refused("a key with parameters", POST + b'idempotency-key: "k";x=1\r\n' + FIVE + NEXT),
    refused("two keys", POST + b"idempotency-key: k\r\nidempotency-key: k\r\n" + FIVE + NEXT),
    refused("two keys of which one is empty", POST + b"idempotency-key:\r\nIdempotency-Key: k\r\n" + FIVE + NEXT),
    served("a key in quotes", POST + b'idempotency-key: "k"\r\n' + FIVE + NEXT, posted(b"hello"), AFTER),
    # Size
    refused("a large field", GET + b"x: " + b"y" * 33000 + b"\r\n\r\n" + NEXT, 431),
    refused("many fields", GET + b"x: y\r\n" * 500 + b"\r\n" + NEXT, 431),
    refused("many trailers", CHUNKED + b"0\r\n" + b"x: y\r\n" * 500 + b"\r\n" + NEXT, 431),
    served("a target of 3,000 bytes", b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", LONG),
    refused("a long target", b"GET /" + b"x" * 33000 + b" HTTP/1.1\r\nhost: a\r\n\r\n" + NEXT, 431),
]  # fmt: skip
