# SPDX-License-Identifier: Apache-2.0
"""`genapps connector import`: what becomes of a description, and what is refused in it, by JSON pointer."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from genapps.cli.main import main

HERE = Path(__file__).parent
OPERATION: dict[str, Any] = {"operationId": "get", "responses": {"200": {"description": "ok"}}}
TEXT: dict[str, Any] = {"type": "string"}


def run(form: str, content: str, *options: str, at: str = "https://a.example.com") -> Result:
    address = ["--url", at] if at else []
    return CliRunner().invoke(
        main, ["connector", "import", form, "-", "--name", "a", *address, *options], input=content
    )


def openapi(operation: dict[str, Any] | None = None, *, method: str = "get", path: str = "/a", **more: Any) -> str:
    document = {"openapi": "3.1.0", "info": {}, "paths": {path: {method: OPERATION | (operation or {})}}}
    return json.dumps(document | more)


def parameter(**fields: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "q", "in": "query", "required": True, "schema": TEXT} | fields]}


def body(schema: Any, media: str = "application/json", **fields: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}} | fields}


def results(schema: Any) -> dict[str, Any]:
    return {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}


def tool(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    (found,) = yaml.safe_load(result.stdout)["spec"]["tools"]
    assert isinstance(found, dict)
    return found


def test_an_openapi_document_becomes_a_connector() -> None:
    result = run("openapi", (HERE / "bank.yaml").read_text(), "--name", "bank", "-n", "finance", at="")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (HERE / "bank.connector.yaml").read_text()


def test_a_tool_list_becomes_a_connector() -> None:
    content = (HERE / "mcp_server.json").read_text()
    options = ("--name", "notes", "-n", "sales", "-n", "finance")
    result = run("mcp", content, *options, at="https://notes.example.com/mcp")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (HERE / "mcp_server.connector.yaml").read_text()
    inner = json.dumps(json.loads(content)["result"])
    assert run("mcp", inner, *options, at="https://notes.example.com/mcp").stdout == result.stdout


def test_what_is_printed_passes_every_check(tmp_path: Path) -> None:
    for name in ("bank", "mcp_server"):
        checked = CliRunner().invoke(main, ["check", str(HERE / f"{name}.connector.yaml")])
        assert (checked.exit_code, checked.output) == (0, "Nothing found.\n")


def test_only_an_mcp_server_that_is_trusted_says_that_a_tool_reads() -> None:
    content = (HERE / "mcp_server.json").read_text()
    tools = yaml.safe_load(run("mcp", content, "--trust-hints").stdout)["spec"]["tools"]
    assert [each["effect"] for each in tools] == ["Read", "Write"]


def test_a_service_of_the_cluster_takes_the_place_of_the_url() -> None:
    result = run("openapi", (HERE / "bank.yaml").read_text(), "--service", "bank/api:8080", "--tool", "pay", at="")
    spec = yaml.safe_load(result.stdout)["spec"]
    assert spec["endpoint"] == {"service": {"namespace": "bank", "name": "api", "port": 8080}}
    assert [(each["name"], each["path"]) for each in spec["tools"]] == [("pay", "/api/v2/payments")]


@pytest.mark.parametrize(
    ("options", "at"),
    [((), ""), (("--service", "bank/api:8080"), "https://a.example.com"), (("--service", "bank"), "")],
)
def test_the_service_is_named_once(options: tuple[str, ...], at: str) -> None:
    result = run("openapi", openapi(), *options, at=at)
    assert result.exit_code == 1
    assert "name the service by --url https://… or by --service namespace/name:port" in result.stderr


@pytest.mark.parametrize(
    ("operation", "method", "fields"),
    [
        (body({"type": "object", "properties": {"a": TEXT}}, required=False), "post", {"body": "body"}),
        (body({"type": "object", "properties": {"a": TEXT}, "additionalProperties": True}), "post", {"body": "body"}),
        (body({"allOf": [TEXT]}), "patch", {"body": "body"}),
        (body({"type": "object", "properties": {"a": TEXT}}), "post", {}),
        (body({"type": "object", "properties": {"q": TEXT}}) | parameter(), "post", {"body": "body", "query": ["q"]}),
        (parameter(**{"in": "header", "name": "X-A"}), "get", {"headers": [{"argument": "X-A", "header": "X-A"}]}),
        (parameter(**{"in": "header", "name": "idempotency-KEY"}), "post", {"idempotency": "Key"}),
        (parameter(schema={"type": ["array", "null"], "items": TEXT}), "get", {}),
        (parameter(**{"in": "cookie", "required": False}), "get", {}),
        (parameter(style="deepObject", required=False, schema={"type": "object"}), "get", {}),
        (parameter(**{"in": "header", "name": "Host", "required": False}), "get", {}),
        (parameter(**{"in": "header", "name": "api_key", "required": False}), "get", {}),
    ],
)
def test_arguments_have_the_place_that_the_document_says(
    operation: dict[str, Any], method: str, fields: dict[str, Any]
) -> None:
    found = tool(run("openapi", openapi(operation, method=method)))
    assert {name: found[name] for name in ("query", "headers", "body", "idempotency") if name in found} == fields


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        ("[]", "(the whole): must be an object"),
        ('{"swagger": "2.0"}', "/openapi: only OpenAPI 3.0 and 3.1 are read"),
        (openapi(openapi="3.2.0"), "/openapi: only OpenAPI 3.0 and 3.1 are read"),
        (openapi(paths=[]), "/paths: must be an object"),
        (openapi(info={"description": "a\u202eb"}), "/info/description: the text holds the hidden character U+202E"),
        (openapi({"summary": "a\u200bb"}), "/paths/~1a/get/summary: the text holds the hidden character U+200B"),
        (openapi({"operationId": "g\u200bet"}), "/paths/~1a/get/operationId: makes no name of a tool"),
        (openapi({"operationId": "x" * 64}), "/paths/~1a/get/operationId: makes no name of a tool"),
        (openapi(path="/a/../b"), "/paths/~1a~1..~1b/get: /path: a segment is . or .."),
        (openapi(path="/a/{+b}"), "/paths/~1a~1{+b}/get: /path: a parameter is {name}"),
        (openapi(path="/a/{b}"), "/paths/~1a~1{b}/get: /path: the parameter {b} is no property of input"),
        (openapi(parameter(**{"in": "cookie"})), "/paths/~1a/get/parameters/0/in: only path, query and header"),
        (openapi(parameter(**{"in": "header", "name": "Host"})), "/parameters/0/name: the gateway sets this header"),
        (openapi(parameter(**{"in": "header", "name": "a_b"})), "/parameters/0/name: the name of a header is"),
        (
            openapi(parameter(schema={"enum": ["a\u200bb"]})),
            "get: /input/properties/q/enum/0: the text holds the hidden",
        ),
        (openapi(parameter(schema={"description": "\u202e"})), "/schema/description: the text holds the hidden"),
        (openapi(parameter(schema={"type": "object"})), "/parameters/0/schema: a parameter is a scalar"),
        (openapi(parameter(schema={"type": "array"}, explode=False)), "/parameters/0: a list in a query repeats"),
        (openapi({"parameters": [{"name": "q", "in": "query", "required": True}]}), "/parameters/0: a parameter has"),
        (openapi({"parameters": [{"$ref": "#/components/parameters/p"}]}), "/parameters/0/$ref: a reference leads to"),
        (openapi({"parameters": [{"$ref": "other.yaml#/p"}]}), "/parameters/0/$ref: a reference leads to"),
        (openapi(parameter(schema={"$ref": "http://x/y"})), "/schema/$ref: a reference leads to #/components/schemas/"),
        (openapi(parameter(schema={"$ref": "#/components/schemas/X"})), "the definition 'X' is missing"),
        (openapi(parameter(schema=TEXT | {"pattern": "(?=a)"})), "get: /input/properties/q/pattern: the pattern is"),
        (openapi(parameter(schema=TEXT | {"maxlength": 3})), "get: /input/properties/q/maxlength: the keyword is not"),
        (openapi(results({"unevaluatedProperties": False})), "get: /output/unevaluatedProperties: the keyword is not"),
        (openapi(body(TEXT, "multipart/form-data"), method="post"), "/requestBody/content: only a JSON body"),
        (openapi(body(TEXT)), "/paths/~1a/get/requestBody/content: only a JSON body of POST, PUT or PATCH"),
        (openapi(servers=[{"url": "https://example.com:port"}]), "spec.endpoint.url"),
        (openapi(servers=[{"url": "https://["}]), "/servers/0/url: must be an address"),
        (openapi(servers=[{"url": "http://example.com"}]), "spec.endpoint.url"),
        (openapi(servers=[{"url": "https://10.0.0.1"}]), "spec.endpoint.url"),
        (openapi(servers=[{"url": "https://{region}.example.com"}]), "/servers/0/url: must be an address"),
        (
            openapi(
                results({"$ref": "#/components/schemas/T"}),
                components={"schemas": {"T": {"properties": {"of": {"$ref": "#/components/schemas/T"}}}}},
            ),
            "/paths/~1a/get: /output/$defs/T: the definition leads back to itself",
        ),
        (
            openapi(
                parameter(schema={"$ref": "#/components/schemas/A"}),
                components={
                    "schemas": {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
                },
            ),
            "references lead from one to the next without end",
        ),
    ],
    ids=lambda part: str(part)[:60],
)
def test_what_no_connector_can_have_is_refused_and_named(content: str, refusal: str) -> None:
    result = run("openapi", content, at="" if "servers" in content else "https://a.example.com")
    assert (result.exit_code, result.stdout) == (1, "")
    assert refusal in result.stderr


MCP: dict[str, Any] = {"name": "a", "inputSchema": {"type": "object"}}


def mirrored(properties: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [MCP | {"inputSchema": {"type": "object", "properties": properties}}]}


def test_arguments_that_an_mcp_server_wants_in_headers_are_placed_there() -> None:
    content = mirrored({"region": {"type": "string", "x-mcp-header": "Region"}, "query": TEXT})
    imported = tool(run("mcp", json.dumps(content)))
    assert imported["headers"] == [{"argument": "region", "header": "Mcp-Param-Region"}]
    assert imported["input"]["properties"]["region"] == TEXT


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        ({}, "/tools: this is no answer to tools/list"),
        ({"result": {"tools": [], "nextCursor": "x"}}, "/result/nextCursor: the list goes on"),
        ({"tools": {}}, "/tools: must be a list"),
        ({"tools": [MCP | {"name": "a.b"}]}, "/tools/0/name: a name is at most 63 letters"),
        ({"tools": [MCP | {"name": "pаy"}]}, "/tools/0/name: a name is at most 63 letters"),
        ({"tools": [MCP | {"name": None}]}, "/tools/0/name: a name is at most 63 letters"),
        ({"tools": [MCP | {"description": "a\U000e0041"}]}, "/tools/0/description: the text holds the hidden"),
        ({"tools": [{"name": "a"}]}, "/tools/0/inputSchema: must be an object"),
        ({"tools": [MCP | {"inputSchema": {"type": "string"}}]}, "/tools/0: /input/type: arguments are an object"),
        (
            {"tools": [MCP | {"inputSchema": {"$ref": "https://x/y"}}]},
            "/tools/0/inputSchema/$ref: a reference leads to",
        ),
        ({"tools": [MCP | {"outputSchema": {"$dynamicRef": "#x"}}]}, "/tools/0: /output/$dynamicRef: the keyword"),
        ({"tools": [MCP, MCP]}, "spec.tools[1]: Duplicate value"),
        (mirrored({"a": {"type": "number", "x-mcp-header": "A"}}), "/tools/0: /headers/0/argument: must be a property"),
        (mirrored({"a": {"type": "string", "x-mcp-header": "A b"}}), "/tools/0: /headers/0/header: "),
        (mirrored({"a": {"type": "string", "x-mcp-header": ""}}), "/tools/0: /headers/0/header: "),
        (
            mirrored({"a": {"type": "string", "x-mcp-header": 1}}),
            "/tools/0/inputSchema/properties/a/x-mcp-header: only an argument itself",
        ),
        (
            mirrored({"a": {"type": "object", "properties": {"b": {"type": "string", "x-mcp-header": "B"}}}}),
            "/tools/0/inputSchema/properties/a/properties/b/x-mcp-header: only an argument itself",
        ),
        (
            mirrored({"a": {"anyOf": [{"type": "string", "x-mcp-header": "B"}]}}),
            "/tools/0/inputSchema/properties/a/anyOf/0/x-mcp-header: only an argument itself",
        ),
        ({"tools": [MCP, MCP | {"name": "A"}]}, "/spec/tools/1/name: another tool has this name"),
    ],
    ids=lambda part: str(part)[:60],
)
def test_a_tool_list_that_no_connector_can_have_is_refused(content: dict[str, Any], refusal: str) -> None:
    result = run("mcp", json.dumps(content))
    assert (result.exit_code, result.stdout) == (1, "")
    assert refusal in result.stderr


def test_refused_operations_can_be_left_out_and_are_still_named() -> None:
    document = json.loads(openapi())
    document["paths"]["/b"] = deepcopy(document["paths"]["/a"])
    document["paths"]["/b"]["get"] |= parameter(**{"in": "cookie"})
    result = run("openapi", json.dumps(document), "--skip-refused")
    assert tool(result)["path"] == "/a"
    assert result.stderr == "refused: /paths/~1b/get/parameters/0/in: only path, query and header are supported\n"


def test_a_tool_that_is_asked_for_must_be_there() -> None:
    result = run("openapi", openapi(), "--tool", "get", "--tool", "gone", "--skip-refused")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no tool 'gone'" in result.stderr


def test_more_tools_than_a_connector_has_are_refused() -> None:
    paths: dict[str, Any] = {f"/p{number}": {"get": {}} for number in range(65)}
    result = run("openapi", openapi(paths=paths))
    assert result.exit_code == 1
    assert "spec.tools: Too many" in result.stderr
    chosen = run("openapi", openapi(paths=paths), "--tool", "get_p7")
    assert tool(chosen)["path"] == "/p7"


@pytest.mark.parametrize("content", ["", "a: [", "a: 1\n---\nb: 2\n", "[" * 200 + "]" * 200, "[" * 200 + "]"])
def test_what_is_no_document_is_not_read(content: str) -> None:
    result = run("openapi", content)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("genapps connector import: <stdin>:")


def test_a_text_that_is_too_long_is_cut() -> None:
    description = tool(run("openapi", openapi({"summary": "word " * 1_000})))["description"]
    assert len(description) <= 1_024
    assert description.endswith("…")
    inner = tool(run("openapi", openapi(parameter(schema=TEXT | {"description": "word\n" * 1_000}))))
    assert len(inner["input"]["properties"]["q"]["description"]) <= 200


def test_bounds_of_64_bits_go_because_every_value_is_within_them() -> None:
    schema = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1, "exclusiveMaximum": 5}
    found = tool(run("openapi", openapi(parameter(schema=schema))))
    assert found["input"]["properties"]["q"] == {"type": "integer", "exclusiveMaximum": 5}
    refused = run("openapi", openapi(parameter(schema={"const": 2**63})))
    assert "/input/properties/q/const: the integer is beyond 2^53 - 1" in refused.stderr


def test_variables_of_the_server_have_their_defaults() -> None:
    servers = [
        {"url": "https://{region}.example.com/{v}", "variables": {"region": {"default": "eu"}, "v": {"default": "v1"}}}
    ]
    result = run("openapi", openapi(servers=servers), at="")
    assert tool(result)["path"] == "/v1/a"
    assert yaml.safe_load(result.stdout)["spec"]["endpoint"] == {"url": "https://eu.example.com"}
