# SPDX-License-Identifier: Apache-2.0
"""Files below `public/` of a running app: beside its routes, without its guest, and out of reach of every trick."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.runtime.fake_gateway import DEADLINE_SECONDS, Authority, FakeGateway
from tests.runtime.harness import Answer, Pod, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = """
from genapps import app

@app.get("/")
def home(request):
    return "never seen"

@app.get("/docs")
def docs(request):
    return "never seen"

@app.get("/index.html")
def index(request):
    return "never seen"

@app.post("/app.js")
def script(request):
    return "posted"

@app.get("/api/items")
def items(request):
    return [1]

@app.get("/about")
def about(request):
    return "about, by the app"

@app.get("/read")
def read(request):
    try:
        return open("public/index.html").read()
    except OSError as error:
        return type(error).__name__

@app.get("/trap")
def trap(request):
    return str(10 ** 10 ** 8)
"""
LARGE = bytes(range(256)) * 4096
FILES = {
    "app.py": SOURCE.encode(),
    "secret.txt": b"not public",
    "public/index.html": b"<h1>Home</h1>",
    "public/docs/index.html": b"<h1>Docs</h1>",
    "public/about/team.html": b"<p>Team",
    "public/app.js": b"let x = 1;\n" * 100,
    "public/app.js.gz": gzip.compress(b"let x = 1;\n" * 100),
    "public/large.bin": LARGE,
    "public/.env": b"SECRET=1",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    directory = tmp_path_factory.mktemp("static-files")
    async with serving(authority, engine, directory, FILES, time={"actionMillis": 1000}) as pod:
        yield pod


def line(pod: Pod, answer: Answer) -> dict[str, Any]:
    """The log line of a request."""
    request_id = answer.headers["genapps-request-id"]
    (found,) = [line for line in pod.log() if line["requestId"] == request_id]
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/", 200, b"<h1>Home</h1>"),
        ("GET", "/index.html", 200, b"<h1>Home</h1>"),
        ("GET", "/?q=1", 200, b"<h1>Home</h1>"),
        ("HEAD", "/", 200, b""),
        ("GET", "/docs/", 200, b"<h1>Docs</h1>"),
        ("GET", "/docs", 307, b""),
        ("GET", "/about/team.html", 200, b"<p>Team"),
        ("GET", "/large.bin", 200, LARGE),
        ("GET", "/about", 200, b"about, by the app"),
        ("GET", "/api/items", 200, b"[1]"),
        ("POST", "/app.js", 200, b"posted"),
    ],
)
async def test_files_come_before_routes_and_everything_else_is_the_apps(
    pod: Pod, method: str, path: str, status: int, body: bytes
) -> None:
    answer = await pod.call(method, path)
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/none.css", 404, "RouteNotFound"),
        ("GET", "/about/", 404, "RouteNotFound"),
        ("GET", "/secret.txt", 404, "RouteNotFound"),
        ("GET", "/app.py", 404, "RouteNotFound"),
        ("GET", "/public/index.html", 404, "RouteNotFound"),
        ("POST", "/large.bin", 404, "RouteNotFound"),
        ("POST", "/index.html", 405, "MethodNotAllowed"),
        ("DELETE", "/docs/", 404, "RouteNotFound"),
    ],
)
async def test_what_is_neither_a_file_nor_a_route_is_the_apps_to_refuse(
    pod: Pod, method: str, path: str, status: int, code: str
) -> None:
    answer = await pod.call(method, path)
    assert (answer.status, answer.code) == (status, code)


TARGETS = [
    "/../app.py", "/..", "/%2e%2e/app.py", "/..%2fapp.py", "/%2e%2e%2fapp.py", "/%252e%252e%252fapp.py",
    "/docs/../../app.py", "/docs/..%2f..%2fapp.py", "/..%5capp.py", "/..\\app.py", "/docs%5cindex.html",
    "/index.html%00", "/index.html%00.txt", "/%00", "/%c0%ae%c0%ae/app.py", "/%e0%80%ae%e0%80%ae/app.py",
    "/%c0%ae%c0%ae%c0%afapp.py", "/%uff0e%uff0e/app.py", "/.env", "/%2eenv", "/./index.html", "//index.html",
    "/index.html/", "/index.html;.css", "/INDEX.HTML", "/secret.txt", "/public/%2e%2e/app.py", "/etc/passwd",
    "//etc/passwd", "/proc/self/environ", "/%2fetc%2fpasswd", "/file:///etc/passwd", "/..data/app.py",
    "/%2e%2edata/public/index.html", "/~root/.bashrc",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
async def test_no_target_leads_out_of_the_public_files(pod: Pod, target: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    async with asyncio.timeout(DEADLINE_SECONDS):
        writer.write(f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] in (b"400", b"404")
    assert b"etag" not in head
    for content in (b"genapps import", b"not public", b"SECRET", b"root:", b"<h1>"):
        assert content not in body


async def test_an_encoded_name_is_decoded_once(pod: Pod) -> None:
    assert (await pod.call("GET", "/in%64ex.html")).body == b"<h1>Home</h1>"


async def test_a_file_has_its_line_and_counts_but_takes_no_time_of_the_guest(pod: Pod) -> None:
    answers = [await pod.call("GET", "/app.js"), await pod.call("GET", "/app.js", headers={"If-None-Match": "*"})]
    assert [line(pod, answer)["status"] for answer in answers] == [200, 304]
    found = line(pod, answers[0])
    assert (found["method"], found["path"], found["level"]) == ("GET", "/app.js", "info")
    assert found["millis"] >= 0
    assert "guestMillis" not in found
    assert "turns" not in found
    assert "guestMillis" in line(pod, await pod.call("GET", "/api/items"))
    answered = len([line for line in pod.log() if "code" not in line])
    await pod.until_metrics(f'genapps_actions_total{{outcome="ok"}} {answered}\n')


async def test_a_caller_that_takes_gzip_gets_what_the_app_packed(pod: Pod) -> None:
    answer = await pod.call("GET", "/app.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.body == FILES["public/app.js"]  # the caller unpacks it


async def test_the_code_cannot_read_what_is_served(pod: Pod) -> None:
    assert (await pod.call("GET", "/read")).body == b"FileNotFoundError"


async def test_files_are_served_while_the_app_computes_and_after_it_was_dropped(pod: Pod) -> None:
    trapped, file = await asyncio.gather(pod.call("GET", "/trap"), pod.call("GET", "/index.html"))
    assert trapped.status in (500, 502, 504)
    assert file.body == b"<h1>Home</h1>"
    assert (await pod.call("GET", "/")).body == b"<h1>Home</h1>"
    assert (await pod.call("GET", "/api/items")).status == 200


async def test_many_readers_who_take_nothing_keep_nobody_out(pod: Pod) -> None:
    slow = []
    for _ in range(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", pod.port, limit=1024)
        writer.write(b"GET /large.bin HTTP/1.1\r\nhost: x\r\n\r\n" * 8)
        slow.append((reader, writer))
    for reader, _ in slow:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await reader.readexactly(1)
    assert (await pod.call("GET", "/api/items")).json() == [1]
    assert (await pod.call("GET", "/large.bin")).body == LARGE
    for _, writer in slow:
        writer.transport.abort()


async def test_the_log_says_how_many_files_there_are(pod: Pod) -> None:
    assert pod.log("ready")[0]["files"] == len([path for path in FILES if path.startswith("public/")])


async def test_no_file_is_served_before_the_network_isolation_is_proven(
    authority: Authority, engine: Path, tmp_path: Path
) -> None:
    gateway = FakeGateway(authority, tmp_path)
    await gateway.start()
    await gateway.open_canary()
    pod = Pod(tmp_path / "pod", gateway, engine)
    pod.environment["fence_patience_seconds"] = "30"
    pod.write(FILES)
    await pod.start(ready=False)
    await pod.until_listening()
    assert (await pod.call("GET", "/")).code == "NotReady"
    await gateway.close_canary()
    await pod.until_ready()
    assert (await pod.call("GET", "/")).status == 200
    await pod.stop()
    await gateway.stop()
