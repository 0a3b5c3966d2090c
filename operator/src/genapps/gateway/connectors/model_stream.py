# SPDX-License-Identifier: Apache-2.0
"""The answer of a model while it comes: events of the server, and the pieces that the app gets of them.

What repeats what was said before is left out: a piece has its bound, and the app has it already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from genapps.core.budgets.cost import Tokens
from genapps.gateway.connectors.events import Events, EventsInvalidError
from genapps.gateway.connectors.exchange import broken_off, result_invalid
from genapps.gateway.connectors.streams import PIECE_BYTES, Piece
from genapps.gateway.contracts.json_text import AmbiguousJsonError, read_answer

MEDIA_TYPE = "text/event-stream"
_LAST = "[DONE]"
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_OF_A_RESPONSE: Final = ("id", "status", "model", "usage", "error", "incomplete_details")
_SAID: Final = ("content", "refusal", "reasoning_content", "reasoning", "arguments")
"""Members of a delta that hold what the model says."""


class ModelStream:
    """One answer to `chat` or `responses`. Its methods raise CallFailedError."""

    def __init__(self, connector: str, tool: str, most: Tokens, read_usage: Callable[[Any], Tokens | None]) -> None:
        """`most` is what the answer can have used, `read_usage` what it says about that, if anything."""
        self._connector = connector
        self._piece = self._chat if tool == "chat" else self._responses
        self._events = Events()
        self._read_usage = read_usage
        self._said: Any = None
        self.usage: Tokens | None = most
        """What is known of what it used: the most, until it says less."""
        self.told = False
        """Whether it has said so at its end."""
        self.over = False
        """Whether it is complete. What follows does not belong to it."""

    def begin(self, headers_type: str) -> None:
        """The answer has this media type."""
        if headers_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise result_invalid(self._connector, "is no stream of events")

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that the next bytes complete."""
        try:
            events = self._events.feed(data)
        except EventsInvalidError as error:
            raise result_invalid(self._connector, str(error)) from error
        for event in events:
            piece = self._piece(event)
            if piece is not None:
                yield piece
            if self.over:
                usage = self._read_usage(self._said)
                if usage is not None:
                    self.usage, self.told = usage, True
                return

    def end(self) -> Iterator[Piece]:
        """A model's answer says itself where it ends."""
        raise broken_off(self._connector, "it ended too early")

    def _chat(self, event: str) -> Piece | None:
        if event == _LAST:
            self.over = True
            return None
        value = self._value(event)
        if value.get("usage") is not None:
            self._said = value["usage"]
        choices = value.get("choices")
        if not isinstance(choices, list):
            raise result_invalid(self._connector, "has an event without choices")
        if not choices:
            return None
        content = self._encoded(value)
        if len(content) > PIECE_BYTES:
            raise self._too_long()
        return Piece(content, "".join(_said(choices)))

    def _responses(self, event: str) -> Piece | None:
        value = self._value(event)
        kind, response, said = value.get("type"), value.get("response"), value.get("delta")
        if not isinstance(kind, str):
            raise result_invalid(self._connector, "has an event without a type")
        if isinstance(response, dict):
            if kind in _ENDS:
                self.over, self._said = True, response.get("usage")
            value = {**value, "response": {name: response[name] for name in _OF_A_RESPONSE if name in response}}
        content = self._encoded(value)
        if len(content) > PIECE_BYTES:
            if kind.endswith(".done"):
                return None
            raise self._too_long()
        return Piece(content, said if isinstance(said, str) else "")

    def _value(self, event: str) -> dict[str, Any]:
        try:
            value = read_answer(event.encode())
        except AmbiguousJsonError as error:
            raise result_invalid(self._connector, f"is ambiguous: {error}") from None
        except orjson.JSONDecodeError:
            raise result_invalid(self._connector, "has an event that is not JSON") from None
        if not isinstance(value, dict):
            raise result_invalid(self._connector, "has an event that is no object")
        if value.get("error") is not None or value.get("type") == "error":
            raise broken_off(self._connector, "it says that it failed")
        return value

    def _encoded(self, value: dict[str, Any]) -> bytes:
        try:
            return orjson.dumps(value)
        except orjson.JSONEncodeError:
            raise result_invalid(self._connector, "is nested too deeply") from None

    def _too_long(self) -> Exception:
        return result_invalid(self._connector, f"has a piece of more than {PIECE_BYTES} bytes")


def _said(choices: list[Any]) -> Iterator[str]:
    """What the model says in the choices of an event."""
    for choice in choices:
        delta = _object(choice).get("delta")
        calls = _object(delta).get("tool_calls")
        functions = [_object(call).get("function") for call in calls] if isinstance(calls, list) else []
        for speaker in (delta, *functions):
            yield from (text for name in _SAID if isinstance(text := _object(speaker).get(name), str))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
