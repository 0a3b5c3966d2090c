# SPDX-License-Identifier: Apache-2.0
"""The app's log and its printed output. The host adds the records to the action's log line."""

import io
from typing import Any

from wit_world.imports import host

from genapps.actions import current
from genapps.encoding import to_json

RECORD_CHARACTERS = 2000


def _send(level: str, message: str, fields: dict[str, Any]) -> None:
    action = current.action
    if action.log_left <= 0:
        return  # the host would drop it; not asking is cheaper
    record: dict[str, Any] = {"level": level, "message": message[:RECORD_CHARACTERS]}
    if fields:
        record["fields"] = {name: str(value)[:200] for name, value in fields.items()}
    text = to_json(record)
    action.log_left -= len(text)
    host.log(text)


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


log = Log()
