# SPDX-License-Identifier: Apache-2.0
"""Attacks by a whole call, as data: who registers what, what an app asks, what the server answers, how it must end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from genapps.gateway.problems import Code
from tests.unit.gateway.egress.world import CHUNKED, END, START, Script, sized

JSON = b"content-type: application/json"
EVENTS = b"content-type: text/event-stream"
Pieces = list[Any]
"""Of an answer on the wire; an Event is waited for, END closes the connection."""
TOO_MUCH = 800 * 1024
"""Bytes; more than an answer may have."""


@dataclass(frozen=True)
class Attack:
    """One row."""

    title: str
    code: Code | None
    """None: the attack achieves nothing, and the call succeeds."""
    answer: Callable[[Any], Pieces]
    """From the request's body to what is sent."""
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    """Members of the connector's spec that replace those of the usual one."""
    asked: int = 1
    """How many requests reach the server."""


def script(attack: Attack) -> Script:
    """What a server does that carries out the attack."""
    return lambda request: attack.answer(orjson.loads(request.partition(b"\r\n\r\n")[2]))


def always(pieces: Pieces) -> Callable[[Any], Pieces]:
    """The same, whatever is asked."""
    return lambda _: pieces


def json_answer(content: Any, *headers: bytes) -> Pieces:
    """A whole answer; bytes are sent as they are."""
    return [sized(content if isinstance(content, bytes) else orjson.dumps(content), JSON, *headers)]


def refusal(status: int, content: Any = b"", *headers: bytes) -> Pieces:
    """An answer with another status."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return [sized(body, JSON, *headers).replace(b"200 OK", b"%d No" % status, 1)]


def cut(content: Any, left: int = 1) -> Pieces:
    """An answer that is announced whole and ends so many bytes earlier."""
    return [sized(orjson.dumps(content), JSON)[:-left], END]


def cut_stream(*pieces: bytes) -> Pieces:
    """A stream of events whose connection ends in the middle."""
    return [_events_head(), *map(chunk, pieces), END]


def stream(*pieces: bytes) -> Pieces:
    """A stream of events that ends."""
    return [_events_head(), *map(chunk, pieces), b"0\r\n\r\n"]


def endless_stream(piece: bytes) -> Pieces:
    """A stream of the same piece, beyond all bounds."""
    return [_events_head(), *[chunk(piece)] * (TOO_MUCH // len(piece) + 1)]


def chunk(piece: bytes) -> bytes:
    """A piece of a body."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def event(message: Any) -> bytes:
    """An event with the message."""
    return b"event: message\ndata: %s\n\n" % orjson.dumps(message)


def _events_head() -> bytes:
    return CHUNKED.replace(START, START + EVENTS + b"\r\n", 1)
