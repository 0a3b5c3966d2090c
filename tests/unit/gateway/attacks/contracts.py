# SPDX-License-Identifier: Apache-2.0
"""Attacks on contracts, as data: what an app sends, a connector's team registers or a service answers.

Three lists, for who the attacker is. `test_contracts` carries out every row against the whole gateway but the wire.
"""

from dataclasses import dataclass
from typing import Any

from genapps.core.contracts.schemas import STEPS
from genapps.core.contracts.values import ARGUMENTS, EXACT, RESULT
from tests.unit.gateway.connectors import LATEST

HIDDEN = "\u202e"


@dataclass(frozen=True, slots=True)
class Sent:
    """What an app sends as arguments, in bytes of JSON, and how it must end."""

    title: str
    arguments: bytes
    code: str = "ArgumentsInvalid"
    detail: str = ""
    """What the refusal says."""
    input: dict[str, Any] | None = None
    """The tool's input; absent: that of `latest`."""
    path: str = "/v1/latest/{currency}"


def _open(**members: Any) -> dict[str, Any]:
    currency = {"type": "string"}
    return {"type": "object", "required": ["currency"], "properties": {"currency": currency} | members}


def _nested(levels: int) -> bytes:
    return b'{"currency":"EUR","a":' + b"[" * levels + b"]" * levels + b"}"


def _with(member: bytes) -> bytes:
    return b'{"currency":"EUR","a":' + member + b"}"


def _currency(text: str) -> bytes:
    return b'{"currency":"' + text.encode() + b'"}'


_FORMS: dict[str, Any] = {"type": "string"}
for _ in range(20):
    _FORMS = {"anyOf": [_FORMS, {"type": "null"}]}

AMBIGUOUS = (
    Sent("a name twice", b'{"currency":"EUR","currency":"USD"}', "RequestInvalid", "a name stands twice"),
    Sent("a name twice, once escaped", b'{"currency":"EUR","\\u0063urrency":"USD"}', "RequestInvalid", "stands twice"),
    Sent("a name twice, deep inside", _with(b'[{"b":{"c":1,"c":2}}]'), "RequestInvalid", "stands twice", _open()),
    Sent(
        "a name twice, the first of another type", b'{"currency":{},"currency":"EUR"}', "RequestInvalid", "stands twice"
    ),
    Sent("an integer past 2^53", _with(str(EXACT + 1).encode()), "RequestInvalid", "beyond 2^53", _open()),
    Sent("an integer below -2^53", _with(str(-EXACT - 1).encode()), "RequestInvalid", "beyond 2^53", _open()),
    Sent("an integer past 64 bits", _with(str(2**64).encode()), "RequestInvalid", "beyond 2^53", _open()),
    Sent("an integer of 300 digits", _with(b"9" * 300), "RequestInvalid", "beyond 2^53", _open()),
    Sent("an integer of 5,000 digits", _with(b"9" * 5_000), "RequestInvalid", "not JSON", _open()),
    Sent("a number that is infinite", _with(b"1e999"), "RequestInvalid", "not JSON", _open()),
    Sent("NaN", _with(b"NaN"), "RequestInvalid", "not JSON", _open()),
    Sent("Infinity", _with(b"-Infinity"), "RequestInvalid", "not JSON", _open()),
    Sent("half of a surrogate pair", _with(b'"\\ud800"'), "RequestInvalid", "not JSON", _open()),
    Sent("bytes that are no UTF-8", _with(b'"\xff"'), "RequestInvalid", "not JSON", _open()),
    Sent("100,000 lists inside each other", _nested(100_000), "RequestInvalid", "not JSON", _open()),
    Sent("arguments that are a list", b"[]", "RequestInvalid"),
    Sent("arguments that are text", b'"{}"', "RequestInvalid"),
)

PAST_BOUNDS = (
    Sent("lists past the depth", _nested(ARGUMENTS.depth), detail="levels of lists and objects", input=_open()),
    Sent("values past the number", _with(b"[" + b"0," * ARGUMENTS.values + b"0]"), detail="values", input=_open()),
    Sent("a string past the length", _with(b'"' + b"x" * (ARGUMENTS.string + 1) + b'"'), detail="/a:", input=_open()),
    Sent("a name past the length", b'{"currency":"EUR","' + b"x" * (ARGUMENTS.string + 1) + b'":1}', input=_open()),
)

AGAINST_THE_CONTRACT = (
    Sent("nothing", b"{}", detail="the member 'currency' is missing"),
    Sent("another type", b'{"currency":1}', detail="/currency: must be of type string"),
    Sent("null", b'{"currency":null}', detail="/currency: must be of type string"),
    Sent("a member that no contract knows", b'{"currency":"EUR","admin":true}', detail="unknown member 'admin'"),
    Sent("a member that Python knows", b'{"currency":"EUR","__class__":{}}', detail="unknown member '__class__'"),
    Sent("a member that JavaScript knows", b'{"currency":"EUR","__proto__":{}}', detail="unknown member '__proto__'"),
    Sent("a name that looks like it", '{"сurrency":"EUR"}'.encode(), detail="unknown member"),
    Sent("a pattern with a line end behind it", _currency("EUR\\n"), detail="/currency: must match"),
    Sent("a pattern with a line before it", _currency("x\\nEUR"), detail="/currency: must match"),
    Sent("a pattern in other digits and letters", _currency("ＥＵＲ"), detail="/currency: must match"),
    Sent("a name that reorders the sentence", b'{"currency":"EUR","' + HIDDEN.encode() + b'":1}', detail="u{202e}"),
    Sent("a name that moves a cursor", b'{"currency":"EUR","\\u001b[2J":1}', detail="u{1b}"),
    Sent("values whose errors would multiply", _with(b"[" + b'{"b":1},' * 4_000 + b"0]"), detail="/a:",
         input=_open(a=_FORMS)),
    Sent("a string for a pattern that backtracks", _with(b'"' + b"a" * 60_000 + b'"'), detail="/a: must match",
         input=_open(a={"pattern": "^(a+)+$|^(a|aa)+x$|^b$"} | {"allOf": [{"pattern": "^(a|a?)+b$"}]})),
)  # fmt: skip

_ELSEWHERE = (
    "..", ".", "", "../admin", "a/b", "..\\\\admin", "%2e%2e", "%2E%2e%2fadmin", "%252e%252e", "..;a=b", "a\\r\\nX: y",
    "a\\u0000", "．．", "‥", "a／b", "a＼b", "\\u0085", "%c0%ae%c0%ae",
)  # fmt: skip

OUT_OF_ITS_PLACE = (
    *(Sent(f"a path with {text!a}", _currency(text), detail="/currency", input=_open()) for text in _ELSEWHERE),
    Sent("an object in the query", b'{"currency":"EUR","a":{"b":1}}', detail="/a: stands in the query", input=_open()),
    Sent("lists in lists in the query", _with(b"[[1]]"), detail="/a: stands in the query", input=_open()),
    Sent("a query of 10,000 characters", _with(b'"' + b"x" * 10_000 + b'"'), detail="characters", input=_open()),
    Sent("a list in the path", b'{"currency":["EUR"]}', detail="/currency", input=_open()),
    Sent("dots from two arguments", b'{"currency":".","a":"."}', path="/v1/{a}{currency}",
         input=_open(a={"type": "string"}) | {"required": ["a", "currency"]}),
)  # fmt: skip

SENT = (*AMBIGUOUS, *PAST_BOUNDS, *AGAINST_THE_CONTRACT, *OUT_OF_ITS_PLACE)


@dataclass(frozen=True, slots=True)
class Registered:
    """What a connector's team registers: the connector is not in the catalogue then."""

    title: str
    tool: dict[str, Any]


def _doubling(levels: int) -> dict[str, Any]:
    names = range(levels)
    twice = {f"d{name}": {"allOf": [{"$ref": f"#/$defs/d{name + 1}"}] * 2} for name in names}
    return {"$ref": "#/$defs/d0", "$defs": twice | {f"d{levels}": {}}}


def _lists(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


_SCHEMAS: dict[str, Any] = {
    "a schema elsewhere": {"$ref": "https://evil.example/s"},
    "a schema in a file": {"$ref": "file:///var/run/secrets/kubernetes.io/serviceaccount/token"},
    "a schema in the metadata service": {"$ref": "http://169.254.169.254/latest/meta-data"},
    "a metaschema elsewhere": {"$schema": "https://evil.example/meta"},
    "another base for references": {"$id": "https://evil.example/", "$ref": "s"},
    "a reference that is resolved as it is used": {"$dynamicRef": "#x", "$dynamicAnchor": "x"},
    "a definition that leads to itself": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    "a definition that leads to itself by members": {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"items": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}},
    },
    "references that double at each level": _doubling(30),
    "a pattern that backtracks": {"pattern": "^(?=a+)+$"},
    "a pattern with a back reference": {"pattern": "(a)\\1"},
    "a pattern that fills the memory": {"pattern": "((a{1,1000}){1,1000}){1,1000}"},
    "a pattern that is no pattern": {"pattern": "("},
    "more listed values than steps": {"enum": list(range(STEPS + 1))},
    "lists past the depth": {"const": _lists(65)},
    "lists past what is written out": {"const": _lists(5_000)},
    "an integer that loses digits": {"const": 2**60},
    "a keyword that restricts nothing": {"maxlength": 3},
    "members that are looked at again and again": {"unevaluatedProperties": False},
    "text that people do not see": {"description": f"good{HIDDEN}"},
    "no schema": {"type": "everything"},
}
REGISTERED = (
    *(Registered(title, LATEST | {"output": schema}) for title, schema in _SCHEMAS.items()),
    Registered("a path that climbs", LATEST | {"path": "/v1/../admin/{currency}"}),
    Registered("a path that climbs, encoded", LATEST | {"path": "/v1/%2e%2e/admin/{currency}"}),
    Registered("a path to another host", LATEST | {"path": "//evil.example/{currency}"}),
    Registered("a path with a query", LATEST | {"path": "/v1/{currency}?admin=true"}),
    Registered("a template of many segments", LATEST | {"path": "/v1/{+currency}"}),
    Registered("a parameter that no argument fills", LATEST | {"path": "/v1/{currency}/{admin}"}),
    Registered("a delete that says it reads", LATEST | {"method": "DELETE"}),
    Registered("the credential's place", LATEST | {"headers": [{"argument": "currency", "header": "Authorization"}]}),
    Registered("the host of the request", LATEST | {"headers": [{"argument": "currency", "header": "Host"}]}),
    Registered("a description with an escape", LATEST | {"description": "a\x1b[2J"}),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a service answers with 200 and JSON."""

    title: str
    body: bytes


ANSWERED = (
    Answered("another type", b"[]"),
    Answered("a missing member", b"{}"),
    Answered("text in place of a number", b'{"rate":"1"}'),
    Answered("an integer that loses digits", b'{"rate":%d}' % (EXACT + 1)),
    Answered("a number that is infinite", b'{"rate":1e999}'),
    Answered("NaN", b'{"rate":NaN}'),
    Answered("lists past the depth", b'{"rate":1,"a":' + b"[" * RESULT.depth + b"]" * RESULT.depth + b"}"),
    Answered("lists past all readers", b"[" * 50_000),
    Answered("values past the number", b'{"rate":1,"a":[' + b"0," * RESULT.values + b"0]}"),
    Answered("half of a surrogate pair", b'{"rate":1,"a":"\\ud800"}'),
    Answered("two documents", b'{"rate":1}{"rate":2}'),
    Answered("no JSON", b"<html>"),
)
