# SPDX-License-Identifier: Apache-2.0
"""What a request may look like. Each refusal is for something that somebody would read as another request."""

from dataclasses import replace

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.gateway.egress.connection import Connection
from genapps.gateway.egress.exchange import Exchange
from genapps.gateway.egress.messages import EgressReason, EgressRefusedError, OutboundRequest, Target
from genapps.gateway.egress.requests import HEADER_BYTES, HEADERS, PATH_BYTES, path_fault, request_fault
from tests.unit.gateway.attacks.egress import HEADERS as CHANGING_HEADERS
from tests.unit.gateway.attacks.egress import METHODS, PATHS
from tests.unit.gateway.egress.world import GET, HERE, HOST, LIMITS, OK, always, serving, upstream

GOOD = ("a", "B-c", "d_e", "0", "/f", "/g.h", "?i=j", "&k", "%20", ";", ":", "~", "=")
BAD = ("\r\n", "\n", "\0", "\t", " ", "#", "\\", "%", "%0d%0a", "..", "//", "\x85", "\u20ac", ": b\r\nc: d")
TEXTS = st.lists(st.sampled_from(GOOD * 3 + BAD), max_size=4).map("".join)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/rates",
        "/v1/rates/",
        "/v1/rates?from=CHF&to=%0D%0A..//?",
        "/v1/a%20b/%E2%82%AC",
        "/projects/group%2Fproject",
        "/files/a.b/...",
        "/files/.well-known/x",
        "/files/..a",
        "/save/100%25",
        "/a;b=c",
        "/?",
        "/" + "a" * (PATH_BYTES - 1),
    ],
)
def test_usual_paths_pass(path: str) -> None:
    assert path_fault(path) is None


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_lead_elsewhere_or_nowhere_are_refused(path: str) -> None:
    assert path_fault(path) is not None


@pytest.mark.parametrize(("name", "value"), CHANGING_HEADERS)
def test_headers_that_change_the_request_are_refused(name: str, value: str) -> None:
    assert request_fault(replace(GET, headers=((name, value),))) is not None


def test_usual_headers_pass_and_their_number_and_size_are_bounded() -> None:
    assert request_fault(replace(GET, headers=(("Authorization", "Bearer a.b-c"), ("X-Empty", "")))) is None
    many = tuple((f"x{number}", "y") for number in range(HEADERS + 1))
    assert request_fault(replace(GET, headers=many[:-1])) is None
    assert request_fault(replace(GET, headers=many)) is not None
    assert request_fault(replace(GET, headers=(("x", "y" * (HEADER_BYTES - 1)),))) is None
    assert request_fault(replace(GET, headers=(("x", "y" * HEADER_BYTES),))) is not None


def test_a_header_that_is_there_twice_is_refused() -> None:
    headers = (("Authorization", "Bearer app"), ("authorization", "Bearer platform"))
    assert request_fault(replace(GET, headers=headers)) is not None


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_are_refused(method: str) -> None:
    assert request_fault(OutboundRequest(method, "/")) is not None


def test_only_what_changes_something_has_a_body() -> None:
    assert request_fault(OutboundRequest("GET", "/", body=b"x")) is not None
    assert request_fault(OutboundRequest("DELETE", "/", body=b"x")) is None


@given(
    st.sampled_from(["GET", "POST", "DELETE", "get", "GET /x"]),
    TEXTS.map(lambda text: f"/{text}"),
    st.lists(st.tuples(st.sampled_from(["accept", "X-a", "x_b", "c:", "d\r\n", "host", ""]), TEXTS), max_size=3),
    st.binary(max_size=8),
)
async def test_what_is_accepted_is_read_as_one_request_that_says_the_same(
    method: str, path: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    request = OutboundRequest(method, path, tuple(headers), body)
    if request_fault(request) is not None:
        return
    written = bytearray()
    connection = Connection(HERE)
    connection.write = lambda data: not written.extend(data)  # type: ignore[method-assign, func-returns-value]
    Exchange(connection, request, LIMITS).send(Target("rates", "https", HOST, 443))
    server = h11.Connection(h11.SERVER)
    server.receive_data(bytes(written))
    read = server.next_event()
    assert isinstance(read, h11.Request)
    assert (read.method.decode(), read.target.decode()) == (method, path)
    own = {b"host", b"accept-encoding", b"user-agent", b"content-length"}
    assert [field for field in read.headers if field[0] not in own] == [
        (name.lower().encode(), value.encode()) for name, value in headers
    ]
    assert [value for name, value in read.headers if name == b"host"] == [HOST.encode()]
    arrived = b""
    while isinstance(event := server.next_event(), h11.Data):
        arrived += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert arrived == body
    assert server.trailing_data == (b"", False)


async def test_a_refused_request_opens_no_connection() -> None:
    async with serving(always(OK)) as server:
        with pytest.raises(EgressRefusedError) as refused:
            await upstream().send(server.service(), OutboundRequest("GET", "/a\r\n\r\nGET /admin"), LIMITS)
    assert (refused.value.reason, refused.value.sent) == (EgressReason.REQUEST_INVALID, False)
    assert "admin" not in str(refused.value)
    assert server.connections == 0
