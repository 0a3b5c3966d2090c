# SPDX-License-Identifier: Apache-2.0
"""What an app can rely on: its API, the modules on the list, clocks and random numbers, and the example apps."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.runtime.fake_gateway import Authority, FakeGateway
from tests.runtime.harness import Pod

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = """
import datetime, json, random, secrets, time, uuid

from genapps import BadRequest, Request, Response, ToolError, app, gather, log, state, tools
from words import greeting


@app.get("/hello/{name}")
async def hello(request, name):
    return {"hello": name, "greeting": greeting(name)}

@app.get("/plain")
def plain(request):
    return "gr\\u00fcezi"

@app.route("HEAD", "/plain")
def never(request):
    raise RuntimeError("a HEAD is answered by the handler for GET")

@app.get("/files/{rest:path}")
async def rest(request, rest):
    return rest

@app.post("/echo")
async def echo(request):
    return Response(await request.body(), content_type=request.headers.get("content-type"))

@app.route("OPTIONS", "/echo")
async def options(request):
    return Response("", status=204, headers={"Allow": "POST"})

@app.get("/query")
async def query(request):
    return {"query": request.query, "list": request.query_list, "headers": request.headers}

@app.get("/clocks")
async def clocks(request):
    begun = time.monotonic()
    return {
        "now": datetime.datetime.now(datetime.UTC).isoformat(), "time": time.time(),
        "today": str(datetime.date.today()),
        "parsed": str(datetime.datetime.strptime("2026-11-23", "%Y-%m-%d")), "elapsed": time.monotonic() - begun,
    }

@app.get("/random")
async def chance(request):
    return {
        "uuid": str(uuid.uuid4()), "token": secrets.token_hex(8), "random": random.random(),
    }

@app.get("/large")
async def large(request):
    return "\\u20ac" * 300_000

@app.get("/own-writes")
async def own_writes(request):
    await state.put("a/1", 1); await state.put("a/2", [2]); await state.put("b", None)
    await state.delete("a/1")
    gone, kept, none = await gather(state.get("a/1", "gone"), state.get("a/2"), state.get("b", 5))
    return {"a1": gone, "a2": kept, "list": await state.list("a/"), "b": none}

@app.get("/list")
async def listing(request):
    return await state.list("a/")

@app.get("/rates")
async def rates(request):
    first = tools.call("rates", "latest", currency="EUR")
    euro, pound = await gather(first, tools.call("rates", "latest", {"currency": "GBP"}))
    return {"euro": euro, "pound": pound}

@app.get("/refused")
async def refused(request):
    return await tools.call("payroll", "list")

@app.get("/busy")
async def busy(request):
    try:
        await tools.call("limited", "x")
    except ToolError as error:
        return {"code": error.code, "class": error.cls, "after": error.retry_after, "detail": error.detail}

@app.get("/bad")
async def bad(request):
    raise BadRequest("give a number")
"""
WORDS = 'def greeting(name):\n    return f"hello {name}"\n'


async def _pod(source: str | dict[str, bytes], authority: Authority, engine: Path, directory: Path) -> Pod:
    gateway = FakeGateway(authority, directory)
    await gateway.start()
    pod = Pod(directory / "pod", gateway, engine)
    pod.write(source)
    await pod.start()
    return pod


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    files = {"app.py": SOURCE.encode(), "words.py": WORDS.encode(), "notes.txt": b"\xff\x00 not code"}
    pod = await _pod(files, authority, engine, tmp_path_factory.mktemp("api"))
    yield pod
    await pod.stop()
    await pod.gateway.stop()


async def test_places_in_a_path_reach_the_handler_and_files_of_the_bundle_are_modules(pod: Pod) -> None:
    answer = await pod.call("GET", "/hello/Z%C3%BCrich%20West")
    assert answer.json() == {"hello": "Zürich West", "greeting": "hello Zürich West"}
    assert answer.headers["content-type"] == "application/json"
    assert (await pod.call("GET", "/files/a/b/c.txt")).body == b"a/b/c.txt"


async def test_a_text_is_answered_as_utf_8_also_by_a_plain_function(pod: Pod) -> None:
    answer = await pod.call("GET", "/plain")
    assert answer.body.decode() == "grüezi"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("body", [b"", b"text", b"\xff\x00" * 100_000, "€".encode() * 100_000], ids=len)
async def test_bodies_pass_unchanged_whatever_they_hold(pod: Pod, body: bytes) -> None:
    answer = await pod.call("POST", "/echo", data=body, headers={"content-type": "image/x"})
    assert answer.body == body
    assert answer.headers["content-type"] == "image/x"


async def test_a_response_without_content_has_no_body(pod: Pod) -> None:
    answer = await pod.call("OPTIONS", "/echo")
    assert (answer.status, answer.body, answer.headers["allow"]) == (204, b"", "POST")


async def test_head_is_answered_like_get_without_the_body(pod: Pod) -> None:
    answer = await pod.call("HEAD", "/plain")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len("grüezi".encode()))


async def test_a_large_response_arrives_whole(pod: Pod) -> None:
    assert (await pod.call("GET", "/large")).body.decode() == "€" * 300_000


async def test_query_and_headers_are_given_but_not_the_credentials_of_the_caller(pod: Pod) -> None:
    found = (
        await pod.call("GET", "/query?a=1&a=2&b=", headers={"Authorization": "Bearer secret", "X-Team": "t"})
    ).json()
    assert found["query"] == {"a": "2", "b": ""}
    assert found["list"] == [["a", "1"], ["a", "2"], ["b", ""]]
    assert found["headers"]["x-team"] == "t"
    assert "authorization" not in found["headers"]


async def test_clocks_show_the_time(pod: Pod) -> None:
    answer = await pod.call("GET", "/clocks")
    assert answer.status == 200, answer
    found = answer.json()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found["now"])).total_seconds()) < 60
    assert abs(datetime.now(UTC).timestamp() - found["time"]) < 60
    assert found["today"] == found["now"][:10]
    assert found["parsed"] == "2026-11-23 00:00:00"
    assert 0 <= found["elapsed"] < 60


async def test_random_numbers_differ_between_requests_and_between_instances(pod: Pod) -> None:
    seen = [(await pod.call("GET", "/random")).json() for _ in range(3)]
    await pod.stop()
    await pod.start()
    seen.append((await pod.call("GET", "/random")).json())
    for name in ("uuid", "token", "random"):
        assert len({answer[name] for answer in seen}) == 4
    assert uuid.UUID(seen[0]["uuid"]).version == 4


async def test_an_action_sees_its_own_writes_and_others_see_them_afterwards(pod: Pod) -> None:
    found = (await pod.call("GET", "/own-writes")).json()
    assert found == {"a1": "gone", "a2": [2], "list": [["a/2", [2]]], "b": None}
    assert (await pod.call("GET", "/list")).json() == [["a/2", [2]]]


async def test_tools_are_called_in_parallel_and_with_the_pods_token(pod: Pod) -> None:
    pod.gateway.answers["rates"] = 200, {"result": {"rate": 1.08}}
    pod.gateway.calls.clear()
    answer = await pod.call("GET", "/rates", headers={"Idempotency-Key": "order-7"})
    assert answer.json() == {"euro": {"rate": 1.08}, "pound": {"rate": 1.08}}
    assert answer.headers["genapps-request-id"] == "order-7"
    calls = sorted(pod.gateway.calls, key=lambda call: call["step"])
    assert [call["arguments"] for call in calls] == [{"currency": "EUR"}, {"currency": "GBP"}]
    assert {(call["requestId"], call["connector"], call["tool"]) for call in calls} == {("order-7", "rates", "latest")}
    assert pod.gateway.tokens[-1] == "Bearer token-1"


async def test_a_refusal_is_an_error_of_its_own_that_an_app_can_read(pod: Pod) -> None:
    answer = await pod.call("GET", "/refused")
    assert (answer.status, answer.code) == (502, "ToolFailed")
    assert answer.json()["detail"] == "A tool call of the app was refused or failed"
    assert "ConnectorNotInEnvelope" in pod.log()[-1]["detail"]
    pod.gateway.answers["limited"] = (
        429,
        {"code": "RateLimited", "class": "limit", "detail": "slow down", "retryAfter": 2},
    )
    found = (await pod.call("GET", "/busy")).json()
    assert found == {"code": "RateLimited", "class": "limit", "after": 2, "detail": "slow down"}


async def test_the_callers_mistake_is_told_to_the_caller(pod: Pod) -> None:
    answer = await pod.call("GET", "/bad")
    assert (answer.status, answer.code, answer.json()["detail"]) == (400, "BadRequest", "give a number")
    assert (await pod.call("DELETE", "/bad")).code == "MethodNotAllowed"


OPTIONAL = """
from genapps import app
found = []
for wanted in (ImportError, ModuleNotFoundError):
    try:
        import numpy
    except wanted as error:
        found.append(error.name)
    try:
        from http import server
    except wanted:
        found.append("http.server")

@app.get("/")
def missing(request):
    return found
"""


async def test_an_optional_module_may_be_missing(authority: Authority, engine: Path, tmp_path: Path) -> None:
    pod = await _pod(OPTIONAL, authority, engine, tmp_path)
    answer = await pod.call("GET", "/")
    await pod.stop()
    await pod.gateway.stop()
    assert answer.json() == ["numpy", "http.server"] * 2


def _example(name: str) -> str:
    manifest: dict[str, Any] = yaml.safe_load((ROOT / "examples" / f"{name}.yaml").read_text())
    source: str = manifest["spec"]["code"]["source"]["inline"]
    return source


async def test_the_csv_summary_sums_up_columns(authority: Authority, engine: Path, tmp_path: Path) -> None:
    pod = await _pod(_example("csv-summary"), authority, engine, tmp_path)
    body = "item;price\npen;1.5\npaper;4\npen;\n"
    summary = (await pod.call("POST", "/", data=body)).json()
    table = (await pod.call("POST", "/?format=text", data=body)).body.decode()
    ragged = await pod.call("POST", "/", data="a,b\n1\n")
    await pod.stop()
    await pod.gateway.stop()
    assert summary["rows"] == 3
    assert summary["columns"]["item"]["most_common"] == [["pen", 2], ["paper", 1]]
    assert (summary["columns"]["price"]["sum"], summary["columns"]["price"]["empty"]) == (5.5, 1)
    assert "price" in table
    assert ragged.code == "BadRequest"


async def test_the_unit_converter_remembers(authority: Authority, engine: Path, tmp_path: Path) -> None:
    pod = await _pod(_example("unit-converter"), authority, engine, tmp_path)
    miles = (await pod.call("GET", "/convert?value=3&from=mi&to=km")).json()
    warm = (await pod.call("GET", "/convert?value=100&from=C&to=F")).json()
    wrong = await pod.call("GET", "/convert?value=1&from=kg&to=km")
    await pod.stop()
    await pod.start()
    history = (await pod.call("GET", "/history")).json()["history"]
    emptied = (await pod.call("DELETE", "/history")).json()
    await pod.stop()
    await pod.gateway.stop()
    assert (miles["result"], warm["result"], wrong.code) == (4.828032, 212, "BadRequest")
    assert [entry["result"] for entry in history] == [212, 4.828032]
    assert emptied == {"history": []}


async def test_the_text_diff_compares(authority: Authority, engine: Path, tmp_path: Path) -> None:
    pod = await _pod(_example("text-diff"), authority, engine, tmp_path)
    texts = {"before": "one\ntwo\n", "after": "one\n2\n"}
    diff = await pod.call("POST", "/", json=texts)
    numbers = (await pod.call("POST", "/?format=json", json=texts)).json()
    wrong = await pod.call("POST", "/", json={"before": 1})
    await pod.stop()
    await pod.gateway.stop()
    assert diff.body.decode().splitlines()[-2:] == ["-two", "+2"]
    assert (numbers["added"], numbers["removed"], numbers["similarity"]) == (1, 1, 0.5)
    assert wrong.code == "BadRequest"


async def test_the_curious_app_asks_once_per_request_and_survives_the_refusal(
    authority: Authority, engine: Path, tmp_path: Path
) -> None:
    pod = await _pod(_example("curious"), authority, engine, tmp_path)
    answers = [(await pod.call("GET", "/")).json() for _ in range(3)]
    await pod.stop()
    await pod.gateway.stop()
    assert [answer["refused"] for answer in answers] == ["ConnectorNotInEnvelope"] * 3
    assert len({call["requestId"] for call in pod.gateway.calls}) == 3
