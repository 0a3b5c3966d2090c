# SPDX-License-Identifier: Apache-2.0
"""The tables of hostile handlers and requests in JavaScript: what each ends with.

The handlers are in `hostile/`, under these names. Whatever happens, the app is up afterwards, keeps its state and
answers others (test_hostile_guests.py).
"""

import json

from tests.runtime.hostile_cases import Request

Ending = tuple[int, str]
"""Status and code; no code for an answer."""

FAILED: Ending = (500, "AppFailed")
FINE: Ending = (200, "")

LOOPS = [
    "loop",
    "loop-that-catches",
    "loop-of-awaits",
    "loop-of-microtasks",
    "loop-of-thenables",
    "loop-in-a-regular-expression",
    "loop-in-a-comparator",
    "loop-in-a-proxy",
    "loop-in-a-getter",
    "loop-in-to-string",
    "loop-in-to-json",
    "loop-in-a-reviver",
    "loop-in-a-generator",
    "loop-in-a-stream",
    "stream-of-nothing",
    "loop-in-an-error",
    "loop-in-the-stack",
    "loop-in-a-timer",
    "loop-in-wait-until",
    "loop-in-an-answer",
    "loop-in-arguments",
    "loop-in-a-field",
    "loop-of-reads",
    "loop-of-statements",
    "loop-of-timers",
    "interval-that-is-awaited",
    "loop-of-rejections",
    "loop-of-random-numbers",
    "loop-of-digests",
    "loop-of-records",
    "hoard-that-catches",
]
"""All end at the deadline."""

ENDINGS: dict[Ending, str] = {
    (500, "MemoryExceeded"): """
        hoard-of-arrays hoard-of-texts hoard-of-bytes hoard-of-promises hoard-of-records hoard-at-once hoard-in-a-text
        hoard-in-a-map hoard-in-closures hoard-in-json hoard-in-a-replacement hoard-in-async-recursion hoard-in-a-stream
        nested-bound nested-promises nested-and-dropped
    """,
    (502, "ResponseInvalid"): """
        many-headers large-header own-length own-encoding own-connection own-request-id
    """,
    (502, "ResponseTooLarge"): "huge-text huge-wide-text huge-bytes huge-json",
    (502, "ToolFailed"): "tool-null-name tool-long-name tool-half-name tool-refused",
    (507, "StateFull"): "fill-state",
    (404, ""): "no-such-handler __proto__ constructor",
    FAILED: """
        no-answer null-answer text-answer number-answer object-answer prototype-answer proxy-answer revoked-answer
        function-answer thenable-that-throws thenable-getter body-used stream-locked stream-that-throws-at-once
        stream-that-throws stream-that-fails stream-of-objects stream-that-never-comes split-name split-value
        null-in-value null-in-name wide-value half-value empty-name headers-that-throw headers-of-symbols
        headers-in-threes status-99 status-101 status-600 status-1000 status-text status-that-throws
        status-with-forbidden-body json-of-nothing json-of-a-bigint json-of-a-cycle

        recurse recurse-mutually recurse-in-a-getter recurse-in-to-string recurse-in-a-replacement
        recurse-in-a-comparator recurse-in-a-proxy recurse-in-a-class recurse-in-async recurse-in-then
        nested-lists-as-json nested-objects-as-json nested-json nested-state nested-arguments nested-clone nested-array
        nested-flat nested-expression nested-lookahead nested-proxies nested-causes many-arguments

        throw throw-later throw-null throw-undefined throw-symbol throw-bigint throw-function throw-promise
        throw-response throw-proxy throw-revoked throw-message-getter throw-stack-getter throw-name-getter
        throw-to-string throw-no-prototype throw-stack-object throw-changing-message throw-much throw-half
        throw-forged-code throw-forged-tool-error throw-forged-memory throw-cause

        never never-after-a-call never-in-wait-until timers-at-once timer-of-text eval eval-indirectly function
        function-by-constructor async-function generator-function fetch WebAssembly atomics-wait import-native
        import-engine import-outside import-node import-data import-object import-never import-broken random-hog
        put-nothing put-function put-symbol put-cycle put-bigint put-bad-json put-more put-wide put-too-much empty-key
        long-key long-wide-key half-key number-key object-key get-half-key list-much list-nonsense list-limit-text
        list-limit-half list-limit-object sql-syntax sql-two sql-attach sql-pragma sql-null sql-nan sql-symbol
        sql-function sql-bigint sql-few sql-object sql-huge sql-named-getter no-binding tool-text tool-cycle
        tool-getter tool-bigint tool-proxy tool-symbol log-that-throws log-field-that-throws
    """,
    FINE: """
        thenable-answer thenable-twice nested-promise-answer subclass-answer response-with-then half-text half-json
        half-piece null-in-text forged-turn hoard-that-is-given-up nested-record nested-prototypes reject-unheard
        reject-much-unheard reject-unheard-proxy wait-until-of-nothing wait-until-of-a-thenable wait-until-that-fails
        interval-that-is-left timer-that-throws put-most null-in-key proto-key sql-half sql-half-parameter tool-many
        env-is-closed log-nonsense log-of-loops log-flood log-hog log-forged-lines
    """,
}

ROWS = [(name, *ending) for ending, names in ENDINGS.items() for name in names.split()]

_DEEP = 100_000
_UNENDED = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'
_UNFORGED: object = {"forged": []}
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_MULTIPART = {"content-type": "multipart/form-data; boundary=x"}
_REPLACED = {"a": "\ufffd"}


def _malformed(title: str, body: bytes, path: str = "/echo", headers: dict[str, str] | None = None) -> Request:
    return Request(title, "POST", path, 400, "BadRequest", body, headers or {})


def _echoed(title: str, body: bytes, answer: object) -> Request:
    return Request(title, "POST", "/echo", 200, "", body, answer=answer)


REQUESTS = [
    _echoed("a body that is no UTF-8", b'{"a": "\xff"}', _REPLACED),
    _malformed("a body in UTF-16", '{"a": 1}'.encode("utf-16")),
    _malformed("a number that JSON has not", b'{"a": NaN}'),
    _malformed("no body", b""),
    _echoed("infinity as a number", b"[1e999]", [None]),
    _echoed("a number of 5000 digits", b"9" * 5000, None),
    _echoed("half a character", b'{"a": "\\ud800"}', {"a": "\ud800"}),
    _echoed("a key twice", b'{"a": 1, "a": 2}', {"a": 2}),
    _echoed("a prototype as a key", b'{"__proto__": {"x": 1}}', {"__proto__": {"x": 1}}),
    _echoed("a null byte in a text", b'["\\u0000"]', ["\0"]),
    _malformed("a null byte", b'\0["x"]'),
    _malformed("lists nested 100,000 deep", b"[" * _DEEP + b"]" * _DEEP),
    _malformed("objects nested 100,000 deep", b'{"a":' * _DEEP + b"1" + b"}" * _DEEP),
    _malformed("lists that do not end", b"[" * _DEEP),
    _malformed("a form that does not end", _UNENDED, "/form", _MULTIPART),
    _malformed("a form without a boundary", b"", "/form", {"content-type": "multipart/form-data"}),
    _malformed("a form of another type", b"a=1", "/form", {"content-type": "text/plain"}),
    Request("a form with keys of an object", "POST", "/form", 200, "", b"__proto__=1&constructor=2&a=%ff&%", _FORM,
            json.loads('{"__proto__": "1", "constructor": "2", "a": "\ufffd", "%": ""}')),
    Request("a body beyond the limit", "POST", "/echo", 413, "RequestTooLarge", b"[" + b" " * 1024 * 1024 + b"]"),
    Request("a long body, piece by piece", "POST", "/count", 200, "", b"x" * 2_000_000, answer=2_000_000),
    Request("a query beyond the head", "GET", "/echo?" + "a=1&" * 10_000, 431, "HeadTooLarge"),
    Request("a forged id", "GET", "/headers", 200, "", b"", {"genapps-request-id": "forged"}, _UNFORGED),
    Request("a forged tick", "GET", "/headers", 200, "", b"", {"genapps-schedule": "nightly"}, _UNFORGED),
    Request("a cookie of 8 KiB without a name", "GET", "/headers", 200, "", b"", {"cookie": "=;" * 4000}, _UNFORGED),
]  # fmt: skip
