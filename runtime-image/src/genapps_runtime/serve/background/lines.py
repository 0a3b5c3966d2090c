# SPDX-License-Identifier: Apache-2.0
"""The order in which entries run: each tenant has a line, and the tenants take turns. So nobody waits behind all that
another one has asked for."""

from collections import OrderedDict, deque
from collections.abc import Container

from genapps_runtime.serve.background.entries import Entry


class Lines:
    """The ids of the entries that wait."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[str]] = OrderedDict()
        """Of the tenants who have any, in the order of their turns."""
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def waiting(self, tenant: str) -> int:
        """How many entries of the tenant wait."""
        return len(self._lines.get(tenant, ()))

    def add(self, entry: Entry) -> None:
        """It comes after the tenant's others."""
        self._lines.setdefault(entry.tenant, deque()).append(entry.id)
        self._number += 1

    def put_back(self, entry: Entry) -> None:
        """It has not run: it is the next one, before all others."""
        self._lines.setdefault(entry.tenant, deque()).appendleft(entry.id)
        self._lines.move_to_end(entry.tenant, last=False)
        self._number += 1

    def remove(self, entry: Entry) -> None:
        """It does not wait any more."""
        self._lines[entry.tenant].remove(entry.id)
        self._taken(entry.tenant)

    def drop(self, tenant: str) -> None:
        """None of the tenant's entries waits any more."""
        self._number -= len(self._lines.pop(tenant, ()))

    def next(self, passed_over: Container[str]) -> str | None:
        """Take the entry whose turn it is; None when none waits but of tenants who are passed over."""
        tenant = next((one for one in self._lines if one not in passed_over), None)
        if tenant is None:
            return None
        entry_id = self._lines[tenant].popleft()
        self._lines.move_to_end(tenant)
        self._taken(tenant)
        return entry_id

    def _taken(self, tenant: str) -> None:
        self._number -= 1
        if not self._lines[tenant]:
            del self._lines[tenant]
