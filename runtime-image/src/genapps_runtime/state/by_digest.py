# SPDX-License-Identifier: Apache-2.0
"""The facets of an app for somebody who knows the hash of a tenant and not the name, and asks for them rarely."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from genapps_runtime.state.connection import Connection
from genapps_runtime.state.facet_files import FILE_ENDING, independent_reader
from genapps_runtime.state.facets import READERS, Facets

PAUSE_SECONDS = 0.02


class ByDigest:
    """The facets, by the SHA-256 of their tenants in hexadecimal."""

    def __init__(self, facets: Facets) -> None:
        self._facets = facets

    @asynccontextmanager
    async def reader(self, digest: str) -> AsyncIterator[Connection | None]:
        """A connection that reads the facet, whether it is open or not; None: there is none.

        Raises StateUnavailableError and those of FILE_ERRORS.
        """
        path = self._path(digest)
        self._facets.read_elsewhere.add(path)
        try:
            connection = await self._facets.in_thread(independent_reader, path, READERS)
            try:
                yield connection
            finally:
                if connection is not None:
                    connection.close()
        finally:
            self._facets.read_elsewhere.discard(path)

    @contextmanager
    def barred(self, digest: str) -> Iterator[None]:
        """Nobody is given the facet in here; who has it keeps it."""
        path = self._path(digest)
        self._facets.barred.add(path)
        try:
            yield
        finally:
            self._facets.barred.discard(path)

    async def close(self, digest: str, seconds: float) -> bool:
        """Close the facet that is barred, once its requests have ended; False when that takes more seconds."""
        path, ends = self._path(digest), time.monotonic() + seconds
        while not await self._facets.close_one(path):
            if time.monotonic() >= ends:
                return False
            await asyncio.sleep(PAUSE_SECONDS)
        return True

    def deleting(self, digest: str) -> AbstractContextManager[None]:
        """What `Facets.deleting` does."""
        return self._facets.deleting(self._path(digest))

    def _path(self, digest: str) -> str:
        return str(Path(self._facets.directory) / (digest + FILE_ENDING))
