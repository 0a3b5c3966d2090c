# SPDX-License-Identifier: Apache-2.0
"""Forms of web pages, and listings of state, in the real engine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from genapps_runtime.guest.engine import Language
from tests.support.guest import AppInEngine

SOURCE = r"""
from genapps import app, state

@app.post("/form")
async def form(request):
    found = await request.form()
    return {
        "fields": dict(found), "all": found.multi_items(),
        "files": {name: [one.filename, one.content_type, one.read().hex()] for name, one in request.files.items()},
    }

@app.post("/files")
def files(request):
    return {name: one.size for name, one in request.files.items()}

@app.post("/missing")
async def missing(request):
    return (await request.form())["item"]

@app.post("/awaited")
async def awaited(request):
    return len(await (await request.form()).files["a"].read())

@app.get("/list")
async def listed(request):
    limit = request.query.get("limit")
    page = await state.list(request.query.get("prefix", "todo/"), limit and int(limit), request.query.get("cursor"))
    return {"keys": [key for key, _ in page], "cursor": page.cursor}

@app.get("/own")
async def own(request):
    for number in range(3):
        await state.put(f"todo/{number}new", number)
    await state.delete("todo/0000")
    first = await state.list("todo/", 2)
    rest = await state.list("todo/", 1000, cursor=first.cursor)
    return [[key for key, _ in first], len(rest), rest.cursor]

@app.get("/scan")
async def scan(request):
    return {"n": len([key async for key, value in state.scan("todo/")])}
"""


@pytest.fixture(scope="module")
def app(engine: Path) -> Iterator[AppInEngine]:
    app = AppInEngine(Language(str(engine)), SOURCE)
    yield app
    app.guest.drop()


def _multipart(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def _field(name: str, value: bytes) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value


MULTIPART = [(b"content-type", b"multipart/form-data; boundary=x")]
URLENCODED = [(b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")]


def test_a_form_has_fields_and_files(app: AppInEngine) -> None:
    head = b'content-disposition: form-data; name="f"; filename="a \\"b\\" \xc3\xbc.png"\r\nContent-Type: image/png'
    file = head + b"\r\n\r\n\r\n--y\x00\xff"
    body = b"preamble\r\n" + _multipart(_field("a", "ä\r\nb".encode()), _field("a", b""), file) + b"epilogue"
    assert app.call("POST", "/form", body, MULTIPART).json() == {
        "fields": {"a": ""},
        "all": [["a", "ä\r\nb"], ["a", ""]],
        "files": {"f": ['a "b" ü.png', "image/png", "0d0a2d2d7900ff"]},
    }
    found = app.call("POST", "/form", b"item=milk+%26+eggs&item=%F0%9F%98%80&b", URLENCODED).json()
    assert found["all"] == [["item", "milk & eggs"], ["item", "\U0001f600"], ["b", ""]]


def test_files_need_no_form_before_them_unless_the_body_is_long(app: AppInEngine) -> None:
    file = b'Content-Disposition: form-data; name="a"; filename="f"\r\n\r\n'
    assert app.call("POST", "/files", _multipart(file + b"123"), MULTIPART).json() == {"a": 3}
    long = _multipart(file + b"x" * 100_000)
    assert app.call("POST", "/awaited", long, MULTIPART).json() == 100_000
    assert "write `form = await request.form()`" in app.call("POST", "/files", long, MULTIPART).detail


def test_a_field_that_is_missing_is_the_callers_error(app: AppInEngine) -> None:
    answered = app.call("POST", "/missing", b"other=1", URLENCODED)
    assert (answered.code, answered.detail) == ("BadRequest", "the form has no field 'item'")
    assert app.call("POST", "/missing", b'{"item": 1}').code == "BadRequest"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_multipart(*[_field("a", b"1")] * 201), "at most 200 fields and files"),
        (_multipart(*[_field("a", b"1")] * 5000), "at most 200 fields and files"),
        (b"--x\r\n" * 10_000 + b"--x--", "at most 200"),
        (_multipart(_field("a", b"1"), end=b""), "ends before its last boundary"),
        (b"", "ends before its last boundary"),
        (_multipart(b"a: b\r\n\r\nvalue"), "has no name"),
        (_multipart(b"no head"), "has no head"),
        (_multipart(b"a: " + b"b" * 5000 + b"\r\n" + _field("a", b"1")), "more than 4096 bytes"),
        (_multipart(b"a: b\r\n" * 16 + _field("a", b"1")), "more than 16 headers"),
        (_multipart(b"content-type: multipart/mixed; boundary=y\r\n" + _field("a", b"1")), "holds parts itself"),
        (_multipart(b"content-transfer-encoding: base64\r\n" + _field("a", b"1")), "transfer encoding"),
    ],
)
def test_a_form_that_is_malformed_or_too_large_is_refused(app: AppInEngine, body: bytes, said: str) -> None:
    answered = app.call("POST", "/form", body, MULTIPART)
    assert answered.code == "BadRequest"
    assert said in answered.detail


def test_forms_are_counted_up_to_their_limits(app: AppInEngine) -> None:
    assert app.call("POST", "/form", _multipart(*[_field("a", b"1")] * 200), MULTIPART).status == 200
    assert app.call("POST", "/form", b"&".join([b"a=1"] * 1000), URLENCODED).status == 200
    assert "at most 1000 fields" in app.call("POST", "/form", b"&".join([b"a=1"] * 1001), URLENCODED).detail
    assert "boundary" in app.call("POST", "/form", b"", [(b"content-type", b"multipart/form-data")]).detail


@pytest.fixture
def todos(app: AppInEngine) -> Iterator[AppInEngine]:
    app.state.clear()
    app.state.update({f"todo/{number:04}": json.dumps(number) for number in range(2500)} | {"a": "1", "z": "1"})
    yield app
    app.state.clear()


def test_a_listing_says_where_it_goes_on(todos: AppInEngine) -> None:
    before = len(todos.log)
    keys: list[str] = []
    found = todos.call("GET", "/list?limit=999").json()
    while found["cursor"] is not None:
        keys += found["keys"]
        found = todos.call("GET", f"/list?limit=999&cursor={found['cursor']}").json()
    assert keys + found["keys"] == [f"todo/{number:04}" for number in range(2500)]
    assert todos.call("GET", "/list?prefix=todo/24&limit=100").json()["cursor"] is None
    assert todos.call("GET", "/list?limit=0").json() == {"keys": [], "cursor": None}
    assert len(todos.log) == before


def test_a_listing_without_a_limit_warns_when_it_is_cut(todos: AppInEngine) -> None:
    found = todos.call("GET", "/list").json()
    assert (len(found["keys"]), found["cursor"]) == (100, "todo/0099")
    assert "state.list('todo/') gave 100 entries and there are more" in todos.log[-1]["message"]


def test_a_limit_beyond_what_is_given_is_refused(todos: AppInEngine) -> None:
    assert len(todos.call("GET", "/list?limit=1000").json()["keys"]) == 1000
    refused = todos.call("GET", "/list?limit=1001")
    assert refused.code == "AppFailed"
    assert "at most 1000 entries, not 1001; `async for key, value in state.scan(prefix)` reads all" in refused.detail


def test_a_listing_holds_the_requests_own_writes_on_every_page(todos: AppInEngine) -> None:
    first, rest, cursor = todos.call("GET", "/own").json()
    assert (first, rest, cursor) == (["todo/0001", "todo/0002"], 1000, "todo/1001")


def test_a_scan_reads_everything(todos: AppInEngine) -> None:
    assert todos.call("GET", "/scan").json() == {"n": 2500}


def test_a_scan_reads_large_values_in_smaller_pages(app: AppInEngine) -> None:
    app.state.update({f"todo/{number:02}": json.dumps("x" * 250_000) for number in range(20)})
    assert app.call("GET", "/scan").json() == {"n": 20}
    app.state["todo/00"] = json.dumps("x" * 2_000_000)
    refused = app.call("GET", "/scan")
    assert (refused.code, "StateFull" in refused.detail) == ("ToolFailed", True)
    app.state.clear()
