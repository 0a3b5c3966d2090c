# SPDX-License-Identifier: Apache-2.0
"""The facets of an app: at most so many, and of those only some are open.

A facet is opened and closed beside the loop, because a disk may be slow. The one that nobody has asked for longest is
closed for another one, if nobody needs it.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from genapps_runtime.state.erasure import erase
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.facet import DEFAULT_TENANT, Facet
from genapps_runtime.state.facet_files import FILE_ENDING, path_of
from genapps_runtime.state.tenant_names import Known, known_after, last_call, name_of, note_call

MOST_OPEN = 16
READERS = 2
"""How many connections for reading each of several facets keeps."""
PATIENCE = 200
PAUSE_SECONDS = 0.005
_UNTENANTED = path_of("", DEFAULT_TENANT)
"""The name of what an app without tenants has left."""

Found = TypeVar("Found")
Opened = Callable[[Facet | Exception], None]


class TooManyTenantsError(Exception):
    """There is a facet for each tenant that the app may have, and this is another one."""


class UnknownTenantError(Exception):
    """The tenant has no facet, and this is not their call."""


class FacetsBusyError(Exception):
    """All facets that may be open at once are needed by their requests; or it says why this one is not opened."""


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
        self.directory = directory
        self._limit = limit_bytes
        self._readers = min(readers, READERS) if many else readers
        self._retention = retention_seconds
        self._state_seconds = state_seconds
        self._many = many
        self._open: dict[str, Facet] = {}
        """The one that was asked for last is at the end."""
        self._opening: dict[tuple[str, bool], list[Opened]] = {}
        self.barred: set[str] = set()
        """Paths of facets that nobody is given, because they are being deleted."""
        self.read_elsewhere: set[str] = set()
        """Paths of facets whose files stay, although they may be closed."""
        self._forgetting = ""
        """The path of the facet whose tenant is being deleted, because they have not called for too long."""
        self.copies: Sequence[str] = ()
        """Names of the folders beside this one that have copies of facets."""
        self._turn = asyncio.Lock()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="facets")
        """One, so that a facet is closed before it is opened again."""
        self.on_closed: Callable[[str], object] = _nothing
        """Called with the tenant of a facet that is closed while others go on."""
        self.on_deleting: Callable[[str], Awaitable[object]] = _nothing_yet
        """Called with a tenant before what belongs to them is deleted."""
        self.on_deleted: Callable[[Collection[str]], object] = _nothing
        """Called with the tenants whose facets are open, when others' may have been deleted."""
        self.beside: dict[str, int] = {}
        """Bytes that tenants take elsewhere, and that count in their quotas."""
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

    def find(self, tenant: str, *, called: bool = True) -> Facet | None:
        """The tenant's facet, if it is open. From now on it is the one that was asked for last."""
        facet = self._open.pop(tenant, None)
        if facet is not None:
            self._open[tenant] = facet
            facet.asked = facet.asked or called
            if self.barred and facet.path in self.barred:
                return None
        return facet

    def open(self, tenant: str, opened: Opened, *, called: bool = True) -> None:
        """Open the tenant's facet beside the loop; calls `opened` with it later on the loop.

        Or with StateUnavailableError, TooManyTenantsError or FacetsBusyError. The facet is created if need be. If not
        the tenant has `called`, but the platform does something for them, it has to be there: else UnknownTenantError.
        """
        path = path_of(self.directory, tenant)
        if path in self.barred or path == self._forgetting:
            asyncio.get_running_loop().call_soon(opened, FacetsBusyError("the data of this tenant are being deleted"))
            return
        waiting = self._opening.setdefault((tenant, called), [])
        waiting.append(opened)
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._open_beside(tenant, called=called))
            task.add_done_callback(_raise_it)

    async def tenants_after(self, stem: str, most: int) -> list[Known]:
        """At most so many tenants, in the order of their stems from the one after `stem` on."""

        def found() -> list[Known]:
            return known_after((entry.path for entry in self._files()), stem, most)

        return await asyncio.get_running_loop().run_in_executor(self._thread, found)

    @property
    def size(self) -> int:
        """Bytes of keys, values and tables in those that are open."""
        return sum(facet.size for facet in self._open.values())

    def left_of(self, tenant: str) -> int:
        """What the state of a tenant has left of their quota, as long as it is open."""
        facet = self._open.get(tenant)
        return self._limit - (facet.size if facet is not None else 0)

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
        """Delete what belongs to tenants who have not called for too long; returns how many these were.

        Raises OSError, and what `on_deleting` raises.
        """
        if self._many is None or not self._many.seconds:
            return 0
        before = time.time() - self._many.seconds
        async with self._turn:
            await self._close_older(before)
        gone = 0
        for path in await self.in_thread(self._older, before):
            gone += await self._forget_one(path, before)
        return gone

    @contextmanager
    def deleting(self, path: str) -> Iterator[None]:
        """The facet is deleted in here. If it is gone then, nothing of its tenant is kept in memory, also after an
        error: the next start deletes the rest."""
        known = os.path.lexists(path) and os.path.basename(path) != _UNTENANTED  # noqa: PTH119
        try:
            yield
        finally:
            if not os.path.lexists(path):
                self.known -= known
                self.on_deleted(self._open.keys())

    async def close_one(self, path: str) -> bool:
        """Close the facet with this path, if it is open and nobody needs it; whether it is closed then."""
        if path == self._forgetting or self._is_being_opened(path):
            return False
        async with self._turn:
            facet = next((one for one in self._open.values() if one.path == path), None)
            if facet is not None and not facet.idle:
                return False
            if facet is not None:
                await self._close_one(facet)
        await self.in_thread(_nothing, "")  # what closes its files is before this
        return True

    async def in_thread(self, function: Callable[..., Found], *arguments: Any) -> Found:
        """What the function gives, which is called where facets are opened: none is meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def close(self) -> None:
        """Finish the commits, then close the files. Who waits for one to be opened is told FacetsBusyError."""
        self._closed = True
        async with self._turn:
            for facet in list(self._open.values()):  # `find` changes their order
                self._note_call(facet)
                await facet.close()
        self._thread.shutdown()

    async def _open_beside(self, tenant: str, *, called: bool) -> None:
        found: Facet | Exception
        loop = asyncio.get_running_loop()
        try:
            async with self._turn:
                opened = self._open.get(tenant)
                if opened is None:
                    await self._make_room()
                    made = partial(self._made, tenant, called=called)
                    opened = self._open[tenant] = await loop.run_in_executor(self._thread, made)
                found = opened
        except (StateUnavailableError, TooManyTenantsError, UnknownTenantError, FacetsBusyError) as error:
            found = error
        if self._closed:
            found = FacetsBusyError()
        if isinstance(found, Facet):
            found.asked = found.asked or called
            found.sweep_later()
            found.remove_later()
        for one in self._opening.pop((tenant, called)):
            one(found)

    async def _make_room(self) -> None:
        """Close the facet that nobody has asked for longest. Raises FacetsBusyError."""
        if self._closed:
            raise FacetsBusyError
        while self._many is not None and len(self._open) >= self._many.open:
            await self._close_one(await self._idle())

    async def _close_one(self, idle: Facet) -> None:
        self._note_call(idle)
        del self._open[idle.tenant]
        self.on_closed(idle.tenant)
        await idle.stop()
        self._thread.submit(idle.close_files)

    def _note_call(self, facet: Facet) -> None:
        """If the tenant has called since the last time that somebody has noted it."""
        if self._many is not None and facet.asked and facet.tenant != DEFAULT_TENANT:
            facet.asked = False
            note_call(facet.path, facet.tenant)

    async def _close_older(self, before: float) -> None:
        """Close those that nobody has asked for since then: what is open is not deleted."""
        for facet in list(self._open.values()):
            self._note_call(facet)
            if facet.idle and last_call(facet.path) < before:
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

    def _made(self, tenant: str, *, called: bool = True) -> Facet:
        path = path_of(self.directory, tenant)
        if self._many is None:
            return self._facet(tenant, share=1)
        new = tenant != DEFAULT_TENANT and not os.path.lexists(path)
        if new and not called:
            raise UnknownTenantError
        if new and self.known >= self._many.most:
            raise TooManyTenantsError
        facet = self._facet(tenant, share=self._many.open)
        facet.asked = called
        self.known += new
        if called and tenant != DEFAULT_TENANT:
            note_call(path, tenant)
        return facet

    def _facet(self, tenant: str, share: int) -> Facet:
        return Facet(
            self.directory,
            tenant,
            self._limit,
            self._readers,
            self._retention,
            state_seconds=self._state_seconds,
            share=share,
            beside=self.beside,
        )

    def _files(self) -> list[os.DirEntry[str]]:
        """Those of all tenants; not what an app without tenants has left."""
        with os.scandir(self.directory) as entries:
            return [entry for entry in entries if entry.name.endswith(FILE_ENDING) and entry.name != _UNTENANTED]

    def _older(self, before: float) -> list[str]:
        return [entry.path for entry in self._files() if last_call(entry.path) < before]

    async def _forget_one(self, path: str, before: float) -> bool:
        """Delete what belongs to the tenant of this facet, if nobody needs it and they have not called meanwhile.

        Nobody is given the facet until that is done: else their call might find their entries gone, and not the rest.
        """
        async with self._turn:  # what is being closed would be in use otherwise
            needed = self.barred | self.read_elsewhere | {facet.path for facet in self._open.values()}
            if path in needed or self._is_being_opened(path) or last_call(path) >= before:
                return False
            self._forgetting = path
        try:
            tenant = name_of(path)
            if tenant is not None:
                await self.on_deleting(tenant)
            if path in self.read_elsewhere:
                return False
            folder = Path(self.directory)
            with self.deleting(path):
                await self.in_thread(erase, str(folder.parent), [folder.name, *self.copies], Path(path).stem)
        finally:
            self._forgetting = ""
        return True

    def _is_being_opened(self, path: str) -> bool:
        return any(path_of(self.directory, tenant) == path for tenant, _ in self._opening)


def _raise_it(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.result()


def _nothing(_tenants: str | Collection[str]) -> None:
    """Nobody keeps anything of a tenant."""


async def _nothing_yet(_tenant: str) -> None:
    """Nobody has stored anything of a tenant."""
