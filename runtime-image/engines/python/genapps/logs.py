# SPDX-License-Identifier: Apache-2.0
"""The app's log and its printed output. The host adds the records to the action's log line."""

import io
from typing import Any

from wit_world.imports import host

from genapps.actions import current
from genapps.encoding import to_json

RECORD_CHARACTERS = 2000
FIELD_CHARACTERS = 200
TRACE = "exception"
"""The field with the text of an exception; it may be as long as a message."""


def _send(level: str, message: str, fields: dict[str, Any], trace: str = "") -> None:
    action = current.action
    if action.log_left <= 0:
        return  # the host would drop it; not asking is cheaper
    record: dict[str, Any] = {"level": level, "message": message[:RECORD_CHARACTERS]}
    if fields:
        record["fields"] = {name: str(value)[:FIELD_CHARACTERS] for name, value in fields.items()}
    if trace:
        record.setdefault("fields", {})[TRACE] = trace[-RECORD_CHARACTERS:]
    text = to_json(record)
    action.log_left -= len(text)
    host.log(text)


def record_of(level: str, message: str, fields: dict[str, Any], trace: str) -> None:
    """For `logging`: a record with the text of an exception, of which the end is kept."""
    _send(level, message, fields, trace)


class Log:
    """The app's log. Example: `log.info("rates fetched", currency="EUR")`, a message and named values."""

    def debug(self, message: object, /, **fields: Any) -> None:
        """Log details that help to find mistakes."""
        _send("debug", str(message), fields)

    def info(self, message: object, /, **fields: Any) -> None:
        """Log a normal event."""
        _send("info", str(message), fields)

    def warning(self, message: object, /, **fields: Any) -> None:
        """Log something unexpected that the app can handle."""
        _send("warning", str(message), fields)

    def error(self, message: object, /, **fields: Any) -> None:
        """Log a failure."""
        _send("error", str(message), fields)


class Printed(io.TextIOBase):
    """Replaces standard output or error: each printed line becomes a log record."""

    def __init__(self, level: str) -> None:
        self.level = level

    encoding = "utf-8"
    errors = "replace"

    @property
    def buffer(self) -> "PrintedBytes":
        """The same for bytes."""
        return PrintedBytes(self)

    def reconfigure(self, **_: Any) -> None:
        """Nothing: what is printed is text in the log."""

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, text: str, /) -> int:
        """Log each line of `text` that is not blank; returns its length."""
        if current.action.log_left > 0:
            for line in text[: 4 * RECORD_CHARACTERS].splitlines():
                if line.strip():
                    _send(self.level, line, {})
        return len(text)


class PrintedBytes(io.RawIOBase):
    """`sys.stdout.buffer`: bytes are logged as UTF-8 text."""

    def __init__(self, text: Printed) -> None:
        self._text = text

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, data: Any, /) -> int:
        """Log it; returns its length."""
        piece = bytes(data)
        self._text.write(piece.decode(errors="replace"))
        return len(piece)


log = Log()
