# SPDX-License-Identifier: Apache-2.0
"""A guest's messages, parsed: a turn comes from a hostile program.

It is JSON (docs/contracts/turn.schema.json), or has the compact form (docs/contracts/compact-form.md).
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

CALLS_PER_TURN = 1000
TIMER_MILLIS = 24 * 3600 * 1000
PIECE_BYTES = 64 * 1024
HEADERS = 64
HEADER_BYTES = 16 * 1024
CACHED_BYTES = 1024
"""Longer headers are parsed each time, so that a guest cannot fill the cache with blanks."""
GUEST_CODES = frozenset(
    {
        "AppFailed", "BadRequest", "Cancelled", "MemoryExceeded", "MethodNotAllowed", "RequestTooLarge",
        "RouteNotFound", "ToolFailed",
    }
)  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_NATURAL = re.compile(rb"(?:0|[1-9][0-9]{0,17})\Z")
# The server's own business: framing of the message and what a proxy would act on.
_RESERVED = frozenset(
    {
        "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "proxy-connection", "server", "te",
        "trailer", "transfer-encoding", "upgrade", "idempotent-replayed", "genapps-fallback", "genapps-request-id",
    }
)  # fmt: skip

_NUMBERED = {"body": "chunk", "next": "call", "leave": "call"}
_WITHOUT_BODY = frozenset({204, 304})

Headers = list[tuple[bytes, bytes]]


class TurnInvalidError(Exception):
    """The turn violates the contract: the guest's memory cannot be trusted any more."""


class ResponseInvalidError(Exception):
    """The turn is well-formed, but the response in it cannot be sent: the app's mistake."""


class Call(NamedTuple):
    """One call to the host. `kind` is tool, next, leave, timer, get, list, sql, body, stream or send."""

    id: str
    kind: str
    payload: dict[str, Any]


class Calls(NamedTuple):
    """The guest waits for the results of all these calls."""

    calls: list[Call]


class Wait(NamedTuple):
    """The guest waits for whatever comes first: of these new calls, or of earlier ones.

    `cancel` has the ids of earlier calls that nobody waits for any more, `wake` the numbers of other actions that can
    go on.
    """

    calls: list[Call]
    cancel: list[str]
    wake: list[int]


@dataclass(frozen=True, slots=True)
class Emit:
    """A piece of the response's body; more follows."""

    piece: bytes


class Done(NamedTuple):
    """The end of an action: the response with the last piece of its body, and the state to write (None deletes a
    key).
    """

    status: int
    headers: Headers
    piece: bytes
    writes: list[tuple[str, str | None]]


class Begun(NamedTuple):
    """The beginning of a response that leaves piece by piece, and the state to write before it."""

    status: int
    headers: Headers
    writes: list[tuple[str, str | None]]


class End(NamedTuple):
    """The end of an action whose response has left piece by piece, and the state to write."""

    writes: list[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Failed:
    """The app failed, and the engine reported it. The texts are the guest's."""

    code: str
    detail: str
    trace: str


Turn = Calls | Wait | Emit | Done | End | Failed
Written = Begun | Done | End
"""What has state to write."""

# For isinstance. A union that is written there is made anew each time, and asks in Python.
WITH_CALLS, WITH_PIECE, LAST, ANSWERING = (Calls, Wait), (Emit, Done), (Done, End), (Emit, Done, End)


def parse_turn(text: bytes) -> Turn:
    """Parse a turn. Raises TurnInvalidError or ResponseInvalidError."""
    if text[3:4] == b"\0" or text[:6] == b"timer\0":
        return _compact(text)
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise TurnInvalidError("a turn that is not JSON") from None
    if not isinstance(raw, dict) or len(raw) != 1:
        raise TurnInvalidError("a turn has exactly one member")
    ((kind, value),) = raw.items()
    parse = _PARSERS.get(kind)
    if parse is None:
        raise TurnInvalidError("an unknown kind of turn")
    try:
        return parse(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise TurnInvalidError(f"a malformed turn: {kind}") from None


def _compact(text: bytes) -> Turn:
    kind = text[:3]
    try:
        if kind.isdigit():
            return _compact_done(text)
        if kind == b"get":
            return _compact_get(text)
        if kind == b"sql":
            return _compact_sql(text)
        if text[:6] == b"timer\0":
            return _compact_timer(text)
    except (TypeError, ValueError, AttributeError):
        raise TurnInvalidError("a malformed turn in the compact form") from None
    raise TurnInvalidError("an unknown kind of turn")


def _compact_done(text: bytes) -> Done:
    """What is checked, and in which order, is as in `_done`."""
    status, headers, writes, piece = text.split(b"\0", 3)
    _check_text(text)
    written = _writes(orjson.loads(writes)) if writes else []
    _check_size(piece)
    _check_status(int(status))
    if len(headers) <= CACHED_BYTES:
        # A list of its own, which nobody can change for others.
        return Done(int(status), list(_known_headers(headers)), piece, written)
    return Done(int(status), _headers(orjson.loads(headers)), piece, written)


def _compact_get(text: bytes) -> Calls:
    _, number, key = text.split(b"\0", 2)
    if not _NATURAL.match(number):
        raise ValueError
    return Calls([Call(number.decode("ascii"), "get", {"key": key.decode()})])


def _compact_sql(text: bytes) -> Calls:
    _, number, parameters, statement = text.split(b"\0", 3)
    if not _NATURAL.match(number):
        raise ValueError
    payload = {"text": statement.decode(), "parameters": read_parameters(orjson.loads(parameters))}
    return Calls([Call(number.decode("ascii"), "sql", payload)])


def _compact_timer(text: bytes) -> Calls:
    _, number, millis = text.split(b"\0")
    if not _NATURAL.match(number) or not _NATURAL.match(millis):
        raise ValueError
    return Calls([Call(number.decode("ascii"), "timer", {"millis": _timer_millis(int(millis))})])


@lru_cache(64)
def _known_headers(raw: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Headers by their JSON: an app sends the same ones again and again. What is refused is not cached."""
    return tuple(_headers(orjson.loads(raw)))


def _calls(value: Any) -> Calls:
    if not isinstance(value, list) or not 0 < len(value) <= CALLS_PER_TURN:
        raise ValueError
    return Calls([read_call(one) for one in value])


def _wait(value: dict[str, Any]) -> Wait:
    calls, cancel, wake = value["calls"], value["cancel"], value["wake"]
    if not isinstance(calls, list) or not isinstance(cancel, list) or not isinstance(wake, list):
        raise TypeError
    if max(len(calls), len(cancel), len(wake)) > CALLS_PER_TURN:
        raise ValueError
    return Wait(
        [read_call(one) for one in calls], [str(_natural(one)) for one in cancel], [_natural(one) for one in wake]
    )


def read_call(value: dict[str, Any]) -> Call:
    """A call from its JSON. Raises KeyError, TypeError, ValueError or AttributeError."""
    ((kind, payload),) = [(key, inner) for key, inner in value.items() if key != "id"]
    if kind == "tool":
        _texts(payload, "connector", "tool")
        if not isinstance(payload["arguments"], dict) or not isinstance(payload.get("stream", False), bool):
            raise TypeError
    elif kind == "get":
        _texts(payload, "key")
    elif kind == "list":
        _texts(payload, "prefix", *({"after"} & payload.keys()))
        _natural(payload["limit"])
    elif kind == "sql":
        _texts(payload, "text")
        payload = {"text": payload["text"], "parameters": read_parameters(payload["parameters"])}
    elif kind == "timer":
        _timer_millis(_natural(payload["millis"]))
    elif kind in _NUMBERED:
        _natural(payload[_NUMBERED[kind]])
    elif kind in _STREAMING:
        payload = {kind: _STREAMING[kind](payload)}
    else:
        raise ValueError
    return Call(str(_natural(value["id"])), kind, payload)


def _timer_millis(millis: int) -> int:
    if not 1 <= millis <= TIMER_MILLIS:
        raise ValueError
    return millis


def read_parameters(raw: Any) -> list[Any] | dict[str, Any]:
    """Values for SQL, in their order or by name, from their JSON. More than SQLite takes are refused by it.

    Raises TypeError, ValueError or AttributeError.
    """
    if isinstance(raw, list):
        return [_parameter(one) for one in raw]
    return {name: _parameter(one) for name, one in raw.items()}


def _parameter(raw: Any) -> Any:
    if isinstance(raw, dict):
        ((kind, text),) = raw.items()
        if kind != "base64":
            raise ValueError
        return base64.b64decode(text, validate=True)
    if not (raw is None or isinstance(raw, str | int | float)):
        raise TypeError
    return raw


def _begun(value: dict[str, Any]) -> Begun:
    status, headers, writes = _natural(value["status"]), value["headers"], _writes(value["writes"])
    _check_status(status)
    if status in _WITHOUT_BODY:
        raise ResponseInvalidError(f"an answer with status {status} has no body that could be sent piece by piece")
    return Begun(status, _headers(headers), writes)


def _end(value: dict[str, Any]) -> End:
    return End(_writes(value["writes"]))


def _emit(value: Any) -> Emit:
    return Emit(_piece(value))


def _done(value: dict[str, Any]) -> Done:
    response = value["response"]
    writes = _writes(value["writes"])
    status = _natural(response["status"])
    piece = _piece(response["body"])
    headers = response["headers"]
    _check_status(status)
    return Done(status, _headers(headers), piece, writes)


def _writes(raw: Any) -> list[tuple[str, str | None]]:
    writes = _pairs(raw)
    for key, text in writes:
        if not isinstance(key, str) or not (text is None or isinstance(text, str)):
            raise TypeError
    return writes


def _check_status(status: int) -> None:
    if not 200 <= status <= 599:
        raise ResponseInvalidError(f"{status} is not a status that an app can answer")


def _headers(raw: Any) -> Headers:
    headers: Headers = []
    size = 0
    for name, value in _pairs(raw):
        size += len(name) + len(value)
        if size > HEADER_BYTES or len(headers) == HEADERS:
            raise ResponseInvalidError(f"more than {HEADERS} headers or {HEADER_BYTES} bytes of them")
        headers.append(_header(name, value))
    return headers


@lru_cache(64)
def _header(name: str, value: str) -> tuple[bytes, bytes]:
    """Checked and encoded. Cached, because an app sends the same headers again and again."""
    lowered = name.lower()
    if lowered in _RESERVED:
        raise ResponseInvalidError(f"the header {lowered!r} is set by the runtime only")
    if not _TOKEN.match(name) or not _VALUE.match(value):
        raise ResponseInvalidError(f"not a valid header: {name[:100]!r}")
    return lowered.encode("ascii"), value.encode("latin-1")


def _failed(value: dict[str, Any]) -> Failed:
    if value["code"] not in GUEST_CODES:
        raise ValueError
    texts = {"detail": "", "trace": ""} | value
    _texts(texts, "detail", "trace")
    return Failed(value["code"], texts["detail"], texts["trace"])


def _piece(value: dict[str, str]) -> bytes:
    if "text" in value:
        piece = value["text"].encode()
    else:
        try:
            piece = base64.b64decode(value["base64"], validate=True)
        except binascii.Error:
            raise ValueError from None
    _check_size(piece)
    return piece


def _check_size(piece: bytes) -> None:
    if len(piece) > PIECE_BYTES:
        raise ValueError


def _check_text(text: bytes) -> None:
    if not text.isascii():
        text.decode()


def _pairs(raw: Any) -> list[tuple[Any, Any]]:
    """Lists of two items. Checked, because a string of two characters would unpack as well."""
    if not isinstance(raw, list) or not all(isinstance(pair, list) for pair in raw):
        raise TypeError
    return [(first, second) for first, second in raw]


def _texts(payload: dict[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(payload[name], str):
            raise TypeError


def _natural(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


_STREAMING: dict[str, Callable[[Any], Any]] = {"stream": _begun, "send": _piece}
_PARSERS: dict[str, Callable[[Any], Turn]] = {
    "calls": _calls,
    "wait": _wait,
    "emit": _emit,
    "done": _done,
    "end": _end,
    "failed": _failed,
}
