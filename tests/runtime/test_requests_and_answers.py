# SPDX-License-Identifier: Apache-2.0
"""Requests and answers as generated handlers read and write them, in the real engine."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.guest.engine import Language
from tests.runtime.harness import Pod
from tests.support.guest import AppInEngine

SOURCE = r"""
import datetime, decimal, enum, fractions, math, uuid
from collections import namedtuple
from dataclasses import dataclass
from http import HTTPStatus

from genapps import BadRequest, HTMLResponse, JSONResponse, Response, app, file, html, log, redirect, state, tools

@dataclass
class Item:
    name: str
    price: decimal.Decimal

class Colour(enum.Enum):
    RED = "red"

class Model:
    def model_dump(self):
        return {"dumped": True}

Point = namedtuple("Point", "x y")

@app.get("/headers")
def headers(request):
    found = request.headers
    return {
        "any": found["X-Hub-Signature-256"], "in": "CONTENT-TYPE" in found, "none": found.get("Absent"),
        "joined": found.get("X-Forwarded-For"), "each": found.getlist("x-forwarded-for"), "cookies": request.cookies,
        "cookie": found["Cookie"], "names": sorted(found), "all": found.multi_items(),
    }

@app.get("/address")
def address(request):
    return request.url

@app.get("/query")
def query(request):
    return {"last": request.query["a"], "all": request.query.getlist("a"), "none": request.query.getlist("b"),
            "others": [request.args.get("a"), request.query_params["a"]]}

@app.post("/answer")
async def answer(request):
    return eval(await request.text(), globals())

@app.post("/half")
async def half(request):
    kind, text = request.query["kind"], "a\ud83dz"
    if kind == "bad":
        raise BadRequest(text)
    if kind == "error":
        raise ValueError(text)
    if kind == "header":
        return Response("", headers={"x-name": text})
    if kind == "cookie":
        return Response("", headers={"Location": "/" + text})
    if kind == "key":
        return await state.get(text)
    if kind == "prefix":
        return await state.list(text)
    if kind == "value":
        await state.put("half", text)
        return await state.get("half")
    if kind == "log":
        log.info(text, name=text)
        print(text)
        return "logged"
    if kind == "tool":
        return await tools.call("crm", text, name=text)
    if kind == "text":
        return text
    return {"text": text}

@app.route("/both", methods=["GET", "POST"])
def both(request):
    return request.method
"""


@pytest.fixture(scope="module")
def app(engine: Path) -> Iterator[AppInEngine]:
    app = AppInEngine(Language(str(engine)), SOURCE)
    yield app
    app.guest.drop()


def test_headers_have_any_case_and_keep_what_comes_several_times(app: AppInEngine) -> None:
    sent = [
        (b"x-hub-signature-256", b"sha256=abc"), (b"content-type", b"text/plain"), (b"authorization", b"secret"),
        (b"genapps-fallback", b"budget"), (b"genapps-tenant", b"a"), (b"genapps-tenant", b"b"),
        (b"x-forwarded-for", b"10.0.0.1"), (b"cookie", b'a=1; b="x y"'), (b"x-forwarded-for", b"10.0.0.2"),
        (b"cookie", b"a=2; c"),
    ]  # fmt: skip
    assert app.call("GET", "/headers", headers=sent).json() == {
        "any": "sha256=abc",
        "in": True,
        "none": None,
        "joined": "10.0.0.1, 10.0.0.2",
        "each": ["10.0.0.1", "10.0.0.2"],
        "cookie": 'a=1; b="x y"; a=2; c',
        "cookies": {"a": "1", "b": "x y"},
        "names": ["content-type", "cookie", "x-forwarded-for", "x-hub-signature-256"],
        "all": [
            ["x-hub-signature-256", "sha256=abc"],
            ["content-type", "text/plain"],
            ["x-forwarded-for", "10.0.0.1"],
            ["x-forwarded-for", "10.0.0.2"],
            ["cookie", 'a=1; b="x y"'],
            ["cookie", "a=2; c"],
        ],
    }


def test_what_a_proxy_may_have_said_is_not_heeded(app: AppInEngine) -> None:
    sent = [
        (b"host", b"a.example"), (b"forwarded", b"proto=https;host=b.example"), (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"b.example"), (b"x-forwarded-prefix", b"/b"),
    ]  # fmt: skip
    assert app.call("GET", "/address", headers=sent).body == b"http://a.example/address"


def test_a_query_has_all_values_of_a_name(app: AppInEngine) -> None:
    assert app.call("GET", "/query?a=1&a=2").json() == {
        "last": "2", "all": ["1", "2"], "none": [], "others": ["2", "2"],
    }  # fmt: skip


VALUES: list[tuple[str, Any]] = [
    ("{'lines': [Item('paper', decimal.Decimal('1.20'))]}", {"lines": [{"name": "paper", "price": "1.20"}]}),
    ("[datetime.date(2026, 1, 2), datetime.time(9, 30)]", ["2026-01-02", "09:30:00"]),
    ("[datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)]", ["2026-01-02T00:00:00+00:00"]),
    ("{'id': uuid.UUID(int=1)}", {"id": "00000000-0000-0000-0000-000000000001"}),
    ("{'in': datetime.timedelta(minutes=1)}", {"in": 60.0}),
    ("[Colour.RED, HTTPStatus.OK, Model(), Point(1, 2)]", ["red", 200, {"dumped": True}, [1, 2]]),
    ("{'tags': {'b', 'a'}, 'mixed': {1}}", {"tags": ["a", "b"], "mixed": [1]}),
    ("{'raw': b'gr\\xc3\\xbcn', 'range': range(2)}", {"raw": "grün", "range": [0, 1]}),
    ("{'keys': {'a': 1}.keys()}", {"keys": ["a"]}),
    ("{'rows': (n for n in (1, 2))}", {"rows": [1, 2]}),
    ("(n for n in (1, 2))", [1, 2]),
    ("Item('pen', 1)", {"name": "pen", "price": 1}),
    ("(47.4, 8.5)", [47.4, 8.5]),
    ("(3, 7)", [3, 7]),
    ("None", None),
    ("JSONResponse('text')", "text"),
    ("{1: 'a', None: 'b', True: 'c'}", {"1": "c", "null": "b"}),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), VALUES)
def test_values_are_answered_as_json_users_expect(app: AppInEngine, written: str, value: Any) -> None:
    answered = app.call("POST", "/answer", written.encode())
    assert (answered.status, answered.all("content-type")) == (200, ["application/json"]), answered.detail
    assert answered.json() == value


ANSWERS: list[tuple[str, int, bytes, dict[str, list[str]]]] = [
    ("{'made': True}, 201", 201, b'{"made": true}', {"content-type": ["application/json"]}),
    ("'created', 201, {'Location': '/x'}", 201, b"created", {"location": ["/x"]}),
    ("'a', {'X-A': 'b'}", 200, b"a", {"x-a": ["b"]}),
    ("{'a': 1}, {'X-A': 'b', 'Cache-Control': 'no-store'}", 200, b'{"a": 1}', {"x-a": ["b"]}),
    ("{'a': 1}, {'X-A': 'b', 'b': 2}", 200, b'[{"a": 1}, {"X-A": "b", "b": 2}]', {"x-a": []}),
    ("{'a': 1}, {}", 200, b'[{"a": 1}, {}]', {}),
    ("'gone', HTTPStatus.GONE", 410, b"gone", {}),
    ("'gone', '410'", 410, b"gone", {}),
    ("Response('late'), 404", 404, b"late", {}),
    ("'', 204", 204, b"", {}),
    ("Response({'error': 1}, status='410')", 410, b'{"error": 1}', {}),
    ("Response({'error': 1}, status=HTTPStatus.GONE)", 410, b'{"error": 1}', {}),
    ("Response('x', status='404 NOT FOUND')", 404, b"x", {}),
    ("Response('<h1>', headers={'Content-Type': 'text/html'})", 200, b"<h1>", {"content-type": ["text/html"]}),
    ("Response('<h1>')", 200, b"<h1>", {"content-type": ["text/plain; charset=utf-8"]}),
    ("'\\n <!DOCTYPE html><h1>'", 200, b"\n <!DOCTYPE html><h1>", {"content-type": ["text/html; charset=utf-8"]}),
    ("'<p>a', 404", 404, b"<p>a", {"content-type": ["text/html; charset=utf-8"]}),
    ("'<ada@example.com>'", 200, b"<ada@example.com>", {"content-type": ["text/plain; charset=utf-8"]}),
    ("html('a')", 200, b"a", {"content-type": ["text/html; charset=utf-8"]}),
    ("HTMLResponse('a', '400')", 400, b"a", {"content-type": ["text/html; charset=utf-8"]}),
    ("redirect('/z\\u00fcrich?a=1#b')", 303, b"", {"location": ["/z%C3%BCrich?a=1#b"]}),
    ("Response('ok', headers={'Set-Cookie': ['a=1', 'b=2']})", 200, b"ok", {"set-cookie": ["a=1", "b=2"]}),
    ("Response('ok', headers=[('X-A', '1'), ('x-a', 2)])", 200, b"ok", {"x-a": ["1", "2"]}),
    ("(row for row in ('a\\n', 'b\\n'))", 200, b"a\nb\n", {"content-type": ["text/plain; charset=utf-8"]}),
    ("(row for row in (b'a', b'b'))", 200, b"ab", {"content-type": ["application/octet-stream"]}),
    ("Response('hello', headers={'Content-Length': '5', 'Connection': 'close'})", 200, b"hello", {"connection": []}),
    ("file('a;b', 'Z\\u00fcrich 5 \\u20ac.csv')", 200, b"a;b", {
        "content-type": ["text/csv; charset=utf-8"],
        "content-disposition": [
            "attachment; filename=\"Z_rich 5 _.csv\"; filename*=UTF-8''Z%C3%BCrich%205%20%E2%82%AC.csv"
        ],
    }),
]  # fmt: skip


@pytest.mark.parametrize(("written", "status", "body", "headers"), ANSWERS)
def test_answers_are_what_their_writers_mean(
    app: AppInEngine, written: str, status: int, body: bytes, headers: dict[str, list[str]]
) -> None:
    answered = app.call("POST", "/answer", written.encode())
    assert (answered.status, answered.body) == (status, body), answered.detail
    assert {name: answered.all(name) for name in headers} == headers


def test_cookies_and_headers_are_set_on_a_response(app: AppInEngine) -> None:
    written = """[
        one := Response("ok"), one.set_cookie("a", "1", max_age=60, httponly=True), one.set_cookie("b", "2"),
        one.headers.__setitem__("CONTENT-TYPE", "text/csv"), one.headers.setdefault("Content-Type", "x"),
    ][0]"""
    answered = app.call("POST", "/answer", written.encode())
    assert answered.all("content-type") == ["text/csv"]
    assert answered.all("set-cookie") == [
        "a=1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax",
        "b=2; Path=/; SameSite=Lax",
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Response('', status='soon')", "not a status of HTTP: 'soon'"),
        ("Response('', status=True)", "not a status of HTTP: True"),
        ("Response('', status=99)", "not a status of HTTP: 99"),
        ("Response('', status=None)", "not a status of HTTP: None"),
        ("{'a': 1}, 999", "not a status of HTTP: 999"),
        ("'a', 'b', {}", "not a status of HTTP: 'b'"),
        ("{'value': math.nan}", "Out of range float values are not JSON compliant"),
        ("{'raw': b'\\xff'}", "these bytes are not UTF-8 text; encode them first"),
        ("object()", "Object of type object is not JSON serializable"),
        ("Item", "Object of type type is not JSON serializable"),
        ("[a := [], a.append(a), a][2]", "Circular reference detected"),
        ("Response('').set_cookie('a', 'b;c')", "a cookie cannot hold this name or value"),
        ("setattr(a := Response(''), 'headers', 5) or a", "not iterable"),
        ("setattr(a := Response(''), 'status', 'x') or a", "not a status"),
    ],
)
def test_what_cannot_be_sent_is_an_error_of_that_request_only(app: AppInEngine, written: str, said: str) -> None:
    answered = app.call("POST", "/answer", written.encode())
    assert answered.code == "AppFailed"
    assert said in answered.detail
    assert app.call("GET", "/both").status == 200


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("bad", "BadRequest"), ("error", "AppFailed"), ("header", "AppFailed"), ("cookie", "AppFailed"),
        ("key", "AppFailed"), ("prefix", "AppFailed"), ("text", ""), ("value", ""), ("log", ""), ("tool", ""),
        ("json", ""),
    ],
)  # fmt: skip
def test_half_a_character_ends_at_most_its_own_request(app: AppInEngine, kind: str, end: str) -> None:
    answered = app.call("POST", f"/half?kind={kind}")
    assert answered.code == end
    assert "\ud83d" not in answered.detail
    if kind == "value":
        assert app.state["half"] == '"a\\ufffdz"'
    if kind == "json":
        assert answered.json() == {"text": "a\ufffdz"}
    if kind == "text":
        assert answered.body.decode() == "a\ufffdz"
    if kind == "log":
        assert [record["message"] for record in app.log[-2:]] == ["a\ufffdz", "a\ufffdz"]
    if kind == "tool":
        assert app.tools[-1] == {"connector": "crm", "tool": "a\ufffdz", "arguments": {"name": "a\ufffdz"}}
    assert app.call("GET", "/both").status == 200


def test_a_route_may_be_written_as_in_flask(app: AppInEngine) -> None:
    assert [app.call(method, "/both").body for method in ("GET", "POST")] == [b"GET", b"POST"]


async def test_headers_that_come_several_times_pass_the_server_both_ways(pod: Pod) -> None:
    pod.write(
        "from genapps import Response, app\n@app.get('/')\ndef echo(request):\n"
        "    headers = {'Set-Cookie': ['a=1', 'b=2'], 'Content-Type': 'text/x'}\n"
        "    return Response(request.headers['Cookie'], headers=headers)\n"
    )
    await pod.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\ncookie: b=2\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert body == b"a=1; b=2"
    lines = [line for line in head.split(b"\r\n") if line.startswith((b"set-cookie", b"content-type"))]
    assert lines == [b"set-cookie: a=1", b"set-cookie: b=2", b"content-type: text/x"]
