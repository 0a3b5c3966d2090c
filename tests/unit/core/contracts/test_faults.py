# SPDX-License-Identifier: Apache-2.0
"""Faults of whole connectors, named by pointers into the manifest."""

from typing import Any

import pytest

from genapps.core.contracts.faults import CONTRACT_BYTES, CONTRACT_PATTERNS, FAULTS, contract_faults
from genapps.core.contracts.hidden_text import hidden_character
from tests.unit.core.contracts.connectors import LATEST, connector, tool

OPEN: dict[str, Any] = {"type": "object"}
BODY: dict[str, Any] = {
    "type": "object",
    "required": ["currency"],
    "properties": {"currency": {"$ref": "#/$defs/c"}, "o": {"type": ["object", "null"]}, "s": {"type": "string"}},
    "$defs": {"c": {"type": "string"}},
}


def _faults(*tools: dict[str, Any], **spec: Any) -> list[str]:
    return [str(fault) for fault in contract_faults(connector(*tools, **spec))]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"method": "POST"},
        {"effect": "Write", "idempotency": "Key"},
        {"effect": "Write", "idempotency": {"header": "X-Once"}},
        {"effect": "Write"},
        {"path": "/v1", "input": None},
        {"method": "POST", "input": BODY, "query": ["s"], "body": "o"},
        {"input": BODY, "headers": [{"argument": "s", "header": "Accept-Language"}]},
        {"cache": "60s"},
        {"stream": "Lines"},
        {"stream": "Lines", "method": "POST"},
        {"stream": "Text", "output": None},
        {"description": "The rate, with\ntwo lines"},
    ],
)
def test_a_good_tool_has_no_fault(changes: dict[str, Any]) -> None:
    assert _faults(tool(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"input": {"type": "object", "$id": "x"}}, "/spec/tools/0/input/$id: the keyword is not supported"),
        ({"output": {"$ref": "http://x"}}, "/spec/tools/0/output/$ref: a reference leads to"),
        ({"input": {"type": "array"}, "path": "/v1"}, "/spec/tools/0/input/type: arguments are an object"),
        ({"input": {}, "path": "/v1"}, "/spec/tools/0/input/type: arguments are an object"),
        ({"method": None}, "/spec/tools/0: a tool of type HTTP needs method and path"),
        ({"path": "/a/../b"}, "/spec/tools/0/path: a segment is . or .."),
        ({"path": "/{nobody}"}, "/spec/tools/0/path: the parameter {nobody} is no property of input"),
        ({"path": "/{limit}"}, "/spec/tools/0/path: the parameter {limit} must be in required of input"),
        ({"input": None}, "/spec/tools/0/path: the parameter {currency} is no property of input"),
        ({"input": BODY, "path": "/{o}"}, "/spec/tools/0/path: the parameter {o} must be a string, a number"),
        ({"effect": "Read", "method": "DELETE"}, "/spec/tools/0/effect: DELETE changes something"),
        ({"effect": "Read", "idempotency": "Key"}, "/spec/tools/0/idempotency: a Read may be repeated anyway"),
        ({"stream": "Lines", "effect": "Write"}, "/spec/tools/0/stream: only the answer of a Read is taken piece by"),
        ({"stream": "Lines", "method": "HEAD"}, "/spec/tools/0/stream: only the answer of a Read is taken piece by"),
        ({"stream": "Lines", "cache": "1s"}, "/spec/tools/0/cache: what is taken piece by piece is never reused"),
        ({"stream": "Text"}, "/spec/tools/0/output: a schema is for lines of JSON"),
        ({"effect": "Write", "cache": "1s"}, "/spec/tools/0/cache: the result of a Write is never reused"),
        (
            {"effect": "Write", "idempotency": {"header": "Authorization"}},
            "/spec/tools/0/idempotency/header: the gateway sets this header",
        ),
        ({"query": ["currency"]}, "/spec/tools/0/query/0: the argument has another place already"),
        ({"query": ["nobody"]}, "/spec/tools/0/query/0: this is no property of input"),
        ({"input": BODY, "query": ["o"]}, "/spec/tools/0/query/0: an object can stand in a body only"),
        ({"body": "limit"}, "/spec/tools/0/body: GET has no body"),
        (
            {"headers": [{"argument": "limit", "header": "Host"}]},
            "/spec/tools/0/headers/0/header: the gateway sets this header itself",
        ),
        (
            {"headers": [{"argument": "limit", "header": "X-Forwarded-For"}]},
            "/spec/tools/0/headers/0/header: the gateway sets this header itself",
        ),
        (
            {"headers": [{"argument": "nobody", "header": "X-A"}]},
            "/spec/tools/0/headers/0/argument: this is no property of input",
        ),
        ({"description": "nice\u202e"}, "/spec/tools/0/description: the text holds the hidden character U+202E"),
        (
            {"output": {"properties": {"a\u200b": {}}}},
            "/spec/tools/0/output/properties: a name holds the hidden character U+200B",
        ),
    ],
    ids=lambda part: str(part)[:50],
)
def test_a_fault_of_a_tool_is_named(changes: dict[str, Any], fault: str) -> None:
    faults = _faults(tool(**changes))
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_a_key_header_cannot_be_an_argument() -> None:
    headers = [{"argument": "limit", "header": "x-once"}]
    faults = _faults(tool(effect="Write", idempotency={"header": "X-Once"}, headers=headers))
    assert faults == ["/spec/tools/0/headers/0/header: the gateway sets this header itself"]


def test_two_arguments_cannot_share_a_header() -> None:
    headers = [{"argument": "s", "header": "X-A"}, {"argument": "t", "header": "x-a"}]
    schema = BODY | {"properties": BODY["properties"] | {"t": {"type": "string"}}}
    assert _faults(tool(input=schema, headers=headers)) == [
        "/spec/tools/0/headers/1/header: two arguments are sent in this header"
    ]


@pytest.mark.parametrize("field", ["method", "path"])
def test_fields_of_http_are_refused_for_other_types(field: str) -> None:
    bare = {"name": "latest", "effect": "Read", "input": OPEN}
    assert _faults(bare, type="MCP") == []
    assert _faults(bare | {field: LATEST[field]}, type="MCP") == [
        f"/spec/tools/0/{field}: the field is for connectors of type HTTP; remove it"
    ]


MIRRORED = {"type": "object", "properties": {"s": {"type": "string"}, "n": {"type": "number"}, "any": {}}}
NO_MIRROR = "write Mcp-Param-<name> with the name of x-mcp-header, once for each"
NO_SCALAR = "must be a property of input that is a string, an integer or a boolean"


@pytest.mark.parametrize(
    ("entries", "faults"),
    [
        ([("s", "Mcp-Param-S")], []),
        ([("s", "mcp-param-S"), ("n", "X-N")], [f"1/header: {NO_MIRROR}", f"1/argument: {NO_SCALAR}"]),
        ([("s", "Mcp-Name")], [f"0/header: {NO_MIRROR}"]),
        ([("s", "Mcp-Method")], [f"0/header: {NO_MIRROR}"]),
        ([("s", "Authorization")], [f"0/header: {NO_MIRROR}"]),
        ([("n", "Mcp-Param-N")], [f"0/argument: {NO_SCALAR}"]),
        ([("any", "Mcp-Param-Any")], [f"0/argument: {NO_SCALAR}"]),
        ([("gone", "Mcp-Param-Gone")], [f"0/argument: {NO_SCALAR}"]),
    ],
)
def test_arguments_of_mcp_go_into_headers_of_their_own(entries: list[tuple[str, str]], faults: list[str]) -> None:
    headers = [{"argument": argument, "header": header} for argument, header in entries]
    found = _faults({"name": "a", "effect": "Read", "input": MIRRORED, "headers": headers}, type="MCP")
    assert found == [f"/spec/tools/0/headers/{fault}" for fault in faults]


def test_two_arguments_of_mcp_cannot_share_a_header() -> None:
    schema = {"type": "object", "properties": {"s": {"type": "string"}, "t": {"type": "boolean"}}}
    headers = [{"argument": "s", "header": "Mcp-Param-A"}, {"argument": "t", "header": "mcp-param-a"}]
    found = _faults({"name": "a", "effect": "Read", "input": schema, "headers": headers}, type="MCP")
    assert found == [f"/spec/tools/0/headers/1/header: {NO_MIRROR}"]


def test_an_mcp_server_gets_keys_in_one_way() -> None:
    bare = {"name": "a", "effect": "Write"}
    assert _faults(bare | {"idempotency": "Key"}, type="MCP") == []
    assert _faults(bare | {"idempotency": {"header": "Mcp-Name"}}, type="MCP") == [
        "/spec/tools/0/idempotency: an MCP server gets the key in _meta; write Key"
    ]


def test_a_model_gets_no_arguments_in_headers() -> None:
    chat = {"name": "chat", "effect": "Read", "headers": [{"argument": "s", "header": "Mcp-Param-S"}]}
    assert _faults(chat, type="Model", models=["m"])[0] == (
        "/spec/tools/0/headers: the field is for connectors of types HTTP and MCP; remove it"
    )


@pytest.mark.parametrize("second", ["latest", "Latest", "LATEST"])
def test_names_that_look_alike_are_refused(second: str) -> None:
    assert _faults(tool(), tool(name=second)) == [
        "/spec/tools/1/name: another tool has this name, or one that looks alike"
    ]


def test_fields_of_models_are_for_models() -> None:
    assert _faults(maxTokens=5) == ["/spec/maxTokens: the field is for connectors of type Model; remove it"]
    assert _faults(models=["m"])[0].startswith("/spec/models: name the models")
    assert _faults(type="Model", tools=[])[0].startswith("/spec/models: name the models")
    assert _faults(type="Model", tools=[], models=["m"], maxTokens=5) == []


def test_no_more_faults_are_told_than_a_person_reads() -> None:
    schema = {"type": "object", "properties": {f"p{number}": {"$id": "x"} for number in range(FAULTS + 1)}}
    assert len(_faults(tool(path="/v1", input=schema))) == FAULTS


@pytest.mark.parametrize("levels", [65, 300, 5_000])
def test_a_schema_as_deep_as_the_api_server_stores_it_is_a_fault_and_ends_nothing(levels: int) -> None:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    (fault,) = contract_faults(connector(tool(output=schema)))
    assert fault.pointer == "/spec/tools/0/output" + "/not" * 64
    assert fault.problem == "there are more than 64 levels of lists and objects"


def test_a_contract_that_no_object_could_hold_is_refused() -> None:
    large = {"type": "object", "examples": ["x" * 4_000] * 8}
    tools = [
        tool(name=f"t{number}", path="/v1", input=large, output=large) for number in range(CONTRACT_BYTES // 64_000)
    ]
    assert _faults(*tools) == []
    more = [*tools, tool(name="one", path="/v1", input=large, output=large)]
    assert _faults(*more) == [f"/spec/tools: the contract has more than {CONTRACT_BYTES} bytes in all"]


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200d", "\ufeff", "\u00ad", "\x1b", "\u2028", "\U000e0041", "\ue000"]
)
def test_hidden_characters_are_seen(character: str) -> None:
    assert hidden_character(f"a{character}b") == f"U+{ord(character):04X}"


def test_words_of_any_language_are_no_hidden_characters() -> None:
    assert hidden_character("Zürich, 東京, مرحبا\n\tfoo \U0001f600") is None


def test_an_argument_cannot_stand_in_the_place_of_the_credential() -> None:
    credential = {"secretName": "fx", "key": "token", "as": {"header": "X-Key"}}
    headers = [{"argument": "limit", "header": "x-key"}]
    assert _faults(tool(headers=headers), credential=credential) == [
        "/spec/tools/0/headers/0/header: this is the header of the credential"
    ]


@pytest.mark.parametrize("header", ["X-Key", "idempotency-key"])
def test_a_key_cannot_stand_in_the_place_of_the_credential(header: str) -> None:
    credential = {"secretName": "fx", "key": "token", "as": {"header": header}}
    keyed: dict[str, Any] = {"method": "POST", "path": "/v1", "effect": "Write", "input": None, "query": []}
    tools = [tool(name=f"t{number}", **keyed, idempotency=how) for number, how in enumerate([None, "None"])]
    assert _faults(*tools, credential=credential) == []
    taking = "Key" if header == "idempotency-key" else {"header": header.lower()}
    assert _faults(tool(**keyed, idempotency=taking), credential=credential) == [
        "/spec/tools/0/idempotency: this is the header of the credential"
    ]


@pytest.mark.parametrize("path", ["/a//b", "//a", "/a/../b", "/./a", "/%2e%2e/a", "/a%2fb", "/a%zz"])
def test_a_path_that_no_request_may_have_is_a_fault_of_the_connector(path: str) -> None:
    """Else each call is told as one whose arguments are invalid."""
    (told,) = _faults(tool(), endpoint={"url": f"https://fx.example.com{path}"})
    assert told.startswith("/spec/endpoint/url: ")
    for good in ("", "/", "/v1", "/v1/", "/~a-b._/v1"):
        assert _faults(tool(), endpoint={"url": f"https://fx.example.com{good}"}) == []


@pytest.mark.parametrize("port", [0, 65536, 99999])
def test_a_port_that_is_none_is_refused_before_a_call_is_made(port: int) -> None:
    def credential(port: int) -> dict[str, Any]:
        oauth = {"tokenURL": f"https://login.example.com:{port}/", "clientID": "us"}
        return {"secretName": "fx", "key": "token", "oauth": oauth}

    good, bad = "https://fx.example.com:65535", f"https://fx.example.com:{port}"
    assert _faults(tool(), endpoint={"url": good}, credential=credential(65535)) == []
    assert _faults(tool(), endpoint={"url": bad}, credential=credential(port)) == [
        "/spec/endpoint/url: the port is none; write one from 1 to 65535",
        "/spec/credential/oauth/tokenURL: the port is none; write one from 1 to 65535",
    ]


def test_a_credential_is_not_sent_in_the_header_of_step_tokens() -> None:
    credential = {"secretName": "fx", "key": "token", "as": {"header": "Txn-Token"}}
    assert _faults(tool(), credential=credential) == [
        "/spec/credential/as/header: this is the header of step tokens; send the credential in another"
    ]


@pytest.mark.parametrize(
    ("how", "header", "parameter"),
    [
        ({"as": {"basic": {}}}, "Authorization", None),
        ({"oauth": {"tokenURL": "https://login.example.com/token", "clientID": "us"}}, "Authorization", None),
        ({"as": {"query": "limit"}}, None, "limit"),
    ],
)
def test_the_place_of_each_kind_of_credential_is_taken(
    how: dict[str, Any], header: str | None, parameter: str | None
) -> None:
    credential = {"secretName": "fx", "key": "token", **how}
    headers = [{"argument": "limit", "header": header or "X-Limit"}]
    told = " ".join(_faults(tool(headers=headers), credential=credential))
    assert ("header of the credential" in told) == (header is not None)
    assert ("carries the credential" in told) == (parameter is not None)


def test_more_patterns_than_may_be_compiled_are_refused_before_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(count: int) -> list[str]:
        members = {f"p{number}": {"pattern": f"^a{{{number}}}"} for number in range(count // 2)}
        named = {f"^b{{{number}}}": True for number in range(count - count // 2)}
        schema = {"type": "object", "properties": members, "patternProperties": named}
        return _faults(
            tool(path="/v1", input=schema, output=None), tool(name="b", path="/v1", input=schema, output=None)
        )

    assert of(CONTRACT_PATTERNS) == []
    monkeypatch.setattr("genapps.core.contracts.patterns.compiled", None)
    assert of(CONTRACT_PATTERNS + 1) == ["/spec/tools: there are more than 128 different patterns in them"]
