# SPDX-License-Identifier: Apache-2.0
"""Attacks of a proven app by what it asks for, and of connectors by what they answer with."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson

from genapps.gateway.egress.messages import (
    EgressReason,
    EgressRefusedError,
    FailureReason,
    OutboundResponse,
    UpstreamFailedError,
)
from genapps.gateway.messages import BODY_LIMIT
from genapps.gateway.problems import Code, RefusalClass
from tests.unit.gateway.attacks.rows import CANARY, JSON, TOOLS, Attack, call, secret
from tests.unit.gateway.world import NOON

DEFECT, LIMIT, VIOLATION = RefusalClass.DEFECT, RefusalClass.LIMIT, RefusalClass.VIOLATION
WITH_KEY = {"credential": {"secretName": "key", "key": "token", "as": {"header": "X-Api-Key"}}}
SUSPENSION = {"id": "0" * 32, "reason": "RepeatedViolations", "at": NOON.isoformat()}

BODIES: dict[str, Any] = {
    "no body": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"requestId":"\xff\xfe"}',
    "half a surrogate": b'{"requestId":"r","step":1,"connector":"rates","tool":"latest","arguments":{"a":"\\ud800"}}',
    "UTF-16": '{"requestId":"r"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + orjson.dumps(call()),
    "two values": orjson.dumps(call()) * 2,
    "a list": [call()],
    "a name twice": orjson.dumps(call()).replace(b'"tool":"latest"', b'"tool":"latest","tool":"book"'),
    "a name twice, once escaped": orjson.dumps(call()).replace(b'"tool":', b'"too\\u006c":"book","tool":'),
    "an argument twice": orjson.dumps(call()).replace(b'"currency":', b'"currency":"USD","currency":'),
    "lists without an end": b"[" * 100_000,
    "objects inside each other": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "arguments nested deeper than a parser goes": orjson.dumps(call()).replace(b'"EUR"', b"[" * 1100 + b"]" * 1100),
    "a huge integer": orjson.dumps(call()).replace(b'"EUR"', b"9" * 5000),
    "an integer that loses digits": orjson.dumps(call()).replace(b'"EUR"', b"9007199254740993"),
    "a number that is none": orjson.dumps(call()).replace(b'"EUR"', b"NaN"),
    "an endless number": orjson.dumps(call()).replace(b'"EUR"', b"Infinity"),
    "a number beyond floats": orjson.dumps(call()).replace(b'"EUR"', b"1e999"),
    "another member": call(effect="Read"),
    "a connector's address": call(endpoint={"url": "https://evil.example"}),
    "a step as text": call() | {"step": "1"},
    "a step that is true": call() | {"step": True},
    "a step below nothing": call() | {"step": -1},
    "a step beyond the largest": call() | {"step": 1_000_001},
    "a step that is a fraction": call() | {"step": 1.5},
    "a request id with a line's end": call() | {"requestId": "r\r\nx: y"},
    "a long request id": call() | {"requestId": "r" * 129},
    "a key that is none": call(key="K" * 64),
    "a short key": call(key="f" * 63),
    "a tenant that is none": call(tenant="../other"),
    "arguments as text": call(arguments="{}"),
    "a connector that is a list": call(connector=["rates"]),
    "a long connector": call(connector="r" * 1025),
    "a tool that is nothing": call(tool=None),
}
"""Bodies that are no call."""

NAMES = (
    "payroll", "RATES", "rates ", " rates", "rates\x00", "rates\n", "rates/../mail", "rates%00", "r\u0430tes",
    "r\u200bates", "\u202esetar", "ｒates", "ra\u0301tes", "rates.", "*", "", "__class__", "rates;mail", "-",
    "x" * 1024, "\U0001f4b0", "https://169.254.169.254/", "../../etc/passwd", "rates' OR '1'='1", "${jndi:ldap://evil.example}",
)  # fmt: skip
"""Not the connector that the envelope names, however much it looks like it. The empty one is no call."""

TOOLS_THAT_ARE_NONE = (
    "delete", "LATEST", "latest ", "latest\x00", "l\u0430test", "latest/../book", "__init__", "l\u200batest", "*",
    "GET /v1/latest/EUR", "x" * 1024,
)  # fmt: skip

ARGUMENTS: dict[str, dict[str, Any]] = {
    "another value than the pattern's": {"currency": "EURO"},
    "a line's end after a value that fits": {"currency": "EUR\n"},
    "a value in another script": {"currency": "ЕUR"},
    "a path in place of a value": {"currency": "../../admin"},
    "a list with a value that fits": {"currency": ["EUR"]},
    "nothing": {"currency": None},
    "a missing argument": {},
    "an argument that nobody knows": {"currency": "EUR", "admin": True},
    "a prototype": {"currency": "EUR", "__proto__": {"admin": True}},
}
PLACED: dict[str, dict[str, Any]] = {
    "a way up": {"name": ".."},
    "a way up, escaped": {"name": "%2e%2e"},
    "a way up, escaped twice": {"name": "%252e%252e"},
    "a way up before a parameter": {"name": "..;x=y"},
    "no segment": {"name": ""},
    "another segment": {"name": "a/b"},
    "another segment by a backslash": {"name": "a\\b"},
    "a null byte": {"name": "a\x00b"},
    "a line's end": {"name": "a\r\nx: y"},
    "full-width dots": {"name": "．．"},
    "a header more": {"name": "a", "language": "de\r\nauthorization: Bearer x"},
    "a header in another script": {"name": "a", "language": "дe"},
    "a long name": {"name": "a" * 9000},
    "too many levels": {"name": "a", "any": orjson.loads("[" * 40 + "]" * 40)},
    "too many values": {"name": "a", "any": [0] * 10_001},
    "a long string": {"name": "a", "any": "x" * (64 * 1024 + 1)},
    "a long member": {"name": "a", "any": {"x" * (64 * 1024 + 1): 1}},
}
"""Arguments that the schema lets through, and the gateway does not."""

RESULTS: dict[str, OutboundResponse] = {
    "another type": OutboundResponse(200, JSON, b'{"rate": "0.94"}'),
    "no such member": OutboundResponse(200, JSON, b"{}"),
    "nothing": OutboundResponse(200, JSON, b""),
    "broken JSON": OutboundResponse(200, JSON, b'{"rate": 0.94'),
    "a number that is none": OutboundResponse(200, JSON, b'{"rate": NaN}'),
    "a number beyond floats": OutboundResponse(200, JSON, b'{"rate": 1e999}'),
    "a page": OutboundResponse(200, {"content-type": "text/html"}, b"<script>alert(1)</script>"),
    "bytes": OutboundResponse(200, {"content-type": "application/octet-stream"}, b"\0" * 10),
    "bytes as text": OutboundResponse(200, {"content-type": "text/plain"}, b"\xff\xfe"),
    "levels without an end": OutboundResponse(200, JSON, b'{"rate": 1, "x": ' + b"[" * 500 + b"]" * 500 + b"}"),
    "too many values": OutboundResponse(200, JSON, b'{"rate": 1, "x": [' + b"0," * 100_001 + b"0]}"),
    "a result beyond its bound": OutboundResponse(200, JSON, b'{"rate": 1, "x": "' + b"y" * 800_000 + b'"}'),
}

ECHOES: dict[str, bytes] = {
    "as it is": CANARY.encode(),
    "escaped for a URL": quote(CANARY, safe="").encode(),
    "escaped for JSON": CANARY.replace("/", "\\/").encode(),
    "in base64": base64.b64encode(CANARY.encode()),
    "in the middle of a word": b"x" + CANARY.encode() + b"x",
}

SECRETS: dict[str, dict[str, Any] | None] = {
    "no Secret": None,
    "a Secret for another connector": secret(connector="mail"),
    "a Secret for a connector that begins alike": secret(connector="rates-2"),
    "a Secret for another host": secret(hosts="mail.example.com"),
    "a Secret for a host that ends alike": secret(hosts="evil-rates.example.com, example.com"),
    "a Secret for all hosts": secret(hosts="*, *.example.com"),
    "a Secret for a host in other letters": secret(hosts="RATES.example.com"),
    "a Secret without hosts": secret(hosts=""),
    "a Secret without the key": secret(data={"other": CANARY}),
    "an empty credential": secret(""),
    "a credential of many headers": secret("a\r\nx: y"),
    "a credential with a blank": secret("two words"),
    "a credential in another script": secret("ключ"),
    "a credential without an end": secret("x" * (8 * 1024 + 1)),
}


def _asked() -> Iterator[Attack]:
    for title, body in BODIES.items():
        yield Attack(f"the body: {title}", Code.REQUEST_INVALID, DEFECT, body)
    large = call({"currency": "x" * BODY_LIMIT})
    yield Attack("a body beyond its bound", Code.REQUEST_INVALID, DEFECT, large, status=413)
    for name in NAMES:
        if name:
            title = f"the connector {name[:40]!a}"
            yield Attack(title, Code.CONNECTOR_NOT_IN_ENVELOPE, VIOLATION, call(connector=name), counted=1)
    yield Attack("the connector ''", Code.REQUEST_INVALID, DEFECT, call(connector=""))
    for name in TOOLS_THAT_ARE_NONE:
        yield Attack(f"the tool {name[:40]!a}", Code.TOOL_NOT_IN_CONTRACT, VIOLATION, call(tool=name), counted=1)
    for title, arguments in ARGUMENTS.items():
        yield Attack(f"arguments: {title}", Code.ARGUMENTS_INVALID, DEFECT, call(arguments))
    for title, arguments in PLACED.items():
        yield Attack(f"a place: {title}", Code.ARGUMENTS_INVALID, DEFECT, call(arguments, "loose"))
    again = call({}, "book", repeated=True)
    yield Attack("a Write again without a key", Code.OUTCOME_UNKNOWN, LIMIT, again)
    yield Attack("a keyed Write again without its key", Code.OUTCOME_UNKNOWN, LIMIT, again | {"tool": "book-once"})


def _limited() -> Iterator[Attack]:
    slow = {"name": "small", "toolCallsPerAction": 2, "callsPerMinute": 1}
    yield Attack(
        "one call more than the app's tier has", Code.TOO_MANY_CALLS, LIMIT, call(), asked=1, before=1,
        record={"tier": slow},
    )  # fmt: skip
    for title, limits in {
        "one call more than the connector gives an app": {"perApp": {"callsPerMinute": 1}},
        "one call more than the connector gives all": {"callsPerMinute": 1},
    }.items():
        yield Attack(title, Code.TOO_MANY_CALLS, LIMIT, call(), asked=1, before=1, connector={"limits": limits})
    yield Attack("one call more than can fail", Code.BREAKER_OPEN, LIMIT, call({}, "book"), asked=5, before=5, answer=(
        UpstreamFailedError(FailureReason.CONNECT_FAILED, "refused", sent=False)
    ))  # fmt: skip
    outside = call(connector="x")
    yield Attack("one violation more than the threshold", Code.SUSPENDED, LIMIT, outside, counted=3, before=3)
    yield Attack("a suspended app", Code.SUSPENDED, LIMIT, call(), record={"suspension": SUSPENSION})
    yield Attack("a suspended app's violation", Code.SUSPENDED, LIMIT, call(connector="x"), record={
        "suspension": SUSPENSION,
    })  # fmt: skip
    yield Attack("a grant that was withdrawn", Code.CONNECTOR_NOT_GRANTED, LIMIT, call(), connector={
        "namespaces": ["other"],
    })  # fmt: skip
    yield Attack("a namespace that begins alike", Code.CONNECTOR_NOT_GRANTED, LIMIT, call(), connector={
        "namespaces": ["finance-2", "fin"],
    })  # fmt: skip
    yield Attack("a low risk class", Code.RISK_TOO_LOW, LIMIT, call(), connector={"minimumRiskClass": "high"})


def _answered() -> Iterator[Attack]:
    for title, answer in RESULTS.items():
        yield Attack(f"the result: {title}", Code.RESULT_INVALID, LIMIT, call(), asked=1, answer=answer)
    for title, echo in ECHOES.items():
        for where in (b'{"rate": 1, "told": "%b"}', b'{"rate": 1, "%b": 0}'):
            answer = OutboundResponse(200, JSON, where % echo)
            yield Attack(
                f"an echo {title} in {where.decode()}", Code.RESULT_INVALID, LIMIT, call(), asked=1,
                connector=WITH_KEY, secret=secret(), answer=answer,
            )  # fmt: skip
    refused = OutboundResponse(403, JSON, orjson.dumps({"key": CANARY}))
    for status in (401, 403):
        yield Attack(
            f"an echo in a refusal with {status}", Code.RESULT_INVALID, LIMIT, call(), asked=1, connector=WITH_KEY,
            secret=secret(), answer=dataclasses.replace(refused, status=status),
        )  # fmt: skip
    for status in (301, 400, 404, 418):
        code = Code.UPSTREAM_REFUSED if status >= 400 else Code.UPSTREAM_FAILED
        answer = OutboundResponse(status, JSON | {"location": "http://169.254.169.254/"}, b"{}")
        yield Attack(f"the status {status}", code, LIMIT, call(), asked=1 if status >= 400 else 2, answer=answer)
    cut = UpstreamFailedError(FailureReason.CLOSED, "ended", sent=True)
    yield Attack("a Write whose answer was cut", Code.OUTCOME_UNKNOWN, LIMIT, call({}, "book"), asked=1, answer=cut)
    elsewhere = EgressRefusedError(EgressReason.ADDRESS_REFUSED, "10.0.0.1")
    yield Attack("a name that leads inside", Code.EGRESS_REFUSED, LIMIT, call(), asked=1, answer=elsewhere)


def _credentials() -> Iterator[Attack]:
    for title, stored in SECRETS.items():
        yield Attack(title, Code.CREDENTIAL_UNAVAILABLE, LIMIT, call(), connector=WITH_KEY, secret=stored)
    in_query = {"secretName": "key", "key": "token", "as": {"query": "extra"}}
    open_query = {**TOOLS[3], "input": {**TOOLS[3]["input"], "additionalProperties": True}}
    yield Attack(
        "an argument in the place of the credential", Code.CREDENTIAL_UNAVAILABLE, LIMIT,
        call({"name": "a", "extra": "mine"}, "loose"), connector={"credential": in_query, "tools": [open_query]},
        secret=secret(),
    )  # fmt: skip


ATTACKS = (*_asked(), *_limited(), *_answered(), *_credentials())
