# SPDX-License-Identifier: Apache-2.0
"""The answer of an MCP server to one request: a JSON object, or a stream of events that ends with one.

A server may send notifications before the answer; they are not read. Anything else beside the answer is a defect: a
request to the gateway, and an answer to another request, which would be another app's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from genapps.gateway.connectors.exchange import JSON, result_invalid
from genapps.gateway.contracts.json_text import AmbiguousJsonError, read_answer
from genapps.gateway.egress.messages import OutboundResponse

EVENTS = "text/event-stream"
MOST_EVENTS = 1000
"""Of one stream, comments included."""


class Answer(NamedTuple):
    """What the server answered: one of the two."""

    result: dict[str, Any] | None
    error: int | None
    """The code of a JSON-RPC error."""


def answer(connector: str, response: OutboundResponse, request_id: str) -> Answer | None:
    """The answer to the request of that id; None for a stream that ends without one. Raises CallFailedError."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == JSON:
        return _answer(connector, _message(connector, response.body), request_id)
    if media_type != EVENTS:
        raise result_invalid(connector, "is neither JSON nor a stream of events")
    found = None
    for data in _events(connector, response.body):
        message = _message(connector, data.encode())
        if "method" in message and "id" not in message:
            continue
        if found is not None:
            raise result_invalid(connector, "is followed by another one")
        found = _answer(connector, message, request_id)
    return found


def error_of(response: OutboundResponse, request_id: str) -> int | None:
    """The code of the JSON-RPC error that a refused request was answered with, if there is one."""
    try:
        message = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or message.get("id") not in (None, request_id):
        return None
    return _code(message.get("error"))


def _message(connector: str, data: bytes) -> dict[str, Any]:
    try:
        message = read_answer(data)
    except AmbiguousJsonError as error:
        raise result_invalid(connector, f"is ambiguous: {error}") from None
    except orjson.JSONDecodeError:
        raise result_invalid(connector, "is not JSON") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise result_invalid(connector, "is no message of JSON-RPC 2.0")
    return message


def _answer(connector: str, message: dict[str, Any], request_id: str) -> Answer:
    if "method" in message:
        raise result_invalid(connector, "asks the gateway for something")
    if message.get("id") != request_id:
        raise result_invalid(connector, "belongs to another request")
    result, error = message.get("result"), _code(message.get("error"))
    if isinstance(result, dict) == (error is not None):
        raise result_invalid(connector, "has neither a result nor an error, or both")
    return Answer(result if isinstance(result, dict) else None, error)


def _code(error: Any) -> int | None:
    code = error.get("code") if isinstance(error, dict) else None
    return code if type(code) is int else None


def _events(connector: str, body: bytes) -> Iterator[str]:
    """The data of the events that have some. What stands after the last blank line is no event: it was cut off."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise result_invalid(connector, "is no stream of events in UTF-8") from None
    events = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n", MOST_EVENTS + 1)
    if len(events) > MOST_EVENTS + 1:
        raise result_invalid(connector, f"has more than {MOST_EVENTS} events")
    for event in events[:-1]:
        fields = [line.partition(":") for line in event.split("\n")]
        kinds = [value.removeprefix(" ") for name, _, value in fields if name == "event"]
        data = "\n".join(value.removeprefix(" ") for name, _, value in fields if name == "data")
        if data and kinds[-1:] in ([], [""], ["message"]):
            yield data
