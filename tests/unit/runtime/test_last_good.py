# SPDX-License-Identifier: Apache-2.0
"""Which answers are kept for when the app cannot answer, and who gets them."""

import pytest

from genapps_runtime.serve.fallback.last_good import BYTES, ENTRIES, ENTRY_BYTES, LastGood
from genapps_runtime.serve.messages import Headers, Reply, Request
from tests.support.clock import Clock

TENANT = "default"
PAGE = Reply(200, [(b"content-type", b"text/plain"), (b"etag", b'"1"')], b"page")


def asked(path: str = "/", query: str = "", method: str = "GET", headers: Headers | None = None) -> Request:
    return Request("r", method, path, query, headers or [], b"")


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def kept(clock: Clock) -> LastGood:
    return LastGood(clock)


def test_the_same_request_gets_it_with_its_age(kept: LastGood, clock: Clock) -> None:
    kept.keep(TENANT, asked("/a", "b=1"), Reply(200, [*PAGE.headers, (b"age", b"9")], b"page"))
    clock.now += 61.9
    assert kept.reply(TENANT, asked("/a", "b=1")) == Reply(200, [*PAGE.headers, (b"age", b"61")], b"page")


@pytest.mark.parametrize(
    ("tenant", "request_"),
    [
        ("other", asked("/a", "b=1")),
        (TENANT, asked("/a", "b=2")),
        (TENANT, asked("/a")),
        (TENANT, asked("/A", "b=1")),
        (TENANT, asked("/a", "b=1", "HEAD")),
        (TENANT, asked("/a", "b=1", "POST")),
        (TENANT, asked("/a", "b=1", headers=[(b"cookie", b"session=1")])),
        (TENANT, asked("/a", "b=1", headers=[(b"authorization", b"Bearer x")])),
    ],
)
def test_no_other_request_gets_it(kept: LastGood, tenant: str, request_: Request) -> None:
    kept.keep(TENANT, asked("/a", "b=1"), PAGE)
    assert kept.reply(tenant, request_) is None
    assert kept.reply(TENANT, asked("/a", "b=1")) is not None


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (asked(), Reply(200, [(b"set-cookie", b"a=b")], b"")),
        (asked(), Reply(200, [(b"cache-control", b"max-age=9, No-Store")], b"")),
        (asked(), Reply(200, [(b"cache-control", b'private="x"')], b"")),
        (asked(), Reply(200, [(b"vary", b"accept-encoding, x-user")], b"")),
        (asked(), Reply(200, [(b"vary", b"*")], b"")),
        (asked(), Reply(404, [], b"")),
        (asked(), Reply(200, [], b"x" * ENTRY_BYTES)),
        (asked(headers=[(b"cookie", b"a=b")]), PAGE),
        (asked(method="POST"), PAGE),
    ],
)
def test_what_may_be_one_persons_or_is_no_good_answer_is_not_kept(
    kept: LastGood, request_: Request, reply: Reply
) -> None:
    kept.keep(TENANT, request_, reply)
    assert kept.reply(TENANT, asked()) is None


def test_an_answer_that_is_not_to_be_kept_ends_the_one_before_it(kept: LastGood) -> None:
    kept.keep(TENANT, asked(), PAGE)
    kept.keep(TENANT, asked(), Reply(410, [], b"gone"))
    assert kept.reply(TENANT, asked()) is None


def test_the_number_of_answers_is_bounded(kept: LastGood) -> None:
    for number in range(ENTRIES + 1):
        kept.keep(TENANT, asked(f"/{number}"), PAGE)
    assert kept.reply(TENANT, asked("/0")) is None
    assert kept.reply(TENANT, asked("/1")) is not None


def test_their_bytes_are_bounded_also_when_they_are_kept_again_and_again(kept: LastGood) -> None:
    large = Reply(200, [], b"x" * (ENTRY_BYTES - 1024))
    for _ in range(3):
        for number in range(2 * BYTES // ENTRY_BYTES):
            kept.keep(TENANT, asked(f"/{number}"), large)
    found = [number for number in range(2 * BYTES // ENTRY_BYTES) if kept.reply(TENANT, asked(f"/{number}"))]
    assert BYTES - ENTRY_BYTES <= len(found) * ENTRY_BYTES <= BYTES + ENTRY_BYTES


def test_nothing_is_kept_of_a_tenant_who_was_deleted(kept: LastGood) -> None:
    for tenant in ("gone", "here"):
        kept.keep(tenant, asked(), PAGE)
    kept.keep_only({"here"})
    assert kept.reply("gone", asked()) is None
    assert kept.reply("here", asked()) is not None
    for number in range(ENTRIES - 1):
        kept.keep("new", asked(f"/{number}"), PAGE)
    assert kept.reply("here", asked()) is not None, "what was forgotten takes no room"
