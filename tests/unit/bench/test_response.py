# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.response import MalformedError, Response, take

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"


@pytest.mark.parametrize("response", [PLAIN, CHUNKED])
def test_a_response_is_complete_with_its_last_byte_and_not_before(response: bytes) -> None:
    assert [take(response[:end]) for end in range(len(response))] == [None] * len(response)
    assert take(response) == Response(200, b"hello", reusable=True)


@pytest.mark.parametrize("response", [PLAIN, CHUNKED])
def test_bytes_beyond_one_response_are_an_error(response: bytes) -> None:
    with pytest.raises(MalformedError, match="more bytes than one response"):
        take(response + b"x")


def test_the_status_and_a_closing_connection_are_told() -> None:
    head = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\ncontent-length: 0\r\n\r\n"
    assert take(head) == Response(503, b"", reusable=False)


def test_a_response_without_a_body_has_no_length() -> None:
    assert take(b"HTTP/1.1 204 No Content\r\n\r\n") == Response(204, b"", reusable=True)


@pytest.mark.parametrize(
    "response",
    [b"HTTP/1.0 200 OK\r\n\r\n", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["an old version", "another protocol", "no length"],
)
def test_what_cannot_be_delimited_is_refused(response: bytes) -> None:
    with pytest.raises(MalformedError):
        take(response)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
def test_chunks_join_to_the_body(parts: list[bytes]) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    response = take(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert response is not None
    assert response.body == b"".join(parts)
