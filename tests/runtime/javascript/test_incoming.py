# SPDX-License-Identifier: Apache-2.0
"""Requests as apps in JavaScript see them, and what an answer is worth that an app has tampered with."""

from pathlib import Path

import pytest

from genapps_runtime.guest.engine import Language
from tests.support.guest import AppInEngine

APP = Path(__file__).with_name("incoming_app.js").read_text()
HOST = (b"host", b"App.Example:8080")
FORM = (b"content-type", b"multipart/form-data; boundary=b")


@pytest.fixture
def app(javascript: Language) -> AppInEngine:
    return AppInEngine(javascript, APP, "app.js", "javascript")


@pytest.mark.parametrize(
    ("target", "host", "url"),
    [
        ("/a/b?x=1&y=%20", b"app.example", "https://app.example/a/b?x=1&y=%20"),
        ("/", b"App.Example:8080", "https://app.example:8080/"),
        ("/", b"app.example:443", "https://app.example/"),
        ("/caf\xe9 %?q='", b"[::1]:80", "https://[::1]:80/caf%C3%A9%20%25?q=%27"),
        ("/%23x", b"a", "https://a/%2523x"),
        ("/a/../b", b"a", "https://a/b"),
        ("//evil.example/x", b"a", "https://a//evil.example/x"),
        ("/\\evil", b"a", "https://a/%5Cevil"),
        ("/", b"a/b?c=", "https://app.invalid/"),
        ("/", b"user@evil", "https://app.invalid/"),
        ("/", b'a"b', "https://app.invalid/"),
    ],
)
def test_a_requests_url_is_whole_and_as_the_parser_gives_it(
    app: AppInEngine, target: str, host: bytes, url: str
) -> None:
    assert app.call("GET", target, headers=[(b"host", host)]).json() == {"url": url, "method": "GET", "again": url}


def test_a_request_without_a_host_has_a_name_that_is_nobodys(app: AppInEngine) -> None:
    assert app.call("GET", "/x").json()["url"] == "https://app.invalid/x"


@pytest.mark.parametrize(
    ("target", "body", "headers"),
    [
        ("/json", b"{", []),
        ("/json", b"", []),
        ("/form", b"a=b", []),
        ("/form", b"--b\r\nno end", [FORM]),
    ],
)
def test_a_malformed_body_ends_the_request_with_400(
    app: AppInEngine, target: str, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    answer = app.call("POST", target, body, [HOST, *headers])
    assert answer.code == "BadRequest", (answer.code, answer.detail)


def test_an_app_may_catch_it_and_its_own_mistakes_stay_its_own(app: AppInEngine) -> None:
    caught = app.call("POST", "/caught", b"{", [HOST])
    assert (caught.status, caught.body) == (422, b"SyntaxError")
    assert app.call("POST", "/own", b"{}", [HOST]).code == "AppFailed"
    assert app.call("POST", "/json", b'{"a": 1}', [HOST]).json() == {"a": 1}


@pytest.mark.parametrize("body", [b"x" * 200_000, b"\xff\x00" * 100_000])
def test_a_body_of_several_pieces_is_taken_whole_or_in_pieces(app: AppInEngine, body: bytes) -> None:
    count, total, whole = app.call("POST", "/pieces", body, [HOST]).json()
    assert (count > 1, total, whole) == (True, len(body), len(body))
    assert app.call("POST", "/length", "é".encode() * 50_000, [HOST]).json() == 50_000


def test_a_header_that_cannot_be_sent_is_named(app: AppInEngine) -> None:
    answer = app.call("GET", "/control", headers=[HOST])
    assert (answer.code, "the header x-a holds a control character" in answer.trace) == ("AppFailed", True)


def test_one_answer_is_given_once(app: AppInEngine) -> None:
    assert app.call("GET", "/twice", headers=[HOST]).body == b"once"
    again = app.call("GET", "/twice", headers=[HOST])
    assert (again.code, "taken already" in again.trace) == ("AppFailed", True)


def test_an_answer_is_what_was_said_whatever_became_of_the_prototypes(app: AppInEngine) -> None:
    answer = app.call("GET", "/polluted", headers=[HOST])
    assert (answer.status, answer.body, answer.all("x-b")) == (201, b'{"path":"/polluted"}', ["c"]), answer.trace
