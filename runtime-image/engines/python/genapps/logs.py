"""The app's log, and its prints: records go to the host, which adds them to the action's log line."""

import io
import json
from typing import Any

from wit_world.imports import host

from genapps.actions import current

RECORD_CHARACTERS = 2000


def _send(level: str, message: str, fields: dict[str, Any]) -> None:
    action = current.action
    if action.log_left <= 0:
        return  # the host would drop it; not asking is cheaper
    record: dict[str, Any] = {"level": level, "message": message[:RECORD_CHARACTERS]}
    if fields:
        record["fields"] = {name: str(value)[:200] for name, value in fields.items()}
    text = json.dumps(record)
    action.log_left -= len(text)
    host.log(text)


class Log:
    """`log.info("rates fetched", currency="EUR")`: a message and named values."""

    def debug(self, message: object, /, **fields: Any) -> None:
        _send("debug", str(message), fields)

    def info(self, message: object, /, **fields: Any) -> None:
        _send("info", str(message), fields)

    def warning(self, message: object, /, **fields: Any) -> None:
        _send("warning", str(message), fields)

    def error(self, message: object, /, **fields: Any) -> None:
        _send("error", str(message), fields)


class Printed(io.TextIOBase):
    """Stands in for standard output and error, which a guest does not have."""

    def __init__(self, level: str) -> None:
        self.level = level

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if current.action.log_left > 0:
            for line in text[: 4 * RECORD_CHARACTERS].splitlines():
                if line.strip():
                    _send(self.level, line, {})
        return len(text)


log = Log()
