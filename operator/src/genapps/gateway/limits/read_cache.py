# SPDX-License-Identifier: Apache-2.0
"""Results of Read tools that may be reused for a while, in bounded memory. Nobody gets what was another's.

The key holds everything that a result may depend on: the app by its uid, the tenant, the connector with its contract
and its place, the tool, the credential and the arguments. The decision comes before a hit: what is refused today is
not read from yesterday.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from genapps.cluster import clocks

MOST_BYTES = 16 * 1024 * 1024
MOST_BYTES_OF_A_RESULT = 64 * 1024
_ENTRY_BYTES = 512
"""What an entry costs beside its result."""


class ReadKey(NamedTuple):
    """What a result depends on."""

    app_uid: str
    tenant: str
    connector: str
    contract: str
    source: str
    """Digest of where the connector is and as whom it is called."""
    tool: str
    credential: str
    arguments: str


class Reusable(NamedTuple):
    """A result, and what it cost, in millionths of a US dollar."""

    result: bytes
    micros: int = 0


class _Entry(NamedTuple):
    reusable: Reusable
    at: float


class ReadCache:
    """The result that was used longest ago gives way; `clock` is monotonic seconds."""

    def __init__(self, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = clocks.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._entries: OrderedDict[ReadKey, _Entry] = OrderedDict()
        self._bytes = 0

    def get(self, key: ReadKey, seconds: float) -> Reusable | None:
        """The result, if it is younger than so many seconds: what the Connector says now holds for older ones, too."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.at + seconds <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.reusable

    def put(self, key: ReadKey, reusable: Reusable) -> None:
        """Keep a result; one that is too large is not kept."""
        self._drop(key)
        if len(reusable.result) > MOST_BYTES_OF_A_RESULT:
            return
        self._entries[key] = _Entry(reusable, self._clock())
        self._bytes += len(reusable.result) + _ENTRY_BYTES
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: ReadKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.reusable.result) + _ENTRY_BYTES
