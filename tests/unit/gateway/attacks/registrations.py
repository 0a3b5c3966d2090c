# SPDX-License-Identifier: Apache-2.0
"""Connectors that lead where none may, or whose contract costs more than it says: attacks by registration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from genapps.gateway.problems import Code
from tests.unit.gateway.connectors import LATEST

URLS = (
    # Addresses, in every spelling.
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
    "https://0177.0.0.1/", "https://017700000001/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/",
    "https://100.64.0.1/", "https://169.254.169.254/latest/", "https://168.63.129.16/", "https://0.0.0.0/",
    "https://224.0.0.1/", "https://255.255.255.255/", "https://8.8.8.8/", "https://[::1]/", "https://[::]/",
    "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[fd00::1]/", "https://[fe80::1%25eth0]/",
    "https://[2001:4860:4860::8888]/", "https://10.0.0.1.:443/", "https://１２７.０.０.１/", "https://127。0。0。1/",
    # Names that are none.
    "https://localhost/", "https://kubernetes/", "https://rates.example.com./", "https://RATES.example.com/", "https://r\u0430tes.example.com/",
    "https://-rates.example.com/", "https://rates..example.com/", "https://rates_x.example.com/",
    "https://*.example.com/", "https://" + "a" * 64 + ".example.com/", "https://example/", "https:///", "https://.com/",
    # Other things than a name, a port and a path.
    "http://rates.example.com/", "HTTPS://rates.example.com/", "ftp://rates.example.com/", "file:///etc/passwd",
    "gopher://rates.example.com/", "//rates.example.com/", "rates.example.com", "unix:///run/containerd.sock",
    "https://user@rates.example.com/", "https://user:pass@rates.example.com/", "https://rates.example.com@127.0.0.1/",
    "https://rates.example.com:port/", "https://rates.example.com:443@evil.example/", "https://rates.example.com:-1/",
    "https://rates.example.com:999999/", "https://rates.example.com/?a=b", "https://rates.example.com/#a",
    "https://rates.example.com\\@evil.example/", "https://rates.example.com/\r\nx: y", "https://rates.example.com/ a",
    "https://rates.example.com/\x00", "\thttps://rates.example.com/", "https://rates.example.com/" + "a" * 500,
)  # fmt: skip

NAMES_INSIDE = (
    "https://localhost.localdomain/", "https://kubernetes.default.svc/", "https://kubernetes.default.svc.cluster.local/",
    "https://rates.team.svc/", "https://rates.team.svc:8443/", "https://printer.local/",
    "https://metadata.google.internal/", "https://ip-10-0-0-1.ec2.internal/",
)  # fmt: skip
"""A rule of the API server refuses them. Where it is missing, egress does."""


def wide(width: int, depth: int) -> dict[str, Any]:
    """Definitions that each lead `width` times to the next one."""
    definitions: dict[str, Any] = {
        f"level{number}": {"anyOf": [{"$ref": f"#/$defs/level{number + 1}"}] * width} for number in range(depth)
    }
    return {
        "type": "object", "$defs": definitions | {f"level{depth}": {"type": "string"}},
        "properties": {"currency": {"$ref": "#/$defs/level0"}},
    }  # fmt: skip


def deep(levels: int) -> dict[str, Any]:
    """Objects inside each other."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def of(value: dict[str, Any], **beside: Any) -> dict[str, Any]:
    """A schema of arguments with this for one of them."""
    return {"type": "object", "required": ["currency"], "properties": {"currency": value}, **beside}


SCHEMAS: dict[str, dict[str, Any]] = {
    "a reference to a host": of({"$ref": "https://evil.example/schema.json"}),
    "a reference to a metadata service": of({"$ref": "http://169.254.169.254/latest"}),
    "a reference to a file": of({"$ref": "file:///etc/passwd"}),
    "a reference to the whole": of({"$ref": "#"}),
    "a reference to a place that is no definition": of({"$ref": "#/properties/currency"}),
    "a reference up": of({"$ref": "../other.json"}),
    "a reference to nothing": of({"$ref": "#/$defs/none"}),
    "a reference that is escaped": of({"$ref": "#/%24defs/a"}, **{"$defs": {"a": {}}}),
    "a definition that leads to itself": of({"$ref": "#/$defs/a"}, **{"$defs": {"a": {"$ref": "#/$defs/a"}}}),
    "two definitions in a circle": of({"$ref": "#/$defs/a"}, **{
        "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}},
    }),
    "a name of its own": of({"type": "string"}, **{"$id": "https://evil.example/schema.json"}),
    "an anchor": of({"$dynamicRef": "#a"}, **{"$dynamicAnchor": "a"}),
    "another dialect": of({"type": "string"}, **{"$schema": "http://json-schema.org/draft-04/schema#"}),
    "a vocabulary": of({"type": "string"}, **{"$vocabulary": {"https://evil.example/": True}}),
    "definitions that multiply": wide(10, 9),
    "definitions that multiply by two": wide(2, 30),
    "levels without an end": of(deep(80)),
    "more schemas than there may be": of({"anyOf": [{"type": "string"}] * 600}),
    "a list of everything": of({"enum": list(range(3000))}),
    "a pattern with a backreference": of({"type": "string", "pattern": r"(a*)\1"}),
    "a pattern that looks ahead": of({"type": "string", "pattern": r"(?=a)b"}),
    "a pattern that looks back": of({"type": "string", "pattern": r"(?<!a)b"}),
    "a pattern that is none": of({"type": "string", "pattern": "("}),
    "a pattern that is huge": of({"type": "string", "pattern": "(a{1,1000}){1,1000}"}),
    "a pattern of names with a backreference": of({"patternProperties": {r"(a)\1": {}}}),
    "a misspelt keyword": of({"type": "string", "maxLenght": 3}),
    "a keyword of OpenAPI": of({"type": "string", "nullable": True}),
    "a type that is none": of({"type": "text"}),
    "a bound that is none": of({"type": "string", "maxLength": -1}),
    "arguments that are a list": {"type": "array"},
    "a text that runs backwards": of({"type": "string", "description": "safe \u202etxt.exe"}),
    "a text that nobody sees": of({"type": "string", "description": "safe\u200b\U000e0041"}),
    "a name that nobody sees": of({"type": "string"}) | {"$defs": {"a\u200d": {}}},
    "a long text": of({"type": "string", "description": "x" * 5000}),
    "an integer that loses digits": of({"type": "integer", "maximum": 2**60}),
}  # fmt: skip

TOOLS: dict[str, dict[str, Any]] = {
    "a path up": {"path": "/v1/../admin/{currency}"},
    "a path up, escaped": {"path": "/v1/%2e%2e/{currency}"},
    "a path to another host": {"path": "//evil.example/{currency}"},
    "a path to a host by a backslash": {"path": "/\\evil.example/{currency}"},
    "a path with a query": {"path": "/v1/{currency}?admin=true"},
    "a path with an open brace": {"path": "/v1/{currency"},
    "a path with a template of another kind": {"path": "/v1/{+currency}"},
    "a path with all that follows": {"path": "/v1/{currency*}"},
    "a path with a null byte": {"path": "/v1/%00/{currency}"},
    "a path with an argument that nobody has": {"path": "/v1/{other}"},
    "a Read that deletes": {"method": "DELETE"},
    "a Read with a key": {"idempotency": "Key"},
    "a method that tunnels": {"method": "CONNECT"},
    "a method that traces": {"method": "TRACE"},
    "an argument for the Host": {"headers": [{"argument": "currency", "header": "Host"}], "path": "/v1"},
    "an argument for the credential": {"headers": [{"argument": "currency", "header": "Authorization"}], "path": "/v1"},
    "an argument for the length": {"headers": [{"argument": "currency", "header": "Content-Length"}], "path": "/v1"},
    "an argument for the origin": {"headers": [{"argument": "currency", "header": "X-Forwarded-For"}], "path": "/v1"},
    "an argument for a step's token": {"headers": [{"argument": "currency", "header": "Txn-Token"}], "path": "/v1"},
    "an argument for a cookie": {"headers": [{"argument": "currency", "header": "Cookie"}], "path": "/v1"},
    "an argument for a header with a line's end": {
        "headers": [{"argument": "currency", "header": "a\r\nb"}], "path": "/v1",
    },
    "an argument in two places": {"query": ["currency"]},
    "a name in another script": {"name": "l\u0430test"},
    "a name with a slash": {"name": "latest/admin"},
    "a hidden description": {"description": "Rates.\u202e"},
    "a timeout without an end": {"timeout": "24h"},
}  # fmt: skip

SPECS: dict[str, Mapping[str, Any]] = {
    "URL and Service": {"endpoint": {
        "url": "https://rates.example.com", "service": {"namespace": "team", "name": "rates", "port": 80},
    }},
    "a Service in a namespace that is a path": {"endpoint": {
        "service": {"namespace": "../kube-system", "name": "rates", "port": 80},
    }},
    "a Service with a name that is a host": {"endpoint": {
        "service": {"namespace": "team", "name": "evil.example.com", "port": 80},
    }},
    "a Service's port that is none": {"endpoint": {"service": {"namespace": "team", "name": "rates", "port": 0}}},
    "another type": {"type": "Shell"},
    "another member": {"insecureSkipVerify": True},
    "two tools that look alike": {"tools": [LATEST, LATEST | {"name": "Latest"}]},
    "a token's server by address": {"credential": {"secretName": "key", "key": "token", "oauth": {
        "tokenURL": "https://169.254.169.254/token", "clientID": "a",
    }}},
    "a token's server without TLS": {"credential": {"secretName": "key", "key": "token", "oauth": {
        "tokenURL": "http://login.example.com/token", "clientID": "a",
    }}},
    "a credential in a header with a line's end": {"credential": {
        "secretName": "key", "key": "token", "as": {"header": "a\r\nb"},
    }},
    "a credential behind a line's end": {"credential": {
        "secretName": "key", "key": "token", "as": {"header": "X-Key", "prefix": "a\r\nb: "},
    }},
    "a Secret of another namespace": {"credential": {"secretName": "../default/key", "key": "token", "as": {
        "header": "X-Key",
    }}},
    "a file as a Secret's key": {"credential": {"secretName": "key", "key": "../../etc/passwd", "as": {
        "header": "X-Key",
    }}},
}  # fmt: skip


@dataclass(frozen=True)
class Registration:
    """One Connector, by what it replaces in the spec of a good one."""

    title: str
    spec: Mapping[str, Any]
    code: Code = Code.CONNECTOR_UNAVAILABLE
    """Of a call."""


def _registrations() -> Iterator[Registration]:
    for url in URLS:
        yield Registration(f"the URL {url[:60]!a}", {"endpoint": {"url": url}})
    for url in NAMES_INSIDE:
        yield Registration(f"the URL {url[:60]!a}", {"endpoint": {"url": url}}, Code.EGRESS_REFUSED)
    yield Registration("neither URL nor Service", {"endpoint": {}}, Code.EGRESS_REFUSED)
    inside = {"tokenURL": "https://login.team.svc/token", "clientID": "a"}
    credential = {"secretName": "key", "key": "token", "oauth": inside}
    yield Registration("a token's server inside", {"credential": credential}, Code.CREDENTIAL_UNAVAILABLE)
    for title, schema in SCHEMAS.items():
        yield Registration(f"input: {title}", {"tools": [LATEST | {"input": schema}]})
        yield Registration(f"output: {title}", {"tools": [LATEST | {"output": schema}]})
    for title, tool in TOOLS.items():
        yield Registration(f"tool: {title}", {"tools": [LATEST | tool]})
    for title, spec in SPECS.items():
        yield Registration(title, spec)


REGISTRATIONS = tuple(
    each for each in _registrations() if each.title != "output: arguments that are a list"  # a result may be one
)  # fmt: skip
