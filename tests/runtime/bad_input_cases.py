# SPDX-License-Identifier: Apache-2.0
"""Requests that nobody should send: what is answered to each, and whether it changed anything."""

from dataclasses import dataclass

HOST = b"host: app\r\n"
CLOSE = b"connection: close\r\n"
MIB = 1024 * 1024
INVALID, TOO_LARGE = (400, "RequestInvalid"), (413, "RequestTooLarge")
HEAD_TOO_LARGE = (431, "HeadTooLarge")
OK = (200, "")

Answered = tuple[int, str]
"""Status, and the code of a problem."""


@dataclass(frozen=True)
class Case:
    """`sent` are the bytes of one connection. `writes` is by how much the app's counter has grown afterwards.

    `end` says how the caller goes: they wait, they send no more (`eof`), or they reset the connection (`reset`).
    """

    name: str
    sent: bytes
    answers: tuple[Answered, ...]
    writes: int = 0
    end: str = "wait"


def get(target: bytes, *headers: bytes, close: bytes = CLOSE) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + close + b"".join(one + b"\r\n" for one in headers) + b"\r\n"


def post(body: bytes, *headers: bytes, target: bytes = b"/count", close: bytes = CLOSE) -> bytes:
    length = b"content-length: %d\r\n" % len(body)
    lines = b"".join(one + b"\r\n" for one in headers)
    return b"POST " + target + b" HTTP/1.1\r\n" + HOST + close + length + lines + b"\r\n" + body


def posted(rest: bytes) -> bytes:
    """A head as far as the host, and what follows."""
    return b"POST /count HTTP/1.1\r\n" + HOST + rest


def chunked(rest: bytes, *headers: bytes, target: bytes = b"/count") -> bytes:
    lines = b"".join(one + b"\r\n" for one in (b"transfer-encoding: chunked", *headers))
    return b"POST " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + lines + b"\r\n" + rest


def key(name: str, value: bytes) -> Case:
    """A key that is none."""
    return Case(f"key: {name}", post(b"", b"idempotency-key: " + value), (INVALID,))


def refused(name: str, sent: bytes, *answers: Answered) -> Case:
    return Case(name, sent, answers or (INVALID,))


def stops(name: str, sent: bytes) -> Case:
    """A request that is never whole: nobody answers, and nothing is begun."""
    return Case(f"stops {name}", sent, (), end="eof")


CASES = [
    key("empty", b""),
    key("blanks", b"   "),
    key("129 characters", b"k" * 129),
    key("a tab in it", b"a\tb"),
    key("a character that is deleted", b"a\x7fb"),
    key("not ASCII", "schlüssel".encode()),
    key("a string without an end", b'"abc'),
    key("something behind a string", b'"abc" x'),
    key("parameters of a string", b'"abc";a=1'),
    key("an escape that is none", b'"a\\bc"'),
    key("an escape at the end", b'"abc\\'),
    key("an empty string", b'""'),
    key("a string of 129 characters", b'"' + b"k" * 129 + b'"'),
    key("a string that is not ASCII", '"ü"'.encode()),
    refused("key: with a zero byte", post(b"", b"idempotency-key: a\x00b")),
    refused("key: twice", post(b"", b"idempotency-key: a", b"idempotency-key: b")),
    refused("key: twice the same", post(b"", b"idempotency-key: a", b"idempotency-key: a")),
    Case("key: of 128 characters", post(b"", b"idempotency-key: " + b"k" * 128), (OK,), writes=1),
    Case(
        "key: for two different requests",
        post(b"one", b"idempotency-key: two", close=b"") + post(b"two", b"idempotency-key: two"),
        (OK, (422, "KeyReused")),
        writes=1,
    ),
    Case(
        "key: for the same request in both forms",
        post(b"one", b"idempotency-key: same", close=b"") + post(b"one", b'idempotency-key: "same"'),
        (OK, OK),
        writes=1,
    ),
    Case("key: of a GET that comes twice", get(b"/ok", b"idempotency-key: g", close=b"") + get(b"/ok"), (OK, OK)),
    # Heads
    refused("a header of 40 KiB", get(b"/ok", b"x: " + b"x" * 40_960), HEAD_TOO_LARGE),
    refused("600 headers", get(b"/ok", *[b"x: 1"] * 600), HEAD_TOO_LARGE),
    refused("a target of 40 KiB", get(b"/" + b"x" * 40_960), HEAD_TOO_LARGE),
    refused("a name with a blank", get(b"/ok", b"x y: 1")),
    refused("a header without a colon", get(b"/ok", b"xyz")),
    refused("a folded header", get(b"/ok", b"x: 1\r\n 2")),
    refused("a zero byte in a value", get(b"/ok", b"x: \x00")),
    refused("a bare CR in a value", get(b"/ok", b"x: a\rb")),
    refused("no host", b"GET /ok HTTP/1.1\r\n\r\n"),
    refused("two hosts", get(b"/ok", b"host: b")),
    refused("a host with a path", b"GET /ok HTTP/1.1\r\nhost: a/b\r\n\r\n"),
    refused("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("a version that is none", b"GET /ok HTTP/3.7\r\n" + HOST + b"\r\n"),
    refused("a method that is none", b"BREW /ok HTTP/1.1\r\n" + HOST + b"\r\n"),
    refused("a method in small letters", b"get /ok HTTP/1.1\r\n" + HOST + b"\r\n"),
    refused("CONNECT", b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n"),
    refused("a fragment", get(b"/ok#a")),
    refused("a target that is no path", get(b"ok")),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64),
    refused("an expectation that is none", post(b"", b"expect: 200-ok"), (417, "ExpectationFailed")),
    # Framing
    refused("two lengths", post(b"abc", b"content-length: 3")),
    refused("a length and chunks", chunked(b"0\r\n\r\n", b"content-length: 5")),
    refused("a negative length", posted(b"content-length: -1\r\n\r\n")),
    refused("a length with a sign", posted(b"content-length: +1\r\n\r\na")),
    refused("a length in hexadecimal", posted(b"content-length: 0x1\r\n\r\na")),
    refused("a length beyond all numbers", posted(b"content-length: " + b"9" * 40 + b"\r\n\r\n")),
    refused("a coding beside chunks", posted(b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
    refused("a chunk whose size is none", chunked(b"xyz\r\nabc\r\n0\r\n\r\n")),
    refused("a chunk without its end", chunked(b"3\r\nabcX\r\n0\r\n\r\n")),
    refused("a chunk beyond all numbers", chunked(b"f" * 20 + b"\r\nabc")),
    refused(
        "a body announced as too large", posted(CLOSE + b"content-length: %d\r\n\r\n" % (256 * MIB + 1)), TOO_LARGE
    ),
    refused("chunks that are too large", chunked(b"%x\r\n" % MIB**2 + b"x" * 2 * MIB, target=b"/json"), TOO_LARGE),
    refused("a long body to an app that wants the whole", post(b"[" * (MIB + 1), target=b"/json"), TOO_LARGE),
    Case("a long body that nobody wants", post(b"x" * (2 * MIB)), (OK,), writes=1),
    # What only looks bad
    Case("a trace that is malformed", get(b"/ok", b"traceparent: 00-0-0-00", b"tracestate: ,,=,"), (OK,)),
    Case("two traces", get(b"/ok", b"traceparent: a", b"traceparent: b"), (OK,)),
    Case("headers of the platform", get(b"/ok", b"genapps-tenant: other", b"genapps-fallback: x"), (OK,)),
    Case("a cookie that is none", get(b"/ok", b"cookie: ;;=;\xff"), (OK,)),
    Case("an encoding that is none", get(b"/ok", b"accept-encoding: ;q=x,*;q=9"), (OK,)),
    Case("a range and a date", get(b"/ok", b"range: bytes=9-1", b"if-modified-since: never"), (OK,)),
    Case("a query that is none", get(b"/ok?%ff&&==&%zz"), (OK,)),
    Case("an offer of WebSocket", get(b"/ok", b"upgrade: websocket", close=b"connection: upgrade, close\r\n"), (OK,)),
    Case("a path that leads out", get(b"/..%2f..%2fetc%2fpasswd"), ((404, "RouteNotFound"),)),
    Case("a path with a zero byte", get(b"/%00"), ((404, "RouteNotFound"),)),
    Case("a path that is no UTF-8", get(b"/%ff%zz"), ((404, "RouteNotFound"),)),
    Case("another method", post(b"", target=b"/ok"), ((405, "MethodNotAllowed"),)),
    Case("a body that is no JSON", post(b"{", target=b"/json"), ((400, "BadRequest"),)),
    Case("a body that is no UTF-8", post(b"\xff\xfe", target=b"/json"), ((400, "BadRequest"),)),
    Case("JSON of 100,000 levels", post(b"[" * 100_000, target=b"/json"), ((400, "BadRequest"),)),
    # Callers who go away
    stops("before anything", b""),
    stops("in the first line", b"POST /cou"),
    stops("in a header", b"POST /count HTTP/1.1\r\nhos"),
    stops("before the end of the head", b"POST /count HTTP/1.1\r\n" + HOST),
    stops("before the body", post(b"12345")[:-5]),
    stops("in the body", post(b"12345")[:-2]),
    stops("in the size of a chunk", chunked(b"1")),
    stops("in a chunk", chunked(b"5\r\nab")),
    stops("before the last chunk", chunked(b"2\r\nab\r\n")),
    stops("in the trailers", chunked(b"2\r\nab\r\n0\r\nx: 1")),
    Case("resets before anything", b"", (), end="reset"),
    Case("resets in the head", b"POST /count HTTP/1.1\r\n", (), end="reset"),
    Case("resets in the body", post(b"12345")[:-2], (), end="reset"),
]  # fmt: skip
