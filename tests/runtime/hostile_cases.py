# SPDX-License-Identifier: Apache-2.0
"""The table of hostile guests, bundles and requests: what each is, and the status and code that it ends with.

Whatever happens, the app is up afterwards, keeps its state and answers others (test_hostile_guests.py).
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

Row = tuple[str, str, int, str]
"""A sentence, the path of the handler (`hostile.py`, `hostile_bundle.py`), status, and code; no code for an answer."""

GUESTS: list[Row] = [
    ("a loop ends at its deadline", "/loop", 504, "ActionTimeout"),
    ("a loop inside the interpreter ends at its deadline", "/loop-in-c", 504, "ActionTimeout"),
    ("a loop that catches everything ends at its deadline", "/swallow", 504, "ActionTimeout"),
    ("allocation ends at the tier's memory", "/allocate", 500, "MemoryExceeded"),
    ("one large allocation ends at the tier's memory", "/allocate-at-once", 500, "MemoryExceeded"),
    ("recursion is an error of the app", "/recurse", 500, "AppFailed"),
    ("recursion beyond the interpreter's limit is a trap", "/recurse-without-limit", 502, "GuestTrapped"),
    ("nesting that overflows the stack is a trap", "/nested", 502, "GuestTrapped"),
    ("an abort below the library is a trap", "/abort", 502, "GuestTrapped"),
    ("an abort is an error of the app", "/os-abort", 500, "AppFailed"),
    ("an exit is an error of the app", "/exit", 500, "AppFailed"),
    ("an exception is an error of the app", "/raise", 500, "AppFailed"),
    ("a request to exit is an error of the app", "/raise-exit", 500, "AppFailed"),
    ("an exception that cannot be printed is a trap", "/raise-unprintable", 502, "GuestTrapped"),
    ("a large text is refused", "/huge-response", 502, "ResponseTooLarge"),
    ("a large binary is refused", "/huge-binary-response", 502, "ResponseTooLarge"),
    ("an object cannot be answered", "/object", 500, "AppFailed"),
    ("not-a-number cannot be answered", "/nan", 500, "AppFailed"),
    ("not-a-number cannot be an argument of a tool", "/nan-argument", 500, "AppFailed"),
    ("half a character cannot be in a header", "/surrogate", 500, "AppFailed"),
    ("a header name cannot split the response", "/bad-header", 502, "ResponseInvalid"),
    ("a header value cannot split the response", "/bad-header-value", 502, "ResponseInvalid"),
    ("a header value beyond Latin-1 is refused", "/wide-header-value", 502, "ResponseInvalid"),
    ("framing is not the app's business", "/reserved-header", 502, "ResponseInvalid"),
    ("headers are limited", "/many-headers", 502, "ResponseInvalid"),
    ("a protocol switch is refused", "/bad-status", 502, "ResponseInvalid"),
    ("a status that is no number is an error of the app", "/text-status", 500, "AppFailed"),
    ("sleeping is an error of the app", "/sleep", 500, "AppFailed"),
    ("sleeping in another way is an error of the app", "/sleep-below", 500, "AppFailed"),
    ("there is no file to open", "/open", 500, "AppFailed"),
    ("there is no directory to list", "/list-files", 500, "AppFailed"),
    ("a late import is an error of the app", "/import-later", 500, "AppFailed"),
    ("awaiting a number is an error of the app", "/await-number", 500, "AppFailed"),
    ("an awaitable that yields a number is an error of the app", "/yield-number", 500, "AppFailed"),
    ("an awaitable that yields half a piece is nonsense", "/yield-piece", 502, "TurnInvalid"),
    ("an awaitable that yields no call is nonsense", "/yield-nothing", 502, "TurnInvalid"),
    ("reading without end ends at the deadline", "/endless-reads", 504, "ActionTimeout"),
    ("a response without end ends at the tier's limit", "/endless-pieces", 502, "ResponseTooLarge"),
    ("too many calls at once are nonsense", "/very-many-reads", 502, "TurnInvalid"),
    ("state ends at the tier's limit", "/fill-state", 507, "StateFull"),
    ("a large value is an error of the app", "/big-value", 500, "AppFailed"),
    ("an empty key is an error of the app", "/bad-key", 500, "AppFailed"),
    ("a flood of random numbers ends at the deadline", "/random-flood", 504, "ActionTimeout"),
    ("random numbers are limited", "/random-hog", 502, "GuestTrapped"),
    ("an engine that is broken is a trap", "/break-engine", 502, "GuestTrapped"),
    ("a route that is not there is said so", "/nowhere", 404, "RouteNotFound"),
] + [
    (f"a forged turn is nonsense: {kind}", f"/forge/{kind}", 502, "TurnInvalid")
    for kind in (
        "empty", "not-json", "list", "unknown", "two", "no-calls", "bad-call", "bad-arguments", "no-response", "base64",
        "wait-list", "wait-half", "wait-cancel", "wait-wake", "wait-much", "timer-short", "timer-long",
        "big-piece", "surrogate", "bad-writes", "float-status", "foreign-code", "nested", "huge", "huge-number",
        "compact-fields", "compact-headers", "compact-writes", "compact-big-piece", "compact-call",
    )
]  # fmt: skip

BUNDLES: list[Row] = [
    ("a package that loops while it is imported ends at the deadline", "/import/looping", 504, "ActionTimeout"),
    ("a package that hoards memory ends at the tier's memory", "/import/hoarding", 500, "MemoryExceeded"),
    ("a package that exits is an error of the app", "/import/exiting", 500, "AppFailed"),
    ("a package that recurses is an error of the app", "/import/recursing", 500, "AppFailed"),
    ("a package whose modules wait for each other is an error of the app", "/import/circle.one", 500, "AppFailed"),
    ("a chain of fifty modules is imported", "/import/chain.m250", 200, ""),
    ("a chain of three hundred modules is deeper than the interpreter goes", "/import/chain.m0", 500, "AppFailed"),
    ("a package that does not compile is an error of the app", "/import/broken", 500, "AppFailed"),
    ("source with a deep expression needs too much memory", "/import/nested", 500, "MemoryExceeded"),
    ("native code is an error of the app", "/import/native", 500, "AppFailed"),
    ("a package with a name of Python's is not what Python imports", "/shadowed", 200, ""),
    ("a sitecustomize of the bundle runs only when it is imported", "/import/uncalled", 200, ""),
    ("a package that hides the engine's modules hides them from the app only", "/import/engine", 200, ""),
    ("ctypes is not there below the list either", "/trick/ctypes", 500, "AppFailed"),
    ("a loader reads the files of the app only", "/trick/loader", 500, "AppFailed"),
    ("a spec that the app makes itself loads nothing", "/trick/spec", 500, "AppFailed"),
    ("sys.modules gives no module that is not loaded", "/trick/modules", 500, "AppFailed"),
    ("Python's own import finds no more", "/trick/import", 500, "AppFailed"),
    ("the engine cannot be loaded anew", "/trick/reload", 500, "AppFailed"),
    ("finders that are removed harm the app that removed them", "/trick/finders", 500, "AppFailed"),
    ("a path leads nowhere out of the bundle", "/trick/path", 500, "AppFailed"),
    ("a file of the bundle cannot be written", "/trick/write", 500, "AppFailed"),
    ("code of a forged kind ends that guest", "/trick/code", 502, "GuestTrapped"),
    ("metadata of 20,000 lines is read", "/metadata", 200, ""),
    ("tasks that never rest stop at the deadline", "/tasks", 504, "ActionTimeout"),
    ("tasks that hoard memory end at the tier's memory", "/more-tasks", 500, "MemoryExceeded"),
    ("a task that exits is an error of the app", "/task-exit", 500, "AppFailed"),
    ("timers without end are an error of the app", "/timers", 500, "AppFailed"),
    ("an answer may not speak for the platform", "/speak", 502, "ResponseInvalid"),
]


class Request(NamedTuple):
    """What a caller sends to a harmless handler, and what it ends with; `answer` is the JSON of a good one."""

    title: str
    method: str
    path: str
    status: int
    code: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    answer: object = None


def _parts(number: int, head: bytes = b"") -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n' + head + b"\r\n1\r\n"
    return part * number + b"--x--\r\n"


_MULTIPART = {"content-type": "multipart/form-data; boundary=x"}
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_DEEP = 100_000
REQUESTS = [
    Request("a body that is no UTF-8", "POST", "/echo", 400, "BadRequest", b'{"a": "\xff"}'),
    Request("a body in UTF-16", "POST", "/echo", 400, "BadRequest", '{"a": 1}'.encode("utf-16")),
    Request("a number that JSON has not", "POST", "/echo", 500, "AppFailed", b'{"a": NaN}'),
    Request("infinity as a number", "POST", "/echo", 500, "AppFailed", b"[1e999]"),
    Request("a number of 5000 digits", "POST", "/echo", 400, "BadRequest", b"9" * 5000),
    Request("half a character", "POST", "/echo", 200, "", b'{"a": "\\ud800"}', answer={"a": "\ufffd"}),
    Request("a key twice", "POST", "/echo", 200, "", b'{"a": 1, "a": 2}', answer={"a": 2}),
    Request("lists nested 100,000 deep", "POST", "/echo", 400, "BadRequest", b"[" * _DEEP + b"]" * _DEEP),
    Request("objects nested 100,000 deep", "POST", "/echo", 400, "BadRequest", b'{"a":' * _DEEP + b"1" + b"}" * _DEEP),
    Request("a null byte in a text", "POST", "/echo", 200, "", b'["\\u0000"]', answer=["\0"]),
    Request("a body beyond the limit", "POST", "/echo", 413, "RequestTooLarge", b"[" + b" " * 1024 * 1024 + b"]"),
    Request("a form with too many fields", "POST", "/form", 400, "BadRequest", b"a=1&" * 5000, _FORM),
    Request("a form with too many parts", "POST", "/form", 400, "BadRequest", _parts(201), _MULTIPART),
    Request("a form with as many parts as there may be", "POST", "/form", 200, "", _parts(200), _MULTIPART, {"a": "1"}),
    Request("a form that does not end", "POST", "/form", 400, "BadRequest", _parts(1)[:-6], _MULTIPART),
    Request("a form in a form", "POST", "/form", 400, "BadRequest",
            _parts(1, b"Content-Type: multipart/mixed; boundary=y\r\n"), _MULTIPART),
    Request("a part with a head of 5 KiB", "POST", "/form", 400, "BadRequest",
            _parts(1, b"x: " + b"y" * 5000 + b"\r\n"), _MULTIPART),
    Request("a form without a boundary", "POST", "/form", 400, "BadRequest", b"",
            {"content-type": "multipart/form-data"}),
    Request("a form whose boundary is everywhere", "POST", "/form", 200, "", b"-" * 100_000,
            {"content-type": "multipart/form-data; boundary=-"}, {}),
    Request("a query beyond the head", "GET", "/echo?" + "a=1&" * 10_000, 431, "HeadTooLarge"),
    Request("a path that leads out", "GET", "/..%2f..%2fetc/passwd", 404, "RouteNotFound"),
    Request("a method that nobody has", "BREW", "/echo", 400, "RequestInvalid"),
    Request("a forged id of the platform", "GET", "/headers", 200, "", b"", {"genapps-request-id": "forged"},
            answer={"own": True}),
    Request("a cookie of 8 KiB without a name", "GET", "/headers", 200, "", b"", {"cookie": "=;" * 4000},
            answer={"own": True}),
]  # fmt: skip


def wanted(request: Request) -> object:
    """The JSON of the answer, as it is after its way through a guest."""
    return json.loads(json.dumps(request.answer))
