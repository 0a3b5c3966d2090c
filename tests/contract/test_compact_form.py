# SPDX-License-Identifier: Apache-2.0
"""The compact form of messages says the same as their JSON (docs/contracts/compact-form.md)."""

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import resume_message, start_message
from genapps_runtime.guest.turns import Calls, Done, Turn, parse_turn
from genapps_runtime.heartbeat import Heartbeat
from tools import engines

CONTRACTS = Path(__file__).resolve().parents[2] / "docs" / "contracts"
SOURCE = """
from genapps import Response, app, gather, state

@app.route("POST", "/{rest:path}")
async def echo(request, rest):
    seen = {
        "id": request.id, "method": request.method, "path": request.path, "query": request.query,
        "list": request.query_list, "headers": request.headers, "fields": request.headers.multi_items(),
        "bytes": list(await request.body()),
    }
    return seen

@app.get("/stored")
async def stored(request):
    return [await state.get(request.query["key"]), await state.get("second", "absent")]

@app.get("/answer/{kind}")
async def answer(request, kind):
    await state.put("a", {"b": [1]})
    await state.delete(kind)
    return {
        "text": "plain", "wide": "gr\\u00fcezi", "nul": "a\\0b", "binary": b"\\0\\xff", "none": Response(None),
        "large": "x" * 20_000,
        "teapot": Response("short", status=418, headers={"X-A": "b"}), "control": Response("", headers={"x": "\\n"}),
        "list": [1.5, "\\u20ac", None],
    }.get(kind) or Response("", status={"ten": 10, "thousand": 1000, "true": True}[kind])
"""
KINDS = [
    "text", "wide", "nul", "binary", "none", "large", "teapot", "ten", "thousand", "true", "control", "list", "unknown",
]  # fmt: skip


def _examples(part: str) -> list[tuple[bytes, bytes]]:
    text = (CONTRACTS / "compact-form.md").read_text().partition(f"\n{part}:\n")[2]
    found = re.search(r"```\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    lines = found[1].splitlines()
    return [
        (compact.replace("|", "\0").encode(), said.encode())
        for compact, said in zip(lines[::2], lines[1::2], strict=True)
    ]


def _schema(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads((CONTRACTS / f"{name}.schema.json").read_text()))


@pytest.fixture(scope="module")
def language() -> Language:
    return Language(str(engines.precompiled()))


@pytest.fixture(scope="module")
def guest(language: Language) -> Iterator[Guest]:
    guest = Guest(language, Heartbeat(), 64 * 1024 * 1024)
    guest.load(json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 1000}), 60)
    yield guest
    guest.drop()


def _start(guest: Guest, message: bytes) -> bytes:
    return guest.start(message, time.monotonic() + 60, lambda _record: None)


def _resume(guest: Guest, message: bytes) -> bytes:
    return guest.resume(message, time.monotonic() + 60, lambda _record: None)


@pytest.mark.parametrize(("compact", "said"), _examples("Requests"))
def test_the_requests_of_the_page_are_what_the_runtime_writes(compact: bytes, said: bytes) -> None:
    assert _schema("action").is_valid(json.loads(said))
    number, *parts, headers = compact.decode().split("\0")[:6]
    body = compact.split(b"\0", 6)[6:]
    described = [(name.encode(), value) for name, said in json.loads(headers).items() for value in _each(said)]
    request_id, method, path, query = parts
    assert start_message(int(number), request_id, method, path, query, described, b"".join(body)) == compact


def _each(said: str | list[str]) -> list[bytes]:
    return [value.encode() for value in ([said] if isinstance(said, str) else said)]


@pytest.mark.parametrize(("compact", "said"), _examples("Results"))
def test_the_results_of_the_page_are_what_the_runtime_writes(compact: bytes, said: bytes) -> None:
    results = json.loads(said)
    assert _schema("results").is_valid(results)
    assert resume_message(results["action"], results["results"]) == compact


@pytest.mark.parametrize(("compact", "said"), _examples("Turns"))
def test_the_turns_of_the_page_mean_the_same_to_the_runtime(compact: bytes, said: bytes) -> None:
    assert _schema("turn").is_valid(json.loads(said))
    assert parse_turn(compact) == parse_turn(said)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
QUERY = TEXT | st.text("ab=&%+;0fF\u00e9 ", max_size=30)
LATIN = st.text(st.characters(max_codepoint=255), max_size=20)
NAMES = LATIN | st.sampled_from(["cookie", "via", "authorization", "genapps-schedule"])
HEADERS = st.lists(st.tuples(NAMES, LATIN), max_size=5)


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT, QUERY, HEADERS, st.binary(max_size=50) | TEXT.map(str.encode))
@example("r", "a\0b", "", [], b"")
@example("r", "a", "", [("x", "\0")], b"\0")
@example("r", "a", "%00=\0", [], b"")
@example("r", "a", "", [("cookie", "a=1"), ("via", "["), ("cookie", "b=2")], b"")
@example("r", "a", "", [("genapps-", ""), ("genapps", "1")], b"")
@example("r", "a", "", [("genapps-schedule", "a"), ("authorization", "b"), ("cookie", "c"), ("cookie", "d")], b"")
def test_a_handler_sees_the_same_request_in_both_forms(
    guest: Guest, request_id: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    headers = [(name if name == name.lower() else "other", value) for name, value in headers]
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    values: dict[str, list[str]] = {}
    for name, value in headers:
        if not _withheld(name):
            values.setdefault(name, []).append(value)
    message = start_message(1, request_id, "POST", f"/{path}x", query, pairs, body)
    request: dict[str, Any] = {
        "requestId": request_id, "method": "POST", "path": f"/{path}x", "query": query,
        "headers": {name: found if len(found) > 1 else found[0] for name, found in values.items()},
    }  # fmt: skip
    if body:
        request |= {"body": _piece(body), "bodyChunks": 1}
    said = _start(guest, json.dumps({"action": 2, "request": request}).encode())
    assert _start(guest, message) == said
    seen = parse_turn(said)
    assert isinstance(seen, Done)
    assert json.loads(seen.piece)["bytes"] == list(body)
    found = json.loads(seen.piece)
    assert found["headers"] == {name: ("; " if name == "cookie" else ", ").join(each) for name, each in values.items()}
    assert found["fields"] == [[name, value] for name, each in values.items() for value in each]
    plain = "\0" not in request_id + path + query and (not body or "text" in request["body"])
    assert message.startswith(b"{") is not plain


def _withheld(name: str) -> bool:
    """As action.schema.json says it of what callers send."""
    return name in ("authorization", "proxy-authorization") or name.startswith("genapps-")


def _piece(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


@settings(max_examples=60, deadline=None)
@given(TEXT.filter(lambda key: key != ""), TEXT.map(json.dumps) | st.none(), TEXT | st.integers() | st.none())
def test_a_handler_sees_the_same_results_in_both_forms(guest: Guest, key: str, first: str | None, second: Any) -> None:
    start = {"requestId": "r", "method": "GET", "path": "/stored", "query": "", "headers": {}}
    stored = None if second is None else json.dumps(second, ensure_ascii=False)
    ends = []
    for compact in (True, False):
        turn = _start(guest, json.dumps({"action": 1, "request": start | {"query": f"key={quote(key)}"}}).encode())
        for value in (first, stored):
            asked = parse_turn(turn)
            assert isinstance(asked, Calls)
            results: dict[str, dict[str, Any]] = {asked.calls[0].id: {"ok": value}}
            message = resume_message(1, results)
            assert not message.startswith(b"{")
            turn = _resume(guest, message if compact else json.dumps({"action": 1, "results": results}).encode())
        ends.append(turn)
    assert ends[0] == ends[1]
    ended = parse_turn(ends[0])
    assert isinstance(ended, Done)
    value = None if first is None else json.loads(first)
    assert json.loads(ended.piece) == [value, "absent" if second is None else second]


@pytest.mark.parametrize("kind", KINDS)
def test_every_turn_of_a_guest_follows_the_contract(guest: Guest, kind: str) -> None:
    turn = _start(guest, start_message(1, "r", "GET", f"/answer/{kind}", "", [], b""))
    if not turn.startswith(b"{"):
        turn = json.dumps(_said(turn)).encode()
    valid = _schema("turn").is_valid(json.loads(turn))
    assert valid is (kind != "control")


def _said(compact: bytes) -> dict[str, Any]:
    """A compact `done` as JSON."""
    status, headers, writes, piece = compact.decode().split("\0", 3)
    response = {"status": int(status), "headers": json.loads(headers), "body": {"text": piece}}
    return {"done": {"response": response, "writes": json.loads(writes) if writes else []}}


STATUS = st.integers(100, 999) | st.sampled_from([100, 199, 200, 599, 600])
NAME = st.text("aZ-:0 \u00e9", min_size=1, max_size=5) | st.sampled_from(["connection", "Content-Length"])
PAIRS = st.lists(st.tuples(NAME, st.text("a\t\n\u00ff\u0100", max_size=4)), max_size=3) | st.sampled_from(
    [[("x", "1")] * 64, [("x", "1")] * 65, [("x", "y" * 16383)], [("x", "y" * 16384)]]
)
ODD = st.none() | st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2) | st.just([["a"]]) | st.just([[1, "a"]])
WRITES = st.lists(st.tuples(TEXT, TEXT | st.none()), max_size=3) | ODD
PIECE = TEXT | st.integers(65534, 65538).map(lambda size: "x" * size) | st.just("\u20ac" * 21846)


@settings(max_examples=500, deadline=None)
@given(STATUS, PAIRS | ODD, WRITES, PIECE)
def test_a_turn_means_the_same_in_both_forms(status: int, headers: Any, writes: Any, piece: str) -> None:
    compact = f"{status}\0{json.dumps(headers)}\0{json.dumps(writes)}\0{piece}".encode()
    assert _meaning(compact) == _meaning(json.dumps(_said(compact)).encode())
    if writes == []:
        assert _meaning(f"{status}\0{json.dumps(headers)}\0\0{piece}".encode()) == _meaning(compact)


def _meaning(turn: bytes) -> Turn | tuple[type, str]:
    try:
        return parse_turn(turn)
    except Exception as refused:
        return type(refused), str(refused).partition(":")[0].removesuffix(" in the compact form")


@settings(max_examples=200)
@given(st.integers(0, 10**18 - 1), TEXT)
def test_a_read_means_the_same_in_both_forms(call: int, key: str) -> None:
    said = json.dumps({"calls": [{"id": call, "get": {"key": key}}]})
    assert parse_turn(f"get\0{call}\0{key}".encode()) == parse_turn(said.encode())
