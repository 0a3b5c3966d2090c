# SPDX-License-Identifier: Apache-2.0
"""Which pages of other origins may read an app's answers, where the platform says it."""

from dataclasses import replace

import pytest

from genapps_runtime.config import CorsRules
from genapps_runtime.serve.cors import Cors
from genapps_runtime.serve.messages import FileReply, Headers, Reply, Request
from genapps_runtime.serve.reply_bytes import beginning, reply_bytes

ALLOWED, OTHER = "https://a.example", "https://b.example"
RULES = CorsRules((ALLOWED, "http://localhost:3000"), ("GET", "PUT"), ("Content-Type",), ("X-Total",), True, 600)
ANY = replace(RULES, allowed_origins=("*",), allow_credentials=False, exposed_headers=(), max_age_seconds=None)


def asking(method: str = "GET", **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("id", method, "/", "", [(b"host", b"a"), *fields], b"")


def told(rules: CorsRules, request: Request, headers: Headers | None = None) -> Headers:
    answer = Cors(rules).told(request, Reply(200, headers or [], b"x"))
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body) == (200, b"x")
    return answer.headers


def asked_before(rules: CorsRules, origin: str, method: str = "PUT") -> Headers | None:
    request, cors = asking("OPTIONS", origin=origin, access_control_request_method=method), Cors(rules)
    reply = cors.preflight(request)
    if reply is None:
        return None
    answer = cors.told(request, reply)
    assert (answer.status, answer.body) == (204, b"")
    assert isinstance(answer, Reply)
    return answer.headers


def test_a_preflight_of_an_allowed_origin_is_answered_without_the_app() -> None:
    assert asked_before(RULES, ALLOWED) == [
        (b"vary", b"origin"),
        (b"access-control-allow-origin", ALLOWED.encode()),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-allow-methods", b"GET, PUT"),
        (b"access-control-allow-headers", b"Content-Type"),
        (b"access-control-max-age", b"600"),
    ]


@pytest.mark.parametrize("origin", [OTHER, "null", ALLOWED.upper(), ALLOWED + ":443", ALLOWED + ".evil", "*", ""])
def test_an_origin_that_is_not_allowed_is_told_nothing(origin: str) -> None:
    assert asked_before(RULES, origin) == [(b"vary", b"origin")]
    assert told(RULES, asking(origin=origin)) == [(b"vary", b"origin")]


def test_two_origins_in_a_request_are_none() -> None:
    request = Request("id", "GET", "/", "", [(b"origin", ALLOWED.encode())] * 2, b"")
    assert told(RULES, request) == [(b"vary", b"origin")]


def test_an_answer_to_an_allowed_origin_may_be_read() -> None:
    assert told(RULES, asking(origin=ALLOWED), [(b"vary", b"cookie")]) == [
        (b"vary", b"cookie, origin"),
        (b"access-control-allow-origin", ALLOWED.encode()),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"X-Total"),
    ]


def test_a_request_without_an_origin_has_an_answer_that_caches_keep_apart() -> None:
    assert told(RULES, asking()) == [(b"vary", b"origin")]


def test_where_all_are_allowed_the_answer_is_the_same_for_everybody() -> None:
    assert told(ANY, asking(origin=OTHER)) == [(b"access-control-allow-origin", b"*")]
    assert told(ANY, asking()) == []
    assert (b"access-control-allow-methods", b"GET, PUT") in (asked_before(ANY, OTHER) or [])


def test_where_none_are_allowed_nobody_is_told_anything() -> None:
    assert told(replace(RULES, allowed_origins=()), asking(origin=ALLOWED)) == [(b"vary", b"origin")]


@pytest.mark.parametrize("rules", [RULES, ANY])
def test_what_the_app_says_of_it_does_not_count(rules: CorsRules) -> None:
    own = [(b"access-control-allow-origin", b"https://evil.example"), (b"access-control-allow-credentials", b"true")]
    answered = told(rules, asking(origin="https://evil.example"), [*own, (b"x-total", b"5")])
    assert (b"x-total", b"5") in answered
    assert not set(own) & set(answered)


def test_other_requests_are_the_apps() -> None:
    cors = Cors(RULES)
    assert cors.preflight(asking("OPTIONS", origin=ALLOWED)) is None
    assert cors.preflight(asking("OPTIONS", access_control_request_method="PUT")) is None
    assert cors.preflight(asking("GET", origin=ALLOWED, access_control_request_method="PUT")) is None


def test_files_are_told_about_too_and_stay_as_they_are() -> None:
    file = FileReply(200, beginning(200, [(b"vary", b"accept-encoding"), (b"etag", b'"x"')]), b"body")
    answer = Cors(RULES).told(asking(origin=ALLOWED), file)
    sent = b"".join(reply_bytes(answer, "the-id", only_head=False, close=False))
    lines = sent.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert sorted(lines[1:]) == [
        b"access-control-allow-credentials: true",
        b"access-control-allow-origin: https://a.example",
        b"access-control-expose-headers: X-Total",
        b"content-length: 4",
        b'etag: "x"',
        b"genapps-request-id: the-id",
        b"vary: accept-encoding",
        b"vary: origin",
    ]
    assert file.head.count(b"\r\n") == 3, "others get the same file"
