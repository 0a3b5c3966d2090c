# SPDX-License-Identifier: Apache-2.0
"""Reads server-sent events from bytes as they come. Only their data counts here."""

from __future__ import annotations

EVENT_BYTES = 1024 * 1024
"""Of one event that has begun, with its comments."""
MOST_EVENTS = 500_000
"""Of one stream, comments included."""
_MARK = b"\xef\xbb\xbf"


class EventsInvalidError(Exception):
    """What comes is no stream of events."""


class Events:
    """The events of one stream."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._count = 0
        self._after_return = False

    def feed(self, data: bytes) -> list[str]:
        """The data of the events that end in the next bytes; those without any are left out. Raises
        EventsInvalidError."""
        if not data:
            return []
        half, self._after_return = self._after_return, data[-1:] == b"\r"
        if half and data[:1] == b"\n":
            data = data[1:]  # the other half of a line's end
        self._held += data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found = []
        while (end := self._held.find(b"\n\n", self._searched)) >= 0:
            event = self._event(bytes(self._held[:end]))
            del self._held[: end + 2]
            self._searched = 0
            if event:
                found.append(event)
        self._searched = max(len(self._held) - 1, 0)
        if len(self._held) > EVENT_BYTES:
            raise EventsInvalidError(f"has an event of more than {EVENT_BYTES} bytes")
        return found

    def _event(self, event: bytes) -> str:
        self._count += 1
        if self._count > MOST_EVENTS:
            raise EventsInvalidError(f"has more than {MOST_EVENTS} events")
        if self._count == 1:
            event = event.removeprefix(_MARK)
        try:
            lines = event.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise EventsInvalidError("is no text in UTF-8") from None
        fields = [line.partition(":") for line in lines]
        return "\n".join([value.removeprefix(" ") for name, _, value in fields if name == "data"])
