# SPDX-License-Identifier: Apache-2.0
"""What callers see of an entry: a document at a path that the app cannot have."""

from datetime import UTC, datetime
from typing import Any

import orjson

from genapps_runtime.serve.background.entries import Entry, State
from genapps_runtime.serve.messages import Reply

PREFIX = "/.genapps/background/"
POLL_SECONDS = 1


def accepted(entry: Entry) -> Reply:
    """What the caller of an entry gets."""
    page = status_page(entry, status=202)
    return Reply(202, [*page.headers, (b"location", f"{PREFIX}{entry.id}".encode())], page.body)


def status_page(entry: Entry, status: int = 200) -> Reply:
    """How far it is. The id is all that proves who may see it, so nobody on the way keeps the page."""
    document: dict[str, Any] = {
        "id": entry.id,
        "state": entry.state,
        "attempts": entry.attempts,
        "acceptedAt": _time(entry.accepted),
    }
    if entry.ended is not None:
        document["endedAt"] = _time(entry.ended)
    if entry.code:
        document["code"] = entry.code
    if entry.status is not None:
        document["status"] = entry.status
        document["result"] = f"{PREFIX}{entry.id}/result"
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if entry.state in (State.QUEUED, State.RUNNING):
        headers.append((b"retry-after", b"%d" % POLL_SECONDS))
    return Reply(status, headers, orjson.dumps(document))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
