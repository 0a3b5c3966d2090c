# SPDX-License-Identifier: Apache-2.0
"""Each case of the table, however its bytes are cut: the answers and what the app sees are the same."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.runtime.http_cases import CASES, CHUNKED, GET, H2C, HELLO, NEXT, POST, Case
from tests.unit.runtime.http_outcome import Outcome, cuts
from tests.unit.runtime.http_server import serving


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_table_holds_wherever_the_bytes_are_cut(case: Case) -> None:
    for pieces in cuts(case.sent):
        outcome = Outcome(pieces)
        cut = len(pieces[0])
        assert outcome.statuses == case.statuses, cut
        assert outcome.seen == case.seen, cut
        assert (outcome.closed, outcome.announced) == (case.closed, case.closed), cut


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_table_holds_on_a_socket(case: Case) -> None:
    async with serving() as server:
        caller = await server.connect()
        caller.send(case.sent)
        assert [(await caller.reply())[0] for _ in case.statuses] == case.statuses
        if not case.closed:
            caller.writer.write_eof()
        assert await caller.rest() == b""
        assert [(request.method, request.path, request.body) for request in server.seen] == case.seen


async def test_the_app_sees_the_head_and_nothing_of_the_trailer() -> None:
    head = b"POST /one HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\ntrailer: x\r\nx: head\r\n\r\n"
    trailer = b"5\r\nhello\r\n0\r\nx: trailer\r\ncontent-type: text/evil\r\n\r\n"
    for pieces in cuts(head + trailer + NEXT):
        first, second = Outcome(pieces).requests
        assert first.headers == [
            (b"host", b"a"), (b"transfer-encoding", b"chunked"), (b"trailer", b"x"), (b"x", b"head"),
        ]  # fmt: skip
        assert second.headers == [(b"host", b"a")]


async def test_fields_that_are_repeated_all_stay() -> None:
    fields = b"Cookie: a=1\r\nX-Forwarded-For: 10.0.0.1\r\ncookie: b=2\r\nx-forwarded-for: 10.0.0.2\r\n"
    [request] = Outcome([GET + fields + b"\r\n"]).requests
    assert request.headers[1:] == [
        (b"cookie", b"a=1"), (b"x-forwarded-for", b"10.0.0.1"), (b"cookie", b"b=2"), (b"x-forwarded-for", b"10.0.0.2"),
    ]  # fmt: skip


async def test_an_offer_is_declined_as_if_it_had_not_been_made() -> None:
    [request] = Outcome([POST + b"x: \xe9\r\n" + H2C + b"content-length: 5\r\n\r\nhello"]).requests
    assert [name for name, _ in request.headers] == [b"host", b"x", b"connection", b"http2-settings", b"content-length"]
    assert dict(request.headers)[b"x"] == b"\xe9"


async def test_the_host_of_an_absolute_target_goes_before_the_fields() -> None:
    [request] = Outcome([b"GET http://b.c:80/d?e=%20f HTTP/1.1\r\nx: y\r\nhost: a\r\n\r\n"]).requests
    assert request.headers == [(b"x", b"y"), (b"host", b"b.c:80")]
    assert (request.path, request.query) == ("/d", "e=%20f")


FRAGMENTS = [
    GET, POST, CHUNKED, NEXT, H2C, HELLO, b"\r\n", b"\n", b"\r", b" ", b":", b"0\r\n\r\n", b"host: b\r\n", b"hello",
    b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"upgrade: x\r\n",
    b"connection: upgrade\r\n", b"expect: 100-continue\r\n", b"x: y\r\n", b"5\r\n", b"\0", b"\xff", b"HTTP/1.1\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=3), max_size=12).map(b"".join), st.data())
def test_whatever_is_sent_the_cuts_do_not_matter(sent: bytes, data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=5)))
    pieces = [sent[at:until] for at, until in zip([0, *places], [*places, len(sent)], strict=True) if at < until]

    async def compared() -> None:
        whole = Outcome([sent])
        assert whole == Outcome(pieces)
        assert set(whole.statuses) <= {200, 400, 417, 413, 431}
        assert all(status == 200 for status in whole.statuses[:-1])

    asyncio.run(compared())
