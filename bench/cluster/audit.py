# SPDX-License-Identifier: Apache-2.0
"""Writes to the API server, counted by the API server itself: its audit log says who wrote what, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.figures import NotMeasuredError

_VERBS = {"create", "update", "patch", "delete", "deletecollection"}
# Leadership and reviews of rights are no writes for an app.
_OTHERS = {"leases", "tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews"}


@dataclass(frozen=True, slots=True)
class Write:
    """One write request, whether it succeeded or not. `at` is the Unix time at which the API server received it."""

    at: float
    user: str
    what: str


class AuditLog:
    """The entries of the audit log from now on. Raises NotMeasuredError when the node keeps none."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotMeasuredError(f"writes: the node keeps no audit log at {path.name}")
        self._path = path
        self._offset = path.stat().st_size

    def writes(self, user: str) -> list[Write]:
        """Writes since this log was opened by users whose name ends with `user`, in the order of the log."""
        return list(writes(self._lines(), user))

    def calls(self, user: str) -> int:
        """Requests of every kind since this log was opened that have ended: reads, watches and leadership as well."""
        return sum(event["user"]["username"].endswith(user) for event in map(json.loads, self._lines()))

    def _lines(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            yield from (line.decode() for line in file if line.endswith(b"\n"))


def writes(lines: Iterator[str], user: str) -> Iterator[Write]:
    """The completed writes among audit events."""
    for line in lines:
        event = json.loads(line)
        if _is_write(event) and event["user"]["username"].endswith(user):
            target = event.get("objectRef", {})
            what = "/".join(filter(None, (target.get("resource"), target.get("subresource"), target.get("name"))))
            yield Write(_unix(event["requestReceivedTimestamp"]), event["user"]["username"], f"{event['verb']} {what}")


def _is_write(event: dict[str, Any]) -> bool:
    target = event.get("objectRef") or {}
    return (
        event.get("stage") == "ResponseComplete"
        and event.get("verb") in _VERBS
        and target.get("resource") not in _OTHERS
        and target.get("subresource") != "token"
    )


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
