# SPDX-License-Identifier: Apache-2.0
"""Apps that were judged good and have no record yet.

Records are what a budget counts its apps by, and a record is written only once a pod exists: without these, all apps
that are applied at the same moment would pass the limit together.
"""

from __future__ import annotations

from collections import Counter

from genapps.controller.cache.keys import AppKey


class BudgetReservations:
    """Which app holds a place under which budget, from its first good verdict until its record says so."""

    def __init__(self) -> None:
        self._budgets: dict[AppKey, str] = {}
        self._counts: Counter[str] = Counter()

    def reserve(self, key: AppKey, budget: str) -> None:
        """Takes a place, and gives back the one under another budget."""
        if self._budgets.get(key) != budget:
            self.release(key)
            self._budgets[key] = budget
            self._counts[budget] += 1

    def release(self, key: AppKey) -> None:
        """The app has a record, was refused or is gone."""
        budget = self._budgets.pop(key, None)
        if budget is not None:
            self._counts[budget] -= 1
            if not self._counts[budget]:
                del self._counts[budget]

    def holds(self, key: AppKey, budget: str) -> bool:
        """Whether the app holds a place under the budget."""
        return self._budgets.get(key) == budget

    def others(self, key: AppKey, budget: str) -> int:
        """How many places under the budget other apps hold."""
        return self._counts[budget] - self.holds(key, budget)
