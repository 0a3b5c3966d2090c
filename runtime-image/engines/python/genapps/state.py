# SPDX-License-Identifier: Apache-2.0
"""The app's state: keys and JSON values, and tables of SQL, that survive restarts.

Reads see a snapshot and the action's own writes. The writes of an action are applied together when it succeeds, and
not at all when it fails.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from genapps.actions import current
from genapps.calls import Call, ToolError
from genapps.encoding import from_json, to_dense_json
from genapps.immediate import ask, ask_list, ask_sql, in_request
from genapps.logs import log
from genapps.sql import Rows, SqlError, payload_of, rows_of

KEY_BYTES = 512
VALUE_BYTES = 256 * 1024
ACTION_BYTES = 1024 * 1024
MOST_LISTED = 1000
MOST_ASKED = 2000
"""What the host gives at once."""
PAGE = 100


class Listing(list[tuple[str, Any]]):
    """Pairs of key and value. `cursor` is for the call that goes on, None when there are no more."""

    cursor: str | None = None


class State:
    """The app's keys and values. A key is a text of 1 to 512 bytes; one action writes at most 1 MiB."""

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default` when there is none."""
        writes = current.action.writes
        text = writes[key] if key in writes else await Call("get", {"key": _checked(key)})
        return default if text is None else from_json(text)

    def get_sync(self, key: str, default: Any = None) -> Any:
        """As `get`, without await: for handlers that are no coroutines, and for WSGI."""
        in_request()
        writes = current.action.writes
        text = writes[key] if key in writes else ask(f"get\0000\0{_checked(key)}")
        return default if text is None else from_json(text)

    async def put(self, key: str, value: Any) -> None:
        """Store `value` under `key`: anything that JSON can express, at most 256 KiB. Raises ValueError otherwise."""
        _put(key, value)

    def put_sync(self, key: str, value: Any) -> None:
        """As `put`, without await."""
        in_request()
        _put(key, value)

    async def delete(self, key: str) -> None:
        """Remove `key`. A key that does not exist is no error."""
        _write(_checked(key), None)

    def delete_sync(self, key: str) -> None:
        """As `delete`, without await."""
        in_request()
        _write(_checked(key), None)

    async def list(self, prefix: str = "", limit: int | None = None, cursor: str | None = None) -> Listing:
        """The first pairs of key and value whose key starts with `prefix`, sorted by key.

        `limit` is at most 1000; without one it is 100, and the log tells when there are more. `cursor` is that of
        the listing before. Raises ValueError.
        """
        page = _Page(prefix, limit, cursor)
        return page.listing(await Call("list", page.payload)) if page.wanted else Listing()

    def list_sync(self, prefix: str = "", limit: int | None = None, cursor: str | None = None) -> Listing:
        """As `list`, without await."""
        in_request()
        page = _Page(prefix, limit, cursor)
        return page.listing(ask_list(page.payload)) if page.wanted else Listing()

    async def sql(self, text: str, *parameters: Any) -> Rows:
        """Run one statement of SQL on the app's own database, with `?` or `:name` for the parameters.

        `rows = await state.sql("SELECT name FROM guests WHERE id = ?", 1)`, then `rows[0]["name"]`. It is part of the
        request's transaction. Raises SqlError, and TypeError or ValueError for a parameter that SQL does not have.
        """
        try:
            result = await Call("sql", payload_of(text, parameters))
        except ToolError as error:
            if not error.code.startswith("Sql"):
                raise
            raise SqlError(error.code, error.detail) from None
        return rows_of(result)

    def sql_sync(self, text: str, *parameters: Any) -> Rows:
        """As `sql`, without await. A first statement that writes makes the request begin again, in its turn."""
        payload = payload_of(text, parameters)
        return rows_of(ask_sql(text, payload["parameters"]))

    async def scan(self, prefix: str = "") -> AsyncIterator[tuple[str, Any]]:
        """All pairs of key and value whose key starts with `prefix`, sorted by key, page by page."""
        cursor, size = None, PAGE
        while True:
            try:
                page = await self.list(prefix, size, cursor)
            except ToolError as error:
                size = _smaller(size, error)
                continue
            for pair in page:
                yield pair
            cursor = page.cursor
            if cursor is None:
                return

    def scan_sync(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """As `scan`, without await."""
        cursor, size = None, PAGE
        while True:
            try:
                page = self.list_sync(prefix, size, cursor)
            except ToolError as error:
                size = _smaller(size, error)
                continue
            yield from page
            cursor = page.cursor
            if cursor is None:
                return


class _Page:
    """What a listing asks the host for, and what becomes of its answer."""

    def __init__(self, prefix: str, limit: int | None, cursor: str | None) -> None:
        """Raises ValueError."""
        self.wanted = _limit(limit)
        self._prefix = _text(prefix, "a prefix")
        self._told = limit is not None
        after = _text(cursor or "", "a cursor")
        writes = current.action.writes
        self._writes = {key: text for key, text in writes.items() if key.startswith(prefix) and key > after}
        self._asked = min(self.wanted + 1 + len(self._writes), MOST_ASKED)
        self.payload: dict[str, Any] = {"prefix": prefix, "limit": self._asked}
        if after:
            self.payload["after"] = after

    def listing(self, answer: dict[str, str]) -> Listing:
        """The host's answer with the action's own writes."""
        found: dict[str, str | None] = dict(answer)
        last = max(found) if len(found) == self._asked else None  # what follows it is not known
        found.update(self._writes)
        kept = sorted((key, text) for key, text in found.items() if text is not None and (last is None or key <= last))
        listing = Listing((key, from_json(text)) for key, text in kept[: self.wanted])
        if len(kept) > self.wanted or last is not None:
            listing.cursor = kept[self.wanted - 1][0] if len(kept) > self.wanted else last
            if not self._told:
                told = f"state.list({self._prefix!r}) gave {len(listing)} entries and there are more: use state.scan"
                log.warning(told)
        return listing


def _smaller(size: int, error: ToolError) -> int:
    """The next size of a page whose values were too large. Raises the error when it means something else."""
    if error.code != "StateFull" or size == 1:
        raise error
    return max(1, size // 4)


def _put(key: str, value: Any) -> None:
    text = to_dense_json(value)
    if len(text) > VALUE_BYTES:
        raise ValueError(f"a value of state may have at most {VALUE_BYTES} bytes as JSON; this one has {len(text)}")
    _write(_checked(key), text)


def _limit(limit: int | None) -> int:
    if limit is None:
        return 100
    if limit > MOST_LISTED:
        advice = "`async for key, value in state.scan(prefix)` reads all"
        raise ValueError(f"a listing of state has at most {MOST_LISTED} entries, not {limit}; {advice}")
    return max(limit, 0)


def _checked(key: str) -> str:
    if not isinstance(key, str) or not key or len(_text(key, "a key").encode()) > KEY_BYTES:
        raise ValueError(f"a key of state must be a string of 1 to {KEY_BYTES} bytes")
    return key


def _text(text: str, what: str) -> str:
    """Raises ValueError for what cannot be a part of a key."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{what} of state cannot hold half a character (a lone surrogate)") from None
    return text


def _write(key: str, text: str | None) -> None:
    action = current.action
    action.written += len(key) + len(text or "")
    if action.written > ACTION_BYTES:
        raise ValueError(f"a request may write at most {ACTION_BYTES} bytes of state")
    action.writes[key] = text


state = State()
