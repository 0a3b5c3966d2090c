"""What the work queue holds: which thing to look at again, never what happened to it."""

from __future__ import annotations

from typing import NamedTuple


class AppKey(NamedTuple):
    """A GeneratedApp by its name; it may exist or not."""

    namespace: str
    name: str


class BudgetKey(NamedTuple):
    """The status of an AppBudget."""

    budget: str


class GatewayKey(NamedTuple):
    """The copy of the gateway's CA in a run namespace."""

    run_namespace: str


Key = AppKey | BudgetKey | GatewayKey
