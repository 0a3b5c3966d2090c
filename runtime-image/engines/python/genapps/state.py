# SPDX-License-Identifier: Apache-2.0
"""The app's state: keys and JSON values that survive restarts.

Reads see a snapshot and the action's own writes. The writes of an action are applied together when it succeeds, and
not at all when it fails.
"""

from typing import Any

from genapps.actions import current
from genapps.calls import Call
from genapps.encoding import from_json, to_dense_json

KEY_BYTES = 512
VALUE_BYTES = 256 * 1024
ACTION_BYTES = 1024 * 1024


class State:
    """The app's keys and values. A key is a text of 1 to 512 bytes; one action writes at most 1 MiB."""

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default` when there is none."""
        writes = current.action.writes
        text = writes[key] if key in writes else await Call("get", {"key": _checked(key)})
        return default if text is None else from_json(text)

    async def put(self, key: str, value: Any) -> None:
        """Store `value` under `key`: anything that JSON can express, at most 256 KiB. Raises ValueError otherwise."""
        text = to_dense_json(value)
        if len(text) > VALUE_BYTES:
            raise ValueError(f"a value of state may have at most {VALUE_BYTES} bytes as JSON; this one has {len(text)}")
        _write(_checked(key), text)

    async def delete(self, key: str) -> None:
        """Remove `key`. A key that does not exist is no error."""
        _write(_checked(key), None)

    async def list(self, prefix: str = "", limit: int = 100) -> list[tuple[str, Any]]:
        """The first `limit` (at most 1000) pairs of key and value whose key starts with `prefix`, sorted by key."""
        writes = {key: text for key, text in current.action.writes.items() if key.startswith(prefix)}
        wanted = min(max(limit, 0), 1000)
        found: dict[str, str | None] = dict(await Call("list", {"prefix": prefix, "limit": wanted + len(writes)}))
        found.update(writes)
        kept = sorted((key, text) for key, text in found.items() if text is not None)
        return [(key, from_json(text)) for key, text in kept[:wanted]]


def _checked(key: str) -> str:
    if not isinstance(key, str) or not key or len(key.encode()) > KEY_BYTES:
        raise ValueError(f"a key of state must be a string of 1 to {KEY_BYTES} bytes")
    return key


def _write(key: str, text: str | None) -> None:
    action = current.action
    action.written += len(key) + len(text or "")
    if action.written > ACTION_BYTES:
        raise ValueError(f"a request may write at most {ACTION_BYTES} bytes of state")
    action.writes[key] = text


state = State()
