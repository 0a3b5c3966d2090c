# SPDX-License-Identifier: Apache-2.0
"""Log lines: one JSON object each on standard output, one line an action. Texts in them are those of `log_texts`."""

import os
import sys
import time
from functools import lru_cache
from typing import Any

import orjson

from genapps_runtime.log_texts import told

RECORDS = 200
BYTES_PER_SECOND = 1024 * 1024
"""Of the lines that an app causes: the pod's limit of its node's disk rests on it."""
BURST_BYTES = 2 * 1024 * 1024
"""What a quiet time saves up. A worker begins with a second's worth: it may be one of many that end at once."""
_AROUND_LINE = 64
"""What the container runtime writes before each line."""
_LEVELS = frozenset({"debug", "info", "warning", "error"})


def write(event: str, /, **fields: Any) -> None:
    """Write one line at once: the time, `event` and the fields."""
    _write(_line(event, fields))


def _line(event: str, fields: dict[str, Any]) -> bytes:
    return orjson.dumps({"time": _now(), "event": event, **told(fields)}, option=orjson.OPT_APPEND_NEWLINE)


def _write(lines: bytes) -> None:
    output = sys.stdout.fileno()
    while lines:
        lines = lines[os.write(output, lines) :]


class BoundedLog:
    """The lines that an app causes: at most BYTES_PER_SECOND and a burst of BURST_BYTES, over all its actions.

    A line may be larger than what is left: the next ones wait for it. The process's own lines do not come here.
    """

    def __init__(self, now: float, dropped: int = 0) -> None:
        """`now` is of the monotonic clock, in seconds; `dropped` are lines of earlier processes."""
        self.dropped = dropped
        """Lines since the start of the pod."""
        self._left = BYTES_PER_SECOND
        self._told = dropped
        self._at = now

    def write(self, event: str, /, **fields: Any) -> None:
        """Write one line, or count it as dropped."""
        self.write_many(event, [fields])

    def write_many(self, event: str, several: list[dict[str, Any]], /) -> None:
        """Write a line for each of these fields, all at once; count those as dropped that are more than is allowed."""
        lines = []
        for fields in several:
            if self._left <= 0:
                self.dropped += 1
                continue
            line = _line(event, fields)
            self._left -= len(line) + _AROUND_LINE
            lines.append(line)
        if lines:
            _write(b"".join(lines))

    def refill(self, now: float, /, **identity: str) -> None:
        """Allow what the time since the last call is good for, and say how many lines were dropped in it."""
        self._left = min(BURST_BYTES, self._left + int((now - self._at) * BYTES_PER_SECOND))
        self._at = now
        if self.dropped > self._told:
            write(
                "log lines dropped",
                level="warning",
                **identity,
                lines=self.dropped - self._told,
                bytesPerSecond=BYTES_PER_SECOND,
            )
            self._told = self.dropped


@lru_cache(1)
def _second(seconds: int) -> str:
    """Formatted once a second, because a line is written for every action."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds // 1000:06d}Z"


class ActionLog:
    """What the app logged during one action: at most `limit` characters and RECORDS records. The rest is counted."""

    def __init__(self, limit: int) -> None:
        self.records: list[dict[str, Any]] = []
        self.dropped = 0
        self._left = limit

    def add(self, record: str) -> None:
        """Take one record. It comes from a hostile guest and may be any text."""
        self._left -= len(record)
        if self._left < 0 or len(self.records) >= RECORDS:
            self.dropped += 1
            return
        try:
            found = orjson.loads(record)
            level, message, fields = found["level"], str(found["message"]), _texts(found.get("fields"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            level, message, fields = "info", record, {}
        kept: dict[str, Any] = {
            "level": level if isinstance(level, str) and level in _LEVELS else "info",
            "message": message,
        }
        if fields:
            kept["fields"] = fields
        self.records.append(kept)

    def fields(self) -> dict[str, Any]:
        """The fields for the action's log line; none when the app logged nothing."""
        fields: dict[str, Any] = {}
        if self.records:
            fields["log"] = self.records
        if self.dropped:
            fields["logDropped"] = self.dropped
        return fields


def _texts(fields: object) -> dict[str, str]:
    """The values as texts, now: what has too many levels to become one would fail all lines that are written with it.

    Raises RecursionError.
    """
    return {name: str(value) for name, value in fields.items()} if isinstance(fields, dict) else {}
