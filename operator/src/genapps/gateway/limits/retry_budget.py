# SPDX-License-Identifier: Apache-2.0
"""How many calls may be tried again: a tenth of all, so that retries never multiply the load of what is failing."""

from __future__ import annotations

SHARE = 0.1
_MOST = 10.0


class RetryBudget:
    """One budget for each connector; a new connector has one retry to begin with."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}

    def earn(self, connector: str) -> None:
        """A call was made for the first time."""
        self._left[connector] = min(self._left.get(connector, 1.0) + SHARE, _MOST)

    def spend(self, connector: str) -> bool:
        """Whether one more may be tried again; then it counts."""
        left = self._left.get(connector, 0.0)
        if left < 1.0:
            return False
        self._left[connector] = left - 1.0
        return True

    def forget(self, connector: str) -> None:
        """The connector is gone."""
        self._left.pop(connector, None)
