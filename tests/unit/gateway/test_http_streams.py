# SPDX-License-Identifier: Apache-2.0
"""Answers of type HTTP that are passed on while they come: lines held to the contract, text, and what cuts them off."""

import gzip
from typing import Any

import orjson
import pytest
import structlog

from genapps.gateway.connectors import http_stream
from genapps.gateway.connectors.streams import PIECE_BYTES
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.contracts.compiled import CompiledTool
from genapps.gateway.egress.messages import FailureReason, OutboundResponse, UpstreamFailedError
from tests.support.turns import turns_of_others
from tests.unit.gateway.connectors import LATEST, manifest
from tests.unit.gateway.test_model_streams import lines
from tests.unit.gateway.world import Installation, Reply, app_record

ROWS: dict[str, Any] = {
    "name": "rows", "method": "GET", "path": "/v1/rows", "effect": "Read", "stream": "Lines", "timeout": "60s",
    "input": {"type": "object", "additionalProperties": False, "properties": {"since": {"type": "string"}}},
    "output": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
}  # fmt: skip
EXPORT: dict[str, Any] = {"name": "export", "method": "GET", "path": "/v1/export", "effect": "Read", "stream": "Text"}
NDJSON = {"content-type": "application/x-ndjson; charset=utf-8"}
CSV = {"content-type": "text/csv; charset=utf-8"}
END = {"end": {"effect": "Read"}}
CUT = UpstreamFailedError(FailureReason.CLOSED, "10.0.0.1 closed", sent=True)
SECRET = "secret-0123456789"


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}))
    gateway.catalogue.changed(manifest(tools=[ROWS, EXPORT, LATEST]))
    gateway.upstream.answer = OutboundResponse(200, NDJSON, b"")
    gateway.upstream.pieces = b'{"n": 1}\n{"n"', b': 2, "x": "z\xc3\xb6"}\r\n\n', b'{"n": 3}'
    return gateway


async def call(outside: Installation, tool: str = "rows", *, stream: bool = True, **arguments: Any) -> Reply:
    asked = {"requestId": "r", "step": 1, "connector": "rates", "tool": tool, "arguments": arguments}
    return await outside.post("/v1/calls", asked | ({"stream": True} if stream else {}))


async def text(outside: Installation, *pieces: bytes | Exception) -> list[dict[str, Any]]:
    outside.upstream.answer = OutboundResponse(200, CSV, b"")
    outside.upstream.pieces = pieces
    return lines(await call(outside, "export"))


async def test_lines_are_pieces_however_they_are_cut(outside: Installation) -> None:
    with structlog.testing.capture_logs() as written:
        found = lines(await call(outside, since="2026"))
    assert found == [{"piece": {"n": 1}}, {"piece": {"n": 2, "x": "zö"}}, {"piece": {"n": 3}}, END]
    ((_, request),) = outside.upstream.asked
    assert (request.method, request.path) == ("GET", "/api/v1/rows?since=2026")
    assert ("accept", "application/x-ndjson") in request.headers
    assert [line["event"] for line in written] == ["call_attempted", "call_ended"]
    assert (written[-1]["code"], written[-1]["health"]) == ("ok", "good")
    assert "input_tokens" not in written[-1]
    outside.upstream.pieces = tuple(bytes([one]) for one in b'{"n":1}\r\n{"n":2}\n')
    assert lines(await call(outside)) == [{"piece": {"n": 1}}, {"piece": {"n": 2}}, END]


async def test_an_answer_much_larger_than_a_result_may_be_arrives(outside: Installation) -> None:
    line = orjson.dumps({"n": 1, "x": "y" * 1000}) + b"\n"
    outside.upstream.pieces = (line * 500,) * 10
    assert len(lines(await call(outside))) == 5001
    found = await text(outside, *[b"a;b\n" * 16_384] * 80)
    assert sum(len(one.get("piece", "")) for one in found) == 4 * 16_384 * 80
    assert max(len(orjson.dumps(one)) for one in found) < PIECE_BYTES


async def test_text_is_cut_anywhere_but_within_a_character(outside: Installation) -> None:
    found = await text(outside, *(bytes([one]) for one in "a;zö€😀\n".encode()))
    assert ("".join(one["piece"] for one in found[:-1]), found[-1]) == ("a;zö€😀\n", END)
    found = await text(outside, b"\x01" * (http_stream.TEXT_CHARACTERS + 1))
    assert [len(one["piece"]) for one in found[:-1]] == [http_stream.TEXT_CHARACTERS, 1]
    assert await text(outside) == [END]


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        (b'{"n": "1"}\n', "breaks the contract of 'rows': /n"),
        (b"7\n", "breaks the contract"),
        (b"{\n", "not JSON"),
        (b"\xff\n", "not JSON"),
        (b"[" * 300 + b"]" * 300 + b"\n", "more than 64 levels"),
        (b'{"n": 99999999999999999999}\n', "ambiguous"),
        (b'{"n": 1, "x": "' + b"x" * PIECE_BYTES, "a line of more than"),
        (b'{"n":1,"x":[' + b"1e5," * 12_000 + b"1]}\n", "a line of more than"),
        (b"\n" * 100, "more than 100 lines"),
        (b'{"n": 1', "not JSON"),
    ],
)
async def test_a_line_that_is_none_ends_the_answer_and_is_a_defect_of_the_connector(
    outside: Installation, monkeypatch: pytest.MonkeyPatch, sent: bytes, word: str
) -> None:
    monkeypatch.setattr(http_stream, "MOST_LINES", 100)
    outside.upstream.pieces = b'{"n": 0}\n', sent
    first, *_, last = lines(await call(outside))
    assert first == {"piece": {"n": 0}}
    assert (last["problem"]["code"], last["problem"]["class"]) == ("ResultInvalid", "limit")
    assert word in last["problem"]["detail"]
    assert last["problem"]["effect"] == "Read"


async def test_a_line_of_the_most_bytes_passes(outside: Installation) -> None:
    line = b'{"n":1,"x":"%b"}' % (b"x" * (PIECE_BYTES - 14))
    assert len(line) == PIECE_BYTES
    outside.upstream.pieces = (line + b"\n",)
    assert lines(await call(outside))[-1] == END


@pytest.mark.parametrize("broken", [(b"\xff",), ("zö".encode()[:-1],)])
async def test_what_is_no_text_ends_the_answer(outside: Installation, broken: tuple[bytes, ...]) -> None:
    *_, last = await text(outside, b"good", *broken)
    assert (last["problem"]["code"], "UTF-8" in last["problem"]["detail"]) == ("ResultInvalid", True)


async def test_an_answer_that_breaks_off_says_so(outside: Installation) -> None:
    first, last = await text(outside, b"a", CUT)
    assert (first, last["problem"]["code"]) == ({"piece": "a"}, "UpstreamFailed")
    assert "not complete" in last["problem"]["detail"]
    outside.upstream.pieces = (CUT,)
    assert (await call(outside, "export")).json()["code"] == "UpstreamFailed"
    assert len(outside.upstream.asked) == 2, "it is not asked for again"


@pytest.mark.parametrize(
    ("tool", "answer", "code"),
    [
        ("rows", OutboundResponse(200, {"content-type": "application/json"}, b""), "ResultInvalid"),
        ("rows", OutboundResponse(200, {}, b""), "ResultInvalid"),
        ("export", OutboundResponse(200, NDJSON, b""), "ResultInvalid"),
        ("export", OutboundResponse(200, {"content-type": "text/csv; charset=latin-1"}, b""), "ResultInvalid"),
        ("rows", OutboundResponse(404, NDJSON, b""), "UpstreamRefused"),
        ("rows", OutboundResponse(500, NDJSON, b""), "UpstreamFailed"),
        ("rows", OutboundResponse(206, NDJSON, b""), "UpstreamFailed"),
    ],
)
async def test_what_is_no_such_answer_is_refused_before_a_piece(
    outside: Installation, tool: str, answer: OutboundResponse, code: str
) -> None:
    outside.upstream.answer = answer
    assert (await call(outside, tool)).json()["code"] == code


@pytest.mark.parametrize("tool", ["rows", "export"])
async def test_an_answer_without_content_is_an_empty_one(outside: Installation, tool: str) -> None:
    outside.upstream.answer = OutboundResponse(204, {}, b"")
    outside.upstream.pieces = ()
    with structlog.testing.capture_logs() as written:
        assert lines(await call(outside, tool)) == [END]
    assert (written[-1]["code"], written[-1]["health"]) == ("ok", "good")


async def test_a_tool_answers_in_one_way_only(outside: Installation) -> None:
    for tool, stream, word in (("rows", False, "tools.stream"), ("latest", True, "without stream")):
        reply = await call(outside, tool, stream=stream, **({"currency": "EUR"} if tool == "latest" else {}))
        assert (reply.json()["code"], word in reply.json()["detail"]) == ("ArgumentsInvalid", True)
    assert outside.upstream.asked == []


async def test_that_a_line_could_not_be_checked_is_no_defect(
    outside: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tool: CompiledTool, _value: object) -> str | None:
        raise CheckFailedError("out of memory")

    monkeypatch.setattr(CompiledTool, "result_fault", fail)
    outside.catalogue.changed(manifest(tools=[ROWS], description="anew"))
    with structlog.testing.capture_logs() as written:
        reply = await call(outside)
    assert (reply.json()["code"], written[-1]["health"]) == ("CheckFailed", "unknown")


@pytest.mark.parametrize("size", [1, 5, 16, 1000])
@pytest.mark.parametrize("tool", ["rows", "export"])
async def test_an_answer_that_says_the_credential_in_pieces_does_not_reach_the_app(
    outside: Installation, tool: str, size: int
) -> None:
    use = {"secretName": "fx-key", "key": "token", "as": {"header": "Authorization", "prefix": "Bearer "}}
    about = {"genapps.dev/hosts": "rates.example.com"}
    labels = {"genapps.dev/credential-for": "rates"}
    secret = {"name": "fx-key", "uid": "5ec", "resourceVersion": "1", "labels": labels, "annotations": about}
    outside.secrets.changed({"metadata": secret, "data": {"token": "c2VjcmV0LTAxMjM0NTY3ODk="}})
    outside.catalogue.changed(manifest(tools=[ROWS, EXPORT], credential=use))
    said = b'{"n": 1}\n{"n": 2, "x": "%b"}\n' % SECRET.encode()
    outside.upstream.answer = OutboundResponse(200, NDJSON if tool == "rows" else CSV, b"")
    outside.upstream.pieces = tuple(said[at : at + size] for at in range(0, len(said), size))
    reply = await call(outside, tool)
    last = orjson.loads(reply.body.splitlines()[-1])
    assert last.get("problem", last)["code"] == "ResultInvalid"
    told = "" if reply.status == 502 else "".join(str(line.get("piece", "")) for line in lines(reply))
    assert SECRET[:8] not in told
    assert (told == "") == (size == 1000), "what came before it has been passed on"


async def test_lines_of_which_no_piece_comes_leave_the_loop_to_others(outside: Installation) -> None:
    outside.upstream.pieces = (b"\n" * 400_000,)
    async with turns_of_others() as turns:
        assert lines(await call(outside)) == [END]
    assert turns.count > 20


async def test_an_answer_that_was_compressed_well_is_taken_in_slices(outside: Installation) -> None:
    content = b'{"n": 1, "x": "' + b"y" * 400 + b'"}\n'
    assert len(gzip.compress(content * 5000)) < 64 * 1024 < len(content * 5000)
    outside.upstream.pieces = (content * 5000,)
    assert len(lines(await call(outside))) == 5001
