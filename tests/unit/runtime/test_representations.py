# SPDX-License-Identifier: Apache-2.0
"""The form of a reply that a caller gets: compressed, or without what they have."""

import gzip
import hashlib

import pytest

from genapps_runtime.serve.compression import COMPRESSED_FROM, COMPRESSED_TO, compressed, is_worth_it
from genapps_runtime.serve.messages import Headers, Reply, Request
from genapps_runtime.serve.representations import may_differ, represented

TEXT = b"a word and another one, " * 100
JSON = (b"content-type", b"application/json")
TAG = (b"etag", b'"one"')


def asking(method: str = "GET", **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("id", method, "/", "", [(b"host", b"a"), *fields], b"")


def got(reply: Reply, method: str = "GET", **headers: str) -> Reply:
    return represented(asking(method, **headers), reply)


def is_compressed(reply: Reply) -> bool:
    return (b"content-encoding", b"gzip") in reply.headers


def test_who_asks_for_gzip_gets_it_and_caches_are_told() -> None:
    reply = got(Reply(200, [JSON], TEXT), accept_encoding="br;q=1, gzip;q=0.5")
    assert gzip.decompress(reply.body) == TEXT
    assert reply.headers == [JSON, (b"vary", b"accept-encoding"), (b"content-encoding", b"gzip")]
    assert len(reply.body) < len(TEXT) / 10


@pytest.mark.parametrize("accepted", ["gzip;q=0", "br", "identity", "gzip;q=0.5, identity;q=1", "", "x" * 300])
def test_who_does_not_ask_for_gzip_gets_the_text_and_caches_are_told_as_well(accepted: str) -> None:
    reply = got(Reply(200, [JSON], TEXT), accept_encoding=accepted)
    assert (reply.body, reply.headers) == (TEXT, [JSON, (b"vary", b"accept-encoding")])
    assert got(Reply(200, [JSON], TEXT)) == reply


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"image/png")],
        [(b"content-type", b"text/event-stream")],
        [],
        [JSON, (b"content-encoding", b"br")],
        [JSON, (b"cache-control", b"private, No-Transform")],
        [JSON, (b"cache-control", b"private"), (b"cache-control", b"no-transform")],
        [JSON, (b"set-cookie", b"session=1")],
        [JSON, (b"repr-digest", b"sha-256=:x:")],
        [JSON, (b"content-range", b"bytes 0-1/2")],
    ],
)
def test_what_the_app_wants_as_it_is_stays_so(headers: Headers) -> None:
    reply = Reply(200, headers, TEXT)
    assert got(reply, accept_encoding="gzip") is reply


@pytest.mark.parametrize("status", [204, 206, 304])
def test_a_status_without_a_whole_body_is_not_compressed(status: int) -> None:
    assert not is_compressed(got(Reply(status, [JSON], TEXT), accept_encoding="gzip"))


def test_sizes_are_bounded_on_both_sides() -> None:
    for size, worth in ((COMPRESSED_FROM - 1, False), (COMPRESSED_FROM, True), (COMPRESSED_TO, True)):
        assert is_compressed(got(Reply(200, [JSON], b"x" * size), accept_encoding="gzip")) is worth
    assert not is_compressed(got(Reply(200, [JSON], b"x" * (COMPRESSED_TO + 1)), accept_encoding="gzip"))


def test_what_gets_no_shorter_goes_out_as_it_is() -> None:
    noise = hashlib.shake_128(b"noise").digest(5000)
    assert compressed(noise) is None
    assert not is_compressed(got(Reply(200, [JSON], noise), accept_encoding="gzip"))


def test_pages_of_other_sites_cannot_measure_a_secret() -> None:
    reply = Reply(200, [JSON], TEXT)
    assert not is_compressed(got(reply, accept_encoding="gzip", sec_fetch_site="cross-site"))
    for site in ("same-origin", "same-site", "none"):
        assert is_compressed(got(reply, accept_encoding="gzip", sec_fetch_site=site))


def test_a_strong_tag_becomes_a_weak_one_and_is_found_again() -> None:
    reply = got(Reply(200, [JSON, TAG], TEXT), accept_encoding="gzip")
    assert (b"etag", b'W/"one"') in reply.headers
    assert got(Reply(200, [JSON, TAG], TEXT), if_none_match='W/"one"').status == 304
    weak = got(Reply(200, [JSON, (b"etag", b'W/"two"')], TEXT), accept_encoding="gzip")
    assert (b"etag", b'W/"two"') in weak.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("asked", ['"one"', 'W/"one"', '"zero", "one"', "*"])
def test_who_has_the_answer_gets_no_body(method: str, asked: str) -> None:
    headers = [JSON, TAG, (b"cache-control", b"no-cache"), (b"set-cookie", b"a=b"), (b"content-language", b"en")]
    reply = got(Reply(200, headers, b"x"), method, if_none_match=asked)
    assert (reply.status, reply.body) == (304, b"")
    assert reply.headers == [TAG, (b"cache-control", b"no-cache"), (b"set-cookie", b"a=b")]


def test_only_a_successful_read_with_the_same_tag_is_left_out() -> None:
    for reply, method, asked in [
        (Reply(200, [JSON, TAG], b"x"), "GET", '"two"'),
        (Reply(200, [JSON, TAG], b"x"), "GET", "one"),
        (Reply(200, [JSON, TAG], b"x"), "POST", '"one"'),
        (Reply(404, [JSON, TAG], b"x"), "GET", '"one"'),
        (Reply(200, [JSON, (b"x", b"y")], b"x"), "GET", "*"),
        (Reply(200, [JSON, (b"etag", b"one")], b"x"), "GET", '"one"'),
    ]:
        assert got(reply, method, if_none_match=asked) is reply


def test_a_vary_of_the_app_is_kept() -> None:
    for app, sent in [
        (b"cookie", b"cookie, accept-encoding"),
        (b"Accept-Encoding", b"Accept-Encoding"),
        (b"*", b"*"),
    ]:
        reply = got(Reply(200, [JSON, (b"vary", app)], TEXT), accept_encoding="gzip")
        assert [value for name, value in reply.headers if name == b"vary"] == [sent]


def test_repeated_fields_of_a_request_count_together() -> None:
    request = Request("id", "GET", "/", "", [(b"accept-encoding", b"br"), (b"accept-encoding", b"gzip")], b"")
    assert is_compressed(represented(request, Reply(200, [JSON], TEXT)))


def test_a_short_reply_with_a_type_only_is_not_looked_at() -> None:
    assert not may_differ(Reply(200, [JSON], b"x" * (COMPRESSED_FROM - 1)))
    assert may_differ(Reply(200, [JSON, TAG], b""))
    assert may_differ(Reply(200, [JSON], TEXT))


@pytest.mark.parametrize(
    ("kind", "worth"),
    [
        (b"text/html; charset=utf-8", True),
        (b"application/problem+json", True),
        (b"image/svg+xml", True),
        (b"application/zip", False),
        (b"image/jpeg", False),
        (b"font/woff2", False),
        (b"text/event-stream", False),
    ],
)
def test_types_that_are_compressed_already_are_left_alone(kind: bytes, worth: bool) -> None:
    assert is_worth_it(kind, 5000) is worth
