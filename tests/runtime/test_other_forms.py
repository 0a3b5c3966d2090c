# SPDX-License-Identifier: Apache-2.0
"""Applications of ASGI and WSGI, served as they come."""

from pathlib import Path

import pytest

from genapps_runtime.guest.engine import Language
from genapps_runtime.termination import RefusedError
from tests.support.guest import AppInEngine

ASGI = """
from genapps import state

started = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["greeting"] = "hello"
        started.append(1)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError("nobody ends an app")
    if scope["path"] == "/silent":
        return
    if scope["path"] == "/wrong":
        await send({"type": "http.response.body", "body": b""})
    if scope["path"] == "/count":
        count = await state.get("count", 0) + 1
        await state.put("count", count)
        body = str(count).encode()
    else:
        first = await receive()
        gone = await receive()
        shown = {name: scope[name] for name in ("method", "path", "raw_path", "query_string", "server")}
        headers = [header for header in scope["headers"] if header[0].startswith(b"x-")]
        body = repr([scope["state"]["greeting"], shown, headers, len(first["body"]), gone["type"]]).encode()
    await send({"type": "http.response.start", "status": 201, "headers": [
        (b"Content-Type", b"text/plain"), (b"content-length", b"%d" % len(body)), (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    ]})
    await send({"type": "http.response.body", "body": body[:5], "more_body": True})
    await send({"type": "http.response.body", "body": body[5:]})
"""
WSGI = """
class Application:
    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/silent":
            return []
        if environ["PATH_INFO"] == "/twice":
            start_response("200 OK", [])
        if environ["PATH_INFO"] == "/print":
            print("seen", file=environ["wsgi.errors"])
        start_response("404 Not Found", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Type", "text/plain")])
        yield environ["wsgi.input"].read()[:5]
        names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_X_A")
        yield repr([environ[name] for name in names]).encode()

application = Application()
"""


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


def test_an_asgi_application_answers_and_its_start_up_runs_once(language: Language) -> None:
    app = AppInEngine(language, ASGI)
    assert app.routes == ["* /{rest:path}"]
    headers = [(b"host", b"example.com:8080"), (b"x-a", b"1"), (b"x-a", b"2")]
    answered = app.call("PUT", "/a b/\u00fc?q=%20", b"x" * 100_000, headers)
    assert answered.status == 201, answered.detail
    assert answered.body.decode() == repr(
        [
            "hello",
            {
                "method": "PUT",
                "path": "/a b/\u00fc",
                "raw_path": b"/a%20b/%C3%BC",
                "query_string": b"q=%20",
                "server": ("example.com", 8080),
            },
            [(b"x-a", b"1"), (b"x-a", b"2")],
            100_000,
            "http.disconnect",
        ]
    )
    assert (answered.all("set-cookie"), answered.all("content-type")) == (["a=1", "b=2"], ["text/plain"])
    assert [app.call("GET", "/count").body for _ in range(2)] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/silent", "the application ended without an answer"),
        ("/wrong", "sent 'http.response.body' out of place"),
    ],
)
def test_an_asgi_application_that_breaks_its_form_fails_that_request_only(
    language: Language, path: str, said: str
) -> None:
    app = AppInEngine(language, ASGI)
    answered = app.call("GET", path)
    assert answered.code == "AppFailed"
    assert said in answered.detail
    assert app.call("GET", "/count").status == 201


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (
            "await send({'type': 'lifespan.startup.failed', 'message': 'no key'})",
            "the application does not start: no key",
        ),
        ("from genapps import state; await state.get('a')", "the application's start-up waits for something"),
    ],
)
def test_a_start_up_that_fails_keeps_the_app_from_loading(language: Language, start: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        AppInEngine(language, f"async def app(scope, receive, send):\n    {start}\n")


def test_an_asgi_application_need_not_know_start_ups(language: Language) -> None:
    source = """
class Application:
    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"\\xff"})
application = Application()
"""
    answered = AppInEngine(language, source).call("GET", "/")
    assert (answered.status, answered.body, answered.headers) == (200, b"\xff", [])


def test_a_wsgi_application_answers(language: Language) -> None:
    app = AppInEngine(language, WSGI)
    headers = [(b"content-type", b"text/x"), (b"x-a", b"1"), (b"x_a", b"forged"), (b"x-a", b"2")]
    answered = app.call("POST", "/\u00fc?q=1", b"x" * 100_000, headers)
    wanted = ["POST", "/Ã¼", "q=1", "100000", "text/x", "1, 2"]
    assert (answered.status, answered.body.decode()) == (404, "xxxxx" + repr(wanted))
    assert answered.all("set-cookie") == ["a=1", "b=2"]
    assert app.call("GET", "/print", headers=[(b"x-a", b"")]).status == 404
    assert app.log[-1]["message"] == "seen"


@pytest.mark.parametrize(
    ("path", "said"), [("/silent", "did not call start_response"), ("/twice", "called start_response twice")]
)
def test_a_wsgi_application_that_breaks_its_form_fails_that_request_only(
    language: Language, path: str, said: str
) -> None:
    answered = AppInEngine(language, WSGI).call("GET", path)
    assert answered.code == "AppFailed"
    assert said in answered.detail


def test_an_app_of_our_own_form_is_no_application_of_another(language: Language) -> None:
    source = "from genapps import app\n@app.get('/')\ndef application(request, start=None): return 'own'\n"
    app = AppInEngine(language, source)
    assert app.routes == ["GET /"]


WORKER = """
from urllib.parse import urlparse
from workers import Response, WorkerEntrypoint
from genapps import state

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        if url.path == "/json":
            return Response.json({"method": request.method, "query": url.query}, status=201)
        if url.path == "/go":
            return Response.redirect("/json")
        if url.path == "/kv":
            return Response(await self.env.KV.get("a"))
        if url.path == "/count":
            await state.put("count", await state.get("count", 0) + 1)
            return Response(str(await state.get("count")), headers={"X-A": "1"})
        return Response("Hello " + request.url)
"""


def test_a_workers_class_answers(language: Language) -> None:
    app = AppInEngine(language, WORKER)
    made = app.call("POST", "/json?a=%20")
    assert (made.status, made.json()) == (201, {"method": "POST", "query": "a=%20"})
    assert (app.call("GET", "/go").status, app.call("GET", "/go").all("location")) == (302, ["/json"])
    assert [app.call("GET", "/count").body for _ in range(2)] == [b"1", b"2"]
    hello = app.call("GET", "/a b", headers=[(b"host", b"example.com")])
    assert hello.body == b"Hello http://example.com/a%20b"
    assert hello.all("content-type") == ["text/plain; charset=utf-8"]
    refused = app.call("GET", "/kv")
    assert refused.code == "AppFailed"
    assert "the app has no binding 'KV'; keep data with `from genapps import state`" in refused.detail


@pytest.mark.parametrize(
    ("header", "given"),
    [("async def on_fetch(request)", "none"), ("@handler\ndef on_fetch(request, env, ctx)", "both")],
)
def test_the_function_of_an_older_worker_answers(language: Language, header: str, given: str) -> None:
    source = f"""
from workers import Response, handler
{header}:
    return Response.from_json({{"url": request.url, "given": "both" if "env" in locals() else "none"}}, 201, "Created")
"""
    answered = AppInEngine(language, source).call("GET", "/a?b=1", headers=[(b"host", b"example.com")])
    assert answered.status == 201, answered.detail
    assert answered.json() == {"url": "http://example.com/a?b=1", "given": given}


def test_a_worker_reads_bodies_and_answers_without_one_by_the_names_it_knows(language: Language) -> None:
    source = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        form = await request.form_data()
        if not form:
            return Response(None, status=204, headers={"X-Empty": "1"})
        both = [await request.bytes(), await request.buffer()]
        return Response(repr([form["a"], both]), status_text="OK", headers=[("x-a", "1"), ("x-a", "2")])
"""
    app = AppInEngine(language, source)
    kind = [(b"content-type", b"application/x-www-form-urlencoded")]
    answered = app.call("POST", "/", b"a=1", kind)
    assert (answered.status, answered.body) == (200, b"['1', [b'a=1', b'a=1']]"), answered.detail
    assert answered.all("x-a") == ["1", "2"]
    empty = app.call("POST", "/", b"", kind)
    assert (empty.status, empty.body, empty.all("x-empty")) == (204, b"", ["1"])


def test_a_workers_class_without_fetch_says_so(language: Language) -> None:
    source = "from workers import WorkerEntrypoint\nclass Default(WorkerEntrypoint): pass\n"
    assert "needs `async def fetch(self, request)`" in AppInEngine(language, source).call("GET", "/").detail
