# SPDX-License-Identifier: Apache-2.0
"""What can be asked of the state: `list`, `export` and `delete`, one at a time, and each leaves a line in the log.

A tenant is named by the hash that its files have, so the tenant's own name never comes here. Answers are lines of JSON,
and the last one has `end`, or an `error` with its code. An answer without either was cut off.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from genapps_runtime import logs
from genapps_runtime.serve.background.entries import Stored
from genapps_runtime.serve.background.queue import BackgroundQueue
from genapps_runtime.state.by_digest import ByDigest
from genapps_runtime.state.erasure import erase
from genapps_runtime.state.errors import FILE_ERRORS, StateUnavailableError
from genapps_runtime.state.facets import Facets
from genapps_runtime.state.tenant_names import name_of
from genapps_runtime.state_command import SEPARATOR
from genapps_runtime.state_port.export import Export
from genapps_runtime.state_port.listing import tenants

READING_SECONDS = 10.0
BY_CHARACTERS = 256
_DIGEST = re.compile(r"[0-9a-f]{64}")
Found = TypeVar("Found")
_FAILURES = (*FILE_ERRORS, OSError, ValueError, StateUnavailableError)


class OperationError(Exception):
    """What was asked for is not done. `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Place:
    """The app, and where its state is: `folders` have facets, the one in use first.

    `one_tenant`: the app does not tell tenants apart. `patience_seconds` is how long a deletion waits for the requests
    of its tenant. `log_bytes` is how large SQLite's log may become until nothing more is stored. It cannot be emptied
    during an export, which lets it grow by a quarter of that.
    """

    namespace: str
    app: str
    directory: str
    folders: list[str]
    one_tenant: bool
    patience_seconds: float
    log_bytes: int


class Operations:
    """Answers questions. `now` gives seconds since 1970.

    Whoever reads an export may take `reading_seconds` for a chunk.
    """

    def __init__(
        self,
        place: Place,
        facets: Facets,
        queue: BackgroundQueue | None = None,
        now: Callable[[], float] = time.time,
        *,
        reading_seconds: float = READING_SECONDS,
    ) -> None:
        self._place = place
        self._facets = ByDigest(facets)
        self._queue = queue
        self._now = now
        self._reading_seconds = reading_seconds
        self._turn = asyncio.Lock()

    async def answer(self, question: bytes, writer: asyncio.StreamWriter) -> None:
        """Answer one, and write the log line before the answer's last line. Raises OSError and TimeoutError."""
        told: dict[str, Any] = {}
        code = "cut"
        try:
            end = await self._answer(question, writer, told)
            code = "ok"
        except OperationError as error:
            code, end = error.code, {"error": {"code": error.code, "message": str(error)}}
        except _FAILURES as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise
            code, end = "Failed", {"error": {"code": "Failed", "message": f"the state cannot be used: {error}"}}
        finally:
            place = self._place
            fine = code == "ok"
            logs.write(
                "state operation", level="info" if fine else "warning", code=code, app=place.app,
                namespace=place.namespace, **told,
            )  # fmt: skip
        await self._send(writer, _line(end))

    async def _answer(self, question: bytes, writer: asyncio.StreamWriter, told: dict[str, Any]) -> dict[str, Any]:
        operation, tenant = self._judged(question, told)
        if self._turn.locked():
            raise OperationError("Busy", "another operation on the state of this app is under way; try again later")
        async with self._turn:
            if operation == "list":
                return await self._list(tenant, writer, told)
            if operation == "export":
                return await self._export(tenant, writer, told)
            return await self._delete(tenant, told)

    async def _send(self, writer: asyncio.StreamWriter, content: bytes) -> None:
        writer.write(content)
        async with asyncio.timeout(self._reading_seconds):
            await writer.drain()

    def _judged(self, question: bytes, told: dict[str, Any]) -> tuple[str, str]:
        words = question.decode("utf-8", "replace").split(SEPARATOR)
        if len(words) != 5:
            raise OperationError("Invalid", "the question is not understood")
        operation, namespace, app, tenant, by = words
        told["operation"] = operation if operation in ("list", "export", "delete") else "unknown"
        if not by or len(by) > BY_CHARACTERS or not by.isprintable():
            raise OperationError("Invalid", f"the name of the user must have 1 to {BY_CHARACTERS} printable characters")
        told["by"] = by
        if told["operation"] == "unknown":
            raise OperationError("Invalid", "the operation must be list, export or delete")
        if (namespace, app) != (self._place.namespace, self._place.app):
            raise OperationError("WrongApp", "this is the pod of another app")
        if not _DIGEST.fullmatch(tenant) and not (operation == "list" and not tenant):
            raise OperationError("Invalid", "the tenant must be a SHA-256 in hexadecimal")
        if operation != "list":
            told["tenantDigest"] = tenant
        return operation, tenant

    async def _list(self, after: str, writer: asyncio.StreamWriter, told: dict[str, Any]) -> dict[str, Any]:
        place = self._place
        found, more = await _in_thread(tenants, place.directory, place.folders, after)
        for tenant in found:
            await self._send(writer, _line(tenant))
        told["tenants"] = len(found)
        return {"end": {"tenants": len(found), "more": more}}

    async def _export(self, name: str, writer: asyncio.StreamWriter, told: dict[str, Any]) -> dict[str, Any]:
        place = self._place
        log = Path(place.directory) / place.folders[0] / f"{name}.sqlite-wal"
        stored = await self._stored(name)
        async with self._facets.reader(name) as connection:
            export = Export(connection, place.directory, name, stored)
            named = name_of(f"{place.directory}/{place.folders[0]}/{name}.sqlite")
            head = {"app": place.app, "namespace": place.namespace, "tenant": name, "name": named}
            await self._send(writer, _line({"export": {**head, "at": self._now(), "format": 1}}))
            before = 0
            try:
                while chunk := await _in_thread(export.chunk):
                    await self._send(writer, chunk)
                    size = log.stat().st_size if log.exists() else 0
                    before = before or size
                    if size > min(before + place.log_bytes // 4, place.log_bytes):
                        raise OperationError("TooSlow", "the tenant writes more than is read meanwhile; try again")
            finally:
                told["lines"] = dict(export.counts)
        if connection is None and not export.counts:
            raise OperationError("NoSuchTenant", "the app has no data of this tenant")
        return {"end": {"lines": dict(export.counts)}}

    async def _delete(self, name: str, told: dict[str, Any]) -> dict[str, Any]:
        place = self._place
        if place.one_tenant:
            raise OperationError(
                "OneTenant", "the app has no tenants; delete the app and purge its AppRecord to delete its state"
            )
        with self._facets.barred(name):
            entries = len(await self._stored(name))
            if self._queue is not None:
                for tenant in self._in_queue(name):  # first, because an entry that runs may take minutes
                    await self._queue.drop(tenant)
            if not await self._facets.close(name, place.patience_seconds):
                kept = "; only what waited in the background was deleted" if entries else ", and nothing was deleted"
                raise OperationError("Busy", f"requests of the tenant are still under way{kept}; try again")
            with self._facets.deleting(name):
                erased = await _in_thread(erase, place.directory, place.folders, name)
        counts = {"files": erased.files, "bytes": erased.bytes, "entries": entries}
        told.update(counts)
        return {"end": counts}

    def _in_queue(self, name: str) -> list[str]:
        """The tenant's own name, if the queue has entries of theirs."""
        tenants = self._queue.tenants if self._queue is not None else ()
        return [tenant for tenant in tenants if hashlib.sha256(tenant.encode()).hexdigest() == name]

    async def _stored(self, name: str) -> list[Stored]:
        """The tenant's entries of the queue."""
        found: list[Stored] = []
        if self._queue is not None:
            for tenant in self._in_queue(name):
                found += await self._queue.entries_of(tenant)
        return found


async def _in_thread(function: Callable[..., Found], *arguments: Any) -> Found:
    """What the function gives. Also who is cancelled waits for its end: files are not closed under it."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _line(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
