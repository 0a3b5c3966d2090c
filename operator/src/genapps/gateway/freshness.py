# SPDX-License-Identifier: Apache-2.0
"""How old what the gateway knows can be. Nothing is decided on grants that may have been withdrawn long ago.

Each watch is ended by the API server every 15 s and goes on from its last version. So also a collection in which
nothing changes proves that it is heard of, and a stream that somebody on the way holds open proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from genapps.cluster import clocks
from genapps.cluster.client import Client
from genapps.cluster.resources import Resource
from genapps.cluster.watch import Sink, Watch

STREAM_SECONDS = 15
_INACTIVITY_SECONDS = 20.0
"""A stream that says nothing for so long has missed its own end."""


def fresh_watch(
    client: Client,
    resource: Resource,
    sink: Sink,
    *,
    namespace: str | None = None,
    selector: str = "",
    clock: Callable[[], float] = clocks.monotonic,
) -> Watch:
    """A watch whose age can be judged. Its first list is of the store itself."""
    return Watch(
        client,
        resource,
        sink,
        namespace=namespace,
        selector=selector,
        inactivity_seconds=_INACTIVITY_SECONDS,
        timeout_seconds=STREAM_SECONDS,
        from_store=True,
        clock=clock,
    )


class Freshness:
    """The watches that decisions rest on, by name, and how old they may be. `clock` is monotonic seconds."""

    def __init__(
        self, watches: Mapping[str, Watch], max_stale_seconds: int, clock: Callable[[], float] = clocks.monotonic
    ) -> None:
        self._watches = watches
        self._max_stale_seconds = max_stale_seconds
        self._clock = clock
        self._begun = clock()

    def age(self, name: str) -> float:
        """Seconds since the last proof that nothing was missed; since the start while there was none."""
        return self._clock() - max(self._watches[name].last_contact, self._begun)

    def stale(self) -> bool:
        """Whether nothing may be decided now."""
        oldest = self._clock() - self._max_stale_seconds
        return any(watch.last_contact < oldest for watch in self._watches.values())
