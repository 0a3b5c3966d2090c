# SPDX-License-Identifier: Apache-2.0
"""The facets of an app: at most so many, and of those only some are open.

A facet is opened and closed beside the loop, because a disk may be slow. The one that nobody has asked for longest is
closed for another one, if nobody needs it.
"""

import asyncio
import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.facet import DEFAULT_TENANT, Facet
from genapps_runtime.state.facet_files import FILE_ENDING, path_of
from genapps_runtime.state.journal import journal_of

MOST_OPEN = 16
READERS = 2
"""How many connections for reading each of several facets keeps."""
PATIENCE = 200
PAUSE_SECONDS = 0.005
_BESIDE = ("-wal", "-shm")
"""Endings of SQLite's files beside a facet's."""

Opened = Callable[[Facet | Exception], None]


class TooManyTenantsError(Exception):
    """There is a facet for each tenant that the app may have, and this is another one."""


class FacetsBusyError(Exception):
    """All facets that may be open at once are needed by their requests."""


@dataclass(frozen=True, slots=True)
class Many:
    """More tenants than one: at most `most`, of whom `open` are held open.

    Who has not called for `seconds` is deleted; 0: nobody is.
    """

    most: int
    seconds: float = 0.0
    open: int = MOST_OPEN


class Facets:
    """The facets in one directory. Without `many` there is one, which stays open."""

    def __init__(
        self,
        directory: str,
        limit_bytes: int,
        readers: int,
        retention_seconds: int,
        state_seconds: int = 0,
        many: Many | None = None,
    ) -> None:
        """The arguments without an explanation here are explained at `Facet`."""
        self._directory = directory
        self._limit = limit_bytes
        self._readers = min(readers, READERS) if many else readers
        self._retention = retention_seconds
        self._state_seconds = state_seconds
        self._many = many
        self._open: dict[str, Facet] = {}
        """The one that was asked for last is at the end."""
        self._opening: dict[str, list[Opened]] = {}
        self._turn = asyncio.Lock()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="facets")
        """One, so that a facet is closed before it is opened again."""
        self.on_closed: Callable[[str], object] = _nothing
        """Called with the tenant of a facet that is closed while others go on."""
        self.on_deleted: Callable[[Collection[str]], object] = _nothing
        """Called with the tenants whose facets are open, when others' may have been deleted."""
        self.known = len(self._files()) if many else 1
        """How many tenants have a facet."""

    def get(self, tenant: str) -> Facet:
        """The tenant's facet, which is opened or created if need be, on this thread; raises StateUnavailableError."""
        facet = self._open.get(tenant)
        if facet is None:
            facet = self._open[tenant] = self._made(tenant)
            facet.sweep_later()
            facet.remove_later()
        return facet

    def find(self, tenant: str) -> Facet | None:
        """The tenant's facet, if it is open. From now on it is the one that was asked for last."""
        facet = self._open.pop(tenant, None)
        if facet is not None:
            self._open[tenant] = facet
            facet.asked = True
        return facet

    def open(self, tenant: str, opened: Opened) -> None:
        """Open or create the tenant's facet beside the loop; calls `opened` with it later on the loop.

        Or with StateUnavailableError, TooManyTenantsError or FacetsBusyError.
        """
        waiting = self._opening.setdefault(tenant, [])
        waiting.append(opened)
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._open_beside(tenant))
            task.add_done_callback(_raise_it)

    @property
    def size(self) -> int:
        """Bytes of keys, values and tables in those that are open."""
        return sum(facet.size for facet in self._open.values())

    @property
    def log_bytes(self) -> int:
        """Bytes of the logs (WAL) of those that are open: what SQLite has not put into the files yet."""
        logs = [Path(f"{facet.path}-wal") for facet in self._open.values()]
        return sum(log.stat().st_size for log in logs if log.exists())

    def end_batch(self) -> None:
        """What `Facet.end_batch` does, for all."""
        for facet in self._open.values():
            facet.end_batch()

    async def forget_idle(self) -> int:
        """Delete what belongs to tenants who have not called for too long; returns how many these were."""
        if self._many is None or not self._many.seconds:
            return 0
        before = time.time() - self._many.seconds
        async with self._turn:
            await self._close_older(before)
        loop = asyncio.get_running_loop()
        # In the thread that opens them: none is opened meanwhile.
        gone = await loop.run_in_executor(
            self._thread, self._delete_older, before, {f.path for f in self._open.values()}
        )
        self.known -= gone
        if gone:
            self.on_deleted(self._open.keys())
        return gone

    async def close(self) -> None:
        """Finish the commits, then close the files. Who waits for one to be opened is told FacetsBusyError."""
        self._closed = True
        async with self._turn:
            for facet in list(self._open.values()):  # `find` changes their order
                await facet.close()
        self._thread.shutdown()

    async def _open_beside(self, tenant: str) -> None:
        found: Facet | Exception
        loop = asyncio.get_running_loop()
        try:
            async with self._turn:
                await self._make_room()
                found = await loop.run_in_executor(self._thread, self._made, tenant)
                self._open[tenant] = found
        except (StateUnavailableError, TooManyTenantsError, FacetsBusyError) as error:
            found = error
        if self._closed:
            found = FacetsBusyError()
        if isinstance(found, Facet):
            found.sweep_later()
            found.remove_later()
        for opened in self._opening.pop(tenant):
            opened(found)

    async def _make_room(self) -> None:
        """Close the facet that nobody has asked for longest. Raises FacetsBusyError."""
        if self._closed:
            raise FacetsBusyError
        while self._many is not None and len(self._open) >= self._many.open:
            await self._close_one(await self._idle())

    async def _close_one(self, idle: Facet) -> None:
        used = time.time() if idle.asked else _last_used(idle.path)
        del self._open[idle.tenant]
        self.on_closed(idle.tenant)
        await idle.stop()
        self._thread.submit(_closed, idle, used)

    async def _close_older(self, before: float) -> None:
        """Close those that nobody has asked for since then: what is open is not deleted."""
        for facet in list(self._open.values()):
            if facet.asked:
                facet.asked = False
                _touch(facet.path)
            elif facet.idle and _last_used(facet.path) < before:
                await self._close_one(facet)

    async def _idle(self) -> Facet:
        """The facet that nobody has asked for longest, of those that nobody needs. Raises FacetsBusyError."""
        for _ in range(PATIENCE):
            unused = [facet for facet in self._open.values() if not facet.users]
            idle = next((facet for facet in unused if facet.idle), None)
            if idle is not None:
                return idle
            if not unused:
                break
            await asyncio.sleep(PAUSE_SECONDS)  # it stores something on its own, for a moment
        raise FacetsBusyError

    def _made(self, tenant: str) -> Facet:
        path = path_of(self._directory, tenant)
        if self._many is None:
            return self._facet(tenant, share=1)
        new = tenant != DEFAULT_TENANT and not os.path.lexists(path)
        if new and self.known >= self._many.most:
            raise TooManyTenantsError
        facet = self._facet(tenant, share=self._many.open)
        if new:
            self.known += 1
        _touch(path)
        return facet

    def _facet(self, tenant: str, share: int) -> Facet:
        retention, state = self._retention, self._state_seconds
        return Facet(self._directory, tenant, self._limit, self._readers, retention, state_seconds=state, share=share)

    def _files(self) -> list[os.DirEntry[str]]:
        """Those of all tenants; not what an app without tenants has left."""
        untenanted = os.path.basename(path_of("", DEFAULT_TENANT))  # noqa: PTH119
        with os.scandir(self._directory) as entries:
            return [entry for entry in entries if entry.name.endswith(FILE_ENDING) and entry.name != untenanted]

    def _delete_older(self, before: float, needed: set[str]) -> int:
        gone = 0
        for entry in self._files():
            if entry.path not in needed and _last_used(entry.path) < before:
                journal = journal_of(str(Path(self._directory).parent), entry.name.removesuffix(FILE_ENDING))
                for path in (journal, *(entry.path + ending for ending in _BESIDE), entry.path):
                    if os.path.lexists(path):
                        os.unlink(path)  # noqa: PTH108
                gone += 1
        return gone


def _closed(facet: Facet, used: float) -> None:
    facet.close_files()  # it may put its log into its file, which is no call of its tenant
    os.utime(facet.path, (used, used), follow_symlinks=False)


def _touch(path: str) -> None:
    os.utime(path, follow_symlinks=False)


def _last_used(path: str) -> float:
    """When somebody has last opened, closed or changed it."""
    found = 0.0
    for name in (path, path + _BESIDE[0]):
        if os.path.lexists(name):
            found = max(found, os.stat(name, follow_symlinks=False).st_mtime)  # noqa: PTH116
    return found


def _raise_it(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.result()


def _nothing(_tenants: str | Collection[str]) -> None:
    """Nobody keeps anything of a tenant."""
