# SPDX-License-Identifier: Apache-2.0
"""The reader of answers beside h11: what it takes, h11 reads in the same way, however the bytes are cut."""

import h11
from hypothesis import given
from hypothesis import strategies as st

from genapps.gateway.egress.answer import Answer
from genapps.gateway.egress.messages import EgressLimits, UpstreamFailedError
from tests.unit.gateway.attacks.egress import BROKEN_ANSWERS

Whole = tuple[int, dict[str, str], bytes]
LIMITS = EgressLimits(seconds=20.0)
STARTS = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204\r\n", b"HTTP/1.1 100 Continue\r\n",
    b"HTTP/1.1 200 \r\n",
)  # fmt: skip
FIELDS = (
    b"Content-Length: 3\r\n", b"content-length:3\r\n", b"content-length: 03\t\r\n", b"Content-Length: 3, 3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"transfer-encoding: Chunked\r\n", b"transfer-encoding: gzip\r\n",
    b"Connection: close\r\n", b"x: \xff\r\n", b"x:\r\n", b"x: y\n", b" folded\r\n", b"x y: z\r\n", b": z\r\n",
    b"x: \x00\r\n", b"x: \r\r\n",
)  # fmt: skip
RESTS = (
    b"\r\n", b"\n", b"\r", b"abc", b"3\r\nabc\r\n", b"3;x=y\r\nabc\r\n", b"03\r\nabc\r\n", b"3 \r\nabc\r\n",
    b"3\nabc\n", b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"0\r\n", b"+3\r\nabc\r\n", b"\x00",
)  # fmt: skip


def ours(data: bytes, cuts: list[int], method: str = "GET") -> Whole | None:
    """None when it is refused, or not complete."""
    pieces = (data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True))
    answer = Answer(method, LIMITS)
    body = b""
    try:
        while (head := answer.head()) is None:
            answer.receive(next(pieces))
        while (piece := answer.piece()) is not None:
            body += piece
            if not piece:
                answer.receive(next(pieces))
    except (UpstreamFailedError, StopIteration):
        return None
    return (*head, body)


def h11s(data: bytes, method: str = "GET") -> Whole | None:
    """What the library reads."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    head, body = None, b""
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, type):
                return None
            if isinstance(event, h11.Response):
                head = event
            if isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError:
        return None
    assert head is not None
    headers: dict[str, str] = {}
    for name, value in head.headers:
        key, text = name.decode(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return head.status_code, headers, body


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Parts in an order that is often a good one, now and then with a byte that was changed, cut anywhere."""
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=3))
    rest = draw(st.lists(st.sampled_from(RESTS), max_size=5))
    data = bytearray(b"".join([draw(st.sampled_from(STARTS)), *fields, b"\r\n", *rest]))
    if not draw(st.integers(0, 3)):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data), sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))


@given(answers(), st.sampled_from(["GET", "HEAD"]))
def test_what_is_taken_is_read_as_h11_reads_it(answer: tuple[bytes, list[int]], method: str) -> None:
    data, cuts = answer
    taken = ours(data, cuts, method)
    if taken is not None:
        assert _comparable(taken) == _comparable(h11s(data, method))


@given(
    st.lists(st.tuples(st.sampled_from(["x", "y", "Z-z"]), st.text('az09!~"', max_size=9)), max_size=5),
    st.lists(st.binary(min_size=1, max_size=50), max_size=5),
    st.booleans(),
    st.lists(st.integers(0, 999), max_size=9),
)
def test_what_h11_writes_is_taken_wherever_it_is_cut(
    fields: list[tuple[str, str]], body: list[bytes], chunked: bool, cuts: list[int]
) -> None:
    framing = ("transfer-encoding", "chunked") if chunked else ("content-length", str(sum(map(len, body))))
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    server.next_event()
    data = server.send(h11.Response(status_code=200, headers=[*fields, framing])) or b""
    for piece in body:
        data += server.send(h11.Data(data=piece)) or b""
    data += server.send(h11.EndOfMessage()) or b""
    taken = ours(data, sorted(cut for cut in cuts if cut <= len(data)))
    assert taken is not None
    assert taken[2] == b"".join(body)
    assert _comparable(taken) == _comparable(h11s(data))


def test_what_the_table_of_attacks_calls_broken_is_not_taken_in_any_cut() -> None:
    for data in BROKEN_ANSWERS:
        assert ours(data, list(range(len(data)))) is None


def _comparable(whole: Whole | None) -> Whole | None:
    """h11 writes the name of a coding in lower case."""
    if whole is None:
        return None
    status, headers, body = whole
    return status, {name: value.lower() for name, value in headers.items()}, body
