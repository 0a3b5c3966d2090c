# SPDX-License-Identifier: Apache-2.0
"""The entries that are there, ended ones included, and the room that they take: in all, and each tenant's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from genapps_runtime.serve.background.entries import Entry

QUEUED = 500
"""Entries that may wait."""
KEPT = 1000
"""Entries that may be there, ended ones included: those that ended first are forgotten."""
BYTES = 32 * 1024 * 1024
"""Of all entries, with their replies."""
SHARE = 10
"""Each of several tenants may take this part of everything, so that there is room for others."""
DROPPED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Room:
    """Of one tenant, or of all together."""

    queued: int = QUEUED
    kept: int = KEPT
    bytes: int = BYTES

    @property
    def share(self) -> "Room":
        """What one of several tenants may take of it."""
        return Room(self.queued // SHARE, self.kept // SHARE, self.bytes // SHARE)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Of the tenants: `taken` gets the bytes of each one's entries, `left` says what the state has left for them."""

    taken: dict[str, int]
    left: Callable[[str], int]


class Stock:
    """Holds at most what `room` says. Without `quotas` there is one tenant; else each may take a share."""

    def __init__(self, room: Room = Room(), quotas: Quotas | None = None) -> None:
        self.room = room
        self.apart = quotas is not None
        """Whether there are several tenants."""
        self.own = room.share if quotas is not None else room
        """What a tenant may take."""
        self.taken = quotas.taken if quotas is not None else {}
        self._left = quotas.left if quotas is not None else None
        self._entries: dict[str, Entry] = {}
        self._ended: dict[str, Entry] = {}
        """In the order in which they ended."""
        self._bytes = 0
        self._kept: dict[str, int] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, entry_id: str) -> Entry | None:
        """The entry, if it is there."""
        return self._entries.get(entry_id)

    def __getitem__(self, entry_id: str) -> Entry:
        return self._entries[entry_id]

    def put(self, entry: Entry) -> None:
        """It is there from now on, or has become this."""
        before = self._entries.get(entry.id)
        if before is None:
            self._kept[entry.tenant] = self._kept.get(entry.tenant, 0) + 1
        self._take(entry.tenant, entry.size - (before.size if before is not None else 0))
        self._entries[entry.id] = entry
        if entry.state.ended:
            self._ended[entry.id] = entry

    def forget(self, entry_id: str) -> None:
        """It is not there any more."""
        entry = self._entries.pop(entry_id)
        self._ended.pop(entry_id, None)
        self._take(entry.tenant, -entry.size)
        self._kept[entry.tenant] -= 1
        if not self._kept[entry.tenant]:
            del self._kept[entry.tenant], self.taken[entry.tenant]

    def make_room(self, tenant: str, size: int, *, more: int, ended_before: float) -> tuple[list[str], str]:
        """Forget what ended before then, and more when the tenant, or all together, have no room for `more` entries
        and so many bytes.

        Returns what was forgotten, and what is still in the way, in words.
        """
        forgotten: list[str] = []
        while len(forgotten) < DROPPED_AT_ONCE:
            first = next(iter(self._ended.values()), None)
            if first is None or (first.ended or 0.0) >= ended_before:
                break
            self._drop(first, forgotten)
        while (against := self._against(tenant, size, more)) and len(forgotten) < DROPPED_AT_ONCE:
            giving = tenant if self._against_own(tenant, size, more) else self._largest()
            first = next((entry for entry in self._ended.values() if entry.tenant == giving), None)
            if first is None:
                break
            self._drop(first, forgotten)
        return forgotten, against

    def _drop(self, entry: Entry, forgotten: list[str]) -> None:
        self.forget(entry.id)
        forgotten.append(entry.id)

    def _largest(self) -> str:
        """The tenant who gives room to others: of those with an entry that has ended, the one who takes most."""
        tenants = {entry.tenant for entry in self._ended.values()}
        return max(tenants, key=lambda tenant: self.taken[tenant], default="")

    def _against(self, tenant: str, size: int, more: int) -> str:
        if self._bytes + size > self.room.bytes:
            return f"all requests in the background have {self.room.bytes} bytes already"
        if len(self._entries) + more > self.room.kept:
            return f"{self.room.kept} requests are in the background already"
        return self._against_own(tenant, size, more)

    def _against_own(self, tenant: str, size: int, more: int) -> str:
        taken = self.taken.get(tenant, 0) + size
        if taken > self.own.bytes:
            return f"requests in the background may have {self.own.bytes} bytes"
        if self._kept.get(tenant, 0) + more > self.own.kept:
            return f"{self.own.kept} requests are in the background already"
        if self._left is not None and taken > self._left(tenant):
            return "requests in the background count in the state, and it has no room for this one"
        return ""

    def _take(self, tenant: str, size: int) -> None:
        self._bytes += size
        self.taken[tenant] = self.taken.get(tenant, 0) + size
