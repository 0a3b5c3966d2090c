# SPDX-License-Identifier: Apache-2.0
"""The one module that writes to the API server: get, list, watch, server-side apply, replace, delete, over one session.

Plain dictionaries in and out (aiohttp and orjson): a typed client costs about twice the CPU per call.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
import orjson

from genapps.cluster.connection import Connection, WriteGuard, open_session
from genapps.cluster.errors import ApiError, UnavailableError, from_status
from genapps.cluster.resources import BY_KIND, QUESTIONS, Object, Resource

_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_JSON = {"Content-Type": "application/json"}
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_ATTEMPTS = 5
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_REQUEST_SECONDS = 30.0
_LONGEST_RETRY_AFTER = 10.0
"""What an overloaded API server may ask for at most: nobody sleeps for an hour because of one header."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A complete list: the objects (without `kind` for built-in kinds) and the version to watch from."""

    items: list[Object]
    resource_version: str


class Write(NamedTuple):
    """One write, as it is counted: `verb` is apply, create, replace or delete; `subresource` is empty for the object
    itself."""

    verb: str
    kind: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a client behaves. `user_agent` is what audit logs show (empty: the field manager). `write_guard` is asked
    before each write. Requests end after `read_seconds` and `write_seconds`, here and in the API server. `attempts`
    counts the first one, and none begins later than `retry_seconds` after it. `on_answer` is called with method and
    status (0: no answer) of each answer, and `on_write` once with each write that is asked for, however it ends and
    however many attempts it takes (not with what stores nothing: dry runs and questions about ourselves). `on_date` is
    called with the `Date` of each answer."""

    user_agent: str = ""
    write_guard: WriteGuard | None = None
    read_seconds: float = _REQUEST_SECONDS
    write_seconds: float = _REQUEST_SECONDS
    attempts: int = _ATTEMPTS
    retry_seconds: float = _REQUEST_SECONDS
    connections: int = 128
    on_answer: Callable[[str, int], None] = lambda _, __: None
    on_write: Callable[[Write], None] = lambda _: None
    on_date: Callable[[str], None] = lambda _: None


class Client:
    """A session with the API server under one field manager. Use as an async context manager."""

    def __init__(self, connection: Connection, field_manager: str, options: ClientOptions = ClientOptions()) -> None:
        self._connection = connection
        self._field_manager = field_manager
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        options = self._options
        self._session = open_session(
            self._connection,
            options.user_agent or self._field_manager,
            connections=options.connections,
            write_guard=options.write_guard,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, resource: Resource, namespace: str | None, name: str, *, metadata_only: bool = False) -> Object:
        """The live object from the API server's store, never from its watch cache. Raises NotFound."""
        accept = _METADATA if metadata_only else "application/json"
        return await self._request("GET", resource.path(namespace, name), headers={"Accept": accept})

    async def get_text(self, path: str) -> str:
        """The body of any readable path (discovery documents, keys), as text."""
        return (await self._bytes("GET", path, {}, {}, None)).decode("utf-8")

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        selector: str = "",
        name: str | None = None,
        metadata_only: bool = False,
        at_least: str | None = "0",
    ) -> Listing:
        """A complete, unpaged list. `at_least` is the oldest acceptable resource version: "0" takes what the
        watch cache has, another one waits until the cache is that fresh, None reads the store itself."""
        params = _selection(selector, name)
        if at_least is not None:
            params |= {"resourceVersion": at_least, "resourceVersionMatch": "NotOlderThan"}
        accept = _METADATA_LIST if metadata_only else "application/json"
        body = await self._request("GET", resource.path(namespace), params=params, headers={"Accept": accept})
        return Listing(body.get("items") or [], str(body["metadata"]["resourceVersion"]))

    async def watch(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        resource_version: str,
        selector: str = "",
        name: str | None = None,
        metadata_only: bool = False,
        inactivity_seconds: float = 75.0,
        timeout_seconds: int | None = None,
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """Events `(type, object)` after a resource version, bookmarks included, until the server ends the stream:
        after `timeout_seconds`, or when it likes.

        Raises Gone for a version that is too old, ApiError for an ERROR event, Unavailable when nothing (not even a
        bookmark) came for `inactivity_seconds`."""
        params = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": resource_version}
        params |= _selection(selector, name)
        if timeout_seconds is not None:
            params["timeoutSeconds"] = str(timeout_seconds)
        headers = {"Accept": _METADATA if metadata_only else "application/json"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=inactivity_seconds)
        try:
            async with self._open("GET", resource.path(namespace), params, headers, None, timeout) as response:
                if response.status != 200:
                    raise await _failure(response)
                async for line in _lines(response.content):
                    event = orjson.loads(line)
                    if event["type"] == "ERROR":
                        raise from_status(int(event["object"].get("code") or 500), event["object"])
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise UnavailableError(0, "WatchBroken", repr(error)) from error

    async def apply(
        self,
        manifest: Mapping[str, Any],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
        metadata_only: bool = False,
    ) -> Object:
        """Server-side apply with force under our field manager; answers the object as stored (or its metadata).

        With `metadata.resourceVersion` in the manifest it is a compare-and-swap: Conflict when another write was
        quicker. Fields that our manager applied earlier and that are absent now are removed."""
        metadata = manifest["metadata"]
        resource = BY_KIND[manifest["kind"]]
        params = {"fieldManager": self._field_manager, "force": "true"}
        if dry_run:
            params["dryRun"] = "All"
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        headers = _APPLY | {"Accept": _METADATA} if metadata_only else _APPLY
        if not dry_run:
            self._options.on_write(Write("apply", resource.kind, subresource or ""))
        return await self._request("PATCH", path, params=params, headers=headers, body=manifest)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        grace_seconds: int | None = None,
    ) -> Object:
        """Delete exactly the object with that uid. Conflict: the name belongs to another object by now.

        Answers the object with its deletion timestamp while it still has to end, else a Status or its last state."""
        options: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        self._options.on_write(Write("delete", resource.kind))
        return await self._request("DELETE", resource.path(namespace, name), headers=_JSON, body=options)

    async def create(self, manifest: Mapping[str, Any]) -> Object:
        """Write a new object; Conflict when the name exists (`AlreadyExists`). For objects whose first writer
        wins, such as the gateway's key pair."""
        resource = BY_KIND[manifest["kind"]]
        params = {"fieldManager": self._field_manager}
        path = resource.path(manifest["metadata"].get("namespace"))
        if resource not in QUESTIONS:
            self._options.on_write(Write("create", resource.kind))
        return await self._request("POST", path, params=params, headers=_JSON, body=manifest)

    async def replace(self, manifest: Mapping[str, Any]) -> Object:
        """Compare-and-swap of a whole object against `metadata.resourceVersion`: Conflict when another write was
        quicker, NotFound when it is gone. For objects of one writer that were made by `create`: an apply could
        never take away again what that create set."""
        metadata, resource = manifest["metadata"], BY_KIND[manifest["kind"]]
        if not metadata.get("resourceVersion"):
            raise ValueError(f"{manifest['kind']} {metadata['name']}: a replacement names the version it was made from")
        params = {"fieldManager": self._field_manager}
        path = resource.path(metadata.get("namespace"), metadata["name"])
        self._options.on_write(Write("replace", resource.kind))
        return await self._request("PUT", path, params=params, headers=_JSON, body=manifest)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Object:
        answer: Object = orjson.loads(await self._bytes(method, path, params or {}, headers or {}, body))
        return answer

    async def _bytes(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> bytes:
        data = None if body is None else orjson.dumps(body)
        options = self._options
        seconds = options.read_seconds if method == "GET" else options.write_seconds
        if seconds < _REQUEST_SECONDS:
            # What is given up here must not be carried out later by a server that is slow.
            params = {**params, "timeout": f"{int(seconds * 1000)}ms"}
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=10)
        started = time.monotonic()
        for attempt in range(options.attempts):
            try:
                async with self._open(method, path, params, headers, data, timeout) as response:
                    options.on_answer(method, response.status)
                    options.on_date(response.headers.get("Date", ""))
                    if response.status < 300:
                        return await response.read()
                    failure = await _failure(response)
            except (aiohttp.ClientError, TimeoutError) as error:
                options.on_answer(method, 0)
                failure = UnavailableError(0, "NoAnswer", repr(error))
            expired = failure.status == 401 and attempt == 0
            if expired:
                self._connection.token.forget()
            late = time.monotonic() - started >= options.retry_seconds
            last = attempt == options.attempts - 1 or (late and not expired)
            if last or not (expired or isinstance(failure, UnavailableError)):
                raise failure
            await asyncio.sleep(pause(attempt, failure.retry_after))
        raise AssertionError("unreachable: the last attempt answers or raises")

    def _open(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        data: bytes | None,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            raise RuntimeError("the client is used outside its context")
        url = self._connection.server + path
        return self._session.request(method, url, params=params, headers=headers, data=data, timeout=timeout)


def pause(attempt: int, retry_after: float | None) -> float:
    """Seconds until a request is tried again: as long as the API server says, within bounds, else a back-off."""
    return min(retry_after or 0.0, _LONGEST_RETRY_AFTER) or backoff(attempt, _FIRST_DELAY, _LONGEST_DELAY)


def backoff(attempt: int, first: float, longest: float) -> float:
    """Seconds to wait before the next attempt: exponential, with full jitter over its upper half."""
    return float(min(longest, first * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)


def _selection(selector: str, name: str | None) -> dict[str, str]:
    params = {"labelSelector": selector} if selector else {}
    return params | ({"fieldSelector": f"metadata.name={name}"} if name else {})


async def _failure(response: aiohttp.ClientResponse) -> ApiError:
    body = await response.read()
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        status = {"message": body[:500].decode("utf-8", "replace")}
    after = response.headers.get("Retry-After", "")
    return from_status(
        response.status, status if isinstance(status, dict) else {}, float(after) if after.isdecimal() else None
    )


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: aiohttp's own line reader refuses those above its buffer, objects may have 1.5 MiB."""
    pending: list[bytes] = []
    async for chunk in stream.iter_any():
        first, *rest = chunk.split(b"\n")
        pending.append(first)
        for part in rest:
            line = b"".join(pending)
            pending = [part]
            if line:
                yield line
