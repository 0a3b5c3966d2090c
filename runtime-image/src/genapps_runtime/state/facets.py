# SPDX-License-Identifier: Apache-2.0
"""The facets of an app that are open."""

from genapps_runtime.state.facet import Facet


class Facets:
    """Opens facets in a directory; the other arguments are explained at `Facet`."""

    def __init__(
        self, directory: str, limit_bytes: int, readers: int, retention_seconds: int, state_seconds: int = 0
    ) -> None:
        self._directory = directory
        self._limit = limit_bytes
        self._readers = readers
        self._retention = retention_seconds
        self._state_seconds = state_seconds
        self._open: dict[str, Facet] = {}

    def get(self, tenant: str) -> Facet:
        """The tenant's facet, which is opened or created if need be; raises StateUnavailableError."""
        facet = self._open.get(tenant)
        if facet is None:
            facet = Facet(
                self._directory,
                tenant,
                self._limit,
                self._readers,
                self._retention,
                state_seconds=self._state_seconds,
            )
            self._open[tenant] = facet
            facet.sweep_later()
            facet.remove_later()
        return facet

    @property
    def size(self) -> int:
        """Bytes of keys, values and tables of all of them."""
        return sum(facet.size for facet in self._open.values())

    def end_batch(self) -> None:
        """What `Facet.end_batch` does, for all."""
        for facet in self._open.values():
            facet.end_batch()

    async def close(self) -> None:
        """Finish the commits, then close the files."""
        for facet in self._open.values():
            await facet.close()
